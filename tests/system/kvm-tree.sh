#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# Another KVM, kernel or QEMU in the emulated host: modules built from the distribution's unpatched source
# behave as its own, a change that costs an exit per interrupt is caught by the gate, and what cannot be
# used is said in one line. Prints TAP. Needs the network for sources and packages, once.

cd "$(dirname "$0")/../.." || exit 1
export EXITLAB_NO_SETUP=1
work=$PWD/build/test-results/kvm-tree
x=build/exitlab
cache=$(bash -c '. testbed/lib.sh; echo "$CACHE"')
n=0
rm -rf "$work"
mkdir -p "$work"

t() { # NAME STATUS : STATUS 0 passes
	n=$((n + 1))
	if [ "$2" = 0 ]; then echo "ok $n - $1"; else echo "not ok $n - $1"; fi
}

# query FILE PYTHON-EXPRESSION : evaluates over r, the record; status 0 if true.
query() {
	python3 - "$1" "$2" <<-'EOP'
	import json, sys
	r = json.load(open(sys.argv[1]))
	w = r["windows"][0]
	parts = r["machine"]["parts"]
	def reasons(name):
	    return sum(e["count"] for vm in w["tracer"]["vms"] for c in vm["vcpus"]
	               for e in c["reasons"] if e["name"] == name)
	if not eval(sys.argv[2]):
	    print(sys.argv[1], "fails:", sys.argv[2], parts, file=sys.stderr)
	    sys.exit(1)
	EOP
}

# left : what a set-up that was refused could leave behind
left() {
	local part pid
	for part in "$cache"/*.part; do
		pid=${part%.part}
		[ ! -e "$part" ] || kill -0 "${pid##*.}" 2>/dev/null || echo "$part"	# of another build, alive
	done
	# A results folder has a lock file, which stays.
	find "$work/refused" \( -type f ! -name .lock \) -o -name .work 2>/dev/null
}

# refused NAME PATTERN ARGUMENT... : one line that says why, status 2, nothing left
refused() {
	local name=$1 pattern=$2 rc
	shift 2
	$x run -o "$work/refused" "$@" scenarios/selftest-probe.yaml >"$work/refused.out" 2>&1
	rc=$?
	[ $rc = 2 ] && [ "$(grep -vc '^exitlab: [^e]' "$work/refused.out")" = 1 ] &&
		grep -qE "$pattern" "$work/refused.out" && [ -z "$(left)" ]
	rc=$?
	[ $rc = 0 ] || { cat "$work/refused.out"; left; } >&2
	t "refused in one line: $name" $rc
}

# --- unpatched: the same exits as the distribution's own modules
own=$(testbed/build-kvm.sh --no-intel)
t "KVM builds from the distribution's source" $?
$x run -j 1 -o "$work/own" --modules "$own" scenarios/selftest-probe.yaml >&2
t "a host with these modules runs a bare guest" $?
query "$work/own/bare.json" '[reasons(k) for k in ("IOIO", "CPUID", "HLT", "MSR")] == [1009, 2003, 503, 1511]'
t "exits of known number are exactly these: 1009 IOIO, 2003 CPUID, 503 HLT, 1511 MSR" $?
query "$work/own/bare.json" 'parts["kvm.ko"] == "'"$(sha256sum <"$own/kvm.ko" | cut -c1-16)"'" and "kvm-amd.ko" in parts and parts["kernel"] == parts["guest_kernel"]'
t "the record names the modules" $?

# --- the gate
s=docs/examples/bisect-kvm.yaml
$x run -j 1 -o "$work/stock" $s >&2 && $x baseline -o "$work/stock.baseline" "$work/stock" >&2
t "a baseline of the distribution's own modules" $?
query "$work/stock/vhost.json" '"kvm.ko" not in parts and parts["kernel"].startswith("linux-image-")'
t "its record names the kernel's package, and no module" $?
bad=$(testbed/build-kvm.sh --no-intel --patch docs/examples/extra-exit.patch)
t "KVM builds with extra-exit.patch" $?
$x run -j 1 -o "$work/bad" --modules "$bad" $s >&2
$x check "$work/stock.baseline" "$work/bad" >"$work/bad.txt" 2>&1
rc=$?
cat "$work/bad.txt" >&2
[ $rc = 1 ] && grep -qE '^ *VINTR exits: 0\.[0-9]+ -> 2\.[0-9]+ per request' "$work/bad.txt" &&
	! grep -qE '^ *(HLT|NPF|MSR EOI|INTR) exits:' "$work/bad.txt" && grep -q 'parts.kvm-amd.ko' "$work/bad.txt"
t "the gate finds one exit more per interrupt, names VINTR alone, and the module" $?

# --- what does not build: 1 is the source's fault (a bisect skips it), 2 is not
cp -r "$(testbed/build-kvm.sh --print-source)" "$work/tree"
echo "no C" >>"$work/tree/arch/x86/kvm/svm/svm.c"
testbed/build-kvm.sh --no-intel --source "$work/tree" >&2
[ $? = 1 ] && [ -z "$(left)" ]
t "a source that does not compile ends build-kvm.sh with status 1" $?
sed 's/event_inj = intr->nr/event_inj = nothing/' docs/examples/extra-exit.patch >"$work/stale.patch"
testbed/build-kvm.sh --no-intel --patch "$work/stale.patch" 2>"$work/stale.err" >&2
[ $? = 1 ] && grep -q "stale.patch does not apply" "$work/stale.err"
t "a patch that does not apply, too" $?
sed 's|arch/x86/kvm/svm/svm.c|kernel/sched/core.c|' docs/examples/extra-exit.patch >"$work/core.patch"
testbed/build-kvm.sh --no-intel --patch "$work/core.patch" 2>"$work/core.err" >&2
[ $? = 2 ] && grep -q "core.patch changes kernel/sched/core.c, which is outside KVM" "$work/core.err"
t "a patch of the kernel itself is refused with status 2" $?

# --- what cannot be used
mkdir -p "$work"/{wrong,empty,twice/a,twice/b,text}
release=$(sed -n 's/^KERNEL_RELEASE=\([^ \t]*\).*/\1/p' testbed/versions.sh)
other=${release/6.12/6.11}
sed "s/$release SMP/$other SMP/" "$own/kvm.ko" >"$work/wrong/kvm.ko"
cp "$own/kvm.ko" "$work/twice/a"
cp "$bad/kvm-amd.ko" "$work/twice/a/kvm_amd.ko"
cp "$own/kvm-amd.ko" "$work/twice/b"
echo hello >"$work/text/kvm.ko"
echo hello >"$work/hello.deb"
refused "a module of another kernel" "wrong/kvm.ko is built for '${other/+/.}.*needs '${release/+/.} " --modules "$work/wrong"
refused "an empty folder" "empty has no module that the host loads .*kvm-amd.ko kvm.ko" --modules "$work/empty"
refused "two different modules of one name" "has two modules kvm_amd" --modules "$work/twice"
refused "a file that is no module" "text/kvm.ko is not a kernel module" --modules "$work/text"
refused "no folder" "no modules folder $work/none" --modules "$work/none"
refused "a file that is no package" "hello.deb is not a Debian package" --kernel "$work/hello.deb"
refused "a missing package" "no kernel package .*none.deb" --kernel "$work/none.deb"
refused "a package without a kernel" "no boot/vmlinuz" --kernel \
	"$(find "$cache/download/" -name 'linux-kbuild-*.deb' | head -n 1)"
refused "a program that is not QEMU" "is not QEMU" --qemu /bin/true
qemu=$(testbed/build-qemu.sh)
refused "a QEMU without KVM" "qemu-l0 is built without KVM" --qemu "$qemu/qemu-l0"

# --- another kernel of the host, and another QEMU; the guests keep their kernel
another=$(apt-cache pkgnames linux-image-6.12. | sed -n 's/^linux-image-\(6\.12\.[0-9]*+deb12-amd64\)$/\1/p' |
	grep -vxF "$release" | sort -V | tail -n 1)
cp "$qemu/qemu-l1" "$work/qemu-another"
echo another >>"$work/qemu-another"
if [ -z "$another" ] || ! (cd "$work" && apt-get download -o APT::Sandbox::User=root "linux-image-$another") >&2; then
	n=$((n + 1))
	echo "ok $n - a host with another kernel runs a guest # SKIP apt has no other 6.12 kernel"
else
	$x run -j 1 -o "$work/another" --kernel "$(echo "$work"/linux-image-*.deb)" --qemu "$work/qemu-another" $s >&2
	t "a host with kernel $another and another QEMU runs a guest" $?
	query "$work/another/vhost.json" "r['machine']['kernel'] == '$another' and parts['kernel'] != parts['guest_kernel'] and '$release' in parts['guest_kernel'] and parts['qemu'] == '$(sha256sum <"$work/qemu-another" | cut -c1-16)'"
	t "its record names both kernels and the QEMU" $?
	query "$work/another/vhost.json" 'reasons("NPF") >= 500 and all(c["difference"] == 0 for c in w["checks"])'
	t "the guest served its requests, and counters agree" $?
fi

# --- Debian 12's own 6.1: other tracepoints, an older verifier
old=$(. "$(dirname "$0")/l1.sh"; l1_old_kernel)
if [ -z "$old" ]; then
	n=$((n + 1))
	echo "ok $n - known exits on a host with Linux 6.1 # SKIP apt has no 6.1 kernel"
else
	$x run -j 1 -o "$work/old" --kernel "$old" scenarios/selftest-probe.yaml >&2
	query "$work/old/bare.json" 'r["machine"]["kernel"] == "'"$old"'" and [reasons(k) for k in ("IOIO", "CPUID", "HLT", "MSR")] == [1009, 2003, 503, 1511] and len(w["checks"]) >= 5 and all(c["difference"] == 0 for c in w["checks"])'
	t "exits of known number are exact on a host with kernel $old, and counters agree" $?
	$x run -j 1 -o "$work/old" --kernel "$old" $s >&2
	query "$work/old/vhost.json" 'reasons("NPF") >= 500 and all(c["difference"] == 0 for c in w["checks"])'
	t "there a guest with vhost serves its requests, and counters agree" $?
fi
rm -f "$work"/linux-image-*.deb
echo "1..$n"
