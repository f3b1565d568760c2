# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# Commands of elvis-block.sh in the emulated host, after testbed/guest/l1-init and l1.sh's functions: a guest
# on vhost-scsi, its vCPU on CPU 1, the sidecore on CPU 2, all else on CPU 0.

par=/sys/module/vhost/parameters
dbg=/sys/kernel/debug/vhost/sidecores
config=/sys/kernel/config/target
wwpn=naa.5001405000000001

target_up() {
	modprobe vhost_scsi
	mount -t configfs configfs /sys/kernel/config
	mkdir -p $config/core/rd_mcp_0/disk
	echo rd_pages=8192 >$config/core/rd_mcp_0/disk/control
	echo 1 >$config/core/rd_mcp_0/disk/enable
	tpg=$config/vhost/$wwpn/tpgt_1
	mkdir -p $tpg/lun/lun_0
	ln -s $config/core/rd_mcp_0/disk $tpg/lun/lun_0/disk
	echo naa.5001405000000002 >$tpg/nexus
}

guest_up() {
	mkfifo /run/a.in /run/a.out
	taskset 2 qemu-l1 -L /lab/share -nodefaults -no-user-config -no-reboot -display none \
		-machine q35,accel=kvm -cpu host,kvm-pv-eoi=off -m 128 -smp 1 -kernel /lab/vmlinux \
		-initrd /lab/l2.cpio -append "console=ttyS0 quiet panic=-1 mitigations=off nokaslr \
ipv6.disable=1 cryptomgr.notests" -name guest=g0,debug-threads=on -serial file:/run/g0.console \
		-device virtio-serial-pci -chardev pipe,id=agent,path=/run/a \
		-device virtserialport,chardev=agent,name=exitlab.agent \
		-device vhost-scsi-pci,wwpn=$wwpn 2>/run/g0.log &
	vmm=$!
	exec 8>/run/a.in 9</run/a.out
	answer >/dev/null
	for t in /proc/$vmm/task/*; do
		grep -q "CPU 0/KVM" "$t/comm" || taskset -p 1 "${t##*/}" >/dev/null
	done
	ask 'modprobe -a virtio_scsi sd_mod; until [ -b /dev/sda ]; do usleep 25000; done' >/dev/null
}

answer() { read -r status len <&9 && dd bs=1 count="$len" <&9 2>/dev/null; }
ask() { echo "$*" >&8; answer; return "$status"; }

# sum KEY : of the queues of the one device
sum() { awk -v k="$1" '/^queue/ { for (i = 2; i < NF; i += 2) if ($i == k) s += $(i + 1) } END { print s + 0 }' $dbg; }
facts() {
	for k in kicks works poll_works poll_starts poll_stops replies; do echo "$k $(sum $k)"; done
	echo "commands $(cat $config/core/rd_mcp_0/disk/statistics/scsi_lu/num_cmds)"
	echo "guest $(ask 'cat /sys/block/sda/stat' | awk '{ print $1 + $5 }')"
	echo "switches $(cat /tmp/switches)"
}

# fio OPTION... : in the guest, its report's numbers
fio() {
	ask "cd /tmp; fio --filename=/dev/sda --thread --ioengine=io_uring --direct=1 --invalidate=0 --bs=4k \
--randrepeat=1 --disk_util=0 --eta=never --output-format=json --output=report --group_reporting \
$* 2>&1; s=\$?; rm -f *.state; exit \$s" >/tmp/said
	echo "status $?"
	sed 's/^/# /' /tmp/said | head -n 3 >&2
	ask 'cat /tmp/report' | awk '/"error"/ { e = $3 + 0 } /"total_ios"/ { n += $3 } END { print "error", e; print "ios", n }'
}

# Four regions of 8 MiB; each writer's blocks are read back and compared when it has written them.
verified() {
	fio --size=8m --io_size=2m --verify=crc32c --verify_fatal=1 --do_verify=1 --offset_increment=8m \
		--name=writers --rw=randwrite --numjobs=4 \
		--name=readers --rw=randread --numjobs=4 --verify=0
}
# What nobody has written as it should be must not pass.
control() { fio --size=64k --verify=crc32c --verify_fatal=1 --name=control --rw=read; }

switching() {
	n=0
	while [ ! -e /tmp/stop ]; do
		for m in off on auto off auto on; do
			echo $m >$par/sidecore_poll
			n=$((n + 1))
			usleep 1500
		done
	done
	echo $n >/tmp/switches
}

# counted NAME COMMAND... : what COMMAND printed, and how much of facts is new after it
counted() {
	name=$1
	shift
	facts >/tmp/before
	"$@" >/tmp/out 2>/tmp/err
	[ "$name" != switched ] || { touch /tmp/stop; wait $switcher; }
	facts >/tmp/after
	awk 'NR == FNR { old[$1] = $2; next } { print $1, $2 - old[$1] }' /tmp/before /tmp/after >>/tmp/out
	echo 0 >/tmp/rc
	show "$name"
}

echo 0 >/tmp/switches
target_up
echo 2 >$par/sidecores
guest_up
for m in off auto; do
	echo $m >$par/sidecore_poll
	counted $m verified
done
echo on >$par/sidecore_poll
switching &
switcher=$!
counted switched verified
counted control control
kill -9 $vmm
wait $vmm 2>/dev/null
cat $dbg >/tmp/out
show left
