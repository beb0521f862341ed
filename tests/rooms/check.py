#!/usr/bin/env python3
"""Hold the house rule: check.py BUILD OBJECT...

1. Pure objects (compiled -ffreestanding -nostdinc) reference only pure symbols, core/port.h's and
   the four memory functions.
2. Pure sources hold no inline assembly.
3. Every include edge between second-level rooms is in edges.txt, by the compiler's own dependency
   files, and the table has no circle.
"""
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
MEM = {"memcpy", "memmove", "memset", "memcmp", "__stack_chk_fail", "__stack_chk_guard"}


def nm(objects, flag):
    out = subprocess.run(["nm", flag, "--no-sort"] + objects, check=True, capture_output=True, text=True).stdout
    return out.splitlines()


def port_names():
    text = open("core/port.h").read()
    return set(re.findall(r"\b(port_\w+)\s*\(", text))


def check_symbols(objects, errors):
    defined, wanted, where = set(), {}, None
    for line in nm(objects, "-A"):
        name, _, rest = line.partition(":")
        parts = rest.split()
        sym = parts[-1]
        if parts[-2] == "U":
            wanted.setdefault(sym, name)
        elif parts[-2].isupper():
            defined.add(sym)
    allowed = defined | port_names() | MEM
    for sym, name in sorted(wanted.items()):
        if sym not in allowed and not sym.startswith("__x86_indirect_thunk"):
            errors.append("%s uses %s, which is neither pure nor in core/port.h: reach hardware through the port, "
                          "or move the file to a metal/ or host/ folder" % (name, sym))


def check_asm(sources, errors):
    for path in sources:
        for n, line in enumerate(open(path, errors="replace"), 1):
            code = line.split("//")[0]
            if re.search(r"\b(__asm__|asm)\b\s*(volatile|__volatile__|goto)?\s*\(", code):
                errors.append("%s:%d: inline assembly in pure code: move it behind core/port.h" % (path, n))


def room(path):
    """Second-level room of a source path: core/base, core/metal, iommu, iommu/vtd, ...

    core/port.h and core/abi.h, which stand in core/ itself, count as core/base.
    """
    d = os.path.dirname(path).split("/")
    return "core/base" if d == ["core"] else "/".join(d[:2])


def edges(build):
    found = {}
    for folder, _, files in os.walk(build):
        for f in files:
            if not f.endswith(".d"):
                continue
            text = open(os.path.join(folder, f)).read().replace("\\\n", " ")
            deps = text.split("\n")[0].split(":", 1)[-1].split()
            deps = [os.path.normpath(d) for d in deps if not d.startswith("/") and not d.startswith(build)]
            if not deps or deps[0].startswith("tests/"):
                continue
            for d in deps[1:]:
                a, b = room(deps[0]), room(d)
                if a != b and not d.startswith("tests/") and "/" in d:
                    found.setdefault((a, b), (deps[0], d))
    return found


def allowed_edges():
    table = {}
    for n, line in enumerate(open(os.path.join(HERE, "edges.txt")), 1):
        line = line.split("#")[0].strip()
        if not line:
            continue
        src, _, dst = line.partition("->")
        table[src.strip()] = dst.split()
    return table


def find_circle(table):
    state = {}

    def visit(n, path):
        if state.get(n) == 1:
            return path[path.index(n):] + [n]
        if state.get(n) == 2:
            return None
        state[n] = 1
        for m in table.get(n, []):
            c = visit(m, path + [n])
            if c:
                return c
        state[n] = 2
        return None
    for n in list(table):
        c = visit(n, [])
        if c:
            return c
    return None


def main(build, objects):
    errors = []
    check_symbols(objects, errors)
    sources = [os.path.relpath(o, build + "/metal")[:-2] + ".c" for o in objects]
    headers = [os.path.join(d, f) for top in ("core", "iommu", "passthrough", "vgpu", "profiles")
               for d, _, fs in os.walk(top) for f in fs
               if f.endswith(".h") and "/metal" not in d and "/host" not in d]
    check_asm(sources + headers, errors)
    table = allowed_edges()
    for (a, b), (src, dst) in sorted(edges(build).items()):
        if b not in table.get(a, []):
            errors.append("%s includes %s: the edge %s -> %s is not in tests/rooms/edges.txt" % (src, dst, a, b))
    circle = find_circle(table)
    if circle:
        errors.append("tests/rooms/edges.txt allows a circle: " + " -> ".join(circle))
    for e in errors:
        print(e, file=sys.stderr)
    if not errors:
        print("rooms: %d pure objects, %d rooms, no forbidden symbol, edge or circle" % (len(objects), len(table)))
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
