#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# Builds the kernel's own tests of vhost and of its rings, tools/virtio of the source package that the modules are
# built from, once; prints the folder with vhost_net_test (drives /dev/vhost-net, compares what it sent and got) and
# vringh_test (rings in user space). Used by tests/system/elvis-robust.sh.

. "$(dirname "${BASH_SOURCE[0]}")/../../testbed/lib.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../../testbed/versions.sh"
cd "$TOP"

# What these programs are made of.
PARTS=('*/tools/virtio' '*/tools/include' '*/drivers/vhost' '*/drivers/virtio' '*/include')

build() {
	mkdir -p "$work/src" "$work/out"
	dpkg-deb --fsys-tarfile "$source" | tar -xO --wildcards './usr/src/linux-source-*.tar.xz' | xz -dc |
		tar -x -C "$work/src" --strip-components=1 --wildcards "${PARTS[@]}"
	cd "$work/src/tools/virtio"
	# Headers of 6.12's stable updates include this one, which tools/virtio has not been told of, and the last two
	# macros neither.
	[ ! -e ../../include/linux/compiler-context-analysis.h ] ||
		echo '#include "../../../include/linux/compiler-context-analysis.h"' >linux/compiler-context-analysis.h
	make vringh_test vhost_net_test LDFLAGS="-pthread -static" \
		CC="gcc -D'data_race(x)=(x)' -D'MODULE_DESCRIPTION(x)=extern int module_description'"
	strip -o "$work/out/vringh_test" vringh_test
	strip -o "$work/out/vhost_net_test" vhost_net_test
}

testbed/build-kvm.sh --print-source >/dev/null
source=$(echo "$CACHE/download/kvm-$KERNEL_RELEASE"/linux-source-*.deb)
[ -f "$source" ] || die "there is no $source"
dir=$CACHE/virtio-$(cache_key "${BASH_SOURCE[0]}" "$(gcc --version | head -n 1)" "${source##*/}")
if [ ! -d "$dir" ]; then
	work=$(mktemp -d "$CACHE/virtio.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	step "the kernel's tests of vhost" "$CACHE/logs/virtio.log" build
	publish "$work/out" "$dir"
fi
echo "$dir"
