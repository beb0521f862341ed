"""The machines the attack runs on, and what it said there."""
import collections
import os
import re
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "qemu"))
import hostile  # noqa: E402
from lab import Machine, boot, guest  # noqa: E402

EDU = "edu,addr=%d.0,dma_mask=0xffffffffffffffff"

# name: IOMMU device, core type, command line
VEHICLES = {
    "intel-iommu": (["-device", "intel-iommu,intremap=on,eim=on"], "EPYC,+x2apic", ""),
    "intel-iommu, caching mode, 39 bits": (
        ["-device", "intel-iommu,intremap=on,eim=on,caching-mode=on,aw-bits=39"], "EPYC,+x2apic", ""),
    "intel-iommu, xAPIC": (["-device", "intel-iommu,intremap=on,eim=off"], "EPYC,-x2apic", "xapic"),
    "amd-iommu": (["-device", "amd-iommu,intremap=on,xtsup=on,pt=off"], "EPYC,+x2apic", ""),
    "amd-iommu, xAPIC": (["-device", "amd-iommu,intremap=on,xtsup=off,pt=off"], "EPYC,-x2apic", "xapic"),
}
QUICK = ["intel-iommu", "amd-iommu"]
INSIDE = "from inside a guest, below the hypervisor, intel-iommu"

Attempt = collections.namedtuple("Attempt", "engine kind what control result fault")


class Run:
    def __init__(self, lines, errors):
        self.lines, self.errors = lines, errors
        self.attempts, self.unseen, self.totals = [], [], {}
        for t in lines:
            m = re.match(r"attempt: (.*)", t)
            if m:
                self.attempts.append(Attempt(*m.group(1).split(" | ")))
            m = re.match(r"not shown here: (.*)", t)
            if m:
                self.unseen.append(m.group(1).split(" | "))
            m = re.match(r"attack\.(\w+) (\d+)", t)
            if m:
                self.totals[m.group(1)] = int(m.group(2))

    @property
    def successes(self):
        return sum(a.result != "blocked" for a in self.attempts)

    @property
    def controls(self):
        return sum(a.control == "works" for a in self.attempts)

    def consistent(self):
        """What the program summed up is what its lines say."""
        t = self.totals
        return (t.get("attempts") == len(self.attempts) and t.get("controls") == self.controls
                and t.get("successes") == self.successes)


def run(name, more=""):
    device, cpu, cmdline = VEHICLES[name]
    with tempfile.NamedTemporaryFile(prefix="attack-disk-") as disk:
        disk.truncate(16 << 20)
        extra = device + ["-device", EDU % 4, "-device", EDU % 5,
                          "-drive", "if=none,id=d,format=raw,file=" + disk.name,
                          "-device", "nvme,addr=6.0,serial=1,drive=d"]
        with Machine(kernel=guest("attack"), append=(cmdline + " " + more).strip(), smp=2, mem="6G", cpu=cpu,
                     limit=300, extra=extra) as m:
            m.wait_end()
            return Run(m.text(), m.errors)


def run_inside():
    """The attempts of a workstation's own guest through a device assigned to it (tests/guests/pci_attack.c)."""
    with boot(hostile.workstations(5), 5, limit=200, extra=hostile.UNIT + hostile.EDU) as m:
        m.wait_tallies(["hostile"], timeout=150)
        return Run(m.text("hostile"), m.errors)
