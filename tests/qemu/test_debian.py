#!/usr/bin/env python3
"""Two Debian 6.1 workstations of 2 cores: to init together, quiet when busy, one reboots alone."""
import os
import re
import time

from counters import difference
from lab import BUILD, Tap, boot, ws

VMLINUZ = os.path.join(BUILD, "cache/debian/vmlinuz")
INITRD = os.path.join(BUILD, "debian/initrd")
# Multi-threaded TCG's cores differ in their TSC; the product promises nothing there, the test's
# own command line does.
COMMON = "console=ttyS0 tsc=reliable "
BUSY_S = 20
# Linux names the interrupts it sends between its cores; their sum is what may leave the guest.
SENT = ("RES", "CAL", "TLB")

tap = Tap()


def debian(name, cpus, job, mem="1G", initrd=INITRD):
    return ws(name, cpus, mem, VMLINUZ, COMMON + "lab=" + job, initrd=initrd)


def counts(m, name, number):
    t = m.wait(r"^mark %d .*" % number, name, timeout=240)
    return {k: int(v) for k, v in re.findall(r"(\w+)=(\d+)", t.group(0))} if t else None


def exits(m, name):
    c = m.counters()
    return c.exits(name) if c else None


# ---- together; one busy with both cores, the other idle ----
with boot([debian("left", [1, 2], "busy:%d" % BUSY_S), debian("right", [3, 4], "idle:%d" % BUSY_S)], 5, mem="3G",
          limit=420) as m:
    for n in ("left", "right"):
        m.wait("init ready", n, timeout=240)
        tap.ok(m.find("init reached", n), n + " reaches init", m.log()[-60:])
        tap.ok(m.find("fact cores 2$", n), n + " has its two cores", m.text(n)[-20:])
        tap.ok(m.find("fact clocksource tsc$", n), n + " keeps time by the TSC", m.text(n))
        tap.ok(m.find("fact x2apic yes", n) and m.find("x2apic", n), n + " has an x2APIC", m.text(n))
        tap.ok(m.find(r"fact log x86/PAT: Configuration.*WC", n), n + " has PAT on with write-combining", m.text(n))
        tap.ok(m.find("fact mtrr usable", n), n + " has usable MTRRs", m.text(n))
        bad = [t for t in m.text(n) if re.search(r"unchecked MSR|BUG:|WARNING: CPU|Call Trace|MTRR.*inconsistent", t)]
        tap.ok(not bad, n + " has nothing to complain of", bad)
    at, seen, linux = {}, {}, {}
    for number in (1, 2):
        for n in ("left", "right"):
            linux[n, number] = counts(m, n, number)
            seen[n, number] = exits(m, n)
            at[n, number] = time.monotonic()
    for n, what in (("left", "busy"), ("right", "idle")):
        if not (linux[n, 1] and linux[n, 2] and seen[n, 1] and seen[n, 2]):
            tap.ok(False, "%s was measured" % n, m.log()[-30:])
            continue
        d = difference(seen[n, 1], seen[n, 2])
        sent = sum(linux[n, 2].get(k, 0) - linux[n, 1].get(k, 0) for k in SENT)
        seconds = at[n, 2] - at[n, 1]
        # The marks themselves are printed inside the window: their port accesses and a few IPIs.
        tap.ok(abs(d["ipi"] - sent) <= 20 + sent // 10, "%s (%s): %d exits for IPIs, Linux counted %d, in %.0f s"
               % (n, what, d["ipi"], sent, seconds), [str(d), str(linux[n, 1]), str(linux[n, 2])])
        rest = {k: v for k, v in d.items() if v and k not in ("ipi", "io")}
        tap.ok(all(v <= seconds for v in rest.values()), "%s (%s): no other cause more than once a second: %s"
               % (n, what, rest or "none at all"), [str(d)])
    tap.ok(not m.find("panic"), "the hypervisor is well", m.text())

# ---- one reboots, the other does not notice ----
with boot([debian("restless", [1, 2], "reboot:3", "512M"), debian("calm", [3, 4], "stay", "512M")], 5, mem="2G",
          limit=420) as m:
    m.wait("init ready", "calm", timeout=240)
    m.wait("init ready", "restless", count=2, timeout=300)
    n = sum("init ready" in t for t in m.text("restless"))
    tap.ok(n >= 2, "reboot -f starts the workstation again (%d times at init)" % n, m.log()[-40:])
    tap.ok(sum("init ready" in t for t in m.text("calm")) == 1, "the other one goes on", m.text("calm")[-20:])
    c = m.counters()
    tap.ok(c and c.workstation("calm")["starts"] == 1 and c.workstation("restless")["starts"] >= 2,
           "the counters page says the same")
    tap.ok(not m.find("panic"), "the hypervisor is well", m.text())
tap.done()
