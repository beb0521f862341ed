#!/usr/bin/env python3
"""mkguest.py OUT CAPROCK FOLDER: an initrd for Debian's kernel in FOLDER (its package lies there) with caprock, lspci,
busybox and the modules that guest_init.sh asks for; libraries are this machine's own."""
import glob
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../guests/debian"))
from mkinitrd import member, write  # noqa: E402

MODULES = ["virtio_pci", "virtio_gpu", "bochs", "igb", "nvme", "vfio-pci", "vfio_iommu_type1"]
FILES = ["/usr/share/misc/pci.ids"]


def which(name):
    for d in ("/bin", "/usr/bin", "/sbin", "/usr/sbin"):
        if os.path.exists(os.path.join(d, name)):
            return os.path.join(d, name)
    sys.exit("mkguest.py: there is no %s; run 'make deps'" % name)


def libraries(program):
    out = subprocess.run(["ldd", program], capture_output=True, text=True).stdout
    return re.findall(r"(/\S+) \(0x", out)


def modules(folder, work):
    """Each module with what it needs, and depmod's tables."""
    deb = sorted(glob.glob(os.path.join(folder, "linux-image-*.deb")))[0]
    subprocess.run("dpkg --fsys-tarfile '%s' | tar -x -C '%s' --wildcards './lib/modules/*/kernel/drivers/*' "
                   "'./lib/modules/*/kernel/lib/*' './lib/modules/*/kernel/virt/*' './lib/modules/*/kernel/arch/*' "
                   "'./lib/modules/*/kernel/crypto/*' './lib/modules/*/kernel/block/*' './lib/modules/*/modules.*'" % (deb, work),
                   shell=True, check=True)
    version = os.listdir(os.path.join(work, "lib/modules"))[0]
    subprocess.run([which("depmod"), "-b", work, version], check=True, stderr=subprocess.DEVNULL)
    root = os.path.join(work, "lib/modules", version)
    needs = {}
    for line in open(os.path.join(root, "modules.dep")):
        name, _, rest = line.partition(":")
        needs[os.path.basename(name).split(".")[0].replace("-", "_")] = [name] + rest.split()
    wanted = set(sum((needs[m.replace("-", "_")] for m in MODULES), []))
    return [os.path.join("lib/modules", version, f) for f in sorted(wanted) + ["modules.dep"]]


def main(out, caprock, folder):
    found = {}
    for path in [which("lspci")] + FILES + libraries(caprock) + libraries(which("lspci")):
        found[path.lstrip("/")] = path
    found["bin/busybox"] = which("busybox")
    found["bin/caprock"] = caprock
    found["bin/lspci"] = found.pop(which("lspci").lstrip("/"))
    found["init"] = os.path.join(HERE, "guest_init.sh")
    with tempfile.TemporaryDirectory() as work:
        for f in modules(folder, work):
            found[f] = os.path.join(work, f)
        folders = {"dev", "proc", "sys", "sbin", "tmp", "etc"}
        for name in found:
            parts = name.split("/")[:-1]
            folders |= {"/".join(parts[:i + 1]) for i in range(len(parts))}
        members = [member(f, 0o40755) for f in sorted(folders)]
        members.append(member("dev/console", 0o20600, rdev=(5, 1)))
        members.append(member("etc/passwd", 0o100644, b"root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n"))
        for name, path in sorted(found.items()):
            with open(path, "rb") as f:
                members.append(member(name, 0o100755, f.read()))
        write(out, members)


if __name__ == "__main__":
    main(*sys.argv[1:])
