#!/usr/bin/env python3
"""RFB's extensions as a plain client of the agent sees them."""
import os
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from desks import HEIGHT, WIDTH, Desks  # noqa: E402
from endtoend import Agent, tell, viewer  # noqa: E402
from parts import run  # noqa: E402
from rfb import DESKTOP_SIZE, NAME, SCREENS, Client  # noqa: E402

FENCE, CONTINUOUS = -312, -313
SMALL = (512, 384)


def on_flow(tmp):
    """Updates without requests, and fences among them."""
    a = Agent(tmp, "--source=test", "--display=mix", "--width=320", "--height=240", "--security=none", "--name=Rig room 3 \u00e9")
    c = Client("127.0.0.1", a.port, tls=False)
    c.encodings(0, NAME, FENCE, CONTINUOUS)
    name = c.pseudo(NAME)[-1][4:].decode()
    tell(c.name == name == "Rig room 3 \u00e9", "the desktop's name comes at the start and as a pseudo-rectangle", repr((c.name, name)))
    tell(c.ends == 1 and len(c.fences) == 1, "continuous updates and fences are offered", repr((c.ends, c.fences)))

    c.send(struct.pack(">BBHHHH", 150, 1, 0, 0, c.width, c.height))
    start = time.monotonic()
    pictures = sum(any(r[0] == 0 for r in c.update()) for _ in range(10))
    tell(pictures == 10, "ten updates came without being asked for, in %.1f s" % (time.monotonic() - start))
    flags, token = 1 << 31 | 7, b"fence of 19 bytes.."
    c.send(struct.pack(">BxxxIB", 248, flags, len(token)) + token)
    while token not in c.fences:
        c.update()
    tell(True, "a fence among them comes back")
    c.send(struct.pack(">BBHHHH", 150, 0, 0, 0, c.width, c.height))
    c.ask()
    while c.ends == 1:
        c.update()
    c.s.settimeout(1.5)
    try:
        c.update()
        more = True
    except TimeoutError:
        more = False
    tell(not more, "once they are switched off, nothing comes unasked", "")
    c.s.settimeout(30)
    tell(len(c.picture()) == 320 * 240 * 4, "... and what is asked for does")
    a.stop()


def modes(display):
    """A second size for the display to change to."""
    def xrandr(*args):
        return subprocess.run(["xrandr", "-display", display, *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout
    text = xrandr("--newmode", "small", "31.50", "512", "528", "576", "640", "384", "387", "391", "400")
    return text + xrandr("--addmode", "screen", "small") + xrandr()


def on_sizes(tmp):
    desks = Desks(tmp)
    said = modes(desks.d)
    a = desks.agent()
    both = Client("127.0.0.1", a.port, tls=False)
    both.encodings(0, SCREENS)
    old = Client("127.0.0.1", a.port, tls=False)
    old.encodings(0, DESKTOP_SIZE)
    first = both.pseudo(SCREENS)
    tell(first[1:5] == (0, 0, WIDTH, HEIGHT) and struct.unpack(">IHHHHI", first[-1][4:20])[1:5] == (0, 0, WIDTH, HEIGHT),
         "the screens are told at first", repr(first))

    def want(c, w, h):
        c.send(struct.pack(">BxHHBxIHHHHI", 251, w, h, 1, 0, 0, 0, w, h, 0))
        return c.pseudo(SCREENS)
    answer = want(both, 333, 222)
    tell(answer[1] == 1 and answer[2] != 0 and answer[3:5] == (WIDTH, HEIGHT), "a size that the display cannot take is refused to who asked", repr(answer))
    answer = want(both, *SMALL)
    answer = both.pseudo(SCREENS) if answer[3:5] != SMALL else answer
    tell(answer[2] == 0 and answer[3:5] == SMALL, "a size that it has is taken", repr(answer) + said + a.text())
    both.width, both.height = SMALL
    size = old.pseudo(DESKTOP_SIZE)
    old.width, old.height = SMALL
    tell(size[3:5] == SMALL and both.picture() == old.picture() and len(old.picture()) == SMALL[0] * SMALL[1] * 4,
         "... and told to a client with the older extension; both have the smaller picture", repr(size))
    code, text, got = viewer(tmp, a, "--until-exact=300")
    tell(code == 0 and got == both.picture(), "... as has the native viewer", text)
    both.encodings(0, SCREENS)
    both.pseudo(SCREENS)
    answer = want(both, WIDTH, HEIGHT)
    answer = both.pseudo(SCREENS) if answer[3:5] != (WIDTH, HEIGHT) else answer
    tell(answer[2] == 0 and answer[3:5] == (WIDTH, HEIGHT), "... and the larger one is taken back", repr(answer) + a.text())
    a.stop()
    desks.stop()


if __name__ == "__main__":
    sys.exit(run(on_flow, on_sizes))
