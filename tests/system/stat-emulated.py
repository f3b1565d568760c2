# SPDX-License-Identifier: GPL-2.0
"""Judges what stat-emulated.sh has recorded. Prints TAP."""
import csv
import io
import json
import os
import re
import sys

sys.path.insert(0, os.path.dirname(__file__))
import prom  # noqa: E402

MADE = {"IOIO": 1009, "CPUID": 2003, "HLT": 503, "MSR": 1511}
text = open(sys.argv[1], errors="replace").read()
parts = {(m[1], m[2]): m[3] for m in
         re.finditer(r"^@@ (\w+) (out|err|rc)\n(.*?)(?=^@@ )", text, re.M | re.S)}
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


def rc(section):
    return int(parts[section, "rc"])


def js(section):
    lines = parts[section, "out"].split("\n")
    return json.loads("\n".join(lines[lines.index("{"):]))


def counts(o):
    out = {}
    for vm in o["vms"]:
        for vcpu in vm["vcpus"]:
            for r in vcpu["reasons"]:
                out[r["name"]] = out.get(r["name"], 0) + r["count"]
    return out


def made(c):
    return {k: c.get(k, 0) for k in MADE} == MADE


def rows(section):
    body = parts[section, "out"]
    return list(csv.DictReader(io.StringIO(body[body.index("time,interval"):])))


def csv_counts(section, which):
    out = {}
    for r in rows(section):
        if r["metric"] == "exits" and r["interval"] != "total" if which == "intervals" else \
           r["metric"] == "exits" and r["interval"] == "total":
            out[r["reason"]] = out.get(r["reason"], 0) + int(r["value"])
    return out


def series(section):
    return prom.parse(parts[section, "out"])


def exported(section, times=1):
    f = series(section)
    return {k: prom.value(f, "exitlab_exits_total", reason=k) for k in MADE} == \
        {k: times * v for k, v in MADE.items()}


def finding(o, name):
    return next(f for f in o["findings"] if f["name"] == name)


def sums(section, metric, total):
    return sum(int(r["value"]) for r in rows(section) if r["metric"] == metric and
               (r["interval"] == "total") == total)


t("doctor: status 0, exits are traced", lambda: rc("doctor") == 0 and js("doctor")["ok"] and
  finding(js("doctor"), "VM exits")["state"] == "ok" and
  int(re.search(r"of a VM made for this (\d+)", finding(js("doctor"), "VM exits")["text"])[1]) >= 100)
t("doctor: what it found by trying: own cost, hardware counters, capabilities", lambda:
  finding(js("doctor"), "own cost")["state"] == "ok" and
  finding(js("doctor"), "PMU")["state"] in ("ok", "note") and
  "CAP_SYS_ADMIN" in finding(js("doctor"), "capabilities")["text"])
t("json: counts are what the guest made", lambda: rc("json") == 0 and made(counts(js("json"))))
t("json: the tracer's sum is KVM's own count", lambda:
  js("json")["exits"] == js("json")["kvm"][0]["exits"] > 5026)
t("command: intervals add up to the guest's counts", lambda: rc("command") == 0 and
  made(csv_counts("command", "intervals")))
t("command: there are several intervals", lambda:
  len({r["interval"] for r in rows("command") if r["metric"] == "exits"}) > 2)
t("command: so does the total", lambda: made(csv_counts("command", "total")) and
  csv_counts("command", "total") == csv_counts("command", "intervals"))
t("command: sums of every metric that can be added are those of the total", lambda: all(
  sum(int(r["value"]) for r in rows("command") if r["metric"] == m and r["interval"] != "total") ==
  sum(int(r["value"]) for r in rows("command") if r["metric"] == m and r["interval"] == "total")
  for m in ("exits", "timed", "total_ns", "vcpu_entries", "vcpu_exits", "vcpu_guest_ns", "ledger_events")))
t("sampled: one exit in 8 timed: intervals add up to the guest's counts, and to the total", lambda:
  rc("sampled") == 0 and made(csv_counts("sampled", "total")) and
  csv_counts("sampled", "total") == csv_counts("sampled", "intervals"))
t("sampled: so do the timed ones; estimates have an error, and add up to within it", lambda:
  sums("sampled", "timed", False) == sums("sampled", "timed", True) in
  range(sums("sampled", "exits", True) // 10, sums("sampled", "exits", True) // 6) and
  abs(sums("sampled", "total_ns", False) - sums("sampled", "total_ns", True)) <
  0.2 * sums("sampled", "total_ns", True) and sums("sampled", "total_ns_std_error", True) > 0)
t("intervals: stat 1 2 --csv -o FILE counts what the guest made", lambda: rc("intervals") == 0 and
  {r["interval"] for r in rows("intervals")} == {"1", "2", "total"} and
  made(csv_counts("intervals", "total")) and
  csv_counts("intervals", "total") == csv_counts("intervals", "intervals"))
t("vcpu: a filter that fits nothing shows nothing", lambda: js("vcpu")["vms"] == [])
t("noname: a VM that is not there is status 2", lambda: rc("noname") == 2 and
  "no VM is called 'nobody'" in parts["noname", "err"])
t("export: the text is strict Prometheus, counts are what the guest made", lambda:
  rc("export") == 0 and exported("export"))
t("export: MSR exits have a register, everything a vCPU", lambda:
  prom.value(series("export"), "exitlab_exits_total", reason="MSR", detail="UCODE_REV", vcpu="0") == 1511)
t("export: KVM's own count is the same", lambda: prom.value(series("export"), "exitlab_kvm_exits_total")
  in (None, 0) or prom.value(series("export"), "exitlab_kvm_exits_total") <=
  prom.value(series("export"), "exitlab_exits_total"))
t("export: the histogram holds every timed exit", lambda:
  0 <= prom.value(series("export"), "exitlab_exits_total") -
  prom.value(series("export"), "exitlab_exit_duration_seconds_count") <= 1)
t("restart: counters go on when the engine starts anew", lambda: rc("restart") == 0 and
  exported("restart", 4) and prom.value(series("restart"), "exitlab_tracer_restarts_total") == 2)
t("http: /metrics answers, and a filter leaves the ledger", lambda: rc("http") == 0 and
  prom.value(series("http"), "exitlab_up") == 1 and
  prom.value(series("http"), "exitlab_exits_total") is None)
t("top: two blocks of text with the VM, its shares of time and its reason", lambda: rc("top") == 0 and
  parts["top", "out"].count("exitlab top ") == 2 and
  all(98 < float(a) + float(b) + float(c) < 100.2 and int(x) > 1000 for x, a, b, c in
      re.findall(r"^kvmguest-\d+ +\d+ +1 +(\d+)  +([\d.]+) +([\d.]+) +([\d.]+)  IOIO", parts["top", "out"], re.M)) and
  len(re.findall(r"^kvmguest-\d+ .* IOIO", parts["top", "out"], re.M)) == 2 and
  len(re.findall(r"^IOIO +\d+", parts["top", "out"], re.M)) == 2)
t("topauto: says how many exits were timed; shares of time are those of the sample", lambda:
  rc("topauto") == 0 and re.search(r"^times: 1 exit in [\d.]+ timed \(auto\), \+-[\d.]+ % in total$",
                                   parts["topauto", "out"], re.M) and
  all(90 < float(a) + float(b) + float(c) < 100.2 for a, b, c in re.findall(
      r"^kvmguest-\d+ +\d+ +1 +\d+  +([\d.]+) +([\d.]+) +([\d.]+)  IOIO", parts["topauto", "out"], re.M)))
t("top: lines are less than 80 columns wide", lambda: max(map(len, parts["top", "out"].split("\n"))) < 80)
t("least: three capabilities instead of root give the same counts", lambda: rc("least") == 0 and
  made(counts(js("least"))) and js("least")["exits"] == js("least")["kvm"][0]["exits"])
t("leasttop: top, too", lambda: rc("leasttop") == 0 and
  re.search(r"^kvmguest-\d+ .* IOIO", parts["leasttop", "out"], re.M))
t("leastdoctor: doctor says the same", lambda: rc("leastdoctor") == 0 and
  "exits can be traced on this host" in parts["leastdoctor", "out"])
t("paranoiddoctor: doctor knows Debian's perf_event_paranoid", lambda: rc("paranoiddoctor") == 4 and
  "perf_event_paranoid=2" in finding(js("paranoiddoctor"), "attach to tracepoints")["fix"])
t("nobpf: without CAP_BPF the perf engine gives the same counts, and says why", lambda:
  rc("nobpf") == 0 and made(counts(js("nobpf"))) and "CAP_BPF" in parts["nobpf", "err"] and
  "the perf engine counts instead" in parts["nobpf", "err"])
for section, word in (("paranoid", "perf_event_paranoid"), ("noperfmon", "CAP_PERFMON"), ("noread", "CAP_DAC_READ_SEARCH")):
    t(f"{section}: without one of them it says which, status 4", lambda: rc(section) == 4 and
      word in parts[section, "err"] and parts[section, "err"].strip().count("\n") == 0)
print(f"1..{n}")
sys.exit(failed > 0)
