#!/usr/bin/env python3
"""
The drm source in a Debian guest: root helper, unprivileged agent, and a painter as desktop, on each
emulated graphics card. What the viewer holds is compared with what the emulator shows (screendump).
"""
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
BUILD = os.path.join(ROOT, "build")
VIEWER = os.path.join(BUILD, "caprock-viewer")
QEMU = os.environ.get("QEMU", "qemu-system-x86_64")
PATIENCE = float(os.environ.get("LAB_PATIENCE", "1"))
LIMIT_S = 240 * PATIENCE  # hang guard of one guest
number = failed = 0


def tell(ok, words, why=""):
    global number, failed
    number += 1
    failed += not ok
    print("%sok %d - %s" % ("" if ok else "not ", number, words))
    if not ok:
        print("\n".join("# " + line for line in why.splitlines()[-25:]))
    sys.stdout.flush()
    return ok


class Guest:
    def __init__(self, folder, devices, append="", initrd="initrd", display=("-display", "none"), memory="2G", env=None):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.folder = folder
        self.lines = []
        self.changed = threading.Condition()
        self.qmp_path = os.path.join(folder, "qmp")
        args = [QEMU, "-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "Haswell", "-smp", "2", "-m", memory,
                "-kernel", os.path.join(BUILD, "cache/debian/vmlinuz"), "-initrd", os.path.join(BUILD, "stream", initrd),
                "-append", "console=ttyS0 quiet loglevel=3 panic=-1 " + append, "-nodefaults", *display, "-vga", "none", "-netdev", "user,id=n,hostfwd=tcp:127.0.0.1:%d-:5900" % self.port,
                "-device", "virtio-net-pci,netdev=n", "-serial", "stdio", "-no-reboot",
                "-qmp", "unix:%s,server,nowait" % self.qmp_path]
        for d in devices:
            args += ["-device", d]
        self.p = subprocess.Popen(["timeout", "-k", "5", str(int(LIMIT_S))] + args, stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env)
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for raw in self.p.stdout:
            with self.changed:
                self.lines.append(raw.decode(errors="replace").rstrip("\r\n"))
                self.changed.notify_all()
        with self.changed:
            self.changed.notify_all()

    def text(self):
        return "\n".join(self.lines)

    def wait(self, pattern, since=0, seconds=LIMIT_S):
        end = time.monotonic() + seconds
        with self.changed:
            while True:
                for line in self.lines[since:]:
                    if re.search(pattern, line):
                        return line
                if self.p.poll() is not None or time.monotonic() > end:
                    return None
                self.changed.wait(1)

    def say(self, command, answer):
        since = len(self.lines)
        self.p.stdin.write(command.encode() + b"\n")
        self.p.stdin.flush()
        return self.wait(answer, since, 60 * PATIENCE)

    def qmp(self, command, **arguments):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(self.qmp_path)
            f = s.makefile("rw")
            f.readline()
            for c, a in (("qmp_capabilities", {}), (command, arguments)):
                f.write(json.dumps({"execute": c, "arguments": a}) + "\n")
                f.flush()
                while True:
                    answer = json.loads(f.readline())
                    if "return" in answer or "error" in answer:
                        break
            if "error" in answer:
                raise RuntimeError(answer["error"]["desc"])

    def screen(self, device="video", head=0):
        """Width, height and the pixels (blue, green, red, 0) that the emulator shows."""
        path = os.path.join(self.folder, "screen.ppm")
        self.qmp("screendump", filename=path, device=device, head=head)
        data = open(path, "rb").read()
        m = re.match(rb"P6\s+(\d+)\s+(\d+)\s+255\s", data)
        w, h = int(m.group(1)), int(m.group(2))
        rgb = data[m.end():]
        out = bytearray(w * h * 4)
        out[0::4], out[1::4], out[2::4] = rgb[2::3], rgb[1::3], rgb[0::3]
        return w, h, bytes(out)

    def stop(self):
        if self.p.poll() is None:
            self.p.terminate()
        self.p.wait()


def viewer(g, *args):
    dump = os.path.join(g.folder, "dump.raw")
    stats = os.path.join(g.folder, "stats")
    for f in (dump, stats):
        if os.path.exists(f):
            os.unlink(f)
    p = subprocess.run([VIEWER, "--headless", "--no-reconnect", "--dump=" + dump, "--stats=" + stats,
                        "--known-hosts=" + os.path.join(g.folder, "known"), "--accept-new", "--until-exact=1500",
                        "--seconds=%d" % (60 * PATIENCE)] + list(args) + ["127.0.0.1::%d" % g.port],
                       stdin=subprocess.DEVNULL, capture_output=True, text=True)
    got = open(dump, "rb").read() if os.path.exists(dump) else b""
    last = [json.loads(line) for line in open(stats)] if os.path.exists(stats) else []
    return p.returncode, p.stdout + p.stderr, got, last[-1] if last else {}


def differing(a, b):
    if len(a) != len(b):
        return "sizes %d and %d" % (len(a), len(b))
    return "%d of %d pixels differ" % (sum(a[i:i + 4] != b[i:i + 4] for i in range(0, len(a), 4)), len(a) // 4)


def compare(g, words, pictures):
    code, text, got, _ = viewer(g)
    want = pictures()
    tell(code == 0 and got == want, words, text + differing(got, want) + "\n" + g.text())


def up(g, name):
    ok = g.wait(r"caprock-agent: listening") is not None
    return tell(ok, "%s: helper and agent are up in the guest, the agent without rights" % name, g.text())


def flips(g, name):
    def one():
        return g.screen()[2]
    compare(g, name + ": the first picture is what the card shows, bit by bit", one)
    for n in range(5, 12):
        g.say("paint %d" % n, "painted %d" % n)
    compare(g, name + ": ... after flips between two buffers", one)
    g.say("draw 40", "drawn 40")
    compare(g, name + ": ... after drawing into the framebuffer that is shown", one)


def on_virtio(folder):
    name = "virtio-gpu"
    g = Guest(folder, ["virtio-gpu-pci,id=video"])
    try:
        if not up(g, name):
            return
        flips(g, name)
        said = g.say("cursor 7 200 120", "cursor")
        code, text, got, stats = viewer(g)
        cursor = stats.get("cursor", {})
        tell(said == "cursor 7" and cursor.get("width") == 64 and got == g.screen()[2],
             name + ": the pointer's plane arrives as a pointer, not in the picture", text + str(cursor))
        inputs(g)
        tell(g.wait("agent runs as uid 1000$", seconds=1) is not None, name + ": the agent runs as the desktop's user", g.text())
    finally:
        g.stop()


def inputs(g):
    """A plain RFB client presses, moves and turns; what Linux's input layer says is compared."""
    g.say("listen", "listening to")
    since = len(g.lines)
    driver = os.path.join(ROOT, "tests/stream/rfb.py")
    p = subprocess.run([sys.executable, driver, "127.0.0.1", str(g.port), "tls",
                        "key 1 0x61 0x1e", "key 0 0x61 0x1e", "key 1 0xff51 0xcb", "key 0 0xff51 0xcb",
                        "pointer 640 400 0", "pointer 640 400 1", "pointer 640 400 0", "pointer 640 400 8",
                        "pointer 640 400 0"], capture_output=True, text=True, timeout=60 * PATIENCE)
    wanted = [r"Caprock keyboard: 1 30 1", r"Caprock keyboard: 1 30 0", r"Caprock keyboard: 1 105 1",
              r"Caprock keyboard: 1 105 0", r"Caprock pointer: 3 0 327\d\d", r"Caprock pointer: 3 1 328\d\d",
              r"Caprock pointer: 1 272 1", r"Caprock pointer: 1 272 0", r"Caprock pointer: 2 8 1"]
    missing = [w for w in wanted if not g.wait("event " + w + "$", since, 20 * PATIENCE)]
    tell(not missing, "uinput: keys by scancode, an absolute pointer, buttons and wheel reach Linux's input layer",
         "missing: %s\n%s%s\n%s" % (missing, p.stdout, p.stderr, "\n".join(g.lines[since:])))


    since = len(g.lines)
    p = subprocess.run([sys.executable, driver, "127.0.0.1", str(g.port), "tls", "native",
                        "pen 640 400 0x8000 0 3000 -2000", "pen 640 400 0x8001 40000 3000 -2000", "pen 640 400 0x8000 0 0 0",
                        "axes 1000 -2000 3000 -4000 5000 -32768 1"], capture_output=True, text=True, timeout=60 * PATIENCE)
    wanted = [r"Caprock pen: 1 320 1", r"Caprock pen: 3 26 30", r"Caprock pen: 3 27 -20", r"Caprock pen: 3 24 40000",
              r"Caprock pen: 1 330 1", r"Caprock pen: 1 330 0", r"Caprock pen: 1 320 0"]
    wanted += [r"Caprock six-axes controller: 3 %d %d" % (i, v) for i, v in enumerate((1000, -2000, 3000, -4000, 5000, -32767))]
    wanted += [r"Caprock six-axes controller: 1 704 1", r"Caprock six-axes controller: 1 704 0"]
    missing = [w for w in wanted if not g.wait("event " + w + "$", since, 20 * PATIENCE)]
    tell(not missing, "uinput: a pen's pressure, tilt and tip, and six axes reach it, and are let go of when the viewer leaves",
         "missing: %s\n%s%s\n%s" % (missing, p.stdout, p.stderr, "\n".join(g.lines[since:])))


def on_two_outputs(folder):
    name = "virtio-gpu with two outputs"
    g = Guest(folder, ["virtio-gpu-pci,id=video,max_outputs=2"],
              "video=Virtual-1:800x600@60e video=Virtual-2:640x480@60e")
    try:
        if not up(g, name):
            return
        g.say("paint 9", "painted 9")

        def both():
            w0, h0, a = g.screen(head=0)
            w1, h1, b = g.screen(head=1)
            height = max(h0, h1)
            rows = []
            for y in range(height):
                rows.append(a[y * w0 * 4:(y + 1) * w0 * 4] if y < h0 else bytes(w0 * 4))
                rows.append(b[y * w1 * 4:(y + 1) * w1 * 4] if y < h1 else bytes(w1 * 4))
            return b"".join(rows)
        compare(g, name + ": both are in the picture, side by side", both)
    finally:
        g.stop()


def on_bochs(folder):
    name = "bochs-display"
    g = Guest(folder, ["bochs-display,id=video,xres=1024,yres=768"])
    try:
        if up(g, name):
            flips(g, name)
    finally:
        g.stop()


def main():
    only = sys.argv[1] if len(sys.argv) > 1 else ""
    for test in (on_virtio, on_two_outputs, on_bochs):
        if only not in test.__name__:
            continue
        folder = tempfile.mkdtemp(prefix="caprock-drm-")
        try:
            test(folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    print("1..%d" % number)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
