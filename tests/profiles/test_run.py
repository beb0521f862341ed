#!/usr/bin/env python3
"""caprock run: consoles in files, substitutions said, an exit status for each outcome."""
import os
import tempfile

from tool import PATIENCE, ROOT, caprock, guest, ok, read, tap, write

LAB = os.path.join(ROOT, "tests/golden/machines/lab.yaml")


def run(site, *options, limit=120):
    with tempfile.TemporaryDirectory() as d:
        logs = os.path.join(d, "logs")
        status, out, err = caprock("run", write(os.path.join(d, "site.yaml"), site), "--logs", logs, "--timeout", str(int(limit * PATIENCE)), *options)
        said = {f[:-4]: read(logs, f) for f in os.listdir(logs) if f.endswith(".log")} if os.path.isdir(logs) else {}
        return status, out + err, said


# What the least site has: a kernel, cores, memory.
status, text, said = run("workstations: [{kernel: %s, cores: 1, memory: 128 MiB}]\nemulator: {cores: 2, memory: 512 MiB}\n" % guest("smoke"))
ok(status == 0 and "GUEST smoke: " in said.get("workstation-1", "") and "0 failed" in said["workstation-1"] and
   "workstation-1: powers off" in said["caprock"], "one workstation of a kernel, cores and memory runs to its end", text)

site = """machine: %s
workstations:
- {name: one, kernel: %s, cores: 1, memory: 1 GiB, devices: [01:00]}
- {name: two, kernel: %s, processors: [8, 9], memory: 64 MiB}
""" % (LAB, guest("smoke"), guest("smoke"))
status, text, said = run(site, "--no-devices", "--memory", "128M", "--quiet", limit=240)
ok(status == 0 and all("0 failed" in said.get(n, "") for n in ("one", "two")), "two workstations of a machine file run", text)
ok("0000:01:00.0 RTX A6000 (10de:2230) of one: left out" in text and "1024 MiB of memory of one: 128 MiB" in text and
   "processors of two" in text and "proves nothing about the machine" in text and "GUEST" not in text,
   "every substitution is said, and nothing is claimed of the machine", text)

for medium in ("iso", "usb"):
    status, text, said = run("workstations: [{kernel: %s, cores: 1, memory: 128 MiB}]\nemulator: {cores: 2, memory: 1 GiB}\n" % guest("smoke"),
                             "--from", medium, limit=240)
    ok(status == 0 and "0 failed" in said.get("workstation-1", ""), "it starts from the %s image, too" % medium, text)

beat = "workstations: [{name: beat, kernel: %s, cores: 1, memory: 64 MiB, command-line: seconds=600}]\nemulator: {cores: 2, memory: 512 MiB}\n" % guest("heartbeat")
status, text, said = run(beat, "--until", "beat", limit=120)
ok(status == 0 and "beat" in said.get("beat", ""), "--until ends it well", text)
status, text, _ = run(beat, limit=8)
ok(status == 4 and "the time is over" in text, "a workstation that does not end is ended by --timeout, with 4", text)
status, text, _ = run(beat, "--qemu", "no-such-emulator")
ok(status == 2 and "no-such-emulator" in text, "an emulator that is not there is 2", text)
tap.done()
