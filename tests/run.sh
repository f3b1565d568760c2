#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# What `make check` runs after the set-up. Every test prints TAP ("ok 1 - what", "not ok 2 - what",
# "ok 3 - what # SKIP why"); this collects it, shows what failed or was skipped, and ends with one
# line "N passed, N failed, N skipped".
#
# usage: tests/run.sh [NAME...]	(groups: style unit fuzz paper time svm stat machine testbed tracer tracer61 gate kvm; default all;
#	and eli, mutants, eli-gates, eli-guests, bochs, elvis, elvis-block, elvis-gates, replies and debug, which build kernel modules,
#	report, which installs a browser, and patches, which installs sparse)

. "$(dirname "${BASH_SOURCE[0]}")/../testbed/lib.sh"
cd "$TOP"
logs=build/test-logs
mkdir -p "$logs"
passed=0 failed=0 skipped=0
wanted=${*:-style unit fuzz paper time svm stat machine testbed tracer tracer61 gate kvm}

# collect GROUP COMMAND... : runs a test program and counts its TAP lines.
collect() {
	local group=$1 log rc=0 t0=$SECONDS line n=0
	shift
	log=$logs/$group.tap
	"$@" >"$log" 2>"$logs/$group.err" </dev/null || rc=$?
	while IFS= read -r line; do
		case $line in
		"ok "*"# SKIP"* | "not ok "*"# SKIP"*) skipped=$((skipped + 1)) n=$((n + 1)); printf 'SKIP %s: %s\n' "$group" "${line#*ok }" ;;
		"ok "*) passed=$((passed + 1)) n=$((n + 1)) ;;
		"not ok "*) failed=$((failed + 1)) n=$((n + 1)); printf 'FAIL %s: %s\n' "$group" "${line#not ok }" ;;
		esac
	done <"$log"
	# A skip of cmocka has no room for the reason: the test has printed it.
	grep -hs '^SKIP:' "$log" "$logs/$group.err" | sed 's/^/     /' || true
	# A test program that died, or said nothing, has failed whatever it printed before.
	if [ "$n" = 0 ] || { [ "$rc" != 0 ] && ! grep -q '^not ok' "$log"; }; then
		failed=$((failed + 1))
		printf 'FAIL %s: status %s after %s results\n' "$group" "$rc" "$n"
		rc=1
	fi
	if [ "$rc" != 0 ] || grep -q '^not ok' "$log"; then
		sed 's/^/     /' "$logs/$group.err" | tail -n 30
	fi
	printf '%-24s %3d tests, %3d s\n' "$group" "$n" $((SECONDS - t0))
}

# pool_add GROUP COMMAND... : a test program for pool_run. An emulated machine keeps one CPU busy, so as many
# of them run at a time as there are CPUs (and 3 GB of memory for each).
pool_add() {
	pool+=("$1")
	{ printf '%q ' "${@:2}"; echo; } >"$logs/$1.job"
}
pool_run() {
	local n group
	[ ${#pool[@]} -gt 0 ] || return 0
	n=$(awk '/^MemAvailable/ { print int($2 / 3000000) }' /proc/meminfo)
	[ "$n" -lt "$(nproc)" ] || n=$(nproc)
	# shellcheck disable=SC2016  # for the inner shell
	printf '%s\n' "${pool[@]}" | xargs -P "$((n > 0 ? n : 1))" -I GROUP bash -c '
		rc=0 t0=$SECONDS; log=$0/GROUP
		bash "$log.job" >"$log.out" 2>"$log.talk" </dev/null || rc=$?
		echo $rc >"$log.rc"; echo "exitlab: GROUP ended after $((SECONDS - t0)) s" >&2' "$logs"
	for group in "${pool[@]}"; do
		# shellcheck disable=SC2016  # for the inner shell
		collect "$group" sh -c 'cat "$1.out"; cat "$1.talk" >&2; exit "$(cat "$1.rc")"' - "$logs/$group"
	done
}
pool=()

want() { case " $wanted " in *" $1 "*) ;; *) return 1 ;; esac; }

# unit_program FILE : builds a unit test with the sanitizers and prints its path.
unit_program() {
	local src=$1 link out
	out=build/tests/$(basename "$src" .c)
	mkdir -p build/tests
	link=$(sed -n '1,3s|^/\* LINK: *\(.*\) *\*/$|\1|p' "$src")
	# shellcheck disable=SC2086  # several files
	gcc -std=gnu11 -D_GNU_SOURCE -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all \
		-Wall -Wextra -Werror -Itracer -Ibpf -I. -Ibuild -Itests/unit -o "$out" "$src" $link \
		-lcmocka -ljansson -lyaml -lcrypto -lbpf -lelf -lz -lm || return 1
	echo "$out"
}

run_unit() {
	local src prog
	for src in tests/unit/test_*.c; do
		if prog=$(unit_program "$src" 2>"$logs/$(basename "$src").build"); then
			collect "unit/$(basename "$src" .c)" env CMOCKA_MESSAGE_OUTPUT=TAP "$prog"
		else
			failed=$((failed + 1))
			printf 'FAIL %s does not build:\n' "$src"
			cat "$logs/$(basename "$src").build"
		fi
	done
}

mkdir -p "$logs/unit"
step "building exitlab" "$CACHE/logs/make.log" make -s -j"$(nproc)" all man
if want style; then collect style tests/style.sh; fi
if want unit; then run_unit; fi
if want fuzz; then collect fuzz tests/fuzz/run.sh; fi
if want report && ! command -v chromium >/dev/null; then
	step "installing chromium" "$CACHE/logs/chromium.log" apt-get install -y --no-install-recommends chromium
fi
if want paper || want report; then collect paper tests/system/paper.py; fi
if want time || want svm || want machine || want testbed || want tracer ||
   want tracer61 || want gate || want kvm; then
	# Shown here, with its progress, rather than inside a test.
	EXITLAB_NO_SETUP=1 testbed/build.sh "$PWD/build/exitlab-point" >"$logs/testbed.paths"
fi
if want time; then collect time tests/system/time.sh "$(sed -n "s/^qemu //p" "$logs/testbed.paths")"; fi
if want svm; then collect svm tests/system/svm.sh "$(sed -n "s/^qemu //p" "$logs/testbed.paths")"; fi
if want stat; then
	collect stat-native tests/system/stat-native.sh
	collect engine-native tests/system/engine-native.sh
	collect exits-run tests/system/exits-run.sh
	collect account-native tests/system/account-native.sh
	collect robust-native tests/system/robust-native.sh
	collect robust-unit tests/system/robust-unit.sh
	collect record-native tests/system/record-native.sh
fi
if want machine; then
	say "tests of the emulated machine with guests take about 8 minutes"
	collect machine tests/system/machine.sh
	collect determinism tests/system/determinism.sh selftest-vf
fi
if want testbed; then
	say "tests in the emulated testbed take about 5 minutes; their log: $logs/testbed.err"
	collect testbed tests/system/testbed.sh
fi
if want tracer; then
	pool_add robust-emulated tests/system/robust-emulated.sh
	pool_add irqs-devices tests/system/irqs-devices.sh
	pool_add record-emulated tests/system/record-emulated.sh
	pool_add irqs-emulated tests/system/irqs-emulated.sh
	pool_add rungs-emulated tests/system/rungs-emulated.sh ""
	pool_add engines-emulated tests/system/engines-emulated.sh
	pool_add iocores-emulated tests/system/iocores-emulated.sh
	pool_add account-emulated tests/system/account-emulated.sh
	pool_add stat-emulated tests/system/stat-emulated.sh
fi
if want tracer61; then
	old=$(. tests/system/l1.sh; l1_old_kernel)
	if [ -n "$old" ]; then
		# Once, and not by each of them at the same time.
		EXITLAB_NO_SETUP=1 testbed/build.sh --kernel "$old" --guest-kernel "$old" "$PWD/build/exitlab-point" >/dev/null
		pool_add rungs-6.1 tests/system/rungs-emulated.sh "$old"
		pool_add iocores-6.1 tests/system/iocores-emulated.sh 6.1
		pool_add account-6.1 tests/system/account-emulated.sh --kernel "$old"
		pool_add stat-6.1 tests/system/stat-emulated.sh "$old"
	else
		collect stat-6.1 echo "ok 1 - the tracer on a host with Linux 6.1 # SKIP apt has no 6.1 kernel"
	fi
fi
if [ ${#pool[@]} -gt 0 ]; then
	say "tests of the tracer in ${#pool[@]} emulated hosts take about 12 minutes on 2 cores; their logs: $logs/*.talk"
	pool_run
fi
if want gate; then
	say "tests of the regression gate take about 5 minutes; their log: $logs/gate.err"
	collect gate tests/system/gate.sh
fi
if want kvm; then
	say "tests with KVM modules built from source take about 6 minutes; their log: $logs/kvm.err"
	collect kvm tests/system/kvm-tree.sh
fi
# Not part of all: exitless interrupts.
if want eli; then
	collect eli tests/system/eli.sh
	collect eli-off tests/system/eli-off.sh
	collect eli-offline tests/system/eli-offline.sh
fi
# Not part of all: whether those tests can fail.
if want mutants; then
	say "each mutant takes 2 minutes; log: $logs/mutants.err"
	collect mutants tests/mutants.sh
fi
# Not part of all: its gates, each measured twice.
if want eli-gates; then
	collect eli-gates tests/system/eli-gates.sh
fi
# Not part of all: the series under the kernel's own tools.
if want patches; then
	command -v sparse >/dev/null ||
		step "installing sparse" "$CACHE/logs/sparse.log" apt-get install -y --no-install-recommends sparse
	collect patches tests/system/patches.sh
fi
# Not part of all: guests of another kernel, with page table isolation.
if want eli-guests; then
	say "tests with four guests take about 10 minutes; their log: $logs/eli-guests.err"
	collect eli-guests tests/system/eli-guests.sh
fi
# Not part of all: KVM on VMX, in Bochs; the interrupts of eli, and the tracer.
if want bochs; then
	say "tests on VMX take about 2 minutes, and 10 more once for Bochs and KVM's modules; their log: $logs/bochs.err"
	collect bochs tests/system/bochs.sh
fi
# Not part of all: vhost's sidecores.
if want elvis; then
	collect elvis-robust tests/system/elvis-robust.sh
	collect elvis tests/system/elvis.sh
	collect elvis-replies tests/system/elvis-replies.sh
fi
# Not part of all: guests' disks on vhost-scsi, rings, nodes.
if want elvis-block; then
	collect elvis-block tests/system/elvis-block.sh
fi
# Not part of all: their gates, each measured twice.
if want elvis-gates; then
	collect elvis-gates tests/system/eli-gates.sh elvis
fi
# Not part of all: vhost's replies without exits.
if want replies; then
	collect replies tests/system/replies.sh
fi
# Not part of all: eli, elvis and replies on a kernel with lockdep and KASAN.
if want debug; then
	say "tests on a debug kernel take hours, and half an hour more once to build it; their logs: build/test-results/debug"
	collect debug tests/system/debug.sh
fi

printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
[ "$failed" = 0 ]
