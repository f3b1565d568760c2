# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# What the emulated host does for iocores-emulated.sh, as the end of its init.
T=/sys/kernel/tracing
/bin/ip link set lo up
chmod 755 /tmp /bin

# section NAME COMMAND... : what it printed, and its status
section() {
	name=$1; shift
	"$@" >/tmp/out 2>/tmp/err
	echo $? >/tmp/rc
	show "$name"
}
# show NAME : the same of what was run before
show() {
	for part in out err rc; do
		echo "@@ $1 $part"
		cat /tmp/$part
		: >/tmp/$part
	done
	echo "@@ end"
}
# start N POLL-US : guest N, with a tap of its own
start() {
	/bin/ip tuntap add dev "t$1" mode tap vnet_hdr
	/bin/ip addr add "10.0.$1.1/24" dev "t$1"
	/bin/ip link set "t$1" up
	/bin/ip neigh add "10.0.$1.10" lladdr "52:54:00:00:01:0$1" nud permanent dev "t$1"
	mkfifo "/run/g$1.in" "/run/g$1.out" "/run/go$1" "/run/done$1"
	# Held open, so that no opening waits for another.
	eval "exec $((2 * $1 + 3))<>/run/g$1.in $((2 * $1 + 4))<>/run/g$1.out"
	qemu-l1 -L /lab/share -nodefaults -no-user-config -no-reboot -display none \
		-name "guest=g$1,debug-threads=on" -machine q35,accel=kvm -cpu host -m 128 -smp 1 \
		-kernel /lab/vmlinux -initrd /lab/l2.cpio -append "console=ttyS0 quiet panic=-1 \
mitigations=off nokaslr ipv6.disable=1 cryptomgr.notests exitlab.ip=10.0.$1.10 exitlab.peer=10.0.$1.1 \
exitlab.peer_mac=$(cat "/sys/class/net/t$1/address")" \
		-serial "file:/run/g$1.console" -device virtio-serial-pci \
		-chardev "pipe,id=agent,path=/run/g$1" -device virtserialport,chardev=agent,name=exitlab.agent \
		-netdev "tap,id=n0,ifname=t$1,script=no,downscript=no,vhost=on,poll-us=$2" \
		-device "virtio-net-pci,netdev=n0,mac=52:54:00:00:01:0$1,romfile=" \
		>"/run/g$1.log" 2>&1 &
	eval "vm$1=$!"
}
# agent N COMMAND : runs it in guest N and prints what it says
agent() {
	[ -z "$2" ] || echo "$2" >"/run/g$1.in"
	read -r status len <"/run/g$1.out"
	dd bs=1 count="$len" <"/run/g$1.out" 2>/dev/null
	echo
}
# ready N : waits for it and starts its server
ready() {
	agent "$1" ''
	agent "$1" 'netload server udp 7000 1 1 >/dev/null 2>&1 &'
}
# worker PID : thread of the vhost worker of a VMM
worker() {
	for d in "/proc/$1"/task/* /proc/[0-9]*; do
		case $(cat "$d/comm" 2>/dev/null) in vhost-"$1") echo "${d##*/}"; return ;; esac
	done
}
# client N REQUESTS : a client of guest N that waits for its go after the warm-up
client() {
	(netload rr udp "10.0.$1.10" 7000 1 1 20 "$2" <>"/run/go$1" >"/run/rr$1"; echo end >"/run/done$1") &
	until grep -q ready "/run/rr$1" 2>/dev/null; do usleep 10000; done
}
cat >/bin/go <<'END'
#!/bin/sh
# go N... : lets the clients of guests N work, and waits for them
for n in "$@"; do echo >"/run/go$n"; done
for n in "$@"; do read -r _ <"/run/done$n"; done
usleep 20000
END
chmod 755 /bin/go
# counters : those that have nothing to do with exitlab
works="handle_tx_kick handle_rx_kick handle_tx_net handle_rx_net"
counters() {
	for f in $works; do echo "p:io/$f $f" >>$T/kprobe_events; done
	for f in $works; do echo 'hist:keys=common_pid' >"$T/events/io/$f/trigger"; done
	echo 'hist:keys=common_pid,gpa.hex if type == 2' >$T/events/kvm/kvm_mmio/trigger
	echo 'hist:keys=next_pid' >$T/events/sched/sched_switch/trigger
}
counters_off() {
	echo '!hist:keys=common_pid,gpa.hex if type == 2' >$T/events/kvm/kvm_mmio/trigger
	echo '!hist:keys=next_pid' >$T/events/sched/sched_switch/trigger
	for f in $works; do echo '!hist:keys=common_pid' >"$T/events/io/$f/trigger"; done
	echo >$T/kprobe_events
}
# facts : what they and others say; one "NAME ..." a line
facts() {
	for n in "$@"; do
		eval "pid=\$vm$n w=\$w$n"
		echo "worker $n $w vm $pid schedstat $(cat "/proc/$w/schedstat")"
		echo "threads $n $(ls "/proc/$pid/task" | tr '\n' ' ')"
		agent "$n" "grep -E 'virtio.-(input|output)' /proc/interrupts" | sed "s/^/interrupts $n /"
		agent "$n" 'for d in /sys/bus/pci/devices/*; do [ $(cat $d/device) = 0x1000 -o $(cat $d/device) = 0x1041 ] && cat $d/resource; done' |
			sed "s/^/bar $n /"
	done
	for f in $works; do sed -n "s/^{/works $f {/p" "$T/events/io/$f/hist"; done
	sed -n 's/^{/mmio {/p' $T/events/kvm/kvm_mmio/hist
	sed -n 's/^{/switch {/p' $T/events/sched/sched_switch/hist
}
# programs : those of io_cores that are attached now
programs() { bpftool prog show | grep -cE 'name (switch_|wakeup_|in_handle|kicked)'; }

echo "@@ kernel $(uname -r)"

# --- an exporter that is started before KVM is loaded, and before vhost
modprobe -r kvm_amd
ls /dev/kvm >/tmp/more 2>&1
exitlab export --textfile /tmp/x.prom --interval 0.5 --signals io_cores 2>/tmp/x.err & exporter=$!
usleep 1500000
cat /tmp/x.prom >/tmp/out; cat /tmp/x.err /tmp/more >/tmp/err; show waiting
modprobe kvm_amd

# --- no vhost, then one that comes late
exitlab stat --signals io_cores --json --duration 3 >/tmp/out 2>/tmp/err & pid=$!
usleep 1500000
programs >/tmp/programs
modprobe vhost_net
wait $pid; echo $? >/tmp/rc; cat /tmp/programs >>/tmp/out
show late

# --- VMs that start while it is attached
# Attaching to a function that has a program already takes a grace period of RCU's, and there are
# five of them: seconds of virtual time, moments of real time.
for n in 1 2 3 4 5 6 7 8 9 10 11 12; do [ "$(programs)" -ge 4 ] || sleep 1; done
before=$(programs)
exitlab stat --signals io_cores --json >/tmp/out 2>/tmp/err & pid=$!
sleep 8
echo $(($(programs) - before)) >/tmp/programs
start 0 0
ready 0
kill -INT $pid; wait $pid; echo $? >/tmp/rc; cat /tmp/programs >>/tmp/out
show early
kill $exporter; wait $exporter; echo $? >/tmp/rc
cat /tmp/x.prom >/tmp/out; cat /tmp/x.err >/tmp/err; show came
programs >/tmp/out
show after
start 1 100
ready 1
w0=$(worker $vm0) w1=$(worker $vm1)
echo "w0 $w0 w1 $w1"
taskset -p 2 "$w0" >/dev/null
usleep 100000

# window NAME "COMMAND OF EXITLAB" GUEST... : a measurement with everybody else's counters
window() {
	name=$1 command=$2
	shift 2
	counters
	facts "$@" >/tmp/before
	$command -- go "$@" >/tmp/out 2>/tmp/err
	echo $? >/tmp/rc
	facts "$@" >/tmp/after
	counters_off
	show "$name"
	for part in before after; do echo "@@ $name $part"; cat /tmp/$part; done
	echo "@@ end"
}
stat="exitlab stat --signals io_cores"
client 0 499; window rr "$stat --json" 0
client 0 211; client 1 97; window two "$stat --json" 0 1
client 0 211; window table "$stat --cost" 0
client 0 211; window csv "$stat 0.01 --csv" 0
client 0 211; EXITLAB_RUNG=raw_tp window raw "$stat --json" 0
client 0 211; client 1 97; EXITLAB_RUNG=tp window tp "$stat --json" 0 1
client 0 53; EXITLAB_NO_FENTRY=1 window nofentry "$stat --json" 0
client 0 53; window onevm "$stat --json -p $vm1" 0

# --- a worker that ends; one that begins and ends, too, by records
exitlab stat --rung tp --signals io_cores --json >/tmp/out.tp 2>/tmp/err.tp & pid_tp=$!
exitlab stat --signals io_cores --json >/tmp/out 2>/tmp/err & pid=$!
sleep 8
kill $vm1; wait $vm1
usleep 100000
kill -INT $pid; wait $pid; echo $? >/tmp/rc
show ends
kill $vm0; wait $vm0
kill -INT $pid_tp; wait $pid_tp; echo $? >/tmp/rc
cat /tmp/out.tp >/tmp/out; cat /tmp/err.tp >/tmp/err; show endstp
bpftool prog show >/tmp/out; show left
echo "@@ all done"
poweroff -f
