#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# Gates of exitless interrupts: six workloads on an assigned virtual function, each in four
# configurations (baseline, delivery only, full, bare metal), in a host whose KVM is built with
# eli-ref/patches. Each is measured twice and must be equal to its committed baseline both times. Prints TAP;
# 25 minutes on 2 cores, and 4 for the modules if they are not built yet.
#
# Likewise gates of sidecores and exitless replies, with names of scenarios elvis-*: vhost is built then, too,
# with elvis-ref/patches.
#
# usage: tests/system/eli-gates.sh [elvis | NAME...]	(needs the testbed: make setup; NAME as in tests/gates.sh;
#	elvis: all of those of sidecores)
# ELI_MODULES=DIR takes modules that are built already.

. "$(dirname "${BASH_SOURCE[0]}")/../../testbed/lib.sh"
cd "$TOP"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
names=("$@")
[ ${#names[@]} -gt 0 ] || names=(eli-rr eli-stream eli-apache eli-memcached eli-iperf3 eli-sockperf)
if [ "${names[0]}" = elvis ]; then
	names=(elvis-rr elvis-mix elvis-stream elvis-apache elvis-memcached elvis-block elvis-numa elvis-systor)
fi
# What makes the gate's own test: a scenario, its point that loses what it is for, how, and which exits show it.
case ${names[0]} in
elvis-*)
	patches=(--vhost --patch eli-ref/patches --patch elvis-ref/patches)
	scenario=elvis-rr point=elvis how='s/eli_replies=on/eli_replies=off/' reason='EXCP_13 exits'
	;;
*)
	patches=(--patch eli-ref/patches)
	scenario=eli-rr point=eli how='s/, eli: full//' reason='INTR exits'
	;;
esac
modules=${ELI_MODULES:-$(testbed/build-kvm.sh --no-intel "${patches[@]}")}

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

# A gate that passes anything would pass here too: interrupts, or replies, that are delivered as without ELI.
mkdir "$work/in"
sed "$how" "scenarios/$scenario.yaml" >"$work/in/$scenario.yaml"
rc=0
EXITLAB_NO_SETUP=1 build/exitlab -q run --modules "$modules" --only $point -o "$work/lost" "$work/in/$scenario.yaml" >&2 || rc=99
[ $rc = 99 ] || build/exitlab check --only $point "scenarios/$scenario.baseline" "$work/lost" >"$work/lost.txt" || rc=$?
sed "s/^/lost: /" "$work/lost.txt" >&2
t "ELI that does nothing is a regression" "$([ $rc = 1 ]; echo $?)"
grep -q "$reason" "$work/lost.txt"
t "and the gate names the interrupts' exits" $?
echo "1..$n"
