#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# exitlab stat, top, export and doctor in the emulated testbed's host (L1), whose KVM does call
# kvm_exit whatever this machine has: all counts must be those the guest made. Also with the few
# capabilities the man pages promise to be enough, as a user that is not root. Prints TAP; 1 minute.
#
# usage: tests/system/stat-emulated.sh [KERNEL]	(needs the testbed: make setup)
#
# KERNEL: a release that apt knows, for another kernel in L1, such as 6.1.0-56-amd64

. "$(dirname "${BASH_SOURCE[0]}")/../../testbed/lib.sh"
. "$(dirname "${BASH_SOURCE[0]}")/l1.sh"
cd "$TOP"
l1_open "$@"
l1_put build/exitlab
l1_put build/guest/kvmguest
l1_put "$(command -v setpriv)" setpriv-real

l1_run -accel tcg,thread=single -icount shift=0,sleep=off -smp 1 <<'INIT'
guest() { kvmguest --out 1009 --cpuid 2003 --hlt 503 --wrmsr 1511; }
echo '#!/bin/sh' >/bin/guest
echo 'exec kvmguest --out 1009 --cpuid 2003 --hlt 503 --wrmsr 1511' >>/bin/guest
chmod 755 /bin/guest
section doctor exitlab doctor --json
section command exitlab stat 0.01 --time all --csv -- guest
section sampled exitlab stat 0.003 --time 8 --csv -- guest
section json exitlab stat --json -- guest
section vcpu exitlab stat --vcpu 1-3 --json -- guest
section noname exitlab stat --vm nobody 1 1

exitlab stat 1 2 --csv -o /tmp/file >/tmp/out 2>/tmp/err & pid=$!
sleep 1.2; guest >/dev/null
wait $pid; echo $? >/tmp/rc; cat /tmp/file >>/tmp/out; show intervals

exitlab export --textfile /tmp/x.prom --interval 0.1 --per-vcpu --detail msr 2>/tmp/err & pid=$!
until [ -e /tmp/x.prom ]; do sleep 0.01; done; guest >/dev/null; sleep 0.3
kill $pid; wait $pid; echo $? >/tmp/rc; cat /tmp/x.prom >/tmp/out; show export

# Two guests between two looks fill the room of two vCPUs; then the engine starts anew.
look() { rm /tmp/x.prom; until [ -e /tmp/x.prom ]; do sleep 0.01; done; }
EXITLAB_RESTART_AT=2 exitlab export --textfile /tmp/x.prom --interval 1 2>/tmp/err & pid=$!
look
guest >/dev/null; guest >/dev/null; look
guest >/dev/null; guest >/dev/null; look
kill $pid; wait $pid; echo $? >/tmp/rc; cat /tmp/x.prom >/tmp/out; show restart

ip link set lo up 2>/dev/null
exitlab export --listen 127.0.0.1:9118 --vm none-such 2>/tmp/err & pid=$!
sleep 0.3; wget -q -O /tmp/out http://127.0.0.1:9118/metrics; echo $? >/tmp/rc
kill $pid; wait $pid; show http

kvmguest --out 1009 --loop 3 >/dev/null & vm=$!
sleep 0.1
section top exitlab top -n 2 -d 0.5 --time all
section topauto exitlab top -n 2 -d 0.5
kill $vm; wait $vm

chmod 666 /dev/kvm
# as CAPS COMMAND... : as nobody, with these capabilities alone
as() {
	caps=$1; shift
	setpriv-real --reuid 65534 --regid 65534 --clear-groups --inh-caps "-all,$caps" \
		--ambient-caps "-all,$caps" --bounding-set "-all,$caps" "$@"
}
echo 3 >/proc/sys/kernel/perf_event_paranoid
section paranoid as +bpf,+perfmon,+dac_read_search exitlab stat --json -- guest
section paranoiddoctor as +bpf,+perfmon,+dac_read_search exitlab doctor --json
echo 2 >/proc/sys/kernel/perf_event_paranoid
section least as +bpf,+perfmon,+dac_read_search exitlab stat --json -- guest
section nobpf as +perfmon,+dac_read_search exitlab stat --json -- guest
section noperfmon as +bpf,+dac_read_search exitlab stat --json -- guest
section noread as +bpf,+perfmon exitlab stat --json -- guest
kvmguest --out 1009 --loop 9 >/dev/null & vm=$!
sleep 0.1
section leastdoctor as +bpf,+perfmon,+dac_read_search exitlab doctor
section leasttop as +bpf,+perfmon,+dac_read_search exitlab top -n 1 -d 0.3
kill $vm; wait $vm
INIT
[ -z "${STAT_EMULATED_LOG:-}" ] || cp "$L1_WORK/text" "$STAT_EMULATED_LOG"
python3 tests/system/stat-emulated.py "$L1_WORK/text"
