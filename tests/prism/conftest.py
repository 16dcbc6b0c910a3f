"""A town whose carrier stands behind prism, a judge of somebody else's: it reads Twilio's own description of its API."""

import hashlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from ops.nlu_process import free_port
from ops.town import HOME, Town
from tests.twilio_judges import OPENAPI, need_rest_judge

HERE = Path(__file__).parent
_CI = os.environ.get("CI", "").lower() in {"1", "true"}
_INSTALLS_WITHIN_SECONDS = 300
#: It reads 1.8 MB of description first, on a busy machine.
_STARTS_WITHIN_SECONDS = 90


@dataclass
class Prism:
    """`url` is the carrier's address for the product. What it refuses, the product is refused."""

    url: str
    log: Path

    def violations(self) -> list[str]:
        """All but one: Twilio describes no error answers, and those of the network are meant."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        found = [line for line in lines if "Violation:" in line or "Request terminated with error" in line]
        return [line for line in found if "Unable to match the returned status code" not in line]

    def judged(self) -> list[str]:
        """Method and path of every request that came through."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return [line.split("[HTTP SERVER] ")[1].split(" ℹ")[0].strip() for line in lines if "Request received" in line]


@pytest.fixture(scope="session")
def prism_program() -> Path:
    """Installed once from the lock file, into var/ (see package.json); later runs find it there."""
    need_rest_judge()
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        reason = "node and npm are not here: prism cannot judge the requests (Debian: apt install nodejs npm)"
        pytest.fail(reason) if _CI else pytest.skip(reason)
    lock = (HERE / "package-lock.json").read_bytes() + (HERE / "package.json").read_bytes()
    place = HOME / "var" / "prism" / hashlib.sha256(lock).hexdigest()[:16]
    program = place / "node_modules" / ".bin" / "prism"
    if not (place / "installed").exists():
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, place)
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(
            command, cwd=place, capture_output=True, text=True, timeout=_INSTALLS_WITHIN_SECONDS, check=False
        )
        if done.returncode != 0:
            reason = f"prism cannot be installed: {done.stderr[-500:]}"
            pytest.fail(reason) if _CI else pytest.skip(reason)
        (place / "installed").touch()
    return program


@pytest.fixture(scope="session")
def prism_and_town(
    tmp_path_factory: pytest.TempPathFactory, nlu_url: str, prism_program: Path
) -> Iterator[tuple[Prism, Town]]:
    folder = tmp_path_factory.mktemp("judged")
    town = Town(folder, nlu_url)
    port, log = free_port(), folder / "prism.txt"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [prism_program, "proxy", "--errors", "--port", str(port), OPENAPI, town.network], stdout=out, stderr=out
        )
    try:
        prism = Prism(f"http://127.0.0.1:{port}", log)
        _wait(prism, process)
        town.environment["TWILIO_API_BASE_URL"] = prism.url
        with town:
            yield prism, town
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture
def prism(prism_and_town: tuple[Prism, Town]) -> Prism:
    return prism_and_town[0]


@pytest.fixture
def town(prism_and_town: tuple[Prism, Town]) -> Town:
    return prism_and_town[1]


def _wait(prism: Prism, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + _STARTS_WITHIN_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            httpx.options(prism.url, timeout=5, trust_env=False)
        except httpx.HTTPError:
            time.sleep(0.3)
        else:
            return
    pytest.fail(f"prism did not start: {prism.log.read_text(encoding='utf-8')[-1000:]}")
