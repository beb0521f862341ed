#!/usr/bin/env python3
"""Agent and viewer together: what the viewer holds is what the desktop shows, bit by bit."""
import os
import random
import re
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from rfb import Client, WebSocket  # noqa: E402

BUILD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "build")
AGENT = os.path.join(BUILD, "caprock-agent")
VIEWER = os.path.join(BUILD, "caprock-viewer")
VNCVIEWER = "xtigervncviewer"
ROOM = 64  # what a display for vncviewer has beyond the window
LIMIT_S = 60  # hang guard
number = 0
failed = 0
running = []


def tell(ok, words, why=""):
    global number, failed
    number += 1
    failed += not ok
    print("%sok %d - %s" % ("" if ok else "not ", number, words))
    if not ok and why:
        print("\n".join("# " + l for l in why.splitlines()[-25:]))
    sys.stdout.flush()


def skip(words, why):
    global number
    number += 1
    print("ok %d - %s # SKIP %s" % (number, words, why))


class Program:
    def __init__(self, args, log, env=None, cwd=None):
        self.log = log
        self.p = subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=open(log, "wb"),
                                  stderr=subprocess.STDOUT, env=env, cwd=cwd)
        running.append(self)

    def text(self):
        return open(self.log, errors="replace").read()

    def wait_for(self, pattern, seconds=LIMIT_S):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            m = re.search(pattern, self.text(), re.M)
            if m:
                return m
            if self.p.poll() is not None:
                break
            time.sleep(0.02)
        return re.search(pattern, self.text(), re.M)

    def stop(self):
        if self.p.poll() is None:
            self.p.send_signal(signal.SIGTERM)
            try:
                self.p.wait(10)
            except subprocess.TimeoutExpired:
                self.p.kill()
                self.p.wait()
        if self in running:
            running.remove(self)
        return self.p.returncode


def frames(path, width, height, count):
    """Flat areas, lines of letters and a shaded area that turns: one raw frame after the other."""
    rnd = random.Random(7)
    letters = [bytes(rnd.choice((0x20, 0xff)) for _ in range(8 * 12)) for _ in range(40)]
    text = bytearray(b"\xff\xff\xff\x00" * (width * height))
    for row in range(height // 16):
        for col in range(width // 2 // 9):
            g = letters[rnd.randrange(40)]
            for y in range(12):
                for x in range(8):
                    at = ((row * 16 + y) * width + col * 9 + x) * 4
                    text[at:at + 3] = bytes((g[y * 8 + x],)) * 3
    with open(path, "wb") as f:
        for n in range(count):
            pic = bytearray(text)
            for y in range(height // 4, height * 3 // 4):
                line = bytearray()
                for x in range(width // 2, width):
                    v = (x * 3 + y * 5 + n * 23) & 511
                    v = v if v < 256 else 511 - v
                    line += bytes((v, (v + y) // 2 & 255, x & 255, 0))
                at = (y * width + width // 2) * 4
                pic[at:at + len(line)] = line
            f.write(pic)
    data = open(path, "rb").read()
    size = width * height * 4
    return [data[i * size:(i + 1) * size] for i in range(count)]


class Agent(Program):
    def __init__(self, folder, *args, env=None):
        log = os.path.join(folder, "agent.log")
        super().__init__([AGENT, "--port=0", "--state=" + os.path.join(folder, "state")] + list(args), log, env)
        m = self.wait_for(r"listening on \S+ port (\d+)")
        self.port = int(m.group(1)) if m else 0


def viewer(folder, agent, *args, accept=True):
    dump = os.path.join(folder, "dump.raw")
    if os.path.exists(dump):
        os.unlink(dump)
    p = subprocess.run([VIEWER, "--headless", "--no-reconnect", "--dump=" + dump, "--seconds=%d" % (LIMIT_S // 2),
                        "--known-hosts=" + os.path.join(folder, "known")] + (["--accept-new"] if accept else []) +
                       list(args) + ["127.0.0.1::%d" % agent.port],
                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT_S)
    got = open(dump, "rb").read() if os.path.exists(dump) else b""
    return p.returncode, p.stdout.decode(errors="replace"), got


def differing(a, b):
    if len(a) != len(b):
        return "sizes %d and %d" % (len(a), len(b))
    return "%d of %d pixels differ" % (sum(a[i:i + 3] != b[i:i + 3] for i in range(0, len(a), 4)), len(a) // 4)


def on_test_source(tmp):
    width, height = 800, 496  # the last tiles are cut on both sides
    raw = os.path.join(tmp, "seq.raw")
    pics = frames(raw, width, height, 24)
    base = ["--source=test", "--display=" + raw, "--width=%d" % width, "--height=%d" % height, "--loop=no"]

    a = Agent(tmp, *base, "--security=x509none")
    code, text, got = viewer(tmp, a, "--until-exact=400")
    tell(code == 0 and got == pics[-1] and "native 1" in text,
         "after motion has stopped the native viewer holds the desktop's very pixels (TLS 1.3, X509None)",
         text + differing(got, pics[-1]) + "\n" + a.text())
    for encoding in ("tight", "zrle", "raw"):
        code, text, got = viewer(tmp, a, "--plain", "--encoding=" + encoding, "--quality=lossless", "--until-exact=400")
        tell(code == 0 and got == pics[-1] and "native 0" in text,
             "plain RFB by %s holds the desktop's very pixels" % encoding, text + differing(got, pics[-1]))
    code, text, got = viewer(tmp, a, "--plain", "--encoding=tight", "--quality=8", "--until-exact=1000")
    tell(code == 0 and got == pics[-1], "Tight with JPEG ends exact once the picture rests",
         text + differing(got, pics[-1]))
    a.stop()

    a = Agent(tmp, *base, "--security=x509none")
    known = os.path.join(tmp, "known")
    if os.path.exists(known):
        os.unlink(known)
    code, text, got = viewer(tmp, a, "--until-exact", accept=False)
    tell(code != 0 and not got and "not known yet" in text, "an unknown certificate is refused until it is accepted", text)
    open(known, "w").write("127.0.0.1:%d %s\n" % (a.port, "00" * 32))
    code, text, got = viewer(tmp, a, "--until-exact")
    tell(code != 0 and not got and "not the one seen before" in text, "a certificate that changed is refused", text)
    os.unlink(known)
    a.stop()

    a = Agent(tmp, *base, "--security=none")
    code, text, got = viewer(tmp, a, "--until-exact")
    tell(code != 0 and not got and "no encryption" in text, "a server without encryption is refused", text)
    code, text, got = viewer(tmp, a, "--until-exact", "--insecure")
    tell(code == 0 and got == pics[-1], "... unless --insecure says so", text)
    a.stop()

    on_websocket(tmp, base, pics[-1])
    on_lost_link(tmp, base)
    on_drops(tmp)

    me = subprocess.run(["id", "-un"], stdout=subprocess.PIPE).stdout.decode().strip()
    users = os.path.join(tmp, "users")
    with open(users, "w") as f:
        f.write("%s:%s\n" % (me, subprocess.run(["openssl", "passwd", "-6", "right"], stdout=subprocess.PIPE).stdout.decode().strip()))
    os.chmod(users, 0o600)
    for name, word in (("good", "right"), ("bad", "wrong")):
        open(os.path.join(tmp, name), "w").write(word + "\n")
    a = Agent(tmp, *base, "--security=x509plain", "--password-file=" + users, "--max-attempts=3")
    code, text, got = viewer(tmp, a, "--until-exact", "--user=" + me, "--password-file=" + os.path.join(tmp, "good"))
    tell(code == 0 and got == pics[-1], "the right password lets in (X509Plain)", text + a.text())
    code, text, got = viewer(tmp, a, "--until-exact", "--user=nobody", "--password-file=" + os.path.join(tmp, "good"))
    tell(code != 0 and not got, "another user's name does not", text)
    for _ in range(2):
        code, text, got = viewer(tmp, a, "--until-exact", "--user=" + me, "--password-file=" + os.path.join(tmp, "bad"))
    tell(code != 0 and not got and "wrong user name or password" in text, "a wrong password does not", text)
    code, text, got = viewer(tmp, a, "--until-exact", "--user=" + me, "--password-file=" + os.path.join(tmp, "good"))
    tell(code != 0 and "too many" in text, "after three wrong ones even the right one must wait", text)
    tell("right" not in a.text().replace("the right", "") and "wrong\n" not in a.text(), "no password is in the log", a.text())
    a.stop()


def drip(port, bytes_at_once, pause_s):
    """A way to that port for one viewer, on which what comes back comes in drops; the way's port."""
    door = socket.create_server(("127.0.0.1", 0))

    def carry(source, sink, most, pause):
        try:
            while data := source.recv(most):
                sink.sendall(data)
                time.sleep(pause)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # one side left

    def serve():
        near, _ = door.accept()
        far = socket.create_connection(("127.0.0.1", port))
        near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=carry, args=(near, far, 65536, 0), daemon=True).start()
        carry(far, near, bytes_at_once, pause_s)

    threading.Thread(target=serve, daemon=True).start()
    return door.getsockname()[1]


def on_drops(tmp):
    """The last tile and the word that the picture is whole do not come at once."""
    width, height = 128, 96
    raw = os.path.join(tmp, "small.raw")
    pics = frames(raw, width, height, 1)
    a = Agent(tmp, "--source=test", "--display=" + raw, "--width=%d" % width, "--height=%d" % height, "--loop=no", "--security=none")
    a.port = drip(a.port, 4, 0.0005)
    code, text, got = viewer(tmp, a, "--insecure", "--until-exact=0")
    tell(code == 0 and got == pics[-1], "a viewer that waits for an exact picture waits for a whole one",
         "status %d, %s\n%s" % (code, differing(got, pics[-1]), text))
    a.stop()


def on_lost_link(tmp, base):
    locked = os.path.join(tmp, "locked")
    a = Agent(tmp, *base, "--security=x509none", "--lock-on-loss=yes", "--lock-command=echo locked >>" + locked)
    code, text, got = viewer(tmp, a, "--until-exact=200")
    time.sleep(0.5)
    tell(code == 0 and not os.path.exists(locked), "a viewer that leaves does not lock the desktop", text + a.text())
    p = Program([VIEWER, "--headless", "--accept-new", "--known-hosts=" + os.path.join(tmp, "known"),
                 "127.0.0.1::%d" % a.port], os.path.join(tmp, "viewer.log"))
    until(lambda: len(re.findall("speaks the native", a.text())) > 1)
    p.p.kill()
    p.stop()
    until(lambda: os.path.exists(locked) and os.path.getsize(locked))  # made, then written
    a.stop()
    tell(os.path.exists(locked) and open(locked).read() == "locked\n", "the last viewer's lost link locks it, once", a.text())


def until(what, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.05)
    return False


def on_websocket(tmp, base, want):
    a = Agent(tmp, *base, "--security=x509none,none", "--websocket-port=%d" % free_port())
    port = int(a.wait_for(r"browsers on port (\d+)").group(1))
    time.sleep(1.5)  # nobody watches: the recording stands at its last picture by then
    try:
        c = Client("127.0.0.1", port, tls=False, wrap=WebSocket)
        c.s.sendall(b"are you there", opcode=9)
        pong = c.s.frame()
        got = c.picture()
        tell(pong == (0x8a, b"are you there") and got == want, "a browser's WebSocket brings the desktop's very pixels",
             differing(got, want) + a.text())
    except (AssertionError, EOFError, OSError) as e:
        tell(False, "a browser's WebSocket brings the desktop's very pixels", repr(e) + a.text())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        c = Client("127.0.0.1", port, tls=False, wrap=lambda s: WebSocket(context.wrap_socket(s)))
        got = c.picture()
        tell(got == want, "... and so does one in TLS (wss)", differing(got, want) + a.text())
    except (AssertionError, EOFError, OSError) as e:
        tell(False, "... and so does one in TLS (wss)", repr(e) + a.text())
    tell(page(port, b"https://evil.example") == b" 403 ", "without a password no page may connect ...", a.text())
    a.stop()
    a = Agent(tmp, *base, "--security=x509none,none", "--websocket-port=%d" % free_port(),
              "--websocket-origins=http://a.example:6080, https://desks.example")
    port = int(a.wait_for(r"browsers on port (\d+)").group(1))
    tell([page(port, o) for o in (b"https://desks.example", b"https://desks.example.evil.example", b"https://desks")] ==
         [b" 101 ", b" 403 ", b" 403 "], "... but those that are named", a.text())
    a.stop()
    a = Agent(tmp, *base, "--security=x509plain", "--websocket-port=%d" % free_port())
    port = int(a.wait_for(r"browsers on port (\d+)").group(1))
    tell(page(port, b"https://any.example") == b" 101 ", "where a password is asked for, any page may", a.text())
    a.stop()


def page(port, origin):
    """What a page of that origin is answered: the status."""
    with socket.create_connection(("127.0.0.1", port), 10) as s:
        try:
            WebSocket(s, origin)
            return b" 101 "
        except AssertionError as e:
            return e.args[0][8:13]


def xvfb(tmp, name, width, height, pointer=False):
    """pointer: its picture is part of the screen's."""
    log = os.path.join(tmp, name + ".log")
    os.makedirs(os.path.join(tmp, name), exist_ok=True)
    p = Program(["Xvfb", "-displayfd", "1", "-screen", "0", "%dx%dx24" % (width, height), "-fbdir",
                 os.path.join(tmp, name), "-nolisten", "tcp", "-noreset"] + ["-nocursor"] * (not pointer), log)
    m = p.wait_for(r"^(\d+)\s*$", 20)
    return (p, ":" + m.group(1)) if m else (p, None)


def screen(tmp, name):
    """The pixels of an Xvfb by its framebuffer file (an XWD dump)."""
    data = open(os.path.join(tmp, name, "Xvfb_screen0"), "rb").read()
    head = struct.unpack(">25I", data[:100])
    size, width, height, pitch, colours = head[0], head[4], head[5], head[12], head[19]
    at = size + colours * 12
    return width, height, b"".join(data[at + y * pitch:at + y * pitch + width * 4] for y in range(height))


def same_screens(tmp, seconds=20, view="view"):
    """Whether the corner of the one display shows what the other does."""
    end = time.monotonic() + seconds
    why = ""
    while time.monotonic() < end:
        width, height, a = screen(tmp, "desk")
        wide, _, b = screen(tmp, view)
        if wide != width:
            b = b"".join(b[y * wide * 4:(y * wide + width) * 4] for y in range(height))
        if all(a[i::4] == b[i::4] for i in range(3)):
            return True, ""
        why = differing(a, b)
        time.sleep(0.1)
    return False, why


def tigervnc(display, log, *args, **env):
    """
    Debian's vncviewer, its window in the display's corner. Not in full screen: without a window manager that of
    Debian 13 never gets there; and with some room about it, or it takes itself to be asked for just that.
    """
    p = Program([VNCVIEWER, "-RemoteResize=0", "-MenuKey=", *args], log, dict(os.environ, DISPLAY=display, **env))
    until(lambda: p.p.poll() is not None or subprocess.run(["xdotool", "search", "--name", "TigerVNC$", "windowmove", "0", "0"], env=dict(
        os.environ, DISPLAY=display), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0)
    return p


def on_x11(tmp):
    words = "the viewer's window on one X display shows the desktop of another, bit by bit"
    if not shutil.which("Xvfb") or not shutil.which("xsetroot"):
        return skip(words, "Xvfb or xsetroot is not installed")
    desk, d = xvfb(tmp, "desk", 1024, 768)
    view, v = xvfb(tmp, "view", 1024, 768)
    if not d or not v:
        return tell(False, words, desk.text() + view.text())

    def draw(*args):
        subprocess.run(["xsetroot", "-display", d] + list(args), check=True)

    draw("-solid", "#336699")
    a = Agent(tmp, "--source=x11", "--display=" + d, "--security=x509none,none")
    p = Program([VIEWER, "--accept-new", "--known-hosts=" + os.path.join(tmp, "known-x"), "127.0.0.1::%d" % a.port],
                os.path.join(tmp, "viewer.log"), dict(os.environ, DISPLAY=v, SDL_VIDEODRIVER="x11"))
    ok, why = same_screens(tmp)
    tell(ok, words, why + "\n" + p.text() + a.text())
    draw("-mod", "5", "9", "-fg", "#c01020", "-bg", "#f0f0e0")
    ok, why = same_screens(tmp)
    tell(ok, "a change of the whole desktop arrives", why + "\n" + p.text())
    cpu0 = cpu_of(a.p.pid)
    time.sleep(5)
    cpu = (cpu_of(a.p.pid) - cpu0) / 5
    tell(cpu < 0.02, "an idle desktop costs the agent under 2 %% of a core (%.2f %%)" % (cpu * 100))
    p.stop()

    words = "TigerVNC's vncviewer shows the desktop, bit by bit"
    if shutil.which(VNCVIEWER):
        draw("-mod", "16", "16", "-fg", "#103050", "-bg", "#ffffff")
        wide, w = xvfb(tmp, "wide", 1024 + ROOM, 768 + ROOM)
        p = tigervnc(w, os.path.join(tmp, "tiger.log"), "-SecurityTypes=None", "-AutoSelect=0", "-PreferredEncoding=ZRLE", "127.0.0.1::%d" % a.port)
        ok, why = same_screens(tmp, view="wide")
        tell(ok, words, why + "\n" + p.text() + a.text())
        draw("-solid", "#00aa55")
        ok, why = same_screens(tmp, view="wide")
        tell(ok, "... and follows a change", why + "\n" + p.text())
        p.stop()
        wide.stop()
    else:
        skip(words, "xtigervncviewer is not installed")
    a.stop()

    words = "our viewer shows what x11vnc serves"
    if shutil.which("x11vnc"):
        port = free_port()
        s = Program(["x11vnc", "-display", d, "-localhost", "-no6", "-rfbport", str(port), "-forever", "-nopw",
                     "-noxdamage", "-nocursor"], os.path.join(tmp, "x11vnc.log"))
        if s.wait_for(r"screen setup finished", 20):
            s.port = port
            code, text, got = viewer(tmp, s, "--insecure", "--until-exact=800", "--quality=lossless")
            _, _, want = screen(tmp, "desk")
            ok = len(got) == len(want) and all(got[i::4] == want[i::4] for i in range(3))
            tell(code == 0 and ok, words, text + differing(got, want))
        else:
            tell(False, words, s.text())
        s.stop()
    else:
        skip(words, "x11vnc is not installed")
    view.stop()
    desk.stop()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def cpu_of(pid):
    f = open("/proc/%d/stat" % pid).read().rsplit(")", 1)[1].split()
    return (int(f[11]) + int(f[12])) / os.sysconf("SC_CLK_TCK")



def main():
    if "--x11" in sys.argv:  # this half alone
        globals()["on_test_source"] = lambda tmp: None
    tmp = tempfile.mkdtemp(prefix="caprock-stream-")
    try:
        on_test_source(tmp)
        on_x11(tmp)
    finally:
        for p in list(running):
            p.stop()
        shutil.rmtree(tmp, ignore_errors=True)
    print("1..%d" % number)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
