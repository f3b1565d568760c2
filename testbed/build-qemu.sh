#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# Builds the two QEMUs of the emulated testbed from the distribution's source and our patches: qemu-l0
# emulates the machine (TCG only), qemu-l1 runs inside it and starts the guests (KVM only; static, so
# that it neither brings libraries nor binds them under emulation). Prints the result's folder:
# qemu-l0, qemu-l1, share/ (firmware, for -L), source (what it was built from).
#
# usage: testbed/build-qemu.sh
#   EXITLAB_QEMU_SKIP_PATCH=NNNN  leave patch NNNN out and build qemu-l0 only, for the tests which
#                                 show that they notice the defect

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$(dirname "${BASH_SOURCE[0]}")/versions.sh"

here=$TOP/testbed/qemu
seabios=seabios=1.16.2-1	# bookworm's; the option ROMs are built from QEMU's own source
skip=${EXITLAB_QEMU_SKIP_PATCH:-}

patches=()
for p in "$here"/patches/[0-9]*.patch; do
	[ -n "$skip" ] && [[ ${p##*/} == "$skip"-* ]] || patches+=("$p")
done
[ -z "$skip" ] || [ ${#patches[@]} -lt "$(find "$here/patches" -name '[0-9]*.patch' | wc -l)" ] ||
	die "EXITLAB_QEMU_SKIP_PATCH=$skip names no patch of testbed/qemu/patches"

# Both come from one tree. What is off costs build time only: debug information (which triples it),
# trace points, type checks of casts, tools, documents. The system's python, because QEMU's configure
# would take whichever comes first in PATH, with or without the modules it needs.
# Measured without patch 0014, CPU seconds of a cached point with a stream of 200 MB, on a busy machine:
# as here 25.5 to 30.5 (4 runs), --enable-lto 23.1 and 24.1, with a profile of gcc's 21.1 and 21.5; with
# 0014 18.2 and 19.2. Records are the same. A profile needs a second build and a machine to run in it,
# and depends on the host's timing, so that builds would differ; -O3 gained nothing that could be seen.
CONFIGURE=(--python=/usr/bin/python3 --target-list=x86_64-softmmu --with-pkgversion=exitlab
	--without-default-features --without-default-devices --enable-system
	--disable-docs --disable-tools --disable-fdt --disable-install-blobs --disable-werror
	--disable-debug-info --disable-qom-cast-debug --enable-trace-backends=nop)
CONFIGURE_L0=(--with-devices-x86_64=exitlab-l0 --enable-tcg)
CONFIGURE_L1=(--with-devices-x86_64=exitlab-l1 --enable-kvm --disable-tcg
	--enable-vhost-kernel --enable-vhost-net --enable-numa --static --disable-pie)

# Source and firmware packages (39 MB) are kept, so that a changed patch needs no network. A file appears
# under its name only when it is complete.
fetch() {
	mkdir -p "$download/part"
	cd "$download/part"
	if ! compgen -G "$download/qemu_*.dsc" >/dev/null; then
		apt-get source -o APT::Sandbox::User=root --download-only "qemu=$QEMU_DSC_VERSION"
		mv ./*.tar.xz ..
		mv ./*.dsc ..
	fi
	if ! compgen -G "$download/seabios_*.deb" >/dev/null; then
		apt-get download -o APT::Sandbox::User=root "$seabios"
		mv ./*.deb ..
	fi
	rm -rf "$download/part"
}

unpack() {
	local p
	cd "$work"
	# Checks the tarballs' checksums and applies Debian's own patches.
	dpkg-source --require-strong-checksums -x "$download"/qemu_*.dsc src
	cd src
	for p in ${patches[@]+"${patches[@]}"}; do
		patch -p1 --batch --no-backup-if-mismatch -i "$p"
	done
	cp "$here/l0.mak" configs/devices/x86_64-softmmu/exitlab-l0.mak
	cp "$here/l1.mak" configs/devices/x86_64-softmmu/exitlab-l1.mak
}

build() { # NAME CONFIGURE-OPTION...
	local name=$1
	shift
	mkdir "$work/src/build-$name"
	cd "$work/src/build-$name"
	# No path of this build in the result: the same input gives the same bytes.
	../configure "${CONFIGURE[@]}" "$@" --extra-cflags="-ffile-prefix-map=$work/src=."
	nice -n 5 ninja -j"$(nproc)" qemu-system-x86_64
	strip -o "$work/out/qemu-$name" qemu-system-x86_64
}

# SeaBIOS comes from its package, the option ROMs from QEMU's tree, by hand: configure sees to them
# only where a 32-bit C library is installed, which they do not use.
firmware() {
	local rom
	cd "$work"
	dpkg -x "$download"/seabios_*.deb seabios
	cp seabios/usr/share/seabios/bios-256k.bin out/share/
	cd src/pc-bios/optionrom
	printf '%s\n' "TOPSRC_DIR=$work/src" CC=gcc LD=ld OBJCOPY=objcopy PYTHON=/usr/bin/python3 \
		>config.mak
	for rom in pvh linuxboot_dma multiboot_dma kvmvapic; do
		make $rom.bin
		cp $rom.bin "$work/out/share/"
	done
	{
		echo "qemu $QEMU_DSC_VERSION, $seabios"
		sha256sum "$download"/qemu_* ${patches[@]+"${patches[@]}"} | sed 's,  .*/,  ,'
	} >"$work/out/source"
}

key=$(cache_key "${BASH_SOURCE[0]}" ${patches[@]+"${patches[@]}"} "$here/l0.mak" "$here/l1.mak" \
	"$QEMU_VERSION" "$QEMU_DSC_VERSION")
dir=$CACHE/qemu-$key
if [ ! -d "$dir" ]; then
	need_space 3000 "$CACHE"
	download=$CACHE/download/qemu-$(cache_key "$QEMU_DSC_VERSION" "$seabios")
	log=$CACHE/logs/qemu
	for work in "$CACHE"/qemu-*.part; do # left by builds that were killed
		pid=${work%.part}
		kill -0 "${pid##*.}" 2>/dev/null || rm -rf "$work"
	done
	work=$dir.$$.part
	mkdir -p "$work/out/share"
	trap 'rm -rf "$work"' EXIT
	# A mirror keeps one version only; snapshot.debian.org keeps all.
	ADVICE="no network, or the mirror has qemu $QEMU_DSC_VERSION or $seabios no more; then put its .dsc and .tar.xz, or .deb, from snapshot.debian.org into $download" \
	step "QEMU $QEMU_VERSION: download" "$log-download.log" fetch
	step "QEMU $QEMU_VERSION: unpack, patch" "$log-unpack.log" unpack
	step "QEMU $QEMU_VERSION: firmware" "$log-firmware.log" firmware
	step "QEMU $QEMU_VERSION for L0: build${skip:+ (without patch $skip)}" "$log-l0.log" \
		build l0 "${CONFIGURE_L0[@]}"
	[ -n "$skip" ] ||
		step "QEMU $QEMU_VERSION for L1: build" "$log-l1.log" build l1 "${CONFIGURE_L1[@]}"
	publish "$work/out" "$dir"
fi
printf '%s\n' "$dir"
