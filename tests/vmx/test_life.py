#!/usr/bin/env python3
"""Starting again on VMX: cores that will not be interrupted are pulled out and come back clean."""
import re

from bochs import boot
from lab import Tap, guest, ws

tap = Tap()
worst = 0
for how, end in (("loop", "cf9"), ("hlt", "triple"), ("nmi", "reset"), ("shadow", "cf9"), ("tf", "triple"),
                 ("db", "reset"), ("ac", "cf9"), ("dirty", "triple")):
    with boot([ws("stuck", [1, 2], "64M", guest("stuck"), "how=%s end=%s ms=20" % (how, end))], cpus=3) as m:
        m.wait("^stuck begin", "stuck", count=3)
        begins = sum(t.startswith("stuck begin") for t in m.text("stuck"))
        bad = [t for t in m.text("stuck") if t.startswith("not ok")]
        tap.ok(begins >= 3, "a core stuck by '%s' is pulled out (%d starts)" % (how, begins), m.log()[-40:] + m.emulator_log())
        tap.ok(not bad and begins, "and comes back clean", bad)
        tap.ok(not m.find("panic"), "the hypervisor is well", m.text())
        worst = max([worst] + [int(k.group(1)) for k in (re.search(r"out after (\d+) us", t) for t in m.text()) if k])
with boot([ws("tidy", [1], "64M", guest("scrub"), "end=triple")], cpus=2) as m:
    m.wait("^GUEST", "tidy", count=3)
    n = sum(t.startswith("GUEST") for t in m.text("tidy"))
    bad = [t for t in m.text("tidy") if t.startswith("not ok")]
    tap.ok(n >= 3 and not bad, "memory is scrubbed before each of %d starts" % n, bad or m.log()[-30:])
tap.ok(worst > 0, "the longest a kick took: %d us of the machine's time" % worst)
tap.done()
