#!/usr/bin/env python3
"""The tiny guests below the hypervisor: what the manual says of a processor holds in a workstation."""
from lab import CPU, Tap, boot, guest, verdict, ws

BOOTS = [
    ("x2APIC", CPU, [
        ("smoke", [1, 2], "128M", ""), ("smp", [3, 4, 5], "64M", ""),
        ("apic", [6], "64M", ""), ("ctl", [7], "64M", "")]),
    ("x2APIC, guests in xAPIC mode", CPU, [
        ("smoke", [1], "64M", "xapic"), ("smp", [2, 3, 4], "64M", "xapic"),
        ("apic", [5], "64M", "xapic"), ("warp", [6, 7], "64M", "")]),
    ("no x2APIC", CPU.replace("+x2apic", "-x2apic"), [
        ("smoke", [1, 2], "64M", ""), ("smp", [3, 4, 5], "64M", ""),
        ("apic", [6], "64M", ""), ("ctl", [7], "64M", "")]),
]

tap = Tap()
for words, cpu, guests in BOOTS:
    with boot([ws(n, cpus, mem, guest(n), cmdline) for n, cpus, mem, cmdline in guests], 8, cpu=cpu, limit=240) as m:
        names = [g[0] for g in guests]
        m.wait_tallies(names, timeout=200)
        for n in names:
            verdict(tap, m.text(n), "%s (%s)" % (n, words), m.log())
            tap.ok(m.wait_state(n, ["off"]), "%s powered off (%s)" % (n, words), m.text())
        tap.ok(not m.find("panic"), "the hypervisor is well (%s)" % words, m.text())
tap.done()
