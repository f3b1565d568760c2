#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# Builds KVM's modules (and vhost's) out of tree: the distribution's source of the testbed's kernel, or
# a folder's, with patches, against the distribution's headers. Nothing is installed. For the folder
# that this prints, and for `exitlab run --modules`: kvm.ko, kvm-amd.ko, kvm-intel.ko, vhost*.ko, and
# source, which says what they were built from.
#
# The hard part: KVM's Makefiles and trace headers expect to lie in a kernel tree. So the sources are
# laid into the tree of the unpacked headers package, where every path is as in a whole kernel tree
# and no file has to be changed. One such tree per kernel is kept, and only files whose content
# differs are written to it: the second build compiles what a patch touches. The result depends on
# content only, not on what was built there before.
#
# usage: testbed/build-kvm.sh [OPTION]... [OUT]
#   --patch FILE|DIR  a patch (-p1), or a folder of *.patch, applied in the order of their names; again
#                     for more
#   --source DIR      a kernel tree: its KVM (and vhost) instead of the distribution's, with its KVM headers
#   --vhost           drivers/vhost, too
#   --no-intel        no kvm-intel.ko, which the testbed does not load: takes less time
#   --print-source    print the folder with the distribution's sources, unpatched, and stop; read only
# OUT is a folder to copy the modules to (made; must be empty or not exist).
#
# Exit status: 0; 1 the source does not compile, or a patch does not apply; 2 unusable arguments or
# set-up. So a bisect can tell a commit to skip from a problem of its own.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$(dirname "${BASH_SOURCE[0]}")/versions.sh"

# What of a kernel tree the modules are built from: KVM, and headers that only KVM's own code uses.
SOURCES=(arch/x86/kvm virt/kvm virt/lib drivers/vhost)
HEADERS=('include/linux/kvm_*.h' 'include/linux/vhost*.h' 'include/kvm/*.h' 'include/trace/events/kvm.h'
	'include/uapi/linux/kvm*.h' 'include/uapi/linux/vhost*.h' 'arch/x86/include/asm/kvm*.h'
	'arch/x86/include/asm/svm.h' 'arch/x86/include/asm/vmx*.h' 'arch/x86/include/uapi/asm/kvm*.h')
PACKAGES=(linux-source-"$(cut -d. -f1-2 <<<"$KERNEL_RELEASE")" linux-headers-"$KERNEL_RELEASE" linux-headers-"${KERNEL_RELEASE%-amd64}"-common
	linux-kbuild-"${KERNEL_RELEASE%-amd64}" pahole libdw1)

usage() { die "usage: build-kvm.sh [--patch FILE|DIR]... [--source DIR] [--vhost] [--no-intel] [OUT] | --print-source"; }

patches=() source='' vhost='' intel=y out='' print_source=''
while [ $# -gt 0 ]; do
	case $1 in
	--patch)
		[ $# -ge 2 ] || usage
		if [ -d "$2" ]; then
			mapfile -t more < <(find "$(realpath "$2")" -maxdepth 1 -name '*.patch' | sort)
			[ ${#more[@]} -gt 0 ] || die "the folder $2 has no *.patch"
			patches+=("${more[@]}")
		else
			[ -f "$2" ] || die "there is no patch $2"
			patches+=("$(realpath "$2")")
		fi
		shift
		;;
	--source)
		[ $# -ge 2 ] || usage
		[ -d "$2/arch/x86/kvm" ] && [ -d "$2/virt/kvm" ] ||
			die "$2 is no kernel tree: it has no arch/x86/kvm or no virt/kvm"
		source=$(realpath "$2")
		shift
		;;
	--vhost) vhost=y ;;
	--print-source) print_source=y ;;
	--no-intel) intel='' ;;
	-*) usage ;;
	*)
		[ -z "$out" ] && [ -n "$1" ] || usage
		[ ! -e "$1" ] || [ -z "$(ls -A "$1" 2>/dev/null)" ] || die "$1 is there already and not empty"
		mkdir -p "$1" 2>/dev/null || die "cannot create the folder $1"
		out=$(realpath "$1")
		;;
	esac
	shift
done
[ -z "$vhost" ] || [ -z "$source" ] || [ -d "$source/drivers/vhost" ] || die "$source has no drivers/vhost"

# --- the tree: headers, build tools, and beside it the distribution's sources, untouched

fetch() {
	local p version
	rm -rf "$download.part"
	mkdir -p "$download.part"
	cd "$download.part"
	version=$(apt-cache show "linux-image-$KERNEL_RELEASE" | sed -n 's/^Version: //p' | head -n 1)
	for p in "${PACKAGES[@]}"; do
		case $p in linux-*) p+="=$version" ;; esac
		apt-get download -o APT::Sandbox::User=root "$p"
	done
	publish "$download.part" "$download"
}

# files TREE : those files of a tree that count, relative names. What a build leaves there does not.
files() {
	(
		cd "$1"
		shopt -s nullglob
		find "${SOURCES[@]}" -type f \( -name '*.[chS]' -o -name 'Makefile*' -o -name Kconfig \) \
			! -name '*.mod.c' ! -name '.*' ! -name kvm-asm-offsets.h 2>/dev/null || true
		# shellcheck disable=SC2068  # patterns
		for f in ${HEADERS[@]}; do printf '%s\n' "$f"; done
	) | sort
}

copy_files() { files "$1" | (cd "$1" && cpio -pdu --quiet "$2"); } # FROM TO

unpack() {
	local deb src=$work/usr/src
	for deb in "$download"/{linux-headers,linux-kbuild,pahole,libdw1}*.deb; do dpkg -x "$deb" "$work"; done
	mv "$src"/linux-headers-*-common "$src/common"
	mv "$src/linux-headers-$KERNEL_RELEASE" "$src/config"
	# By its own place, so that a cache can be moved or copied.
	# shellcheck disable=SC2016  # make's
	printf '%s\n' 'include $(dir $(lastword $(MAKEFILE_LIST)))../common/Makefile' >"$src/config/Makefile"
	mkdir -p "$work/pristine"
	copy_files "$src/common" "$work/pristine"
	cd "$work/pristine"
	# One decompression of the whole archive, of which 4 MB stay.
	dpkg-deb --fsys-tarfile "$download"/linux-source-*.deb |
		tar -xO --wildcards './usr/src/linux-source-*.tar.xz' | xz -dc |
		tar -x --strip-components=1 --wildcards "${SOURCES[@]/#/*/}"
	dpkg-deb -f "$download"/linux-source-*.deb Version >"$work/version"
}

if [ -z "${EXITLAB_NO_SETUP:-}" ]; then
	"$TOP/testbed/setup.sh"
fi
mkdir -p "$CACHE" 2>/dev/null || die "cannot create the cache folder $CACHE; choose another with EXITLAB_CACHE"
for part in "$CACHE"/kvm{,tree}-*.part; do # left by builds that were killed
	pid=${part%.part}
	kill -0 "${pid##*.}" 2>/dev/null || rm -rf "$part"
done
download=$CACHE/download/kvm-$KERNEL_RELEASE
tree=$CACHE/kvmtree-$(cache_key "$KERNEL_RELEASE" "$(declare -f unpack files copy_files)" "${SOURCES[*]} ${HEADERS[*]}")
if [ ! -d "$download" ]; then
	need_space 1000 "$CACHE"
	ADVICE="no network, or the mirror has these versions no more; then put ${PACKAGES[*]} (.deb) from snapshot.debian.org into $download" \
	step "source and headers of $KERNEL_RELEASE: download" "$CACHE/logs/kvm-download.log" fetch
fi
tmp=$(mktemp -d)
work=
trap 'rm -rf "$tmp" ${work:+"$work"}' EXIT
if [ ! -d "$tree" ]; then
	need_space 1000 "$CACHE"
	dir=$tree
	work=$dir.$$.part
	mkdir -p "$work"
	step "source and headers of $KERNEL_RELEASE: unpack" "$CACHE/logs/kvm-unpack.log" unpack
	publish "$work" "$tree"
	find "$CACHE" -maxdepth 1 -name 'kvmtree-*' ! -name '*.part' -printf '%T@ %p\n' | sort -rn |
		tail -n +3 | cut -d' ' -f2- | xargs -r rm -rf
fi

if [ -n "$print_source" ]; then
	printf '%s\n' "$tree/pristine"
	exit 0
fi

# --- what is wanted: pristine sources, the given ones over them, patches

# Patches must touch what is built: a change left out in silence would be measured as if it were in.
check_patch() {
	local f
	sed -n 's/^+++ b\/\([^\t]*\).*/\1/p; s/^--- a\/\([^\t]*\).*/\1/p' "$1" | sort -u | while read -r f; do
		case $f in
		arch/x86/kvm/* | virt/* | drivers/vhost/* | Documentation/* | tools/*) continue ;;
		esac
		[ -e "$tmp/want/$f" ] || {
			printf '%s\n' "$f"
			break
		}
	done
}

apply() {
	local p
	cd "$tmp/want"
	for p in "${patches[@]}"; do
		patch -p1 --batch --forward --no-backup-if-mismatch -i "$p" ||
			{ echo "the patch $p does not apply to ${source:-the source of $KERNEL_RELEASE}; its rejects are in the log" >"$WHY"; return 1; }
	done
}

mkdir -p "$tmp/want"
cp -r "$tree/pristine/." "$tmp/want"
if [ -n "$source" ]; then
	for d in "${SOURCES[@]}"; do [ ! -d "$source/$d" ] || rm -rf "${tmp:?}/want/$d"; done
	copy_files "$source" "$tmp/want"
fi
for p in ${patches[@]+"${patches[@]}"}; do
	stranger=$(check_patch "$p")
	[ -z "$stranger" ] || die "the patch $p changes $stranger, which is outside KVM and vhost; build a whole kernel package and use --kernel (docs/bisect.md)"
done
if [ ${#patches[@]} -gt 0 ]; then
	export WHY=$tmp/why
	DIE_STATUS=1 step "patches" "$CACHE/logs/kvm-patch.log" apply
	unset WHY
fi

# --- build, unless this very content was built before

# Rewrites only what differs, so that make sees what changed.
update_tree() {
	local f
	comm -13 <(files "$tmp/want") <(files "$tree/usr/src/common") | (cd "$tree/usr/src/common" && xargs -r rm -f)
	files "$tmp/want" | while read -r f; do
		cmp -s "$tmp/want/$f" "$tree/usr/src/common/$f" || {
			mkdir -p "$(dirname "$tree/usr/src/common/$f")"
			cp "$tmp/want/$f" "$tree/usr/src/common/$f"
		}
	done
}

compile() {
	local src=$tree/usr/src m mods=(arch/x86/kvm)
	local flags=("KCFLAGS=-ffile-prefix-map=$src/common=." "KAFLAGS=-ffile-prefix-map=$src/common=.")
	[ -z "$vhost" ] || mods+=(drivers/vhost)
	[ -n "$intel" ] || flags+=(CONFIG_KVM_INTEL=)
	# With a time stamp set, pahole works in one thread and writes the same bytes each time.
	export KBUILD_BUILD_TIMESTAMP=@0
	export PATH=$tree/usr/bin:$PATH LD_LIBRARY_PATH=$tree/usr/lib/x86_64-linux-gnu
	mkdir "$work"
	update_tree
	for m in "${mods[@]}"; do
		find "$src/common/$m" -name '*.ko' -delete
		make -C "$src/config" M="$src/common/$m" "${flags[@]}" -j"$(nproc)" modules
		# As the distribution's: without debug information, with BTF. The build ID goes, too: it is a sum
		# of the debug information, which holds the cache's path.
		find "$src/common/$m" -name '*.ko' | while read -r f; do
			strip --strip-debug --remove-section=.note.gnu.build-id -o "$work/${f##*/}" "$f"
		done
	done
	{
		echo "linux-source $(cat "$tree/version") for $KERNEL_RELEASE"
		[ -z "$source" ] || echo "KVM of $source"
		for p in ${patches[@]+"${patches[@]}"}; do echo "patch ${p##*/} $(sum16 "$p")"; done
	} >"$work/source"
}

key=$(cache_key "${tree##*/}" "$(cd "$tmp/want" && files . | xargs sha256sum)" "$vhost" "$intel" "$(declare -f compile)")
dir=$CACHE/kvm-$key
if [ ! -d "$dir" ]; then
	exec 8>"$tree/.lock"
	flock -n 8 || { say "waiting for another build of KVM"; flock 8; }
	work=$dir.$$.part
	DIE_STATUS=1 step "KVM's modules: build" "$CACHE/logs/kvm-build.log" compile
	exec 8>&-
	publish "$work" "$dir"
	find "$CACHE" -maxdepth 1 -name 'kvm-*' ! -name '*.part' -printf '%T@ %p\n' | sort -rn |
		tail -n +31 | cut -d' ' -f2- | xargs -r rm -rf
fi
touch -h "$dir" "$tree"
if [ -n "$out" ]; then
	cp -r "$dir/." "$out"
	dir=$out
fi
printf '%s\n' "$dir"
