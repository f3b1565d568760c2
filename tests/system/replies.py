# SPDX-License-Identifier: GPL-2.0
"""Sections for tests/system/replies.sh from records of scenarios/elvis-rr.yaml: exits of a window of requests, per
1000 requests, without what the timers of host and guest cost in a window of that length (the idle window's rate)."""
import json
import sys

for path in sys.argv[1:]:
    windows = {w["workload"]: w for w in json.load(open(path))["windows"]}

    def exits(workload, reason=None, msr=None):
        n = 0
        for vm in windows[workload]["tracer"]["vms"]:
            for e in (e for v in vm["vcpus"] for e in v["reasons"]):
                if reason in (None, e["name"]) and msr in (None, e.get("detail")):
                    n += e["count"]
        return n

    def io(*which):
        length = windows["rr"]["duration_ns"] / windows["idle"]["duration_ns"]
        n = exits("rr", *which) - exits("idle", *which) * length
        return round(1000 * n / windows["rr"]["work"])

    print("@@ " + path.split("/")[-1].removesuffix(".json"))
    print("resent", windows["rr"]["result"]["resent"])
    print("doorbells", exits("rr", "NPF") + exits("rr", "IOIO"))
    print("io_exits", io())
    print("io_eois", io("MSR", 0x80b))
    for name, count in sorted(windows["rr"]["counters"].get("eli", [{}])[0].items()):
        print(name, count)
    print("nic", windows["rr"]["counters"]["guest"]["nic_interrupts"])
    print("kvm_exits_differ", windows["rr"]["counters"]["kvm"]["exits"] - exits("rr"))
    print("@@ end")
