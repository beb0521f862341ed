#!/usr/bin/env python3
"""
Documents say what is there: links and anchors resolve, and files, make targets, functions and options of
`caprock` that they name exist. Then the spelling of all that is written by hand.

Looked at are every *.md that git tracks, its links, `code` and indented lines. Addresses on other machines are
not fetched.
"""
import glob
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../qemu"))
from lab import BUILD, ROOT, Tap  # noqa: E402

FENCE = re.compile(r"^```.*?^```", re.M | re.S)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
PATH = re.compile(r"(?:core|iommu|passthrough|vgpu|viewer|profiles|tests|docs)/[\w./*@{},\[\]-]*[\w/*}]")
# Misspelt on purpose, or what machines wrote.
NO_PROSE = re.compile(r"tests/golden/|profiles/examples/machines/|tests/profiles/test_(typos|tool|yaml)|tests/probe/test_facts"
                      r"|\.dump$|\.view$|tests/docs/words\.txt$")


def output(*args, cwd=ROOT):
    return subprocess.run(args, cwd=cwd, capture_output=True, text=True).stdout


class Tree:
    """What documents may name."""

    def __init__(self):
        names = output("git", "ls-files", "--cached", "--others", "--exclude-standard").split("\n")
        self.files = [n for n in names if n and os.path.exists(os.path.join(ROOT, n))]
        env = {k: v for k, v in os.environ.items() if not k.startswith("MAKE") and k != "MFLAGS"}
        database = subprocess.run(["make", "-pqrR", "help"], cwd=ROOT, env=env, capture_output=True, text=True).stdout
        self.targets = set(re.findall(r"^([a-z][a-z0-9-]*):(?!=)", database, re.M))
        self.sources = "\n".join(open(os.path.join(ROOT, n), errors="replace").read() for n in self.files if n.endswith((".c", ".h", ".S")))
        self.help = {}

    def verb(self, name):
        """What `caprock NAME --help` says; empty for a verb that is not there."""
        if name not in self.help:
            p = subprocess.run([os.path.join(BUILD, "caprock"), name, "--help"], capture_output=True, text=True)
            self.help[name] = p.stdout if p.returncode == 0 else ""
        return self.help[name]


def anchors(text):
    """As forges make them of headings."""
    found = set()
    for heading in re.findall(r"^#+ +(.*?) *$", FENCE.sub("", text), re.M):
        slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        n, first = 0, slug
        while slug in found:
            n += 1
            slug = "%s-%d" % (first, n)
        found.add(slug)
    return found


def bad_links(name, text):
    for target in LINK.findall(re.sub(r"`[^`\n]*`", "", FENCE.sub("", text))):
        if re.match(r"https?://[\w.-]+(/|$)", target):
            continue
        path, _, anchor = target.partition("#")
        full = os.path.normpath(os.path.join(os.path.dirname(name), path)) if path else name
        if not os.path.exists(full):
            yield "link to %s, which is not there" % target
        elif anchor and anchor not in anchors(open(full).read()):
            yield "link to %s, which has no such heading" % target


def code(text):
    """Code spans, indented lines and fenced lines."""
    fenced = "".join(FENCE.findall(text))
    rest = FENCE.sub("", text)
    return re.findall(r"`([^`\n]+)`", rest), re.findall(r"^ {4,}(.*)$", rest, re.M) + fenced.split("\n")


def exists(path):
    """{a,b} and * as a shell has them; NAME stands for any name."""
    def spread(p):
        m = re.search(r"\{([^{}]*)\}", p)
        return [q for part in m.group(1).split(",") for q in spread(p[:m.start()] + part + p[m.end():])] if m else [p]
    return all(glob.glob(os.path.join(ROOT, p.replace("NAME", "*"))) for p in spread(path))


def bad_names(tree, text):
    spans, lines = code(text)
    for span in spans + lines:
        for path in re.findall(r"(?<![\w./-])" + PATH.pattern, span):
            if not exists(path):
                yield "file %s, which is not there" % path
    for span in spans + lines:
        for words in re.findall(r"(?:^|[;&] *)make((?: +[a-z][a-z0-9-]*)+)(?= *(?:$|#| {2}|[A-Z]|[-;&]))", span):
            for target in words.split():
                if target not in tree.targets:
                    yield "make %s, which is no target" % target
        # (`caprock slots 1` begins a file of the boot medium.)
        for verb, rest in re.findall(r"(?:^|sudo |build/)caprock +(?!slots \d)([a-z][a-z-]*)([^#\n]*)", span):
            said = tree.verb(verb) if verb != "help" else "help"
            if not said:
                yield "caprock %s, which is no verb" % verb
            for option in re.findall(r"(?<!\S)(--[a-z][a-z-]*|-[a-z])\b", rest):
                if said and option not in said and verb != "help":
                    yield "caprock %s %s, which is no option" % (verb, option)
    for span in spans:
        m = re.fullmatch(r"([a-z_][a-z0-9_]*)\(\)", span)
        if m and not re.search(r"\b%s\(" % m.group(1), tree.sources):
            yield "function %s, which is nowhere" % span


tree, tap = Tree(), Tap()
documents = [n for n in tree.files if n.endswith(".md")]
tap.ok(len(documents) > 5 and "test" in tree.targets and len(tree.sources) > 1 << 20, "there are documents, targets and sources")
for name in documents:
    text = open(os.path.join(ROOT, name)).read()
    bad = list(bad_links(os.path.join(ROOT, name), text)) + list(bad_names(tree, text))
    tap.ok(not bad, "%s names what is there" % name, bad)

with tempfile.TemporaryDirectory() as d:
    wrong = os.path.join(d, "wrong.md")
    with open(wrong, "w") as f:
        f.write("# One\n[a](gone.md) [b](#two) [c](#one) [d](wrong.md#one)\n\n"
                "`tests/no_such_file.py` `tests/qemu/{lab,gone}.py` `make no-such-target` `no_such_function_()` `caprock no-such-verb x`\n"
                "\n    caprock check --no-such-option rig\n    make all gone\n")
    text = open(wrong).read()
    seen = list(bad_links(wrong, text)) + list(bad_names(tree, text))
    tap.ok(len(seen) == 9, "what is not there is seen, each kind once or twice", seen)
    with open(os.path.join(d, "x.md"), "w") as f:
        f.write("the ker" "nal and its mem" "roy\n")
    prose = [n for n in tree.files if not NO_PROSE.search(n) and not os.path.islink(os.path.join(ROOT, n))]
    spell = ["codespell", "--ignore-words", os.path.join(HERE, "words.txt")]
    tap.ok(output(*spell, "x.md", cwd=d).count("==>") == 2, "misspelt words are seen")
    p = subprocess.run(spell + prose, cwd=ROOT, capture_output=True, text=True)
    tap.ok(p.returncode == 0 and not p.stdout, "%d files are spelt well" % len(prose), (p.stdout + p.stderr).splitlines())
tap.done()
