#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# Compiles the small programs that run inside the emulated machine: agent, netload, kvmguest, timers.
# Static: they need nothing of the image they run in. Prints the result's folder.
#
#   EXITLAB_AGENT_CFLAGS  more options for the agent, for the test which shows that one instruction
#                         more in a guest changes a record

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

CFLAGS=(-std=gnu11 -D_GNU_SOURCE -O2 -static -s "-ffile-prefix-map=$TOP=.")

build() {
	local src
	local more=()
	for src in "$TOP"/testbed/guest/*.c; do
		more=()
		[ "${src##*/}" != agent.c ] || read -ra more <<<"${EXITLAB_AGENT_CFLAGS:-}"
		gcc "${CFLAGS[@]}" ${more[@]+"${more[@]}"} -o "$work/$(basename "$src" .c)" "$src"
	done
}

key=$(cache_key "${BASH_SOURCE[0]}" "$TOP"/testbed/guest/*.c "$(gcc --version | head -n 1)" \
	"$(dpkg-query -W -f '${Version}' libc6-dev)" "${EXITLAB_AGENT_CFLAGS:-}")
dir=$CACHE/guest-$key
if [ ! -d "$dir" ]; then
	work=$dir.$$.part
	mkdir -p "$work"
	trap 'rm -rf "$work"' EXIT
	step "guest programs" "$CACHE/logs/guest.log" build
	publish "$work" "$dir"
fi
printf '%s\n' "$dir"
