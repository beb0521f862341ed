#!/usr/bin/env python3
"""mkinitrd.py OUT INIT: a newc archive with the one program, the console's node and mount points."""
import os
import sys


def member(name, mode, data=b"", rdev=(0, 0), ino=[0]):
    ino[0] += 1
    raw = name.encode() + b"\0"
    head = b"070701" + b"".join(b"%08x" % v for v in (
        ino[0], mode, 0, 0, 1, 0, len(data), 0, 0, rdev[0], rdev[1], len(raw), 0))
    out = head + raw
    out += b"\0" * (-len(out) % 4) + data
    return out + b"\0" * (-len(out) % 4)


out, init = sys.argv[1:]
with open(init, "rb") as f:
    program = f.read()
archive = (member("dev", 0o40755) + member("dev/console", 0o20600, rdev=(5, 1)) + member("proc", 0o40755) +
           member("sys", 0o40755) + member("init", 0o100755, program) + member("TRAILER!!!", 0))
archive += b"\0" * (-len(archive) % 512)
with open(out + ".new", "wb") as f:
    f.write(archive)
os.replace(out + ".new", out)
