#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# The gate from end to end: a run of today's program passes against the committed baselines, whatever
# else this machine does; deliberate regressions are caught and named; what is no regression is not.
# Prints TAP.

cd "$(dirname "$0")/../.." || exit 1
export EXITLAB_NO_SETUP=1
x=build/exitlab
work=$PWD/build/test-gate
n=0
busy=()
trap '[ ${#busy[@]} = 0 ] || kill "${busy[@]}" 2>/dev/null' EXIT

t() { # NAME STATUS : STATUS 0 passes
	n=$((n + 1))
	if [ "$2" = 0 ]; then echo "ok $n - $1"; else echo "not ok $n - $1"; fi
}

# measure NAME SCENARIO [SED-SCRIPT] : runs a (changed) scenario into $work/NAME
measure() {
	mkdir -p "$work/$1.in"
	sed "${3:-}" "scenarios/$2.yaml" >"$work/$1.in/$2.yaml"
	if [ -n "${3:-}" ] && cmp -s "scenarios/$2.yaml" "$work/$1.in/$2.yaml"; then
		echo "$1: nothing was changed by $3" >&2
		return 1
	fi
	$x -q run -o "$work/$1" "$work/$1.in/$2.yaml" >&2
}

# judge NAME BASELINE STATUS [PATTERN]... : the verdict on $work/NAME, and what its text must say
judge() {
	local name=$1 base=$2 want=$3 got=0 p
	shift 3
	$x check "$base" "$work/$name" >"$work/$name.txt" 2>&1 || got=$?
	for p; do
		if ! grep -qE -- "$p" "$work/$name.txt"; then
			echo "$name: no line matches $p" >&2
			got="$got, text"
		fi
	done
	[ "$got" = "$want" ] || { sed "s/^/$name: /" "$work/$name.txt" >&2; return 1; }
}

rm -rf "$work"
mkdir -p "$work"
rr=scenarios/gate-vhost-rr.baseline

# --- what changes no behaviour passes
measure same gate-vhost-rr && judge same $rr 0
t "today's request-response through vhost passes against the committed baseline" $?
for ((c = 0; c < $(nproc); c++)); do
	(exec sha1sum /dev/zero) &
	busy+=($!)
done
measure busy gate-vhost-rr '1i # a comment' && judge busy $rr 0
t "so it does with all cores busy, in another folder, with a comment in the scenario" $?
kill "${busy[@]}"
busy=()

# --- deliberate regressions, and the reason that the text must name
measure eoi gate-vhost-rr 's/^guests: {/& pv_eoi: off,/' &&
	judge eoi $rr 1 '^ *MSR EOI exits: .*\+' 'guests\.pv_eoi'
t "paravirtual EOI off: EOI exits are named" $?
measure kvmclock gate-idle 's/^guests: {/& cmdline: no-kvmclock,/' &&
	judge kvmclock scenarios/gate-idle.baseline 1 '^ *IOIO exits: .*\+' 'guests\.cmdline'
t "no kvmclock in the guest's kernel: reads of another clock (IOIO) are named" $?
measure event-idx gate-block 's/disk: virtio-blk/&, event_idx: off/' &&
	judge event-idx scenarios/gate-block.baseline 1 '^ *kicks: .*\+' '^ *NPF exits: .*\+' 'event_idx'
t "doorbell suppression off: kicks and their exits (NPF) are named" $?
measure halt-poll gate-vhost-rr 's/^host: {/& halt_poll_ns: 0,/' &&
	judge halt-poll $rr 1 '^ *host state reloads: .*\+' 'halt_poll_ns'
t "halt polling off: vCPUs that lose their CPU are named" $?

# --- improvements
# Its own baseline with exits more than there were. One of another run would do no better: what has fewer of one kind
# can have one more of another, as timers fall otherwise.
measure idle gate-idle && $x baseline -o "$work/idle.baseline" "$work/idle" >&2 &&
	awk '/^ *exits: / { p = substr($0, 1, index($0, "e") - 1); print p "exits: " $2 + 63; print p "exits.svm.IOIO: 63"; next } 1' \
		"$work/idle.baseline" >"$work/worse.baseline" &&
	judge idle "$work/worse.baseline" 0 '^improvement' '^ *IOIO exits: .*-'
t "what got better is said, and passes" $?
$x check --improvement=fail "$work/worse.baseline" "$work/idle" >/dev/null 2>&1
[ $? = 1 ]
t "with --improvement=fail it does not" $?

# --- for machines
$x check --junit "$work/junit.xml" $rr "$work/eoi" >/dev/null 2>&1
python3 - "$work/junit.xml" <<'EOF' >&2
import sys, xml.etree.ElementTree as E
r = E.parse(sys.argv[1]).getroot()
sys.exit(not (r.iter("testcase") and any("EOI" in (f.get("message") or "") + (f.text or "") for f in r.iter("failure"))))
EOF
t "JUnit XML holds the failure" $?
$x check --json $rr "$work/eoi" 2>/dev/null | python3 -c 'import json, sys; sys.exit(json.load(sys.stdin)["schema"] != "exitlab-check/1")'
t "and so does JSON" $?

# --- what cannot be used, and where it cannot run
chmod 777 "$work"
setpriv --reuid=65534 --regid=65534 --clear-groups "$x" check --run scenarios/gate-idle.yaml -o "$work/nobody" \
	scenarios/gate-idle.baseline >"$work/nobody.txt" 2>&1
[ $? = 4 ] && [ "$(wc -l <"$work/nobody.txt")" = 1 ] && grep -q 'must be root' "$work/nobody.txt" &&
	[ ! -e "$work/nobody" ]
t "who is not root cannot run it here: status 4, one line" $?
mkdir -p "$work/second"
python3 - "$work" <<'EOF'
import json, sys
r = json.load(open(sys.argv[1] + "/eoi/vhost.json"))
r["point"]["id"], r["point"]["repeat"] = "vhost#2", 2
json.dump(r, open(sys.argv[1] + "/second/vhost#2.json", "w"))
EOF
$x baseline -o "$work/mixed.baseline" "$work/same" "$work/second" >"$work/mixed.txt" 2>&1
[ $? = 2 ] && grep -q 'pv_eoi' "$work/mixed.txt" && [ "$(wc -l <"$work/mixed.txt")" = 1 ] &&
	[ ! -e "$work/mixed.baseline" ]
t "repeats with other settings do not get into one baseline, and the field is named" $?
mkdir -p "$work/cut"
head -c 3000 "$(ls "$work"/same/*.json)" >"$work/cut/vhost.json"
$x check $rr "$work/cut" >"$work/cut.txt" 2>&1
[ $? = 2 ] && grep -q 'cut/vhost.json.*truncated' "$work/cut.txt"
t "a truncated record is unusable" $?
sed 's|exitlab-baseline/1|exitlab-baseline/9|' $rr >"$work/future.baseline"
$x check "$work/future.baseline" "$work/same" >"$work/future.txt" 2>&1
[ $? = 2 ] && [ "$(wc -l <"$work/future.txt")" = 1 ]
t "a baseline of a future schema is unusable, in one line" $?
[ -n "${KEEP:-}" ] || rm -rf "$work"
echo "1..$n"
