#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# Shows on the emulated machine itself, with a small program (bare.c, svm-*.c) instead of an operating
# system, that the SVM defects of QEMU which the testbed met are mended, and that events arrive once in
# every mode of the machine. Prints TAP.
#
# usage: tests/system/svm.sh FOLDER  (FOLDER: as testbed/build-qemu.sh prints it)
#
#   EXITLAB_SVM_EVENTS=N  how many events and interrupts are counted in each mode (default 100000;
#                         1000000 takes some minutes)
#   EXITLAB_SVM_PROVE=1   every patch is left out in turn (a build of 1.5 minutes each on an idle
#                         machine with 2 cores) to see that its test then fails

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)

folder=${1:?usage: tests/system/svm.sh FOLDER}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# shellcheck source=tests/system/bare.sh
. "$here/bare.sh"

bare_build "$tmp/svm" "$here"/svm-*.c

# The modes of the machine in which events are counted: name, CPUs, whether they run in parallel (in
# host threads), and QEMU's options.
modes=(
	"icount 1 0 -accel tcg -icount shift=0,sleep=off"
	"icount2 2 0 -accel tcg -icount shift=0,sleep=off"
	"rounds 2 0 -accel tcg,thread=single -icount shift=0,sleep=off,quantum=500"
	"priced 2 0 -accel tcg,thread=single -icount shift=0,sleep=off,quantum=500,vmrun=300,vmexit=700,intr=50"
	"mttcg 2 1 -accel tcg,thread=multi"
)

# set_mode NAME : sets cpus, parallel and accel.
set_mode() {
	local m name options
	for m in "${modes[@]}"; do
		read -r name cpus parallel options <<<"$m"
		read -ra accel <<<"$options"
		[ "$name" != "$1" ] || return 0
	done
	echo "no mode $1" >&2
	exit 1
}

# run FOLDER TEST MODE
run() {
	set_mode "$3"
	bare_run "$limit" "$1" "$tmp/svm" "$2 $events $cpus $parallel" -machine q35,hpet=off \
		"${accel[@]}" -smp "$cpus"
}

events=${EXITLAB_SVM_EVENTS:-100000}
limit=$((120 + events / 1000))
# patch or -, test of the program, mode, what it shows
cases=(
	"0001 x2apic icount x2APIC timer registers can be read with -icount"
	"0002 inject icount an interrupt injected at VMRUN is delivered once"
	"0003 cr8 icount CR8 can be written while a virtual interrupt waits"
	"0003 parallel mttcg no interrupt is lost at VMRUN with CPUs in parallel"
	"0004 delivery icount EXITINTINFO and error code of an interrupted delivery are right"
	"0004 npf icount an event interrupted by a nested page fault is reported whole"
	"0005 readcr icount reads of control registers are intercepted one by one"
	"0006 virq icount a virtual interrupt outlives a direct one and is taken once"
	"0007 reserved icount a reserved bit is reported with P"
	"0008 lmsw icount LMSW has the selective intercept of CR0"
	"- nmi icount NMIs wait for GIF"
)
for m in "${modes[@]}"; do
	read -r name _ <<<"$m"
	[ "$name" != priced ] || continue
	cases+=("- events $name $events injected events arrive once, mode $name"
		"- ipis $name $events inter-processor interrupts arrive once, mode $name")
done
plan=$((${#cases[@]} + 1))
if [ -n "${EXITLAB_SVM_PROVE:-}" ]; then
	for c in "${cases[@]}"; do
		[[ $c == -* ]] || plan=$((plan + 1))
	done
fi
echo "1..$plan"
for c in "${cases[@]}"; do
	read -r patch name mode text <<<"$c"
	run "$folder" "$name" "$mode"
	result good "$text"
	if [ -n "${EXITLAB_SVM_PROVE:-}" ] && [ "$patch" != - ]; then
		without=$(EXITLAB_QEMU_SKIP_PATCH=$patch "$top/testbed/build-qemu.sh")
		run "$without" "$name" "$mode"
		result bad "the test notices that patch $patch is missing"
	fi
done

# 1,000 entries, 1,000 exits: what the model adds to their time is exactly that.
run "$folder" costs rounds
plain=$(sed -n 's/^guests //p' "$tmp/out") plain_irq=$(sed -n 's/^interrupted //p' "$tmp/out")
run "$folder" costs priced
more=$(($(sed -n 's/^guests //p' "$tmp/out") - ${plain:-0}))
more_irq=$(($(sed -n 's/^interrupted //p' "$tmp/out") - ${plain_irq:-0}))
echo "# 1000 entries and exits at 300 and 700 ns cost $more ns more"
echo "# with as many interrupts at 50 ns for the exit and 50 for the handler $more_irq ns more"
[ "$more" = 1000000 ] || verdict=bad
result good "what the cost model charges for entering and leaving a guest is charged once"
exit $failed
