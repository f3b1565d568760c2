# SPDX-License-Identifier: GPL-2.0
"""Judges what record-emulated.sh has recorded. Prints TAP."""
import csv
import io
import json
import re
import sys

MADE = {"IOIO": 1009, "CPUID": 2003, "HLT": 503, "MSR": 1511}
SVM = {1024: "NPF", 96: "INTR", 120: "HLT", 123: "IOIO", 124: "MSR", 114: "CPUID"}
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
    return json.loads("\n".join(lines[lines.index("{"):lines.index("}") + 1]))


def vcpus(o):
    return [c for vm in o["vms"] for c in vm["vcpus"]]


def counts(o, timed=False):
    out = {}
    for c in vcpus(o):
        for r in c["reasons"]:
            key = (r["name"], r.get("detail_name"))
            out[key] = out.get(key, 0) + r["timed" if timed else "count"]
    return out


def names(o):
    out = {}
    for (name, _), v in counts(o).items():
        out[name] = out.get(name, 0) + v
    return out


def made(o):
    c = names(o)
    return {k: c.get(k, 0) for k in MADE} == MADE


def same(a, b):
    x, y = js(a), js(b)
    return rc(a) == 0 and rc(b) == 0 and counts(x) == counts(y) and \
        counts(x, True) == counts(y, True) and \
        [c["entries"] for c in vcpus(x)] == [c["entries"] for c in vcpus(y)] and \
        all(x["ledger"][k] == y["ledger"][k] == 0
            for k in ("lost", "map_full", "unmatched_exits", "unmatched_entries"))


def hist(section):
    return {SVM.get(int(m[1]), int(m[1])): int(m[2]) for m in
            re.finditer(r"exit_reason: +(\d+) } hitcount: +(\d+)", parts[section, "out"])}


def ledger(section):
    return json.loads(parts[section, "out"].strip().split("\n")[-1])


def events(section):
    return {e["name"]: e for e in ledger(section)["events"]}


def adds_up(section):
    o = ledger(section)
    return o["final"] and all(e["seen"] == e["written"] + e["lost"] and
                              e["lost"] == e["lost_ring_full"] + e["lost_file_full"]
                              for e in o["events"])


def one_line(section, pattern):
    lines = parts[section, "err"].strip().split("\n")
    return rc(section) == 2 and len(lines) == 1 and re.search(pattern, lines[0]) is not None


t("live: exits of known number are exactly these, and those of the hist trigger", lambda:
  rc("live") == 0 and made(js("live")) and names(js("live")) == hist("hist"))
t("own: stat -i of exitlab record equals live stat: every reason, count and pair", lambda:
  same("live", "own"))
t("own: time from exit to entry is as live, within a tenth", lambda: all(
  abs(a["handling_ns"] - b["handling_ns"]) < 0.1 * a["handling_ns"]
  for a, b in zip(vcpus(js("live")), vcpus(js("own")))))
t("own: the VM is named as live", lambda: js("own")["vms"][0]["vm"] == js("live")["vms"][0]["vm"])
t("perf: stat -i of perf record -e kvm:* equals live stat", lambda: same("live", "perf"))
t("trace7: stat -i of a trace.dat of version 7 equals live stat", lambda: same("live", "trace7"))
t("perfkvm: stat -i of perf kvm stat record equals live stat", lambda: same("live2", "perfkvm"))
t("trace6: stat -i of a trace.dat of version 6 equals live stat", lambda: same("live2", "trace6"))
t("ownledger: nothing is lost; accesses are those that the guest made", lambda:
  adds_up("ownledger") and all(e["lost"] == 0 for e in events("ownledger").values()) and
  events("ownledger")["kvm_pio"]["written"] == 1009 and
  events("ownledger")["kvm_msr"]["written"] == 1511 and
  events("ownledger")["kvm_cpuid"]["written"] == 2003 and
  events("ownledger")["kvm_userspace_exit"]["written"] == 1009 + 503 + 1)


def csv_sums():
    body = parts["owncsv", "out"]
    total, steps = {}, {}
    for r in csv.DictReader(io.StringIO(body[body.index("time,interval"):])):
        if r["metric"] == "exits":
            d = total if r["interval"] == "total" else steps
            d[r["reason"]] = d.get(r["reason"], 0) + int(r["value"])
    return total, steps


t("owncsv: intervals of the file's own time add up to the total", lambda:
  csv_sums()[0] == csv_sums()[1] and {k: csv_sums()[0][k] for k in MADE} == MADE)
t("owntable: is a table", lambda: re.search(r"^CPUID +2003 ", parts["owntable", "out"], re.M) and
  all(len(line) < 80 for line in parts["owntable", "out"].split("\n")))
t("ownvcpu: --vcpu of another vCPU shows nothing", lambda: rc("ownvcpu") == 0 and
  js("ownvcpu")["vms"] == [])
t("perfpid: -p of another process shows nothing", lambda: rc("perfpid") == 0 and
  js("perfpid")["vms"] == [])
t("text: a line for every event", lambda: parts["text", "out"].split("\n")[:3] == [
  str(sum(e["written"] for e in events("ownledger").values())), "1009",
  str(events("ownledger")["kvm_entry"]["written"])])
t("cut: a file cut short is read up to the last whole block, and says so", lambda:
  rc("cut") == 0 and js("cut")["input"]["cut_short"] and 0 < js("cut")["exits"] < 5000 and
  "cut short at offset" in parts["cut", "err"])
t("cutperf: a perf.data cut short is one line with file, offset and advice", lambda:
  one_line("cutperf", r"/tmp/cut.data: at offset 0x[0-9a-f]+: .*record again"))
t("cuttrace: a trace.dat cut short, too", lambda:
  one_line("cuttrace", r"/tmp/cut.dat: at offset 0x[0-9a-f]+: .*record again"))
t("perfz: compressed records, perf record -z, equal live stat", lambda: "Zstd" in parts["zheader", "out"] and
  made(js("livez")) and same("livez", "perfz"))
t("perfpipe: what perf wrote for a pipe, too", lambda: one_line("perfpipe", "perf record -o FILE"))

t("smallledger: a ring too small loses, and what is seen is written or lost", lambda:
  adds_up("smallledger") and events("smallledger")["kvm_exit"]["lost"] > 1000 and
  events("smallledger")["kvm_pio"]["seen"] == 1009 and
  events("smallledger")["kvm_msr"]["seen"] == 1511 and
  events("smallledger")["kvm_cpuid"]["seen"] == 2003)
t("smallstat: stat -i reports what was lost", lambda: rc("smallstat") == 0 and
  js("smallstat")["ledger"]["lost"] == js("smallstat")["input"]["lost"] ==
  sum(e["lost"] for e in events("smallledger").values()) and
  "were lost when it was recorded" in parts["smallstat", "err"])
t("smallstat: no time is taken across a gap", lambda: all(
  r["timed"] <= r["count"] and (not r["timed"] or r["max_ns"] < 5000000)
  for c in vcpus(js("smallstat")) for r in c["reasons"]))
t("perflost: losses of perf are those that perf script shows", lambda: rc("perflost") == 0 and
  js("perflost")["input"]["lost"] == sum(map(int, parts["perflostown", "out"].split())) > 0)
# The kernel writes the number of lost events where there is room for it.
t("tracelost: losses of ftrace are those of its own statistics, or unknown", lambda:
  rc("tracelost") == 0 and int(parts["overrun", "out"]) > 0 and
  (js("tracelost")["ledger"]["lost"] == int(parts["overrun", "out"]) or
   js("tracelost")["input"]["lost_unknown"] and js("tracelost")["ledger"]["lost"] is None))
t("killed: after SIGKILL the file can be read, and has what the guest made", lambda:
  rc("killed") == 0 and made(js("killed")) and not ledger("killedledger")["final"])

t("least: CAP_BPF, CAP_PERFMON and CAP_DAC_READ_SEARCH are enough", lambda: rc("least") == 0 and
  adds_up("leastledger") and events("leastledger")["kvm_pio"]["written"] == 1009 and
  events("leastledger")["kvm_exit"]["written"] > 5026)
t("nobody: stat -i needs no privileges", lambda: rc("nobody") == 0 and made(js("nobody")))


def l2hist():
    return {line.split()[0].split("/")[1]: int(line.split()[1])
            for line in parts["l2hist", "out"].strip().split("\n")}


t("l2ping: a guest with vhost answers", lambda: " 20 packets received" in parts["l2ping", "out"])
t("l2ledger: every kind of event is as often in the file as its hist trigger counted", lambda:
  adds_up("l2ledger") and len(l2hist()) == 11 and
  all(events("l2ledger")[k]["written"] == v > 0 for k, v in l2hist().items()))
def switches(section):
    return {(w[1], w[2]): int(w[0]) for w in (x.split() for x in parts[section, "out"].strip().split("\n"))}


t("l2tp: each is attached as it was told", lambda: "events by tp: Success" in parts["l2tp", "err"] and
  "events by raw_tp with struct kvm_lapic: Success" in parts["l2", "err"])
t("l2tpledger: by records every kind of event is as often there, too", lambda:
  adds_up("l2tpledger") and ledger("l2tpledger")["skipped_by_kernel"] == 0 and
  all(events("l2tpledger")[k]["written"] == v > 0 for k, v in l2hist().items()))
t("l2tpstat: and the exits of the VM are the same", lambda:
  counts(js("l2tpstat")) == counts(js("l2stat")) and len(counts(js("l2stat"))) > 5)
t("l2tpeoi: of the right VM", lambda: int(parts["l2tpeoi", "out"]) == 0)
# A thread's first switch to a CPU comes before it can be known by its number.
t("l2tpswitches: threads came and went as often, but for what came before they were known", lambda:
  len(switches("l2switches")) >= 4 and all(
      0 <= v - switches("l2tpswitches").get(k, 0) <= 1 for k, v in switches("l2switches").items()))
t("l2stat: exits of the VM by its name are all exits", lambda:
  js("l2stat")["exits"] == l2hist()["kvm_exit"] and js("l2stat")["vms"][0]["vm"] == "web")
t("l2vhost: the vhost worker of the VM is switched in for the packets", lambda:
  int(parts["l2vhost", "out"]) >= 20)
t("l2eoi: every EOI is of the right VM", lambda: int(parts["l2eoi", "out"]) == 0)
t("l2size: an event takes less than 48 bytes", lambda:
  int(parts["l2size", "out"].split()[1]) < 48 * int(parts["l2size", "out"].split()[0]))
t("all sections were run", lambda: "@@ all done" in text)
t("every exit status that was not looked at is 0", lambda: all(
  v.strip() == "0" for k, v in parts.items() if k[1] == "rc" and k[0] not in
  ("cutperf", "cuttrace", "perfpipe", "l2eoi", "l2tpeoi", "l2hist")))
print(f"1..{n}")
sys.exit(1 if failed else 0)
