"""What the tests of `caprock` share: where things are, running it, results in TAP."""
import os
import struct
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../qemu"))
from lab import BUILD, PATIENCE, ROOT, Tap, guest  # noqa: E402,F401

CAPROCK = os.path.join(BUILD, "caprock")
MACHINE = os.path.join(HERE, "machine.py")
tap = Tap()


def ok(good, words, details=""):
    return tap.ok(good, words, str(details).splitlines()[-60:])


def caprock(*args, cwd=ROOT):
    """(exit status, standard output, standard error)"""
    p = subprocess.run([CAPROCK, *args], cwd=cwd, capture_output=True, text=True)
    return p.returncode, p.stdout, p.stderr


def machine(name):
    """A machine file of our own making, as text."""
    return subprocess.run([MACHINE, name], capture_output=True, text=True, check=True).stdout


def tiny_bzimage(size=4096):
    """What a loader takes for Linux (Documentation/arch/x86/boot.rst, protocol 2.15), of so many bytes. It halts."""
    image = bytearray((b"\0" * 0x600 + b"\xf4\xeb\xfd").ljust(size, b"\0"))
    for at, form, value in ((0x1f1, "B", 2), (0x1f4, "<I", (size - 0x600) // 16), (0x1fe, "<H", 0xaa55), (0x200, "<H", 0x6aeb), (0x202, "4s", b"HdrS"),
                            (0x206, "<H", 0x20f), (0x211, "B", 0xc1), (0x22c, "<I", 0x7fffffff), (0x230, "<I", 2 << 20), (0x234, "B", 1),
                            (0x236, "<H", 3), (0x238, "<I", 2047), (0x258, "<Q", 16 << 20), (0x260, "<I", 8 << 20)):
        struct.pack_into(form, image, at, value)
    return bytes(image)


def edid(width, height, name):
    """One block: a monitor of that name, which has one mode and prefers it (VESA E-EDID 1.4)."""
    clock = (width + 160) * (height + 30) * 60 // 10000
    timing = struct.pack("<H", clock) + bytes((width & 255, 160, width >> 8 << 4, height & 255, 30, height >> 8 << 4, 48, 32, 0x36, 0, 0, 0, 0, 0, 0, 0x1e))
    block = bytes((0, 255, 255, 255, 255, 255, 255, 0)) + struct.pack(">H", 3 << 10 | 1 << 5 | 16) + struct.pack("<HI", 7, 1) + bytes((1, 30, 1, 4))
    block += bytes((0xa5, 52, 32, 120, 6)) + bytes(10) + bytes(3) + b"\1\1" * 8 + timing
    block += b"\0\0\0\xfc\0" + name.encode().ljust(13, b"\n")[:13] + (b"\0\0\0\x10\0" + bytes(13)) * 2 + b"\0"
    return block + bytes((-sum(block) & 255,))


def read(*path):
    with open(os.path.join(*path)) as f:
        return f.read()


def write(path, text):
    with open(path, "wb" if isinstance(text, bytes) else "w") as f:
        f.write(text)
    return path
