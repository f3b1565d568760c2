#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# Opens a page in headless Chromium by its debugging pipe and checks it at the width of a phone and of a
# desktop: no broken picture, nothing loaded from elsewhere, no scrolling sideways. Prints TAP.
#
# usage: report.py CHROMIUM PAGE [FOLDER FOR SCREENSHOTS]
import base64, json, os, subprocess, sys, tempfile

WIDTHS = [("phone", 390, 844, True), ("desktop", 1280, 900, False)]
CHECK = """(async () => {
  await Promise.all([...document.images].map(i => i.decode().catch(() => 0)));
  const w = document.documentElement.clientWidth;
  return JSON.stringify({
    images: document.images.length,
    broken: [...document.images].filter(i => !i.complete || !i.naturalWidth).map(i => i.alt),
    foreign: performance.getEntriesByType('resource').map(e => e.name).filter(n => !n.startsWith('data:')),
    wide: Math.max(document.documentElement.scrollWidth, document.body.scrollWidth), inner: window.innerWidth, client: w,
    sections: document.querySelectorAll('section').length,
    empty: [...document.querySelectorAll('section')].filter(s => !s.querySelector('table,img')).map(s => s.id),
    links: [...document.querySelectorAll('a[href^="#"]')].filter(a => !document.getElementById(a.hash.slice(1))).map(a => a.hash),
    small: [...document.querySelectorAll('p,td,th')].filter(e => parseFloat(getComputedStyle(e).fontSize) < 11).length,
    height: document.documentElement.scrollHeight})})()"""


class Browser:
    def __init__(self, program, folder):
        from_us, to_browser = os.pipe()
        from_browser, to_us = os.pipe()

        def keep():  # 3 and 4 are where Chromium looks; first out of each other's way
            a, b = os.dup(from_us), os.dup(to_us)
            os.dup2(a, 3)
            os.dup2(b, 4)
            os.set_inheritable(3, True)
            os.set_inheritable(4, True)

        self.process = subprocess.Popen(
            [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
             "--remote-debugging-pipe", "--user-data-dir=" + folder, "about:blank"],
            preexec_fn=keep, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(from_us)
        os.close(to_us)
        self.out, self.inn, self.rest, self.n = to_browser, from_browser, b"", 0

    def call(self, method, session=None, **params):
        self.n += 1
        message = {"id": self.n, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.read()
            if answer.get("id") == self.n:
                if "error" in answer:
                    raise RuntimeError("%s: %s" % (method, answer["error"]))
                return answer["result"]

    def read(self):
        while b"\0" not in self.rest:
            more = os.read(self.inn, 65536)
            if not more:
                raise RuntimeError("the browser ended")
            self.rest += more
        one, self.rest = self.rest.split(b"\0", 1)
        return json.loads(one)

    def wait(self, event):
        while self.read().get("method") != event:
            pass


def test(number, ok, name, more=""):
    print("%s %d - %s" % ("ok" if ok else "not ok", number, name))
    if not ok:
        print(more, file=sys.stderr)


def main():
    program, page = sys.argv[1], os.path.realpath(sys.argv[2])
    n = 0
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        b = Browser(program, folder)
        target = b.call("Target.createTarget", url="about:blank")["targetId"]
        s = b.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        b.call("Page.enable", s)
        for name, width, height, mobile in WIDTHS:
            b.call("Emulation.setDeviceMetricsOverride", s, width=width, height=height, deviceScaleFactor=1, mobile=mobile)
            b.call("Page.navigate", s, url="file://" + page)
            b.wait("Page.loadEventFired")
            r = json.loads(b.call("Runtime.evaluate", s, expression=CHECK, awaitPromise=True, returnByValue=True)["result"]["value"])
            checks = [
                (r["images"] > 0 and not r["broken"], "%d pictures, none broken" % r["images"], r["broken"]),
                (not r["foreign"], "nothing is loaded from elsewhere", r["foreign"]),
                (r["inner"] == width and r["wide"] <= width, "no scrolling sideways", r),
                (r["sections"] > 0 and not r["empty"] and not r["links"], "every section has its table, every link its place", r),
                (not r["small"], "no text is smaller than 11 pixels", r["small"]),
            ]
            for ok, what, more in checks:
                n += 1
                test(n, ok, "%s, %d pixels: %s" % (name, width, what), more)
            if len(sys.argv) > 3:
                shot = b.call("Page.captureScreenshot", s, format="png", captureBeyondViewport=True,
                              clip={"x": 0, "y": 0, "width": width, "height": min(r["height"], 6000), "scale": 1})
                with open("%s/%s.png" % (sys.argv[3], name), "wb") as f:
                    f.write(base64.b64decode(shot["data"]))
        b.call("Browser.close")
        b.process.wait(30)
    print("1..%d" % n)


main()
