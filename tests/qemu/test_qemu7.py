#!/usr/bin/env python3
"""QEMU 7.2, the one of Debian 12 itself: TCG without x2APIC, an older model of everything."""
import os
import subprocess

from lab import BUILD, ROOT, Machine, Tap, boot, guest, verdict, ws

OUT = os.path.join(BUILD, "cache/qemu7")
QEMU7 = os.path.join(OUT, "root/usr/bin/qemu-system-x86_64")
SHARE = ("-L", os.path.join(OUT, "root/usr/share/qemu"), "-L", os.path.join(OUT, "root/usr/share/seabios"), "-L",
         "/usr/share/seabios")
os.environ["QEMU_MODULE_DIR"] = os.path.join(OUT, "root/usr/lib/x86_64-linux-gnu/qemu")
CPU = "EPYC,+svm,+npt"

tap = Tap()
if not os.path.exists(QEMU7):
    p = subprocess.run([os.path.join(ROOT, "tests/qemu/fetch_qemu7"), OUT], capture_output=True, text=True)
    if p.returncode:
        tap.skip("QEMU 7.2", "it cannot be had here: " + p.stderr.strip().split("\n")[-1])
        tap.done()
with Machine(kernel=guest("smoke"), smp=2, mem="256M", cpu=CPU, qemu=QEMU7, extra=SHARE, limit=90) as m:
    m.wait_end()
    verdict(tap, m.text(), "smoke on the bare emulator 7.2", m.errors)
with boot([ws("smoke", [1], "64M", guest("smoke")), ws("smp", [2, 3, 4], "64M", guest("smp"))], 5, cpu=CPU, qemu=QEMU7,
          extra=SHARE, limit=180) as m:
    m.wait_tallies(["smoke", "smp"], timeout=150)
    for n in ("smoke", "smp"):
        verdict(tap, m.text(n), n + " below the hypervisor in QEMU 7.2", m.log() + m.errors)
tap.done()
