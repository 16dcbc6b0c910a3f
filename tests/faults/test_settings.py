"""A wrong setting stops the start with one line that names it and the remedy; no traceback, and not exit code 0."""

import os
import secrets
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from ops.nlu_process import free_port
from ops.town import BIN, HOME

WEB = (str(BIN / "gunicorn"), "-c", "ops/gunicorn_conf.py", "ops.web:start()")
FLASK = (str(BIN / "flask"), "--app", "app")
WORKER, MIGRATE = (*FLASK, "worker"), (*FLASK, "migrate")
RUN = (sys.executable, "-m", "ops.run")
ROOMS = (
    "bot",
    "console",
    "dialogue",
    "fulfillment",
    "ivr",
    "kernel",
    "ops",
    "scripts_zh",
    "simulator",
    "storage",
    "webchat",
    "wechat",
)


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The product in a folder of its own, so that this machine's .env has no say."""
    folder = tmp_path_factory.mktemp("clone")
    for room in ROOMS:
        shutil.copytree(
            HOME / room, folder / room, ignore=shutil.ignore_patterns(".venv", "models", ".rasa", "__pycache__")
        )
    shutil.copytree(HOME / "data", folder / "data")
    for file in ("app.py", "Procfile"):
        shutil.copy(HOME / file, folder / file)
    return folder


def start(clone: Path, *command: str, **changed: str | None) -> tuple[int, str]:
    """Exit code and everything printed, with good settings but for `changed` (None: missing)."""
    good: dict[str, str | None] = {
        "ENVIRONMENT": "test",
        "COMPANY_NAME": "华暖示例热力",
        "SECRET_KEY": secrets.token_hex(32),
        "PUBLIC_BASE_URL": "http://127.0.0.1:8000",
        "WEB_PORT": str(free_port()),
        "SIMULATOR_PORT": str(free_port()),
        "NLU_URL": f"http://127.0.0.1:{free_port()}",
        "DATABASE_URL": f"sqlite:///{clone / 'hotline.db'}",
        "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
        "TWILIO_AUTH_TOKEN": "0" * 32,
        "TWILIO_API_BASE_URL": "http://127.0.0.1:1",
        "DUTY_PHONE": "+8619900000051",
        "PYTHONPATH": str(clone),
    }
    environment = {k: v for k, v in {**os.environ, **good, **changed}.items() if v is not None}
    done = subprocess.run(
        command, cwd=clone, env=environment, capture_output=True, text=True, timeout=60, check=False, errors="replace"
    )
    return done.returncode, done.stdout + done.stderr


PRODUCTION = {"ENVIRONMENT": "production", "TWILIO_API_BASE_URL": None, "PUBLIC_BASE_URL": "https://a.example.cn"}


@pytest.mark.parametrize("command", [WEB, WORKER, RUN], ids=["web", "worker", "run"])
@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"SECRET_KEY": None}, ("SECRET_KEY", ".env")),
        ({"DATABASE_URL": "mysql://root@localhost/x"}, ("DATABASE_URL", "sqlite:///")),
    ],
    ids=["missing", "unknown database"],
)
def test_every_process_says_what_is_wrong(
    clone: Path, command: tuple[str, ...], changed: dict[str, str | None], says: tuple[str, ...]
) -> None:
    told(start(clone, *command, **changed), *says)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (PRODUCTION | {"TWILIO_API_BASE_URL": "http://127.0.0.1:8100"}, ("TWILIO_API_BASE_URL", "simulated")),
        (PRODUCTION | {"PUBLIC_BASE_URL": "http://a.example.cn"}, ("PUBLIC_BASE_URL", "https")),
        ({"DUTY_PHONE": "+8641188880000", "TWILIO_FROM_NUMBER": "+8641188880000"}, ("DUTY_PHONE", "another number")),
        ({"DATABASE_URL": "postgresql+psycopg://nobody@127.0.0.1:1/none"}, ("DATABASE_URL", "cannot be opened")),
        ({}, ("DATABASE_URL", "flask --app app migrate")),  # good settings, but nobody migrated
    ],
    ids=lambda v: "-".join(v) if isinstance(v, dict) else "",
)
def test_the_web_process_says_what_is_wrong(clone: Path, changed: dict[str, str | None], says: tuple[str, ...]) -> None:
    if "DUTY_PHONE" in changed:
        changed |= {"DATABASE_URL": f"sqlite:///{clone / 'migrated.db'}"}
        assert start(clone, *MIGRATE, **changed)[0] == 0
    told(start(clone, *WEB, **changed), *says)


def test_a_worker_without_tables_says_so(clone: Path) -> None:
    told(start(clone, *WORKER), "migrate")


def test_run_names_the_port_that_is_taken(clone: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        told(start(clone, *RUN, WEB_PORT=port), f"port {port}", "stop what listens there")


def told(outcome: tuple[int, str], *words: str) -> None:
    code, printed = outcome
    assert code != 0, printed
    assert "Traceback" not in printed, printed
    lines = [line for line in printed.splitlines() if words[0] in line]
    assert lines, printed
    assert all(word in lines[0] for word in words), printed
    assert len(printed.splitlines()) <= 4, f"one line, and gunicorn's own three:\n{printed}"
