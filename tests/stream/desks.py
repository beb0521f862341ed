"""Two X displays: a desktop with the agent, and a desk with the viewer and a person; and what lies between."""
import os
import socket
import threading
import time

from endtoend import VIEWER, Agent, Program, until, xvfb
from xclient import Window, X

WIDTH, HEIGHT = 640, 480


class Desks:
    """`desk` is the desktop's display, `hands` a person at the other one, larger by `room`; `paper` is typed into."""

    def __init__(self, tmp, pointer=False, room=0):
        self.tmp = tmp
        self.servers, names = zip(*(xvfb(tmp, name, WIDTH + more, HEIGHT + more, pointer) for name, more in (("desk", 0), ("view", room))))
        assert all(names), "no Xvfb"
        self.d, self.v = names
        self.desk, self.hands = X(self.d), X(self.v)
        self.desk.no_repeat()
        self.hands.no_repeat()
        self.paper = Window(self.d, 100, 100, 200, 200)

    def agent(self, *args):
        return Agent(self.tmp, "--source=x11", "--display=" + self.d, *(args if any(a.startswith("--security") for a in args) else ("--security=x509none,none", *args)))

    def viewer(self, port, *args):
        env = dict(os.environ, DISPLAY=self.v, SDL_VIDEODRIVER="x11", LC_ALL="C.UTF-8")
        p = Program([VIEWER, "--accept-new", "--known-hosts=" + os.path.join(self.tmp, "known"), *args,
                     "127.0.0.1::%d" % port], os.path.join(self.tmp, "viewer.log"), env)
        # Its window takes the desktop's size with the first picture.
        until(lambda: any(self.hands.shown(w) == (WIDTH, HEIGHT) for w in self.hands.windows()))
        self.window = next((w for w in self.hands.windows() if self.hands.shown(w) == (WIDTH, HEIGHT)), 0)
        self.hands.focus(self.window)
        time.sleep(0.3)
        return p

    def stop(self):
        for s in self.servers:
            s.stop()


class Relay:
    """Between viewer and agent: can fall silent, with new connections going through, or break off."""

    def __init__(self, to, port=0):
        self.to, self.silent, self.pairs, self.slow = to, set(), [], 0
        self.listener = socket.create_server(("127.0.0.1", port))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self.to))
            except OSError:
                near.close()
                continue
            pair = (near, far)
            self.pairs.append(pair)
            for a, b in (pair, pair[::-1]):
                threading.Thread(target=self.carry, args=(a, b, pair), daemon=True).start()

    def carry(self, a, b, pair):
        try:
            while True:
                data = a.recv(65536)
                if pair in self.silent:
                    threading.Event().wait()  # as if the cable had been cut: neither data nor an end
                if not data:
                    break
                if self.slow and a is pair[1]:
                    time.sleep(self.slow)  # what comes back arrives so much later
                b.sendall(data)
        except OSError:
            pass
        for s in pair:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        """No more connections."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def hush(self):
        self.silent.update(self.pairs)

    def cut(self):
        for pair in self.pairs:
            for s in pair:
                try:
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
