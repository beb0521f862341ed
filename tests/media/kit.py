"""What the tests of boot media share: files to boot, and what to expect of a boot."""
import os
import re
import subprocess

from vehicle import BUILD, ELF, Folder, Tap, bundle, guest, verdict, ws

EFI = os.path.join(BUILD, "BOOTX64.EFI")
MKMEDIA = os.path.join(BUILD, "tests/mkmedia")
TWO = [ws("one", [1], "64M", guest("smoke")), ws("two", [2, 3], "64M", guest("smoke"))]

tap = Tap()
scratch = Folder("media", BUILD)
folder = scratch.path


def file(name):
    return os.path.join(folder, name)


def make(kind, source, out, elf=ELF, env=None):
    return subprocess.run([MKMEDIA, kind, elf, EFI, source, out], capture_output=True, text=True, env=env)


def medium(kind, source, name):
    p = make(kind, source, file(name))
    if p.returncode:
        raise RuntimeError(p.stderr)
    return file(name)


def make_bundle(name, *options):
    bundle(file(name), TWO, "--smp", "4", "--memory", "1G", "--quiet", *options)
    return file(name)


def mtools(program, image, *words):
    subprocess.run([program, "-i", image + "@@1M", *words], check=True, capture_output=True)


def started(m, words, timeout=60):
    m.wait_tallies(["one", "two"], timeout=timeout)
    verdict(tap, m.text("one"), words + ", workstation one", m.log())
    verdict(tap, m.text("two"), words + ", workstation two", m.log())


def said(m, pattern, words, timeout=60):
    found = m.wait(pattern, timeout=timeout)
    return tap.ok(found, words, m.log()[-30:] + m.errors)


def refused(m, pattern, words, look=True):
    """One line on the serial port, the same on the screen, then a halt, and no workstation."""
    m.wait("halted", timeout=60)
    lines = [t for t in m.text() if t.startswith("error: ")]
    hits = [t for t in lines if re.search(pattern, t)]
    tap.ok(len(hits) == 1 and len(lines) == 2 and lines[-1] == "error: halted" and not m.find("started on"),
           "%s: refused, once, then halted: %s" % (words, hits[0][7:] if hits else "not named"), m.log()[-20:] + m.errors)
    if not look:
        return

    def there(shown):  # a long line is broken where the screen ends, in mid-word
        flat = "".join(shown).replace(" ", "")
        return hits and hits[0].replace(" ", "") in flat and "error:halted" in flat

    shown = m.screen_when(there)
    tap.ok(there(shown), words + ": the screen shows it, letter for letter", shown)


def crashes(m, words):
    """A machine check ends in a panic, and the next start tells of it, once."""
    m.wait_tallies(["one", "two"], timeout=60)
    # A machine check with its context corrupt, on the host core: bank 1, VAL UC EN MISCV ADDRV PCC.
    m.qmp("human-monitor-command", **{"command-line": "mce 0 1 0xbd00000000000000 0x5 0 0"})
    said(m, "panic: exception 18", "a machine check ends in a panic, " + words)
    said(m, r"(at|from) 0x[0-9a-f]+ host_loop\+0x", "its trace has names, " + words)
    m.wait("error: halted", timeout=30)
    tap.ok(m.wait_stopped(), "the machine stops for good, " + words, m.log()[-20:])  # the firmware's store is written last
    shown = m.screen()
    tap.ok("panic: exception 18" in "\n".join(shown) and "error: halted" in "\n".join(shown),
           "the panic is on the screen, " + words, shown)
    m.reset()
    said(m, "the last run ended in a crash", "the next start tells of the crash, " + words)
    said(m, r"\| .*panic: exception 18", "with its own words, " + words)
    started(m, "after the crash, " + words)
    m.reset()
    m.wait("cores online", timeout=60)
    tap.ok(not m.find("ended in a crash"), "the start after that does not tell again, " + words, m.text())
