# shellcheck shell=bash
# Sourced by tests/system/eli*.sh: an emulated host with two CPUs, a virtual function and its peer.

# lay_modules ROOT : those of $ELI_LAY into what is unpacked over the host's image, in the places of its own. They must
# need what those need: mutants of the same series do.
lay_modules() {
	local f
	[ -n "${ELI_LAY:-}" ] || return 0
	for f in "$ELI_LAY"/*.ko; do
		install -D -m 644 "$f" "$1/lib/modules/$(modinfo -F vermagic "$f" | cut -d' ' -f1)/${f##*/}"
	done
}

# eli_machine FOLDER LOG SECONDS [OPTION...] : runs the commands of standard input in the host's init,
# after it has loaded its modules. FOLDER is for files; options are testbed/build.sh's.
# ELI_APPEND: more words for its kernel.
eli_machine() {
	local dir=$1 log=$2 limit=$3 paths images qemu
	shift 3
	paths=$(testbed/build.sh "$@" "$PWD/build/exitlab-point")
	images=$(sed -n 's/^images //p' <<<"$paths")
	qemu=$(sed -n 's/^qemu //p' <<<"$paths")
	mkdir -p "$dir/root/bin"
	gcc -O2 -Wall -Wextra -Werror -static -no-pie -o "$dir/root/bin/eli-guest" tests/system/eli-guest.c \
		tests/system/eli-vfio.c
	cp tests/system/eli-l1.sh "$dir/root/"
	lay_modules "$dir/root"
	{
		sed '/starting exitlab/,$d' testbed/guest/l1-init
		echo '. /eli-l1.sh'
		cat
		echo 'echo "@@ all done"; poweroff -f'
	} >"$dir/root/init"
	chmod +x "$dir/root/init"
	(cd "$dir/root" && find . -mindepth 1 | cpio --create --format=newc --quiet) >"$dir/test.cpio"
	cat "$images/l1.cpio" "$dir/test.cpio" >"$dir/l1.cpio"
	timeout "$limit" "$qemu/qemu-l0" -L "$qemu/share" -nodefaults -no-user-config -no-reboot -display none \
		-machine q35,hpet=off -device intel-iommu,intremap=on,eim=on \
		-accel tcg,thread=single -icount shift=0,sleep=off,quantum=2000 \
		-rtc base=2024-01-01T00:00:00,clock=vm -seed 1 -smp 2 -m 2048 \
		-cpu max,la57=off,+svm,+x2apic,-rdrand,-rdseed,-monitor,-erms,-fsrm,-fzrm,-fsrs,-fsrc \
		-netdev hubport,id=n0,hubid=0 -netdev hubport,id=n1,hubid=0 \
		-device pcie-root-port,id=rp0,bus=pcie.0,chassis=1,slot=1,pref32-reserve=16M \
		-device igb,netdev=n0,bus=rp0,mac=52:54:00:00:00:02,romfile= \
		-device pcie-root-port,id=rp1,bus=pcie.0,chassis=2,slot=2 \
		-device e1000e,netdev=n1,bus=rp1,mac=52:54:00:00:00:01,romfile= \
		-kernel "$images/vmlinux" -initrd "$dir/l1.cpio" -serial "file:$dir/log" -append "console=ttyS0 panic=-1 \
mitigations=off nokaslr ipv6.disable=1 cryptomgr.notests tsc=reliable quiet intel_iommu=on iommu=strict ${ELI_APPEND:-}" >&2 ||
		echo "the emulated machine did not end: $(tail -n 3 "$dir/log")" >&2
	tr -d '\r' <"$dir/log" >"$log"
}
