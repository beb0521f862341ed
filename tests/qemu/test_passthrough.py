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
import threading
import time

import lspci
from counters import difference
from facts import functions
from lab import BUILD, Machine, Tap, boot, ws
from peers import Gate, Server, disk
from picture import compare
from qmp import Qmp

LONG = os.path.basename(sys.argv[0]).endswith("_all.py")
NET_MB, DISK_MB, READS = (256, 64, 100000) if LONG else (8, 16, 4000)
LIMIT_S = 900 if LONG else 400
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
# A console line costs a few dozen port accesses, IPIs are what they are, and a processor without INVPCID, as the
# emulator's, flushes its TLB by CR4. Whatever a device interrupt could cost is in the other causes.
OTHER_THINGS = ("io", "ipi", "cr")
# Linux changes a vector's core at its next interrupt, by accesses to the MSI-X table: mask, read back, address low
# and high, data, read back, unmask. One that comes while the last change is not over is put off: mask, read back, unmask.
PER_MOVE = 7 + 3
# For the device itself, below Linux alone. The timer check of an I/O APIC fails on a busy machine, and there is
# no driver for the unit that could spoil it.
ALONE = "console=ttyS0 quiet intel_iommu=off amd_iommu=off intremap=off no_timer_check jobs=lspci"

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
                  # One vector: Linux binds those of several queues to their cores for good, and only one that
                  # serves all of them can be moved.
                  "-device", "nvme,msix_qsize=1,addr=%d.0,serial=%s,drive=d%d,id=disk-%s" % (6 + i, n, i, n)]
        words += ["-device", "pcie-root-port,id=rp%d,addr=%d.0,chassis=%d" % (i, 8 + i, i + 1),
                  "-device", "%s,bus=rp%d,id=gpu-%s" % (DISPLAYS[vendor][i], i, n)]
    return words, crcs


def interrupts(m, name, nth):
    """What Linux counted when it was asked the nth time, by core."""
    t = m.wait(r"^job irqs: total \d+, by core(( \d+)+)$", name, count=nth, timeout=400)
    return [int(x) for x in t.group(1).split()] if t else None


def cost_of(before, after, moves):
    """Exits between two looks, and how many of them nothing but device interrupts explains."""
    d = difference(before, after)
    cost = sum(v for k, v in d.items() if k not in OTHER_THINGS + ("mmio",)) + max(0, d["mmio"] - PER_MOVE * moves)
    figures["device_irq_exits"] = max(figures["device_irq_exits"], cost)
    return cost, {k: v for k, v in d.items() if v}


def costs(m, n, looks):
    """
    Device interrupts cost no exit: of disk and network port while nothing moves, and then on both cores while they and
    who waits for them move. Pairs of a result and its words.
    """
    counts = [interrupts(m, n, nth) for nth in (1, 2, 3, 4)]
    roam = m.find(r"^job roam: (\d+) reads, (\d+) times to the next core, (\d+) moves, 0 refused ok$", n)
    while counts[3] and len(looks) < 3 and not m.ended:
        time.sleep(0.1)
    if not counts[3] or not roam:
        yield False, "it ran"
        return
    still, moving = ([y - x for x, y in zip(counts[i], counts[i + 1])] for i in (0, 2))
    cost, all_exits = cost_of(looks[0], looks[1], 0)
    yield (sum(still) > READS // 10 and not cost,
           "%d interrupts of disk and network port cost %d exits (all exits: %s)" % (sum(still), cost, all_exits))
    cost, all_exits = cost_of(looks[1], looks[2], int(roam.group(3)))
    yield (sum(moving) >= READS and min(moving) > READS // 4 and int(roam.group(2)) >= 40 and not cost,
           "%d device interrupts (by core %s), moved %s times from core to core, cost %d exits (all exits: %s; mmio: %s changes of an affinity)"
           % (sum(moving), moving, roam.group(2), cost, all_exits, roam.group(3)))


def alone(vendor, words):
    """What lspci says of the same machine's devices without us."""
    with Machine(kernel=VMLINUZ, initrd=INITRD, append=ALONE, smp=2, mem="1G", limit=300, extra=UNITS[vendor] + words) as m:
        m.wait("^job lspci: ok", timeout=280)
        return lspci.read(m.text()), m.text()[-10:] + m.errors


def looks_real(vendor, seen, words):
    real, details = alone(vendor, words)
    used = set()
    for n, functions_seen in seen.items():
        for slot, f in functions_seen.items():
            if f.title.startswith(("Class 0600", "Class 0604")):  # host bridge and ports are ours
                continue
            same = [r for r in real.values() if r.title == f.title]
            found = lspci.differences(same[0], f) if same else ["there is no such device: " + f.title]
            rows = [lspci.row(d) for d in found]
            used.update(rows)
            tap.ok(same and None not in rows, "%s, %s: lspci -vv shows %s as it is, but for %d differences of policy"
                   % (vendor, n, f.title[len("Class "):], len(found)), [d for d, r in zip(found, rows) if r is None] + details)
        tap.ok(len(functions_seen) >= 4, "%s, %s: lspci shows its three devices" % (vendor, n), list(functions_seen))
    stale = [pattern for i, (pattern, _) in enumerate(lspci.DIFFERENCES) if i not in used]
    if vendor == "VT-d":  # there is a device of each kind
        tap.ok(not stale, "%s: no difference is allowed that is none" % vendor, stale)


def quiet(m, seconds):
    """Exits a second of each while nothing happens."""
    time.sleep(2)  # the marks' own lines are out
    before, at = m.counters(), time.monotonic()
    time.sleep(seconds)
    after, seconds = m.counters(), time.monotonic() - at
    return {n: {k: v / seconds for k, v in difference(before.exits(n), after.exits(n)).items() if v} for n in NAMES}


def two_workstations(vendor, folder):
    servers, small = {n: Server(NET_MB, seed=i) for i, n in enumerate(NAMES)}, Server(4)
    words, crcs = machine(vendor, folder)
    facts = functions(words)
    looks, seen = {n: [] for n in NAMES}, {}

    def look(name):
        looks[name].append(m.counters().exits(name))
        return "n"
    ask = {n: "ask:%d" % Gate(lambda name=n: look(name)).port for n in NAMES}
    rested = threading.Event()  # neither goes on while it is watched that nothing happens, however far ahead it was
    halt = Gate(lambda: "n" if rested.wait(LIMIT_S) else "")
    jobs = {n: ["pci", "lspci", "disk:%d" % DISK_MB, "kms:%d" % (i + 1),
                ask[n], "irqs", "reads:%d" % (READS // 10), "net:%d:4" % small.port, "irqs",
                ask[n], "irqs", "roam:%d:%d" % (READS, READS // 50), "irqs", ask[n],
                "spread:%d" % (40 if LONG else 8), "net:%d:%d" % (servers[n].port, NET_MB), "reads:%d" % (READS // 10),
                "fill:%d:%d" % (DISK_MB, i), "wait", "nap:3", "mark:3"]
            + (["ask:%d" % halt.port, "wc", "mark:5"] if n == "right" else []) + ["stay"] for i, n in enumerate(NAMES)}
    plan = [debian(n, [1 + 2 * i, 2 + 2 * i], jobs[n], [facts[x + n] for x in ("gpu-", "nic-", "disk-")]) for i, n in enumerate(NAMES)]
    qmp = ["-qmp", "unix:%s/qmp,server=on,wait=off" % folder]
    with boot(plan, 5, mem="2G", limit=LIMIT_S, extra=UNITS[vendor] + words + qmp) as m:
        if not all(m.wait_state(n, ["running"], timeout=60) for n in NAMES):
            tap.ok(False, vendor + ": both start", m.text() + m.errors)
            return
        for n in NAMES:
            m.wait("init ready", n, timeout=200)
        for n in NAMES:
            for good, text in costs(m, n, looks[n]):
                tap.ok(good, "%s, %s: %s" % (vendor, n, text), m.text(n)[-60:] + m.text()[-20:] + m.errors)
            seen[n] = lspci.read(m.text(n))
        for n in NAMES:
            who = "%s, %s: " % (vendor, n)
            m.wait("^mark 3$", n, timeout=800)
            good = m.find(r"job disk: %d MiB crc %08x ok" % (DISK_MB, crcs[n]), n)
            tap.ok(good, who + "its disk reads as it was written", m.text(n)[-30:])
            s = servers[n]
            got = m.find(r"job net: got %d bytes crc (\w+)" % (NET_MB << 20), n)
            sent = m.find(r"job net: sent %d bytes crc (\w+)" % (NET_MB << 20), n)
            net = bool(got and sent and int(got.group(1), 16) == s.sent and (NET_MB << 20, int(sent.group(1), 16)) in s.talks)
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
        rested.set()
        m.wait("^mark 5$", "right", timeout=120)
        tap.ok(m.find(r"job wc: .* write-combining", "right"), "%s, right: its display's memory can be mapped write-combining" % vendor,
               [t for t in m.text("right") if "job wc" in t])
        c = m.counters()
        for n in NAMES:
            mine = [x for x in c.devices if x["workstation"] == n]
            tap.ok(len(mine) == 3 and all(x["state"] == "running" and not x["faults"] for x in mine),
                   "%s, %s: the counters page says that three devices are its own" % (vendor, n), list(map(str, c.devices)))
        tap.ok(not m.find("panic") and not c.iommu_faults, "%s: no fault, the hypervisor is well" % vendor, m.text())
    if LONG or vendor == "VT-d":
        looks_real(vendor, seen, words)


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
        came = sum(interrupts(m, "left", 1) or [])
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
