"""A workstation whose edu attacks from inside its guest, beside a neighbour that notices."""
import re
import tempfile

from facts import functions
from lab import BUILD, bundle, guest, ws

# edu resets by its bus alone, so it lies behind a port; the emulator's AMD-Vi does not isolate what lies there.
UNIT = ["-device", "intel-iommu,intremap=on,eim=on"]
EDU = ["-device", "pcie-root-port,id=rp,addr=4.0", "-device", "edu,bus=rp,id=edu,dma_mask=0xffffffffffffffff"]
OWN = 64 << 20


def host_addresses(workstations):
    """Where mkbundle put the neighbour's memory."""
    with tempfile.NamedTemporaryFile(dir=BUILD) as f:
        text = bundle(f.name, workstations, "--smp", "5", "--memory", "1G")
    mine = text[text.index("\nneighbour\n"):]
    return [int(x, 16) for x in re.findall(r"ram +(0x\w+)", mine)]


def workstations(seconds):
    """For boot(..., 5, extra=UNIT + EDU). What lies beyond the attacker's own addresses is somebody else's."""
    edu = functions(EDU)["edu"]

    def both(words):
        return [ws("hostile", [1, 2], "%dM" % (OWN >> 20), guest("pci_attack"), words, device=edu),
                ws("neighbour", [3, 4], "64M", guest("heartbeat"), "seconds=%d" % seconds)]
    foreign = [a + (8 << 20) for a in host_addresses(both(""))]
    return both("memory=%d " % (OWN >> 20) + " ".join("foreign%d=%#x" % f for f in enumerate(a for a in foreign if a >= OWN)))
