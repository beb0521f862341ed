#!/usr/bin/env python3
"""machine.py NAME: a machine file of our own making, on standard output. NAME: one of MACHINES below.

The example machines, those of the rules' examples, and the large one of the bench come from here.
"""
import sys

MIB, GIB = 1 << 20, 1 << 30


def size(n):
    for unit, shift in (("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if n and n % (1 << shift) == 0:
            return "%d %s" % (n >> shift, unit)
    return "%d" % n


class Machine:
    def __init__(self, product, packages=1, cores=8, threads=2, gib=64, phys_bits=46, intel=True, iommu=True,
                 remapping=True, virtualization=True, first_group=0):
        self.product, self.packages, self.cores, self.threads, self.gib = product, packages, cores, threads, gib
        self.phys_bits, self.intel, self.iommu, self.remapping, self.virtualization = \
            phys_bits, intel, iommu, remapping, virtualization
        self.functions, self.gpus, self.reserved, self.missing = [], [], [], []
        self.group, self.bus, self.port, self.mmio = 0, 1, 0, 0x80000000
        self.mmio64 = 1 << 38 if gib <= 128 else 1 << 42  # above all RAM
        self.fn("00:00.0", "0000:00/00.0", 0x8086 if intel else 0x1022, 0x3e1f if intel else 0x1480, 0x060000,
                "Host bridge", resets=(), unfit="\"it is part of the chipset\"")

    def fn(self, bdf, path, vendor, device, cls, name, resets=("flr",), sub=(0x1043, 0x8694), bars=(), group=None, **more):
        if group is None:
            group, self.group = self.group, self.group + 1
        f = dict(bdf='"0000:%s"' % bdf, path='"%s"' % path, vendor="0x%04x" % vendor, device="0x%04x" % device)
        if not more.get("header_type"):
            f.update(subvendor="0x%04x" % sub[0], subdevice="0x%04x" % sub[1])
        f.update(device_name='"%s"' % name, class_code="0x%06x" % cls)
        f.update(more)
        if resets:
            f["resets"] = "[%s]" % ", ".join(resets)
        if bars:
            f["bars"] = bars
        f["group"] = str(group)
        self.functions.append(f)
        return group

    def bar(self, index, n, is64=False):
        if is64:
            base = (self.mmio64 + n - 1) // n * n
            self.mmio64 = base + n
        else:
            base = (self.mmio + n - 1) // n * n
            self.mmio = base + n
        return "{index: %d, base: 0x%x, size: %s%s}" % (index, base, size(n), ", is64: true, prefetch: true" if is64 else "")

    def root_port(self):
        """A port of its own for the next card: (bus, path of what is behind it)."""
        n, bus = self.port, self.bus
        self.port, self.bus = n + 1, bus + 1
        dev, function = 1 + n // 8, n % 8
        here = "0000:00/%02x.%x" % (dev, function)
        self.fn("00:%02x.%x" % (dev, function), here, 0x8086 if self.intel else 0x1022, 0x1901, 0x060400, "Root port",
                resets=("bus",), header_type="1", secondary=str(bus), subordinate=str(bus), port="root-port",
                multifunction="true", acs="{present: true, capable: 0x001f, enabled: 0x001d}")
        return "%02x" % bus, here

    def gpu(self, vendor, device, name, memory, node=None, outputs=4, boot=False, rom="readable", resets=("flr", "bus"),
            vram_bar=None, audio=True, split=False):
        bus, path = self.root_port()
        more = {} if node is None else {"node": str(node)}
        if boot:
            more["boot_display"] = "true"
        group = self.fn(bus + ":00.0", path + "/00.0", vendor, device, 0x030000, name, resets, (0x1458, 0x4000 + self.bus),
                        [self.bar(0, 16 * MIB), self.bar(1, vram_bar or 256 * MIB, True)], multifunction="true",
                        rom_size="512 KiB", rom=rom, msi_vectors="1", **more)
        if audio:
            self.fn(bus + ":00.1", path + "/00.1", vendor, device + 0x0a00 & 0xffff, 0x040300, name + " audio", ("flr",) if split else ("bus",),
                    (0x1458, 0x4000 + self.bus), [self.bar(0, 16384)], None if split else group, multifunction="true", msi_vectors="1",
                    **{k: v for k, v in more.items() if k == "node"})
        out = ["- bdf: \"0000:%s:00.0\"" % bus, "  memory: " + size(memory), "  outputs:"]
        for i in range(outputs):
            out.append("  - name: \"DP-%d\"" % (i + 1))
            if i < 2:
                out += ["    connected: true", "    monitor: \"Bench 2560\"", "    modes:",
                        "    - {width: 2560, height: 1440, millihertz: 59951, preferred: true}",
                        "    - {width: 1920, height: 1080, millihertz: 60000}"]
        self.gpus += out
        return bus

    def card(self, vendor, device, cls, name, resets=("flr",), node=None, bars=None, **more):
        bus, path = self.root_port()
        if node is not None:
            more["node"] = str(node)
        self.fn(bus + ":00.0", path + "/00.0", vendor, device, cls, name, resets, bars=bars or [self.bar(0, 65536)], **more)
        return bus

    def nic(self, serial, vfs=7, **more):
        return self.card(0x8086, 0x1521, 0x020000, "I350 Gigabit", serial="0x%016x" % serial, msix_vectors="10",
                         sriov="{total: %d, initial: %d, first_offset: 128, stride: 2, vf_device: 0x1520}" % (vfs, vfs), **more)

    def nvme(self, **more):
        return self.card(0x144d, 0xa808, 0x010802, "NVMe SSD", msix_vectors="33", **more)

    def usb(self, **more):
        return self.card(0x1912, 0x0014, 0x0c0330, "USB 3.0 controller", msi_vectors="8", **more)

    def chipset(self):
        """What a board has besides: USB with firmware's range, the boot disk, sound without a reset."""
        g = self.fn("00:14.0", "0000:00/14.0", 0x8086, 0xa36d, 0x0c0330, "Chipset USB", bars=[self.bar(0, 65536)])
        self.reserved.append(("0000:00:14.0", 0x7ba00000, 256 << 10))
        self.fn("00:17.0", "0000:00/17.0", 0x8086, 0xa352, 0x010601, "Chipset SATA", bars=[self.bar(0, 8192)],
                boot_medium="true")
        self.fn("00:1b.0", "0000:00/1b.0", 0x8086, 0xa348, 0x040300, "Chipset sound", resets=(), bars=[self.bar(0, 16384)])
        return g

    def shared_switch(self):
        """Two cards behind a switch that does not keep them apart."""
        bus, path = self.root_port()
        up, downs = self.bus, self.bus + 1
        self.bus += 4
        shared = self.group
        self.group += 1
        for i, (v, d, c, n) in enumerate(((0x8086, 0x10d3, 0x020000, "82574L Gigabit"), (0x1912, 0x0014, 0x0c0330, "USB 3.0 controller"))):
            self.fn("%02x:00.0" % (downs + i), path + "/00.0/%02x.0/00.0" % i, v, d, c, n, group=shared, bars=[self.bar(0, 65536)])
        return "%02x" % downs, "%02x" % (downs + 1)

    def text(self):
        half = self.packages > 1
        o = ["# Made by tests/profiles/machine.py: no machine there is.", "version: 1", "source: \"tests/profiles/machine.py\""]
        if self.missing:
            o += ["missing:"] + ["- \"%s\"" % m for m in self.missing]
        o += ["firmware:", "  vendor: \"Caprock\"", "  product: \"%s\"" % self.product, "  boot: \"uefi\"", "processors:",
              "  vendor: \"%s\"" % ("GenuineIntel" if self.intel else "AuthenticAMD"), "  model: \"%d cores of ours\"" % self.cores]
        if self.virtualization:
            o.append("  %s: true" % ("vmx" if self.intel else "svm"))
        o += ["  virtualization: %s" % ("true" if self.virtualization else "false"), "  nested_paging: true", "  x2apic: true"]
        if self.threads > 1:
            o.append("  smt: true")
        o += ["  phys_bits: %d" % self.phys_bits, "  boot_apic_id: 0", "  cpus:"]
        for p in range(self.packages):
            for c in range(self.cores):
                for t in range(self.threads):
                    o.append("  - {apic_id: %d, package: %d, core: %d, thread: %d, node: %d}" % (
                        (p * self.cores + c) * self.threads + t, p, c, t, p))
        low, total = 2 * GIB - 64 * MIB, self.gib * GIB
        share = total // self.packages
        o += ["memory:", "- {base: 0x0, size: 636 KiB, kind: ram, node: 0}",
              "- {base: 0x100000, size: %s, kind: ram, node: 0}" % size(low - MIB),
              "- {base: 0x%x, size: 64 MiB, kind: reserved, node: 0, what: \"ACPI tables\"}" % low,
              "- {base: 0x100000000, size: %s, kind: ram, node: 0}" % size(share - 2 * GIB)]
        if half:
            o.append("- {base: 0x%x, size: %s, kind: ram, node: 1}" % (4 * GIB + share - 2 * GIB, size(share)))
        o += ["iommu:"]
        if self.iommu:
            o += ["  kind: %s" % ("vt-d" if self.intel else "amd-vi"), "  units: 1", "  rmrr: %d" % len(self.reserved),
                  "  interrupt_remapping: %s" % ("true" if self.remapping else "false"), "  complete: true", "  unit_list:",
                  "  - {segment: 0, registers: 0xfed90000, register_size: 4 KiB, rest: true}"]
            if self.reserved:
                o.append("  reserved:")
                for bdf, base, n in self.reserved:
                    o += ["  - base: 0x%x" % base, "    size: %s" % size(n), "    read: true", "    write: true",
                          "    functions: [\"%s\"]" % bdf]
        else:
            o += ["  kind: none", "  units: 0", "  rmrr: 0", "  interrupt_remapping: false", "  complete: false"]
        o.append("functions:")
        for f in sorted(self.functions, key=lambda g: g["bdf"]):
            lead = "- "
            for k, v in f.items():
                if k == "bars":
                    o.append(lead + "bars:")
                    o += ["  - " + b for b in v]
                else:
                    o.append("%s%s: %s" % (lead, k, v))
                lead = "  "
        if self.gpus:
            o += ["gpus:"] + self.gpus
        return "\n".join(o) + "\n"


def lab(**more):
    """The rules' examples: 2 packages of 4 cores and 2 threads, 32 GiB, one of every kind of device."""
    missing = more.pop("missing", ())
    bar, split, lost = (more.pop(k, None) for k in ("vram_bar", "split", "lost_bar"))
    m = Machine("Lab", packages=2, cores=4, gib=32, **more)
    m.missing = list(missing)
    m.gpu(0x10de, 0x2230, "RTX A6000", 48 * GIB, 0, vram_bar=bar, split=split)  # 01:00
    m.gpu(0x1002, 0x73a3, "Radeon Pro W6800", 32 * GIB, 1, boot=True, rom="shadow")  # 02:00
    m.gpu(0x10de, 0x2230, "RTX A6000", 48 * GIB, 1, rom="bad", vram_bar=bar)                # 03:00
    m.nic(0x001b21ffff6d9ac8, node=0)                                           # 04:00
    m.nvme(node=0, bars=["{index: 0, base: 0x0, size: 16 KiB, is64: true}"] if lost else None)  # 05:00
    m.usb(node=0)                                                               # 06:00
    m.chipset()
    m.shared_switch()                                                           # 09:00, 0a:00
    return m


def lab_virtual():
    """The lab with two virtual functions of its NIC, as Linux switched them on."""
    m = lab()
    nic = next(f for f in m.functions if f["bdf"] == '"0000:04:00.0"')
    nic["sriov"] = nic["sriov"].replace("total", "enabled: 2, total")
    for slot in ("10.0", "10.2"):
        m.fn("04:" + slot, nic["path"].strip('"')[:-4] + slot, 0x8086, 0x1520, 0x020000, "I350 Virtual Function",
             is_vf="true", pf=nic["bdf"], msix_vectors="3", node="0")
    return m


def rig():
    """The example with two GPUs: a tower for two people."""
    m = Machine("Rig 2", cores=16, gib=128)
    m.fn("00:02.0", "0000:00/02.0", 0x8086, 0x3e98, 0x030000, "UHD Graphics 630", bars=[m.bar(0, 16 * MIB)], boot_display="true")
    m.gpu(0x10de, 0x2230, "RTX A6000", 48 * GIB, 0)
    m.gpu(0x10de, 0x2231, "RTX A5000", 24 * GIB, 0)
    m.nic(0x001b21ffff6d9ac8, node=0)
    m.nic(0x001b21ffff6d9ad0, node=0)
    m.nvme(node=0)
    m.nvme(node=0)
    m.usb(node=0)
    m.usb(node=0)
    m.chipset()
    return m


def blade(gpus=4, packages=2, cores=32, gib=512, threads=2):
    """The classroom: two packages, a GPU, network port, disk and USB controller a seat."""
    m = Machine("Blade %d" % gpus, packages=packages, cores=cores, threads=threads, gib=gib, intel=False, phys_bits=48)
    for i in range(gpus):
        node = i * packages // gpus
        m.gpu(0x1002, 0x73a3, "Radeon Pro W6800", 32 * GIB, node)
        m.nic(0x001b21ffff700000 + 16 * i, node=node)
        m.nvme(node=node)
        m.usb(node=node)
    return m


MACHINES = {
    "plain": lambda: Machine("Plain", cores=6, threads=1, gib=8),
    "lab": lab,
    "lab-virtual": lab_virtual,
    "lab-no-iommu": lambda: lab(iommu=False),
    "lab-no-remapping": lambda: lab(remapping=False),
    "lab-no-virtualization": lambda: lab(virtualization=False),
    "lab-39-bits": lambda: lab(phys_bits=39, vram_bar=1 << 38),
    "lab-split": lambda: lab(split=True),
    "lab-lost-bar": lambda: lab(lost_bar=True),
    "lab-partial": lambda: lab(missing=["displays: run caprock probe as root"]),
    "rig-2": rig,
    "blade-4": blade,
    "bench": lambda: blade(8, 2, 128, 2048, 1),
}

if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in MACHINES:
        sys.exit("usage: machine.py " + "|".join(MACHINES))
    sys.stdout.write(MACHINES[sys.argv[1]]().text())
