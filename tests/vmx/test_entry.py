#!/usr/bin/env python3
"""
A control structure that the processor does not accept: one line names the field. No guest can bring this about,
so Bochs's debugger does: it changes the value of a VMWRITE of ours while it is carried out.
"""
import re
import subprocess

from bochs import THREADS, boot, processor
from lab import ELF, Tap, guest, ws

FUNCTIONS = ("vmx_run", "vmx_write_controls", "vmx_write_host", "vcpu_load", "finish_move")
# What is spoilt (SDM 3 appendix B), and what is to be said of it: one for each area, and RFLAGS in the middle of a run.
CASES = [
    ("processor-based controls", 0x4002, r"processor-based controls is 0x0: bits the processor does not allow \(27\.2\.1\.1\)"),
    ("host CR0", 0x6c00, r"host CR0 is 0x0: bits fixed in VMX operation \(27\.2\.2\)"),
    ("guest RFLAGS", 0x6820, r"guest RFLAGS is 0x0: reserved bits, or VM where it cannot be \(27\.3\.1\.4\)"),
]


def code(*names):
    """The instructions of these functions, as lines of (address, text)."""
    text = subprocess.run(["objdump", "-d", "--no-show-raw-insn", ELF], capture_output=True, text=True, check=True).stdout
    found = []
    for function in text.split("\n\n"):
        if re.search(r"<(%s)>:" % "|".join(names), function):
            found += [(int(m.group(1), 16), m.group(2)) for m in re.finditer(r"^([0-9a-f]+):\s+(.*)$", function, re.M)]
    return found


def vmwrite_of(field):
    """The addresses of the instruction that writes this field and of the one before, and the register it writes."""
    holder, before = None, None
    for address, text in code(*FUNCTIONS):
        m = re.match(r"mov +\$0x%x,%%(e..|r\d+d)$" % field, text)
        if m:
            holder = re.sub(r"^e", "r", m.group(1)).rstrip("d")
        m = re.match(r"vmwrite %(r\w+),%(r\w+)$", text)
        if m and holder == m.group(2):
            return [before, address], m.group(1)
        before = address
    raise RuntimeError("nothing writes field %#x" % field)


tap = Tap()
for words, field, pattern in CASES:
    places, register = vmwrite_of(field)
    low = register.replace("r", "e", 1) if register[1:].isalpha() else register + "d"
    with boot([ws("one", [1], "64M", guest("smoke"))], cpus=2, limit=60, trap=([hex(a) for a in places], ["set $cpu = %d" % processor(1), "set %s = 0" % low])) as m:
        m.wait(r"one: all cores out")
        said = [t for t in m.text() if "cannot be entered" in t]
        tap.ok(len(said) == 1 and re.search(r"^error: one: cpu 0 cannot be entered: " + pattern, said[0]), "%s: %s" % (words, said[0] if said else "not named"),
               m.log()[-20:])
        tap.ok(m.find("one: all cores out") and not m.find("panic") and not m.find("^GUEST", "one"), words + ": the workstation is stopped, the hypervisor is well",
               m.log()[-20:])

# A panic ends VMX operation on every core, so that no warm reset is held back (SDM 3 §24.8).
with boot([ws("one", [1], "64M", guest("smoke"))], cpus=4, limit=60,
          trap=([hex(a) for a, _ in code("vcpu_exit_cpuid")[:2]], ["set $cpu = %d" % processor(1), "set edi = 16"])) as m:
    m.wait("halted")
    tap.ok(m.find("panic: exception 14") and m.find("halted"), "a panic in the middle of an exit", m.log()[-20:])
    m.wait("never", timeout=1)  # the others stop meanwhile
    cr4 = [int(v, 16) for v in re.findall(r"CR4=0x([0-9a-f]+)", m.debug(*[c for i in range(4 * THREADS) for c in ("set $cpu = %d" % i, "creg")]) or "")]
    tap.ok(len(cr4) == 4 * THREADS and not any(v >> 13 & 1 for v in cr4), "no core is left in VMX operation", [hex(v) for v in cr4])
tap.done()
