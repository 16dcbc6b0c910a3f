"""The whole product as `make run` starts it, on free ports, with a database of its own and the sample company."""

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import httpx
import psutil
from argon2 import PasswordHasher

from fulfillment.company import Operator
from ops.nlu_process import free_port
from ops.run import telephones
from storage import Store

HOME = Path(__file__).resolve().parent.parent
XSD = HOME / "tests" / "data" / "twiml-voice.xsd"
BIN = Path(sys.executable).parent
HEALTHY_WITHIN_SECONDS = 120  # two cores with much else to do


@dataclass
class Town:
    """Processes by name (web, worker, simulator); the NLU server is shared and given by its address."""

    folder: Path
    nlu_url: str
    speed: float = 20.0
    database_url: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.web_port, self.phone_port = free_port(), free_port()
        self.web = f"http://127.0.0.1:{self.web_port}"
        self.network = f"http://127.0.0.1:{self.phone_port}"
        self.database_url = self.database_url or f"sqlite:///{self.folder / 'hotline.db'}"
        account, token, number = "AC" + secrets.token_hex(16), secrets.token_hex(16), "+8641188880000"
        self.account, self.token = account, token
        self.environment = {
            **os.environ,
            "PYTHONUNBUFFERED": "1",
            "PYTHONPATH": str(HOME),
            "ENVIRONMENT": "test",
            "COMPANY_NAME": "华暖示例热力",
            "SECRET_KEY": secrets.token_hex(32),
            "PUBLIC_BASE_URL": self.web,
            "WEB_PORT": str(self.web_port),
            "DATABASE_URL": self.database_url,
            "RECORDINGS_DIR": str(self.folder / "recordings"),
            "NLU_URL": self.nlu_url,
            "TWILIO_ACCOUNT_SID": account,
            "TWILIO_AUTH_TOKEN": token,
            "TWILIO_FROM_NUMBER": number,
            "TWILIO_API_BASE_URL": self.network,
            "DUTY_PHONE": "+8619900000051",
            "WECHAT_APP_ID": "wx" + secrets.token_hex(8),
            "WECHAT_APP_SECRET": secrets.token_hex(16),
            "WECHAT_TOKEN": secrets.token_hex(8),
            "WECHAT_AES_KEY": (secrets.token_hex(22))[:43],
            "WECHAT_API_BASE_URL": self.network,
            "SIMULATOR_WECHAT_URL": f"{self.web}/wechat",
            "SIMULATOR_PORT": str(self.phone_port),
            "SIMULATOR_HOTLINE_NUMBER": number,
            "SIMULATOR_VOICE_URL": f"{self.web}/ivr/calls",
            "SIMULATOR_STATUS_URL": f"{self.web}/ivr/status",
            "SIMULATOR_SPEED": str(self.speed),
            "SIMULATOR_VOICE_FALLBACK_URL": f"{self.web}/ivr/fallback",
            "SIMULATOR_PATIENCE": "4",  # people on a busy machine
            "SIMULATOR_CALLS_PER_SECOND": "0",  # no limit
            "SIMULATOR_REPEAT_WEBHOOKS": "1",  # each is delivered twice; other bytes the second time are a violation
            "TWIML_XSD": str(XSD),
            **self.environment,
        }

    def __enter__(self) -> Self:
        try:
            self._open()
        except BaseException:
            self.__exit__()  # half a town is nobody's to end
            raise
        return self

    def _open(self) -> None:
        for program in ("migrate", "sample-company"):
            self.run("flask", "--app", "app", program)
        with Store(self.database_url) as store, store.write() as tx:
            for operator in tx.operators():
                tx.upsert_operator(_with_password(operator))
        self.environment.setdefault("SIMULATOR_PHONES", json.dumps(telephones(self.database_url)))
        self.start("simulator", sys.executable, "-m", "simulator", "serve")
        self.start_web()
        self.start("worker", str(BIN / "flask"), "--app", "app", "worker")
        self.wait_until_healthy()

    def __exit__(self, *_: object) -> None:
        for process in self.processes.values():
            process.send_signal(signal.SIGTERM)
        for process in self.processes.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def run(self, program: str, *arguments: str, stdin: str = "") -> str:
        """Runs a program to its end and returns what it printed; raises CalledProcessError."""
        done = subprocess.run(
            [str(BIN / program), *arguments], cwd=HOME, env=self.environment, capture_output=True, text=True,
            input=stdin, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            raise AssertionError(done.stderr[-2000:])
        return done.stdout

    def start(self, name: str, *command: str) -> None:
        log = (self.folder / f"{name}.log").open("ab")
        self.processes[name] = subprocess.Popen(command, cwd=HOME, env=self.environment, stdout=log, stderr=log)
        log.close()

    def start_web(self) -> None:
        """Returns at once; see wait_until_healthy."""
        self.start("web", str(BIN / "gunicorn"), "-c", "ops/gunicorn_conf.py", "ops.web:start()")

    def kill(self, name: str) -> None:
        """As the out-of-memory killer does it; children (gunicorn's workers), too, which would outlive it for a moment."""
        process = self.processes.pop(name)
        family = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.wait()
        for child in family:
            with contextlib.suppress(psutil.NoSuchProcess):  # it ended with its parent
                child.kill()

    def wait_until_healthy(self) -> None:
        self.wait(lambda: self._answers(f"{self.web}/healthz") and self._answers(self.network), HEALTHY_WITHIN_SECONDS)

    def wait(self, condition: Any, seconds: float = 20) -> None:
        """Waits until `condition()` is true; fails with the logs otherwise."""
        until = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > until:
                raise AssertionError(f"still not after {seconds} s\n{self.logs()}")
            time.sleep(0.1)

    def logs(self) -> str:
        return "\n".join(f"--- {f.name}\n{f.read_text('utf-8', 'replace')[-3000:]}" for f in self.folder.glob("*.log"))

    def _answers(self, url: str) -> bool:
        try:
            return httpx.get(url, timeout=5).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False


PASSWORD = "winter-is-coming-2026"  # noqa: S105 - of a town that lives for minutes on loopback


def _with_password(operator: Operator) -> Operator:
    return replace(operator, password_hash=PasswordHasher(time_cost=1, memory_cost=1024).hash(PASSWORD))
