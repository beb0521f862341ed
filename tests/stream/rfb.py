#!/usr/bin/env python3
"""
A small RFB 3.8 client for tests, independent of the product's: rfb.py HOST PORT none|tls COMMAND...
logs in without authentication (VeNCrypt X509None for tls) and sends what the commands say:

    key DOWN KEYSYM SCANCODE     pointer X Y BUTTONS     wait SECONDS
"""
import socket
import ssl
import struct
import sys
import time

NONE, VENCRYPT, X509NONE = 1, 19, 260
QEMU_KEYS = -258


class Client:
    def __init__(self, host, port, tls=True, timeout=30):
        self.s = socket.create_connection((host, port), timeout)
        self.exactly(12)
        self.s.sendall(b"RFB 003.008\n")
        offered = self.exactly(self.exactly(1)[0])
        if tls:
            assert VENCRYPT in offered, offered
            self.s.sendall(bytes([VENCRYPT]))
            assert self.exactly(2) == b"\0\2"
            self.s.sendall(b"\0\2")
            assert self.exactly(1) == b"\0"
            n = self.exactly(1)[0]
            types = struct.unpack(">%dI" % n, self.exactly(4 * n))
            assert X509NONE in types, types
            self.s.sendall(struct.pack(">I", X509NONE))
            assert self.exactly(1) == b"\1"
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            self.s = context.wrap_socket(self.s)
        else:
            assert NONE in offered, offered
            self.s.sendall(bytes([NONE]))
        assert self.exactly(4) == b"\0\0\0\0"
        self.s.sendall(b"\1")
        self.width, self.height = struct.unpack(">HH", self.exactly(4))
        self.exactly(16)
        self.name = self.exactly(struct.unpack(">I", self.exactly(4))[0]).decode()

    def exactly(self, n):
        data = b""
        while len(data) < n:
            more = self.s.recv(n - len(data))
            if not more:
                raise EOFError("closed by the server")
            data += more
        return data

    def send(self, data):
        self.s.sendall(data)

    def encodings(self, *numbers):
        self.send(struct.pack(">BxH%di" % len(numbers), 2, len(numbers), *numbers))

    def key(self, down, keysym, scancode):
        self.send(struct.pack(">BBHII", 255, 0, down, keysym, scancode))

    def pointer(self, x, y, buttons):
        self.send(struct.pack(">BBHH", 5, buttons, x, y))


def main():
    c = Client(sys.argv[1], int(sys.argv[2]), sys.argv[3] == "tls")
    c.encodings(0, QEMU_KEYS)
    for command in sys.argv[4:]:
        word, *numbers = command.split()
        if word == "wait":
            time.sleep(float(numbers[0]))
        else:
            getattr(c, word)(*(int(v, 0) for v in numbers))
    time.sleep(0.5)  # the last one arrives before the goodbye releases everything


if __name__ == "__main__":
    main()
