"""What the bench plays: stretches of a recorded desktop, or a seeded one of our own."""
import json
import os
import random
import subprocess
import sys

MOST_FRAMES = {"3d": 240, "text": 150}  # of a kind that a turn plays
MOST_BYTES = 5 << 30                    # of unpacked pictures


class Workload:
    """
    raw: pictures one after the other, BGRX; size, fps. three, text: lists of stretches (first, last) in raw;
    each starts from its first picture at rest. viewport, textrect: x0, y0, x1, y1.
    """

    def __init__(self, folder, tmp):
        self.raw = os.path.join(tmp, "seq.raw")
        if folder:
            self.read(folder)
        else:
            self.size, self.fps = (1920, 1080), 30
            self.viewport, self.textrect = (960, 0, 1920, 1080), (0, 0, 960, 1080)
            segments = draw(self.raw, *self.size)
            self.three, self.text = stretches(segments, "3d"), stretches(segments, "text")

    def read(self, folder):
        video = os.path.join(folder, "seq.mkv")
        p = subprocess.run(["ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries",
                            "stream=width,height,r_frame_rate", "-of", "json", video],
                           check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        stream = json.loads(p.stdout)["streams"][0]
        a, b = stream["r_frame_rate"].split("/")
        self.size, self.fps = (stream["width"], stream["height"]), min(max(round(int(a) / int(b)), 1), 60)
        lines = [s.strip() for s in open(os.path.join(folder, "seg.txt"))]
        try:
            self.viewport, self.textrect = (tuple(int(v) for v in lines[i].split()) for i in (0, 1))
            ok = all(len(r) == 4 and 0 <= r[0] < r[2] <= self.size[0] and 0 <= r[1] < r[3] <= self.size[1]
                     for r in (self.viewport, self.textrect))
        except (IndexError, ValueError):
            ok = False
        if not ok:
            sys.exit("bench: %s/seg.txt: the first two lines are not rectangles inside %dx%d" % ((folder,) + self.size))
        segments = [s for s in lines[2:] if s]
        frame = self.size[0] * self.size[1] * 4
        room = MOST_BYTES // frame
        three = some(stretches(segments, "3d"), min(MOST_FRAMES["3d"], room * 2 // 3))
        text = some(stretches(segments, "text"), min(MOST_FRAMES["text"], room // 3))
        # Only what is played is unpacked, the stretches one after the other.
        wanted = sorted({n for a, b in three + text for n in range(a, b + 1)})
        place = {n: i for i, n in enumerate(wanted)}
        runs, start = [], None
        for n in wanted:
            start = n if start is None else start
            if n + 1 not in place:
                runs.append("between(n,%d,%d)" % (start, n))
                start = None
        subprocess.run(["ffmpeg", "-v", "error", "-i", video, "-vf", "select='%s'" % "+".join(runs), "-fps_mode", "passthrough",
                        "-f", "rawvideo", "-pix_fmt", "bgr0", self.raw], check=True, stdin=subprocess.DEVNULL)
        if os.path.getsize(self.raw) != frame * len(wanted):
            sys.exit("bench: %s has fewer pictures than seg.txt has lines" % video)
        self.three = [(place[a], place[b]) for a, b in three]
        self.text = [(place[a], place[b]) for a, b in text]


def stretches(segments, word):
    """All of a kind as (first, last); the picture before each is where it starts from."""
    found, start = [], None
    for i, s in enumerate(segments + [""]):
        if s == word and start is None:
            start = i
        if s != word and start is not None:
            if i - start >= 5:
                found.append((max(start - 1, 0), i - 1))
            start = None
    if not found:
        sys.exit("bench: the workload has no stretch of the kind %s" % word)
    return found


def some(found, most):
    """The first stretches up to a number of pictures; the last one may be cut."""
    kept = []
    for a, b in found:
        if most < 5:
            break
        kept.append((a, min(b, a + most)))
        most -= kept[-1][1] - a
    return kept


def draw(path, w, h):
    """Text on the left that scrolls for 30 frames, a lit surface on the right that turns for 60."""
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
