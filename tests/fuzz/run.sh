#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# Builds the fuzzers with clang and gives each a fixed number of inputs, seeded and so repeatable.
# For a long hunt: build/tests/fuzz_scenario -max_total_time=600 CORPUS. Prints TAP.

cd "$(dirname "$0")/../.." || exit 1
mkdir -p build/tests
n=0
for src in tests/fuzz/fuzz_*.c; do
	name=$(basename "$src" .c)
	n=$((n + 1))
	link=$(sed -n '1,3s|^/\* LINK: *\(.*\) *\*/$|\1|p' "$src")
	corpus=build/tests/corpus-$name
	rm -rf "$corpus"
	mkdir -p "$corpus"
	[ "$name" != fuzz_scenario ] || cp scenarios/*.yaml tests/unit/scenarios/*/*.yaml "$corpus"
	[ "$name" != fuzz_costs ] || cp testbed/costs.yaml tests/unit/costs/*/*.yaml "$corpus"
	[ "$name" != fuzz_baseline ] || cp tests/unit/baselines/*.baseline "$corpus"
	[ "$name" != fuzz_record ] || cp tests/fuzz/records/*.json tests/unit/eli/*.json "$corpus"
	[ ! -d "tests/fuzz/${name#fuzz_}" ] || cp "tests/fuzz/${name#fuzz_}"/* "$corpus"
	runs=20000 more=()
	case $name in
	# A process for each; without the thread that watches memory, whose locks it would inherit.
	fuzz_tracedat) runs=200 more=(-rss_limit_mb=0) ;;
	# libtraceevent forgets memory when it gives up on a text.
	fuzz_perfdata) runs=5000 more=(-detect_leaks=0) ;;
	esac
	dict=()
	[ ! -f "tests/fuzz/${name#fuzz_}.dict" ] || dict=(-dict="tests/fuzz/${name#fuzz_}.dict")
	# shellcheck disable=SC2086  # several files
	if clang -std=gnu11 -D_GNU_SOURCE -O1 -g -fsanitize=fuzzer,address,undefined -Itracer -Ibpf -I. -Ibuild \
		-o "build/tests/$name" "$src" $link -ljansson -lyaml -lcrypto -lm >&2 &&
	   "build/tests/$name" -runs=$runs -seed=1 -max_len=8192 "${dict[@]}" "${more[@]}" \
		-artifact_prefix="build/tests/$name-" "$corpus" >&2; then
		echo "ok $n - $name: $runs inputs without a finding"
	else
		echo "not ok $n - $name: $runs inputs without a finding"
	fi
done
echo "1..$n"
