#!/usr/bin/env python3
"""Heads of a profile on their way to a workstation's kernel: words of its command line, EDIDs in front of its initial RAM
disk, and what cannot be told. What a kernel makes of them: test_readme.py."""
import json
import os
import subprocess
import tempfile

from tool import ROOT, caprock, edid, guest, ok, tap, tiny_bzimage, write

OWN = "console=ttyS0 quiet"
INITRD = bytes((0x28, 0xb5, 0x2f, 0xfd)) + b"a compressed initial RAM disk" * 100


def desk(name, heads, line=OWN, kernel="vmlinuz", initrd="initrd"):
    return ("- name: %s\n  cores: 1\n  memory: 64 MiB\n  kernel: %s\n  command-line: '%s'\n" % (name, kernel, line)
            + ("  initrd: %s\n" % initrd if initrd else "") + ("  heads: [%s]\n" % ", ".join("{%s}" % h for h in heads) if heads else ""))


def members(archive):
    """[(name, mode, contents, the rest of the header)] of a newc archive, and what comes behind it."""
    found, at = [], 0
    while True:
        assert archive[at:at + 6] == b"070701", "no header at %d" % at
        field = [int(archive[at + 6 + 8 * i:at + 14 + 8 * i], 16) for i in range(13)]
        name = archive[at + 110:at + 110 + field[11] - 1].decode()
        start = at + (110 + field[11] + 3 & ~3)
        at = start + (field[6] + 3 & ~3)
        if name == "TRAILER!!!":
            return found, archive[at:]
        found.append((name, field[1], archive[start:start + field[6]], field[2:6]))


with tempfile.TemporaryDirectory() as d:
    def build(*workstations, out="out"):
        site = write(os.path.join(d, "site.yaml"), "emulator: {cores: 8, memory: 8 GiB}\nworkstations:\n" + "".join(workstations))
        return caprock("build", site, "--only", "bundle", "-o", os.path.join(d, out))

    def plan():
        return json.loads(caprock("dump", "--json", os.path.join(d, "out/plan.blob"))[1])["workstations"]

    def bundle(out="out"):
        with open(os.path.join(d, out, "caprock.bundle"), "rb") as f:
            return f.read()

    def refused(workstation, why, remedy, title):
        status, text, err = build(workstation)
        ok(status == 3 and why in text + err and remedy in text + err, title, "%s\n%s%s" % (status, text, err))

    write(os.path.join(d, "vmlinuz"), tiny_bzimage())
    write(os.path.join(d, "initrd"), INITRD)
    ours = edid(1024, 768, "Ours")
    write(os.path.join(d, "ours.edid"), ours)
    extended = ours[:126] + b"\1" + bytes((ours[127] - 1 & 255,)) + bytes(128)
    write(os.path.join(d, "long.edid"), extended)

    status, text, err = build(desk("none", []), desk("named", ["output: DP-1"]))
    ok(status == 0 and [w["command_line"] for w in plan()] == [OWN, OWN] and INITRD in bundle(), "who asks for nothing is told nothing", text + err)

    two = desk("two", ["output: DP-1, mode: 2560x1440@60, edid: ours.edid", "output: HDMI-A-2, mode: 1920x1200", "output: DP-2, edid: long.edid"])
    status, text, err = build(two, desk("same", ["output: DP-1, edid: ours.edid"]), desk("again", ["output: DP-1, edid: ours.edid"]), desk("plain", []))
    told = plan() if not status else [{"command_line": ""}] * 4
    ok(told[0]["command_line"] == "firmware_class.path=/caprock drm.edid_firmware=DP-1:edid/DP-1.bin,DP-2:edid/DP-2.bin "
       "video=DP-1:2560x1440@60e video=HDMI-A-2:1920x1200@60 video=DP-2:e " + OWN, "modes and EDIDs are words in front of the profile's own", text + err + str(told))

    inside = {name: data for name, _, data, _ in members(bundle())[0]}
    ok([w["initrd"] for w in told] == ["initrd", "2-initrd", "2-initrd", "3-initrd"] and inside["3-initrd"] == INITRD,
       "workstations share an initial RAM disk where theirs are the same", str(told) + str(list(inside)))
    archive, rest = members(inside["initrd"])
    ok([m[:3] for m in archive] == [("caprock", 0o40755, b""), ("caprock/edid", 0o40755, b""), ("caprock/edid/DP-1.bin", 0o100644, ours),
                                    ("caprock/edid/DP-2.bin", 0o100644, extended)], "the EDIDs are there, with their folders", str([m[:2] for m in archive]))
    ok(rest.lstrip(b"\0") == INITRD and (len(inside["initrd"]) - len(INITRD)) % 512 == 0, "and behind them, aligned, the initial RAM disk as it was")
    ok(all(m[3] == [0, 0, 1, 0] for m in archive), "nobody's, of no time")
    listed = subprocess.run(["cpio", "-t", "--quiet"], input=inside["initrd"], capture_output=True)
    ok(listed.stdout.split() == [m[0].encode() for m in archive], "cpio(1) reads them", listed.stderr.decode())
    os.utime(os.path.join(d, "ours.edid"), (1, 1))
    first = bundle()
    status, _, err = build(two, desk("same", ["output: DP-1, edid: ours.edid"]), desk("again", ["output: DP-1, edid: ours.edid"]), desk("plain", []), out="out2")
    ok(status == 0 and bundle("out2") == first, "the same site gives the same bundle", err)

    site = write(os.path.join(d, "site.yaml"), "machine: %s/tests/golden/machines/lab.yaml\nworkstations:\n" % ROOT
                 + desk("one", ["mode: 2560x1440@60, edid: ours.edid"]) + "  devices: [01:00, 06:00.0]\n")
    status, text, err = caprock("explain", site)
    ok(status == 0 and "A monitor is on the next free output, which its kernel calls DP-1, 2560x1440 at 60 Hz, with the EDID of " in text,
       "explain says which connector a head means", text + err)
    status, text, err = caprock("run", site, "--logs", os.path.join(d, "logs"), "--quiet", "--timeout", "8")
    ok(status == 4 and "what one is told of DP-1: without effect" in text + err, "and run, that a stand-in has no such connector", text + err)

    for name, data, why in (("short", ours[:100], "is shorter than the 128 bytes"), ("text", b"x" * 128, "does not begin as an EDID does"),
                            ("sum", ours[:20] + b"?" + ours[21:], "a wrong checksum"), ("cut", extended[:128], "number of extensions"),
                            ("huge", ours + bytes(1 << 20), "number of extensions")):
        write(os.path.join(d, name + ".edid"), data)
        refused(desk("one", ["output: DP-1, edid: %s.edid" % name]), why, "/sys/class/drm/", "no EDID: " + name)
    for key, where in (("edid", {"heads": ["output: DP-1, edid: nowhere"]}), ("kernel", {"kernel": "nowhere"}), ("initrd", {"initrd": "nowhere"})):
        refused(desk("one", **{"heads": ["output: DP-1, edid: ours.edid"], **where}), "nowhere: No such file", ": 1 error,", "a file that is not there is one fault: " + key)
    write(os.path.join(d, "squash"), b"hsqs" + bytes(5000))
    edid_head = ["output: DP-1, edid: ours.edid"]
    refused(desk("one", edid_head, initrd="squash"), "squash is no archive that an EDID could stand in front of", "initrd:", "an initial RAM disk that Linux does not unpack")
    refused(desk("one", edid_head, initrd=None), "it has none", "initrd:", "no initial RAM disk")
    refused(desk("one", ["output: DP-1, mode: 1920x1080"], kernel=guest("smoke")), "is no Linux bzImage", "bzImage", "no Linux")
    for bad in ("DP-1 init=x", "DP-0", "DP", "DP-1:e", "../DP-1", "D\\u00dcP-1"):
        refused(desk("one", ['output: "%s", mode: 1920x1080' % bad]), "what it names is no connector", "'DP-1'", "no connector: " + bad)
    refused(desk("one", edid_head, line=OWN + " drm.edid_firmware=edid/x.bin"), "which wins", "command-line", "a word of its own that would undo ours")
    refused(desk("one", ["output: DP-%d, mode: 1920x1080" % i for i in range(1, 18)]), "17", "16", "seventeen heads")
    many = ["output: DP-%d, mode: 1920x1080, edid: ours.edid" % i for i in range(1, 17)]
    status, text, err = build(desk("one", many))
    ok(status == 0, "sixteen fit a kernel's command line", text + err)
    refused(desk("one", many, line="x" * 1400), "the command line is longer than the 2047 characters the kernel takes", "ask for fewer heads", "which has an end")
tap.done()
