#!/usr/bin/env python3
"""The tool as people use it: examples, every verb's help and exit status, pages, import, build and dump."""
import json
import os
import re
import shutil
import subprocess
import tempfile
import xml.dom.minidom

from tool import BUILD, CAPROCK, ROOT, caprock as run, guest, machine, ok, read, tap, tiny_bzimage, write

EXAMPLES = os.path.join(ROOT, "profiles/examples")
SMOKE = guest("smoke")

# ---- pages ---------------------------------------------------------------------------------------
status, text, _ = run("schema", "--markdown")
ok(status == 0 and text == read(ROOT, "docs/profiles.md"), "docs/profiles.md is what the tables say (else: make docs)")
status, text, _ = run("schema")
schema = json.loads(text)
ok(schema["required"] == ["workstations"] and not schema["additionalProperties"], "the JSON schema knows what is required")
verbs = run("help", "--verbs")[1].split()
ok(set("check explain build run dump import schema completion probe".split()) <= set(verbs), "the verbs are there", verbs)
for verb in verbs:
    status, text, _ = run(verb, "--help")
    ok(status == 0 and text.startswith("usage: caprock " + verb) and "\nexit status: " in text, "%s --help tells of it" % verb, text)
    ok(run(verb, "--no-such-option")[0] == 2, "%s refuses an option it has not" % verb)
for topic in run("help", "--topics")[1].split():
    status, text, err = run("help", topic)
    if status or not text:
        ok(False, "help %s" % topic, err)
ok(run("help", "no-such-topic")[0] == 2, "help refuses a topic it has not")
ok("'check'" in run("chek")[2], "a verb that was mistyped gets the right one")
page = read(ROOT, "build/man/caprock.1")
ok(all('.SS "%s"' % v.replace("-", "\\-") in page for v in verbs) and ".B command-line" in read(ROOT, "build/man/caprock-profile.5"),
   "the manual pages have every verb and key")
ok(all(o in page for o in ("\\-\\-lspci FILE", "\\-\\-interval SECONDS", "\\-\\-acpi DIR")), "the manual page has options of all verbs")

with tempfile.TemporaryDirectory() as d:
    # ---- completion ----
    write(os.path.join(d, "c.sh"), "PATH=%s:$PATH\nsource <(caprock completion)\n" % os.path.dirname(CAPROCK) +
          "t() { COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); _caprock; echo \"${COMPREPLY[*]}\"; }\n"
                "t caprock che\nt caprock run --time\nt caprock help smt\nt caprock probe --ls\nt caprock top --met\n"
          "t caprock explain-acpi --j\n")
    p = subprocess.run(["bash", os.path.join(d, "c.sh")], capture_output=True, text=True)
    ok(p.stdout.split() == ["check", "--timeout", "smt-split", "--lspci", "--metrics", "--json"], "bash completes verbs, options and topics", p.stdout + p.stderr)

    # ---- examples ----
    folder = os.path.join(d, "examples")
    shutil.copytree(EXAMPLES, folder)
    for name in os.listdir(os.path.join(folder, "machines")):
        ok(machine(name[:-5]) == read(folder, "machines", name), "example machine %s is what machine.py makes" % name)
    write(os.path.join(folder, "vmlinuz"), tiny_bzimage(os.path.getsize(SMOKE)))
    shutil.copy(SMOKE, os.path.join(folder, "initrd.img"))
    for site, names in (("rig", ["seismic-interpreter", "reservoir-engineer"]), ("geomodeller", ["geomodeller"]),
                        ("classroom-4", ["seat-1", "seat-2", "seat-3", "seat-4"])):
        status, text, err = run("check", site + ".yaml", cwd=folder)
        ok(status == 0 and len(text.splitlines()) == 1, "example %s passes without a word" % site, text + err)
        svg = os.path.join(d, site + ".svg")
        status, text, err = run("explain", site + ".yaml", "--svg", svg, cwd=folder)
        ok(status == 0 and all("\n%s (" % n in text for n in names), "%s is explained" % site, text + err)
        picture = xml.dom.minidom.parse(svg)
        titles = [t.firstChild.data for t in picture.getElementsByTagName("title")]
        ok(all(any(t.startswith(kind) and t.endswith(": " + n) for t in titles) for n in names for kind in ("processor", "memory", "0000:")),
           "its picture shows cores, memory and devices of each", titles)
        out = os.path.join(d, site)
        status, text, err = run("build", site + ".yaml", "-o", out, *(() if site == "rig" else ("--only", "bundle")), cwd=folder)
        ok(status == 0 and os.path.getsize(out + "/caprock.bundle") > 2 * os.path.getsize(SMOKE), "%s is built" % site, text + err)
        plan = json.loads(run("dump", "--json", out + "/caprock.bundle")[1])
        ok([w["name"] for w in plan["workstations"]] == names and plan == json.loads(run("dump", "--json", out + "/plan.blob")[1]),
           "its plan is in the bundle and beside it", plan)
        owned = [c for w in plan["workstations"] for c in w["processors"]]
        ok(len(owned) == len(set(owned)) and 0 not in owned, "no processor has two owners")
        labels = {t.firstChild.data: t.getAttribute("class").split() for t in picture.getElementsByTagName("text")}
        ok({str(c) for c in owned} < set(labels) and "d" in labels["0"], "its picture numbers every processor, the host core's in white", labels)
    made = sorted(os.listdir(d + "/rig"))
    ok(made == ["caprock-usb.img", "caprock.bundle", "caprock.iso", "plan.blob", "pxe"], "all media are made", made)
    ok(sorted(os.listdir(d + "/geomodeller")) == ["caprock.bundle", "plan.blob"], "--only bundle makes none")
    status, text, err = run("build", "rig.yaml", "-o", d + "/rig", cwd=folder)
    ok(status == 0, "building again replaces them", text + err)
    ok(run("build", "rig.yaml", "-o", d + "/x", "--only", "floppy", cwd=folder)[0] == 2, "--only refuses what it does not know")

    # ---- a stick that is there ----
    stick = d + "/rig/caprock-usb.img"

    def on_stick(path):
        p = subprocess.run(["mtype", "-i", stick + "@@1M", "::" + path], capture_output=True)
        return p.stdout

    def raw(path):
        with open(path, "rb") as f:
            return f.read()
    subprocess.run(["mcopy", "-o", "-i", stick + "@@1M", write(d + "/signed", "a hypervisor that somebody signed"), "::/EFI/BOOT/BOOTX64.EFI"], check=True)
    update = ("build", "rig.yaml", "-o", d + "/next", "--update", stick)
    status, text, err = run(*update, cwd=folder)
    ok(status == 0 and "slot b has it" in text and sorted(os.listdir(d + "/next")) == ["caprock.bundle", "plan.blob"],
       "--update puts a site into a stick's other slot", text + err)
    ok(b"good a\ntry b" in on_stick("/caprock/slots.txt") and on_stick("/caprock/b.bundle") == raw(d + "/next/caprock.bundle"),
       "... which is tried at the next start", on_stick("/caprock/slots.txt"))
    ok(b"somebody signed" in on_stick("/EFI/BOOT/BOOTX64.EFI"), "... by the hypervisor that is there")
    status, text, err = run(*update, "--hypervisor", cwd=folder)
    ok(status == 0 and on_stick("/EFI/BOOT/BOOTX64.EFI") == raw(BUILD + "/BOOTX64.EFI"), "--hypervisor brings that up to date, too", text + err)
    status, text, err = run("build", "rig.yaml", "-o", d + "/next", "--update", d + "/rig/caprock.iso", cwd=folder)
    ok(status == 2 and "no Caprock medium" in err, "what is no stick of ours is refused", text + err)
    for words in (("--update", stick, "--only", "usb"), ("--hypervisor",)):
        ok(run("build", "rig.yaml", "-o", d + "/next", *words, cwd=folder)[0] == 2, "%s: refused" % " ".join(w for w in words if w != stick))

    # ---- refusals ----
    bad = os.path.join(d, "bad.yaml")
    write(bad, "workstations: [{memory: 1 GiB, kernel: none}]\n")
    for verb, more in (("check", ()), ("explain", ()), ("build", ("-o", d + "/none")), ("run", ())):
        status, text, err = run(verb, bad, *more)
        ok(status == 3 and "bad.yaml:1:" in text + err and "(unknown-file)" in text + err, "%s refuses with 3 and says why" % verb, text + err)
    ok(not os.path.exists(d + "/none"), "a refused site leaves nothing behind")
    for verb, more in (("check", ()), ("explain", ()), ("build", ("-o", d + "/none")), ("run", ()), ("dump", ()), ("import", ())):
        status, text, err = run(verb, "/no/such/file", *more)
        ok(status == 2 and "/no/such/file" in text + err, "%s: a file that is not there is 2" % verb, text + err)
    blob = open(d + "/rig/plan.blob", "rb").read()
    for words, data in (("cut", blob[:100]), ("spoiled", blob[:60] + b"\xff" + blob[61:]), ("empty", b""), ("no blob", b"x" * 100)):
        write(bad, data)
        ok(run("dump", bad)[0] == 3, "dump: a blob that is %s is 3" % words)

    # ---- virtual functions ----
    lab = os.path.join(ROOT, "tests/golden/machines/lab-%s.yaml")
    seat = "{name: seat, memory: 64 MiB, cores: 1, kernel: %s, devices: [%%s]}" % SMOKE
    write(bad, "machine: %s\nworkstations: [%s]\n" % (lab % "virtual", seat % "{device: '04:00.0', virtual-functions: 2}, '04:10.2'"))
    status, text, err = run("explain", bad)
    ok(status == 0 and re.search(r"the hypervisor keeps .*0000:04:00\.0.* and switches on 2 of its 7 virtual functions\.\n  It owns .*0000:04:10\.2", text),
       "a card's virtual functions are explained", text + err)
    for words, devices, says in (
            ("a card has no more than it has", "{device: '04:00.0', virtual-functions: 8}", "is to give 8 virtual functions for seat, but has 7 (device-sriov)"),
            ("one beyond what is asked for is refused", "{device: '04:00.0', virtual-functions: 1}, '04:10.2'",
             "it is number 2 of the virtual functions of 0000:04:00.0, which seat asks for 1 (virtual-function)"),
            ("one that Linux had not switched on is named", "{device: '04:00.0', virtual-functions: 3}, '04:10.4'",
             "If a virtual function of 0000:04:00.0 is meant: switch it on in Linux, then probe again.")):
        write(bad, "machine: %s\nworkstations: [%s]\n" % (lab % "virtual", seat % devices))
        status, text, err = run("check", bad)
        ok(status == 3 and says in text, words, text + err)

    # ---- import ----
    golden = os.path.join(ROOT, "tests/golden/import")
    status, text, err = run("import", "desk.xml", cwd=golden)
    ok(status == 0 and text == read(golden, "desk.yaml") and err == read(golden, "desk.notes"), "a libvirt domain is imported, the rest is named", text + err)
    write(bad, "<network><name>x</name></network>")
    ok(run("import", bad)[0] == 3, "another document is refused")
    desk = re.sub(r'(kernel|initrd): ".*"', r'\1: "%s"' % SMOKE, text)
    desk = re.sub(r'  rom: ".*"\n', "", desk)
    write(os.path.join(d, "desk.yaml"), desk)
    write(bad, "machine: examples/machines/rig-2.yaml\nworkstations: desk.yaml\n")
    status, text, err = run("check", bad)
    ok(status == 0, "what was imported passes once its files are there", text + err)

tap.done()
