#!/usr/bin/env python3
"""
Debian's noVNC in headless Chromium at the agent's WebSocket port: a screenshot of the page is compared with the
desktop, mouse and keys reach it; in clear, in TLS, with user and password, with a VNC password.
"""
import json
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from browser import Chromium, serve  # noqa: E402
from credentials import password_file, user  # noqa: E402
from desks import HEIGHT, WIDTH  # noqa: E402
import parts  # noqa: E402
from endtoend import Agent, differing, free_port, screen, skip, tell, until, xvfb  # noqa: E402
from xclient import Window, X  # noqa: E402

NOVNC = "/usr/share/novnc"
PAGE = (1120, 720)  # the desktop in its middle, clear of noVNC's own handle at the left
E, SPACE = 26, 65


class Tester:
    def __init__(self, tmp):
        self.tmp = tmp
        self.server, self.display = xvfb(tmp, "desk", WIDTH, HEIGHT)
        self.x = X(self.display)
        self.x.no_repeat()
        self.paper = Window(self.display, 200, 100, 200, 200)
        self.browser = Chromium(tmp, *PAGE)
        self.web = serve(NOVNC)
        self.origin = "--websocket-origins=http://127.0.0.1:%d" % self.web
        self.place = None

    def draw(self, *args):
        subprocess.run(["xsetroot", "-display", self.display, *args], check=True)

    def agent(self, *args):
        self.ws = free_port()
        return Agent(self.tmp, "--source=x11", "--display=" + self.display, "--websocket-port=%d" % self.ws, *args)

    def connect(self, **more):
        query = dict(autoconnect="true", host="127.0.0.1", port=self.ws, path="websockify", resize="off", quality="9",
                     encrypt="0", **{}) | more
        self.browser.open("about:blank")
        self.browser.open("http://127.0.0.1:%d/vnc.html?%s" % (self.web, "&".join("%s=%s" % kv for kv in query.items())))

    def connected(self, seconds=40):
        return until(lambda: self.browser.run("document.documentElement.classList.contains('noVNC_connected')"), seconds)

    def status(self):
        return str(self.browser.run("(document.getElementById('noVNC_status') || document.body).textContent"))

    def shows(self, seconds=20):
        """Does the screenshot's part with the canvas show the desktop, pixel by pixel? And what is wrong."""
        why = ["no canvas"]

        def same():
            rect = self.browser.run("JSON.stringify(document.querySelector('canvas').getBoundingClientRect())")
            self.place = json.loads(rect or '{"x":0,"y":0,"width":0,"height":0}')
            if (self.place["width"], self.place["height"]) != (WIDTH, HEIGHT):
                why[0] = "the canvas is %s" % rect
                return False
            got = self.browser.screenshot(self.place["x"], self.place["y"], WIDTH, HEIGHT)
            _, _, want = screen(self.tmp, "desk")
            why[0] = differing(got, want)
            return len(got) == len(want) and all(got[i::4] == want[i::4] for i in range(3))
        return until(same, seconds), why[0]

    def at(self, x, y):
        return self.place["x"] + x, self.place["y"] + y


def hands(t, words):
    """Mouse and keys of the browser at the desktop."""
    b = t.browser
    x, y = t.at(300, 180)
    t.paper.read()
    del t.paper.buttons[:]
    b.mouse("mouseMoved", x, y)
    moved = until(lambda: t.x.pointer()[:2] == (300, 180), 10)
    for name, mask in (("left", 1), ("right", 2), ("middle", 4)):
        b.mouse("mousePressed", x, y, name, mask)
        b.mouse("mouseReleased", x, y, name, 0)
    b.mouse("mouseWheel", x, y, deltaX=0, deltaY=120)

    def buttons():
        t.paper.read()
        return [n for down, n, _, _ in t.paper.buttons if down]
    clicked = until(lambda: buttons()[:4] == [1, 3, 2, 5], 10)
    tell(moved and clicked, words + ": the mouse moves, its three buttons and its wheel reach the desktop",
         "%s %s" % (t.x.pointer(), t.paper.buttons))

    t.paper.read()
    for code, key, number in (("KeyZ", "y", 89), ("Semicolon", "ö", 186), ("KeyQ", "q", 81)):
        b.key("keyDown", code, key, number)
        b.key("keyUp", code, key, number)
    b.key("keyDown", "ShiftLeft", "Shift", 16, 8)
    b.key("keyDown", "KeyA", "A", 65, 8)
    b.key("keyUp", "KeyA", "A", 65, 8)
    b.key("keyUp", "ShiftLeft", "Shift", 16)
    b.key("keyDown", "Space", " ", 32)
    b.key("keyUp", "Space", " ", 32)
    text = t.paper.read_until(SPACE)
    tell(text == "yöqA " and not t.x.keys_down(), words + ": keys arrive as the desktop's layout has them", repr(text))


def on_clear(t):
    t.draw("-mod", "5", "9", "-fg", "#c01020", "-bg", "#f0f0e0")
    a = t.agent("--security=none", t.origin)
    t.connect()
    ok = t.connected()
    same, why = t.shows()
    tell(ok and same, "noVNC in Chromium shows the desktop (ws): 0 of %d pixels of the screenshot differ" % (WIDTH * HEIGHT),
         why + "\n" + t.status() + "\n" + a.text())
    t.draw("-solid", "#204060")
    same, why = t.shows()
    tell(same, "... and follows a change", why)
    if t.place and t.place["width"]:
        hands(t, "noVNC")
        b = t.browser
        b.key("keyDown", "KeyE", "e", 69)
        b.mouse("mousePressed", *t.at(300, 180), "left", 1)
        held = until(lambda: t.x.keys_down() == {E} and t.x.pointer()[2] & 0x100, 10)
        b.open("about:blank")
        tell(held and until(lambda: not t.x.keys_down() and not t.x.pointer()[2] & 0x100, 10),
             "... and what was held as the page closes is let go of", "%s %s %s\n%s" % (held, t.x.keys_down(), t.x.pointer(), a.text()))
    a.stop()


def on_tls(t):
    t.draw("-mod", "16", "16", "-fg", "#103050", "-bg", "#ffffff")
    a = t.agent("--security=x509none", t.origin)
    t.connect(encrypt="1")
    ok = t.connected()
    same, why = t.shows()
    tell(ok and same, "noVNC by TLS (wss) shows it as well", why + "\n" + t.status() + "\n" + a.text())
    t.connect()
    tell(not t.connected(4), "... and does not get in without", t.status())
    a.stop()
    a = t.agent("--security=x509none")
    t.connect(encrypt="1")
    tell(a.wait_for("its page is not among websocket_origins", 40) is not None and not t.connected(1),
         "... nor where no password is asked and its page is not named", t.status() + a.text())
    a.stop()


def on_passwords(t):
    users, vnc = password_file(t.tmp, "right"), os.path.join(t.tmp, "vnc")
    open(vnc, "w").write("opensesa\n")

    def log_in(word):
        t.connect(encrypt="1")
        if not until(lambda: t.browser.run("document.getElementById('noVNC_credentials_dlg').classList.contains('noVNC_open')"), 40):
            return False
        t.browser.run("document.getElementById('noVNC_username_input').value = '%s'; document.getElementById('noVNC_password_input')"
                      ".value = '%s'; document.getElementById('noVNC_credentials_button').click()" % (user(), word))
        return t.connected(10)
    a = t.agent("--security=x509plain", "--password-file=" + users)
    ok = log_in("right")
    same, why = t.shows() if ok else (False, "")
    tell(ok and same, "noVNC asks for user and password (VeNCrypt Plain in wss) and gets in with them", why + "\n" + t.status() + "\n" + a.text())
    tell(not log_in("wrong"), "... and not with a wrong one", t.status())
    a.stop()
    a = t.agent("--security=vnc", "--vnc-password-file=" + vnc)
    t.connect(password="opensesa")
    ok = t.connected()
    same, why = t.shows() if ok else (False, "")
    tell(ok and same, "noVNC by VNC authentication, where the agent offers that", why + "\n" + t.status() + "\n" + a.text())
    t.connect(password="wrong")
    tell(not t.connected(5), "... and not with a wrong password", t.status())
    a.stop()


def prepare(tmp):
    t = Tester(tmp)
    subprocess.run(["setxkbmap", "-display", t.display, "-layout", "de"], check=True)
    t.paper.new_layout()
    return t


def main():
    if not shutil.which("chromium") or not os.path.exists(NOVNC):
        skip("noVNC in Chromium", "chromium or novnc is not installed")
        print("1..1")
        return 0
    return parts.run_on(prepare, on_clear, on_tls, on_passwords)


if __name__ == "__main__":
    sys.exit(main())
