# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2086
# Sourced by the emulated host's init of tests/system/replies.sh: a guest on vhost-net, its vCPU on CPU 1, vhost's
# sidecore on CPU 2, all else on CPU 0.

# The shell prefers its own.
ip() { /bin/ip "$@"; }

tap_up() {
	ip link set lo up
	ip tuntap add dev t0 mode tap vnet_hdr
	ip addr add 10.0.0.1/24 dev t0
	ip link set t0 up
	ip neigh add 10.0.0.10 lladdr 52:54:00:00:01:00 nud permanent dev t0
}

# guest_up [WORD...] : a guest with these words on its command line, whose agent answers; $second: QEMU's options for its
# second card, which otherwise has no other end
guest_up() {
	rm -f /run/a.in /run/a.out
	mkfifo /run/a.in /run/a.out
	qemu-l1 -L /lab/share -nodefaults -no-user-config -no-reboot -display none -machine q35,accel=kvm \
		-cpu host,kvm-pv-eoi=off -m 128 -smp 1 -kernel /lab/vmlinux -initrd /lab/l2.cpio \
		-append "console=ttyS0 quiet panic=-1 mitigations=off nokaslr ipv6.disable=1 cryptomgr.notests \
exitlab.ip=10.0.0.10 exitlab.peer=10.0.0.1 exitlab.peer_mac=$(cat /sys/class/net/t0/address) $*" \
		-name guest=g0,debug-threads=on -serial file:/run/g0.console -device virtio-serial-pci \
		-chardev pipe,id=agent,path=/run/a -device virtserialport,chardev=agent,name=exitlab.agent \
		-netdev tap,id=n0,ifname=t0,script=no,downscript=no,vhost=on \
		-device virtio-net-pci,netdev=n0,mac=52:54:00:00:01:00,romfile= \
		${second:--netdev hubport,id=n1,hubid=0 -device virtio-net-pci,netdev=n1,romfile=} 2>/run/g0.log &
	vmm=$!
	until vcpu=$(grep -l "CPU 0/KVM" /proc/$vmm/task/*/comm 2>/dev/null) && [ -n "$vcpu" ]; do usleep 10000; done
	vcpu=${vcpu%/comm} vcpu=${vcpu##*/}
	for t in /proc/$vmm/task/*; do taskset -p 1 ${t##*/} >/dev/null; done
	taskset -p 2 "$vcpu" >/dev/null
	exec 8>/run/a.in 9</run/a.out
	answer >/dev/null
	ask 'netload server udp 5001 1 1 >/dev/null 2>&1 &' >/dev/null
	rr 20 >/dev/null
	dir=$(echo /sys/kernel/debug/kvm/$vmm-*)
}
guest_down() {
	exec 8>&- 9<&-
	kill -9 $vmm
	wait $vmm
}

answer() { read -r status len <&9 && dd bs=1 count="$len" <&9 2>/dev/null; }
ask() { echo "$*" >&8; answer; }
# Not for ever: a test that loses replies must end, too.
rr() { echo | timeout "${2:-60}" taskset 1 netload rr udp 10.0.0.10 5001 1 1 0 "$1"; }

# mode MODE REPLIES : sets both, waits until they are in effect and the guest's vectors have been asked for
mode() {
	echo "$2" >"$dir/eli_replies"
	echo "$1" >"$dir/eli_mode"
	n=0
	until grep -q "^mode $1" "$dir/eli_state" || [ $n = 500 ]; do usleep 10000; n=$((n + 1)); done
	rr 10 >/dev/null
	usleep 20000
	rr 10 >/dev/null
}

# swap : the guest's two cards get their vectors in the other order. One line, as the agent wants it.
swap() {
	ask "cd /sys/bus/virtio/drivers/virtio_net; set -- virtio*; echo \$1 >unbind; echo \$2 >unbind; \
echo \$2 >bind; echo \$1 >bind; e=\$(ls /sys/bus/virtio/devices/\$1/net); \
ifconfig \$e 10.0.0.10 netmask 255.255.255.0 up; arp -s 10.0.0.1 $(cat /sys/class/net/t0/address); \
echo \$* \$e" | sed 's/^/@@ cards /'
}

begin() { echo "@@ $1"; }
end() { echo "@@ end"; }

# What the guest was given, what vhost sent it, and what KVM says of that.
guest_irqs() { ask 'cat /proc/interrupts' | awk '/virtio.*-(in|out)put/ { s += $2 } END { print s + 0 }'; }
sent() { awk '/^queue/ { for (i = 1; i < NF; i++) if ($i == "replies") s += $(i + 1) } END { print s + 0 }' /sys/kernel/debug/vhost/sidecores; }
facts() {
	echo "guest $(guest_irqs)"
	echo "sent $(sent)"
	grep -E '^(replies|direct|isr|host_irqs|updates)' "$dir/eli_stats"
	echo "exits $(cat "$dir/exits")"
}

# count SECTION COMMAND... : how much of that is new when it is done
count() {
	begin "$1"
	shift
	facts >/run/before
	"$@" | sed -n 's/.*"requests":\([0-9]*\).*"resent":\([0-9]*\).*/requests \1\nresent \2/p'
	usleep 50000
	facts >/run/after
	awk 'NR == FNR { old[$1] = $2; next } { print $1, $2 - old[$1] }' /run/before /run/after
	cat "$dir/eli_state"
	end
}

# meanwhile FUNCTION COMMAND... : COMMAND while FUNCTION runs again and again
meanwhile() {
	f=$1
	shift
	(while :; do $f; done) &
	other=$!
	"$@"
	kill $other
	wait $other 2>/dev/null
}

# crowded COMMAND... : COMMAND while the vCPU is thrown off its CPU all the time
crowded() {
	taskset 2 replies-busy &
	busy=$!
	"$@"
	kill $busy
	wait $busy 2>/dev/null
}

# pause MICROSECONDS : from a third of that on, at random
seed=1
pause() {
	seed=$(((seed * 1103515245 + 12345) % 2147483648))
	usleep $(($1 / 3 + seed / 65536 % $1))
}
# Things that happen to a vCPU.
modes() {
	for m in off full delivery full; do
		echo $m >"$dir/eli_mode"
		pause 9000
	done
}
replies() {
	for m in on always off on; do
		echo $m >"$dir/eli_replies"
		pause 9000
	done
}
cpus() {
	taskset -p 1 "$vcpu" >/dev/null; pause 20000
	taskset -p 2 "$vcpu" >/dev/null; pause 20000
}
at_once() { modes & replies & cpus; wait; }

vectors() { grep -c kvm-eli-reply /proc/interrupts; }
