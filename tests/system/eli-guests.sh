#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# Exitless interrupts with four guests: Debian's kernels 6.12 and 6.1, unmodified, each with page table isolation
# off and on, each in baseline, delivery only and full (scenarios/eli-guests.yaml), in a host whose KVM is
# built with eli-ref/patches. Prints TAP; 10 minutes on 2 cores, and 4 for the modules if they are not built yet.
#
# usage: tests/system/eli-guests.sh	(needs the testbed: make setup)
# ELI_MODULES=DIR takes modules that are built already; ELI_GUESTS_OUT=DIR keeps the records there.

. "$(dirname "${BASH_SOURCE[0]}")/../../testbed/lib.sh"
cd "$TOP"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
modules=${ELI_MODULES:-$(testbed/build-kvm.sh --no-intel --patch eli-ref/patches)}
out=${ELI_GUESTS_OUT:-$work/records}

EXITLAB_NO_SETUP=1 build/exitlab run --modules "$modules" -o "$out" scenarios/eli-guests.yaml >&2 ||
	echo "# the run failed; what it has left is judged"
python3 tests/system/eli-guests.py "$out"
