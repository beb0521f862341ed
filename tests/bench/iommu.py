#!/usr/bin/env python3
"""make bench-iommu: instructions of the IOMMU's code per operation, counted by callgrind, and table memory.

iommu.py [--check]: with it, fail when a figure is above its limit.
"""
import os
import re
import subprocess
import sys
import tempfile

PROGRAM = "build/bench/iommu"
# name, argument, unit, limit
COUNTED = [("map_1g", 1000), ("unmap_1g", 1000), ("map_4k", 60), ("unmap_4k", 60), ("irte_update", 600)]
BYTES = [("table_bytes_per_gib_1g", "bytes_1g", (1 << 30) // 10000), ("table_bytes_per_gib_4k", "bytes_4k", (1 << 30) // 400)]


def own_instructions(path):
    """Sum of what lines of files under core/ and iommu/ cost themselves (Callgrind Format, 1.2)."""
    names, total, current, skip = {}, 0, "", False
    for line in open(path):
        m = re.match(r"(fl|fi|fe)=(?:\((\d+)\))?\s*(.*)", line)
        if m:
            if m.group(3):
                names[m.group(2)] = m.group(3).strip()
            current = names[m.group(2)]
        elif re.match(r"[+*-]|\d", line):
            if not skip and re.search(r"(^|/)(core|iommu)/", current) and "/tests/" not in current:
                total += int(line.split()[-1])
            skip = False
        elif line.startswith("calls="):
            skip = True  # the next line is what the callee cost
        else:
            m = re.match(r"c(?:fl|fi|fe)=\((\d+)\)\s+(.+)", line)
            if m:
                names[m.group(1)] = m.group(2).strip()
    return total


def count(vendor, measure):
    with tempfile.TemporaryDirectory() as d:
        out = os.path.join(d, "out")
        p = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=" + out, "--collect-atstart=no",
                            "--toggle-collect=measured", "--compress-strings=yes", "--compress-pos=no", PROGRAM, vendor, measure],
                           capture_output=True, text=True)
        if p.returncode:
            sys.exit("bench: %s %s: %s" % (vendor, measure, p.stderr.strip()))
        return own_instructions(out) / int(p.stdout)


def main():
    over = 0
    for vendor in ("vtd", "amdvi"):
        for name, limit in COUNTED:
            n = count(vendor, name)
            over += n > limit or n <= 1
            print("iommu.%s.%s %.1f instructions" % (name, vendor, n))
            sys.stdout.flush()
        for name, measure, limit in BYTES:
            n = int(subprocess.run([PROGRAM, vendor, measure], capture_output=True, text=True, check=True).stdout)
            over += n > limit or n <= 0
            print("iommu.%s.%s %d bytes" % (name, vendor, n))
    if "--check" in sys.argv:
        print("%sok 1 - mapping, routing and table memory stay within their limits" % ("not " if over else ""))
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
