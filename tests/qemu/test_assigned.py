#!/usr/bin/env python3
"""
Devices in hostile hands, and their life: one that attacks from inside a guest, a guest that fuzzes its
devices' configuration space, a device that storms, and a disk that is handed over again and again,
each beside a neighbour that notices everything. Ends with figures. As test_assigned_all.py: the long way.
"""
import os
import re
import sys
import tempfile
import time

import hostile
import peers
from counters import difference
from facts import functions
from lab import BUILD, Tap, boot, guest, verdict, ws
from peers import Gate, Server
from qmp import Qmp

LONG = os.path.basename(sys.argv[0]).endswith("_all.py")
CYCLES, OPS, STORM = (50, 100000, 100000) if LONG else (5, 20000, 20000)
NET_MB = 32 if LONG else 4
GO = 48 << 20  # a word of a guest's memory that it looks at: one waits for it, another ends by it
VMLINUZ = os.path.join(BUILD, "cache/debian/vmlinuz")
INITRD = os.path.join(BUILD, "debian/initrd-devices")
UNITS = {
    "VT-d": ["-device", "intel-iommu,intremap=on,eim=on"],
    "AMD-Vi": ["-device", "amd-iommu,intremap=on,xtsup=on,pt=off"],
}
tap = Tap()
figures = {"reassign_cycles": 0, "attack_attempts": 0, "attack_successes": 0, "storm_neighbour_exits": 0, "fuzz_neighbour_errors": 0}


def neighbour(seconds=None, **more):
    """It lives for so long, or until it is told to end."""
    return ws("neighbour", [3, 4], "64M", guest("heartbeat"), "seconds=%d" % seconds if seconds else "seconds=10000 until=%d" % GO, **more)


def neighbours_word(m, words):
    """Call it to its end: nothing of that is in what was measured before."""
    m.poke("neighbour", GO, 1)
    m.wait_tallies(["neighbour"], timeout=60)
    verdict(tap, m.text("neighbour"), words, m.log())


def disk(folder, where="addr=6.0"):
    path = os.path.join(folder, "disk")
    with open(path, "wb") as f:
        f.truncate(16 << 20)
    return ["-drive", "if=none,id=d,format=raw,file=" + path, "-device", "nvme,%s,serial=cycle-1,drive=d,id=disk" % where]


def cycle(vendor, folder):
    words = disk(folder)
    facts = functions(words)
    plan = [ws("restless", [1, 2], "64M", guest("pci_cycle"), "serial=cycle-1", device=facts["disk"]), neighbour(20 if LONG else 8)]
    with boot(plan, 5, limit=600, extra=UNITS[vendor] + words) as m:
        done = m.wait("^cycle done", "restless", count=CYCLES + 1, timeout=500)
        n = sum(t == "cycle done" for t in m.text("restless"))
        figures["reassign_cycles"] = max(figures["reassign_cycles"], n - 1)
        bad = [t for t in m.text("restless") if t.startswith("not ok")]
        tap.ok(done and not bad, "%s: the disk was handed over %d times and started from its reset state each time" % (vendor, n),
               bad + m.log()[-40:])
        c = m.counters()
        d = c.device("0000:00:06.0")
        tap.ok(d["resets"] >= n and d["state"] != "parked", "%s: with a reset before each (%d)" % (vendor, d["resets"]), [str(d)])
        tables = {t.group(1) for t in (re.match(r"restless: started on .* (\d+) KiB of its grant in use", x) for x in m.text()) if t}
        tap.ok(len(tables) == 1, "%s: its tables are as large after each start as after the first: %s KiB" % (vendor, tables or "?"), m.text()[-20:])
        tap.ok(not c.iommu_faults, "%s: no fault meanwhile" % vendor, m.text())
        m.wait_tallies(["neighbour"], timeout=120)
        verdict(tap, m.text("neighbour"), "%s: the neighbour noticed nothing of it" % vendor, m.log())


def restarts(folder):
    """Cards of every class behind ports of their own, each reset in its own way, together and again and again."""
    words, gpus = disk(folder, "bus=rp2"), "virtio-gpu-pci,iommu_platform=on,disable-legacy=on"
    cards = [gpus + ",bus=rp0,id=gpu", "e1000e,bus=rp1,id=nic", "qemu-xhci,bus=rp3,id=usb", gpus + ",bus=rp4,id=other"]
    words = sum((["-device", "pcie-root-port,id=rp%d,addr=%x.0,chassis=%d" % (i, 8 + i, i + 1)] for i in range(5)), []) + words
    words += sum((["-device", c] for c in cards), [])
    facts = functions(words)
    plan = [ws("restless", [1], "64M", guest("smoke"), "end=reset", device=[facts[n] for n in ("gpu", "nic", "disk", "usb")]),
            ws("neighbour", [2, 3], "64M", guest("heartbeat"), "seconds=%d" % (60 if LONG else 10), device=facts["other"])]
    with boot(plan, 4, limit=400, extra=UNITS["VT-d"] + words) as m:
        m.wait("heartbeat begin", "neighbour", timeout=60)
        c, since, gap = m.counters(), time.monotonic(), 0
        while c.workstation("restless")["starts"] <= CYCLES and gap < 60 and not m.ended:
            time.sleep(0.2)
            last, c = c.now_ns, m.counters()
            if c.now_ns != last:
                since = time.monotonic()
            gap = max(gap, time.monotonic() - since)
        n = c.workstation("restless")["starts"]
        tap.ok(n > CYCLES, "VT-d: four cards went through %d restarts together" % (n - 1), m.log()[-40:] + m.errors)
        mine = [d for d in c.devices if d["workstation"] == "restless"]
        tap.ok(len(mine) == 4 and all(d["resets"] >= n - 1 and d["state"] != "parked" for d in mine),
               "VT-d: each was reset each time, none is lost", list(map(str, mine)))
        tap.ok(gap < 60, "VT-d: the host core never stood still (%.1f s at most between two looks)" % gap, m.log()[-40:])
        m.wait_tallies(["neighbour"], timeout=200)
        verdict(tap, m.text("neighbour"), "VT-d: the neighbour noticed nothing of it", m.log())


def unplug(m, monitor, device):
    """As if it were pulled out: what ACPI's hot plug would do, at its ports, without asking the hypervisor."""
    monitor.ask("device_del", id=device)
    for bus in range(8):
        for command in ("o /4 0xcd0 %d" % bus, "o /4 0xcc8 1"):  # QEMU's docs/specs/acpi_pci_hotplug: bus, slots to eject
            monitor.ask("human-monitor-command", **{"command-line": command})


def gone(folder):
    """A card that vanishes is parked, and its workstation goes on without it; so does everybody else."""
    words = ["-device", "pcie-root-port,id=rp0,addr=8.0,chassis=1", "-device", "pcie-root-port,id=rp1,addr=9.0,chassis=2",
             "-device", "pcie-root-port,id=rp2,addr=a.0,chassis=3",
             "-device", "virtio-gpu-pci,iommu_platform=on,disable-legacy=on,bus=rp0,id=gpu", "-device", "e1000e,bus=rp1,id=nic",
             "-device", "virtio-gpu-pci,iommu_platform=on,disable-legacy=on,bus=rp2,id=other"]
    facts = functions(words)
    plan = [ws("restless", [1, 2], "64M", guest("heartbeat"), "seconds=10000 until=%d end=reset" % GO, device=[facts["gpu"], facts["nic"]]),
            neighbour(device=facts["other"])]
    qmp = ["-qmp", "unix:%s/qmp,server=on,wait=off" % folder]
    with boot(plan, 5, limit=400, extra=UNITS["VT-d"] + words + qmp) as m:
        for n in ("neighbour", "restless"):
            m.wait("heartbeat begin", n, timeout=60)
        whole = [d for d in m.counters().devices if d["workstation"] == "restless" and d["state"] == "running"]
        unplug(m, Qmp(os.path.join(folder, "qmp")), "nic")
        for start in (2, 3, 4):
            m.poke("restless", GO, 1)
            m.wait("heartbeat begin", "restless", count=start, timeout=150)
        said = m.find(r"error: 0000:02:00\.0 \(8086:10d3\): \w+ failed: .*\. Switch the machine off and on")
        c = m.counters()
        nic, gpu = c.device("0000:02:00.0"), c.device("0000:01:00.0")
        tap.ok(len(whole) == 2 and said and nic["state"] == "parked", "VT-d: a card that is pulled out is parked: %s" % (said and said.group(0)),
               list(map(str, whole + [nic])) + m.log()[-40:])
        tap.ok(c.workstation("restless")["starts"] == 4 and m.find(r"error: restless: starts without a device: 0000:02:00\.0")
               and gpu["state"] == "running" and gpu["resets"] >= 4,
               "VT-d: its workstation starts again and again without it, with its other card", [str(gpu)] + m.log()[-40:])
        neighbours_word(m, "VT-d: the neighbour noticed nothing of it")
        tap.ok(not m.find("panic"), "VT-d: the hypervisor is well", m.text())


def peer_to_peer(wanted):
    """One device's DMA into another's memory, both of one workstation: when the plan says so, and not else."""
    words = hostile.EDU + ["-device", "pcie-root-port,id=rpd,addr=5.0,chassis=9", "-device", "bochs-display,bus=rpd,id=gpu"]
    facts = functions(words)
    flag = "@p2p" if wanted else ""
    plan = [ws("pair", [1], "64M", guest("pci_peer"), "peers" if wanted else "", device=[facts["edu"] + flag, facts["gpu"] + flag])]
    with boot(plan, 2, limit=90, extra=hostile.UNIT + words) as m:
        m.wait_tallies(["pair"], timeout=80)
        c = m.counters()
        verdict(tap, m.text("pair"), "VT-d: a workstation's device %s another's memory, moved BAR included"
                % ("reaches" if wanted else "does not reach"), m.log()[-30:])
        tap.ok(c.iommu_faults, "VT-d: what it may not reach is a fault (%d)" % c.iommu_faults, m.text())


def attack():
    vendor = "VT-d"
    with boot(hostile.workstations(12 if LONG else 8), 5, limit=300, extra=hostile.UNIT + hostile.EDU) as m:
        m.wait("^attack begin", "hostile", timeout=60)
        m.wait("heartbeat begin", "neighbour", timeout=60)
        m.wait("^attack done", "hostile", timeout=120)
        tried = [t for t in m.text("hostile") if t.startswith("attempt: ")]
        won = [t for t in tried if "SUCCEEDED" in t]
        figures["attack_attempts"] += len(tried)
        figures["attack_successes"] += len(won)
        tap.ok(tried and not won and all("| works |" in t for t in tried),
               "%s: %d attempts from inside a guest, each with its control, %d succeeded" % (vendor, len(tried), len(won)),
               won + m.text("hostile")[-30:])
        dma = sum(" read | " in t or " write | " in t for t in tried)
        # VT-d has one reason for what is not mapped and what is not writable.
        said = m.wait(r"iommu: 0000:01:00\.0 \(hostile\): write to 0x\w+ blocked: (nothing is mapped there|it is not mapped for writing) \[VT-d", timeout=20)
        tap.ok(said, "%s: a fault is one line with device, workstation, address and reason" % vendor, m.text()[-20:])
        c = m.counters()
        d = c.device("0000:01:00.0")
        tap.ok(c.iommu_faults >= dma and d["faults"] == c.iommu_faults, "%s: the counters page counts its faults (%d)" % (vendor, d["faults"]), [str(d)])
        m.wait_tallies(["hostile", "neighbour"], timeout=120)
        verdict(tap, m.text("hostile"), "%s: the attacker's own view" % vendor, m.log()[-60:])
        verdict(tap, m.text("neighbour"), "%s: the neighbour noticed nothing of the attack" % vendor, m.log())
        tap.ok(not m.find("panic"), "%s: the hypervisor is well" % vendor, m.text())


def storm(vendor, folder):
    words = disk(folder)
    facts = functions(words)
    plan = [ws("hostile", [1, 2], "64M", guest("pci_cycle"), "serial=cycle-1 storm=%d" % STORM, device=facts["disk"]), neighbour()]
    with boot(plan, 5, limit=300, extra=UNITS[vendor] + words) as m:
        m.wait("heartbeat begin", "neighbour", timeout=60)
        m.wait("^storm begin", "hostile", timeout=60)
        before, began = m.counters().exits("neighbour"), time.monotonic()
        done = m.wait("^storm done: (\\d+) commands sent", "hostile", timeout=250)
        after, took = m.counters(), time.monotonic() - began
        cost = {k: v for k, v in difference(before, after.exits("neighbour")).items() if v and k != "io"}  # its own console
        figures["storm_neighbour_exits"] += sum(cost.values())
        d = after.device("0000:00:06.0")
        # The emulator's unit has room for one record, and says that others were lost.
        tap.ok(done and int(done.group(1)) == STORM and d["faults"] > STORM // 1000,
               "%s: a storm of %d forbidden transfers in %.1f s, %d of them recorded" % (vendor, STORM, took, d["faults"]), m.log()[-30:])
        lines = sum("(hostile)" in t for t in m.text())
        tap.ok(lines <= 11 * (took + 2), "%s: %d lines tell of it" % (vendor, lines), m.text()[-20:])
        tap.ok(not cost, "%s: it cost the neighbour no exit" % vendor, [str(cost)])
        m.wait_state("hostile", ["off"], timeout=60)
        d = m.counters().device("0000:00:06.0")
        tap.ok(d["state"] == "quarantined" and d["workstation"] is None, "%s: after its reset the device is free again" % vendor, [str(d)] + m.text()[-10:])
        neighbours_word(m, "%s: the neighbour noticed nothing of the storm" % vendor)


def transfers(m, server, crc):
    """What the neighbour did, as (second, line), and the MiB that each line it should have said stands for."""
    good = {"job net: got %d bytes crc %08x" % (NET_MB << 20, server.sent): NET_MB, "job reads: %d ok" % (OPS // 20): 0,
            "job disk: 16 MiB crc %08x ok" % crc: 16, "job fill: 16 MiB written, 16 read back the same ok": 32}
    good.update(("job net: sent %d bytes crc %08x" % t, NET_MB) for t in server.talks if t[0] == NET_MB << 20)
    return [(s, t) for s, n, t in m.lines if n == "neighbour" and t.startswith("job ") and not re.fullmatch(r"job net: eth0, [0-9a-f:]{17}, is up", t)], good


def fuzz(vendor, folder):
    """Beside a Debian that moves data through devices of its own, from before the first write until after the last."""
    server, image, ended = Server(NET_MB, seed=5), os.path.join(folder, "disk2"), []
    gate = Gate(lambda: "n" if ended else "y")
    crc = peers.disk(image, 16, seed=6)
    os.truncate(image, 32 << 20)
    words = disk(folder) + [
        "-netdev", "user,id=u0,restrict=on", "-device", "e1000e,addr=5.0,id=nic,netdev=u0",
        "-netdev", "user,id=u1", "-device", "igb,addr=0c.0,id=nic2,netdev=u1",
        "-drive", "if=none,id=d2,format=raw,file=" + image, "-device", "nvme,addr=7.0,serial=two,drive=d2,id=disk2"]
    facts = functions(words)
    jobs = "mark:1,net:%d:%d,reads:%d,disk:16,fill:16:1:16,ask:%d,mark:2,stay" % (server.port, NET_MB, OPS // 20, gate.port)
    plan = [ws("hostile", [1, 2], "64M", guest("pci_fuzz"), "ops=%d seed=7 go=%d" % (OPS, GO), device=[facts["nic"], facts["disk"]]),
            ws("neighbour", [3, 4], "512M", VMLINUZ, "console=ttyS0 tsc=reliable quiet jobs=" + jobs, initrd=INITRD,
               device=[facts["nic2"], facts["disk2"]])]
    with boot(plan, 5, limit=600, extra=UNITS[vendor] + words) as m:
        if not m.wait("^mark 1$", "neighbour", timeout=200) or not m.wait_state("hostile", ["running"], timeout=60):
            tap.ok(False, "%s: both start" % vendor, m.log()[-60:] + m.errors)
            return
        m.poke("hostile", GO, 1)
        m.wait("^pci_fuzz end$", "hostile", timeout=400)
        ended.append(True)
        m.wait_tallies(["hostile"], timeout=60)
        verdict(tap, m.text("hostile"), "%s: %d wild writes to configuration spaces and MSI-X tables" % (vendor, OPS), m.log()[-60:])
        wrote = m.find(r"^pci_fuzz: (\d+) configuration writes, (\d+) table writes", "hostile")
        tap.ok(wrote and int(wrote.group(1)) + int(wrote.group(2)) >= OPS and int(wrote.group(2)) > OPS // 50,
               "%s: %s" % (vendor, wrote and wrote.group(0)), m.text("hostile"))
        m.wait("^mark 2$", "neighbour", timeout=300)
        done, good = transfers(m, server, crc)
        wrong = [t for _, t in done if t not in good]
        figures["fuzz_neighbour_errors"] += len(wrong)
        tap.ok(done and not wrong, "%s: the neighbour moved %d MiB by its own port and disk, all checksums agree"
               % (vendor, sum(good.get(t, 0) for _, t in done)), wrong + m.text("neighbour")[-30:] + server.errors)
        began, over = (next(s for s, n, t in m.lines if n == "hostile" and t == "pci_fuzz " + x) for x in ("begin", "end"))
        meanwhile = sum(good.get(t, 0) for s, t in done if began < s < over)
        tap.ok(done and done[-1][0] > over and meanwhile >= 2 * NET_MB,
               "%s: %d MiB of them between the first write and the last (%.0f s), and it went on after that"
               % (vendor, meanwhile, over - began), m.log()[-60:])
        tap.ok(not m.find("panic") and m.counters().workstation("neighbour")["starts"] == 1, "%s: the hypervisor and the neighbour are well" % vendor, m.text())


with tempfile.TemporaryDirectory(prefix="caprock-pt-", dir=BUILD) as folder:
    for vendor in sys.argv[1:] or UNITS:
        cycle(vendor, folder)
        fuzz(vendor, folder)
    restarts(folder)
    gone(folder)
    peer_to_peer(True)
    peer_to_peer(False)
    storm("VT-d", folder)  # the emulator's AMD-Vi logs no faults
    attack()
for k, v in figures.items():
    print("pt.%s %s" % (k, v))
tap.done()
