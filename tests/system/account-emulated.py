# SPDX-License-Identifier: GPL-2.0
"""Judges what account-emulated.sh has recorded. Prints TAP.

Times are of a machine that counts instructions, at 1 ns each: they repeat, so bounds can be tight.
"""
import csv
import io
import json
import re
import sys

text = open(sys.argv[1], errors="replace").read()
parts = {(m[1], m[2]): m[3] for m in
         re.finditer(r"^@@ (\w+) (out|err|rc)\n(.*?)(?=^@@ )", text, re.M | re.S)}
release = parts.get(("release", "out"), "").strip()
n = failed = 0
PLAIN = "guest halt_poll blocked sleep run_queue host_interrupt".split()
RUNNING = 600    # a program of ours, or the engine's at the same event: instructions at most
US = 1000


def t(name, judge):
    global n, failed
    n += 1
    try:
        verdict = judge()
    except Exception as e:  # a missing part is a failure with a reason
        verdict = f"{type(e).__name__}: {e}"
    ok = verdict is True
    if not ok:
        failed += 1
        print(f"  {verdict}", file=sys.stderr)
        section = name.split(":")[0]
        for part in ("err", "rc"):
            print(f"  {section} {part}: {parts.get((section, part), '-')[-800:]}", file=sys.stderr)
    print(("ok" if ok else "not ok"), n, "-", name)


def all_of(*pairs):
    """(what, value, low, high)...: True, or the first that is out of its bounds."""
    for what, value, low, high in pairs:
        if not low <= value <= high:
            return f"{what}: {value} is not within {low} .. {high}"
    return True


def js(section):
    lines = [x for x in parts[section, "out"].split("\n") if not x.startswith("@guest")]
    return json.loads("\n".join(lines[lines.index("{"):]))


def csv_lines(section):
    lines = [x for x in parts[section, "out"].split("\n") if x and not x.startswith("@guest")]
    return list(csv.DictReader(io.StringIO("\n".join(lines))))


def guests(section):
    return sorted((json.loads(x[7:]) for x in parts[section, "out"].split("\n") if x.startswith("@guest")),
                  key=lambda g: g["tid"])


def rows(section):
    return sorted(js(section)["account"]["vcpus"], key=lambda r: r["tid"])


def kvm(r, cls=None):
    return sum(v["kernel_ns"] for k, v in r["handling"].items() if cls in (None, k))


def vmm(r, cls=None):
    return sum(v["user_ns"] for k, v in r["handling"].items() if cls in (None, k))


def parts_of(r):
    return sum(r[k + "_ns"] or 0 for k in PLAIN) + kvm(r) + vmm(r) + r["unseen_ns"]


def closes(section, count=1):
    """Every row: less than 1 % of the wall time is unexplained; the wall time is not another sum of ours."""
    o = js(section)["account"]
    if int(parts[section, "rc"]) or len(o["vcpus"]) != count:
        return f"status {parts[section, 'rc']}, {len(o['vcpus'])} vCPUs"
    if any(v for k, v in o["ledger"].items() if k not in ("skipped", "unknown_exits")):
        return f"ledger {o['ledger']}"
    wall = {g["tid"]: g["wall_ns"] for g in guests(section)}  # empty: it was killed, or goes on
    return all_of(*[x for r in o["vcpus"] for x in (
        # The VMM's own clock, from before KVM_RUN until it has printed; then it still has to end.
        # It can wait for the CPU before its first entry, which is no part that was seen.
        ("all parts", parts_of(r), wall.get(r["tid"], 0) * 99 // 100, 10**12),
        ("parts seen", parts_of(r) - r["unseen_ns"], wall.get(r["tid"], 0) * 95 // 100,
         wall.get(r["tid"], 10**12) + 60_000_000),
        ("residual", abs(r["residual_ns"]), 0, r["wall_ns"] // 100),
        ("printed residual is wall less parts", r["wall_ns"] - parts_of(r) - r["residual_ns"], 0, 0))])


def scheduler(section):
    """Time on a CPU and in the run queue, against the scheduler's own sums.

    The scheduler reads its clock when a thread is woken and goes on with that reading when it switches
    at once (rq_clock_skip_update): what lies in between it books to the thread that comes, as running
    instead of waiting. That is some thousand instructions a switch; both together it books right.
    Where the switch has to wait for the end of a stretch that cannot be preempted (in a kernel of
    CONFIG_PREEMPT_VOLUNTARY hundreds of microseconds, once in some runs), it is that stretch.
    """
    out = []
    for r in rows(section):
        s, exits = r["scheduler"], next(v["exits"] for m in js(section)["vms"] for v in m["vcpus"]
                                        if v["tid"] == r["tid"])
        switches = max((g["waits"] for g in guests(section) if g["tid"] == r["tid"]), default=exits)
        skipped = 4 * US * (switches + 2) + r["wall_ns"] // 100
        out += [("ran", abs(s["run_ns"] - s["account_run_ns"]), 0, skipped),
                ("waited", abs(s["wait_ns"] - s["account_wait_ns"]), 0, skipped),
                ("both", abs(s["run_ns"] + s["wait_ns"] - s["account_run_ns"] - s["account_wait_ns"]),
                 0, 1 * US * (switches + 20)),
                ("ran at all", s["run_ns"], 1, r["wall_ns"])]
    return all_of(*out)


def guest_time(section):
    """Guest time is that of the engine of exits: its programs look at the clock a little earlier.

    Linux 6.1 reports the exit of SVM after the host's interrupts and a switch, so they are in the time from
    entry to exit; the account has them apart.
    """
    o, out = js(section), []
    for r in o["account"]["vcpus"]:
        v = next(v for m in o["vms"] for v in m["vcpus"] if v["tid"] == r["tid"])
        late = r["host_interrupt_ns"] + r["run_queue_ns"] if release.startswith("6.1.") else 0
        out.append(("guest", v["guest_ns"] - r["guest_ns"], -RUNNING * v["exits"], RUNNING * v["exits"] + late))
    return all_of(*out)


def halts(section):
    """KVM's own times of halts enclose ours, without any tolerance."""
    r, g = rows(section)[0], guests(section)[0]
    poll, off = r["halt_poll_ns"], r["run_queue_ns"] + r["host_interrupt_ns"]
    return all_of(
        ("KVM's polling, read by the program", r["kvm_poll_ns"] - g["halt_poll_ns"], 0, 0),
        ("polling", poll, g["halt_poll_ns"] - off, g["halt_poll_ns"]),
        # halt_wait_ns: from the end of polling to running again
        ("blocked", r["blocked_ns"], g["halt_wait_ns"] - off - kvm(r, "halt"), g["halt_wait_ns"]))


# --- the same events, added up from a trace of ftrace, without the state machine
def trace_lines(tid):
    for line in parts["trace", "out"].split("\n"):
        m = re.match(r"(?:.*)-(\d+) \[\d+\] \S+ (\d+)\.(\d{6}): (\w+): (.*)", line)
        if m:
            yield int(m[1]), int(m[2]) * 10**9 + int(m[3]) * 1000, m[4], m[5]


def oracle(tid):
    """Sums by intervals: guest, interrupts, run queue, asleep; user space with what interrupts took."""
    out = dict(guest=0, irq=0, runq=0, off=0, user=0, events=0)
    entry = user = irq = off = woken = first = end = None
    depth, asleep, user_lost = 0, False, 0
    for pid, now, event, rest in trace_lines(tid):
        if event == "sched_switch":
            m = re.search(r"prev_pid=(\d+) .*prev_state=(\S+) ==> .*next_pid=(\d+)", rest)
            if int(m[1]) == tid:
                off, asleep, woken = now, m[2][0] not in "R", None
                end = now
            elif int(m[3]) == tid and off is not None:
                waited = now - (woken if asleep else off)
                out["runq"] += waited if first else 0
                out["off"] += now - off - waited if first else 0
                user_lost += now - off if user is not None else 0
                off = None
            continue
        if event == "sched_wakeup" and f"pid={tid} " in rest:
            woken = now
        if pid != tid:
            continue
        if event in ("kvm_entry", "kvm_exit"):
            out["events"] += 1
        if event == "kvm_entry":
            first, entry = first or now, now
            if user is not None:
                out["user"] += now - user - user_lost
                user = None
        elif event == "kvm_exit" and entry is not None:
            out["guest"] += now - entry
            entry = None
        elif event == "kvm_userspace_exit" and first:
            user, user_lost = now, 0
        elif event == "kvm_fpu" and rest.startswith("load") and user is not None:
            out["user"] += now - user - user_lost
            user = None
        elif re.fullmatch(r"(local_timer|softirq|irq_handler|irq_work|reschedule)_entry", event):
            irq = irq if depth else now
            depth += 1
        elif re.fullmatch(r"(local_timer|softirq|irq_handler|irq_work|reschedule)_exit", event) and depth:
            depth -= 1
            if not depth and first:
                out["irq"] += now - irq
                user_lost += now - irq if user is not None else 0
    out["wall"] = end - first
    return out


def traced():
    r = rows("traced")[0]
    o = oracle(r["tid"])
    # Clocks are read a few hundred instructions apart, and ftrace prints microseconds.
    slack = o["events"] * 1 * US
    tail = 22_000_000   # the trace stops when the guest has ended, before its thread has
    return all_of(
        ("events", o["events"], 500, 10**6),
        ("guest", r["guest_ns"] - o["guest"], -slack, slack),
        ("interrupts", r["host_interrupt_ns"], o["irq"] * 3 // 4, o["irq"] * 5 // 4 + 20 * US),
        ("interrupts at all", o["irq"], 50 * US, 10**9),
        ("run queue", r["run_queue_ns"] - o["runq"], -100 * US, 100 * US),
        ("run queue at all", o["runq"], 50 * US, 10**9),
        ("asleep", r["blocked_ns"] + r["sleep_ns"] - o["off"], -500 * US, tail),
        ("I/O in user space", vmm(r, "io"), o["user"] * 3 // 4, o["user"] + slack))


def intervals():
    lines = csv_lines("intervals")
    sums, total = {}, {}
    for x in lines:
        if x["metric"].startswith("account_"):
            into = total if x["interval"] == "total" else sums
            key = x["metric"], x["reason"]
            into[key] = into.get(key, 0) + int(x["value"])
    steps = {x["interval"] for x in lines if x["metric"] == "account_wall_ns"}
    if len(steps) < 4:
        return f"{len(steps)} intervals"
    sums.pop(("account_excess_ns", ""), 0)
    wrong = {k: (sums.get(k), v) for k, v in total.items()
             if k[0] != "account_residual_ns" and sums.get(k, 0) != v}
    return not wrong or f"sums and total differ: {wrong}"


def steps_close():
    by = {}
    for x in csv_lines("intervals"):
        if x["metric"].startswith("account_"):
            by.setdefault(x["interval"], {}).setdefault(x["metric"], 0)
            by[x["interval"]][x["metric"]] += int(x["value"])
    return all_of(*[(f"interval {i}", abs(v.get("account_residual_ns", 0) - v.get("account_excess_ns", 0)),
                     0, 100 * US) for i, v in by.items()])


def alive():
    """A guest that goes on: user space's clock when it reads against the programs' in the kernel."""
    o = js("alive")
    r = o["account"]["vcpus"][0]
    return all_of(("residual", r["residual_ns"], -50 * US, 50 * US),
                  ("wall time is the window's", o["duration_ns"] - r["wall_ns"], -20_000_000, 20_000_000),
                  ("unseen", r["unseen_ns"], 0, 5_000_000), ("guest", r["guest_ns"], 20_000_000, 190_000_000))


t("alive: parts are the wall time of a guest that goes on", alive)
for section in ("busy", "polled", "long", "blocked", "noisy", "stopped", "raw", "polled_tp", "noisy_tp", "records"):
    t(f"{section}: less than 1 % of the wall time is unexplained", lambda s=section: closes(s))
for section in ("two", "two_tp"):
    t(f"{section}: less than 1 % of either guest's wall time is unexplained", lambda s=section: closes(s, 2))
for section in ("busy", "polled", "long", "blocked", "noisy", "stopped", "raw", "two", "polled_tp", "noisy_tp",
                "two_tp", "records"):
    t(f"{section}: run and wait times are those of the scheduler", lambda s=section: scheduler(s))
for section in ("busy", "polled", "long", "blocked", "noisy", "raw", "two", "polled_tp", "noisy_tp", "two_tp", "records"):
    t(f"{section}: guest time is that of the exits", lambda s=section: guest_time(s))
# 120,000,000 loops of two instructions
t("busy: the guest computed for as long as its instructions take", lambda: all_of(
    ("guest", rows("busy")[0]["guest_ns"], 240_000_000, 241_000_000)))
t("busy: all port writes are I/O, in KVM and in user space, and nothing halts", lambda: all_of(
    ("KVM", kvm(rows("busy")[0], "io"), 180 * 1 * US, 180 * 10 * US),
    ("VMM", vmm(rows("busy")[0], "io"), 180 * 500, 180 * 5 * US),
    ("blocked", rows("busy")[0]["blocked_ns"], 0, 0)))
for section in ("polled", "long", "blocked", "polled_tp"):
    t(f"{section}: polling and blocking are KVM's own", lambda s=section: halts(s))
for section in ("polled", "polled_tp"):
    t(f"{section}: nearly all of the halts' 40 ms were polled", lambda s=section: all_of(
        ("polling", rows(s)[0]["halt_poll_ns"], 30_000_000, 40_000_000)))
t("blocked: without polling nothing is polled, and the halts' 40 ms are blocked", lambda: all_of(
    ("polling", rows("blocked")[0]["halt_poll_ns"] or 0, 0, 0),
    ("blocked", rows("blocked")[0]["blocked_ns"], 30_000_000, 40_000_000)))
for section in ("two", "two_tp"):
    t(f"{section}: each waited while the other one ran", lambda s=section: all_of(
        ("first", rows(s)[0]["run_queue_ns"], 100_000_000, 150_000_000),
        ("second", rows(s)[1]["run_queue_ns"], 100_000_000, 150_000_000)))
for section in ("noisy", "noisy_tp"):
    t(f"{section}: interrupts of the host are there, and not in the guest's time", lambda s=section: all_of(
        ("interrupts", rows(s)[0]["host_interrupt_ns"], 1_000_000, 10_000_000),
        # By records the way to a program and back is longer: that of the entry is in the guest.
        ("guest", rows(s)[0]["guest_ns"], 100_000_000, 103_000_000 if "_tp" in s else 102_000_000)))
t("stopped: a stopped VMM sleeps, and is not blocked", lambda: all_of(
    ("asleep", rows("stopped")[0]["sleep_ns"], 290_000_000, 350_000_000),
    ("blocked", rows("stopped")[0]["blocked_ns"], 0, 0)))
t("traced: the same events, added up from ftrace, give the same times", traced)
t("intervals: their sums are the total", intervals)
t("intervals: each of them closes", steps_close)
t("raw: the other rung gives the same", lambda: js("raw")["probes"] and
  {"name": "sched_switch", "rung": "raw_tp"} in js("raw")["probes"])
for section in ("polled_tp", "noisy_tp", "two_tp", "records"):
    t(f"{section}: all of it is by trace records", lambda s=section: {p["rung"] for p in js(s)["probes"]} == {"tp"} and
      {"kvm_entry", "kvm_fpu", "sched_switch", "sched_wakeup", "softirq_entry"} <= {p["name"] for p in js(s)["probes"]})
t("records: without struct kvm_vcpu polling cannot be told, and the output says why", lambda: all(
  r["halt_poll_ns"] is None and "no record says" in r["halt_poll_why"] and kvm(r, "halt") > 5_000_000
  for r in rows("records")) and "POLL: n/a (rung tp: no record says how long KVM polled" in
  parts["records_text", "out"])
t("least: three capabilities instead of root are enough", lambda: closes("least"))
t("least: without the BTF of modules, that of the scheduler is still used", lambda: all(
  {"name": p, "rung": r} in js("least")["probes"] for p, r in (("kvm_entry", "raw_tp"), ("sched_switch", "tp_btf"))))
t("table: below 80 columns, with a residual", lambda: "RESID" in parts["table", "out"] and max(
  len(x) for x in parts["table", "out"].split("\n") if not x.startswith(("@guest", "probes:"))) < 80)
print(f"1..{n}")
sys.exit(failed > 0)
