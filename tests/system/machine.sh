#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# The emulated machine's promises where real guests of a real host meet them: guests that start
# together do not slow each other, snapshots are shared by points that differ in costs only, and costs
# are charged. tests/system/time.sh has the same without an operating system. Prints TAP.

cd "$(dirname "$0")/../.." || exit 1
export EXITLAB_NO_SETUP=1
work=$PWD/build/test-results/machine
x=build/exitlab
n=0
rm -rf "$work"
mkdir -p "$work"

t() { # NAME STATUS : STATUS 0 passes
	n=$((n + 1))
	if [ "$2" = 0 ]; then echo "ok $n - $1"; else echo "not ok $n - $1"; fi
}

# query FOLDER PYTHON-EXPRESSION : evaluates over r, the records by name of their point.
query() {
	python3 - "$1" "$2" <<-'EOF'
	import glob, json, sys
	r = {}
	for f in glob.glob(sys.argv[1] + "/*.json"):
	    j = json.load(open(f))
	    r[j["point"]["id"]] = j
	def boots(p):
	    return r[p]["machine"]["guest_boot_ns"]
	# In mean, of exits that do not sleep.
	def handling(p):
	    v = [e for m in r[p]["windows"][0]["tracer"]["vms"] for c in m["vcpus"] for e in c["reasons"] if e["name"] != "HLT"]
	    return sum(e["total_ns"] for e in v) / sum(e["timed"] for e in v)
	def rtt(p):
	    return r[p]["windows"][0]["result"]["rtt_mean_ns"]
	if not eval(sys.argv[2]):
	    print(sys.argv[1], "fails:", sys.argv[2], file=sys.stderr)
	    for p in sorted(r):
	        print(p, boots(p), handling(p), r[p]["windows"][0]["result"], r[p]["volatile"]["wall"], file=sys.stderr)
	    sys.exit(1)
	EOF
}

echo "1..9"
$x run scenarios/selftest-seven.yaml -o "$work/seven" 2>"$work/seven.err"
t "one guest, and seven at once, run" $?
query "$work/seven" 'max(boots("vhost,guests.count=7")) <= 1.1 * boots("vhost,guests.count=1")[0]'
t "a guest boots beside six others in 1.1 times the time it takes alone, at most" $?
query "$work/seven" 'len(r["vhost,guests.count=7"]["windows"][0]["result"]["per_guest"]) == 7'
t "all seven were served" $?

$x run scenarios/selftest-timed.yaml -o "$work/timed" 2>"$work/timed.err"
t "points in modelled time run" $?
query "$work/timed" 'all(j["volatile"]["wall"]["snapshot"] == "reused" for j in r.values())'
t "they start from the machine saved for counts, whatever their costs" $?
query "$work/timed" 'handling("vhost,costs=epyc.slow") > handling("vhost,costs=epyc")'
t "an exit takes longer where instructions take longer" $?

$x run scenarios/selftest-wakeup.yaml -o "$work/wakeup" 2>"$work/wakeup.err"
t "a vhost worker that sleeps and one that polls run" $?
# Both ways of a request wake the worker: an interrupt of 500 ns, and some thousand instructions to leave
# idle, to switch, and a doorbell. If a spinning CPU slowed the others, polling would be the slower one.
query "$work/wakeup" '0 <= rtt("sleeps") - rtt("polls") <= 0.25 * rtt("polls")'
t "a polling worker slows nobody: a round trip is shorter by what wake-ups take, at most a quarter" $?
# With moderation half of them take 1.6 to 19 times as long as the shortest.
query "$work/wakeup" 'all(r[p]["windows"][0]["result"]["rtt_p50_ns"] < 1.2 * r[p]["windows"][0]["result"]["rtt_min_ns"] for p in r)'
t "without moderation no interrupt is held back: half of the round trips are as short as any" $?
