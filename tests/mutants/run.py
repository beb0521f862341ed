#!/usr/bin/env python3
"""make mutants: does some test fail for each mutant of the IOMMU's code?

1. mutate every source under iommu/, build the tests that reach them on the mutants (all in one program each),
2. run every test case alone with no mutant living: it must pass, and shows which mutants it could see,
3. for each mutant run those test cases until one fails (or does not end): first what saw it in the last run here,
   then what saw the function's other mutants, then the quickest.

A mutant that no test case fails for has survived: it is listed, unless explained.txt says why it is no defect.
"""
import argparse
import atexit
import collections
import concurrent.futures
import glob
import json
import os
import re
import subprocess
import sys
import time

from mutate import mutate

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = "build/mutants"
SEEN = OUT + "/seen.json"
SUITES = sorted(glob.glob("tests/unit/test_vtd_*.c") + glob.glob("tests/unit/test_amdvi_*.c")) + [
    "tests/unit/test_iommu.c", "tests/unit/test_iommu_faults.c", "tests/unit/test_iommu_start.c", "tests/unit/test_iommu_property.c", "tests/unit/test_groups.c", "tests/unit/test_describe.c",
    "tests/unit/test_tables.c", "tests/unit/test_table_edges.c"]
CFLAGS = ("-std=gnu17 -I. -fno-strict-aliasing -fno-common -fwrapv -w -O1 -g -D_GNU_SOURCE -fsanitize=address,undefined "
          "-fno-sanitize-recover=all").split()
ENV = dict(os.environ, IOMMU_STEPS="4000", IOMMU_STRICT_STEPS="40", ASAN_OPTIONS="detect_leaks=0:abort_on_error=0")


def fresh(obj):
    """Is the object newer than this program and all that its dependency file names?"""
    try:
        made = os.path.getmtime(obj)
        names = open(obj[:-2] + ".d").read().replace("\\\n", " ").split(":", 1)[1].split()
        return all(os.path.getmtime(n) < made for n in names + [__file__])
    except OSError:
        return False


def compile_one(job):
    src, obj = job
    if fresh(obj):
        return obj
    os.makedirs(os.path.dirname(obj), exist_ok=True)
    p = subprocess.run(["gcc"] + CFLAGS + ["-MMD", "-c", src, "-o", obj], capture_output=True, text=True)
    return obj if not p.returncode else sys.exit("mutants: %s\n%s" % (src, p.stderr))


def build(jobs):
    """All mutants, and one program a suite."""
    sources = sorted(glob.glob("iommu/*.c") + glob.glob("iommu/*/*.c"))
    mutants = mutate(sources, OUT + "/src")
    work = [(os.path.join(OUT, "src", s), os.path.join(OUT, "o", s[:-2] + ".o")) for s in sources]
    plain = sorted(glob.glob("core/paging/*.c") + glob.glob("core/base/*.c") + glob.glob("tests/fake/*.c")) + [
        "tests/mutants/mutant.c"] + SUITES
    work += [(s, os.path.join(OUT, "o", s[:-2] + ".o")) for s in plain]
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        objects = dict(zip([w[0] for w in work], pool.map(compile_one, work)))
    common = [o for s, o in objects.items() if s not in SUITES]
    archive = OUT + "/common.a"
    if os.path.exists(archive):
        os.unlink(archive)
    subprocess.run(["ar", "rcs", archive] + [o for o in common if not o.endswith("mutants/mutant.o")], check=True)
    for s in SUITES:
        wraps = ["-Wl,--wrap=" + w for w in set(re.findall(r"\b__wrap_(\w+)", open(s).read()))]
        subprocess.run(["gcc", "-fsanitize=address,undefined"] + wraps + [objects[s], objects["tests/mutants/mutant.c"],
                        "-Wl,--start-group", archive, "-Wl,--end-group", "-lcmocka", "-o", program(s)], check=True)
    return mutants


def program(suite):
    return os.path.join(OUT, os.path.basename(suite)[:-2])


def cases(suite):
    return re.findall(r"cmocka_unit_test(?:_\w+)?\(\s*(\w+)", open(suite).read())


def run_case(suite, case, limit, **env):
    """True when it passes. A case that does not end has noticed something."""
    try:
        p = subprocess.run([program(suite)], env=dict(ENV, MUTANT_TEST=case, **env), stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=limit)
        return p.returncode == 0
    except subprocess.TimeoutExpired:
        return False


def baseline(job):
    suite, case = job
    reached = os.path.join(OUT, "reached.%s.%s" % (os.path.basename(suite), case))
    if os.path.exists(reached):
        os.unlink(reached)
    start = time.monotonic()
    if not run_case(suite, case, 600, MUTANT_REACHED=reached):
        sys.exit("mutants: %s: %s fails without a mutant" % (suite, case))
    spent = time.monotonic() - start
    return suite, case, spent, open(reached, "rb").read()


def key_of(m):
    return m["file"], m["function"], m["kind"], m["text"]


def remembered():
    """By mutant: the case that saw it in the last run here."""
    try:
        return json.load(open(SEEN))
    except (OSError, ValueError):
        return {}


def remember():
    with open(SEEN, "w") as f:
        json.dump(before, f, indent=0)


before = remembered()
lately = collections.defaultdict(list)  # by function: the cases that saw its mutants, the last one first


def killer(m, seen):
    """A test case that fails on the mutant. Begin with what saw it, then the mutants around it, the last time."""
    name, where = " | ".join(key_of(m)), (m["file"], m["function"])
    first = [before.get(name)] + lately[where]
    for suite, case, spent in sorted(seen, key=lambda c: first.index(c[1]) if c[1] in first else len(first)):
        if not run_case(suite, case, 10 + 20 * spent, MUTANT=str(m["id"])):
            lately[where] = [case] + [c for c in lately[where] if c != case]
            before[name] = case
            return "%s: %s" % (os.path.basename(suite), case)
    return None


def explained():
    """explained.txt: paragraphs of `file | function | kind | code` lines, then the indented reason for all of them."""
    reasons, keys, text = {}, [], []
    for line in open(os.path.join(HERE, "explained.txt")):
        if line.startswith("#") or not line.strip():
            continue
        if line[0].isspace():
            text.append(line.strip())
            continue
        if text:
            reasons.update({k: " ".join(text) for k in keys})
            keys, text = [], []
        keys.append(tuple(line.strip().split(" | ", 3)))
    reasons.update({k: " ".join(text) for k in keys})
    return reasons


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--only", help="mutants whose file matches this regular expression")
    ap.add_argument("--jobs", type=int, default=os.cpu_count())
    ap.add_argument("--killers", action="store_true", help="say which test case saw each mutant")
    args = ap.parse_args()

    mutants = build(args.jobs)
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        runs = list(pool.map(baseline, [(s, c) for s in SUITES for c in cases(s)]))
    runs.sort(key=lambda r: r[2])
    atexit.register(remember)
    chosen = [m for m in mutants if not args.only or re.search(args.only, m["file"])]
    print("mutants: %d of %d sources, %d test cases" % (len(chosen), len({m["file"] for m in mutants}), len(runs)))
    sys.stdout.flush()

    reasons, used, survived, why = explained(), set(), [], 0
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        seen = [[r[:3] for r in runs if r[3][m["id"]]] for m in chosen]
        for m, s, k in zip(chosen, seen, pool.map(killer, chosen, seen)):
            key = key_of(m)
            if k:
                if args.killers:
                    print("seen      %s:%d: %s: %s (%s)" % (m["file"], m["line"], m["kind"], m["text"], k))
                continue
            if key in reasons:
                used.add(key)
                why += 1
                continue
            survived.append(m)
            print("SURVIVED  %s:%d: %s (%d cases reach it)" % (m["file"], m["line"], " | ".join(key), len(s)))
            sys.stdout.flush()
    stale = sorted(k for k in set(reasons) - used if not args.only or re.search(args.only, k[0]))
    for key in stale:
        print("STALE     explained.txt explains what no longer survives: " + " | ".join(key))
    print("mutants.total %d\nmutants.explained %d\nmutants.survived %d" % (len(chosen), why, len(survived)))
    return 1 if survived or stale else 0


if __name__ == "__main__":
    sys.exit(main())
