# SPDX-License-Identifier: GPL-2.0
"""Puts the parts of the benchmark together: prints ratios, writes bench.csv, bench.dat and bench.gp.

The floor that a row is compared with is a per-CPU counter in programs of the same two types: both
tp_btf for exitlab's default, tp_btf and a classic tracepoint where the exit is by tp.
usage: report.py FOLDER
"""
import csv
import json
import os
import sys

folder = sys.argv[1]
SAME = {"exitlab_tp": "floor2", "floor1": "floor2", "floor2": "floor2"}
COLUMNS = ["part", "unit", "method", "title", "min", "median", "added", "spread", "x_floor2_same_types",
           "x_floor2_tp_btf", "x_floor2_with_tp", "of_perf_record", "why_not"]


def load(name):
    path = os.path.join(folder, name)
    return json.load(open(path)) if os.path.exists(path) else None


def ratio(a, b):
    return a / b if a is not None and b and b > 0 else None


def rows_of(part, unit, o):
    by = {r["name"]: r for r in o["rows"]}

    def added(name):
        return by[name].get("added_median_ns") if name in by else None

    for r in o["rows"]:
        n = r["name"]
        a = added(n) if not n.startswith("nothing") else None
        yield {"part": part, "unit": unit, "method": n, "title": r.get("title", n),
               "min": r["min_ns"], "median": r.get("median_ns"), "added": a if r["min_ns"] else None,
               "spread": r.get("added_spread_ns"),
               "x_floor2_same_types": ratio(a, added(SAME.get(n, "floor2_btf"))),
               "x_floor2_tp_btf": ratio(a, added("floor2_btf")),
               "x_floor2_with_tp": ratio(a, added("floor2")),
               "of_perf_record": ratio(a, added("perf_record")), "why_not": r.get("min_ns_why", "")}


def test_run_rows(o):
    by = {r["name"]: r["ns"] for r in o["rows"]}
    for r in o["rows"]:
        yield {"part": "test_run", "unit": "ns", "method": r["name"], "title": r["name"], "min": None,
               "median": r["ns"], "added": r["ns"] - by["empty program"], "why_not": ""}


def show(v, form="{:8.2f}"):
    return f"{'-':>8}" if v is None else form.format(v)


def table(title, rows):
    print(f"\n{title}\n{'watched by':28} {'added':>8} {'+-':>6} {'x same':>8} {'x tp_btf':>8} {'x tp':>8} {'/record':>8}")
    for r in rows:
        if r["why_not"]:
            print(f"{r['title']:28} n/a ({r['why_not']})")
        elif r["added"] is not None:
            print(f"{r['title']:28} {r['added']:8.0f} {r['spread']:6.0f} {show(r['x_floor2_same_types'])} "
                  f"{show(r['x_floor2_tp_btf'])} {show(r['x_floor2_with_tp'])} {show(r['of_perf_record'])}")


def plot(rows):
    parts = [p for p in ("native", "emulated") if any(r["part"] == p for r in rows)]
    for p in parts:
        with open(os.path.join(folder, f"{p}.dat"), "w") as f:
            mine = [r for r in rows if r["part"] == p and r["added"] is not None]
            for i, r in enumerate(reversed(mine)):
                f.write(f"{i}\t{r['added']:.1f}\t{r['spread']:.1f}\t\"{r['title']}\"\n")
    with open(os.path.join(folder, "bench.gp"), "w") as f:
        for term, end in (("svg size 900,{h} noenhanced font 'DejaVu Sans,12'", "svg"),
                          ("pngcairo size 900,{h} noenhanced font 'DejaVu Sans,10'", "png")):
            f.write(f"set terminal {term.format(h=480 * len(parts))}\nset output '{folder}/bench.{end}'\n"
                    f"set multiplot layout {len(parts)},1\nset style fill solid 0.7\nset boxwidth 0.4\n"
                    "unset key\nset grid x\nset lmargin 32\nset yrange [-0.7:]\n")
            for p in parts:
                unit = next(r["unit"] for r in rows if r["part"] == p)
                title = "On this machine" if p == "native" else "In the emulated machine"
                f.write(f"set title '{title}: added per exit and entry'\nset xlabel '{unit}'\n"
                        "set xrange [0:*]\n"
                        f"plot '{folder}/{p}.dat' using ($2/2):1:($2/2):(0.35):ytic(4) with boxxyerror lc rgb '#4477aa'\n")
            f.write("unset multiplot\nunset output\n")


rows = []
native, test_run, emulated = load("native.json"), load("test_run.json"), load("emulated.json")
rows += rows_of("native", "ns of CPU time", native)
what = "kvm_emulate_insn stands for an exit and an entry" if native["stand_in"] else "kvm_entry and kvm_exit"
table(f"(i) {native['cpu']}, Linux {native['kernel']}: ns of CPU time\n    {what}", rows)
t = list(test_run_rows(test_run))
rows += t
print("\n(ii) BPF_PROG_TEST_RUN, ns by the kernel's statistics, which an empty program shows the cost of")
for r in t:
    print(f"{r['title']:28} {r['median']:8.0f}")
if emulated:
    e = list(rows_of("emulated", "instructions", emulated))
    rows += e
    table(f"(iii) emulated AMD SVM, Linux {emulated['kernel']}: instructions, the same in every run", e)
else:
    print("\n(iii) n/a (" + open(os.path.join(folder, "emulated.why")).read().strip() + ")")
print("\nx same: of a per-CPU counter in programs of the same two types; x tp_btf, x tp: with the exit by\n"
      "that type; /record: of perf record in the same run.")
with open(os.path.join(folder, "bench.csv"), "w", newline="") as f:
    w = csv.DictWriter(f, COLUMNS, lineterminator="\n")
    w.writeheader()
    w.writerows({k: "" if v is None else round(v, 3) if isinstance(v, float) else v for k, v in r.items()}
                for r in rows)
plot(rows)
