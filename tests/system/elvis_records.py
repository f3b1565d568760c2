# SPDX-License-Identifier: GPL-2.0
"""What elvis.py and elvis-block.py share: records of runs, what is read from their windows, and TAP."""
import glob
import json

results = []


def load(top):
    """{(scenario's folder, configuration, workload): (record, window)} of TOP/SCENARIO/POINT.json."""
    out = {}
    for path in glob.glob(top + "/*/*.json"):
        r = json.load(open(path))
        for w in r["windows"]:
            out[path.split("/")[-2], r["point"]["configuration"]["name"], w["workload"]] = r, w
    return out


def t(name, ok):
    try:
        ok = ok()
    except (KeyError, IndexError, TypeError, ZeroDivisionError, ValueError) as e:
        print(f"# {name}: {e!r}")
        ok = False
    results.append(bool(ok))
    print(f"{'ok' if ok else 'not ok'} {len(results)} - {name}")


def exits(w, *names):
    return sum(e["count"] for vm in w["tracer"]["vms"] for v in vm["vcpus"] for e in v["reasons"]
               if e["name"] in names)


def signal(w, name):
    return w["counters"]["signals"][name]


def queues(w, key):
    """The sum over the queues of all sidecores."""
    return sum(q[key] for q in w["counters"]["sidecores"]["queues"])


def agrees(w):
    """The tracer's exits are KVM's."""
    return w["checks"] and all(c["difference"] == 0 for c in w["checks"])


def end():
    """The plan; the exit status."""
    print(f"1..{len(results)}")
    return not all(results)
