#!/usr/bin/env python3
"""man.py CAPROCK: the manual page caprock(1) on standard output, from what the tool says of itself."""
import subprocess
import sys


def ask(*args):
    return subprocess.run([sys.argv[1], *args], capture_output=True, text=True, check=True).stdout


def roff(text):
    return "\n".join(("\\&" + l if l[:1] in (".", "'") else l) for l in text.replace("\\", "\\e").replace("-", "\\-").split("\n"))


print('.TH CAPROCK 1 "" "caprock"\n.SH NAME\ncaprock \\- workstations of one machine, each with its own cores, memory and GPU')
print(".SH SYNOPSIS\n.B caprock\n.I VERB\n[\n.I ARGUMENT\n\\&... ]\n.SH DESCRIPTION")
print("Finds out what a machine has, checks what people want of it, explains and builds the plan, and tries it in QEMU.")
for verb in ask("help", "--verbs").split():
    print('.SS "%s"\n.nf\n%s\n.fi' % (roff(verb), roff(ask(verb, "--help").rstrip())))
print(".SH SEE ALSO\n.BR caprock-profile (5)")
