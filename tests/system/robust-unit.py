# SPDX-License-Identifier: GPL-2.0
"""Runs a command under the SystemCallFilter= of a systemd unit, as systemd would: what is not on the list
fails with EPERM. usage: robust-unit.py UNIT COMMAND [ARGUMENT...]"""
import ctypes
import os
import re
import struct
import subprocess
import sys

HEADER = "/usr/include/x86_64-linux-gnu/asm/unistd_64.h"
AUDIT_ARCH_X86_64 = 0xC000003E
LD, JEQ, RET = 0x20, 0x15, 0x06		# BPF_LD|W|ABS, BPF_JMP|JEQ|K, BPF_RET|K
ALLOW, ERRNO_EPERM = 0x7FFF0000, 0x00050001
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP = 38, 22


def members(name):
    """system calls of a set such as @system-service, and of the sets in it"""
    out = set()
    text = subprocess.run(["systemd-analyze", "syscall-filter", name], check=True,
                          capture_output=True, text=True).stdout
    for line in text.split("\n")[1:]:
        word = line.strip()
        if word.startswith("@"):
            out |= members(word)
        elif word and not word.startswith("#"):
            out.add(word)
    return out


def permitted(unit):
    allowed = set()
    for line in re.findall(r"^SystemCallFilter=(.*)$", open(unit).read(), re.M):
        take = line.startswith("~")
        for word in line.lstrip("~").split():
            calls = members(word) if word.startswith("@") else {word}
            allowed = allowed - calls if take else allowed | calls
    # systemd always permits these, to be able to start the command.
    return allowed | members("@default") | {"execve"}


numbers = dict(re.findall(r"#define __NR_(\w+) (\d+)", open(HEADER).read()))
calls = sorted(int(numbers[c]) for c in permitted(sys.argv[1]) if c in numbers)
code = [struct.pack("HBBI", LD, 0, 0, 4), struct.pack("HBBI", JEQ, 1, 0, AUDIT_ARCH_X86_64),
        struct.pack("HBBI", RET, 0, 0, ERRNO_EPERM), struct.pack("HBBI", LD, 0, 0, 0)]
for nr in calls:
    code += [struct.pack("HBBI", JEQ, 0, 1, nr), struct.pack("HBBI", RET, 0, 0, ALLOW)]
code.append(struct.pack("HBBI", RET, 0, 0, ERRNO_EPERM))
insns = b"".join(code)
buf = ctypes.create_string_buffer(insns, len(insns))
prog = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(code), ctypes.addressof(buf)), 16)
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or \
        libc.prctl(PR_SET_SECCOMP, 2, ctypes.c_void_p(ctypes.addressof(prog)), 0, 0):
    sys.exit(f"robust-unit.py: no filter: {os.strerror(ctypes.get_errno())}")
os.execvp(sys.argv[2], sys.argv[2:])
