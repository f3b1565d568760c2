#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# The exporter's systemd unit: systemd finds no fault in it, and the exporter serves under what it
# permits: that user, those capabilities, no new privileges, and the filter of system calls, which is
# read from the unit. Not tried here are its name spaces and IPAddressDeny: they need systemd as the
# first process. Prints TAP.
set -uo pipefail
export LC_ALL=C
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1

n=0
t() { # NAME STATUS : STATUS 0 passes
	n=$((n + 1))
	if [ "$2" = 0 ]; then echo "ok $n - $1"; else echo "not ok $n - $1"; tail -n 8 "$work/err" >&2; fi
}
skip() { n=$((n + 1)); echo "ok $n - $1 # SKIP $2"; }

if [ -z "${ROBUST_UNIT_INSIDE:-}" ] && [ "$(id -u)" = 0 ]; then
	ROBUST_UNIT_INSIDE=1 exec unshare -m --propagation private "tests/system/${0##*/}"
fi
work=$(mktemp -d)
pid=
trap '[ -z "$pid" ] || kill "$pid" 2>/dev/null; rm -rf "$work"' EXIT
chmod 755 "$work"
unit=systemd/exitlab-exporter.service
x=$PWD/build/exitlab

if ! command -v systemd-analyze >/dev/null; then
	skip "systemd takes the unit as it is" "systemd-analyze is missing"
	skip "the exporter serves under what the unit permits" "systemd-analyze is missing"
	echo "1..$n"
	exit 0
fi
sed "s|@PREFIX@/bin/exitlab|$x|" $unit >"$work/exitlab-exporter.service"
systemd-analyze verify --man=no "$work/exitlab-exporter.service" >"$work/err" 2>&1 && [ ! -s "$work/err" ]
t "systemd takes the unit as it is" $?
# The text with the exposure, "2.1 OK": below 3 stands for what is left, network and capabilities.
systemd-analyze security --offline=true "$work/exitlab-exporter.service" >"$work/err" 2>&1
awk '/Overall exposure level/ { for (i = 1; i <= NF; i++) if ($i ~ /^[0-9.]+$/) s = $i } END { exit !(s && s < 3) }' "$work/err"
t "systemd-analyze security: an exposure below 3" $?

why=
[ "$(id -u)" = 0 ] || why="needs root"
[ -w /dev/kvm ] || why="this machine has no usable /dev/kvm"
[ "$(cat /proc/sys/kernel/perf_event_paranoid)" -le 2 ] || why="kernel.perf_event_paranoid is above 2"
[ -d /sys/kernel/tracing/events ] || mount -t tracefs tracefs /sys/kernel/tracing || why="tracefs cannot be mounted"
[ -d /sys/kernel/tracing/events/kvm ] || why="this kernel has no KVM tracepoints"
setpriv --reuid 65534 --regid 65534 --clear-groups "$x" --version >/dev/null 2>&1 || why="no other user can run $x"
if [ -n "$why" ]; then
	skip "the exporter serves under what the unit permits" "$why"
	echo "1..$n"
	exit 0
fi

# confined UNIT COMMAND... : as systemd would start it
confined() {
	local unit=$1 caps
	shift
	caps=-all,$(sed -n 's/^AmbientCapabilities=//p' "$unit" | tr 'A-Z ' 'a-z,' | sed 's/cap_/+/g')
	exec setpriv --reuid 65534 --regid 65534 --clear-groups --no-new-privs --inh-caps "$caps" \
		--ambient-caps "$caps" --bounding-set "$caps" python3 tests/system/robust-unit.py "$unit" "$@"
}
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
confined $unit "$x" export --listen "127.0.0.1:$port" --interval 0.2 >"$work/out" 2>"$work/err" </dev/null &
pid=$!
until grep -q serving "$work/err" || ! kill -0 $pid 2>/dev/null; do sleep 0.05; done
sleep 0.5
python3 - "$port" "$pid" >>"$work/err" 2>&1 <<'PY'
import sys, urllib.request
sys.path.insert(0, "tests/system")
import prom
base = f"http://127.0.0.1:{sys.argv[1]}"
for _ in range(3):
    f = prom.parse(urllib.request.urlopen(base + "/metrics", timeout=10).read().decode())
    assert prom.value(f, "exitlab_up") == 1
assert urllib.request.urlopen(base + "/-/healthy", timeout=10).status == 200
status = open(f"/proc/{sys.argv[2]}/status").read()
assert "Seccomp:\t2" in status and "Uid:\t65534" in status and "CapEff:\t0000000000000000" in status, status
PY
t "the exporter serves over HTTP under what the unit permits" $?
kill $pid
wait $pid
t "and ends with status 0" $?
pid=

# Is the filter one? Without the call that loads programs it must not start.
sed "s/^SystemCallFilter=bpf perf_event_open /SystemCallFilter=/" $unit >"$work/nobpf.service"
(confined "$work/nobpf.service" timeout 20 "$x" export --listen "127.0.0.1:$port") >"$work/out" 2>"$work/err" </dev/null
[ $? = 4 ] && [ "$(wc -l <"$work/err")" = 1 ] && grep -q 'not permitted' "$work/err"
t "without bpf() in the filter it says that it may not: status 4, which systemd does not try again" $?
echo "1..$n"
