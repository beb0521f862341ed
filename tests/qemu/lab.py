"""
The emulator as a laboratory: builds a bundle, runs the hypervisor or a bare guest in QEMU under a
hang guard, keeps every console apart, reads the counters, and reports in TAP.

Guests' lines come over the physical serial port as `[name] text`; everything else on it is the
hypervisor's own.
"""
import ctypes
import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

from counters import Page

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
BUILD = os.path.join(ROOT, "build")
ELF = os.path.join(BUILD, "caprock.elf")
MKBUNDLE = os.path.join(BUILD, "tests/mkbundle")
QEMU = os.environ.get("QEMU", "qemu-system-x86_64")
CPU = "EPYC,+svm,+npt,+x2apic"
# A loaded machine runs the emulator slower: a guard against hangs, never a measure.
PATIENCE = float(os.environ.get("LAB_PATIENCE", "1"))


def try_lock(fd):
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except OSError:
        return False


class Folder:
    """A folder of one run, locked while it lives; those whose owners were killed go first."""

    def __init__(self, kind, parent):
        gate = os.open(parent, os.O_RDONLY)
        fcntl.flock(gate, fcntl.LOCK_EX)
        try:
            for name in os.listdir(parent):
                if name.startswith("caprock-%s-" % kind):
                    self._remove_stale(os.path.join(parent, name))
            self.path = tempfile.mkdtemp(prefix="caprock-%s-" % kind, dir=parent)
            self.lock = os.open(self.path, os.O_RDONLY)
            try_lock(self.lock)
        finally:
            os.close(gate)

    @staticmethod
    def _remove_stale(path):
        try:
            fd = os.open(path, os.O_RDONLY)
        except OSError:
            return
        if try_lock(fd):
            shutil.rmtree(path, ignore_errors=True)
        os.close(fd)

    def remove(self):
        if self.lock is not None:
            shutil.rmtree(self.path, ignore_errors=True)
            os.close(self.lock)
            self.lock = None


def die_with_parent():
    """In the emulator's process: a test that is killed takes its emulator along."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def size_of(text):
    return int(text[:-1]) << {"K": 10, "M": 20, "G": 30}[text[-1].upper()]


def text_of(path):
    """What a file holds; "" when there is none, or it cannot be read."""
    try:
        with open(path) as f:
            return f.read()
    except OSError:
        return ""


def scratch(mem):
    """Where the machine's memory may lie: in memory when it fits there (containers have little), else on disk."""
    try:
        s = os.statvfs("/dev/shm")
        if s.f_bavail * s.f_frsize > size_of(mem) * 2 and os.access("/dev/shm", os.W_OK):
            return "/dev/shm"
    except OSError:
        pass
    os.makedirs(BUILD, exist_ok=True)
    return BUILD


def guest(name):
    return os.path.join(BUILD, "guests", name + ".elf")


def ws(name, cpus, mem, kernel, cmdline="", **more):
    """One workstation for bundle(): cpus are physical APIC ids, mem like 128M, kernel a path; a list repeats its key."""
    return dict(name=name, cpus=cpus, mem=mem, kernel=kernel, cmdline=cmdline, **more)


def bundle(path, workstations, *options):
    """Make a boot bundle; returns what mkbundle printed. Raises with its words when it refuses."""
    args = [MKBUNDLE, "-o", path]
    for w in workstations:
        words = ["name=" + w["name"], "cpus=" + "+".join(map(str, w["cpus"])), "mem=" + w["mem"],
                 "kernel=" + w["kernel"]]
        for k, v in w.items():
            if k not in ("name", "cpus", "mem", "kernel", "cmdline"):
                words += ["%s=%s" % (k, each) for each in (v if isinstance(v, list) else [v])]
        words.append("cmdline=" + w["cmdline"])
        args += ["--ws", ",".join(words)]
    p = subprocess.run(args + list(options), capture_output=True, text=True)
    refused_but_written = p.returncode == 3 and "--bad" in options
    if p.returncode and not refused_but_written:
        raise RuntimeError("mkbundle: " + (p.stderr or p.stdout).strip())
    return p.stdout


class Machine:
    """One run of QEMU. Use as a context manager: it is gone afterwards, whatever happened."""

    def __init__(self, kernel=ELF, initrd=None, append=None, smp=3, mem="1G", cpu=CPU, accel="tcg,thread=multi",
                 icount=False, limit=120, extra=(), machine="q35", qemu=QEMU, smp_words=None):
        self.scratch = Folder("machine", scratch(mem))
        self.dir = self.scratch.path
        self.ram = os.path.join(self.dir, "ram")
        self.lines = []          # (seconds, workstation or None, text)
        self.changed = threading.Condition()
        self.ended = False
        self.listening = threading.Event()  # cleared: nobody reads the serial port
        self.listening.set()
        self.limit = limit * PATIENCE
        self.page = None
        if icount:
            # Model registers of the APIC read the clock in mid-block, which icount forbids: one
            # instruction a block avoids it and leaves the counts as they are.
            accel = "tcg,one-insn-per-tb=on"
            extra = list(extra) + ["-icount", "shift=0,sleep=off"]
        args = [qemu, "-machine", machine + ",memory-backend=ram", "-object",
                "memory-backend-file,id=ram,size=%s,mem-path=%s,share=on" % (mem, self.ram),
                "-accel", accel, "-cpu", cpu, "-smp", smp_words or str(smp), "-m", mem, "-display", "none", "-vga", "none",
                "-net", "none", "-no-reboot", "-monitor", "none", "-serial", "stdio",
                "-debugcon", "file:" + os.path.join(self.dir, "debugcon"),
                "-device", "isa-debug-exit,iobase=0xf4,iosize=1"]
        if kernel:
            args += ["-kernel", kernel]
        if initrd:
            args += ["-initrd", initrd]
        if append:
            args += ["-append", append]
        self.start = time.monotonic()
        self.process = subprocess.Popen(args + list(extra), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, preexec_fn=die_with_parent)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        self.errors = []
        self.error_reader = threading.Thread(target=self._read_errors, daemon=True)
        self.error_reader.start()
        self.guard = threading.Timer(self.limit, self.process.kill)
        self.guard.daemon = True
        self.guard.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        self.scratch.remove()

    def _read(self):
        for raw in self.process.stdout:
            self.listening.wait()
            text = raw.decode(errors="replace").rstrip("\r\n")
            text = re.sub(r"\x1b\[[0-9;?=]*[A-Za-z]|\x1bc", "", text)
            m = re.match(r"\[([a-z0-9-]{1,31})\] ?(.*)$", text)
            who = m.group(1) if m and m.group(1) != "caprock" else None
            with self.changed:
                self.lines.append((time.monotonic() - self.start, who, m.group(2) if m else text))
                self.changed.notify_all()
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def _read_errors(self):
        for raw in self.process.stderr:
            text = raw.decode(errors="replace").rstrip()
            if "TCG doesn't support requested feature" not in text:
                self.errors.append(text)

    def stop(self):
        self.guard.cancel()
        self.listening.set()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.reader.join(5)
        self.error_reader.join(5)

    def text(self, name=None):
        """What workstation `name` said; the hypervisor's (or a bare guest's) own lines for None."""
        return [t for _, n, t in self.lines if n == name]

    def log(self):
        return ["%8.3f %s%s" % (s, "[%s] " % n if n else "", t) for s, n, t in self.lines]

    def debugcon(self):
        try:
            return open(os.path.join(self.dir, "debugcon"), errors="replace").read()
        except OSError:
            return ""

    def find(self, pattern, name=None, count=1):
        seen = 0
        for t in self.text(name):
            m = re.search(pattern, t)
            if m:
                seen += 1
                if seen == count:
                    return m
        return None

    def wait(self, pattern, name=None, count=1, timeout=None):
        """Wait for the count-th line of `name` that matches; the match, or None at the end or in time-out."""
        end = time.monotonic() + (timeout * PATIENCE if timeout else self.limit)
        with self.changed:
            while True:
                m = self.find(pattern, name, count)
                left = end - time.monotonic()
                if m or self.ended or left <= 0:
                    return m
                self.changed.wait(min(left, 1))

    def wait_end(self, timeout=None):
        try:
            self.process.wait(timeout * PATIENCE if timeout else self.limit)
        except subprocess.TimeoutExpired:
            return None
        self.reader.join(5)
        return self.process.returncode

    def counters(self):
        if not self.page:
            m = self.wait(r"counters at (0x[0-9a-f]+) size (\d+)", timeout=30)
            if not m:
                return None
            self.page = Page(self.ram, int(m.group(1), 16), int(m.group(2)))
        return self.page.read()


class Tap:
    """Results, one line each; details of a failure as comments."""

    def __init__(self):
        self.n, self.failed = 0, 0

    def ok(self, good, words, details=()):
        self.n += 1
        self.failed += not good
        print("%s %d - %s" % ("ok" if good else "not ok", self.n, words))
        if not good:
            for line in details:
                print("# " + line)
        sys.stdout.flush()
        return good

    def skip(self, words, why):
        self.n += 1
        print("ok %d - %s # SKIP %s" % (self.n, words, why))

    def done(self):
        print("1..%d" % self.n)
        sys.exit(1 if self.failed else 0)


def verdict(tap, lines, words, tail=()):
    """One result for a guest's whole run: its own EXPECT lines and its tally decide."""
    bad = [t for t in lines if t.startswith("not ok")]
    tally = None
    for t in lines:
        m = re.match(r"GUEST \S+: (\d+) passed, (\d+) failed", t)
        if m:
            tally = (int(m.group(1)), int(m.group(2)))
    good = tally is not None and tally[1] == 0 and tally[0] > 0 and not bad
    text = words + (": %d passed, %d failed" % tally if tally else ": no tally, it did not get to its end")
    return tap.ok(good, text, bad + ([] if tally else list(lines[-15:])) + ([] if good else list(tail)[-40:]))


# ---- the hypervisor with workstations ------------------------------------------------------------

def boot(workstations, smp, mem="1G", options=(), mangle=None, actual_smp=None, actual_mem=None, **more):
    """
    Build the bundle for `workstations` (see ws()), run the hypervisor on `smp` cores with it.
    `mangle(bytes)` may spoil the bundle first; `actual_smp` and `actual_mem` run it on another
    machine than it was made for.
    """
    folder = Folder("bundle", BUILD)
    try:
        path = os.path.join(folder.path, "bundle")
        folder.plan = bundle(path, workstations, "--smp", str(smp), "--memory", mem, *options)
        if mangle:
            with open(path, "rb") as f:
                data = mangle(bytearray(f.read()))
            with open(path, "wb") as f:
                f.write(data)
        return Booted(folder, initrd=path, smp=actual_smp or smp, mem=actual_mem or mem, **more)
    except BaseException:
        folder.remove()
        raise


class Booted(Machine):
    def __init__(self, folder, **more):
        self.folder = folder
        super().__init__(**more)

    def stop(self):
        super().stop()
        self.folder.remove()

    def poke(self, name, gpa, value):
        """Write a word into a workstation's memory, from outside the machine. For machines of at most 2 GiB."""
        mine = self.folder.plan[self.folder.plan.index("\n%s\n" % name):]
        ram = int(re.search(r" ram +(0x[0-9a-f]+) .* at guest 0$", mine, re.M).group(1), 16)
        with open(self.ram, "r+b") as f:
            f.seek(ram + gpa)
            f.write(value.to_bytes(4, "little"))

    def wait_tallies(self, names, timeout=None):
        """Wait until each of these workstations printed its tally; those that did not."""
        return [n for n in names if not self.wait(r"^GUEST ", n, timeout=timeout)]

    def wait_state(self, name, states, timeout=30):
        end = time.monotonic() + timeout * PATIENCE
        while time.monotonic() < end and not self.ended:
            c = self.counters()
            if c and c.workstation(name)["state"] in states:
                return True
            time.sleep(0.1)
        c = self.counters() if not self.ended else None
        return bool(c) and c.workstation(name)["state"] in states
