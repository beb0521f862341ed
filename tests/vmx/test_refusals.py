#!/usr/bin/env python3
"""Processors and plans that do not do: one clear line each, with a remedy, and a halt."""
import re

from bochs import boot, symbol
from lab import Tap, guest, ws

tap = Tap()
ONE = [ws("one", [1], "64M", guest("smoke"))]


def feature_control(value):
    """
    Bochs locks IA32_FEATURE_CONTROL with VMX on at reset, and nothing can change it. So its debugger changes what the
    first RDMSR of it brings: right behind the instruction's two bytes, and where it jumps to from there.
    """
    places = symbol("rdmsr_at") + 2, symbol("rdmsr_bad") + 3
    return ['%#x if "ecx == 0x3a"' % a for a in places], ["set $cpu = 0", "set eax = %d" % value]


# As a firmware leaves the register: 1 locked, 2 VMX within SMX, 4 VMX outside of it (SDM 3 §24.7).
LOCKED, WITHIN_SMX = 1, 2
OFF = r"disabled and locked by the firmware \(FEATURE_CONTROL\)"
REFUSALS = [
    ("no VMX (Pentium 4)", "p4", r"offers no VMX \(Intel VT-x\)", None),
    ("no EPT (Core 2)", "core2", r"no extended page tables \(EPT\)", None),
    ("no unrestricted guest (Nehalem)", "lynnfield", r"EPT without unrestricted guests", None),
    ("no nested paging (AMD K8)", "athlon64", r"offers no SVM \(AMD-V\)", None),
    ("VMX locked off by firmware", "skylake_x", OFF, feature_control(LOCKED)),
    ("VMX locked to SMX by firmware", "skylake_x", OFF, feature_control(LOCKED | WITHIN_SMX)),
]
for words, model, pattern, trap in REFUSALS:
    with boot(ONE, cpus=2, model=model, limit=60, trap=trap) as m:
        m.wait("halted")
        said = [t for t in m.text() if re.search(pattern, t)]
        tap.ok(len(said) == 1 and said[0].startswith("error: "), "%s: %s" % (words, said[0][7:] if said else "not named"),
               m.log()[-20:] + m.emulator_log())
        tap.ok(said and re.search(r"\. [A-Z].{10,}", said[0]), words + ": there is a remedy", said)
        tap.ok(m.find("halted") and not m.find("started on") and not m.find("panic"), words + ": it halts and starts nobody",
               m.log()[-20:])

# Without an IOMMU a plan with a device is refused with the reason (this machine has no DMAR).
with boot([ws("one", [1], "64M", guest("smoke"), device="01.2@8086:7020")], cpus=2, limit=60,
          options=()) as m:
    m.wait("halted")
    said = [t for t in m.text() if re.search(r"refused \(no-iommu\)", t)]
    tap.ok(said, "a device without an IOMMU: %s" % (said[0][7:] if said else "not refused"), m.log()[-20:])
tap.done()
