#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# Shows on the emulated machine itself, with a small program (time-*.c) instead of an operating system,
# that its CPUs keep time as parallel CPUs do: -icount quantum= and the cost model. Virtual time is
# exact, so every figure is the same on every machine. Prints TAP.
#
# usage: tests/system/time.sh FOLDER  (FOLDER: as testbed/build-qemu.sh prints it)

set -euo pipefail
export LC_ALL=C
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

folder=${1:?usage: tests/system/time.sh FOLDER}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

"${CC:-gcc}" -std=gnu11 -O2 -Wall -Wextra -Werror -Wmissing-prototypes -ffreestanding -fno-builtin \
	-fno-pie -no-pie -fno-stack-protector -fcf-protection=none -mno-red-zone -mgeneral-regs-only \
	-nostdlib -static -Wl,-T,"$here/svm-inject.lds",--build-id=none,--no-warn-rwx-segments \
	-Wl,-z,noexecstack,-z,max-page-size=4096 -o "$tmp/time" "$here"/time-*.c

# run ICOUNT HPET CPUS TEST NUMBER... : sets verdict to good, bad or hung; what the program printed is
# in $tmp/out.
run() {
	local rc=0 icount=$1 hpet=$2 cpus=$3 name=$4
	shift 4
	timeout 120 "$folder/qemu-l0" -L "$folder/share" -nodefaults -no-user-config -display none \
		-no-reboot -machine "q35,hpet=$hpet" -accel tcg,thread=single \
		-icount "shift=0,sleep=off$icount" -smp "$cpus" -m 64 -cpu max,la57=off,+svm,+x2apic \
		-device isa-debug-exit -serial stdio -kernel "$tmp/time" -append "$name $cpus $*" \
		</dev/null >"$tmp/out" 2>&1 || rc=$?
	sed 's/^#* */# /' "$tmp/out"
	case $rc in
	33) verdict=good ;;
	124) verdict=hung ;;
	*) verdict=bad ;;
	esac
}

n=0 failed=0
result() { # WANTED-VERDICT NAME
	n=$((n + 1))
	if [ "$verdict" = "$1" ]; then
		printf 'ok %d - %s\n' "$n" "$2"
	else
		printf 'not ok %d - %s (%s)\n' "$n" "$2" "$verdict"
		failed=1
	fi
}

q=500
# icount options, hpet, CPUs, test and its numbers (the quantum first); what it shows
cases=(
	",quantum=$q off 1 loops $q 1000000|a busy loop takes its time on 1 CPU"
	",quantum=$q off 2 loops $q 1000000|2 busy loops take the time of one"
	",quantum=$q off 4 loops $q 1000000|4 busy loops take the time of one"
	",quantum=$q off 8 loops $q 1000000|8 busy loops take the time of one"
	",quantum=$q off 16 loops $q 1000000|16 busy loops take the time of one"
	",quantum=$q off 2 pingpong $q 10000|two CPUs talk through memory: a quantum for a round trip at most"
	",quantum=2000 off 4 pingpong 2000 10000|the same with a longer quantum and CPUs that do not take part"
	",quantum=$q off 4 clocks $q 0|TSC, APIC timer and PM timer agree on every CPU"
	",quantum=$q on 4 clocks $q 1|TSC, APIC timer, PM timer and HPET agree on every CPU"
	",quantum=$q off 8 warp $q 20000|no CPU reads a time before one that another has read"
	",quantum=$q off 2 ipi $q 2000 $q|an IPI to a halted CPU takes a quantum"
	",quantum=$q off 16 ipi $q 2000 $q|an IPI takes the same time with 14 more CPUs spinning"
	",quantum=$q,ipi-delay=900 off 4 ipi $q 2000 900|an IPI takes what the cost model says"
	",quantum=$q off 8 timer $q|timers are neither early nor late"
)
echo "1..$((${#cases[@]} + 3))"
for c in "${cases[@]}"; do
	read -ra args <<<"${c%%|*}"
	run "${args[@]}"
	result good "${c##*|}"
done

run "" off 4 loops $q 1000000
result bad "the loops notice a machine with one clock for all CPUs"

# 1,000 times each: the difference that the model makes is 1,000 times the cost, exactly.
costs() { # ICOUNT : prints NAME=NS...
	run "$1" off 1 costs $q >/dev/null
	sed -n 's/^\([a-z]*\) \([0-9]*\)$/\1=\2/p' "$tmp/out"
}
declare -A without with
while IFS='=' read -r k v; do without[$k]=$v; done < <(costs ",quantum=$q")
while IFS='=' read -r k v; do with[$k]=$v; done < <(costs ",quantum=$q,pause=40,pio=700,mmio-read=900,mmio-write=60")
verdict=good
for k in nop:0 pause:40 pio:700 read:900 write:60; do
	diff=$((${with[${k%:*}]:-0} - ${without[${k%:*}]:-0}))
	echo "# 1000 of ${k%:*} cost $diff ns more"
	[ "$diff" = $((${k#*:} * 1000)) ] || verdict=bad
done
result good "what the cost model charges for PAUSE, PIO and MMIO is charged once"

# 2930 million instructions per second instead of 1000.
while IFS='=' read -r k v; do with[$k]=$v; done < <(costs ",quantum=$q,mips=2930")
ns=$((${without[nop]:-0} * 1000 / 2930))
echo "# 3000 instructions take ${with[nop]:-0} ns at 2930 MIPS, $ns calculated"
verdict=bad
[ $((${with[nop]:-0} - ns)) -ge -1 ] && [ $((${with[nop]:-0} - ns)) -le 1 ] && verdict=good
result good "the speed of the CPUs is what mips= says"
exit $failed
