#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# Builds account-native.c and runs it: the time account on the live vCPUs of this machine. Prints TAP.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

skip() { echo "ok 1 - the time account on live vCPUs # SKIP $1"; exit 0; }

[ "$(id -u)" = 0 ] || skip "needs root"
[ -w /dev/kvm ] || skip "this machine has no usable /dev/kvm"
[ -r /sys/kernel/btf/vmlinux ] || skip "this kernel has no BTF"

mkdir -p build/tests
gcc -std=gnu11 -D_GNU_SOURCE -O2 -g -Wall -Wextra -Werror -Wno-unused-result -Itracer -Ibpf -I. -Ibuild \
	-Wl,--wrap=bpf_program__attach -Wl,--wrap=tracefs_format -o build/tests/account-native \
	tests/system/account-native.c build/point.a -lbpf -lelf -lz -ljansson -lyaml -lcrypto -lm
# tracefs is mounted for the test alone.
exec unshare -m bash -c '[ -d /sys/kernel/tracing/events ] ||
	mount -t tracefs tracefs /sys/kernel/tracing || exit 1
	[ -d /sys/kernel/tracing/events/kvm/kvm_emulate_insn ] ||
		{ echo "ok 1 - the time account on live vCPUs # SKIP this kernel has no KVM"; exit 0; }
	exec build/tests/account-native build/guest/kvmguest'
