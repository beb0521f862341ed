#!/usr/bin/env python3
"""200 connections that stall, flood or lie, beside a viewer that must not notice."""
import json
import os
import random
import select
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import endtoend  # noqa: E402
from endtoend import VIEWER, Agent, Program, tell  # noqa: E402
from rfb import Client, WebSocket  # noqa: E402

COUNT = 200  # at least: they come in waves
CALM_S, STORM_S = 5, 12
PAUSE_S = 0.04  # the storm's own work must not be what the session starves of
MEMORY_MB = 300  # what all of them together may cost the agent
random.seed(5)


def stall(port, keep):
    s = socket.create_connection(("127.0.0.1", port), 10)
    s.sendall(b"RFB 003.008\n"[:random.randrange(13)])
    keep.append(s)


def flood(port, keep):
    s = socket.create_connection(("127.0.0.1", port), 10)
    try:
        for _ in range(20):
            s.sendall(random.randbytes(65536))
    except OSError:
        pass  # shown the door: that is right
    keep.append(s)


def half_tls(port, keep):
    s = socket.create_connection(("127.0.0.1", port), 10)
    s.recv(12)
    s.sendall(b"RFB 003.008\n")
    s.recv(8)
    s.sendall(bytes([19, 0, 2]) + struct.pack(">I", 260) + b"\x16\x03\x01" + random.randbytes(200))
    keep.append(s)


LIES = [
    struct.pack(">BxxxI", 6, 0x7fffffff),                # a clipboard of two gibibytes
    struct.pack(">BxxxiI", 6, -0x7fffffff, 1),           # an extended one
    struct.pack(">BBHI", 200, 1, 3, 0xffffffff),         # a native message of four
    struct.pack(">BxHHBx", 251, 1, 1, 255),              # 255 screens
    struct.pack(">BxxxIB", 248, 0x80000000, 255),        # a fence of 255 bytes
    bytes([0, 0, 0, 0, 32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 40, 8, 0, 0, 0, 0]),  # a shift past the pixel
    struct.pack(">BBHI", 200, 0, 1, 40) + b"\xff\xff\xff\xff" + bytes(36),        # a version nobody has
    random.randbytes(4096),
]


def lie(port, keep):
    c = Client("127.0.0.1", port)
    c.send(random.choice(LIES))
    keep.append(c.s)


def never_read(port, keep):
    """Asks for everything, again and again, and reads nothing."""
    c = Client("127.0.0.1", port)
    c.encodings(0)
    ask = struct.pack(">BBHHHH", 3, 0, 0, 0, c.width, c.height) + struct.pack(">BxxxIB", 248, 0x80000000, 64) + bytes(64)
    c.s.settimeout(2)
    try:
        for _ in range(2000):
            c.send(ask * 20)
    except OSError:
        pass
    keep.append(c.s)


def half_http(port, keep):
    """A browser's request that never ends."""
    s = socket.create_connection(("127.0.0.1", port), 10)
    s.sendall(b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * random.randrange(1000))
    keep.append(s)


FRAMES = [
    b"\x82\xff" + struct.pack(">Q", 1 << 62) + bytes(4),  # of four exbibytes
    b"\x82\x05hello",                                     # without a mask
    b"\xf2\x81" + bytes(5),                               # by an extension that nobody agreed to
    b"\x89\xfe" + struct.pack(">H", 4096) + bytes(4100),  # a ping longer than pings may be
    b"\x02\x80" + bytes(4) + (b"\x00\x80" + bytes(4)) * 20000,  # one message in pieces of nothing
    random.randbytes(4096),
]


def lie_framed(port, keep):
    s = socket.create_connection(("127.0.0.1", port), 10)
    s.settimeout(5)
    w = WebSocket(s)
    s.sendall(random.choice(FRAMES))
    keep.append(w.s)


def memory_mb(pid):
    for line in open("/proc/%d/status" % pid):
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024


class Storm:
    """Another process, a step behind agent and viewer for the processor: attackers have machines of their own."""

    def __init__(self, jobs, seconds):
        self.done, done = os.pipe()
        self.pid = os.fork()
        if self.pid:
            os.close(done)
            return
        try:
            os.nice(5)
            self.rage(jobs, seconds, done)
        finally:
            os._exit(0)

    def rage(self, jobs, seconds, done):
        keep, end, count = [], time.monotonic() + seconds, [0]

        def run(part):
            wave = 0
            while wave == 0 or time.monotonic() < end:
                for job, port in part:
                    try:
                        job(port, keep)
                    except (OSError, EOFError, AssertionError):
                        pass  # refused, or pushed out by a newer one
                    count[0] += 1
                    time.sleep(PAUSE_S)
                wave += 1
                for s in keep[:-COUNT]:
                    s.close()
                del keep[:-COUNT]
        threads = [threading.Thread(target=run, args=(jobs[i::4],)) for i in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        os.write(done, struct.pack("I", count[0]))
        signal.pause()  # the last of them stay

    def over(self):
        """How many connections there were, once all have been tried."""
        ready, _, _ = select.select([self.done], [], [], 0)
        return struct.unpack("I", os.read(self.done, 4))[0] if ready else 0

    def stop(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def main():
    tmp = tempfile.mkdtemp(prefix="caprock-hostile-")
    storm = None
    try:
        a = Agent(tmp, "--source=test", "--display=shaded", "--width=640", "--height=480", "--security=x509none",
                  "--max-viewers=64", "--handshake-s=10", "--websocket-port=%d" % endtoend.free_port())
        browsers = int(a.wait_for(r"browsers on port (\d+)").group(1))
        stats = os.path.join(tmp, "stats")
        v = Program([VIEWER, "--headless", "--no-reconnect", "--accept-new", "--known-hosts=" + os.path.join(tmp, "known"),
                     "--stats=" + stats, "127.0.0.1::%d" % a.port], os.path.join(tmp, "viewer.log"))
        a.wait_for("speaks the native")
        time.sleep(CALM_S)
        before, mark = memory_mb(a.p.pid), len(open(stats).readlines())
        framed = [half_http, lie_framed]
        kinds = [stall, flood, half_tls, lie] + framed
        jobs = [random.choice(kinds) for _ in range(COUNT - 6)] + [never_read] * 6
        random.shuffle(jobs)
        storm = Storm([(job, browsers if job in framed else a.port) for job in jobs], STORM_S)
        start, most, count = time.monotonic(), before, 0
        while not count and time.monotonic() - start < 300:
            time.sleep(0.2)
            most = max(most, memory_mb(a.p.pid))
            count = storm.over()
        lines = [json.loads(line) for line in open(stats)]
        calm, wild = lines[1:mark], lines[mark:]
        before_fps, under = statistics.median(line["fps"] for line in calm), [line["fps"] for line in wild]
        middle = statistics.median(under or [0])
        tell(count >= COUNT and a.p.poll() is None and v.p.poll() is None and wild and wild[-1]["connected"],
             "%d connections stalled, flooded and lied; agent and viewer go on" % count, a.text()[-3000:] + v.text())
        # The storm shares the processors here, and so may others: single seconds may suffer, not half of them.
        tell(middle >= before_fps * 0.8 and wild[-1]["bytes"] > calm[-1]["bytes"],
             "the running session keeps its rate (pictures a second: %.1f before; meanwhile, in %d seconds, median %.1f, worst %.1f)" % (
                 before_fps, len(under), middle, min(under or [0])), str(under))
        tell(most - before < MEMORY_MB, "they cost the agent under %d MB (%.0f MB beside the %.0f that it had)" % (MEMORY_MB, most - before, before))
        v.stop()
        code, text, got = endtoend.viewer(tmp, a, "--seconds=5")
        tell(code == 0, "a new viewer gets in beside them", text + a.text()[-2000:])
        a.stop()
        return 1 if endtoend.failed else 0
    finally:
        if storm:
            storm.stop()
        for p in list(endtoend.running):
            p.stop()
        shutil.rmtree(tmp, ignore_errors=True)
        print("1..%d" % endtoend.number)


if __name__ == "__main__":
    sys.exit(main())
