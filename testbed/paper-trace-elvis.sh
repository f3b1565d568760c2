#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# Traces of two guests whose queues one I/O core serves, for the ELVIS paper's schematics: the emulated host
# with both series of patches, vCPUs on CPUs 1 and 2, the I/O core CPU 3, programs and all else on CPU 0;
# request-response to both guests at once. OUT/elvis-threads.trace: vhost as it is, a thread for each guest,
# both on CPU 3. OUT/elvis-sidecore.trace: one sidecore that polls, exitless replies.
#
# The lines are of two recorders with one clock (CLOCK_MONOTONIC): `exitlab record` for vCPUs and vhost's
# threads, and, for which queue the I/O core works on, kprobes on the functions of vhost-net that work is done
# in ("work_on: queue=tx", "work_off"; in whole microseconds). Some 6 minutes.
#
# usage: testbed/paper-trace-elvis.sh [OUT]	(default: results/paper-traces; needs the testbed: make setup)
# TRACE_LOG=FILE keeps the host's console; TRACE_MODULES=DIR takes modules that are built already.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$TOP"
out=${1:-results/paper-traces}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

modules=${TRACE_MODULES:-$(testbed/build-kvm.sh --no-intel --vhost --patch eli-ref/patches --patch elvis-ref/patches)}
paths=$(testbed/build.sh --modules "$modules" "$PWD/build/exitlab-point")
images=$(sed -n 's/^images //p' <<<"$paths")
qemu=$(sed -n 's/^qemu //p' <<<"$paths")
mkdir -p "$work/root/bin" "$out"
# exitlab and every shared library it needs
install -m 755 build/exitlab "$work/root/bin/exitlab"
ldd build/exitlab | sed -n 's/^[^/]*\(\/[^ ]*\) (0x.*/\1/p' | while read -r lib; do
	[ -e "$work/root$lib" ] || install -D -m 755 "$lib" "$work/root$lib"
done
{
	sed '/starting exitlab/,$d' testbed/guest/l1-init
	cat <<'INIT'
# The shell prefers its own.
ip() { /bin/ip "$@"; }
taskset -p 1 $$ >/dev/null
echo 1 >/proc/irq/default_smp_affinity
ip link set lo up

# guest_up N : guest gN, its vCPU on CPU N+1
guest_up() {
	rm -f /run/a$1.in /run/a$1.out
	mkfifo /run/a$1.in /run/a$1.out
	ip tuntap add dev t$1 mode tap vnet_hdr
	ip addr add 10.0.$1.1/24 dev t$1
	ip link set t$1 up
	ip neigh add 10.0.$1.10 lladdr 52:54:00:00:01:0$1 nud permanent dev t$1
	qemu-l1 -L /lab/share -nodefaults -no-user-config -no-reboot -display none -machine q35,accel=kvm \
		-cpu host,kvm-pv-eoi=off -m 128 -smp 1 -kernel /lab/vmlinux -initrd /lab/l2.cpio \
		-append "console=ttyS0 quiet panic=-1 mitigations=off nokaslr ipv6.disable=1 cryptomgr.notests idle=poll \
exitlab.ip=10.0.$1.10 exitlab.peer=10.0.$1.1 exitlab.peer_mac=$(cat /sys/class/net/t$1/address)" \
		-name guest=g$1,debug-threads=on -serial file:/run/g$1.console -device virtio-serial-pci \
		-chardev pipe,id=agent,path=/run/a$1 -device virtserialport,chardev=agent,name=exitlab.agent \
		-netdev tap,id=n0,ifname=t$1,script=no,downscript=no,vhost=on \
		-device virtio-net-pci,netdev=n0,mac=52:54:00:00:01:0$1,romfile= 2>/run/g$1.log &
	vmm=$!
	echo $vmm >/run/pid$1
	until vcpu=$(grep -l "CPU 0/KVM" /proc/$vmm/task/*/comm 2>/dev/null) && [ -n "$vcpu" ]; do usleep 10000; done
	vcpu=${vcpu%/comm} vcpu=${vcpu##*/}
	for t in /proc/$vmm/task/*; do taskset -p 1 ${t##*/} >/dev/null; done
	taskset -p $((2 << $1)) "$vcpu" >/dev/null
	case $1 in
	0) exec 8>/run/a0.in 9</run/a0.out ;;
	1) exec 6>/run/a1.in 7</run/a1.out ;;
	esac
	answer $1 >/dev/null
	ask $1 'netload server udp 5001 1 1 >/dev/null 2>&1 &' >/dev/null
	rr $1 20
	echo "@@ guest $1 up"
}
answer() {
	case $1 in
	0) read -r status len <&9 && dd bs=1 count="$len" <&9 2>/dev/null ;;
	1) read -r status len <&7 && dd bs=1 count="$len" <&7 2>/dev/null ;;
	esac
}
ask() { case $1 in 0) echo "$2" >&8 ;; 1) echo "$2" >&6 ;; esac; answer $1; }
rr() { echo | timeout 60 netload rr udp 10.0.$1.10 5001 1 1 0 "$2" >/dev/null; }
# both guests' requests; the shell's "wait" alone would wait for the guests
cat >/bin/load <<'L'
#!/bin/sh
for n in 0 1; do (echo | timeout 60 netload rr udp 10.0.$n.10 5001 1 1 0 $1 >/dev/null) & done
wait
L
chmod 755 /bin/load
tfs=/sys/kernel/tracing
probes() {
	echo 0 >$tfs/tracing_on
	echo mono >$tfs/trace_clock
	echo >$tfs/kprobe_events
	for f in handle_tx_kick handle_rx_kick handle_tx_net handle_rx_net; do
		echo "p:w/on_$f vhost_net:$f work=%di" >>$tfs/kprobe_events
		echo "r:w/off_$f vhost_net:$f" >>$tfs/kprobe_events
	done
	echo 1 >$tfs/events/w/enable
	echo "@@ probes $(wc -l <$tfs/kprobe_events)"
}
# trace NAME : each guest alone, so that its queues are known; then both at once
trace() {
	/bin/load 40
	echo "@@ warm"
	echo >$tfs/trace
	echo 1 >$tfs/tracing_on
	for n in 0 1; do
		echo "alone $n" >$tfs/trace_marker
		rr $n 3
	done
	echo "both" >$tfs/trace_marker
	exitlab record --events kvm,irq,sched -o /tmp/$1.trace -- /bin/load 150 >/tmp/out 2>&1
	echo 0 >$tfs/tracing_on
	echo "@@ $1 record"
	sed 's/^/# /' /tmp/out
	exitlab script -i /tmp/$1.trace
	echo "@@ end"
	echo "@@ $1 header"
	exitlab script -i /tmp/$1.trace --header --json
	echo "@@ end"
	echo "@@ $1 work"
	grep -v '^#' $tfs/trace
	echo "@@ end"
	cat /sys/kernel/debug/vhost/sidecores 2>/dev/null
}
probes

guest_up 0
guest_up 1
for n in 0 1; do
	for c in /proc/$(cat /run/pid$n)/task/*/comm; do
		grep -q '^vhost-' $c || continue
		c=${c%/comm}
		taskset -p 8 ${c##*/}
	done
done
trace threads
exec 9<&- 8>&- 7<&- 6>&-
for n in 0 1; do kill -9 $(cat /run/pid$n); ip link del t$n; done
wait
echo 3 >/sys/module/vhost/parameters/sidecores
guest_up 0
guest_up 1
for d in /sys/kernel/debug/kvm/*-*; do
	echo on >$d/eli_replies
	echo full >$d/eli_mode
done
for d in /sys/kernel/debug/kvm/*-*; do until grep -q '^mode full' $d/eli_state; do usleep 10000; done; done
/bin/load 20
usleep 20000
trace sidecore
echo "@@ all done"
poweroff -f
INIT
} >"$work/root/init"
chmod +x "$work/root/init"
(cd "$work/root" && find . -mindepth 1 | cpio --create --format=newc --quiet) >"$work/test.cpio"
cat "$images/l1.cpio" "$work/test.cpio" >"$work/l1.cpio"
timeout "${TRACE_TIMEOUT:-3000}" "$qemu/qemu-l0" -L "$qemu/share" -nodefaults -no-user-config -no-reboot -display none \
	-machine q35,hpet=off -device intel-iommu,intremap=on,eim=on \
	-accel tcg,thread=single -icount shift=0,sleep=off,quantum=2000 \
	-rtc base=2024-01-01T00:00:00,clock=vm -seed 1 -smp 4 -m 2048 \
	-cpu max,la57=off,+svm,+x2apic,-rdrand,-rdseed,-monitor,-erms,-fsrm,-fzrm,-fsrs,-fsrc \
	-kernel "$images/vmlinux" -initrd "$work/l1.cpio" -serial "file:${TRACE_LOG:-$work/log}" -append "console=ttyS0 panic=-1 \
mitigations=off nokaslr ipv6.disable=1 cryptomgr.notests tsc=reliable quiet intel_iommu=on iommu=strict" >&2 ||
	die "the emulated machine did not end: $(tail -n 3 "${TRACE_LOG:-$work/log}")"
tr -d '\r' <"${TRACE_LOG:-$work/log}" >"$work/text"
grep -q '^@@ all done' "$work/text" || die "the host did not come to its end: $(tail -n 3 "$work/text")"
for m in threads sidecore; do
	python3 testbed/paper-trace-elvis.py "$work/text" "$m" >"$out/elvis-$m.trace"
	say "$out/elvis-$m.trace: $(grep -vc '^#' "$out/elvis-$m.trace") events"
done
