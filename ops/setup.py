"""All of the set-up, step by step; each step is skipped when what it makes is there and nothing it depends on has changed.

Runs on the machine's own Python 3.11+ with the standard library only:  python ops/setup.py STEP...
Steps: app, dev, nlu, model, settings, database, system, lock.
"""

import hashlib
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

HOME = Path(__file__).resolve().parent.parent
STAMPS = HOME / "var" / "stamps"
APP_PYTHON = HOME / ".venv" / "bin" / "python"
UV = HOME / ".venv" / "bin" / "uv"
NLU_PYTHON = HOME / "bot" / ".venv" / "bin" / "python"
#: What Debian calls what the tests need; elsewhere the tests say what is missing.
DEBIAN_PACKAGES = ("chromium", "fonts-noto-cjk", "postgresql")


class SetupFailed(Exception):
    """Says in one line what to do."""


def main(steps: Iterable[str]) -> int:
    try:
        for step in steps:
            STEPS[step]()
    except SetupFailed as exc:
        print(f"setup: {exc}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as exc:
        print(f"setup: failed with exit code {exc.returncode}: {' '.join(map(str, exc.cmd))}", file=sys.stderr)
        return 1
    return 0


def app() -> None:
    """The app's environment, from requirements.txt with hashes."""
    _environment("requirements.txt")


def dev() -> None:
    """The app's environment with what checks and tests need."""
    _environment("requirements-dev.txt")


def nlu() -> None:
    """Rasa's own environment: Python 3.10, from bot/requirements.txt with hashes."""
    app() if not UV.exists() else None
    lock = HOME / "bot" / "requirements.txt"

    def make() -> None:
        if not _works(NLU_PYTHON):
            _run(UV, "venv", "--quiet", "--clear", "--python", _python_310(), HOME / "bot" / ".venv")
        _run(UV, "pip", "install", "--quiet", "--python", NLU_PYTHON, "--require-hashes", "-r", lock)

    _once("nlu", [lock], lambda: _works(NLU_PYTHON), "Rasa's environment (bot/.venv, about 2.7 GB, two minutes)", make)


def model() -> None:
    """Training, only when training data or pipeline changed; bot/train.py knows."""
    _run(NLU_PYTHON, HOME / "bot" / "train.py")


def settings() -> None:
    """`.env` with fresh secrets and the telephone network of this machine; an existing one is left alone."""
    env = HOME / ".env"
    if env.exists():
        return
    text = (HOME / ".env.example").read_text(encoding="utf-8")
    filled = (
        text.replace("SECRET_KEY=", f"SECRET_KEY={secrets.token_hex(32)}")
        .replace("TWILIO_ACCOUNT_SID=", f"TWILIO_ACCOUNT_SID=AC{secrets.token_hex(16)}")
        .replace("TWILIO_AUTH_TOKEN=", f"TWILIO_AUTH_TOKEN={secrets.token_hex(16)}")
    )
    env.touch(mode=0o600)
    env.write_text(filled, encoding="utf-8")
    print("setup: wrote .env with fresh secrets")


def database() -> None:
    """Schema and sample company; importing twice is the same as once."""
    sources = [
        *sorted((HOME / "data" / "company").glob("*.csv")),
        *sorted((HOME / "storage" / "migrations").rglob("*.py")),
    ]

    def make() -> None:
        (HOME / "var").mkdir(exist_ok=True)
        _run(APP_PYTHON, "-m", "flask", "--app", "app", "migrate")
        _run(APP_PYTHON, "-m", "flask", "--app", "app", "sample-company")

    def is_there() -> bool:
        return (HOME / "var" / "hotline.db").exists() or bool(os.environ.get("DATABASE_URL"))

    _once("database", sources, is_there, "database and sample company", make)


def system() -> None:
    """Chromium, a Chinese font and PostgreSQL for the tests: installed where apt and root allow it, named where not."""
    have_browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    have_postgres = any(Path("/usr/lib/postgresql").glob("*/bin/initdb")) or shutil.which("initdb")
    if have_browser and have_postgres:
        return
    if not (shutil.which("apt-get") and os.geteuid() == 0):
        print(f"setup: tests of pages and PostgreSQL will be skipped; install: {' '.join(DEBIAN_PACKAGES)}")
        return
    print(f"setup: installing {' '.join(DEBIAN_PACKAGES)}", flush=True)
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    _run("apt-get", "update", "-qq", env=quiet)
    _run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *DEBIAN_PACKAGES, env=quiet)


def lock() -> None:
    """Resolves requirements*.in again."""
    compile_ = (UV, "pip", "compile", "--quiet", "--universal", "--generate-hashes", "--no-header")
    _run(*compile_, "--python-version", "3.11", "requirements.in", "-o", "requirements.txt")
    _run(
        *compile_,
        "--python-version",
        "3.11",
        "requirements-dev.in",
        "-c",
        "requirements.txt",
        "-o",
        "requirements-dev.txt",
    )
    _run(*compile_, "--python-version", "3.10", "bot/requirements.in", "-o", "bot/requirements.txt")


STEPS: dict[str, Callable[[], None]] = {
    "app": app, "dev": dev, "nlu": nlu, "model": model, "settings": settings, "database": database, "system": system,
    "lock": lock,
}  # fmt: skip


def _environment(lock_name: str) -> None:
    requirements = HOME / lock_name

    def make() -> None:
        if not _works(APP_PYTHON):
            shutil.rmtree(HOME / ".venv", ignore_errors=True)
            try:
                _run(sys.executable, "-m", "venv", HOME / ".venv")
            except subprocess.CalledProcessError as exc:
                raise SetupFailed("python3-venv is missing: install it (Debian: apt install python3-venv)") from exc
        if not UV.exists():
            _run(APP_PYTHON, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", HOME / "ops" / "uv.txt")
        _run(UV, "pip", "install", "--quiet", "--python", APP_PYTHON, "--require-hashes", "-r", requirements)

    if lock_name == "requirements.txt" and _is_current("requirements-dev.txt", [HOME / "requirements-dev.txt"]):
        return  # the larger environment holds the smaller one
    _once(lock_name, [requirements], lambda: _works(APP_PYTHON) and UV.exists(), "the app's environment (.venv)", make)


def _python_310() -> str:
    """A Python 3.10: on the PATH, among pyenv's versions, or one that uv brings."""
    candidates = [shutil.which("python3.10") or ""]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates += [str(p) for p in sorted(pyenv.glob("3.10.*/bin/python"), reverse=True)]
    for candidate in candidates:
        if candidate and _works(Path(candidate)):
            return candidate
    return "3.10"


def _works(python: Path) -> bool:
    if not python.exists():
        return False
    return subprocess.run([python, "-c", "import ssl, sqlite3"], capture_output=True, check=False).returncode == 0


def _once(name: str, sources: list[Path], is_there: Callable[[], bool], title: str, make: Callable[[], None]) -> None:
    """Runs `make` unless its result is there and its sources are the same as the last time."""
    if is_there() and _is_current(name, sources):
        return
    print(f"setup: {title} …", flush=True)
    started = time.monotonic()
    make()
    STAMPS.mkdir(parents=True, exist_ok=True)
    (STAMPS / name).write_text(_digest(sources), encoding="utf-8")
    print(f"setup: {title}: done in {time.monotonic() - started:.0f} s", flush=True)


def _is_current(name: str, sources: list[Path]) -> bool:
    stamp = STAMPS / name
    return stamp.exists() and stamp.read_text(encoding="utf-8") == _digest(sources)


def _digest(sources: list[Path]) -> str:
    whole = hashlib.sha256()
    for source in sources:
        whole.update(source.read_bytes())
    return whole.hexdigest()


def _run(*command: object, env: dict[str, str] | None = None) -> None:
    subprocess.run([str(part) for part in command], cwd=HOME, check=True, env=env)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
