#!/usr/bin/env python3
"""Four monitors of 3840x2160: capture, pipeline, wire and viewer carry them, exactly in the end. Figures as they come."""
import json
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import endtoend as e2e  # noqa: E402
import parts  # noqa: E402
from endtoend import Program, tell  # noqa: E402
from test_windows import Keys, run, windows  # noqa: E402

W, H, N, FPS = 3840, 2160, 4, 30
LAST = FPS * 5 - 1  # a scene that does not loop stands after five seconds
LIMIT_S = 150  # hang guard


def figures(path, words):
    """Prints what a viewer measured while pictures came; returns the lines."""
    lines = [json.loads(line) for line in open(path) if line.strip()]
    busy = [x for x in lines if x["video_fps"] > 0]

    def middle(key):
        values = sorted(x[key] for x in busy)
        return values[len(values) // 2] if values else 0
    print("# %s: %.1f pictures/s with video (mean of %d s in motion), medians: capture %.0f ms, encode %.0f ms, decode %.0f ms, "
          "show %.0f ms, %.1f MB/s" % (words, sum(x["video_fps"] for x in busy) / max(1, len(busy)), len(busy), middle("capture_ms"),
                                       middle("encode_ms"), middle("decode_ms"), middle("present_ms"),
                                       middle("bytes_per_s") / 1e6))
    return lines


def memory(pid):
    return int(next(l.split()[1] for l in open("/proc/%d/status" % pid) if l.startswith("VmHWM"))) // 1024


def shaded(x, y, n):
    """The rule of the test source's shaded scene (viewer/agent/capture/test.c): blue, green, red."""
    a, b = (x * 3 + y * 5 + n * 11) & 511, (x * y // 64 + n * 7) & 511
    i, j = (v if v < 256 else 511 - v for v in (a, b))
    return bytes((j, (i + j) // 2, i))


def on_test_source(tmp):
    a = e2e.Agent(tmp, "--source=test", "--display=mix", "--width=%d" % W, "--height=%d" % H, "--heads=%d" % N, "--loop=no",
                  "--fps=%d" % FPS, "--security=x509none")
    stats, dump = os.path.join(tmp, "stats.jsonl"), os.path.join(tmp, "dump.raw")
    begun = time.monotonic()
    common = [e2e.VIEWER, "--headless", "--no-reconnect", "--accept-new", "--known-hosts=" + os.path.join(tmp, "known"),
              "--dump=" + dump, "--seconds=%d" % LIMIT_S]
    p = subprocess.run(common + ["--until-exact=1500", "--stats=" + stats, "127.0.0.1::%d" % a.port],
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    text = p.stdout + a.text()
    lines = figures(stats, "%d monitors of %dx%d side by side, test source" % (N, W, H))
    last = lines[-1]
    print("# exact %.1f s after the start (the scene plays for 5), %.0f MB in all, agent's memory %d MiB at most" %
          (time.monotonic() - begun, last["bytes"] / 1e6, memory(a.p.pid)))
    tell(p.returncode == 0 and (last["width"], last["height"], last["monitors"]) == (W * N, H, N) and last["exact"],
         "four monitors arrive and become exact: %d x %d, %d tiles" % (last["width"], last["height"], last["tiles"]), text)
    tell(max(x["video_444"] for x in lines) == N, "each monitor in motion has a video of its own",
         str([x["video_444"] for x in lines]) + text)
    native = open(dump, "rb").read()
    turn = LAST // (FPS * 3) * FPS * 2 + LAST % (FPS * 3)  # it moves for two seconds of three
    wrong = 0
    for y in range(0, H, 9):
        for x in range(y % 37, W * N, 37):
            if x % W >= W // 2:
                at = (y * W * N + x) * 4
                wrong += native[at:at + 3] != shaded(x % W - W // 2, y, turn)
    tell(len(native) == W * N * H * 4 and wrong == 0, "every pixel looked at is what the scene's rule says, on all four",
         "%d wrong, %d bytes" % (wrong, len(native)))
    p = subprocess.run(common + ["--plain", "--encoding=raw", "--until-exact=500", "127.0.0.1::%d" % a.port],
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    plain = open(dump, "rb").read() if p.returncode == 0 else b""
    tell(plain == native, "plain RFB carries them, too, and its Raw pixels are the same, all %d" % (W * N * H),
         p.stdout + a.text())
    os.unlink(dump)
    a.stop()


def on_too_wide(tmp):
    a = e2e.Agent(tmp, "--source=test", "--display=shaded", "--width=20000", "--height=500", "--loop=no", "--security=x509none")
    stats = os.path.join(tmp, "wide.jsonl")
    code, text, got = e2e.viewer(tmp, a, "--until-exact=1500", "--stats=" + stats)
    lines = [json.loads(line) for line in open(stats)]
    places = [(x, y) for y in range(0, 500, 7) for x in range(y, 20000, 501)]
    wrong = sum(got[(y * 20000 + x) * 4:(y * 20000 + x) * 4 + 3] != shaded(x, y, LAST) for x, y in places)
    tell(code == 0 and len(got) == 20000 * 500 * 4 and wrong == 0 and not any(x["video_444"] for x in lines),
         "a monitor of 20000 pixels, wider than any video, moves by exact tiles alone", "%d wrong\n" % wrong + text + a.text())
    a.stop()


COLOURS = [bytes((40 + 60 * (i % 4), 250 - 50 * (i // 4), 30 + 14 * i, 0)) for i in range(16)]


def on_windows(tmp):
    """Two displays of 7680x4320: the desktop's four monitors two by two, and the person's, with a window for each."""
    desk, d = e2e.xvfb(tmp, "desk", W * 2, H * 2)
    view, v = e2e.xvfb(tmp, "view", W * 2, H * 2)
    if not d or not v:
        return tell(False, "two displays of 7680x4320", desk.text() + view.text())
    for i in range(N):
        run(d, "xrandr", "--setmonitor", "m%d" % i, "%d/600x%d/340+%d+%d" % (W, H, i % 2 * W, i // 2 * H),
            "none" if i else "screen")
    keys, places = Keys(d), [(x, y) for y in (0, H) for x in (0, W)]
    for n in range(N):
        px = subprocess.run(["convert", "-size", "960x540", "-seed", str(n), "plasma:", "-filter", "point", "-resize", "200%",
                             "-depth", "8", "bgra:-"], stdout=subprocess.PIPE, check=True).stdout
        x, y = places[n]
        keys.paint(px, 1920, 1080, *[(x + i % 2 * 1920, y + i // 2 * 1080) for i in range(4)])
    for i, colour in enumerate(COLOURS):
        keys.paint(colour * (64 * 64), 64, 64, (i % 4 * 1920 + 100 * i, i // 4 * 1080 + 50 * i))
    a = e2e.Agent(tmp, "--source=x11", "--display=" + d, "--security=x509none")
    stats = os.path.join(tmp, "windows.jsonl")
    p = Program([e2e.VIEWER, "--monitors=each", "--stats=" + stats, "--accept-new",
                 "--known-hosts=" + os.path.join(tmp, "known"), "127.0.0.1::%d" % a.port],
                os.path.join(tmp, "viewer.log"), dict(os.environ, DISPLAY=v, SDL_VIDEODRIVER="x11"))
    ok, why = e2e.same_screens(tmp, LIMIT_S)
    want = sorted((x, y, W, H) for x, y in places)
    tell(ok and windows(v) == want, "four windows of 3840x2160 show the desktop's four monitors, bit by bit",
         why + str(windows(v)) + p.text() + a.text())

    # A shaded square moves on each monitor at once.
    side = 1024
    square = b"".join(shaded(x % side, x // side, 0) + b"\0" for x in range(side * side))
    begun, frames = time.monotonic(), 0
    while time.monotonic() - begun < 6:
        at = 100 + frames % 40 * 16
        keys.paint(square, side, side, *[(x + at + 700, y + at) for x, y in places])
        frames += 1
        time.sleep(0.05)
    ok, why = e2e.same_screens(tmp, LIMIT_S)
    lines = figures(stats, "2 x 2 monitors, X to X, four windows, a 1024x1024 square moving on each (%d drawn)" % frames)
    tell(ok, "after motion on all four they are exact again, bit by bit", why + p.text() + a.text())
    tell(max(x["video_444"] for x in lines) == N, "the motion came by a video for each monitor",
         str([x["video_444"] for x in lines]))
    print("# memory at most: agent %d MiB, viewer %d MiB" % (memory(a.p.pid), memory(p.p.pid)))
    p.stop()
    a.stop()
    view.stop()
    desk.stop()


if __name__ == "__main__":
    sys.exit(parts.run(on_test_source, on_too_wide, on_windows))
