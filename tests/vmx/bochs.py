"""
Bochs as a laboratory for VMX: the hypervisor from a GRUB ISO, as lab.py does it in QEMU, with the
same way of reading consoles, counters and verdicts.

Time on this machine is counted in instructions (`ips` of them are a second), so a run is the same
on every host but for its length; limits are guards against hangs.
"""
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../qemu"))
import lab  # noqa: E402
from counters import Counters  # noqa: E402
from lab import BUILD, ELF, PATIENCE, Folder, bundle, die_with_parent  # noqa: E402

MODELS = {"skylake_x": "corei7_skylake_x", "icelake_u": "corei7_icelake_u", "tigerlake": "tigerlake",
          "lynnfield": "corei5_lynnfield_750", "core2": "core2_penryn_t9600", "p4": "p4_prescott_celeron_336",
          "athlon64": "athlon64_clawhammer"}
BIOS = "/usr/share/bochs/BIOS-bochs-latest"
VGABIOS = "/usr/share/vgabios/vgabios.bin"
MODULES = "multiboot2 normal iso9660 biosdisk boot minicmd test configfile"
VERSION = re.search(r"Bochs x86 Emulator (\d+)", subprocess.run(["bochs", "--help"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                                                 text=True).stdout)
BOCHS3 = int(VERSION.group(1)) >= 3
# Leaf 0Bh of Bochs 3.0 keeps a bit of the APIC id for a core's threads even where a core has but one, so that processors
# 0 and 1 look like threads of one core. There cores get two threads, and processor N of a test is the first of core N.
THREADS = 2 if BOCHS3 else 1
# Where the debugger has to be asked for.
DEBUGGER = ["-debugger"] if BOCHS3 else []
# Guests expect more than 10 MHz; much more only makes each of their delays longer to emulate.
IPS = 20000000

CONFIG = """\
config_interface: textconfig
display_library: rfb, options="timeout=0"
megs: {mem}
cpu: model={model}, count={cpus}:1:{threads}, ips={ips}, reset_on_triple_fault=0
romimage: file={bios}, options=fastboot
vgaromimage: file={vgabios}
ata0: enabled=1
ata0-master: type=cdrom, path={dir}/cap.iso, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev={dir}/serial
speaker: enabled=0
log: {dir}/log
panic: action=fatal
error: action=ignore
info: action=ignore
debug: action=ignore
clock: sync=none
"""

# GRUB as Debian 12 has it dies in Bochs over the video mode that a kernel's multiboot2 header asks
# for (in its own code, before the kernel's first instruction; not in QEMU or on a PC). The test's
# copy of the hypervisor asks for none: the tag ends the list.
FRAMEBUFFER_TAG, END_TAG = bytes.fromhex("0500010014000000"), bytes.fromhex("0000000008000000")


def processor(core):
    """The core's first processor."""
    return core * THREADS


def hypervisor(path):
    subprocess.run(["objcopy", "--strip-debug", ELF, path], check=True)
    with open(path, "rb") as f:
        data = f.read()
    if data.count(FRAMEBUFFER_TAG) != 1:
        raise RuntimeError("the multiboot2 header has no framebuffer tag any more: drop the work-around in bochs.py")
    with open(path, "wb") as f:
        f.write(data.replace(FRAMEBUFFER_TAG, END_TAG))


def symbol(name):
    """An address in the hypervisor."""
    text = subprocess.run(["nm", ELF], capture_output=True, text=True, check=True).stdout
    return int(re.search(r"^([0-9a-f]+) \w %s$" % name, text, re.M).group(1), 16)


def make_iso(folder, bundle_path):
    boot = os.path.join(folder, "iso/boot")
    os.makedirs(os.path.join(boot, "grub"))
    hypervisor(os.path.join(boot, "caprock.elf"))
    words = ["multiboot2 /boot/caprock.elf"]
    if bundle_path:
        shutil.copy(bundle_path, os.path.join(boot, "bundle"))
        words.append("module2 /boot/bundle")
    with open(os.path.join(boot, "grub/grub.cfg"), "w") as f:
        f.write("\n".join(words + ["boot"]) + "\n")
    p = subprocess.run(["grub-mkrescue", "-d", "/usr/lib/grub/i386-pc", "-o", os.path.join(folder, "cap.iso"),
                        "--compress=no", "--install-modules=" + MODULES, "--fonts=", "--themes=", "--locales=",
                        os.path.join(folder, "iso"), "--", "-volid", "CAPROCK"], capture_output=True, text=True)
    if p.returncode:
        raise RuntimeError("grub-mkrescue: " + p.stderr.strip())


class Machine(lab.Booted):
    """
    One run of Bochs; the interface is that of lab.Machine. `trap`: addresses, perhaps with
    conditions, and what the debugger is told, a command each, when a core comes there. Two that follow each other do
    where one may not: Bochs looks at no breakpoint as it changes from core to core.
    """

    def __init__(self, folder, bundle_path=None, model="skylake_x", cpus=4, mem=512, ips=IPS, limit=120, trap=None):
        self.scratch = folder
        self.dir = folder.path
        self.lines, self.errors = [], []
        self.changed = threading.Condition()
        self.ended = False
        self.limit = limit * PATIENCE * THREADS  # as many more processors, as much longer
        self.counters_at = None
        make_iso(self.dir, bundle_path)
        with open(os.path.join(self.dir, "bochsrc"), "w") as f:
            f.write(CONFIG.format(mem=mem, model=MODELS[model], cpus=cpus, threads=THREADS, ips=ips,
                                  bios=BIOS, vgabios=VGABIOS, dir=self.dir))
        with open(os.path.join(self.dir, "rc"), "w") as f:
            f.write("".join("lb %s\n" % a for a in trap[0]) + "c\n" if trap else "c\n")
        self.orders, self.ordered = trap[1] if trap else [], 0
        self.start = time.monotonic()
        self.question = self.answer = None
        self.asked = False
        self.process = subprocess.Popen(["bochs", "-q"] + DEBUGGER + ["-f", os.path.join(self.dir, "bochsrc"), "-rc",
                                         os.path.join(self.dir, "rc")], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, preexec_fn=die_with_parent)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        self.error_reader = threading.Thread(target=self._read_debugger, daemon=True)
        self.error_reader.start()
        self.guard = threading.Timer(self.limit, self.process.kill)
        self.guard.daemon = True
        self.guard.start()

    def stop(self):
        self.guard.cancel()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.reader.join(5)
        self.error_reader.join(5)
        self.process.stdin.close()

    def __exit__(self, *_):
        self.stop()
        self.scratch.remove()

    def _read(self):
        """The serial port's file as it grows."""
        path, rest, f = os.path.join(self.dir, "serial"), "", None
        while True:
            gone = self.process.poll() is not None
            if not f and os.path.exists(path):
                f = open(path, errors="replace")
            new = f.read() if f else ""
            if new:
                *whole, rest = (rest + new).split("\n")
                with self.changed:
                    for text in whole:
                        self._take(text.rstrip("\r"))
                    self.changed.notify_all()
            elif gone:
                break
            else:
                time.sleep(0.02)
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def _take(self, text):
        m = re.match(r"\[([a-z0-9-]{1,31})\] ?(.*)$", text)
        who = m.group(1) if m and m.group(1) != "caprock" else None
        self.lines.append((time.monotonic() - self.start, who, m.group(2) if m else text))

    def _read_debugger(self):
        """
        Bochs's debugger says "<bochs:N> " whenever the machine stands still, and waits for one command. Each of
        these prompts gets exactly one: what is asked, or to go on. So a request to stop that comes
        late stops the machine once more and does no harm, and one that is forgotten is only made again.
        """
        text, seen = "", 0
        while True:
            raw = os.read(self.process.stdout.fileno(), 65536)
            if not raw:
                return
            with self.changed:
                text += raw.decode(errors="replace")
                for prompt in iter(lambda: re.search(r"<bochs:(\d+)> ", text), None):
                    if int(prompt.group(1)) > seen:
                        seen = int(prompt.group(1))
                        self._at_prompt(text[:prompt.start()])
                    text = text[prompt.end():]

    def _at_prompt(self, said):
        if self.question is not None:
            if self.asked:
                self.heard += said
            self.asked = True
            if self.question:
                self._say(self.question.pop(0))
                return
            self.answer, self.question = self.heard, None
            self.changed.notify_all()
        elif self.ordered < len(self.orders):
            self._say(self.orders[self.ordered])
            self.ordered += 1
            return
        self.ordered = 0
        self._say("c")

    def _say(self, command):
        try:
            self.process.stdin.write((command + "\n").encode())
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # it ends: _read() says so

    def debug(self, *commands, timeout=20):
        """What the debugger answers to these, for which the machine stops and then goes on. None: nothing."""
        end = time.monotonic() + timeout * PATIENCE
        with self.changed:
            self.question, self.asked, self.heard, self.answer = list(commands), False, "", None
            while self.answer is None and not self.ended and time.monotonic() < end:
                if not self.asked:
                    self.process.send_signal(signal.SIGINT)
                self.changed.wait(0.5)
            self.question = None
            return self.answer

    def memory(self, address, size):
        """Bytes of physical memory, by the debugger."""
        words = (size + 3) // 4
        answer = self.debug("xp /%dwx %#x" % (words, address)) or ""
        lines = re.findall(r"^0x[0-9a-f]+ <[^>]*>:((?:\t0x[0-9a-f]{8})+)$", answer, re.M)
        values = [int(v, 16) for line in lines for v in line.split()]
        return b"".join(v.to_bytes(4, "little") for v in values)[:size] if len(values) == words else None

    def counters(self):
        if not self.counters_at:
            m = self.wait(r"counters at (0x[0-9a-f]+) size (\d+)", timeout=60)
            if not m:
                return None
            self.counters_at = int(m.group(1), 16), int(m.group(2))
        page = self.memory(*self.counters_at)
        return Counters(page) if page else None

    def emulator_log(self):
        try:
            return open(os.path.join(self.dir, "log"), errors="replace").read().splitlines()[-20:]
        except OSError:
            return []


def boot(workstations, cpus=4, mem=512, options=("--no-iommu",), **more):
    """Build the bundle for `workstations` (see lab.ws(); its cpus are cores here), run the hypervisor with it."""
    os.makedirs(BUILD, exist_ok=True)
    folder = Folder("bochs", BUILD)
    try:
        path = None
        if workstations:
            path = os.path.join(folder.path, "bundle")
            placed = [dict(w, cpus=[processor(c) for c in w["cpus"]]) for w in workstations]
            bundle(path, placed, "--smp", str(cpus * THREADS), "--threads", str(THREADS), "--memory", "%dM" % mem, *options)
        return Machine(folder, path, cpus=cpus, mem=mem, **more)
    except BaseException:
        folder.remove()
        raise
