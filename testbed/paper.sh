#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# What `make paper` runs after the set-up: the scenarios of scenarios/paper/runs, each on a host with its
# patches, then tables, plots and report. It goes on where it was interrupted: points whose record is
# complete, of this scenario file and of this testbed, are not run again.
#
# usage: testbed/paper.sh [--quick] [--only SCENARIO] [--list]
#   --quick   the points that scenarios/paper/runs names for it
#   --only    this scenario alone
#   --list    print the points that would be run, and stop
#
# Records go to results/SCENARIO/, everything else to results/paper/. Exit status: 0; 1 a point failed
# (the report is written all the same); 2 the set-up cannot be used.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$TOP"
quick='' only='' list=''
while [ $# -gt 0 ]; do
	case $1 in
	--quick) quick=y ;;
	--only)
		[ $# -ge 2 ] || die "--only: which scenario?"
		only=$2
		shift
		;;
	--list) list=y ;;
	*) die "usage: paper.sh [--quick] [--only SCENARIO] [--list]" ;;
	esac
	shift
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

[ -n "$list" ] || step "building exitlab" "$CACHE/logs/make.log" make -s -j"$(nproc)" all

# modules_for SERIES : the folder with modules of these patches, built when it is first asked for.
modules_for() {
	case $1 in
	eli) testbed/build-kvm.sh --patch eli-ref/patches --no-intel ;;
	elvis) testbed/build-kvm.sh --patch eli-ref/patches --patch elvis-ref/patches --vhost --no-intel ;;
	esac
}

# file_of SCENARIO : those for the papers alone are in a folder of their own.
file_of() {
	if [ -f "scenarios/paper/$1.yaml" ]; then
		echo "scenarios/paper/$1.yaml"
	else
		echo "scenarios/$1.yaml"
	fi
}

# Every point to run, a line each: scenario, series, point.
known=n
while read -r scenario series pattern; do
	case $scenario in '' | '#'*) continue ;; esac
	[ -z "$only" ] || [ "$only" = "$scenario" ] || continue
	known=y
	[ -f "$(file_of "$scenario")" ] || die "scenarios/paper/runs: there is no scenario $scenario"
	[ -n "$quick" ] || pattern=.
	[ "$pattern" != - ] || continue
	build/exitlab run --list "$(file_of "$scenario")" | grep -E -- "$pattern" |
		sed "s/^/$scenario $series /" >>"$work/points" || [ $? = 1 ]
done <scenarios/paper/runs
[ "$known" = y ] || die "--only $only: not in scenarios/paper/runs"
[ -s "$work/points" ] || die "no points to run"
if [ -n "$list" ]; then
	cat "$work/points"
	exit 0
fi
total=$(wc -l <"$work/points")

# records SCENARIO : those that there are, and how new.
records() { { stat -c '%n %Y' "results/$1"/*.json 2>/dev/null || :; } | sort; }

# exitlab_run SCENARIO [OPTION]... : the set-up has just run, so `exitlab run` need not do it again.
exitlab_run() {
	local scenario=$1 rc=0
	shift
	EXITLAB_NO_SETUP=1 build/exitlab run "${modules[@]}" "$@" "$(file_of "$scenario")" || rc=$?
	[ "$rc" != 130 ] || exit 130
	[ "$rc" = 0 ] || { say "$scenario: failed (status $rc)"; failed=1; }
}

ended=0 fresh=0 t0=$SECONDS failed=0 last_series='' modules=()
while read -r scenario series <&3; do
	if [ "$series" != "$last_series" ]; then
		modules=()
		[ "$series" = none ] || modules=(--modules "$(modules_for "$series")")
		last_series=$series
	fi
	mapfile -t points < <(awk -v s="$scenario" '$1 == s { print $3 }' "$work/points")
	records "$scenario" >"$work/before"
	# As many points at a time as there are CPUs.
	exitlab_run "$scenario" "${points[@]/#/--only=}"
	records "$scenario" >"$work/after"
	ended=$((ended + ${#points[@]}))
	# Points whose record was there take no time, so they do not tell how long the others will.
	fresh=$((fresh + $(comm -13 "$work/before" "$work/after" | wc -l)))
	left=''
	if [ "$fresh" -gt 0 ] && [ "$ended" -lt "$total" ]; then
		left=", about $(((SECONDS - t0) * (total - ended) / fresh / 60 + 1)) min left at most"
	fi
	say "paper: $ended of $total points after $(((SECONDS - t0) / 60)) min: $scenario is done$left"
done 3< <(awk '!seen[$1]++ { print $1, $2 }' "$work/points")

mapfile -t folders < <(cut -d' ' -f1 "$work/points" | sort -u | sed 's|^|results/|' |
	while read -r d; do compgen -G "$d/*.json" >/dev/null && echo "$d"; done)
build/exitlab paper -o results/paper "${folders[@]}" >/dev/null || failed=1
build/exitlab claims --summary results/paper/measured || [ $? = 1 ]
cat <<EOF
report   results/paper/report.html
tables   results/paper/ITEM.txt, ITEM.csv; all values results/paper/values.csv
plots    results/paper/ITEM.svg, ITEM.png
claims   results/paper/claims.csv
EOF
exit "$failed"
