#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# The papers' tables and figures, rebuilt from the records that are kept with the project; nothing is
# run. Prints TAP. A record that is changed must change what hangs on it, and nothing else.
import csv, glob, json, os, re, shutil, subprocess, sys, tempfile

EXITLAB = os.path.realpath("build/exitlab")
RECORDS = "plots/paper/records"
number = 0


def test(ok, name, more=""):
    global number
    number += 1
    print("%s %d - %s" % ("ok" if ok else "not ok", number, name))
    if not ok:
        print(more, file=sys.stderr)


def run(*args):
    p = subprocess.run([EXITLAB, "-q", *args], capture_output=True, text=True)
    return p.returncode, p.stdout, p.stderr


def paper(out, *args):
    rc, _, err = run("paper", "-o", out, *args)
    return rc, err


def rows(out):
    with open(out + "/values.csv", newline="") as f:
        return list(csv.DictReader(f))


def key(r):
    return (r["item"], r["panel"], r["configuration"], r["x"], r["metric"])


def content(out):
    """All files but pictures, whose bytes belong to the version of gnuplot, and what embeds them."""
    found = {}
    for d, _, files in os.walk(out):
        for n in files:
            if n.endswith((".csv", ".txt", ".dat", ".gp")):
                with open(os.path.join(d, n), "rb") as f:
                    found[os.path.relpath(os.path.join(d, n), out)] = f.read()
    return found


def changed(work, name, change):
    """A copy of the records with change(record) done to all of them."""
    copy = "%s/%s-records" % (work, name)
    shutil.copytree(RECORDS, copy)
    for path in glob.glob(copy + "/*/*.json"):
        with open(path) as f:
            r = json.load(f)
        change(r)
        with open(path, "w") as f:
            json.dump(r, f)
    return copy


def fewer_interrupts(r):
    if r["point"]["configuration"]["name"] == "baseline":
        for w in r["windows"]:
            w["counters"]["guest"]["nic_interrupts"] //= 2


def other_prices(costs, factor):
    def change(r):
        r["point"]["mode"], r["point"]["costs"] = "timed", costs
        for w in r["windows"]:
            w["duration_ns"] *= factor
            for k, v in w["result"].items():
                if k.endswith("_ns"):
                    w["result"][k] = v * factor
    return change


def whole(work):
    a, b = work + "/a", work + "/b"
    rc, err = paper(a, RECORDS)
    test(rc == 0 and not err, "everything is rebuilt from the records of the project", err)
    items = [l.split()[0] for l in run("paper", "--list")[1].splitlines()]
    lacking = [i for i in items for e in (".csv", ".txt") if not os.path.getsize("%s/%s%s" % (a, i, e))]
    drawn = [os.path.basename(p)[:-3] for p in glob.glob(a + "/*.gp")]
    lacking += [i for i in drawn for e in (".svg", ".png") if not os.path.getsize("%s/%s%s" % (a, i, e))]
    test(len(items) > 20 and len(drawn) > 15 and not lacking, "each item has its table, each figure its pictures", lacking)
    with open(a + "/eli-fig1-timeline.dat") as f:
        blocks = f.read().split("\n\n\n")
    host = [b.count("\n", b.index('""')) for b in blocks if ": host, " in b]
    marks = [b for b in blocks if b.startswith("# marks")]
    test(len(host) == 3 and host[0] > host[1] > host[2] == 0 and "inject vector=40" in marks[0] and
         "inject" not in marks[1] and "EOI vector=40" in marks[1],
         "the schematics from traces: stays in the host become fewer, injection goes, then completion", host)
    def lane(item, panel, name):
        """Spans of a lane of a schematic: from, to, label."""
        with open("%s/%s-timeline.dat" % (a, item)) as f:
            found = [b for b in f.read().split("\n\n\n") if re.match("# .*: %s, " % name, b)]
        return re.findall(r'^([\d.]+) ([\d.]+) "(.+)"', found[panel], re.M)
    test(not lane("elvis-fig1", 0, "host") and {"g0 rx", "g0 tx"} <= {s[2] for s in lane("elvis-fig1", 0, "I/O core")} and
         {"NPF", "INTR", "MSR"} == {s[2] for s in lane("elvis-fig2", 0, "host")},
         "ELVIS: the guest is not left while its queues are worked on; without it kick, reply and completion leave it")
    visits = [sorted([(float(s[0]), float(s[1]), g) for g in ("g0", "g1") for s in lane("elvis-fig3", p, g)]) for p in (0, 1)]
    with open(a + "/elvis-fig3-timeline.dat") as f:
        switches = [b.count('"thread of ') for b in f.read().split("\n\n\n") if b.startswith("# marks")]
    test(all({v[2] for v in l} == {"g0", "g1"} and all(x[1] <= y[0] for x, y in zip(l, l[1:])) for l in visits) and
         switches[0] == 0 < switches[1], "several queues on one I/O core: one after the other, by threads with switches", (visits, switches))
    paper(b, RECORDS, "--no-plots")
    same = content(b)
    test(same and all(content(a)[n] == same[n] for n in same), "a second time the same numbers")
    all_rows = rows(a)
    test(all(r["ours"] or r["why"] for r in all_rows), "no value is missing without a reason")
    test(all((r["label"] in ("measured", "modelled", "instruction time")) == bool(r["ours"]) for r in all_rows),
         "every value of ours says what it is")
    with open(a + "/claims.csv", newline="") as f:
        claims = list(csv.DictReader(f))
    test(len(claims) == 246 and all(c["measured"] in ("holds", "fails") or c["why"] for c in claims) and
         any(c["measured"] == "holds" for c in claims), "each of 246 claims holds, fails, or has a reason")
    return all_rows


def mutations(work, before):
    out, ours = work + "/m", {key(r): r for r in before}
    rc, err = paper(out, "--no-plots", changed(work, "m", fewer_interrupts))
    moved = {key(r) for r in rows(out) if r["ours"] != ours[key(r)]["ours"]}
    with open(out + "/claims.csv", newline="") as f:
        exits = [c["measured_value"] for c in csv.DictReader(f) if c["id"] == "ELI-117"]
    test(rc == 0 and moved and all("Baseline" in k[2] for k in moved) and float(exits[0]) > 4,
         "with half the interrupts of the baseline its values move, no other's, and the claim's", (moved, exits))
    slow, fast = work + "/slow", work + "/fast"
    paper(slow, "--no-plots", changed(work, "slow", other_prices("x5570", 3)))
    paper(fast, "--no-plots", changed(work, "fast", other_prices("x5570", 2)))
    a, b = rows(slow), {key(r): r for r in rows(fast)}
    differ = {r["label"] for r in a if r["ours"] != b[key(r)]["ours"]}
    counts = [r for r in a if r["label"] == "measured"]
    test(differ == {"modelled"} and counts, "other prices change only what is labelled modelled", differ)
    both = work + "/both"
    paper(both, "--no-plots", changed(work, "base", other_prices("x5570", 2)), changed(work, "low", other_prices("x5570@low", 3)))
    bands = [r for r in rows(both) if r["item"] == "eli-table2" and r["metric"] == "avg_latency" and r["ours"]]
    test(bands and all(r["costs"] == "x5570" and r["band_low"] == r["ours"] and
                       abs(float(r["band_high"]) / float(r["ours"]) - 1.5) < 1e-6 for r in bands),
         "the ends of a cost set's ranges are the band of its value", bands)


def ranges(work):
    """Runs over the number of VMs, made of those with one: what is said of a range, and of guests that differ."""
    def vms(r):
        if r["scenario"]["name"] == "elvis-vms":
            r["scenario"]["name"] = "other"
        elif r["scenario"]["name"] == "elvis-rr":
            r["scenario"]["name"] = "elvis-vms"
            c = r["point"]["configuration"]
            c["name"] = {"vhost": "no-interposition"}.get(c["name"], c["name"])

    def three(r):
        vms(r)
        r["point"]["guests"]["count"] = 3
        # The third guest does something else, which has no round trips.
        for w in r["windows"]:
            if "rtt_mean_ns" in w["result"]:
                w["result"] = {"per_guest": [w["result"], w["result"], {"bytes_per_s": 1}]}

    def claim(out, name):
        with open(out + "/claims.csv", newline="") as f:
            return next(c for c in csv.DictReader(f) if c["id"] == name)

    def latency(out, x):
        return next(r["ours"] for r in rows(out) if r["panel"] == "Round trip" and r["item"] == "elvis-fig5" and
                    (r["configuration"], r["x"]) == ("ELVIS", x))
    one, more = work + "/one", work + "/more"
    a = changed(work, "one", vms)
    paper(one, "--no-plots", a)
    paper(more, "--no-plots", a, changed(work, "three", three))
    c = claim(one, "ELV-043")
    test(not c["measured_value"] and "one number of VMs only" in c["why"],
         "what is said of any number of VMs is not judged by one", c)
    test(claim(more, "ELV-043")["measured_value"], "but by two")
    test(latency(one, "1") == latency(more, "3") != "", "the mean is of the guests that have the value",
         (latency(one, "1"), latency(more, "3")))


def saturation(work, before):
    """Which N are saturated follows from the I/O core's own account of its time, and from what has no I/O core."""
    def share(all_rows):
        return next(r for r in all_rows if r["item"] == "elvis-io-core" and (r["panel"], r["configuration"], r["x"]) == ("Netperf stream", "ELVIS", "1"))

    with open(RECORDS + "/elvis-vms/elvis,guests.count=1.json") as f:
        core, = next(w for w in json.load(f)["windows"] if w["workload"] == "stream")["counters"]["sidecores"]["cores"]
    want = 100 * core["work_ns"] / (core["work_ns"] + core["poll_ns"] + core["idle_ns"])
    test(abs(float(share(before)["ours"]) / want - 1) < 1e-6, "the I/O core's share is that of its own account", share(before))

    def vms(count, work_ns):
        def change(r):
            if r["scenario"]["name"] != "elvis-vms":
                return
            c, r["point"]["guests"]["count"] = r["point"]["configuration"], count
            r["point"]["parameters"]["guests.count"] = count
            c["name"] = {"baseline": "no-interposition"}.get(c["name"], c["name"])
            for w in r["windows"]:
                w["work"] *= count
                for o in w["counters"].get("sidecores", {}).get("cores", []):
                    if work_ns is None:
                        del o["work_ns"], o["poll_ns"], o["idle_ns"]
                    else:
                        o["work_ns"], o["poll_ns"], o["idle_ns"] = work_ns, 100 - work_ns, 0
        return change

    def claim(name, *points):
        out = "%s/out-%s" % (work, name)
        paper(out, "--no-plots", *(changed(work, "%s%d" % (name, p[0]), vms(*p)) for p in points))
        with open(out + "/claims.csv", newline="") as f:
            return next(c for c in csv.DictReader(f) if c["id"] == "ELV-019")
    c = claim("unsaturated", (1, 30), (3, 60), (7, 97))
    test(c["measured_value"] and c["over"] == "unsaturated: N = 1, 3; saturated: N = 7",
         "interposition's cost is judged over N whose I/O core is not saturated", c)
    c = claim("unknown", (1, None), (3, None))
    test(not c["measured_value"] and "no account of an I/O core's time" in c["why"], "and not judged without that account", c)


def without(work):
    out = work + "/none"
    rc, err = paper(out, "--no-plots")
    test(rc == 0 and not any(r["ours"] for r in rows(out)) and any(r["printed"] for r in rows(out)) and
         all(r["why"] for r in rows(out)), "without records what is printed is there, and why ours is not", err)
    with open(out + "/report.html") as f:
        page = f.read()
    test("No records were given" in page and "<img" not in page and page.endswith("</html>\n"),
         "the report says so")
    bad = work + "/bad.json"
    with open(bad, "w") as f:
        f.write('{"schema": "exitlab-record/1"}')
    rc, err = paper(work + "/with-bad", "--no-plots", bad)
    test(rc == 2 and "bad.json: complete: not true" in err, "a file that is no record is told, and the status is 2", err)
    rc, _, err = run("paper", "--only", "eli-fig9", "-o", out)
    test(rc == 2 and "no such item" in err, "an item that does not exist is an error", err)


def explanations(work):
    """No text on a difference without its counters, and none that outlives them."""
    def claims(out):
        with open(out + "/claims.csv", newline="") as f:
            return {c["id"]: c for c in csv.DictReader(f)}

    def blocks(out):
        with open(out + "/differences.txt") as f:
            return {b.split("\n")[0]: b.split("\n")[1:] for b in f.read().strip().split("\n\n")}
    all_claims, texts = claims(work + "/a"), blocks(work + "/a")
    test(texts and all("counters: " in b[-1] and len(b[-1]) > 40 for b in texts.values()),
         "each explanation holds for the project's records, and cites counters", texts)
    fails = [c for c in all_claims.values() if c["measured"] == "fails"]
    test(fails and all(c["explained"] for c in fails) and not any(c["explained"] for c in all_claims.values() if c not in fails),
         "each claim that fails is explained, or said not to be", [c["id"] for c in fails if not c["explained"]])
    test(set(texts) >= {i for c in fails for i in c["explained"].split() if c["explained"] != "not explained yet"},
         "by explanations that there are")
    with open("plots/paper/differences.yaml") as f:
        source = f.read()
    listed = {c for l in re.findall(r"^    claims: \[(.*)\]", source, re.M) for c in l.split(", ")}
    test(listed and listed <= {c["id"] for c in fails}, "no explanation lists a claim that does not fail",
         listed - {c["id"] for c in fails})
    # A number typed into a text would rot.
    prose = re.sub(r"\{[^}]*\}", "", "".join(re.findall(r"    text:\n((?:      .*\n)+)", source)))
    typed = set(re.findall(r"(?<![\w(-])\d[\d.]*\b(?! s\b)", prose)) - {c["value"] for c in all_claims.values()}
    test(not typed, "numbers in the texts are looked up", typed)

    out = work + "/m"  # with half of the baseline's interrupts, from mutations()
    c = claims(out)["ELI-062"]
    test(c["explained"] == "not explained yet" and "this is not so" in blocks(out)["fewer-interrupts"][0],
         "an explanation whose check does not hold is withdrawn", c)
    with open(out + "/report.html") as f:
        page = f.read()
    test('id="why-fewer-interrupts"><p class="no">Not explained yet: with these records' in page and
         'why: <a href="#why-exits-are-cheaper">' in page, "the report says so, and links the others")
    paper(work + "/no-rr", "--no-plots", RECORDS + "/eli-table1")
    b = blocks(work + "/no-rr")["nothing-but-ticks"]
    test(b == ["not explained yet: no record eli-rr/eli"], "or what its record would be", b)
    printed = work + "/printed"
    shutil.copytree("plots/paper", printed, ignore=shutil.ignore_patterns("records"))
    with open(printed + "/differences.yaml", "w") as f:
        f.write(source.replace("[ELI-119]", "[ELI-919]"))
    rc, err = paper(work + "/typo", "--no-plots", "--printed", printed, RECORDS)
    test(rc == 2 and "nothing-but-ticks: there is no ELI-919" in err, "a claim that does not exist is told", err)


def user(work):
    def rename(r):
        r["scenario"]["name"] = "mine"
    mine = changed(work, "mine", rename)
    rc, out, err = run("plot", "--as", "eli-per-interrupt", "-o", work + "/own", *glob.glob(mine + "/eli-table1/*.json"))
    with open(work + "/own.dat") as f:
        data = f.read()
    with open(mine + "/eli-table1/baseline.json") as f:
        w, = [w for w in json.load(f)["windows"] if w["workload"] == "send"]
    want = sum(c["exits"] for m in w["tracer"]["vms"] for c in m["vcpus"]) / w["counters"]["guest"]["nic_interrupts"]
    drawn = [float(v) for v in re.findall(r'^"Baseline" ([0-9.]+)', data, re.M)]
    test(rc == 0 and os.path.getsize(work + "/own.png") and any(abs(v / want - 1) < 1e-3 for v in drawn),
         "plot --as draws records of a scenario of another name", err + data)
    rc, _, err = run("plot", "--as", "demo", "-o", work + "/own", mine)
    test(rc == 2 and "no such item" in err, "plot --as says when there is no such item", err)


def browser(work):
    global number
    program = next((p for p in (shutil.which("chromium"), shutil.which("google-chrome")) if p), None)
    if not program:
        number += 1
        print("ok %d - the report in a real browser # SKIP no chromium (290 MB): tests/run.sh report installs it" % number)
        return
    p = subprocess.run(["timeout", "300", sys.executable, "tests/system/report.py", program, work + "/a/report.html"],
                       capture_output=True, text=True)
    for line in p.stdout.splitlines():
        if " - " in line:
            test(line.startswith("ok"), line.split(" - ", 1)[1], p.stderr)
    if p.returncode:
        test(False, "the browser's test ends well", p.stderr)


def main():
    with tempfile.TemporaryDirectory() as work:
        before = whole(work)
        mutations(work, before)
        ranges(work)
        saturation(work, before)
        explanations(work)
        without(work)
        user(work)
        browser(work)
    print("1..%d" % number)


main()
