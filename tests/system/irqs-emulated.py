# SPDX-License-Identifier: GPL-2.0
"""Judges what irqs-emulated.sh has recorded. Prints TAP."""
import csv
import io
import json
import re
import sys

text = open(sys.argv[1], errors="replace").read()
parts = {(m[1], m[2]): m[3] for m in
         re.finditer(r"^@@ (\w+) (out|err|rc|hist|guest)\n(.*?)(?=^@@ )", text, re.M | re.S)}
n = failed = 0


def t(name, judge):
    global n, failed
    n += 1
    try:
        ok = judge()
    except Exception as e:  # a missing part is a failure with a reason
        ok = False
        print(f"  {type(e).__name__}: {e}", file=sys.stderr)
    if not ok:
        failed += 1
        for key, value in parts.items():
            if key[0] == name.split(":")[0]:
                print(f"  {key}: {value[-1500:]}", file=sys.stderr)
    print(("ok" if ok else "not ok"), n, "-", name)


def js(section):
    body = parts[section, "out"]
    return json.loads(body[body.index("{"):])


def guests(section):
    """What the guests counted: {(pid, vcpu): {vector: {...}}}."""
    out = {}
    for line in parts[section, "guest"].strip().split("\n"):
        g = json.loads(line)
        for i, v in enumerate(g["vcpus"]):
            out[g["pid"], i] = {**v, "vector": g["vector"]}
    return out


def vectors(section):
    return {(vm["pid"], c["vcpu"], v["vector"]): v for vm in js(section)["interrupts"]["vms"]
            for c in vm["vcpus"] for v in c["vectors"]}


def hist(section, event):
    """The kernel's own counts: {vector: count}, {vcpu, vector: count} for acceptance."""
    body = parts[section, "hist"].split(f"== {event}\n")[1].split("\n== ")[0]
    if re.search(r"Dropped: (\d+)", body)[1] != "0":
        raise ValueError("the hist trigger has dropped events")
    rows = re.findall(r"\{ (?:apicid: +(\d+), )?vec(?:tor)?: +(\d+) \} hitcount: +(\d+)", body)
    return {(int(a), int(v)) if a else int(v): int(c) for a, v, c in rows}


def by_vector(section, *keys):
    out = {}
    for (_, _, vector), v in vectors(section).items():
        out[vector] = out.get(vector, 0) + sum(v[k] for k in keys)
    return {k: v for k, v in out.items() if v}


def msr_eois(section):
    return {(vm["pid"], c["vcpu"]): sum(r["count"] for r in c["reasons"] if r.get("detail_name") == "EOI")
            for vm in js(section)["vms"] for c in vm["vcpus"]}


def exits(section, name):
    return {(vm["pid"], c["vcpu"]): sum(r["count"] for r in c["reasons"] if r["name"] == name)
            for vm in js(section)["vms"] for c in vm["vcpus"]}


def as_guest(section):
    """Every count of every vector of every vCPU is the guest's own."""
    have, seen = vectors(section), guests(section)
    if len({k[:2] for k in have}) != len(seen):
        return False
    for (pid, vcpu), g in seen.items():
        v = have[pid, vcpu, g["vector"]]
        same = v["accepted"] == g["sent"] and v["injected"] == g["msis"] and \
            v["coalesced"] == g["sent"] - g["msis"] and v["sources"]["user"] == g["sent"]
        eois, pv = v["eoi_exits"], v["pv_eois"]
        if g["ipis"]:
            i = have[pid, vcpu, g["vector"] + 1]
            same &= i["accepted"] == i["injected"] == i["sources"]["ipi"] == g["ipis"]
            eois, pv = eois + i["eoi_exits"], pv + i["pv_eois"]
        if not same or eois != g["eois"] or pv != g["pv_eois"]:
            return False
    return True


def as_kernel(section):
    """So says the kernel of the tracepoints, over all VMs."""
    accepted = {}
    for (_, vcpu, vector), v in vectors(section).items():
        accepted[vcpu, vector] = accepted.get((vcpu, vector), 0) + v["accepted"] + v["refused"]
    return hist(section, "kvm_inj_virq") == by_vector(section, "injected", "reinjected") and \
        hist(section, "kvm_apic_accept_irq") == accepted and \
        hist(section, "kvm_eoi") == by_vector(section, "eoi_exits", "pv_eois")


def kvm(section, name):
    return {v["pid"]: v[name] for v in js(section)["kvm"]}


def as_kvm(section):
    """So says KVM's own statistics, by VM."""
    per_vm = {}
    for (pid, _, _), v in vectors(section).items():
        per_vm[pid] = per_vm.get(pid, 0) + v["injected"] + v["reinjected"]
    return kvm(section, "irq_injections") == per_vm


def windows(section):
    return {(vm["pid"], c["vcpu"]): c["irq_windows"] for vm in js(section)["interrupts"]["vms"]
            for c in vm["vcpus"]}


def legs(section):
    """Every interrupt has every leg that it can have, and a histogram of as many."""
    for v in vectors(section).values():
        want = {"accept_inject": v["injected"], "inject_entry": v["injected"],
                "entry_eoi": v["eoi_exits"], "entry_pv_eoi": v["pv_eois"]}
        for name, count in want.items():
            leg = v["legs"].get(name)
            if (leg["count"] if leg else 0) != count:
                return False
            if leg and not (leg["min_ns"] <= leg["p50_ns"] <= leg["p90_ns"] <= leg["p99_ns"] <=
                            leg["max_ns"] and sum(b[1] for b in leg["hist"]) == count and
                            leg["min_ns"] * count <= leg["total_ns"] <= leg["max_ns"] * count):
                return False
    return True


def clean(section):
    o = js(section)
    return set(o["interrupts"]["ledger"].values()) == {0} and o["ledger"]["map_full"] == 0 and \
        o["ledger"]["recursion_missed"] == 0 and \
        all(not v["injected_unaccepted"] and v["eois_uninjected"] == 0 for v in vectors(section).values())


def rungs(section):
    return {p["name"]: p["rung"] for p in js(section)["probes"]}


def rows(section):
    body = parts[section, "out"]
    return list(csv.DictReader(io.StringIO(body[body.index("time,interval"):])))


def csv_sum(section, metric, total):
    return sum(int(r["value"]) for r in rows(section)
               if r["metric"] == metric and (r["interval"] == "total") == total)


for s, what in (("one", "1009 MSIs by KVM_SIGNAL_MSI"), ("burst", "53 bursts of 8 with interrupts off"),
                ("pv", "paravirtual EOIs"), ("vcpus", "two vCPUs by irqfd"), ("ipi", "IPIs"),
                ("two", "two VMs, one vector"), ("rawtp", "the same by raw_tp"),
                ("tpbtf", "the same by tp_btf"), ("tp", "the same by tp"), ("tppv", "paravirtual EOIs by tp")):
    t(f"{s}: {what}: counts are the guest's own", lambda: int(parts[s, "rc"]) == 0 and as_guest(s))
    t(f"{s}: so say hist triggers of acceptance, injection and EOI", lambda: as_kernel(s))
    t(f"{s}: so says KVM's own count of injections, by VM", lambda: as_kvm(s))
    t(f"{s}: nothing is lost or without its legs", lambda: clean(s) and legs(s))
    t(f"{s}: EOI exits are the exits for MSR 0x80b", lambda: msr_eois(s) == {
        k: sum(v["eoi_exits"] for key, v in vectors(s).items() if key[:2] == k) for k in msr_eois(s)})
    t(f"{s}: irq windows are the exits for VINTR, and KVM's own count", lambda:
      windows(s) == exits(s, "VINTR") and
      kvm(s, "irq_window_exits") == {p: sum(c for (q, _), c in windows(s).items() if q == p)
                                     for p in kvm(s, "irq_window_exits")})
t("one: one MSI after the other, the guest said so: 1009, none merged", lambda:
  [(v["accepted"], v["coalesced"]) for v in vectors("one").values()] == [(1009, 0)])
t("burst: 7 of each burst of 8 are merged: 371", lambda:
  [(v["accepted"], v["coalesced"], v["injected"]) for v in vectors("burst").values()] == [(580, 371, 209)])
t("pv: paravirtual EOIs are a bound, exits are exact", lambda: all(
  v["legs"]["entry_pv_eoi"]["label"] == "bound" and v["pv_eois"] > 400 for v in vectors("pv").values()))
t("ipi: 97 self-IPIs with interrupts off open 97 windows", lambda: sum(windows("ipi").values()) == 97)
t("two: the VMs and their vCPUs are told apart: 401; 293, 199", lambda:
  sorted(v["accepted"] for v in vectors("two").values()) == [199, 293, 401] and
  len({k[0] for k in vectors("two")}) == 2)
t("one: acceptance is by fentry, the rest by tp_btf", lambda: rungs("one")["__apic_accept_irq"] == "fentry" and
  rungs("one")["kvm_inj_virq"] == "tp_btf")
t("rawtp: all tracepoints are by raw_tp", lambda: {r for p, r in rungs("rawtp").items() if p not in (
  "kvm_exit", "kvm_msr", "__apic_accept_irq")} == {"raw_tp"})
t("tp: all tracepoints are by tp, acceptance by fentry", lambda: {
  r for s in ("tp", "tppv") for p, r in rungs(s).items() if p != "__apic_accept_irq"} == {"tp"} and
  rungs("tp")["__apic_accept_irq"] == "fentry")
t("records: without anything but records the rest is exact, by VM", lambda:
  set(rungs("records").values()) == {"tp"} and int(parts["records", "rc"]) == 0 and clean("records") and
  sorted((k[0], v["injected"]) for k, v in vectors("records").items()) ==
  sorted((k[0], g["msis"]) for k, g in guests("records").items()) and
  hist("records", "kvm_inj_virq") == by_vector("records", "injected", "reinjected") and
  hist("records", "kvm_eoi") == by_vector("records", "eoi_exits", "pv_eois"))
t("records: acceptance is null, and why: no record names the VM", lambda: all(
  v["accepted"] is None and v["coalesced"] is None and "record has no VM" in v["accepted_why"]
  for v in vectors("records").values()) and all(
  js("records")["interrupts"]["legs"][leg]["label"] == "not observable here" and
  "record has no VM" in js("records")["interrupts"]["legs"][leg]["why"]
  for leg in ("accept_inject", "host_accept")) and
  "kvm_apic_accept_irq's record has no VM" in parts["recordstext", "out"])
t("csv: intervals add up to the total and to the guest's counts", lambda: all(
  csv_sum("csv", m, False) == csv_sum("csv", m, True) == want for m, want in (
      ("irq_accepted", 1009 + 5 * 5), ("irq_coalesced", 15), ("irq_injected", 1019),
      ("irq_accept_inject_count", 1019), ("irq_inject_entry_count", 1019))) and
  csv_sum("csv", "irq_entry_eoi_total_ns", False) == csv_sum("csv", "irq_entry_eoi_total_ns", True) > 0)
t("csv: there are several intervals", lambda: len({r["interval"] for r in rows("csv")}) > 3)
t("text: lines are less than 80 columns wide, but for the list of probes", lambda: all(
  len(line) < 80 for s in ("text", "nofentrytext", "recordstext") for line in parts[s, "out"].split("\n")
  if not line.startswith("probes:")))
t("text: a line per vCPU and vector", lambda: [x for x in re.findall(
  r"^ +[01] 0x41 +(\d+) +0 +(\d+) +(\d+) +- +[\d.]+.s", parts["text", "out"], re.M)].__len__() == 3)
t("nofentry: what cannot be seen is null with a reason, the rest is exact", lambda:
  int(parts["nofentry", "rc"]) == 0 and
  js("nofentry")["interrupts"]["legs"]["accept_inject"]["label"] == "not observable here" and
  "fentry" in js("nofentry")["interrupts"]["legs"]["host_accept"]["why"] and
  [(v["accepted"], v["coalesced"], v["sources"], v["injected"], v["eoi_exits"] + v["pv_eois"])
   for v in vectors("nofentry").values()] == [(None, None, None, 211, 211)] and
  "__apic_accept_irq" not in rungs("nofentry"))
t("least: with CAP_BPF, CAP_PERFMON and CAP_DAC_READ_SEARCH alone, the same is exact", lambda:
  int(parts["least", "rc"]) == 0 and
  [(v["injected"], v["eoi_exits"] + v["pv_eois"]) for v in vectors("least").values()] == [(211, 211)] and
  clean("least") and "CAP_SYS_ADMIN" in js("least")["interrupts"]["legs"]["accept_inject"].get("why", "CAP_SYS_ADMIN"))
t("nofentrytext: the table says why", lambda: re.search(
  r"0x41 +n/a +n/a +211 +211 +n/a +n/a", parts["nofentrytext", "out"]) and
  "accepted, coalesced: not observable here" in parts["nofentrytext", "out"])


def running(section):
    """A window in the middle: at most one interrupt is cut off at each end."""
    (v,) = vectors(section).values()
    return v["accepted"] > 100 and abs(v["accepted"] - v["injected"]) <= 1 and \
        abs(v["injected"] - v["eoi_exits"]) <= 1 and v["injected_unaccepted"] <= 1 and \
        js(section)["interrupts"]["ledger"]["unknown_vcpus"] == 0


t("running: a VM that runs before and after: all programs see one window", lambda: running("running"))
t("pid: -p counts this VM alone, while another takes the same vector", lambda: running("pid") and
  len(parts["pid", "guest"].strip().split("\n")) == 1)
print(f"1..{n}")
sys.exit(failed > 0)
