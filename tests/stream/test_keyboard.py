#!/usr/bin/env python3
"""
Keys, from a desk's X display through viewer and agent to another X display: what arrives is what the same
physical keys write there, in every layout; and nothing stays down, however a connection ends.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import endtoend  # noqa: E402
from desks import Desks, Relay  # noqa: E402
from endtoend import tell, until  # noqa: E402
from rfb import LED_STATE, Client  # noqa: E402
from xclient import ALTGR, SHIFT, Window  # noqa: E402

# Layout, variant, and some of what it must write at least: AltGr's characters and what dead keys make.
LAYOUTS = [
    ("us", "altgr-intl", "Qq1!éèêëñ€"), ("de", "", "Zzyäöüß@€µ~éê{}|"), ("fr", "", "AaQq1&éèçà@#€~êë{}|"),
    ("es", "", "ñÑçÇ¿¡@#€éê"), ("br", "", "çÇéẽê/?°"), ("se", "", "åÅäöØ@€$éë|"), ("ch", "fr", "éèàüöä@#êë€"),
    ("pl", "", "ąęółżź€"), ("ru", "", "йЙцЯёЁ№"), ("jp", "", "@`[]\\_|")]
# The keys that write: the digits' row, three rows of letters, and those that only some keyboards have
# (beside the left Shift; Brazil's and Japan's beside the right one; Japan's Yen).
KEYS = [49, *range(10, 22), *range(24, 36), 51, *range(38, 49), 94, *range(52, 62), 97, 132]
FINGER_S = 0.003  # SDL takes a key that comes again within 2 ms for one that repeats by itself
E, SPACE, RETURN = 26, 65, 36


def layout(display, name, variant):
    subprocess.run(["setxkbmap", "-display", display, "-layout", name, "-variant", variant], check=True)


def type_all(x, pause=0.0):
    """Every key by itself, with Shift, AltGr, both; a letter behind each, for dead keys to meet; ends with Return."""
    for held in ((), (SHIFT,), (ALTGR,), (ALTGR, SHIFT)):
        for code in KEYS:
            for keys in ((code, *held), (E,)):
                x.type(*keys)
                time.sleep(pause)
        x.type(SPACE)
    x.type(RETURN)


def first_difference(a, b):
    at = next((i for i in range(min(len(a), len(b))) if a[i] != b[i]), min(len(a), len(b)))
    return "%d and %d characters, from %d on %r and %r" % (len(a), len(b), at, a[at:at + 30], b[at:at + 30])


def on_layouts(tmp):
    desks = Desks(tmp)
    a = desks.agent()
    for name, variant, at_least in LAYOUTS:
        for display in (desks.d, desks.v):
            layout(display, name, variant)
        time.sleep(0.2)
        desks.paper.new_layout()
        type_all(desks.desk)
        there = desks.paper.read_until(RETURN)
        v = desks.viewer(a.port)
        desks.paper.read()
        type_all(desks.hands, FINGER_S)
        here = desks.paper.read_until(RETURN)
        missing = [c for c in at_least if c not in there]
        tell(here == there and not missing and not desks.desk.keys_down(),
             "layout %s: %d keys by four levels write the same %d characters through the viewer, %s among them" % (
                 " ".join((name, variant)).strip(), len(KEYS), len(there), at_least),
             "missing at the desktop itself: %s\n%s\ndown: %s\n%s" % (
                 missing, first_difference(there, here), desks.desk.keys_down(), v.text()))
        v.stop()
    a.stop()
    desks.stop()


def on_numbers(tmp):
    """Scancodes as other clients number them: noVNC's table names the Linux key beside each."""
    table = "/usr/share/novnc/core/input/xtscancodes.js"
    desks = Desks(tmp)
    a = desks.agent()
    c = Client("127.0.0.1", a.port, tls=False)
    c.encodings(0, -258)
    wrong, seen = [], 0
    for m in re.finditer(r'"(\w+)": 0x\w+, /\* .*linux:(\d+) .*atset1:(\d+)', open(table).read()):
        name, linux, number = m.group(1), int(m.group(2)), int(m.group(3))
        if linux + 8 > 255 or name in ("Power", "Sleep", "Suspend", "WakeUp"):
            continue
        seen += 1
        del desks.paper.presses[:]
        for down in (1, 0, 1, 0) if name.endswith("Lock") else (1, 0):
            c.key(down, 0, number & 0x7f | (number >> 8 == 0xe0) << 7)
        # The one behind it tells that it has been and gone.
        for down in (1, 0):
            c.key(down, 0, 0x39)
        desks.paper.read_until(SPACE, 5)
        if desks.paper.presses[:1] != [linux + 8]:
            wrong.append((name, desks.paper.presses))
    tell(seen > 150 and not wrong, "%d scancodes as noVNC numbers them press the keys that Linux numbers so" % seen, str(wrong))

    # Shift may come up before the letter: another keysym, the same key.
    for _ in range(40):
        for down, sym, code in ((1, 0xffe1, 0x2a), (1, 0x41, 0x1e), (0, 0xffe1, 0x2a), (0, 0x61, 0x1e)):
            c.key(down, sym, code)
    desks.paper.read()
    for down in (1, 0):
        c.key(down, 0x62, 0x30)
    text = desks.paper.read_until(56)
    tell(text.endswith("b") and not desks.desk.keys_down(), "letters let go of after their Shift leave nothing behind", repr(text))
    a.stop()
    desks.stop()


def keysym(char):
    return ord(char) if ord(char) < 0x100 else 0x01000000 | ord(char)


def on_keysyms(tmp):
    """A client without scancodes, on a layout of its own: what it means arrives on every desktop."""
    shift, altgr, control = 0xffe1, 0xfe03, 0xffe3
    typed = [((), "abcxyz"), ((shift,), "ABCXYZ"), ((shift,), "1234567890"), ((), "&\"'(-_)=!:;,"), ((shift,), "äöü"),
             ((altgr,), "@#{[|\\]}€"), ((), "ñßç\u0451\u0416\u2192\u00bd\u03c0\u4e2d\u00ff\u2122\u0142")]
    desks = Desks(tmp)
    a = desks.agent()
    want = "".join(text for _, text in typed)
    for name in ("us", "fr", "de", "ru"):
        layout(desks.d, name, "")
        time.sleep(0.3)
        desks.paper.new_layout()
        c = Client("127.0.0.1", a.port, tls=False)
        got = ""
        for held, text in typed:
            for sym in held:
                c.key(1, sym, 0)
            for n, char in enumerate(text):
                c.key(1, keysym(char), 0)
                c.key(0, keysym(char), 0)
                if n % 4 == 3 or char == text[-1]:  # a program keeps up with quick fingers
                    got += desks.paper.read_some(1)
            for sym in held:
                c.key(0, sym, 0)
        for down in (1, 0):
            c.key(down, 0xff0d, 0)
        got = (got + desks.paper.read_until(RETURN)).rstrip("\r")
        state = desks.desk.pointer()[2] & 0xff
        tell(got == want and not desks.desk.keys_down() and not state,
             "a client that sends keysyms alone, from a French-like keyboard, writes %d characters on a desktop set to %s" % (len(want), name),
             "%r\n%r\ndown %s, modifiers %x" % (want, got, desks.desk.keys_down(), state))
        if name != "ru":
            desks.paper.read()
            for down, sym in ((1, control), (1, 0x63), (0, 0x63), (1, shift), (1, 0x63), (0, 0x63), (0, shift), (0, control), (1, 0x20), (0, 0x20)):
                c.key(down, sym, 0)
            del desks.paper.presses[:]
            desks.paper.read_until(SPACE)
            tell(desks.paper.presses == [37, 54, SHIFT, 54, SPACE], "... and its shortcuts stay what they are", str(desks.paper.presses))
        c.s.close()
    a.stop()
    desks.stop()


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
    back = until(lambda: len(re.findall("speaks the native", a.text())) == 3)
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


def main():
    only = sys.argv[1] if len(sys.argv) > 1 else "on_"
    tests = [f for name, f in globals().items() if name.startswith("on_") and only in name]
    for test in tests:
        tmp = tempfile.mkdtemp(prefix="caprock-keyboard-")
        try:
            test(tmp)
        finally:
            for p in list(endtoend.running):
                p.stop()
            shutil.rmtree(tmp, ignore_errors=True)
    print("1..%d" % endtoend.number)
    return 1 if endtoend.failed else 0


if __name__ == "__main__":
    sys.exit(main())
