#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# The signal io_cores of exitlab stat on real vhost workers, in the emulated testbed's host (L1): what
# it says against the scheduler's own statistics, kprobes on the work functions, the guests' doorbells
# and the guests' interrupts. Prints TAP; two minutes.
#
# usage: tests/system/iocores-emulated.sh [6.1]	(needs the testbed: make setup)
#
# 6.1: with Debian 12's own kernel in L1, whose workers are kernel threads.

. "$(dirname "${BASH_SOURCE[0]}")/../../testbed/lib.sh"
cd "$TOP"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

kernel=()
if [ $# -gt 0 ]; then
	old=$(apt-cache pkgnames linux-image-6.1.0- | sed -n 's/^linux-image-\(6\.1\.0-[0-9]*-amd64\)$/\1/p' | sort -V | tail -n 1)
	[ -n "$old" ] || { echo "ok 1 - workers that are kernel threads # SKIP apt has no 6.1 kernel"; exit 0; }
	kernel=(--kernel "$old")
fi
paths=$(testbed/build.sh ${kernel[@]+"${kernel[@]}"} "$PWD/build/exitlab-point")
images=$(sed -n 's/^images //p' <<<"$paths")
qemu=$(sed -n 's/^qemu //p' <<<"$paths")

# put PROGRAM [NAME] : a program and every shared library it needs
put() {
	local lib
	install -D -m 755 "$1" "$work/root/bin/${2:-${1##*/}}"
	{ ldd "$1" 2>/dev/null || true; } | sed -n 's/^[^/]*\(\/[^ ]*\) (0x.*/\1/p' | while read -r lib; do
		[ -e "$work/root$lib" ] || install -D -m 755 "$lib" "$work/root$lib"
	done
}
put build/exitlab
put "$(PATH=$PATH:/usr/sbin command -v bpftool)"

# The image's own init but for vhost, which is loaded later.
{
	sed -e '/starting exitlab/,$d' -e 's|cat /etc/modules|grep -v vhost /etc/modules|' testbed/guest/l1-init
	cat "${IOCORES_L1:-tests/system/iocores-l1.sh}"
} >"$work/root/init"
chmod +x "$work/root/init"
(cd "$work/root" && find . -mindepth 1 | cpio --create --format=newc --quiet) >"$work/test.cpio"
cat "$images/l1.cpio" "$work/test.cpio" >"$work/l1.cpio"
# tsc=noirqtime: the scheduler's run times then contain interrupts, as those of any tracer do.
timeout "${IOCORES_TIMEOUT:-570}" "$qemu/qemu-l0" -L "$qemu/share" -nodefaults -no-user-config -no-reboot -display none \
	-machine q35,hpet=off -accel tcg,thread=single -icount shift=0,sleep=off,quantum=1000 \
	-rtc base=2024-01-01T00:00:00,clock=vm -seed 1 -smp 2 -m 2000 \
	-cpu max,la57=off,+svm,+x2apic,-rdrand,-rdseed,-monitor,-erms,-fsrm,-fzrm,-fsrs,-fsrc \
	-kernel "$images/vmlinux" -initrd "$work/l1.cpio" -serial "file:$work/log" \
	-append "console=ttyS0 panic=-1 mitigations=off nokaslr ipv6.disable=1 cryptomgr.notests \
tsc=reliable tsc=noirqtime quiet" >&2 ||
	echo "the emulated machine did not end: $(tail -n 3 "$work/log")" >&2
tr -d '\r' <"$work/log" >"${IOCORES_LOG:-$work/text}"
python3 tests/system/iocores-emulated.py "${IOCORES_LOG:-$work/text}"
