#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# Shows on the emulated machine itself, with svm-inject.c instead of an operating system, that the
# SVM defects of QEMU which the testbed met are mended. Prints TAP.
#
# usage: tests/system/svm.sh FOLDER  (FOLDER: as testbed/build-qemu.sh prints it)
#
# With EXITLAB_SVM_PROVE=1 every patch is left out in turn (a build of 1.5 minutes each on an idle
# machine with 2 cores) to see that its test then fails.

set -euo pipefail
export LC_ALL=C
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)

folder=${1:?usage: tests/system/svm.sh FOLDER}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

"${CC:-gcc}" -std=gnu11 -O2 -Wall -Wextra -Werror -Wmissing-prototypes -ffreestanding -fno-builtin \
	-fno-pie -no-pie -fno-stack-protector -fcf-protection=none -mno-red-zone -mgeneral-regs-only \
	-nostdlib -static -Wl,-T,"$here/svm-inject.lds",--build-id=none,--no-warn-rwx-segments \
	-Wl,-z,noexecstack,-z,max-page-size=4096 -o "$tmp/svm" "$here/svm-inject.c"

# run FOLDER TEST MODE : sets verdict to good, bad, hung, or few (nothing wrong, but in too few
# rounds: a busy machine).
run() {
	local rc=0 accel=(-accel tcg -icount "shift=0,sleep=off" -smp 1)
	[ "$3" != mttcg ] || accel=(-accel "tcg,thread=multi" -smp 2)
	timeout 120 "$1/qemu-l0" -L "$1/share" -nodefaults -no-user-config -display none -no-reboot \
		-machine q35,hpet=off "${accel[@]}" -m 64 \
		-cpu max,la57=off,+svm,+x2apic -device isa-debug-exit -serial stdio \
		-kernel "$tmp/svm" -append "$2" </dev/null >"$tmp/out" 2>&1 || rc=$?
	sed 's/^#* */# /' "$tmp/out"
	case $rc in
	33) verdict=good ;;
	35) verdict=few ;;
	124) verdict=hung ;;
	*) verdict=bad ;;
	esac
}

n=0
result() { # WANTED-VERDICT NAME
	n=$((n + 1))
	case $verdict in
	"$1") printf 'ok %d - %s\n' "$n" "$2" ;;
	few) printf 'ok %d - %s # SKIP too few rounds, the machine is busy\n' "$n" "$2" ;;
	*)
		printf 'not ok %d - %s (%s)\n' "$n" "$2" "$verdict"
		failed=1
		;;
	esac
}

failed=0
# patch, test of the program, how CPUs run, what it shows
cases=(
	"0001 x2apic icount x2APIC timer registers can be read with -icount"
	"0002 inject icount an interrupt injected at VMRUN is delivered once"
	"0003 cr8 icount CR8 can be written while a virtual interrupt waits"
	"0003 parallel mttcg no interrupt is lost at VMRUN with CPUs in parallel"
)
plan=${#cases[@]}
[ -z "${EXITLAB_SVM_PROVE:-}" ] || plan=$((2 * plan))
echo "1..$plan"
for c in "${cases[@]}"; do
	read -r patch name mode text <<<"$c"
	run "$folder" "$name" "$mode"
	result good "$text"
	if [ -n "${EXITLAB_SVM_PROVE:-}" ]; then
		without=$(EXITLAB_QEMU_SKIP_PATCH=$patch "$top/testbed/build-qemu.sh")
		run "$without" "$name" "$mode"
		result bad "the test notices that patch $patch is missing"
	fi
done
exit $failed
