#!/usr/bin/env python3
"""The guest's view of functions: those committed here against golden files, those of
CAPROCK_CORPUS/lspci-corpus (when it is set) for sanity, judged by a reader of this file's own.

`test_view.py --accept` writes the golden files anew.
"""
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
VIEW = os.environ.get("CAPROCK_VIEW", "build/golden/view")
STANDARD = {0x01: "power", 0x03: "vpd", 0x05: "msi", 0x09: "vendor", 0x10: "express", 0x11: "msix", 0x12: "sata", 0x13: "af"}
EXTENDED = {0x0000, 0x0003, 0x000b, 0x0015, 0x0023}


def functions(text):
    """(name, bytes) of each function of a dump."""
    out, name, data = [], None, {}
    for line in text.splitlines():
        m = re.match(r"([0-9a-f]+): ((?:[0-9a-f]{2} ?){16})\s*$", line)
        if m:
            data[int(m[1], 16)] = bytes.fromhex(m[2])
        elif line and line[0] not in "#\t ":
            if data:
                out.append((name, b"".join(data[k] for k in sorted(data))))
            name, data = line, {}
    if data:
        out.append((name, b"".join(data[k] for k in sorted(data))))
    return out


def word(b, off, n=4):
    return int.from_bytes(b[off:off + n], "little")


def walk_standard(b):
    ids, off, seen = [], b[0x34], set()
    while off:
        assert off >= 0x40 and off % 4 == 0 and off not in seen, "list goes wrong at %02x" % off
        seen.add(off)
        ids.append((b[off], off))
        off = b[off + 1]
    return ids


def walk_extended(b):
    ids, off, seen = [], 0x100, set()
    while off and len(b) > 256:
        h = word(b, off)
        assert h != 0xffffffff and off >= 0x100 and off % 4 == 0 and off not in seen, "extended list goes wrong at %03x" % off
        seen.add(off)
        if h:
            ids.append((h & 0xffff, off))
        off = h >> 20
    return ids


def sane(real, view):
    """What must hold of every view, whatever the device."""
    assert view[0:4] == real[0:4] and view[8:12] == real[8:12] and view[0x2c:0x30] == real[0x2c:0x30], "ids differ"
    assert view[0x3d] == 0, "an INTx pin shows"
    assert view[0x0e] & 0x7f == 0, "no endpoint"
    assert word(view, 4, 2) == 0, "something is on after a reset"
    standard = walk_standard(view)
    assert bool(view[6] & 0x10) == bool(standard), "the status bit and the list disagree"
    for cap, off in standard:
        assert cap in STANDARD, "capability %02x shows" % cap
        assert real[off] == cap, "capability %02x is not at its place" % cap
        if cap == 0x05:
            assert not word(view, off + 2, 2) & 1 and word(view, off + 4) == 0, "a message shows"
        if cap == 0x11:
            assert not word(view, off + 2, 2) & 0x8000 and word(view, off + 4, 8) == word(real, off + 4, 8)
        if cap == 0x01:
            assert word(view, off + 2, 2) & 0xf800 == 0 and word(view, off + 4, 2) & 3 == 0
    extended = walk_extended(view)
    for cap, off in extended:
        assert cap in EXTENDED, "extended capability %04x shows" % cap
    for i in range(6):
        assert not view[0x10 + 4 * i] & 1 or real[0x0e] & 0x7f, "an I/O BAR shows"
    known = {o for _, o in standard}
    if len(view) >= 256 and not known:
        assert not any(view[0x40:256]), "bytes of no capability show"
    return len(standard), len(extended)


class Tap:
    def __init__(self):
        self.n, self.bad = 0, 0

    def ok(self, good, text):
        self.n += 1
        self.bad += not good
        print("%s %d - %s" % ("ok" if good else "not ok", self.n, text), flush=True)


def run(path):
    return subprocess.run([VIEW, path], check=True, capture_output=True, text=True, timeout=60).stdout


def golden(tap, accept):
    for name in sorted(f for f in os.listdir(HERE) if f.endswith(".dump")):
        path, want = os.path.join(HERE, name), os.path.join(HERE, name[:-5] + ".view")
        got = run(path)
        if accept:
            open(want, "w").write(got)
        tap.ok(os.path.exists(want) and got == open(want).read(), "%s: the view is the golden one" % name)


def corpus(tap, folder, label):
    total = shown = caps = 0
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        if name.endswith((".md", ".view", ".py", ".c", ".mk")) or not os.path.isfile(path):
            continue
        real = functions(open(path, errors="replace").read())
        if not real:
            continue
        try:
            text = run(path)
            again = run(path)
            views = dict(functions(text))
            refused = text.count("# refused:")
            assert text == again, "two runs differ"
            assert len(views) + refused == len(real), "%d functions, %d views, %d refused" % (len(real), len(views), refused)
            for n, b in real:
                if n in views:
                    s, e = sane(b.ljust(256, b"\0"), views[n])
                    caps += s + e
            total += len(real)
            shown += len(views)
            tap.ok(True, "%s/%s: %d functions, %d shown, %d refused with a reason" % (label, name, len(real), len(views), refused))
        except (AssertionError, subprocess.SubprocessError) as err:
            tap.ok(False, "%s/%s: %s" % (label, name, err))
    print("# %s: %d functions, %d shown, %d capabilities of them" % (label, total, shown, caps))
    return total


def main():
    tap = Tap()
    golden(tap, "--accept" in sys.argv)
    corpus(tap, HERE, "golden")
    shared = os.environ.get("CAPROCK_CORPUS")
    if shared and os.path.isdir(os.path.join(shared, "lspci-corpus")):
        tap.ok(corpus(tap, os.path.join(shared, "lspci-corpus"), "corpus") > 0, "the corpus holds functions")
    print("1..%d" % tap.n)
    return 1 if tap.bad else 0


if __name__ == "__main__":
    sys.exit(main())
