# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# A test of one's own in the emulated testbed's host (L1): its image with another init, which runs the
# test's commands, and a log of what they printed. Sourced after testbed/lib.sh.
#
#   l1_open [KERNEL]         KERNEL: a release that apt knows; default: the testbed's own
#   l1_put PROGRAM [NAME]    a program and every shared library it needs
#   l1_run OPTION... <SCRIPT runs SCRIPT in it; $L1_WORK/text is what it printed

# l1_old_kernel : the newest 6.1 of Debian 12 itself that apt knows; nothing if it knows none
l1_old_kernel() {
	apt-cache pkgnames linux-image-6.1.0- | sed -n 's/^linux-image-\(6\.1\.0-[0-9]*-amd64\)$/\1/p' | sort -V | tail -n 1
}

l1_open() {
	local paths
	L1_WORK=$(mktemp -d "${TMPDIR:-/tmp}/exitlab-l1.XXXXXX")
	trap 'rm -rf "$L1_WORK"' EXIT
	paths=$(testbed/build.sh ${1:+--kernel "$1" --guest-kernel "$1"} "$PWD/build/exitlab-point")
	L1_IMAGES=$(sed -n 's/^images //p' <<<"$paths")
	L1_QEMU=$(sed -n 's/^qemu //p' <<<"$paths")
}

l1_put() {
	local lib
	install -D -m 755 "$1" "$L1_WORK/root/bin/${2:-${1##*/}}"
	{ ldd "$1" 2>/dev/null || true; } | sed -n 's/^[^/]*\(\/[^ ]*\) (0x.*/\1/p' | while read -r lib; do
		[ -e "$L1_WORK/root$lib" ] || install -D -m 755 "$lib" "$L1_WORK/root$lib"
	done
}

# What every script can use: sections of the log that l1.py reads.
l1_functions() {
	cat <<-'INIT'
	chmod 755 /tmp /bin
	# section NAME COMMAND... : what it printed, and its status
	section() {
		name=$1; shift
		"$@" >/tmp/out 2>/tmp/err
		echo $? >/tmp/rc
		show $name
	}
	# show NAME : /tmp/out, /tmp/err, /tmp/rc, and /tmp/more for whatever else there is to say
	show() {
		for part in out err rc more; do
			echo "@@ $1 $part"
			cat /tmp/$part 2>/dev/null
			: >/tmp/$part
		done
		echo "@@ end $(cut -d" " -f1 /proc/uptime)"
	}
	INIT
}

l1_run() {
	mkdir -p "$L1_WORK/root"
	# The image's own init up to where it starts exitlab-point; a second archive replaces files of the first.
	{
		sed '/starting exitlab/,$d' testbed/guest/l1-init
		l1_functions
		cat
		printf 'echo "@@ all done"\npoweroff -f\n'
	} >"$L1_WORK/root/init"
	chmod +x "$L1_WORK/root/init"
	(cd "$L1_WORK/root" && find . -mindepth 1 | cpio --create --format=newc --quiet) >"$L1_WORK/test.cpio"
	cat "$L1_IMAGES/l1.cpio" "$L1_WORK/test.cpio" >"$L1_WORK/l1.cpio"
	timeout "${L1_TIMEOUT:-1500}" "$L1_QEMU/qemu-l0" -L "$L1_QEMU/share" -nodefaults -no-user-config -no-reboot -display none \
		-machine q35,hpet=off -rtc base=2024-01-01T00:00:00,clock=vm -seed 1 -m 1500 \
		-cpu max,la57=off,+svm,+x2apic,-rdrand,-rdseed -kernel "$L1_IMAGES/vmlinux" \
		-initrd "$L1_WORK/l1.cpio" -serial "file:$L1_WORK/log" -append "console=ttyS0 panic=-1 \
mitigations=off nokaslr ipv6.disable=1 cryptomgr.notests tsc=reliable quiet" "$@" >&2 ||
		echo "the emulated machine did not end: $(tail -n 3 "$L1_WORK/log")" >&2
	tr -d '\r' <"$L1_WORK/log" >"$L1_WORK/text"
}
