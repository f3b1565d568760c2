# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Which module files a machine gets: those of its kernel package, or a file of the same name from a
# folder that the user gave. Sourced by build-images.sh after lib.sh. What is hard about it: all that
# can be wrong with a folder must show before anything is built, in one line.

module_name() { local n=${1##*/}; n=${n%.ko}; printf '%s\n' "${n//-/_}"; }

# given_modules DIR : its *.ko files, "NAME FILE" a line.
given_modules() {
	local f
	find "$1" -name '*.ko' -type f | sort | while read -r f; do
		printf '%s %s\n' "$(module_name "$f")" "$f"
	done
}

# check_given DIR KERNEL MODULE... : ends the script unless a host with these MODULEs can use the folder.
check_given() {
	local dir=$1 kernel=$2 name f want have other used=0
	local -A seen=()
	shift 2
	[ -d "$dir" ] || die "there is no modules folder $dir"
	# Any module of the package tells what its kernel asks for.
	want=$(modinfo -F vermagic "$(find "$kernel/lib/modules" -name '*.ko' -print -quit)")
	while read -r name f; do
		have=$(modinfo -F vermagic "$f" 2>/dev/null) || have=
		[ -n "$have" ] || die "$f is not a kernel module"
		[ "$have" = "$want" ] ||
			die "$f is built for '${have% }', but the host's kernel needs '${want% }'; build it against that kernel's headers or give its package with --kernel"
		other=${seen[$name]:-}
		[ -z "$other" ] || cmp -s "$other" "$f" ||
			die "$dir has two modules $name, $other and $f; leave one"
		seen[$name]=$f
	done < <(given_modules "$dir")
	while read -r f; do
		[ -z "${seen[$(module_name "$f")]:-}" ] || used=$((used + 1))
	done < <(module_files "$kernel" "" "$@")
	[ "$used" -gt 0 ] ||
		die "$dir has no module that the host loads ($(module_files "$kernel" "" "$@" | sed 's|.*/||' | sort | tr '\n' ' ' | sed 's/ $//'))"
}

# depends_of KERNEL MODULE : its file and those it needs, from the package; nothing if it is built in.
depends_of() {
	modprobe -d "$1" -S "$(cat "$1/release")" --show-depends "$2" 2>/dev/null | awk '$1 == "insmod" { print $2 }'
}

# module_files KERNEL DIR MODULE... : the files that MODULEs and what they need come from, those of DIR
# (may be empty) first. A module of DIR can need others than the one it replaces.
module_files() {
	local kernel=$1 dir=$2 m f name need
	local -A given=() chosen=()
	local todo=()
	shift 2
	if [ -n "$dir" ]; then
		while read -r name f; do given[$name]=$f; done < <(given_modules "$dir")
	fi
	for m in "$@"; do
		need=$(depends_of "$kernel" "$m") || die "$(cat "$kernel/package") has no module $m"
		while read -r f; do [ -z "$f" ] || todo+=("$f"); done <<<"$need"
	done
	while [ ${#todo[@]} -gt 0 ]; do
		f=${todo[0]} todo=("${todo[@]:1}")
		name=$(module_name "$f")
		[ -z "${chosen[$name]:-}" ] || continue
		chosen[$name]=${given[$name]:-$f}
		[ -n "${given[$name]:-}" ] || continue
		for m in $(modinfo -F depends "${given[$name]}" | tr ',' ' '); do
			if [ -n "${given[$(module_name "$m")]:-}" ]; then
				todo+=("${given[$(module_name "$m")]}")
				continue
			fi
			need=$(depends_of "$kernel" "$m") ||
				die "${given[$name]} needs a module $m, which neither $dir nor $(cat "$kernel/package") has"
			while read -r f; do [ -z "$f" ] || todo+=("$f"); done <<<"$need"
		done
	done
	[ ${#chosen[@]} = 0 ] || printf '%s\n' "${chosen[@]}" | sort
}
