#!/usr/bin/env python3
"""The demo's choice of KVM: each obstacle is seen and named with its remedy, and without one a trial decides."""
import errno
import os
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, "../qemu"))
from accel import TCG, api_version, choose, obstacle, small_start  # noqa: E402
from lab import CPU, Tap  # noqa: E402

tap = Tap()


def machine(root, flags, module=None, nested=None):
    os.makedirs(os.path.join(root, "proc"))
    with open(os.path.join(root, "proc/cpuinfo"), "w") as f:
        f.write("processor\t: 0\nflags\t\t: fpu %s\n\nprocessor\t: 1\nflags\t\t: fpu %s\n" % (flags, flags))
    if module:
        folder = os.path.join(root, "sys/module", module, "parameters")
        os.makedirs(folder)
        with open(os.path.join(folder, "nested"), "w") as f:
            f.write(nested + "\n")


def fails(number):
    def version(_):
        raise OSError(number, os.strerror(number))
    return version


def speaks(n):
    return lambda _: n


ALL = [
    # flags, module, nested, /dev/kvm, does the trial end, words of the sentence; None: KVM is used
    ("fpu svm", "kvm_amd", "1", speaks(12), True, None),
    ("fpu vmx", "kvm_intel", "Y", speaks(12), True, None),
    ("fpu svm", "kvm_amd", "1", speaks(12), False, "a small start below KVM did not get to its end"),
    ("fpu svm", "kvm_amd", "0", speaks(12), True, "modprobe kvm_amd nested=1"),
    ("fpu vmx", "kvm_intel", "N", speaks(12), True, "modprobe kvm_intel nested=1"),
    ("fpu svm", "kvm_intel", "Y", speaks(12), True, "kvm_amd does not nest"),
    ("fpu svm", None, None, speaks(12), True, "kvm_amd does not nest"),
    ("svmx vmx_", "kvm_amd", "1", speaks(12), True, "neither SVM nor VMX"),
    ("fpu svm", "kvm_amd", "1", speaks(11), True, "version 11"),
    ("fpu svm", "kvm_amd", "1", fails(errno.ENOENT), True, "there is no /dev/kvm"),
    ("fpu svm", "kvm_amd", "1", fails(errno.EACCES), True, "group kvm"),
    ("fpu svm", "kvm_amd", "1", fails(errno.EBUSY), True, "Device or resource busy"),
]
for flags, module, nested, version, ends, words in ALL:
    with tempfile.TemporaryDirectory() as d:
        machine(d, flags, module, nested)
        tried = []
        accel, cpu, said = choose(lambda: tried.append(1) or ends, d, version)
        if words is None:
            tap.ok(accel == "kvm" and cpu.startswith("host") and said.startswith("KVM is used") and tried, "%s, %s=%s: KVM" % (flags, module, nested), [said])
        else:
            tap.ok(accel == TCG and cpu is None and words in said and said.startswith("KVM is not used: ") and len(tried) == (not ends),
                   "no KVM: %s" % words, [accel, said])
with tempfile.TemporaryDirectory() as d:
    machine(d, "fpu svm", "kvm_amd", "1")
    accel, _, said = choose(lambda: True, d, speaks(12), wanted=False)
    tap.ok(accel == TCG and "DEMO_KVM=no" in said, "DEMO_KVM=no is obeyed", [said])
    accel, _, said = choose(lambda: True, d)
    tap.ok(accel == TCG and "there is no /dev/kvm" in said, "a device that is not there is seen", [said])
    os.makedirs(os.path.join(d, "dev"))
    open(os.path.join(d, "dev/kvm"), "w").close()
    accel, _, said = choose(lambda: True, d, api_version)
    tap.ok(accel == TCG and "Inappropriate ioctl" in said, "a file that is no device is seen", [said])
tap.ok(small_start(TCG, CPU), "the trial's small start gets to its end in the emulator")
if obstacle():
    tap.ok(not small_start(), "and does not below a KVM that cannot nest")
else:
    tap.skip("a KVM that cannot nest", "this one can")
print("# here: " + choose(lambda: True)[2])
tap.done()
