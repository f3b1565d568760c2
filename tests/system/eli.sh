#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# Exitless interrupts in the emulated host, whose KVM is built with eli-ref/patches: what a small guest
# can do to its host, with and without the protection, and interrupts of a virtual function's guest,
# counted on both sides. Prints TAP; 5 minutes, and 4 for the modules if they are not built yet.
#
# usage: tests/system/eli.sh [SECTION...]	(needs the testbed: make setup)
# SECTION: a name, or a pattern, of what a guest does ("full-cli", "vf-*", "clis"; see below): that alone is run, and
# the tests that need nothing else. Default: all.
# ELI_LOG=FILE keeps the host's console; ELI_MODULES=DIR takes modules that are built already; ELI_LAY=DIR lays its
# modules over these in the host, which makes no new image (tests/mutants.sh).

. "$(dirname "${BASH_SOURCE[0]}")/../../testbed/lib.sh"
cd "$TOP"
. tests/system/eli-machine.sh
. tests/system/eli-parts.sh
parts=$*
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
log=${ELI_LOG:-$work/text}

modules=${ELI_MODULES:-$(testbed/build-kvm.sh --no-intel --patch eli-ref/patches)}
paths=$(testbed/build.sh --modules "$modules" "$PWD/build/exitlab-point")
images=$(sed -n 's/^images //p' <<<"$paths")
qemu=$(sed -n 's/^qemu //p' <<<"$paths")
mkdir -p "$work/root/bin"
gcc -O2 -Wall -Wextra -Werror -static -no-pie -o "$work/root/bin/eli-guest" tests/system/eli-guest.c \
	tests/system/eli-vfio.c
cp tests/system/eli-l1.sh "$work/root/"
lay_modules "$work/root"

{
	sed '/starting exitlab/,$d' testbed/guest/l1-init
	printf "parts='%s'\n" "$parts"
	cat tests/system/eli-parts.sh
	echo '. /eli-l1.sh'
	cat <<'INIT'
taskset -p 1 $$ >/dev/null
# No small guest takes a second; one that goes wrong shall not keep the others from their turn.
export ELI_GIVE_UP=2
# --- a small guest against its host
for m in off full; do
	small $m-spin spin $m 100
	small $m-cli cli $m 100
	small $m-fault fault $m 500
	small $m-int80 int80 $m 500
	small $m-idtr idtr $m 500
	small $m-cr8 cr8 $m 100
	small $m-gate gate $m 200
	small $m-remap remap $m 100
	small $m-eoi eoi $m 10000
	small $m-self self $m 1000
done
small delivery-eoi eoi delivery 10000
ELI_LIMIT=0 small delivery-remap remap delivery 100
echo 0 >/sys/module/kvm/parameters/eli_watchdog_us
small unbound-cli cli full 100
echo 10000 >/sys/module/kvm/parameters/eli_watchdog_us

# --- another guest on the same CPU
off_waits off-waits
moved moved
pages pages
ELI_SECOND=50 small second spin full 200
if want clis unbound-clis; then parts= small pong-alone pong off 100; fi
beside clis clis full 12
echo 0 >/sys/module/kvm/parameters/eli_watchdog_us
beside unbound-clis clis full 12
echo 10000 >/sys/module/kvm/parameters/eli_watchdog_us

# --- a small guest with a device that counts
vf_up
export ELI_VF=$vf
for m in off delivery full; do small $m-dev dev $m 5000; done
small delivery-prefix devprefix delivery 500
for m in off full; do
	ELI_STORM=1000 ELI_MS=100 small $m-devcli devcli $m 5
	ELI_STORM=1000 ELI_MS=100 small $m-devcr8 devcr8 $m 5
	small $m-devhlt devhlt $m 500
	small $m-devexit devexit $m 500
done
ELI_MODES="off delivery full" small switch-dev dev full 5000
ELI_MODES="off delivery full" ELI_STORM=3000 small switch-storm dev full 20000
ELI_STORM=3000 small storm dev full 20000
ELI_STORM=3000 small delivery-storm dev delivery 20000
ELI_STORM=20000 ELI_MS=100 small noeoi devnoeoi full 20
small noeoi-again dev full 500
if want killed; then
	ELI_STORM=3000 taskset 2 eli-guest dev full 100000000 &
	sleep 0.3
	begin killed
	cat /sys/kernel/debug/kvm/$!-*/eli_state
	kill -9 $!
	wait $! 2>/dev/null
	echo "vfio_lines $(grep -c vfio /proc/interrupts)"
	end
fi
small killed-again dev full 500
if want unplug; then
	ELI_MS=300 small unplug dev full 100000 >/run/unplug &
	until grep -q '^route.*guest 0x50' /sys/kernel/debug/kvm/*/eli_state 2>/dev/null; do usleep 10000; done
	usleep 50000
	echo "$vf" >"/sys/bus/pci/devices/$vf/driver/unbind"
	wait $!
	cat /run/unplug
	echo "$vf" >/sys/bus/pci/drivers_probe
fi
small unplug-again dev full 500

# --- a guest with a virtual function
vf_guest() {
	injections_on
	guest_up
	ask 'netload server udp 5001 1 1 >/dev/null 2>&1 &' >/dev/null
	rr 50 >/dev/null
	for m in off delivery full; do
		want vf-$m || continue
		mode $m
		count vf-$m rr 1000
	done
	if want affinity; then
		mode full
		irq=$(sed -n 's/^route irq \([0-9]*\) .*/\1/p' "$dir/eli_state" | head -n 1)
		begin affinity
		(echo 1 >"/proc/irq/$irq/smp_affinity") 2>/dev/null; echo "pinned $?"
		mode off
		(echo 1 >"/proc/irq/$irq/smp_affinity") 2>/dev/null; echo "free $?"
		end
	fi
	mode delivery
	count switch-delivery switching "off delivery" rr 2000
	mode full
	count switch-full switching "off full delivery full" rr 2000
	mode full
	if want hotplug; then
		begin hotplug
		echo 0 >/sys/devices/system/cpu/cpu1/online; echo "offline $?"
		sed 's/^/away_/' "$dir/eli_state"
		rr 100
		echo 1 >/sys/devices/system/cpu/cpu1/online
		taskset -p 2 "$vcpu" >/dev/null
		rr 100
		mode full
		sed 's/^/back_/' "$dir/eli_state"
		end
	fi
	mode full
	count again rr 1000
	begin death
	rr 100 >/dev/null
	cat "$dir/eli_state"
	kill -9 $vmm; wait $vmm
	echo "vfio_lines $(grep -c vfio /proc/interrupts)"
	end
}
if want vf-off vf-delivery vf-full affinity switch-delivery switch-full hotplug again death; then vf_guest; fi

# --- page table isolation: the IDT is found under both of the guest's page tables
pti_guest() {
	mitigations= guest_args=pti=on
	guest_up
	ask 'netload server udp 5001 1 1 >/dev/null 2>&1 &' >/dev/null
	begin pti
	ask 'dmesg | grep -c "isolation: .*enabled"' | sed 's/^/isolated /'
	end
	mode full
	count pti-full rr 1000
	kill -9 $vmm; wait $vmm
	mitigations=mitigations=off guest_args=
}
if want pti pti-full; then pti_guest; fi

# --- two vCPUs
two_vcpus() {
	vcpus=2 guest_start
	begin smp
	echo full >"$dir/eli_mode"
	n=0
	until ! grep -q '^cpu -1' "$dir/eli_state" || [ $n = 500 ]; do usleep 10000; n=$((n + 1)); done
	cat "$dir/eli_state"
	kill -9 $vmm; wait $vmm
	end
}
if want smp; then two_vcpus; fi

# --- the other CPU watches
if want watcher; then
	injections_off
	rmmod kvm_amd kvm
	modprobe kvm eli_housekeeping_cpu=1 && modprobe kvm_amd
	watcher watcher
	rmmod kvm_amd kvm
	modprobe kvm_amd
fi
begin kernel
complaints='WARNING|BUG:|Oops|stall|unknown reason|No irq handler|lockup'
echo "complaints $(dmesg | grep -cE "$complaints")"
dmesg | grep -E "$complaints" | head -n 5
end
# Last: afterwards CPU 1 has no tick, and the guest's VM cannot be destroyed.
if want unlimited-remap; then
	ELI_LIMIT=0 small unlimited-remap remap full 100 &
	sleep 3
fi
echo "@@ all done"
poweroff -f
INIT
} >"$work/root/init"
chmod +x "$work/root/init"
(cd "$work/root" && find . -mindepth 1 | cpio --create --format=newc --quiet) >"$work/test.cpio"
cat "$images/l1.cpio" "$work/test.cpio" >"$work/l1.cpio"
timeout "${ELI_TIMEOUT:-1200}" "$qemu/qemu-l0" -L "$qemu/share" -nodefaults -no-user-config -no-reboot -display none \
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
	echo "the emulated machine did not end: $(tail -n 3 "$work/log")" >&2
tr -d '\r' <"$work/log" >"$log"

# --- what must be true
n=0
# of_run SECTION : whether it was to be run: that of the guest beside another with this one
of_run() {
	case $1 in
	kernel) return 0 ;;
	pong-alone) want clis unbound-clis ;;
	pong-*) want "${1#pong-}" ;;
	*) want "$1" ;;
	esac
}
# v SECTION NAME : a number that a section printed, 0 if it did not
v() {
	if ! of_run "$1"; then
		echo unasked
		return
	fi
	awk -v s="@@ $1" -v k="$2" '$0 == s { on = 1 } $0 == "@@ end" { on = 0 } on && $1 == k { x = $2 } END { print x ? x : 0 }' "$log"
}
# t NAME CONDITION... : CONDITION are words for (( ))
t() {
	local name=$1
	shift
	[[ $* != *unasked* ]] || return 0
	n=$((n + 1))
	if (($*)); then echo "ok $n - $name"; else echo "not ok $n - $name ($*)"; fi
}
# same NAME TEXT TEXT
same() {
	[[ $2 != *unasked* ]] || return 0
	n=$((n + 1))
	if [ "$2" = "$3" ]; then echo "ok $n - $1"; else echo "not ok $n - $1 ('$2', not '$3')"; fi
}

t "the host's run came to its end" "$(grep -c '^@@ all done' "$log") == 1"
t "off: no entry is direct" "$(v off-spin direct_entries) == 0 && $(v off-spin reflected) == 0"
t "each interrupt of the host ends in one exit and is handed back" \
	"$(v full-spin reflected) >= 20 && $(v full-spin reflected) == $(v full-spin irq_exits)"
t "a guest with interrupts off meets one NMI, and the host's tick goes on" \
	"$(v full-cli nmi_kicks) == 1 && $(v full-cli irq_exits) >= 20"
t "without the bound it would not" "$(v unbound-cli nmi_kicks) == 0 && $(v unbound-cli irq_exits) < 5"
for m in off full; do
	t "$m: the guest's own #NP and #GP are its own" "$(v $m-fault vector_0x0b) == 500 && $(v $m-fault vector_0x0d) == 500 && $(v $m-fault error_code) == 0x18"
	t "$m: INT n has its gate" "$(v $m-int80 vector_0x80) == 500 && $(v $m-int80 vector_0x21) == 500 && $(v $m-int80 vector_0x0d) == 0"
	t "$m: SIDT gives the guest's own limit" "$(v $m-idtr idt_limit) == 0xfff && $(v $m-idtr idt_base) == 0x6000"
	t "$m: CR8 is the guest's own, and masks nothing of the host's" "$(v $m-cr8 cr8) == 15 && $(v $m-cr8 ticks) >= 20"
	t "$m: a gate that was written is the one that is used" "$(v $m-gate vector_0x80) == 200 && $(v $m-gate vector_0x81) == 200"
	t "$m: a guest that maps another IDT takes no interrupt of the host's" "$(v $m-remap vector_0xec) == 0 && $(v $m-remap ticks) >= 20"
	t "$m: each virtual interrupt arrives once" "$(v $m-self vector_0x40) == 1000"
done
t "each write to the IDT is seen" "$(v full-gate resyncs) == 400"
t "without the limit the host's interrupts would be taken" "$(v unlimited-remap vector_0xec) >= 1 || $(v unlimited-remap stolen) >= 1"
# Its own exits are those of the host's timer, every 4 ms: not one in each of 20 such moments.
t "a write of off returns when the vCPU has left the guest" "$(v off-waits left) == 20"
t "a vCPU that moves to the watchdog's CPU has no direct mode there" "$(v moved there_direct) == 0 && $(v moved inject_entries) >= 5"
same "and has it again when it is back" "$(v moved back_mode) on $(v moved back_cpu)" "full on 1"
t "a killed VM's pages are freed" "$(v pages allocated) == 9 && $(v pages freed) == 9 && $(v pages dropped) == 0"
same "a second vCPU ends it" "$(v second mode) $(v second why)" "off more"
t "EOIs exit in off and delivery" "$(v off-eoi exits) >= 10000 && $(v delivery-eoi exits) >= 10000"
t "and do not in full" "$(v full-eoi exits) < 100"

t "a sleeping guest on the CPU of a guest with interrupts off answers within the bound" \
	"$(v pong-clis vector_0x50) == 101 && $(v pong-clis answer_us_max) <= $(v pong-alone answer_us_max) + 10000 && $(v clis nmi_kicks) >= 1"
t "without the bound it would not" "$(v pong-unbound-clis answer_us_max) > 20000"

for m in off delivery full; do
	t "$m: the guest counts what the device has raised" "$(v $m-dev raised) == 5000 && $(v $m-dev vector_0x50) == 5000 && $(v $m-dev lost) == 0"
done
t "off: two exits for each" "$(v off-dev exits) >= 10000"
# 1 for its EOI, and the host's timer.
t "delivery: one exit for each" "$(v delivery-dev exits) >= 5000 && $(v delivery-dev exits) * 50 <= $(v delivery-dev raised) * 51"
t "delivery: and it is over before IRQs are on again" "$(v delivery-dev fast_eois) * 100 >= $(v delivery-dev raised) * 99 && $(v delivery-dev fast_eois) <= $(v delivery-dev isr_cleanups)"
t "delivery: a longer form of the same instruction completes, too, the slow way" \
	"$(v delivery-prefix vector_0x50) == 500 && $(v delivery-prefix lost) == 0 && $(v delivery-prefix fast_eois) == 0 && $(v delivery-prefix astray) == 0"
t "delivery: a guest that takes a host's interrupt does not complete it: its handler runs" \
	"$(v delivery-remap vector_0xec) >= 1 && $(v delivery-remap stolen) >= 1 && $(v delivery-remap ticks) >= 20"
t "full: at most 0.02, those of the host's timer included" "$(v full-dev exits) * 50 <= $(v full-dev raised)"
for m in off full; do
	t "$m: a guest with interrupts off has the device's later, and not the host's" "$(v $m-devcli vector_0x50) >= 1 && $(v $m-devcli ticks) >= 20"
	t "$m: the same with CR8" "$(v $m-devcr8 vector_0x50) >= 1 && $(v $m-devcr8 masked) == 0 && $(v $m-devcr8 cr8) == 15 && $(v $m-devcr8 ticks) >= 20"
	t "$m: each interrupt ends a halt" "$(v $m-devhlt vector_0x50) == 500 && $(v $m-devhlt lost) == 0"
	t "$m: a guest that exits all the time has each" "$(v $m-devexit vector_0x50) == 500 && $(v $m-devexit lost) == 0"
done
t "modes at random moments: the guest counts what the device has raised" "$(v switch-dev vector_0x50) == 5000 && $(v switch-dev lost) == 0 && $(v switch-dev switched) >= 5"
t "modes at random moments in a storm" "$(v switch-storm vector_0x50) >= 2000 && $(v switch-storm switched) >= 5"
t "a storm reaches its owner, and the host's tick goes on" "$(v storm vector_0x50) * 10 >= $(v storm raised) * 9 && $(v storm ticks) * 5 >= $(v storm elapsed_ms)"
t "delivery: in a storm, too, less than 5 % come to the host" \
	"$(v delivery-storm vector_0x50) * 10 >= $(v delivery-storm raised) * 9 && $(v delivery-storm host_irqs) * 20 < $(v delivery-storm raised)"
t "a guest that completes nothing has one more interrupt, and the host's tick goes on" \
	"$(v noeoi vector_0x50) == 11 && $(v noeoi isr_cleanups) >= 1 && $(v noeoi ticks) >= 20"
same "a VM is killed in direct mode, in a storm" "$(v killed mode)" full
t "and leaves no interrupt behind" "$(v killed vfio_lines) == 0"
t "a device is taken away in direct mode, and the guest goes on" "$(v unplug released) == 1 && $(v unplug vector_0x50) == $(v unplug raised) && $(v unplug lost) == 0"
t "and its gate is taken away: the vCPU has made another IDT" "$(v unplug updates) == $(v unplug-again updates) + 1"
for m in noeoi killed unplug; do
	t "after $m all is as before" "$(v $m-again vector_0x50) == 500 && $(v $m-again lost) == 0"
done

t "off: all interrupts of the device go through the host" "$(v vf-off host) >= 2000 && $(v vf-off host) == $(v vf-off guest)"
for m in delivery full; do
	t "$m: the guest counts what it counted without" "$(v vf-$m guest) >= 2000 && $(v vf-$m guest) <= 2010 && $(v vf-$m resent) == 0"
	t "$m: less than 5 % of them reach the host" "$(v vf-$m host) * 20 < $(v vf-$m guest)"
	t "$m: /proc/interrupts and KVM agree on how many" "$(v vf-$m host) == $(v vf-$m host_irqs)"
done
t "delivery: guest = completed at exits + injected" "$(v vf-delivery guest) == $(v vf-delivery isr_cleanups) + $(v vf-delivery injected)"
t "full: next to none is in service at an exit" "$(v vf-full isr_cleanups) * 50 < $(v vf-full guest)"
# The guest's is the count of interrupts it was given: an interrupt whose vector is pending already makes no
# second one, in this APIC as in any.
! want switch-delivery || echo "# off and delivery: the guest counts $(v switch-delivery guest), $(v switch-delivery host_irqs) came to the host, $(v switch-delivery injected) were injected, $(v switch-delivery sent_again) sent again"
t "off and delivery at random moments: none lost, none twice" "$(v switch-delivery guest) == $(v switch-delivery isr_cleanups) + $(v switch-delivery injected) && $(v switch-delivery guest) >= 4000 && $(v switch-delivery resent) == 0"
left="($(v switch-delivery host_irqs) - $(v switch-delivery injected) - $(v switch-delivery sent_again))"
t "all that came to the host were injected, sent again, or found their vector pending" "$left >= 0 && $left <= 8"
# A device whose next interrupt meets the exit for the last one's EOI has all of them come to the host.
t "most of those that come to the host are sent again, not injected" \
	"$(v vf-full sent_again) >= $(v vf-full injected) && $(v delivery-prefix host_irqs) >= 400 && $(v delivery-prefix resent) * 10 >= $(v delivery-prefix host_irqs) * 9"
t "all modes at random moments: each request is answered at once" "$(v switch-full guest) >= 4000 && $(v switch-full guest) <= 4020 && $(v switch-full resent) == 0"
t "the affinity of a pinned interrupt cannot be written" "$(v affinity pinned) != 0"
t "and can when the mode is off" "$(v affinity free) == 0"
same "a CPU that goes offline switches off" "$(v hotplug away_mode)" off
same "and back when the vCPU is on it again" "$(v hotplug back_mode)" full
t "where interrupts are direct as before" "$(v again host) * 20 < $(v again guest)"
same "a VM killed in direct mode" "$(v death mode)" full
t "leaves no interrupt behind" "$(v death vfio_lines) == 0"
t "a guest with page table isolation" "$(v pti isolated) >= 1"
t "takes its interrupts directly, too" "$(v pti-full guest) >= 2000 && $(v pti-full host) * 20 < $(v pti-full guest) && $(v pti-full resent) == 0"
same "two vCPUs are refused" "$(v smp mode) $(v smp why)" "off more"
same "the CPU of the watchdog goes offline: nothing is direct without it" "$(v watcher before_mode) $(v watcher after_mode)" "full off"
t "the host's kernel has nothing to complain of" "$(v kernel complaints) == 0 && $(grep -c '^@@ kernel' "$log") == 1"
echo "1..$n"
