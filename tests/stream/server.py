"""A plain RFB 3.8 server without any extension: grey, and it notes what it is told."""
import socket
import struct
import threading

from rfb import Stream


class Server(Stream):
    def __init__(self, width, height):
        self.size, self.keys, self.pointer, self.text = (width, height), [], None, None
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                self.s, _ = self.listener.accept()
            except OSError:
                return
            try:
                self.talk()
            except (EOFError, OSError):
                pass

    def talk(self):
        width, height = self.size
        self.s.sendall(b"RFB 003.008\n")
        self.exactly(12)
        self.s.sendall(b"\1\1")
        self.exactly(1)
        self.s.sendall(bytes(4))
        self.exactly(1)
        self.s.sendall(struct.pack(">HHBBBBHHHBBB3xI", width, height, 32, 24, 0, 1, 255, 255, 255, 16, 8, 0, 5) + b"plain")
        shown = False
        while True:
            kind = self.exactly(1)[0]
            if kind == 2:
                self.exactly(struct.unpack(">xH", self.exactly(3))[0] * 4)
            elif kind == 3:
                self.exactly(9)
                if not shown:  # nothing changes after that
                    self.s.sendall(struct.pack(">BxHHHHHi", 0, 1, 0, 0, width, height, 0) + b"\x80" * (width * height * 4))
                shown = True
            elif kind == 4:
                down, sym = struct.unpack(">BxxI", self.exactly(7))
                self.keys.append((down, sym))
            elif kind == 5:
                self.pointer = struct.unpack(">BHH", self.exactly(5))
            elif kind == 6:
                self.text = self.exactly(struct.unpack(">xxxI", self.exactly(7))[0])
            else:
                assert kind == 0, kind  # SetPixelFormat: ours is the usual one
                self.exactly(19)

    def say(self, text):
        """New clipboard text (bytes, Latin-1)."""
        self.s.sendall(struct.pack(">BxxxI", 3, len(text)) + text)

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
