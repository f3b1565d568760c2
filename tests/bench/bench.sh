#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# Builds the benchmark and runs it: what exitlab costs a VM exit on this machine, beside the least
# that any program costs and beside other tracers. Takes about a minute; leaves nothing attached.
#
# usage: tests/bench/bench.sh [OPTION]...	(--help lists them; or: make bench ARGS="--json")
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

cannot() { echo "bench: $1" >&2; exit 4; }

case " $* " in *" --help "* | *" -h "*) ;; *)
	[ "$(id -u)" = 0 ] || cannot "needs root"
	[ -w /dev/kvm ] || cannot "this machine has no usable /dev/kvm"
	[ -r /sys/kernel/btf/vmlinux ] || cannot "this kernel has no BTF"
esac

out=build/bench
mkdir -p "$out"
clang -g -O2 -Wall -Werror -target bpf -D__TARGET_ARCH_x86 -Ibpf -Itracer \
	-c -o "$out/floor.bpf.o" tests/bench/floor.bpf.c
bpftool gen skeleton "$out/floor.bpf.o" name floor_bpf >"$out/floor.skel.h"
wrap=
for f in bpf_program__attach bpf_object__open_skeleton bpf_object__load_skeleton \
	tracefs_format format_field rungs_learn_host; do wrap+=" -Wl,--wrap=$f"; done
# shellcheck disable=SC2086  # several options
gcc -std=gnu11 -D_GNU_SOURCE -O2 -g -Wall -Wextra -Werror -Wmissing-prototypes \
	-Itracer -Ibpf -I. -Ibuild $wrap -o "$out/bench" tests/bench/{bench,guest,attach,stand_in,test_run,tools}.c \
	build/point.a -lbpf -lelf -lz -ljansson -lyaml -lcrypto -lm

# tracefs (bpftrace wants it below debugfs) is mounted for the benchmark alone, where it is missing.
# shellcheck disable=SC2016
exec unshare -m --propagation private bash -c '
	[ -d /sys/kernel/tracing/events ] || mount -t tracefs tracefs /sys/kernel/tracing || exit 4
	[ -d /sys/kernel/debug/tracing/events ] || mount -t debugfs debugfs /sys/kernel/debug || true
	exec "$0" "$@"' "$out/bench" "$@"
