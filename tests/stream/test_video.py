#!/usr/bin/env python3
"""
Video for others and by others: Open H.264 (encoding 50) to a plain client and to a decoder that is not
ours, and the choice of the encoder.
"""
import glob
import json
import math
import os
import re
import shutil
import struct
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import parts  # noqa: E402
from endtoend import Agent, differing, frames, skip, tell, viewer  # noqa: E402
from rfb import Client  # noqa: E402

WIDTH, HEIGHT, COUNT = 800, 496, 48
H264, RAW, RESET_ALL = 50, 0, 2


def figures(path):
    return [json.loads(line) for line in open(path)]


def on_viewer(tmp, base, pics):
    stats = os.path.join(tmp, "stats.jsonl")
    a = Agent(tmp, *base)
    code, text, got = viewer(tmp, a, "--plain", "--encoding=h264", "--until-exact=1500", "--stats=" + stats)
    tell(code == 0 and got == pics[-1] and "native 0" in text and figures(stats)[-1]["codec"] == "h264",
         "a plain client that takes Open H.264 gets motion by it, and the desktop's very pixels once it rests",
         text + differing(got, pics[-1]) + "\n" + a.text())
    a.stop()
    # Odd sides: video takes pairs of pixels, the last line and column go exactly.
    raw = os.path.join(tmp, "odd.raw")
    odd = []
    with open(raw, "wb") as f:
        for p in pics:
            rows = [p[y * WIDTH * 4:(y * WIDTH + WIDTH - 3) * 4] for y in range(HEIGHT - 1)]
            odd.append(b"".join(rows))
            f.write(odd[-1])
    a = Agent(tmp, "--source=test", "--display=" + raw, "--width=%d" % (WIDTH - 3), "--height=%d" % (HEIGHT - 1),
              "--loop=no", "--security=x509none", "--audio=off")
    code, text, got = viewer(tmp, a, "--plain", "--encoding=h264", "--until-exact=1500", "--stats=" + stats)
    tell(code == 0 and got == odd[-1] and figures(stats)[-1]["codec"] == "h264", "... also with odd sides",
         text + differing(got, odd[-1]))
    a.stop()


class Taker(Client):
    """Takes updates in Raw and Open H.264; keeps the coded pictures and which pixels are whose."""

    def start(self):
        self.encodings(H264, RAW)
        self.canvas = bytearray(self.width * self.height * 4)
        self.by_video = bytearray(self.width * self.height)
        self.coded = []  # (rectangle, flags, data)
        self.want(0)

    def want(self, incremental):
        self.send(struct.pack(">BBHHHH", 3, incremental, 0, 0, self.width, self.height))

    def update(self):
        kind, _, rects = struct.unpack(">BBH", self.exactly(4))
        assert kind == 0, kind
        for _ in range(rects):
            x, y, w, h, encoding = struct.unpack(">HHHHi", self.exactly(12))
            assert encoding in (RAW, H264), encoding
            if encoding == H264:
                n, flags = struct.unpack(">II", self.exactly(8))
                self.coded.append(((x, y, w, h), flags, self.exactly(n)))
            else:
                data = self.exactly(w * h * 4)
            for row in range(h):
                at = (y + row) * self.width + x
                self.by_video[at:at + w] = bytes([encoding]) * w
                if encoding == RAW:
                    self.canvas[at * 4:(at + w) * 4] = data[row * w * 4:(row + 1) * w * 4]

    def until_rest(self, still=1.5):
        """Updates until none comes for so long."""
        while True:
            self.want(1)
            self.s.settimeout(still)
            try:
                first = self.exactly(1)
            except TimeoutError:
                return
            self.s.settimeout(30)
            rest, self.exactly = self.exactly, lambda n, get=self.exactly: self.first_of(first, get, n)
            self.update()

    def first_of(self, first, get, n):
        self.exactly = get
        return first + get(n - 1)


def slices(data):
    """NAL unit types of an Annex B stream."""
    return [data[m.end()] & 31 for m in re.finditer(b"\0\0\1", data)]


def psnr(a, b):
    total = sum((x - y) * (x - y) for x, y in zip(a, b))
    return 99 if not total else 10 * math.log10(255 * 255 * len(a) / total)


def cut(pic, r):
    x, y, w, h = r
    return b"".join(pic[((y + i) * WIDTH + x) * 4:((y + i) * WIDTH + x + w) * 4] for i in range(h))


def on_stranger(tmp, base, pics):
    a = Agent(tmp, *base)
    c = Taker("127.0.0.1", a.port)
    c.start()
    c.update()
    while len(c.coded) < 6:
        c.want(1)
        c.update()
    early = len(c.coded)
    c.want(0)  # "my decoder lost its way"
    while len(c.coded) < early + 3:
        c.update()
        c.want(1)
    c.update()
    c.until_rest()
    coded = c.coded
    units = [slices(d) for _, _, d in coded]
    tell(all(sum(u in (1, 5) for u in l) == 1 for l in units), "each rectangle is one picture of one slice, as browsers want it "
         "(%d of them)" % len(coded), str(units[:8]))
    news = [i for i in range(len(coded)) if not i or coded[i][0] != coded[i - 1][0]]
    tell(all(units[i][0] == 7 and 5 in units[i] and coded[i][1] == RESET_ALL for i in news),
         "a context begins with its parameters and a key picture, and resets those before", str([(coded[i][:2], units[i]) for i in news]))
    keys = [i for i in range(len(coded)) if 5 in units[i]]
    tell(any(early <= k <= early + 2 for k in keys), "a request for everything begins it anew", str((early, keys)))
    got = bytes(c.canvas)
    tell(not any(c.by_video) and all(got[i::4] == pics[-1][i::4] for i in range(3)),
         "at rest no pixel is the video's: all are the desktop's own", differing(got, pics[-1]))
    tell(all(r[0] >= WIDTH // 2 - 64 for r, _, _ in coded), "text beside what moves is in no video", str([r for r, _, _ in coded]))
    c.s.close()
    a.stop()
    on_decoder(tmp, coded, pics)


def on_decoder(tmp, coded, pics):
    words = "ffmpeg, by what the stream says of itself, sees the desktop's colours in it"
    if not shutil.which("ffmpeg") or not shutil.which("ffprobe"):
        return skip(words, "ffmpeg is not installed")
    # The longest run of one context.
    best = (0, 0)
    start = 0
    for i in range(1, len(coded) + 1):
        if i == len(coded) or coded[i][1] == RESET_ALL:
            best = max(best, (i - start, start))
            start = i
    n, at = best
    r = coded[at][0]
    path = os.path.join(tmp, "coded.h264")
    open(path, "wb").write(b"".join(d for _, _, d in coded[at:at + n]))
    about = subprocess.run(["ffprobe", "-v", "error", "-show_entries", "stream=profile,pix_fmt,color_range,color_space,width,height",
                            "-of", "default=nw=1", path], stdout=subprocess.PIPE, timeout=60).stdout.decode()
    tell(all(s in about for s in ("profile=Constrained Baseline", "pix_fmt=yuv420p", "color_range=tv", "color_space=smpte170m",
                                  "width=%d" % r[2], "height=%d" % r[3])),
         "it is Constrained Baseline, 4:2:0, and names its colours", about)
    raw = subprocess.run(["ffmpeg", "-v", "error", "-f", "h264", "-i", path, "-vsync", "0", "-f", "rawvideo", "-pix_fmt", "bgr0", "-"],
                         stdout=subprocess.PIPE, timeout=60).stdout
    size = r[2] * r[3] * 4
    shown = [raw[i:i + size] for i in range(0, len(raw), size)]
    want = [cut(p, r) for p in pics]
    step = 4 * 7  # every seventh pixel is enough to know a picture by
    scores = []
    for s in shown[:8]:
        values = [[psnr(s[i::step], w[i::step]) for i in range(3)] for w in want]
        scores.append(min(max(values, key=sum)))
    tell(len(shown) == n and scores and min(scores) >= 28, words + " (%d of %d pictures, worst channel %.1f dB)" %
         (len(shown), n, min(scores or [0])), str(scores))


def on_encoders(tmp, base, pics):
    stats = os.path.join(tmp, "stats.jsonl")
    a = Agent(tmp, *base, "--encoder=soft")
    code, text, got = viewer(tmp, a, "--until-exact=600", "--stats=" + stats)
    f = figures(stats)
    tell(code == 0 and got == pics[-1] and "native 1" in text and f[-1]["codec"] == "libavcodec x264 4:2:0" and
         "are coded by libavcodec x264 4:2:0" in a.text(),
         "encoder=soft: motion by libavcodec in 4:2:0, named in the log and in the figures; exact at rest",
         text + differing(got, pics[-1]) + a.text() + str(f[-1:]))
    a.stop()
    on_old_viewer(tmp, base)
    for name, device in (("vaapi", bool(glob.glob("/dev/dri/render*"))), ("nvenc", os.path.exists("/dev/nvidia0"))):
        words = "encoder=%s without such a card: refused by name, with the reason, and x264 instead" % name
        if device:
            skip(words, "this machine may have one")
            continue
        a = Agent(tmp, *base, "--encoder=" + name)
        code, text, got = viewer(tmp, a, "--until-exact=400", "--stats=" + stats)
        tell(code == 0 and got == pics[-1] and re.search("encoder %s cannot be used: .*h264_%s: .+" % (name, name), a.text()) and
             "coded by x264 4:4:4 instead" in a.text() and figures(stats)[-1]["codec"].startswith(("x264 4:4:4", "native")),
             words, text + a.text())
        a.stop()
    a = Agent(tmp, *base, "--encoder=auto")
    tell(re.search("^caprock-agent: moving pictures are coded by ", a.text(), re.M) is not None, "encoder=auto says what it took", a.text())
    a.stop()
    a = Agent(tmp, *base, "--encoder=best")
    tell(a.p.wait(10) == 1 and "no encoder 'best'" in a.text(), "a name that is none is an error", a.text())


def on_old_viewer(tmp, base):
    """A native viewer that takes no 4:2:0 is not sent any."""
    a = Agent(tmp, *base, "--encoder=soft")
    c = Client("127.0.0.1", a.port)
    c.native()
    c.message(0, 5, b"\1")
    encoder, formats = "", set()
    while not encoder:
        assert c.exactly(1) == b"\xc8"
        channel, kind, n = struct.unpack(">BHI", c.exactly(7))
        data = c.exactly(n)
        if (channel, kind) == (0, 5):
            encoder = data[32:].rstrip(b"\0").decode()
        elif (channel, kind) == (1, 5) and data[12]:
            formats.add(data[14])
        c.message(0, 2, bytes(8))
    tell(encoder.startswith("x264 4:4:4") and formats <= {1}, "... and a native viewer that takes no 4:2:0 gets 4:4:4 from it",
         encoder + str(formats))
    c.s.close()
    a.stop()


def on_moving_pictures(tmp):
    raw = os.path.join(tmp, "seq.raw")
    pics = frames(raw, WIDTH, HEIGHT, COUNT)
    base = ["--source=test", "--display=" + raw, "--width=%d" % WIDTH, "--height=%d" % HEIGHT, "--loop=no",
            "--security=x509none", "--audio=off"]
    for on in (on_viewer, on_stranger, on_encoders):
        on(tmp, base, pics)


if __name__ == "__main__":
    sys.exit(parts.run(on_moving_pictures))
