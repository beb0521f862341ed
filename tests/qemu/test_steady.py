#!/usr/bin/env python3
"""The steady state: computing, own timer, self-IPIs, sleeping: none of it leaves the guest."""
import time

from counters import difference
from lab import Tap, boot, guest, verdict, ws

SECONDS = 8
tap = Tap()
with boot([ws("busy", [1, 2], "64M", guest("steady"), "seconds=%d" % SECONDS),
           ws("idle", [3, 4], "64M", guest("steady"), "seconds=%d idle" % SECONDS)], 5, limit=120) as m:
    for name in ("busy", "idle"):
        m.wait("steady begin", name, timeout=60)
    time.sleep(1)
    c = m.counters()
    before = {n: c.exits(n) for n in ("busy", "idle")} if c else None
    early = not (m.find("steady end", "busy") or m.find("steady end", "idle"))
    time.sleep(SECONDS / 2)
    after = {n: m.counters().exits(n) for n in ("busy", "idle")} if c else None
    # Only a window that lies between the marks counts.
    early = early and not (m.find("steady end", "busy") or m.find("steady end", "idle"))
    for name in ("busy", "idle"):
        d = {k: v for k, v in difference(before[name], after[name]).items() if v} if c else {"no counters": 1}
        tap.ok(early and not d, "%s: %d exits in %.0f s" % (name, sum(d.values()), SECONDS / 2), [str(d)] + m.log()[-20:])
    m.wait_tallies(["busy", "idle"], timeout=60)
    for name in ("busy", "idle"):
        verdict(tap, m.text(name), name, m.log())
tap.done()
