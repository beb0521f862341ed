#!/usr/bin/env python3
"""Hostile guests beside a neighbour that watches its memory, its clock and its interrupts."""
import os

from lab import Tap, boot, guest, verdict, ws

SECONDS = 25
SEEDS = os.environ.get("FUZZ_SEEDS", "1").split()


def attack(tap, words, hostile, last=None, limit=240):
    """Run one hostile workstation (cores 1 and 2) beside the heartbeat (3 and 4); return its lines."""
    near = ws("neighbour", [3, 4], "64M", guest("heartbeat"), "seconds=%d" % SECONDS)
    with boot([hostile, near], 5, limit=limit) as m:
        m.wait("heartbeat begin", "neighbour", timeout=60)
        m.wait(last or "^GUEST ", hostile["name"], timeout=limit - 60)
        m.wait_tallies(["neighbour"], timeout=limit - 60)
        verdict(tap, m.text("neighbour"), "the neighbour noticed nothing of " + words, m.log())
        tap.ok(not m.find("panic"), "the hypervisor is well after " + words, m.text())
        return m.text(hostile["name"]), m.text(), m.log()


tap = Tap()
lines, _, log = attack(tap, "ICR attacks", ws("hostile", [1, 2], "64M", guest("icr_attack"), "last"), "attack (last|survived)")
verdict(tap, lines, "the ICR attacker's own view", log)
lines, _, log = attack(tap, "ICR attacks in xAPIC mode", ws("hostile", [1, 2], "64M", guest("icr_attack"), "xapic"))
verdict(tap, lines, "the ICR attacker's own view, xAPIC", log)
for seed in SEEDS:
    lines, _, log = attack(tap, "100000 wild operations, seed " + seed,
                           ws("hostile", [1, 2], "64M", guest("fuzz"), "ops=100000 seed=" + seed))
    verdict(tap, lines, "the fuzz guest survived, seed " + seed, log)
lines, own, log = attack(tap, "a guest that kills itself in wild ways",
                         ws("hostile", [1, 2], "64M", guest("fuzz"), "suicide"), "fuzz begin")
tap.ok(sum("fuzz begin" in t for t in lines) >= 1, "it ran %d times" % sum("fuzz begin" in t for t in lines), log)
lines, own, log = attack(tap, "a guest that dies of triple faults again and again",
                         ws("hostile", [1, 2], "64M", guest("triple"), "ms=200"), "triple begin")
tap.ok(sum("triple begin" in t for t in lines) >= 2 and any("hostile" in t and "triple fault" in t for t in own),
       "a triple fault is named and restarts the guest (%d times)" % sum("triple begin" in t for t in lines), log)
tap.ok(any("hostile: cpu 0 rip" in t for t in own), "with its registers", own)
tap.done()
