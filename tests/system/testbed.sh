#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# Tests in the emulated testbed: the tracer's counts against every other counter, repeatability, and
# what is left behind by runs that end badly. Prints TAP.

cd "$(dirname "$0")/../.." || exit 1
export EXITLAB_NO_SETUP=1
work=$PWD/build/test-results
x=build/exitlab
n=0

t() { # NAME STATUS : STATUS 0 passes
	n=$((n + 1))
	if [ "$2" = 0 ]; then echo "ok $n - $1"; else echo "not ok $n - $1"; fi
}

# query FILE PYTHON-EXPRESSION : evaluates over r, the record; status 0 if true.
query() {
	python3 - "$1" "$2" <<-'EOF'
	import json, sys
	r = json.load(open(sys.argv[1]))
	w = {x["workload"]: x for x in r["windows"]}
	def reasons(name, window):
	    return sum(e["count"] for vm in window["tracer"]["vms"] for c in vm["vcpus"]
	               for e in c["reasons"] if e["name"] == name or e.get("detail_name") == name)
	def exits(window):
	    return sum(c["exits"] for vm in window["tracer"]["vms"] for c in vm["vcpus"])
	ok = eval(sys.argv[2])
	if not ok:
	    print(sys.argv[1], "fails:", sys.argv[2], file=sys.stderr)
	    for x in r["windows"]:
	        print(x["workload"], x["checks"], file=sys.stderr)
	sys.exit(0 if ok else 1)
	EOF
}

# emulators : how many emulated hosts run for a test of ours
emulators() { pgrep -f "qemu-l0.*$work" | wc -l; }

# wait_for SECONDS COMMAND...
wait_for() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.2
	done
}

# interrupt_at FILE-PATTERN DIR ARGUMENT... : exitlab run -o DIR ARGUMENT..., with Ctrl-C as soon as a
# file matches; its status, its messages in DIR.err
interrupt_at() {
	local pattern=$1 dir=$2 pid
	shift 2
	setsid $x run -o "$dir" "$@" 2>"$dir.err" &
	pid=$!
	wait_for 120 compgen -G "$pattern" >/dev/null
	kill -INT "$pid"
	wait "$pid"
}

rm -rf "$work"
mkdir -p "$work"
# A cache of its own, with what is built but without snapshots: which are made is part of the tests.
built=$(bash -c '. testbed/lib.sh; echo "$CACHE"')
export EXITLAB_CACHE=$work/cache
snapshots=$EXITLAB_CACHE/snapshots
mkdir -p "$EXITLAB_CACHE"
for d in "$built"/{guest,qemu,kernel,fio,images}-* "$built/download"; do
	[ ! -e "$d" ] || ln -s "$d" "$EXITLAB_CACHE/"
done
# unfinished : what making a snapshot may leave behind
unfinished() { find "$snapshots" -maxdepth 1 \( -name '*.part' -o -name '*.lock' \); }

# --- the images are the same bytes when built again
paths=$(testbed/build.sh "$PWD/$x-point" 2>/dev/null)
images=$(sed -n 's/^images //p' <<<"$paths")
qemu=$(sed -n 's/^qemu //p' <<<"$paths")
again=$(EXITLAB_CACHE=$work/cache2 testbed/build-images.sh $x-point "$(testbed/build-guest.sh)" \
	"$qemu" "$(testbed/build-kernel.sh)" "$(testbed/build-fio.sh)")
[ "$images" != "$again" ] && cmp "$images/SHA256SUMS" "$again/SHA256SUMS" >&2
t "images built again are the same, byte for byte" $?
rm -rf "$work/cache2"

# --- exits of known number and reason
$x run -o "$work/probe" scenarios/selftest-probe.yaml >&2
t "a bare guest's run succeeds" $?
p=$work/probe/bare.json
query "$p" 'w["probe"]["result"]["out"] == 1009 and reasons("IOIO", w["probe"]) == 1009'
t "1009 OUT instructions are 1009 IOIO exits" $?
query "$p" 'reasons("CPUID", w["probe"]) == 2003'
t "2003 CPUID instructions are 2003 CPUID exits" $?
query "$p" 'reasons("HLT", w["probe"]) == 503'
t "503 HLT instructions are 503 HLT exits" $?
query "$p" 'reasons("MSR", w["probe"]) == 1511'
t "1511 WRMSR instructions are 1511 MSR exits" $?
query "$p" 'all(c["difference"] == 0 for c in w["probe"]["checks"]) and len(w["probe"]["checks"]) >= 5'
t "the hist trigger and the guest agree with the tracer" $?
query "$p" 'all(e["timed"] <= e["count"] and e["min_ns"] <= e["p50_ns"] and e["p50_ns"] <= e["p99_ns"] and sum(b[1] for b in e["hist"]) == e["timed"] for vm in w["probe"]["tracer"]["vms"] for c in vm["vcpus"] for e in c["reasons"] if e["timed"])'
t "histograms hold what was timed, and percentiles are in order" $?

# --- snapshots: found again, damaged, of another machine, interrupted
cp "$p" "$work/first.json"
query "$p" 'r["volatile"]["wall"]["snapshot"] == "made" and r["volatile"]["wall"]["boot_s"] > 0'
t "the first run boots a machine and saves it" $?
made=$(ls "$snapshots")
$x run --again -o "$work/probe" scenarios/selftest-probe.yaml >&2
query "$p" 'r["volatile"]["wall"]["snapshot"] == "reused" and r["volatile"]["wall"]["boot_s"] == 0' &&
	[ "$(ls "$snapshots")" = "$made" ] && [ "$(wc -w <<<"$made")" = 2 ]
t "the second starts from the snapshot of the first" $?
$x analyze --against "$work/first.json" "$p" >&2
t "its record is the same" $?
# The host's alone, damaged, and the other one gone: both are made again.
host=$(grep -l '"level": "host"' "$snapshots"/*/meta.json)
host=$(basename "${host%/meta.json}")
cp -r "$snapshots" "$work/snapshots"
for k in $made; do [ "$k" = "$host" ] || rm -r "${snapshots:?}/$k"; done
truncate -s -1M "$snapshots/$host/state"
$x run --again -o "$work/probe" scenarios/selftest-probe.yaml >&2 2>"$work/truncated.err"
[ "$(grep -c "snapshot $host cannot be used (its file has .* bytes" "$work/truncated.err")" = 1 ] &&
	[ "$(ls "$snapshots")" = "$made" ]
t "a truncated snapshot is noticed and made again" $?
rc=0
for k in $made; do
	tests/system/same-machine.py "$work/snapshots/$k/state" "$snapshots/$k/state" >&2 || rc=1
done
t "it is the same machine, in every byte of its memory and devices" $rc
rm -rf "$work/snapshots"
$x analyze --against "$work/first.json" "$p" >&2
t "the record from the one made again is the same" $?
sed 's/host: .*/host: { cpus: 2, memory_mb: 2304 }/' scenarios/selftest-probe.yaml >"$work/smaller.yaml"
interrupt_at "$snapshots/*.part/state" "$work/smaller" "$work/smaller.yaml"
rc=$?
[ $rc = 130 ] && grep -q "saving the booted host" "$work/smaller.err" &&
	! grep -q "error: point" "$work/smaller.err"
t "another size of memory needs a snapshot of its own; Ctrl-C while it is saved ends the run" $?
[ "$(ls "$snapshots")" = "$made" ] && [ -z "$(unfinished)" ] && [ "$(emulators)" = 0 ]
t "and leaves nothing" $?

# --- kill -9 while points run, then the whole of it: counters, network load
setsid $x run -j 2 -o "$work/io" scenarios/selftest-io.yaml >&2 2>"$work/killed.err" &
pid=$!
wait_for 60 test -e "$work/io/.work/virtio-qemu/mailbox"
sleep 3
started=$(emulators)
kill -9 "$pid"
wait "$pid" 2>/dev/null
wait_for 5 sh -c "! pgrep -f 'qemu-l0.*$work' >/dev/null"
[ "$started" -ge 1 ] && [ "$(emulators)" = 0 ]
t "kill -9 of exitlab run ends the emulated hosts ($started were running)" $?
$x run -o "$work/io" scenarios/selftest-io.yaml >&2
t "the next run goes on and completes" $?
[ ! -e "$work/io/.work" ] && [ "$(emulators)" = 0 ]
t "no scratch folder and no emulated host is left" $?
[ "$(ls "$snapshots" | wc -l)" = 5 ] && [ -z "$(unfinished)" ]
t "five snapshots: the host, and on it no guests, and guests on three networks; nothing unfinished" $?

for c in virtio-qemu virtio-vhost vf; do
	query "$work/io/$c.json" 'len(w) == 6 and all(len(x["checks"]) == 2 and all(c["difference"] == 0 for c in x["checks"]) for x in w.values())'
	t "$c: tracer, KVM's statistics and the hist trigger differ by 0 in six windows" $?
	query "$work/io/$c.json" 'all(sorted(((e["reason"], e["count"]) for e in x["counters"]["hist"])) == sorted({k: sum(e["count"] for vm in x["tracer"]["vms"] for c in vm["vcpus"] for e in c["reasons"] if e["reason"] == k) for k in {e["reason"] for vm in x["tracer"]["vms"] for c in vm["vcpus"] for e in c["reasons"]}}.items()) for x in w.values())'
	t "$c: tracer and hist trigger agree reason by reason" $?
	query "$work/io/$c.json" 'all(x["tracer"]["ledger"][k] == 0 for x in w.values() for k in ("map_full", "recursion_missed", "unmatched_exits", "unmatched_entries", "unknown_exits"))'
	t "$c: nothing lost, nothing unmatched" $?
	query "$work/io/$c.json" 'w["rr"]["work"] == 499 and w["rr"]["counters"]["guest"]["nic_interrupts"] >= 499 and w["memcached"]["work"] >= 211'
	t "$c: the guest served the requests" $?
done
query "$work/io/vf.json" 'all(reasons("NPF", w[k]) + reasons("IOIO", w[k]) == 0 for k in ("rr", "send")) and reasons("EOI", w["rr"]) >= 499'
t "vf: EOI exits and no doorbells" $?
query "$work/io/vf.json" 'abs(w["rr"]["counters"]["host"]["vfio_interrupts"] - w["rr"]["counters"]["guest"]["nic_interrupts"]) <= 2'
t "vf: every device interrupt of the guest passed through the host" $?
# A doorbell is the only register that these guests write, so kicks must be the NPF exits.
for c in virtio-qemu virtio-vhost vf; do
	query "$work/io/$c.json" 'all(w[k]["counters"]["signals"]["kicks"] == reasons("NPF", w[k]) for k in ("rr", "rr-tcp")) and w["rr"]["counters"]["signals"]["kicks"] == (0 if r["point"]["id"] == "vf" else 499)'
	t "$c: every doorbell, and nothing else, is a kick" $?
	# Guests are asked for their counts a little before the window opens and after it has closed: the end
	# of the last sending before it, and with TCP a late acknowledgement, can fall between.
	query "$work/io/$c.json" '0 <= w["rr"]["counters"]["guest"]["nic_interrupts"] - w["rr"]["counters"]["signals"]["replies"] <= 1 and w["rr"]["counters"]["signals"]["replies"] >= 499 and 0 <= w["rr-tcp"]["counters"]["guest"]["nic_interrupts"] - w["rr-tcp"]["counters"]["signals"]["replies"] <= 4'
	t "$c: replies are the interrupts of the guest's network" $?
done
query "$work/io/virtio-vhost.json" 'reasons("NPF", w["rr"]) >= 499'
t "vhost: one doorbell (NPF) a request" $?
# What a guest asks for itself: doorbells, ends of interrupts, sleep. How many interrupts and timers
# cut in besides hangs on their phase, and QEMU and vhost look alike from the guest. A doorbell a
# request is what the VF saves at the least; some of its sleeps go too, its two interrupts a request
# often coming together.
python3 - "$work/io" <<'EOF' >&2
import json, sys
n = {}
for c in ("virtio-qemu", "virtio-vhost", "vf"):
    r = json.load(open(f"{sys.argv[1]}/{c}.json"))
    x = next(x for x in r["windows"] if x["workload"] == "rr")
    n[c] = sum(e["count"] for vm in x["tracer"]["vms"] for v in vm["vcpus"] for e in v["reasons"]
               if e["name"] in ("NPF", "HLT") or e.get("detail_name") == "EOI")
print(n)
sys.exit(not min(n["virtio-qemu"], n["virtio-vhost"]) >= n["vf"] + 499)
EOF
t "exits per request: virtio, in QEMU or vhost, one and more above the VF" $?

# --- repeatability: the same points again, one at a time instead of two, give the same records
$x run -j 1 --only virtio-vhost -o "$work/io2" scenarios/selftest-io.yaml >&2
$x analyze --against "$work/io/virtio-vhost.json" "$work/io2/virtio-vhost.json" >&2
t "a second run, alone on the machine, gives the same record" $?
$x run --no-snapshot --only vf -o "$work/io2" scenarios/selftest-io.yaml >&2
query "$work/io2/vf.json" 'r["volatile"]["wall"]["snapshot"] == "made" and r["volatile"]["wall"]["boot_s"] > 0' &&
	$x analyze --against "$work/io/vf.json" "$work/io2/vf.json" >&2
t "a VF in a machine booted from nothing gives the record of one from the cache" $?
$x run --only virtio-vhost -o "$work/io2" scenarios/selftest-io.yaml 2>"$work/again.err"
grep -q "booting" "$work/again.err"
[ $? = 1 ]
t "a complete point is not run again" $?
cp "$work/io/virtio-vhost.json" "$work/io2/virtio-vhost.json"
sed -i '0,/"exits": [0-9]*/s//"exits": 1/' "$work/io2/virtio-vhost.json"
$x analyze --against "$work/io/virtio-vhost.json" "$work/io2/virtio-vhost.json" >&2
[ $? = 1 ]
t "a changed count is found" $?

# --- several guests
$x run -o "$work/two" scenarios/selftest-two.yaml >&2
t "two guests of two vCPUs run side by side" $?
for c in virtio-vhost vf; do
	query "$work/two/$c.json" 'w["rr"]["work"] == 614 and len(w["rr"]["checks"]) == 2 and all(c["difference"] == 0 for c in w["rr"]["checks"])'
	t "$c: the counts of two guests add up to KVM's and the hist trigger's" $?
	query "$work/two/$c.json" '[vm["vm"] for vm in w["rr"]["tracer"]["vms"]] == ["g0", "g1"] and all(sorted(v["vcpu"] for v in vm["vcpus"]) == [0, 1] and sum(v["exits"] for v in vm["vcpus"]) > 307 for vm in w["rr"]["tracer"]["vms"])'
	t "$c: guests and vCPUs are told apart" $?
done

# --- loads inside the guest; settings of the host, the guest's kernel and virtio
$x run -j 1 -o "$work/work" scenarios/selftest-work.yaml >&2
t "a guest with a network and a disk runs timers and fio" $?
for c in disk no-event-idx thread; do
	p=$work/work/$c.json
	query "$p" 'len(w) == 5 and all(len(x["checks"]) == 1 and x["checks"][0]["difference"] == 0 for x in w.values())'
	t "$c: tracer and KVM's statistics differ by 0 in five windows" $?
	# Armed by MSR, and again for the tick after it; its interrupt ends a halt. 250 ticks a second
	# are the rest.
	query "$p" 'w["timers"]["work"] == 307 and w["timers"]["result"]["overdue"] == 0 and 1.9 * 307 <= reasons("TSC_DEADLINE", w["timers"]) <= 2.6 * 307 and 307 <= reasons("HLT", w["timers"]) <= 1.3 * 307 and 307 <= w["timers"]["counters"]["guest"]["interrupts"] <= 1.3 * 307'
	t "$c: 307 timers are 307 interrupts and halts, and the ticks beside them" $?
	query "$p" 'w["timers"]["counters"]["signals"] == {"kicks": 1, "replies": 2}'
	t "$c: the window of the timers holds one command to the agent and no more" $?
	query "$p" 'w["read"]["work"] == w["read"]["counters"]["guest"]["disk_requests"] == 211 and w["write"]["work"] == w["write"]["counters"]["guest"]["disk_requests"] == 503'
	t "$c: fio's requests are those that the guest's disk completed" $?
	# One at a time: each is a kick and an interrupt; the agent's answer is one kick more, its command
	# one interrupt or two. An I/O thread polls the ring and saves most kicks.
	query "$p" 'w["read"]["counters"]["signals"]["replies"] in (212, 213) and w["read"]["counters"]["signals"]["kicks"] in (range(1, 212) if r["point"]["id"] == "thread" else (212,)) and w["read"]["counters"]["signals"]["kicks"] <= reasons("NPF", w["read"])'
	t "$c: 211 reads one at a time are 211 interrupts of the disk, and as many kicks unless it is polled" $?
	query "$p" 'r["machine"]["kvm"]["halt_poll_ns"] == "100000"'
	t "$c: the halt polling that was asked for is read back" $?
	query "$p" 'w["idle"]["counters"]["guest"]["interrupts"] >= 120'
	t "$c: the guest's kernel has got its words: with nohz=off it ticks when idle" $?
done
python3 - "$work/work" <<'EOF' >&2
import json, sys
n = {}
for c in ("disk", "no-event-idx"):
    r = json.load(open(f"{sys.argv[1]}/{c}.json"))
    w = {x["workload"]: x["counters"]["signals"] for x in r["windows"]}
    n[c] = w["write"]
print(n)
a, b = n["disk"], n["no-event-idx"]
sys.exit(not (b["kicks"] > 1.5 * a["kicks"] and b["replies"] > 1.2 * a["replies"]))
EOF
t "without event_idx, 32 requests in flight make half as many kicks again, or more, and more replies" $?

# --- fast mode
$x run -o "$work/fast" scenarios/selftest-fast.yaml >&2
t "fast mode: a guest runs" $?
query "$work/fast/virtio-vhost.json" 'w["rr"]["work"] == 307 and len(w["rr"]["checks"]) >= 1 and all(c["difference"] == 0 for c in w["rr"]["checks"])'
t "fast mode: counters agree" $?

# --- ends that are not happy
interrupt_at "$work/int/.work/bare/mailbox" "$work/int" scenarios/selftest-probe.yaml
rc=$?
[ $rc = 130 ] && grep -q interrupted "$work/int.err" && [ ! -e "$work/int/.work" ] &&
	[ -z "$(unfinished)" ] && [ "$(emulators)" = 0 ]
t "Ctrl-C ends the run, says so and leaves nothing" $?
$x run --timeout 1 -o "$work/late" scenarios/selftest-probe.yaml 2>"$work/late.err"
[ $? = 1 ] && grep -q "no end after 1 s.*logs/bare.log" "$work/late.err" && [ "$(emulators)" = 0 ]
t "a point that does not end in time fails, naming its log" $?
printf '{' >"$work/probe/bare.json"
$x -v run --timeout 1 -o "$work/probe" scenarios/selftest-probe.yaml 2>"$work/damaged.err"
grep -q "damaged" "$work/damaged.err" && [ -s "$work/probe/previous/bare.json" ]
t "a damaged record is set aside and measured anew" $?
rm -rf "$EXITLAB_CACHE"
echo "1..$n"
