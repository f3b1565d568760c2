# SPDX-License-Identifier: GPL-2.0
"""Judges what iocores-emulated.sh has recorded. Prints TAP."""
import csv
import io
import json
import re
import sys

text = open(sys.argv[1], errors="replace").read()
parts = {(m[1], m[2]): m[3] for m in
         re.finditer(r"^@@ (\w+) (out|err|rc|before|after)\n(.*?)(?=^@@ )", text, re.M | re.S)}
n = failed = 0
TIMES = ("useful_ns", "poll_ns", "other_ns", "wait_ns", "blocked_ns", "idle_ns")


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
                print(f"  {key}: {value[-3000:]}", file=sys.stderr)
    print(("ok" if ok else "not ok"), n, "-", name)


def rc(section):
    return int(parts[section, "rc"])


def js(section):
    body = parts[section, "out"]
    return json.JSONDecoder().raw_decode(body[body.index("{"):])[0]["io_cores"]


def last_line(section):
    return int(parts[section, "out"].strip().split("\n")[-1])


class Facts:
    """Counters that have nothing to do with exitlab, before or after."""

    def __init__(self, body):
        self.worker, self.vm, self.sched, self.irq, self.bar = {}, {}, {}, {}, {}
        self.works, self.mmio, self.switch, self.threads = {}, {}, {}, {}
        for line in body.split("\n"):
            w = line.split()
            if len(w) < 4:
                continue
            if line.startswith("worker "):
                g = int(w[1])
                self.worker[g], self.vm[g] = int(w[2]), int(w[4])
                self.sched[g] = [int(x) for x in w[6:9]]
            elif line.startswith("interrupts "):
                self.irq[int(w[1])] = self.irq.get(int(w[1]), 0) + int(w[3])
            elif line.startswith("bar "):
                self.bar.setdefault(int(w[1]), []).append((int(w[2], 16), int(w[3], 16)))
            elif line.startswith("works "):
                pid = int(re.search(r"common_pid: +(\d+)", line)[1])
                self.works[pid, w[1]] = int(re.search(r"hitcount: +(\d+)", line)[1])
            elif line.startswith("mmio "):
                self.mmio[int(re.search(r"common_pid: +(\d+)", line)[1]),
                          int(re.search(r"gpa: +(\w+)", line)[1], 16)] = \
                    int(re.search(r"hitcount: +(\d+)", line)[1])
            elif line.startswith("threads "):
                self.threads[int(w[1])] = {int(x) for x in w[2:]}
            elif line.startswith("switch "):
                self.switch[int(re.search(r"next_pid: +(\d+)", line)[1])] = \
                    int(re.search(r"hitcount: +(\d+)", line)[1])

    def doorbells(self, g):
        return sum(v for (tid, gpa), v in self.mmio.items() if tid in self.threads[g] and
                   any(lo <= gpa <= hi for lo, hi in self.bar[g] if lo))


class Window:
    def __init__(self, section):
        self.b, self.a = Facts(parts[section, "before"]), Facts(parts[section, "after"])
        self.o = js(section)

    def row(self, g):
        return next(w for w in self.o["workers"] if w["tid"] == self.a.worker[g])

    def works(self, g):
        return {f: v - self.b.works.get((p, f), 0) for (p, f), v in self.a.works.items()
                if p == self.a.worker[g] and v > self.b.works.get((p, f), 0)}

    def kicks(self, g):
        return self.a.doorbells(g) - self.b.doorbells(g)

    def interrupts(self, g):
        return self.a.irq[g] - self.b.irq[g]

    def switches(self, g):
        w = self.a.worker[g]
        return self.a.switch.get(w, 0) - self.b.switch.get(w, 0)

    def schedstat(self, g):
        return [x - y for x, y in zip(self.a.sched[g], self.b.sched[g])]


def closes(w):
    return w["residual_ns"] == 0 and sum(w[k] or 0 for k in TIMES) == w["wall_ns"] and \
        sum(c["on_cpu_ns"] for c in w["cpus"]) == w["on_cpu_ns"]


def time_fits(win, g):
    """
    On-CPU and waiting time are the scheduler's own, but for this: it reads its clock when it begins
    to switch, we at its tracepoint, behind the hist trigger, and after a wake-up it does not read it
    again (rq_clock_skip_update): it calls running what is still the way out of idle. Hundreds of
    instructions (ns) each.
    """
    w, (run, wait, times) = win.row(g), win.schedstat(g)
    print(f"  on CPU {w['on_cpu_ns']} schedstat {run}; wait {w['wait_ns']} schedstat {wait}; "
          f"{w['switches']} switches, {times}", file=sys.stderr)
    return w["switches"] == times == win.switches(g) and times > 0 and \
        abs(w["on_cpu_ns"] + w["wait_ns"] - run - wait) <= 2500 * times and \
        abs(w["on_cpu_ns"] - run) <= 3000 * times + run // 20


def counts_fit(win, g, requests):
    w = win.row(g)
    print(f"  works {w['works_by_function']} kprobes {win.works(g)}; kicks {w['kicks']} doorbells "
          f"{win.kicks(g)}; replies {w['replies']} interrupts {win.interrupts(g)}; "
          f"buffers {w['buffers']}", file=sys.stderr)
    return w["works_by_function"] == win.works(g) and w["works"] == sum(win.works(g).values()) and \
        w["kicks"] == win.kicks(g) >= requests and w["replies"] == win.interrupts(g) >= requests


t("late: without vhost nothing is attached", lambda: last_line("late") == 0)
t("late: a vhost that is loaded later is traced or named", lambda: rc("late") in (0, 4) and
  "vhost was loaded after tracing began" in js("late")["traced_why"] and js("late")["workers"] == [])
t("early: with vhost the programs are attached before there is a worker", lambda:
  last_line("early") >= 4)
t("early: a worker that starts later is noticed, and its account closes", lambda:
  len(js("early")["workers"]) == 1 and closes(js("early")["workers"][0]) and
  js("early")["workers"][0]["vm"] == "g0" and js("early")["workers"][0]["works"] > 0)
t("after: nothing stays attached", lambda: last_line("after") == 0)

def prom(section, family, labels=""):
    return sum(float(m[1]) for m in re.finditer(rf"^{family}(?:{{[^}}]*{labels}[^}}]*}})? (\S+)$",
                                                parts[section, "out"], re.M))


t("waiting: an exporter without a KVM says that it waits, and that it is not up", lambda:
  "No such file" in parts["waiting", "err"] and "waiting for it" in parts["waiting", "err"] and
  "\nexitlab_up 0\n" in parts["waiting", "out"])
t("came: it traces a KVM and a vhost that are loaded later, by starting anew", lambda: rc("came") == 0 and
  prom("came", "exitlab_up") == 1 and prom("came", "exitlab_exits_total", 'vm="g0"') > 1000 and
  # Looked at one after the other, while the guest goes on.
  abs(prom("came", "exitlab_exits_total", 'vm="g0"') - prom("came", "exitlab_kvm_exits_total", 'vm="g0"')) < 200 and
  prom("came", "exitlab_iocore_works_total", 'vm="g0"') > 0 and
  prom("came", "exitlab_tracer_restarts_total") >= 1)
t("rr: 499 requests: works, kicks and replies are those of kprobes, doorbells and the guest",
  lambda: rc("rr") == 0 and counts_fit(Window("rr"), 0, 499))
t("rr: a request and its answer are two buffers", lambda: Window("rr").row(0)["buffers"] == 998)
t("rr: switches, on-CPU time and run-queue wait are the scheduler's", lambda:
  time_fits(Window("rr"), 0))
t("rr: useful, polling, other, wait, blocked and idle time are wall time, on each CPU and in sum",
  lambda: all(closes(w) and w["unmatched"] == 0 for w in js("rr")["workers"]))
t("rr: it worked, did not poll, and ran on the CPU it was pinned to", lambda:
  2 * Window("rr").row(0)["useful_ns"] > Window("rr").row(0)["other_ns"] > 0 and  # about half and half
  Window("rr").row(0)["poll_ns"] == 0 and
  [c["cpu"] for c in Window("rr").row(0)["cpus"]] == [1])
t("rr: the other guest's worker is there and idle", lambda:
  [w["vm"] for w in js("rr")["workers"]] == ["g0", "g1"] and
  next(w for w in js("rr")["workers"] if w["vm"] == "g1")["kicks"] == 0)
t("rr: no kick is of nobody, nothing is lost", lambda:
  js("rr")["lost_kicks"] == js("rr")["no_room"] == 0)
t("rr: workers are what this kernel makes them", lambda: all(
  w["kind"] == ("thread of the VMM" if w["tid"] != w["pid"] and
                re.search(r"^@@ kernel 6\.(?!1\.)", text, re.M) else "kernel thread")
  for w in js("rr")["workers"]))

t("two: each guest's counts are its own worker's", lambda: rc("two") == 0 and
  counts_fit(Window("two"), 0, 211) and Window("two").row(1)["replies"] > 0 and
  Window("two").row(0)["pid"] == Window("two").a.vm[0] and
  Window("two").row(1)["pid"] == Window("two").a.vm[1])
t("two: works of a worker that polls are those of kprobes, kicks its doorbells", lambda:
  Window("two").row(1)["works_by_function"] == Window("two").works(1) and
  Window("two").row(1)["kicks"] == Window("two").kicks(1) and
  Window("two").row(1)["replies"] == Window("two").interrupts(1))
t("two: the one that is told to poll does", lambda: Window("two").row(1)["poll_ns"] > 0 and
  Window("two").row(0)["poll_ns"] == 0)
t("two: times of both are the scheduler's, and close", lambda: time_fits(Window("two"), 0) and
  time_fits(Window("two"), 1) and all(closes(w) for w in js("two")["workers"]))

t("table: has the worker, its VM and rates, less than 80 columns wide", lambda:
  max(len(line) for line in parts["table", "out"].split("\n")
      if not line.startswith("probes:")) < 80 and
  re.search(r"^ *\d+ g0 +1 +[\d.]+ +0\.0 +[\d.]+ +[\d.]+ +[\d.]+ +\d+ +\d+ +\d+$",
            parts["table", "out"], re.M) and "residual 0.000 %" in parts["table", "out"])


def rows(metric, total):
    body = parts["csv", "out"]
    return sum(int(r["value"]) for r in csv.DictReader(io.StringIO(body[body.index("time,"):]))
               if r["metric"] == metric and (r["interval"] == "total") == total and
               "cpu" not in r["detail"])


t("csv: intervals add up to the total, in every metric", lambda: all(
  rows(m, True) == rows(m, False) for m in ("iocore_works", "iocore_kicks", "iocore_replies",
                                            "iocore_wakeups", "iocore_buffers")) and
  rows("iocore_works", True) > 0 and
  all(abs(rows(m, True) - rows(m, False)) <= 1000
      for m in ("iocore_useful_ns", "iocore_other_ns", "iocore_wait_ns")))
def by(section):
    """How the scheduler's events are attached."""
    body = parts[section, "out"]
    return {p["name"]: p["rung"] for p in json.JSONDecoder().raw_decode(body[body.index("{"):])[0]["probes"]}


for s, rung in (("raw", "raw_tp"), ("tp", "tp")):
    t(f"{s}: forced, the scheduler's events are by {rung}, functions by fentry", lambda: all(
      by(s)[p] == rung for p in ("sched_switch", "sched_wakeup")) and by(s)["vhost_poll_wakeup"] == "fentry")
    t(f"{s}: works, kicks and replies are the same", lambda: rc(s) == 0 and counts_fit(Window(s), 0, 211))
    t(f"{s}: and so are switches and times, which close", lambda: time_fits(Window(s), 0) and
      all(closes(w) and w["unmatched"] == 0 for w in js(s)["workers"]))
t("tp: of both guests, one of which is polled for", lambda: time_fits(Window("tp"), 1) and
  Window("tp").row(1)["works_by_function"] == Window("tp").works(1) and
  Window("tp").row(1)["kicks"] == Window("tp").kicks(1) and Window("tp").row(1)["poll_ns"] > 0)
t("nofentry: without programs on functions there is the scheduler's account, and a reason", lambda:
  rc("nofentry") == 0 and all(closes(w) and w["useful_ns"] is None and w["works"] is None and
                              w["kicks"] is None and "NO_FENTRY" in w["works_why"]
                              for w in js("nofentry")["workers"]) and time_fits(Window("nofentry"), 0))
t("onevm: -p shows the workers of that VM alone", lambda:
  [w["vm"] for w in js("onevm")["workers"]] == ["g1"])
t("ends: a worker that ends is shown, and its account closes", lambda:
  sorted((w["vm"], w["ended"]) for w in js("ends")["workers"])[0] == ("g0", False) and
  [w["ended"] for w in js("ends")["workers"]].count(True) == 1 and
  all(closes(w) for w in js("ends")["workers"]))
t("endstp: by records, too, workers that end are shown, and all accounts close", lambda:
  [w["ended"] for w in js("endstp")["workers"]] == [True, True] and by("endstp")["sched_switch"] == "tp" and
  all(closes(w) and w["idle_ns"] > 0 for w in js("endstp")["workers"]))
t("left: no program is left", lambda: "switch_" not in parts["left", "out"] and
  "all done" in text)
print(f"1..{n}")
sys.exit(failed > 0)
