#!/usr/bin/env python3
"""
The Debian packages: what lintian says of them, the same bytes from another folder, life in a clean
Debian, and a workstation that starts from what was installed.
"""
import glob
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../qemu"))
from lab import BUILD, PATIENCE, ROOT, Tap, guest  # noqa: E402

DEB = os.path.join(BUILD, "deb")
NAMES = ["caprock", "caprock-agent", "caprock-viewer"]
SITE = "workstations: [{name: one, kernel: smoke.elf, cores: 1, memory: 128 MiB}]\nemulator: {cores: 2, memory: 1 GiB}\n"
tap = Tap()


def run(*args, **more):
    p = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", **more)
    return p.returncode, p.stdout


def ok(good, words, details=""):
    return tap.ok(good, words, details.splitlines()[-60:])


def digests(folder):
    out = {}
    for path in glob.glob(os.path.join(folder, "*.deb")):
        with open(path, "rb") as f:
            out[os.path.basename(path)] = hashlib.sha256(f.read()).hexdigest()
    return out


def from_another_folder(folder, version):
    """Build a copy of the tree there, with another umask and time zone; the digests of its packages."""
    files = subprocess.run(["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"], capture_output=True, check=True).stdout
    for name in filter(None, files.decode().split("\0")):
        if os.path.lexists(os.path.join(ROOT, name)):
            os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
            shutil.copy(os.path.join(ROOT, name), os.path.join(folder, name), follow_symlinks=False)
    env = dict(os.environ, SOURCE_DATE_EPOCH=git("%ct"), DEB_MAINTAINER=git("%an <%ae>"),
               DEB_VERSION=re.search("_([^_]*)_", next(iter(digests(DEB)))).group(1), TZ="Asia/Tokyo")
    for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS"):
        env.pop(name, None)
    status, said = run("make", "-j%d" % os.cpu_count(), "-C", folder, "deb", "VERSION=" + version, env=env, umask=0o077)
    return digests(os.path.join(folder, "build/deb")), said


def git(what):
    return subprocess.run(["git", "-C", ROOT, "log", "-1", "--format=" + what], capture_output=True, text=True, check=True).stdout.strip()


status, said = run("make", "-C", ROOT, "deb")
ok(status == 0 and sorted(n.split("_")[0] for n in digests(DEB)) == NAMES, "make deb makes three packages", said)
status, said = run("lintian", "--no-tag-display-limit", "--fail-on", "error", *glob.glob(DEB + "/*.deb"))
ok(status == 0 and not re.search("^E:", said, re.M), "lintian finds no error", said)

with tempfile.TemporaryDirectory() as d:
    version = subprocess.run([os.path.join(BUILD, "caprock"), "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    theirs, said = from_another_folder(os.path.join(d, "elsewhere"), version)
    ours = digests(DEB)
    ok(len(theirs) == 3 and theirs == ours, "another folder, umask and time zone make the same bytes", said + "\n%s\n%s" % (ours, theirs))

with tempfile.TemporaryDirectory() as d:
    os.chmod(d, 0o755)
    for path in glob.glob(DEB + "/*.deb") + [os.path.join(HERE, "inside")]:
        shutil.copy(path, d)
    shutil.copy(guest("smoke"), os.path.join(d, "smoke.elf"))
    with open(os.path.join(d, "site.yaml"), "w") as f:
        f.write(SITE)
    status, said = run(os.path.join(HERE, "clean_debian"), d, "/pkg/inside", "/pkg")
    tests = re.findall(r"^(not )?ok \d+ - (.*)((?:\n# .*)*)", said, re.M)
    for bad, words, details in tests:
        ok(not bad, "in a clean Debian: " + words, details.strip())
    ok(tests and (status == 0) == (not any(bad for bad, _, _ in tests)) and said.rstrip().endswith("1..%d" % len(tests)),
       "in a clean Debian: the tests came to their end", said)

    for path in glob.glob(DEB + "/*.deb"):
        run("dpkg", "-x", path, os.path.join(d, "root"))
    status, said = run(os.path.join(d, "root/usr/bin/caprock"), "run", os.path.join(d, "site.yaml"), "--from", "iso", "--logs",
                       os.path.join(d, "logs"), "--timeout", str(int(240 * PATIENCE)))
    ok(status == 0 and "0 failed" in said, "a workstation starts from an ISO of the packed hypervisor", said)
    units = glob.glob(os.path.join(d, "root/usr/lib/systemd/*/*.service"))
    named = [p for u in units for p in re.findall(r"^ExecStart=(\S+)", open(u).read(), re.M)]
    ok(len(units) == 2 and len(named) == 2 and all(os.access(os.path.join(d, "root" + p), os.X_OK) for p in named),
       "the units start programs that are packed", str(named))
tap.done()
