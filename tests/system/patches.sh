#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# The patches of eli-ref and elvis-ref under the kernel's own tools: each under checkpatch --strict, and the
# files that a series makes or changes under sparse, where it must say nothing that it does not say
# of the distribution's source. Prints TAP; a minute.
#
# The hard part: sparse wants the flags of a kernel build, and trace headers want to lie in a kernel
# tree. The flags are those of an empty module; the tree is one of links to the unpacked headers, with the
# files of the series in their places.
#
# usage: tests/system/patches.sh	(needs sparse, perl)

. "$(dirname "${BASH_SOURCE[0]}")/../../testbed/lib.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../../testbed/versions.sh"
cd "$TOP"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

pristine=$(testbed/build-kvm.sh --print-source)
tree=${pristine%/pristine}
common=$tree/usr/src/common
config=$tree/usr/src/config

n=0
t() { # NAME FILE : passes if the file is empty
	n=$((n + 1))
	if [ ! -s "$2" ]; then echo "ok $n - $1"; else
		sed 's/^/# /' "$2"
		echo "not ok $n - $1"
	fi
}

# --- checkpatch

dpkg-deb --fsys-tarfile "$CACHE/download/kvm-$KERNEL_RELEASE"/linux-source-*.deb |
	tar -xO --wildcards './usr/src/linux-source-*.tar.xz' | xz -dc |
	tar -x -C "$work" --strip-components=1 --wildcards '*/scripts/checkpatch.pl' '*/scripts/spelling.txt' \
		'*/scripts/const_structs.checkpatch'

# Accepted: new files (MAINTAINERS names their folders); in trace.h the form that all its events have; the text of a
# parameter on a line of its own.
check() { # PATCH
	perl "$work/scripts/checkpatch.pl" --no-tree --strict --no-summary --terse --show-types --showfile \
		--ignore FILE_PATH_CHANGES - <"$1" >"$work/said" || [ -s "$work/said" ]
	while IFS=: read -r file line rest; do
		case $rest in
		*OPEN_ENDED_LINE* | *PARENTHESIS_ALIGNMENT*)
			[ "${file##*/}" != trace.h ] || continue
			! grep -A1 'MODULE_PARM_DESC([a-z_]*,$' "$1" | grep -qxF "+$(content "$1" "$file" "$line")" || continue
			;;
		esac
		printf '%s:%s:%s\n' "$file" "$line" "$rest"
	done <"$work/said"
}
# content PATCH FILE LINE : that line of the file, as the patch has it
content() {
	awk -v f="$2" -v want="$3" '
		/^\+\+\+ b\// { on = substr($0, 7) == f }
		/^@@/ { split($3, a, /[+,]/); at = a[2] + 0; next }
		on && /^[+ ]/ && !/^\+\+\+/ { if (at++ == want) { print substr($0, 2); exit } }' "$1"
}
for series in eli-ref elvis-ref; do
	for p in "$series"/patches/*.patch; do
		check "$p" >"$work/found"
		t "checkpatch: $series ${p##*/}" "$work/found"
	done
done
# It must be able to find something.
sed 's/^+\treturn eli_vm_offset;/+\tif(eli_vm_offset)return true;/' eli-ref/patches/0004-*.patch >"$work/wrong.patch"
n=$((n + 1))
if [ "$(check "$work/wrong.patch" | wc -l)" -gt "$(check eli-ref/patches/0004-*.patch | wc -l)" ]; then
	echo "ok $n - checkpatch sees a patch that is not clean"
else
	echo "not ok $n - checkpatch sees a patch that is not clean"
fi

# --- sparse

mkdir "$work/empty"
echo 'obj-m := empty.o' >"$work/empty/Makefile"
echo >"$work/empty/empty.c"
PATH=$tree/usr/bin:$PATH LD_LIBRARY_PATH=$tree/usr/lib/x86_64-linux-gnu \
	make -s -C "$config" M="$work/empty" empty.o >&2
flags=$(sed -n '1s/.* := *[^ ]* //p' "$work/empty/.empty.o.cmd")
flags=${flags%% -DMODULE*}

# lay FOLDER [PATCHES] : a kernel tree there, with the series
lay() {
	cp -as "$common" "$1"
	rm -rf "$1"/arch/x86/kvm "$1"/virt/kvm "$1"/virt/lib "$1"/drivers/vhost
	cp -r "$pristine/." "$work/sources"
	[ -z "${2:-}" ] || cat "$2"/*.patch | (cd "$work/sources" && patch -p1 -s --no-backup-if-mismatch >&2)
	(cd "$work/sources" && cp -r --remove-destination arch virt drivers "$1/")
	rm -rf "$work/sources"
}
# sparse_file TREE FILE : what sparse says, without the numbers of lines
sparse_file() {
	local dir
	dir=$(dirname "$2")
	[ -e "$1/$2" ] || return 0
	# shellcheck disable=SC2086  # flags
	(cd "$config" && sparse ${flags//$common/$1} -I "$1/$dir" -I "$1/arch/x86/kvm" -DMODULE \
		-DKBUILD_BASENAME='"x"' -DKBUILD_MODNAME='"x"' -D__KBUILD_MODNAME=kmod_x \
		-D__linux__ -Dlinux -D__STDC__ -Dunix -D__unix__ -D__x86_64__ --arch=x86 \
		-Wbitwise -Wno-return-void -Wno-unknown-attribute "$1/$2" 2>&1 || echo "sparse failed on $2") |
		sed -E "/note: in included file/d; s|$1/||g; s/:[0-9]+:[0-9]+:/:/g"
}
# A file that another one includes is looked at there. Headers that a series does not touch are not its own.
lay "$work/pristine"
for series in eli-ref elvis-ref; do
	lay "$work/$series" "$series/patches"
	mapfile -t files < <(sed -n 's|^+++ b/\(.*\.c\)$|\1|p' "$series"/patches/*.patch | sort -u)
	{ sed -n 's|^+++ b/|^|p' "$series"/patches/*.patch; echo '^sparse failed'; } >"$work/touched"
	for file in "${files[@]}"; do sparse_file "$work/pristine" "$file"; done | sort -u >"$work/before"
	for file in "${files[@]}"; do
		! grep -rqE "#include \"${file##*/}\"" "$work/$series/$(dirname "$file")" || continue
		sparse_file "$work/$series" "$file" | sort -u >"$work/after"
		comm -13 "$work/before" "$work/after" | { grep -f "$work/touched" || true; } >"$work/found"
		t "sparse: $series $file" "$work/found"
	done
done
# It must be able to find something.
echo 'static u32 wrong(__be32 x) { return x; }' >>"$work/eli-ref/arch/x86/kvm/eli_route.c"
n=$((n + 1))
if sparse_file "$work/eli-ref" arch/x86/kvm/eli_route.c | grep -q 'incorrect type in return expression'; then
	echo "ok $n - sparse sees a file that is not clean"
else
	echo "not ok $n - sparse sees a file that is not clean"
fi
echo "1..$n"
