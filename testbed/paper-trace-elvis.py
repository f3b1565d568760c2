#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# Puts the two recordings of a host's log (testbed/paper-trace-elvis.sh) on one time line: what exitlab recorded, and
# which queue the I/O core worked on. A work item is known by its address: those that ran while one guest alone had
# requests are that guest's.
#
# usage: paper-trace-elvis.py LOG NAME
import json, re, sys

LINE = re.compile(r"^\s*(\S+)-(\d+)\s+\[(\d+)\]\s+\S+\s+([\d.]+): (\w+): (.*)")


def section(text, name):
    m = re.search(r"^@@ %s\n(.*?)^@@ end$" % name, text, re.M | re.S)
    if not m:
        sys.exit("no section %s in the log" % name)
    return m.group(1).splitlines()


def work(lines, start):
    """(seconds, line) of each work item from the moment on when both guests are busy."""
    owner, alone, out, on = {}, None, [], {}
    for l in lines:
        m = LINE.match(l)
        if not m:
            continue
        tid, cpu, at, name, rest = m.group(2), m.group(3), float(m.group(4)), m.group(5), m.group(6)
        if name == "tracing_mark_write":
            words = rest.split()
            alone = words[1] if words[0] == "alone" else None
            continue
        kind, function = name.split("_", 1)
        if kind == "on":
            address = rest.split("work=")[1]
            if alone is not None:
                owner.setdefault(address, alone)
            on[cpu] = address
        if at < start:
            continue
        if cpu not in on or on[cpu] not in owner:
            sys.exit("work of nobody: " + l)
        out.append((at - start, "%.9f [%s] g%s/- %s work_%s: queue=%s" %
                    (at - start, cpu, owner[on[cpu]], tid, kind, "tx" if "tx" in function else "rx")))
    return out


def main():
    with open(sys.argv[1], errors="replace") as f:
        text = f.read()
    name = sys.argv[2]
    start = json.loads(section(text, name + " header")[0])["start_ns"] / 1e9
    lines = work(section(text, name + " work"), start)
    for l in section(text, name + " record"):
        if re.match(r"^\d+\.\d+ \[", l):
            lines.append((float(l.split()[0]), l))
    lines.sort(key=lambda l: l[0])
    # Half a millisecond from when both guests have work, and before that where each vCPU is.
    seen, before = {}, {}
    for at, l in lines:
        if " work_on:" in l:
            seen.setdefault(l.split()[2], at)
    if len(seen) < 2:
        sys.exit("%s: work of %d guests, not of two" % (name, len(seen)))
    began = max(seen.values()) - 0.0001
    piece = []
    for at, l in lines:
        if at < began and ("kvm_entry" in l or "kvm_exit" in l):
            before[l.split()[2]] = l
        elif began <= at <= began + 0.0005 and "vector=236" not in l and "kvm_msr" not in l:
            piece.append(l)
    print("\n".join(sorted(before.values()) + piece))


main()
