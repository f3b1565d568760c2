#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# What production does to a tracer, in the emulated host (L1, two CPUs), whose KVM calls kvm_exit: a
# thousand VMs, more vCPUs than there is room for, threads and vCPUs that are not one to one, CPUs that go,
# VMs and tracers that are killed, other tracers, KVM unloaded. Every count is also that of a histogram in
# the kernel. Prints TAP.
#
# usage: tests/system/robust-emulated.sh [KERNEL]	(needs the testbed: make setup)
#
# KERNEL: a release that apt knows, for another kernel in L1, such as 6.1.0-56-amd64

. "$(dirname "${BASH_SOURCE[0]}")/../../testbed/lib.sh"
. "$(dirname "${BASH_SOURCE[0]}")/l1.sh"
cd "$TOP"
l1_open "$@"
gcc -std=gnu11 -D_GNU_SOURCE -O2 -static -s -Wall -Wextra -Werror -pthread -o "$L1_WORK/robust-vms" \
	tests/system/robust-vms.c
l1_put build/exitlab
l1_put "$L1_WORK/robust-vms"

vms=${1:+200}	# another kernel: to save time
{ echo "vms=${vms:-1000}"; cat <<'INIT'; } | l1_run -accel tcg,thread=single -icount shift=0,sleep=off,quantum=20000 -smp 2
kvm_exit=/sys/kernel/tracing/events/kvm/kvm_exit
hist_on() { echo 'hist:keys=exit_reason' >$kvm_exit/trigger; }
hist_off() { echo '!hist:keys=exit_reason' >$kvm_exit/trigger; }
hist_clear() { echo 'hist:keys=exit_reason:clear' >>$kvm_exit/trigger; }
hist() { sed -n 's/^ *Hits: /hist=/p' $kvm_exit/hist >>/tmp/more; }
# attached PID : waits until it counts, which is when it has given up its capabilities
attached() {
	until grep -q '^CapEff:.*0000000000000000$' /proc/$1/status; do
		[ -d /proc/$1/fd ] || return
		sleep 0.05
	done
}
# start ARGUMENT... : exitlab in the background, attached; its pid in $pid
start() {
	hist_clear
	exitlab "$@" >/tmp/out 2>/tmp/err & pid=$!
	attached $pid
}
# end NAME : stops it as a user would
end() {
	hist
	kill -INT $pid; wait $pid; echo $? >/tmp/rc
	[ ! -e /tmp/json ] || { cat /tmp/json >>/tmp/out; rm /tmp/json; }
	show $1
}
# watched NAME COMMAND... : a command under stat
watched() {
	name=$1; shift
	hist_clear
	exitlab stat --json -o /tmp/json -- "$@" >/tmp/more 2>/tmp/err
	echo $? >/tmp/rc; cat /tmp/json >/tmp/out; rm /tmp/json
	hist
	show $name
}
# fds PID : how many descriptors it has when it does not look at anything
fds() { for i in 1 2 3 4 5 6; do ls -l /proc/$1/fd | grep -vE 'bpf_iter|/proc|/sys|/tmp/.*prom' | wc -l; sleep 0.07; done | sort -n | head -n 1; }
# size NAME PID : memory in kB, descriptors, memory of maps in bytes
size() {
	sed -n "s/^VmRSS:[^0-9]*\([0-9]*\) kB/rss_$1=\1/p; s/^VmData:[^0-9]*\([0-9]*\) kB/data_$1=\1/p" /proc/$2/status
	echo "fds_$1=$(fds $2)"
	cat /proc/$2/fdinfo/* 2>/dev/null | awk -v n=$1 '/^memlock:/ { s += $2 } END { print "maps_" n "=" s }'
}
# sums FILE : of the CSV of stat: exits, those for I/O, VMs with 101 of them, and the ledger
sums() {
	awk -F, '$10 == "exits" { all += $11; if ($8 == "IOIO") { io += $11; n[$11]++ } }
		$10 ~ /^ledger_/ { print $10 "=" $11 }
		END { print "exits=" all; print "ioio=" io; for (k in n) print "vcpus_with_" k "=" n[k] }' $1
}
hist_on

# --- many VMs, one after the other
start stat --csv -o /tmp/csv
robust-vms serial 100 101; size 100 $pid >>/tmp/more
robust-vms serial $((vms - 100)) 101; size all $pid >>/tmp/more
echo "vms=$vms" >>/tmp/more
hist; kill -INT $pid; wait $pid; echo $? >/tmp/rc; sums /tmp/csv >>/tmp/more; show many

# A host that has seen many is given less room, and VMs that ended are forgotten sooner.
export EXITLAB_RESTART_AT=32 EXITLAB_FORGET_S=1
start export --textfile /tmp/x.prom --interval 0.3
unset EXITLAB_RESTART_AT EXITLAB_FORGET_S
robust-vms serial 100 101; size 100 $pid >>/tmp/more
robust-vms serial $((vms / 5)) 101; size all $pid >>/tmp/more
hist; kill $pid; wait $pid; echo $? >/tmp/rc; grep -E '^exitlab_(tracer|up)' /tmp/x.prom >/tmp/out; show months

# More vCPUs that run than it wants to have room for: starting anew would not help.
export EXITLAB_RESTART_AT=8
start export --textfile /tmp/x.prom --interval 0.2
unset EXITLAB_RESTART_AT
robust-vms threads 16 7 stay >/tmp/done & vm=$!
sleep 2
kill $pid; wait $pid; echo $? >/tmp/rc; grep -E '^exitlab_(tracer|up|exits_total.*IOIO)' /tmp/x.prom >/tmp/out; show crowd
kill $vm; wait $vm

# --- more vCPUs than room for them: each with a thread, then all of one thread
for how in threads vcpus; do
	start stat --csv -o /tmp/csv
	robust-vms $how 1100 7 stay >/tmp/done & vm=$!
	until grep -q done /tmp/done || [ ! -d /proc/$vm/fd ]; do sleep 0.05; done
	hist; kill -INT $pid; wait $pid; echo $? >/tmp/rc; sums /tmp/csv >>/tmp/more; show full_$how
	kill $vm; wait $vm
done

# --- threads and vCPUs
watched alternate robust-vms alternate 101
watched turns robust-vms turns 53
watched migrate robust-vms migrate 2003
flip() { while [ -e /tmp/flip ]; do for v in 0 1; do echo $v >/sys/devices/system/cpu/cpu1/online; echo; done; done; }
touch /tmp/flip
flip >/tmp/flips & flipper=$!
watched hotplug robust-vms migrate 5003
rm /tmp/flip; wait $flipper
echo "flips=$(wc -l </tmp/flips)" >/tmp/more; show flips

# --- killed: the VM, then the tracer
start stat --json -o /tmp/json
robust-vms forever & vm=$!
sleep 0.5; kill -9 $vm; wait $vm
end killed
sleep 1		# the kernel frees programs a little later
robust-vms bpf | sed 's/^/before /' >/tmp/more
for c in "stat" "export --textfile /tmp/x.prom" "top -b"; do
	start $c
	robust-vms bpf | sed 's/^/while /' >>/tmp/more
	kill -9 $pid; wait $pid
	sleep 1
	robust-vms bpf | sed 's/^/after /' >>/tmp/more
done
show sigkill

# --- not alone
exitlab stat --json -o /tmp/second 2>/dev/null & second=$!
attached $second
start stat --json -o /tmp/json
robust-vms serial 3 1009
kill -INT $second; wait $second
end first
cat /tmp/second >/tmp/out; show second
watched perf_inside robust-vms perf kvm/kvm_exit robust-vms serial 3 1009
hist_clear
robust-vms perf kvm/kvm_exit exitlab stat --json -o /tmp/json -- robust-vms serial 3 1009 >/tmp/more
cat /tmp/json >/tmp/out; hist; show perf_outside

# --- KVM unloaded: not while it is traced, but the part for this CPU; and loaded again
hist_off
exitlab stat --json -o /tmp/json 2>/tmp/err & pid=$!
attached $pid
robust-vms serial 3 101
rmmod kvm_amd 2>/dev/null; echo "rmmod_kvm_amd=$?" >>/tmp/more
rmmod kvm 2>/dev/null; echo "rmmod_kvm=$?" >>/tmp/more
exitlab stat -- true >/dev/null 2>/tmp/nokvm; echo "rc_without=$?" >>/tmp/more
modprobe kvm_amd; echo "modprobe=$?" >>/tmp/more
robust-vms serial 4 101
kill -INT $pid; wait $pid; echo $? >/tmp/rc
cat /tmp/json >/tmp/out; cat /tmp/nokvm >>/tmp/err; show reload
rmmod kvm_amd; rmmod kvm
section unloaded exitlab stat -- true
modprobe kvm_amd
hist_on
watched reloaded robust-vms serial 3 1009
hist_off
INIT
[ -z "${ROBUST_EMULATED_LOG:-}" ] || cp "$L1_WORK/text" "$ROBUST_EMULATED_LOG"
python3 tests/system/robust-emulated.py "$L1_WORK/text"
