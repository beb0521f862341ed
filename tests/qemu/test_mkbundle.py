#!/usr/bin/env python3
"""mkbundle: good plans are placed on whole GiB, every way of breaking one is refused as announced."""
import os
import subprocess
import sys
import tempfile

TOOL = "build/tests/mkbundle"
count = 0
failed = False


def check(good, words, seen=""):
    global count, failed
    count += 1
    print("%s %d - %s" % ("ok" if good else "not ok", count, words))
    if not good:
        failed = True
        print("# " + seen.replace("\n", "\n# "))


def run(*args):
    p = subprocess.run([TOOL] + list(args), capture_output=True, text=True)
    return p.returncode, p.stdout + p.stderr


with tempfile.TemporaryDirectory() as d:
    kernel, out = os.path.join(d, "kernel"), os.path.join(d, "bundle")
    with open(kernel, "wb") as f:
        f.write(os.urandom(100001))
    two = ["-o", out, "--threads", "2", "--smp", "8",
           "--ws", "name=a,cores=1,mem=1G,device=03.0@8086:10d3,kernel=" + kernel,
           "--ws", "name=b,cores=1,mem=1G,kernel=%s,cmdline=console=ttyS0,115200 quiet" % kernel]

    status, text = run(*two)
    check(status == 0 and "0x100000000     1024 MiB at guest 0" in text and
          "0x140000000     1024 MiB at guest 0" in text, "two guests of 1 GiB lie on whole GiB", text)
    members = subprocess.run(["cpio", "-it", "--quiet"], stdin=open(out), capture_output=True, text=True).stdout.split()
    check(members == ["kernel", "plan"], "the bundle holds the kernel once, and the plan", str(members))
    subprocess.run(["cpio", "-iu", "--quiet"], stdin=open(out), cwd=d, check=True)
    check(os.path.getsize(os.path.join(d, "kernel")) == 100001, "another cpio unpacks it")

    status, ways = run("--bad", "list")
    for line in ways.splitlines():
        name, _, says = line.partition(" ")
        says = says.strip()
        if os.path.exists(out):
            os.unlink(out)
        status, text = run(*two, "--bad", name)
        in_plan = "-" in says and " " not in says and says != "no-such-member" or says == "name"
        if in_plan:
            check(status == 3 and "mkbundle: %s: " % says in text and os.path.exists(out),
                  "--bad %s is refused by %s and still written" % (name, says), text)
        else:
            check(status == 0 and os.path.exists(out), "--bad %s is written" % name, text)

    status, text = run("-o", out, "--memory", "1G", "--ws", "name=a,cores=1,mem=2G,kernel=" + kernel)
    check(status == 3 and "not-enough-memory: a asks for 2048 MiB" in text, "too much memory is refused", text)
    status, text = run("-o", out, "--ws", "name=a,cores=9,kernel=" + kernel)
    check(status == 3 and "not-enough-cores: a asks for 9 cores, only 3 are left" in text,
          "too many cores are refused", text)
    for words, args in (("an unknown key", ["--ws", "nme=a"]), ("a file that is not there", ["--ws", "name=a,kernel=/no"]),
                        ("an unknown damage", ["--bad", "x", "--ws", "name=a,kernel=" + kernel])):
        status, text = run("-o", out, *args)
        check(status == 2, words + " is a usage error", text)

print("1..%d" % count)
sys.exit(failed)
