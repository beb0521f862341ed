#!/usr/bin/env python3
"""
mkimage.py [--mesa] OUT DEBS INIT PROGRAM...: an initrd with the programs given, the libraries they are
linked with, busybox, and the kernel modules the drm test's guest needs (from the linux-image package
in the folder DEBS); with --mesa also what OpenGL loads at run time. Everything comes from this Debian,
so nothing is downloaded.
"""
import glob
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../guests/debian"))
from mkinitrd import member, write  # noqa: E402

MODULES = ["virtio_pci", "virtio_net", "virtio_gpu", "bochs", "uinput", "evdev"]
USERS = "root:x:0:0::/:/bin/sh\ndesk:x:1000:1000::/home/desk:/bin/sh\n"
APPLETS = "sh chmod mount insmod mkdir ip grep sleep cat ls su chown poweroff stty id".split()


def libraries(programs):
    found = {}
    for p in programs:
        text = subprocess.run(["ldd", p], capture_output=True, text=True).stdout  # fails on static ones
        for m in re.finditer(r"(?:(\S+) => )?(/\S+) \(0x", text):
            found[m.group(1) or m.group(2)] = m.group(2)
    return found


def mesa():
    """What EGL and GBM open by name: the driver and its libraries, and the vendor's description."""
    base = "/usr/lib/x86_64-linux-gnu/"
    found = [base + "libEGL_mesa.so.0", base + "dri/virtio_gpu_dri.so"]
    found += glob.glob(base + "gbm/*.so") + glob.glob(base + "libgallium-*.so") + glob.glob(base + "dri/libdril*.so")
    return [f for f in found if os.path.exists(f)], glob.glob("/usr/share/glvnd/egl_vendor.d/*.json")


def modules(root):
    """The modules and what they depend on, in an order in which they can be loaded."""
    paths = {os.path.basename(p)[:-3].replace("-", "_"): p
             for p in glob.glob(os.path.join(root, "lib/modules/*/kernel/**/*.ko"), recursive=True)}
    order = []

    def need(name):
        if name in order or name not in paths:  # not a file: built in
            return
        depends = re.search(rb"\0depends=([^\0]*)\0", b"\0" + open(paths[name], "rb").read())
        for d in (depends.group(1).decode().split(",") if depends and depends.group(1) else []):
            need(d.replace("-", "_"))
        order.append(name)

    for m in MODULES:
        need(m)
    return [(n, paths[n]) for n in order]


def main():
    args = [a for a in sys.argv[1:] if a != "--mesa"]
    out, debs, init, programs = args[0], args[1], args[2], args[3:]
    deb = sorted(glob.glob(os.path.join(debs, "linux-image-*.deb")))
    if not deb:
        sys.exit("mkimage.py: no linux-image package in %s" % debs)
    files = {}
    with tempfile.TemporaryDirectory() as tmp:
        subprocess.run(["dpkg", "-x", deb[0], tmp], check=True)
        mods = modules(tmp)
        for name, path in mods:
            files["modules/" + name + ".ko"] = open(path, "rb").read()
    files["modules/order"] = "".join(n + ".ko\n" for n, _ in mods).encode()
    busybox = "/usr/bin/busybox" if os.path.exists("/usr/bin/busybox") else "/bin/busybox"
    for p in programs + [busybox]:
        files["bin/" + os.path.basename(p)] = open(p, "rb").read()
    drivers, texts = mesa() if "--mesa" in sys.argv else ([], [])
    for p in drivers + texts:
        files[p.lstrip("/")] = open(p, "rb").read()
    for name, path in libraries(programs + drivers + [busybox]).items():
        where = name if name.startswith("/") else os.path.join("/lib/x86_64-linux-gnu", name)
        files[where.lstrip("/")] = open(path, "rb").read()
    files["init"] = open(init, "rb").read()
    files["etc/passwd"] = USERS.encode()
    files["etc/group"] = b"root:x:0:\ndesk:x:1000:\n"
    files["etc/nsswitch.conf"] = b"passwd: files\ngroup: files\nhosts: files\n"
    folders = {"dev", "proc", "sys", "tmp", "run", "home"}
    for f in files:
        d = os.path.dirname(f)
        while d:
            folders.add(d)
            d = os.path.dirname(d)
    members = [member(d, 0o41777 if d == "tmp" else 0o40755) for d in sorted(folders)]
    members.append(member("dev/console", 0o20600, rdev=(5, 1)))
    members += [member("bin/" + a, 0o120777, b"busybox") for a in APPLETS]
    for name, data in files.items():
        runs = name.startswith(("bin/", "init")) or ".so" in name
        members.append(member(name, 0o100755 if runs else 0o100644, data))
    write(out, members)


main()
