#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# Builds a kernel for the emulated host that watches itself: lockdep, KASAN, checks for sleeping in atomic
# context (debug.config), from the distribution's source of the testbed's kernel; and KVM and vhost for it, as they
# are or with patches. Prints "kernel FILE", a package for testbed/build.sh --kernel, and "modules DIR", a folder
# for its --modules.
#
# The kernel is built once, half an hour on 2 cores, and goes on where it was interrupted; modules with other
# patches are built in the same tree, in minutes. Nothing is installed.
#
# usage: testbed/build-debug-kernel.sh [OPTION]...
#   --patch FILE|DIR  a patch (-p1) of KVM or vhost, or a folder of *.patch, in the order of their names; again for more
#   --module FILE.c   a module of one file more
#
# Exit status: 0; 1 the patched source does not compile, or a patch does not apply; 2 unusable arguments or set-up.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$(dirname "${BASH_SOURCE[0]}")/versions.sh"

CONFIG=$TOP/testbed/debug.config
PATCHED=(arch/x86/kvm virt/kvm drivers/vhost)
MODULES=(arch/x86/kvm/kvm.ko arch/x86/kvm/kvm-amd.ko
	drivers/vhost/vhost_iotlb.ko drivers/vhost/vhost.ko drivers/vhost/vhost_net.ko drivers/vhost/vhost_scsi.ko)
PACKAGES=(bison flex bc)	# beside those of setup.sh

usage() { die "usage: build-debug-kernel.sh [--patch FILE|DIR]... [--module FILE.c]..."; }

patches=() extra=()
while [ $# -gt 0 ]; do
	[ $# -ge 2 ] || usage
	case $1 in
	--patch)
		if [ -d "$2" ]; then
			mapfile -t more < <(find "$(realpath "$2")" -maxdepth 1 -name '*.patch' | sort)
			[ ${#more[@]} -gt 0 ] || die "the folder $2 has no *.patch"
			patches+=("${more[@]}")
		else
			[ -f "$2" ] || die "there is no patch $2"
			patches+=("$(realpath "$2")")
		fi
		;;
	--module)
		[ -f "$2" ] || die "there is no file $2"
		extra+=("$(realpath "$2")")
		;;
	*) usage ;;
	esac
	shift 2
done

# Of the package of build-kvm.sh, which may have fetched it already.
fetch() {
	local version p=linux-source-${KERNEL_RELEASE%.*}
	mkdir -p "$download.part"
	cd "$download.part"
	version=$(apt-cache show "linux-image-$KERNEL_RELEASE" | sed -n 's/^Version: //p' | head -n 1)
	apt-get download -o APT::Sandbox::User=root "$p=$version"
	publish "$download.part" "$download"
}

unpack() {
	local dir
	rm -rf "$work/src.part"
	mkdir -p "$work/src.part"
	# Documentation and the registers of one graphics driver are a quarter of it.
	dpkg-deb --fsys-tarfile "$source" | tar -xO --wildcards './usr/src/linux-source-*.tar.xz' | xz -T2 -dc |
		tar -x -C "$work/src.part" --strip-components=1 --wildcards --exclude='*/Documentation/*/*' \
			--exclude='*/drivers/gpu/drm/amd/include/*'
	dpkg-deb -f "$source" Version >"$work/src.part/version"
	rm -rf "$work/pristine"
	mkdir "$work/pristine"
	for dir in "${PATCHED[@]}"; do
		mkdir -p "$work/pristine/$dir"
		cp -r "$work/src.part/$dir/." "$work/pristine/$dir"
	done
	mv "$work/src.part" "$work/src"
}

# What a line of the fragment asks for and the kernel's own rules refuse would be missed in silence.
configure() {
	local missed
	make -s "KCONFIG_ALLCONFIG=$CONFIG" allnoconfig
	missed=$(grep -E '^(# )?CONFIG_' "$CONFIG" | grep -vxFf .config) || true
	[ -z "$missed" ] || { echo "debug.config: the kernel's configuration does not have ${missed//$'\n'/, }" >"$WHY"; return 1; }
}

build() {
	local release
	export KBUILD_BUILD_TIMESTAMP=@0 KBUILD_BUILD_USER=exitlab KBUILD_BUILD_HOST=exitlab
	cd "$work/src"
	configure
	nice -n 10 make -j"$(nproc)" bzImage modules
	release=$(make -s kernelrelease)
	rm -rf "$work/deb"
	mkdir -p "$work/deb"/{boot,DEBIAN}
	cp arch/x86/boot/bzImage "$work/deb/boot/vmlinuz-$release"
	make -s INSTALL_MOD_PATH="$work/deb" DEPMOD=true modules_install
	cat >"$work/deb/DEBIAN/control" <<-END
		Package: linux-image-$release
		Version: $(cat version)
		Architecture: amd64
		Maintainer: exitlab <root@localhost>
		Description: kernel for the emulated host with lockdep and KASAN
	END
	SOURCE_DATE_EPOCH=0 dpkg-deb --root-owner-group -Znone -b "$work/deb" "$work/linux-image.deb"
	rm -rf "$work/deb"
}

# What a patch has for other folders, such as documentation, is left out.
apply() {
	local p folders=("${PATCHED[@]/%//*}")
	cd "$tmp/want"
	for p in "${patches[@]}"; do
		GIT_CEILING_DIRECTORIES=$tmp git apply -p1 --verbose "${folders[@]/#/--include=}" "$p" ||
			{ echo "the patch $p does not apply to the source of $KERNEL_RELEASE; its rejects are in the log" >"$WHY"; return 1; }
	done
}

# files FOLDER : those of the patched folders that are no result of a build
files() {
	(cd "$1" && find "${PATCHED[@]}" -type f \( -name '*.[chS]' -o -name 'Makefile*' -o -name Kconfig \) \
		! -name '*.mod.c' ! -name '.*' ! -name kvm-asm-offsets.h | sort)
}

compile() {
	local f
	cd "$tree/src"
	# Only what differs is written, so that make sees what changed.
	comm -13 <(files "$tmp/want") <(files .) | xargs -r rm -f
	files "$tmp/want" | while read -r f; do
		cmp -s "$tmp/want/$f" "$f" || {
			mkdir -p "$(dirname "$f")"
			cp "$tmp/want/$f" "$f"
		}
	done
	# A patched Kconfig may select more.
	configure
	nice -n 10 make -j"$(nproc)" "${MODULES[@]}"
	mkdir -p "$work"
	cp "${MODULES[@]}" "$work"
	for f in ${extra[@]+"${extra[@]}"}; do
		mkdir -p "$tmp/extra"
		cp "$f" "$tmp/extra"
		f=${f##*/}
		echo "obj-m := ${f%.c}.o" >"$tmp/extra/Makefile"
		make M="$tmp/extra" modules
		cp "$tmp/extra/${f%.c}.ko" "$work"
	done
}

if [ -z "${EXITLAB_NO_SETUP:-}" ]; then
	"$TOP/testbed/setup.sh" "${PACKAGES[@]}"
fi
for p in "${PACKAGES[@]}"; do
	[ -n "$(command -v "$p")" ] || die "$p is missing; try: apt-get install ${PACKAGES[*]}"
done
tmp=$(mktemp -d)
work=
trap 'rm -rf "$tmp"' EXIT
export WHY=$tmp/why
mkdir -p "$CACHE" 2>/dev/null || die "cannot create the cache folder $CACHE; choose another with EXITLAB_CACHE"
exec 7>"$CACHE/.debug-lock"
flock -n 7 || { say "waiting for another build of the debug kernel"; flock 7; }

# --- the kernel, and its tree
tree=$CACHE/debugtree-$(cache_key "$KERNEL_RELEASE" "$CONFIG" "${PATCHED[*]}" "$(declare -f unpack configure build)")
if [ ! -d "$tree" ]; then
	need_space 4000 "$CACHE"
	source=$(find "$CACHE/download/kvm-$KERNEL_RELEASE/" -name 'linux-source-*.deb' 2>/dev/null | head -n 1) || true
	if [ -z "$source" ]; then
		download=$CACHE/download/debug-$KERNEL_RELEASE
		[ -d "$download" ] ||
			ADVICE="no network, or the mirror has this version no more; then put linux-source-${KERNEL_RELEASE%.*} (.deb) from snapshot.debian.org into $download" \
			step "source of $KERNEL_RELEASE: download" "$CACHE/logs/debug-download.log" fetch
		source=$(find "$download" -name 'linux-source-*.deb' | head -n 1)
	fi
	work=$tree.part		# kept when interrupted
	mkdir -p "$work"
	[ -d "$work/src" ] || step "debug kernel: unpack" "$CACHE/logs/debug-unpack.log" unpack
	step "debug kernel: build" "$CACHE/logs/debug-build.log" build
	publish "$work" "$tree"
	find "$CACHE" -maxdepth 1 -name 'debugtree-*' ! -name '*.part' -printf '%T@ %p\n' | sort -rn |
		tail -n +2 | cut -d' ' -f2- | xargs -r rm -rf
fi

# --- modules
mkdir -p "$tmp/want"
cp -r "$tree/pristine/." "$tmp/want"
[ ${#patches[@]} = 0 ] || DIE_STATUS=1 step "patches" "$CACHE/logs/debug-patch.log" apply
key=$(cache_key "${tree##*/}" "$(cd "$tmp/want" && files . | xargs sha256sum)" ${extra[@]+"${extra[@]}"} "$(declare -f compile files)")
dir=$CACHE/debug-$key
if [ ! -d "$dir" ]; then
	work=$dir.$$.part
	trap 'rm -rf "$tmp" "$work"' EXIT
	DIE_STATUS=1 step "KVM and vhost for the debug kernel: build" "$CACHE/logs/debug-modules.log" compile
	publish "$work" "$dir"
	find "$CACHE" -maxdepth 1 -name 'debug-*' ! -name '*.part' -printf '%T@ %p\n' | sort -rn |
		tail -n +11 | cut -d' ' -f2- | xargs -r rm -rf
fi
touch -h "$tree" "$dir"
printf 'kernel %s\nmodules %s\n' "$tree/linux-image.deb" "$dir"
