#!/usr/bin/env python3
"""caprock probe inside a Debian guest of QEMU (q35, intel-iommu, igb with VFs, nvme, two GPUs): its facts against
`lspci -vv`, sysfs and what VFIO and DRM tell."""
import collections
import json
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../qemu"))
from lab import BUILD, QEMU, Tap, scratch  # noqa: E402

LIMIT_S = 420  # a hang guard

MACHINE = [
    "-machine", "q35,kernel-irqchip=split", "-accel", "tcg,thread=multi", "-cpu", "EPYC,+svm,+npt,+x2apic,+topoext",
    "-smp", "4,sockets=2,cores=1,threads=2", "-m", "1G", "-display", "none", "-vga", "none", "-no-reboot", "-net", "none",
    "-object", "memory-backend-ram,id=m0,size=512M", "-object", "memory-backend-ram,id=m1,size=512M",
    "-numa", "node,nodeid=0,memdev=m0,cpus=0-1", "-numa", "node,nodeid=1,memdev=m1,cpus=2-3",
    "-device", "intel-iommu,intremap=on,eim=on",
    "-device", "pcie-root-port,id=p1,slot=1,addr=4", "-device", "pcie-root-port,id=p2,slot=2,addr=5",
    "-device", "pcie-root-port,id=p3,slot=3,addr=6",
    "-device", "igb,bus=p1", "-device", "nvme,serial=probe,bus=p2",
    "-device", "virtio-gpu-pci,bus=p3,iommu_platform=on,disable-legacy=on,xres=1280,yres=800",
    "-device", "bochs-display,addr=7,vgamem=16M", "-device", "e1000e,addr=8"]


def run(machine=MACHINE):
    """What guest_init.sh says on such a machine, in QEMU's words, and the console."""
    with tempfile.TemporaryDirectory(dir=scratch("1G")) as d:
        data, console = os.path.join(d, "data"), os.path.join(d, "console")
        p = subprocess.run([QEMU] + machine + [
            "-kernel", os.path.join(BUILD, "cache/debian/vmlinuz"), "-initrd", os.path.join(BUILD, "probe/guest.cpio"),
            "-append", "console=ttyS0 intel_iommu=on tsc=reliable quiet panic=-1",
            "-serial", "file:" + console, "-serial", "file:" + data],
            capture_output=True, text=True, timeout=LIMIT_S)
        if os.environ.get("PROBE_KEEP"):
            subprocess.run(["cp", data, console, os.environ["PROBE_KEEP"]])
        return open(data, errors="replace").read(), open(console, errors="replace").read() + p.stderr


def sections(text):
    parts = re.split(r"^== (.*)$\n?", text.replace("\r", ""), flags=re.M)[1:]
    out = collections.defaultdict(list)
    for name, body in zip(parts[::2], parts[1::2]):
        out[name].append(body)
    return out


def read_lspci(text):
    found = {}
    for block in text.strip().split("\n\n"):
        m = re.match(r"(\S+) ([0-9a-f]{4}): ([0-9a-f]{4}):([0-9a-f]{4})", block)
        if not m:
            continue
        f = dict(cls=m[2], vendor=m[3], device=m[4])
        f["caps"] = sorted(int(c, 16) for c in re.findall(r"Capabilities: \[([0-9a-f]+)", block))
        f["msix"] = int((re.search(r"MSI-X: Enable[+-] Count=(\d+)", block) or [0, 0])[1])
        f["msi"] = int((re.search(r"MSI: Enable[+-] Count=\d+/(\d+)", block) or [0, 0])[1])
        f["flr"] = "FLReset+" in block
        f["acs"] = "ACSCap" in block
        f["sriov"] = int((re.search(r"Total VFs: (\d+)", block) or [0, 0])[1])
        serial = re.search(r"Device Serial Number ([0-9a-f-]+)", block)
        f["serial"] = int(serial[1].replace("-", ""), 16) if serial else 0
        f["node"] = int((re.search(r"NUMA node: (\d+)", block) or [0, -1])[1])
        sizes = {"": 0, "K": 10, "M": 20, "G": 30}
        f["bars"] = {int(i): (int(a, 16), int(n) << sizes[u]) for i, a, n, u in re.findall(
            r"Region (\d): (?:Memory|I/O ports) at (?:<[a-z]+>\s)?([0-9a-f]+).*?\[size=(\d+)([KMG]?)\]", block)}
        found[m[1]] = f
    return found


def read_sysfs(text):
    return {line.split()[0]: dict(w.split("=", 1) for w in line.split()[1:]) for line in text.splitlines() if line}


def same_partition(pairs):
    """[(a, b)]: equal a exactly where equal b."""
    return len(set(pairs)) == len({a for a, _ in pairs}) == len({b for _, b in pairs})


def resets_of(kernel):
    """The kernel's words for those that the device itself has."""
    return {"flr": "flr", "af_flr": "af-flr", "pm": "pm"}.get(kernel)


def main():
    tap = Tap()

    def ok(good, words, *details):
        tap.ok(good, words, [str(d)[:600] for d in details])

    text, console = run()
    s = sections(text)
    if "end" not in s:
        ok(False, "the guest tells of itself to the end", *(console.splitlines()[-40:] + text.splitlines()[-20:]))
        return tap.done()
    told, nobody = json.loads(s["probe"][0]), json.loads(s["nobody"][0])
    lspci, sysfs = read_lspci(s["lspci"][0]), read_sysfs(s["sysfs"][0])
    fn = {f["bdf"]: f for f in told["functions"]}

    ok(set(s) >= {"status 0"} and len(s["status 0"]) == 2, "probe ends well, as root and as nobody", list(s))
    ok(set(fn) == set(lspci) == set(sysfs) and len(fn) >= 13, "all %d functions are there" % len(fn),
           sorted(set(fn) ^ set(lspci)), sorted(set(fn) ^ set(sysfs)))

    def check(words, good):
        bad = [(b, f[words] if words in f else "", lspci[b]) for b, f in fn.items() if b in lspci and not good(f, lspci[b], b)]
        ok(not bad, words + " agree with lspci -vv", *bad)

    check("ids and classes", lambda f, l, b: (f["vendor"], f["device"]) == ("0x" + l["vendor"], "0x" + l["device"]) and
          f["class_code"][:6] == "0x" + l["cls"])
    check("capabilities", lambda f, l, b: sorted(int(c["offset"], 16) for c in f["capabilities"]) == l["caps"])
    check("MSI and MSI-X sizes", lambda f, l, b: f["msix_vectors"] == l["msix"] and f["msi_vectors"] == l["msi"])
    check("FLR, ACS, SR-IOV and serial numbers", lambda f, l, b: ("flr" in f["resets"]) == l["flr"] and
          f["acs"]["present"] == l["acs"] and f["sriov"]["total"] == l["sriov"] and int(f["serial"], 16) == l["serial"])
    check("BARs", lambda f, l, b: f["is_vf"] or {x["index"]: (int(x["base"], 16), x["size"]) for x in f["bars"]} == l["bars"])
    check("nodes", lambda f, l, b: l["node"] in (-1, f["node"]))

    groups = [(f["group"], sysfs[b]["group"]) for b, f in fn.items()]
    ok(all(f["kernel_group"] == int(sysfs[b]["group"]) for b, f in fn.items()), "Linux' group numbers are reported")
    ok(same_partition(groups), "groups by our own reckoning are those of Linux", groups)
    bad = [(b, f["driver"], sysfs[b]) for b, f in fn.items() if (f["driver"] or "") != sysfs[b].get("driver", "")]
    ok(not bad, "drivers agree with sysfs", *bad)
    bad = [(b, f["resets"], sysfs[b]["reset"]) for b, f in fn.items() if f["header_type"] == 0 and
           {r for r in map(resets_of, sysfs[b]["reset"].split(",")) if r} != set(f["resets"]) - {"bus"}]
    ok(not bad, "reset methods are those of Linux", *bad)

    vfs = [f for f in fn.values() if f["is_vf"]]
    ok(len(vfs) == 2 and all(fn[f["pf"]]["sriov"]["enabled"] == 2 for f in vfs), "both virtual functions are known as such")
    bound = [f for f in fn.values() if f["vfio"]["bound"]]
    ok(len(bound) == 2 and any(f["is_vf"] for f in bound), "a disk and a virtual function are with VFIO", bound)
    for f in bound:
        v, b = f["vfio"], f["bdf"]
        ok(v["viable"] and v["reset"] == bool(sysfs[b]["reset"]), "%s: VFIO would give it, and can reset it" % b, v)
        irqs = {i["index"]: i["count"] for i in v["interrupts"]}
        ok(irqs.get(2, 0) == f["msix_vectors"] and irqs.get(1, 0) == f["msi_vectors"],
               "%s: VFIO counts as many interrupts" % b, irqs, f["msix_vectors"], f["msi_vectors"])
        regions = {r["index"]: r["size"] for r in v["regions"] if r["index"] < 6}
        ok(regions == {x["index"]: x["size"] for x in f["bars"] if x["size"]} and regions,
               "%s: VFIO's regions are as large as its BARs" % b, regions, f["bars"])

    io = told["iommu"]
    ok(io["kind"] == "vt-d" and io["units"] == len(io["unit_list"]) == 1 and io["interrupt_remapping"] and io["rmrr"] == 0,
           "one VT-d unit with interrupt remapping", io)
    ends = [f for f in fn.values() if f["header_type"] == 0 and not f["class_code"].startswith("0x06")]
    ok(any(f["assignable"] for f in ends) and all(f["assignable"] or f["because"] for f in fn.values()),
           "what can be assigned can, what cannot says why", [(f["bdf"], f["because"]) for f in ends if not f["assignable"]])
    ok(all(f["assignable"] for f in bound), "what VFIO would give is assignable", bound)

    p = told["processors"]
    cpus = [tuple(line.split()) for line in s["cpus"][0].splitlines()]
    ok([(str(c["package"]), str(c["core"])) for c in p["cpus"]] == [c[:2] for c in cpus] and
       len({(c["package"], c["core"], c["thread"]) for c in p["cpus"]}) == 4 and
       p["smt"] == any(not c[2].isdigit() for c in cpus), "packages, cores and threads are those of sysfs", p["cpus"], cpus)
    ok(p["svm"] and not p["vmx"] and p["virtualization"] and p["nested_paging"] and p["x2apic"] and
           p["vendor"] == "AuthenticAMD", "SVM, nested paging and x2APIC are seen", p)
    ram = sum(m["size"] for m in told["memory"] if m["kind"] == "ram")
    by_node = {n: sum(m["size"] for m in told["memory"] if m["kind"] == "ram" and m["node"] == n) for n in (0, 1)}
    ok((1 << 30) - (4 << 20) < ram <= 1 << 30 and all(abs(v - (512 << 20)) < 4 << 20 for v in by_node.values()),
           "memory is there, half of it on each node", by_node)
    ok({c["node"] for c in p["cpus"] if c["package"] == 1} == {1}, "processors are on their nodes", p["cpus"])

    drm = [line.split() for line in s["drm"][0].splitlines()]
    outputs = {(g["bdf"], o["name"]): o for g in told["gpus"] for o in g["outputs"]}
    kernel = {("0000:" + d[0][-7:] if ":" in d[0] else d[0], d[1].split("-", 1)[1]): d for d in drm}
    drivers = {g["driver"] for g in told["gpus"]}
    ok(len(told["gpus"]) == 2 and drivers == {"virtio_gpu", "bochs-drm"}, "both GPUs have their DRM drivers", drivers)
    ok(outputs and {n for _, n in outputs} == {n for _, n in kernel}, "outputs are those of sysfs", list(outputs), drm)
    bad = [o for (_, n), o in outputs.items() for (_, m), d in kernel.items() if m == n and (
        o["connected"] != (d[2] == "connected") or (o["edid"] is not None) != (d[4] != "edid=0"))]
    ok(not bad, "connected or not, EDID or none, as in sysfs", *bad)
    ok(any(o["edid"] and len(o["edid"]) >= 256 and o["monitor"] for o in outputs.values()) and
           all(o["modes"] for o in outputs.values() if o["connected"]), "an EDID names its monitor, and modes are listed")
    ok(any(g["driver"] == "bochs-drm" and g["memory"] == 16 << 20 for g in told["gpus"]), "a GPU's memory is told")

    ok([f["bdf"] for f in nobody["functions"]] == [f["bdf"] for f in told["functions"]] and
           {f["bdf"]: f["kernel_group"] for f in nobody["functions"]} == {b: f["kernel_group"] for b, f in fn.items()},
           "nobody sees the same functions and groups")
    words = " ".join(nobody["missing"])
    ok(all(w in words for w in ("capabilities", "nodes of memory", "ACPI tables", "outputs")) and "root" in words,
           "and is told what is missing without root", nobody["missing"])
    listing = s["listing"][0]
    lines = re.findall(r"^IOMMU Group (\d+) (\S+) .* \[[0-9a-f]{4}\]: .* \[[0-9a-f]{4}:[0-9a-f]{4}\]\n    assignable: (yes|no, because)",
                       listing, re.M)
    ok({("0000:" + b, int(n)) for n, b, _ in lines} == {(b, f["kernel_group"]) for b, f in fn.items()},
           "the group listing has each function with its verdict", listing.splitlines()[:30])
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
