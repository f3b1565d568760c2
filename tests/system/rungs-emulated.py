# SPDX-License-Identifier: GPL-2.0
"""Judges what rungs-emulated.sh has recorded. Prints TAP. usage: LOG FIRST_NUMBER"""
import csv
import io
import json
import os
import re
import sys

sys.path.insert(0, os.path.dirname(__file__))
import reason_names  # noqa: E402

MADE = {"IOIO": 1009 + 701, "CPUID": 2003, "HLT": 503, "MSR": 1511}
RUNGS = {"best": ("tp_btf", "tp_btf"), "tp_btf": ("tp_btf", "tp_btf"), "raw_tp": ("raw_tp", "raw_tp"),
         "tp": ("tp", "tp"), "kvm_entry_tp_btf_kvm_exit_tp": ("tp_btf", "tp"),
         "kvm_entry_tp_kvm_exit_raw_tp": None}
text = open(sys.argv[1], errors="replace").read()
n = int(sys.argv[2]) - 1
start, failed = n, 0
parts = {(m[1], m[2]): m[3] for m in
         re.finditer(r"^@@ (\w+) (out|err|rc|hist)\n(.*?)(?=^@@ )", text, re.M | re.S)}
kernel = parts.get(("kernel", "out"), "?").strip()


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
    print(("ok" if ok else "not ok"), n, "-", f"{kernel}: {name}")


def rc(section):
    return int(parts[section, "rc"])


def js(section):
    lines = parts[section, "out"].split("\n")
    return json.JSONDecoder().raw_decode("\n".join(lines[lines.index("{"):]))[0]


def reasons(o):
    return [r for vm in o["vms"] for vcpu in vm["vcpus"] for r in vcpu["reasons"]]


def counts(o, key="name"):
    out = {}
    for r in reasons(o):
        out[r[key]] = out.get(r[key], 0) + r["count"]
    return out


def made(c):
    return {k: c.get(k, 0) for k in MADE} == MADE


def hist(section):
    return {int(m[1]): int(m[2]) for m in
            re.finditer(r"exit_reason: +(\d+) +\} hitcount: +(\d+)", parts[section, "hist"])}


def of_detail(o, reason):
    out = {}
    for r in reasons(o):
        if r["name"] == reason:
            key = r.get("detail_name")
            out[key] = out.get(key, 0) + r["count"]
    return out


def clean(o):
    ledger = o["ledger"]
    return not any(ledger[k] for k in ledger if k not in ("events", "other_cpus"))


def probes(o):
    return {p["name"]: p["rung"] for p in o["probes"]}


def timed(o):
    """All exits that were to be timed, but the last one of each vCPU, were followed by an entry."""
    chosen = o["times"]["chosen"] if "times" in o else o["exits"]
    return 0 <= chosen - sum(r["timed"] for r in reasons(o)) <= len(o["vms"])


def weight(r):
    return sum(n for _, n in r["hist"]) if r["timed"] else 0


def mean(o, name):
    r, = [r for r in reasons(o) if r["name"] == name]
    return r["total_ns"] / r["count"], r.get("total_ns_std_error", 0) / r["count"]


def sampled(section, every):
    """One in about @every timed; each stands for @every, the first for itself."""
    o = js(section)
    part = o["times"]["chosen"] * every / o["exits"]
    timed_exits, weights = sum(r["timed"] for r in reasons(o)), sum(weight(r) for r in reasons(o))
    return 0.8 < part < 1.2 and 0 <= every * timed_exits - weights <= (every - 1) * len(o["vms"]) and \
        all(r["timed"] <= r["count"] for r in reasons(o))


def total(section):
    return js(section)["exits"]


def same_as_all(section):
    o = js(section)
    return rc(section) == 0 and made(counts(o)) and counts(o, "reason") == hist(section) and \
        o["exits"] == o["kvm"][0]["exits"] and clean(o) and timed(o)


for name, want in RUNGS.items():
    if want is None:
        # The entry's record does not show the vCPU, by which such an exit would find it.
        t(f"{name}: an exit by its arguments needs an entry by its arguments", lambda: rc(name) == 4
          and "kvm_entry by tp" in parts[name, "err"])
        continue
    t(f"{name}: the programs are attached so", lambda: probes(js(name)) ==
      {"kvm_entry": want[0], "kvm_exit": want[1]})
    t(f"{name}: says so if VMs of one process cannot be told apart", lambda:
      js(name).get("vm_is_process", False) == (want[0] == "tp"))
    t(f"{name}: counts are the guest's, the hist trigger's and KVM's own", lambda: same_as_all(name))
    d = name + "_detail"
    t(f"{d}: likewise with all details", lambda: same_as_all(d))
    t(f"{d}: by port and direction", lambda: of_detail(js(d), "IOIO") ==
      {"0xf1 out": 1009, "0xf1 in": 701})
    t(f"{d}: by MSR", lambda: of_detail(js(d), "MSR") == {"UCODE_REV": 1511})
    t(f"{d}: by page: the guest's accesses to nowhere", lambda:
      of_detail(js(d), "NPF")["0x201000"] == 809 and of_detail(js(d), "NPF")["0x200000"] == 1)
    t(f"{d}: no other exit has a detail", lambda: all(
      ("detail" in r) == (r["name"] in ("IOIO", "MSR", "NPF")) for r in reasons(js(d))))
    t(f"{d}: every probe is on the rung", lambda: name == "best" or len(probes(js(d))) == 7 and
      (len(set(want)) > 1 or set(probes(js(d)).values()) == {want[0]}))
for s, every in (("time_2", 2), ("time_16", 16), ("time_16_raw_tp", 16), ("time_16_tp", 16)):
    t(f"{s}: counts are the same, of one exit in {every} the time", lambda:
      same_as_all(s) and sampled(s, every))
t("time_all: every exit is timed, and nothing is said of it", lambda: same_as_all("time_all") and
  "times" not in js("time_all") and not any("total_ns_std_error" in r for r in reasons(js("time_all"))))
t("time_off: counts, and no times", lambda: same_as_all("time_off") and
  js("time_off")["times"]["chosen"] == 0 and not any(r["timed"] or r["total_ns"] for r in reasons(js("time_off"))))
t("time_text: the table says how many were timed", lambda: re.search(
  r"^times: 1 exit in 1[3-9]\.\d timed \(--time 16\), \+-[\d.]+ % in total$", parts["time_text", "out"], re.M))
# Some hundred instructions of the programs' own, a ns each, lie between the two readings of the clock,
# and not the same ones with a sample as with all.
t("time_8: times are those of all exits, within three standard errors and what the programs take", lambda: all(
  (m := mean(js("time_8"), k), a := mean(js("time_8_all"), k)) and 0 <= m[1] < 0.1 * m[0] and
  -3 * m[1] - 500 <= a[0] - m[0] <= 3 * m[1] + 700 for k in ("CPUID", "IOIO")))
print(f"  CPUID, IOIO: {[mean(js('time_8'), k) + mean(js('time_8_all'), k) for k in ('CPUID', 'IOIO')]}", file=sys.stderr)
t("time_8: so is the time in the guest", lambda: (
  v := js("time_8")["vms"][0]["vcpus"][0], a := js("time_8_all")["vms"][0]["vcpus"][0]) and
  abs(v["guest_ns"] / v["exits"] - a["guest_ns"] / a["exits"]) <= 0.05 * a["guest_ns"] / a["exits"] + 250)
t("table: shows port and direction", lambda: re.search(r"^IOIO 0xf1 out +1009 ", parts["table", "out"],
  re.M) and re.search(r"^IOIO 0xf1 in +701 ", parts["table", "out"], re.M))
# The exit under way at the end is shown with its detail and takes no room.
t("pages: room for 256 details, the others are counted without one and are in the ledger", lambda:
  counts(js("pages"), "reason") == hist("pages") and js("pages")["ledger"]["map_full"] == 0 and
  len(of_detail(js("pages"), "NPF")) == 258 and
  of_detail(js("pages"), "NPF")[None] == js("pages")["ledger"]["detail_full"] ==
  sum(of_detail(js("pages"), "NPF").values()) - 257 == 149)
t("csv: the column detail has the page", lambda: [int(r["value"]) for r in csv.DictReader(io.StringIO(
  parts["csv", "out"][parts["csv", "out"].index("time,interval"):]))
  if r["detail"] == "0x201000" and r["metric"] == "exits"] == [809])

t("cpus_all: both guests", lambda: counts(js("cpus_all")).get("IOIO") == 1316 and
  counts(js("cpus_all")).get("CPUID") == 211)
t("cpus_both: -C with all CPUs is the same", lambda: counts(js("cpus_both")).get("IOIO") == 1316 and
  js("cpus_both")["exits"] == sum(k["exits"] for k in js("cpus_both")["kvm"]) and clean(js("cpus_both")))
t("cpu_zero: only the guest on CPU 0", lambda: counts(js("cpu_zero")).get("IOIO") == 1009 and
  "CPUID" not in counts(js("cpu_zero")) and clean(js("cpu_zero")) and
  "never called" not in parts["cpu_zero", "err"])
t("cpu_zero: what was not counted is in the ledger, and both make up KVM's own count", lambda:
  js("cpu_zero")["exits"] + js("cpu_zero")["ledger"]["other_cpus"] ==
  sum(k["exits"] for k in js("cpu_zero")["kvm"]) and js("cpu_zero")["ledger"]["other_cpus"] > 518)
for s in ("cpu_one", "cpu_one_tp"):
    t(f"{s}: only the guest on CPU 1", lambda: counts(js(s)).get("IOIO") == 307 and
      counts(js(s)).get("CPUID") == 211 and clean(js(s)))
for s in ("moved", "moved_all", "moved_tp", "time_moved"):
    t(f"{s}: a vCPU that changes CPUs all the time loses nothing", lambda:
      counts(js(s), "reason") == hist(s) and js(s)["exits"] == js(s)["kvm"][0]["exits"] and
      clean(js(s)) and counts(js(s))["IOIO"] % 1009 == 0)
t("moved_one: of it one CPU sees a part, none out of turn", lambda:
  0 < js("moved_one")["exits"] < sum(hist("moved_one").values()) ==
  js("moved_one")["exits"] + js("moved_one")["ledger"]["other_cpus"] and clean(js("moved_one")) and
  timed(js("moved_one")))
t("least: without the BTF of modules, lower rungs give the same counts", lambda: same_as_all("least") and
  probes(js("least")) == {"kvm_entry": "raw_tp", "kvm_exit": "tp"})
t("least_sampled: a sample of times takes no more rights", lambda: same_as_all("least_sampled") and
  probes(js("least_sampled")) == {"kvm_entry": "raw_tp", "kvm_exit": "tp"} and
  0 < js("least_sampled")["times"]["chosen"] < js("least_sampled")["exits"])
t("least_forced: a rung that cannot be is refused, with the reason", lambda: rc("least_forced") == 4 and
  re.search(r"by tp_btf: ", parts["least_forced", "err"]))
t("format: every exit reason has the name that the kernel gives it", lambda: not
  reason_names.differences(parts["format", "out"]))
print(f"1..{n - start}")
sys.exit(failed > 0)
