"""No official account: no such channel. Half of one, or one that is not WeChat's own in production: no start."""

from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from pydantic import ValidationError

from app import Rooms, create_app
from fulfillment.outbox import Task, TaskKind
from kernel.clock import SystemClock
from kernel.settings import Settings
from storage import Store
from tests.wechat.official import AES_KEY, SAFE

ACCOUNT = {"wechat_app_id": SAFE.app_id, "wechat_app_secret": SAFE.secret, "wechat_token": SAFE.token}


def settings(tmp_path: Path, **changes: str) -> Settings:
    known: dict[str, Any] = {
        "secret_key": "k" * 32,
        "twilio_auth_token": "t" * 32,
        "database_url": f"sqlite:///{tmp_path / 'hotline.db'}",
        "recordings_dir": str(tmp_path),
        "company_name": "华暖",
        "twilio_account_sid": "AC" + "0" * 32,
        "duty_phone": "+8619900000051",
        "twilio_api_base_url": "http://127.0.0.1:1",
    }
    return Settings(_env_file=None, **(known | changes))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with Store(f"sqlite:///{tmp_path / 'hotline.db'}") as store:
        store.migrate()
    return tmp_path


def closed(app: Flask) -> None:
    app.extensions["rooms"].store.close()


def test_without_an_account_there_is_no_such_address(folder: Path) -> None:
    app = create_app(settings(folder))
    assert app.test_client().get("/wechat").status_code == 404
    assert app.test_client().post("/wechat").status_code == 404
    closed(app)
    app = create_app(settings(folder, **ACCOUNT))
    assert app.test_client().get("/wechat").status_code == 403, "nobody but WeChat"
    assert app.test_client().post("/wechat").status_code == 403
    closed(app)


def test_what_was_promised_before_the_account_was_taken_out_ends(folder: Path) -> None:
    rooms = Rooms(settings(folder))
    task = Task(1, TaskKind.ANSWER_MESSAGE, "k", SystemClock().now(), {}, None, 1, "t")
    rooms.deliverers()[TaskKind.ANSWER_MESSAGE](task)
    rooms.store.close()


@pytest.mark.parametrize("missing", ACCOUNT)
def test_half_an_account_is_refused_by_name(tmp_path: Path, missing: str) -> None:
    with pytest.raises(ValidationError, match="WECHAT_APP_ID, WECHAT_APP_SECRET and WECHAT_TOKEN belong together"):
        settings(tmp_path, **{name: value for name, value in ACCOUNT.items() if name != missing})


def test_a_key_that_was_not_copied_whole_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="WECHAT_AES_KEY has 43"):
        settings(tmp_path, **ACCOUNT, wechat_aes_key=AES_KEY[:-1])
    assert settings(tmp_path, **ACCOUNT, wechat_aes_key=AES_KEY)


def test_production_speaks_with_wechat_itself(tmp_path: Path) -> None:
    real = {
        "environment": "production",
        "public_base_url": "https://hotline.example",
        "twilio_api_base_url": "https://api.twilio.com",
    }
    assert settings(tmp_path, **ACCOUNT, **real)
    with pytest.raises(ValidationError, match="WECHAT_API_BASE_URL"):
        settings(tmp_path, **ACCOUNT, **real, wechat_api_base_url="http://127.0.0.1:8100")
