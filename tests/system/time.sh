#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# Shows on the emulated machine itself, with a small program (bare.c, time-*.c) instead of an operating
# system, that its CPUs keep time as parallel CPUs do: -icount quantum= and the cost model. Virtual
# time is exact, so every figure is the same on every machine. Prints TAP.
#
# usage: tests/system/time.sh FOLDER  (FOLDER: as testbed/build-qemu.sh prints it)

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=${1:?usage: tests/system/time.sh FOLDER}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
# shellcheck source=tests/system/bare.sh
. "$here/bare.sh"

bare_build "$tmp/time" "$here"/time-*.c

# run ICOUNT HPET CPUS TEST NUMBER...
run() {
	local icount=$1 hpet=$2 cpus=$3 name=$4
	shift 4
	bare_run 120 "$folder" "$tmp/time" "$name $cpus $*" -machine "q35,hpet=$hpet" \
		-accel tcg,thread=single -icount "shift=0,sleep=off$icount" -smp "$cpus"
}

q=500
# icount options, hpet, CPUs, test and its numbers (the quantum first); what it shows
cases=(
	",quantum=$q off 1 loops $q 1000000|a busy loop takes its time on 1 CPU"
	",quantum=$q off 2 loops $q 1000000|2 busy loops take the time of one"
	",quantum=$q off 4 loops $q 1000000|4 busy loops take the time of one"
	",quantum=$q off 8 loops $q 1000000|8 busy loops take the time of one"
	",quantum=$q off 16 loops $q 1000000|16 busy loops take the time of one"
	",quantum=250 off 2 pingpong 250 40 0|a round trip through memory takes half a quantum or one, as predicted: 250 ns"
	",quantum=500 off 2 pingpong 500 20 0|... 500 ns"
	",quantum=1000 off 4 pingpong 1000 20 0|... 1000 ns, and 2 CPUs that take no part"
	",quantum=2000 off 2 pingpong 2000 20 0|... 2000 ns"
	",quantum=250,pause=40 off 2 pingpong 250 40 40|... 250 ns, and PAUSE takes 40"
	",quantum=500,pause=40 off 2 pingpong 500 20 40|... 500 ns, and PAUSE takes 40"
	",quantum=$q off 4 clocks $q 0|TSC, APIC timer and PM timer agree on every CPU"
	",quantum=$q on 4 clocks $q 1|TSC, APIC timer, PM timer and HPET agree on every CPU"
	",quantum=$q off 8 warp $q 20000|no CPU reads a time before one that another has read"
	",quantum=$q off 2 ipi $q 2000 $q|an IPI to a halted CPU takes a quantum"
	",quantum=$q off 16 ipi $q 2000 $q|an IPI takes the same time with 14 more CPUs spinning"
	",quantum=$q,ipi-delay=900 off 4 ipi $q 2000 900|an IPI takes what the cost model says"
	",quantum=$q off 8 timer $q|timers are neither early nor late"
)
echo "1..$((${#cases[@]} + 4))"
for c in "${cases[@]}"; do
	read -ra args <<<"${c%%|*}"
	run "${args[@]}"
	result good "${c##*|}"
done

run "" off 4 loops $q 1000000
result bad "the loops notice a machine with one clock for all CPUs"

# figures ICOUNT CPUS TEST NUMBER... : prints NAME=NS...
figures() {
	local icount=$1 cpus=$2 name=$3
	shift 3
	run "$icount" off "$cpus" "$name" $q "$@" >/dev/null
	sed -n 's/^\([a-z]*\) \([0-9]*\)$/\1=\2/p' "$tmp/out"
}

# charged WHAT:NS... : sets verdict; whether 1,000 of each take 1,000 times NS longer `with` than `without`.
charged() {
	local k diff
	verdict=good
	for k; do
		diff=$((${with[${k%:*}]:-0} - ${without[${k%:*}]:-0}))
		echo "# 1000 times, ${k%:*}: $diff ns more"
		[ -n "${with[${k%:*}]:-}" ] && [ "$diff" = $((${k#*:} * 1000)) ] || verdict=bad
	done
}

declare -A without with
while IFS='=' read -r k v; do without[$k]=$v; done < <(figures ",quantum=$q" 1 costs)
while IFS='=' read -r k v; do with[$k]=$v; done < <(
	figures ",quantum=$q,pause=40,pio=700,mmio-read=900,mmio-write=60" 1 costs)
charged nop:0 pause:40 pio:700 read:900 write:60
result good "what the cost model charges for PAUSE, PIO and MMIO is charged once"

while IFS='=' read -r k v; do without[$k]=$v; done < <(figures ",quantum=$q" 3 charges 1000)
while IFS='=' read -r k v; do with[$k]=$v; done < <(
	figures ",quantum=$q,intr=300,ipi-send=700" 3 charges 1000)
charged sender:700 receiver:300 neither:0
result good "sending an IPI is charged to the sender, taking it to the receiver, and each once"

# 2930 million instructions per second instead of 1000.
while IFS='=' read -r k v; do with[$k]=$v; done < <(figures ",quantum=$q,mips=2930" 1 costs)
ns=$((${without[nop]:-0} * 1000 / 2930))
echo "# 3000 instructions take ${with[nop]:-0} ns at 2930 MIPS, $ns calculated"
verdict=bad
[ $((${with[nop]:-0} - ns)) -ge -1 ] && [ $((${with[nop]:-0} - ns)) -le 1 ] && verdict=good
result good "the speed of the CPUs is what mips= says"
exit $failed
