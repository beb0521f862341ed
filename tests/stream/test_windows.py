#!/usr/bin/env python3
"""The viewer's windows: a window for each monitor, one picture over all displays, words, keys, scaling."""
import ctypes
import glob
import os
import re
import socket
import struct
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../media")]
import endtoend as e2e  # noqa: E402
import parts  # noqa: E402
from endtoend import Program, differing, tell, until  # noqa: E402
from rfb import Client  # noqa: E402
from screen import letters  # noqa: E402

W, H, HALF = 2048, 600, 1024
PAPER = b"\x30\x28\x20"  # blue, green, red of the box behind words (viewer/client/text.c)
CELL_W, CELL_H, MARGIN, ZOOM = 12, 18, 8, 2


def run(display, *args, check=True):
    return subprocess.run(args, env=dict(os.environ, DISPLAY=display), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          check=check, text=True).stdout


def press(display, key):
    run(display, "xdotool", "key", "--clearmodifiers", "ctrl+alt+shift+" + key)


def windows(display):
    """Places of the viewer's windows, from left to right."""
    found = re.findall(r'\("caprock-viewer" "caprock-viewer"\)\s+(\d+)x(\d+)\S+\s+\+(-?\d+)\+(-?\d+)',
                       run(display, "xwininfo", "-root", "-tree"))
    return sorted((int(x), int(y), int(w), int(h)) for w, h, x, y in found)


def pointer(display):
    x, y = re.findall(r"[xy]:(\d+)", run(display, "xdotool", "getmouselocation"))
    return int(x), int(y)


class Keys:
    """Which keys of a display are down, and whether somebody else has its keyboard alone."""
    lib = ctypes.CDLL("libX11.so.6")
    lib.XOpenDisplay.restype = ctypes.c_void_p
    lib.XDefaultRootWindow.restype = ctypes.c_ulong
    for name in ("XDefaultGC", "XDefaultVisual", "XCreateImage"):
        getattr(lib, name).restype = ctypes.c_void_p

    def __init__(self, display):
        self.dpy = ctypes.c_void_p(self.lib.XOpenDisplay(display.encode()))

    def down(self):
        bits = ctypes.create_string_buffer(32)
        self.lib.XQueryKeymap(self.dpy, bits)
        return {i for i in range(256) if bits.raw[i // 8] >> i % 8 & 1}

    def paint(self, px, width=W, height=H, *places):
        """Puts a picture onto the root window, at (0, 0) or at each of the places."""
        lib = self.lib
        screen = lib.XDefaultScreen(self.dpy)
        gc, visual = ctypes.c_void_p(lib.XDefaultGC(self.dpy, screen)), ctypes.c_void_p(lib.XDefaultVisual(self.dpy, screen))
        image = ctypes.c_void_p(lib.XCreateImage(self.dpy, visual, 24, 2, 0, px, width, height, 32, 0))
        for x, y in places or [(0, 0)]:
            lib.XPutImage(self.dpy, ctypes.c_ulong(lib.XDefaultRootWindow(self.dpy)), gc, image, 0, 0, x, y, width, height)
        lib.XSync(self.dpy, 0)

    def taken(self):
        root = ctypes.c_ulong(self.lib.XDefaultRootWindow(self.dpy))
        got = self.lib.XGrabKeyboard(self.dpy, root, 0, 1, 1, ctypes.c_ulong(0))
        if got == 0:
            self.lib.XUngrabKeyboard(self.dpy, ctypes.c_ulong(0))
            self.lib.XSync(self.dpy, 0)
        return got == 1  # AlreadyGrabbed


def words(picture):
    """What stands in the first box of words on a picture (width, height, pixels); '' without one."""
    width, height, px = picture
    table, at = letters(), px.find((PAPER + px[3:4]) * 40)
    while at >= 0 and at % 4:
        at = px.find((PAPER + px[3:4]) * 40, at + 1)
    if at < 0:
        return ""
    left, top = at // 4 % width + MARGIN, at // 4 // width + MARGIN

    def paper(x, y):
        i = (y * width + x) * 4
        return px[i:i + 3] == PAPER
    lines = []
    for y in range(top, height - CELL_H, CELL_H):
        if not paper(left - MARGIN, y):
            break
        line = ""
        for x in range(left, width - CELL_W, CELL_W):
            cell = tuple("".join(" " if paper(x + dx * ZOOM, y + dy * ZOOM) else "#" for dx in range(6)) for dy in range(8))
            line += table.get(cell, "\0")
        lines.append(line.split("\0")[0].rstrip())
    return "\n".join(lines)


class Desk:
    """The desktop (two monitors), an agent on it, and the person's display with a viewer."""

    def __init__(self, tmp):
        self.tmp = tmp
        for name in ("small", "moving"):
            os.makedirs(os.path.join(tmp, name))
        self.desk, self.d = e2e.xvfb(tmp, "desk", W, H)
        self.view, self.v = e2e.xvfb(tmp, "view", W, H)
        self.picture(7)
        run(self.d, "xrandr", "--setmonitor", "left", "%d/300x%d/200+0+0" % (HALF, H), "screen")
        self.right_monitor()
        self.agent = e2e.Agent(tmp, "--source=x11", "--display=" + self.d, "--security=x509none")

    def right_monitor(self):
        run(self.d, "xrandr", "--setmonitor", "right", "%d/300x%d/200+%d+0" % (HALF, H, HALF), "none")

    def picture(self, seed):
        """Colours that repeat nowhere: whatever lies in a wrong place shows."""
        px = subprocess.run(["convert", "-size", "%dx%d" % (W, H), "-seed", str(seed), "plasma:tomato-steelblue",
                             "-depth", "8", "bgra:-"], stdout=subprocess.PIPE, check=True).stdout
        Keys(self.d).paint(px)

    def viewer(self, *args, display=None, port=None, name="viewer"):
        return Program([e2e.VIEWER, "--accept-new", "--known-hosts=" + os.path.join(self.tmp, "known")] + list(args) +
                       ["127.0.0.1::%d" % (port or self.agent.port)], os.path.join(self.tmp, name + ".log"),
                       dict(os.environ, DISPLAY=display or self.v, SDL_VIDEODRIVER="x11"), cwd=self.tmp)

    def screen(self, name="view"):
        return e2e.screen(self.tmp, name)

    def same(self):
        return e2e.same_screens(self.tmp)

    def reads(self, pattern, seconds=20):
        return until(lambda: re.search(pattern, " ".join(words(self.screen()).split())), seconds)


def on_each(desk):
    p = desk.viewer("--monitors=each")
    ok, why = desk.same()
    tell(ok and windows(desk.v) == [(0, 0, HALF, H), (HALF, 0, HALF, H)],
         "a window for each monitor, at its place, bit by bit", why + str(windows(desk.v)) + p.text())
    for x, y in ((100, 80), (1900, 500), (HALF, 0), (HALF - 1, H - 1)):
        run(desk.v, "xdotool", "mousemove", str(x), str(y))
        ok = until(lambda: pointer(desk.d) == (x, y), 5)
        tell(ok, "the pointer at %d,%d points there on the desktop" % (x, y), str(pointer(desk.d)))
    run(desk.v, "xdotool", "mousemove", "900", "300", "mousedown", "1", "mousemove", "1500", "310")
    ok = until(lambda: pointer(desk.d) == (1500, 310), 5)
    run(desk.v, "xdotool", "mouseup", "1")
    tell(ok, "a button held over a window's edge goes on on the next monitor", str(pointer(desk.d)))

    ids = run(desk.v, "xdotool", "search", "--class", "caprock-viewer").split()
    places = {}
    for i in ids:
        m = re.search(r"X=(-?\d+)", run(desk.v, "xdotool", "getwindowgeometry", "--shell", i))
        places[int(m.group(1))] = i
    keys, left, right = Keys(desk.d), places.get(0), places.get(HALF)
    run(desk.v, "xdotool", "windowfocus", "--sync", left)
    run(desk.v, "xdotool", "keydown", "shift")
    held = until(keys.down, 5)
    run(desk.v, "xdotool", "windowfocus", "--sync", right)
    time.sleep(1)
    still = keys.down()
    tell(held and still, "Shift stays down while the keyboard goes from one window to another", str(still) + p.text())
    focus_away(desk.v)
    tell(until(lambda: not keys.down(), 5), "... and is let go when it goes to neither", str(keys.down()))
    run(desk.v, "xdotool", "keyup", "shift")
    run(desk.d, "xrandr", "--delmonitor", "right")
    one = until(lambda: windows(desk.v) == [(0, 0, HALF, H)])
    desk.right_monitor()
    ok, why = desk.same()
    tell(one and ok and len(windows(desk.v)) == 2, "a monitor that goes takes its window along, one that comes brings one",
         why + str(windows(desk.v)) + p.text() + desk.agent.text())
    p.stop()


def focus_away(display):
    k = Keys(display)
    k.lib.XSetInputFocus(k.dpy, ctypes.c_ulong(0), 0, ctypes.c_ulong(0))  # None: to nobody
    k.lib.XSync(k.dpy, 0)
    k.lib.XCloseDisplay(k.dpy)


def focus(desk):
    i = run(desk.v, "xdotool", "search", "--class", "caprock-viewer").split()[-1]
    run(desk.v, "xdotool", "windowfocus", "--sync", i)


def on_keys(desk):
    begun = time.monotonic()
    quiet = desk.viewer("--headless", "--stats=quiet.jsonl", name="quiet")
    p = desk.viewer("--figures")
    ok = desk.reads(r"delay .*network") and desk.reads(r"exact +every pixel") and desk.reads(r"encoder +x264 4:4:4")
    text = words(desk.screen())
    tell(ok and "%d x %d, 2 monitors" % (W, H) in text, "the figures tell delays, bytes, encoder and exactness", text + p.text() + desk.agent.text())
    print("# " + text.replace("\n", "\n# "))
    focus(desk)
    press(desk.v, "i")
    ok, why = desk.same()
    tell(ok, "a key takes them away, and the picture under them is whole", why)

    press(desk.v, "p")
    shot = until(lambda: glob.glob(os.path.join(desk.tmp, "caprock-*.png")), 10)
    ok = desk.reads(r"Written: caprock-\d+\.png", 10)
    if shot:
        time.sleep(0.3)
        got = subprocess.run(["convert", glob.glob(os.path.join(desk.tmp, "caprock-*.png"))[0], "-depth", "8", "bgra:-"],
                             stdout=subprocess.PIPE).stdout
        want = desk.screen("desk")[2]
        shot = len(got) == len(want) and all(got[i::4] == want[i::4] for i in range(3))
    tell(shot and ok, "a key keeps the picture: every pixel of the desktop, and no words", words(desk.screen()))

    press(desk.v, "v")
    ok = desk.reads(r"Recording to caprock-\d+\.h264", 10)
    time.sleep(1.5)
    press(desk.v, "v")
    ok = ok and desk.reads(r"Recorded: ", 10)
    film = glob.glob(os.path.join(desk.tmp, "caprock-*.h264"))
    said = subprocess.run(["ffprobe", "-v", "error", "-count_frames", "-show_entries",
                           "stream=width,height,pix_fmt,nb_read_frames", "-of", "csv=p=0", film[0] if film else "none"],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout.strip()
    m = re.fullmatch(r"%d,%d,yuvj?444p,(\d+)" % (W, H), said)
    tell(ok and m and int(m.group(1)) >= 10, "a key records: %s" % said, words(desk.screen()))

    mine = Keys(desk.v)
    press(desk.v, "g")
    ok = until(mine.taken, 10)
    press(desk.v, "g")
    tell(ok and until(lambda: not mine.taken(), 10), "a key gives all keys to the desktop, and takes them back")

    run(desk.v, "xdotool", "mousemove", "700", "300")
    until(lambda: pointer(desk.d) == (700, 300), 5)
    press(desk.v, "r")
    desk.reads("Relative pointer", 10)
    for _ in range(4):
        run(desk.v, "xdotool", "mousemove_relative", "--", "25", "-10")
        time.sleep(0.1)
    moved = until(lambda: pointer(desk.d)[0] >= 760 and pointer(desk.d)[1] <= 270, 5)
    tell(moved, "a key makes the pointer relative: it goes on from where it was", str(pointer(desk.d)))
    press(desk.v, "r")
    desk.reads("pointer points again", 10)
    run(desk.v, "xdotool", "mousemove", "333", "222")
    tell(until(lambda: pointer(desk.d) == (333, 222), 5), "... and absolute again", str(pointer(desk.d)))
    press(desk.v, "h")
    tell(desk.reads(r"P screenshot", 10), "a key lists the keys", words(desk.screen()))
    p.stop()
    time.sleep(max(0.0, begun + 9.5 - time.monotonic()))  # the agent gives up a viewer after 8 silent seconds
    quiet.stop()
    tell("reconnecting" not in quiet.text(), "a viewer that only listens to figures keeps its connection", quiet.text())


def on_scaling(desk):
    small = e2e.Agent(os.path.join(desk.tmp, "small"), "--source=test", "--display=still", "--width=400", "--height=240",
                      "--security=x509none")
    code, text, want = e2e.viewer(desk.tmp, small, "--until-exact=200")
    p = desk.viewer(port=small.port)
    until(lambda: windows(desk.v) and windows(desk.v)[0][2] == 400)
    win = run(desk.v, "xdotool", "search", "--class", "caprock-viewer").split()[-1]

    def stand(w, h):
        run(desk.v, "xdotool", "windowsize", "--sync", win, str(w), str(h), "windowmove", win, "0", "0")

    def doubled():
        width, _, px = desk.screen()
        rows = [px[(y * width + 25) * 4:(y * width + 825) * 4] for y in range(10, 490)]
        return all(rows[y][0::8] == want[y // 2 * 1600:(y // 2 + 1) * 1600:4] == rows[y][4::8] for y in range(0, 480, 7))
    stand(850, 500)
    tell(code == 0 and until(doubled, 10), "a larger window shows the picture by whole numbers: each pixel is two by two",
         text + p.text())
    focus(desk)

    def greys():
        width, _, px = desk.screen()
        return len({px[(y * width + x) * 4] for y in range(40, 240) for x in range(40, 600)})
    hard = greys()
    press(desk.v, "s")
    tell(until(lambda: greys() > hard + 4, 10), "a key scales smoothly: there are shades between its colours",
         "%d and %d" % (hard, greys()))
    p.stop()
    small.stop()


def tinted(desk, x, y, w, h):
    """The share of pixels there whose red and blue are lifted and green halved."""
    width, _, px = desk.screen()
    hits = n = 0
    for row in range(y, y + h, 5):
        line = px[(row * width + x) * 4:(row * width + x + w) * 4]
        hits += sum(b >= 0x7f and g <= 0x80 and r >= 0x7f for b, g, r in zip(line[0::4], line[1::4], line[2::4]))
        n += w
    return hits / n


def on_marks(desk):
    moving = e2e.Agent(os.path.join(desk.tmp, "moving"), "--source=test", "--display=mix", "--width=512", "--height=256",
                       "--fps=15", "--security=x509none")
    p = desk.viewer("--tint-inexact", port=moving.port)
    until(lambda: windows(desk.v) and windows(desk.v)[0][2] == 512)
    x, y = windows(desk.v)[0][:2]
    ok = until(lambda: tinted(desk, x + 256, y, 256, 256) > 0.99 and tinted(desk, x, y, 256, 256) == 0, 20)
    gone = until(lambda: tinted(desk, x + 256, y, 256, 256) < 0.6, 20)
    tell(ok and gone, "what is not exact is tinted while it moves, what is exact never",
         "moving %s settled %s\n" % (ok, gone) + p.text())
    p.stop()
    moving.stop()


def on_words(desk):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        p = desk.viewer(port=s.getsockname()[1])
        tell(desk.reads(r"connected; logging in .* \(\d+ s\)"), "a server that says nothing: the window tells how far it came",
             words(desk.screen()) + p.text())
        p.stop()
    p = desk.viewer(port=e2e.free_port())
    ok = desk.reads("Connection refused")
    tell(ok and p.p.poll() is None, "a refused connection: the window keeps the reason for who saw no terminal",
         words(desk.screen()) + p.text())
    p.stop()
    p = desk.viewer()
    ok, why = desk.same()
    desk.agent.stop()
    tell(ok and desk.reads(r"The link to 127\.0\.0\.1 is lost"), "a lost link: the last picture stands, and words say so",
         words(desk.screen()) + p.text())
    p.stop()


def on_all(desk):
    words_all = "one picture over all displays: a window on each, together the desktop bit by bit"
    desk.picture(23)
    port = e2e.free_port()
    number = next(n for n in range(90, 200) if not os.path.exists("/tmp/.X11-unix/X%d" % n))
    log = os.path.join(desk.tmp, "xvnc.log")
    x = Program(["Xvnc", ":%d" % number, "-geometry", "%dx%d" % (HALF, H), "-depth", "24", "-SecurityTypes", "None",
                 "-rfbport", str(port), "-localhost", "-ac"], log)
    until(lambda: os.path.exists("/tmp/.X11-unix/X%d" % number))
    until(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0)
    try:
        c = Client("127.0.0.1", port, tls=False)
        c.encodings(0, -308)
        # SetDesktopSize: two screens side by side.
        c.send(struct.pack(">BxHHBx", 251, W, H, 2) + struct.pack(">IHHHHI", 1, 0, 0, HALF, H, 0) +
               struct.pack(">IHHHHI", 2, HALF, 0, HALF, H, 0))
        v = ":%d" % number
        until(lambda: run(v, "xrandr", "--listmonitors").count("VNC-") >= 4)
        p = desk.viewer("--monitors=all", display=v)
        seen, why = windows(v), ""

        def same():
            nonlocal why
            want = desk.screen("desk")[2]
            got = subprocess.run(["import", "-display", v, "-window", "root", "-depth", "8", "bgra:-"],
                                 stdout=subprocess.PIPE).stdout
            why = differing(got, want)
            return all(got[i::4] == want[i::4] for i in range(3))
        ok = until(same, 30)
        seen = windows(v)
        tell(ok and seen == [(0, 0, HALF, H), (HALF, 0, HALF, H)], words_all, why + str(seen) + p.text() + run(v, "xrandr"))
        run(v, "xdotool", "mousemove", "1700", "400")
        tell(until(lambda: pointer(desk.d) == (1700, 400), 5), "... and the pointer goes over all of it", str(pointer(desk.d)))
        p.stop()

        # Our viewer of Xvnc itself: a plain RFB server whose ExtendedDesktopSize names two screens.
        p = desk.viewer("--monitors=each", "--insecure", port=port)
        ok = until(lambda: windows(desk.v) == [(0, 0, HALF, H), (HALF, 0, HALF, H)])
        tell(ok, "a plain RFB server's two screens come as two windows", str(windows(desk.v)) + p.text())
        p.stop()

        p = desk.viewer("--insecure", "--resize", port=port)
        until(lambda: windows(desk.v) == [(0, 0, W, H)])
        win = run(desk.v, "xdotool", "search", "--class", "caprock-viewer").split()[-1]
        run(desk.v, "xdotool", "windowsize", win, "900", "500")
        ok = until(lambda: "current 900 x 500" in run(v, "xrandr"), 10)
        tell(ok, "a desktop that can takes the window's size, if asked for", run(v, "xrandr")[:200] + p.text())
        p.stop()
    except (AssertionError, EOFError, OSError) as e:
        tell(False, words_all, repr(e) + x.text())
    x.stop()


if __name__ == "__main__":
    sys.exit(parts.run_on(Desk, on_each, on_keys, on_scaling, on_marks, on_all, on_words))
