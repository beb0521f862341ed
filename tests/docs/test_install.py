#!/usr/bin/env python3
"""docs/install.md's way to boot media, word by word, on a machine file of ours; with a mistake first, whose message leads out."""
import os
import re
import shutil
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../profiles"))
from tool import PATIENCE, ROOT, caprock, guest, machine, ok, read, tap, write  # noqa: E402

text = read(ROOT, "docs/install.md")
files = dict(re.findall(r"^`rig/([a-z0-9-]+\.yaml)`[^`]*?(?:`probe`[^`]*?)?:\n\n((?:    .*\n)+)", text, re.M))
files = {name: re.sub("^    ", "", body, flags=re.M) for name, body in files.items()}
commands = re.findall(r"^    (?:sudo )?(caprock (?:check|explain|build) .*)", text, re.M)
message = re.search(r"^    (rig/\S+: error: .*)\n    (    .*)", text, re.M)
ok(sorted(files) == ["seismic-1.yaml", "site.yaml"] and len(commands) == 4 and message, "the page has its files, commands and mistake",
   str(files) + str(commands))
with tempfile.TemporaryDirectory() as d:
    rig = os.path.join(d, "rig")
    os.mkdir(rig)
    for name, body in files.items():
        write(os.path.join(rig, name), body)
    write(os.path.join(rig, "machine.yaml"), machine("rig-2"))
    shutil.copy(guest("smoke"), os.path.join(rig, "vmlinuz"))
    write(os.path.join(rig, "initrd.img"), b"\0" * 4096)

    profile = os.path.join(rig, "seismic-1.yaml")
    write(profile, files["seismic-1.yaml"].replace("16 GiB", "16"))
    status, out, err = caprock("check", "rig/site.yaml", cwd=d)
    ok(status == 3 and "\n".join(message.groups()) in out + err, "the mistake is refused with the page's words", out + err)
    size = re.search("Write '([^']+)'", out + err)
    write(profile, re.sub("^memory: .*", "memory: " + (size.group(1) if size else "?"), read(profile), flags=re.M))
    ok(read(profile) == files["seismic-1.yaml"], "what the message says to write mends it")
    for command in commands:
        status, out, err = caprock(*command.replace("/dev/sdX", "rig/out/caprock-usb.img").split()[1:], cwd=d)
        ok(status == 0, command, out + err)
    made = os.listdir(os.path.join(rig, "out"))
    ok({"caprock-usb.img", "caprock.iso", "pxe"} <= set(made) and os.path.exists(os.path.join(rig, "rig.svg")), "media and picture are there", str(made))
    status, out, err = caprock("run", "rig/site.yaml", "--no-devices", "--memory", "128M", "--logs", os.path.join(d, "logs"), "--timeout",
                               str(int(240 * PATIENCE)), cwd=d)
    said = read(d, "logs/seismic-1.log") if os.path.exists(os.path.join(d, "logs/seismic-1.log")) else ""
    ok(status == 0 and " 0 failed" in said, "the same site boots in QEMU", out + err)
tap.done()
