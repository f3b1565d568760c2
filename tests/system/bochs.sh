#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# KVM on VMX, in Bochs: the modules of eli-ref/patches with a small guest and an interrupt that is sent by
# hand (Bochs has no IOMMU), and exitlab's tracer on the same host. Two CPUs, Linux 6.12. Prints TAP; 1
# minute on an idle machine, and 10 once for Bochs and the modules.
#
# usage: tests/system/bochs.sh
# BOCHS_LOG=FILE keeps the host's console; BOCHS_MODULES=DIR takes modules that are built already.

. "$(dirname "${BASH_SOURCE[0]}")/../../testbed/lib.sh"
cd "$TOP"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
log=${BOCHS_LOG:-$work/text}

bochs=$(testbed/build-bochs.sh)
modules=${BOCHS_MODULES:-$(testbed/build-kvm.sh --patch eli-ref/patches)}
tree=$(dirname "$(testbed/build-kvm.sh --print-source)")
kernel=$(testbed/build-kernel.sh)
guest=$(testbed/build-guest.sh)

# --- the host's image
root=$work/root
mkdir -p "$root"/{bin,m,proc,sys,dev,tmp} "$work/mod"
put() { # PROGRAM : and its libraries
	local lib
	install -m 755 "$1" "$root/bin/"
	{ ldd "$1" 2>/dev/null || true; } | sed -n 's/^[^/]*\(\/[^ ]*\) (0x.*/\1/p' | while read -r lib; do
		[ -e "$root$lib" ] || install -D -m 755 "$lib" "$root$lib"
	done
}
cp tests/system/eli-irq.[ch] "$work/mod/"
echo 'obj-m := eli-irq.o' >"$work/mod/Makefile"
PATH=$tree/usr/bin:$PATH LD_LIBRARY_PATH=$tree/usr/lib/x86_64-linux-gnu \
	step "the module that sends interrupts" "$CACHE/logs/eli-irq.log" \
	make -C "$tree/usr/src/config" M="$work/mod" modules
gcc -O2 -Wall -Wextra -Werror -static -no-pie -o "$work/eli-guest" tests/system/eli-guest.c \
	tests/system/eli-vfio.c
strip -o "$work/exitlab" build/exitlab
put "$(command -v busybox)"
put "$work/eli-guest"
put "$work/exitlab"
put "$guest/kvmguest"
cp "$modules/kvm.ko" "$modules/kvm-intel.ko" "$work/mod/eli-irq.ko" \
	"$(find "$kernel/lib/modules/" -name irqbypass.ko)" "$root/m/"

cat >"$root/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mount -t tracefs tracefs /sys/kernel/tracing
mount -t debugfs debugfs /sys/kernel/debug
taskset -p 1 $$ >/dev/null

# --- sections of the log: numbers with names between "@@ NAME" and "@@ end"
begin() { echo "@@ $1"; }
end() { echo "@@ end"; }
ticks() { awk '/LOC:/ { print $3 }' /proc/interrupts; }

# The kernel's own count of exits by reason. A module whose event has a trigger must not be unloaded.
trigger=/sys/kernel/tracing/events/kvm/kvm_exit/trigger
reasons() {
	sed -n 's/^{ *exit_reason: *\([0-9]*\) *} hitcount: *\([0-9]*\).*/reason_\1 \2/p' "${trigger%/*}/hist"
}
load() { # PARAMETER OF KVM-INTEL... ; $kvm: of kvm
	insmod /m/kvm.ko ${kvm:-} && insmod /m/kvm-intel.ko "$@" && insmod /m/eli-irq.ko
	echo 'hist:keys=exit_reason' >$trigger
}
unload() {
	echo '!hist:keys=exit_reason' >$trigger
	rmmod eli-irq kvm-intel kvm
}
# small SECTION ARGUMENT... : eli-guest on CPU 1, and that CPU's timer interrupts meanwhile
small() {
	begin "$1"
	shift
	echo 'hist:keys=exit_reason:clear' >>$trigger
	before=$(ticks)
	taskset "${cpus:-2}" eli-guest "$@" 2>&1
	echo "ticks $(($(ticks) - before))"
	reasons
	end
}
bound() { echo "$1" >/sys/module/kvm/parameters/eli_watchdog_us; }
# traced SECTION COMMAND... : what exitlab counts, and what the kernel does
traced() {
	begin "$1"
	shift
	echo 'hist:keys=exit_reason:clear' >>$trigger
	exitlab stat --json -- "$@" >/tmp/json 2>/tmp/err
	echo "status $?"
	reasons
	# One value a line; the hist's and times are not needed.
	tr ',' '\n' </tmp/json | sed -n 's/^[ "]*\(isa\|reason\|count\)": *"*\([a-z0-9]*\)"* *$/json_\1 \2/p'
	sed 's/^/err /' /tmp/err
	end
}

insmod /m/irqbypass.ko
load
begin cpu
grep -c '^flags.* vmx ' /proc/cpuinfo | sed 's/^/vmx /'
dmesg | grep -c 'x2apic$' | sed 's/^/x2apic /'
echo "apicv $(cat /sys/module/kvm_intel/parameters/enable_apicv)"
echo "timer $(cat /sys/module/kvm_intel/parameters/preemption_timer)"
end
for m in off full; do
	small $m-spin spin $m 100
	small $m-cli cli $m 100
	small $m-fault fault $m 50
	small $m-int80 int80 $m 50
	small $m-idtr idtr $m 50
	small $m-cr8 cr8 $m 100
	small $m-gate gate $m 50
	small $m-remap remap $m 100
	small $m-eoi eoi $m 1000
	small $m-self self $m 100
	small $m-timer timer $m 50
done
bound 0; small unbound-cli cli full 100; bound 10000
for m in off delivery full; do small $m-irqs irqs $m 1000; done
ELI_FROM=0 small moved-irqs irqs full 300
ELI_THEN=off small then-irqs irqs full 600
cpus=1 small shared-spin spin full 50

traced kvmguest kvmguest --out 1009 --cpuid 2003 --hlt 503 --wrmsr 1511
traced vmcall eli-guest vmcall off 1013

unload; load ept=0; small noept-eoi eoi full 100
unload; load vnmi=0; small novnmi-eoi eoi full 100
unload; load preemption_timer=0; small notimer-cli cli full 100
cpus=1 small watchdog-eoi eoi full 100
unload; kvm=enable_vmware_backdoor=1 load; small backdoor-spin spin full 50
small backdoor-int80 int80 full 50
small backdoor-fault fault full 50
begin kernel
echo "complaints $(dmesg | grep -cE 'WARNING|BUG:|Oops|stall|unknown reason|No irq handler|lockup')"
dmesg | grep -E -A 12 'WARNING|BUG:|Oops|stall|unknown reason|No irq handler|lockup' | head -n 40
end
echo "@@ all done"
sleep 3		# the serial port is slow
poweroff -f
INIT
chmod +x "$root/init"

# --- the machine: boots from a CD, as Bochs loads no kernel by itself
mkdir "$work/iso"
(cd "$root" && find . -mindepth 1 | cpio --create --format=newc --quiet) >"$work/iso/initrd"
cp "$bochs"/{vmlinuz,isolinux.bin,ldlinux.c32} "$work/iso/"
# XSAVE off: Bochs lays its state out in another way than this kernel expects of the CPU model.
cat >"$work/iso/isolinux.cfg" <<'CFG'
default linux
prompt 0
label linux
kernel vmlinuz
initrd initrd
append console=ttyS0 panic=-1 quiet noxsave tsc=reliable lpj=1000000 mitigations=off nokaslr cryptomgr.notests ipv6.disable=1
CFG
xorriso -as mkisofs -quiet -o "$work/boot.iso" -b isolinux.bin -c boot.cat -no-emul-boot \
	-boot-load-size 4 -boot-info-table "$work/iso" 2>/dev/null
cat >"$work/bochsrc" <<CFG
cpu: model=corei7_haswell_4770, count=2, ips=100000000, quantum=32, reset_on_triple_fault=1, ignore_bad_msrs=1
memory: guest=512, host=512
romimage: file=$bochs/bios.bin, options=fastboot
vgaromimage: file=$bochs/vgabios.bin
pci: enabled=1, chipset=i440fx
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=cdrom, path=$work/boot.iso, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev=$work/log
clock: sync=none, time0=1704067200
display_library: nogui
log: $work/bochs.log
panic: action=fatal
error: action=report
info: action=ignore
debug: action=ignore
CFG
# It ends by a power-off, which is a panic to Bochs.
timeout "${BOCHS_TIMEOUT:-590}" "$bochs/bochs" -q -f "$work/bochsrc" >"$work/out" 2>&1 </dev/null || true
grep -q 'soft power off' "$work/bochs.log" ||
	{ echo "the emulated machine did not end:"; tail -n 3 "$work/log" "$work/bochs.log"; } >&2
tr -d '\r' <"$work/log" >"$log"

# --- what must be true
n=0
# v SECTION NAME : a number or word that a section printed, 0 if it did not
v() { awk -v s="@@ $1" -v k="$2" '$0 == s { on = 1 } $0 == "@@ end" { on = 0 } on && $1 == k { x = $2 } END { print x ? x : 0 }' "$log"; }
# t NAME CONDITION... : CONDITION are words for (( ))
t() {
	local name=$1
	shift
	n=$((n + 1))
	if (($*)); then echo "ok $n - $name"; else echo "not ok $n - $name (${*//[$'\n\t']/ })"; fi
}
# same NAME TEXT TEXT
same() {
	n=$((n + 1))
	if [ "$2" = "$3" ]; then echo "ok $n - $1"; else echo "not ok $n - $1 ('$2', not '$3')"; fi
}
why() { awk -v s="@@ $1" '$0 == s { on = 1 } $0 == "@@ end" { on = 0 } on && $1 == "why" { $1 = ""; print substr($0, 2) }' "$log"; }
# exits SECTION PREFIX : its exits by reason, "REASON=COUNT" in order, of the kernel (reason_) or exitlab (json_)
exits() {
	awk -v s="@@ $1" -v p="$2" '$0 == s { on = 1 } $0 == "@@ end" { on = 0 }
		on && p == "reason_" && sub(/^reason_/, "") { c[$1] += $2 }
		on && p == "json_" && $1 == "json_reason" { r = $2 }
		on && p == "json_" && $1 == "json_count" { c[r] += $2 }
		END { for (r in c) print r "=" c[r] }' "$log" | sort -n | tr '\n' ' '
}

t "the host's run came to its end" "$(grep -c '^@@ all done' "$log") == 1"
t "two CPUs with VMX, in x2APIC mode" "$(v cpu vmx) == 2 && $(v cpu x2apic) >= 1"
same "without APIC virtualization, with a preemption timer" "$(v cpu apicv) $(v cpu timer)" "N Y"
t "off: no entry is direct" "$(v off-spin direct_entries) == 0 && $(v off-spin reflected) == 0"
t "off: a guest with interrupts off does not hold up the host's tick" "$(v off-cli irq_exits) >= 20"
# One that finds a page of the guest's not mapped yet ends in an EPT violation instead of a fault.
t "each interrupt of the host ends in one exit and is handed back; its tick goes on" \
	"$(v full-spin reflected) >= 20 && $(v full-spin reflected) - $(v full-spin irq_exits) <= 2 && $(v full-spin ticks) >= 20"
t "as a fault of the guest's IDT (EXCEPTION_NMI), not as EXTERNAL_INTERRUPT" \
	"$(v full-spin reason_0) == $(v full-spin irq_exits) && $(v full-spin reason_1) == 0"
t "a guest with interrupts off is ended once by the preemption timer, and the host's tick goes on" \
	"$(v full-cli timer_exits) == 1 && $(v full-cli reason_52) == 1 && $(v full-cli nmi_kicks) == 0 && $(v full-cli irq_exits) >= 20"
t "without the bound it is not" "$(v unbound-cli timer_exits) == 0 && $(v unbound-cli irq_exits) < 12"
for m in off full; do
	t "$m: the guest's own #NP and #GP are its own" "$(v $m-fault vector_0x0b) == 50 && $(v $m-fault vector_0x0d) == 50 && $(v $m-fault error_code) == 0x18"
	t "$m: INT n has its gate" "$(v $m-int80 vector_0x80) == 50 && $(v $m-int80 vector_0x21) == 50"
	t "$m: SIDT gives the guest's own limit" "$(v $m-idtr idt_limit) == 0xfff && $(v $m-idtr idt_base) == 0x6000"
	t "$m: CR8 is the guest's own, and masks nothing of the host's" "$(v $m-cr8 cr8) == 15 && $(v $m-cr8 ticks) >= 20"
	t "$m: a gate that was written is the one that is used" "$(v $m-gate vector_0x80) == 50 && $(v $m-gate vector_0x81) == 50"
	t "$m: a guest that maps another IDT takes no interrupt of the host's" "$(v $m-remap vector_0xec) == 0 && $(v $m-remap ticks) >= 20"
	t "$m: each virtual interrupt arrives once" "$(v $m-self vector_0x40) == 100"
	t "$m: each shot of the guest's own timer arrives once, by the preemption timer" \
		"$(v $m-timer vector_0x41) == 50 && $(v $m-timer reason_52) == 50"
done
t "each write to the IDT is seen" "$(v full-gate resyncs) == 100"
t "a write of EOI exits in off" "$(v off-eoi reason_32) == 1000"
t "and does not in full" "$(v full-eoi reason_32) == 0 && $(v full-eoi direct_entries) > 0"

# Sent one by one, so none can be merged: the guest has each one in every mode. One that comes to the host is
# sent again rather than injected, and if it comes to the host again, is counted there again.
for s in off:1000 delivery:1000 full:1000 moved:300 then:600; do
	m=${s%:*}-irqs
	t "${s%:*}: the guest counts each interrupt that was sent, once" "$(v "$m" vector_0x55) == ${s#*:} && $(v "$m" lost) == 0"
	t "${s%:*}: the host's handler and KVM agree on those that were not direct" "$(v "$m" handled) == $(v "$m" host_irqs)"
	t "${s%:*}: EOIs that exit are those of injected interrupts and of those in service at an exit, one each" \
		"$(v "$m" reason_32) == $(v "$m" isr_cleanups) + $(v "$m" host_irqs) - $(v "$m" resent)"
done
t "off: all go through the host" "$(v off-irqs handled) == 1000 && $(v off-irqs reason_32) == 1000"
t "delivery: less than 5 % of them are injected; all are completed with an exit" \
	"$(v delivery-irqs handled) - $(v delivery-irqs resent) < 50 && $(v delivery-irqs reason_32) == 1000"
t "full: less than 5 % of them reach the host, or are completed with an exit" \
	"$(v full-irqs handled) < 50 && $(v full-irqs reason_32) < 50"
t "exits per interrupt: about 2, 1, 0" "$(v off-irqs exits) >= 2000 && $(v delivery-irqs exits) >= 1000 &&
	$(v delivery-irqs exits) < 1300 && $(v full-irqs exits) < 300"
t "an interrupt that was on another CPU is direct, too" "$(v moved-irqs handled) < 15"
t "switched off half-way: the second half is injected" "$(v then-irqs handled) >= 300 && $(v then-irqs handled) < 330"
same "with the timer a vCPU may be on the watchdog's CPU" "$(v shared-spin mode)" full

same "no EPT: refused" "$(v noept-eoi mode) $(why noept-eoi)" "off no nested paging"
same "no virtual NMIs: refused" "$(v novnmi-eoi mode) $(why novnmi-eoi)" "off virtual NMIs are missing or off"
t "and nothing is direct then" "$(v noept-eoi direct_entries) == 0 && $(v novnmi-eoi direct_entries) == 0 &&
	$(v noept-eoi exits) >= 100 && $(v novnmi-eoi exits) >= 100"
t "no preemption timer: an NMI of the watchdog does it" "$(v notimer-cli nmi_kicks) == 1 &&
	$(v notimer-cli timer_exits) == 0 && $(v notimer-cli irq_exits) >= 20"
same "whose CPU is refused then" "$(v watchdog-eoi mode) $(why watchdog-eoi)" "off the vCPU is on the CPU of the watchdog"
t "KVM intercepts #GP for itself (enable_vmware_backdoor): interrupts of the host are still its own" \
	"$(v backdoor-spin reflected) >= 10 && $(v backdoor-spin reflected) - $(v backdoor-spin irq_exits) <= 2 && $(v backdoor-spin vector_0x0d) == 0"
t "and the guest's faults and INT n the guest's" "$(v backdoor-fault vector_0x0d) == 50 &&
	$(v backdoor-fault vector_0x0b) == 50 && $(v backdoor-int80 vector_0x80) == 50 && $(v backdoor-int80 vector_0x0d) == 0"

# exitlab's tracer on VMX: the kernel's own numbers for these reasons.
for s in kvmguest vmcall; do
	same "exitlab counts each exit of $s as the kernel does, by reason" "$(exits $s json_)" "$(exits $s reason_)"
done
same "and calls them exits of VMX" "$(sed -n 's/^json_isa //p' "$log" | sort -u)" vmx
t "of a guest that made a known number: IO_INSTRUCTION, CPUID, HLT, MSR_WRITE" "$(v kvmguest reason_30) == 1009 &&
	$(v kvmguest reason_10) == 2003 && $(v kvmguest reason_12) == 503 && $(v kvmguest reason_32) == 1511 && $(v kvmguest status) == 0"
t "VMCALL" "$(v vmcall reason_18) == 1013 && $(v vmcall reason_30) == 1 && $(v vmcall status) == 0"
t "the host's kernel has nothing to complain of" "$(v kernel complaints) == 0 && $(grep -c '^@@ kernel' "$log") == 1"
echo "1..$n"
