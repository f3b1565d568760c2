#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# Runs the same scenarios again and again and compares the records: hosts of 1 to 16 CPUs, vhost, an
# assigned virtual function, several guests; every other run with all cores busy with something else.
# The second run boots everything anew, the others use the cache of snapshots. Prints TAP.
#
# usage: tests/system/determinism.sh [SCENARIO...]	(names in scenarios/, without .yaml)
#
#   EXITLAB_REPEAT=N  runs of each (default 3)
#   EXITLAB_FRESH=N   how many of them, from the second on, boot everything anew (default 1)

. "$(dirname "${BASH_SOURCE[0]}")/../../testbed/lib.sh"
cd "$TOP"
exitlab=$TOP/build/exitlab
runs=${EXITLAB_REPEAT:-3}
anew=${EXITLAB_FRESH:-1}
scenarios=("${@:-selftest-vf}")
tmp=$(mktemp -d)
busy=()
stop_load() {
	[ ${#busy[@]} = 0 ] || kill "${busy[@]}" 2>/dev/null || true
	busy=()
}
trap 'stop_load; rm -rf "$tmp"' EXIT

n=0
result() { # STATUS NAME
	n=$((n + 1))
	if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; failed=1; fi
}

failed=0
echo "1..$((${#scenarios[@]} + 1))"
for s in "${scenarios[@]}"; do
	same=0
	for ((i = 1; i <= runs; i++)); do
		fresh=()
		[ "$i" = 1 ] || [ "$i" -gt $((anew + 1)) ] || fresh=(--no-snapshot)
		if [ $((i % 2)) = 0 ]; then
			for ((c = 0; c < $(nproc); c++)); do
				(exec sha1sum /dev/zero) &
				busy+=($!)
			done
		fi
		rc=0
		"$exitlab" -q run ${fresh[@]+"${fresh[@]}"} "scenarios/$s.yaml" -o "$tmp/$s.$i" >&2 || rc=$?
		stop_load
		if [ "$rc" != 0 ]; then
			echo "# run $i of $s ended with status $rc"
			same=1
			break
		fi
		[ "$i" = 1 ] && continue
		# --against says "N of N points identical", or what differs.
		"$exitlab" analyze --against "$tmp/$s.1" "$tmp/$s.$i" >"$tmp/out" 2>&1 || same=1
		sed 's/^/# /' "$tmp/out"
	done
	result "$same" "$runs runs of $s are byte for byte the same"
done

# Would the comparison notice? One instruction more in the guest's agent, between the windows' work:
# the key of the testbed differs then, of course, so only what was measured is compared.
measured() { # FOLDER : the windows of all records, without what names the build
	python3 -c 'import json, sys
for f in sys.argv[1:]: print(json.dumps(json.load(open(f))["windows"], sort_keys=True))' "$1"/*.json
}
s=${scenarios[0]}
if EXITLAB_AGENT_CFLAGS=-DAGENT_ONE_MORE "$exitlab" -q run "scenarios/$s.yaml" -o "$tmp/more" >&2; then
	differs=0
	if cmp -s <(measured "$tmp/$s.1") <(measured "$tmp/more"); then differs=1; fi
	result "$differs" "one instruction more in the guest's agent shows in the record of $s"
else
	result 1 "the point with one instruction more in the guest's agent runs"
fi
exit $failed
