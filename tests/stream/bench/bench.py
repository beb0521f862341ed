#!/usr/bin/env python3
"""
make bench-stream: caprock beside TigerVNC (Tight with JPEG quality 8, and without JPEG) and x11vnc on a
recorded desktop, in turns, over a network in user space, on one clock. Prints `name value unit`.

  WORKLOAD   a folder with seq.mkv and seg.txt; without it a seeded desktop of our own is drawn
  ROUNDS     turns of each (10), KEYS keys a turn (20); QUICK=1: one turn, no WAN

Neither side encrypts; congestion control is BBR on both where the kernel has it (printed). Processor
time is that of all processes on the serving side, its display server included. A bar with an interval
(of the median, 95 %) on both sides of it is inconclusive and does not pass.
"""
import mmap
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import time

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../.."))
BUILD = os.path.join(ROOT, "build")
TOOLS = os.path.join(BUILD, "stream")
PORT = 5901
QUICK = os.environ.get("QUICK") == "1"
ROUNDS = 1 if QUICK else int(os.environ.get("ROUNDS", "10"))
KEYS = int(os.environ.get("KEYS", "20"))
SIZE = (1920, 1080)
LAN = dict(delay_us=0, loss_ppm=0, rate_kbps=0, queue_bytes=0)
WAN = dict(delay_us=50000, loss_ppm=10000, rate_kbps=20000, queue_bytes=250000)


# ---- the workload ------------------------------------------------------------------------------

class Workload:
    def __init__(self, folder, tmp):
        self.raw = os.path.join(tmp, "seq.raw")
        if folder:
            subprocess.run(["ffmpeg", "-v", "error", "-i", os.path.join(folder, "seq.mkv"), "-f", "rawvideo",
                            "-pix_fmt", "bgr0", self.raw], check=True, stdin=subprocess.DEVNULL)
            lines = open(os.path.join(folder, "seg.txt")).read().split("\n")
            self.viewport = tuple(int(v) for v in lines[0].split())
            segments = [line for line in lines[2:] if line]
        else:
            self.viewport = (960, 0, 1920, 1080)
            segments = draw_workload(self.raw)
        self.three = longest(segments, "3d")
        self.text = longest(segments, "text")


def longest(segments, word):
    """First and last frame of the longest stretch of a kind; the frame before it is where it starts from."""
    best, start = (0, 0), None
    for i, s in enumerate(segments + [""]):
        if s == word and start is None:
            start = i
        if s != word and start is not None:
            if i - start > best[1] - best[0]:
                best = (start, i - 1)
            start = None
    if best == (0, 0):
        sys.exit("bench: the workload has no frames of the kind %s" % word)
    return max(best[0] - 1, 0), best[1]


def draw_workload(path):
    """Text on the left that scrolls for 30 frames, a lit surface on the right that turns for 60."""
    w, h = SIZE
    rnd = random.Random(11)
    lines = []
    for _ in range(h // 16 + 64):
        rows = [bytearray(b"\xff\xff\xff\x00" * (w // 2)) for _ in range(16)]
        for col in range(w // 2 // 9):
            if rnd.random() < 0.18:
                continue
            for y in range(3, 13):
                for x in range(7):
                    if rnd.random() < 0.4:
                        rows[y][(col * 9 + x) * 4:(col * 9 + x) * 4 + 3] = b"\x20\x20\x20"
        lines += rows
    turn = [bytes(((v if v < 256 else 511 - v) for v in range(512))) * 8]
    segments = []
    with open(path, "wb") as f:
        for n in range(90):
            segments.append("3d" if n < 60 else "text")
            angle, scroll = min(n, 59), max(n - 60, 0) * 21
            for y in range(h):
                a = turn[0][(y * 5 + angle * 13) % 512:][:w // 2]
                b = turn[0][(y * 2 + angle * 7) % 512:][:w // 2]
                right = bytearray(w // 2 * 4)
                right[0::4], right[1::4], right[2::4] = a, b, bytes(reversed(a))
                f.write(lines[y + scroll] + right)
    return segments


# ---- machines ----------------------------------------------------------------------------------

class Net:
    FIELDS = ("ready", "delay_us", "loss_ppm", "rate_kbps", "queue_bytes", "cut")

    def __init__(self, tmp, ran):
        self.names = ["capsrv%d" % os.getpid(), "capcli%d" % os.getpid()]
        for n in self.names:
            subprocess.run(["ip", "netns", "del", n], stderr=subprocess.DEVNULL)
            subprocess.run(["ip", "netns", "add", n], check=True)
        self.path = os.path.join(tmp, "control")
        self.p = subprocess.Popen([os.path.join(TOOLS, "netem"), self.path, self.names[0], "10.77.0.1",
                                   self.names[1], "10.77.0.2"])
        ran.append(self.p)
        for _ in range(100):
            time.sleep(0.05)
            if os.path.exists(self.path) and os.path.getsize(self.path) >= 24:
                self.map = mmap.mmap(os.open(self.path, os.O_RDWR), 0)
                if struct.unpack_from("I", self.map, 0)[0]:
                    break
        else:
            sys.exit("bench: the network emulator did not start (it needs root and /dev/net/tun)")
        self.congestion = "bbr"
        for n in self.names:
            for cc in ("bbr", "cubic"):
                if not subprocess.run(["ip", "netns", "exec", n, "sysctl", "-qw", "net.ipv4.tcp_congestion_control=" + cc],
                                      stderr=subprocess.DEVNULL).returncode:
                    self.congestion = cc
                    break

    def set(self, **values):
        for k, v in values.items():
            struct.pack_into("I", self.map, 4 * self.FIELDS.index(k), v)

    def run(self, side, args, log, env=None):
        return subprocess.Popen(["ip", "netns", "exec", self.names[side]] + args, stdin=subprocess.DEVNULL,
                                stdout=open(log, "wb"), stderr=subprocess.STDOUT, env=env)

    def close(self):
        self.p.terminate()
        self.p.wait()
        for n in self.names:
            subprocess.run(["ip", "netns", "del", n])


def until(what, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        v = what()
        if v:
            return v
        time.sleep(0.05)
    return None


def x_server(tmp, name, ran):
    folder = os.path.join(tmp, name)
    os.makedirs(folder, exist_ok=True)
    log = os.path.join(tmp, name + ".log")
    p = subprocess.Popen(["Xvfb", "-displayfd", "1", "-screen", "0", "%dx%dx24" % SIZE, "-fbdir", folder, "-nolisten",
                          "tcp", "-noreset", "-nocursor"], stdout=open(log, "wb"), stderr=subprocess.STDOUT)
    ran.append(p)
    number = until(lambda: open(log).read().strip().split("\n")[-1] if open(log).read().strip()[-1:].isdigit() else None)
    return p, ":" + number, os.path.join(folder, "Xvfb_screen0")


def children(pid):
    out = [pid]
    try:
        for t in os.listdir("/proc/%d/task" % pid):
            for c in open("/proc/%d/task/%s/children" % (pid, t)).read().split():
                out += children(int(c))
    except OSError:
        pass
    return out


def free_display():
    n = 40
    while os.path.exists("/tmp/.X11-unix/X%d" % n) or os.path.exists("/tmp/.X%d-lock" % n):
        n += 1
    return n


def tiger_viewer(net, tmp, env, *args):
    return net.run(1, ["xtigervncviewer", "-SecurityTypes", "None", "-FullScreen=1", "-AutoSelect=0",
                       "-RemoteResize=0", "-MenuKey=", "-PreferredEncoding=Tight", "-QualityLevel=8", *args,
                       "10.77.0.1::%d" % PORT], os.path.join(tmp, "viewer.log"), env)


def start_caprock(net, tmp, ran):
    x, desk, _ = x_server(tmp, "desk", ran)
    agent = net.run(0, [os.path.join(BUILD, "caprock-agent"), "--source=x11", "--display=" + desk, "--listen=10.77.0.1",
                        "--port=%d" % PORT, "--security=none", "--state=" + os.path.join(tmp, "state"),
                        "--congestion=" + net.congestion] + os.environ.get("AGENT_ARGS", "").split(),
                    os.path.join(tmp, "agent.log"))
    ran.append(agent)
    until(lambda: "listening" in open(os.path.join(tmp, "agent.log")).read())
    return desk, [x.pid] + children(agent.pid), lambda env: net.run(
        1, [os.path.join(BUILD, "caprock-viewer"), "--insecure", "10.77.0.1::%d" % PORT],
        os.path.join(tmp, "viewer.log"), dict(env, SDL_VIDEODRIVER="x11"))


def start_tiger(net, tmp, ran, *args):
    n = free_display()
    server = net.run(0, ["Xtigervnc", ":%d" % n, "-geometry", "%dx%d" % SIZE, "-depth", "24", "-SecurityTypes", "None",
                         "-rfbport", str(PORT), "-AlwaysShared", "-desktop", "bench"], os.path.join(tmp, "server.log"))
    ran.append(server)
    until(lambda: os.path.exists("/tmp/.X11-unix/X%d" % n))
    return ":%d" % n, children(server.pid), lambda env: tiger_viewer(net, tmp, env, *args)


def start_x11vnc(net, tmp, ran):
    x, desk, _ = x_server(tmp, "desk", ran)
    server = net.run(0, ["x11vnc", "-display", desk, "-rfbport", str(PORT), "-forever", "-nopw", "-shared", "-nocursor"],
                     os.path.join(tmp, "server.log"))
    ran.append(server)
    until(lambda: "screen setup finished" in open(os.path.join(tmp, "server.log"), errors="replace").read())
    return desk, [x.pid] + children(server.pid), lambda env: tiger_viewer(net, tmp, env)


SYSTEMS = {
    "C": ("caprock", start_caprock),
    "T": ("TigerVNC Tight q8", lambda *a: start_tiger(*a)),
    "TL": ("TigerVNC without JPEG", lambda *a: start_tiger(*a, "-NoJPEG=1")),
    "X": ("x11vnc", start_x11vnc),
}


def measure(net, work, system, jobs, link):
    """One turn of one system: its figures by name, empty if it did not come up."""
    tmp = tempfile.mkdtemp(prefix="caprock-bench-", dir=os.path.dirname(work.raw))
    ran = []
    figures = {}
    net.set(cut=0, **link)
    try:
        view, display, fb = x_server(tmp, "view", ran)
        desk, pids, viewer = SYSTEMS[system][1](net, tmp, ran)
        v = viewer(dict(os.environ, DISPLAY=display))
        ran.append(v)
        time.sleep(1.5)
        p = subprocess.run([os.path.join(TOOLS, "measure"), desk, display, fb, work.raw, str(SIZE[0]), str(SIZE[1]),
                            net.path, ",".join(map(str, pids)), ",".join(map(str, work.viewport))] + jobs,
                           capture_output=True, text=True, timeout=240)
        for line in p.stdout.splitlines():
            name, value = line.split()
            figures[name] = float(value)
        if p.returncode:
            print("# %s: %s" % (SYSTEMS[system][0], (p.stderr or "ended with %d" % p.returncode).strip()))
            if os.environ.get("KEEP"):
                subprocess.run("cat %s/*.log" % tmp, shell=True)
    except (subprocess.TimeoutExpired, TypeError) as e:
        print("# %s: %s" % (SYSTEMS[system][0], e))
    finally:
        for p in reversed(ran):
            if p.poll() is None:
                p.terminate()
        for p in reversed(ran):
            try:
                p.wait(5)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
        shutil.rmtree(tmp, ignore_errors=True)
    return figures


# ---- figures -----------------------------------------------------------------------------------

def median(v):
    s = sorted(v)
    return (s[(len(s) - 1) // 2] + s[len(s) // 2]) / 2 if s else float("nan")


def interval(v):
    """Of the median, at least 95 %: by order statistics (n >= 6), else all that was seen."""
    s, n = sorted(v), len(v)
    k, tail, p = -1, 0.0, 0.5 ** n if n else 1
    while n and k + 1 < n // 2 and tail + p <= 0.025:
        k += 1
        tail += p
        p = p * (n - k) / (k + 1)
    k = max(k, 0)
    return (s[k], s[n - 1 - k]) if s else (float("nan"),) * 2


def show(name, value, unit):
    print("%s %.4g %s" % (name, value, unit))
    sys.stdout.flush()


bad = []


def judge(name, lo, hi, value, bar, words):
    verdict = "holds" if hi <= bar else "misses" if lo > bar else "inconclusive"
    if verdict != "holds":
        bad.append(name)
    print("# %s: %s (%.3g, %.3g to %.3g; bar %s)" % (name, verdict, value, lo, hi, words))
    sys.stdout.flush()


# name of the issue: our key, unit, bars on the ratio to T and to TL
RATIOS = {
    "bytes_3d": ("m3d.bytes", "bytes/frame", 0.55, None),
    "bytes_text": ("mtext.bytes", "bytes/frame", 0.15, 0.30),
    "latency_3d_p50": ("m3d.latency_p50", "ms", 1.2, None),
    "key_3d_p50": ("k3d.p50", "ms", 1.1, None),
    "cpu_3d": ("m3d.cpu_us", "us/frame", 3.0, 0.9),
    "cpu_text": ("mtext.cpu_us", "us/frame", 0.9, None),
}


def report(rounds):
    def series(system, key):
        return [r[system].get(key, float("nan")) for r in rounds]

    def pairs(key, other, what=lambda c, t: c / t if t else float("nan")):
        both = zip(series("C", key), series(other, key))
        return [what(c, t) for c, t in both if c == c and t == t and c >= 0 and t > 0]

    for name, (key, unit, bar_t, bar_tl) in RATIOS.items():
        show("stream." + name, median(series("C", key)), unit)
        for other, label, bar in (("T", "ratio_T", bar_t), ("TL", "ratio_TL", bar_tl), ("X", "ratio_X", None)):
            r = pairs(key, other)
            if not r:
                continue
            show("stream.%s.%s" % (name, label), median(r), "ratio")
            if bar is not None:
                judge("stream.%s.%s" % (name, label), *interval(r), median(r), bar, "<= %g" % bar)
    for q in ("p50", "p95"):
        show("stream.key_idle_" + q, median(series("C", "kidle." + q)), "ms")
        for other in ("T", "TL", "X"):
            r = pairs("kidle." + q, other)
            if r:
                show("stream.key_idle_%s.ratio_%s" % (q, other), median(r), "ratio")
        d = pairs("kidle." + q, "T", lambda c, t: c - t)
        if d:
            judge("stream.key_idle_" + q, *interval(d), median(d), 1.0, "<= T + 1 ms")
    d = pairs("m3d.psnr", "T", lambda c, t: t - c)
    show("stream.psnr_3d", median(series("C", "m3d.psnr")), "dB")
    show("stream.psnr_3d.T", median(series("T", "m3d.psnr")), "dB")
    if d:
        judge("stream.psnr_3d", *interval(d), median(d), 0, "T's or better")
    for key, name, unit, bar in (("idle.cpu", "idle_cpu", "%", 1.0), ("idle.bytes_per_s", "idle_bytes_per_s", "bytes/s", 100),
                                 ("m3d.exact_ms", "exact_lan_ms", "ms", 130)):
        v = [x for x in series("C", key) if x == x]
        if v:
            show("stream." + name, median(v), unit)
            v = [1e9 if x < 0 else x for x in v]
            judge("stream." + name, *interval(v), median(v), bar, "<= %g" % bar)


def wan(net, work):
    first, last = work.three
    jobs = ["loop", "w", str(first), str(last), "240"]
    rtt = WAN["delay_us"] * 2 / 1000
    turns = [measure(net, work, "C", jobs, WAN) for _ in range(3)]
    fps = [t.get("w.fps", 0) for t in turns]
    latency = [t.get("w.latency_p50", 1e9) for t in turns]
    exact = [(t.get("w.exact_ms", 1e9), 60 + 1.5 * rtt + 1.25 * t.get("w.exact_bytes", 0) * 8 / WAN["rate_kbps"]) for t in turns]
    show("stream.wan1_fps", median(fps), "frames/s")
    judge("stream.wan1_fps", -max(fps), -min(fps), -median(fps), -25, ">= 25 of 30")
    show("stream.wan1_latency_p50", median(latency), "ms")
    judge("stream.wan1_latency_p50", min(latency), max(latency), median(latency), rtt + 100, "<= RTT + 100 ms")
    show("stream.exact_wan_ms", median([e for e, _ in exact]), "ms")
    over = [(1e9 if e < 0 else e) - b for e, b in exact]
    judge("stream.exact_wan_ms", min(over), max(over), median(over), 0, "60 ms + 1.5 RTT + 1.25 bytes / rate (difference)")
    turns = [measure(net, work, "C", jobs, dict(WAN, loss_ppm=50000)) for _ in range(3)]
    fps = [t.get("w.fps", 0) for t in turns]
    show("stream.wan5_fps", median(fps), "frames/s")
    judge("stream.wan5_fps", -max(fps), -min(fps), -median(fps), -25, ">= 25 of 30")


def main():
    for tool in ("Xvfb", "Xtigervnc", "xtigervncviewer", "x11vnc", "ffmpeg"):
        if not shutil.which(tool):
            sys.exit("bench: %s is not installed (make deps)" % tool)
    if os.geteuid():
        sys.exit("bench: network namespaces and TUN devices need root")
    base = os.path.join(BUILD, "bench")
    os.makedirs(base, exist_ok=True)
    tmp = tempfile.mkdtemp(prefix="stream-", dir=base)
    ran = []
    net = Net(tmp, ran)
    try:
        work = Workload(os.environ.get("WORKLOAD"), tmp)
        print("# congestion control %s on both sides; %d turns, %d keys each; %d cores, load %s" % (
            net.congestion, ROUNDS, KEYS, os.cpu_count(), open("/proc/loadavg").read().split()[0]))
        (a, b), (c, d) = work.three, work.text
        jobs = ["motion", "m3d", str(a), str(b), "motion", "mtext", str(c), str(d), "keys", "kidle", str(KEYS),
                "keys_moving", "k3d", str(KEYS), str(a), str(b), "idle", "idle", "5"]
        rounds = []
        order = os.environ.get("SYSTEMS", "C,T,TL,X").split(",")
        for n in range(ROUNDS):
            turn = {s: {} for s in SYSTEMS}
            for s in order if n % 2 == 0 else reversed(order):
                turn[s] = measure(net, work, s, jobs, LAN)
                print("# turn %d %s: %s" % (n + 1, SYSTEMS[s][0], " ".join("%s=%.4g" % kv for kv in sorted(turn[s].items()))))
                sys.stdout.flush()
            rounds.append(turn)
        report(rounds)
        if not QUICK or os.environ.get("WAN"):
            wan(net, work)
            t = [measure(net, work, "C", ["cut", "cut", "5"], LAN).get("cut.picture_ms", 1e9) for _ in range(3)]
            show("stream.reconnect_ms", median(t), "ms")
            judge("stream.reconnect_ms", min(t), max(t), median(t), 200, "<= 200 ms after the link is back")
    finally:
        for p in ran:
            if p.poll() is None:
                p.terminate()
        net.close()
        shutil.rmtree(tmp, ignore_errors=True)
    if bad:
        print("# not shown to hold: %s" % ", ".join(bad))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
