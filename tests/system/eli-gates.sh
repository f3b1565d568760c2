#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# Gates of exitless interrupts: six workloads on an assigned virtual function, each in four
# configurations (baseline, delivery only, full, bare metal), in a host whose KVM is built with
# eli-ref/patches. Each is measured twice and must be equal to its committed baseline both times. Prints TAP;
# 25 minutes on 2 cores, and 4 for the modules if they are not built yet.
#
# usage: tests/system/eli-gates.sh [NAME...]	(needs the testbed: make setup; NAME as in tests/gates.sh)
# ELI_MODULES=DIR takes modules that are built already.

. "$(dirname "${BASH_SOURCE[0]}")/../../testbed/lib.sh"
cd "$TOP"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
modules=${ELI_MODULES:-$(testbed/build-kvm.sh --no-intel --patch eli-ref/patches)}
names=("$@")
[ ${#names[@]} -gt 0 ] || names=(eli-rr eli-stream eli-apache eli-memcached eli-iperf3 eli-sockperf)

n=0
t() { # NAME STATUS : STATUS 0 passes
	n=$((n + 1))
	if [ "$2" = 0 ]; then echo "ok $n - $1"; else echo "not ok $n - $1"; fi
}

for name in "${names[@]}"; do
	rc=0
	EXITLAB_REPEAT=2 tests/gates.sh --modules "$modules" "$name" >"$work/$name.txt" || rc=$?
	sed "s/^/$name: /" "$work/$name.txt" >&2
	t "$name: two runs pass against the committed baseline" $rc
	# Those of another testbed would be compared with a tolerance.
	grep -q 'compared: same testbed' "$work/$name.txt" && ! grep 'compared: [^s]' "$work/$name.txt" >&2
	t "$name: counts were compared exactly" $?
done

# A gate that passes anything would pass here too: interrupts that are delivered as without ELI.
mkdir "$work/in"
sed 's/, eli: full//' scenarios/eli-rr.yaml >"$work/in/eli-rr.yaml"
rc=0
EXITLAB_NO_SETUP=1 build/exitlab -q run --modules "$modules" --only eli -o "$work/lost" "$work/in/eli-rr.yaml" >&2 || rc=99
[ $rc = 99 ] || build/exitlab check --only eli scenarios/eli-rr.baseline "$work/lost" >"$work/lost.txt" || rc=$?
sed "s/^/lost: /" "$work/lost.txt" >&2
t "ELI that does nothing is a regression" "$([ $rc = 1 ]; echo $?)"
grep -q 'INTR exits' "$work/lost.txt"
t "and the gate names the interrupts' exits" $?
echo "1..$n"
