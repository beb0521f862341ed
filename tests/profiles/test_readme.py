#!/usr/bin/env python3
"""The README's walk from a machine to workstations, word by word: caprock probe inside a machine of QEMU's writes the
machine file, and both consoles are reached. Then the same with a display each, told its mode and its EDID, a disk and a
network port."""
import os
import re
import shutil
import sys
import tempfile

from tool import HERE, PATIENCE, ROOT, caprock, edid, ok, read, tap, write

sys.path.insert(0, os.path.join(HERE, "../probe"))
from guest import run, sections  # noqa: E402

CARDS = ["virtio-gpu-pci,iommu_platform=on,disable-legacy=on", "nvme,serial=walk",
         "virtio-gpu-pci,iommu_platform=on,disable-legacy=on", "e1000e"]
MACHINE = ["-machine", "q35,kernel-irqchip=split", "-accel", "tcg,thread=multi", "-cpu", "EPYC,+svm,+npt,+x2apic", "-smp", "6", "-m", "4G",
           "-display", "none", "-vga", "none", "-no-reboot", "-net", "none", "-device", "intel-iommu,intremap=on,eim=on"]
for n, card in enumerate(CARDS):
    MACHINE += ["-device", "pcie-root-port,id=p%d,slot=%d,addr=%d" % (n, n + 1, n + 4), "-device", "%s,bus=p%d" % (card, n)]
NAMES = ("seismic-1", "reservoir-2")
GIVEN = {"seismic-1": ("01:00", "02:00"), "reservoir-2": ("03:00", "04:00")}
# A mode that the EDID does not have; virtio-gpu takes of an EDID's preferred modes this one alone, and its own.
HEADS = {"seismic-1": "mode: 1280x720@60, edid: ours.edid", "reservoir-2": "mode: 1152x864@60"}
OURS = edid(1024, 768, "Ours")
DRIVERS = {"seismic-1": ("virtio-pci", "nvme"), "reservoir-2": ("virtio-pci", "e1000e")}

text = read(ROOT, "README.md")
files = dict(re.findall(r"`rig/([a-z0-9-]+\.yaml)`:\n\n```yaml\n(.*?)```", text, re.S))
commands = re.findall(r"^    build/(caprock (?:check|explain|build|run) [^#\n]*)", text, re.M)
ok(len(files) == 3 and len(commands) == 4, "the README has its files and commands", str(files) + str(commands))


def rig_in(folder, machine, initrd):
    rig = os.path.join(folder, "rig")
    os.mkdir(rig)
    write(os.path.join(rig, "machine.yaml"), machine)
    shutil.copy(os.path.join(ROOT, "build/cache/debian/vmlinuz"), os.path.join(rig, "vmlinuz"))
    shutil.copy(os.path.join(ROOT, "build/debian", initrd), os.path.join(rig, "initrd"))
    return rig


def walk(folder, title, until="init ready"):
    """The README's commands; what each verb said, and both consoles."""
    said = {}
    for command in commands:
        words = [w.strip("'") for w in re.findall(r"'[^']*'|\S+", command.replace("init ready", until))[1:]]
        if words[0] == "run":
            words += ["--timeout", str(int(400 * PATIENCE)), "--logs", os.path.join(folder, "logs")]
        status, out, err = caprock(*words, cwd=folder)
        said[words[0]] = out + err
        ok(status == 0, title + command.strip(), out + err)
    consoles = {}
    for name in NAMES:
        log = os.path.join(folder, "logs", name + ".log")
        consoles[name] = read(log) if os.path.exists(log) else ""
        ok("init ready" in consoles[name] and "Linux version" in consoles[name], "%s%s has reached its console" % (title, name), consoles[name])
    return said, consoles


told, console = run(MACHINE)
machine = "".join(sections(told)["yaml"])
ok("== end" in told and "functions:" in machine, "caprock probe writes the machine file inside QEMU", "\n".join(console.splitlines()[-40:]))

with tempfile.TemporaryDirectory() as d:
    rig = rig_in(d, machine, "initrd")
    for name, body in files.items():
        write(os.path.join(rig, name), body)
    walk(d, "")
    ok(os.path.getsize(os.path.join(rig, "out/caprock.bundle")) > 1 << 20 and os.path.exists(os.path.join(rig, "rig.svg")),
       "bundle and picture are there")

with tempfile.TemporaryDirectory() as d:
    rig = rig_in(d, machine, "initrd-devices")
    write(os.path.join(rig, "ours.edid"), OURS)
    outputs = {w: re.search(r'- bdf: "0000:%s\.0"(?:\n  (?! *- bdf).*)*?\n *- name: "(Virtual-\d)"' % GIVEN[w][0], machine[machine.index("\ngpus:"):]) for w in NAMES}
    outputs = {w: m.group(1) if m else "" for w, m in outputs.items()}
    ok(set(outputs.values()) == {"Virtual-1", "Virtual-2"}, "one kernel with both displays counts their connectors through", outputs)
    for name, body in files.items():
        for w, devices in GIVEN.items():
            if name == w + ".yaml":
                body = body.replace("lab=stay", "jobs=pci,heads,mark:1,stay") + "devices: [%s]\nheads: [{output: %s, %s}]\n" % (
                    ", ".join(devices), outputs[w], HEADS[w])
        write(os.path.join(rig, name), body)
    said, consoles = walk(d, "with devices: ", "mark 1")
    for name in NAMES:
        ok(all(re.search(r"^\s+0000:%s:00.* of %s: QEMU's " % (at[:2], name), said["run"], re.M) for at in GIVEN[name]),
           "%s: QEMU has something for each of its devices" % name, said["run"])
        ok(all(re.search(r"^job pci: .* driver %s\s*$" % driver, consoles[name], re.M) for driver in DRIVERS[name]),
           "%s: its own drivers have its devices" % name, consoles[name])
    heads = {n: re.search(r"^job heads: Virtual-1 (\S+) (\S+) first (\S+) edid (\S+)\s+job heads: framebuffer (\S+)", consoles[n], re.M) for n in NAMES}
    heads = {n: m.groups() if m else () for n, m in heads.items()}
    ok(heads["seismic-1"] == ("connected", "enabled", "1024x768", OURS.hex(), "1280,720"),
       "seismic-1: its connector has the EDID of the profile, and the kernel chose the profile's mode", str(heads))
    ok(heads["reservoir-2"] and heads["reservoir-2"][4] == "1152,864" and heads["reservoir-2"][3] != OURS.hex(),
       "reservoir-2: its connector, another in the machine, has the profile's mode and its own EDID", str(heads))
tap.done()
