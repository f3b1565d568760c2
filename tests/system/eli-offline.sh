#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# A CPU goes offline while a VM with exitless interrupts is being destroyed, its vCPU freed already: whoever asks
# that vCPU for something then writes to memory that is another's. The window is of a few instructions; a patch
# makes it half a second long (eli-offline.patch), and the kernel fills what is freed with 0x6b. Prints TAP; a
# minute, and 4 for the modules if they are not built yet.
#
# usage: tests/system/eli-offline.sh	(needs the testbed: make setup)
# ELI_MODULES=DIR takes modules that are built already; ELI_LOG=FILE keeps the host's console.

. "$(dirname "${BASH_SOURCE[0]}")/../../testbed/lib.sh"
cd "$TOP"
. tests/system/eli-machine.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
log=${ELI_LOG:-$work/text}
modules=${ELI_MODULES:-$(testbed/build-kvm.sh --no-intel --patch eli-ref/patches --patch tests/system/eli-offline.patch)}

cat >"$work/commands" <<'INIT'
taskset -p 1 $$ >/dev/null
# freeing : the killed process is where the patch makes it wait
freeing() { grep -c kvm_destroy_vcpus /proc/$vm/stack 2>/dev/null; }
for i in 1 2 3; do
	taskset 2 eli-guest spin full 1000000 >/dev/null 2>&1 &
	vm=$!
	n=0
	until grep -q '^mode full' /sys/kernel/debug/kvm/$vm-*/eli_state 2>/dev/null || [ $n = 500 ]; do usleep 10000; n=$((n + 1)); done
	begin round$i
	echo "full $(grep -c '^mode full' /sys/kernel/debug/kvm/$vm-*/eli_state)"
	kill -9 $vm
	n=0
	until [ "$(freeing)" = 1 ] || [ $n = 500 ]; do usleep 2000; n=$((n + 1)); done
	echo "before $(freeing)"
	echo 0 >/sys/devices/system/cpu/cpu1/online && echo "offline 1"
	echo "after $(freeing)"
	wait $vm
	echo 1 >/sys/devices/system/cpu/cpu1/online
	end
done
begin kernel
# Looks at all that is free.
echo 1 >/sys/kernel/slab/kvm_vcpu/validate && echo "validated 1"
echo "poisoned $(cat /sys/kernel/slab/kvm_vcpu/poison)"
echo "complaints $(dmesg | grep -cE 'WARNING:|BUG|Oops|oison overwritten|general protection')"
end
INIT
ELI_APPEND="slub_debug=FZPU oops=panic" eli_machine "$work/machine" "$log" "${ELI_TIMEOUT:-590}" --modules "$modules" <"$work/commands"

n=0
# v SECTION NAME : a number that a section printed, 0 if it did not
v() { awk -v s="@@ $1" -v k="$2" '$0 == s { on = 1 } $0 == "@@ end" { on = 0 } on && $1 == k { x = $2 } END { print x ? x : 0 }' "$log"; }
# t NAME CONDITION : for (( ))
t() {
	n=$((n + 1))
	if (($2)); then echo "ok $n - $1"; else echo "not ok $n - $1 ($2)"; fi
}
for i in 1 2 3; do
	t "round $i: a CPU went offline while the vCPU of a VM in mode full was being freed" \
		"$(v round$i full) == 1 && $(v round$i before) == 1 && $(v round$i offline) == 1 && $(v round$i after) == 1"
done
t "the host's run came to its end" "$(grep -c '^@@ all done' "$log") == 1"
t "nobody wrote to what had been freed" "$(v kernel poisoned) == 1 && $(v kernel validated) == 1 && $(v kernel complaints) == 0"
echo "1..$n"
