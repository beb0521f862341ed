#!/usr/bin/env python3
"""The README's walk from a machine to workstations, word by word, on a machine file of ours: to both consoles."""
import os
import re
import shutil
import tempfile

from tool import PATIENCE, ROOT, caprock, machine, ok, read, tap, write

text = read(ROOT, "README.md")
files = re.findall(r"`rig/([a-z0-9-]+\.yaml)`:\n\n```yaml\n(.*?)```", text, re.S)
commands = re.findall(r"^    build/(caprock (?:check|explain|build|run) [^#\n]*)", text, re.M)
ok(len(files) == 3 and len(commands) == 4, "the README has its files and commands", str(files) + str(commands))
with tempfile.TemporaryDirectory() as d:
    rig = os.path.join(d, "rig")
    os.mkdir(rig)
    for name, body in files:
        write(os.path.join(rig, name), body)
    write(os.path.join(rig, "machine.yaml"), machine("plain"))
    for path in ("build/cache/debian/vmlinuz", "build/debian/initrd"):
        shutil.copy(os.path.join(ROOT, path), rig)
    for command in commands:
        words = [w.strip("'") for w in re.findall(r"'[^']*'|\S+", command)[1:]]
        if words[0] == "run":
            words += ["--timeout", str(int(400 * PATIENCE)), "--logs", os.path.join(d, "logs")]
        status, out, err = caprock(*words, cwd=d)
        ok(status == 0, command.strip(), out + err)
    ok(os.path.getsize(os.path.join(rig, "out/caprock.bundle")) > 1 << 20 and os.path.exists(os.path.join(rig, "rig.svg")),
       "bundle and picture are there")
    for name in ("seismic-1", "reservoir-2"):
        log = os.path.join(d, "logs", name + ".log")
        said = read(log) if os.path.exists(log) else ""
        ok("init ready" in said and "Linux version" in said, "%s has reached its console" % name, said)
tap.done()
