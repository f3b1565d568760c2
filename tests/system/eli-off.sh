#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# KVM with eli-ref/patches, mode off, against KVM as distributed: a guest without timers, which makes a
# known number of exits of each kind, makes exactly the same ones with both. Prints TAP; 2 minutes, and
# 4 for the modules if they are not built yet.
#
# usage: tests/system/eli-off.sh	(needs the testbed: make setup)
# ELI_MODULES=DIR takes modules that are built already.

. "$(dirname "${BASH_SOURCE[0]}")/../../testbed/lib.sh"
cd "$TOP"
. tests/system/eli-machine.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
modules=${ELI_MODULES:-$(testbed/build-kvm.sh --no-intel --patch eli-ref/patches)}

# The guest's rounds: 503; a round is 7 port writes, 5 CPUIDs, 3 EOIs, an IPI to itself and a halt that this
# one ends, whose handler writes one EOI more. The first run also reads in what the second finds in caches.
cat >"$work/commands" <<'INIT'
taskset -p 1 $$ >/dev/null
exits=/sys/kernel/tracing/events/kvm/kvm_exit
small warm known off 5
for run in first second; do
	echo 'hist:keys=exit_reason' >$exits/trigger
	small $run known off 503
	begin $run-reasons
	awk '/hitcount: +[0-9]/ { gsub(/[^0-9]+/, " "); print "reason_" $1, $2 }' $exits/hist | sort
	end
	echo '!hist:keys=exit_reason' >$exits/trigger
done
INIT
eli_machine "$work/stock" "$work/stock.log" 590 <"$work/commands"
eli_machine "$work/off" "$work/off.log" 590 --modules "$modules" <"$work/commands"

n=0
# v LOG SECTION NAME
v() { awk -v s="@@ $2" -v k="$3" '$0 == s { on = 1 } $0 == "@@ end" { on = 0 } on && $1 == k { x = $2 } END { print x ? x : 0 }' "$work/$1.log"; }
t() {
	local name=$1
	shift
	n=$((n + 1))
	if (($*)); then echo "ok $n - $name"; else echo "not ok $n - $name ($*)"; fi
}
t "the stock modules have no mode" "$(grep -c direct_entries "$work/stock.log") == 0"
t "those of eli-ref have" "$(grep -c direct_entries "$work/off.log") == 3"
for m in stock off; do
	for run in first second; do
		# IOIO, CPUID, HLT, MSR, VINTR (the IPI finds interrupts off)
		t "$m, $run run: known numbers of exits" "$(v $m $run-reasons reason_123) == 7 * 503 + 1 && $(v $m $run-reasons reason_114) == 5 * 503 && \
$(v $m $run-reasons reason_120) == 503 && $(v $m $run-reasons reason_124) == 5 * 503 && $(v $m $run-reasons reason_100) == 503"
	done
done
for run in first second; do
	# INTR: the host's timer and whatever else comes in time
	for reason in $(sed -n 's/^\(reason_[0-9]*\) .*/\1/p' "$work/stock.log" "$work/off.log" | sort -u); do
		[ "$reason" != reason_96 ] || continue
		t "$run run: as many of $reason" "$(v stock $run-reasons "$reason") == $(v off $run-reasons "$reason")"
	done
	intr=$(($(v off $run-reasons reason_96) - $(v stock $run-reasons reason_96)))
	echo "# INTR: $(v stock $run-reasons reason_96) and $(v off $run-reasons reason_96)"
	t "$run run: all exits but for INTR" "$(v off $run exits) - $(v stock $run exits) == $intr && ${intr#-} <= 3"
done
echo "1..$n"
