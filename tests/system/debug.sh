#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# The suites of eli-ref and elvis-ref on a kernel with lockdep, KASAN and the like (testbed/debug.config) in place of
# the distribution's: its log must have nothing to complain of. First a module with faults, each of which that
# kernel must find. Prints TAP; hours, and half an hour more for the kernel if it is not built yet.
#
# usage: tests/system/debug.sh [PART...]	(needs the testbed: make setup)
#
# PART: faults eli robust replies; default: all. Their logs stay in build/test-results/debug.
# DEBUG_PATCHES: folders and files in place of eli-ref/patches and elvis-ref/patches, with blanks between.

. "$(dirname "${BASH_SOURCE[0]}")/../../testbed/lib.sh"
cd "$TOP"
. tests/system/eli-machine.sh
parts=${*:-faults eli robust replies}
results=$PWD/build/test-results/debug
mkdir -p "$results"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
n=0
t() { # NAME STATUS : STATUS 0 passes
	n=$((n + 1))
	if [ "$2" = 0 ]; then echo "ok $n - $1"; else echo "not ok $n - $1"; fi
}
want() { case " $parts " in *" $1 "*) ;; *) return 1 ;; esac; }

# complaints FILE : what a kernel says when it has found something
complaints() {
	grep -aE 'WARNING:|BUG:|kernel BUG|Oops|possible circular|possible recursive|inconsistent lock state|sleeping function|KASAN|suspicious RCU|DEBUG_LOCKS_WARN|ODEBUG|general protection|list_(add|del) corruption|refcount_t:|rcu.*(stall|detected)|lockup|blocked for more than|unknown reason|No irq handler' "$1"
}

patches=()
for p in ${DEBUG_PATCHES:-eli-ref/patches elvis-ref/patches}; do patches+=(--patch "$p"); done
built=$(testbed/build-debug-kernel.sh "${patches[@]}" --module tests/system/debug-faults.c)
modules=$(sed -n 's/^modules //p' <<<"$built")
EXITLAB_HOST_KERNEL=$(sed -n 's/^kernel //p' <<<"$built")
export EXITLAB_HOST_KERNEL

# --- does it find anything?
if want faults; then
	mkdir -p "$work/faults/root"
	cp "$modules/debug-faults.ko" "$work/faults/root/"
	cat >"$work/commands" <<-'INIT'
	echo "@@ start"
	dmesg -c
	sed -n 's/^ *debug_locks: */debug_locks /p' /proc/lockdep_stats
	for what in none sleep rcu timer list nesting irq order free; do
		echo "@@ $what"
		insmod /debug-faults.ko what=$what 2>/dev/null
		dmesg -c
	done
	echo "@@ end"
	INIT
	eli_machine "$work/faults" "$results/faults.log" 1200 --modules "$modules" <"$work/commands"
	# found WORD PATTERN
	found() {
		awk -v s="@@ $1" '/^@@/ { on = $0 == s } on' "$results/faults.log" >"$work/section"
		complaints "$work/section" | grep -cE "$2" || true
	}
	t "faults: the host's run came to its end" "$(($(grep -c '^@@ all done' "$results/faults.log") != 1))"
	t "lockdep is on when the host is up" "$(($(grep -c '^debug_locks 1' "$results/faults.log") != 1))"
	t "its start gives no complaint" "$(($(found start .) != 0))"
	t "a module without a fault is loaded: no complaint" "$(($(found none .) != 0))"
	while read -r what pattern; do
		t "a fault is found: $what" "$(($(found "$what" "$pattern") == 0))"
	done <<-'END'
	sleep BUG: sleeping function called
	rcu suspicious RCU usage
	timer ODEBUG: free active
	list WARNING: .*__list_(add|del)
	nesting BUG: Invalid wait context
	irq inconsistent lock state
	order possible circular locking
	free KASAN: slab-use-after-free
	END
fi

# suite NAME LOG COMMAND... : a suite's results, of which those count that do not hang on how fast the host is
suite() {
	local name=$1 log=$2 line rc=0
	shift 2
	rm -f "$log"
	"$@" >"$results/$name.tap" 2>"$results/$name.err" || rc=$?
	t "$name: the host's run came to its end" "$(($(grep -ac '^@@ all done' "$log") != 1))"
	complaints "$log" >"$results/$name.complaints" || true
	head -n 5 "$results/$name.complaints" | sed 's/^/# /'
	t "$name: the kernel has nothing to complain of" "$(wc -l <"$results/$name.complaints")"
	while read -r line; do
		# Without the tracer there is nothing in them, and nothing equals nothing.
		case $line in
		*" - 1000 requests"*) echo "# no BTF, so not run: $name: ${line#*ok * - }" ;;
		"ok "*) t "$name: ${line#ok * - }" 0 ;;
		"not ok "*)
			if grep -qE "$slow" <<<"$line"; then echo "# slower here, so not judged: $name: ${line#not ok * - }"
			else t "$name: ${line#not ok * - }" 1; fi
			;;
		esac
	done <"$results/$name.tap"
}
# That kernel is several times slower: the device raises faster than its handler ends, so interrupts meet the host or
# find their vector pending; requests that are not answered in time are sent again; replies meet a vCPU that is out. KASAN
# keeps what is freed for a while.
slow='the same with CR8|moments in a storm|delivery: in a storm|a storm reaches its owner|completes nothing has one more|go through the host|counts what it counted'
slow+='|less than 5 % of them reach|off and delivery at random moments|all that came to the host were|each request is answered at once'
slow+='|98 % are posted|both ways were taken|direct as before|nor their memory'
if want eli; then
	ELI_MODULES=$modules ELI_TIMEOUT=14400 ELI_LOG=$results/eli.log \
		suite eli "$results/eli.log" tests/system/eli.sh
fi
if want robust; then
	KILLS=20 L1_TIMEOUT=14400 KEEP_LOG=$results/robust.log \
		suite robust "$results/robust.log" tests/system/elvis-robust.sh "$modules" parity evil actions kill policy queue switch rcu
fi
if want replies; then
	REPLIES_MODULES=$modules REPLIES_TIMEOUT=14400 REPLIES_LOG=$results/replies.log \
		suite replies "$results/replies.log" tests/system/replies.sh
fi
echo "1..$n"
