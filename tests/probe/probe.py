#!/usr/bin/env python3
"""`caprock probe` from outside: dumps and tables of the corpus (CAPROCK_CORPUS; else machines of our own), this
machine without root, what is printed, exit statuses."""
import json
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
sys.path.insert(0, os.path.join(ROOT, "tests/qemu"))
from lab import Tap  # noqa: E402

TOOL = os.path.join(ROOT, "build/caprock")
OURS = os.path.join(ROOT, "build/probe/machines")
GOLDEN = os.path.join(ROOT, "tests/golden/probe")
BDF = re.compile(r"^(?:([0-9a-f]{4,8}):)?([0-9a-f]{2}):([0-9a-f]{2})\.([0-7]) ", re.M)

tap = Tap()


def ok(good, words, *details):
    tap.ok(good, words, [str(d)[:500] for d in details])


def run(*args, prefix=(), **more):
    return subprocess.run([*prefix, TOOL, "probe", *args], capture_output=True, text=True, timeout=120, **more)


def facts(*args, **more):
    p = run("--json", *args, **more)
    return json.loads(p.stdout), p


def count_tables(folder):
    """A second reading of DMAR and IVRS: (units, ranges, interrupt remapping)."""
    for name in sorted(os.listdir(folder)):
        d = open(os.path.join(folder, name), "rb").read()
        if d[:4] == b"DMAR":
            at, seen = 48, []
            while at < len(d):
                kind, size = int.from_bytes(d[at:at + 2], "little"), int.from_bytes(d[at + 2:at + 4], "little")
                seen.append(kind)
                at += size
            return seen.count(0), seen.count(1), bool(d[37] & 1)
        if d[:4] == b"IVRS":
            at, units, ranges = 48, set(), 0
            while at < len(d):
                if d[at] in (0x10, 0x11, 0x40):
                    units.add(d[at + 8:at + 16])  # one unit is described once for each age of software
                ranges += d[at] in (0x20, 0x21, 0x22)
                at += int.from_bytes(d[at + 2:at + 4], "little")
            return len(units), ranges, bool(units)
    return 0, 0, False


def dumps(corpus):
    folder = os.path.join(corpus, "lspci-corpus") if corpus else None
    return [os.path.join(folder, f) for f in sorted(os.listdir(folder)) if not f.endswith(".md")] if corpus else [
        os.path.join(OURS, m, "lspci") for m in ("amd", "intel")]


def folders(corpus):
    folder = os.path.join(corpus, "acpi-corpus") if corpus else None
    return [os.path.join(folder, f) for f in sorted(os.listdir(folder)) if not f.endswith(".md")] if corpus else [
        os.path.join(OURS, m, "acpi") for m in ("amd", "intel")]


def check_dumps(files):
    bad, functions = [], 0
    for path in files:
        told, p = facts("--lspci", path)
        want = sorted({"%04x:%s:%s.%s" % (int(d or "0", 16), b, s, f) for d, b, s, f in BDF.findall(open(path).read())})
        got = [f["bdf"] for f in told["functions"]]
        functions += len(got)
        if p.returncode or got != want or any(f["assignable"] or not f["because"] for f in told["functions"]):
            bad.append((path, p.returncode, p.stderr, got, want))
    ok(not bad and functions, "%d dumps: all %d functions are there, none is called assignable without tables" % (
        len(files), functions), *bad)


def check_tables(paths):
    bad, seen = [], 0
    for path in paths:
        told, p = facts("--acpi", path)
        io = told["iommu"]
        want = count_tables(path)
        if p.returncode or (io["units"], io["rmrr"], io["interrupt_remapping"]) != want:
            bad.append((path, p.returncode, io["units"], io["rmrr"], io["interrupt_remapping"], want))
        seen += bool(told["processors"]["cpus"])
    ok(not bad and seen == len(paths), "%d folders of tables: units, ranges and interrupt remapping as a second reader "
       "counts them, and processors" % len(paths), *bad)


def check_golden():
    for name in ("intel", "amd"):
        folder = os.path.join(OURS, name)
        p = run("--lspci", "lspci", "--acpi", "acpi", cwd=folder)
        want = open(os.path.join(GOLDEN, name + ".txt")).read()
        ok(p.returncode == 0 and p.stdout == want, name + ": the page for people is as it was",
           *[line for line in p.stdout.splitlines() if line not in want.splitlines()])


def check_here():
    told, p = facts()
    here = sorted(os.listdir("/sys/bus/pci/devices")) if os.path.isdir("/sys/bus/pci/devices") else []
    ok(p.returncode == 0 and [f["bdf"] for f in told["functions"]] == [b for b in here if len(b) == 12],
       "this machine is probed, all functions", p.stderr)
    ok(told["processors"]["cpus"] and told["processors"]["boot_apic_id"] in [c["apic_id"] for c in told["processors"]["cpus"]]
       and told["source"] == "hardware", "its processors are there", told["processors"])
    if os.getuid():
        tap.skip("without root it is probed too", "this is not root already")
        return
    with tempfile.TemporaryDirectory() as d:
        # where nobody can reach it
        copy = os.path.join(d, "caprock")
        subprocess.run(["cp", TOOL, copy], check=True)
        os.chmod(d, 0o755)
        q = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", copy, "probe", "--json"],
                           capture_output=True, text=True, timeout=120, cwd="/")
    less = json.loads(q.stdout) if q.returncode == 0 else {"functions": [], "missing": []}
    ok(q.returncode == 0 and [f["bdf"] for f in less["functions"]] == [f["bdf"] for f in told["functions"]],
       "without root it is probed too, all functions", q.returncode, q.stderr)
    ok(not less["functions"] or any("root" in m for m in less["missing"]), "and what root would see is named", less["missing"])


def check_use():
    intel = ["--lspci", os.path.join(OURS, "intel/lspci"), "--acpi", os.path.join(OURS, "intel/acpi")]
    ok(run("--help").returncode == 0 and "usage: caprock probe" in run("--help").stdout, "--help helps")
    page = open(os.path.join(ROOT, "docs/caprock-probe.1")).read().replace("\\-", "-")
    missing = [o for o in re.findall(r"^  (-\S+)", run("--help").stdout, re.M) if o not in page]
    ok(not missing, "the manual page has every option of --help", missing)
    for args, words in ((["--frob"], "an unknown option"), (["file"], "a stray word"), (["--lspci"], "a missing value"),
                        (["--lspci", "/nowhere"], "a dump that is not there"),
                        (["--acpi", "/nowhere"], "a folder that is not there"),
                        (intel + ["-o", "/nowhere/x"], "a file that cannot be written")):
        p = run(*args)
        ok(p.returncode == 2 and p.stderr, words + " is refused as use (2)", p.returncode, p.stderr)
    with open("/dev/full", "w") as full:
        p = subprocess.run([TOOL, "probe", *intel], stdout=full, stderr=subprocess.PIPE, text=True)
    ok(p.returncode == 2 and p.stderr, "a full disk is an error", p.returncode)
    with tempfile.TemporaryDirectory() as d:
        out = os.path.join(d, "m.yaml")
        p = run(*intel, "-o", out)
        text = open(out).read()
        ok(p.returncode == 0 and "IOMMU Group 8 01:00.0 VGA" in p.stdout and text.startswith("# Facts"),
           "-o writes the machine file and prints the page", p.stdout[:300])
        ok(run(*intel, "-o", "-").stdout == text, "-o - prints the machine file")
        both = run(*intel, "--json", "-o", out)
        ok(both.returncode == 0 and json.load(open(out))["iommu"]["rmrr"] == 1, "--json -o writes JSON to the file")

        junk = os.path.join(d, "junk")
        open(junk, "w").write("no dump at all\n")
        p = run("--lspci", junk)
        ok(p.returncode == 3 and "lspci -vvxxxx" in p.stdout, "a file without functions is refused (3) with the remedy", p)
        os.mkdir(os.path.join(d, "tables"))
        p = run("--acpi", os.path.join(d, "tables"))
        ok(p.returncode == 3 and "APIC, DMAR, IVRS" in p.stdout, "a folder without tables is refused (3)", p)
        dmar = open(os.path.join(OURS, "intel/acpi/DMAR.bin"), "rb").read()
        open(os.path.join(d, "tables/x"), "wb").write(dmar[:-5])
        told, p = facts("--acpi", os.path.join(d, "tables"))
        ok(p.returncode == 3 and not told["iommu"]["complete"] and "not understood" in p.stderr,
           "a damaged table is refused (3), and nothing on it is complete", p.returncode, p.stderr)


def main():
    corpus = os.environ.get("CAPROCK_CORPUS")
    check_dumps(dumps(corpus))
    check_tables(folders(corpus))
    check_golden()
    check_here()
    check_use()
    tap.done()


if __name__ == "__main__":
    main()
