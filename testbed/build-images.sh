#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# Builds the two root file systems of the emulated testbed as initramfs images: the guest's (L2) and
# the host's (L1), which contains the former. Same input, same bytes: file order, times, owners and
# inode numbers are fixed, and exit counts depend on it. Prints the result's folder.
#
# usage: testbed/build-images.sh [OPTION...] POINT GUEST_DIR QEMU_DIR KERNEL_DIR FIO_DIR
#   --guest-kernel DIR  another kernel for the guests (from build-kernel.sh); default: KERNEL_DIR
#   --guest-kernel-too NAME=DIR  one more, for guests of configurations with guest_kernel: NAME
#   --modules DIR       *.ko files in place of the host's modules of the same name
#   --qemu BIN          what runs the guests; default: qemu-l1 of QEMU_DIR
#   --qemu-share DIR    its firmware; default: share/ of QEMU_DIR
#
# POINT is the program to put into L1 (build/exitlab-point); the folders come from build-guest.sh,
# build-qemu.sh, build-kernel.sh and build-fio.sh. The result's file parts says what is inside, "part NAME TEXT" a line.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$(dirname "${BASH_SOURCE[0]}")/modules.sh"

guest_kernel='' modules='' vmm='' share=''
declare -A more_kernels=()
while [ $# -ge 2 ] && [[ $1 == --* ]]; do
	case $1 in
	--guest-kernel) guest_kernel=$(realpath "$2") ;;
	--guest-kernel-too) more_kernels[${2%%=*}]=$(realpath "${2#*=}") ;;
	--modules) modules=$(realpath "$2") ;;
	--qemu) vmm=$(realpath "$2") ;;
	--qemu-share) share=$(realpath "$2") ;;
	*) die "build-images.sh: unknown option $1" ;;
	esac
	shift 2
done
[ $# = 5 ] || die "usage: build-images.sh [OPTION...] POINT GUEST_DIR QEMU_DIR KERNEL_DIR FIO_DIR"
point=$(realpath "$1") guest=$(realpath "$2") qemu=$(realpath "$3") kernel=$(realpath "$4") fio=$(realpath "$5")
: "${guest_kernel:=$kernel}" "${vmm:=$qemu/qemu-l1}" "${share:=$qemu/share}"
here=$TOP/testbed/guest

# The first two are built into 6.12's kernel; in 6.1's the agent's port is behind them.
L2_MODULES=(virtio_pci virtio_console virtio_net virtio_blk igbvf)
L1_MODULES=(kvm_amd vhost_net tun bridge vfio_iommu_type1 vfio_pci igb e1000e)
# Not loaded by init, but by who needs it: a virtual function's driver, for bare metal; vhost's disks.
L1_LATER=(igbvf vhost_scsi)
# Likewise in the guest: drivers of a disk of the host's SCSI target.
L2_LATER=(virtio_scsi sd_mod)
# Unpacked, not installed: memcached, apache2 and iperf3 would start a service.
EXTRA_PACKAGES=(memcached libmemcached-tools apache2-bin apache2-utils iperf3 sockperf)
APACHE_MODULES=(mpm_event authz_core)

# put ROOT PROGRAM [NAME] : a program and every shared library it needs.
put() {
	local root=$1 prog=$2 name=${3:-${2##*/}} lib
	install -D -m 755 "$prog" "$root/bin/$name"
	# ldd fails on a static program, which needs nothing.
	{ ldd "$prog" 2>/dev/null || true; } | sed -n 's/^[^/]*\(\/[^ ]*\) (0x.*/\1/p' |
	while read -r lib; do
		[ -e "$root$lib" ] || install -D -m 755 "$lib" "$root$lib"
	done
}

# put_modules ROOT KERNEL DIR MODULE... : modules with what they depend on, and the index modprobe needs.
put_modules() {
	local root=$1 kernel=$2 dir=$3 f release dest
	shift 3
	release=$(cat "$kernel/release")
	dest=$root/lib/modules/$release
	mkdir -p "$dest"
	cp "$kernel/lib/modules/$release"/modules.{order,builtin,builtin.modinfo} "$dest"
	module_files "$kernel" "$dir" "$@" | while read -r f; do
		install -D -m 644 "$f" "$dest/${f##*/}"
	done
	depmod -b "$root" "$release"
	printf '%s\n' "$@" >"$root/etc/modules"	# what init loads, in this order
}

# skeleton ROOT INIT : folders, busybox and its links, first process.
skeleton() {
	local root=$1 a
	mkdir -p "$root"/{bin,dev,proc,sys,tmp,run,etc,root}
	ln -s bin "$root/sbin"
	mknod -m 600 "$root/dev/console" c 5 1
	install -m 755 /bin/busybox "$root/bin/busybox"
	for a in $(/bin/busybox --list); do
		[ "$a" = busybox ] || ln -s busybox "$root/bin/$a"
	done
	install -m 755 "$2" "$root/init"
	printf '%s\n' 'root:x:0:0:root:/root:/bin/sh' 'www:x:33:33:www:/tmp:/bin/sh' >"$root/etc/passwd"
	printf '%s\n' 'root:x:0:' 'www:x:33:' >"$root/etc/group"
}

# put_servers ROOT : what a guest serves, and the host itself when it stands for bare metal.
put_servers() {
	local m
	put "$1" usr/bin/memcached
	put "$1" usr/bin/iperf3
	put "$1" usr/bin/sockperf
	put "$1" usr/sbin/apache2
	# Loaded when a thread ends, so ldd does not tell.
	install -D -m 644 "$(ldconfig -p | sed -n 's/^\s*libgcc_s\.so\.1 (libc6,x86-64) => //p')" \
		"$1/lib/x86_64-linux-gnu/libgcc_s.so.1"
	for m in "${APACHE_MODULES[@]}"; do
		install -D -m 644 "usr/lib/apache2/modules/mod_$m.so" "$1/lib/apache2/mod_$m.so"
	done
	install -m 644 "$here/apache.conf" "$1/etc/apache.conf"
}

# pack ROOT FILE : a cpio archive that depends on the content only.
pack() {
	find "$1" -exec touch -h -d @0 {} +
	(cd "$1" && find . -mindepth 1 -print0 | sort -z |
		cpio --null --create --format=newc --reproducible --owner=0:0 --quiet) >"$2"
}

# guest_image ROOT KERNEL FILE
guest_image() {
	skeleton "$1" "$here/l2-init"
	put_modules "$1" "$2" "" "${L2_MODULES[@]}" "${L2_LATER[@]}"
	printf '%s\n' "${L2_MODULES[@]}" >"$1/etc/modules"
	put "$1" "$guest/agent"
	put "$1" "$guest/netload"
	put "$1" "$guest/timers"
	put "$1" "$fio/fio"
	put_servers "$1"
	pack "$1" "$3"
}

# more_names : of the further guest kernels, in an order that does not depend on how they were given
more_names() { [ ${#more_kernels[@]} = 0 ] || printf '%s\n' "${!more_kernels[@]}" | sort; }

build() {
	local p
	mkdir -p "$work/debs"
	cd "$work/debs"
	apt-get download -o APT::Sandbox::User=root "${EXTRA_PACKAGES[@]}"
	for p in *.deb; do dpkg -x "$p" .; done

	guest_image "$work/l2" "$guest_kernel" "$work/l2.cpio"
	skeleton "$work/l1" "$here/l1-init"
	put_modules "$work/l1" "$kernel" "$modules" "${L1_MODULES[@]}" "${L1_LATER[@]}"
	printf '%s\n' "${L1_MODULES[@]}" >"$work/l1/etc/modules"
	rm -f "$work/l1/bin/ip"			# busybox's ip knows neither tuntap nor vf
	put "$work/l1" "$(command -v ip)" ip
	strip -o "$work/exitlab-point" "$point"
	put "$work/l1" "$work/exitlab-point"
	put "$work/l1" "$guest/kvmguest"
	put "$work/l1" "$guest/netload"
	put "$work/l1" "$guest/agent"
	put_servers "$work/l1"
	put "$work/l1" usr/bin/memcaslap
	put "$work/l1" usr/bin/ab
	put "$work/l1" "$vmm" qemu-l1
	mkdir -p "$work/l1/lab"
	cp -rL "$share" "$work/l1/lab/share"
	cp "$work/l2.cpio" "$guest_kernel/vmlinux" "$work/l1/lab/"
	for p in $(more_names); do
		mkdir -p "$work/l1/lab/kernels/$p"
		guest_image "$work/l2-$p" "${more_kernels[$p]}" "$work/l1/lab/kernels/$p/l2.cpio"
		cp "${more_kernels[$p]}/vmlinux" "$work/l1/lab/kernels/$p/"
	done
	pack "$work/l1" "$work/l1.cpio"

	cp "$kernel/vmlinux" "$work/vmlinux"
	sha256sum "$work"/l?.cpio "$work/vmlinux" | sed "s|$work/||" >"$work/SHA256SUMS"
	list_parts >"$work/parts"
	rm -rf "$work"/{l1,l2,l2-*,debs,exitlab-point}
}

# list_parts : for the record, so that a reader of two can see what they differ in.
list_parts() {
	local f
	echo "part kernel $(cat "$kernel/package")"
	echo "part guest_kernel $(cat "$guest_kernel/package")"
	for f in $(more_names); do
		echo "part guest_kernel_$f $(cat "${more_kernels[$f]}/package")"
	done
	if [ -n "$modules" ]; then
		module_files "$kernel" "$modules" "${L1_MODULES[@]}" "${L1_LATER[@]}" | grep -F "$modules/" | while read -r f; do
			echo "part ${f##*/} $(sum16 "$f")"
		done
	fi
	echo "part qemu $(sum16 "$work/l1/bin/qemu-l1")"
	echo "part qemu_share $(find "$work/l1/lab/share" -type f | sort | xargs sha256sum |
		sed "s|$work/||" | sha256sum | cut -c1-16)"
	echo "part emulator $(sum16 "$qemu/qemu-l0")"
	echo "part point $(sum16 "$work/exitlab-point")"
	echo "part guest_image $(sum16 "$work/l2.cpio")"
	echo "part host_image $(sum16 "$work/l1.cpio")"
}

# What was given by hand is checked before anything is built.
check_vmm() {
	local missing
	[ -x "$vmm" ] || die "$vmm is not a program"
	"$vmm" --version 2>/dev/null | grep -q '^QEMU emulator version' ||
		die "$vmm does not run here, or is not QEMU: its --version must begin with 'QEMU emulator version'"
	"$vmm" -accel help 2>/dev/null | grep -qx kvm || die "$vmm is built without KVM; configure it with --enable-kvm"
	missing=$(ldd "$vmm" 2>/dev/null | awk '/not found/ { print $1 }' | head -n 1) || true
	[ -z "$missing" ] || die "$vmm needs the library $missing, which is not installed here"
	[ -s "$share/bios-256k.bin" ] || die "$share has no bios-256k.bin; --qemu-share takes QEMU's firmware folder"
}

check_vmm
for k in "$guest_kernel" ${more_kernels[@]+"${more_kernels[@]}"}; do
	module_files "$k" "" "${L2_MODULES[@]}" "${L2_LATER[@]}" >/dev/null
done
module_files "$kernel" "" "${L1_MODULES[@]}" "${L1_LATER[@]}" >/dev/null
given=()
if [ -n "$modules" ]; then
	check_given "$modules" "$kernel" "${L1_MODULES[@]}" "${L1_LATER[@]}"
	module_files "$kernel" "$modules" "${L1_MODULES[@]}" "${L1_LATER[@]}" >/dev/null
	mapfile -t given < <(given_modules "$modules" | cut -d' ' -f2-)
fi

mapfile -t packages < <(dpkg-query -W -f '${Package} ${Version}\n' busybox-static iproute2 libc6 \
	libjansson4 libyaml-0-2 libelf1 libbpf1 libssl3 libevent-2.1-7 libmemcached11 libsasl2-2 libstdc++6 \
	libapr1 libaprutil1 libpcre2-8-0 libexpat1 libcrypt1 libuuid1 libgcc-s1 libiperf0 libsctp1)
more=()
for k in $(more_names); do more+=("guest_kernel $k ${more_kernels[$k]##*/}"); done
key=$(cache_key "${BASH_SOURCE[0]}" "$point" "${guest##*/}" "${qemu##*/}" "${kernel##*/}" \
	"${fio##*/}" "$here/l1-init" "$here/l2-init" "$here/apache.conf" "${packages[@]}" "${guest_kernel##*/}" "$vmm" \
	"$(find "$share" -type f | sort | xargs sha256sum | sed 's, .*/, ,')" ${given[@]+"${given[@]}"} \
	${more[@]+"${more[@]}"})
dir=$CACHE/images-$key
if [ ! -d "$dir" ]; then
	need_space 1000 "$CACHE"
	mkdir -p "$CACHE"
	rm -rf "$CACHE"/images-*.part
	# Every change of what is inside makes a new image: keep the last few only.
	find "$CACHE" -maxdepth 1 -name 'images-*' -printf '%T@ %p\n' | sort -rn | tail -n +4 |
		cut -d' ' -f2- | xargs -r rm -rf
	work=$dir.$$.part
	mkdir -p "$work"
	trap 'rm -rf "$work"' EXIT
	step "images of host and guest" "$CACHE/logs/images.log" build
	publish "$work" "$dir"
fi
touch -h "$dir"	# used last, removed last
printf '%s\n' "$dir"
