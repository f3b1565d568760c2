#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# Makes the whole emulated testbed, or finds it in the cache. Called by `exitlab run`; can be run by
# hand. Prints, for the caller, one "NAME VALUE" a line: qemu DIR, images DIR, testbed KEY, and
# "part NAME TEXT" for each part that the testbed is made of.
#
# usage: testbed/build.sh [OPTION...] POINT
#
# POINT is the program that is to run inside the emulated host (build/exitlab-point). Options as in
# exitlab-run(1): --kernel PACKAGE, --guest-kernel PACKAGE, --modules DIR, --qemu BIN, --qemu-share DIR.
# --guest-kernel-too NAME is a guest_kernel of the scenario: a release that apt knows, or a series such as 6.1.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$(dirname "${BASH_SOURCE[0]}")/versions.sh"

usage() { die "usage: build.sh [--kernel PACKAGE] [--guest-kernel PACKAGE] [--guest-kernel-too NAME]... [--modules DIR] [--qemu BIN] [--qemu-share DIR] POINT"; }

# whole PATH : absolute, because this script leaves the caller's folder; a release of --kernel stays as it is.
whole() { if [ -e "$1" ]; then realpath "$1"; else printf '%s\n' "$1"; fi; }

# release_of NAME : the newest release of a series of Debian's kernels for amd64 that apt knows; of the
# testbed's own series, its own. A release is taken as it is.
release_of() {
	local series release
	[[ $1 =~ ^[0-9]+\.[0-9]+$ ]] || { printf '%s\n' "$1"; return; }
	series=${1//./\\.}
	if [[ $KERNEL_RELEASE =~ ^$series\. ]]; then
		printf '%s\n' "$KERNEL_RELEASE"
		return
	fi
	release=$(apt-cache pkgnames "linux-image-$1." |
		sed -n "s/^linux-image-\($series\.[0-9a-z.+~]*\(-[0-9]*\)\{0,1\}-amd64\)\$/\1/p" | sort -V | tail -n 1)
	[ -n "$release" ] ||
		die "guest_kernel: apt knows no linux-image-$1.*-amd64; try: apt-get update, or another series"
	printf '%s\n' "$release"
}

# EXITLAB_HOST_KERNEL: what --kernel is when it is not given, for tests on another kernel.
host_kernel=(${EXITLAB_HOST_KERNEL:+"$EXITLAB_HOST_KERNEL"}) guest_kernel=() images_opts=() more=()
while [ $# -ge 2 ] && [[ $1 == --* ]]; do
	value=$(whole "$2")
	case $1 in
	--kernel) host_kernel=("$value") ;;
	--guest-kernel) guest_kernel=("$value") ;;
	--guest-kernel-too) more+=("$2") ;;
	--modules)
		[ -d "$value" ] || die "there is no modules folder $2"
		images_opts+=("$1" "$value")
		;;
	--qemu)
		[ -f "$value" ] || die "there is no QEMU $2"
		images_opts+=("$1" "$value")
		;;
	--qemu-share)
		[ -d "$value" ] || die "there is no firmware folder $2"
		images_opts+=("$1" "$value")
		;;
	*) usage ;;
	esac
	shift 2
done
[ $# = 1 ] && [ -x "$1" ] || usage
point=$(realpath "$1")
cd "$TOP"
if [ -z "${EXITLAB_NO_SETUP:-}" ]; then
	testbed/setup.sh
fi
# One builder at a time: a second one waits and then finds everything in the cache.
mkdir -p "$CACHE" 2>/dev/null || die "cannot create the cache folder $CACHE; choose another with EXITLAB_CACHE"
exec 9>"$CACHE/.lock"
flock -n 9 || { say "waiting for another build in $CACHE"; flock 9; }

guest=$(testbed/build-guest.sh 9>&-)
qemu=$(testbed/build-qemu.sh 9>&-)
guests=$(testbed/build-kernel.sh ${guest_kernel[@]+"${guest_kernel[@]}"} 9>&-)
for name in ${more[@]+"${more[@]}"}; do
	release=$(release_of "$name")
	dir=$(testbed/build-kernel.sh "$release" 9>&-)
	images_opts+=(--guest-kernel-too "$name=$dir")
done
kernel=$(testbed/build-kernel.sh ${host_kernel[@]+"${host_kernel[@]}"} 9>&-)
fio=$(testbed/build-fio.sh 9>&-)
images=$(testbed/build-images.sh --guest-kernel "$guests" ${images_opts[@]+"${images_opts[@]}"} \
	"$point" "$guest" "$qemu" "$kernel" "$fio" 9>&-)
printf 'qemu %s\nimages %s\n' "$qemu" "$images"
# What exit counts depend on: the machine, the kernel and everything inside.
printf 'testbed %s\n' "$( (cd "$qemu" && sha256sum qemu-l0 qemu-l1 && cat "$images/SHA256SUMS") | sha256sum | cut -c1-16)"
cat "$images/parts"
