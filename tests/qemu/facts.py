"""Where a machine's PCI functions are and what they call themselves, asked of the emulator before it starts."""
import re
import subprocess

from lab import QEMU


def functions(extra, machine="q35"):
    """{id given by id=: "PATH@VVVV:DDDD:SSSS:ssss"} of every PCI device with an id, as mkbundle's device= takes it."""
    args = [QEMU, "-machine", machine, "-display", "none", "-vga", "none", "-net", "none", "-nodefaults", "-S",
            "-monitor", "stdio"] + list(extra)
    out = subprocess.run(args, input="info qtree\nquit\n", capture_output=True, text=True, timeout=60).stdout
    found, open_devices = {}, []  # the devices around the line, as (indentation, id, place)
    for line in out.splitlines():
        indent = len(line) - len(line.lstrip())
        while open_devices and open_devices[-1][0] >= indent:
            open_devices.pop()
        m = re.match(r'\s*dev: \S+, id "(.*)"', line)
        if m:
            open_devices.append([indent, m.group(1), None])
        m = re.match(r"\s*addr = (\w\w\.\w)", line)
        if m and open_devices:
            open_devices[-1][2] = m.group(1)
        m = re.search(r"pci id (\w+:\w+) \(sub (\w+:\w+)\)", line)
        if m and open_devices and open_devices[-1][1]:
            path = "/".join(d[2] for d in open_devices if d[2])
            found[open_devices[-1][1]] = "%s@%s:%s" % (path, m.group(1), m.group(2))
    return found
