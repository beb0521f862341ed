"""What stands at the other end of a guest's devices: a server for its network port, an image for its disk."""
import random
import socket
import threading
import zlib

MB = 1 << 20


def stream(seed, megabytes):
    r = random.Random(seed)
    for _ in range(megabytes):
        yield r.randbytes(MB)


class Listener:
    """A port of this machine, which a guest reaches as 10.0.2.2; each that connects is talked to beside the others."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                c, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(c,), daemon=True).start()

    def close(self):
        self.socket.close()


class Server(Listener):
    """Sends `megabytes` to whoever connects, takes what comes back, and keeps both checksums."""

    def __init__(self, megabytes, seed=1):
        self.megabytes, self.seed = megabytes, seed
        self.sent, self.talks, self.errors = 0, [], []
        for block in stream(seed, megabytes):
            self.sent = zlib.crc32(block, self.sent)
        super().__init__()

    def _talk(self, c):
        got, crc = 0, 0
        try:
            for block in stream(self.seed, self.megabytes):
                c.sendall(block)
            while got < self.megabytes * MB:
                b = c.recv(MB)
                if not b:
                    break
                got, crc = got + len(b), zlib.crc32(b, crc)
        except OSError as e:
            self.errors.append(str(e))
        self.talks.append((got, crc))
        c.close()


class Gate(Listener):
    """
    Where a guest stops at `ask` until it is answered: `answer` is called meanwhile, and what it returns is told
    to the guest. So what is looked at there is looked at between two of the guest's jobs, however slow we are.
    """

    def __init__(self, answer):
        self.answer = answer
        super().__init__()

    def _talk(self, c):
        c.sendall(self.answer().encode())
        c.close()


def disk(path, megabytes, seed):
    """Make an image of `megabytes` and return its checksum."""
    crc = 0
    with open(path, "wb") as f:
        for block in stream(seed, megabytes):
            f.write(block)
            crc = zlib.crc32(block, crc)
    return crc
