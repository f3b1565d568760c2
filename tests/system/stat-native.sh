#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# exitlab stat on the machine the tests run on, against a guest that makes a known number of exits.
# Two kinds of machine are right: one whose KVM reports its exits (then the counts must be equal), and
# one whose KVM does not (then stat must say so, with KVM's own number, instead of zeros). Prints TAP.
set -uo pipefail
export LC_ALL=C
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1

x=$PWD/build/exitlab
guest=$PWD/build/guest/kvmguest
counts=(--out 1009 --cpuid 2003 --hlt 503 --wrmsr 1511)

skip_all() { printf 'ok 1 - exitlab stat on this machine # SKIP %s\n1..1\n' "$1"; exit 0; }
[ "$(id -u)" = 0 ] || skip_all "needs root"
[ -w /dev/kvm ] || skip_all "this machine has no usable /dev/kvm"
[ -r /sys/kernel/btf/vmlinux ] || skip_all "this kernel has no BTF"
# Once more in a mount namespace of its own, where tracefs can be mounted for the test alone.
if [ -z "${STAT_NATIVE_INSIDE:-}" ]; then
	STAT_NATIVE_INSIDE=1 exec unshare -m --propagation private "tests/system/${0##*/}"
fi
[ -d /sys/kernel/tracing/events ] || mount -t tracefs tracefs /sys/kernel/tracing ||
	skip_all "tracefs cannot be mounted"
[ -d /sys/kernel/tracing/events/kvm ] || skip_all "this kernel has no KVM tracepoints"

work=$(mktemp -d)
vm=
trap '[ -z "$vm" ] || kill "$vm" 2>/dev/null; rm -rf "$work"' EXIT
n=0

t() { # NAME STATUS : STATUS 0 passes
	n=$((n + 1))
	if [ "$2" = 0 ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		sed 's/^/  out: /' "$work/out" >&2
		sed 's/^/  err: /' "$work/err" >&2
	fi
}

# stat ARGUMENT... : runs exitlab stat; rc, $work/out, $work/err
stat() {
	rc=0
	timeout 60 "$x" stat "$@" >"$work/out" 2>"$work/err" </dev/null || rc=$?
}

# json EXPRESSION : over o, the JSON in $work/out; status 0 if true
json() {
	python3 - "$work/out" "$1" <<-'PY'
	import json, sys
	o = json.load(open(sys.argv[1]))
	def count(*names):
	    return sum(r["count"] for vm in o["vms"] for c in vm["vcpus"] for r in c["reasons"]
	               if r["name"] in names)
	sys.exit(0 if eval("(" + sys.argv[2] + ")") else 1)
	PY
}

# kvm_number : what the message says that KVM counted for our guest (others may run on this machine)
kvm_number() { sed -n 's|.*KVM counted \([0-9,]*\) exits of VM kvmguest.* never called the kvm_exit.*|\1|p' "$work/err" | tr -d ,; }

start_vm() { # ARGUMENT... : a guest in the background; its pid in $vm
	"$guest" "$@" >"$work/vm" 2>&1 </dev/null &
	vm=$!
	# Until the VM is there.
	for _ in $(seq 100); do
		readlink "/proc/$vm/fd/"* 2>/dev/null | grep -q kvm-vcpu && return
		sleep 0.05
	done
}
stop_vm() { kill "$vm" 2>/dev/null; wait "$vm" 2>/dev/null; vm=; }

# --- the guest itself
"$guest" "${counts[@]}" --json >"$work/out" 2>"$work/err"
json 'o == {"out": 1009, "cpuid": 2003, "hlt": 503, "wrmsr": 1511, "user_exits": 1009 + 503 + 1}'
t "the guest runs to its end and reports what it did" $?

# --- which kind of machine is this?
stat -- "$guest" "${counts[@]}" --json
blind=0
[ "$rc" != 4 ] || [ -z "$(kvm_number)" ] || blind=1
if [ $blind = 1 ]; then
	[ "$(kvm_number)" -ge 1513 ]
	t "KVM reports no exits here: status 4, and KVM's number is at least that of the VMM" $?
	# The one line on stdout is the guest's.
	[ "$(wc -l <"$work/out")" = 1 ] && ! grep -q REASON "$work/out"
	t "and there is no table of zeros" $?
else
	[ $rc = 0 ] && grep -q '^REASON' "$work/out"
	t "exits are reported here: status 0 and a table" $?
	awk 'length > 79 { bad = 1 } END { exit bad }' "$work/out"
	t "the table is less than 80 columns wide" $?
fi

# The VMM starts before the measurement and goes on behind it.
start_vm --out 1009 --loop 30
stat -p "$vm" --duration 0.5 --json
if [ $blind = 1 ]; then
	[ $rc = 4 ] && json 'o["exits"] is None and "KVM counted" in o["exits_why"] and o["vms"] == []' &&
		json 'o["kvm"][0]["pid"] == '"$vm"' and o["kvm"][0]["exits"] > 100'
	t "JSON: exits are null with a reason, KVM's own count is there" $?
else
	[ $rc = 0 ] && json 'o["exits"] > 100 and o["vms"][0]["pid"] == '"$vm" &&
		json 'abs(o["kvm"][0]["exits"] - o["exits"]) < o["exits"] / 2'
	t "JSON: exits of the process, KVM's own count is of that size" $?
fi
json 'o["duration_ns"] >= 500000000 and o["ledger"]["map_full"] == 0 and o["probes"][0]["name"] == "kvm_entry"'
t "JSON: duration, ledger and probes" $?

expected=$((blind * 4))
timeout 60 "$x" stat -p "$vm" >"$work/out" 2>"$work/err" </dev/null &
pid=$!
sleep 3
kill -INT $(pgrep -P $pid -x exitlab)
wait $pid
[ $? = $expected ] && { [ -s "$work/out" ] || [ -n "$(kvm_number)" ]; }
t "SIGINT ends the measurement, and the summary comes" $?
stop_vm

if [ $blind = 0 ]; then
	# Waits for the newline, so that the tracer sees everything it does.
	mkfifo "$work/go"
	"$guest" --wait "${counts[@]}" <"$work/go" >"$work/vm" &
	vm=$!
	exec 9>"$work/go"
	until grep -q ready "$work/vm"; do sleep 0.05; done
	(sleep 3; echo >&9) &
	stat -p "$vm" --json
	exec 9>&-
	vm=
	json 'count("IOIO", "IO_INSTRUCTION") == 1009 and count("CPUID") == 2003 and
		count("HLT") == 503 and count("MSR", "MSR_WRITE") == 1511'
	t "exits by reason are what the guest made" $?
else
	start_vm --out 1009 --loop 2
	stat -p "$vm"
	[ $rc = 4 ] && [ "$(kvm_number)" -ge 100 ] && grep -q "process $vm has ended" "$work/err"
	t "a VM that ends in the window is asked at its end" $?
	vm=
fi

# --- intervals
start_vm --out 1009 --loop 30
stat -p "$vm" 0.3 2 --csv
[ $rc = $expected ] && python3 - "$work/out" $blind <<-'PY'
	import csv, sys
	rows = list(csv.DictReader(open(sys.argv[1], newline="")))
	assert list(rows[0]) == "time interval seconds vm pid vcpu isa reason detail metric value".split()
	assert [r["interval"] for r in rows if r["metric"] == "ledger_events"] == ["1", "2", "total"]
	exits = [r for r in rows if r["metric"] == "exits"]
	assert (not exits) == (sys.argv[2] == "1")
	assert sum(int(r["value"]) * (-1 if r["interval"] == "total" else 1) for r in exits) == 0
	PY
t "stat 0.3 2 --csv: two intervals and the total, which they add up to" $?
stat -p "$vm" 0.3 2 --json
[ $rc = $expected ] && python3 - "$work/out" $blind <<-'PY'
	import json, sys
	lines = [json.loads(line) for line in open(sys.argv[1])]
	assert [o["interval"] for o in lines] == [1, 2, "total"], lines
	assert all((o["exits"] is None) == (sys.argv[2] == "1") for o in lines)
	assert sum(o["duration_ns"] for o in lines[:2]) == lines[2]["duration_ns"]
	PY
t "stat 0.3 2 --json: a line each" $?
stat --vm "kvmguest-$vm" --duration 0.3 --json -o "$work/file"
[ $rc = $expected ] && [ ! -s "$work/out" ] && cp "$work/file" "$work/out" &&
	json '[k["pid"] for k in o["kvm"]] == ['"$vm"']'
t "stat --vm NAME -o FILE: that VM, into the file" $?

# --- top
rc=0
"$x" top -n 2 -d 0.3 -p "$vm" >"$work/out" 2>"$work/err" </dev/null || rc=$?
[ $rc = 0 ] && [ "$(grep -c "^kvmguest-$vm " "$work/out")" = 2 ] &&
	[ "$(grep -c '^lost: ' "$work/out")" = 2 ] && awk 'length > 79 { exit 1 }' "$work/out" &&
	{ [ $blind = 0 ] || grep -q "^kvmguest-$vm .*[0-9]\* *n/a" "$work/out"; }
t "top prints blocks of text where there is no terminal" $?
"$x" top -n 1 -d 0.3 --signals all >"$work/out" 2>"$work/err" </dev/null &&
	grep -q '^time account: ' "$work/out" && grep -q '^posted, whole host: ' "$work/out" &&
	grep -q '^I/O cores: ' "$work/out" && grep -q '^VM .*MOST TIME' "$work/out" &&
	[ "$(grep -c '^lost: ' "$work/out")" = 1 ]
t "top --signals all without a terminal: the other signals' tables, too" $?
timeout 120 python3 tests/system/top-pty.py "$x" >"$work/out" 2>"$work/err"
t "top on a terminal: keys, sizes, and the terminal is restored however it ends" $?

# --- export
stop_vm
start_vm --out 1009 --loop 120
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$x" export --listen "127.0.0.1:$port" --interval 0.2 >"$work/out" 2>"$work/err" </dev/null &
pid=$!
until grep -q serving "$work/err" || ! kill -0 $pid; do sleep 0.05; done
sleep 0.5
python3 - "$port" "kvmguest-$vm" $blind $pid 2>>"$work/err" <<'PY'
import sys, time, urllib.request, urllib.error
sys.path.insert(0, "tests/system")
import prom
base, vm = f"http://127.0.0.1:{sys.argv[1]}", sys.argv[2]
def get(path, **kw):
    return urllib.request.urlopen(urllib.request.Request(base + path, **kw), timeout=10)
def status(path, **kw):
    try:
        return get(path, **kw).status
    except urllib.error.HTTPError as e:
        return e.code
first = prom.parse(get("/metrics").read().decode())
for _ in range(200):    # a busy machine may not have let the guest run meanwhile
    second = prom.parse(get("/metrics").read().decode())
    if prom.value(second, "exitlab_kvm_exits_total", vm=vm) > prom.value(first, "exitlab_kvm_exits_total", vm=vm):
        break
    time.sleep(0.05)
assert prom.value(first, "exitlab_up") == 1
assert prom.value(first, "exitlab_vm_running", vm=vm) == 1
assert prom.value(second, "exitlab_kvm_exits_total", vm=vm) > prom.value(first, "exitlab_kvm_exits_total", vm=vm) > 0
assert prom.value(second, "exitlab_vm_blind", vm=vm) == int(sys.argv[3])
assert (prom.value(second, "exitlab_exits_total", vm=vm) is None) == (sys.argv[3] == "1")
for f in first:     # nothing goes backwards
    for name, lab, v in first[f]["samples"] if first[f]["type"] != "gauge" else []:
        assert prom.value(second, name, **lab) >= v, (name, lab)
assert get("/metrics").headers["Content-Type"].startswith("text/plain; version=0.0.4")
assert status("/-/healthy") == 200 and status("/x") == 404 and status("/metrics", data=b"x") == 405
caps = open(f"/proc/{sys.argv[4]}/status").read()
assert "CapEff:\t0000000000000000" in caps and "NoNewPrivs:\t1" in caps, caps
PY
t "export over HTTP: strict Prometheus text, counters grow, no effective capability left" $?
kill $pid; wait $pid
t "SIGTERM ends it with status 0" $?
rc=0
timeout 60 "$x" export --textfile "$work/x.prom" --interval 0.2 --count 3 >"$work/out" 2>"$work/err" || rc=$?
[ $rc = 0 ] && [ ! -e "$work/x.prom.new" ] && python3 tests/system/prom.py <"$work/x.prom" 2>>"$work/err"
t "export --textfile: a whole file" $?
rc=0
timeout 60 "$x" export --textfile "$work/no/x.prom" --interval 0.2 >"$work/out" 2>"$work/err" || rc=$?
[ $rc = 1 ] && grep -q 'x.prom' "$work/err"
t "a file that cannot be written: status 1" $?
printf 'a_total 1\n' | python3 tests/system/prom.py 2>/dev/null
[ $? = 1 ]
t "the reader of Prometheus text does refuse what is wrong" $?

# --- doctor
rc=0
"$x" doctor >"$work/out" 2>"$work/err" </dev/null || rc=$?
[ $rc = $expected ] && [ ! -s "$work/err" ] && grep -q '^  ok  *VM entries: kvm_entry by' "$work/out" &&
	{ [ $blind = 0 ] || grep -q 'missing  VM exits: KVM counted 1[0-9][0-9] exits of a VM made' "$work/out"; }
t "doctor finds out whether this KVM reports its exits" $?
rc=0
"$x" doctor --json --no-vm >"$work/out" 2>"$work/err" </dev/null || rc=$?
[ $rc = $expected ] && json 'o["schema"] == "exitlab-doctor/1" and o["ok"] == ('$rc' == 0) and
	any(f["name"] == "VM exits" and "the VMs that run here" in f["text"] for f in o["findings"])'
t "doctor --json --no-vm: by the VMs that run" $?

# --- without root
caps=-all,+bpf,+perfmon,+dac_read_search
if [ "$(cat /proc/sys/kernel/perf_event_paranoid)" -le 2 ] && setpriv --reuid 65534 --regid 65534 --clear-groups \
	--inh-caps "$caps" --ambient-caps "$caps" --bounding-set "$caps" "$x" --version >"$work/out" 2>"$work/err"; then
	rc=0
	timeout 60 setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps "$caps" --ambient-caps "$caps" \
		--bounding-set "$caps" "$x" stat --duration 0.5 --json >"$work/out" 2>"$work/err" || rc=$?
	[ $rc = $expected ] && json 'any(k["pid"] == '"$vm"' and k["exits"] > 100 for k in o["kvm"])'
	t "three capabilities are enough, for another user's VM, too" $?
else
	n=$((n + 1))
	echo "ok $n - three capabilities are enough, for another user's VM, too # SKIP no other user can run $x, or perf_event_paranoid"
fi
stop_vm

# --- nothing stays behind
# leaked : programs that have appeared since $work/before and belong to no process
bpftool -j prog list >"$work/before"
leaked() {
	bpftool -j prog list | python3 -c '
import json, sys
old = {p["id"] for p in json.load(open(sys.argv[1]))}
print(*[p["name"] for p in json.load(sys.stdin) if p["id"] not in old and not p.get("pids")])' "$work/before"
}
clean() { # the kernel frees programs a little later
	for _ in $(seq 40); do
		[ -n "$(leaked)" ] || return 0
		sleep 0.1
	done
	leaked >>"$work/err"
	return 1
}
if bpftool -j prog list >/dev/null 2>&1; then
	stat --duration 0.2 -- true
	clean
	t "no program stays loaded" $?
	start_vm --out 1009 --loop 30
	"$x" stat -p "$vm" >"$work/out" 2>"$work/err" </dev/null &
	pid=$!
	sleep 2
	kill -KILL $pid
	wait $pid 2>/dev/null
	clean
	t "not after a kill -9 either" $?
	stop_vm
else
	for name in "no program stays loaded" "not after a kill -9 either"; do
		n=$((n + 1))
		echo "ok $n - $name # SKIP bpftool is missing"
	done
fi

# --- what it says when it cannot
# refused STATUS ARGUMENT... : that status, one line on stderr, nothing on stdout
refused() {
	local want=$1
	shift
	stat "$@"
	[ $rc = "$want" ] && [ "$(wc -l <"$work/err")" = 1 ] && [ ! -s "$work/out" ]
}
for args in "-p x" "-p 0" "-p 999999999" "-p $$" "--duration 0" "--duration inf" "--duration 1s" \
	"--duration" "--top -1" "--detail foo" "--nonsense" "stray" "--" "0" "1 0" "1 x" "1 2 3" "--csv --json" \
	"--vcpu 3-1" "--sort size" "--cgroup /no/such" "--vm no-such-vm" "-o /no/such/file"; do
	# shellcheck disable=SC2086  # words
	refused 2 $args
	t "stat $args: status 2 and one line" $?
done
stat -- sh -c 'exit 7'
[ $rc = 1 ] && grep -q 'ended with status 7' "$work/err"
t "a command that fails: status 1 and its own status" $?
stat -- /nonexistent/command
[ $rc = 2 ] && grep -q 'cannot run /nonexistent/command: No such file' "$work/err"
t "a command that does not exist: status 2" $?
stat --help
[ $rc = 0 ] && grep -q '^Usage: exitlab stat' "$work/out"
t "stat --help: status 0" $?

rc=0
unshare -m sh -c 'while umount /sys/kernel/tracing 2>/dev/null; do :; done
	while umount /sys/kernel/debug 2>/dev/null; do :; done
	exec "$0" stat --duration 1' "$x" >"$work/out" 2>"$work/err" || rc=$?
[ $rc = 4 ] && [ "$(wc -l <"$work/err")" = 1 ] && grep -q 'tracefs is not mounted' "$work/err"
t "without tracefs: status 4 and one line" $?

if setpriv --reuid 65534 --regid 65534 --clear-groups "$x" --version >/dev/null 2>&1; then
	rc=0
	setpriv --reuid 65534 --regid 65534 --clear-groups "$x" stat --duration 1 \
		>"$work/out" 2>"$work/err" || rc=$?
	[ $rc = 4 ] && [ "$(wc -l <"$work/err")" = 1 ] && grep -q 'needs root, or CAP_BPF and CAP_PERFMON' "$work/err"
	t "as a user: status 4 and one line" $?
else
	n=$((n + 1))
	echo "ok $n - as a user: status 4 and one line # SKIP no other user can run $x"
fi
echo "1..$n"
