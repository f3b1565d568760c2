#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# Makes the whole emulated testbed, or finds it in the cache. Called by `exitlab run`; can be run by
# hand. Prints, for the caller, one "NAME VALUE" a line: qemu DIR, images DIR, testbed KEY.
#
# usage: testbed/build.sh POINT	(build/exitlab-point, the program that is to run inside the emulated host)

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

[ $# = 1 ] && [ -x "$1" ] || die "usage: build.sh POINT"
point=$1
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
kernel=$(testbed/build-kernel.sh 9>&-)
fio=$(testbed/build-fio.sh 9>&-)
images=$(testbed/build-images.sh "$point" "$guest" "$qemu" "$kernel" "$fio" 9>&-)
printf 'qemu %s\nimages %s\n' "$qemu" "$images"
# What exit counts depend on: the machine, the kernel and everything inside.
printf 'testbed %s\n' "$( (cd "$qemu" && sha256sum qemu-l0 qemu-l1 && cat "$images/SHA256SUMS") | sha256sum | cut -c1-16)"
