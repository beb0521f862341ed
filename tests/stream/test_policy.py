#!/usr/bin/env python3
"""
What the agent lets whom do: tickets, who may only look, the clipboard's direction, idle viewers, lost sessions,
certificates; test_policy_all.py adds what takes minutes.
"""
import os
import re
import socket
import ssl
import struct
import subprocess
import sys
import time
import zlib

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from credentials import certificates, password_file, user  # noqa: E402
from desks import HEIGHT, WIDTH, Desks, Relay  # noqa: E402
from endtoend import VIEWER, Agent, Program, tell, until, viewer  # noqa: E402
from parts import run  # noqa: E402
from rfb import SCREENS, Client  # noqa: E402
from server import Server  # noqa: E402

LONG = os.path.basename(sys.argv[0]).endswith("_all.py")
EXTENDED_CLIPBOARD = -1063131698
TEXT, REQUEST, NOTIFY, PROVIDE = 1, 1 << 25, 1 << 27, 1 << 28
E = 26


def ticket(n):
    return ("%02x" % n) * 32


def refused(port, **how):
    try:
        Client("127.0.0.1", port, **how)
    except (AssertionError, EOFError, OSError):
        return True
    return False


def on_tickets(tmp):
    desks = Desks(tmp)
    book, later = os.path.join(tmp, "tickets"), int(time.time()) + 600

    def write(mode=0o600):
        with open(book, "w") as f:
            f.write("%s %d\n%s %d\n%s %d view\n%s %d\n%s %d root\n" % (
                ticket(1), later, ticket(2), int(time.time()) - 5, ticket(3), later, ticket(4), later, ticket(5), later))
        os.chmod(book, mode)
    write()
    a = desks.agent("--security=x509plain", "--password-file=" + password_file(tmp, "right"), "--ticket-file=" + book, "--max-attempts=50")
    c = Client("127.0.0.1", a.port, login=("@ticket", ticket(1)))
    c.encodings(0, -258)
    c.key(1, 0x65, 0x12)
    c.key(0, 0x65, 0x12)
    tell("e" in desks.paper.read_until(E), "a broker's ticket lets in", a.text())
    tell(refused(a.port, login=("@ticket", ticket(1))) and ticket(1) not in open(book).read(), "... once", open(book).read())
    bad = [refused(a.port, login=("@ticket", t)) for t in (ticket(2), ticket(5), ticket(9), "", "zz" * 32)]
    tell(all(bad), "a ticket that is too old, not understood or not in the book does not", str(bad))
    tell(ticket(1) not in a.text() and ticket(2) not in a.text(), "no ticket is in the log", a.text())

    look = Client("127.0.0.1", a.port, login=("@ticket", ticket(3)))
    look.encodings(0, -258, -308, EXTENDED_CLIPBOARD)
    desks.paper.read()
    for down in (1, 0):
        look.key(down, 0x65, 0x12)
    look.pointer(50, 60, 1)
    look.pointer(50, 60, 0)
    look.send(struct.pack(">BxxxI", 6, 5) + b"taken")
    look.send(struct.pack(">BxHHBxIHHHHI", 251, 320, 240, 1, 0, 0, 0, 320, 240, 0))
    answer = look.pseudo(SCREENS)[1:3]
    answer = look.pseudo(SCREENS)[1:3] if answer == (0, 0) else answer  # that was the greeting alone
    picture = look.picture()
    for down in (1, 0):
        c.key(down, 0x65, 0x12)
    typed = desks.paper.read_until(E)
    tell(typed == "e" and not desks.paper.buttons and desks.desk.pointer()[:2] != (50, 60) and len(picture) == WIDTH * HEIGHT * 4,
         "a ticket to look shows the desktop, and keys, pointer and buttons stop at the agent", repr((typed, desks.paper.buttons, desks.desk.pointer())))
    tell(answer == (1, 1) and "taken" not in clip_of(desks.d), "... and so do a new size (prohibited) and text", repr(answer))
    tell("to look only" in a.text(), "... and the log says who looks", a.text())
    write(0o644)
    tell(refused(a.port, login=("@ticket", ticket(4))), "a book of tickets that others can read is not taken", a.text())
    a.stop()

    a = desks.agent("--security=none", "--view-only=yes")
    c = Client("127.0.0.1", a.port, tls=False)
    c.encodings(0, -258)
    desks.paper.read()
    for down in (1, 0):
        c.key(down, 0x65, 0x12)
    c.picture()
    tell(desks.paper.read_some(1) == "", "view_only closes the desktop to everybody's keys")
    a.stop()
    desks.stop()


def clip_of(display):
    p = subprocess.run(["xclip", "-display", display, "-selection", "clipboard", "-o"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=20)
    return p.stdout.decode(errors="replace")


def clip(tmp, display, text):
    """A program that owns the clipboard."""
    path = os.path.join(tmp, "clip")
    open(path, "w").write(text)
    return Program(["xclip", "-display", display, "-selection", "clipboard", "-quiet", "-i", path], os.path.join(tmp, "xclip.log"))


class Clip(Client):
    """A plain client with the extended clipboard."""

    def heard(self, seconds=3):
        """The next clipboard message: its flags and what is behind them; None."""
        self.s.settimeout(seconds)
        try:
            kind = self.exactly(1)
            assert kind == b"\3", kind
            size = -struct.unpack(">xxxi", self.exactly(7))[0]
            flags, = struct.unpack(">I", self.exactly(4))
            return flags, self.exactly(size - 4)
        except socket.timeout:
            return None

    def say(self, flags, data=b""):
        self.send(struct.pack(">BxxxiI", 6, -(4 + len(data)), flags) + data)


def on_clipboard(tmp):
    out, back = "from the desktop: ä € 漢 \U0001f600", "from the viewer: ö € 字"
    desks = Desks(tmp)
    for policy, goes_out, comes_in in (("both", True, True), ("out", True, False), ("in", False, True), ("off", False, False)):
        a = desks.agent("--security=none", "--clipboard=" + policy)
        c = Clip("127.0.0.1", a.port, tls=False)
        c.encodings(0, EXTENDED_CLIPBOARD)
        hello = c.heard()
        owner = clip(tmp, desks.d, out)
        note = c.heard(5 if goes_out else 1)
        c.say(REQUEST | TEXT)
        given = c.heard(5 if goes_out else 1)
        text = zlib.decompressobj().decompress(given[1])[4:].rstrip(b"\0").decode() if given and given[0] & PROVIDE else ""
        data = back.encode() + b"\0"
        c.say(PROVIDE | TEXT, zlib.compress(struct.pack(">I", len(data)) + data))
        arrived = until(lambda: clip_of(desks.d) == back, 5 if comes_in else 1)
        tell((text == out) == goes_out and bool(note) == goes_out and arrived == comes_in and bool(hello) == (policy != "off"),
             "clipboard=%s: text goes %s, whatever the client tries" % (
                 policy, {(True, True): "both ways, all of Unicode", (True, False): "out alone", (False, True): "in alone", (False, False): "nowhere"}[goes_out, comes_in]),
             repr((hello, note, text, clip_of(desks.d))) + a.text())
        owner.stop()
        a.stop()

    a = desks.agent()
    by_viewer(tmp, desks, a, "the native viewer", out, back)
    by_viewer(tmp, desks, a, "the viewer by RFB's extended clipboard", out + "\nand more", back + "\nand more", "--plain", "--insecure")
    a.stop()

    server = Server(WIDTH, HEIGHT)
    v = desks.viewer(server.port, "--insecure")
    server.say("from the desktop: \u00e4\u00df".encode("latin-1"))
    got = until(lambda: clip_of(desks.v) == "from the desktop: \u00e4\u00df", 10)
    owner = clip(tmp, desks.v, "from the viewer: \u00f6\u00e9 \u5b57")
    desks.hands.focus(1)
    time.sleep(0.5)
    desks.hands.focus(desks.window)
    tell(until(lambda: server.text == "from the viewer: \u00f6\u00e9 ?".encode("latin-1"), 10) and got,
         "a server without extensions is understood, and told, in Latin-1", repr((clip_of(desks.v), server.text)))
    owner.stop()
    v.stop()
    server.close()
    desks.stop()


def by_viewer(tmp, desks, a, who, out, back, *args):
    v = desks.viewer(a.port, *args)
    owner = clip(tmp, desks.d, out)
    got = until(lambda: clip_of(desks.v) == out, 10)
    owner.stop()
    tell(got, who + " has the desktop's text in its own clipboard", clip_of(desks.v) + v.text())
    owner = clip(tmp, desks.v, back)
    desks.hands.focus(1)
    time.sleep(0.5)
    desks.hands.focus(desks.window)
    tell(until(lambda: clip_of(desks.d) == back, 10), "... and brings its own as it gets the keyboard", clip_of(desks.d) + v.text())
    owner.stop()
    v.stop()


def on_lost_sessions(tmp):
    open(os.path.join(tmp, "good"), "w").write("right\n")
    a = Agent(tmp, "--source=test", "--display=mix", "--width=320", "--height=240", "--security=x509plain",
              "--password-file=" + password_file(tmp, "right"), "--resume-s=4")
    relay = Relay(a.port)
    v = Program([VIEWER, "--headless", "--accept-new", "--known-hosts=" + os.path.join(tmp, "known"), "--user=" + user(),
                 "--password-file=" + os.path.join(tmp, "good"), "127.0.0.1::%d" % relay.port], os.path.join(tmp, "viewer.log"))
    first = a.wait_for("speaks the native protocol$", 20)
    time.sleep(1)  # a viewer that never had a picture gives up
    password_file(tmp, "another")  # from here on the password opens nothing
    relay.cut()
    tell(first and a.wait_for("session resumed", 15) is not None, "a session whose link broke is resumed without the password", a.text() + v.text())
    time.sleep(1)  # the secret of the next time, of one use as each, is on its way with the answer
    relay.cut()
    tell(until(lambda: len(re.findall("session resumed", a.text())) == 2, 15), "... and again", a.text() + v.text())
    time.sleep(1)
    relay.slow = 0.1
    relay.cut()
    until(lambda: len(re.findall("session resumed", a.text())) == 3, 15)
    relay.cut()
    relay.slow = 0
    tell(until(lambda: len(re.findall("session resumed", a.text())) == 4, 15), "... and again after one that broke before anything came back",
         a.text() + v.text())
    time.sleep(1)
    relay.close()
    relay.cut()
    time.sleep(5.5)
    relay = Relay(a.port, relay.port)
    tell(until(lambda: v.p.poll() is not None, 20) and "wrong user name or password" in v.text() and len(re.findall("session resumed", a.text())) == 4,
         "... but not once resume_s has gone by", a.text() + v.text())
    v.stop()
    relay.close()
    a.stop()


def on_certificates(tmp):
    certificates(tmp)
    a = Agent(tmp, "--source=test", "--display=mix", "--width=320", "--height=240", "--security=x509none",
              "--certificate=" + os.path.join(tmp, "server-cert.pem"), "--key=" + os.path.join(tmp, "server-key.pem"))
    ca = "--ca=" + os.path.join(tmp, "ca-cert.pem")
    code, text, got = viewer(tmp, a, ca, "--seconds=2", accept=False)
    tell(code == 0 and got, "the agent's certificate from a CA is trusted for it", text + a.text())
    certificates(tmp)
    code, text, got = viewer(tmp, a, ca, "--seconds=2", accept=False)
    tell(code != 0 and not got and "is not from" in text, "... and not for another CA", text)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode, context.maximum_version = False, ssl.CERT_NONE, ssl.TLSVersion.TLSv1_2
    with socket.create_connection(("127.0.0.1", a.port), 10) as s:
        s.recv(12)
        s.sendall(b"RFB 003.008\n")
        s.recv(8)
        s.sendall(bytes([19]))
        s.recv(2)
        s.sendall(b"\0\2")
        s.recv(64)
        s.sendall(struct.pack(">I", 260))
        s.recv(1)
        try:
            context.wrap_socket(s)
            old = True
        except (ssl.SSLError, OSError):
            old = False
    tell(not old and until(lambda: "refused: TLS" in a.text(), 5), "TLS 1.2 is refused", a.text())
    status = open("/proc/%d/status" % a.p.pid).read()
    tell(re.search(r"NoNewPrivs:\s+1", status) and re.search(r"Seccomp:\s+2", status), "the running agent is in its sandbox", status)
    a.stop()


def on_company(tmp):
    """Several viewers at a time, up to max_viewers, each with the whole desktop."""
    desks = Desks(tmp)
    a = desks.agent("--security=none,x509none", "--max-viewers=3")
    one, two = (Client("127.0.0.1", a.port, tls=False) for _ in range(2))
    code, text, got = viewer(tmp, a, "--until-exact=300")
    same = [c.picture() == got for c in (one, two)]
    tell(code == 0 and all(same), "three viewers at a time show the same desktop, native and plain", text + a.text())
    words = []
    for c, sym, code in ((one, 0x61, 0x1e), (two, 0x62, 0x30)):
        c.encodings(0, -258)
        for down in (1, 0):
            c.key(down, sym, code)
        words.append(desks.paper.read_until(code + 8))
    tell(words == ["a", "b"], "... and each may type", repr(words))
    one.key(1, 0x61, 0x1e)
    two.key(1, 0x62, 0x30)
    until(lambda: desks.desk.keys_down() == {38, 56})
    one.s.close()
    tell(until(lambda: desks.desk.keys_down() == {56}), "one that leaves lets go of its own keys, not the other's", str(desks.desk.keys_down()))
    two.key(0, 0x62, 0x30)
    more = [Client("127.0.0.1", a.port, tls=False) for _ in range(2)]
    tell(refused(a.port, tls=False) and two.picture() == more[0].picture(), "a viewer too many is refused, the others go on", a.text())
    a.stop()
    desks.stop()


def on_idle(tmp):
    if not LONG:
        return
    a = Agent(tmp, "--source=test", "--display=mix", "--width=320", "--height=240", "--security=none", "--idle-min=1")
    busy, idle, deaf = (Client("127.0.0.1", a.port, tls=False) for _ in range(3))
    deaf.send(struct.pack(">BBHHHH", 3, 0, 0, 0, 320, 240) * 200)
    start, gone = time.monotonic(), None
    while time.monotonic() - start < 75 and not gone:
        busy.pointer(5, 5, 0)
        time.sleep(1)
        try:
            idle.ask()  # asking for pictures is no sign of a person
            idle.update()
        except (EOFError, OSError):
            pass  # it is out
        gone = re.search("no input for too long", a.text()) and time.monotonic() - start
    time.sleep(3)
    lost = re.search(r"closed: link lost \((\d+)", a.text())
    tell(lost and 25 < int(lost.group(1)) < 60, "who asks and takes nothing is dropped after half a minute (%s s)" % (lost and lost.group(1)), a.text())
    tell(gone and 59 < gone < 75 and len(re.findall("no input for too long", a.text())) == 1,
         "idle_min=1: who does nothing for a minute is dropped (after %.0f s), who works is not" % (gone or 0), a.text())
    a.stop()


if __name__ == "__main__":
    sys.exit(run(on_tickets, on_clipboard, on_lost_sessions, on_certificates, on_company, on_idle))
