#!/usr/bin/env python3
"""The TSC between a workstation's cores, where the emulator keeps one clock for all: promised, and true."""
from lab import Tap, boot, guest, verdict, ws

tap = Tap()
with boot([ws("warp", [1, 2], "64M", guest("warp"))], 3, icount=True, limit=240) as m:
    m.wait_tallies(["warp"], timeout=200)
    found = m.find(r"warp (\d+) ticks over (\d+) cores, invariant TSC (promised|not promised)", "warp")
    tap.ok(found and found.group(3) == "promised", "one clock for all cores: invariant TSC is promised", m.log()[-20:])
    tap.ok(found and int(found.group(1)) == 0, "and no core ever saw it go back", m.log()[-20:])
    verdict(tap, m.text("warp"), "warp", m.log())
tap.done()
