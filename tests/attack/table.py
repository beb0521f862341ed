#!/usr/bin/env python3
"""make attack: the table of attempts on each emulated IOMMU, and the totals. --markdown: as docs/attacks.md keeps it."""
import re
import sys

from vehicles import INSIDE, QUICK, VEHICLES, run, run_inside


def short(fault):
    """The fault's reason without the addresses and names that differ between vehicles."""
    m = re.search(r"blocked: .*\[(.*)\]", fault)
    return m.group(1) if m else fault


def rows(r):
    for a in r.attempts:
        yield [a.engine, a.kind, a.what, a.control, a.result, short(a.fault)]


def show(r, markdown):
    head = ["device", "attempt", "on", "control", "result", "fault told"]
    table = list(rows(r))
    if markdown:
        print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
        for t in table:
            print("| " + " | ".join(t) + " |")
    else:
        widths = [max(len(t[i]) for t in table + [head]) for i in range(len(head))]
        for t in [head] + table:
            print("  ".join(c.ljust(w) for c, w in zip(t, widths)).rstrip())
    if r.unseen:
        print("\nNot shown by this vehicle (the register models show them):")
        for u in r.unseen:
            print("%s%s: %s, since %s" % ("- " if markdown else "  ", u[1], u[2], u[3]))
    print()


def main():
    markdown = "--markdown" in sys.argv
    attempts = controls = successes = 0
    broken = False
    for name in (list(VEHICLES) if "--all" in sys.argv else QUICK) + [INSIDE]:
        r = run_inside() if name == INSIDE else run(name)
        print(("## %s\n" if markdown else "%s:") % name)
        show(r, markdown)
        broken = broken or not r.attempts or not r.consistent()
        attempts += len(r.attempts)
        controls += r.controls
        successes += r.successes
        sys.stdout.flush()
    print("attack.attempts %d\nattack.controls %d\nattack.successes %d" % (attempts, controls, successes))
    return 1 if broken or successes or controls != attempts else 0


if __name__ == "__main__":
    sys.exit(main())
