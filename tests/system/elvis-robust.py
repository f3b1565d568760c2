# SPDX-License-Identifier: GPL-2.0
"""Judges the log of tests/system/elvis-robust.sh. Prints TAP."""
import json
import re
import sys

from l1 import Log

log = Log(sys.argv[1])
parts = sys.argv[2].split()
t = log.t


def nums(section, part="out"):
    return {k: int(v) for k, v in re.findall(r"^(\w+)=(\d+)$", log.parts[section, part], re.M)}


def whole(section, count, more=True):
    """Everything arrived once, in order, unharmed."""
    r = nums(section)
    return r["acked"] == r["received"] == count and more and \
        not any(r[k] for k in ("bad", "reordered", "lost", "broken", "died"))


def undisturbed(section):
    r = nums(section, "more")
    return r["back_runs"] == r["back_all"] > 0 and r["back_wrong"] == 0


# What depends on how far the device got before it met the error: not how much, but whether.
def attacks(section):
    return {m[0]: (int(m[1]), int(m[2]) > 0) for m in
            re.findall(r"^(\w+)=(\d) (-?\d+)$", log.out(section), re.M)}


t("loaded: the modules are those with sidecores", lambda: "auto" in log.out("loaded"))
if "parity" in parts:
    t("stock_evil: every attack was made on the stock module", lambda: len(attacks("stock_evil")) == 40)
    t("stock_evil: most make it signal an error",
      lambda: sum(e for e, used in attacks("stock_evil").values()) >= 24)
    for s in ("pair", "stream"):
        t(f"none_{s}: without sidecores all packets arrive",
          lambda: whole(f"none_{s}", 300 if s == "pair" else 1000))
    t("none_pair: kicks and signals are as many as with the stock module", lambda: all(
        abs(nums("none_pair")[k] - nums("stock_pair")[k]) <= 6 for k in ("kicks", "signals")))
    t("none_log: the same pages are logged as dirty", lambda: nums("none_log") == nums("stock_log"))
    t("none_evil: malicious rings end as with the stock module",
      lambda: attacks("none_evil") == attacks("stock_evil"))
    t("none_cores: there is no sidecore", lambda: log.more("none_cores")["cores"] == 0)
if "kernel" in parts:
    for s in ("stock_kernel", "none_kernel", "kernel_off", "kernel_auto", "kernel_on"):
        t(f"{s}: the kernel's own test of vhost-net passes, three ways of it", lambda: log.rc(s) == 0 and
          len(re.findall(r"^[RT]X .* started=0xbb8 completed=0xbb8$", log.out(s), re.M)) == 6)
if "evil" in parts:
    for mode in ("off", "auto", "on"):
        if "parity" in parts:
            t(f"evil_{mode}: malicious rings end as with the stock module",
              lambda: attacks(f"evil_{mode}") == attacks("stock_evil"))
            # Where polling ends the queue asks for kicks again, which is a write to its ring of its own.
            t(f"log_{mode}: the same pages are logged as dirty", lambda: all(
                v == nums("stock_log")[k] or k == "pages" and 0 <= v - nums("stock_log")[k] <= 2
                for k, v in nums(f"log_{mode}").items()))
        t(f"evil_back_{mode}: another device on the same sidecore is unharmed",
          lambda: undisturbed(f"evil_back_{mode}"))
if "actions" in parts:
    for mode in ("off", "on"):
        for a, every in [(a, 40) for a in "addr move stop base reset rip fds log".split()]:
            t(f"act_{a}_{mode}: every packet arrives once and in order",
              lambda: whole(f"act_{a}_{mode}", 1500, nums(f"act_{a}_{mode}")["actions"] == 1500 // every))
        t(f"act_plain_{mode}: likewise without event_idx", lambda: whole(f"act_plain_{mode}", 1500))
        t(f"act_none_{mode}: and without changes", lambda: whole(f"act_none_{mode}", 1500))
    t("act_none_on: polling saves kicks",
      lambda: nums("act_none_on")["kicks"] * 20 < nums("act_none_off")["kicks"])
if "kill" in parts:
    for how in ("process_on", "vm_auto"):
        s, k = f"kill_{how}", f"killed_{how}"
        t(f"{s}: all were killed, most in mid-traffic", lambda: nums(s)["by_itself"] == 0 and
          nums(s)["midway"] >= nums(s)["killed"] * 0.7 > 0 and nums(s)["bad"] == 0)
        t(f"{k}: another device is unharmed", lambda: undisturbed(k))
        t(f"{k}: no device, no queue, no thread is left", lambda: all(
            nums(k, "more")[n] == 0 for n in ("workers", "queues", "threads", "users")))
        # A device with its rings and a guest's memory are 1.2 MB; page tables and caches come and go.
        t(f"{k}: nor their memory", lambda: nums(k, "more")["kb"] < 4000 + nums(s)["killed"] * 20)
if "scsi" in parts:
    for mode in ("stock", "off", "on"):
        def blocks(section, count):
            r = nums(section)
            return r["done"] == count and not any(r[k] for k in ("lost", "bad", "errors"))
        t(f"scsi_{mode}: every block read is what was written there last", lambda: blocks(f"scsi_{mode}", 1000))
        t(f"scsi_stop_{mode}: and while the endpoint goes and comes back",
          lambda: blocks(f"scsi_stop_{mode}", 400) and nums(f"scsi_stop_{mode}")["actions"] == 20)
        if mode != "stock":
            t(f"scsi_worker_{mode}: and while its ring goes from one sidecore to another and back",
              lambda: blocks(f"scsi_worker_{mode}", 600) and nums(f"scsi_worker_{mode}")["actions"] == 30)
            t(f"scsi_queues_{mode}: a sidecore has served its rings",
              lambda: nums(f"scsi_queues_{mode}")["works"] > 0)
    def probe():
        text = log.out("scsi_probe")
        w = json.loads(text[text.index("{"):])["io_cores"]["workers"][0]
        return w["kicks"] == w["works_by_function"]["vhost_scsi_handle_kick"] == \
            nums("scsi_probe")["kicks"] > 0 and \
            0 < w["works_by_function"]["vhost_scsi_complete_cmd_work"] <= 1000
    t("scsi_probe: exitlab stat counts as many kicks, and a work for each", probe)
    t("scsi_queues_on: polled, its process does not kick", lambda: nums("scsi_queues_on")["polled"] == 1 and
      nums("scsi_on")["kicks"] * 20 < nums("scsi_off")["kicks"])
    t("scsi_queues_on: and where there is nothing to do no work is done",
      lambda: nums("scsi_queues_on")["in_vain"] < 100 and nums("scsi_queues_on")["events_polled"] == 1)
if "policy" in parts:
    for mode in ("off", "on"):
        names = ("unstuck", "stuck", "min", "max") if mode == "on" else ("unstuck", "stuck")
        m = {n: (lambda n=n: nums(f"mix_{n}_{mode}")) for n in names}
        for n in m:
            t(f"mix_{n}_{mode}: request-response is whole beside three streams",
              lambda: whole(f"mix_{n}_{mode}", 60))
            # 16 queues, each with a work for its guest and one for its tap device.
            t(f"mix_{n}_{mode}: and none of its queues waits for more visits than there are others",
              lambda: 0 < m[n]()["passed"] <= 4 * 16)
        t(f"mix_stuck_{mode}: the heuristic ends visits", lambda: m["stuck"]()["stuck"] > 0)
        t(f"mix_unstuck_{mode}: and does not where it is off", lambda: m["unstuck"]()["stuck"] == 0)
        # How much less hangs on how much there is when a visit begins: 1.1 to 9 times were seen.
        t(f"mix_stuck_{mode}: so a visit moves less", lambda: m["stuck"]()["moved"] /
          m["stuck"]()["visits"] < m["unstuck"]()["moved"] / m["unstuck"]()["visits"])
        if mode == "off":
            continue
        t(f"mix_min_{mode}: a high minimum takes that back", lambda: m["stuck"]()["stuck"] >
          m["min"]()["stuck"] * 2)
        t(f"mix_max_{mode}: a maximum ends visits", lambda: m["max"]()["limited"] >
          m["unstuck"]()["limited"])
        t(f"mix_max_{mode}: and no visit moves more than it and a packet", lambda: 0 <
          m["max"]()["moved"] / m["max"]()["visits"] <= 4000 + 1400)
    t("mix_flood: request-response is whole beside floods of small packets", lambda: whole("mix_flood", 60))
    t("mix_flood: and waits for no more visits than there are other queues",
      lambda: 0 < nums("mix_flood")["passed"] <= 4 * 16)
if "queue" in parts:
    def step(name):
        return [[int(x) for x in m] for m in
                re.findall(rf"^step {name} (\d+) (\d+) (\d+)$", log.out("queue"), re.M)]
    t("queue: none is polled at first", lambda: nums("queue")["before_polled"] == 0)
    t("queue: on: it alone is polled, and its guest does not kick",
      lambda: all(s[0] == s[1] == 1 and s[2] <= 1 for s in step("on")) and len(step("on")) == 2)
    t("queue: off and default: it is not polled, and kicked",
      lambda: all(s[0] == s[1] == 0 and s[2] > 20 for s in step("off") + step("default")) and
      len(step("default")) == 2)
    t("queue: auto: polled, as it is kicked often", lambda: step("auto")[0][:2] == [1, 1])
    t("queue: off: stands against the parameter", lambda: step("forced-off")[0][0] == 0 and
      step("forced-off")[0][1] > 0)
    t("queue: it reads back what was written", lambda: len(re.findall(
        r"^(on|off|auto|default)=\1$", log.out("queue"), re.M)) == 6)
    t("queue: what makes no sense is refused", lambda: "accepted" not in log.out("queue") +
      log.out("queue_parameter"))
if "switch" in parts:
    for i in range(1, 7):
        t(f"switch_{i}: a stream is whole while its configuration changes",
          lambda: whole(f"switch_{i}", 1500) and whole(f"switch_other_{i}", 1500))
    t("switches: it did change", lambda: log.more("switches")["switches"] > 48)
if "cores" in parts:
    def cores(n, mode):
        """The lines of sidecores while six devices were there: CPU -> number of devices"""
        return {int(c): int(w) for c, w in re.findall(r"^core cpu (\d+) .*?workers (\d+) ",
                                                      log.parts[f"cores_{n}_{mode}_0", "more"], re.M)}
    for n in (1, 2, 3):
        for mode in ("off", "on"):
            t(f"cores_{n}_{mode}_0: six devices are served by {n} threads, as many by each",
              lambda: cores(n, mode) == {c: 6 // n for c in range(1, n + 1)} and
              nums(f"cores_{n}_{mode}_0")["threads"] == n)
            for p in (0, 1, 2):
                t(f"cores_{n}_{mode}_{p}: a stream is whole, its device changed in mid-traffic",
                  lambda: whole(f"cores_{n}_{mode}_{p}", 1500,
                                nums(f"cores_{n}_{mode}_{p}")["actions"] == 1500 // 40))
if "rcu" in parts:
    t("rcu: a queue was polled", lambda: log.more("rcu")["polled"] > 0)
    t("rcu: a tracer could be removed meanwhile", lambda: log.out("rcu") == "done\n")
t("left_pair: after all that packets arrive", lambda: whole("left_pair", 300))
t("left: no device is left", lambda: log.more("left")["workers"] == 0)
t("left_threads: without sidecores no thread is left", lambda: log.more("left_threads")["threads"] == 0)
t("unload: the modules can be unloaded", lambda: log.rc("unload") == 0)
t("kernel_log: the kernel has complained of nothing", lambda: log.out("kernel_log") == "")
log.end()
