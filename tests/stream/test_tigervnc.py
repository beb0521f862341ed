#!/usr/bin/env python3
"""Debian's vncviewer (TigerVNC) at the agent: its window is compared with the desktop, keys and pointer reach it."""
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from credentials import certificates, password_file, user  # noqa: E402
from desks import HEIGHT, WIDTH, Desks  # noqa: E402
from endtoend import ROOM, same_screens, tell, tigervnc, until  # noqa: E402
from test_keyboard import FINGER_S, RETURN, first_difference, layout, type_all  # noqa: E402
from parts import run  # noqa: E402


def begin(tmp):
    """Two displays, and what makes the agent show a certificate from a CA."""
    certificates(tmp)
    return Desks(tmp, room=ROOM), ["--certificate=" + os.path.join(tmp, "server-cert.pem"), "--key=" + os.path.join(tmp, "server-key.pem")]


def connect(desks, a, *args, **env):
    return tigervnc(desks.v, os.path.join(desks.tmp, "tiger.log"), "-X509CA=" + os.path.join(desks.tmp, "ca-cert.pem"), *args,
                    "127.0.0.1::%d" % a.port, **env)


def draw(desks, *args):
    subprocess.run(["xsetroot", "-display", desks.d, *args], check=True)


def on_encodings(tmp):
    desks, certificate = begin(tmp)
    a = desks.agent("--security=x509none", *certificate)
    for n, (encoding, *more) in enumerate((("Tight", "-NoJPEG=1"), ("Tight", "-QualityLevel=8"), ("ZRLE",), ("Raw",))):
        draw(desks, "-mod", str(5 + n), "16", "-fg", "#c0102%d" % n, "-bg", "#f0f0e0")
        p = connect(desks, a, "-SecurityTypes=X509None", "-AutoSelect=0", "-PreferredEncoding=" + encoding, *more)
        ok, why = same_screens(desks.tmp)
        tell(ok, "vncviewer shows the desktop by %s, bit by bit (X509None, TLS 1.3)" % " ".join((encoding, *more)), why + "\n" + p.text() + a.text())
        draw(desks, "-mod", "9", str(4 + n), "-fg", "#00a060", "-bg", "#ffffff")
        ok, why = same_screens(desks.tmp)
        tell(ok, "... and follows a change", why + "\n" + p.text())
        p.stop()
    a.stop()
    desks.stop()


def on_hands(tmp):
    desks, certificate = begin(tmp)
    a = desks.agent("--security=x509plain", "--password-file=" + password_file(desks.tmp, "right"), *certificate)
    for name in ("de", "fr"):
        for display in (desks.d, desks.v):
            layout(display, name, "")
        time.sleep(0.2)
        desks.paper.new_layout()
        type_all(desks.desk)
        there = desks.paper.read_until(RETURN)
        p = connect(desks, a, "-SecurityTypes=X509Plain", VNC_USERNAME=user(), VNC_PASSWORD="right")
        ok, why = same_screens(desks.tmp)
        tell(ok, "vncviewer logs in with user and password (X509Plain)", why + "\n" + p.text() + a.text())
        window = next((w for w in desks.hands.windows() if desks.hands.shown(w) == (WIDTH, HEIGHT)), 0)
        desks.hands.focus(window)
        time.sleep(0.5)
        desks.paper.read()
        type_all(desks.hands, FINGER_S)
        here = desks.paper.read_until(RETURN)
        tell(here == there and not desks.desk.keys_down(), "layout %s: its keys write the same %d characters as the desktop's own" % (name, len(there)),
             first_difference(there, here) + "\n" + p.text())
        del desks.paper.buttons[:]
        desks.hands.move(150, 160)
        desks.hands.button(3, True)
        desks.hands.button(3, False)

        def clicked():
            desks.paper.read()
            return desks.paper.buttons == [(True, 3, 150, 160), (False, 3, 150, 160)]
        tell(until(clicked, 10), "... its pointer and buttons as well", str(desks.paper.buttons))
        p.stop()
    p = connect(desks, a, "-SecurityTypes=X509Plain", VNC_USERNAME=user(), VNC_PASSWORD="wrong")
    refused = a.wait_for("refused: wrong user name or password", 20)
    tell(refused is not None, "... and is refused with a wrong password", p.text() + a.text())
    p.stop()
    a.stop()
    desks.stop()


if __name__ == "__main__":
    sys.exit(run(on_encodings, on_hands))
