#!/usr/bin/env python3
"""What is held at the desk: nothing stays down on the desktop, however a connection ends; locks follow the desk's."""
import os
import re
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from desks import Desks, Relay  # noqa: E402
from endtoend import tell, until  # noqa: E402
from parts import run  # noqa: E402
from rfb import LED_STATE, Client  # noqa: E402
from xclient import ALTGR, Window  # noqa: E402

E, SPACE = 26, 65


def hold(desks):
    """A letter, a modifier and a button, held at the desk; True once the desktop has them."""
    desks.hands.move(320, 240)
    for code in (E, ALTGR):
        desks.hands.key(code, True)
    desks.hands.button(1, True)
    return until(lambda: held(desks) == ({E, ALTGR}, True), 10)


def held(desks):
    return desks.desk.keys_down(), bool(desks.desk.pointer()[2] & 0x1f00)


def let_go(desks):
    for code in (E, ALTGR):
        desks.hands.key(code, False)
    desks.hands.button(1, False)


def nothing_held(desks, seconds=15):
    return until(lambda: held(desks) == (set(), False), seconds)


def on_held(tmp):
    desks = Desks(tmp)
    a = desks.agent()
    relay = Relay(a.port)
    v = desks.viewer(relay.port)
    elsewhere = Window(desks.v, 0, 0, 20, 20)

    def said():
        return "begun %s, now %s\n%s%s" % (begun, held(desks), v.text(), a.text())

    desks.hands.focus(desks.window)
    begun = hold(desks)
    desks.hands.focus(elsewhere.window.value)
    tell(begun and nothing_held(desks), "what is held when the viewer loses the focus is let go of on the desktop", said())
    let_go(desks)
    desks.hands.focus(desks.window)
    time.sleep(0.5)

    begun = hold(desks)
    relay.cut()
    gone = nothing_held(desks)
    let_go(desks)
    back = until(lambda: len(re.findall("speaks the native", a.text())) == 2)
    time.sleep(0.5)
    tell(begun and gone and back and nothing_held(desks, 1), "what is held when the link breaks is let go of, and stays so after the return", said())

    begun = hold(desks)
    relay.hush()
    let_go(desks)  # the cable is out: nobody hears it
    stuck = held(desks) != (set(), False)
    back = until(lambda: len(re.findall("speaks the native", a.text())) == 3, 60)  # 20 s are what a busy agent is given
    tell(begun and stuck and back and nothing_held(desks, 3), "keys let go of while the link was silent are up once the viewer is back", said())
    desks.hands.move(200, 200)
    desks.paper.read()
    desks.hands.type(SPACE)
    tell(" " in desks.paper.read_until(SPACE), "... and the next key arrives as ever", said())

    begun = hold(desks)
    v.p.kill()
    v.stop()
    tell(begun and nothing_held(desks), "what a viewer held that was killed is let go of", said())
    let_go(desks)

    v = desks.viewer(a.port)
    begun = hold(desks)
    a.p.kill()
    a.stop()
    v.stop()
    let_go(desks)
    time.sleep(0.5)
    stuck = held(desks) != (set(), False)
    a = desks.agent()
    tell(begun and stuck and nothing_held(desks), "what an agent held that was killed is let go of as the next one starts", said())

    v = desks.viewer(a.port, "--plain", "--insecure")
    begun = hold(desks)
    desks.hands.focus(elsewhere.window.value)
    tell(begun and nothing_held(desks), "a viewer that speaks plain RFB lets go of all as it loses the focus", said())
    let_go(desks)
    v.stop()
    a.stop()
    desks.stop()


def on_locks(tmp):
    """Caps Lock: told to clients, and the desktop's follows the desk's where the viewer has the keyboard."""
    caps = 66
    desks = Desks(tmp)
    a = desks.agent()

    def lit(x):
        return bool(x.pointer()[2] & 2)
    c = Client("127.0.0.1", a.port, tls=False)
    c.encodings(0, LED_STATE)
    told = [c.pseudo(LED_STATE)[-1]]
    desks.desk.type(caps)
    told.append(c.pseudo(LED_STATE)[-1])
    desks.desk.type(caps)
    told.append(c.pseudo(LED_STATE)[-1])
    tell([t and t[0] & 4 for t in told] == [0, 4, 0], "Caps Lock is told to plain clients (QEMU LED state)", str(told))
    c.s.close()

    desks.desk.type(caps)
    v = desks.viewer(a.port)
    tell(until(lambda: not lit(desks.desk), 10) and not lit(desks.hands), "the desktop's Caps Lock goes off where the desk's is, as the viewer comes", a.text())
    elsewhere = Window(desks.v, 0, 0, 20, 20)
    elsewhere.focus(elsewhere.window.value)
    time.sleep(0.5)
    desks.hands.type(caps)
    time.sleep(0.5)
    alone = not lit(desks.desk)
    desks.hands.focus(desks.window)
    desks.paper.read()
    tell(alone and until(lambda: lit(desks.desk), 10), "... and on, as the viewer gets the keyboard back", a.text())
    time.sleep(0.5)
    desks.hands.type(E)
    upper = desks.paper.read_until(E)
    desks.hands.type(caps)
    desks.hands.type(E)
    lower = desks.paper.read_until(E)
    tell((upper, lower) == ("E", "e") and not lit(desks.desk) and not lit(desks.hands), "... and its own key turns both", repr((upper, lower)))
    v.stop()
    a.stop()
    desks.stop()


def on_gone_machines(tmp):
    """Plain RFB has no ping: TCP's own timer (2: keepalive) must run on an idle connection, at both ends."""
    desks = Desks(tmp)
    a = desks.agent()
    c = Client("127.0.0.1", a.port, tls=False)
    c.picture()

    def timers():
        rows = [line.split() for line in open("/proc/net/tcp")][1:]
        return {int(r[5].split(":")[0], 16) for r in rows if int(r[1].split(":")[1], 16) == a.port and r[3] == "01"}
    tell(until(lambda: timers() == {2}, 5), "an idle plain connection is watched by TCP's keepalive", str(timers()))
    c.s.close()
    a.stop()
    desks.stop()


if __name__ == "__main__":
    sys.exit(run(on_held, on_locks, on_gone_machines))
