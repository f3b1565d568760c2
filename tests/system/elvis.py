# SPDX-License-Identifier: GPL-2.0
"""Judges the records of tests/system/elvis.sh. Prints TAP."""
import sys

from elvis_records import agrees, end, exits, load, queues, signal, t

for key, (_, w) in sorted(load(sys.argv[1]).items()):
    label = " ".join(key)
    t(f"{label}: all work was done, and the tracer agrees with KVM", lambda: w["work"] > 0 and agrees(w))
    if "sidecores" not in w["counters"]:
        t(f"{label}: without the parameter there are no sidecores", lambda: key[1] in
          ("baseline", "affinity", "no-interposition"))
        continue
    if key[2] == "idle":
        continue
    guests = 3 if key[0] == "mix" else 1
    side = w["counters"]["sidecores"]
    core = side["cores"][0]
    t(f"{label}: one thread serves the devices of all guests", lambda: len(side["cores"]) == 1 and
      core["workers"] == guests and len(side["queues"]) == 2 * guests)
    # It is read before the tracer is attached and after it is detached: some milliseconds more.
    t(f"{label}: its time is all accounted for", lambda: 0 <= core["work_ns"] + core["poll_ns"] +
      core["idle_ns"] - w["duration_ns"] <= 4_000_000)
    # perf counts those that reach the virtual APIC. Those that KVM posts do not (tests/system/replies.sh), but for
    # what comes to the host, and is injected then.
    eli = w["counters"].get("eli", [])
    posted = sum(e["replies_posted"] - e["replies_forwarded"] for e in eli)
    t(f"{label}: replies are those that perf counts", lambda: queues(w, "replies") == signal(w, "replies") + posted)
    t(f"{label}: kicks are those that perf counts", lambda: queues(w, "kicks") == signal(w, "kicks"))
    if guests > 1:
        t(f"{label}: it has used the memory of several owners", lambda: core["mm_switches"] > guests)
    if key[1] == "elvis":
        # Exits that replies cost are those of replies which were injected in the end: an EOI, perhaps a window.
        t(f"{label}: 95 % of the replies are posted", lambda: posted * 100 >= 95 * queues(w, "replies"))
    if key[1].startswith("elvis"):
        # What event_idx cannot prevent: one stray kick where polling of a queue begins.
        t(f"{label}: guests do not kick", lambda: signal(w, "kicks") <= w["work"] / 1000 * guests + guests)
        t(f"{label}: it finds work by polling", lambda: queues(w, "poll_works") > 0 and
          core["polls"] > core["empty_polls"] > 0 and core["poll_ns"] > 0)
        if key[2] == "rr":
            t(f"{label}: and no exit for a doorbell", lambda: exits(w, "NPF") <= w["work"] / 1000 * guests + guests)
            t(f"{label}: every request was found by polling", lambda: queues(w, "poll_works") >= w["work"])
    else:
        t(f"{label}: without polling every request is a kick", lambda: key[2] != "rr" or
          signal(w, "kicks") == exits(w, "NPF") == w["work"])
        t(f"{label}: and the thread sleeps when there is nothing to do", lambda: core["polls"] == 0 and
          core["poll_ns"] == 0 and core["idle_ns"] > 0)
sys.exit(end())
