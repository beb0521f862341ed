#!/usr/bin/env python3
"""Streaming settings of a profile, on their way into the workstation and to its agent."""
import json
import os
import socket
import subprocess
import tempfile

from tool import BUILD, PATIENCE, caprock, guest, ok, read, tap, write

AGENT = os.path.join(BUILD, "caprock-agent")
VMLINUZ = os.path.join(BUILD, "cache/debian/vmlinuz")
INITRD = os.path.join(BUILD, "stream/initrd")
SITE = """workstations:
- name: seismic-1
  cores: 1
  memory: %s
  kernel: %s
  command-line: '%s'
%s"""
STREAM = "  stream: {port: %d, security: none, effort: 1, viewers: 3, idle-minutes: 20}\n"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def agent(line, *more):
    """What the agent says of its start when its kernel was told `line`; it is ended then."""
    with tempfile.TemporaryDirectory() as d:
        p = subprocess.Popen([AGENT, "--source=test", "--input=none", "--state=" + d, "--kernel-line=" + write(d + "/line", line + "\n"), *more],
                             stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        said = ""
        for text in p.stderr:
            said += text
            if "listening" in text:
                break
        p.terminate()
        said += p.stderr.read()
        return p.wait(), said


with tempfile.TemporaryDirectory() as d:
    def command_line(own, stream):
        site = write(os.path.join(d, "site.yaml"), SITE % ("64 MiB", guest("smoke"), own, stream))
        status, text, err = caprock("build", site, "--only", "bundle", "-o", os.path.join(d, "out"))
        if status:
            return text + err
        return json.loads(caprock("dump", "--json", os.path.join(d, "out/plan.blob"))[1])["workstations"][0]["command_line"]

    ok(command_line("quiet", "") == "quiet", "who does not stream is told nothing")
    port = free_port()
    line = command_line("quiet -- one", STREAM % port)
    words = ["name=seismic-1", "listen=0.0.0.0", "port=%d" % port, "security=none", "effort=1", "max_viewers=3", "idle_min=20"]
    ok(line == " ".join("caprock.agent." + w for w in words) + " quiet -- one", "the settings stand before the profile's own words", line)
    ok(command_line("", STREAM % port) == line[:-len("quiet -- one")], "and alone where there are none")
    longest = command_line("", "  stream: {port: 65535, security: x509plain, viewers: 64, idle-minutes: 1440}\n".replace("seismic-1", "s" * 31))
    ok(len(longest) + 31 < 320, "the longest fit", longest)

    status, said = agent(line)
    ok(status == 0 and "listening on 0.0.0.0 port %d" % port in said and "without encryption" in said, "the agent does as the profile says", said)
    other = free_port()
    conf = write(os.path.join(d, "agent.conf"), "port = %d\nsecurity = x509none\n" % other)
    status, said = agent(line, "--config=" + conf)
    ok("port %d" % port in said and "without encryption" in said, "which wins over its file", said)
    status, said = agent("quiet", "--config=" + conf)
    ok("listening on 127.0.0.1 port %d" % other in said, "and without a profile the file counts", said)
    status, said = agent(line, "--port=%d" % other)
    ok("port %d" % other in said, "arguments win over both", said)
    status, said = agent('text="a caprock.agent.port=1 b" ' + line)
    ok("port %d" % port in said, "what stands within quotes is somebody else's", said)
    for bad, why in (("caprock.agent.port=99999", "no number from 0 to 65535"), ("caprock.agent.prot=1", "there is no key 'prot'")):
        status, said = agent(bad)
        ok(status == 1 and why in said and "caprock.agent." in said, "%s: %s" % (bad, why), said)

    # In a workstation: Debian with the agent in its initrd, and nothing else to tell it anything.
    site = write(os.path.join(d, "site.yaml"), SITE % ("768 MiB", VMLINUZ, "console=ttyS0 quiet agent=test", "  initrd: %s\n" % INITRD + STREAM % 5987))
    status, text, err = caprock("run", site, "--logs", os.path.join(d, "logs"), "--quiet", "--timeout", str(int(240 * PATIENCE)),
                                "--until", "connections without encryption are allowed")
    said = read(d, "logs/seismic-1.log") if os.path.exists(os.path.join(d, "logs/seismic-1.log")) else ""
    ok(status == 0 and "listening on 0.0.0.0 port 5987" in said,
       "in a workstation the agent finds the profile's settings", text + err + said)
tap.done()
