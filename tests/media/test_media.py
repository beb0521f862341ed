#!/usr/bin/env python3
"""
From each medium to two workstations; slots that fall back; refusals that a person in front of the
screen can read; and what a crash leaves for the next start.
"""
import os
import re
import shutil

from kit import *
from vehicle import FromMedium, disc, usb

good = make_bundle("good")
cut = make_bundle("cut", "--bad", "bundle-truncated")
foreign = make_bundle("foreign", "--bad", "cpu-unknown")
iso = medium("iso", good, "good.iso")


def tallies(shown):
    return any("GUEST smoke: " in t for t in shown)


def all_ours(shown):
    return not any("~?~" in t for t in shown)


# ---- every way in --------------------------------------------------------------------------------

with FromMedium(usb(medium("usb", good, "good.img")), uefi=True) as m:
    started(m, "USB image, UEFI")
    tap.ok(m.find("boot medium: slot a, the good one"), "USB image, UEFI: slot a was the one", m.text())
    shown = m.screen_when(lambda lines: tallies(lines) and all_ours(lines))
    tap.ok(tallies(shown) and all_ours(shown), "USB image, UEFI: the screen shows the log, every letter one of ours", shown)
for uefi in (False, True):
    with FromMedium(disc(iso), uefi=uefi) as m:
        words = "ISO by GRUB, " + ("UEFI" if uefi else "BIOS")
        started(m, words)
        shown = m.screen_when(tallies)
        tap.ok(tallies(shown) and m.resolution == (1920, 1080),
               words + ": the screen shows the log at %d x %d" % m.resolution, shown)

# ---- slots ---------------------------------------------------------------------------------------

image = medium("usb", good, "slots.img")
p = make("update", good, image)
tap.ok(p.returncode == 0 and "slot b" in p.stdout, "an update goes to slot b", [p.stdout, p.stderr])
with FromMedium(usb(image), uefi=True) as m:
    said(m, "boot medium: slot b, on trial", "the new slot is tried")
    said(m, "slot b runs and is confirmed", "it is confirmed when its workstations have started")
    m.reset()
    said(m, "boot medium: slot b, confirmed by its last run", "the next start takes it as the good one")
    started(m, "the confirmed slot")
p = make("update", foreign, image)
tap.ok(p.returncode == 0 and "slot a" in p.stdout, "the next update goes to slot a", [p.stdout, p.stderr])
with FromMedium(usb(image), uefi=True) as m:
    said(m, "boot medium: slot a, on trial", "a plan for another machine is tried")
    refused_line = m.wait("error: refused.*cpu-unknown", timeout=30)
    tap.ok(refused_line, "and refused", m.text())
    m.wait("halted", timeout=30)
    m.reset()
    said(m, "boot medium: slot b, because the other was tried and not confirmed", "the next start falls back")
    started(m, "after the fall-back")
make("update", cut, image)
with FromMedium(usb(image), uefi=True) as m:
    said(m, "slot b, because the bundle of slot a cannot be used: it ends early", "a truncated bundle falls back at once")
    started(m, "past the truncated bundle")

# ---- refusals ------------------------------------------------------------------------------------

image = medium("usb", good, "none.img")
mtools("mdel", image, "::/caprock/a.bundle")
with FromMedium(usb(image), uefi=True) as m:
    refused(m, r"/caprock/a\.bundle: it is not there; /caprock/b\.bundle: it is not there\. Copy a boot bundle",
            "no bundle on the USB image")
with FromMedium(usb(medium("usb", cut, "cut.img")), uefi=True) as m:
    refused(m, r"/caprock/a\.bundle: it ends early.*\. Copy a boot bundle", "a truncated bundle on the USB image")
with FromMedium(disc(medium("iso", cut, "cut.iso")), uefi=False) as m:
    refused(m, r"the boot bundle of \d+ bytes ends early\. Copy", "a truncated bundle on the ISO, BIOS")
with FromMedium(disc(iso), uefi=True, cpu="qemu64,-svm,+x2apic") as m:
    refused(m, "SVM|virtual", "no SVM, ISO by UEFI")

# QEMU's PVH loader puts the bundle at the end of memory: in a small machine, over the hypervisor's range.
ballast = file("ballast")
with open(ballast, "wb") as f:
    f.truncate(8 << 20)
bundle(file("large"), [dict(TWO[0], initrd=ballast)], "--smp", "4", "--memory", "1G", "--quiet")
with FromMedium([], None, kernel=ELF, initrd=file("large"), mem="34M") as m:
    said(m, r"boot bundle moved from 0x1[0-9a-f]{6} to 0x[0-9a-f]{1,6},", "a bundle in the hypervisor's range is moved")
    said(m, "refused .memory-not-ram", "and read where it is then: its plan does not fit so small a machine")
with open(ballast, "wb") as f:
    f.truncate(40 << 20)
bundle(file("large"), [dict(TWO[0], initrd=ballast)], "--smp", "4", "--memory", "1G", "--quiet")
with FromMedium([], None, kernel=ELF, initrd=file("large"), mem="58M") as m:
    refused(m, "into the hypervisor's own memory.*nowhere else.*Give the machine more memory",
            "a bundle in the hypervisor's range that fits nowhere else", look=False)

# ---- what a crash leaves -------------------------------------------------------------------------

with FromMedium(disc(iso), uefi=False) as m:
    crashes(m, "BIOS")

# ---- making media --------------------------------------------------------------------------------

for kind, out in (("usb", "x.img"), ("iso", "x.iso"), ("pxe", "x")):
    p = make(kind, file("absent"), file(out))
    tap.ok(p.returncode == 3 and "absent: No such file" in p.stderr and not os.path.exists(file(out)),
           "%s of a bundle that is not there: %s" % (kind, p.stderr.strip()))
tools = file("tools")
os.mkdir(tools)
for t in ("cp", "grub-mkrescue", "sh"):
    os.symlink(shutil.which(t), os.path.join(tools, t))
p = make("iso", good, file("x.iso"), env={"PATH": tools})
tap.ok(p.returncode == 3 and re.search(r"xorriso is not installed\. Install the Debian package xorriso\.", p.stderr),
       "a missing program is named with its package: " + p.stderr.strip())
before = os.path.getmtime(iso)
p = make("iso", file("absent"), iso)
tap.ok(p.returncode == 3 and os.path.getmtime(iso) == before, "a medium that cannot be made leaves the old one")
p = make("update", good, iso)
tap.ok(p.returncode == 3 and "no Caprock medium" in p.stderr, "an ISO cannot be updated: " + p.stderr.splitlines()[0])
tap.ok([f for f in os.listdir(folder) if re.search(r"\.[A-Za-z0-9]{6}$", f)] == [], "no scratch folder is left behind",
       os.listdir(folder))
scratch.remove()
tap.done()
