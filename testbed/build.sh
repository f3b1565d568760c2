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

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

usage() { die "usage: build.sh [--kernel PACKAGE] [--guest-kernel PACKAGE] [--modules DIR] [--qemu BIN] [--qemu-share DIR] POINT"; }

# whole PATH : absolute, because this script leaves the caller's folder; a release of --kernel stays as it is.
whole() { if [ -e "$1" ]; then realpath "$1"; else printf '%s\n' "$1"; fi; }

host_kernel=() guest_kernel=() images_opts=()
while [ $# -ge 2 ] && [[ $1 == --* ]]; do
	value=$(whole "$2")
	case $1 in
	--kernel) host_kernel=("$value") ;;
	--guest-kernel) guest_kernel=("$value") ;;
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
kernel=$(testbed/build-kernel.sh ${host_kernel[@]+"${host_kernel[@]}"} 9>&-)
fio=$(testbed/build-fio.sh 9>&-)
images=$(testbed/build-images.sh --guest-kernel "$guests" ${images_opts[@]+"${images_opts[@]}"} \
	"$point" "$guest" "$qemu" "$kernel" "$fio" 9>&-)
printf 'qemu %s\nimages %s\n' "$qemu" "$images"
# What exit counts depend on: the machine, the kernel and everything inside.
printf 'testbed %s\n' "$( (cd "$qemu" && sha256sum qemu-l0 qemu-l1 && cat "$images/SHA256SUMS") | sha256sum | cut -c1-16)"
cat "$images/parts"
