#!/usr/bin/env python3
"""Every rule's examples: the good site passes without a word, the bad one gets exactly the expected diagnostic.

test_rules.py --write: take what is said now as expected; read it before committing it.
"""
import json
import os
import re
import subprocess
import sys

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
CAPROCK, RULECHECK = (os.path.join(ROOT, "build", p) for p in ("caprock", "tests/rulecheck"))
RULES = os.path.join(ROOT, "tests/golden/rules")
MACHINES = os.path.join(ROOT, "tests/golden/machines")
count = failed = 0


def ok(good, words, details=""):
    global count, failed
    count += 1
    failed |= not good
    print("%s %d - %s" % ("ok" if good else "not ok", count, words))
    if not good:
        print("\n".join("# " + l for l in details.splitlines()))


def run(args, cwd):
    p = subprocess.run(args, cwd=cwd, capture_output=True, text=True)
    return p.returncode, p.stdout + p.stderr


known = {l.split()[0]: l.split()[1] for l in subprocess.run([CAPROCK, "help", "rules"], capture_output=True, text=True).stdout.splitlines()}
folders = sorted(os.listdir(RULES))
ok(folders == sorted(known), "each rule has a folder of examples, and each folder a rule", str(set(folders) ^ set(known)))
sources = sorted(f[:-2].replace("_", "-") for f in os.listdir(os.path.join(ROOT, "profiles/rules")) if f.endswith(".c"))
ok(sorted(known) == [s for s in sources if s not in ("common", "rules")], "each rule is a file, and each file a rule")
proof = re.findall(r'RULE\(\w+, "([a-z-]+)"\)', open(os.path.join(ROOT, "core/partition/rules.def")).read())
ok(len(proof) > 25 and all(p in known for p in proof), "every refusal of the proof is a rule", str([p for p in proof if p not in known]))

for name in sorted(os.listdir(MACHINES)):
    made = subprocess.run([os.path.join(ROOT, "tests/profiles/machine.py"), name[:-5]], capture_output=True, text=True).stdout
    ok(made == open(os.path.join(MACHINES, name)).read(), "machine %s is what machine.py makes" % name)

for rule in folders:
    d = os.path.join(RULES, rule)
    status, text = run([CAPROCK, "check", "good.yaml"], d)
    ok(status == 0 and ": good: " in text and len(text.splitlines()) == 1,
       "%s: the good site passes" % rule, text)
    damage = re.match(r"# damage: (\S+)", open(os.path.join(d, "bad.yaml")).read())
    args = [RULECHECK, damage.group(1), "bad.yaml"] if damage else [CAPROCK, "check", "bad.yaml"]
    status, text = run(args, d)
    wanted = 3 if known[rule] == "error" else 0
    path = os.path.join(d, "expected")
    if "--write" in sys.argv:
        open(path, "w").write(text)
    expected = open(path).read() if os.path.exists(path) else ""
    ok(status == wanted and text == expected, "%s: the bad site is told so" % rule, "status %s\n%s" % (status, text))
    said = re.findall(r"\(([a-z0-9-]+)\)$", expected, re.M)
    ok(set(said) == {rule}, "%s: and of nothing else" % rule, str(said))
    lines = expected.splitlines()
    ok(all(re.match(r"\S+?(:\d+:\d+)?: (error|warning|advice): \S.{15,} \(%s\)$" % rule, lines[i]) and
           re.match(r"    [A-Z].{10,}\.$", lines[i + 1]) for i in range(0, 2 * len(said), 2)),
       "%s: thing, reason and remedy are there" % rule, expected)
    if not damage:
        found = json.loads(subprocess.run([CAPROCK, "check", "--json", "bad.yaml"], cwd=d, capture_output=True, text=True).stdout)
        ok([f["rule"] for f in found] == said and all(set(f) == {"rule", "severity", "file", "line", "column", "text", "remedy"} for f in found),
           "%s: the same as JSON" % rule, str(found))
print("1..%d" % count)
sys.exit(failed)
