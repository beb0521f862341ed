#!/usr/bin/env python3
"""
Two Debian workstations at once, each with a display, a network port and a disk of its own, below both
vendors' IOMMUs: they move data with checksums while interrupts wander over their cores, show pictures,
and no device interrupt costs an exit. Ends with the figures `pt.*`. As test_passthrough_all.py: the long way.
"""
import os
import re
import sys
import tempfile
import time

from counters import difference
from facts import functions
from lab import BUILD, Tap, boot, ws
from peers import Server, disk
from picture import compare
from qmp import Qmp

LONG = os.path.basename(sys.argv[0]).endswith("_all.py")
NET_MB, DISK_MB, READS = (256, 64, 100000) if LONG else (8, 16, 4000)
VMLINUZ = os.path.join(BUILD, "cache/debian/vmlinuz")
INITRD = os.path.join(BUILD, "debian/initrd-devices")
UNITS = {
    "VT-d": ["-device", "intel-iommu,intremap=on,eim=on"],
    "AMD-Vi": ["-device", "amd-iommu,intremap=on,xtsup=on,pt=off"],
}
NAMES = ("left", "right")
CARDS = {"left": "e1000e,addr=5.0", "right": "igb,addr=0c.0"}
# Displays lie behind ports, where there is a way to reset them. The emulator's AMD-Vi takes what lies there
# for functions of bus 0: a display that does DMA works below VT-d only.
DISPLAYS = {"VT-d": ("virtio-gpu-pci,iommu_platform=on,disable-legacy=on", "bochs-display"),
            "AMD-Vi": ("bochs-display", "bochs-display")}
# A console line costs a few dozen port accesses, an affinity change a few accesses to the MSI-X table,
# IPIs are what they are, and a processor without INVPCID, as the emulator's, flushes its TLB by CR4. Whatever
# a device interrupt could cost is in the other causes.
OTHER_THINGS = ("io", "ipi", "mmio", "cr")

tap = Tap()
figures = {"device_irq_exits": 0, "exits_per_s": 0, "neighbour_errors": 0}


def debian(name, cpus, jobs, devices, mem="512M"):
    return ws(name, cpus, mem, VMLINUZ, "console=ttyS0 tsc=reliable quiet jobs=" + ",".join(jobs), initrd=INITRD, device=devices)


def machine(vendor, folder):
    """QEMU's words for both workstations' devices, and the checksum of each disk."""
    words, crcs = [], {}
    for i, n in enumerate(NAMES):
        image = os.path.join(folder, n)
        crcs[n] = disk(image, DISK_MB, seed=10 + i)
        words += ["-netdev", "user,id=u%d" % i, "-device", "%s,id=nic-%s,netdev=u%d" % (CARDS[n], n, i),
                  "-drive", "if=none,id=d%d,format=raw,file=%s" % (i, image),
                  "-device", "nvme,addr=%d.0,serial=%s,drive=d%d,id=disk-%s" % (6 + i, n, i, n)]
        words += ["-device", "pcie-root-port,id=rp%d,addr=%d.0,chassis=%d" % (i, 8 + i, i + 1),
                  "-device", "%s,bus=rp%d,id=gpu-%s" % (DISPLAYS[vendor][i], i, n)]
    return words, crcs


def interrupts(m, name, nth):
    t = m.wait(r"^job irqs: total (\d+)", name, count=nth, timeout=300)
    return int(t.group(1)) if t else 0


def window(m, name, first):
    """Exits between two marks of a workstation."""
    seen = []
    for n in (first, first + 1):
        if not m.wait("^mark %d$" % n, name, timeout=400):
            return None
        seen.append(m.counters().exits(name))
    return difference(*seen)


def quiet(m, seconds):
    """Exits a second of each while nothing happens."""
    time.sleep(2)  # the marks' own lines are out
    before, at = m.counters(), time.monotonic()
    time.sleep(seconds)
    after, seconds = m.counters(), time.monotonic() - at
    return {n: {k: v / seconds for k, v in difference(before.exits(n), after.exits(n)).items() if v} for n in NAMES}


def two_workstations(vendor, folder):
    servers = {n: Server(NET_MB, seed=i) for i, n in enumerate(NAMES)}
    words, crcs = machine(vendor, folder)
    facts = functions(words)
    jobs = {n: ["pci", "disk:%d" % DISK_MB, "kms:%d" % (i + 1), "irqs", "mark:1", "reads:%d" % READS, "mark:2", "irqs", "spread:%d" % (40 if LONG else 8),
                "net:%d:%d" % (servers[n].port, NET_MB), "reads:%d" % READS, "irqs", "fill:%d:%d" % (DISK_MB, i),
                "wait", "nap:3", "mark:3", "nap:%d" % (90 if LONG else 25)] + (["wc", "mark:5"] if n == "right" else []) + ["stay"] for i, n in enumerate(NAMES)}
    plan = [debian(n, [1 + 2 * i, 2 + 2 * i], jobs[n], [facts[x + n] for x in ("gpu-", "nic-", "disk-")]) for i, n in enumerate(NAMES)]
    qmp = ["-qmp", "unix:%s/qmp,server=on,wait=off" % folder]
    with boot(plan, 5, mem="2G", limit=900 if LONG else 400, extra=UNITS[vendor] + words + qmp) as m:
        if not all(m.wait_state(n, ["running"], timeout=60) for n in NAMES):
            tap.ok(False, vendor + ": both start", m.text() + m.errors)
            return
        for n in NAMES:
            m.wait("init ready", n, timeout=200)
        for n in NAMES:
            who = "%s, %s: " % (vendor, n)
            d = window(m, n, 1)
            if d is None:
                tap.ok(False, who + "it ran", m.text(n)[-60:] + m.text()[-20:] + m.errors)
                return
            came = interrupts(m, n, 2) - interrupts(m, n, 1)
            cost = sum(v for k, v in d.items() if k not in OTHER_THINGS)
            figures["device_irq_exits"] = max(figures["device_irq_exits"], cost)
            tap.ok(came >= READS and cost == 0 and d["mmio"] == 0,
                   who + "%d device interrupts cost %d exits (all exits in the window: %s)"
                   % (came, cost, {k: v for k, v in d.items() if v}), m.text(n)[-30:])
        for n in NAMES:
            who = "%s, %s: " % (vendor, n)
            m.wait("^mark 3$", n, timeout=800)
            good = m.find(r"job disk: %d MiB crc %08x ok" % (DISK_MB, crcs[n]), n)
            tap.ok(good, who + "its disk reads as it was written", m.text(n)[-30:])
            s = servers[n]
            got = m.find(r"job net: got (\d+) bytes crc (\w+)", n)
            sent = m.find(r"job net: sent (\d+) bytes crc (\w+)", n)
            net = bool(got and sent and int(got.group(2), 16) == s.sent and (NET_MB << 20, int(sent.group(2), 16)) in s.talks)
            tap.ok(net, who + "%d MiB each way over its own port, checksums agree" % NET_MB, m.text(n)[-30:] + s.errors)
            same = m.find(r"job fill: (\d+) MiB written, (\d+) read back the same ok", n)
            tap.ok(same and same.group(2) == str(DISK_MB), who + "it writes its disk and reads it back", m.text(n)[-20:])
            moves = m.find(r"job spread: (\d+) rounds, (\d+) moves", n)
            tap.ok(moves and int(moves.group(2)), who + "meanwhile its interrupts moved %s times" % (moves and moves.group(2)), m.text(n)[-20:])
            tap.ok(m.find(r"driver (e1000e|igb)$", n) and m.find("driver nvme$", n), who + "Linux' own drivers took the devices", m.text(n))
            figures["neighbour_errors"] += (not good) + (not net) + (not same)
        monitor = Qmp(os.path.join(folder, "qmp"))
        for i, n in enumerate(NAMES):
            wrong = compare(monitor, "gpu-" + n, i + 1, folder)
            tap.ok(m.find(r"job kms: \d+x\d+ shown", n) and not wrong, "%s, %s: its display shows its picture" % (vendor, n),
                   [str(wrong)] + [t for t in m.text(n) if "kms" in t or "drm" in t])
        for n, rates in quiet(m, 60 if LONG else 6).items():
            rest = sum(v for k, v in rates.items() if k != "ipi")
            figures["exits_per_s"] = max(figures["exits_per_s"], rest)
            tap.ok(rest <= 5, "%s, %s: %.1f exits a second besides IPIs when nothing happens: %s" % (vendor, n, rest, rates))
        m.wait("^mark 5$", "right", timeout=120)
        tap.ok(m.find(r"job wc: .* write-combining", "right"), "%s, right: its display's memory can be mapped write-combining" % vendor,
               [t for t in m.text("right") if "job wc" in t])
        c = m.counters()
        for n in NAMES:
            mine = [x for x in c.devices if x["workstation"] == n]
            tap.ok(len(mine) == 3 and all(x["state"] == "running" and not x["faults"] for x in mine),
                   "%s, %s: the counters page says that three devices are its own" % (vendor, n), list(map(str, c.devices)))
        tap.ok(not m.find("panic") and not c.iommu_faults, "%s: no fault, the hypervisor is well" % vendor, m.text())


def stick(folder):
    """A USB controller, which a bus reset alone resets, with a stick in it."""
    image = os.path.join(folder, "stick")
    crc = disk(image, DISK_MB, seed=20)
    words = ["-device", "pcie-root-port,id=rp0,addr=8.0,chassis=1", "-device", "qemu-xhci,bus=rp0,id=usb",
             "-drive", "if=none,id=s,format=raw,readonly=on,file=" + image, "-device", "usb-storage,bus=usb.0,drive=s"]
    plan = [debian("left", [1], ["pci", "stick:%d" % DISK_MB, "irqs"], [functions(words)["usb"]])]
    with boot(plan, 2, limit=300, extra=UNITS["VT-d"] + words) as m:
        off = m.wait("init ends", "left") and m.wait_state("left", ["off"], timeout=60)
        tap.ok(m.find(r"driver xhci_hcd$", "left") and m.find(r"job stick: %d MiB crc %08x ok" % (DISK_MB, crc), "left"),
               "VT-d, left: Linux' own driver reads %d MiB of a USB stick as they were written" % DISK_MB, m.log()[-60:] + m.errors)
        came = interrupts(m, "left", 1)
        tap.ok(came, "VT-d, left: by %d interrupts of its USB controller" % came, m.text("left")[-20:])
        c = m.counters()
        d = c.device("0000:01:00.0")
        tap.ok(off and d["state"] == "quarantined" and d["workstation"] is None and d["resets"] >= 2 and not c.iommu_faults,
               "VT-d: switched off, its controller is reset and nobody's, and there was no fault", [str(d)] + m.text()[-20:])


for vendor in sys.argv[1:] or UNITS:
    with tempfile.TemporaryDirectory(prefix="caprock-pt-", dir=BUILD) as folder:
        two_workstations(vendor, folder)
        if LONG and vendor == "VT-d":
            stick(folder)
for k, v in figures.items():
    print("pt.%s %s" % (k, round(v, 1)))
tap.done()
