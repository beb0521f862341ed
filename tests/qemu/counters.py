"""Reads the counters page of core/abi.h out of the machine's memory, live."""
import mmap
import os
import re
import struct
import subprocess
import time

MAGIC = 0x524e544b43504143
HEADER = struct.Struct("<QIIQQQQ10I6Q")
SEQUENCE = struct.calcsize("<QIIQQQQ9I")
NAME = 32


def causes():
    """The exit causes in their order, from the header that is their only home."""
    text = open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../core/abi.h")).read()
    body = re.sub(r"/\*.*?\*/", "", text[text.index("enum exit_cause"):], flags=re.S)
    names = re.findall(r"\bEXIT_(\w+)\s*,", body[:body.index("}")])
    return [n.lower() for n in names if n != "CAUSES"]


def states(enum, prefix):
    text = open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../core/abi.h")).read()
    body = re.sub(r"/\*.*?\*/", "", text[text.index("enum " + enum):], flags=re.S)
    return [n.lower() for n in re.findall(r"\b%s_(\w+)\s*," % prefix, body[:body.index("}")])]


CAUSES = causes()
STATES = states("workstation_state", "WS")
DEVICE_STATES = states("device_state", "DEVICE")
CPU = struct.Struct("<II%dQ" % len(CAUSES))
WS = struct.Struct("<%dsIIQQQQQQQ4Q" % NAME)
DEVICE = struct.Struct("<HBBHHIIIIQQ4Q")


class Counters:
    """One reading. `cpus` and `workstations` are lists of plain dictionaries."""

    def __init__(self, page):
        h = HEADER.unpack_from(page, 0)
        if h[0] != MAGIC:
            raise ValueError("no counters page there: magic %#x" % h[0])
        (_, self.version, self.size, self.tsc_hz, self.now_ns, self.hv_memory, self.iommu_faults,
         nws, ws_offset, ws_stride, ncpus, cpu_offset, cpu_stride,
         ndevices, dev_offset, dev_stride, _, self.iommu_memory) = h[:18]
        if self.version >> 16:
            raise ValueError("counters of version %#x" % self.version)
        self.workstations, self.cpus, self.devices = [], [], []
        for i in range(nws):
            w = WS.unpack_from(page, ws_offset + i * ws_stride)
            self.workstations.append(dict(zip(
                ("name", "state", "cpus", "memory", "table_memory", "started_ns", "starts",
                 "iommu_faults", "refused", "device_interrupts_refused"),
                (w[0].split(b"\0")[0].decode(), STATES[w[1]] if w[1] < len(STATES) else str(w[1])) + w[2:10])))
        for i in range(ncpus):
            c = CPU.unpack_from(page, cpu_offset + i * cpu_stride)
            self.cpus.append({"apic_id": c[0], "workstation": None if c[1] == 0xffffffff else c[1],
                              "exits": dict(zip(CAUSES, c[2:]))})

        for i in range(ndevices):
            d = DEVICE.unpack_from(page, dev_offset + i * dev_stride)
            self.devices.append({
                "bdf": "%04x:%02x:%02x.%x" % (d[0], d[1], d[2] >> 3, d[2] & 7), "ids": "%04x:%04x" % (d[3], d[4]),
                "class": d[5], "workstation": self.workstations[d[6]]["name"] if d[6] < nws else None,
                "state": DEVICE_STATES[d[7]], "interrupts": d[8], "faults": d[9], "resets": d[10]})

    def device(self, bdf):
        return next(d for d in self.devices if d["bdf"] == bdf)

    def workstation(self, name):
        return next(w for w in self.workstations if w["name"] == name)

    def exits(self, name=None):
        """Exits by cause, of one workstation's cores or of all."""
        total = dict.fromkeys(CAUSES, 0)
        for c in self.cpus:
            if c["workstation"] is None:
                continue
            if name is None or self.workstations[c["workstation"]]["name"] == name:
                for k, v in c["exits"].items():
                    total[k] += v
        return total


class Page:
    """The page in a file that is the machine's memory (`share=on`), at its physical address."""

    def __init__(self, path, address, size):
        start = address & ~(mmap.ALLOCATIONGRANULARITY - 1)
        with open(path, "rb") as f:
            self.map = mmap.mmap(f.fileno(), address - start + size, mmap.MAP_SHARED, mmap.PROT_READ, offset=start)
        self.skip = address - start
        self.size = size

    def sequence(self):
        return struct.unpack_from("<I", self.map, self.skip + SEQUENCE)[0]

    def read(self):
        """A copy of one moment; of a machine that stands still in mid-writing, what there is."""
        for _ in range(10000):
            before = self.sequence()
            copy = self.map[self.skip:self.skip + self.size]
            if before == self.sequence() and not before & 1:
                break
            time.sleep(0.001)
        return Counters(copy)


def difference(before, after):
    return {k: after[k] - before[k] for k in after}


if __name__ == "__main__":
    import sys
    if len(sys.argv) != 4:
        sys.exit("usage: counters.py MEMORY-FILE ADDRESS SIZE")
    c = Page(sys.argv[1], int(sys.argv[2], 0), int(sys.argv[3], 0)).read()
    for w in c.workstations:
        print(w, {k: v for k, v in c.exits(w["name"]).items() if v})
