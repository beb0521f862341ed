#!/usr/bin/env python3
"""The tiny guests of the SVM suite, the same binaries, on VMX: all that they expect holds."""
import os
import sys
from concurrent.futures import ThreadPoolExecutor

from bochs import THREADS, boot
from lab import Tap, guest, verdict, ws

# Bochs leaves TSC_DEADLINE as it was when the deadline is past; a processor clears it (SDM 3 §10.5.4.1).
STALE = "stale-deadline"
BOOTS = [
    ("skylake_x", "x2APIC", [("smoke", [1], "64M", ""), ("smp", [2, 3], "64M", "")]),
    ("skylake_x", "x2APIC", [("apic", [1], "64M", STALE), ("ctl", [2], "64M", "")]),
    ("skylake_x", "xAPIC", [("smoke", [1], "64M", "xapic"), ("smp", [2, 3], "64M", "xapic")]),
    ("skylake_x", "both", [("apic", [1], "64M", "xapic " + STALE), ("warp", [2, 3], "64M", "")]),
    ("skylake_x", "x2APIC, three cores", [("smp", [1, 2, 3], "64M", "")]),
    ("icelake_u", "x2APIC", [("ctl", [1], "64M", ""), ("smp", [2, 3], "64M", "")]),
    ("tigerlake", "x2APIC", [("ctl", [1], "64M", ""), ("smp", [2, 3], "64M", "")]),
]



def run(model, words, guests):
    """Boot them; a list of what to call Tap with, since two machines run at a time."""
    words = "%s, %s" % (model, words)
    found = Found()
    with boot([ws(n, cpus, mem, guest(n), cmdline) for n, cpus, mem, cmdline in guests], model=model) as m:
        names = [g[0] for g in guests]
        m.wait_tallies(names)
        for n in names:
            verdict(found, m.text(n), "%s (%s)" % (n, words), m.log() + m.emulator_log())
            found.ok(m.wait("%s: all cores out" % n, timeout=20), "%s powered off (%s)" % (n, words), m.text())
        found.ok(m.find("%d of %d cores online" % (4 * THREADS, 4 * THREADS)), "four cores (%s)" % words, m.text())
        found.ok(not m.find("panic"), "the hypervisor is well (%s)" % words, m.text())
    return found


class Found(list):
    """Results of one machine, to be told in their order."""

    def ok(self, good, words, details=()):
        self.append((good, words, list(details)))
        return good


tap = Tap()
chosen = BOOTS if len(sys.argv) < 2 else [BOOTS[int(sys.argv[1])]]
with ThreadPoolExecutor(max_workers=min(2, os.cpu_count())) as pool:
    for found in pool.map(lambda b: run(*b), chosen):
        for result in found:
            tap.ok(*result)
tap.done()
