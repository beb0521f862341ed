#!/usr/bin/env python3
"""
The drm source on a 3D card (virtio-gpu-gl), where a plain mapping reads zeros or old pixels without an
error: what the viewer holds is compared with the emulator's own window.
"""
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import test_drm  # noqa: E402
from test_drm import Guest, differing, tell, viewer  # noqa: E402

SIZE = (1280, 800)


def x_server(folder):
    log = os.path.join(folder, "xvfb.log")
    p = subprocess.Popen(["Xvfb", "-displayfd", "1", "-screen", "0", "2600x1800x24", "-fbdir", folder, "-nolisten",
                          "tcp", "-noreset", "-nocursor"], stdout=open(log, "wb"), stderr=subprocess.STDOUT)
    end = time.monotonic() + 20
    while time.monotonic() < end:
        m = re.search(r"^(\d+)\s*$", open(log, errors="replace").read(), re.M)
        if m:
            return p, ":" + m.group(1)
        time.sleep(0.1)
    return p, None


def window(folder):
    """The emulator's window: what of the X screen is not its black ground, cut to the guest's size."""
    data = open(os.path.join(folder, "Xvfb_screen0"), "rb").read()
    head = struct.unpack(">25I", data[:100])
    size, w, h, pitch, colours = head[0], head[4], head[5], head[12], head[19]
    at = size + colours * 12
    rows = [data[at + y * pitch:at + y * pitch + w * 4] for y in range(h)]
    lit = [y for y in range(h) if any(rows[y])]
    if not lit:
        return b""
    x0 = min((len(r) - len(r.lstrip(b"\0"))) // 4 for r in (rows[y] for y in lit))
    out = []
    for y in range(lit[0], lit[0] + SIZE[1]):
        row = bytearray(rows[y][x0 * 4:(x0 + SIZE[0]) * 4])
        row[3::4] = bytes(len(row[3::4]))
        out.append(bytes(row))
    return b"".join(out)


def pictures(name, agent, numbers):
    folder = tempfile.mkdtemp(prefix="caprock-virgl-")
    x, display = x_server(folder)
    g = None
    try:
        env = dict(os.environ, DISPLAY=display or "", LIBGL_ALWAYS_SOFTWARE="1", SDL_VIDEO_CENTERED="1")
        g = Guest(folder, ["virtio-gpu-gl-pci,id=video"], initrd="initrd-gl", memory="3G", append=agent,
                  display=("-display", "sdl,gl=on,show-cursor=off"), env=env)
        ok = g.wait("caprock-agent: listening") is not None
        m = re.search(r"renderer (.*)", g.text())
        tell(ok and m and "virgl" in m.group(1),
             name + ": the guest draws by the host's OpenGL, helper and agent are up", g.text())
        for n in numbers:
            g.say("paint %d" % n, "painted %d" % n)
            time.sleep(1)
            code, text, got, stats = viewer(g)
            want = window(folder)
            same = code == 0 and got == want
            tell(same and len(set(got[i:i + 4] for i in range(0, len(got), 4096))) > 8,
                 name + ": picture %d arrives as the emulator's window shows it, bit by bit (capture %.0f ms)" %
                 (n, stats.get("capture_ms", 0)), text + differing(got, want) + "\n" + g.text())
    finally:
        if g:
            g.stop()
        x.terminate()
        x.wait()
        shutil.rmtree(folder, ignore_errors=True)


def main():
    ways = {"transfer": ("", (5, 6, 7, 8)), "opengl": ("agent=--drm-gl=yes", (5, 6, 9))}
    for name, (agent, numbers) in ways.items():
        if len(sys.argv) < 2 or name in sys.argv[1:]:
            pictures(name, agent, numbers)
    print("1..%d" % test_drm.number)
    return 1 if test_drm.failed else 0


if __name__ == "__main__":
    sys.exit(main())
