#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Compares two snapshots (QEMU migration streams): is it the same machine? Status 0 if it is.

Pages of memory are compared one by one, because a stream may tell the same pages in another framing;
the state of the devices byte by byte. Left out are two numbers which QEMU derives from the host's
clock even with -icount, where nothing uses them: cpu_ticks_offset and cpu_clock_offset.
"""
import hashlib
import sys

SECTION_START, SECTION_PART, SECTION_END, SECTION_FULL = 1, 2, 3, 4
CONFIGURATION, COMMAND, FOOTER = 7, 8, 0x7E
ZERO, SIZES, PAGE, END, CONTINUE = 0x02, 0x04, 0x08, 0x10, 0x20


class Stream:
    def __init__(self, path):
        with open(path, "rb") as f:
            self.data = memoryview(f.read())
        self.at = 0
        self.pages = {}
        self.block = b""

    def take(self, n):
        self.at += n
        return self.data[self.at - n:self.at]

    def number(self, n):
        return int.from_bytes(self.take(n), "big")

    def text(self):
        return bytes(self.take(self.number(1)))

    def read(self):
        """Fills pages; returns the rest, which is the devices."""
        if self.number(4) != 0x5145564D or self.number(4) != 3:
            sys.exit("not a migration stream")
        while True:
            start = self.at
            kind = self.number(1)
            if kind == CONFIGURATION:
                self.take(self.number(4))
                # Its subsections have no length; the section of the memory follows them.
                self.at = bytes(self.data[:65536]).index(b"\3ram\0\0\0\0") - 5
            elif kind == SECTION_START:
                self.number(4)
                if self.text() != b"ram":
                    sys.exit("a section other than the memory's comes first")
                self.number(8)
                self.memory()
            elif kind in (SECTION_PART, SECTION_END):
                self.number(4)
                self.memory()
            elif kind == FOOTER:
                self.number(4)
            elif kind == COMMAND:
                self.number(2)
                self.take(self.number(2))
            elif kind == SECTION_FULL:
                return self.devices(start)
            else:
                sys.exit(f"section of kind {kind} at {start}")

    def memory(self):
        while True:
            word = self.number(8)
            flags, address = word & 0xFFF, word & ~0xFFF
            if flags & END:
                return
            if flags & SIZES:
                while address > 0:
                    self.text()
                    address -= self.number(8)
                continue
            if flags & 0x200:       # marks a round of multifd
                continue
            if not flags & CONTINUE:
                self.block = self.text()
            if flags & ZERO:
                self.number(1)
                self.pages[self.block, address] = b""
            elif flags & PAGE:
                self.pages[self.block, address] = hashlib.sha1(self.take(4096)).digest()
            else:
                sys.exit(f"page with flags {flags:#x}")

    def devices(self, start):
        rest = bytearray(self.data[start:])
        timer = rest.index(b"\5timer") + 6 + 8
        rest[timer:timer + 8] = rest[timer + 16:timer + 24] = bytes(8)
        return rest


def main():
    a, b = Stream(sys.argv[1]), Stream(sys.argv[2])
    da, db = a.read(), b.read()
    other = [k for k in a.pages.keys() | b.pages.keys() if a.pages.get(k) != b.pages.get(k)]
    for block, address in sorted(other)[:10]:
        print(f"{block.decode()} {address:#x}: another content", file=sys.stderr)
    if da != db:
        where = next((i for i, (x, y) in enumerate(zip(da, db)) if x != y), min(len(da), len(db)))
        print(f"devices differ at byte {where}, after {bytes(da[max(0, where - 80):where])!r}",
              file=sys.stderr)
    print(f"{len(a.pages)} pages, {len(other)} differ; {len(da)} bytes of devices", file=sys.stderr)
    sys.exit(bool(other) or da != db)


main()
