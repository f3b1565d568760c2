#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# Exitless replies in the emulated host, with the modules of eli-ref/ and elvis-ref/ together: each reply that vhost
# sends a guest arrives, and arrives once, whatever happens to its vCPU meanwhile. Counted by three who do not know
# each other: vhost's sidecore, KVM, and the guest. Prints TAP; 6 minutes, and 4 for the modules if they are not built.
#
# usage: tests/system/replies.sh	(needs the testbed: make setup)
# REPLIES_LOG=FILE keeps the host's console; REPLIES_MODULES=DIR takes modules that are built already.

. "$(dirname "${BASH_SOURCE[0]}")/../../testbed/lib.sh"
cd "$TOP"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
log=${REPLIES_LOG:-$work/text}

modules=${REPLIES_MODULES:-$(testbed/build-kvm.sh --no-intel --vhost --patch eli-ref/patches --patch elvis-ref/patches)}
paths=$(testbed/build.sh --modules "$modules" "$PWD/build/exitlab-point")
images=$(sed -n 's/^images //p' <<<"$paths")
qemu=$(sed -n 's/^qemu //p' <<<"$paths")
mkdir -p "$work/root/bin"
gcc -O2 -Wall -Wextra -Werror -static -o "$work/root/bin/replies-busy" tests/system/replies-busy.c
cp tests/system/replies-l1.sh "$work/root/"

{
	sed '/starting exitlab/,$d' testbed/guest/l1-init
	cat <<'INIT'
. /replies-l1.sh
taskset -p 1 $$ >/dev/null
echo 1 >/proc/irq/default_smp_affinity
echo 2 >/sys/module/vhost/parameters/sidecores
# Soon over when there is nothing to do: a thread that polls takes time of the emulator.
echo 20 >/sys/module/vhost/parameters/sidecore_poll_stop_ms
tap_up

guest_up idle=poll
mode full off
count injected rr 300
echo "@@ vectors off $(vectors)"
mode full on
count posted rr 1000
echo "@@ vectors on $(vectors)"
mode delivery on
count delivery rr 300
mode full on
count busy crowded rr 1000
mode full always
count always crowded rr 1000
mode full on
count modes meanwhile modes rr 1500
count cpus meanwhile cpus rr 1000
taskset -p 2 "$vcpu" >/dev/null
mode full on
count at_once crowded meanwhile at_once rr 1500
taskset -p 2 "$vcpu" >/dev/null
mode full on
count after rr 300

# Both cards' drivers are taken away and come back the other way round: the card has other vectors then.
sed -n 's/^reply .* guest \(0x[0-9a-f]*\) .*/@@ was \1/p' "$dir/eli_state"
swap
mode full on
sed -n 's/^reply .* guest \(0x[0-9a-f]*\) .*/@@ is \1/p' "$dir/eli_state"
count rebind rr 300

echo 0 >/sys/devices/system/cpu/cpu1/online
count offline rr 200
echo 1 >/sys/devices/system/cpu/cpu1/online
taskset -p 2 "$vcpu" >/dev/null
mode full on
count online rr 300

mode off on
echo "@@ vectors mode $(vectors)"
mode full on
(rr 100000 1 >/dev/null) &
usleep 50000
guest_down
wait
echo "@@ vectors killed $(vectors)"

# One that halts between requests.
guest_up
mode full on
count halting rr 500
guest_down
begin kernel
echo "complaints $(dmesg | grep -cE 'WARNING|BUG:|Oops|stall|unknown reason|No irq handler|lockup')"
dmesg | grep -E 'WARNING|BUG:|Oops|stall|unknown reason|No irq handler|lockup' | head -n 5
end
echo "@@ all done"
poweroff -f
INIT
} >"$work/root/init"
chmod +x "$work/root/init"
(cd "$work/root" && find . -mindepth 1 | cpio --create --format=newc --quiet) >"$work/test.cpio"
cat "$images/l1.cpio" "$work/test.cpio" >"$work/l1.cpio"
timeout "${REPLIES_TIMEOUT:-1500}" "$qemu/qemu-l0" -L "$qemu/share" -nodefaults -no-user-config -no-reboot -display none \
	-machine q35,hpet=off -device intel-iommu,intremap=on,eim=on \
	-accel tcg,thread=single -icount shift=0,sleep=off,quantum=2000 \
	-rtc base=2024-01-01T00:00:00,clock=vm -seed 1 -smp 3 -m 1500 \
	-cpu max,la57=off,+svm,+x2apic,-rdrand,-rdseed,-monitor,-erms,-fsrm,-fzrm,-fsrs,-fsrc \
	-kernel "$images/vmlinux" -initrd "$work/l1.cpio" -serial "file:$work/log" -append "console=ttyS0 panic=-1 \
mitigations=off nokaslr ipv6.disable=1 cryptomgr.notests tsc=reliable quiet intel_iommu=on iommu=strict" >&2 ||
	echo "the emulated machine did not end: $(tail -n 3 "$work/log")" >&2
tr -d '\r' <"$work/log" >"$log"
for point in elvis-no-replies elvis; do
	EXITLAB_NO_SETUP=1 build/exitlab run -o "$work/rr" --modules "$modules" --only $point scenarios/elvis-rr.yaml >&2 || true
	python3 tests/system/replies.py "$work/rr/$point.json" >>"$log" || true
done

# --- what must be true
n=0
# v SECTION NAME : a number that a section printed, 0 if it did not
v() { awk -v s="@@ $1" -v k="$2" '$0 == s { on = 1 } $0 == "@@ end" { on = 0 } on && $1 == k { x = $2 } END { print x ? x : 0 }' "$log"; }
vectors() { sed -n "s/^@@ vectors $1 //p" "$log"; }
# t NAME CONDITION... : CONDITION are words for (( ))
t() {
	local name=$1
	shift
	n=$((n + 1))
	if (($*)); then echo "ok $n - $name"; else echo "not ok $n - $name ($*)"; fi
}
# each SECTION REQUESTS WHAT : every reply arrived, and arrived once
each() {
	local s=$1 posted injected forwarded coalesced guest
	posted=$(v "$s" replies_posted) injected=$(v "$s" replies_injected) coalesced=$(v "$s" replies_coalesced) guest=$(v "$s" guest)
	forwarded=$(v "$s" replies_forwarded)
	echo "# $s: vhost sent $(v "$s" sent), posted $posted, of these to the host $forwarded, injected $injected, sent again $(v "$s" replies_resent), pending already $coalesced, guest $guest, exits $(v "$s" exits)"
	t "$3: all requests are answered, none was sent again" "$(v "$s" requests) == $2 && $(v "$s" resent) == 0"
	t "$3: what vhost sent was posted or injected" "$(v "$s" sent) == $posted + $injected && $(v "$s" sent) >= $2"
	t "$3: only what was injected or forwarded is sent again" "$(v "$s" replies_resent) <= $injected + $forwarded"
	t "$3: the guest has no interrupt twice" "$guest <= $posted + $injected - $coalesced"
	t "$3: and misses none" "$guest + 2 >= $posted + $injected - $coalesced"
}

t "the host's run came to its end" "$(grep -c '^@@ all done' "$log") == 1"
t "off: nothing is posted, and no vector taken" "$(v injected replies_posted) == 0 && $(vectors off) == 0 && $(v injected guest) >= 600 && $(v injected resent) == 0"
each posted 1000 "on"
t "on: 98 % are posted, and not to the host" "$(v posted replies_posted) * 100 >= 98 * $(v posted sent) && $(v posted replies_forwarded) * 100 < 2 * $(v posted sent)"
t "on: a vector for each of two queues" "$(vectors on) == 2"
each delivery 300 "delivery"
each busy 1000 "a vCPU that shares its CPU"
t "a vCPU that shares its CPU: both ways were taken" "$(v busy replies_posted) >= 100 && $(v busy replies_injected) >= 100"
each always 1000 "IPIs to a vCPU that is out"
t "IPIs to a vCPU that is out: the host forwards them" "$(v always replies_forwarded) >= 100 && $(v always replies_injected) == 0"
each modes 1500 "modes at random moments"
t "modes at random moments: both ways were taken" "$(v modes replies_posted) >= 100 && $(v modes replies_injected) >= 100"
each cpus 1000 "a vCPU that moves"
# With replies off in between, KVM does not count them: the guest against vhost.
t "all of it at once: all requests are answered, none was sent again" "$(v at_once requests) == 1500 && $(v at_once resent) == 0"
t "all of it at once: no interrupt more than vhost sent" "$(v at_once guest) <= $(v at_once sent) && $(v at_once guest) >= 1500"
each after 300 "afterwards"
t "afterwards: direct as before" "$(v after replies_posted) * 100 >= 95 * $(v after sent)"
each rebind 300 "a card with other vectors"
t "a card with other vectors: they are others, and direct as before" "$(grep -c '^@@ was' "$log") >= 2 && $(sed -n 's/^@@ was //p' "$log" |
	grep -cxF "$(sed -n 's/^@@ is //p' "$log")") == 0 && $(v rebind replies_posted) * 100 >= 95 * $(v rebind sent)"
t "a CPU that goes offline: its replies are injected" "$(v offline requests) == 200 && $(v offline resent) == 0 && $(v offline replies_injected) >= 200"
each online 300 "the CPU is back"
t "the CPU is back: direct as before" "$(v online replies_posted) * 100 >= 95 * $(v online sent)"
t "mode off lets the vectors go" "$(vectors mode) == 0"
t "a VM killed in mid-traffic leaves none" "$(vectors killed) == 0"
each halting 500 "a guest that halts"
t "a guest that halts: replies that wake it are injected" "$(v halting replies_injected) >= 450"
# The goals: of 1000 requests 1 exit for a doorbell and 20 for replies. What timers cost is not counted.
echo "# exits of 1000 requests, but for timers: $(v elvis-no-replies io_exits) without exitless replies, $(v elvis io_exits) with"
t "1000 requests: no doorbell" "$(v elvis doorbells) <= 1 && $(v elvis-no-replies doorbells) <= 1 && $(v elvis nic) == 2000"
# It hangs on how many replies meet a timer's exit: 9, 15 and 24 in three builds before such replies were sent again, 5 since.
t "1000 requests: exits for injections and EOIs are 20 at most" "$(v elvis io_exits) <= 20 && $(v elvis-no-replies io_exits) >= 3900"
t "1000 requests: 2000 replies, 98 % posted, none sent again" "$(v elvis replies_posted) >= 1960 && $(v elvis replies_posted) + $(v elvis replies_injected) == 2000 && $(v elvis resent) == 0"
t "1000 requests: the tracer agrees with KVM" "$(v elvis kvm_exits_differ) == 0 && $(v elvis-no-replies kvm_exits_differ) == 0"
# What went to the virtual APIC and was not taken back. Timers' EOIs are known to 2 or so.
left=$(($(v elvis replies_injected) + $(v elvis replies_forwarded) - $(v elvis replies_resent)))
t "1000 requests: exits for EOIs are those of replies that stayed injected" "$(v elvis io_eois) - $left <= 3 && $left - $(v elvis io_eois) <= 3"
t "1000 requests: most of what was injected is sent again" "$(v elvis replies_resent) * 2 >= $(v elvis replies_injected)"
t "the host's kernel has nothing to complain of" "$(v kernel complaints) == 0 && $(grep -c '^@@ kernel' "$log") == 1"
echo "1..$n"
