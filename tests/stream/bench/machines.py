"""The two ends and what lies between them: network, display servers, the systems compared."""
import mmap
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../.."))
BUILD = os.path.join(ROOT, "build")
TOOLS = os.path.join(BUILD, "stream")
PORT = 5901
SERVER, CLIENT = 0, 1
ADDRESS = ("10.77.0.1", "10.77.0.2")
FIELDS = ("ready", "delay_us", "loss_ppm", "rate_kbps", "queue_bytes", "cut")


def until(what, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        v = what()
        if v:
            return v
        time.sleep(0.02)
    return None


class Net:
    """Two network namespaces with an emulated link between them, and one congestion control in both."""

    def __init__(self, tmp):
        self.names = ["capsrv%d" % os.getpid(), "capcli%d" % os.getpid()]
        for n in self.names:
            subprocess.run(["ip", "netns", "del", n], stderr=subprocess.DEVNULL)
            subprocess.run(["ip", "netns", "add", n], check=True)
        self.path = os.path.join(tmp, "control")
        self.p = subprocess.Popen([os.path.join(TOOLS, "netem"), self.path, self.names[0], ADDRESS[0], self.names[1], ADDRESS[1]])
        if not until(self.up, 5):
            sys.exit("bench: the network emulator did not start (it needs root and /dev/net/tun)")
        self.congestion = next((cc for cc in ("bbr", "cubic") if self.pin(cc)), None)
        if not self.congestion:
            sys.exit("bench: neither bbr nor cubic can be pinned")

    def up(self):
        if not os.path.exists(self.path) or os.path.getsize(self.path) < 24:
            return False
        self.map = mmap.mmap(os.open(self.path, os.O_RDWR), 0)
        return struct.unpack_from("I", self.map, 0)[0] == 1

    def pin(self, cc):
        """For all sockets of both ends, whatever program makes them."""
        return all(not subprocess.run(["ip", "netns", "exec", n, "sysctl", "-qw", "net.ipv4.tcp_congestion_control=" + cc],
                                      stderr=subprocess.DEVNULL).returncode for n in self.names)

    def in_use(self):
        """Congestion controls of the connections that both ends have now, as the kernel says."""
        found = set()
        for n in self.names:
            out = subprocess.run(["ip", "netns", "exec", n, "ss", "-tinH", "state", "established"], capture_output=True, text=True)
            for line in out.stdout.splitlines():
                if line[:1] in "\t ":
                    found.add(line.split()[0])
        return found

    def set(self, **values):
        for k, v in values.items():
            struct.pack_into("I", self.map, 4 * FIELDS.index(k), v)

    def close(self):
        self.p.terminate()
        self.p.wait()
        for n in self.names:
            subprocess.run(["ip", "netns", "del", n])


class Account:
    """Processor time of all processes of the serving side: by a cgroup where one can be made."""

    def __init__(self):
        self.folder, self.pids = None, []
        mounts = [m.split() for m in open("/proc/mounts")]
        root = next((m[1] for m in mounts if m[2] == "cgroup2"), None)
        try:
            if not root:
                raise OSError("no cgroup2 is mounted")
            self.folder = tempfile.mkdtemp(prefix="caprock-bench-", dir=root)
            open(os.path.join(self.folder, "cpu.stat")).close()
            self.way = "cgroup v2"
        except OSError as e:
            self.way = "/proc, because %s" % e
            self.drop()

    def enter(self):
        """In the new process, before it becomes a server."""
        if self.folder:
            with open(os.path.join(self.folder, "cgroup.procs"), "w") as f:
                f.write("0")

    def argument(self):
        if self.folder:
            return "cgroup:" + self.folder
        return "pids:" + ",".join(str(p) for top in self.pids for p in children(top))

    def drop(self):
        if self.folder and os.path.isdir(self.folder):
            until(lambda: not open(os.path.join(self.folder, "cgroup.procs")).read(), 5)
            os.rmdir(self.folder)
        self.folder = None


def children(pid):
    out = [pid]
    try:
        for t in os.listdir("/proc/%d/task" % pid):
            for c in open("/proc/%d/task/%s/children" % (pid, t)).read().split():
                out += children(int(c))
    except OSError:
        pass
    return out


class Stage:
    """One run of one system: its processes, folder and account."""

    def __init__(self, net, base, size, tls):
        self.net, self.size, self.tls = net, size, tls
        self.tmp = tempfile.mkdtemp(prefix="turn-", dir=base)
        self.ran = []
        self.account = Account()

    def start(self, args, log, where=None, env=None, serves=False):
        """where: SERVER or CLIENT in the network, None beside it. serves: its processor time counts."""
        serves |= where == SERVER
        ns = ["ip", "netns", "exec", self.net.names[where]] if where is not None else []
        p = subprocess.Popen(ns + args, stdin=subprocess.DEVNULL, stdout=open(self.log(log), "wb"), stderr=subprocess.STDOUT,
                             env=env, preexec_fn=self.account.enter if serves else None)
        self.ran.append(p)
        if serves:
            self.account.pids.append(p.pid)
        return p

    def log(self, name):
        return os.path.join(self.tmp, name + ".log")

    def said(self, name, words):
        return until(lambda: words in open(self.log(name), errors="replace").read())

    def x_server(self, name, serves=False):
        # Beside the namespaces: X servers tell each other's numbers apart by sockets of their own namespace.
        folder = os.path.join(self.tmp, name)
        os.makedirs(folder)
        self.start(["Xvfb", "-displayfd", "1", "-screen", "0", "%dx%dx24" % self.size, "-fbdir", folder, "-nolisten", "tcp",
                    "-noreset", "-nocursor"], name, serves=serves)

        def number():
            last = open(self.log(name)).read()
            return last.split()[-1] if last.endswith("\n") and last.split()[-1].isdigit() else None
        return ":" + (until(number) or "?"), os.path.join(folder, "Xvfb_screen0")

    def close(self):
        for p in reversed(self.ran):
            if p.poll() is None:
                p.terminate()
        for p in reversed(self.ran):
            try:
                p.wait(5)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
        self.account.drop()
        shutil.rmtree(self.tmp, ignore_errors=True)


# ---- the systems: each makes a desktop and returns its display; the second function shows it ----------------

def start_caprock(s):
    desk, _ = s.x_server("desk", True)
    s.start([os.path.join(BUILD, "caprock-agent"), "--source=x11", "--display=" + desk, "--listen=" + ADDRESS[SERVER],
             "--port=%d" % PORT, "--security=" + ("x509none" if s.tls else "none"), "--state=" + os.path.join(s.tmp, "state"),
             "--congestion=" + s.net.congestion] + os.environ.get("AGENT_ARGS", "").split(), "server", SERVER)
    s.said("server", "listening")
    return desk


def view_caprock(s, env):
    trust = ["--accept-new", "--known-hosts=" + os.path.join(s.tmp, "known")] if s.tls else ["--insecure"]
    s.start([os.path.join(BUILD, "caprock-viewer")] + trust + ["%s::%d" % (ADDRESS[SERVER], PORT)], "viewer", CLIENT,
            dict(env, SDL_VIDEODRIVER="x11"))


def start_tiger(s):
    n = 40
    while os.path.exists("/tmp/.X11-unix/X%d" % n) or os.path.exists("/tmp/.X%d-lock" % n):
        n += 1
    tls = ["-SecurityTypes", "X509None", "-X509Cert", s.tls[0], "-X509Key", s.tls[1]] if s.tls else ["-SecurityTypes", "None"]
    s.start(["Xtigervnc", ":%d" % n, "-geometry", "%dx%d" % s.size, "-depth", "24", "-rfbport", str(PORT), "-AlwaysShared",
             "-desktop", "bench"] + tls, "server", SERVER)
    until(lambda: os.path.exists("/tmp/.X11-unix/X%d" % n))
    return ":%d" % n


def view_tiger(s, env, *args):
    tls = ["-SecurityTypes", "X509None", "-X509CA", s.tls[0]] if s.tls else ["-SecurityTypes", "None"]
    s.start(["xtigervncviewer", "-FullScreen=1", "-AutoSelect=0", "-RemoteResize=0", "-MenuKey=", "-PreferredEncoding=Tight",
             "-QualityLevel=8"] + tls + list(args) + ["%s::%d" % (ADDRESS[SERVER], PORT)], "viewer", CLIENT, env)


def start_x11vnc(s):
    desk, _ = s.x_server("desk", True)
    s.start(["x11vnc", "-display", desk, "-rfbport", str(PORT), "-forever", "-nopw", "-shared", "-nocursor"], "server", SERVER)
    s.said("server", "screen setup finished")
    return desk


SYSTEMS = {
    "C": ("caprock", start_caprock, view_caprock),
    "T": ("TigerVNC Tight q8", start_tiger, view_tiger),
    "TL": ("TigerVNC without JPEG", start_tiger, lambda s, env: view_tiger(s, env, "-NoJPEG=1")),
    "X": ("x11vnc", start_x11vnc, view_tiger),
}


def measure(net, work, system, jobs, link, tls=None):
    """One turn of one system: its figures by name; empty, with a line that says why, if it did not come up."""
    figures = {}
    name, serve, view = SYSTEMS[system]
    net.set(cut=0, **link)
    s = Stage(net, os.path.dirname(work.raw), work.size, tls)
    try:
        display, fb = s.x_server("view")
        desk = serve(s)
        view(s, dict(os.environ, DISPLAY=display))
        connected = until(net.in_use, 15)
        if connected != {net.congestion}:
            raise RuntimeError("congestion control %s, not %s" % (connected, net.congestion))
        time.sleep(1)
        p = subprocess.run([os.path.join(TOOLS, "measure"), desk, display, fb, work.raw, *map(str, work.size), str(work.fps),
                            net.path, s.account.argument()] + jobs, capture_output=True, text=True, timeout=240)
        for line in p.stdout.splitlines():
            key, value = line.split()
            figures[key] = float(value)
        if p.returncode:
            raise RuntimeError((p.stderr or "measure ended with %d" % p.returncode).strip())
    except (subprocess.TimeoutExpired, RuntimeError) as e:
        print("# %s: %s" % (name, e))
        if os.environ.get("KEEP"):
            for log in ("server", "viewer"):
                print(open(s.log(log), errors="replace").read() if os.path.exists(s.log(log)) else "")
    finally:
        s.close()
    return figures


def certificate(tmp):
    """For TLS=1: one that both TigerVNC's server and ours could show."""
    cert, key = os.path.join(tmp, "cert.pem"), os.path.join(tmp, "key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
                    "-subj", "/CN=bench", "-addext", "subjectAltName=IP:" + ADDRESS[SERVER], "-keyout", key, "-out", cert],
                   check=True, stderr=subprocess.DEVNULL)
    return cert, key
