#!/usr/bin/env python3
"""
make bench-peers: the guest of `make bench-metal` below Debian's KVM with QEMU, and below Debian's Xen, on the same
emulator, beside Caprock and the bare emulator. `peers.WHO.NAME VALUE instructions` a line, then the table.

All of them count instructions of the whole machine (-icount shift=0). The emulator has no next-RIP saving, so that KVM
and Xen decode instructions in software on each exit: this flatters Caprock, which keeps what it decoded.
"""
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../qemu"))
from lab import BUILD, Machine  # noqa: E402
from metal import below, native  # noqa: E402

FOLDER = os.path.join(BUILD, "peers")
LIMIT_S = 3600
# No x2APIC: reading its clock in mid-block is what -icount forbids, and one instruction a block takes hours here.
COMMON = dict(cpu="EPYC,+svm,+npt,-x2apic", accel="tcg", smp=2, mem="2G", limit=LIMIT_S)
ICOUNT = ["-icount", "shift=0,sleep=off"]
ROWS = [
    ("cpuid", "CPUID, leaf 0"), ("cpuid_1", "CPUID, leaf 1"), ("rdmsr", "RDMSR of APIC_BASE"), ("wrmsr", "WRMSR of APIC_BASE"),
    ("uart_read", "UART port read"), ("cf8_read", "CF8/CFC read (two exits)"), ("ecam_read", "ECAM read"),
    ("ipi_spinning", "IPI to a spinning vCPU"), ("ipi_halted", "IPI to a halted vCPU"), ("self_ipi", "self-IPI by 83Fh, and EOI"),
    ("timer_irq", "timer interrupt and EOI"), ("hlt_wake", "HLT, woken by the timer, extra"),
    ("first", "reset to the guest's first instruction, million"),
]


def peer(who, kernel, append, initrd):
    """Boot it; its figures, what it said of itself, and whether it came to its end."""
    with Machine(kernel=os.path.join(FOLDER, kernel), initrd=initrd, append=append, extra=ICOUNT, **COMMON) as m:
        m.wait_end()
        lines = [re.sub(r"^\((?:d\d+|XEN)\) ", "", t) for t in m.text()]
        f = {k: int(v) for k, v in re.findall(r"^bench (\w+) (\d+)$", "\n".join(lines), re.M)}
        about = [t[6:] for t in lines if t.startswith("peer: ")]
        if "ipi_halted" not in f or "end" not in about:
            print("\n".join(lines[-40:] + m.errors[-5:]), file=sys.stderr)
            print("bench-peers: %s did not come to its end" % who, file=sys.stderr)
        return f, about


def kvm():
    f, about = peer("KVM", "vmlinuz", "console=ttyS0 quiet tsc=reliable", os.path.join(FOLDER, "kvm.initrd"))
    offset = next((int(t.split()[-1]) for t in about if re.match(r"tsc offset -?\d+$", t)), None)
    if offset is not None and "entry_tsc" in f:
        f["first"] = (f["entry_tsc"] - offset) % (1 << 64) // 1000000
    return f, about


def xen():
    # (cpuidle: the emulator's MWAIT does not take Xen's hints.) The domain's clock begins with the domain, and Xen does not
    # say by how much it lacks the machine's: no figure for the way from reset.
    return peer("Xen", "xen", "console=com1 com1=115200,8n1 guest_loglvl=all dom0_mem=1024M dom0_max_vcpus=1 cpuidle=0",
                "%s console=hvc0 quiet,%s" % (os.path.join(FOLDER, "vmlinuz"), os.path.join(FOLDER, "xen.initrd")))


def bare(run):
    f = run()
    f["first"] = f["entry_tsc"] // 1000000
    return f, []


WHO = {
    "emulator": ("bare emulator", lambda: bare(native)),
    "caprock": ("Caprock", lambda: bare(below)),
    "kvm": ("KVM + QEMU", kvm),
    "xen": ("Xen PVH", xen),
}


def main():
    names = sys.argv[1:] or list(WHO)
    if not set(names) <= set(WHO):
        sys.exit("usage: peers.py [%s]..." % "|".join(WHO))
    figures, said = {}, {}
    for name in names:
        figures[name], said[name] = WHO[name][1]()
        for row, _ in ROWS:
            if row in figures[name]:
                print("peers.%s.%s %d %s" % (name, row, figures[name][row], "million" if row == "first" else "instructions"), flush=True)
    print("\n| operation | %s |\n|---|%s" % (" | ".join(WHO[n][0] for n in names), "---|" * len(names)))
    for row, words in ROWS:
        print("| %s | %s |" % (words, " | ".join(str(figures[n].get(row, "")) for n in names)))
    for name in names:
        if said[name]:
            print("\n%s: %s" % (WHO[name][0], "; ".join(t for t in said[name] if t != "end")))
    return 0 if all("ipi_halted" in f for f in figures.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
