# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What time.sh and svm.sh share: compiling a program of bare.c and more, running it on the emulated
# machine, and TAP. Sourced, after `here`, `folder` and `tmp` are set.

set -euo pipefail
export LC_ALL=C

# bare_build OUT SOURCE...
bare_build() {
	local out=$1
	shift
	"${CC:-gcc}" -std=gnu11 -O2 -Wall -Wextra -Werror -Wmissing-prototypes -ffreestanding \
		-fno-builtin -fno-pie -no-pie -fno-stack-protector -fcf-protection=none -mno-red-zone \
		-mgeneral-regs-only -nostdlib -static \
		-Wl,-T,"$here/bare.lds",--build-id=none,--no-warn-rwx-segments \
		-Wl,-z,noexecstack,-z,max-page-size=4096 -o "$out" "$here/bare.c" "$@"
}

# bare_run SECONDS FOLDER PROGRAM COMMAND-LINE QEMU-OPTION... : sets verdict to good, few (nothing
# wrong, but in too few rounds: a busy machine), bad or hung; what the program printed is in $tmp/out.
bare_run() {
	local rc=0 limit=$1 folder=$2 program=$3 line=$4
	shift 4
	timeout "$limit" "$folder/qemu-l0" -L "$folder/share" -nodefaults -no-user-config \
		-display none -no-reboot -m 64 -cpu max,la57=off,+svm,+x2apic "$@" \
		-device isa-debug-exit -serial stdio -kernel "$program" -append "$line" \
		</dev/null >"$tmp/out" 2>&1 || rc=$?
	sed 's/^#* */# /' "$tmp/out"
	# 2 * verdict + 1, see bare.h
	case $rc in
	33) verdict=good ;;
	35) verdict=few ;;
	124) verdict=hung ;;
	*) verdict=bad ;;
	esac
}

n=0 failed=0
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
