#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# House rules that a program can check. Prints TAP.

cd "$(dirname "$0")/.." || exit 1
n=0
t() { # NAME OFFENDERS : passes when there are none
	n=$((n + 1))
	if [ -z "$2" ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		printf '%s\n' "$2" >&2
	fi
}

sources() { find tracer bpf analyze testbed tests -name '*.[ch]'; }
scripts() { grep -rlE '^#!/usr/bin/env bash' testbed tests tracer .ci 2>/dev/null; }

t "every source file begins with its licence" \
	"$(sources | while read -r f; do head -n 2 "$f" | grep -q 'SPDX-License-Identifier' || echo "$f"; done)"
t "no source file has more than 600 lines" \
	"$(sources | grep -v reason_table.h | xargs wc -l | awk '$1 > 600 && $2 != "total"')"
# Strings for people are not broken, and a LINK line is read by a script.
t "no line is longer than 100 columns" \
	"$(sources | grep -v reason_table.h | while read -r f; do expand "$f" |
		awk -v f="$f" 'length > 100 && !/"/ && !/LINK:/ { print f ":" NR }'; done)"
t "every header compiles alone" \
	"$(find tracer analyze -name '*.h' ! -name reason_table.h | while read -r h; do
		gcc -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -fsyntax-only -Itracer -Ibpf -I. -Ibuild -x c "$h" 2>&1 |
			grep -v 'pragma once' | grep 'error' | head -n 1; done)"
if command -v shellcheck >/dev/null; then
	t "shellcheck finds nothing in the scripts" "$(scripts | xargs shellcheck -x -S warning 2>&1 | head -n 20)"
else
	n=$((n + 1))
	echo "ok $n - shellcheck finds nothing in the scripts # SKIP shellcheck is not installed"
fi
# A shell that becomes another program runs no trap.
t "no script that tidies up at its end ends by exec" \
	"$(scripts | while read -r f; do
		grep -q '^trap .* EXIT' "$f" && awk -v f="$f" 'NF { last = $0 } END { if (last ~ /^exec /) print f }' "$f"; done)"
t "every subcommand has a man page" \
	"$(build/exitlab --help | sed -n '/^Commands/,/^$/s/^  \([a-z]*\) .*/\1/p' | while read -r c; do
		[ -s "build/man/exitlab-$c.1" ] || echo "$c"; done; [ -s build/man/exitlab.1 ] || echo exitlab)"
t "every subcommand explains itself with --help and status 0" \
	"$(build/exitlab --help | sed -n '/^Commands/,/^$/s/^  \([a-z]*\) .*/\1/p' | while read -r c; do
		build/exitlab "$c" --help | grep -q '^Usage: ' || echo "$c"; done)"
t "the names of exit reasons are those of the kernel's headers" \
	"$(diff <(tracer/core/gen-reasons.sh | grep '{ 0x') <(grep '{ 0x' tracer/core/reason_table.h) | grep '^<')"
t "scenario files of the project are correct" \
	"$(for f in scenarios/*.yaml; do build/exitlab -q run --check "$f" 2>&1; done)"
echo "1..$n"
