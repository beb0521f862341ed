#!/usr/bin/env python3
"""
make bench-vmx: what an exit costs on VMX, one `vmx.NAME VALUE UNIT` a line.

The guest's own clock counts: Bochs's time is instructions, so a tick of the TSC is one instruction
of the core that is measured. With several cores Bochs runs each of them for a few instructions in
turn, five of them, and moves the time on by as many as the one that ran most did; the other one is
asleep here. So figures are multiples of five.
"""
import re
import sys

from bochs import boot
from counters import difference
from lab import guest, ws

ROWS = ["cpuid", "rdmsr", "wrmsr", "uart_read", "cf8_read", "self_ipi", "timer_irq", "hlt_wake"]


def note(text):
    print(text, file=sys.stderr, flush=True)


def show(name, value, unit):
    print("vmx.%s %d %s" % (name, value, unit), flush=True)


def die(words, m):
    note("\n".join(m.log()[-30:] + m.emulator_log()))
    sys.exit("bench-vmx: " + words)


def costs():
    with boot([ws("bench", [1], "64M", guest("bench"))], cpus=2, limit=400) as m:
        m.wait_tallies(["bench"])
        f = {k.group(1): int(k.group(2)) for k in (re.match(r"bench (\w+) (\d+)", t) for t in m.text("bench")) if k}
        if "hlt_wake" not in f:
            die("the guest did not get to its end", m)
        note("one reading of the clock: %d ticks" % f["clock"])
        for row in ROWS:
            if row in f:
                show(row, f[row], "instructions")
        show("mmio_read", f["ecam_read"], "instructions")


def timer():
    """Exits of a guest that computes, takes its timer 250 times a second and interrupts itself."""
    with boot([ws("steady", [1], "64M", guest("steady"), "seconds=8")], cpus=2, limit=200) as m:
        m.wait("steady begin", "steady")
        first = last = m.counters()
        while first and last.now_ns - first.now_ns < 300000000 and not m.ended:
            last = m.counters()
        first, seen = last, last
        while first and last.now_ns - first.now_ns < 1500000000 and not m.find("steady end", "steady"):
            seen, last = last, m.counters()
        if not seen or seen.now_ns <= first.now_ns:
            die("the steady guest was not measured", m)
        d = difference(first.exits("steady"), seen.exits("steady"))
        note("exits in %.1f s: %s" % ((seen.now_ns - first.now_ns) / 1e9, {k: v for k, v in d.items() if v} or "none"))
        show("timer_exits", sum(d.values()), "exits")


costs()
timer()
