"""Whether KVM can run the demo's hypervisor, whose workstations then are nested guests; and the sentence that says so."""
import errno
import fcntl
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../qemu"))
from lab import boot, guest, text_of, ws  # noqa: E402

GET_API_VERSION, API_VERSION = 0xAE00, 12  # linux/kvm.h
# By the processor's flag: the module that nests it.
NESTS = {"svm": "kvm_amd", "vmx": "kvm_intel"}
TCG = "tcg,thread=multi"
KVM_CPU = "host,+x2apic,migratable=off,+invtsc"


def api_version(path):
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        return fcntl.ioctl(fd, GET_API_VERSION, 0)
    finally:
        os.close(fd)


def obstacle(root="/", version=api_version):
    """Why KVM cannot be used, with what to do about it; "" when nothing speaks against a try."""
    device = os.path.join(root, "dev/kvm")
    try:
        got = version(device)
    except OSError as e:
        if e.errno == errno.ENOENT:
            return "there is no /dev/kvm"
        if e.errno == errno.EACCES:
            return "/dev/kvm may not be opened: add yourself to the group kvm, or use sudo"
        return "/dev/kvm cannot be used (%s)" % e.strerror
    if got != API_VERSION:
        return "/dev/kvm speaks version %d of its interface, not %d" % (got, API_VERSION)
    flags = set()
    for line in text_of(os.path.join(root, "proc/cpuinfo")).splitlines():
        if line.startswith("flags"):
            flags = set(line.partition(":")[2].split())
            break
    module = next((NESTS[f] for f in NESTS if f in flags), None)
    if not module:
        return "the processor shows neither SVM nor VMX (a virtual machine whose host does not nest, or switched off in the firmware)"
    nested = text_of(os.path.join(root, "sys/module", module, "parameters/nested")).strip()
    if nested not in ("1", "Y"):
        return "%s does not nest: modprobe -r %s && modprobe %s nested=1" % (module, module, module)
    return ""


def small_start(accel="kvm", cpu=KVM_CPU):
    """Does a tiny workstation below the hypervisor get to its end there?"""
    with boot([ws("smoke", [1], "64M", guest("smoke"))], 2, accel=accel, cpu=cpu, machine="q35,kernel-irqchip=split", limit=60) as m:
        return not m.wait_tallies(["smoke"]) and bool(m.find("GUEST smoke: [1-9][0-9]* passed, 0 failed", "smoke"))


def choose(trial, root="/", version=api_version, wanted=True):
    """(QEMU's accelerator, its processor or None for the emulator's, the sentence). trial(): does a small start below KVM get to its end?"""
    why = obstacle(root, version) if wanted else "DEMO_KVM=no"
    if not why and not trial():
        why = "a small start below KVM did not get to its end"
    if why:
        return TCG, None, "KVM is not used: %s. The emulator runs everything." % why
    return "kvm", KVM_CPU, "KVM is used, workstations are nested guests: times are not those of the emulator."
