#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# exitlab stat --signals interrupts on two Linux guests at a time in the emulated host (L1), one with an
# assigned virtual function and one with vhost-net: counts must be those of the guests' and the host's
# /proc/interrupts, line by line. Prints TAP; 2 minutes.
#
# The hard part is that a network driver's watchdog may raise an interrupt at any moment, between a look at
# /proc/interrupts and the window, too. So the guest is asked before and after the tracer is attached, and the
# same again inside its window; only if both differences are the same was the gap empty. Else it is done again.
#
# And the kernel skips a program on a trace record that interrupts another one (on every rung, one that
# interrupts itself): such a try is done again, too, but the tracer has to say so, and name no wrong source.
#
# usage: tests/system/irqs-devices.sh	(needs the testbed: make setup)

. "$(dirname "${BASH_SOURCE[0]}")/../../testbed/lib.sh"
cd "$TOP"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

paths=$(testbed/build.sh "$PWD/build/exitlab-point")
images=$(sed -n 's/^images //p' <<<"$paths")
qemu=$(sed -n 's/^qemu //p' <<<"$paths")

# put PROGRAM : a program and every shared library it needs
put() {
	local lib
	install -D -m 755 "$1" "$work/root/bin/${1##*/}"
	{ ldd "$1" 2>/dev/null || true; } | sed -n 's/^[^/]*\(\/[^ ]*\) (0x.*/\1/p' | while read -r lib; do
		[ -e "$work/root$lib" ] || install -D -m 755 "$lib" "$work/root$lib"
	done
}
put build/exitlab

# The guests do what comes over their serial line: every answer ends with a line "@@".
mkdir -p "$work/l2" "$work/root/lab"
{
	sed '/^# A port gets its name/,$d' testbed/guest/l2-init
	cat <<'INIT'
netload server udp 7000 64 64 &
stty -F /dev/ttyS0 raw -echo
exec </dev/ttyS0 >/dev/ttyS0 2>&1
echo "@@"
while read -r line; do
	eval "$line"
	echo "@@"
done
INIT
} >"$work/l2/init"
chmod +x "$work/l2/init"
(cd "$work/l2" && find . -mindepth 1 | cpio --create --format=newc --quiet) >"$work/root/lab/more.cpio"

{
	sed '/starting exitlab/,$d' testbed/guest/l1-init
	cat <<'INIT'
ip() { /bin/ip "$@"; }		# not that of busybox, which its shell prefers
for d in /sys/class/net/*; do
	case $(readlink $d/device/driver) in
	*/igb) pf=${d##*/} ;;
	*/e1000e) peer=${d##*/} ;;
	esac
done
ip netns add peer
ip link set $peer netns peer
ip -n peer addr add 10.0.0.1/24 dev $peer
ip -n peer link set $peer up
ip -n peer neigh add 10.0.0.10 lladdr 52:54:00:00:01:00 nud permanent dev $peer
ip link set $pf up
dev=/sys/class/net/$pf/device
echo 0 >$dev/sriov_drivers_autoprobe
echo 1 >$dev/sriov_numvfs
vf=$(readlink $dev/virtfn0); vf=${vf##*/}
ip link set $pf vf 0 mac 52:54:00:00:01:00
echo vfio-pci >/sys/bus/pci/devices/$vf/driver_override
echo $vf >/sys/bus/pci/drivers_probe
ip tuntap add dev tap0 mode tap vnet_hdr
ip link set tap0 address 52:54:00:00:02:00
ip addr add 10.0.1.1/24 dev tap0
ip link set tap0 up
ip neigh add 10.0.1.10 lladdr 52:54:00:00:01:01 nud permanent dev tap0
cat /lab/l2.cpio /lab/more.cpio >/lab/test.cpio

# start NAME IP PEER MAC OPTION... : a guest whose serial line is at /tmp/NAME.in and .out
start() {
	mkfifo /tmp/$1.in /tmp/$1.out
	name=$1
	append="console=ttyS0 quiet panic=-1 mitigations=off nokaslr ipv6.disable=1 exitlab.ip=$2 exitlab.peer=$3 exitlab.peer_mac=$4"
	shift 4
	qemu-l1 -L /lab/share -nodefaults -no-user-config -no-reboot -display none -name guest=$name \
		-machine q35,accel=kvm -cpu host,kvm-pv-eoi=off -m 128 -smp 1 -kernel /lab/vmlinux \
		-initrd /lab/test.cpio -append "$append" -serial pipe:/tmp/$name "$@" >/tmp/$name.log 2>&1 &
}
start vf 10.0.0.10 10.0.0.1 52:54:00:00:00:01 -device vfio-pci,host=$vf,romfile=
start vhost 10.0.1.10 10.0.1.1 52:54:00:00:02:00 \
	-netdev tap,id=n0,ifname=tap0,script=no,downscript=no,vhost=on \
	-device virtio-net-pci,netdev=n0,mac=52:54:00:00:01:01,romfile=
exec 3<>/tmp/vf.in 4<>/tmp/vf.out 5<>/tmp/vhost.in 6<>/tmp/vhost.out

# answer FD : up to its end
answer() {
	while read -r l <&$1; do
		case $l in *@@*) break ;; esac
		echo "$l"
	done
}
answer 4 >/dev/null
answer 6 >/dev/null
# look NAME : everybody's /proc/interrupts
look() {
	echo "cat /proc/interrupts" >&3
	echo "@@ $1 vf"; answer 4
	echo "cat /proc/interrupts" >&5
	echo "@@ $1 vhost"; answer 6
	echo "@@ $1 host"; cat /proc/interrupts
	echo "@@ end"
}
echo >/tmp/newline
load() {
	ip netns exec peer netload rr udp 10.0.0.10 7000 64 64 10 $1 </tmp/newline
	netload rr udp 10.0.1.10 7000 64 64 10 $2 </tmp/newline
}
load 50 50 >/dev/null
# The watchdogs tick every 2 s; right after one of the VF's there is time for a gap.
tick() {
	was=$(grep vfio- /proc/interrupts)
	for i in $(seq 300); do
		[ "$(grep vfio- /proc/interrupts)" = "$was" ] || break
		usleep 20000
	done
	usleep 50000
}
event=/sys/kernel/tracing/events/kvm/kvm_inj_virq
# window NAME COMMAND... : COMMAND in a window; again if something came in a gap, or the kernel skipped a
# program or had no memory at hand for it, as the ledger says. With the name crowd, four times.
window() {
	name=$1
	shift
	for try in 1 2 3 4 5 6 7 8; do
		echo "@@ try $name"
		tick
		look before >/tmp/before
		echo hist:keys=common_pid,vector:size=512 >$event/trigger
		mkfifo /tmp/go
		# Started now, it waits for what the shell, which has the serial lines, does meanwhile.
		"$@" cat /tmp/go >/tmp/out 2>/tmp/err & pid=$!
		exec 7>/tmp/go
		look begin >/tmp/begin
		load 503 307 >/tmp/load
		tick
		look end >/tmp/end
		exec 7>&-
		wait $pid
		echo "@@ run rc"; echo $?
		echo "@@ end"
		look after >/tmp/after
		cat /tmp/before /tmp/begin /tmp/end /tmp/after
		echo "@@ run out"; cat /tmp/out
		for r in raw tp; do
			[ -e /tmp/irq.$r ] || continue
			echo "@@ irq $r"
			exitlab script -i /tmp/irq.$r | sed 's/.*\(irq_handler_[a-z]*\): irq=\([0-9]*\).*/\1 \2/' | sort | uniq -c
			rm /tmp/irq.$r
		done
		echo "@@ run err"; cat /tmp/err
		echo "@@ run hist"; cat $event/hist
		echo "@@ end"
		echo '!hist:keys=common_pid,vector:size=512' >$event/trigger
		rm /tmp/go
		if [ $name = crowd ]; then
			[ $try -lt 4 ] && continue
			return
		fi
		grep -qE '(recursion_missed|map_full)": *[1-9]' /tmp/out && continue
		grep -q 'the kernel skipped' /tmp/err && continue
		# As irqs-devices.py: nothing in the gaps.
		for g in vf vhost; do
			for p in before begin end after; do
				sed -n "/^@@ $p $g/,/^@@ /p" /tmp/$p | grep -E 'eth0|virtio[0-9]' | sort >/tmp/$g.$p
			done
			cmp -s /tmp/$g.before /tmp/$g.begin && cmp -s /tmp/$g.end /tmp/$g.after || continue 2
		done
		return
	done
}
window stat exitlab stat --signals interrupts --detail msr --json --
window tp exitlab stat --rung tp --signals interrupts --detail msr --json --
# More programs on the same records: interrupts come in the middle of them.
window crowd exitlab stat --rung tp --signals interrupts --json -- \
	exitlab stat --rung tp --signals interrupts,account -o /tmp/out.2 -- \
	exitlab record --rung tp --events kvm -o /tmp/kvm.tp --
# Single events by both ways to attach, side by side.
window record exitlab record --rung raw_tp --events irq -o /tmp/irq.raw -- \
	exitlab record --rung tp --events irq -o /tmp/irq.tp --
exitlab stat --signals interrupts --duration 0.1
echo "@@ all done"
poweroff -f
INIT
} >"$work/root/init"
chmod +x "$work/root/init"
(cd "$work/root" && find . -mindepth 1 | cpio --create --format=newc --quiet) >"$work/test.cpio"
cat "$images/l1.cpio" "$work/test.cpio" >"$work/l1.cpio"
timeout 1500 "$qemu/qemu-l0" -L "$qemu/share" -nodefaults -no-user-config -no-reboot -display none \
	-machine q35,hpet=off -device intel-iommu,intremap=on,eim=on -accel tcg,thread=single \
	-icount shift=0,sleep=off,quantum=2000 -rtc base=2024-01-01T00:00:00,clock=vm -seed 1 -smp 2 -m 2048 \
	-cpu max,la57=off,+svm,+x2apic,-rdrand,-rdseed,-monitor,-erms,-fsrm,-fzrm,-fsrs,-fsrc \
	-netdev hubport,id=n0,hubid=0 -netdev hubport,id=n1,hubid=0 \
	-device pcie-root-port,id=rp0,bus=pcie.0,chassis=1,slot=1,pref32-reserve=16M \
	-device igb,netdev=n0,bus=rp0,mac=52:54:00:00:00:02,romfile= \
	-device pcie-root-port,id=rp1,bus=pcie.0,chassis=2,slot=2 \
	-device e1000e,netdev=n1,bus=rp1,mac=52:54:00:00:00:01,romfile= \
	-kernel "$images/vmlinux" -initrd "$work/l1.cpio" -serial "file:$work/log" \
	-append "console=ttyS0 panic=-1 mitigations=off nokaslr ipv6.disable=1 cryptomgr.notests \
tsc=reliable intel_iommu=on iommu=strict quiet" >&2 ||
	echo "the emulated machine did not end: $(tail -n 3 "$work/log")" >&2
tr -d '\r' <"$work/log" >"${IRQS_DEVICES_LOG:-$work/text}"
python3 tests/system/irqs-devices.py "${IRQS_DEVICES_LOG:-$work/text}"
