#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# The benchmark in the emulated testbed's host (L1), where KVM does call kvm_exit, whatever this
# machine has. The emulator counts instructions instead of time, so the result is exact and repeats,
# and shows what a change to bpf/exits.bpf.c does; it knows no caches. perf and bpftrace are not there.
#
# usage: tests/bench/emulated.sh [OPTION]...	(as bench.sh; needs the testbed: make setup; 1 minute)
# Files given with --other are taken along.

. "$(dirname "${BASH_SOURCE[0]}")/../../testbed/lib.sh"
cd "$TOP"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

paths=$(testbed/build.sh "$PWD/build/exitlab-point")
images=$(sed -n 's/^images //p' <<<"$paths")
qemu=$(sed -n 's/^qemu //p' <<<"$paths")
tests/bench/bench.sh --help >"$work/help"	# builds it
mkdir -p "$work/root/bin"
cp build/bench/bench "$work/root/bin/"
args=(-r 2 -n 10000 --no-tools --virtual)
for a in "$@"; do
	if [ -f "$a" ]; then
		cp "$a" "$work/root/"
		a=/${a##*/}
	fi
	args+=("$a")
done

# The image's own init up to where it starts exitlab-point; a second archive replaces files of the first.
{
	sed '/starting exitlab/,$d' testbed/guest/l1-init
	printf 'echo "bench: begin"\n'
	printf '{ bench %s && echo "bench: end"; } 2>&1 | cat\n' "${args[*]@Q}"
	printf 'poweroff -f\n'
} >"$work/root/init"
chmod +x "$work/root/init"
(cd "$work/root" && find . -mindepth 1 | cpio --create --format=newc --quiet) >"$work/bench.cpio"
cat "$images/l1.cpio" "$work/bench.cpio" >"$work/l1.cpio"
timeout 600 "$qemu/qemu-l0" -L "$qemu/share" -nodefaults -no-user-config -no-reboot -display none \
	-machine q35,hpet=off -accel tcg,thread=single -icount shift=0,sleep=off \
	-rtc base=2024-01-01T00:00:00,clock=vm -seed 1 -smp 1 -m 1500 \
	-cpu max,la57=off,+svm,+x2apic,-rdrand,-rdseed -kernel "$images/vmlinux" \
	-initrd "$work/l1.cpio" -serial "file:$work/log" -append "console=ttyS0 panic=-1 \
mitigations=off nokaslr ipv6.disable=1 cryptomgr.notests tsc=reliable quiet" >&2 ||
	die "the emulated machine did not end: $(tail -n 3 "$work/log")"
tr -d '\r' <"$work/log" | sed '0,/^bench: begin/d; /^bench: end/,$d'
grep -q '^bench: end' "$work/log" || die "the benchmark failed in the emulated machine"
