# SPDX-License-Identifier: GPL-2.0
"""exitlab top on a pseudo terminal: keys, another window size, and the terminal after every end.

usage: top-pty.py EXITLAB	prints one "name: ok" or "name: why not" a line; status 1 if one failed
"""
import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time

failed = 0


class Top:
    def __init__(self, *args):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ["TERM"] = "xterm"
            os.execv(sys.argv[1], [sys.argv[1], "top", "-d", "0.3", *args])
        self.size(24, 80)
        self.before = termios.tcgetattr(self.fd)
        self.seen = ""

    def size(self, rows, cols):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    def wait_for(self, text, seconds=20):
        """Reads until @text has come; False if the time is over or the program."""
        end = time.monotonic() + seconds
        while text not in self.seen and time.monotonic() < end:
            if select.select([self.fd], [], [], 0.2)[0]:
                try:
                    self.seen += os.read(self.fd, 65536).decode(errors="replace")
                except OSError:
                    break
        return text in self.seen

    def key(self, text):
        self.seen = ""
        os.write(self.fd, text.encode())

    def end(self):
        """Exit status (-N: signal N), and whether the terminal is as it was."""
        for _ in range(300):
            self.wait_for("\0never", 0.1)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                break
            time.sleep(0.1)
        else:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            return None, False
        same = termios.tcgetattr(self.fd)[:4] == self.before[:4]
        return os.waitstatus_to_exitcode(status), same and "\x1b[?1049l" in self.seen


def check(name, ok, why=""):
    global failed
    failed += not ok
    print(f"{name}: {'ok' if ok else why or 'no'}")


t = Top()
check("screen", t.wait_for("MOST TIME"), t.seen)
t.key("h")
check("help", t.wait_for("Any key goes back"), t.seen)
t.key(" ")
check("back from help", t.wait_for("MOST TIME"), t.seen)
t.key("a")
check("reasons", t.wait_for("by reason"), t.seen)
t.key("\x7f")
check("back", t.wait_for("MOST TIME"), t.seen)
t.key("2")
check("what is not measured", t.wait_for("--signals account"), t.seen)
t.key("1")
check("back to exits", t.wait_for("MOST TIME"), t.seen)
t.key("p")
check("pause", t.wait_for("PAUSED"), t.seen)
t.key("p")
t.wait_for("[all VMs]")
t.seen = ""
t.size(10, 40)
os.kill(t.pid, signal.SIGWINCH)
check("another size", t.wait_for("exitlab top"), t.seen)
t.size(3, 12)
os.kill(t.pid, signal.SIGWINCH)
check("a tiny one", t.wait_for("exitlab"), t.seen)
t.key("q")
check("q", t.end() == (0, True), "status or terminal")
t = Top("--signals", "all")
t.wait_for("MOST TIME")
for key, name, text in (("2", "time account", "time account: percent"), ("\t", "interrupts", "interrupts]"),
                        ("4", "I/O cores", "I/O cores:"), ("\t", "exits", "MOST TIME"),
                        ("3", "interrupts by their key", "posted, whole host")):
    t.key(key)
    check(name, t.wait_for(text), t.seen)
t.key("q")
check("q with signals", t.end() == (0, True), "status or terminal")
for sig in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
    t = Top()
    t.wait_for("MOST TIME")
    os.kill(t.pid, sig)
    got = t.end()
    check(sig.name, got == (0, True), str(got))
t = Top()
t.wait_for("MOST TIME")
os.kill(t.pid, signal.SIGSEGV)
got = t.end()
check("a crash", got == (-signal.SIGSEGV, True), str(got))
t = Top()
t.wait_for("MOST TIME")
t.key("\x03")
got = t.end()
check("Ctrl-C", got == (0, True), str(got))
sys.exit(failed > 0)
