#!/usr/bin/env python3
"""
From each medium and each firmware to two workstations; slots that fall back; refusals that a person
in front of the screen can read; and what a crash leaves for the next start.
"""
import os
import re
import shutil
import subprocess
import tempfile
import time

from vehicle import BUILD, ELF, FromMedium, Tap, bundle, disc, guest, usb, verdict, ws

EFI = os.path.join(BUILD, "BOOTX64.EFI")
MKMEDIA = os.path.join(BUILD, "tests/mkmedia")
TWO = [ws("one", [1], "64M", guest("smoke")), ws("two", [2, 3], "64M", guest("smoke"))]
FRAMEBUFFER = ("-vga", "none", "-device", "VGA,edid=on,refresh_rate=30000,xres=%d,yres=%d,vgamem_mb=64")

tap = Tap()
folder = tempfile.mkdtemp(prefix="caprock-media-", dir=BUILD)


def file(name):
    return os.path.join(folder, name)


def make(kind, source, out, elf=ELF, env=None):
    return subprocess.run([MKMEDIA, kind, elf, EFI, source, out], capture_output=True, text=True, env=env)


def medium(kind, source, name):
    p = make(kind, source, file(name))
    if p.returncode:
        raise RuntimeError(p.stderr)
    return file(name)


def make_bundle(name, *options):
    bundle(file(name), TWO, "--smp", "4", "--memory", "1G", "--quiet", *options)
    return file(name)


def mtools(program, image, *words):
    subprocess.run([program, "-i", image + "@@1M", *words], check=True, capture_output=True)


def started(m, words, timeout=60):
    m.wait_tallies(["one", "two"], timeout=timeout)
    verdict(tap, m.text("one"), words + ", workstation one", m.log())
    verdict(tap, m.text("two"), words + ", workstation two", m.log())


def said(m, pattern, words, timeout=60):
    found = m.wait(pattern, timeout=timeout)
    return tap.ok(found, words, m.log()[-30:] + m.errors)


def refused(m, pattern, words, look=True):
    """One line on the serial port, the same on the screen, then a halt, and no workstation."""
    m.wait("halted", timeout=60)
    lines = [t for t in m.text() if t.startswith("error: ")]
    hits = [t for t in lines if re.search(pattern, t)]
    tap.ok(len(hits) == 1 and len(lines) == 2 and lines[-1] == "error: halted" and not m.find("started on"),
           "%s: refused, once, then halted: %s" % (words, hits[0][7:] if hits else "not named"), m.log()[-20:] + m.errors)
    if not look:
        return
    shown = m.screen()
    flat = "".join(shown)  # a long line is broken where the screen ends, in mid-word
    tap.ok(hits and hits[0].replace(" ", "") in flat.replace(" ", "") and "error: halted" in flat,
           words + ": the screen shows it, letter for letter", shown)


good = make_bundle("good")
cut = make_bundle("cut", "--bad", "bundle-truncated")
foreign = make_bundle("foreign", "--bad", "cpu-unknown")
iso = medium("iso", good, "good.iso")

# ---- every way in --------------------------------------------------------------------------------

with FromMedium(usb(medium("usb", good, "good.img")), uefi=True) as m:
    started(m, "USB image, UEFI")
    tap.ok(m.find("boot medium: slot a, the good one"), "USB image, UEFI: slot a was the one", m.text())
    shown = m.screen()
    tap.ok(any("GUEST smoke: " in t for t in shown) and not any("~?~" in t for t in shown),
           "USB image, UEFI: the screen shows the log, every letter one of ours", shown)
for uefi in (False, True):
    with FromMedium(disc(iso), uefi=uefi) as m:
        words = "ISO by GRUB, " + ("UEFI" if uefi else "BIOS")
        started(m, words)
        shown = m.screen()
        tap.ok(any("GUEST smoke: " in t for t in shown) and m.resolution == (1920, 1080),
               words + ": the screen shows the log at %d x %d" % m.resolution, shown)
pxe = medium("pxe", good, "pxe")
for uefi, name in ((False, "boot/grub/i386-pc/core.0"), (True, "boot/grub/x86_64-efi/core.efi")):
    card = ["-netdev", "user,id=net,tftp=%s,bootfile=%s" % (pxe, name), "-device", "virtio-net-pci,netdev=net,bootindex=0"]
    with FromMedium(card, uefi=uefi) as m:
        started(m, "PXE folder by GRUB, " + ("UEFI" if uefi else "BIOS"))

# ---- Secure Boot: OVMF with the keys that came with it, ours signed by one of them ----------------

SNAKEOIL = "/usr/share/ovmf/PkKek-1-snakeoil."
SECURE = dict(uefi=True, code="/usr/share/OVMF/OVMF_CODE_4M.secboot.fd", variables="/usr/share/OVMF/OVMF_VARS_4M.snakeoil.fd",
              machine="q35,smm=on")
key = file("key")
subprocess.run(["openssl", "rsa", "-in", SNAKEOIL + "key", "-passin", "pass:snakeoil", "-out", key], check=True, capture_output=True)
subprocess.run(["sbsign", "--key", key, "--cert", SNAKEOIL + "pem", "--output", file("signed.efi"), EFI], check=True,
               capture_output=True)
image = medium("usb", good, "secure.img")
with FromMedium(usb(image), **SECURE) as m:
    denied = m.wait(r"Access Denied|Security Violation", timeout=60)
    tap.ok(denied and not m.find("Caprock"), "Secure Boot: the firmware refuses the unsigned program", m.log()[-20:])
mtools("mcopy", image, "-o", file("signed.efi"), "::/EFI/BOOT/BOOTX64.EFI")
with FromMedium(usb(image), **SECURE) as m:
    # This firmware can sleep to RAM and keeps 8 to 24 MiB for waking up.
    m.wait("^halted", timeout=60)
    tap.ok(m.find("firmware keeps memory at 16-21 MiB") and m.find("Switch off .*S3 sleep"),
           "memory that the firmware keeps: said before it is left, with a remedy", m.log()[-20:])
with FromMedium(usb(image) + ["-global", "ICH9-LPC.disable_s3=1"], **SECURE) as m:
    started(m, "Secure Boot, the program signed")

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
for width, height in ((1920, 1080), (3840, 2160)):
    vga = tuple(w % (width, height) if "%d" in w else w for w in FRAMEBUFFER)
    with FromMedium(usb(medium("usb", cut, "cut.img")), uefi=True, vga=vga) as m:
        refused(m, r"/caprock/a\.bundle: it ends early.*\. Copy a boot bundle",
                "a truncated bundle on the USB image, %d x %d" % (width, height))
        tap.ok(m.resolution == (width, height), "the screen has %d x %d pixels" % m.resolution)
with FromMedium(disc(medium("iso", cut, "cut.iso")), uefi=False) as m:
    refused(m, r"the boot bundle of \d+ bytes ends early\. Copy", "a truncated bundle on the ISO, BIOS")
with FromMedium(disc(iso), uefi=True, cpu="qemu64,-svm,+x2apic") as m:
    refused(m, "SVM|virtual", "no SVM, ISO by UEFI")

# QEMU's PVH loader puts the bundle at the end of memory: in a small machine, over the hypervisor's range.
ballast = file("ballast")
with open(ballast, "wb") as f:
    f.truncate(8 << 20)
bundle(file("large"), [dict(TWO[0], initrd=ballast)], "--smp", "4", "--memory", "1G", "--quiet")
with FromMedium([], None, kernel=ELF, initrd=file("large"), mem="26M") as m:
    said(m, r"boot bundle moved from 0x1[0-4][0-9a-f]+ to 0x[0-9a-f]{1,6},", "a bundle in the hypervisor's range is moved")
    said(m, "refused .memory-not-ram", "and read where it is then: its plan does not fit so small a machine")
with open(ballast, "wb") as f:
    f.truncate(40 << 20)
bundle(file("large"), [dict(TWO[0], initrd=ballast)], "--smp", "4", "--memory", "1G", "--quiet")
with FromMedium([], None, kernel=ELF, initrd=file("large"), mem="58M") as m:
    refused(m, "into the hypervisor's own memory.*nowhere else.*Give the machine more memory",
            "a bundle in the hypervisor's range that fits nowhere else", look=False)

# ---- what a crash leaves -------------------------------------------------------------------------

for devices, uefi, words in ((disc(iso), False, "BIOS"), (usb(file("good.img")), True, "UEFI")):
    with FromMedium(devices, uefi=uefi) as m:
        m.wait_tallies(["one", "two"], timeout=60)
        # A machine check with its context corrupt, on the host core: bank 1, VAL UC EN MISCV ADDRV PCC.
        m.qmp("human-monitor-command", **{"command-line": "mce 0 1 0xbd00000000000000 0x5 0 0"})
        said(m, "panic: exception 18", "a machine check ends in a panic, " + words)
        said(m, r"(at|from) 0x[0-9a-f]+ host_loop\+0x", "its trace has names, " + words)
        m.wait("error: halted", timeout=30)
        time.sleep(1)  # the firmware's store is written last
        shown = "\n".join(m.screen())
        tap.ok("panic: exception 18" in shown and "error: halted" in shown, "the panic is on the screen, " + words,
               shown.splitlines())
        m.reset()
        said(m, "the last run ended in a crash", "the next start tells of the crash, " + words)
        said(m, r"\| .*panic: exception 18", "with its own words, " + words)
        started(m, "after the crash, " + words)
        m.reset()
        m.wait("cores online", timeout=60)
        tap.ok(not m.find("ended in a crash"), "the start after that does not tell again, " + words, m.text())

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
shutil.rmtree(folder, ignore_errors=True)
tap.done()
