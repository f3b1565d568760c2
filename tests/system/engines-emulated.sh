#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# The two engines of exitlab stat in the emulated testbed's host (L1, two CPUs): both at the same time
# and one after the other must give the same counts, which are those of the guests and those of the
# kernel's own hist triggers. Events that find no room, CPUs that come and go, SIGKILL. Prints TAP;
# 2 minutes.
#
# usage: tests/system/engines-emulated.sh [--kernel PACKAGE]	(needs the testbed: make setup)

. "$(dirname "${BASH_SOURCE[0]}")/../../testbed/lib.sh"
. "$(dirname "${BASH_SOURCE[0]}")/l1.sh"
cd "$TOP"
[ "${1:-}" != --kernel ] || shift
l1_open "$@"

l1_put build/exitlab
l1_put build/guest/kvmguest
l1_put "$(command -v setpriv)" setpriv-real

l1_run -accel tcg,thread=single -icount shift=0,sleep=off -smp 2 <<'INIT'
echo '#!/bin/sh' >/bin/guest
echo 'exec kvmguest --out 1009 --cpuid 2003 --hlt 503 --wrmsr 1511' >>/bin/guest
chmod 755 /bin/guest /tmp /bin
ev=/sys/kernel/tracing/events/kvm
# The kernel's own count of every entry, and of every exit by thread and reason, from zero.
hist_on() {
	echo 'hist:keys=common_pid' >$ev/kvm_entry/trigger
	echo 'hist:keys=common_pid,isa,exit_reason:size=4096' >$ev/kvm_exit/trigger
}
hist_off() { # SECTION
	for e in entry exit; do
		echo "@@ $1 hist_$e"
		cat $ev/kvm_$e/hist
		echo "!$(grep -o '^hist:[^ ]*' $ev/kvm_$e/trigger | head -n 1)" >$ev/kvm_$e/trigger
	done
}
# show NAME PART FILE
show() {
	echo "@@ $1 $2"
	cat $3
	: >$3
}
# section NAME COMMAND... : what it printed, and its status
section() {
	name=$1; shift
	hist_on
	"$@" >/tmp/out 2>/tmp/err
	echo $? >/tmp/rc
	hist_off $name
	for part in out err rc; do show $name $part /tmp/$part; done
	echo "@@ end"
}
# window SECONDS ENGINE... : starts one exitlab stat per engine; window_end waits for them
window() {
	seconds=$1; shift
	pids=
	for e in "$@"; do
		exitlab stat --engine $e --detail msr --json --duration $seconds -o /tmp/$e.json 2>/tmp/$e.err &
		pids="$pids $!"
	done
	sleep 1.5
}
window_end() { # SECTION ENGINE...
	name=$1; shift
	for p in $pids; do wait $p; done
	for e in "$@"; do show $name $e /tmp/$e.json; show $name ${e}_err /tmp/$e.err; done
	echo "@@ end"
}

# One guest with known counts, and one that moves between the CPUs all the time.
hist_on
window 5 bpf perf
kvmguest --out 11 --cpuid 13 --hlt 7 --wrmsr 17 --loop 0.7 --json >/tmp/loop & vm=$!
guest & fixed=$!
while kill -0 $vm 2>/dev/null; do
	taskset -p 1 $vm >/dev/null 2>&1; usleep 3000
	taskset -p 2 $vm >/dev/null 2>&1; usleep 3000
done
wait $vm; wait $fixed
echo "@@ both fixed_pid"; echo $fixed
echo "@@ both loop_pid"; echo $vm
echo "@@ both loop"; cat /tmp/loop
window_end both bpf perf
hist_off both
echo "@@ end"

section bpf exitlab stat --engine bpf --json -- guest
section perf exitlab stat --engine perf --json -- guest
section text exitlab stat --engine perf -- guest
section intervals exitlab stat --engine perf --detail msr 0.01 --csv -- guest
section rung env EXITLAB_RUNG=none exitlab stat --json -- guest
section cpu0 exitlab stat -C 0 --json -- taskset 2 guest
section cpu1 exitlab stat -C 1 --json -- taskset 2 guest
section signals exitlab stat --engine perf --signals all --json -- guest

# A ring of one page, and nobody who reads it: stopped while the first guest runs.
hist_on
EXITLAB_RING_KB=4 exitlab stat --engine perf --json --duration 5 >/tmp/out 2>/tmp/err & p=$!
sleep 1.5
kill -STOP $p; guest >/dev/null; kill -CONT $p
sleep 0.5
kvmguest --out 5 >/dev/null
wait $p
hist_off lost
show lost out /tmp/out
show lost err /tmp/err
echo "@@ end"

# CPU 1 comes while the tracer runs, and goes again.
hist_on
echo 0 >/sys/devices/system/cpu/cpu1/online
window 12 perf
taskset 1 guest >/dev/null
echo 1 >/sys/devices/system/cpu/cpu1/online
sleep 2.5
taskset 2 guest >/dev/null
echo 0 >/sys/devices/system/cpu/cpu1/online
sleep 2.5
guest >/dev/null
echo 1 >/sys/devices/system/cpu/cpu1/online
window_end hotplug perf
hist_off hotplug
echo "@@ end"

# CPU 1 goes, and is back before a tracer that looks once a second has seen that.
hist_on
window 5 perf
taskset 2 guest >/dev/null
echo 0 >/sys/devices/system/cpu/cpu1/online
echo 1 >/sys/devices/system/cpu/cpu1/online
usleep 50000
taskset 2 guest >/dev/null
window_end blink perf
hist_off blink
echo "@@ end"

# Nothing is left after SIGKILL.
events() { ls -l /proc/[0-9]*/fd 2>/dev/null | grep -c 'perf_event'; }
echo "@@ kill out"
exitlab stat --engine perf --duration 100 2>/dev/null & p=$!
sleep 1.5
events
kill -9 $p; wait $p 2>/dev/null
events
cat $ev/kvm_exit/enable
echo "@@ end"
section again exitlab stat --engine perf --json -- guest

chmod 666 /dev/kvm
# as CAPS COMMAND... : as nobody, with these capabilities alone
as() {
	caps=$1; shift
	setpriv-real --reuid 65534 --regid 65534 --clear-groups --inh-caps "-all,$caps" \
		--ambient-caps "-all,$caps" --bounding-set "-all,$caps" "$@"
}
echo 2 >/proc/sys/kernel/perf_event_paranoid
section least as +perfmon,+dac_read_search exitlab stat --json -- guest
section ring env EXITLAB_RING_KB=65536 setpriv-real --reuid 65534 --regid 65534 --clear-groups \
	--inh-caps -all,+perfmon,+dac_read_search --ambient-caps -all,+perfmon,+dac_read_search \
	--bounding-set -all,+perfmon,+dac_read_search exitlab stat --engine perf --json -- guest
INIT
[ -z "${ENGINES_LOG:-}" ] || cp "$L1_WORK/text" "$ENGINES_LOG"
python3 tests/system/engines-emulated.py "$L1_WORK/text"
