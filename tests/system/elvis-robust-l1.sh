# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034,SC2046,SC2086,SC2154
# Commands of elvis-robust.sh in the emulated host, after testbed/guest/l1-init and l1.sh's functions.
# $parts says what to run.

# The shell prefers its own.
ip() { /bin/ip "$@"; }
par=/sys/module/vhost/parameters
dbg=/sys/kernel/debug/vhost
rings() { taskset ${cpus:-3} elvis-rings "$@"; }
# For the background: the process is the program itself, and its children die with it.
rings_bg() { exec taskset ${cpus:-3} elvis-rings "$@"; }
quiet() { while pidof elvis-rings >/dev/null; do usleep 10000; done; }
want() { case " $parts " in *" $1 "*) ;; *) return 1 ;; esac; }
set_par() { for s in "$@"; do echo "${s#*=}" >$par/${s%%=*}; done; }
# sum KEY [FILTER] : of the lines of queues that contain FILTER
sum() { grep "^queue.*$2" $dbg/sidecores | awk -v k=" $1" '{ for (i = 2; i < NF; i += 2) if (" " $i == k) s += $(i + 1) } END { printf "%d", s }'; }
core() { awk -v k="$1" '/^core/ { for (i = 1; i < NF; i += 2) if ($i == k) s += $(i + 1) } END { printf "%d", s }' $dbg/sidecores; }
# vhosts [PATTERN] : kernel threads of vhost: workers; or sidecores, too
vhosts() { for t in /proc/[0-9]*; do cat $t/comm 2>/dev/null; done | grep -c "^vhost-${1-[0-9]}"; }
available() { sync; echo 3 >/proc/sys/vm/drop_caches; sleep 1; awk '/MemAvailable/ { print $2 }' /proc/meminfo; }
# A pair doing request-response for as long as others do what they do; its lines are in /tmp/back
back_start() { (while [ ! -e /tmp/back.stop ]; do rings pair t3a t3b 200 1 60; done >/tmp/back) & back=$!; }
back_stop() {
	touch /tmp/back.stop
	wait $back
	rm -f /tmp/back.stop
	echo "back_runs=$(grep -c '^acked=200$' /tmp/back)"
	echo "back_all=$(grep -c '^acked=' /tmp/back)"
	echo "back_wrong=$(grep -v '=0$' /tmp/back | grep -cE '^(bad|reordered|lost|broken|died|failed)=')"
}

for p in 0 1 2 3; do
	ip link add br$p type bridge
	ip link set br$p up
	for t in t${p}a t${p}b; do
		ip tuntap add dev $t mode tap
		ip link set $t master br$p up
	done
done
modprobe tap 2>/dev/null

# --- the stock modules: what is right
plain() {
	rings pair t0a t0b 300 1 60
}
# The kernel's own test of vhost-net: packets each way, compared; without event_idx, and with late interrupts.
kernel_tests() {
	for o in "" "--no-event-idx" "--delayed-interrupt"; do
		vhost_net_test $o --buf-num 3000 || return
	done
}
want kernel && section stock_kernel kernel_tests
if want parity; then
	section stock_pair plain
	section stock_stream rings pair t0a t0b 1000 32 1000
	section stock_log rings log t0a t0b
	section stock_evil rings evil t0a t0b
fi

# A disk in memory behind vhost-scsi.
wwpn=naa.5001405000000001
target_up() {
	mount -t configfs configfs /sys/kernel/config
	hba=/sys/kernel/config/target/core/rd_mcp_0
	mkdir -p $hba/disk
	echo rd_pages=4096 >$hba/disk/control
	echo 1 >$hba/disk/enable
	tpg=/sys/kernel/config/target/vhost/$wwpn/tpgt_1
	mkdir -p $tpg/lun/lun_0
	ln -s $hba/disk $tpg/lun/lun_0/disk
	echo naa.5001405000000002 >$tpg/nexus
}
target_down() {
	rm $tpg/lun/lun_0/disk
	echo NULL >$tpg/nexus
	rmdir $tpg/lun/lun_0 $tpg ${tpg%/*} /sys/kernel/config/target/vhost
}
if want scsi; then
	for m in $(cat /elvis/modules); do insmod /elvis/$m; done
	insmod /elvis/stock/vhost_scsi.ko
	target_up
	section scsi_stock rings scsi $wwpn 1000 8 4096
	exitlab stat --signals io_cores --json -- taskset 3 elvis-rings scsi $wwpn 1000 8 4096 >/tmp/out 2>/tmp/err
	echo $? >/tmp/rc
	show scsi_probe
	section scsi_stop_stock rings scsi $wwpn 400 8 4096 stop-and-kick 20
	target_down
	rmmod vhost_scsi
fi

rmmod vhost_net vhost
insmod /elvis/vhost.ko
insmod /elvis/vhost_net.ko
uname -r >/tmp/out
cat /sys/module/vhost/parameters/* >>/tmp/out
show loaded
threads=$(vhosts)
all_threads=$(vhosts "")

want kernel && section none_kernel kernel_tests
if want parity; then
	section none_pair plain
	section none_stream rings pair t0a t0b 1000 32 1000
	section none_log rings log t0a t0b
	section none_evil rings evil t0a t0b
	echo "cores=$(grep -c ^core $dbg/sidecores)" >/tmp/more
	show none_cores
fi

set_par sidecores=2

if want kernel; then
	for mode in off auto on; do
		set_par sidecore_poll=$mode
		section kernel_$mode kernel_tests
	done
fi

# --- rings that lie, while another device does its work
if want evil; then
	for mode in off auto on; do
		set_par sidecore_poll=$mode
		back_start
		section evil_$mode rings evil t0a t0b
		back_stop >/tmp/more
		show evil_back_$mode
		section log_$mode rings log t0a t0b
	done
fi

# --- what a VMM may do at any time
if want actions; then
	for mode in off on; do
		set_par sidecore_poll=$mode
		for a in none addr move stop base reset rip fds log; do
			section act_${a}_$mode rings pair t0a t0b 1500 32 700 $a 40
		done
		section act_plain_$mode rings pair t0a t0b 1500 32 700 stop 40 no-event-idx
	done
fi

# --- guests that are killed
if want kill; then
	for how in ${kinds:-process_on vm_auto}; do
		kind=${how%_*}
		set_par sidecore_poll=${how#*_} sidecore_poll_start_rate=100
		rings kill t0a t0b 5 $kind >/dev/null
		before=$(available)
		back_start
		section kill_$how rings kill t0a t0b $kills $kind
		back_stop >/tmp/more
		after=$(available)
		echo "kb=$((before > after ? before - after : 0))" >>/tmp/more
		echo "workers=$(core workers)" >>/tmp/more
		echo "queues=$(grep -c ^queue $dbg/sidecores)" >>/tmp/more
		echo "threads=$(($(vhosts) - threads))" >>/tmp/more
		echo "users=$(awk '$1 == "vhost_net" { print $3 }' /proc/modules)" >>/tmp/more
		show killed_$how
	done
	set_par sidecore_poll_start_rate=250
fi

# --- block devices
if want scsi; then
	insmod /elvis/vhost_scsi.ko
	target_up
	for mode in off on; do
		set_par sidecore_poll=$mode
		section scsi_$mode rings scsi $wwpn 1000 8 4096
		stop=stop
		[ $mode = on ] || stop=stop-and-kick
		section scsi_stop_$mode rings scsi $wwpn 400 8 4096 $stop 20
		# Two sidecores, and a queue that goes from one to the other and back.
		set_par sidecores=1-2
		cpus=1
		section scsi_worker_$mode rings scsi $wwpn 600 8 4096 worker 20
		cpus=3
		set_par sidecores=2
		rings_bg scsi $wwpn 1000000 4 4096 >/dev/null &
		scsi=$!
		sleep 0.2
		# Its ring for events is full of buffers that stay there.
		[ $mode = off ] || echo "$(sed -n 's/ 1 default$//p' $dbg/poll) 1 on" >$dbg/poll
		# It has nothing to do from here on.
		kill -STOP $scsi
		sleep 0.1
		works=$(($(sum works) + $(sum poll_works)))
		sleep 0.1
		echo "works=$works" >/tmp/out
		echo "in_vain=$(($(sum works) + $(sum poll_works) - works))" >>/tmp/out
		echo "polled=$(sum polled "vq 2 ")" >>/tmp/out
		echo "events_polled=$(sum polled "vq 1 ")" >>/tmp/out
		cat $dbg/sidecores >/tmp/err
		show scsi_queues_$mode
		kill -9 $scsi
		wait $scsi 2>/dev/null
	done
	target_down
	rmmod vhost_scsi
fi

# --- who gets how much of the sidecore
# mix NAME : three guests that stream without manners and one that does request-response
mix() {
	floods=
	for p in 0 1 2; do
		rings_bg flood t${p}a t${p}b ${size:-1300} &
		floods="$floods $!"
	done
	sleep 0.2
	q="vq 1 "
	visits=$(($(sum works "$q") + $(sum poll_works "$q")))
	bytes=$(sum bytes "$q") stuck=$(core stuck) limited=$(sum limited "$q")
	rings_bg pair t3a t3b 60 1 60 >/tmp/pair & pair=$!
	# What is known of its queues is so while they are there.
	while [ -d /proc/$pair ]; do
		grep -c "^queue" $dbg/sidecores >/tmp/queues.now
		[ $(cat /tmp/queues.now) -lt 16 ] || cat $dbg/sidecores >/tmp/last
		usleep 20000
	done
	wait $pair
	cp /tmp/pair /tmp/out
	echo "visits=$(($(sum works "$q") + $(sum poll_works "$q") - visits))" >>/tmp/out
	echo "moved=$(($(sum bytes "$q") - bytes))" >>/tmp/out
	echo "stuck=$(($(core stuck) - stuck))" >>/tmp/out
	echo "limited=$(($(sum limited "$q") - limited))" >>/tmp/out
	echo "passed=$(grep ^queue /tmp/last | sort -n -k 5 | tail -n 4 | sed 's/.*passed_max \([0-9]*\).*/\1/' | sort -n | tail -n 1)" >>/tmp/out
	cp /tmp/last /tmp/err
	kill -9 $floods
	wait $floods 2>/dev/null
	quiet
	show $1
}
if want policy; then
	for mode in off on; do
		set_par sidecore_poll=$mode
		set_par sidecore_stuck_us=0
		mix mix_unstuck_$mode
		set_par sidecore_stuck_us=20
		mix mix_stuck_$mode
		[ $mode = on ] || continue
		set_par sidecore_min_bytes=100000
		mix mix_min_$mode
		set_par sidecore_min_bytes=1500 sidecore_stuck_us=0 sidecore_max_bytes=4000
		mix mix_max_$mode
		set_par sidecore_max_bytes=524288
	done
	set_par sidecore_stuck_us=100
	# Small packets and a kick for each.
	set_par sidecore_poll=auto
	size=40 mix mix_flood
fi

# --- one queue polled and another not
if want queue; then
	set_par sidecore_poll=off
	rings_bg pair t0a t0b 100000 1 60 >/dev/null &
	pair=$!
	sleep 0.3
	snap() { cat $dbg/sidecores >/tmp/err; cat $dbg/poll >>/tmp/err; echo "$1_polled=$(sum polled)" >>/tmp/out; }
	dev=$(sed -n 's/^\([0-9]*\) 1 default$/\1/p' $dbg/poll | head -n 1)
	snap before
	for m in on default on off auto default; do
		echo "$dev 1 $m" >$dbg/poll
		sleep 0.1
		kicks=$(sum kicks "device $dev .*vq 1 ")
		sleep 0.1
		echo "$m=$(sed -n "s/^$dev 1 //p" $dbg/poll)" >>/tmp/out
		echo "step $m $(sum polled "device $dev .*vq 1 ") $(sum polled) $(($(sum kicks "device $dev .*vq 1 ") - kicks))" >>/tmp/out
	done
	set_par sidecore_poll=on
	echo "$dev 1 off" >$dbg/poll
	sleep 0.1
	echo "step forced-off $(sum polled "device $dev .*vq 1 ") $(sum polled) 0" >>/tmp/out
	for bad in "$dev 9 on" "99999 1 on" "$dev 1 always" "x" "$dev 1"; do
		echo "$bad" >$dbg/poll 2>/dev/null && echo "accepted $bad" >>/tmp/out
	done
	kill -9 $pair
	wait $pair 2>/dev/null
	quiet
	show queue
	echo default >$par/sidecore_poll 2>/dev/null && echo "accepted default" >/tmp/out
	show queue_parameter
fi

# --- configuration changed under checksummed streams
if want switch; then
	(while [ ! -e /tmp/stop ]; do
		for s in sidecore_poll=off sidecore_poll=on sidecore_max_bytes=2000 sidecore_poll=auto \
			sidecore_min_bytes=60000 sidecores=1-2 sidecore_stuck_us=5 sidecores=1 \
			sidecore_poll_stop_ms=1 sidecore_poll=on sidecores= sidecore_max_bytes=524288 \
			sidecores=2 sidecore_stuck_us=0 sidecore_min_bytes=1500 sidecore_poll_stop_ms=3000; do
			set_par $s
			n=$((n + 1))
			echo "switches=$n" >/tmp/switches
			usleep 5000
		done
	done) & switcher=$!
	cpus=1
	for i in 1 2 3 4 5 6; do
		rings pair t1a t1b 1500 64 1300 >/tmp/s1 & s1=$!
		section switch_$i rings pair t0a t0b 1500 16 400
		wait $s1
		mv /tmp/s1 /tmp/out
		show switch_other_$i
	done
	cpus=3
	touch /tmp/stop
	wait $switcher
	cp /tmp/switches /tmp/more
	show switches
	set_par sidecores=2 sidecore_poll=auto sidecore_max_bytes=524288 sidecore_min_bytes=1500 \
		sidecore_stuck_us=100 sidecore_poll_stop_ms=3000
fi

# --- several sidecores: six devices spread over them, flushed and reset while all of them stream
served() { sed -n 's/^core.* workers \([0-9]*\).*/\1/p' "$1" | awk '{ s += $1 } END { print s + 0 }'; }
if want cores; then
	cpus=1
	for n in 1 2 3; do
		set_par sidecores=1-$n
		for mode in off on; do
			set_par sidecore_poll=$mode
			streams=
			for p in "0 stop" "1 reset" "2 move"; do
				rings_bg pair t${p% *}a t${p% *}b 1500 32 700 ${p#* } 40 >/tmp/s${p% *} &
				streams="$streams $!"
			done
			# One look at it: a device has no worker before it has an owner, nor for a moment when it is reset.
			until cat $dbg/sidecores >/tmp/now; [ "$(served /tmp/now)" = 6 ] || [ ! -d /proc/${streams##* } ]; do
				usleep 2000
			done
			sed -n 's/^core/& cpu/p' /tmp/now >/tmp/more
			threads_now=$(vhosts core)
			wait $streams
			for p in 0 1 2; do
				mv /tmp/s$p /tmp/out
				[ $p != 0 ] || echo "threads=$threads_now" >>/tmp/out
				show cores_${n}_${mode}_$p
			done
		done
	done
	cpus=3
	set_par sidecores=2 sidecore_poll=auto
fi

# --- polling for ever does not hold up RCU's tasks variant, which tracers wait for
if want rcu; then
	set_par sidecore_poll=on
	rings_bg pair t0a t0b 1000000 1 60 >/dev/null &
	pair=$!
	sleep 0.3
	tr=/sys/kernel/tracing/instances/x
	mkdir $tr
	echo vhost_dev_init >$tr/set_ftrace_filter
	echo function >$tr/current_tracer
	echo "polled=$(sum polled)" >/tmp/more
	kill -STOP $(pidof elvis-rings)
	timeout -s KILL 40 sh -c "echo nop >$tr/current_tracer; echo done" >/tmp/out
	show rcu
	kill -9 $pair
	wait $pair 2>/dev/null
	quiet
	set_par sidecore_poll=auto
fi

# --- nothing is left
section left_pair plain
sleep 1
cat $dbg/sidecores >/tmp/out
echo "workers=$(core workers)" >/tmp/more
show left
set_par sidecores=
echo "threads=$(($(vhosts "") - all_threads))" >/tmp/more
show left_threads
section unload sh -c 'rmmod vhost_net && rmmod vhost && [ ! -e /sys/kernel/debug/vhost ]'
dmesg | grep -E 'WARNING|BUG|Oops|Call Trace|stall|list_|refcount|leak' | head -n 20 >/tmp/out
show kernel_log
