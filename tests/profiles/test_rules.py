#!/usr/bin/env python3
"""Every rule's examples: the good site passes without a word, the bad one gets exactly the expected diagnostic.

Some texts tell addresses and sizes that follow from what the hypervisor keeps for itself (core/abi.h) and from the
files a site names; those examples start a kernel that is made here, so that the numbers stay.

test_rules.py --write: take what is said now as expected; read it before committing it.
"""
import json
import os
import re
import struct
import subprocess
import sys

from tool import BUILD, CAPROCK, ROOT, caprock, edid, machine, ok, read, tap, tiny_bzimage, write

RULECHECK = os.path.join(BUILD, "tests/rulecheck")
RULES = os.path.join(ROOT, "tests/golden/rules")
MACHINES = os.path.join(ROOT, "tests/golden/machines")


def run(args, cwd):
    p = subprocess.run(args, cwd=cwd, capture_output=True, text=True)
    return p.returncode, p.stdout + p.stderr


def tiny_kernel():
    """The least ELF64 with a PVH note: it halts. With what makes it two pages long."""
    entry, note, code = 0x100000, 64 + 2 * 56, b"\xf4\xeb\xfd".ljust(8000, b"\x90")
    data = b"\x7fELF\2\1\1".ljust(16, b"\0") + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, entry + note + 20, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    data += struct.pack("<IIQQQQQQ", 1, 5, 0, entry, entry, note + 20 + len(code), note + 20 + len(code), 4096)
    data += struct.pack("<IIQQQQQQ", 4, 4, note, entry + note, entry + note, 20, 20, 4)
    return data + struct.pack("<III4sI", 4, 4, 18, b"Xen", entry + note + 20) + code


write(os.path.join(BUILD, "tests/tiny.elf"), tiny_kernel())
write(os.path.join(BUILD, "tests/tiny.bzimage"), tiny_bzimage())
write(os.path.join(BUILD, "tests/tiny.initrd"), b"\x1f\x8b" + bytes(30))
write(os.path.join(BUILD, "tests/monitor.edid"), edid(1600, 1000, "Ours"))
write(os.path.join(BUILD, "tests/broken.edid"), edid(1600, 1000, "Ours")[:-1] + b"?")
known = {l.split()[0]: l.split()[1] for l in caprock("help", "rules")[1].splitlines()}
folders = sorted(os.listdir(RULES))
ok(folders == sorted(known), "each rule has a folder of examples, and each folder a rule", str(set(folders) ^ set(known)))
sources = sorted(f[:-2].replace("_", "-") for f in os.listdir(os.path.join(ROOT, "profiles/rules")) if f.endswith(".c"))
ok(sorted(known) == [s for s in sources if s not in ("common", "rules")], "each rule is a file, and each file a rule")
proof = re.findall(r'RULE\(\w+, "([a-z-]+)"\)', read(ROOT, "core/partition/rules.def"))
ok(len(proof) > 25 and all(p in known for p in proof), "every refusal of the proof is a rule", str([p for p in proof if p not in known]))

for name in sorted(os.listdir(MACHINES)):
    ok(machine(name[:-5]) == read(MACHINES, name), "machine %s is what machine.py makes" % name)

for rule in folders:
    d = os.path.join(RULES, rule)
    status, text = run([CAPROCK, "check", "good.yaml"], d)
    ok(status == 0 and ": good: " in text and len(text.splitlines()) == 1,
       "%s: the good site passes" % rule, text)
    damage = re.match(r"# damage: (\S+)", read(d, "bad.yaml"))
    args = [RULECHECK, damage.group(1), "bad.yaml"] if damage else [CAPROCK, "check", "bad.yaml"]
    status, text = run(args, d)
    wanted = 3 if known[rule] == "error" else 0
    path = os.path.join(d, "expected")
    if "--write" in sys.argv:
        write(path, text)
    expected = read(path) if os.path.exists(path) else ""
    ok(status == wanted and text == expected, "%s: the bad site is told so" % rule, "status %s\n%s" % (status, text))
    said = re.findall(r"\(([a-z0-9-]+)\)$", expected, re.M)
    ok(set(said) == {rule}, "%s: and of nothing else" % rule, str(said))
    lines = expected.splitlines()
    ok(all(re.match(r"\S+?(:\d+:\d+)?: (error|warning|advice): \S.{15,} \(%s\)$" % rule, lines[i]) and
           re.match(r"    [A-Z].{10,}\.$", lines[i + 1]) for i in range(0, 2 * len(said), 2)),
       "%s: thing, reason and remedy are there" % rule, expected)
    if not damage:
        found = json.loads(caprock("check", "--json", "bad.yaml", cwd=d)[1])
        ok([f["rule"] for f in found] == said and all(set(f) == {"rule", "severity", "file", "line", "column", "text", "remedy"} for f in found),
           "%s: the same as JSON" % rule, str(found))
tap.done()
