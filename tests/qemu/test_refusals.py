#!/usr/bin/env python3
"""
Every plan and bundle that mkbundle can spoil, and machines that do not fit: each ends in one clear
line with a remedy, then a halt that a person can read; never a silent hang, never a workstation.
"""
import re
import subprocess

from lab import ELF, MKBUNDLE, Machine, Tap, boot, guest, ws

tap = Tap()
ONE = [ws("one", [1], "64M", guest("smoke"))]
TWO = [ws("one", [2, 3], "64M", guest("smoke")), ws("two", [4, 5], "64M", guest("smoke"))]
DEVICES = ("device-unknown", "device-identity")  # their machine has an IOMMU: see the tests of passthrough
# Where the hypervisor's words are about its own way of reading, not the rule's name.
WORDS = {"no-plan": "no plan", "bundle-truncated": "bundle", "missing-kernel": "no file 'no-such-member'"}


def refused(words, pattern, machine, end="halted"):
    with machine as m:
        m.wait(end, timeout=40)
        lines = [t for t in m.text() if t.startswith("error: ")]
        said = [t for t in lines if re.search(pattern, t, re.I)]
        tap.ok(bool(said) and not m.find("panic"), "%s: %s" % (words, said[0][7:] if said else "not named"),
               m.log()[-25:] + m.errors)
        if end == "halted":
            tap.ok(bool(m.find("halted")) and not m.find("started on"), words + ": it halts and starts nobody", m.log()[-25:])
        # What is wrong, and after a full stop what to do about it.
        tap.ok(any(re.search(r"\. [A-Z].{10,}", t) for t in said + lines), words + ": there is a remedy", lines)


refused("one core", "only one core", boot(ONE, 2, limit=60, actual_smp=1))
refused("no module", "no boot bundle", Machine(kernel=ELF, smp=2, limit=60))
refused("no SVM", "SVM|virtual", boot(ONE, 2, cpu="qemu64,-svm,+x2apic", limit=60))
refused("no nested paging", "nested|NPT", boot(ONE, 2, cpu="EPYC,+svm,-npt,+x2apic", limit=60))
refused("less memory than the plan was made for", "memory-not-ram|RAM|bundle", boot(
    [ws("one", [1], "512M", guest("smoke"))], 2, limit=60, actual_mem="256M"))
refused("no room for the hypervisor", "RAM|memory", boot(ONE, 2, limit=60, actual_mem="18M"))
refused("a core that is not there", "cpu-unknown", boot([ws("one", [3], "64M", guest("smoke"))], 4, limit=60, actual_smp=3))

for line in subprocess.run([MKBUNDLE, "-o", "/dev/null", "--bad", "list"], capture_output=True, text=True).stdout.splitlines():
    how, says = re.match(r"(\S+)\s+(.*)", line).groups()
    if how in DEVICES:
        continue
    if says == "(accepted)":
        with boot(TWO, 6, options=("--bad", how), limit=60) as m:
            started = m.wait("^GUEST", "one", timeout=50)
            tap.ok(started, "%s: is accepted, as it should be" % how, m.log()[-25:])
        continue
    threads = how == "smt-split"
    refused(how, re.escape(says) if how not in WORDS else WORDS[how],
            boot(TWO, 6, options=("--bad", how) + (("--threads", "2") if threads else ()), limit=60,
                 **({"smp_words": "6,threads=2"} if threads else {})),
            end="no-such-member" if how == "missing-kernel" else "halted")
tap.done()
