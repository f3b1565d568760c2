# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Common shell functions of the set-up and build scripts. Sourced, never run.
#
# Conventions: stdout is data (a path, a table), stderr is talk. A set-up problem is one clear
# line and exit status 2. Results are cached by content: a folder named after the SHA-256 of
# everything that went into it, built beside its final name and renamed into place, so that an
# interrupted build can never be mistaken for a finished one.

set -euo pipefail
export LC_ALL=C
export TZ=UTC

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CACHE=${EXITLAB_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/exitlab}

say() { printf '%s\n' "exitlab: $*" >&2; }
die() { printf '%s\n' "exitlab: error: $*" >&2; exit "${DIE_STATUS:-2}"; }

# cache_key FILE|STRING... : 16 hex digits that name the content of the arguments. An argument
# that is a file counts by its base name and bytes, anything else by its text.
cache_key() {
	local a
	for a in "$@"; do
		if [ -f "$a" ]; then
			printf 'file %s ' "${a##*/}"
			sha256sum <"$a"
		else
			printf 'text %s\n' "$a"
		fi
	done | sha256sum | cut -c1-16
}

# sum16 FILE : the first 16 hex digits of its SHA-256.
sum16() { sha256sum <"$1" | cut -c1-16; }

# publish WORK DIR : gives a finished build its final name, unless another builder of the same was
# faster.
publish() {
	if ! mv -T "$1" "$2" 2>/dev/null; then
		[ -d "$2" ] || die "cannot move $1 to $2"
		rm -rf "$1"
	fi
}

# need_space MIB DIR : refuse to start what cannot finish.
need_space() {
	local dir=$2 free
	while [ ! -d "$dir" ]; do dir=$(dirname "$dir"); done
	free=$(df -Pm "$dir" | awk 'NR == 2 { print $4 }')
	[ "$free" -ge "$1" ] ||
		die "$dir has $free MiB free, $1 MiB are needed; free some or move the cache with EXITLAB_CACHE"
}

# step LABEL LOG COMMAND... : runs COMMAND with its output in LOG. A line with the elapsed time
# appears once it has taken 5 s (updated in place on a terminal, every 30 s elsewhere). On failure
# the log is named and the status is 2; its last lines are shown, unless the caller has put what to do
# into the variable ADVICE, or COMMAND has left the one line to show in the file that WHY names.
step() {
	local label=$1 log=$2 t0=$SECONDS shown=0 pid rc=0 now
	shift 2
	mkdir -p "$(dirname "$log")"
	# Job control gives it a process group of its own: Ctrl-C ends the whole build, not its shell only.
	set -m
	"$@" >"$log" 2>&1 </dev/null &
	pid=$!
	set +m
	# shellcheck disable=SC2064  # the pid of now, not of later
	trap "kill -TERM -- -$pid 2>/dev/null; exit 130" INT TERM HUP
	while kill -0 "$pid" 2>/dev/null; do
		sleep 0.2
		now=$((SECONDS - t0))
		# Whoever wanted the result was killed: nobody is left to end the build.
		if [ -n "${EXITLAB_OWNER_PID:-}" ] && ! kill -0 "$EXITLAB_OWNER_PID" 2>/dev/null; then
			kill -TERM -- -"$pid" 2>/dev/null
			exit 130
		fi
		[ "$now" -ge 5 ] || continue
		if [ -t 2 ]; then
			[ "$now" = "$shown" ] || printf '\rexitlab: %s: %d s ' "$label" "$now" >&2
			shown=$now
		elif [ "$shown" = 0 ] || [ $((now - shown)) -ge 30 ]; then
			say "$label: $now s"
			shown=$now
		fi
	done
	wait "$pid" || rc=$?
	trap - INT TERM HUP
	now=$((SECONDS - t0))
	if [ "$rc" != 0 ]; then
		[ "$shown" = 0 ] || [ ! -t 2 ] || printf '\n' >&2
		[ ! -s "${WHY:-/dev/null}" ] || die "$(cat "$WHY")"
		[ -z "${ADVICE:-}" ] || die "$label failed: $ADVICE (log: $log)"
		tail -n 15 "$log" | sed 's/^/    /' >&2
		die "$label failed after $now s (status $rc); the whole log is $log"
	fi
	if [ "$shown" != 0 ]; then
		if [ -t 2 ]; then printf '\rexitlab: %s: done in %d s\n' "$label" "$now" >&2
		else say "$label: done in $now s"; fi
	fi
}
