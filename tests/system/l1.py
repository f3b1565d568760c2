# SPDX-License-Identifier: GPL-2.0
"""What a script under l1.sh has printed, in sections, and a judge of it that prints TAP."""
import json
import re
import sys


class Log:
    def __init__(self, path):
        text = open(path, errors="replace").read()
        self.parts = {(m[1], m[2]): m[3] for m in
                      re.finditer(r"^@@ (\w+) (out|err|rc|more)\n(.*?)(?=^@@ )", text, re.M | re.S)}
        self.done = "@@ all done" in text
        self.n = self.failed = 0

    def out(self, section):
        return self.parts[section, "out"]

    def err(self, section):
        return self.parts[section, "err"]

    def rc(self, section):
        return int(self.parts[section, "rc"])

    def js(self, section):
        lines = self.out(section).split("\n")
        return json.loads("\n".join(lines[lines.index("{"):]))

    def more(self, section):
        """key=number of the part `more`"""
        return {k: int(v) for k, v in re.findall(r"^(\w+)=(\d+)$", self.parts[section, "more"], re.M)}

    def t(self, name, judge):
        """@name: "section: what is true"; @judge returns whether it is."""
        self.n += 1
        try:
            ok = judge()
        except Exception as e:  # a missing part is a failure with a reason
            ok = False
            print(f"  {type(e).__name__}: {e}", file=sys.stderr)
        if not ok:
            self.failed += 1
            for key, value in self.parts.items():
                if key[0] == name.split(":")[0]:
                    print(f"  {key}: {value[-1500:]}", file=sys.stderr)
        print(("ok" if ok else "not ok"), self.n, "-", name)

    def end(self):
        self.t("the script ran to its end", lambda: self.done)
        print(f"1..{self.n}")
        sys.exit(self.failed > 0)
