#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# Fetches the distribution's kernel package and unpacks what the machine needs of it: the
# uncompressed kernel (CONFIG_PVH=y: QEMU boots it directly, with no decompression to emulate) and
# the modules, decompressed. Nothing is installed. Prints the result's folder.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$(dirname "${BASH_SOURCE[0]}")/versions.sh"

unpack() {
	local pkg=linux-image-$KERNEL_RELEASE off img
	cd "$work"
	apt-get download -o APT::Sandbox::User=root "$pkg"
	dpkg -x ./"$pkg"_*.deb root
	img=root/boot/vmlinuz-$KERNEL_RELEASE
	# The payload of the bzImage is the first zstd frame in it that unpacks to an ELF file.
	for off in $(LC_ALL=C grep -aboP '\x28\xb5\x2f\xfd' "$img" | cut -d: -f1); do
		# zstd complains about what follows the frame: judge by the result.
		tail -c +$((off + 1)) "$img" | zstd -dcq >vmlinux 2>/dev/null || true
		[ "$(head -c 4 vmlinux | tr -d '\177')" != ELF ] || break
	done
	[ "$(head -c 4 vmlinux | tr -d '\177')" = ELF ] || { echo "no ELF payload in $img"; return 1; }
	mkdir lib
	mv root/lib/modules lib/modules
	find lib/modules -name '*.ko.xz' -print0 | xargs -0 -r -n 64 xz -d
	depmod -b . "$KERNEL_RELEASE"	# the package leaves it to its installation
	dpkg-deb -f ./"$pkg"_*.deb Package Version >package
	rm -rf root ./"$pkg"_*.deb
}

key=$(cache_key "${BASH_SOURCE[0]}" "$KERNEL_RELEASE")
dir=$CACHE/kernel-$key
if [ ! -d "$dir" ]; then
	need_space 1500 "$CACHE"
	rm -rf "$CACHE"/kernel-*.part
	work=$dir.$$.part
	mkdir -p "$work"
	trap 'rm -rf "$work"' EXIT
	ADVICE="no such package, or no network; try: apt-get update" \
	step "kernel $KERNEL_RELEASE: download, unpack" "$CACHE/logs/kernel.log" unpack
	publish "$work" "$dir"
	# Half a gigabyte each: keep this one and the one before.
	find "$CACHE" -maxdepth 1 -name 'kernel-*' ! -name '*.part' -printf '%T@ %p\n' | sort -rn |
		tail -n +3 | cut -d' ' -f2- | xargs -r rm -rf
fi
printf '%s\n' "$dir"
