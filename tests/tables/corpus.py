#!/usr/bin/env python3
"""caprock explain-acpi over many machines' tables, counted again by a reader of this file's own.

The machines are those of CAPROCK_CORPUS/acpi-corpus, or four made here when it is not set.
"""
import collections
import json
import os
import struct
import subprocess
import sys
import tempfile

TOOL = os.environ.get("CAPROCK", "build/caprock")
FIXED = {0: 16, 1: 24, 2: 8, 5: 8, 6: 8}
NAMES = {0: "units", 1: "reserved", 2: "atsr", 3: "rhsa", 4: "andd", 5: "satc", 6: "sidp"}


def count_dmar(d):
    c, off = collections.Counter(), 48
    while off < len(d):
        kind, length = struct.unpack_from("<HH", d, off)
        c[NAMES.get(kind, "unknown")] += 1
        if kind in FIXED:
            at = off + FIXED[kind]
            while at < off + length:
                c["scopes"] += 1
                c["hops"] += (d[at + 1] - 6) // 2
                at += d[at + 1]
        off += length
    return c


def count_ivrs(d):
    c, off = collections.Counter(), 48
    while off < len(d):
        kind, length = d[off], struct.unpack_from("<H", d, off + 2)[0]
        if kind in (0x10, 0x11, 0x40):
            c["units"] += 1
            at = off + (24 if kind == 0x10 else 40)
            while at < off + length:
                e = d[at]
                size = 22 + d[at + 21] if e == 240 else 4 << (e >> 6)
                if e in (0x42, 0x43):
                    c["aliases"] += 1
                if e == 0x48:
                    c["special"] += 1
                if e not in (0, 4, 64):
                    c["entries"] += 1
                at += size
        elif kind in (0x20, 0x21, 0x22):
            c["reserved"] += 1
        else:
            c["unknown"] += 1
        off += length
    return c


def told_dmar(t):
    c = collections.Counter({n: len(t[n]) for n in NAMES.values()})
    c["unknown"] = t["unknown_structures"]
    for n in ("units", "reserved", "atsr", "satc", "sidp"):
        for s in t[n]:
            c["scopes"] += len(s["scopes"])
            c["hops"] += sum(len(x["path"]) for x in s["scopes"])
    return c


def told_ivrs(t):
    c = collections.Counter(units=len(t["units"]), reserved=len(t["reserved"]), unknown=t["unknown_blocks"])
    for u in t["units"]:
        c["entries"] += len(u["entries"])
        c["aliases"] += sum("alias" in e for e in u["entries"])
        c["special"] += sum("handle" in e for e in u["entries"])
    return c


def seal(body, signature):
    t = bytearray(signature + struct.pack("<IBB6s8sI4sI", 36 + len(body), 1, 0, b"ACME", b"ROCK", 1, b"CAPR", 1) + body)
    t[9] = -sum(t) & 255
    return bytes(t)


def synthetic(root):
    """Four machines: Intel, AMD, Intel without interrupt remapping, none."""
    scope = struct.pack("<BBHBB2B", 1, 8, 0, 0, 0, 2, 0)
    drhd = struct.pack("<HHBBHQ", 0, 24, 0, 0, 0, 0xfed90000) + scope
    rest = struct.pack("<HHBBHQ", 0, 24, 1, 0, 0, 0xfed91000) + struct.pack("<BBHBB2B", 3, 8, 0, 2, 0xf0, 31, 0)
    rmrr = struct.pack("<HHHHQQ", 1, 32, 0, 0, 0x7c000000, 0x7fffffff) + scope
    entries = struct.pack("<BHBBHB", 3, 8, 0, 4, 0xffff, 0) + struct.pack("<BHBBHB", 0x48, 0, 0xd7, 33, 0xa0, 1)
    ivhd = struct.pack("<BBHHHQHHIQQ", 0x11, 0xb0, 40 + len(entries), 2, 64, 0xfeb80000, 0, 0, 0, 0, 0) + entries
    machines = {
        "intel": ("DMAR.bin", seal(bytes([38, 1]) + bytes(10) + drhd + rest + rmrr, b"DMAR")),
        "amd": ("IVRS.bin", seal(struct.pack("<I8x", 0x203041) + ivhd, b"IVRS")),
        "old": ("DMAR.bin", seal(bytes([38, 0]) + bytes(10) + rest, b"DMAR")),
        "none": ("APIC.bin", seal(bytes(8) + struct.pack("<BBBBI", 0, 8, 0, 0, 1), b"APIC")),
    }
    for name, (file, table) in machines.items():
        os.mkdir(os.path.join(root, name))
        open(os.path.join(root, name, file), "wb").write(table)


def run(*args):
    return subprocess.run([TOOL, "explain-acpi", *args], capture_output=True)


class Tap:
    n = bad = 0

    def ok(self, good, words, *details):
        self.n += 1
        self.bad += not good
        print("%sok %d - %s" % ("" if good else "not ", self.n, words))
        if not good:
            for d in details[:20]:
                print("# %s" % (d,))


def main():
    tap = Tap()
    with tempfile.TemporaryDirectory() as made:
        corpus = os.environ.get("CAPROCK_CORPUS")
        folder = os.path.join(corpus, "acpi-corpus") if corpus else made
        if not corpus:
            synthetic(made)
        machines = sorted(m for m in os.listdir(folder) if os.path.isdir(os.path.join(folder, m)))

        p = run("--json", folder)
        tap.ok(p.returncode == 0, "all %d machines' tables are understood" % len(machines), p.stderr, p.returncode)
        told = json.loads(p.stdout)["machines"]
        tap.ok([os.path.basename(m["folder"]) for m in told] == machines, "each machine is told of, once and in order")

        wrong, tables, notes = [], 0, collections.Counter()
        for m in told:
            found = {}
            for file in os.listdir(m["folder"]):
                data = open(os.path.join(m["folder"], file), "rb").read()
                if data[:4] in (b"DMAR", b"IVRS"):
                    found[file] = count_dmar(data) if data[:4] == b"DMAR" else count_ivrs(data)
            said = {t["file"]: told_dmar(t) if t["signature"] == "DMAR" else told_ivrs(t) for t in m["tables"]
                    if t["signature"] in ("DMAR", "IVRS")}
            if {f: +c for f, c in found.items()} != {f: +c for f, c in said.items()} or m["iommu"] != bool(found):
                wrong.append((m["folder"], found, said))
            tables += len(found)
            for t in m["tables"]:
                for note in t["notes"]:
                    notes[note["name"]] += 1
        tap.ok(not wrong and tables, "%d tables hold what a second reader counts in them" % tables, *wrong)
        tap.ok(notes["no-interrupt-remapping"] > 0, "machines that cannot remap interrupts are pointed out")

        text = run(folder)
        tap.ok(text.returncode == 0 and text.stdout.decode().count("\n  no DMAR and no IVRS") ==
               sum(not m["iommu"] for m in told), "machines without an IOMMU are told so")

        one = next(m for m in told if m["iommu"])
        path = os.path.join(one["folder"], one["tables"][-1]["file"])
        with tempfile.TemporaryDirectory() as cut:
            data = open(path, "rb").read()
            open(os.path.join(cut, "T"), "wb").write(data[:len(data) - 5])
            p = run("--json", cut)
            t = json.loads(p.stdout)["machines"][0]["tables"][0]
            tap.ok(p.returncode == 3 and not t["complete"] and t["error"], "a table that was cut is not called understood")
        tap.ok(run(os.path.join(folder, "nobody")).returncode == 2, "a folder that is not there is an error")
        tap.ok(run().returncode == 2 and run("--help").returncode == 0, "wrong use is told from right use")
    print("1..%d" % tap.n)
    return 1 if tap.bad else 0


if __name__ == "__main__":
    sys.exit(main())
