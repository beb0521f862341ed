#!/usr/bin/env python3
"""
Hostile guests on VMX, the SVM suite's own, beside a neighbour that watches its memory, its clock
and its interrupts. `quick`: the ICR attacks and a short fuzz alone, for every run of the tests.
"""
import sys

from bochs import boot
from lab import Tap, guest, verdict, ws

QUICK = "quick" in sys.argv[1:]
SECONDS = 4 if QUICK else 15


def attack(tap, words, hostile, last="^GUEST ", limit=560):
    near = ws("neighbour", [3], "64M", guest("heartbeat"), "seconds=%d mib=1" % SECONDS)
    with boot([hostile, near], limit=limit) as m:
        m.wait("heartbeat begin", "neighbour")
        m.wait(last, hostile["name"])
        m.wait_tallies(["neighbour"])
        verdict(tap, m.text("neighbour"), "the neighbour noticed nothing of " + words, m.log() + m.emulator_log())
        tap.ok(not m.find("panic"), "the hypervisor is well after " + words, m.text())
        return m.text(hostile["name"]), m.text(), m.log()


tap = Tap()
lines, _, log = attack(tap, "ICR attacks", ws("hostile", [1, 2], "64M", guest("icr_attack"), "rounds=1"))
verdict(tap, lines, "the ICR attacker's own view", log)
if not QUICK:
    # INIT for everybody, the attacker included: whatever becomes of it is its own affair.
    attack(tap, "an INIT for all", ws("hostile", [1, 2], "64M", guest("icr_attack"), "rounds=1 last"), "attack last")
    lines, _, log = attack(tap, "ICR attacks in xAPIC mode", ws("hostile", [1, 2], "64M", guest("icr_attack"), "rounds=1 xapic"))
    verdict(tap, lines, "the ICR attacker's own view, xAPIC", log)
ops = 3000 if QUICK else 40000
lines, _, log = attack(tap, "%d wild operations" % ops, ws("hostile", [1, 2], "64M", guest("fuzz"), "ops=%d seed=1" % ops))
verdict(tap, lines, "the fuzz guest survived", log)
lines, own, log = attack(tap, "a guest that dies of triple faults again and again",
                         ws("hostile", [1, 2], "64M", guest("triple"), "ms=200"), "triple begin")
tap.ok(sum("triple begin" in t for t in lines) >= 2 and any("hostile" in t and "triple fault" in t for t in own),
       "a triple fault is named and restarts the guest (%d times)" % sum("triple begin" in t for t in lines), log)
if not QUICK:
    lines, own, log = attack(tap, "a guest that kills itself in wild ways",
                             ws("hostile", [1, 2], "64M", guest("fuzz"), "suicide ops=20000"), "fuzz begin")
    tap.ok(any("fuzz begin" in t for t in lines), "it ran %d times" % sum("fuzz begin" in t for t in lines), log)
tap.done()
