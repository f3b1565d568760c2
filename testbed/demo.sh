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
build/exitlab plot -o "$out/exits" "$out" >/dev/null
echo
# What the counts depend on, besides the point: scenario file and testbed, by content.
basis() { grep -hE '"(sha256|testbed)":' "$1"/*.json | sort -u; }
if [ -d "$out/previous" ] && [ "$(basis "$out")" = "$(basis "$out/previous")" ]; then
	echo "against the run before ($out/previous):"
	build/exitlab analyze --against "$out/previous" "$out" || true
	echo
elif [ -d "$out/previous" ]; then
	echo "the run before used another scenario or testbed; its counts are not comparable"
	echo
fi
cat <<EOF
table    $out/table.txt, as CSV $out/table.csv
plot     $out/exits.svg, $out/exits.png
records  $(cd "$out" && echo *.json | sed "s|\([^ ]*\)|$out/\1|g")
EOF
