#!/usr/bin/env python3
"""synthetic.py DIR: machines of our own, as folders of raw ACPI tables and dumps as lspci writes them.

DIR/intel/acpi, DIR/intel/lspci, DIR/amd/...: one function for each reason a function can or cannot be
assigned. No vendor has these ids, so that no list of names changes what is printed. DIR/quirks/... has functions
that passthrough/quirks knows.
"""
import os
import struct
import sys

VENDOR = 0x0f0f


class Space:
    """A configuration space of 4096 bytes, capabilities added one after the other."""

    def __init__(self, where, cls, device, header=0, multi=False, revision=0, vendor=VENDOR):
        self.where, self.bytes, self.words = where, bytearray(4096), []
        self.last, self.next, self.last_ext, self.next_ext = 0x34, 0x40, 0, 0x100
        self.put(0, 2, vendor)
        self.put(2, 2, device)
        self.put(8, 4, cls << 8 | revision)
        self.bytes[0x0e] = header | (0x80 if multi else 0)
        if not header:
            self.put(0x2c, 2, VENDOR)
            self.put(0x2e, 2, 1)

    def put(self, at, width, v):
        self.bytes[at:at + width] = v.to_bytes(width, "little")

    def bridge(self, primary, secondary, subordinate):
        self.bytes[0x18:0x1b] = bytes([primary, secondary, subordinate])
        return self

    def cap(self, ident, size, *fields):
        at = self.next
        self.bytes[6] |= 0x10
        self.bytes[self.last] = at
        self.bytes[at] = ident
        for off, width, v in fields:
            self.put(at + off, width, v)
        self.last, self.next = at + 1, at + (size + 3 & ~3)
        return self

    def ext(self, ident, size, *fields):
        at = self.next_ext
        self.put(at, 4, ident | 1 << 16)
        if self.last_ext:
            old = int.from_bytes(self.bytes[self.last_ext:self.last_ext + 4], "little")
            self.put(self.last_ext, 4, old | at << 20)
        for off, width, v in fields:
            self.put(at + off, width, v)
        self.last_ext, self.next_ext = at, at + (size + 3 & ~3)
        return self

    def express(self, kind, flr=False):
        return self.cap(0x10, 60, (2, 2, 2 | kind << 4), (4, 4, 0x10000000 if flr else 0))

    def pm(self, soft_reset=True):
        return self.cap(0x01, 8, (2, 2, 3), (4, 2, 0 if soft_reset else 8))

    def msi(self, log2):
        return self.cap(0x05, 24, (2, 2, 0x180 | log2 << 1))

    def msix(self, n):
        return self.cap(0x11, 12, (2, 2, n - 1), (4, 4, 0), (8, 4, 0x8000))

    def acs(self):
        return self.ext(0x0d, 8, (4, 2, 0x1f))

    def serial(self, v):
        return self.ext(0x03, 12, (4, 8, v))

    def bar(self, i, base, size, kind=0):
        """kind: 1 I/O, 4 64 bits, 8 prefetchable"""
        self.put(0x10 + 4 * i, 4, (base | kind) & 0xffffffff)
        if kind & 4:
            self.put(0x14 + 4 * i, 4, base >> 32)
        unit = next(u for u in ("G", "M", "K", "") if size % (1 << {"G": 30, "M": 20, "K": 10, "": 0}[u]) == 0)
        words = "I/O ports at %04x" % base if kind & 1 else "Memory at %0*x (%s, %s)" % (
            8, base, "64-bit" if kind & 4 else "32-bit", "prefetchable" if kind & 8 else "non-prefetchable")
        self.words.append("\tRegion %d: %s [size=%d%s]" % (
            i, words, size >> {"G": 30, "M": 20, "K": 10, "": 0}[unit], unit))
        return self

    def say(self, words):
        self.words.append("\t" + words)
        return self

    def text(self):
        lines = ["%s Class %04x: Device %04x:%04x" % (
            self.where, int.from_bytes(self.bytes[10:12], "little"), *struct.unpack_from("<HH", self.bytes))]
        lines += self.words
        lines += ["%02x: %s" % (at, " ".join("%02x" % b for b in self.bytes[at:at + 16])) for at in range(0, 4096, 16)]
        return "\n".join(lines) + "\n\n"


def seal(signature, body, revision=1):
    t = bytearray(signature + struct.pack("<IBB6s8sI4sI", 36 + len(body), revision, 0, b"CAPR", b"ROCK", 1, b"CAPR", 1) + body)
    t[9] = -sum(t) & 255
    return bytes(t)


def madt(ids):
    return seal(b"APIC", struct.pack("<II", 0xfee00000, 1) + b"".join(
        struct.pack("<BBBBI", 0, 8, i, n, 1) for i, n in enumerate(ids)), 4)


def srat(cpus, memory):
    body = struct.pack("<I8x", 1)
    for ident, node in cpus:
        body += struct.pack("<BBBBIBBBBI", 0, 16, node, ident, 1, 0, 0, 0, 0, 0)
    for base, size, node in memory:
        body += struct.pack("<BBIHQQIIQ", 1, 40, node, 0, base, size, 0, 1, 0)
    return seal(b"SRAT", body, 3)


def slit(rows):
    return seal(b"SLIT", struct.pack("<Q", len(rows)) + bytes(sum(rows, [])))


def dmar():
    scope = struct.pack("<BBHBB2B", 1, 8, 0, 0, 0, 2, 0)
    igpu = struct.pack("<HHBBHQ", 0, 24, 0, 0, 0, 0xfed90000) + scope
    ioapic = struct.pack("<BBHBB2B", 3, 8, 0, 2, 0xf0, 31, 0)
    rest = struct.pack("<HHBBHQ", 0, 24, 1, 0, 0, 0xfed91000) + ioapic
    rmrr = struct.pack("<HHHHQQ", 1, 32, 0, 0, 0x7c000000, 0x7fffffff) + scope
    rhsa = struct.pack("<HHIQI", 3, 20, 0, 0xfed91000, 1)
    return seal(b"DMAR", bytes([38, 1]) + bytes(10) + igpu + rest + rmrr + rhsa)


def ivrs():
    entries = (struct.pack("<BHBBHB", 3, 8, 0, 4, 0xffff, 0) +
               struct.pack("<BHBBHB", 0x48, 0, 0xd7, 33, 0xa0, 1))
    ivhd = struct.pack("<BBHHHQHHIQQ", 0x11, 0xb0, 40 + len(entries), 2, 64, 0xfeb80000, 0, 0, 0, 0, 0) + entries
    ivmd = struct.pack("<BBHHHQQQ", 0x21, 0x0d, 32, 0x0300, 0, 0, 0x80000000, 0x10000)
    return seal(b"IVRS", struct.pack("<I8x", 0x203041) + ivhd + ivmd, 2)


def intel():
    gpu = Space("01:00.0", 0x030000, 0x10, multi=True).express(0, flr=True).pm().msi(0)
    gpu.bar(0, 0xf6000000, 16 << 20).bar(1, 0x4000000000, 256 << 20, 0xc).say("NUMA node: 1")
    gpu.say("Expansion ROM at f7000000 [disabled] [size=512K]").say("Kernel driver in use: vfio-pci")
    gpu.put(0x30, 4, 0xf7000000)
    nic = Space("02:00.0", 0x020000, 0x20).express(0, flr=True).pm(soft_reset=False).msix(10)
    nic.bar(0, 0xf5000000, 128 << 10).bar(2, 0xe000, 32, 1).serial(0x001b21ffff6d9ac8)
    nic.ext(0x10, 64, (8, 2, 9), (0x0c, 2, 8), (0x0e, 2, 8), (0x10, 2, 2), (0x14, 2, 0x80), (0x16, 2, 2),
            (0x1a, 2, 0x21), (0x24, 4, 0xf5100004))
    return [
        Space("00:00.0", 0x060000, 0x01),
        Space("00:01.0", 0x060400, 0x02, header=1).bridge(0, 1, 1).express(4).acs(),
        Space("00:02.0", 0x030000, 0x03).cap(0x13, 6, (2, 1, 6), (3, 1, 3)).msi(0).bar(0, 0xf0000000, 4 << 20),
        Space("00:1c.0", 0x060400, 0x04, header=1, multi=True).bridge(0, 2, 2).express(4).acs(),
        Space("00:1c.4", 0x060400, 0x05, header=1, multi=True).bridge(0, 3, 3).express(4),
        Space("00:1c.5", 0x060400, 0x06, header=1, multi=True).bridge(0, 4, 5).express(4).acs(),
        Space("00:1d.0", 0x0c0330, 0x07).msi(3).bar(0, 0xf4000000, 64 << 10),
        Space("00:1f.0", 0x060100, 0x08, multi=True),
        Space("00:1f.2", 0x010601, 0x09, multi=True).pm().msi(0),
        gpu,
        Space("01:00.1", 0x040300, 0x11, multi=True).express(0).pm().msi(0).bar(0, 0xf7080000, 16 << 10),
        nic,
        Space("02:10.0", 0x020000, 0x21).express(0, flr=True).msix(3),
        Space("02:10.2", 0x020000, 0x21).express(0, flr=True).msix(3),
        Space("03:00.0", 0x010802, 0x30).express(0, flr=True).msix(33).bar(0, 0xf3000000, 16 << 10, 4),
        Space("04:00.0", 0x060400, 0x31, header=1).bridge(4, 5, 5).express(7),
        Space("05:01.0", 0x040100, 0x32).pm().bar(0, 0xd000, 64, 1),
        Space("05:02.0", 0x0c0010, 0x33).pm().bar(0, 0xf2000000, 4 << 10),
    ]


def amd():
    return [
        Space("0000:00:00.0", 0x060000, 0x40),
        Space("0000:00:00.2", 0x080600, 0x41).cap(0x0f, 24),
        Space("0000:00:01.0", 0x060000, 0x42, multi=True),
        Space("0000:00:01.1", 0x060400, 0x43, header=1, multi=True).bridge(0, 1, 3).express(4).acs(),
        Space("0000:01:00.0", 0x060400, 0x44, header=1).bridge(1, 2, 3).express(5),
        Space("0000:02:00.0", 0x060400, 0x45, header=1).bridge(2, 3, 3).express(6).acs(),
        Space("0000:03:00.0", 0x030000, 0x46).express(0).msi(2).bar(0, 0x8000000000, 16 << 30, 0xc)
        .ext(0x0f, 8).ext(0x15, 16),
        Space("0001:00:01.0", 0x020000, 0x47).express(9, flr=True).bar(0, 0xfe000000, 1 << 20),
    ]


def quirks():
    """A GPU that no reset brings back, one that its bus does, and a controller that hangs in the FLR it promises."""
    return [
        Space("00:01.0", 0x060400, 0x02, header=1).bridge(0, 1, 1).express(4).acs(),
        Space("00:01.1", 0x060400, 0x02, header=1).bridge(0, 2, 2).express(4).acs(),
        Space("00:14.0", 0x0c0330, 0x149c, vendor=0x1022).express(9, flr=True),
        Space("01:00.0", 0x030000, 0x67df, vendor=0x1002).express(0).pm(),
        Space("02:00.0", 0x030000, 0x73bf, vendor=0x1002).express(0).pm(),
    ]


def main(root):
    ids = [0, 2, 4, 6]
    machines = {
        "intel": (intel(), [madt(ids), srat([(i, i // 4) for i in ids], [(0, 1 << 32, 0), (1 << 32, 1 << 32, 1)]),
                            slit([[10, 21], [21, 10]]), dmar()]),
        "amd": (amd(), [madt(range(8)), ivrs()]),
        "quirks": (quirks(), [madt(ids), dmar()]),
    }
    for name, (functions, tables) in machines.items():
        folder = os.path.join(root, name, "acpi")
        os.makedirs(folder, exist_ok=True)
        for t in tables:
            with open(os.path.join(folder, t[:4].decode() + ".bin"), "wb") as f:
                f.write(t)
        with open(os.path.join(root, name, "lspci"), "w") as f:
            f.write("".join(s.text() for s in functions))


if __name__ == "__main__":
    main(sys.argv[1])
