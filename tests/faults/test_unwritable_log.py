"""Standard error lies on a full disk: /dev/full takes no byte. Lines are lost, nothing else is."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is a device of Linux")

_WORKER = """
import threading
from fulfillment.outbox import TaskKind
from fulfillment.worker import Worker
from kernel.clock import SystemClock
from kernel.errors import StoreBusy
import app

app.configure_logging()
looked = threading.Event()


class Store:
    looks = 0

    def claim(self, *_):
        self.looks += 1
        if self.looks > 2:
            looked.set()
        raise StoreBusy("the disk is full")

    def release_leases(self, _name):
        return 0


worker = Worker(Store(), dict.fromkeys(TaskKind, print), SystemClock(), name="w")
threading.Thread(target=lambda: (looked.wait(10), worker.stop()), daemon=True).start()
worker.run()
print("looked again" if looked.is_set() else "gave up")
"""


def test_a_worker_goes_on_when_it_cannot_even_write_its_log() -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-c", _WORKER], stdout=subprocess.PIPE, stderr=full, text=True, timeout=60, check=False
        )
    assert (done.returncode, done.stdout.strip()) == (0, "looked again")
