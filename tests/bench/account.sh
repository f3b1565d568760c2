#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# What the time account costs, in the emulated testbed's host (L1), which counts instructions (1 ns each):
# per exit that goes to user space, per halt with its timer, per switch between threads that are no
# vCPUs, with nothing attached, with the exits alone, and with the account.
#
# usage: tests/bench/account.sh	(needs the testbed: make setup; 1 minute)

. "$(dirname "${BASH_SOURCE[0]}")/../../testbed/lib.sh"
cd "$TOP"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

paths=$(testbed/build.sh "$PWD/build/exitlab-point")
images=$(sed -n 's/^images //p' <<<"$paths")
qemu=$(sed -n 's/^qemu //p' <<<"$paths")
mkdir -p build/tests "$work/root/bin"
for src in tests/system/account-guest.c tests/bench/pingpong.c; do
	gcc -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror -O2 -static -s -o "$work/root/bin/$(basename $src .c)" $src
done
install -D -m 755 build/exitlab "$work/root/bin/exitlab"
ldd build/exitlab | sed -n 's/^[^/]*\(\/[^ ]*\) (0x.*/\1/p' | while read -r lib; do
	install -D -m 755 "$lib" "$work/root$lib"
done
{
	sed '/starting exitlab/,$d' testbed/guest/l1-init
	cat <<'INIT'
echo 0 >/sys/module/kvm/parameters/halt_poll_ns
cat >/bin/all <<'END'
#!/bin/sh
for i in 1 2; do
	account-guest 2000 0 1 0 | sed "s/^/@@ $1 exit /"
	account-guest 1000 0 0 50000 | sed "s/^/@@ $1 halt /"
	echo "@@ $1 switch $(pingpong 3000)"
done
END
chmod 755 /bin/all
all off
exitlab stat -o /dev/null -- all exits 2>&1
exitlab stat --signals account -o /dev/null -- all account 2>&1
echo "@@ all done"
poweroff -f
INIT
} >"$work/root/init"
chmod +x "$work/root/init"
(cd "$work/root" && find . -mindepth 1 | cpio --create --format=newc --quiet) >"$work/test.cpio"
cat "$images/l1.cpio" "$work/test.cpio" >"$work/l1.cpio"
timeout 500 "$qemu/qemu-l0" -L "$qemu/share" -nodefaults -no-user-config -no-reboot -display none \
	-machine q35,hpet=off -accel tcg,thread=single -icount shift=0,sleep=off \
	-rtc base=2024-01-01T00:00:00,clock=vm -seed 1 -smp 1 -m 1500 \
	-cpu max,la57=off,+svm,+x2apic,-rdrand,-rdseed -kernel "$images/vmlinux" \
	-initrd "$work/l1.cpio" -serial "file:$work/log" -append "console=ttyS0 panic=-1 \
mitigations=off nokaslr ipv6.disable=1 cryptomgr.notests tsc=reliable quiet" >&2
tr -d '\r' <"$work/log" | python3 -c '
import json, re, sys
least = {}
for line in sys.stdin:
    m = re.match(r"@@ (off|exits|account) (exit|halt|switch) (.*)", line)
    if not m:
        continue
    g = json.loads(m[3].split(" ", 1)[1]) if m[3][0] == "@" else None
    # A halt: what is not sleep, so the time of the round without the timer.
    v = g["wall_ns"] / (2000 if m[2] == "exit" else 1000) - (50000 if m[2] == "halt" else 0) if g else float(m[3])
    key = m[1], m[2]
    least[key] = min(v, least.get(key, v))
print("instructions each      nothing    exits  account  added by the account")
for k, what in (("exit", "exit to user space"), ("halt", "halt and timer"), ("switch", "wake-up and switch")):
    off, ex, acc = (least[m, k] for m in ("off", "exits", "account"))
    print(f"{what:20} {off:9.0f} {ex:8.0f} {acc:8.0f}  {acc - ex:8.0f}")
'
