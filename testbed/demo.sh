#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# What `make demo` runs after the set-up: build, measure, print, draw. A second demo measures again
# and says whether the counts are the same.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$TOP"
out=results/demo

step "building exitlab" "$CACHE/logs/make.log" make -s -j"$(nproc)" all
# The set-up has just run; `exitlab run` need not do it again.
EXITLAB_NO_SETUP=1 build/exitlab run --again scenarios/demo.yaml
build/exitlab analyze --csv "$out/table.csv" "$out" | tee "$out/table.txt"
build/exitlab plot -o "$out/exits" "$out"
echo
if [ -d "$out/previous" ]; then
	echo "compared with the records of the run before ($out/previous):"
	build/exitlab analyze --against "$out/previous" "$out" || true
	echo
fi
cat <<EOF
table    $out/table.txt, as CSV $out/table.csv
plot     $out/exits.svg, $out/exits.png
records  $(cd "$out" && echo *.json | sed "s|\([^ ]*\)|$out/\1|g")
EOF
