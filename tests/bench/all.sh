#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# The whole benchmark: (i) CPU time that each way of watching adds to an exit on this machine, (ii) the
# programs alone, by BPF_PROG_TEST_RUN, (iii) guest instructions per exit in the emulated machine, if
# that has been built. Prints ratios; writes build/bench/bench.csv, bench.svg and bench.png.
#
# usage: tests/bench/all.sh [OPTION]...		(options of (i), see bench.sh --help)

. "$(dirname "${BASH_SOURCE[0]}")/../../testbed/lib.sh"
cd "$TOP"
out=build/bench
mkdir -p "$out"
rm -f "$out"/{native,test_run,emulated}.json "$out/emulated.why"
case " $* " in *" --help "* | *" -h "*) exec tests/bench/bench.sh --help ;; esac

say "(i) on this machine"
tests/bench/bench.sh "$@" --json >"$out/native.json"
say "(ii) BPF_PROG_TEST_RUN"
tests/bench/bench.sh --test-run >"$out/test_run.json"
if compgen -G "$CACHE/qemu-*/qemu-l0" >/dev/null && compgen -G "$CACHE/images-*/vmlinux" >/dev/null; then
	say "(iii) in the emulated machine"
	tests/bench/emulated.sh --json >"$out/emulated.json"
else
	echo "the testbed has not been built: make setup, or any exitlab run" >"$out/emulated.why"
fi
python3 tests/bench/report.py "$out"
if command -v gnuplot >/dev/null; then
	gnuplot "$out/bench.gp"
	say "written: $out/bench.csv $out/bench.svg $out/bench.png"
else
	say "written: $out/bench.csv (no plot: gnuplot is not installed)"
fi
