#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# Fetches a kernel package and unpacks what the machine needs of it: the uncompressed kernel
# (CONFIG_PVH=y: QEMU boots it directly, with no decompression to emulate) and the modules,
# decompressed. Nothing is installed. Prints the result's folder: vmlinux, lib/modules/RELEASE,
# release, package (its name and version, and what begins the SHA-256 of its file).
#
# usage: testbed/build-kernel.sh [PACKAGE]
#
# PACKAGE is a file (linux-image-*.deb, of the distribution or of `make bindeb-pkg`) or a release that
# apt knows, such as 6.1.0-56-amd64; the default is that of versions.sh.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$(dirname "${BASH_SOURCE[0]}")/versions.sh"

[ $# -le 1 ] || die "usage: build-kernel.sh [PACKAGE]"
package=${1-$KERNEL_RELEASE}

# field OFFSET BYTES FILE : a number in the header of a bzImage (Documentation/arch/x86/boot.rst).
field() { od -An -v -j "$1" -N "$2" -t "u$2" "$3" | tr -d ' '; }

# payload BZIMAGE : the compressed kernel in it, found by its header (boot protocol 2.08, Linux 2.6.26).
payload() {
	local setup
	[ "$(dd if="$1" bs=1 skip=514 count=4 status=none)" = HdrS ] || return 1
	setup=$((($(field 497 1 "$1") + 1) * 512))
	dd if="$1" bs=1M iflag=skip_bytes,count_bytes status=none skip=$((setup + $(field 584 4 "$1"))) \
		count="$(field 588 4 "$1")"
}

# decompressor FILE : the command for what its first bytes announce.
decompressor() {
	case $(head -c 6 "$1" | od -An -v -t x1 | tr -d ' \n') in
	28b52ffd*) echo "zstd -dcq" ;;
	fd377a585a00) echo "xz -dc" ;;
	1f8b*) echo "gzip -dc" ;;
	7f454c46*) echo cat ;;		# CONFIG_KERNEL_UNCOMPRESSED
	*) return 1 ;;
	esac
}

# fail REASON : the one line that the user sees; all output goes to the log.
fail() { echo "the kernel $package cannot be used: $*" | tee "$work/why"; exit 1; }

unpack_vmlinux() { # BZIMAGE
	local how
	payload "$1" >payload || fail "its ${1##*/} is no bzImage"
	how=$(decompressor payload) ||
		fail "its ${1##*/} is compressed by something else than zstd, xz or gzip; set CONFIG_KERNEL_ZSTD=y"
	# The kernel's size follows the compressed stream, and programs complain about it: judge by the result.
	$how <payload >vmlinux 2>/dev/null || true
	rm payload
	[ "$(head -c 4 vmlinux | tr -d '\177')" = ELF ] || fail "its ${1##*/} does not unpack to an ELF file"
	# The entry that -kernel jumps to is in a note, XEN_ELFNOTE_PHYS32_ENTRY (18).
	readelf -n vmlinux 2>/dev/null | grep -qiE '^ *Xen .*0x0*12\)?$' ||
		fail "it cannot be booted directly (no PVH entry); set CONFIG_PVH=y"
}

unpack_modules() {
	mkdir -p lib/modules
	mv "$1" "lib/modules/$release"
	rm -f "lib/modules/$release"/{build,source}
	find lib/modules -name '*.ko.xz' -print0 | xargs -0 -r -n 64 xz -d
	find lib/modules -name '*.ko.zst' -print0 | xargs -0 -r -n 64 zstd -dq --rm
	find lib/modules -name '*.ko.gz' -print0 | xargs -0 -r -n 64 gzip -d
	depmod -b . "$release"	# the package leaves it to its installation
}

unpack() { # DEB-FILE, or nothing: apt is asked for $package
	local deb=${1:-} img dir
	cd "$work"
	if [ -z "$deb" ]; then
		apt-get download -o APT::Sandbox::User=root "linux-image-$package" ||
			fail "apt has no such package, or no network; try: apt-get update"
		deb=$(echo "$PWD"/linux-image-*.deb)
	fi
	dpkg -x "$deb" root || fail "dpkg cannot unpack it"
	img=$(find root/boot -name 'vmlinuz-*' 2>/dev/null | head -n 1) || true
	[ -n "$img" ] || fail "it has no boot/vmlinuz-*, so it is no linux-image package with a kernel"
	release=${img##*/vmlinuz-}
	dir=$(find root/lib/modules root/usr/lib/modules -mindepth 1 -maxdepth 1 -name "$release" 2>/dev/null) || true
	[ -n "$dir" ] || fail "it has no lib/modules/$release; modules must be in the package of the kernel"
	unpack_vmlinux "$img"
	unpack_modules "$dir"
	echo "$release" >release
	dpkg-deb -f "$deb" Package >name
	printf '%s %s (%s)\n' "$(cat name)" "$(dpkg-deb -f "$deb" Version)" "$(sum16 "$deb")" >package
	rm -rf root name linux-image-*.deb
}

if [ -f "$package" ]; then
	deb=$(realpath "$package")
	dpkg-deb -f "$deb" Package >/dev/null 2>&1 ||
		die "the kernel $package is not a Debian package; give a linux-image-*.deb file or a release that apt knows"
	key=$(cache_key "${BASH_SOURCE[0]}" "$(sum16 "$deb")")
elif [[ $package == */* || $package == *.deb || ! $package =~ ^[0-9a-zA-Z.+~-]+$ ]]; then
	die "there is no kernel package $package"
else
	deb=
	package=${package#linux-image-}
	key=$(cache_key "${BASH_SOURCE[0]}" "$package")
fi
dir=$CACHE/kernel-$key
if [ ! -d "$dir" ]; then
	need_space 1500 "$CACHE"
	rm -rf "$CACHE"/kernel-*.part
	work=$dir.$$.part
	mkdir -p "$work"
	trap 'rm -rf "$work"' EXIT
	WHY=$work/why \
	step "kernel $package: unpack" "$CACHE/logs/kernel.log" unpack "$deb"
	publish "$work" "$dir"
	# Half a gigabyte each: keep those that were used last; a bisect uses the guests' and its own.
	find "$CACHE" -maxdepth 1 -name 'kernel-*' ! -name '*.part' -printf '%T@ %p\n' | sort -rn |
		tail -n +4 | cut -d' ' -f2- | xargs -r rm -rf
fi
touch -h "$dir"
printf '%s\n' "$dir"
