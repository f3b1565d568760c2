#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# exitlab record, script and stat -i in the emulated testbed's host (L1), whose KVM fires every event:
# what is in the files of exitlab, perf and trace-cmd, all recorded at the same time, must be what a
# live exitlab stat, the kernel's hist triggers and the guest itself counted. Prints TAP; 3 minutes.
#
# usage: tests/system/record-emulated.sh [KERNEL]	(needs the testbed: make setup; perf and trace-cmd;
# KERNEL: another one for L1, as of exitlab run --kernel)

. "$(dirname "${BASH_SOURCE[0]}")/../../testbed/lib.sh"
cd "$TOP"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

paths=$(testbed/build.sh ${1:+--kernel "$1"} "$PWD/build/exitlab-point")
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
put build/exitlab
put build/guest/kvmguest
put "$(command -v setpriv)" setpriv-real
for p in perf trace-cmd; do
	p=$(command -v "$p") || continue
	put "$p"
done

# The image's own init up to where it starts exitlab-point; a second archive replaces files of the first.
{
	sed '/starting exitlab/,$d' testbed/guest/l1-init
	cat <<'INIT'
echo '#!/bin/sh' >/bin/guest
echo 'exec kvmguest --out 1009 --cpuid 2003 --hlt 503 --wrmsr 1511' >>/bin/guest
chmod 755 /bin/guest
events=/sys/kernel/tracing/events
# section NAME COMMAND... : what it printed, and its status
section() {
	name=$1; shift
	"$@" >/tmp/out 2>/tmp/err
	echo $? >/tmp/rc
	show $name
}
show() {
	for part in out err rc; do
		echo "@@ $1 $part"
		cat /tmp/$part
		: >/tmp/$part
	done
	echo "@@ end"
}
hist() { # EVENT KEY : counts of a hist trigger
	echo "hist:keys=$2" >$events/$1/trigger
}

# --- one window, seen by all
hist kvm/kvm_exit exit_reason
section live exitlab stat --json --detail msr -- \
	perf record -q -a -e 'kvm:*' -o /tmp/perf.data -- \
	trace-cmd record -q -b 8192 -e kvm -o /tmp/trace7.dat -- \
	exitlab record -o /tmp/own.trace -- guest
section hist cat $events/kvm/kvm_exit/hist
echo '!hist:keys=exit_reason' >$events/kvm/kvm_exit/trigger
section own exitlab stat -i /tmp/own.trace --json --detail msr
section perf exitlab stat -i /tmp/perf.data --json --detail msr
section trace7 exitlab stat -i /tmp/trace7.dat --json --detail msr
section ownledger exitlab script -i /tmp/own.trace --header --json
section owncsv exitlab stat -i /tmp/own.trace --csv 0.005
section owntable exitlab stat -i /tmp/own.trace
section ownvcpu exitlab stat -i /tmp/own.trace --vcpu 1 --json
section perfpid exitlab stat -i /tmp/perf.data -p 1 --json
exitlab script -i /tmp/own.trace >/tmp/text
section text sh -c 'wc -l </tmp/text; grep -c " kvm_exit: svm IOIO" /tmp/text; grep -c " kvm_entry:" /tmp/text; head -n 3 /tmp/text'
head -c 100000 /tmp/own.trace >/tmp/cut.trace
section cut exitlab stat -i /tmp/cut.trace --json
head -c 100000 /tmp/perf.data >/tmp/cut.data
section cutperf exitlab stat -i /tmp/cut.data --json
head -c 100000 /tmp/trace7.dat >/tmp/cut.dat
section cuttrace exitlab stat -i /tmp/cut.dat --json

# --- other ways to make these files
section live2 exitlab stat --time all --json -- \
	perf kvm --host stat record -a -o /tmp/kvm.data -- \
	trace-cmd record -q -b 8192 --file-version 6 -e kvm -o /tmp/trace6.dat -- guest
section perfkvm exitlab stat -i /tmp/kvm.data --json
section trace6 exitlab stat -i /tmp/trace6.dat --json
section livez exitlab stat --json --detail msr -- perf record -q -z -a -e 'kvm:*' -o /tmp/z.data -- guest
section perfz exitlab stat -i /tmp/z.data --json --detail msr
section zheader sh -c 'perf report --header-only -i /tmp/z.data 2>/dev/null | grep "^# compressed"'
perf record -q -a -e 'kvm:kvm_exit' -o - -- sleep 0.1 2>/dev/null >/tmp/pipe.data
section perfpipe exitlab stat -i /tmp/pipe.data --json

# --- losses: a small ring of ours, of perf's, of ftrace's
section small exitlab record --ring 4 -o /tmp/small.trace -- guest
section smallledger exitlab script -i /tmp/small.trace --header --json
section smallstat exitlab stat -i /tmp/small.trace --json
perf record -q -m 1 -a -e 'kvm:*' -o /tmp/lost.data -- guest >/dev/null 2>&1
section perflost exitlab stat -i /tmp/lost.data --json
section perflostown sh -c 'perf script --show-lost-events -i /tmp/lost.data 2>/dev/null |
	sed -n "s/.*PERF_RECORD_LOST lost \([0-9]*\).*/\1/p"'
# ftrace keeps the newest here, and says how many it has written over.
trace-cmd start -b 16 -e kvm >/dev/null 2>&1; guest >/dev/null; trace-cmd stop
sed -n 's/^overrun: //p' /sys/kernel/tracing/per_cpu/cpu0/stats >/tmp/overrun
trace-cmd extract -o /tmp/lost.dat >/dev/null 2>&1
trace-cmd reset >/dev/null 2>&1
section overrun cat /tmp/overrun
section tracelost exitlab stat -i /tmp/lost.dat --json

# --- the end by SIGKILL
exitlab record -o /tmp/killed.trace 2>/dev/null & pid=$!
sleep 1; guest >/dev/null; sleep 1.5
kill -9 $pid; wait $pid
section killed exitlab stat -i /tmp/killed.trace --json
section killedledger exitlab script -i /tmp/killed.trace --header --json

# --- the least it takes
chmod 666 /dev/kvm
chmod 777 /tmp
echo 2 >/proc/sys/kernel/perf_event_paranoid
caps=+bpf,+perfmon,+dac_read_search
section least setpriv-real --reuid 65534 --regid 65534 --clear-groups --inh-caps "-all,$caps" \
	--ambient-caps "-all,$caps" --bounding-set "-all,$caps" \
	exitlab record -o /tmp/least.trace -- guest
section leastledger exitlab script -i /tmp/least.trace --header --json
section nobody setpriv-real --reuid 65534 --regid 65534 --clear-groups \
	exitlab stat -i /tmp/least.trace --json

# --- a guest with interrupts and vhost
modprobe -a tun vhost_net
# The shell would take its own ip, which has no tap devices.
/bin/ip tuntap add dev tap0 mode tap vnet_hdr && /bin/ip addr add 10.0.0.1/24 dev tap0 && /bin/ip link set tap0 up
counted="kvm/kvm_exit kvm/kvm_entry kvm/kvm_inj_virq kvm/kvm_eoi kvm/kvm_apic_accept_irq kvm/kvm_vcpu_wakeup kvm/kvm_userspace_exit kvm/kvm_mmio kvm/kvm_page_fault kvm/kvm_pio kvm/kvm_msr"
for e in $counted; do hist $e common_type; done
# Both ways of attaching at the same time: the same events.
exitlab -v record --rung raw_tp -o /tmp/l2.trace 2>/tmp/err & pid=$!
exitlab -v record --rung tp -o /tmp/tp.trace 2>/tmp/err.tp & pid_tp=$!
sleep 1
qemu-l1 -L /lab/share -nodefaults -no-user-config -no-reboot -display none \
	-name guest=web,debug-threads=on -machine q35,accel=kvm -cpu host,kvm-pv-eoi=off -m 256 \
	-smp 1 -kernel /lab/vmlinux -initrd /lab/l2.cpio -append "console=ttyS0 quiet panic=-1 mitigations=off nokaslr ipv6.disable=1 cryptomgr.notests exitlab.ip=10.0.0.10 exitlab.peer=10.0.0.1 exitlab.peer_mac=$(cat /sys/class/net/tap0/address)" \
	-serial file:/tmp/console -netdev tap,id=n0,ifname=tap0,script=no,downscript=no,vhost=on \
	-device virtio-serial-pci -chardev socket,id=agent,path=/tmp/agent,server=on,wait=off \
	-device virtserialport,chardev=agent,name=exitlab.agent \
	-device virtio-net-pci,netdev=n0,mac=52:54:00:00:01:01,romfile= >/tmp/vmm 2>&1 & vm=$!
n=0
until ping -c 1 -W 1 10.0.0.10 >/dev/null 2>&1 || [ $n = 30 ]; do n=$((n + 1)); sleep 0.3; done
ping -c 20 -i 0.05 10.0.0.10 >/tmp/pings 2>&1
kill $vm; wait $vm
sleep 0.1
kill $pid $pid_tp; wait $pid; echo $? >/tmp/rc
cat /tmp/vmm >/tmp/out
show l2
wait $pid_tp; echo $? >/tmp/rc
cat /tmp/err.tp >/tmp/err
show l2tp
section l2ping tail -n 3 /tmp/pings
for e in $counted; do
	echo "$e $(sed -n 's/.*Hits: //p' $events/$e/hist)"
done >/tmp/out 2>/tmp/err; show l2hist
section l2ledger exitlab script -i /tmp/l2.trace --header --json
section l2tpledger exitlab script -i /tmp/tp.trace --header --json
section l2tpstat exitlab stat -i /tmp/tp.trace --vm web --json
# switches FILE : how often each thread of the VM came and went
cat >/bin/switches <<'END'
#!/bin/sh
exitlab script -i $1 --vm web --events sched --json | sed -n 's/.*"event":"\(sched_[a-z]*\)".*"tid":\([0-9]*\),.*/\2 \1/p' | sort | uniq -c
END
chmod 755 /bin/switches
section l2switches switches /tmp/l2.trace
section l2tpswitches switches /tmp/tp.trace
section l2tpeoi sh -c 'exitlab script -i /tmp/tp.trace --events kvm_eoi --json | grep -vc "\"vm\":\"web\""'
section l2stat exitlab stat -i /tmp/l2.trace --vm web --json
exitlab script -i /tmp/l2.trace --json >/tmp/l2.json
section l2vhost sh -c 'grep -c "\"event\":\"sched_in\".*\"vm\":\"web\".*\"comm\":\"vhost-" /tmp/l2.json'
section l2eoi sh -c 'grep "\"event\":\"kvm_eoi\"" /tmp/l2.json | grep -vc "\"vm\":\"web\""'
section l2size sh -c 'wc -l </tmp/l2.json; wc -c </tmp/l2.trace'
echo "@@ all done"
poweroff -f
INIT
} >"$work/root/init"
chmod +x "$work/root/init"
(cd "$work/root" && find . -mindepth 1 | cpio --create --format=newc --quiet) >"$work/test.cpio"
cat "$images/l1.cpio" "$work/test.cpio" >"$work/l1.cpio"
timeout 900 "$qemu/qemu-l0" -L "$qemu/share" -nodefaults -no-user-config -no-reboot -display none \
	-machine q35,hpet=off -accel tcg,thread=single -icount shift=0,sleep=off \
	-rtc base=2024-01-01T00:00:00,clock=vm -seed 1 -smp 1 -m 2500 \
	-cpu max,la57=off,+svm,+x2apic,-rdrand,-rdseed -kernel "$images/vmlinux" \
	-initrd "$work/l1.cpio" -serial "file:$work/log" -append "console=ttyS0 panic=-1 \
mitigations=off nokaslr ipv6.disable=1 cryptomgr.notests tsc=reliable quiet" >&2 ||
	echo "the emulated machine did not end: $(tail -n 3 "$work/log")" >&2
tr -d '\r' <"$work/log" >"${RECORD_EMULATED_LOG:-$work/text}"
python3 tests/system/record-emulated.py "${RECORD_EMULATED_LOG:-$work/text}"
