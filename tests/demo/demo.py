#!/usr/bin/env python3
"""
make demo: the main job, end to end. The hypervisor in the emulator on 5 cores gives two workstations a GPU, a
network port and a disk each; a survey turns in one, logs scroll in the other; viewers show both over the
network. Then it proves the point: the scene answers the mouse, an attack by DMA is blocked, one workstation
restarts while the other draws on, and a still desktop arrives exact to the pixel.

DEMO=amd uses AMD-Vi instead of VT-d; DEMO_KEEP=1 leaves everything running until Ctrl-C. Pictures, consoles
and figures go to build/demo.
"""
import os
import re
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../qemu"))
from accel import choose, small_start  # noqa: E402
from counters import difference  # noqa: E402
from lab import BUILD, ROOT, Machine  # noqa: E402
from qmp import Qmp  # noqa: E402
from screens import VIEWER, Screen, Viewer, colours, exact_picture, pixels_differ  # noqa: E402
from vehicle import CORES, IMAGE, MEMORY, NAMES, Vehicle, order  # noqa: E402

CAPROCK = os.path.join(BUILD, "caprock")
VENDOR = os.environ.get("DEMO", "intel")
FOLDER = os.path.join(BUILD, "demo", VENDOR)
LIMIT_S = 1500  # a guard against hangs: the emulator is slow where the machine is busy
WIDTH, HEIGHT = 1280, 800
# Colours of a picture: more than there are without the survey, or the text, and fewer than any view of it has.
DRAWN = dict(zip(NAMES, (1000, 30)))
# What is no device interrupt's: consoles, IPIs, interrupt set-up, TLBs (a processor without INVPCID), programs that start.
OTHERS = ("io", "ipi", "mmio", "cr", "cpuid")


class Story:
    """Stages with their times, and what was seen to hold."""

    def __init__(self):
        self.begin = time.monotonic()
        self.stages, self.checks = [], []

    def stage(self, words):
        now = time.monotonic()
        if self.stages:
            self.stages[-1][1] = now - self.stages[-1][2]
        self.stages.append([words, 0, now])
        print("\n== %s" % words, flush=True)

    def check(self, good, words):
        self.checks.append((bool(good), words))
        print("%s  %s" % ("   ok " if good else "FAILED", words), flush=True)
        return good

    def summary(self):
        self.stage("Summary")
        for words, seconds, _ in self.stages[:-1]:
            print("%7.1f s  %s" % (seconds, words))
        print("%7.1f s  in all" % (time.monotonic() - self.begin))
        bad = [w for good, w in self.checks if not good]
        print("%d of %d things to show were seen%s" % (len(self.checks) - len(bad), len(self.checks), "." if not bad else "; not seen:"))
        for w in bad:
            print("    " + w)
        return 1 if bad else 0


story = Story()


def caprock(*args):
    p = subprocess.run([CAPROCK] + list(args), stdin=subprocess.DEVNULL)
    if p.returncode:
        sys.exit("demo: caprock %s ended with status %d" % (args[0], p.returncode))


def prepare(vehicle):
    """From facts and profiles to a boot bundle; its path."""
    site = os.path.join(FOLDER, "site")
    os.makedirs(site, exist_ok=True)
    for f in os.listdir(os.path.join(ROOT, "tests/demo/site", VENDOR)):
        shutil.copy(os.path.join(ROOT, "tests/demo/site", VENDOR, f), site)
    for f in ("vmlinuz", "initrd"):
        link = os.path.join(site, f)
        if not os.path.islink(link):
            os.symlink(os.path.join(IMAGE, f), link)
    story.stage("caprock probe: what this (emulated) machine has")
    vehicle.probe(os.path.join(site, "machine.yaml"))
    story.stage("caprock check, explain, build: who gets what")
    caprock("check", os.path.join(site, "site.yaml"))
    caprock("explain", os.path.join(site, "site.yaml"), "--svg", os.path.join(FOLDER, "site.svg"))
    caprock("build", os.path.join(site, "site.yaml"), "--only", "bundle", "-o", os.path.join(FOLDER, "boot"))
    return os.path.join(FOLDER, "boot/caprock.bundle")


def table(m):
    subprocess.run([CAPROCK, "top", "--once", m.ram], stdin=subprocess.DEVNULL)
    sys.stdout.flush()


def keep_metrics(m, vehicle):
    """For a textfile collector: the hypervisor's counters, and what each workstation's agent says of itself."""
    texts = {"caprock": subprocess.run([CAPROCK, "top", "--metrics", m.ram], stdin=subprocess.DEVNULL, capture_output=True, text=True).stdout}
    for n in NAMES:
        texts[n] = "".join(line + "\n" for line in order(vehicle.orders[n], "metrics"))
    for name, text in texts.items():
        path = os.path.join(FOLDER, name + ".prom")
        with open(path + ".new", "w") as f:
            f.write(text)
        os.replace(path + ".new", path)


def figure(file, name):
    with open(os.path.join(FOLDER, file + ".prom")) as f:
        found = re.search(r"^%s(?:\{.*\})? (\S+)$" % name, f.read(), re.M)
    return float(found.group(1)) if found else 0


def save_consoles(m):
    for name in NAMES + (None,):
        with open(os.path.join(FOLDER, (name or "hypervisor") + ".log"), "w") as f:
            f.write("\n".join(m.text(name)) + "\n")
    with open(os.path.join(FOLDER, "emulator.log"), "w") as f:
        f.write("\n".join(m.errors) + "\n")


def await_lines(m, pattern, names, count=1):
    """Until each of the workstations said it; a sign of life meanwhile."""
    missing, end = list(names), time.monotonic() + LIMIT_S
    while missing and time.monotonic() < end and not m.ended and not m.find("halted|panic"):
        if m.wait(pattern, missing[0], count=count, timeout=20):
            missing.pop(0)
        else:
            said = m.text(missing[0])
            print("       %4.0f s: waiting for %s, which last said: %.90s" % (time.monotonic() - m.start, missing[0], said[-1] if said else "nothing"), flush=True)
        save_consoles(m)
    return not missing


def interrupts(vehicle, name):
    """Interrupts of its devices, as Linux counts them."""
    total = 0
    for line in order(vehicle.orders[name], "interrupts"):
        m = re.match(r"\s*\d+:((?:\s+\d+)+)\s+.*MSI", line)
        total += sum(map(int, m.group(1).split())) if m else 0
    return total


# ---- what is shown ------------------------------------------------------------------------------------------------


def show_mouse(m, vehicle, desk, viewer):
    story.stage("The scene answers the mouse, and device interrupts cost no exit")
    first = os.path.join(FOLDER, "before.png")
    last = os.path.join(FOLDER, "after.png")
    desk.picture(first)
    irqs = interrupts(vehicle, NAMES[0])
    frames, exits = viewer.frames(), m.counters().exits(NAMES[0])
    for _ in range(10):  # on a busy machine the first hand may come before the program listens
        for dx in (220, -160):
            desk.drag(600, 420, dx, 30)
            time.sleep(2)
        desk.picture(last)
        changed = pixels_differ(first, last) or 0
        if changed > 20000 and viewer.frames() > frames:
            break
    cost = difference(exits, m.counters().exits(NAMES[0]))
    came = interrupts(vehicle, NAMES[0]) - irqs
    story.check(changed > 20000 and viewer.frames() > frames,
                "a hand in the viewer turned the survey: %d pixels changed, %d pictures shown" % (changed, viewer.frames() - frames))
    rest = {k: v for k, v in cost.items() if v and k not in OTHERS}
    story.check(came > 0 and not rest, "%d interrupts of its devices meanwhile, 0 exits for them (exits in all: %s)"
                % (came, ", ".join("%s %d" % (k, v) for k, v in cost.items() if v) or "none"))


def show_attack(m, vehicle):
    story.stage("seismic-2 attacks by DMA")
    if vehicle.vendor == "amd":
        print("       left out with AMD-Vi: the engine that this attack drives can be reset only behind a port, so that no workstation\n"
              "       gets it elsewhere, and the emulator's AMD-Vi does not isolate what lies there. Nothing is shown here about AMD-Vi\n"
              "       and a hostile guest; `make attack` attacks Caprock's AMD-Vi driver with an engine and a disk, below no guest.")
        return
    before = m.counters().workstation(NAMES[1])["iommu_faults"]
    said = order(vehicle.orders[NAMES[1]], "attack", 120)
    for line in said:
        print("       [seismic-2] " + line)
    blocked = m.wait(r"iommu: \S+ \(seismic-2\): .*blocked", timeout=30)
    for t in m.text():
        if "(seismic-2)" in t:
            print("       [caprock] " + t)
    now = m.counters().workstation(NAMES[1])["iommu_faults"]
    story.check(any("control: the device reads" in x for x in said), "the control: its own memory it reaches")
    story.check(any("6 attempts made" in x for x in said) and blocked and now > before,
                "nobody else's: blocked, %d fault record%s" % (now - before, "" if now - before == 1 else "s"))


def show_restart(m, vehicle, desk, viewer):
    story.stage("seismic-2 restarts while seismic-1 draws on")
    frames, starts = viewer.frames(), m.counters().workstation(NAMES[0])["starts"]
    listens = sum("agent listens" in t for t in m.text(NAMES[1]))
    order(vehicle.orders[NAMES[1]], "reboot")
    went = m.wait("seismic-2: resets itself|seismic-2: had a triple", timeout=60)
    dx = 200
    for _ in range(6):
        desk.drag(600, 420, dx, 10, steps=15)
        dx = -dx
        time.sleep(1)
    drew = viewer.frames() - frames
    story.check(went and drew > 0, "seismic-2 went down, and seismic-1 showed %d more pictures meanwhile" % drew)
    back = await_lines(m, "agent listens", [NAMES[1]], listens + 1) and await_lines(m, "desktop up", [NAMES[1]], 2)
    c = m.counters()
    story.check(back and c.workstation(NAMES[1])["starts"] == 2 and c.workstation(NAMES[0])["starts"] == starts,
                "seismic-2 is back with its devices; seismic-1 was not restarted")


def show_exact(m, vehicle, glass, monitor):
    story.stage("A still desktop is exact to the pixel")
    for n in NAMES:
        order(vehicle.orders[n], "rest")
    time.sleep(3)
    for i, n in enumerate(NAMES):
        mine, end = exact_picture(FOLDER, n, vehicle.stream[n], 240), time.monotonic() + 240
        while mine and colours(mine) < DRAWN[n] and time.monotonic() < end:  # what has just started draws when it is ready
            time.sleep(1)
            mine = exact_picture(FOLDER, n, vehicle.stream[n], 240)
        real = os.path.join(FOLDER, n + "-qemu.png")
        if i == 0 and vehicle.gl:
            glass.picture(real)
        else:
            ppm = os.path.join(FOLDER, n + ".ppm")
            answer = monitor.ask("screendump", filename=ppm, device="gpu-" + n)
            if "error" in answer:
                print("       " + answer["error"]["desc"])
            subprocess.run(["convert", ppm, real])
        differ = pixels_differ(mine, real) if mine else None
        drawn = colours(mine) if mine else 0
        story.check(differ == 0 and drawn >= DRAWN[n], "%s: the viewer's picture (%d colours) and the emulator's own of its GPU: %s pixels differ"
                    % (n, drawn, "?" if differ is None else differ))
    for n in NAMES:
        order(vehicle.orders[n], "go")


def show_figures(m, vehicle):
    """Agents renew theirs every five seconds: one whose viewer just left may not say so yet."""
    for _ in range(15):
        keep_metrics(m, vehicle)
        logins = [figure(n, "caprock_agent_logins_total") for n in NAMES]
        good = all(logins) and figure(NAMES[0], "caprock_agent_viewers") == 1 and figure("caprock", "caprock_hypervisor_memory_bytes") > 0
        if good:
            break
        time.sleep(2)
    story.check(good, "figures for Prometheus: the hypervisor's, and both agents' (viewers let in: %s)" % ", ".join("%d" % n for n in logins))


def tell(m, vehicle, desk, viewer, glass, monitor):
    story.stage("Two workstations start below the hypervisor")
    up = await_lines(m, "desktop up", NAMES) and await_lines(m, "listening on", NAMES)
    story.check(up, "both desktops are up, each on a GPU, a network port and a disk of its own")
    if not up:
        return
    for n in NAMES:
        for t in m.text(n):
            if re.match("demo: (root file|network|GPU|desktop)", t):
                print("       [%s] %s" % (n, t))
    ready = await_lines(m, "demo: application shows", NAMES)
    story.check(ready, "both applications show their windows")
    glass.place("QEMU", 0, 0)
    table(m)
    story.stage("Viewers connect over the workstations' own networks")
    v = viewer()
    seen, drawn, enough = os.path.join(FOLDER, "seen.png"), 0, DRAWN[NAMES[0]]
    while v.process.poll() is None and drawn < enough and time.monotonic() - story.stages[-1][2] < 300:
        time.sleep(1)
        if v.lines() and v.lines()[-1]["exact"]:
            desk.picture(seen)
            drawn = colours(seen)
    story.check(v.process.poll() is None and drawn >= enough, "the viewer shows seismic-1's survey (%d colours), every pixel exact" % drawn)
    show_mouse(m, vehicle, desk, v)
    show_attack(m, vehicle)
    show_restart(m, vehicle, desk, v)
    await_lines(m, "demo: application shows", [NAMES[1]], 2)
    show_exact(m, vehicle, glass, monitor)
    story.stage("What it cost")
    table(m)
    show_figures(m, vehicle)
    last = v.lines()[-1]
    print("stream of seismic-1: %d pictures, %.0f KiB, last second %.1f a second" % (v.frames(), last["bytes"] / 1024, last["fps"]))
    c = m.counters()
    story.check(not m.find("panic") and all(w["state"] == "running" for w in c.workstations), "the hypervisor and both workstations are well")
    v.close()


def keep(m, vehicle):
    """For people to play with, until they have had enough."""
    known = os.path.relpath(os.path.join(FOLDER, "known_hosts"))
    if os.path.exists(known):
        os.unlink(known)  # of workstations that are gone
    print("\nIt runs on until Ctrl-C. From another terminal on this machine:")
    for n in NAMES:
        print("  %s:  %s --accept-new --known-hosts=%s 127.0.0.1::%d" % (n, os.path.relpath(VIEWER), known, vehicle.stream[n]))
    print("  figures:    %s top %s" % (os.path.relpath(CAPROCK), m.ram), flush=True)
    try:
        while not m.ended:
            time.sleep(5)
            keep_metrics(m, vehicle)
    except KeyboardInterrupt:
        print("\nEnded.")


def interrupted(*_):
    raise KeyboardInterrupt


def main():
    signal.signal(signal.SIGTERM, interrupted)
    if VENDOR not in ("intel", "amd"):
        sys.exit("demo: DEMO=%s is neither intel nor amd" % VENDOR)
    os.makedirs(FOLDER, exist_ok=True)
    accel, cpu, words = choose(small_start, wanted=os.environ.get("DEMO_KVM") != "no")
    print(words, flush=True)
    vehicle = Vehicle(VENDOR, accel, cpu)
    bundle = prepare(vehicle)
    glass, desk = Screen(WIDTH, HEIGHT), Screen(WIDTH, HEIGHT)  # the emulator's display and the user's desk
    qmp = os.path.join(FOLDER, "qmp")
    extra = vehicle.devices() + ["-qmp", "unix:%s,server=on,wait=off" % qmp]
    extra += ["-display", "sdl,gl=on"] if vehicle.gl else []
    os.environ.update(glass.env)
    try:
        with Machine(initrd=bundle, smp=CORES, mem=MEMORY, limit=86400 if os.environ.get("DEMO_KEEP") else 2 * LIMIT_S, extra=extra,
                     accel=vehicle.accel, cpu=vehicle.cpu, machine=vehicle.board) as m:
            try:
                time.sleep(1)
                film = os.path.join(FOLDER, "seismic-1.mkv")
                tell(m, vehicle, desk, lambda: Viewer(FOLDER, "window", vehicle.stream[NAMES[0]], desk, "--record=" + film), glass, Qmp(qmp))
                status = story.summary()
                print("Pictures, the film, consoles and metrics: " + os.path.relpath(FOLDER))
                if os.environ.get("DEMO_KEEP"):
                    keep(m, vehicle)
                return status
            except KeyboardInterrupt:
                return 130
            finally:
                save_consoles(m)
                if m.ended:
                    print("\n".join(m.text()[-20:] + m.errors[-5:]))
    finally:
        glass.close()
        desk.close()


if __name__ == "__main__":
    sys.exit(main())
