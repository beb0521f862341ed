"""What the tests of `caprock` share: where things are, running it, results in TAP."""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../qemu"))
from lab import BUILD, PATIENCE, ROOT, Tap, guest  # noqa: E402,F401

CAPROCK = os.path.join(BUILD, "caprock")
MACHINE = os.path.join(HERE, "machine.py")
tap = Tap()


def ok(good, words, details=""):
    return tap.ok(good, words, str(details).splitlines()[-60:])


def caprock(*args, cwd=ROOT):
    """(exit status, standard output, standard error)"""
    p = subprocess.run([CAPROCK, *args], cwd=cwd, capture_output=True, text=True)
    return p.returncode, p.stdout, p.stderr


def machine(name):
    """A machine file of our own making, as text."""
    return subprocess.run([MACHINE, name], capture_output=True, text=True, check=True).stdout


def read(*path):
    with open(os.path.join(*path)) as f:
        return f.read()


def write(path, text):
    with open(path, "wb" if isinstance(text, bytes) else "w") as f:
        f.write(text)
    return path
