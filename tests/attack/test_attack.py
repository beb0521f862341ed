#!/usr/bin/env python3
"""Devices that try to reach what they should not, on the emulator's IOMMUs: none succeeds, and a success would be seen."""
import os
import sys

from vehicles import QUICK, VEHICLES, run
from lab import Tap

tap = Tap()
names = list(VEHICLES) if os.path.basename(sys.argv[0]).endswith("_all.py") else QUICK
for name in names:
    r = run(name)
    bad = [t for t in r.lines if t.startswith("not ok")] + r.lines[-3:] + r.errors[-5:]
    tap.ok(r.consistent() and r.attempts and not r.successes and r.controls == len(r.attempts),
           "%s: %d attempts, %d controls, %d successes" % (name, len(r.attempts), r.controls, r.successes), bad)
    tap.ok(any(t.startswith("GUEST attack: ") and t.endswith(" 0 failed") for t in r.lines),
           "%s: faults are told, quarantine holds, the neighbour works" % name, bad)
r = run("intel-iommu", "sabotage")
seen = {(a.kind, a.what) for a in r.attempts if a.result == "SUCCEEDED"}
tap.ok({("write", "memory of another workstation"), ("read", "memory of another workstation"),
        ("MSI", "an entry of its own that is not set")} <= seen and r.consistent(),
       "a success is seen when isolation is broken on purpose", sorted(map(str, seen)) + r.lines[-5:])
tap.done()
