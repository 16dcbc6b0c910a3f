"""The understanding server for tests and measurements: the one that runs, or one of our own for as long as it is needed."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

HOME = Path(__file__).resolve().parent.parent
#: Loading TensorFlow and the model on two busy cores.
STARTS_WITHIN_SECONDS = 180


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def nlu_server() -> Iterator[str]:
    """Its address. NLU_URL names one that runs already; otherwise bot/serve.py is started and stopped.

    Raises RuntimeError with its last lines if it does not answer in time.
    """
    running = os.environ.get("NLU_URL", "")
    if running:
        yield running
        return
    port = free_port()
    log = HOME / "var" / f"nlu-{port}.log"
    log.parent.mkdir(exist_ok=True)
    command = [HOME / "bot" / ".venv" / "bin" / "python", HOME / "bot" / "serve.py", str(port)]
    with log.open("wb") as out:
        process = subprocess.Popen([str(c) for c in command], cwd=HOME, stdout=out, stderr=out)
    try:
        base = f"http://127.0.0.1:{port}"
        _wait(base, process, log)
        yield base
    finally:
        process.terminate()
        process.wait(30)
        log.unlink(missing_ok=True)


def _wait(base: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + STARTS_WITHIN_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            if httpx.post(f"{base}/model/parse", json={"text": "x"}, timeout=5).status_code == httpx.codes.OK:
                return
        except httpx.HTTPError:
            pass  # not yet
        time.sleep(0.5)
    msg = f"the understanding server does not answer:\n{log.read_text('utf-8', 'replace')[-2000:]}"
    raise RuntimeError(msg)
