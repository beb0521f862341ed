#!/usr/bin/env python3
"""Twenty-odd mistakes people make in a profile, and the hint that each must get, with its place."""
import json
import os
import tempfile

from tool import ROOT, caprock, guest, ok, tap, write

GOOD = {
    "name": "desk-1", "cores": "2", "memory": "1 GiB", "kernel": guest("smoke"),
    "devices": "[{device: 05:00.0}]", "heads": "[]", "stream": "{port: 5900}",
}
SITE = os.path.join(ROOT, "tests/golden/machines/lab.yaml")
# what is written wrong (key, or key and value), what the remedy must say
TYPOS = [
    ({"memory": None, "memroy": "1 GiB"}, "Did you mean 'memory'?"),
    ({"memory": None, "ram": "1 GiB"}, "Did you mean 'memory'?"),
    ({"cores": None, "core": "2"}, "Did you mean 'cores'?"),
    ({"cores": None, "vcpus": "2"}, "Did you mean 'cores'?"),
    ({"cores": None, "Cores": "2"}, "Did you mean 'cores'?"),
    ({"kernel": None, "kernal": "x"}, "Did you mean 'kernel'?"),
    ({"cmdline": "quiet"}, "Did you mean 'command-line'?"),
    ({"command_line": "quiet"}, "Did you mean 'command-line'?"),
    ({"devices": None, "device": "[05:00.0]"}, "Did you mean 'devices'?"),
    ({"hostdevs": "[05:00.0]"}, "Did you mean 'devices'?"),
    ({"monitors": "[]"}, "Did you mean 'heads'?"),
    ({"autosatrt": "yes"}, "Did you mean 'autostart'?"),
    ({"xyzzy": "1"}, "Use one of: name, "),
    ({"memory": "1 GB"}, "Write '1 GiB'"),
    ({"memory": "64G"}, "Write '64 GiB'"),
    ({"memory": "1.5 GiB"}, "Write '1536 MiB'"),
    ({"memory": "8"}, "Write '8 GiB'"),
    ({"memory": "32 MiB"}, "from 64 MiB to 64 TiB"),
    ({"cores": "two"}, "Write a whole number"),
    ({"cores": "0"}, "from 1 to 4096"),
    ({"role": "admin"}, "Choose desk or service"),
    ({"role": "servce"}, "Did you mean 'service'?"),
    ({"autostart": "maybe"}, "Write yes or no"),
    ({"devices": "[{device: 5:0:0}]"}, "Write it as lspci does, '01:00.0'"),
    ({"devices": "[{ids: '10de-2204'}]"}, "as '10de:2204'"),
    ({"devices": "[{class: gpu}]"}, "Choose any, display, audio"),
    ({"devices": "[{device: 05:00.0, romfile: x}]"}, "Did you mean 'rom'?"),
    ({"devices": "[{device: 05:00.0, p2p: own}]"}, "Did you mean 'peer-to-peer'?"),
    ({"heads": "[{output: DP-1, mode: 4K}]"}, "as '2560x1440@60'"),
    ({"heads": "[{output: DP-1, resolution: 2560x1440}]"}, "Did you mean 'mode'?"),
    ({"stream": "{prot: 5900}"}, "Did you mean 'port'?"),
    ({"stream": "{port: 99999}"}, "from 1 to 65535"),
    ({"uuid": "1234"}, "leave it out"),
    ({"processors": "[2, x]", "cores": None}, "as '[2, 3, 8-11]'"),
    ({"near": "node0"}, "Write 'gpu', 'any' or the number"),
]

def check(profile):
    with tempfile.TemporaryDirectory() as d:
        lines = ["machine: " + SITE, "workstations:", "-"] + ["  %s: %s" % kv for kv in profile.items() if kv[1] is not None]
        status, text, _ = caprock("check", "--json", write(os.path.join(d, "site.yaml"), "\n".join(lines) + "\n"))
        return status, json.loads(text), lines


# Every spelling of an address means the same card.
for text in ("05:00.0", "0000:05:00.0", "pci_0000_05_00_0", "pci-0000:05:00.0", "05:00", "0000:05:00", "0000:00/01.4/00.0", "5:0.0"):
    status, found, _ = check({**GOOD, "stream": None, "devices": "[%s]" % text})
    ok(status == 0 and not found, "'%s' is the disk" % text, str(found))

for change, hint in TYPOS:
    words = ", ".join("%s: %s" % (k, v) for k, v in change.items() if v is not None)
    status, found, lines = check({**GOOD, "stream": None, **change})
    errors = [f for f in found if f["severity"] == "error"]
    key = [k for k, v in change.items() if v is not None][0]
    line = [i + 1 for i, l in enumerate(lines) if l.startswith("  %s: " % key)][0]
    ok(status == 3 and len(errors) == 1 and hint in errors[0]["remedy"] and errors[0]["line"] == line and errors[0]["column"] >= 3,
       "'%.60s' gets: %s" % (words, hint), str(errors))

# Several at once all come out.
status, found, _ = check({**GOOD, "memroy": "1", "cores": "x", "role": "y", "stream": "{prot: 1}"})
ok(len([f for f in found if f["severity"] == "error"]) == 4, "four faults are shown in one run", str(found))
tap.done()
