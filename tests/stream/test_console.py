#!/usr/bin/env python3
"""
A hypervisor's console: QEMU's own VNC server, our viewer. The picture is compared with QEMU's own, keys and
pointer with what a guest (guest/console.S) hears; by passwords and by VeNCrypt with certificates too.
"""
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../qemu"))
import qmp  # noqa: E402
from credentials import certificates  # noqa: E402
from desks import HEIGHT, WIDTH, Desks  # noqa: E402
from endtoend import BUILD, Program, differing, free_port, screen, tell, until, viewer  # noqa: E402
from parts import run  # noqa: E402

QEMU = os.environ.get("QEMU", "qemu-system-x86_64")
IMAGE = os.path.join(BUILD, "stream/console.img")
# X key codes (evdev's) of keys from every part of a keyboard, and what the guest's controller says (XT set 1).
KEYS = {9: [0x01], 24: [0x10], 38: [0x1e], 10: [0x02], 49: [0x29], 51: [0x2b], 94: [0x56], 97: [0x73], 132: [0x7d],
        50: [0x2a], 62: [0x36], 37: [0x1d], 105: [0xe0, 0x1d], 64: [0x38], 108: [0xe0, 0x38], 133: [0xe0, 0x5b],
        134: [0xe0, 0x5c], 135: [0xe0, 0x5d], 67: [0x3b], 95: [0x57], 96: [0x58], 110: [0xe0, 0x47], 111: [0xe0, 0x48],
        112: [0xe0, 0x49], 113: [0xe0, 0x4b], 114: [0xe0, 0x4d], 116: [0xe0, 0x50], 118: [0xe0, 0x52], 119: [0xe0, 0x53],
        104: [0xe0, 0x1c], 106: [0xe0, 0x35], 63: [0x37], 82: [0x4a], 86: [0x4e], 90: [0x52], 84: [0x4c], 91: [0x53],
        77: [0x45], 78: [0x46], 36: [0x1c], 22: [0x0e], 23: [0x0f]}
SPACE = 65


class Machine(Program):
    def __init__(self, folder, vnc="", *args):
        self.port, self.folder = free_port(), folder
        self.monitor, self.serial = os.path.join(folder, "qmp"), os.path.join(folder, "serial")
        for f in (self.monitor, self.serial):
            if os.path.exists(f):
                os.unlink(f)
        super().__init__(["timeout", "-k", "5", "300", QEMU, "-machine", "pc", "-accel", "tcg", "-m", "32", "-nodefaults",
                          "-vga", "std", "-drive", "file=%s,format=raw,if=floppy,readonly=on" % IMAGE,
                          "-serial", "file:" + self.serial, "-display", "none", "-qmp", "unix:%s,server=on,wait=off" % self.monitor,
                          "-vnc", "127.0.0.1:%d%s" % (self.port - 5900, vnc), *args], os.path.join(folder, "qemu.log"))
        self.painted(1)

    def painted(self, times):
        return until(lambda: os.path.exists(self.serial) and self.told()[2] >= times, 60)

    def told(self):
        """Bytes of the keyboard, states of the pointer (buttons, x, y), times painted."""
        keys, pointer, paints, at = [], [], 0, 0
        data = open(self.serial, "rb").read()
        while at < len(data):
            kind, rest = data[at:at + 1], data[at + 1:at + 6]
            if kind == b"P":
                paints, at = paints + 1, at + 1
            elif kind == b"K" and len(rest) > 0:
                keys.append(rest[0])
                at += 2
            elif kind == b"M" and len(rest) == 5:
                pointer.append((rest[0], int.from_bytes(rest[1:3], "little"), int.from_bytes(rest[3:5], "little")))
                at += 6
            else:
                break  # in the middle of a word
        return keys, pointer, paints

    def picture(self):
        path = os.path.join(self.folder, "screen.ppm")
        qmp.run(self.monitor, "screendump", filename=path)
        data = open(path, "rb").read()
        m = re.match(rb"P6\s+(\d+)\s+(\d+)\s+255\s", data)
        rgb = data[m.end():]
        out = bytearray(len(rgb) // 3 * 4)
        out[0::4], out[1::4], out[2::4] = rgb[2::3], rgb[1::3], rgb[0::3]
        return bytes(out)


def on_pictures(tmp):
    m = Machine(tmp)
    want = m.picture()
    for encoding in ("tight", "zrle", "raw"):
        code, text, got = viewer(tmp, m, "--insecure", "--encoding=" + encoding, "--quality=lossless", "--until-exact=500")
        tell(code == 0 and got == want and len(set(want[i:i + 4] for i in range(0, len(want), 4))) > 64,
             "our viewer shows QEMU's console by %s as QEMU's screendump has it, bit by bit" % encoding, text + differing(got, want) + m.text())
    m.stop()


def shows(tmp, m):
    want = m.picture()
    width, height, got = screen(tmp, "view")
    return len(got) == len(want) and all(got[i::4] == want[i::4] for i in range(3))


def on_hands(tmp):
    desks = Desks(tmp)
    m = Machine(tmp)
    v = desks.viewer(m.port, "--insecure", "--quality=lossless")
    tell(until(lambda: shows(tmp, m)), "... and in a window", v.text() + m.text())
    wrong = []
    for code, numbers in KEYS.items():
        had = len(m.told()[0])
        desks.hands.type(code)
        want = numbers + numbers[:-1] + [numbers[-1] | 0x80]
        if not until(lambda: len(m.told()[0]) >= had + len(want), 3) or m.told()[0][had:] != want:
            wrong.append((code, m.told()[0][had:], want))
    tell(not wrong, "%d keys from every part of the keyboard reach the guest by their scancodes, and come up again" % len(KEYS), str(wrong))

    off = []
    for x, y in ((0, 0), (320, 240), (639, 479), (17, 401)):
        desks.hands.move(x, y)
        want = (x * 65535 / WIDTH, y * 65535 / HEIGHT)
        if not until(lambda: (t := m.told()[1]) and all(abs(a - b) < 10 for a, b in zip(t[-1][1:], want)), 3):
            off.append((want, m.told()[1][-1:]))
    tell(not off, "the pointer stands in the guest where it does on the desk, absolutely", str(off))
    seen = []
    for button, bit in ((1, 0x20), (3, 0x10), (2, 0x08)):
        for down in (True, False):
            desks.hands.button(button, down)
            seen.append(until(lambda: m.told()[1][-1][0] & 0x38 == (bit if down else 0), 3))
    tell(all(seen), "... and its three buttons go down and up", str(m.told()[1][-8:]))

    times = m.told()[2]
    before = m.picture()
    desks.hands.type(SPACE)
    tell(m.painted(times + 1) and m.picture() != before and until(lambda: shows(tmp, m)), "what a key makes the guest paint is shown", v.text())
    v.stop()
    m.stop()
    desks.stop()


def on_passwords(tmp):
    certificates(tmp)
    for name, word in (("good", "opensesame"), ("bad", "closed")):
        open(os.path.join(tmp, name), "w").write(word + "\n")
    good, bad = ("--password-file=" + os.path.join(tmp, name) for name in ("good", "bad"))
    common = ("--quality=lossless", "--until-exact=300")
    creds = ("-object", "tls-creds-x509,id=t,dir=%s,endpoint=server,verify-peer=off" % tmp)
    ca = "--ca=" + os.path.join(tmp, "ca-cert.pem")

    m = Machine(tmp, ",password=on")
    qmp.run(m.monitor, "set_password", protocol="vnc", password="opensesa")
    code, text, got = viewer(tmp, m, "--insecure", good, *common)
    tell(code == 0 and got == m.picture(), "QEMU's password (VNC authentication) lets in where --insecure allows it", text + m.text())
    code, text, got = viewer(tmp, m, "--insecure", bad, *common)
    tell(code != 0 and not got and "reconnecting" not in text, "... and a wrong one does not", text)
    code, text, got = viewer(tmp, m, good, *common)
    tell(code != 0 and not got and "no encryption" in text, "... nor the right one without --insecure", text)
    m.stop()

    m = Machine(tmp, ",tls-creds=t", *creds)
    code, text, got = viewer(tmp, m, ca, *common, accept=False)
    tell(code == 0 and got == m.picture(), "QEMU's VeNCrypt (X509None): trusted for its CA, the pixels are exact", text + m.text())
    code, text, got = viewer(tmp, m, *common)
    tell(code == 0 and got == m.picture(), "... or pinned at first sight", text + m.text())
    certificates(tmp)
    code, text, got = viewer(tmp, m, ca, *common, accept=False)
    tell(code != 0 and not got and "is not from" in text, "... and not trusted for another CA", text)
    m.stop()

    m = Machine(tmp, ",tls-creds=t,password=on", *creds)
    qmp.run(m.monitor, "set_password", protocol="vnc", password="opensesa")
    code, text, got = viewer(tmp, m, ca, good, *common, accept=False)
    tell(code == 0 and got == m.picture(), "QEMU's password inside TLS (X509Vnc) lets in", text + m.text())
    code, text, got = viewer(tmp, m, ca, bad, *common, accept=False)
    tell(code != 0 and not got, "... and a wrong one does not", text)
    m.stop()


if __name__ == "__main__":
    sys.exit(run(on_pictures, on_hands, on_passwords))
