#!/usr/bin/env python3
"""
modules.py DEB OUT NAME...: unpack these modules of a Debian kernel package and all they depend on
into the folder OUT, with a file `order` that names them in the order they can be loaded.
"""
import io
import os
import re
import subprocess
import sys
import tarfile

deb, out, names = sys.argv[1], sys.argv[2], sys.argv[3:]
data = subprocess.run(["dpkg-deb", "--fsys-tarfile", deb], check=True, capture_output=True).stdout
tar = tarfile.open(fileobj=io.BytesIO(data))
members = {re.sub(r"\.ko$", "", os.path.basename(m.name)).replace("-", "_"): m for m in tar if m.name.endswith(".ko")}
order = []


def add(name):
    if name in order:
        return
    if name not in members:
        sys.exit("modules.py: %s has no module %s" % (deb, name))
    module = tar.extractfile(members[name]).read()
    # .modinfo (Linux, kernel/module/main.c): NUL-separated key=value
    depends = re.search(rb"\0depends=([^\0]*)\0", module).group(1).decode()
    for d in filter(None, depends.split(",")):
        add(d.replace("-", "_"))
    order.append(name)
    with open(os.path.join(out, name + ".ko"), "wb") as f:
        f.write(module)


os.makedirs(out, exist_ok=True)
for n in names:
    add(n.replace("-", "_"))
with open(os.path.join(out, "order"), "w") as f:
    f.write("".join(n + "\n" for n in order))
