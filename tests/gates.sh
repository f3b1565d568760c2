#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# Runs gate scenarios and checks them against their committed baselines, or writes the baselines
# anew. Ends with one line; status 0 if all passed, 1 a regression, 2 something could not be judged.
#
# usage: tests/gates.sh [--update] [--modules DIR] [NAME...]
#
# NAME is that of scenarios/gate-NAME.yaml; default all. With modules for the host (the folder that
# testbed/build-kvm.sh --patch eli-ref/patches prints) it is that of scenarios/NAME.yaml; default those
# of exitless interrupts: eli-rr, eli-stream, eli-apache, eli-memcached, eli-iperf3, eli-sockperf. Those of
# sidecores, elvis-NAME, need modules with elvis-ref/patches, too.
#
#   EXITLAB_REPEAT=N  check each N times, every record measured anew (default 1)
#   EXITLAB_JOBS=N    points at a time (default: as CPUs and memory allow)
#   EXITLAB_LOAD=1    with all cores of this machine busy with something else

. "$(dirname "${BASH_SOURCE[0]}")/../testbed/lib.sh"
cd "$TOP"
exitlab=$TOP/build/exitlab
runs=${EXITLAB_REPEAT:-1}
update='' modules='' prefix=gate- names=()
while [ $# -gt 0 ]; do
	case $1 in
	--update) update=1 ;;
	--modules)
		[ $# -ge 2 ] && [ -d "$2" ] || die "--modules: there is no folder ${2:-}"
		modules=$(realpath "$2") prefix=''
		shift
		;;
	-*) die "usage: tests/gates.sh [--update] [--modules DIR] [NAME...]" ;;
	*) names+=("$1") ;;
	esac
	shift
done
for a in ${names[@]+"${names[@]}"}; do
	[ -f "scenarios/$prefix$a.yaml" ] || die "there is no scenarios/$prefix$a.yaml"
done
if [ ${#names[@]} = 0 ] && [ -n "$modules" ]; then
	names=(eli-rr eli-stream eli-apache eli-memcached eli-iperf3 eli-sockperf)
elif [ ${#names[@]} = 0 ]; then
	for f in scenarios/gate-*.yaml; do
		f=${f#scenarios/gate-}
		names+=("${f%.yaml}")
	done
fi

tmp=$(mktemp -d)
busy=() point=''
stop() {
	[ -z "$point" ] || kill "$point" 2>/dev/null || true
	[ ${#busy[@]} = 0 ] || kill "${busy[@]}" 2>/dev/null || true
	rm -rf "$tmp"
}
trap stop EXIT
trap 'exit 130' INT TERM
if [ -n "${EXITLAB_LOAD:-}" ]; then
	for ((c = 0; c < $(nproc); c++)); do
		(exec sha1sum /dev/zero) &
		busy+=($!)
	done
fi

passed=0 worst=0
for name in "${names[@]}"; do
	s=scenarios/$prefix$name
	for ((i = 1; i <= runs; i++)); do
		rc=0
		say "$prefix$name: measuring$([ "$runs" = 1 ] || echo ", $i of $runs")"
		# Waited for, so that a signal to this script ends it at once, and the point with it.
		EXITLAB_NO_SETUP=1 "$exitlab" -q run ${modules:+--modules "$modules"} ${EXITLAB_JOBS:+-j "$EXITLAB_JOBS"} -o "$tmp/$name.$i" "$s.yaml" &
		point=$!
		wait "$point" || rc=$?
		point=''
		[ "$rc" != 130 ] || exit 130
		if [ "$rc" != 0 ]; then
			echo "$prefix$name: not measured, status $rc"
			worst=2
			continue
		fi
		if [ -n "$update" ]; then
			"$exitlab" baseline -o "$s.baseline" "$tmp/$name.$i" || rc=$?
		else
			"$exitlab" check "$s.baseline" "$tmp/$name.$i" || rc=$?
		fi
		case $rc in
		0) passed=$((passed + 1)) ;;
		1) worst=1 ;;
		*) [ "$worst" = 1 ] || worst=2 ;;
		esac
	done
done
echo "$passed of $((${#names[@]} * runs)) gate runs $([ -n "$update" ] && echo written || echo passed)"
exit "$worst"
