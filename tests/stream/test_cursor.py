#!/usr/bin/env python3
"""The pointer is the viewer's own: it moves at full rate while the agent stands still."""
import mmap
import os
import signal
import struct
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from desks import HEIGHT, WIDTH, Desks  # noqa: E402
from endtoend import screen, tell, until  # noqa: E402
from xclient import Window  # noqa: E402
from parts import run  # noqa: E402

GUMBY, RATE, PLACES = 56, 125, 250  # a mouse reports 125 times a second


class Pointer:
    """Looks for the pointer's picture on the desk's screen."""

    def __init__(self, tmp, cursor, ground):
        self.screen = memoryview(mmap.mmap(os.open(os.path.join(tmp, "view", "Xvfb_screen0"), os.O_RDONLY), 0, prot=mmap.PROT_READ))
        head = struct.unpack(">25I", self.screen[:100])
        self.at, self.pitch = head[0] + head[19] * 12, head[12]  # an XWD dump's header and colours
        self.w, self.h, self.hot_x, self.hot_y, pixels = cursor
        row = [ground.to_bytes(4, "little")] * self.w
        self.rows = []  # three times its height and width: nothing of an earlier one may be left around
        for y in range(-self.h, 2 * self.h):
            middle = pixels[y * self.w:(y + 1) * self.w] if 0 <= y < self.h else []
            middle = [(p & 0xffffff).to_bytes(4, "little") if p >> 24 == 0xff else row[0] for p in middle]
            self.rows.append(b"".join(row + (middle or row) + row))

    def stands_at(self, x, y):
        left = x - self.hot_x - self.w
        for n, want in enumerate(self.rows):
            at = self.at + (y - self.hot_y - self.h + n) * self.pitch + left * 4
            if self.screen[at:at + len(want)] != want:
                return False
        return True


def on_stopped_agent(tmp):
    ground = 0x206040
    desks = Desks(tmp, pointer=True)
    Window(desks.d, 0, 0, WIDTH, HEIGHT, ground)
    desks.desk.set_cursor(GUMBY)
    a = desks.agent()
    v = desks.viewer(a.port)
    desks.hands.move(300, 200)
    same = until(lambda: desks.hands.cursor()[4] == desks.desk.cursor()[4] and len(set(desks.desk.cursor()[4])) > 1)
    tell(same, "the viewer's pointer looks as the desktop's does, pixel by pixel", "%s\n%s" % (desks.hands.cursor(), desks.desk.cursor()))
    pointer = Pointer(tmp, desks.hands.cursor(), ground)
    tell(until(lambda: pointer.stands_at(300, 200)), "... and stands where the hand put it")
    desks.hands.move(10, 10)
    until(lambda: desks.desk.pointer()[:2] == (10, 10))
    a.p.send_signal(signal.SIGSTOP)
    seen, start = 0, time.monotonic()
    for n in range(PLACES):
        x, y = 40 + n * 2, 50 + n * 37 % 380
        desks.hands.move(x, y)
        seen += pointer.stands_at(x, y)
        left = start + (n + 1) / RATE - time.monotonic()
        if left > 0:
            time.sleep(left)
    took = time.monotonic() - start
    tell(seen == PLACES and desks.desk.pointer()[:2] == (10, 10),
         "while the agent is stopped the pointer is seen at %d of %d new places, %.0f a second" % (seen, PLACES, seen / took))
    # What lay under another window is drawn again from what the viewer holds.
    cover = Window(desks.v, 0, 0, 300, 300, 0xff0000)
    until(lambda: screen(tmp, "view")[2][:3] == b"\0\0\xff", 5)
    cover.close()
    tell(until(lambda: screen(tmp, "view")[2][:3] == ground.to_bytes(3, "little"), 5),
         "... and the picture is drawn again where a window covered it", v.text())
    a.p.send_signal(signal.SIGCONT)
    tell(until(lambda: desks.desk.pointer()[:2] == (x, y)) and v.p.poll() is None and "reconnecting" not in v.text(),
         "once it goes on, its own pointer is where the viewer's is", v.text() + str(desks.desk.pointer()))
    v.stop()
    a.stop()
    desks.stop()


if __name__ == "__main__":
    sys.exit(run(on_stopped_agent))
