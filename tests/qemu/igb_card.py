"""
What the driver of an Intel 82576's physical function does for its virtual ones, done from outside through
the emulator's qtest port. The card has no firmware of its own for it: until somebody writes these registers
of the physical function a virtual one neither sends nor receives, and nobody answers its mailbox
(82576 datasheet 4.6.11.2, 7.10.2.9, 8.14). The hypervisor runs no such driver, by design.
"""
import socket
import threading
import time

ECAM = 0xb0000000  # where SeaBIOS has it on q35

CTRL, CTRL_EXT, MDIC, RCTL, TCTL = 0x0, 0x18, 0x20, 0x100, 0x400
MBVFICR, VFRE, VFTE, GPIE = 0xc80, 0xc8c, 0xc90, 0x1514
RAL, RAH, MRQC, VT_CTL = 0x5400, 0x5404, 0x5818, 0x581c
VIRTUAL = 7                   # of them; pool n is number n's
MAILBOX = lambda n: 0xc00 + 4 * n
MEMORY = lambda n: 0x800 + 64 * n
STS, ACK, PFU = 1, 2, 8       # of a mailbox: sent, acknowledged, taken by the physical function

# The link, by negotiation; interrupts by MSI-X; receive, with broadcasts; send; a pool for each virtual function;
# the reset is over.
TABLE = [(CTRL, 0x40), (MDIC, 0x04201200), (GPIE, 0xc0000011), (RCTL, 0x8002), (TCTL, 2), (MRQC, 3), (VT_CTL, VIRTUAL << 7)] + \
        [(0x5ad0 + 4 * n, 0x4b0005f2) for n in range(VIRTUAL)] + [(CTRL_EXT, 0x4000)]

RESET, MESSAGE_ACK, CLEAR_TO_SEND, CONTROL = 1, 0x80000000, 0x20000000, 0x100


class Card(threading.Thread):
    """Serve the card at bus:devfn (0x0100 is 01:00.0) until stop(); `mac(n)` is the address of number n."""

    def __init__(self, path, rid):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect(path)
        self.lines, self.lock = self.socket.makefile("r"), threading.Lock()
        self.config = ECAM + (rid << 12)
        self.ended, self.resets, self.errors = False, [0] * VIRTUAL, []
        # The emulator's model receives only while the physical function may master the bus.
        self.ask("writew", self.config + 4, 6)
        self.bar = self.ask("readl", self.config + 0x10) & ~15
        for register, v in TABLE:
            self.write(register, v)
        self.start()

    @staticmethod
    def mac(n):
        return "52:54:00:82:57:%02x" % (0x60 + n)

    def ask(self, command, *words):
        with self.lock:
            self.socket.sendall((command + "".join(" 0x%x" % w for w in words) + "\n").encode())
            answer = self.lines.readline().split()
        if not answer or answer[0] != "OK":
            raise OSError("qtest %s: %s" % (command, " ".join(answer) or "no answer"))
        return int(answer[1], 16) if len(answer) > 1 else None

    def read(self, register):
        return self.ask("readl", self.bar + register)

    def write(self, register, v):
        self.ask("writel", self.bar + register, v)

    def take(self, n):
        """The mailbox is ours for a moment."""
        for _ in range(1000):
            self.write(MAILBOX(n), PFU)
            if self.read(MAILBOX(n)) & PFU:
                return
        raise OSError("mailbox %d is never free" % n)

    def say(self, n, *words):
        self.take(n)
        for i, w in enumerate(words):
            self.write(MEMORY(n) + 4 * i, w)
        self.write(MAILBOX(n), STS)

    def receive(self, n):
        self.take(n)
        word = self.read(MEMORY(n))
        self.write(MAILBOX(n), ACK)
        return word

    def answer(self, n):
        word = self.receive(n)
        if word & 0xffff != RESET:
            self.say(n, word | MESSAGE_ACK | CLEAR_TO_SEND)
            return
        self.resets[n] += 1
        address = bytes.fromhex(self.mac(n).replace(":", "")) + bytes(2)
        low, high = int.from_bytes(address[:4], "little"), int.from_bytes(address[4:], "little")
        self.write(RAL + 8 * n, low)
        self.write(RAH + 8 * n, high | 1 << 31 | 1 << (18 + n))
        for register in (VFRE, VFTE):
            self.write(register, self.read(register) | 1 << n)
        self.say(n, RESET | MESSAGE_ACK, low, high)

    def run(self):
        told = 0
        try:
            while not self.ended:
                asked = self.read(MBVFICR)
                self.write(MBVFICR, asked)
                for n in range(VIRTUAL):
                    if asked >> n & 1:
                        self.answer(n)
                        told = time.monotonic()
                # A virtual function takes its link for up only when the physical one talks to it.
                if time.monotonic() - told > 1:
                    told = time.monotonic()
                    for n in range(VIRTUAL):
                        if self.resets[n]:
                            self.say(n, CONTROL | CLEAR_TO_SEND)
                time.sleep(0.01)
        except (OSError, ValueError) as e:
            if not self.ended:
                self.errors.append(str(e))

    def stop(self):
        self.ended = True
        self.join(5)
        self.socket.close()
