# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Part of tests/system/eli.sh and of the init of its emulated host, so that both agree on what is run.

# want SECTION... : whether one of them is wanted. $parts: names or patterns of sections; empty: all
want() {
	[ -n "${parts:-}" ] || return 0
	local s p found=1
	set -f # patterns are not for files
	for s in "$@"; do
		for p in $parts; do
			# shellcheck disable=SC2254  # a pattern
			case $s in $p) found=0 ;; esac
		done
	done
	set +f
	return $found
}
