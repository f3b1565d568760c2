#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# Builds fio, the block load of the guests, from Debian's source: static, with the engines that need
# nothing but the kernel. Debian's own binary is linked with the clients of Ceph, Gluster, NBD, RDMA
# and persistent memory: 60 MB of libraries that a guest would have to hold. Prints the result's folder.
#
# usage: testbed/build-fio.sh

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# By checksum, without a package list: the source of bookworm is in no list that is set up otherwise.
FILES=(
	fio_3.33-3.dsc c2f0b96e94e7484369d4010b083b022a5f831bc688d92e4e517c20137947dfbc
	fio_3.33-3.debian.tar.xz 796ef40f7f1de5b4d3698024b4c56eb1b7b86fb1fef58ec41c966deebbafd515
	fio_3.33.orig.tar.gz d2410e13e0f379d061d077cc5ae325835bb7c6186aa7bafc1df954cbc9b014fc
	fio_3.33.orig.tar.gz.asc 3391c3bbac03bf56d7abe6bb1cfeaf1a1118110e00c6206cfc861d33fbabb9ea
)
# Not for the machine that compiles: the same bytes everywhere.
CONFIGURE=(--build-static --disable-native --disable-shm --disable-numa --disable-rdma --disable-rados
	--disable-rbd --disable-http --disable-gfapi --disable-pmem --disable-libnfs --disable-xnvme
	--disable-libzbc --disable-dfs --disable-tcmalloc --disable-lex)

fetch() {
	local uri i
	uri=$(sed -n 's/^URIs: *\(http[^ ]*\/debian\/*\)$/\1/p; s/^deb \(http[^ ]*\/debian\/*\) .*/\1/p' \
		/etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null | head -n 1) || true
	uri=${uri:-http://deb.debian.org/debian}
	mkdir -p "$download"
	for ((i = 0; i < ${#FILES[@]}; i += 2)); do
		[ -e "$download/${FILES[i]}" ] ||
			/usr/lib/apt/apt-helper -o APT::Sandbox::User=root download-file \
				"${uri%/}/pool/main/f/fio/${FILES[i]}" "$download/${FILES[i]}" \
				"SHA256:${FILES[i + 1]}"
	done
}

build() {
	cd "$work"
	dpkg-source --require-strong-checksums -x "$download/${FILES[0]}" src
	cd src
	# No path of this build in the result.
	./configure "${CONFIGURE[@]}" --extra-cflags="-ffile-prefix-map=$work/src=."
	nice -n 5 make -j"$(nproc)" fio
	strip -o "$work/out/fio" fio
}

key=$(cache_key "${BASH_SOURCE[0]}" "$(gcc --version | head -n 1)" \
	"$(dpkg-query -W -f '${Package} ${Version}\n' libc6-dev zlib1g-dev)")
dir=$CACHE/fio-$key
if [ ! -d "$dir" ]; then
	need_space 300 "$CACHE"
	download=$CACHE/download/fio
	work=$dir.$$.part
	mkdir -p "$work/out"
	trap 'rm -rf "$work"' EXIT
	ADVICE="no network, or the mirror has fio 3.33-3 no more; then put its .dsc and .tar.* from snapshot.debian.org into $download" \
	step "fio: download" "$CACHE/logs/fio-download.log" fetch
	step "fio: build" "$CACHE/logs/fio.log" build
	publish "$work/out" "$dir"
fi
printf '%s\n' "$dir"
