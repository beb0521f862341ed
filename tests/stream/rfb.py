#!/usr/bin/env python3
"""
A small RFB 3.8 client for tests, independent of the product's: rfb.py HOST PORT none|tls COMMAND...
logs in without authentication (VeNCrypt X509None for tls) and sends what the commands say:

    key DOWN KEYSYM SCANCODE     pointer X Y BUTTONS     wait SECONDS

and by the native extension, once `native` has been said:

    pen X Y BUTTONS PRESSURE TILT_X TILT_Y     axes X Y Z RX RY RZ BUTTONS
"""
import socket
import ssl
import struct
import sys
import time

NONE, VENCRYPT, X509NONE = 1, 19, 260
QEMU_KEYS = -258
CAPROCK = 0x43505201


class Stream:
    s = None

    def exactly(self, n):
        data = b""
        while len(data) < n:
            more = self.s.recv(n - len(data))
            if not more:
                raise EOFError("closed by the server")
            data += more
        return data


class WebSocket(Stream):
    """A browser's side of RFC 6455 over a socket, with sendall and recv as a socket has them."""

    def __init__(self, s, origin=None):
        self.s, self.left = s, b""
        s.sendall(b"GET /websockify HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                  b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                  + (b"Origin: %s\r\n" % origin if origin else b"") + b"Sec-WebSocket-Protocol: binary\r\n\r\n")
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self.exactly(1)
        # The key and its answer are RFC 6455's own example (1.3).
        assert b" 101 " in answer and b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in answer, answer

    def sendall(self, data, opcode=2):
        mask = bytes([1, 2, 3, 4])
        n = len(data)
        head = bytes([0x80 | opcode]) + (bytes([0x80 | n]) if n < 126 else b"\xfe" + struct.pack(">H", n))
        self.s.sendall(head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(data)))

    def frame(self):
        first, n = self.exactly(2)
        assert n < 128, "a server does not mask"
        n = struct.unpack(">H", self.exactly(2))[0] if n == 126 else struct.unpack(">Q", self.exactly(8))[0] if n == 127 else n
        return first, self.exactly(n)

    def recv(self, n):
        while not self.left:
            first, self.left = self.frame()
            assert first == 0x82, "a binary frame: %02x" % first
        data, self.left = self.left[:n], self.left[n:]
        return data


class Client(Stream):
    def __init__(self, host, port, tls=True, timeout=30, wrap=None):
        self.s = socket.create_connection((host, port), timeout)
        if wrap:
            self.s = wrap(self.s)
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

    def send(self, data):
        self.s.sendall(data)

    def encodings(self, *numbers):
        self.send(struct.pack(">BxH%di" % len(numbers), 2, len(numbers), *numbers))

    def picture(self):
        """A whole update in Raw: blue, green, red, 0 each."""
        self.encodings(0)
        self.send(struct.pack(">BBHHHH", 3, 0, 0, 0, self.width, self.height))
        out = bytearray(self.width * self.height * 4)
        missing = self.width * self.height
        while missing > 0:
            kind, _, rects = struct.unpack(">BBH", self.exactly(4))
            assert kind == 0, kind
            for _ in range(rects):
                x, y, w, h, encoding = struct.unpack(">HHHHi", self.exactly(12))
                assert encoding == 0, encoding
                data = self.exactly(w * h * 4)
                for row in range(h):
                    at = ((y + row) * self.width + x) * 4
                    out[at:at + w * 4] = data[row * w * 4:(row + 1) * w * 4]
                missing -= w * h
            if missing > 0:
                self.send(struct.pack(">BBHHHH", 3, 1, 0, 0, self.width, self.height))
        out[3::4] = bytes(len(out) // 4)
        return bytes(out)

    def key(self, down, keysym, scancode):
        self.send(struct.pack(">BBHII", 255, 0, down, keysym, scancode))

    def pointer(self, x, y, buttons):
        self.send(struct.pack(">BBHH", 5, buttons, x, y))


    def message(self, channel, kind, payload):
        self.send(struct.pack(">BBHI", 200, channel, kind, len(payload)) + payload)

    def native(self):
        """Asks for the extension, waits for its HELLO, and answers: 4:4:4 and six axes."""
        self.encodings(0, CAPROCK)
        channel = kind = None
        while (channel, kind) != (0, 1):
            assert self.exactly(1) == b"\xc8"
            channel, kind, n = struct.unpack(">BHI", self.exactly(7))
            self.exactly(n)
        self.message(0, 1, struct.pack(">HHI", 1, 1, 1 | 8) + bytes(32))

    def pen(self, x, y, buttons, pressure, tilt_x, tilt_y):
        self.message(3, 2, struct.pack(">HHHHhh", x, y, buttons, pressure, tilt_x, tilt_y))

    def axes(self, *numbers):
        self.message(3, 4, struct.pack(">6hI", *numbers))


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
