"""The parts of a test program, in folders that go again, as does all that they started."""
import contextlib
import os
import shutil
import signal
import sys
import tempfile

import endtoend


@contextlib.contextmanager
def folder():
    tmp = tempfile.mkdtemp(prefix="caprock-%s-" % os.path.basename(sys.argv[0]).split(".")[0])
    try:
        yield tmp
    finally:
        for p in list(endtoend.running):
            if p.p.poll() is None:
                p.p.send_signal(signal.SIGCONT)  # a test may have stopped it
            p.stop()
        shutil.rmtree(tmp, ignore_errors=True)


def wanted(parts):
    """All of them, or those with one of the command line's words in their names."""
    return [p for p in parts if len(sys.argv) < 2 or any(word in p.__name__ for word in sys.argv[1:])]


def ended():
    print("1..%d" % endtoend.number)
    return 1 if endtoend.failed else 0


def run(*parts):
    """Each in a folder of its own. Returns the exit status."""
    for part in wanted(parts):
        with folder() as tmp:
            part(tmp)
    return ended()


def run_on(prepare, *parts):
    """All on what prepare(folder) makes."""
    with folder() as tmp:
        with_what = prepare(tmp)
        for part in wanted(parts):
            part(with_what)
    return ended()
