#!/usr/bin/env python3
"""Starting again: 50 reboots, memory scrubbed in between, and guests that will not be stopped."""
import fcntl
import re
import time

from lab import Tap, boot, guest, verdict, ws

tap = Tap()

# 50 reboots, by every way in turn, beside a neighbour.
with boot([ws("restless", [1, 2], "64M", guest("reboot"), "cpus=2"),
           ws("neighbour", [3, 4], "64M", guest("heartbeat"), "seconds=40")], 5, limit=300) as m:
    m.wait("reboot start", "restless", count=51, timeout=240)
    n = sum("reboot start" in t for t in m.text("restless"))
    tap.ok(n >= 51, "50 reboots, %d starts in all" % n, m.log()[-60:])
    ways = {w: sum(t == "reboot by " + w for t in m.text("restless"))
            for w in ("acpi", "cf9", "triple", "bios", "keyboard")}
    tap.ok(all(ways.values()), "by every way there is: %s" % ways, m.log()[-60:])
    tap.ok(not [t for t in m.text("restless") if t.startswith("not ok")], "each with all its cores", m.text("restless"))
    c = m.counters()
    tap.ok(c and c.workstation("restless")["starts"] >= n, "the counters page counts them")
    tap.ok(c and c.workstation("neighbour")["starts"] == 1, "the neighbour was started once")
    m.wait_tallies(["neighbour"], timeout=120)
    verdict(tap, m.text("neighbour"), "the neighbour noticed nothing of 50 reboots", m.log())

# Nothing of one life is there in the next.
with boot([ws("dirty", [1], "128M", guest("scrub"), "end=reset"),
           ws("tidy", [2], "64M", guest("scrub"), "end=triple")], 3, limit=120) as m:
    for name in ("dirty", "tidy"):
        m.wait("^GUEST", name, count=4, timeout=100)
        n = sum(t.startswith("GUEST") for t in m.text(name))
        bad = [t for t in m.text(name) if t.startswith("not ok")]
        tap.ok(n >= 4 and not bad, "memory is scrubbed before each of %d starts of %s" % (n, name), bad or m.log()[-30:])

# Cores that will not be interrupted are pulled out all the same, and come back clean.
HOW = ["loop", "clgi", "hlt", "nmi", "shadow", "tf", "db", "ac", "dirty"]
worst = 0
for group in (HOW[:3], HOW[3:6], HOW[6:]):
    with boot([ws(h, [1 + 2 * i, 2 + 2 * i], "64M", guest("stuck"), "how=%s end=%s" % (h, end))
               for i, (h, end) in enumerate(zip(group, ("cf9", "triple", "reset")))], 7, limit=180) as m:
        for h in group:
            m.wait("^stuck begin", h, count=3, timeout=120)
            begins = sum(t.startswith("stuck begin") for t in m.text(h))
            bad = [t for t in m.text(h) if t.startswith("not ok")]
            tap.ok(begins >= 3, "a core stuck by '%s' is pulled out (%d starts)" % (h, begins), m.log()[-40:])
            tap.ok(not bad and begins, "and comes back clean", bad)
        for t in m.text():
            k = re.search(r"out after (\d+) us", t)
            if k:
                worst = max(worst, int(k.group(1)))
        tap.ok(not m.find("panic"), "the hypervisor is well", m.text())

# Nobody reads the serial port for a while: the host core goes on, and so do the consoles when somebody reads again.
with boot([ws("talker", [1], "64M", guest("smoke"), "end=reset")], 2, limit=120) as m:
    fcntl.fcntl(m.process.stdout, fcntl.F_SETPIPE_SZ, 4096)
    m.wait("^GUEST", "talker", count=2, timeout=60)
    m.listening.clear()
    deaf, late = m.counters(), time.monotonic() + 90
    while time.monotonic() < late and m.counters().workstation("talker")["starts"] < deaf.workstation("talker")["starts"] + 40:
        time.sleep(0.1)
    starts = m.counters().workstation("talker")["starts"] - deaf.workstation("talker")["starts"]
    m.listening.set()
    tap.ok(starts >= 40, "a full serial port holds nobody up: %d restarts meanwhile" % starts, m.log()[-30:])
    lost = m.wait(r"warning: (\d+) bytes lost: COM1 took none", timeout=20)
    known = sum(t.startswith("GUEST") for t in m.text("talker"))
    tap.ok(lost and m.wait("^GUEST", "talker", count=known + 2, timeout=30), "what it could not take is counted (%s bytes), and the consoles go on"
           % (lost and lost.group(1)), m.log()[-30:])
tap.ok(worst > 0, "the longest a kick took: %d us" % worst)
tap.done()
