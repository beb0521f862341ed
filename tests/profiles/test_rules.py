#!/usr/bin/env python3
"""Every rule's examples: the good site passes without a word, the bad one gets exactly the expected diagnostic.

<n> in an expected file is a number that follows from the hypervisor's size, not from the rule.

test_rules.py --write: take what is said now as expected; read it before committing it.
"""
import json
import os
import re
import subprocess
import sys

from tool import BUILD, CAPROCK, ROOT, caprock, machine, ok, read, tap, write

RULECHECK = os.path.join(BUILD, "tests/rulecheck")
RULES = os.path.join(ROOT, "tests/golden/rules")
MACHINES = os.path.join(ROOT, "tests/golden/machines")
# Where texts tell what changes with the hypervisor's size or a guest's file.
MEASURED = {"bundle-range": r"(?<=bundle has )\d+", "hypervisor-range": r"(?<=not the )0x[0-9a-f]+",
            "memory-far": r"\d+(?= MiB of the)", "memory-shape": r"(?<= at )0x[0-9a-f]+", "memory-shared": r"0x[0-9a-f]+",
            "not-enough-memory": r"(?<=the last )\d+|\d+(?= MiB are free)"}


def run(args, cwd):
    p = subprocess.run(args, cwd=cwd, capture_output=True, text=True)
    return p.returncode, p.stdout + p.stderr


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
        lines = [re.sub(MEASURED[rule], "<n>", l) if rule in MEASURED and l.endswith(")") else l for l in text.splitlines()]
        write(path, "\n".join(lines) + "\n")
    expected = read(path) if os.path.exists(path) else ""
    ok(status == wanted and re.fullmatch(re.escape(expected).replace("<n>", "(?:0x[0-9a-f]+|[0-9]+)"), text), "%s: the bad site is told so" % rule, "status %s\n%s" % (status, text))
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
