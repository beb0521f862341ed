#!/usr/bin/env python3
"""
What the documents tell a person to type is typed, as written, in a fresh clone. Each command of the documents
below is either run here, run by another test, or cannot be run in a test: then the table says why. A command in
no row fails, and so does a row that no document has any more.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../qemu"))
from lab import BUILD, ROOT, Tap, die_with_parent  # noqa: E402

DOCUMENTS = ["README.md", "CONTRIBUTING.md", "docs/install.md", "docs/media.md", "docs/profiles.md", "docs/streaming.md"]
BLOCK = re.compile(r"^```\w*\n(.*?)^```|((?:^ {4}[^\n]*\n)+)", re.M | re.S)
LIMIT_S = 3600  # a guard against hangs

RUN, TEST, NOT = "run", "test", "not"
# (documents, command as a pattern, what is done with it: RUN, perhaps with other words for the placeholders; the TEST that
# runs it; NOT, and why)
COMMANDS = [
    ("README", r"make demo", NOT, "a machine of 4 GiB and many minutes; it is a test of its own, with an exit status"),
    ("README|CONTRIBUTING", r"make test(-all)?", NOT, "this is run by it"),
    ("README", r"make all debian", RUN, ()),
    ("README", r"mkdir rig && build/caprock probe -o rig/machine\.yaml", RUN, ()),
    ("README", r"ln -s .* rig/", RUN, ()),
    ("README", r"build/caprock (check|explain|build|run) rig/site\.yaml.*", TEST, "tests/profiles/test_readme.py"),
    ("CONTRIBUTING", r"make deps", RUN, ()),
    ("CONTRIBUTING", r"make -j2 all", RUN, ()),
    ("CONTRIBUTING", r"make (test-unit|rooms)", RUN, ()),
    ("CONTRIBUTING", r"make fuzz", NOT, "a minute for each of the targets; what they find is looked at by people"),
    ("CONTRIBUTING", r"make bench", NOT, "an hour, and a quiet machine; tests/bench has the short forms"),
    ("CONTRIBUTING", r"make format lint", NOT, "it rewrites sources, and clang-tidy takes longer than all tests of this kind"),
    ("install", r"make deps deb", RUN, ()),
    ("install|streaming", r"(sudo )?apt install \./\S*caprock\S*_\*\.deb", TEST, "tests/package/test_package.py"),
    ("install", r"mkdir rig", RUN, ()),
    ("install", r"sudo caprock probe -o rig/machine\.yaml", RUN, (("sudo ", ""),)),
    ("install", r"(sudo )?caprock (check|explain|build) rig/site\.yaml.*", TEST, "tests/docs/test_install.py"),
    ("media", r"sudo caprock build SITE -o DIR --update /dev/sdX", TEST, "tests/profiles/test_tool.py"),
    ("install", r"lsblk .*", RUN, ()),
    ("install", r"sudo dd if=rig/out/caprock-usb\.img of=/dev/sdX .*", NOT, "no stick is here; the same line of media.md writes to a file"),
    ("media", r"make image BUNDLE=FILE", RUN, ((" BUNDLE=FILE", ""),)),
    ("media", r"sudo dd if=build/media/caprock-usb\.img of=/dev/sdX .*", RUN, (("sudo ", ""), ("/dev/sdX", "stick"), (" oflag=direct", ""))),
    ("media", r"qemu-system-x86_64 .*tftp=build/media/pxe.*", TEST, "tests/media/test_media_all.py"),
    ("media", r"sbsign .*", RUN, ()),
    ("media", r"mcopy .*", RUN, ()),
    ("streaming", r"systemctl .*", NOT, "needs systemd as process 1 and a session with a desktop"),
    ("streaming", r"caprock-viewer --user=NAME HOST", TEST, "tests/stream/endtoend.py"),
    ("streaming", r"caprock-viewer --headless .* HOST", RUN, (("HOST", "--accept-new 127.0.0.1::$PORT"),)),
    ("streaming", r"install -d -o USER .*", RUN, (("USER", "$(id -un)"), ("/var/lib", "$PWD/var/lib"))),
    ("streaming", r"echo 'metrics = .*", RUN, (("/var/lib", "'$PWD'/var/lib"), ("/etc/", "etc/"))),
]
# Blocks that are no commands, by their first line.
TEXTS = [
    ("README|install|profiles", r"name: .*|machine: machine\.yaml", "a profile or a site"),
    ("install", r"rig/seismic-1\.yaml:\d+:\d+: error: .*", "a message; tests/docs/test_install.py compares it"),
    ("install", r"Caprock: reading .*", "what the screen shows"),
    ("media", r"caprock slots 1", "a file of the boot medium"),
]
# What must hold after a command, beyond its exit status.
AFTER = [
    (r"make all debian", "[ -s build/caprock.elf ] && [ -s build/debian/initrd ]"),
    (r"ln -s", "[ -s rig/vmlinuz ] && [ -s rig/initrd ]"),
    (r"make deps deb", "[ $(ls build/deb/*.deb | wc -l) = 3 ]"),
    (r"caprock probe|build/caprock probe", "grep -q '^functions:' rig/machine.yaml"),
    (r"dd ", "cmp build/media/caprock-usb.img stick"),
    (r"sbsign", "sbverify --cert db.pem signed.efi"),
    (r"mcopy", "mcopy -n -i build/media/caprock-usb.img@@1M ::/EFI/BOOT/BOOTX64.EFI - | cmp - signed.efi"),
    (r"caprock-viewer --headless", "file desk.png | grep -q 'PNG image' && grep -q '\"exact\": *true' figures.jsonl"),
    (r"echo 'metrics", "grep -q \"^metrics = $PWD/var/lib/prometheus/caprock/agent.prom$\" etc/caprock/agent.conf"),
]
tap = Tap()


def blocks(text):
    """Commands of each block of code, continued lines as one, comments off."""
    for m in BLOCK.finditer(text):
        body = m.group(1) if m.group(1) is not None else re.sub("^ {4}", "", m.group(2), flags=re.M)
        lines = [re.sub(r"\s+#.*$", "", line).strip() for line in re.sub(r"\\\n\s*", "", body).splitlines()]
        yield [line for line in lines if line]


class Clone:
    """A fresh clone with its own build/; what was downloaded once is not downloaded again."""

    def __init__(self, folder):
        self.folder = os.path.join(folder, "caprock")
        subprocess.run(["git", "clone", "-q", ROOT, self.folder], check=True)
        cache = os.path.join(BUILD, "cache")
        if os.path.isdir(cache):
            shutil.copytree(cache, os.path.join(self.folder, "build/cache"))
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("MAKE") and k != "MFLAGS"}
        self.env.update(PATH=os.path.join(self.folder, "build") + ":" + os.environ["PATH"], MAKEFLAGS="-j%d" % os.cpu_count(),
                        HOME=folder, PORT="0")
        self.do("openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=db -keyout db.key -out db.pem -days 2")
        os.makedirs(os.path.join(self.folder, "etc/caprock"))
        self.agent = None

    def do(self, command):
        p = subprocess.run(["bash", "-c", command], cwd=self.folder, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True, errors="replace", timeout=LIMIT_S)
        return p.returncode, p.stdout

    def listen(self, *options):
        """An agent with a desktop to show; its port is $PORT."""
        self.hush()
        log = os.path.join(self.folder, "agent.log")
        self.agent = subprocess.Popen(["build/caprock-agent", "--source=test", "--security=x509none", "--port=0", "--state=state"] + list(options),
                                      cwd=self.folder, env=self.env, stdin=subprocess.DEVNULL, stdout=open(log, "w"),
                                      stderr=subprocess.STDOUT, preexec_fn=die_with_parent)
        status, said = self.do("for i in $(seq 300); do grep -o 'listening on .*' agent.log && exit; sleep 0.1; done; cat agent.log; exit 1")
        self.env["PORT"] = said.split()[-1] if status == 0 else "1"

    def hush(self):
        if self.agent:
            self.agent.terminate()
            self.agent.wait()
            self.agent = None


def row_of(table, document, line):
    return next((i for i, r in enumerate(table) if re.search("(%s)\\.md$" % r[0], document) and re.fullmatch(r[1], line)), None)


database = subprocess.run(["make", "-pqrR", "help"], cwd=ROOT, capture_output=True, text=True,
                          env={k: v for k, v in os.environ.items() if not k.startswith("MAKE") and k != "MFLAGS"}).stdout
tests = set(re.findall(r"\S+", " ".join(re.findall(r"^TESTS(?:_ALL)? :?= (.*)$", database, re.M))))
todo, used_rows, used_texts = [], set(), set()
for document in DOCUMENTS:
    with open(os.path.join(ROOT, document)) as f:
        for lines in blocks(f.read()):
            text = row_of(TEXTS, document, lines[0])
            if text is not None:
                used_texts.add(text)
                continue
            for line in lines:
                row = row_of(COMMANDS, document, line)
                used_rows.add(row)
                if row is None:
                    tap.ok(False, "%s: no row says what to do with: %s" % (document, line))
                elif COMMANDS[row][2] == TEST:
                    tap.ok(COMMANDS[row][3] in tests, "%s: %s: by %s" % (document, line, COMMANDS[row][3]))
                elif COMMANDS[row][2] == NOT:
                    tap.skip("%s: %s" % (document, line), COMMANDS[row][3])
                else:
                    todo.append((document, line, COMMANDS[row][3]))
for i, row in enumerate(COMMANDS):
    if i not in used_rows:
        tap.ok(False, "no document has: " + row[1])
for i, row in enumerate(TEXTS):
    if i not in used_texts:
        tap.ok(False, "no document has a block that begins: " + row[1])

if "--list" in sys.argv:
    todo = []
with tempfile.TemporaryDirectory(dir=BUILD, prefix="commands-") as d:
    clone, before = Clone(d) if todo else None, None
    # What makes the programs comes first, as a reader of all documents would have it.
    for document, line, words in sorted(todo, key=lambda t: not t[1].startswith("make")):
        if document != before:
            shutil.rmtree(os.path.join(clone.folder, "rig"), ignore_errors=True)
            before = document
        command = line
        for a, b in words:
            command = command.replace(a, b)
        if "$PORT" in command:
            clone.listen()
        status, said = clone.do(command)
        for pattern, condition in AFTER:
            if status == 0 and re.match(pattern, command):
                status, more = clone.do(condition)
                said += "then not: %s\n%s" % (condition, more)
        tap.ok(status == 0, "%s: %s%s" % (document, line, "" if command == line else "  (as: %s)" % command), said.splitlines()[-30:])
    if todo:
        figures = os.path.join(clone.folder, "var/lib/prometheus/caprock/agent.prom")
        clone.listen("--config=etc/caprock/agent.conf")
        tap.ok(os.path.exists(figures), "the agent so configured keeps its figures there")
        clone.hush()
tap.done()
