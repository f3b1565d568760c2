#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# exitlab stat --signals interrupts in the emulated testbed's host (L1): every count must be the one that
# the guest made and counted itself (irqs-guest.c), and the one of hist triggers on KVM's tracepoints.
# Prints TAP; 2 minutes.
#
# usage: tests/system/irqs-emulated.sh [--kernel PACKAGE]	(needs the testbed: make setup)

. "$(dirname "${BASH_SOURCE[0]}")/../../testbed/lib.sh"
. "$(dirname "${BASH_SOURCE[0]}")/l1.sh"
cd "$TOP"
[ "${1:-}" != --kernel ] || shift
l1_open "$@"

gcc -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -O2 -static -pthread -s -o "$L1_WORK/irqs-guest" tests/system/irqs-guest.c
l1_put "$L1_WORK/irqs-guest"
l1_put build/exitlab
l1_put "$(command -v setpriv)" setpriv-real

l1_run -accel tcg,thread=single -icount shift=0,sleep=off -smp 1 <<'INIT'
events=/sys/kernel/tracing/events/kvm
hists="kvm_inj_virq:vector kvm_apic_accept_irq:apicid,vec kvm_eoi:vector"
# section NAME COMMAND... : what it printed, its status, and the kernel's own counts meanwhile
section() {
	name=$1; shift
	for h in $hists; do echo "hist:keys=${h#*:}:size=512" >$events/${h%:*}/trigger; done
	"$@" >/tmp/out 2>/tmp/err
	echo $? >/tmp/rc
	for h in $hists; do
		echo "== ${h%:*}"; cat $events/${h%:*}/hist
		echo "!hist:keys=${h#*:}:size=512" >$events/${h%:*}/trigger
	done >/tmp/hist
	cp /tmp/guests /tmp/guest; : >/tmp/guests
	for part in out err rc hist guest; do echo "@@ $name $part"; cat /tmp/$part; done
	echo "@@ end"
}
: >/tmp/guests
echo '#!/bin/sh
exec irqs-guest "$@" >>/tmp/guests' >/bin/guest
echo '#!/bin/sh
guest --msi 401 & guest --irqfd --msi 293,199 & wait' >/bin/two
chmod 755 /bin/guest /bin/two
stat="exitlab stat --signals interrupts --detail msr"
section one $stat --json -- guest --msi 1009
section burst $stat --json -- guest --msi 103 --bursts 53 --extra 7
section pv $stat --json -- guest --msi 509 --pv-eoi
section vcpus $stat --json -- guest --irqfd --msi 307,211 --vector 0x61
section ipi $stat --json -- guest --ipi 97 --msi 11
section two $stat --json -- two
section text $stat -- two
section csv $stat 0.02 --csv -- guest --msi 1009 --bursts 5 --extra 3
export EXITLAB_RUNG=raw_tp
section rawtp $stat --json -- two
export EXITLAB_RUNG=tp_btf
section tpbtf $stat --json -- two
export EXITLAB_RUNG=tp
section tp $stat --json -- two
section tppv $stat --json -- guest --msi 211 --pv-eoi
export EXITLAB_RECORDS_ONLY=1
section records $stat --json -- two
section recordstext $stat -- guest --msi 211
unset EXITLAB_RUNG EXITLAB_RECORDS_ONLY
export EXITLAB_NO_FENTRY=1
section nofentry $stat --json -- guest --msi 211 --pv-eoi
section nofentrytext $stat -- guest --msi 211
unset EXITLAB_NO_FENTRY
guest --msi 3000000 & vm=$!
sleep 0.3
section pid $stat --json -p $vm -- guest --msi 37
kill $vm; wait $vm
guest --msi 3000000 & vm=$!
sleep 0.3
section running $stat --json --duration 0.2
kill $vm; wait $vm
chmod 666 /dev/kvm /tmp/guests
chmod 755 /tmp /bin
echo 2 >/proc/sys/kernel/perf_event_paranoid
caps=-all,+bpf,+perfmon,+dac_read_search
section least setpriv-real --reuid 65534 --regid 65534 --clear-groups --inh-caps $caps --ambient-caps $caps \
	--bounding-set $caps $stat --json -- guest --msi 211 --pv-eoi
INIT
[ -z "${IRQS_EMULATED_LOG:-}" ] || cp "$L1_WORK/text" "$IRQS_EMULATED_LOG"
python3 tests/system/irqs-emulated.py "$L1_WORK/text"
