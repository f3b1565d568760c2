#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# Traces of a few interrupts of an assigned virtual function, for the papers' schematics: the emulated host
# with eli-ref/patches runs one guest, and `exitlab record` writes what happens during a few round trips
# in each mode. What the host's kernel traced goes to OUT/eli-{off,delivery,full}.trace (text of
# `exitlab script`, the vCPU's CPU only). Some minutes.
#
# usage: testbed/paper-trace.sh [OUT]	(default: results/paper-traces; needs the testbed: make setup)

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$TOP"
out=${1:-results/paper-traces}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

modules=$(testbed/build-kvm.sh --no-intel --patch eli-ref/patches)
paths=$(testbed/build.sh --modules "$modules" "$PWD/build/exitlab-point")
images=$(sed -n 's/^images //p' <<<"$paths")
qemu=$(sed -n 's/^qemu //p' <<<"$paths")
mkdir -p "$work/root/bin" "$out"
cp tests/system/eli-l1.sh "$work/root/"
# exitlab and every shared library it needs
install -m 755 build/exitlab "$work/root/bin/exitlab"
ldd build/exitlab | sed -n 's/^[^/]*\(\/[^ ]*\) (0x.*/\1/p' | while read -r lib; do
	[ -e "$work/root$lib" ] || install -D -m 755 "$lib" "$work/root$lib"
done
{
	sed '/starting exitlab/,$d' testbed/guest/l1-init
	echo '. /eli-l1.sh'
	cat <<'INIT'
taskset -p 1 $$ >/dev/null
# The load of one trace: it answers after the last reply.
printf '#!/bin/sh\necho | /bin/ip netns exec peer netload rr udp 10.0.0.10 5001 1 1 0 8\n' >/bin/load
chmod 755 /bin/load
vf_up
guest_up
ask 'netload server udp 5001 1 1 >/dev/null 2>&1 &' >/dev/null
rr 50 >/dev/null
for m in off delivery full; do
	mode $m
	rr 20 >/dev/null
	g=$(guest_irqs)
	exitlab record --events kvm,irq -o /tmp/$m.trace -- load >/tmp/out 2>&1
	echo "@@ $m"
	echo "# interrupts of the card in the whole trace, counted by the guest: $(($(guest_irqs) - g))"
	sed 's/^/# /' /tmp/out
	exitlab script -i /tmp/$m.trace | grep -E '\[001\]'
	echo "@@ end"
done
echo "@@ all done"
poweroff -f
INIT
} >"$work/root/init"
chmod +x "$work/root/init"
(cd "$work/root" && find . -mindepth 1 | cpio --create --format=newc --quiet) >"$work/test.cpio"
cat "$images/l1.cpio" "$work/test.cpio" >"$work/l1.cpio"
timeout "${TRACE_TIMEOUT:-900}" "$qemu/qemu-l0" -L "$qemu/share" -nodefaults -no-user-config -no-reboot -display none \
	-machine q35,hpet=off -device intel-iommu,intremap=on,eim=on \
	-accel tcg,thread=single -icount shift=0,sleep=off,quantum=2000 \
	-rtc base=2024-01-01T00:00:00,clock=vm -seed 1 -smp 2 -m 2048 \
	-cpu max,la57=off,+svm,+x2apic,-rdrand,-rdseed,-monitor,-erms,-fsrm,-fzrm,-fsrs,-fsrc \
	-netdev hubport,id=n0,hubid=0 -netdev hubport,id=n1,hubid=0 \
	-device pcie-root-port,id=rp0,bus=pcie.0,chassis=1,slot=1,pref32-reserve=16M \
	-device igb,netdev=n0,bus=rp0,mac=52:54:00:00:00:02,romfile= \
	-device pcie-root-port,id=rp1,bus=pcie.0,chassis=2,slot=2 \
	-device e1000e,netdev=n1,bus=rp1,mac=52:54:00:00:00:01,romfile= \
	-kernel "$images/vmlinux" -initrd "$work/l1.cpio" -serial "file:$work/log" -append "console=ttyS0 panic=-1 \
mitigations=off nokaslr ipv6.disable=1 cryptomgr.notests tsc=reliable quiet intel_iommu=on iommu=strict" >&2 ||
	die "the emulated machine did not end: $(tail -n 3 "$work/log")"
tr -d '\r' <"$work/log" >"$work/text"
[ -z "${TRACE_LOG:-}" ] || cp "$work/text" "$TRACE_LOG"
grep -q '^@@ all done' "$work/text" || die "the host did not come to its end: $(tail -n 3 "$work/text")"
for m in off delivery full; do
	sed -n "/^@@ $m\$/,/^@@ end/{/^@@/!p}" "$work/text" >"$out/eli-$m.trace"
	say "$out/eli-$m.trace: $(grep -vc '^#' "$out/eli-$m.trace") events"
done
