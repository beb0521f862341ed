"""The machine of the demo: QEMU's words for its devices, and the ways in from outside."""
import os
import random
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../qemu"))
from lab import BUILD, CPU, QEMU, scratch  # noqa: E402

NAMES = ("seismic-1", "seismic-2")
CORES, MEMORY = 5, "4G"
IMAGE = os.path.join(BUILD, "demo/image")
UNITS = {
    "intel": ["-device", "intel-iommu,intremap=on,eim=on"],
    "amd": ["-device", "amd-iommu,intremap=on,xtsup=on,pt=off"],
}
VIRTIO = "iommu_platform=on,disable-legacy=on"
# The emulator's AMD-Vi does not translate for what lies behind a port: displays there, which do no DMA, and no DMA engine.
GPUS = {"intel": ("virtio-gpu-gl-pci," + VIRTIO, "virtio-gpu-pci," + VIRTIO), "amd": ("bochs-display", "bochs-display")}
NICS = ("igb,addr=0c.0", "e1000e,addr=05.0")


def free_port():
    """Below the ports that the kernel gives to others on its own: nobody takes it before QEMU does."""
    while True:
        port = random.randrange(15000, 32000)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass


class Vehicle:
    def __init__(self, vendor, accel, cpu):
        """accel and cpu as choose() has them."""
        self.accel, self.cpu = accel, cpu or CPU
        self.board = "q35,kernel-irqchip=split" if cpu else "q35"
        self.vendor = vendor
        self.gl = vendor == "intel"
        self.stream = {n: free_port() for n in NAMES}
        self.orders = {n: free_port() for n in NAMES}

    def devices(self, gl=True):
        """QEMU's words. Without a screen to draw on (gl=False) the same functions without 3D."""
        words = list(UNITS[self.vendor])
        for i, n in enumerate(NAMES):
            gpu = GPUS[self.vendor][i] if gl else GPUS[self.vendor][i].replace("-gl-pci", "-pci")
            words += ["-netdev", "user,id=net%d,hostfwd=tcp:127.0.0.1:%d-:5900,hostfwd=tcp:127.0.0.1:%d-:7000"
                      % (i, self.stream[n], self.orders[n]), "-device", "%s,netdev=net%d" % (NICS[i], i),
                      "-drive", "if=none,id=disk%d,format=raw,readonly=on,file=%s/root.squashfs" % (i, IMAGE),
                      "-device", "nvme,addr=%02x.0,serial=%s,drive=disk%d" % (6 + i, n, i),
                      "-device", "pcie-root-port,id=port%d,addr=%02x.0,chassis=%d" % (i, 8 + i, i + 1),
                      "-device", "%s,bus=port%d,id=gpu-%s" % (gpu, i, n)]
        if self.vendor == "intel":
            words += ["-device", "pcie-root-port,id=port2,addr=0a.0,chassis=3",
                      "-device", "edu,bus=port2,dma_mask=0xffffffffffffffff"]
        return words

    def probe(self, out, limit=240):
        """
        Run `caprock probe` on this machine, in the Linux of the demo's image; the machine file goes to `out`. On a busy
        host the timer's first ticks come late, and Linux without no_timer_check panics over it (through VT-d's remapping).
        """
        folder = os.path.dirname(out)
        console = os.path.join(folder, "probe.log")
        args = [QEMU, "-machine", "q35,kernel-irqchip=split", "-accel", self.accel, "-cpu", self.cpu, "-smp", str(CORES), "-m", MEMORY,
                "-object", "memory-backend-file,id=ram,size=%s,mem-path=%s,share=off" % (MEMORY, scratch(MEMORY)),
                "-display", "none", "-vga", "none", "-net", "none", "-no-reboot", "-monitor", "none",
                "-kernel", IMAGE + "/vmlinuz", "-initrd", IMAGE + "/initrd", "-serial", "file:" + console, "-serial", "file:" + out + ".new",
                "-append", "console=ttyS0 tsc=reliable no_timer_check panic=-1 quiet demo.desktop=probe amd_iommu=off"] + self.devices(gl=False)
        p = subprocess.run(args, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=limit)
        text = ""
        if os.path.exists(out + ".new"):
            with open(out + ".new") as f:
                text = f.read().replace("\r", "")
        if not text.rstrip().endswith("# end"):
            raise RuntimeError("probing the emulated machine gave no machine file; see %s\n%s" % (console, p.stderr[-1000:]))
        with open(out, "w") as f:
            f.write(text)
        os.unlink(out + ".new")


def order(port, words, timeout=60):
    """Give a workstation an order over its own network; what it says, line by line, or [] when it is not there."""
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as s:
            s.settimeout(timeout)
            s.sendall(words.encode() + b"\n")
            text = b""
            while True:
                more = s.recv(4096)
                if not more:
                    return text.decode(errors="replace").splitlines()
                text += more
    except OSError:
        return []
