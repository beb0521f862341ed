#!/usr/bin/env python3
"""Debian 6.1 with two cores as a workstation on VMX, to its init."""
import os

from bochs import boot
from lab import BUILD, Tap, ws

VMLINUZ = os.path.join(BUILD, "cache/debian/vmlinuz")
INITRD = os.path.join(BUILD, "debian/initrd")

tap = Tap()
# The clock is slow on purpose: Linux's time-outs then cost little. Its XZ is half of the run.
with boot([ws("debian", [1, 2], "256M", VMLINUZ, "console=ttyS0 tsc=reliable lab=off", initrd=INITRD)], cpus=3, mem=768,
          limit=900) as m:
    m.wait("init ready", "debian")
    for pattern, words in (("init reached", "Debian reaches init"), ("fact cores 2$", "with two cores"),
                           ("fact clocksource tsc$", "keeps time by the TSC"), ("fact x2apic yes", "has an x2APIC"),
                           ("fact mtrr usable", "has usable MTRRs")):
        tap.ok(m.find(pattern, "debian"), words, m.log()[-60:] + m.emulator_log())
    tap.ok(m.wait("debian: all cores out", timeout=120), "and powers off", m.log()[-20:])
    tap.ok(not m.find("panic"), "the hypervisor is well", m.text())
tap.done()
