#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# Two sidecores that signal one guest at the same time, in the emulated host with the modules of eli-ref/ and
# elvis-ref/: its two cards are served by one each, and every reply of both arrives, once. Prints TAP; 3 minutes, and
# 4 for the modules if they are not built.
#
# usage: tests/system/elvis-replies.sh	(needs the testbed: make setup)
# ELVIS_MODULES=DIR takes modules that are built already. KEEP_LOG=FILE keeps the host's console.

. "$(dirname "${BASH_SOURCE[0]}")/../../testbed/lib.sh"
cd "$TOP"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
log=${KEEP_LOG:-$work/text}
modules=${ELVIS_MODULES:-$(testbed/build-kvm.sh --no-intel --vhost --patch eli-ref/patches --patch elvis-ref/patches)}
paths=$(testbed/build.sh --modules "$modules" "$PWD/build/exitlab-point")
images=$(sed -n 's/^images //p' <<<"$paths")
qemu=$(sed -n 's/^qemu //p' <<<"$paths")
mkdir -p "$work/root/bin"
gcc -O2 -Wall -Wextra -Werror -static -o "$work/root/bin/replies-busy" tests/system/replies-busy.c
cp tests/system/replies-l1.sh "$work/root/"

# vCPU on CPU 1, sidecores on 2 and 3, all else on CPU 0.
{
	sed '/starting exitlab/,$d' testbed/guest/l1-init
	cat <<'INIT'
. /replies-l1.sh
taskset -p 1 $$ >/dev/null
echo 1 >/proc/irq/default_smp_affinity
echo 2-3 >/sys/module/vhost/parameters/sidecores
echo 20 >/sys/module/vhost/parameters/sidecore_poll_stop_ms
tap_up
ip tuntap add dev t1 mode tap vnet_hdr
ip addr add 10.1.0.1/24 dev t1
ip link set t1 up
ip neigh add 10.1.0.10 lladdr 52:54:00:00:02:00 nud permanent dev t1
second='-netdev tap,id=n1,ifname=t1,script=no,downscript=no,vhost=on
	-device virtio-net-pci,netdev=n1,mac=52:54:00:00:02:00,romfile='
guest_up idle=poll
ask "ifconfig eth1 10.1.0.10 netmask 255.255.255.0 up; arp -s 10.1.0.1 $(cat /sys/class/net/t1/address)" >/dev/null

# Requests by both cards at the same time.
two() {
	(echo | timeout 120 taskset 1 netload rr udp 10.1.0.10 5001 1 1 0 "$1") &
	rr "$1" 120
	wait $!
}
core() { awk -v c="$1" '/^queue core / && $3 == c { for (i = 1; i < NF; i++) if ($i == "replies") s += $(i + 1) } END { print s + 0 }' /sys/kernel/debug/vhost/sidecores; }
facts() {
	echo "guest $(guest_irqs)"
	echo "sent $(sent)"
	echo "core2 $(core 2)"
	echo "core3 $(core 3)"
	grep -E '^replies' "$dir/eli_stats"
	echo "exits $(cat "$dir/exits")"
}
mode full off
two 10 >/dev/null
count injected two 300
mode full on
two 10 >/dev/null
usleep 20000
two 10 >/dev/null
echo "@@ vectors $(vectors)"
count posted two 1000
count busy crowded two 500
mode full always
two 10 >/dev/null
count always crowded two 500
begin kernel
echo "complaints $(dmesg | grep -cE 'WARNING|BUG:|Oops|stall|unknown reason|No irq handler|lockup')"
end
echo "@@ all done"
poweroff -f
INIT
} >"$work/root/init"
chmod +x "$work/root/init"
(cd "$work/root" && find . -mindepth 1 | cpio --create --format=newc --quiet) >"$work/test.cpio"
cat "$images/l1.cpio" "$work/test.cpio" >"$work/l1.cpio"
timeout 1500 "$qemu/qemu-l0" -L "$qemu/share" -nodefaults -no-user-config -no-reboot -display none \
	-machine q35,hpet=off -accel tcg,thread=single -icount shift=0,sleep=off,quantum=2000 \
	-rtc base=2024-01-01T00:00:00,clock=vm -seed 1 -smp 4 -m 1500 \
	-cpu max,la57=off,+svm,+x2apic,-rdrand,-rdseed,-monitor,-erms,-fsrm,-fzrm,-fsrs,-fsrc \
	-kernel "$images/vmlinux" -initrd "$work/l1.cpio" -serial "file:$work/console" -append "console=ttyS0 panic=-1 \
mitigations=off nokaslr ipv6.disable=1 cryptomgr.notests tsc=reliable quiet" >&2 ||
	echo "the emulated machine did not end: $(tail -n 3 "$work/console")" >&2
tr -d '\r' <"$work/console" >"$log"

n=0
# v SECTION NAME : the sum of what a section printed under that name
v() { awk -v s="@@ $1" -v k="$2" '$0 == s { on = 1 } $0 == "@@ end" { on = 0 } on && $1 == k { x += $2 } END { print x + 0 }' "$log"; }
# t NAME CONDITION... : CONDITION are words for (( ))
t() {
	local name=$1
	shift
	n=$((n + 1))
	if (($*)); then echo "ok $n - $name"; else echo "not ok $n - $name ($*)"; fi
}
# each SECTION REQUESTS : every reply of both sidecores arrived, and arrived once
each() {
	local s=$1 posted injected coalesced guest
	posted=$(v "$s" replies_posted) injected=$(v "$s" replies_injected) coalesced=$(v "$s" replies_coalesced) guest=$(v "$s" guest)
	echo "# $s: sidecores sent $(v "$s" core2) and $(v "$s" core3), posted $posted, of these to the host $(v "$s" replies_forwarded)," \
		"injected $injected, sent again $(v "$s" replies_resent), pending already $coalesced, guest $guest, exits $(v "$s" exits)"
	t "$s: all requests of both cards are answered, none was sent again" "$(v "$s" requests) == 2 * $2 && $(v "$s" resent) == 0"
	t "$s: each sidecore sent its card's replies" "$(v "$s" core2) >= $2 && $(v "$s" core3) >= $2 && $(v "$s" core2) + $(v "$s" core3) == $(v "$s" sent)"
	[ "$s" = injected ] || t "$s: what they sent was posted or injected" "$(v "$s" sent) == $posted + $injected"
	[ "$s" = injected ] || t "$s: none came twice, none is missing" "$guest <= $posted + $injected - $coalesced && $guest + 2 >= $posted + $injected - $coalesced"
}
t "the host's run came to its end" "$(grep -c '^@@ all done' "$log") == 1"
each injected 300
t "replies off: nothing is posted" "$(v injected replies_posted) == 0 && $(v injected guest) >= 600"
t "on: four queues have a vector each" "$(sed -n 's/^@@ vectors //p' "$log") == 4"
each posted 1000
t "posted: 95 % need no exit" "$(v posted replies_posted) * 100 >= 95 * $(v posted sent)"
each busy 500
t "busy: the vCPU is thrown off its CPU, and both ways were taken" "$(v busy replies_posted) >= 100 && $(v busy replies_injected) >= 100"
each always 500
t "always: IPIs to a vCPU that is out are forwarded" "$(v always replies_forwarded) >= 100 && $(v always replies_injected) == 0"
t "the host's kernel has nothing to complain of" "$(v kernel complaints) == 0 && $(grep -c '^@@ kernel' "$log") == 1"
echo "1..$n"
