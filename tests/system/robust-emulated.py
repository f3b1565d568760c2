# SPDX-License-Identifier: GPL-2.0
"""Judges what robust-emulated.sh has recorded. Prints TAP."""
import os
import re
import sys

sys.path.insert(0, os.path.dirname(__file__))
from l1 import Log  # noqa: E402

log = Log(sys.argv[1])
t, js, more, rc = log.t, log.js, log.more, log.rc
ZERO = ("map_full", "recursion_missed", "unmatched_exits", "unmatched_entries", "unknown_exits")


def ioio(section):
    """exits for I/O by vCPU, over all VMs"""
    out = {}
    for vm in js(section)["vms"]:
        for c in vm["vcpus"]:
            for r in c["reasons"]:
                if r["name"] == "IOIO":
                    out[c["vcpu"]] = out.get(c["vcpu"], 0) + r["count"]
    return out


def agrees(section):
    """The tracer's exits are those of the histogram and KVM's own, and nothing is in the ledger."""
    o = js(section)
    return rc(section) == 0 and o["exits"] == more(section)["hist"] == \
        sum(vm["exits"] for vm in o["kvm"]) and not any(o["ledger"][k] for k in ZERO)


def grew(section, a, b, limit_kb):
    """Whether memory or descriptors grew by more between the VMs @a and @b."""
    m = more(section)
    return m[f"rss_{b}"] - m[f"rss_{a}"] > limit_kb or m[f"data_{b}"] - m[f"data_{a}"] > limit_kb or \
        m[f"fds_{b}"] != m[f"fds_{a}"]


def ledger_is_zero(m):
    return not any(m["ledger_" + k] for k in ZERO)


def prom(section, name):
    return float(re.search(rf"^exitlab_{name}(?:{{[^}}]*}})? ([0-9.e+]+)$", log.out(section), re.M)[1])


t("many: VMs of 101 exits for I/O, one after the other, nothing lost", lambda: rc("many") == 0 and
  more("many")["vms"] == more("many")["vcpus_with_101"] >= 200 and
  more("many")["ioio"] == 101 * more("many")["vms"] and ledger_is_zero(more("many")))
t("many: all their exits are those of the histogram", lambda:
  more("many")["exits"] == more("many")["hist"])
t("many: no growth of memory or descriptors while it counts", lambda:
  not grew("many", 100, "all", 100))
t("many: maps hold what was counted, within their bound", lambda: more("many")["maps_all"] < 120e6)
t("months: export forgets what ended, and starts anew before its room is full", lambda:
  rc("months") == 0 and prom("months", "tracer_restarts_total") >= 3 and
  not grew("months", 100, "all", 1000) and
  more("months")["maps_all"] <= more("months")["maps_100"] * 1.5)
t("crowd: it does not start anew for vCPUs that run", lambda: rc("crowd") == 0 and
  prom("crowd", "tracer_restarts_total") <= 1 and prom("crowd", "exits_total") == 112)
for how in ("threads", "vcpus"):
    s = "full_" + how
    t(f"{s}: 1,100 vCPUs: 1,024 are counted exactly", lambda: rc(s) == 0 and
      more(s)["vcpus_with_7"] == 1024 and more(s)["ioio"] == 7 * 1024)
    # An entry without room is followed by an exit of a vCPU that nobody knows.
    t(f"{s}: the ledger has every entry and exit of the other 76", lambda:
      more(s)["exits"] + more(s)["ledger_unknown_exits"] == more(s)["hist"] and
      more(s)["ledger_map_full"] == more(s)["ledger_unknown_exits"] >= 7 * 76)
t("alternate: one thread, two vCPUs: each has its own exits", lambda: agrees("alternate") and
  ioio("alternate") == {0: 202, 1: 101})
t("turns: one vCPU, two threads", lambda: agrees("turns") and ioio("turns") == {0: 106})
t("migrate: a vCPU that changes its CPU all the time", lambda: agrees("migrate") and
  ioio("migrate") == {0: 2003})
t("hotplug: a CPU that goes and comes", lambda: agrees("hotplug") and ioio("hotplug") == {0: 5003})
t("flips: it did so meanwhile", lambda: more("flips")["flips"] >= 4)
t("killed: a VM that is killed: up to its last exit", lambda: agrees("killed") and
  js("killed")["exits"] > 100)
lines = log.parts.get(("sigkill", "more"), "").split("\n")


def bpf(word):
    return [tuple(map(int, re.findall(r"\d+", x))) for x in lines if x.startswith(word)]


t("sigkill: stat, export and top leave no program, link or map", lambda: len(bpf("after")) == 3 and
  all(a == bpf("before")[0] for a in bpf("after")))
t("sigkill: which were there before", lambda: len(bpf("while")) == 3 and
  all(w[0] >= bpf("before")[0][0] + 2 and w[1] >= bpf("before")[0][1] + 1 for w in bpf("while")))
t("first: two tracers at once", lambda: agrees("first") and ioio("first") == {0: 3027})
t("second: both count the same", lambda: js("second")["exits"] == js("first")["exits"] and
  ioio("second") == ioio("first") and not any(js("second")["ledger"][k] for k in ZERO))
for s in ("perf_inside", "perf_outside"):
    t(f"{s}: perf counts the same, whichever came first", lambda: ioio(s) == {0: 3027} and
      more(s)["perf"] == more(s)["hist"] == js(s)["exits"])
t("reload: while stat runs kvm_amd can be unloaded, kvm cannot", lambda:
  more("reload")["rmmod_kvm_amd"] == 0 and more("reload")["rmmod_kvm"] != 0 and
  more("reload")["modprobe"] == 0)
t("reload: meanwhile another stat says that there is no KVM", lambda:
  more("reload")["rc_without"] == 4 and "no KVM: /dev/kvm is missing" in log.err("reload"))
t("reload: what came before and after is counted", lambda: rc("reload") == 0 and
  ioio("reload") == {0: 707} and not any(js("reload")["ledger"][k] for k in ZERO))
t("unloaded: without KVM: status 4 and one line", lambda: rc("unloaded") == 4 and
  log.err("unloaded").count("\n") == 1 and "no KVM" in log.err("unloaded"))
t("reloaded: after a reload all is as before", lambda: agrees("reloaded") and
  ioio("reloaded") == {0: 3027})
log.end()
