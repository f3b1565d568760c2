#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# exitlab record and script on the machine the tests run on, with the events that its KVM fires: counts
# are those the guest made, whatever ends the recording. Prints TAP.
set -uo pipefail
export LC_ALL=C
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1

x=$PWD/build/exitlab
guest=$PWD/build/guest/kvmguest

skip_all() { printf 'ok 1 - exitlab record on this machine # SKIP %s\n1..1\n' "$1"; exit 0; }
[ "$(id -u)" = 0 ] || skip_all "needs root"
[ -w /dev/kvm ] || skip_all "this machine has no usable /dev/kvm"
[ -r /sys/kernel/btf/vmlinux ] || skip_all "this kernel has no BTF"
# Once more in a mount namespace of its own, where tracefs and a small disk can be mounted.
if [ -z "${RECORD_NATIVE_INSIDE:-}" ]; then
	RECORD_NATIVE_INSIDE=1 exec unshare -m --propagation private "tests/system/${0##*/}"
fi
[ -d /sys/kernel/tracing/events ] || mount -t tracefs tracefs /sys/kernel/tracing ||
	skip_all "tracefs cannot be mounted"
[ -d /sys/kernel/tracing/events/kvm ] || skip_all "this kernel has no KVM tracepoints"

work=$(mktemp -d)
vm='' pid=''
trap '[ -z "$vm" ] || kill "$vm" 2>/dev/null; [ -z "$pid" ] || kill "$pid" 2>/dev/null
	umount "$work/disk" 2>/dev/null; rm -rf "$work"' EXIT
n=0

t() { # NAME STATUS : STATUS 0 passes
	n=$((n + 1))
	if [ "$2" = 0 ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		sed 's/^/  out: /' "$work/out" | head -n 20 >&2
		sed 's/^/  err: /' "$work/err" >&2
	fi
}

# run COMMAND... : rc, $work/out, $work/err
run() {
	rc=0
	timeout 60 "$@" >"$work/out" 2>"$work/err" </dev/null || rc=$?
}

# ledger FILE EXPRESSION : over e, the last ledger by name of event, o, the whole of it, and v, the names
# of VMs by pid; status 0 if true
ledger() {
	"$x" script -i "$1" --header --json >"$work/header" 2>>"$work/err" &&
	python3 - "$work/header" "$2" <<-'PY'
	import json, sys
	lines = [json.loads(l) for l in open(sys.argv[1])]
	o = lines[-1]
	e = {x["name"]: x for x in o["events"]}
	v = {x["pid"]: x.get("name") for l in lines for x in l.get("vms", [])}
	sys.exit(0 if eval("(" + sys.argv[2] + ")") else 1)
	PY
}
adds_up='all(x["seen"] == x["written"] + x["lost"] for x in e.values())'
programs() { bpftool prog list 2>/dev/null | grep -c ' name rec_'; }

start_vm() { # ARGUMENT... : a guest in the background; its pid in $vm
	"$guest" "$@" >"$work/vm" 2>&1 </dev/null &
	vm=$!
	for _ in $(seq 100); do
		readlink "/proc/$vm/fd/"* 2>/dev/null | grep -q kvm-vcpu && return
		sleep 0.05
	done
}
stop_vm() { kill "$vm" 2>/dev/null; wait "$vm" 2>/dev/null; vm=; }

# A guest that waits until it is told, so that its pid can be given to exitlab record.
mkfifo "$work/go"
wait_vm() { # ARGUMENT...
	"$guest" --wait "$@" >"$work/vm" 2>&1 <"$work/go" &
	vm=$!
	exec 7>"$work/go"
	for _ in $(seq 100); do
		grep -q ready "$work/vm" && return
		sleep 0.05
	done
}

# --- counts
wait_vm --out 1009 --cpuid 2003 --hlt 503 --wrmsr 1511
"$x" record -p "$vm" -o "$work/a.trace" >"$work/out" 2>"$work/err" & pid=$!
for _ in $(seq 200); do
	[ "$(stat -c %s "$work/a.trace" 2>/dev/null || echo 0)" -gt 500 ] && break
	sleep 0.05
done
sleep 0.2
echo >&7
wait "$pid"
rc=$? pid=
wait "$vm"
vm=
exec 7>&-
[ $rc = 0 ] && grep -q "process [0-9]* has ended" "$work/err"
t "it ends with the process of -p" $?
ledger "$work/a.trace" 'o["final"] and e["kvm_pio"]["written"] == 1009 and e["kvm_msr"]["written"] == 1511 and
	e["kvm_userspace_exit"]["written"] == 1009 + 503 + 1 and e["kvm_cpuid"]["written"] == 2003'
t "OUT, WRMSR, CPUID and returns to user space are those the guest made" $?
ledger "$work/a.trace" "$adds_up and sum(x['lost'] for x in e.values()) == 0"
t "nothing was lost, and the ledger adds up" $?
ledger "$work/a.trace" "sum(x['written'] for x in e.values()) == $("$x" script -i "$work/a.trace" | wc -l)"
t "what was written is what is in the file" $?
[ "$("$x" script -i "$work/a.trace" --events kvm_pio | grep -c 'kvmguest-[0-9]*/0 [0-9]* kvm_pio: port=0xf1 .*write=1$')" = 1009 ]
t "script prints each OUT with VM, vCPU and port" $?
"$x" script -i "$work/a.trace" --json | python3 -c '
import json, sys
e = [json.loads(l) for l in sys.stdin]
t = [x["time_ns"] for x in e]
pio = [x for x in e if x["event"] == "kvm_pio"]
sys.exit(not (t == sorted(t) and len(pio) == 1009 and {x["vcpu"] for x in pio} == {0} and
              {x["port"] for x in pio} == {0xf1} and len({x["tid"] for x in pio}) == 1))'
t "script --json is in order of time and names vCPU and port" $?
[ "$(find "$work/a.trace" -printf %s)" -lt $((48 * $("$x" script -i "$work/a.trace" | wc -l))) ]
t "an event takes less than 48 bytes" $?
[ "$(programs)" = 0 ]
t "nothing is left attached" $?

# --- which
start_vm --out 7 --loop 30
other=$vm
run "$x" record --vm "$other" --events kvm_pio,kvm_msr --duration 0.5 -o "$work/b.trace" -- "$guest" --wrmsr 1511 --loop 0.2
[ $rc = 0 ] && ledger "$work/b.trace" "set(e) == {'kvm_pio', 'kvm_msr'} and e['kvm_pio']['written'] > 0 and e['kvm_msr']['seen'] == 0 and set(v) == {$other}"
t "--vm and --events leave out other VMs and events" $?
run "$x" record --vm nobody -o "$work/none.trace"
[ $rc = 2 ] && grep -q "no VM is called 'nobody'" "$work/err" && [ ! -e "$work/none.trace" ]
t "a VM that is not there is status 2, and no file" $?
stop_vm

# --- the end
run "$x" record --size 1 -o "$work/size.trace" -- "$guest" --out 1013 --loop 30
[ $rc = 0 ] && grep -q "has the size that --size allows" "$work/err" &&
	[ "$(stat -c %s "$work/size.trace")" -le 1048576 ]
t "--size ends it, and the file is not larger" $?
ledger "$work/size.trace" "o['final'] and $adds_up and sum(x['written'] for x in e.values()) > 20000"
t "its ledger adds up" $?
! pgrep -f "kvmguest --out 1013 --loop 30" >/dev/null
t "the command has been ended" $?
run "$x" record --ring 4 -o "$work/small.trace" -- "$guest" --out 1009 --wrmsr 1511
ledger "$work/small.trace" "$adds_up and e['kvm_msr']['lost_ring_full'] > 100 and e['kvm_msr']['seen'] >= 1511"
t "a ring too small loses and says how many" $?
gaps=$("$x" script -i "$work/small.trace" | sed -n 's/.* lost: events=//p' | awk '{ s += $1 } END { print s + 0 }')
ledger "$work/small.trace" "0 < $gaps <= sum(x['lost'] for x in e.values()) + o['lost_names']"
t "gaps are marked where they are" $?

"$x" record -o "$work/killed.trace" >"$work/out" 2>"$work/err" & pid=$!
for _ in $(seq 200); do
	[ "$(stat -c %s "$work/killed.trace" 2>/dev/null || echo 0)" -gt 500 ] && break
	sleep 0.05
done
"$guest" --out 5003 >/dev/null
sleep 1.5
kill -9 "$pid"
wait "$pid" 2>/dev/null
pid=
run "$x" script -i "$work/killed.trace" --events kvm_pio
[ $rc = 0 ] && [ "$(grep -c 'kvmguest-.*kvm_pio: port=0xf1' "$work/out")" -ge 1600 ]
t "after SIGKILL the file can be read" $?
ledger "$work/killed.trace" 'not o["final"] and e["kvm_pio"]["seen"] >= 5003'
t "its ledger is that of the last second" $?
for _ in $(seq 100); do [ "$(programs)" = 0 ] && break; sleep 0.1; done
[ "$(programs)" = 0 ]
t "nothing is left attached by SIGKILL" $?

mkdir "$work/disk"
mount -t tmpfs -o size=300k tmpfs "$work/disk"
run "$x" record -o "$work/disk/full.trace" -- "$guest" --out 10007 --loop 30
[ $rc = 1 ] && grep -q "No space left on device; recording stopped" "$work/err"
t "a full disk ends it with status 1 and one reason" $?
run "$x" script -i "$work/disk/full.trace"
[ $rc = 0 ] && [ "$(wc -l <"$work/out")" -ge 3200 ]
t "what is in the file can be read" $?
umount "$work/disk"

"$x" record --duration 30 -o "$work/int.trace" >"$work/out" 2>"$work/err" & pid=$!
for _ in $(seq 200); do
	[ "$(stat -c %s "$work/int.trace" 2>/dev/null || echo 0)" -gt 500 ] && break
	sleep 0.05
done
kill -INT "$pid"
wait "$pid"
rc=$? pid=
[ $rc = 0 ] && ledger "$work/int.trace" "o['final'] and $adds_up"
t "SIGINT ends it well" $?

# --- what cannot be
echo hello >"$work/mine"
run "$x" record -o "$work/mine" --duration 0.1
[ $rc = 2 ] && grep -q "is no trace of exitlab" "$work/err" && [ "$(cat "$work/mine")" = hello ]
t "somebody's file is not written over" $?
run "$x" stat -i "$work/mine"
[ $rc = 2 ] && [ "$(wc -l <"$work/err")" = 1 ] && grep -q "mine: at offset 0x0: neither" "$work/err"
t "a file of another kind is status 2 and one line" $?
run "$x" stat -i "$work/nothing"
[ $rc = 2 ] && [ "$(wc -l <"$work/err")" = 1 ]
t "a file that is not there, too" $?
: >"$work/empty"
run "$x" stat -i "$work/empty"
[ $rc = 2 ] && grep -q "the file is empty" "$work/err"
t "an empty file, too" $?
run "$x" stat -i "$work"
[ $rc = 2 ] && [ "$(wc -l <"$work/err")" = 1 ]
t "a folder, too" $?
run "$x" record --events nonsense
[ $rc = 2 ] && [ "$(wc -l <"$work/err")" = 1 ]
t "an unknown event, too" $?
run setpriv --bounding-set -all --inh-caps -all "$x" record -o "$work/np.trace" --duration 0.1
[ $rc = 4 ] && [ "$(wc -l <"$work/err")" = 1 ]
t "without permission it is status 4 and one line" $?
run "$x" stat -i "$work/a.trace"
[ $rc = 0 ] && grep -q "no kvm_exit" "$work/err" || grep -q '^REASON' "$work/out"
t "stat -i of a file without exits says so" $?
echo "1..$n"
