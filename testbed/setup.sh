#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# Puts in place what exitlab needs from the distribution: apt sources and packages. Idempotent and
# quick when there is nothing to do. Says what it changes before it changes it. A machine that
# cannot be used gets one line and exit status 2, before anything was changed.
#
# usage: testbed/setup.sh [PACKAGE...]	(PACKAGEs: beside those of the testbed)

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# Packages by purpose. Those after "backports" need bookworm-backports: QEMU 10 asks for meson 1.5.
PACKAGES=(
	gcc libc6-dev make pkg-config				# the program
	clang llvm bpftool libbpf-dev libelf-dev zlib1g-dev	# its BPF part
	libjansson-dev libyaml-dev libssl-dev libgsl-dev gnuplot-nox fonts-dejavu-core
	libncurses-dev libmicrohttpd-dev libcap-ng-dev		# top, export, giving up privileges
	libcsv-dev						# tables of values
	libtraceevent-dev libtracefs-dev libtracecmd-dev	# layout of trace records, trace.dat
	libzstd-dev						# compressed records of perf
	libcmocka-dev libclang-rt-14-dev scdoc shellcheck # tests, fuzzers, man pages
	systemd linux-perf trace-cmd				# tests: systemd-analyze; other tracers
	ninja-build python3 python3-venv libglib2.0-dev libpcre2-dev libnuma-dev patch # QEMU
	dpkg-dev xz-utils zstd cpio kmod binutils procps	# kernel and images
	busybox-static iproute2 libevent-2.1-7 libmemcached11 libsasl2-2 libapr1 libaprutil1 libiperf0 libsctp1 # content of the images
)
PACKAGES+=("$@")
BACKPORTS=(meson)

SOURCES=/etc/apt/sources.list.d/exitlab.sources

# The suites that Debian 12 does not have by itself: bookworm-backports for the 6.12 kernel and
# meson, and the source (only) of Debian 13's QEMU.
apt_sources() {
	local keyring=/usr/share/keyrings/debian-archive-keyring.gpg uri
	uri=$(sed -n 's/^URIs: *\(http[^ ]*\/debian\/*\)$/\1/p; s/^deb \(http[^ ]*\/debian\/*\) .*/\1/p' \
		/etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null | head -n 1) || true
	cat <<-EOF
	# Written by exitlab (testbed/setup.sh): Linux 6.12 and meson for the emulated testbed ...
	Types: deb
	URIs: ${uri:-http://deb.debian.org/debian}
	Suites: bookworm-backports
	Components: main
	Signed-By: $keyring

	# ... and the source of its QEMU. No binary package comes from Debian 13.
	Types: deb-src
	URIs: ${uri:-http://deb.debian.org/debian}
	Suites: trixie
	Components: main
	Signed-By: $keyring
	EOF
}

installed() { # PACKAGE... : prints those that are missing
	local p
	dpkg-query -W -f '${Package} ${db:Status-Status}\n' "$@" 2>/dev/null |
		awk '$2 == "installed" { print $1 }' >"$tmp/have" || true
	for p in "$@"; do
		grep -qxF "$p" "$tmp/have" || printf '%s\n' "$p"
	done
}

version_ok() { # PACKAGE MINIMUM
	local v
	v=$(dpkg-query -W -f '${Version}' "$1" 2>/dev/null) && dpkg --compare-versions "$v" ge "$2"
}

[ "$(id -u)" = 0 ] || die "set-up installs packages and must run as root; try: sudo make ${MAKECMDGOALS:-demo}"
[ "$(uname -m)" = x86_64 ] || die "this machine is $(uname -m); exitlab measures x86-64 KVM only"
# shellcheck disable=SC1091
id=$(. /etc/os-release 2>/dev/null && echo "${ID:-} ${VERSION_ID:-}") || id=
[ "$id" = "debian 12" ] ||
	die "set-up knows Debian 12 only, this is '${id:-unknown}'; install the packages listed in testbed/setup.sh by hand and set EXITLAB_NO_SETUP=1"

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
log=$CACHE/logs/apt.log

mapfile -t missing < <(installed "${PACKAGES[@]}")
mapfile -t missing_bpo < <(for p in "${BACKPORTS[@]}"; do version_ok "$p" 1.5 || echo "$p"; done)
apt_sources >"$tmp/sources"
if ! cmp -s "$tmp/sources" "$SOURCES"; then
	need_space 6000 "$CACHE"
	say "writing $SOURCES (bookworm-backports; deb-src of trixie)"
	cp "$tmp/sources" "$SOURCES.new"
	mv "$SOURCES.new" "$SOURCES"
	rm -f "$CACHE/apt-updated"
fi

# Lists are read when the sources are new to apt and when something has to be installed.
if [ ${#missing[@]} -gt 0 ] || [ ${#missing_bpo[@]} -gt 0 ] ||
   [ -z "$(find "$CACHE/apt-updated" -newer "$SOURCES" 2>/dev/null)" ]; then
	ADVICE="cannot reach the Debian mirrors; check the network and /etc/apt/sources.list.d" \
	step "reading package lists" "$log" apt-get -o Acquire::Retries=2 -o APT::Update::Error-Mode=any update
	mkdir -p "$CACHE"
	touch "$CACHE/apt-updated"
fi
if [ ${#missing[@]} -gt 0 ]; then
	say "installing: ${missing[*]}"
	step "installing ${#missing[@]} packages" "$log" \
		env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"
fi
if [ ${#missing_bpo[@]} -gt 0 ]; then
	say "installing from bookworm-backports: ${missing_bpo[*]}"
	step "installing ${missing_bpo[*]}" "$log" env DEBIAN_FRONTEND=noninteractive \
		apt-get install -y --no-install-recommends -t bookworm-backports "${missing_bpo[@]}"
fi
[ -e /usr/include/linux/kvm.h ] ||
	die "/usr/include/linux/kvm.h is missing although linux-libc-dev is installed; try: apt-get install --reinstall linux-libc-dev"
