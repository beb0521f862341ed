#!/usr/bin/env python3
"""The tiny guests on the bare emulator: what they expect holds without any hypervisor."""
from lab import Machine, Tap, guest, verdict

RUNS = [
    ("smoke", 2, "EPYC,+x2apic", ""),
    ("smoke", 1, "EPYC,-x2apic", ""),
    ("smp", 3, "EPYC,+x2apic", ""),
    ("smp", 2, "EPYC,-x2apic", ""),
    ("apic", 1, "EPYC,+x2apic", ""),
    ("apic", 1, "EPYC,-x2apic", ""),
    ("ctl", 1, "EPYC,+x2apic", ""),
    ("steady", 2, "EPYC,+x2apic", "seconds=2"),
    ("heartbeat", 2, "EPYC,+x2apic", "seconds=2"),
    ("warp", 2, "EPYC,+x2apic", ""),
    ("scrub", 1, "EPYC,+x2apic", ""),
    ("icr_attack", 2, "EPYC,+x2apic", "rounds=1"),
]

tap = Tap()
for name, smp, cpu, cmdline in RUNS:
    with Machine(kernel=guest(name), append=cmdline, smp=smp, mem="256M", cpu=cpu, limit=90) as m:
        ended = m.wait_end()
        verdict(tap, m.text(), "%s on the bare emulator, %d cores, %s" % (name, smp, cpu.split(",")[1]), m.errors)
tap.done()
