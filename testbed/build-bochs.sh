#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# Builds Bochs, which emulates a CPU with VMX, from the distribution's source and our patches, and puts
# beside it what a machine in it needs to boot: firmware, a boot loader, and the testbed's kernel as
# a boot loader takes it. Prints the result's folder: bochs, bios.bin, vgabios.bin, isolinux.bin,
# ldlinux.c32, vmlinuz, source (what it was built from).
#
# The distribution's own program has a debugger compiled in and is several times slower.
#
# usage: testbed/build-bochs.sh

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$(dirname "${BASH_SOURCE[0]}")/versions.sh"

BOCHS=bochs=3.0+dfsg-1		# source of Debian 13; only its tarball is needed
# Files of these packages are taken as they are; nothing of them is installed.
FIRMWARE=(bochsbios=2.7+dfsg-4+deb12u1 vgabios=0.8a+ds-2 isolinux=3:6.04~git20190206.bf6db5b4+dfsg1-3
	syslinux-common=3:6.04~git20190206.bf6db5b4+dfsg1-3)
PACKAGES=(g++ xorriso)		# beside those of setup.sh
CONFIGURE=(--with-nogui --enable-smp --enable-x86-64 --enable-vmx=2 --enable-avx --enable-cpu-level=6
	--enable-all-optimizations --enable-long-phy-address --enable-pci --disable-plugins
	--disable-docbook --disable-stats)

patches=("$TOP"/testbed/bochs/patches/[0-9]*.patch)

fetch() {
	mkdir -p "$download/part"
	cd "$download/part"
	compgen -G "$download/bochs_*.tar.xz" >/dev/null || {
		apt-get source -o APT::Sandbox::User=root --download-only --tar-only "$BOCHS"
		mv ./*.tar.xz ..
	}
	compgen -G "$download/isolinux_*.deb" >/dev/null || {
		apt-get download -o APT::Sandbox::User=root "${FIRMWARE[@]}"
		mv ./*.deb ..
	}
	[ -f "$download/vmlinuz" ] || {
		apt-get download -o APT::Sandbox::User=root "linux-image-$KERNEL_RELEASE"
		dpkg-deb --fsys-tarfile linux-image-*.deb | tar -xO "./boot/vmlinuz-$KERNEL_RELEASE" >vmlinuz
		mv vmlinuz ..
	}
	rm -rf "$download/part"
}

build() {
	local p
	mkdir "$work/src"
	cd "$work/src"
	tar -x --strip-components=1 -f "$download"/bochs_*.tar.xz
	for p in "${patches[@]}"; do
		patch -p1 --batch --no-backup-if-mismatch -i "$p"
	done
	CFLAGS=-O2 CXXFLAGS=-O2 ./configure "${CONFIGURE[@]}"
	nice -n 5 make -j"$(nproc)"
	strip -o "$work/out/bochs" bochs
	cd "$work"
	for p in "$download"/*.deb; do dpkg -x "$p" firmware; done
	cp firmware/usr/share/bochs/BIOS-bochs-latest out/bios.bin
	cp firmware/usr/share/vgabios/vgabios.bin out/vgabios.bin
	cp firmware/usr/lib/ISOLINUX/isolinux.bin firmware/usr/lib/syslinux/modules/bios/ldlinux.c32 \
		"$download/vmlinuz" out/
	{
		echo "$BOCHS ${FIRMWARE[*]} $KERNEL_RELEASE"
		sha256sum "$download"/bochs_* "${patches[@]}" | sed 's,  .*/,  ,'
	} >out/source
}

if [ -z "${EXITLAB_NO_SETUP:-}" ]; then
	"$TOP/testbed/setup.sh" "${PACKAGES[@]}"
fi
for p in g++ xorriso; do
	[ -n "$(command -v $p)" ] || die "$p is missing; try: apt-get install ${PACKAGES[*]}"
done
key=$(cache_key "${BASH_SOURCE[0]}" "${patches[@]}" "$KERNEL_RELEASE")
dir=$CACHE/bochs-$key
if [ ! -d "$dir" ]; then
	need_space 1000 "$CACHE"
	download=$CACHE/download/bochs-$(cache_key "$BOCHS ${FIRMWARE[*]} $KERNEL_RELEASE")
	for work in "$CACHE"/bochs-*.part; do # left by builds that were killed
		pid=${work%.part}
		kill -0 "${pid##*.}" 2>/dev/null || rm -rf "$work"
	done
	work=$dir.$$.part
	mkdir -p "$work/out"
	trap 'rm -rf "$work"' EXIT
	ADVICE="no network, or the mirror has these versions no more; then put $BOCHS (.orig.tar.xz), ${FIRMWARE[*]} (.deb) from snapshot.debian.org, and /boot/vmlinuz of linux-image-$KERNEL_RELEASE, into $download" \
	step "Bochs: download" "$CACHE/logs/bochs-download.log" fetch
	step "Bochs: build" "$CACHE/logs/bochs-build.log" build
	publish "$work/out" "$dir"
	find "$CACHE" -maxdepth 1 -name 'bochs-*' ! -name '*.part' -printf '%T@ %p\n' | sort -rn |
		tail -n +3 | cut -d' ' -f2- | xargs -r rm -rf
fi
touch -h "$dir"
printf '%s\n' "$dir"
