#!/usr/bin/env python3
"""
mkinitrd.py OUT INIT [PATH=FILE...]: a newc archive with /init, the console's node, mount points and the files named;
PATH=+FILE: a program, with the libraries that it needs.
"""
import os
import re
import shutil
import stat
import subprocess
import sys


def member(name, mode, data=b"", rdev=(0, 0), ino=[0]):
    ino[0] += 1
    raw = name.encode() + b"\0"
    head = b"070701" + b"".join(b"%08x" % v for v in (
        ino[0], mode, 0, 0, 1, 0, len(data), 0, 0, rdev[0], rdev[1], len(raw), 0))
    out = head + raw
    out += b"\0" * (-len(out) % 4) + data
    return out + b"\0" * (-len(out) % 4)


def file(name, path):
    with open(path, "rb") as f:
        return member(name, 0o100000 | stat.S_IMODE(os.stat(path).st_mode), f.read())


def with_libraries(name, program):
    """A program is found by PATH as a shell does; its libraries lie where they lie on this machine."""
    path = shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    if not path:
        sys.exit("mkinitrd.py: there is no %s; run 'make deps'" % program)
    out = subprocess.run(["ldd", path], capture_output=True, text=True, check=True).stdout
    return [(name, path)] + [(lib.lstrip("/"), lib) for lib in re.findall(r"(/\S+) \(0x", out)]


def write(out, members):
    archive = b"".join(members) + member("TRAILER!!!", 0)
    archive += b"\0" * (-len(archive) % 512)
    with open(out + ".new", "wb") as f:
        f.write(archive)
    os.replace(out + ".new", out)


def main(out, init, *more):
    members = [member("dev", 0o40755), member("dev/console", 0o20600, rdev=(5, 1)), member("proc", 0o40755),
               member("sys", 0o40755), file("init", init)]
    made, files = set(), []
    for word in more:
        name, path = word.split("=", 1)
        files += with_libraries(name, path[1:]) if path.startswith("+") else [(name, path)]
    for name, path in files:
        parts = name.split("/")[:-1]
        for folder in ("/".join(parts[:n + 1]) for n in range(len(parts))):
            if folder not in made:
                members.append(member(folder, 0o40755))
                made.add(folder)
        members.append(file(name, path))
    write(out, members)


if __name__ == "__main__":
    main(*sys.argv[1:])
