"""The parts of a test program: each in a folder of its own, what it started ended behind it."""
import os
import shutil
import signal
import sys
import tempfile

import endtoend


def run(*parts):
    """All of them, or those with the command line's word in their names. Returns the exit status."""
    only = sys.argv[1] if len(sys.argv) > 1 else ""
    name = os.path.basename(sys.argv[0]).split(".")[0]
    for part in parts:
        if only not in part.__name__:
            continue
        tmp = tempfile.mkdtemp(prefix="caprock-%s-" % name)
        try:
            part(tmp)
        finally:
            for p in list(endtoend.running):
                if p.p.poll() is None:
                    p.p.send_signal(signal.SIGCONT)  # a test may have stopped it
                p.stop()
            shutil.rmtree(tmp, ignore_errors=True)
    print("1..%d" % endtoend.number)
    return 1 if endtoend.failed else 0
