#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# The time account in the emulated testbed's host (L1), where all events fire: it closes, and each
# part equals what others know of the same time: the scheduler, KVM's own statistics, the engine of
# exits, and a trace of the same events by ftrace. Prints TAP; 1 minute.
#
# usage: tests/system/account-emulated.sh [--kernel PACKAGE]	(needs the testbed: make setup)

. "$(dirname "${BASH_SOURCE[0]}")/../../testbed/lib.sh"
cd "$TOP"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

paths=$(testbed/build.sh "$@" "$PWD/build/exitlab-point")
images=$(sed -n 's/^images //p' <<<"$paths")
qemu=$(sed -n 's/^qemu //p' <<<"$paths")
mkdir -p build/tests
gcc -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror -O2 -static -s -o build/tests/account-guest \
	tests/system/account-guest.c

# put PROGRAM [NAME] : a program and every shared library it needs
put() {
	local lib
	install -D -m 755 "$1" "$work/root/bin/${2:-${1##*/}}"
	{ ldd "$1" 2>/dev/null || true; } | sed -n 's/^[^/]*\(\/[^ ]*\) (0x.*/\1/p' | while read -r lib; do
		[ -e "$work/root$lib" ] || install -D -m 755 "$lib" "$work/root$lib"
	done
}
put build/exitlab
put build/tests/account-guest
put build/guest/timers
put "$(command -v setpriv)" setpriv-real

{
	sed '/starting exitlab/,$d' testbed/guest/l1-init
	cat <<'INIT'
# The host itself reads, for each section: NAME COMMAND...
section() {
	name=$1; shift
	echo "$*" >>/tmp/log
	"$@" >/tmp/out 2>/tmp/err
	echo $? >/tmp/rc
	for part in out err rc; do
		echo "@@ $name $part"
		cat /tmp/$part
		: >/tmp/$part
	done
	echo "@@ end"
}
poll() { echo $1 >/sys/module/kvm/parameters/halt_poll_ns; }
account() { exitlab stat --signals account --json -- "$@"; }
cat >/bin/two <<'END'
#!/bin/sh
account-guest 60 1000000 5 0 & a=$!
account-guest 70 1000000 5 0 & b=$!
wait $a; wait $b
END
cat >/bin/noisy <<'END'
#!/bin/sh
{ sleep 0.05; echo; } | timers 800 150 0 >/dev/null & n=$!
sleep 0.06
account-guest 50 1000000 11 0
wait $n
END
cat >/bin/stopped <<'END'
#!/bin/sh
account-guest 1000000 10000 0 0 & g=$!
sleep 0.2; kill -STOP $g; sleep 0.3; kill -CONT $g; sleep 0.1; kill -9 $g
wait $g
exit 0
END
t=/sys/kernel/tracing
cat >/bin/traced <<'END'
#!/bin/sh
t=/sys/kernel/tracing
echo mono >$t/trace_clock
echo 8192 >$t/buffer_size_kb
for e in kvm/kvm_entry kvm/kvm_exit kvm/kvm_userspace_exit kvm/kvm_fpu kvm/kvm_vcpu_wakeup sched/sched_switch \
	sched/sched_wakeup irq_vectors/local_timer_entry irq_vectors/local_timer_exit irq/softirq_entry \
	irq/softirq_exit irq/irq_handler_entry irq/irq_handler_exit irq_vectors/irq_work_entry \
	irq_vectors/irq_work_exit irq_vectors/reschedule_entry irq_vectors/reschedule_exit; do
	echo 1 >$t/events/$e/enable
done
echo | timers 150 700 0 >/dev/null & n=$!
account-guest 120 100000 3 120000
echo 0 >$t/tracing_on
wait $n
END
chmod 755 /bin/two /bin/noisy /bin/stopped /bin/traced
poll 200000
section release uname -r
section busy account account-guest 60 2000000 3 0
section polled account account-guest 400 20000 0 100000
section long account account-guest 300 20000 0 400000
poll 0
section blocked account account-guest 400 20000 0 100000
section two account two
section noisy account noisy
section stopped account stopped
section intervals exitlab stat 0.02 --signals account --csv -- account-guest 200 100000 3 150000
section raw env EXITLAB_RUNG=raw_tp exitlab stat --signals account --json -- account-guest 100 20000 3 100000
section table exitlab stat --signals account -- account-guest 100 20000 3 100000
account-guest 1000000 100000 1 300000 >/dev/null & vm=$!
sleep 0.05
section alive exitlab stat --signals account --json --duration 0.2
chmod 755 /tmp /bin
echo 2 >/proc/sys/kernel/perf_event_paranoid
caps=-all,+bpf,+perfmon,+dac_read_search
section least setpriv-real --reuid 65534 --regid 65534 --clear-groups --inh-caps $caps --ambient-caps $caps \
	--bounding-set $caps exitlab stat --signals account --json --duration 0.1
kill $vm; wait $vm
poll 200000
section traced account traced
for e in $t/events/kvm $t/events/sched $t/events/irq $t/events/irq_vectors; do echo 0 >$e/enable; done
echo "@@ trace out"
grep -v '^#' $t/trace | sed 's/^ *//; s/  */ /g'
echo "@@ end"
echo "@@ all done"
poweroff -f
INIT
} >"$work/root/init"
chmod +x "$work/root/init"
(cd "$work/root" && find . -mindepth 1 | cpio --create --format=newc --quiet) >"$work/test.cpio"
cat "$images/l1.cpio" "$work/test.cpio" >"$work/l1.cpio"
timeout 500 "$qemu/qemu-l0" -L "$qemu/share" -nodefaults -no-user-config -no-reboot -display none \
	-machine q35,hpet=off -accel tcg,thread=single -icount shift=0,sleep=off \
	-rtc base=2024-01-01T00:00:00,clock=vm -seed 1 -smp 1 -m 1500 \
	-cpu max,la57=off,+svm,+x2apic,-rdrand,-rdseed -kernel "$images/vmlinux" \
	-initrd "$work/l1.cpio" -serial "file:$work/log" -append "console=ttyS0 panic=-1 \
mitigations=off nokaslr ipv6.disable=1 cryptomgr.notests tsc=reliable quiet" >&2 ||
	echo "the emulated machine did not end: $(tail -n 3 "$work/log")" >&2
tr -d '\r' <"$work/log" >"${ACCOUNT_EMULATED_LOG:-$work/text}"
python3 tests/system/account-emulated.py "${ACCOUNT_EMULATED_LOG:-$work/text}"
