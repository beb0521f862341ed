"""A machine that starts from a medium: OVMF or SeaBIOS, a screen, and QMP to look at it and to reset it."""
import os
import re
import shutil
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../qemu"))
import qmp  # noqa: E402
import screen  # noqa: E402
from lab import BUILD, ELF, PATIENCE, Booted, Folder, Tap, bundle, guest, verdict, ws  # noqa: E402,F401 (for the tests)

OVMF = "/usr/share/OVMF/OVMF_CODE_4M.fd"
OVMF_VARS = "/usr/share/OVMF/OVMF_VARS_4M.fd"


def usb(image):
    return ["-drive", "file=%s,format=raw,if=none,id=stick" % image, "-device", "qemu-xhci",
            "-device", "usb-storage,drive=stick,bootindex=0"]


def disc(image):
    return ["-drive", "file=%s,format=raw,media=cdrom,if=none,id=disc,readonly=on" % image,
            "-device", "ide-cd,drive=disc,bootindex=0"]


class FromMedium(Booted):
    """`uefi`: OVMF with variables of its own that last as long as the machine; False: SeaBIOS; None: PVH."""

    def __init__(self, devices, uefi, vga=("-vga", "std"), code=OVMF, variables=OVMF_VARS, **more):
        folder = Folder("medium", BUILD)
        store = os.path.join(folder.path, "vars")
        self.socket = os.path.join(folder.path, "qmp")
        extra = list(devices) + list(vga) + ["-action", "reboot=reset", "-qmp",
                                             "unix:%s,server=on,wait=off" % self.socket]
        if uefi:
            shutil.copy(variables, store)
            # Firmware with Secure Boot keeps its variables from everything but its own SMM code.
            extra += ["-global", "driver=cfi.pflash01,property=secure,value=on"] if "secboot" in code else []
            extra += ["-drive", "if=pflash,unit=0,format=raw,readonly=on,file=" + code,
                      "-drive", "if=pflash,unit=1,format=raw,file=" + store]
        super().__init__(folder, **{"kernel": None, "smp": 4, "limit": 120, "extra": extra, **more})

    def qmp(self, command, **arguments):
        return qmp.run(self.socket, command, **arguments)

    def screen(self):
        path = os.path.join(self.folder.path, "screen.ppm")
        self.qmp("screendump", filename=path)
        self.resolution = screen.size(path)
        return screen.read(path)

    def screen_when(self, there, timeout=30):
        """The screen as soon as `there(lines)` holds: a line is drawn after it was said, letter by letter."""
        end = time.monotonic() + timeout * PATIENCE
        while not there(shown := self.screen()) and time.monotonic() < end and not self.ended:
            time.sleep(0.1)
        return shown

    def wait_stopped(self, timeout=30):
        """Until the host core is halted with its interrupts off: for good."""
        end = time.monotonic() + timeout * PATIENCE
        while time.monotonic() < end and not self.ended:
            state = self.qmp("human-monitor-command", **{"command-line": "info registers", "cpu-index": 0})
            if "HLT=1" in state and not int(re.search(r"[ER]FL=([0-9a-f]+)", state).group(1), 16) & 0x200:
                return True
            time.sleep(0.1)
        return False

    def reset(self):
        """A warm reset; what was said before is forgotten."""
        with self.changed:
            self.lines = []
        self.page = None
        self.qmp("system_reset")
