"""QEMU's monitor: one command, one answer."""
import json
import socket


class Qmp:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(30)
        self.socket.connect(path)
        self.lines = self.socket.makefile("r")
        json.loads(self.lines.readline())
        self.ask("qmp_capabilities")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.lines.close()
        self.socket.close()

    def ask(self, command, **arguments):
        """The whole answer, an error too."""
        self.socket.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        while True:
            answer = json.loads(self.lines.readline())
            if "event" not in answer:
                return answer

    def run(self, command, **arguments):
        """What the command returns; RuntimeError where QEMU refuses."""
        answer = self.ask(command, **arguments)
        if "error" in answer:
            raise RuntimeError("%s: %s" % (command, answer["error"]["desc"]))
        return answer["return"]


def run(path, command, **arguments):
    """One command on a connection of its own."""
    with Qmp(path) as q:
        return q.run(command, **arguments)
