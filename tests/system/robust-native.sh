#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# A thousand VMs started and stopped on this machine under stat and export, VMs that are killed, two
# tracers at once. Whether or not this machine's KVM calls kvm_exit, VMs are found and named, their last
# counts read and their memory given back; so KVM's own numbers are what must be right. Prints TAP.
set -uo pipefail
export LC_ALL=C
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1

skip_all() { printf 'ok 1 - a thousand VMs on this machine # SKIP %s\n1..1\n' "$1"; exit 0; }
[ "$(id -u)" = 0 ] || skip_all "needs root"
[ -w /dev/kvm ] || skip_all "this machine has no usable /dev/kvm"
[ -r /sys/kernel/btf/vmlinux ] || skip_all "this kernel has no BTF"
if [ -z "${ROBUST_NATIVE_INSIDE:-}" ]; then
	ROBUST_NATIVE_INSIDE=1 exec unshare -m --propagation private "tests/system/${0##*/}"
fi
[ -d /sys/kernel/tracing/events ] || mount -t tracefs tracefs /sys/kernel/tracing ||
	skip_all "tracefs cannot be mounted"
[ -d /sys/kernel/tracing/events/kvm ] || skip_all "this kernel has no KVM tracepoints"

x=$PWD/build/exitlab
vms=$PWD/build/tests/robust-vms
mkdir -p build/tests
gcc -std=gnu11 -D_GNU_SOURCE -O2 -static -s -Wall -Wextra -Werror -pthread -o "$vms" tests/system/robust-vms.c || exit 1
work=$(mktemp -d)
pids='' p=''
trap 'for p in $pids; do kill "$p" 2>/dev/null; done; rm -rf "$work"' EXIT
n=0

t() { # NAME STATUS : STATUS 0 passes
	n=$((n + 1))
	if [ "$2" = 0 ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		tail -n 5 "$work/err" "$work/sizes" >&2
	fi
}

# start ARGUMENT... : exitlab in the background; its pid in $pid, once it counts
start() {
	"$x" "$@" >"$work/out" 2>"$work/err" </dev/null &
	pid=$!
	pids="$pids $pid"
	until grep -q '^CapEff:.*0000000000000000$' "/proc/$pid/status" || ! [ -e "/proc/$pid/exe" ]; do sleep 0.02; done
}

# size : memory in kB and descriptors of $pid
size() {
	awk '/^Vm(RSS|Data):/ { printf "%s ", $2 }' "/proc/$pid/status"
	ls "/proc/$pid/fd" | wc -l
}

# grew LIMIT_KB : whether the last line of $work/sizes is more than the first
grew() {
	awk -v limit="$1" 'NR == 1 { rss = $1; data = $2; fds = $3 }
		END { exit !($1 - rss > limit || $2 - data > limit || $3 - fds > 2) }' "$work/sizes"
}

# json EXPRESSION : over o, the JSON in $work/out, and ours, KVM's counts of the VMs made here; status 0 if true
json() {
	python3 - "$work/out" "$1" <<-'PY'
	import json, sys
	o = json.load(open(sys.argv[1]))
	ours = {v["pid"]: v["exits"] for v in o["kvm"] if v["vm"].startswith("robust-vms")}
	zero = not any(o["ledger"][k] for k in ("map_full", "recursion_missed", "unmatched_exits", "unmatched_entries"))
	if not eval("(" + sys.argv[2] + ")"):
	    print(len(ours), sorted(set(ours.values()))[:9], o["ledger"], file=sys.stderr)
	    sys.exit(1)
	PY
}

# --- a thousand VMs
start stat --json
"$vms" serial 100 101
size >"$work/sizes"
"$vms" serial 900 101
size >>"$work/sizes"
kill -INT "$pid"
wait "$pid"
rc=$?
# An interrupt of the host's is an exit more, for as many VMs as it likes to hit; half of them are not hit twice.
{ [ $rc = 0 ] || [ $rc = 4 ]; } &&
	json 'len(ours) == 1000 and min(ours.values()) >= 101 and sorted(ours.values())[500] <= 102 and zero'
t "stat: KVM's last count of each of 1,000 VMs that came and went" $?
! grew 200
t "stat: no growth of memory or descriptors from 100 to 1,000 VMs" $?

export EXITLAB_FORGET_S=1
start export --textfile "$work/x.prom" --interval 0.1
unset EXITLAB_FORGET_S
"$vms" serial 300 101
size >"$work/sizes"
"$vms" serial 700 101
size >>"$work/sizes"
! grew 600
t "export: no growth of memory or descriptors from 300 to 1,000 VMs" $?
sleep 1.5
series=$(grep -c 'robust-vms' "$work/x.prom")
kill "$pid"
wait "$pid"
rc=$?
[ $rc = 0 ] && [ "$series" = 0 ] && python3 tests/system/prom.py <"$work/x.prom" 2>>"$work/err"
t "export: VMs that ended long ago have no series any more" $?

# --- killed; two at once
"$x" stat --json >"$work/second" 2>/dev/null </dev/null &
second=$!
pids="$pids $second"
start stat --json
until grep -q '^CapEff:.*0000000000000000$' "/proc/$second/status"; do sleep 0.02; done
"$vms" forever &
vm=$!
sleep 0.5
kill -9 $vm
wait $vm 2>/dev/null
"$vms" serial 3 1009
kill -INT "$pid" "$second"
wait "$pid"
json "ours[$vm] > 100 and sorted(v >= 1009 for v in ours.values()).count(True) >= 3 and len(ours) == 4"
t "stat: a VM that is killed is asked at its end" $?
wait "$second"
python3 - "$work/out" "$work/second" <<'PY'
import json, sys
a, b = ({v["pid"]: v["exits"] for v in json.load(open(f))["kvm"] if v["vm"].startswith("robust-vms")}
        for f in sys.argv[1:])
assert a == b and len(a) == 4, (a, b)
PY
t "two tracers at once say the same" $?

# --- doctor
"$x" doctor --json >"$work/out" 2>"$work/err" </dev/null
rc=$?
signals=$("$x" stat --help | awk '/--signals LIST/ { on = 1; next } /^How:/ { on = 0 } on { print $1 }')
{ [ $rc = 0 ] || [ $rc = 4 ]; } && python3 - "$work/out" $signals 2>>"$work/err" <<'PY'
import json, sys
f = {(x["group"], x["name"]): x for x in json.load(open(sys.argv[1]))["findings"]}
for name in sys.argv[2:]:	# each works, with its probes, or says why not
    x = f["signal", name]
    assert x["what"] and x["text"], x
    assert x["state"] == "missing" or x.get("probes") or "nothing to attach to" in x["text"], x
for name in sys.argv[2:]:	# by trace records each can be that can be attached at all
    assert not f["signal", name].get("probes") or f"{name} " in f["signal", "rungs"]["text"], f["signal", "rungs"]
assert f["signal", "rungs"]["text"].count(", tp") == f["signal", "rungs"]["text"].count(";") + 1
assert f["host", "PMU"]["state"] in ("ok", "note"), f["host", "PMU"]
assert "CAP_BPF" in f["permission", "capabilities"]["text"]
assert f["signal", "own cost"]["state"] == "ok"
PY
t "doctor lists each signal of stat, alone, with its probes or why not" $?
caps=-all,+dac_read_search
setpriv --inh-caps "$caps" --ambient-caps "$caps" --bounding-set "$caps" "$x" doctor --json >"$work/out" 2>"$work/err" </dev/null
[ $? = 4 ] && python3 - "$work/out" 2>>"$work/err" <<'PY'
import json, sys
f = {(x["group"], x["name"]): x for x in json.load(open(sys.argv[1]))["findings"]}
assert f["permission", "capabilities"]["text"] == "CAP_DAC_READ_SEARCH", f["permission", "capabilities"]
assert f["permission", "load programs"]["state"] == "missing"
PY
t "doctor names the capabilities it has, and what is missing" $?
echo "1..$n"
