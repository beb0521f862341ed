#!/usr/bin/env python3
"""
Keys, from a desk's X display through viewer and agent to another X display: what arrives is what the same
physical keys write there, in every layout. test_keyboard_all.py has more of them for servers without scancodes.
"""
import os
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from desks import HEIGHT, WIDTH, Desks  # noqa: E402
from endtoend import tell, until  # noqa: E402
from parts import run  # noqa: E402
from rfb import Client  # noqa: E402
from server import Server  # noqa: E402
from xclient import ALTGR, SHIFT, Window  # noqa: E402

LONG = os.path.basename(sys.argv[0]).endswith("_all.py")
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
    for code in (*range(0x02, 0x0e), *range(0x10, 0x1c), *range(0x1e, 0x2a), *range(0x2c, 0x36)):
        for down, sym, number in ((1, 0xffe1, 0x2a), (1, 0x141 + code, code), (0, 0xffe1, 0x2a), (0, 0x161 + code, code)):
            c.key(down, sym, number)
    for down in (1, 0):
        c.key(down, 0x20, 0x39)
    text = desks.paper.read_until(SPACE)
    tell(text == "!@#$%^&*()_+QWERTYUIOP{}ASDFGHJKL:\"~ZXCVBNM<>? " and not desks.desk.keys_down(), "letters let go of after their Shift leave nothing behind", repr(text))
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


def on_plain_servers(tmp):
    """A server that knows no scancodes must be told what each key writes, in every layout."""
    desks = Desks(tmp)
    server = Server(WIDTH, HEIGHT)
    for name, variant, _ in LAYOUTS if LONG else LAYOUTS[:3]:
        layout(desks.v, name, variant)
        time.sleep(0.2)
        here = Window(desks.v, 0, 0, WIDTH, HEIGHT)
        type_all(desks.hands)
        here.read_until(RETURN)
        want = list(here.syms)
        here.close()
        v = desks.viewer(server.port, "--insecure")
        del server.keys[:]
        type_all(desks.hands, FINGER_S)
        until(lambda: server.keys[-1:] == [(0, 0xff0d)], 10)
        got = [sym for down, sym in server.keys if down]
        held = {}
        for down, sym in server.keys:
            held[sym] = held.get(sym, 0) + (1 if down else -1)
        differ = [(hex(a), hex(b)) for a, b in zip(want, got) if a != b]
        tell(got == want and not any(held.values()),
             "layout %s: a server without scancodes is told the %d keysyms that X has for these keys, and each comes up again" % (
                 " ".join((name, variant)).strip(), len(want)),
             "%d and %d\n%s\nheld %s\n%s" % (len(want), len(got), differ[:20], {k: n for k, n in held.items() if n}, v.text()))
        v.stop()
    server.close()
    desks.stop()


if __name__ == "__main__":
    sys.exit(run(on_layouts, on_numbers, on_keysyms, on_plain_servers))
