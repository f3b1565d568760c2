# Sourced by the emulated host's init of tests/system/eli.sh: a VF guest whose agent answers here.

# Who wants some sections only has a function of that name (eli-parts.sh).
command -v want >/dev/null || want() { true; }

# The shell prefers its own.
ip() { /bin/ip "$@"; }

# vf_up : one virtual function for VFIO, and its peer in a namespace
vf_up() {
	echo 1 >/proc/irq/default_smp_affinity
	for n in /sys/class/net/*; do
		case $(readlink "$n/device/driver") in
		*/igb) pf=${n##*/} ;;
		*/e1000e) peer=${n##*/} ;;
		esac
	done
	peer_mac=$(cat "/sys/class/net/$peer/address")
	ip netns add peer
	ip link set "$peer" netns peer
	ip -n peer addr add 10.0.0.1/24 dev "$peer"
	ip -n peer link set "$peer" up
	ip -n peer neigh add 10.0.0.10 lladdr 52:54:00:00:01:00 nud permanent dev "$peer"
	ip link set "$pf" up
	echo 0 >"/sys/class/net/$pf/device/sriov_drivers_autoprobe"
	echo 1 >"/sys/class/net/$pf/device/sriov_numvfs"
	vf=$(basename "$(readlink "/sys/class/net/$pf/device/virtfn0")")
	ip link set "$pf" vf 0 mac 52:54:00:00:01:00
	echo vfio-pci >"/sys/bus/pci/devices/$vf/driver_override"
	echo "$vf" >/sys/bus/pci/drivers_probe
}

# guest_start [ARGUMENT...] : a guest; its vCPU is on CPU 1, all else on CPU 0
guest_start() {
	rm -f /run/a.in /run/a.out
	mkfifo /run/a.in /run/a.out
	qemu-l1 -L /lab/share -nodefaults -no-user-config -no-reboot -display none -machine q35,accel=kvm \
		-cpu host,kvm-pv-eoi=off -m 192 -smp "${vcpus:-1}" -kernel /lab/vmlinux -initrd /lab/l2.cpio \
		-append "console=ttyS0 quiet panic=-1 ${mitigations=mitigations=off} nokaslr ipv6.disable=1 cryptomgr.notests idle=poll \
exitlab.ip=10.0.0.10 exitlab.peer=10.0.0.1 exitlab.peer_mac=$peer_mac ${guest_args:-}" \
		-name guest=g0,debug-threads=on -serial file:/run/g0.console -device virtio-serial-pci \
		-chardev pipe,id=agent,path=/run/a -device virtserialport,chardev=agent,name=exitlab.agent \
		-device "vfio-pci,host=$vf,romfile=" "$@" 2>/run/g0.log &
	vmm=$!
	until vcpu=$(grep -l "CPU $((${vcpus:-1} - 1))/KVM" /proc/$vmm/task/*/comm 2>/dev/null) && [ -n "$vcpu" ]; do usleep 10000; done
	vcpu=${vcpu%/comm} vcpu=${vcpu##*/}
	taskset -p 1 $vmm >/dev/null
	for t in /proc/$vmm/task/*; do
		case $(cat $t/comm) in
		CPU*) taskset -p 2 ${t##*/} >/dev/null ;;
		*) taskset -p 1 ${t##*/} >/dev/null ;;
		esac
	done
	dir=$(echo /sys/kernel/debug/kvm/$vmm-*)
}

# guest_up [ARGUMENT...] : and waits until its agent answers
guest_up() {
	guest_start "$@"
	exec 8>/run/a.in 9</run/a.out
	answer >/dev/null
}

answer() { read -r status len <&9 && dd bs=1 count="$len" <&9 2>/dev/null; }
ask() { echo "$*" >&8; answer; }

# stat NAME : one of KVM's counters of exitless interrupts
stat() { sed -n "s/^$1 //p" "$dir/eli_stats"; }
# mode MODE : sets it, waits until it is in effect
mode() {
	echo "$1" >"$dir/eli_mode"
	n=0
	until grep -q "^mode $1" "$dir/eli_state" || [ $n = 500 ]; do usleep 10000; n=$((n + 1)); done
}
vfio_irqs() { sed -n 's/vfio-.*//; T; s/^[^:]*://p' /proc/interrupts | tr -s ' ' '\n' | awk '/^[0-9]+$/ { s += $1 } END { print s + 0 }'; }
guest_irqs() { ask 'cat /proc/interrupts' | awk '/eth0/ { s += $2 } END { print s + 0 }'; }
rr() { echo | ip netns exec peer netload rr udp 10.0.0.10 5001 1 1 0 "$1"; }

# --- sections of the log: numbers with names between "@@ NAME" and "@@ end"
begin() { echo "@@ $1"; }
end() { echo "@@ end"; }

ticks() { awk '/LOC:/ { print $3 }' /proc/interrupts; }
# small SECTION ARGUMENT... : eli-guest on CPU 1, and that CPU's timer interrupts meanwhile
small() {
	want "$1" || return 0
	begin "$1"
	shift
	before=$(ticks)
	taskset 2 eli-guest "$@" 2>&1
	echo "ticks $(($(ticks) - before))"
	end
}

# off_waits SECTION : how many of 20 writes of off returned only after a vCPU that spins had left the guest
off_waits() {
	want "$1" || return 0
	begin "$1"
	taskset 2 eli-guest spin full 1500 >/dev/null &
	until grep -q '^mode full' /sys/kernel/debug/kvm/$!-*/eli_state 2>/dev/null; do usleep 1000; done
	spin=$(echo /sys/kernel/debug/kvm/$!-*) left=0
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		echo full >"$spin/eli_mode"
		until grep -q '^mode full' "$spin/eli_state"; do usleep 1000; done
		read -r a <"$spin/exits"
		echo off >"$spin/eli_mode"
		# Until it has counted the exit.
		usleep 100
		read -r b <"$spin/exits"
		[ "$b" = "$a" ] || left=$((left + 1))
	done
	echo "left $left"
	end
	wait $!
}

# spin_direct CPU MS : a guest that spins there and is in direct mode, $spin its folder
spin_direct() {
	taskset $((1 << $1)) eli-guest spin full "$2" >/dev/null &
	n=0
	until grep -q '^mode full' /sys/kernel/debug/kvm/$!-*/eli_state 2>/dev/null || [ $n = 500 ]; do usleep 10000; n=$((n + 1)); done
	spin=$(echo /sys/kernel/debug/kvm/$!-*)
}

# moved SECTION : a vCPU that spins goes to CPU 0, whose timer is the watchdog, and back
moved() {
	want "$1" || return 0
	begin "$1"
	spin_direct 1 1500
	taskset -p 1 $! >/dev/null
	# Some ticks, each of which ends its stay in the guest
	usleep 50000
	a=$(sed -n 's/^direct_entries //p' "$spin/eli_stats") i=$(sed -n 's/^inject_entries //p' "$spin/eli_stats")
	usleep 100000
	echo "there_direct $(($(sed -n 's/^direct_entries //p' "$spin/eli_stats") - a))"
	echo "inject_entries $(($(sed -n 's/^inject_entries //p' "$spin/eli_stats") - i))"
	taskset -p 2 $! >/dev/null
	n=0
	until grep -q '^mode full' "$spin/eli_state" || [ $n = 100 ]; do usleep 10000; n=$((n + 1)); done
	sed 's/^/back_/' "$spin/eli_state"
	wait $!
	end
}

# pages SECTION : what three VMs that are killed had allocated for their IDTs, and freed, by KVM's functions in the stack
pages() {
	want "$1" || return 0
	begin "$1"
	for e in mm_page_alloc mm_page_free; do echo 'hist:keys=common_stacktrace:size=8192' >/sys/kernel/tracing/events/kmem/$e/trigger; done
	for i in 1 2 3; do
		spin_direct 1 100000
		grep '^mode' "$spin/eli_state"
		kill -9 $!
		wait $! 2>/dev/null
	done
	# The caller follows the allocator; one whose last step is a jump is not in the stack, but its caller is.
	awk '/ get_zeroed_page/ { get = 1; next } get && / (eli_idt_map|eli_activate)\+/ { hit = 1 } { get = 0 }
		/hitcount:/ { if (hit) n += $NF; hit = 0 } END { print "allocated", n + 0 }' /sys/kernel/tracing/events/kmem/mm_page_alloc/hist
	awk '/common_stacktrace:/ { first = 1; next } first && / (__)?free_/ { next }
		first && / (eli_idt_free|eli_destroy_vm|svm_vm_destroy)\+/ { hit = 1 } { first = 0 }
		/hitcount:/ { if (hit) n += $NF; hit = 0 } END { print "freed", n + 0 }' /sys/kernel/tracing/events/kmem/mm_page_free/hist
	sed -n 's/^ *Dropped: /dropped /p' /sys/kernel/tracing/events/kmem/mm_page_*/hist
	for e in mm_page_alloc mm_page_free; do echo '!hist:keys=common_stacktrace' >/sys/kernel/tracing/events/kmem/$e/trigger; done
	end
}

# watcher SECTION : the CPU of the watchdog, here 1, goes offline while a guest is in direct mode on the other one
watcher() {
	begin "$1"
	spin_direct 0 1500
	sed 's/^/before_/' "$spin/eli_state"
	echo 0 >/sys/devices/system/cpu/cpu1/online
	sed 's/^/after_/' "$spin/eli_state"
	wait $!
	echo 1 >/sys/devices/system/cpu/cpu1/online
	end
}

# beside NAME ARGUMENT... : a hostile guest on CPU 1, and what another one there answers meanwhile
beside() {
	name=$1
	want "$name" || return 0
	shift
	small "$name" "$@" >/run/hostile &
	sleep 0.05
	parts= small "pong-$name" pong off 100
	wait $!
	cat /run/hostile
}

# injections_on : lets the kernel count what KVM injects, by vector
inj=/sys/kernel/tracing/events/kvm/kvm_inj_virq
injections_on() { echo 'hist:keys=vector,reinjected' >$inj/trigger; }
# injections_off : a module with a trigger cannot be taken away in peace
injections_off() { ! grep -q '^hist' $inj/trigger || echo '!hist:keys=vector,reinjected' >$inj/trigger; }
# injected : of the device's vectors; an injection that is repeated counts once
injected() {
	sum=0
	for v in $(sed -n 's/^route .* guest //p' "$dir/eli_state"); do
		sum=$((sum + $(awk -v v=$((v)) '/hitcount/ { gsub(/[^0-9]+/, " "); split($0, a, " "); if (a[1] == v && a[2] == 0) s += a[3] }
			END { print s + 0 }' $inj/hist)))
	done
	echo $sum
}

# count SECTION COMMAND... : interrupts of guest and host while it runs
count() {
	want "$1" || return 0
	begin "$1"
	shift
	g=$(guest_irqs) h=$(vfio_irqs) c=$(stat isr_cleanups) i=$(stat host_irqs) j=$(injected) r=$(stat resent)
	"$@" | sed -n 's/.*"resent":\([0-9]*\).*/resent \1/p'
	usleep 20000
	echo "guest $(($(guest_irqs) - g))"
	echo "host $(($(vfio_irqs) - h))"
	echo "isr_cleanups $(($(stat isr_cleanups) - c))"
	echo "host_irqs $(($(stat host_irqs) - i))"
	echo "injected $(($(injected) - j))"
	echo "sent_again $(($(stat resent) - r))"
	cat "$dir/eli_state"
	end
}

# switching MODES COMMAND... : the modes in turn, at moments that have nothing to do with the work
switching() {
	modes=$1
	shift
	(
		s=1
		while :; do
			for m in $modes; do
				echo "$m" >"$dir/eli_mode"
				s=$(((s * 1103515245 + 12345) % 2147483648))
				usleep $((500 + s / 65536 % 7000))
			done
		done
	) &
	switcher=$!
	"$@"
	kill $switcher
	wait $switcher 2>/dev/null
}
