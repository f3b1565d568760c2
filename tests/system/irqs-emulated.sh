#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# exitlab stat --signals interrupts in the emulated testbed's host (L1): every count must be the one that
# the guest made and counted itself (irqs-guest.c), and the one of hist triggers on KVM's tracepoints.
# Prints TAP; 2 minutes.
#
# usage: tests/system/irqs-emulated.sh [--kernel PACKAGE]	(needs the testbed: make setup)

. "$(dirname "${BASH_SOURCE[0]}")/../../testbed/lib.sh"
cd "$TOP"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

paths=$(testbed/build.sh "$@" "$PWD/build/exitlab-point")
images=$(sed -n 's/^images //p' <<<"$paths")
qemu=$(sed -n 's/^qemu //p' <<<"$paths")

# put PROGRAM [NAME] : a program and every shared library it needs
put() {
	local lib
	install -D -m 755 "$1" "$work/root/bin/${2:-${1##*/}}"
	{ ldd "$1" 2>/dev/null || true; } | sed -n 's/^[^/]*\(\/[^ ]*\) (0x.*/\1/p' | while read -r lib; do
		[ -e "$work/root$lib" ] || install -D -m 755 "$lib" "$work/root$lib"
	done
}
gcc -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -O2 -static -pthread -s -o "$work/irqs-guest" tests/system/irqs-guest.c
put "$work/irqs-guest"
put build/exitlab
put "$(command -v setpriv)" setpriv-real

# The image's own init up to where it starts exitlab-point; a second archive replaces files of the first.
{
	sed '/starting exitlab/,$d' testbed/guest/l1-init
	cat <<'INIT'
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
unset EXITLAB_RUNG
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
echo "@@ all done"
poweroff -f
INIT
} >"$work/root/init"
chmod +x "$work/root/init"
(cd "$work/root" && find . -mindepth 1 | cpio --create --format=newc --quiet) >"$work/test.cpio"
cat "$images/l1.cpio" "$work/test.cpio" >"$work/l1.cpio"
timeout 1500 "$qemu/qemu-l0" -L "$qemu/share" -nodefaults -no-user-config -no-reboot -display none \
	-machine q35,hpet=off -accel tcg,thread=single -icount shift=0,sleep=off \
	-rtc base=2024-01-01T00:00:00,clock=vm -seed 1 -smp 1 -m 1500 \
	-cpu max,la57=off,+svm,+x2apic,-rdrand,-rdseed -kernel "$images/vmlinux" \
	-initrd "$work/l1.cpio" -serial "file:$work/log" -append "console=ttyS0 panic=-1 \
mitigations=off nokaslr ipv6.disable=1 cryptomgr.notests tsc=reliable quiet" >&2 ||
	echo "the emulated machine did not end: $(tail -n 3 "$work/log")" >&2
tr -d '\r' <"$work/log" >"${IRQS_EMULATED_LOG:-$work/text}"
python3 tests/system/irqs-emulated.py "${IRQS_EMULATED_LOG:-$work/text}"
