#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# vhost with elvis-ref's patches in the emulated testbed: what sidecores count of themselves against what
# guests, KVM and perf events count, kicks that end when polling begins, and the time of each thread, which
# must be all there is. Builds the modules first. Prints TAP; 6 minutes, of which 3 are the first build.
#
# usage: tests/system/elvis.sh	(needs the testbed: make setup)
# ELVIS_MODULES=DIR: built already; ELVIS_RECORDS=DIR: judges DIR/rr and DIR/mix, the records of such runs.

. "$(dirname "${BASH_SOURCE[0]}")/../../testbed/lib.sh"
cd "$TOP"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ -n "${ELVIS_RECORDS:-}" ]; then
	exec python3 tests/system/elvis.py "$ELVIS_RECORDS"
fi
mods=${ELVIS_MODULES:-}
if [ -z "$mods" ]; then
	testbed/build-kvm.sh --vhost --no-intel --patch eli-ref/patches --patch elvis-ref/patches "$work/modules" >&2
	mods=$work/modules
fi
for s in rr mix; do
	build/exitlab run -o "$work/$s" --modules "$mods" "scenarios/elvis-$s.yaml" >&2
done
python3 tests/system/elvis.py "$work"
