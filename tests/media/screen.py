"""Read the boot screen back: pixels of a screenshot to text, by the letters in core/base/font.c."""
import os
import re

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
WIDTH, HEIGHT, LINE, MARGIN = 6, 8, 10, 8  # core/base/font.h, core/metal/screen.c


def letters():
    """Pattern of a letter (HEIGHT strings of WIDTH) -> the letter."""
    text = open(os.path.join(ROOT, "core/base/font.c")).read()
    rows = re.findall(r'^\t"([ #]*)",$', text, re.M)
    found = {}
    for n in range(96):
        block, column = n // 16 * HEIGHT, n % 16 * WIDTH
        found[tuple(r[column:column + WIDTH] for r in rows[block:block + HEIGHT])] = chr(32 + n)
    if len(found) != 96:
        raise RuntimeError("two letters of core/base/font.c look the same, or the file is not understood")
    return found


def size(path):
    with open(path, "rb") as f:
        f.readline()
        return tuple(map(int, f.readline().split()))


def read(path):
    """The lines on a screenshot (PPM). Cells that hold no letter of ours read as '~?~'."""
    with open(path, "rb") as f:
        magic, extent, _, pixels = f.read().split(b"\n", 3)
    if magic != b"P6":
        raise RuntimeError("%s is no PPM" % path)
    width, height = map(int, extent.split())
    scale = max(1 if width < 640 else 2, height // 540)
    table = letters()
    back = pixels[:3]
    lines = []
    for y in range(MARGIN, height - MARGIN - LINE * scale + 1, LINE * scale):
        line = ""
        for x in range(MARGIN, width - MARGIN - WIDTH * scale + 1, WIDTH * scale):
            cell = tuple("".join(" " if pixels[(at := ((y + dy * scale) * width + x + dx * scale) * 3):at + 3] == back
                                 else "#" for dx in range(WIDTH)) for dy in range(HEIGHT))
            line += table.get(cell, "~?~")
        lines.append(line.rstrip())
    return lines
