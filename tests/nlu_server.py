"""The real Rasa server for tests: the one at NLU_URL if it answers, else one of our own on a free port."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

HOME = Path(__file__).resolve().parent.parent
PYTHON = HOME / "bot" / ".venv" / "bin" / "python"
START_WITHIN_SECONDS = 180


def answers(url: str) -> bool:
    """True if a Rasa server with a loaded model listens there."""
    try:
        return bool(httpx.get(f"{url}/status", timeout=2, trust_env=False).json().get("model_id"))
    except (httpx.HTTPError, ValueError, AttributeError):
        return False


@contextmanager
def nlu_server() -> Iterator[str]:
    """The server's address. Raises RuntimeError with the server's last words if it does not start."""
    given = os.environ.get("NLU_URL", "http://127.0.0.1:5005").rstrip("/")
    if answers(given):
        yield given
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    log = HOME / "var" / f"nlu-test-{port}.log"
    log.parent.mkdir(exist_ok=True)
    with log.open("wb") as out:
        server = subprocess.Popen([PYTHON, HOME / "bot" / "serve.py", str(port)], stdout=out, stderr=out)
        try:
            _wait(server, url, log)
            yield url
        finally:
            server.terminate()
            server.wait(timeout=30)
    log.unlink()


def _wait(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    until = time.monotonic() + START_WITHIN_SECONDS
    while not answers(url):
        if server.poll() is not None or time.monotonic() > until:
            raise RuntimeError(f"the NLU server did not start: {log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.5)
