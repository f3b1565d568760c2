# SPDX-License-Identifier: GPL-2.0
"""Judges what engines-emulated.sh has recorded. Prints TAP."""
import csv
import io
import json
import re
import sys
from collections import Counter

MADE = {"IOIO": 1009, "CPUID": 2003, "HLT": 503, "MSR": 1511}
CODE = {"IOIO": 0x7b, "CPUID": 0x72, "HLT": 0x78, "MSR": 0x7c}
text = open(sys.argv[1], errors="replace").read()
parts = {(m[1], m[2]): m[3] for m in
         re.finditer(r"^@@ (\w+) (\w+)\n(.*?)(?=^@@ )", text, re.M | re.S)}
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


def js(section, part="out"):
    lines = parts[section, part].split("\n")
    return json.loads("\n".join(lines[lines.index("{"):]))


def rc(section):
    return int(parts[section, "rc"])


def rows(o, pid=None):
    """Count by (vm, vcpu, isa, reason, detail)."""
    return Counter({(vm["pid"], c["vcpu"], r["isa"], r["reason"], r.get("detail")): r["count"]
                    for vm in o["vms"] for c in vm["vcpus"] for r in c["reasons"]
                    if pid in (None, vm["pid"])})


def reasons(o, pid=None):
    out = Counter()
    for (_, _, _, reason, _), count in rows(o, pid).items():
        out[reason] += count
    return out


def hist(section):
    """The kernel's count of exits, by thread and reason; and of entries."""
    exits = Counter()
    for line in parts[section, "hist_exit"].split("\n"):
        m = re.search(r"common_pid: *(\d+), isa: *(\d+), exit_reason: *(\d+) \} hitcount: *(\d+)", line)
        if m:
            exits[int(m[1]), int(m[3])] += int(m[4])
    entries = sum(map(int, re.findall(r"common_pid.*hitcount: *(\d+)", parts[section, "hist_entry"])))
    assert "Dropped: 0" in parts[section, "hist_exit"], "the hist trigger was full"
    return exits, entries


def hist_reasons(section, pid=None):
    out = Counter()
    for (tid, reason), count in hist(section)[0].items():
        if pid in (None, tid):
            out[reason] += count
    return out


def made(o, times=1):
    r = reasons(o)
    return all(r[CODE[k]] == v * times for k, v in MADE.items())


def clean(o):
    led = o["ledger"]
    return all(led[k] == 0 for k in ("lost", "map_full", "recursion_missed", "unmatched_exits",
                                     "unmatched_entries", "unknown_exits"))


def engine(o):
    return {p["rung"] for p in o["probes"]} == {"perf"} and "perf" or "bpf"


def exact(section):
    """All of a section's window: the guest's counts, and the kernel's, reason by reason."""
    o = js(section)
    exits, entries = hist(section)
    return made(o) and reasons(o) == hist_reasons(section) and clean(o) and \
        o["ledger"]["events"] == sum(exits.values()) + entries


def fixed():
    return int(parts["both", "fixed_pid"])


def looped():
    return int(parts["both", "loop_pid"])


def timed(o):
    return Counter({(vm["pid"], c["vcpu"], r["reason"], r.get("detail")): r["timed"]
                    for vm in o["vms"] for c in vm["vcpus"] for r in c["reasons"]})


t("both: each is the engine that was asked for", lambda:
  engine(js("both", "bpf")) == "bpf" and engine(js("both", "perf")) == "perf")
t("both: at the same time, the same counts by VM, vCPU, reason and MSR", lambda:
  rows(js("both", "bpf")) == rows(js("both", "perf")) and len(rows(js("both", "perf"))) >= 10)
t("both: the same number of exits has a time", lambda:
  timed(js("both", "bpf")) == timed(js("both", "perf")))
t("both: entries and exits of each vCPU are the same", lambda:
  [[(c["vcpu"], c["entries"], c["exits"]) for vm in js("both", e)["vms"] for c in vm["vcpus"]]
   for e in ("bpf", "perf")][0] ==
  [(c["vcpu"], c["entries"], c["exits"]) for vm in js("both", "perf")["vms"] for c in vm["vcpus"]])
t("both: they are the kernel's own counts, thread by thread", lambda: all(
  reasons(js("both", "perf"), pid) == hist_reasons("both", pid) for pid in (fixed(), looped())))
t("both: they are the guests'", lambda:
  all(reasons(js("both", "perf"), fixed())[CODE[k]] == v for k, v in MADE.items()) and
  all(reasons(js("both", "perf"), looped())[CODE[k]] == json.loads(parts["both", "loop"])[k2]
      for k, k2 in (("IOIO", "out"), ("CPUID", "cpuid"), ("HLT", "hlt"), ("MSR", "wrmsr"))))
t("both: the ledgers are empty and agree", lambda: clean(js("both", "bpf")) and
  js("both", "bpf")["ledger"] == js("both", "perf")["ledger"])
# Where guest ends and handling begins depends on who comes first at a tracepoint; their sum does not.
t("both: guest and handling together take the same time within 0.1 %", lambda: all(
  abs(a["guest_ns"] + a["handling_ns"] - b["guest_ns"] - b["handling_ns"]) <=
  0.001 * (a["guest_ns"] + a["handling_ns"]) for a, b in zip(
      [c for vm in js("both", "bpf")["vms"] for c in vm["vcpus"]],
      [c for vm in js("both", "perf")["vms"] for c in vm["vcpus"]])))
for s in ("bpf", "perf", "again", "least"):
    t(f"{s}: counts are the guest's and the kernel's own", lambda: rc(s) == 0 and exact(s))
t("perf: the cost is that of the reader, for every event", lambda:
  js("perf")["cost"]["of"] == "reader" and js("perf")["cost"]["run_ns"] > 0 and
  js("perf")["cost"]["run_cnt"] == js("perf")["ledger"]["events"])
t("text: the table names engine, ledger and cost", lambda: rc("text") == 0 and
  "kvm_exit (perf)" in parts["text", "out"] and "lost: 0 ring full" in parts["text", "out"] and
  re.search(r"^reading \d+ events took \d+ ns each, [\d.]+ % of a CPU$", parts["text", "out"], re.M) and
  max(map(len, parts["text", "out"].split("\n"))) < 80)


def csv_counts(section, interval):
    out = Counter()
    body = parts[section, "out"]
    for r in csv.DictReader(io.StringIO(body[body.index("time,interval"):])):
        if r["metric"] == "exits" and (r["interval"] == "total") == (interval == "total"):
            out[r["reason"]] += int(r["value"])
    return out


t("intervals: read while it runs, intervals add up to the total", lambda: rc("intervals") == 0 and
  csv_counts("intervals", "total") == csv_counts("intervals", "all") and
  all(csv_counts("intervals", "total")[k] == v for k, v in MADE.items()))
t("rung: where no BPF program loads, perf counts and one line says why", lambda: exact("rung") and
  engine(js("rung")) == "perf" and parts["rung", "err"].count("the perf engine counts instead") == 1 and
  "error" not in parts["rung", "err"])
t("cpu0: exits on another CPU are not counted", lambda: not reasons(js("cpu0"))[CODE["IOIO"]])
t("cpu1: exits on this CPU are", lambda: rc("cpu1") == 0 and made(js("cpu1")))


def lost():
    o, (exits, entries) = js("lost"), hist("lost")
    led = o["ledger"]
    return led["lost"] > 1000 and \
        led["events"] + led["unknown_exits"] + led["lost"] == sum(exits.values()) + entries


t("lost: seen and lost events are all there were, by the kernel's own count", lost)
t("lost: what came after the gap is counted", lambda: len(js("lost")["vms"]) == 2 and
  sorted(r["count"] for c in js("lost")["vms"][1]["vcpus"] for r in c["reasons"]
         if r["reason"] == CODE["IOIO"]) == [5])
t("hotplug: a CPU that comes and goes: three guests, nothing missing", lambda:
  made(js("hotplug", "perf"), 3) and clean(js("hotplug", "perf")) and
  reasons(js("hotplug", "perf")) == hist_reasons("hotplug") and
  "CPU 1 has come online" in parts["hotplug", "perf_err"])
t("blink: a CPU that is gone for a moment: nothing missing", lambda:
  made(js("blink", "perf"), 2) and clean(js("blink", "perf")) and
  reasons(js("blink", "perf")) == hist_reasons("blink"))
t("kill: SIGKILL leaves no perf event", lambda: (lambda a: int(a[0]) >= 4 and a[1:3] == ["0", "0"])(
  parts["kill", "out"].split()))
t("least: CAP_PERFMON and CAP_DAC_READ_SEARCH are enough, and it says why not BPF", lambda:
  engine(js("least")) == "perf" and "CAP_BPF" in parts["least", "err"])
t("ring: more memory than may be locked is one clear line", lambda: rc("ring") in (1, 4) and
  "no ring buffer of 65536 kB a CPU: see ulimit -l" in parts["ring", "err"] and
  parts["ring", "err"].count("error") == 1)
print(f"1..{n}")
sys.exit(failed > 0)
