#!/usr/bin/env python3
"""caprock top on memory we made: the numbers come out in all three forms, and no lying page is believed."""
import itertools
import json
import mmap
import os
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../qemu"))
from counters import CAUSES, CPU, DEVICE, HEADER, MAGIC, SEQUENCE, WS, Page  # noqa: E402
from lab import BUILD, Tap  # noqa: E402

tap = Tap()
CAPROCK = os.path.join(BUILD, "caprock")
AT = 17 << 20


def page(magic=MAGIC, version=1, size=None, ws_offset=None, ws_stride=WS.size, nws=2, ncpus=3, name=b"seismic-1", owner=1):
    ws = [WS.pack(name, 2, 2, 1 << 30, 61440, 4 * 10**9, 3, 7, 9, 0, 0, 0, 0, 0),
          WS.pack(b"reservoir-2", 4, 1, 2 << 30, 4096, 0, 1, 0, 0, 0, 0, 0, 0, 0)]
    cpus = [CPU.pack(i, [0xffffffff, 0, 0][i], *[100 * i + c for c in range(len(CAUSES))]) for i in range(3)]
    devices = [DEVICE.pack(0, 1, 0x08, 0x10de, 0x2204, 0x030000, owner, 1, 5, 11, 2, 0, 0, 0, 0)]
    start = HEADER.size if ws_offset is None else ws_offset
    at_cpu = HEADER.size + sum(map(len, ws))
    at_dev = at_cpu + sum(map(len, cpus))
    rows = b"".join(ws + cpus + devices)
    return HEADER.pack(magic, version, size if size is not None else HEADER.size + len(rows), 3 * 10**9, 64 * 10**9, 700 << 10, 7,
                       nws, start, ws_stride, ncpus, at_cpu, CPU.size, 1, at_dev, DEVICE.size, 0, 72 << 10, 0, 0, 0, 0, 0) + rows


def top(data, *options, at=AT):
    with tempfile.NamedTemporaryFile(dir=BUILD) as f:
        f.truncate(24 << 20)
        f.seek(at)
        f.write(data)
        f.flush()
        return subprocess.run([CAPROCK, "top", *options, f.name], capture_output=True, text=True, timeout=30)


p = top(page(), "--json")
j = json.loads(p.stdout)
tap.ok(p.returncode == 0 and [w["name"] for w in j["workstations"]] == ["seismic-1", "reservoir-2"] and
       j["workstations"][0]["exits"][CAUSES[1]] == 101 + 201 and j["devices"][0]["workstation"] == "reservoir-2" and
       j["devices"][0]["faults"] == 11, "JSON has every number where it belongs", [p.stdout, p.stderr])
p = top(page(), "--once")
tap.ok(p.returncode == 0 and "seismic-1" in p.stdout and "0:01:00" in p.stdout and "0000:01:01.0" in p.stdout,
       "the table shows workstations, uptime and devices", [p.stdout])
p = top(page(), "--metrics")
samples = [line.rsplit(" ", 1) for line in p.stdout.splitlines() if not line.startswith("#")]
tap.ok(p.returncode == 0 and all(len(s) == 2 and float(s[1]) >= 0 for s in samples) and
       ['caprock_exits_total{workstation="seismic-1",cause="%s"}' % CAUSES[0], "300"] in samples,
       "the metrics parse and add up", [p.stdout])
p = top(page(name=b'a"b\\\n{}'), "--metrics")
tap.ok('workstation="a?b??{}"' in p.stdout, "a name cannot break out of its label", [p.stdout[:400]])


def tearing(f, stop):
    """As the hypervisor writes, slowly: rows that are nothing yet, told by an odd number."""
    whole = page()
    with mmap.mmap(f.fileno(), 0) as m:
        at, row = AT + SEQUENCE, AT + len(whole) - DEVICE.size
        for n in itertools.count(1, 2):
            m[at:at + 4] = struct.pack("<I", n)
            m[row:row + DEVICE.size] = bytes(DEVICE.size)
            time.sleep(0.002)
            m[row:row + DEVICE.size] = whole[-DEVICE.size:]
            m[at:at + 4] = struct.pack("<I", n + 1)
            time.sleep(0.002)
            if stop.is_set():
                return


with tempfile.NamedTemporaryFile(dir=BUILD) as f:
    f.truncate(24 << 20)
    f.seek(AT)
    f.write(page())
    f.flush()
    stop = threading.Event()
    writer = threading.Thread(target=tearing, args=(f, stop))
    writer.start()
    seen = [json.loads(subprocess.run([CAPROCK, "top", "--json", f.name], capture_output=True, timeout=30).stdout)["devices"][0]["faults"]
            for _ in range(20)]
    own = Page(f.name, AT, len(page()))
    seen += [own.read().devices[0]["faults"] for _ in range(100)]
    stop.set()
    writer.join()
tap.ok(set(seen) == {11}, "a page that is being written is read when it is whole", [str(seen)])
for words, data in (
        ("another major version", page(version=0x20001)), ("a size below its header", page(size=8)),
        ("a size beyond reason", page(size=0x7fffffff)), ("more workstations than fit", page(nws=0x10000000)),
        ("a table before its header", page(ws_offset=8)), ("a table behind its end", page(ws_offset=0xfffffff8)),
        ("rows too short", page(ws_stride=8)), ("no magic number", page(magic=1))):
    p = top(data, "--json")
    tap.ok(p.returncode == 2 and "no counters page" in p.stderr and not p.stdout, words + ": refused", [p.stdout, p.stderr])
p = top(page(owner=99), "--json")
tap.ok(p.returncode == 0 and json.loads(p.stdout)["devices"][0]["workstation"] is None, "an owner that does not exist is nobody", [p.stderr])
p = subprocess.run([CAPROCK, "top", "/nonexistent"], capture_output=True, text=True)
tap.ok(p.returncode == 2 and "No such file" in p.stderr, "a missing file is named", [p.stderr])
tap.done()
