# SPDX-License-Identifier: GPL-2.0
"""A strict reader of Prometheus' text format 0.0.4, for tests: anything doubtful is an error."""
import re
import sys

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"')
NUMBER = re.compile(r"-?(?:[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)$|\+Inf$|-Inf$|NaN$")


def fail(line, why):
    raise ValueError(f"{why}: {line!r}")


def labels(text, line):
    out, at = {}, 0
    while at < len(text):
        m = LABEL.match(text, at)
        if not m:
            fail(line, "label")
        if m[1] in out or m[1].startswith("__"):
            fail(line, "label name")
        out[m[1]] = re.sub(r"\\(.)", lambda e: "\n" if e[1] == "n" else e[1], m[2])
        at = m.end()
        if at < len(text):
            if text[at] != ",":
                fail(line, "comma")
            at += 1
            if at == len(text):
                fail(line, "comma at the end")
    return out


def check_histogram(name, samples):
    series = {}
    for sample, lab, value in samples:
        key = tuple(sorted((k, v) for k, v in lab.items() if k != "le"))
        series.setdefault(key, {"buckets": []})
        if sample == name + "_bucket":
            series[key]["buckets"].append((float(lab["le"]), value))
        elif sample in (name + "_sum", name + "_count"):
            series[key][sample[len(name):]] = value
        else:
            fail(sample, "sample of a histogram")
    for key, s in series.items():
        b = s["buckets"]
        if b != sorted(b) or len({le for le, _ in b}) != len(b):
            fail(key, "buckets out of order")
        if any(x[1] > y[1] for x, y in zip(b, b[1:])):
            fail(key, "buckets not cumulative")
        if b[-1][0] != float("inf") or b[-1][1] != s["_count"]:
            fail(key, "+Inf is not the count")
        if s["_sum"] < 0 or (s["_count"] == 0) != (s["_sum"] == 0):
            fail(key, "sum")


def parse(text):
    """{family: {"type": t, "samples": [(name, labels, value)]}}; raises ValueError."""
    if not text.endswith("\n") or "\r" in text:
        fail(text[-20:], "does not end with a line feed")
    families, current, seen, helped = {}, None, set(), None
    for line in text[:-1].split("\n"):
        if line.startswith("# HELP "):
            m = re.match(rf"# HELP ({NAME}) (.+)$", line)
            if not m or m[1] in families:
                fail(line, "HELP")
            helped = m[1]
        elif line.startswith("# TYPE "):
            m = re.match(rf"# TYPE ({NAME}) (counter|gauge|histogram|summary|untyped)$", line)
            if not m or m[1] != helped or m[1] in families:
                fail(line, "TYPE")
            current = m[1]
            families[current] = {"type": m[2], "samples": []}
            if m[2] == "counter" and not current.endswith("_total"):
                fail(line, "a counter's name")
        else:
            m = re.match(rf"({NAME})(?:\{{(.*)\}})? (\S+)$", line)
            if not m or not NUMBER.match(m[3]):
                fail(line, "sample")
            lab = labels(m[2] or "", line)
            f = families.get(current)
            base = re.sub(r"_(bucket|sum|count)$", "", m[1]) if f and f["type"] == "histogram" else m[1]
            if f is None or base != current:
                fail(line, "sample outside of its family")
            key = (m[1], tuple(sorted(lab.items())))
            if key in seen:
                fail(line, "twice")
            seen.add(key)
            value = float(m[3])
            if f["type"] == "counter" and value < 0:
                fail(line, "negative")
            f["samples"].append((m[1], lab, value))
    for name, f in families.items():
        if f["type"] == "histogram" and f["samples"]:
            check_histogram(name, f["samples"])
    return families


def value(families, name, **want):
    """Sum of the samples with these labels; None if there is none."""
    got = [v for f in families.values() for n, lab, v in f["samples"]
           if n == name and all(lab.get(k) == w for k, w in want.items())]
    return sum(got) if got else None


if __name__ == "__main__":
    try:
        parse(sys.stdin.read())
    except ValueError as e:
        sys.exit(f"not Prometheus text: {e}")
