"""Screens for a machine without one: X servers in memory, what is shown on them, and hands for the mouse."""
import json
import os
import subprocess
import time

from lab import BUILD, die_with_parent

VIEWER = os.path.join(BUILD, "caprock-viewer")


class Screen:
    """An X server of its own; gone when the program is."""

    def __init__(self, width, height):
        r, w = os.pipe()
        self.process = subprocess.Popen(["Xvfb", "-displayfd", str(w), "-screen", "0", "%dx%dx24" % (width, height), "-nolisten", "tcp"],
                                        pass_fds=[w], stderr=subprocess.DEVNULL, preexec_fn=die_with_parent)
        os.close(w)
        with os.fdopen(r) as f:
            number = f.readline().strip()
        if not number:
            raise RuntimeError("Xvfb does not start")
        self.env = dict(os.environ, DISPLAY=":" + number, LIBGL_ALWAYS_SOFTWARE="1")
        self.env.pop("WAYLAND_DISPLAY", None)

    def picture(self, path):
        subprocess.run(["import", "-silent", "-window", "root", path], env=self.env, check=True)

    def place(self, name, x, y):
        """Move the window with that name; True when it was there."""
        p = subprocess.run(["xdotool", "search", "--name", name, "windowmove", "%@", str(x), str(y)], env=self.env,
                           capture_output=True, text=True)
        return p.returncode == 0

    def do(self, *words):
        subprocess.run(["xdotool"] + [str(w) for w in words], env=self.env, stderr=subprocess.DEVNULL)

    def drag(self, x, y, dx, dy, steps=20, pause=0.05):
        """Press, move, let go, as a hand does."""
        self.do("mousemove", x, y, "mousedown", 1)
        for i in range(1, steps + 1):
            self.do("mousemove", x + dx * i // steps, y + dy * i // steps)
            time.sleep(pause)
        self.do("mouseup", 1)

    def close(self):
        self.process.kill()
        self.process.wait()


class Viewer:
    """A caprock-viewer: in a window of `screen`, or without one."""

    def __init__(self, folder, name, port, screen=None, *options):
        self.stats = os.path.join(folder, name + ".jsonl")
        self.log = os.path.join(folder, name + ".viewer.log")
        known = os.path.join(folder, name + ".known_hosts")
        for path in (self.stats, known):
            if os.path.exists(path):
                os.unlink(path)
        args = [VIEWER, "--accept-new", "--known-hosts=" + known, "--stats=" + self.stats] + list(options)
        args += [] if screen else ["--headless"]
        self.process = subprocess.Popen(args + ["127.0.0.1::%d" % port], env=screen.env if screen else None,
                                        stdin=subprocess.DEVNULL, stdout=open(self.log, "w"), stderr=subprocess.STDOUT,
                                        preexec_fn=die_with_parent)

    def lines(self):
        try:
            with open(self.stats) as f:
                return [json.loads(x) for x in f if x.endswith("\n")]
        except OSError:
            return []

    def frames(self):
        """Pictures shown so far."""
        total, last = 0.0, 0.0
        for x in self.lines():
            total += x["fps"] * (x["s"] - last)
            last = x["s"]
        return int(total + 0.5)

    def wait(self, timeout):
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
            if self.wait(10) is None:
                self.process.kill()
        self.process.wait()


def exact_picture(folder, name, port, timeout):
    """The desktop as a viewer has it once every pixel is exact: path of a PNG, or None."""
    path = os.path.join(folder, name + ".png")
    if os.path.exists(path):
        os.unlink(path)
    v = Viewer(folder, name + "-exact", port, None, "--until-exact=1000", "--seconds=%d" % timeout, "--screenshot=" + path)
    status = v.wait(timeout + 20)
    v.close()
    return path if status == 0 and os.path.exists(path) and v.lines() and v.lines()[-1]["exact"] else None


def colours(path):
    """How many colours a picture has."""
    return int(subprocess.run(["identify", "-format", "%k", path], capture_output=True, text=True, check=True).stdout)


def pixels_differ(a, b):
    """How many pixels of two pictures differ; None when their sizes do."""
    p = subprocess.run(["compare", "-metric", "AE", a, b, "null:"], capture_output=True, text=True)
    word = p.stderr.split()[0] if p.stderr.split() else ""
    return int(float(word)) if p.returncode in (0, 1) and word.replace(".", "").replace("e+", "").isdigit() else None
