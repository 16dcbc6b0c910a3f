"""Workers that start in milliseconds: everything is imported once here, each worker is a fork of that, alone in its process.

Two hundred kills with two hundred cold starts of Python would measure Python. The forks run the same program as
`flask --app app worker`; some of the drill's starts are cold ones. Reads instance names on standard input, one a line,
and answers each with the new process's id. When standard input ends, so do the workers: nothing outlives the drill.
DRILL_SABOTAGE and DRILL_CLOCK make the workers odd (see sabotage.py).
"""

import os
import signal
import sys
from pathlib import Path

import psutil

from ops.drills import sabotage


def main() -> int:
    sabotage.apply(os.environ.get("DRILL_SABOTAGE", ""))
    if clock := os.environ.get("DRILL_CLOCK"):
        sabotage.jump_with(Path(clock))
    from app import worker  # noqa: PLC0415 - after the sabotage

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel buries the dead
    print("ready", flush=True)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.dup2(2, 1)  # the pipe to the drill is the parent's
            worker.main(["--instance", line.strip()], prog_name="worker")
        print(child, flush=True)
    for orphan in psutil.Process().children():
        orphan.kill()
    return 0


if __name__ == "__main__":
    sys.exit(main())
