#!/usr/bin/env python3
"""make bench-profiles: `caprock check` of sites of 8 to 64 workstations on a machine of 8 GPUs and 256 cores.

profiles.py [--check]: with it, fail when instructions grow faster than the number of workstations.
"""
import os
import subprocess
import sys
import tempfile
import time

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
sys.path.insert(0, os.path.join(ROOT, "tests/profiles"))
from tool import tiny_bzimage, write as write_file  # noqa: E402

CAPROCK = os.path.join(ROOT, "build/caprock")
SIZES = (8, 16, 32, 64)


def workstation(i):
    lines = ["name: desk-%d" % i, "cores: 3", "memory: %d GiB" % (8 + i % 3), "kernel: vmlinuz"]
    if i < 8:
        bus = 1 + 4 * i
        lines += ["devices:", "- %02x:00" % bus] + ["- {device: %02x:00.0}" % (bus + k) for k in (1, 2, 3)]
        lines += ["heads:", "- {output: DP-1, mode: 2560x1440@60}"]
    return "\n".join(lines) + "\n"


def write(folder, n):
    for i in range(n):
        with open(os.path.join(folder, "desk-%d.yaml" % i), "w") as f:
            f.write(workstation(i))
    path = os.path.join(folder, "site-%d.yaml" % n)
    with open(path, "w") as f:
        f.write("machine: machine.yaml\nworkstations:\n" + "".join("- desk-%d.yaml\n" % i for i in range(n)))
    return path


def milliseconds(site):
    best = None
    for _ in range(7):
        start = time.monotonic()
        p = subprocess.run([CAPROCK, "check", site], capture_output=True, text=True)
        took = 1000 * (time.monotonic() - start)
        if p.returncode or ": good: " not in p.stdout:
            sys.exit("bench: %s is refused: %s" % (site, p.stdout))
        best = took if best is None else min(best, took)
    return best


def instructions(site, folder):
    p = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=" + os.path.join(folder, "out"), CAPROCK, "check", site],
                       capture_output=True, text=True)
    words = [l for l in p.stderr.splitlines() if "Collected" in l]
    if p.returncode or not words:
        sys.exit("bench: callgrind: " + p.stderr)
    return int(words[0].split()[-1])


def main():
    with tempfile.TemporaryDirectory() as d:
        with open(os.path.join(d, "machine.yaml"), "w") as f:
            f.write(subprocess.run([os.path.join(ROOT, "tests/profiles/machine.py"), "bench"], capture_output=True, text=True, check=True).stdout)
        write_file(os.path.join(d, "vmlinuz"), tiny_bzimage())
        counts = {}
        for n in SIZES:
            site = write(d, n)
            print("profiles.check_%d %.1f ms" % (n, milliseconds(site)))
            counts[n] = instructions(site, d)
            print("profiles.check_%d_instructions %d instructions" % (n, counts[n]))
            sys.stdout.flush()
        each = {n: (counts[n] - counts[n // 2]) / (n // 2) for n in SIZES[1:]}
        for n in SIZES[1:]:
            print("profiles.each_of_%d %d instructions" % (n, each[n]))
        # Exactly linear is 1, square 4. The proof compares pairs, for it has no memory of its own: briefly enough not to show.
        growth = each[64] / each[16]
        print("profiles.growth %.2f ratio" % growth)
        if "--check" in sys.argv:
            print("%sok 1 - a check's instructions grow with the workstations (%.2f a piece, from 16 to 64)" % ("" if growth < 1.25 else "not ", growth))
            return growth >= 1.25
    return 0


if __name__ == "__main__":
    sys.exit(main())
