#!/usr/bin/env python3
"""
make demo: the hypervisor in the emulator with two Debian workstations, and a live table of what
they are and what they cost, read from the counters page the hypervisor keeps in its own memory.

On a terminal the table stays in place and the consoles go to build/demo/NAME.log; Ctrl-C ends it.
Without one it prints a table every few seconds and ends well once both workstations have started
and run for a while (DEMO_S seconds, default 15).
"""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../qemu"))
from lab import BUILD, boot, ws  # noqa: E402

VMLINUZ = os.path.join(BUILD, "cache/debian/vmlinuz")
INITRD = os.path.join(BUILD, "debian/initrd")
NAMES = ["seismic-1", "reservoir-2"]
LOGS = os.path.join(BUILD, "demo")
LIMIT_S = 300  # both are up within seconds on an idle machine


def span(seconds):
    return "%d:%02d:%02d" % (seconds // 3600, seconds // 60 % 60, seconds % 60)


def table(m, c, last, seconds):
    rows = ["%-14s %-9s %5s %9s %9s %6s  %s" % ("workstation", "state", "cores", "memory", "uptime", "starts", "console")]
    for w in c.workstations:
        up = span((c.now_ns - w["started_ns"]) // 10**9) if w["state"] == "running" else "-"
        said = m.text(w["name"])
        rows.append("%-14s %-9s %5d %5d MiB %9s %6d  %.50s" % (
            w["name"], w["state"], w["cpus"], w["memory"] >> 20, up, w["starts"], said[-1] if said else ""))
    rows.append("")
    rows.append("%-14s %10s %9s  %s" % ("exits", "in all", "a second", "by cause (a second now)"))
    for w in c.workstations:
        now = c.exits(w["name"])
        before = last.exits(w["name"]) if last else now
        rate = {k: (now[k] - before[k]) / seconds for k in now} if seconds else dict.fromkeys(now, 0)
        causes = sorted((k for k in now if now[k]), key=lambda k: -now[k])[:6]
        rows.append("%-14s %10d %9.1f  %s" % (w["name"], sum(now.values()), sum(rate.values()),
                                              "  ".join("%s %d (%.0f)" % (k, now[k], rate[k]) for k in causes)))
    rows.append("")
    rows.append("hypervisor: %d KiB, tables of the workstations: %s KiB, up %s" % (
        c.hv_memory >> 10, " + ".join(str(w["table_memory"] >> 10) for w in c.workstations), span(c.now_ns // 10**9)))
    return rows


def save_logs(m):
    os.makedirs(LOGS, exist_ok=True)
    for name in NAMES + [None]:
        with open(os.path.join(LOGS, (name or "caprock") + ".log"), "w") as f:
            f.write("\n".join(m.text(name)) + "\n")


def main():
    live = sys.stdout.isatty()
    wanted = float(os.environ.get("DEMO_S", "0" if live else "15"))
    every = 1 if live else 5
    guests = [ws(n, [2 * i + 1, 2 * i + 2], "1G", VMLINUZ, "console=ttyS0 tsc=reliable lab=stay", initrd=INITRD)
              for i, n in enumerate(NAMES)]
    print("Starting the hypervisor on 5 emulated cores: one for itself, two for each of %s." % " and ".join(NAMES))
    last, last_t, ready = None, None, None
    with boot(guests, 5, mem="3G", limit=LIMIT_S if not live else 86400) as m:
        try:
            while True:
                time.sleep(every)
                if m.ended:
                    print("\n".join(m.log()[-40:] + m.errors))
                    print("The emulator ended.")
                    return 1
                halted = m.find("halted|panic")
                c = m.counters() if not halted and m.find("counters at") else None
                up = [n for n in NAMES if m.find("init ready", n)]
                if c:
                    t = time.monotonic()
                    rows = table(m, c, last, t - last_t if last else 0)
                    print(("\x1b[H\x1b[2J" if live else "\n") + "\n".join(rows), flush=True)
                    last, last_t = c, t
                save_logs(m)
                if halted:
                    print("\n".join(m.text()))
                    return 1
                if len(up) == len(NAMES):
                    if ready is None:
                        ready = time.monotonic()
                        print("Both workstations have reached init.", flush=True)
                    if wanted and time.monotonic() - ready >= wanted:
                        print("Consoles: %s" % ", ".join(os.path.relpath(os.path.join(LOGS, n + ".log")) for n in NAMES))
                        return 0
                elif time.monotonic() - m.start > LIMIT_S:
                    print("Not at init after %d s: %s. Their consoles are in %s." % (
                        LIMIT_S, ", ".join(n for n in NAMES if n not in up), os.path.relpath(LOGS)))
                    return 1
        except KeyboardInterrupt:
            save_logs(m)
            return 0 if ready else 130


if __name__ == "__main__":
    sys.exit(main())
