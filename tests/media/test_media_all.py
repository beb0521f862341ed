#!/usr/bin/env python3
"""The network, Secure Boot, the crash record in the firmware's store, and large screens."""
import subprocess

from kit import *
from vehicle import FromMedium, usb

good = make_bundle("good")
cut = make_bundle("cut", "--bad", "bundle-truncated")

# ---- the network ---------------------------------------------------------------------------------

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
    tap.ok(m.find(r"firmware keeps memory at 16-\d+ MiB") and m.find("Switch off .*S3 sleep"),
           "memory that the firmware keeps: said before it is left, with a remedy", m.log()[-20:] + m.errors)
with FromMedium(usb(image) + ["-global", "ICH9-LPC.disable_s3=1"], **SECURE) as m:
    started(m, "Secure Boot, the program signed")

# ---- what a crash leaves in the firmware's store -------------------------------------------------

with FromMedium(usb(medium("usb", good, "good.img")), uefi=True) as m:
    crashes(m, "UEFI")

# ---- large screens -------------------------------------------------------------------------------

for width, height in ((1920, 1080), (3840, 2160)):
    vga = ("-vga", "none", "-device", "VGA,edid=on,refresh_rate=30000,xres=%d,yres=%d,vgamem_mb=64" % (width, height))
    with FromMedium(usb(medium("usb", cut, "cut.img")), uefi=True, vga=vga) as m:
        refused(m, r"/caprock/a\.bundle: it ends early.*\. Copy a boot bundle",
                "a truncated bundle on the USB image, %d x %d" % (width, height))
        tap.ok(m.resolution == (width, height), "the screen has %d x %d pixels" % m.resolution)
scratch.remove()
tap.done()
