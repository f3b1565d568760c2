# SPDX-License-Identifier: GPL-2.0
"""Judges what irqs-devices.sh has recorded: of each window the last try, in whose gaps nothing happened. Prints TAP."""
import json
import re
import sys

text = open(sys.argv[1], errors="replace").read()
tries = {"stat": [], "tp": [], "crowd": [], "record": []}    # [{(word, word): text}]
for window, body in re.findall(r"^@@ try (\w+)\n(.*?)(?=^@@ try |^@@ all done|\Z)", text, re.M | re.S):
    tries[window].append({(m[1], m[2]): m[3] for m in
                          re.finditer(r"^@@ (\w+) (\w+)\n(.*?)(?=^@@ |\Z)", body, re.M | re.S)})
parts = {}      # the try that is judged
n = failed = 0


def t(name, judge):
    global n, failed
    n += 1
    try:
        ok = judge()
    except Exception as e:  # a missing part is a failure with a reason
        ok = False
        print(f"  {type(e).__name__}: {e}", file=sys.stderr)
    failed += not ok
    print(("ok" if ok else "not ok"), n, "-", name)


def lines(when, who, match):
    """/proc/interrupts: {(number, text): sum over CPUs} of the lines that match."""
    out = {}
    for number, counts, rest in re.findall(r"^ *(\d+):((?: +\d+)+) +(.*)$", parts[when, who], re.M):
        if re.search(match, rest):
            out[int(number), rest.split()[-1]] = sum(map(int, counts.split()))
    return out


def difference(a, b, who, match):
    before, after = lines(a, who, match), lines(b, who, match)
    return {k: v - before.get(k, 0) for k, v in after.items() if v != before.get(k, 0)}


NIC = {"vf": r"eth0", "vhost": r"virtio\d+-(input|output)"}


def guest(who):
    return difference("before", "after", who, NIC[who])


def judge_last(window):
    parts.clear()
    parts.update(tries[window][-1] if tries[window] else {})
    print(f"  {window}: try {len(tries[window])}; guests: {[guest(w) for w in NIC]}", file=sys.stderr)
    t(f"{window}: the machine ran to its end, and exitlab ended with status 0", lambda:
      "@@ all done" in text and int(parts["run", "rc"]) == 0)
    t(f"{window}: no network interrupt came between the looks and the window", lambda: each_guest(
      lambda who: guest(who) == difference("begin", "end", who, NIC[who])))


def report():
    body = parts["run", "out"]
    return json.loads(body[body.index("{"):])


def vm(who):
    return next(v for v in report()["interrupts"]["vms"] if v["vm"] == who)


def vectors(who):
    return [v for c in vm(who)["vcpus"] for v in c["vectors"]]


def of_devices(who):
    return [v for v in vectors(who) if v["sources"]["device"] + v["sources"]["vhost"] > 0]


def each_guest(judge):
    return all(judge(who) for who in ("vf", "vhost"))


def tid(who):
    return next(c["tid"] for v in report()["vms"] if v["vm"] == who for c in v["vcpus"])


def hist(who):
    """{vector: kvm_inj_virq} of this VM's thread."""
    if "Dropped: 0" not in parts["run", "hist"]:
        raise ValueError("the hist trigger has dropped events")
    return {int(v): int(c) for v, c in re.findall(
        rf"common_pid: +{tid(who)}, vector: +(\d+) \}} hitcount: +(\d+)", parts["run", "hist"])}


host = "vfio-"
for way in ("stat", "tp"):      # the latter by trace records
    judge_last(way)
    t(f"{way}: injections by vector are the guests' own lines of /proc/interrupts, one by one", lambda: each_guest(
      lambda who: sorted(v["injected"] for v in of_devices(who)) == sorted(guest(who).values()) and
      sum(guest(who).values()) > 300))
    t(f"{way}: accepted are the injected and the coalesced, by vector", lambda: each_guest(
      lambda who: all(v["accepted"] == v["injected"] + v["coalesced"] for v in of_devices(who))))
    t(f"{way}: the VF's interrupts come from a host device, the other's from vhost", lambda:
      all(v["sources"]["device"] == v["accepted"] for v in of_devices("vf")) and
      all(v["sources"]["vhost"] == v["accepted"] for v in of_devices("vhost")))
    t(f"{way}: both guests take timer interrupts, on the same vector, and have their own counts", lambda: len(
      {v["vector"] for v in vectors("vf") if v["sources"]["timer"]} &
      {v["vector"] for v in vectors("vhost") if v["sources"]["timer"]}) == 1)
    t(f"{way}: the host's vfio lines of /proc/interrupts are the host irqs counted, one by one", lambda:
      {h["irq"]: h["count"] for h in report()["interrupts"]["host_irqs"]} ==
      {k[0]: v for k, v in difference("before", "after", "host", host).items()} != {})
    t(f"{way}: as many times of the leg from the host's handler to acceptance, exact", lambda:
      sum(v["legs"]["host_accept"]["count"] for v in of_devices("vf")) ==
      sum(difference("before", "after", "host", host).values()) ==
      sum(h["accepted_in_handler"] for h in report()["interrupts"]["host_irqs"]) and
      all(v["legs"]["host_accept"]["label"] == "exact" for v in of_devices("vf")))
    t(f"{way}: each host irq leads to one vector", lambda:
      sorted((v["host_irq"], v["accepted"]) for v in of_devices("vf")) ==
      sorted((h["irq"], h["count"]) for h in report()["interrupts"]["host_irqs"]))
    t(f"{way}: vhost's replies have no host leg", lambda:
      not any("host_accept" in v["legs"] for v in vectors("vhost")))
    t(f"{way}: each has its EOI, by an exit", lambda: each_guest(
      lambda who: all(v["eoi_exits"] == v["injected"] and v["pv_eois"] == 0 for v in of_devices(who))))
    t(f"{way}: and its times", lambda: each_guest(lambda who: all(
      v["legs"][leg]["count"] == v["injected"] for v in of_devices(who)
      for leg in ("accept_inject", "inject_entry", "entry_eoi"))))
    # The trigger is on a little longer than the window, but networks rest then; timers never do.
    t(f"{way}: injections by vector are those of a hist trigger on kvm_inj_virq, by thread", lambda: each_guest(
      lambda who: all(hist(who)[v["vector"]] == v["injected"] + v["reinjected"] for v in of_devices(who))))
    t(f"{way}: one vector serves different devices in both guests", lambda:
      {v["vector"] for v in of_devices("vf")} & {v["vector"] for v in of_devices("vhost")})
    t(f"{way}: nothing is lost", lambda: set(report()["interrupts"]["ledger"].values()) == {0} and
      report()["ledger"]["recursion_missed"] == 0)
t("tp: all tracepoints are by trace records", lambda: {p["rung"] for p in report()["probes"]
                                                       if p["name"] != "__apic_accept_irq"} == {"tp"})



def skipped_said(one):
    """One try by trace records: a handler that was not seen makes its interrupts those of others, never an IPI."""
    parts.clear()
    parts.update(one)
    skipped, vf = report()["ledger"]["recursion_missed"], of_devices("vf")
    unseen = sum(v["sources"]["other"] for v in vf)
    print(f"  tp: skipped by the kernel: {skipped}; accepted in a handler not seen: {unseen}",
          file=sys.stderr)
    # Of each handler the begin and the end.
    return bool(vf) and 2 * unseen <= skipped and all(
        v["sources"]["device"] + v["sources"]["other"] == v["accepted"] for v in vf)


t("tp: in every try, interrupts whose handler was not seen come from others, and the ledger has the skipped runs",
  lambda: tries["tp"] and len(tries["crowd"]) == 4 and all([skipped_said(x) for x in tries["tp"] + tries["crowd"]]))


def recorded(how):
    """{(event, irq): count} of exitlab record."""
    return {(e, int(i)): int(c) for c, e, i in re.findall(r"^ *(\d+) (\w+) (\d+)$", parts["irq", how], re.M)}


judge_last("record")
for how in ("raw", "tp"):
    t(f"record by {how}: begin and end of each vfio handler, as often as in /proc/interrupts", lambda: recorded(how) == {
      (f"irq_handler_{e}", k[0]): v for e in ("entry", "exit")
      for k, v in difference("before", "after", "host", host).items()} != {})
print(f"1..{n}")
sys.exit(failed > 0)
