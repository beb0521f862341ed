"""Headless Chromium, driven by its DevTools protocol over a pair of pipes; and a web server for a folder."""
import base64
import functools
import http.server
import json
import os
import select
import subprocess
import threading
import time

from endtoend import running


class Chromium:
    def __init__(self, folder, width, height):
        to_us, from_it = os.pipe()
        to_it, from_us = os.pipe()

        def ends():  # the protocol's descriptors are 3 and 4
            reader, writer = os.dup(to_it), os.dup(from_it)
            while reader < 5 or writer < 5:
                reader, writer = os.dup(reader), os.dup(writer)
            os.dup2(reader, 3)
            os.dup2(writer, 4)
        self.log = os.path.join(folder, "chromium.log")
        self.p = subprocess.Popen(
            ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage",
             "--disable-background-networking", "--disable-component-update", "--disable-sync", "--mute-audio",
             "--force-device-scale-factor=1", "--force-color-profile=srgb", "--hide-scrollbars", "--ignore-certificate-errors",
             # A page that is left would keep its connection, in case somebody goes back to it.
             "--window-size=%d,%d" % (width, height), "--user-data-dir=" + os.path.join(folder, "chromium"),
             "--disable-features=BackForwardCache", "--remote-debugging-pipe", "about:blank"],
            preexec_fn=ends, close_fds=False, stdin=subprocess.DEVNULL, stdout=open(self.log, "wb"), stderr=subprocess.STDOUT, env=dict(os.environ, HOME=folder))
        os.close(to_it)
        os.close(from_it)
        self.fd_in, self.fd_out, self.left, self.number, self.page = to_us, from_us, b"", 0, None
        running.append(self)
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.page = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def message(self, seconds):
        end = time.monotonic() + seconds
        while b"\0" not in self.left:
            ready, _, _ = select.select([self.fd_in], [], [], max(0, end - time.monotonic()))
            data = os.read(self.fd_in, 1 << 20) if ready else b""
            if not data:
                raise EOFError("Chromium says nothing more: " + open(self.log, errors="replace").read()[-1500:])
            self.left += data
        text, self.left = self.left.split(b"\0", 1)
        return json.loads(text)

    def ask(self, method, **params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.page:
            message["sessionId"] = self.page
        os.write(self.fd_out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.message(60)
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError("%s: %s" % (method, answer["error"]["message"]))
                return answer["result"]

    def run(self, script):
        """The value of an expression in the page."""
        return self.ask("Runtime.evaluate", expression=script, returnByValue=True)["result"].get("value")

    def open(self, url):
        self.ask("Page.navigate", url=url)

    def screenshot(self, x, y, width, height):
        """Blue, green, red, 0 each."""
        png = self.ask("Page.captureScreenshot", format="png", clip=dict(x=x, y=y, width=width, height=height, scale=1))["data"]
        return subprocess.run(["ffmpeg", "-v", "error", "-f", "png_pipe", "-i", "-", "-f", "rawvideo", "-pix_fmt", "bgr0", "-"],
                              input=base64.b64decode(png), stdout=subprocess.PIPE, check=True).stdout

    def mouse(self, kind, x, y, button="none", buttons=0, **more):
        self.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button=button, buttons=buttons,
                 clickCount=int(button != "none"), **more)

    def key(self, kind, code, key, number, modifiers=0):
        self.ask("Input.dispatchKeyEvent", type=kind, code=code, key=key, windowsVirtualKeyCode=number, modifiers=modifiers)

    def stop(self):
        if self.p.poll() is None:
            self.p.terminate()
            try:
                self.p.wait(10)
            except subprocess.TimeoutExpired:
                self.p.kill()
                self.p.wait()
        for fd in (self.fd_in, self.fd_out):
            os.close(fd)
        if self in running:
            running.remove(self)


class Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def serve(folder):
    """The port of a web server on 127.0.0.1."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Silent, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]
