#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# Every way of attaching the exits programs (tp_btf, raw_tp, tp) gives the same counts: those the guest
# made, those of a hist trigger on kvm_exit and those of KVM itself, difference 0. Also the details by
# port, MSR and page, counting on some CPUs only, and the names of exit reasons, which must be those
# of the kernel's own format file. In the emulated host (L1) with the testbed's kernel, then with
# Debian's 6.1, which has another verifier and traces the exit later. Prints TAP; 3 minutes.
#
# usage: tests/system/rungs-emulated.sh [KERNEL...]	KERNEL as --kernel of exitlab run, "" = the
#							testbed's own (needs the testbed: make setup)

. "$(dirname "${BASH_SOURCE[0]}")/../../testbed/lib.sh"
cd "$TOP"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# put PROGRAM : a program and every shared library it needs
put() {
	local lib
	install -D -m 755 "$1" "$work/root/bin/${1##*/}"
	{ ldd "$1" 2>/dev/null || true; } | sed -n 's/^[^/]*\(\/[^ ]*\) (0x.*/\1/p' | while read -r lib; do
		[ -e "$work/root$lib" ] || install -D -m 755 "$lib" "$work/root$lib"
	done
}
put build/exitlab
put build/guest/kvmguest
put "$(command -v setpriv)"
mv "$work/root/bin/setpriv" "$work/root/bin/setpriv-real"

# The image's own init up to where it starts exitlab-point; a second archive replaces files of the first.
{
	sed '/starting exitlab/,$d' testbed/guest/l1-init
	cat <<'INIT'
event=/sys/kernel/tracing/events/kvm/kvm_exit
[ -d $event ] || mount -t tracefs tracefs /sys/kernel/tracing
[ -d /sys/kernel/debug/kvm ] || mount -t debugfs debugfs /sys/kernel/debug
echo '#!/bin/sh' >/bin/guest
echo 'exec kvmguest --out 1009 --cpuid 2003 --hlt 503 --wrmsr 1511 --in 701 --mmio 809' >>/bin/guest
chmod 755 /bin/guest
# section NAME COMMAND... : what it printed, what the hist trigger counted meanwhile, and its status
section() {
	name=$1; shift
	echo 'hist:keys=exit_reason' >$event/trigger
	"$@" >/tmp/out 2>/tmp/err
	echo $? >/tmp/rc
	cat $event/hist >/tmp/hist
	echo '!hist:keys=exit_reason' >$event/trigger
	for part in out err rc hist; do
		echo "@@ $name $part"
		cat /tmp/$part
		: >/tmp/$part
	done
	echo "@@ end"
}
echo "@@ kernel out"; uname -r
echo "@@ format out"; cat $event/format
echo "@@ end"
for rung in best tp_btf raw_tp tp kvm_entry=tp_btf,kvm_exit=tp kvm_entry=tp,kvm_exit=raw_tp; do
	name=$(echo $rung | sed 's/[^a-z_]/_/g')
	option="--rung $rung"
	[ $rung != best ] || option=
	section $name exitlab stat $option --json -- guest
	section ${name}_detail exitlab stat $option --detail msr,port,gpa --json -- guest
done
# A guest that is moved from CPU to CPU: what each CPU saw adds up, on both sides of the ledger.
echo '#!/bin/sh' >/bin/mover
echo 'kvmguest --out 1009 --loop 0.2 & p=$!' >>/bin/mover
echo 'while kill -0 $p 2>/dev/null; do taskset -p 1 $p; taskset -p 2 $p; done >/dev/null 2>&1; wait $p' >>/bin/mover
chmod 755 /bin/mover
# Which exits are timed: the counts are the same.
for time in all 2 16 off; do
	section time_$time exitlab stat --time $time --json -- guest
done
section time_8 exitlab stat --time 8 --json -- kvmguest --cpuid 20011 --out 1009
section time_8_all exitlab stat --time all --json -- kvmguest --cpuid 20011 --out 1009
section time_16_raw_tp exitlab stat --time 16 --rung raw_tp --json -- guest
section time_16_tp exitlab stat --time 16 --rung tp --json -- guest
section time_text exitlab stat --time 16 -- guest
section time_moved exitlab stat --time 16 --json -- mover
section table exitlab stat --detail port -- guest
section pages exitlab stat --detail gpa --json -- kvmguest --pages 401 --out 7
section csv exitlab stat --detail gpa --csv -- guest

# -C: a guest on each CPU at the same time
two() {
	echo '#!/bin/sh' >/bin/both
	echo 'taskset 1 kvmguest --out 1009 & taskset 2 kvmguest --out 307 --cpuid 211 & wait' >>/bin/both
	chmod 755 /bin/both
	section $1 exitlab stat $2 --json -- both
}
two cpus_all ""
two cpus_both "-C 0-1"
two cpu_zero "-C 0"
two cpu_one "-C 1"
two cpu_one_tp "-C 1 --rung tp"
section moved exitlab stat --json -- mover
section moved_all exitlab stat --time all --json -- mover
section moved_tp exitlab stat --rung tp --json -- mover
section moved_one exitlab stat -C 1 --json -- mover

# Without CAP_SYS_ADMIN the BTF of modules is closed: lower rungs, same counts.
chmod 666 /dev/kvm
echo 2 >/proc/sys/kernel/perf_event_paranoid
caps=+bpf,+perfmon,+dac_read_search
as() { setpriv-real --reuid 65534 --regid 65534 --clear-groups --inh-caps "-all,$caps" \
	--ambient-caps "-all,$caps" --bounding-set "-all,$caps" "$@"; }
section least as exitlab stat --json -- guest
section least_sampled as exitlab stat --time 7 --json -- guest
section least_forced as exitlab stat --rung tp_btf --json -- guest
echo "@@ all done"
poweroff -f
INIT
} >"$work/root/init"
chmod +x "$work/root/init"
(cd "$work/root" && find . -mindepth 1 | cpio --create --format=newc --quiet) >"$work/test.cpio"

old=$(apt-cache pkgnames linux-image-6.1.0- | sed -n 's/^linux-image-\(6\.1\.0-[0-9]*-amd64\)$/\1/p' | sort -V | tail -n 1)
[ $# -gt 0 ] || set -- "" ${old:+"$old"}
rc=0 first=1
for kernel; do
	paths=$(testbed/build.sh ${kernel:+--kernel "$kernel"} "$PWD/build/exitlab-point")
	images=$(sed -n 's/^images //p' <<<"$paths")
	qemu=$(sed -n 's/^qemu //p' <<<"$paths")
	cat "$images/l1.cpio" "$work/test.cpio" >"$work/l1.cpio"
	timeout 1500 "$qemu/qemu-l0" -L "$qemu/share" -nodefaults -no-user-config -no-reboot -display none \
		-machine q35,hpet=off -accel tcg,thread=single -icount shift=0,sleep=off \
		-rtc base=2024-01-01T00:00:00,clock=vm -seed 1 -smp 2 -m 1500 \
		-cpu max,la57=off,+svm,+x2apic,-rdrand,-rdseed -kernel "$images/vmlinux" \
		-initrd "$work/l1.cpio" -serial "file:$work/log" -append "console=ttyS0 panic=-1 \
mitigations=off nokaslr ipv6.disable=1 cryptomgr.notests tsc=reliable quiet" >&2 ||
		echo "the emulated machine did not end: $(tail -n 3 "$work/log")" >&2
	tr -d '\r' <"$work/log" >"${RUNGS_EMULATED_LOG:-$work/text}"
	python3 tests/system/rungs-emulated.py "${RUNGS_EMULATED_LOG:-$work/text}" $first || rc=1
	first=$((first + 100))
done
[ -n "$old" ] || echo "ok $first - all rungs on Linux 6.1 # SKIP apt has no 6.1 kernel"
exit $rc
