#!/usr/bin/env python3
"""
Virtual functions: the hypervisor switches on those of an igb that a plan asks for, and two Debian
workstations drive one each, below both vendors' IOMMUs. They move data with checksums, one starts again
while the other goes on, and the card itself is nobody's. The card's own driver, which its virtual functions
need and which no hypervisor of ours runs, is played by igb_card.py from outside the machine.
"""
import os
import re
import sys
import tempfile

from facts import functions
from igb_card import Card
from lab import BUILD, Tap, boot, guest, verdict, ws
from peers import Server

NET_MB = 8
VMLINUZ = os.path.join(BUILD, "cache/debian/vmlinuz")
INITRD = os.path.join(BUILD, "debian/initrd-devices")
VF_IDS = "8086:10ca:1af4:1100"

# QEMU's words, the card's bus and function, its virtual functions' places. Below VT-d it lies behind a port,
# which has to forward their ids (ARI); the emulator's AMD-Vi is right about root buses alone.
VEHICLES = {
    "VT-d": (["-device", "intel-iommu,intremap=on,eim=on", "-device", "pcie-root-port,id=rp0,addr=8.0,chassis=1",
              "-device", "igb,bus=rp0,id=nic,netdev=u0"], 0x100, "08.0/10.%d", "0000:01:10.%d", "0000:01:00.0"),
    "AMD-Vi": (["-device", "amd-iommu,intremap=on,xtsup=on,pt=off", "-device", "igb,addr=0c.0,id=nic,netdev=u0"],
               0x60, "1c.%d", "0000:00:1c.%d", "0000:00:0c.0"),
}
tap = Tap()


def debian(name, cpus, jobs, devices):
    return ws(name, cpus, "512M", VMLINUZ, "console=ttyS0 tsc=reliable quiet jobs=" + ",".join(jobs), initrd=INITRD, device=devices)


def moved(m, name, server, nth):
    """Did the nth transfer of a workstation arrive whole, both ways?"""
    got = m.find(r"job net: got (\d+) bytes crc (\w+)", name, count=nth)
    sent = m.find(r"job net: sent (\d+) bytes crc (\w+)", name, count=nth)
    return bool(got and sent and int(got.group(1)) == NET_MB << 20 and int(got.group(2), 16) == server.sent and
                (NET_MB << 20, int(sent.group(2), 16)) in server.talks)


SHOWN = [r"Region 0: Memory at [0-9a-f]{9,16} \(64-bit, .*", r"Region 3: Memory at [0-9a-f]{9,16} \(64-bit, .*",
         r"Capabilities: \[70\] MSI-X: Enable\+ Count=3 Masked-", r"Capabilities: \[a0\] Express .*"]


def missing(m, name):
    """What lspci should say of a virtual function in the guest, and does not; or does, and should not."""
    said = "\n".join(t[7:] for t in m.text(name) if t.startswith("lspci: "))
    own = re.search(r"^00:02\.0 .*(?:\n\s+.*)*", said, re.M)
    own = own.group(0) if own else ""
    return [w for w in SHOWN if not re.search(r"^\s*" + w, own, re.M)] + re.findall(r"Interrupt: pin.*|I/O ports.*", own)


def two_workstations(vendor, folder):
    words, rid, path, place, pf = VEHICLES[vendor]
    words = ["-netdev", "user,id=u0"] + words + ["-qtest", "unix:%s/qtest,server=on,wait=off" % folder, "-qtest-log", "/dev/null"]
    card = functions(words)["nic"]
    servers = {n: Server(NET_MB, seed=i) for i, n in enumerate(("left", "right"))}
    plan = [debian("left", [1], ["pci", "lspci", "net:%d:%d" % (servers["left"].port, NET_MB), "irqs", "mark:1", "reboot"],
                   [card + "@vfs2", path % 0 + "@" + VF_IDS]),
            debian("right", [2], ["pci", "lspci", "net:%d:%d:16" % (servers["right"].port, NET_MB), "mark:1",
                                  "net:%d:%d:16" % (servers["right"].port, NET_MB), "mark:2", "stay"], [path % 2 + "@" + VF_IDS])]
    with boot(plan, 3, mem="2G", limit=300, extra=words) as m:
        said = m.wait(r"%s \(8086:10c9\) gives 2 virtual functions \(8086:10ca\), from %s on" % (pf, (place % 0)[5:]), timeout=60)
        tap.ok(said, "%s: the hypervisor switched on the two virtual functions that the plan asks for" % vendor, m.text() + m.errors)
        if not said:
            return
        m.wait("functions quarantined", timeout=60)  # bus mastering is off everywhere from here on
        driver = Card(os.path.join(folder, "qtest"), rid)
        for n in servers:
            who = "%s, %s: " % (vendor, n)
            m.wait("^mark 1$", n, timeout=200)
            lines = m.text(n)[-25:] + driver.errors + servers[n].errors
            tap.ok(m.find(r"job pci: 0000:00:02\.0 0x8086:0x10ca class 0x020000 driver igbvf$", n), who + "Linux' own driver took its virtual function", lines)
            tap.ok(not any("0x10c9" in t for t in m.text(n)), who + "there is nothing of the card itself", lines)
            tap.ok(moved(m, n, servers[n], 1), who + "%d MiB each way through it, checksums agree" % NET_MB, lines)
            tap.ok(not missing(m, n), who + "it sees 64-bit BARs, three MSI-X vectors and no INTx", missing(m, n) + m.text(n))
        came = m.find(r"job irqs: total (\d+)", "left")
        tap.ok(came and int(came.group(1)) > 100, "%s, left: %s interrupts of its own" % (vendor, came and came.group(1)), m.text("left")[-20:])
        m.wait("^mark 1$", "left", count=2, timeout=200)
        m.wait("^mark 2$", "right", timeout=100)
        tap.ok(moved(m, "left", servers["left"], 2), "%s, left: started again, it moves its data again" % vendor, m.text("left")[-40:] + m.text()[-10:])
        tap.ok(moved(m, "right", servers["right"], 2), "%s, right: beside that it moved its own" % vendor, m.text("right")[-20:])
        c = m.counters()
        vfs = [c.device(place % k) for k in (0, 2)]
        tap.ok(vfs[0]["workstation"] == "left" and vfs[0]["resets"] >= 2 and vfs[1]["workstation"] == "right" and vfs[1]["state"] == "running",
               "%s: each start began with a reset of its virtual function (%d)" % (vendor, vfs[0]["resets"]), list(map(str, vfs)))
        d = c.device(pf)
        tap.ok(d["workstation"] is None and d["state"] == "quarantined" and not c.iommu_faults and not m.find("panic"),
               "%s: the card stays with the hypervisor, quarantined, and there was no fault" % vendor, [str(d)] + m.text()[-20:])
        tap.ok(min(driver.resets[:2]) >= 1 and not any(driver.resets[2:]) and not driver.errors,
               "%s: two virtual functions and no other called the card (%s)" % (vendor, driver.resets), driver.errors)
        driver.stop()


def many_and_too_many():
    """A disk gives as many as a port's windows hold; a network card asked for more than it has costs one workstation."""
    words = ["-device", "intel-iommu,intremap=on,eim=on", "-device", "pcie-root-port,id=rp0,addr=8.0,chassis=1,hotplug=off",
             "-device", "nvme-subsys,id=s0", "-device", "nvme,bus=rp0,id=many,serial=x,subsys=s0,sriov_max_vfs=120,sriov_vq_flexible=240,"
             "sriov_vi_flexible=120,max_ioqpairs=242,msix_qsize=122", "-device", "igb,addr=0c.0,id=few"]
    cards = functions(words)
    plan = [ws("one", [1], "64M", guest("smoke"), device=cards["many"] + "@vfs120"),
            ws("three", [3], "64M", guest("smoke"), device=cards["few"] + "@vfs9"), ws("fine", [4], "64M", guest("smoke"))]
    with boot(plan, 5, limit=90, extra=words) as m:
        m.wait_tallies(["fine"], timeout=60)
        tap.ok(m.find(r"0000:01:00\.0 \(1b36:0010\) gives 120 virtual functions \(1b36:0010\), from 01:00\.1 on"),
               "VT-d: a disk gives 120 virtual functions, beyond what a slot has", m.text())
        tap.ok(m.find(r"refused \(device-sriov\): 0000:00:0c\.0 is to give 9 virtual functions for three, but has [78]\. Ask for"),
               "VT-d: a card that is asked for more than it has is refused, with its number", m.text())
        verdict(tap, m.text("fine"), "VT-d, fine: and the others start", m.log()[-30:])


with tempfile.TemporaryDirectory(prefix="caprock-vf-", dir=BUILD) as folder:
    for what in sys.argv[1:] or [*VEHICLES, "many"]:
        if what in VEHICLES:
            two_workstations(what, folder)
        else:
            many_and_too_many()
tap.done()
