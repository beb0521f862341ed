#!/usr/bin/env python3
"""The desktop's sound from the agent to the viewer: a test tone, and what PipeWire plays."""
import json
import math
import os
import shutil
import statistics
import struct
import subprocess
import sys
import time
import wave

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import endtoend as e2e  # noqa: E402
import parts  # noqa: E402
from endtoend import Agent, Program, VIEWER, skip, tell, until  # noqa: E402
from rfb import Client  # noqa: E402

RATE = 48000
WINDOW = RATE // 20
TONE = (440, 1000)  # what the agent's own tone has left and right
TONE_RMS = 8192 / math.sqrt(2)
BASE = ["--source=test", "--width=320", "--height=192", "--security=x509none"]
HELLO = 0x43505201


def power(x, hertz):
    """RMS of one frequency in samples (Goertzel)."""
    k = 2 * math.cos(2 * math.pi * hertz / RATE)
    a = b = 0.0
    for v in x:
        a, b = v + k * a - b, a
    return math.sqrt(max(a * a + b * b - k * a * b, 0) * 2) / len(x)


def rms(x):
    return math.sqrt(sum(v * v for v in x) / len(x))


class Heard:
    """Stereo samples cut into windows of 50 ms; those before the first and after the last sound are left out."""

    def __init__(self, data):
        n = len(data) // 4
        both = struct.unpack("<%dh" % (2 * n), data[:4 * n])
        self.windows = [(both[i:i + 2 * WINDOW:2], both[i + 1:i + 2 * WINDOW:2])
                        for i in range(0, 2 * (n - WINDOW), 2 * WINDOW)]
        loud = [i for i, w in enumerate(self.windows) if rms(w[0]) > 100]
        self.before = loud[0] if loud else len(self.windows)
        self.sound = self.windows[loud[0] + 1:loud[-1]] if len(loud) > 2 else []

    def pure(self, tone, level):
        """Windows in which each side carries its tone, at its level, and nothing else."""
        return sum(all(0.9 * level < power(x, f) < 1.1 * level and rms(x) < 1.1 * level for x, f in zip(w, tone))
                   for w in self.sound)

    def crossed(self, tone, level):
        return sum(any(power(x, f) < 0.3 * level < 0.5 * level < power(x, other)
                       for x, f, other in zip(w, tone, tone[::-1])) for w in self.sound)

    def judge(self, words, tone, level, least, note=""):
        good, n = self.pure(tone, level), len(self.sound)
        # A machine that is too busy tears holes into sound; a wrong pitch, side or level never passes.
        tell(n >= least and good >= least // 2 and not self.crossed(tone, level), "%s: %d of %d windows of 50 ms are %d Hz left, %d Hz right at their level%s" %
             (words, good, n, tone[0], tone[1], note),
             "before it %d windows; levels %s" % (self.before, [int(rms(w[0])) for w in self.sound]))


def listen(folder, agent, seconds, *args, env=None, file=True):
    wav, stats = os.path.join(folder, "heard.wav"), os.path.join(folder, "stats.jsonl")
    for f in (wav, stats):
        if os.path.exists(f):
            os.unlink(f)
    p = Program([VIEWER, "--headless", "--accept-new", "--known-hosts=" + os.path.join(folder, "known"),
                 "--seconds=%d" % seconds, "--stats=" + stats] + (["--audio-file=" + wav] if file else []) +
                list(args) + ["127.0.0.1::%d" % agent.port], os.path.join(folder, "viewer.log"), env)
    return p, wav, stats


def figures(path):
    return [json.loads(line)["sound"] for line in open(path)]


def samples(path):
    with wave.open(path) as w:
        assert (w.getnchannels(), w.getsampwidth(), w.getframerate()) == (2, 2, RATE), w.getparams()
        return w.readframes(w.getnframes())


def on_tone(tmp):
    a = Agent(tmp, *BASE, "--audio=tone")
    p, wav, stats = listen(tmp, a, 6)
    p.p.wait(e2e.LIMIT_S)
    f = figures(stats)
    late = [(s["played_us"] - s["captured_us"]) / 1000 for s in f if s["packets"] and s["buffer_ms"]]
    note = "" if not late else "; %.0f ms from the agent's ear to the viewer's, dry %d" % (statistics.median(late), f[-1]["dry"])
    Heard(samples(wav)).judge("the test tone is heard by a viewer", TONE, TONE_RMS, 60, note)
    tell(f[-1]["packets"] >= 300, "in packets of 10 ms (%d in 6 s)" % f[-1]["packets"], p.text() + a.text())

    p, wav, stats = listen(tmp, a, 3, "--no-audio")
    p.p.wait(e2e.LIMIT_S)
    f = figures(stats)
    tell(not f[-1]["offered"] and not f[-1]["packets"] and not any(samples(wav)),
         "--no-audio: nothing is sent and nothing heard", p.text() + str(f[-1:]))

    # SDL's own path to a device: one that writes a file at a device's pace.
    raw = os.path.join(tmp, "device.raw")
    env = dict(os.environ, SDL_VIDEODRIVER="dummy", SDL_AUDIODRIVER="disk", SDL_DISKAUDIOFILE=raw)
    p = Program([VIEWER, "--accept-new", "--known-hosts=" + os.path.join(tmp, "known"), "--seconds=6",
                 "127.0.0.1::%d" % a.port], os.path.join(tmp, "viewer.log"), env)
    p.p.wait(e2e.LIMIT_S)
    data = open(raw, "rb").read() if os.path.exists(raw) else b""
    Heard(data).judge("... and by SDL's audio device", TONE, TONE_RMS, 40)
    on_switch(a)
    a.stop()


def on_switch(a):
    """What the mute key does, on the wire, by a client of our own."""
    c = Client("127.0.0.1", a.port)
    c.encodings(0, HELLO)

    def native(channel, kind, payload):
        c.send(struct.pack(">BBHI", 200, channel, kind, len(payload)) + payload)

    def collect(seconds):
        """Lengths and positions of the sound packets that come."""
        got, end = [], time.monotonic() + seconds
        native(0, 2, bytes(8))
        while time.monotonic() < end:
            kind = c.exactly(1)[0]
            assert kind == 200, kind
            channel, what, n = struct.unpack(">BHI", c.exactly(7))
            data = c.exactly(n)
            if channel == 0 and what == 3:
                native(0, 2, bytes(8))  # so that something comes even when there is silence
                time.sleep(0.05)
            if channel == 5:
                got.append((what, n, struct.unpack(">I", data[:4])[0]))
        return got

    assert c.exactly(1)[0] == 200
    channel, kind, n = struct.unpack(">BHI", c.exactly(7))
    features = struct.unpack(">HHI", c.exactly(n)[:8])[2]
    tell(channel == 0 and kind == 1 and features & 4, "the agent's HELLO offers sound (features %#x)" % features)
    native(0, 1, struct.pack(">HHI", 1, 1, 5) + bytes(32))
    before = collect(1)
    native(5, 3, b"\1")
    during = collect(2)
    native(5, 3, b"\0")
    collect(0.5)
    after = collect(1)
    data = [d for d in during if d[0] == 2]
    tell(not before and during and during[0] == (1, 8, RATE) and len(data) > 50 and
         all(b[2] - a_[2] == 480 for a_, b in zip(data, data[1:])) and all(13 <= d[1] <= 12 + 1276 for d in data),
         "it is sent once asked for: its format, then packet after packet (%d), position after position" % len(data),
         str((before[:3], during[:5])))
    tell(not after, "... and no more once muted", str(after[:5]))
    c.s.close()


def on_absence(tmp):
    broken = os.path.join(tmp, "broken")
    os.makedirs(broken, exist_ok=True)
    open(os.path.join(broken, "libpipewire-0.3.so.0"), "w").close()
    a = Agent(tmp, *BASE, env=dict(os.environ, LD_LIBRARY_PATH=broken))
    p, wav, stats = listen(tmp, a, 3)
    p.p.wait(e2e.LIMIT_S)
    tell(a.port and a.text().count("no sound") == 1 and "PipeWire is not installed" in a.text() and
         not figures(stats)[-1]["offered"], "without PipeWire's library the agent says so once and serves without sound",
         a.text() + p.text())
    a.stop()
    empty = os.path.join(tmp, "empty")
    os.makedirs(empty, exist_ok=True)
    a = Agent(tmp, *BASE, env=dict(os.environ, XDG_RUNTIME_DIR=empty, PIPEWIRE_RUNTIME_DIR=empty))
    p, wav, stats = listen(tmp, a, 8)
    p.p.wait(e2e.LIMIT_S)
    words = "where PipeWire is installed but does not run it says so once, tries on, and goes on"
    if "is not installed" in a.text():
        skip(words, "libpipewire-0.3 is not installed")
    else:
        tell(p.p.returncode == 0 and a.text().count("no sound") == 1 and "does not answer" in a.text(), words, a.text() + p.text())
    a.stop()


def tone_file(path, seconds):
    with wave.open(path, "wb") as w:
        w.setnchannels(2)
        w.setsampwidth(2)
        w.setframerate(RATE)
        w.writeframes(b"".join(struct.pack("<hh", *(int(8000 * math.sin(2 * math.pi * f * i / RATE)) for f in (500, 1500)))
                               for i in range(RATE * seconds)))


def on_pipewire(tmp):
    words = "what a program plays by PipeWire is heard by a viewer"
    tools = ["pipewire", "wireplumber", "pw-cli", "pw-cat", "dbus-daemon"]
    if not all(shutil.which(t) for t in tools):
        return skip(words, "not installed: " + " ".join(t for t in tools if not shutil.which(t)))
    home = os.path.join(tmp, "home")
    os.makedirs(home)
    os.chmod(home, 0o700)
    env = dict(os.environ, XDG_RUNTIME_DIR=home, HOME=home)
    env.pop("PIPEWIRE_RUNTIME_DIR", None)
    bus = Program(["dbus-daemon", "--session", "--nofork", "--print-address"], os.path.join(tmp, "bus.log"), env)
    m = bus.wait_for(r"^(unix:\S+)", 10)
    env["DBUS_SESSION_BUS_ADDRESS"] = m.group(1) if m else ""
    daemon = Program(["pipewire"], os.path.join(tmp, "pipewire.log"), env)
    until(lambda: os.path.exists(os.path.join(home, "pipewire-0")))
    manager = Program(["wireplumber"], os.path.join(tmp, "wireplumber.log"), env)

    def cli(*args):
        return subprocess.run(["pw-cli"] + list(args), env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=e2e.LIMIT_S).stdout.decode(errors="replace")

    until(lambda: "WirePlumber" in cli("ls", "Client"))
    cli("create-node", "adapter", "{ factory.name=support.null-audio-sink node.name=speaker media.class=Audio/Sink "
        "object.linger=true audio.position=[FL FR] }")
    until(lambda: '"speaker"' in cli("ls", "Node"))
    a = Agent(tmp, *BASE, env=env)
    p, wav, stats = listen(tmp, a, 12)
    linked = until(lambda: "caprock-agent" in cli("ls", "Node") and "link.input.port" in cli("ls", "Link"))
    time.sleep(2)
    quiet = figures(stats)[-1]["packets"]
    tone_file(os.path.join(tmp, "tone.wav"), 4)
    player = Program(["pw-cat", "--playback", os.path.join(tmp, "tone.wav")], os.path.join(tmp, "player.log"), env)
    p.p.wait(e2e.LIMIT_S)
    f = figures(stats)
    late = [(s["played_us"] - s["captured_us"]) / 1000 for s in f if s["packets"] != quiet and s["buffer_ms"]]
    note = "" if not late else "; %.0f ms from PipeWire to the viewer's ear, dry %d" % (statistics.median(late), f[-1]["dry"])
    tell(linked and quiet == 0, "a desktop that plays nothing sends nothing", a.text() + p.text())
    Heard(samples(wav)).judge(words, (500, 1500), 8000 / math.sqrt(2), 40, note)
    for x in (player, a, manager, daemon, bus):
        x.stop()


if __name__ == "__main__":
    sys.exit(parts.run(on_tone, on_absence, on_pipewire))
