#!/usr/bin/env python3
"""The steady state on VMX: computing, own timer, self-IPIs, sleeping: none of it leaves the guest."""
from bochs import boot
from counters import difference
from lab import Tap, guest, verdict, ws

tap = Tap()
for name, cmdline in (("busy", "seconds=8"), ("idle", "seconds=8 idle")):
    with boot([ws(name, [1, 2], "64M", guest("steady"), cmdline)], cpus=3) as m:
        m.wait("steady begin", name)
        # Past the mark the guest waits a tenth of a second for its own words to be on their way.
        first = m.counters()
        while first and not m.ended and not m.find("steady end", name):
            begun, first = first, m.counters()
            if first and first.now_ns - begun.now_ns > 200000000:
                break
        last = first
        while last and not m.ended:
            c = m.counters()
            if m.find("steady end", name) or not c or c.now_ns - first.now_ns > 1500000000:
                break
            last = c
        if not last or last.now_ns <= first.now_ns:
            tap.ok(False, "%s: it was measured" % name, m.log()[-20:])
            continue
        d = {k: v for k, v in difference(first.exits(name), last.exits(name)).items() if v}
        tap.ok(not d, "%s: %d exits in %.1f s of the guest's time" % (name, sum(d.values()), (last.now_ns - first.now_ns) / 1e9),
               [str(d)] + m.log()[-20:])
        m.wait_tallies([name])
        verdict(tap, m.text(name), name, m.log())
tap.done()
