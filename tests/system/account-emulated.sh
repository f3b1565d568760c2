#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# The time account in the emulated testbed's host (L1), where all events fire: it closes, and each
# part equals what others know of the same time: the scheduler, KVM's own statistics, the engine of
# exits, and a trace of the same events by ftrace. Prints TAP; 1 minute.
#
# usage: tests/system/account-emulated.sh [--kernel PACKAGE]	(needs the testbed: make setup)

. "$(dirname "${BASH_SOURCE[0]}")/../../testbed/lib.sh"
. "$(dirname "${BASH_SOURCE[0]}")/l1.sh"
cd "$TOP"
[ "${1:-}" != --kernel ] || shift
l1_open "$@"
mkdir -p build/tests
gcc -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror -O2 -static -s -o build/tests/account-guest \
	tests/system/account-guest.c

l1_put build/exitlab
l1_put build/tests/account-guest
l1_put build/guest/timers
l1_put "$(command -v setpriv)" setpriv-real

l1_run -accel tcg,thread=single -icount shift=0,sleep=off -smp 1 <<'INIT'
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
# By trace records. Interrupts, polling and the run queue, as above.
by_record() { exitlab stat --rung tp --signals account --json -- "$@"; }
poll 200000
section polled_tp by_record account-guest 400 20000 0 100000
section noisy_tp by_record noisy
section two_tp by_record two
section records env EXITLAB_RECORDS_ONLY=1 exitlab stat --rung tp --signals account --json -- \
	account-guest 100 20000 0 100000
section records_text env EXITLAB_RECORDS_ONLY=1 exitlab stat --rung tp --signals account -- \
	account-guest 10 20000 0 100000
poll 0
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
INIT
[ -z "${ACCOUNT_EMULATED_LOG:-}" ] || cp "$L1_WORK/text" "$ACCOUNT_EMULATED_LOG"
python3 tests/system/account-emulated.py "$L1_WORK/text"
