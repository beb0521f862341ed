#!/usr/bin/env python3
"""Hostile guests beside a neighbour that watches its memory, its clock and its interrupts."""
import os

from lab import Tap, boot, guest, verdict, ws

BEAT_S = 8
SEEDS = os.environ.get("FUZZ_SEEDS", "1 2 3").split()


def tallies(m):
    return sum(t.startswith("GUEST") for t in m.text("neighbour"))


def attack(tap, words, hostile, last="^GUEST ", count=1, limit=240):
    """
    Run hostile workstations beside a heartbeat that begins again and again on the last two cores,
    until each hostile one said `last` `count` times and the heartbeat under way has ended.
    """
    first = 1 + sum(len(w["cpus"]) for w in hostile)
    near = ws("neighbour", [first, first + 1], "64M", guest("heartbeat"), "seconds=%d end=reset" % BEAT_S)
    with boot(hostile + [near], first + 2, limit=limit) as m:
        m.wait("heartbeat begin", "neighbour", timeout=60)
        for w in hostile:
            m.wait(last, w["name"], count=count, timeout=limit - 60)
        m.wait("^GUEST ", "neighbour", count=tallies(m) + 1, timeout=60)
        verdict(tap, m.text("neighbour"), "the neighbour noticed nothing of " + words, m.log())
        c = m.counters()
        starts, ends = c.workstation("neighbour")["starts"] if c else 0, tallies(m)
        tap.ok(ends and starts in (ends, ends + 1), "and was not restarted but by itself (%d starts, %d ends)"
               % (starts, ends), m.log()[-60:])
        tap.ok(not m.find("panic"), "the hypervisor is well after " + words, m.text())
        return {w["name"]: m.text(w["name"]) for w in hostile}, m.text(), m.log()


def one(kernel, cmdline):
    return [ws("hostile", [1, 2], "64M", guest(kernel), cmdline)]


tap = Tap()
lines, _, log = attack(tap, "ICR attacks", one("icr_attack", "rounds=1 last"), "attack (last|survived)")
verdict(tap, lines["hostile"], "the ICR attacker's own view", log)
lines, _, log = attack(tap, "ICR attacks in xAPIC mode", one("icr_attack", "rounds=1 xapic"))
verdict(tap, lines["hostile"], "the ICR attacker's own view, xAPIC", log)
fuzzers = [ws("seed-" + s, [1 + 2 * i, 2 + 2 * i], "64M", guest("fuzz"), "ops=100000 seed=" + s)
           for i, s in enumerate(SEEDS)]
lines, _, log = attack(tap, "100000 wild operations of each seed", fuzzers)
for w in fuzzers:
    verdict(tap, lines[w["name"]], "the fuzz guest survived them, " + w["name"], log)
lines, own, log = attack(tap, "a guest that kills itself in wild ways", one("fuzz", "suicide end=cf9"), "fuzz begin", 3)
n = sum("fuzz begin" in t for t in lines["hostile"])
tap.ok(n >= 3, "it ran %d times" % n, log)
lines, own, log = attack(tap, "a guest that dies of triple faults again and again", one("triple", "ms=200"),
                         "triple begin", 5)
n = sum("triple begin" in t for t in lines["hostile"])
tap.ok(n >= 5 and any("hostile" in t and "triple fault" in t for t in own),
       "a triple fault is named and restarts the guest (%d times)" % n, log)
tap.ok(any("hostile: cpu 0 rip" in t for t in own), "with its registers", own)
tap.done()
