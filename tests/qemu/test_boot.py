#!/usr/bin/env python3
"""Starting with few cores and with many."""
from lab import Tap, boot, guest, verdict, ws

tap = Tap()

for n in (2, 3, 5, 8):
    with boot([ws("all", list(range(1, n)), "64M", guest("smp" if n > 2 else "smoke"))], n, limit=120) as m:
        m.wait_tallies(["all"], timeout=100)
        verdict(tap, m.text("all"), "%d cores: the workstation has the other %d" % (n, n - 1), m.log())
        tap.ok(m.find(r"%d of %d cores online" % (n, n)), "%d cores are found" % n, m.text())
tap.done()
