#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# Builds exits-run.c and runs it: the exits programs by BPF_PROG_TEST_RUN. Prints TAP.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

skip() { echo "ok 1 - programs of old kernels # SKIP $1"; exit 0; }

[ "$(id -u)" = 0 ] || skip "needs root"
[ -w /dev/kvm ] || skip "this machine has no usable /dev/kvm"
[ -r /sys/kernel/btf/vmlinux ] || skip "this kernel has no BTF"
mkdir -p build/tests
gcc -std=gnu11 -D_GNU_SOURCE -O2 -g -Wall -Wextra -Werror -Itracer -Ibpf -I. -Ibuild \
	-o build/tests/exits-run tests/system/exits-run.c \
	build/point.a -lbpf -lelf -lz -ljansson -lyaml -lcrypto -lm
exec build/tests/exits-run
