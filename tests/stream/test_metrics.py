#!/usr/bin/env python3
"""The agent's figures: a file that Prometheus' textfile collector reads; off unless asked for, whole at all times, without a secret."""
import getpass
import os
import re
import socket
import stat
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from endtoend import AGENT, Agent, viewer  # noqa: E402
from rfb import Client  # noqa: E402

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../qemu"))
from lab import Tap, text_of  # noqa: E402

LINE = re.compile(r'caprock_agent_([a-z_]+)(\{version="[^"\\\n]+"\})? (\d+(?:\.\d+)?)')
BASE = ["--source=test", "--width=320", "--height=240"]
PASSWORD = "topsecret"
VNC = 2  # RFB 6143 7.1.2: VNC authentication
tap = Tap()


def parse(text):
    """As a strict reader: HELP, TYPE and one sample each, in that order, the last line complete. {name: value} or None."""
    lines, out = text.split("\n"), {}
    if lines.pop() != "" or len(lines) % 3:
        return None
    for about, kind, sample in zip(lines[::3], lines[1::3], lines[2::3]):
        m = LINE.fullmatch(sample)
        if not m or not re.fullmatch(r"# HELP caprock_agent_%s \S.*" % m.group(1), about) or m.group(1) in out \
                or kind != "# TYPE caprock_agent_%s %s" % (m.group(1), "counter" if m.group(1).endswith("_total") else "gauge"):
            return None
        out[m.group(1)] = float(m.group(3))
    return out


def watch(path, good, seconds=20):
    """What the file says once it is good; every reading on the way must be whole."""
    end, broken = time.monotonic() + seconds, 0
    while True:
        text = text_of(path)
        figures = parse(text)
        broken += figures is None
        if figures and good(figures) or time.monotonic() > end:
            return figures or {}, broken, text
        time.sleep(0.002)


with tempfile.TemporaryDirectory() as d:
    folder = os.path.join(d, "figures")
    os.mkdir(folder)
    path = os.path.join(folder, "agent.prom")
    secret = os.path.join(d, "password")
    with open(secret, "w") as f:
        f.write(PASSWORD + "\n")

    before = set(os.listdir(d))
    a = Agent(d, *BASE, "--security=x509none")
    ok = viewer(d, a, "--until-exact=300")[0] == 0
    a.stop()
    tap.ok(ok and not [n for n in set(os.listdir(d)) - before if "prom" in n], "without the key no file is made")

    old = os.umask(0o077)
    a = Agent(d, *BASE, "--security=x509none,vnc", "--vnc_password_file=" + secret, "--metrics=" + path)
    os.umask(old)
    first = parse(text_of(path))
    tap.ok(first and first["viewers"] == 0 and first["connections_total"] == 0 and abs(first["start_time_seconds"] - time.time()) < 60,
           "it is there when the agent listens", [a.text(), text_of(path)])
    tap.ok(stat.S_IMODE(os.stat(path).st_mode) == 0o644, "everybody may read it, whatever the umask")

    code, said, got = viewer(d, a, "--until-exact=300")
    now, broken, text = watch(path, lambda f: f["logins_total"] == 1 and f["viewers"] == 0)
    tap.ok(code == 0 and now.get("logins_total") == 1 and now["connections_total"] == 1 and now["sent_pictures_total"] > 0
           and now["sent_bytes_total"] > 1000 and now["received_bytes_total"] > 0 and now["pictures_total"] > 0
           and 0 < now["capture_seconds_total"] < 60, "a viewer that came and went has been counted", [said, text])
    tap.ok(broken == 0, "no reading was of a part", [text])

    c = Client("127.0.0.1", a.port)
    c.picture()
    now, _, text = watch(path, lambda f: f["viewers"] == 1)
    tap.ok(now.get("viewers") == 1 and now["logins_total"] == 2 and now["openings"] == 0, "a viewer that looks is seen", [text])
    c.s.close()
    with socket.create_connection(("127.0.0.1", a.port), 10) as s:
        s.recv(12, socket.MSG_WAITALL)
        s.sendall(b"RFB 003.008\n")
        offered = s.recv(s.recv(1)[0], socket.MSG_WAITALL)
        s.sendall(bytes([VNC]))
        s.recv(16, socket.MSG_WAITALL)
        s.sendall(bytes(16))
        refused = s.recv(4, socket.MSG_WAITALL)
    now, _, text = watch(path, lambda f: f["wrong_passwords_total"] == 1 and f["viewers"] == 0 and f["openings"] == 0)
    tap.ok(VNC in offered and refused == b"\0\0\0\1" and now.get("wrong_passwords_total") == 1 and now["logins_total"] == 2,
           "a wrong password is counted, and is no login", [text])
    tap.ok(now["sent_bytes_total"] > 320 * 240 * 4, "what closed connections sent stays counted", [text])
    tap.ok(not [w for w in (PASSWORD, "127.0.0.1", getpass.getuser() + "@", str(a.port), d) if w in text],
           "no password, address, user or path is told", [text])

    os.rename(folder, folder + ".away")
    said = a.wait_for("metrics: cannot write .*No such file.*", 20)
    os.rename(folder + ".away", folder)
    os.unlink(path)
    now, _, text = watch(path, lambda f: True)
    tap.ok(said and now.get("logins_total") == 2, "a folder that went is told, and one that is back is used", [a.text()])
    a.stop()
    tap.ok(not os.path.exists(path) and not os.path.exists(path + ".new"), "it goes when the agent ends")

    for words, value, message in (("a folder that is not there", os.path.join(d, "no/agent.prom"), "No such file.*; its folder must be there"),
                                  ("a name that the collector would not read", os.path.join(d, "agent.txt"), "must end in .prom")):
        p = subprocess.run([AGENT, "--port=0", "--state=" + os.path.join(d, "state"), "--security=x509none", "--metrics=" + value] + BASE,
                           stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        tap.ok(p.returncode == 1 and re.search(message, p.stderr), "%s is refused, with the reason" % words, [p.stderr])
tap.done()
