"""The console on the finished month. Its time goes on from the month's last morning; nothing leaves this machine."""

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
from flask import Flask
from pydantic import HttpUrl, SecretStr

from app import create_app
from kernel.settings import HOME, Environment, Settings
from ops.month.plan import LAST
from ops.nlu_process import free_port
from ops.town import PASSWORD
from storage import Store

_HOTLINE = "+8641188880000"
_STARTS_WITHIN_SECONDS = 90


class LaterClock:
    """kernel.clock.Clock: as far behind the machine's as the month's end lies in the past, from the process's start on."""

    def __init__(self) -> None:
        self._behind: timedelta = datetime.now(UTC) - LAST

    def now(self) -> datetime:
        return datetime.now(UTC) - self._behind


def settings_of(database: Path, nlu_url: str, port: int = 8000) -> Settings:
    return settings_of_url(f"sqlite:///{database}", nlu_url, port)


def settings_of_url(database_url: str, nlu_url: str, port: int = 8000) -> Settings:
    """Of a company of its own: whatever .env says, nobody is rung and nothing is sent."""
    return Settings(
        environment=Environment.TEST,
        company_name="华暖示例热力",
        secret_key=SecretStr(secrets.token_hex(32)),
        database_url=database_url,
        public_base_url=HttpUrl(f"http://127.0.0.1:{port}"),
        web_port=port,
        nlu_url=HttpUrl(nlu_url),
        twilio_account_sid="AC" + "0" * 32,
        twilio_auth_token=SecretStr(secrets.token_hex(16)),
        twilio_from_number=_HOTLINE,
        twilio_api_base_url=HttpUrl("http://127.0.0.1:9"),
        emergency_account_sid="",
        duty_phone="+8619900000051",
        duty_robot="",
    )


def start() -> Flask:
    """For gunicorn (ops/gunicorn_conf.py)."""
    settings = Settings()
    return create_app(settings, LaterClock())


def show(database: Path) -> int:
    """Until Ctrl-C."""
    if not database.exists():
        print(f"show: {database} is missing: run `make demo-month`", file=sys.stderr)
        return 1
    with serve(database) as address, contextlib.suppress(KeyboardInterrupt):
        print(
            f"\n  {address}/console/      lead / {PASSWORD}      (also op1, op2, admin)\n  Ctrl-C stops it.\n",
            flush=True,
        )
        signal.pause()
    return 0


@contextlib.contextmanager
def serve(database: Path) -> Iterator[str]:
    """Its address. A month that an earlier release has made is brought to this one before."""
    with Store(settings_of(database, "http://127.0.0.1:5005").database_url) as store:
        store.migrate()
    port = free_port()
    command = [Path(sys.executable).parent / "gunicorn", "-c", "ops/gunicorn_conf.py", "ops.month.show:start()"]
    environment = {**os.environ, **environment_of(database, port)}
    web = subprocess.Popen([str(word) for word in command], cwd=HOME, env=environment)
    try:
        _wait(f"http://127.0.0.1:{port}", web)
        yield f"http://127.0.0.1:{port}"
    finally:
        web.terminate()
        web.wait(20)


def _wait(address: str, web: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + _STARTS_WITHIN_SECONDS
    while time.monotonic() < until and web.poll() is None:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"{address}/chat/", timeout=5).status_code == httpx.codes.OK:
                return
        time.sleep(0.2)
    raise RuntimeError("the month's web process does not start")


def environment_of(database: Path, port: int) -> dict[str, str]:
    """What a process needs to serve the month."""
    settings = settings_of(database, "http://127.0.0.1:5005", port)
    return {
        "PYTHONPATH": str(HOME),
        "ENVIRONMENT": settings.environment.value,
        "COMPANY_NAME": settings.company_name,
        "SECRET_KEY": settings.secret_key.get_secret_value(),
        "DATABASE_URL": settings.database_url,
        "PUBLIC_BASE_URL": settings.base_url,
        "WEB_PORT": str(port),
        "TWILIO_ACCOUNT_SID": settings.twilio_account_sid,
        "TWILIO_AUTH_TOKEN": settings.twilio_auth_token.get_secret_value(),
        "TWILIO_FROM_NUMBER": settings.twilio_from_number,
        "TWILIO_API_BASE_URL": str(settings.twilio_api_base_url),
        "EMERGENCY_ACCOUNT_SID": "",
        "DUTY_PHONE": settings.duty_phone,
        "DUTY_ROBOT": "",
    }
