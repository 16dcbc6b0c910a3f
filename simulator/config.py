"""What the network is told at its start: the environment, read once."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent

# What Twilio presents as caller when the number is withheld: "ANONYMOUS" on a keypad.
WITHHELD = "+266696687"
# Twilio's limit for a call webhook, connection and answer together.
WEBHOOK_LIMIT_SECONDS = 15.0

_E164 = re.compile(r"\+\d{3,15}")
_ACCOUNT = re.compile(r"AC[0-9a-fA-F]{32}")


class ConfigError(Exception):
    """A setting is missing or wrong; the message names it and the remedy."""


@dataclass(frozen=True)
class PhoneEntry:
    """One telephone that exists from the start. `kind` is resident, butler, operator or other."""

    number: str
    label: str = ""
    kind: str = "other"


@dataclass(frozen=True)
class Account:
    """Who calls and texts out, from which numbers; the token also signs the webhooks about it."""

    sid: str
    token: str
    numbers: tuple[str, ...]


@dataclass(frozen=True)
class WeChatAccount:
    """An official account, and the product's webhook for it."""

    app_id: str
    secret: str
    token: str
    aes_key: str
    url: str


@dataclass(frozen=True)
class Config:
    """All settings of the network; every one is described in simulator/README.md.

    `speed` divides every duration (20 = twenty times faster); 0 means that speech and pauses take no time and
    people are waited for as at 20. `patience` is the real time, in seconds, that anybody who has to answer or
    speak is always given, however fast the network runs. `timeout_scale`: whoever calls by REST lives so many times as fast
    as the standard, and a second of his Timeout is so many of the network's.
    """

    account_sid: str
    auth_token: str
    hotline_numbers: tuple[str, ...] = ("+15005550006",)
    voice_url: str = "http://127.0.0.1:8000/ivr/calls"
    voice_fallback_url: str = ""
    status_url: str = ""
    host: str = "127.0.0.1"
    port: int = 8100
    speed: float = 1.0
    patience: float = 1.0
    timeout_scale: float = 1.0
    calls_per_second: float = 1.0
    webhook_limit: float = WEBHOOK_LIMIT_SECONDS
    repeat_webhooks: bool = False
    withheld_as: str = WITHHELD
    twiml_xsd: Path | None = None
    phones: tuple[PhoneEntry, ...] = ()
    second_account: Account | None = None
    wechat: WeChatAccount | None = None

    @property
    def accounts(self) -> tuple[Account, ...]:
        own = Account(self.account_sid, self.auth_token, self.hotline_numbers)
        return (own, self.second_account) if self.second_account else (own,)

    def account_of(self, number: str) -> Account:
        """Whose number it is; the first account's whatever nobody owns (the caller of an incoming call)."""
        return next((a for a in self.accounts if number in a.numbers), self.accounts[0])


def read_config(env: Mapping[str, str]) -> Config:
    """The settings in `env`. Raises ConfigError."""
    account, token = env.get("TWILIO_ACCOUNT_SID", ""), env.get("TWILIO_AUTH_TOKEN", "")
    if not _ACCOUNT.fullmatch(account):
        raise ConfigError("TWILIO_ACCOUNT_SID must be AC and 32 hexadecimal digits: `make setup` writes one into .env")
    if not token:
        raise ConfigError("TWILIO_AUTH_TOKEN is missing: `make setup` writes one into .env")
    numbers = tuple(n.strip() for n in env.get("SIMULATOR_HOTLINE_NUMBER", "+15005550006").split(",") if n.strip())
    if not numbers or not all(_E164.fullmatch(n) for n in numbers):
        raise ConfigError("SIMULATOR_HOTLINE_NUMBER must be E.164, such as +15005550006 (several: with commas)")
    xsd = env.get("TWIML_XSD", "")
    if xsd and not Path(xsd).is_file():
        raise ConfigError(f"TWIML_XSD: no file {xsd}: correct it or leave it out")
    second = (env.get("EMERGENCY_ACCOUNT_SID", ""), env.get("EMERGENCY_AUTH_TOKEN", ""))
    return Config(
        second_account=Account(*second, (env.get("EMERGENCY_FROM_NUMBER", ""),)) if all(second) else None,
        account_sid=account,
        auth_token=token,
        hotline_numbers=numbers,
        voice_url=env.get("SIMULATOR_VOICE_URL", Config.voice_url),
        voice_fallback_url=env.get("SIMULATOR_VOICE_FALLBACK_URL", ""),
        status_url=env.get("SIMULATOR_STATUS_URL", ""),
        host=env.get("SIMULATOR_HOST", Config.host),
        port=int(_number(env, "SIMULATOR_PORT", Config.port)),
        speed=_number(env, "SIMULATOR_SPEED", Config.speed),
        patience=_number(env, "SIMULATOR_PATIENCE", Config.patience),
        timeout_scale=_number(env, "SIMULATOR_TIMEOUT_SCALE", Config.timeout_scale),
        calls_per_second=_number(env, "SIMULATOR_CALLS_PER_SECOND", Config.calls_per_second),
        repeat_webhooks=env.get("SIMULATOR_REPEAT_WEBHOOKS", "") in {"1", "true", "yes"},
        withheld_as=env.get("SIMULATOR_WITHHELD_AS", WITHHELD),
        twiml_xsd=Path(xsd) if xsd else None,
        phones=_phones(env.get("SIMULATOR_PHONES", "")),
        wechat=_wechat(env),
    )


def _wechat(env: Mapping[str, str]) -> WeChatAccount | None:
    if not env.get("WECHAT_APP_ID"):
        return None
    return WeChatAccount(
        app_id=env["WECHAT_APP_ID"],
        secret=env.get("WECHAT_APP_SECRET", ""),
        token=env.get("WECHAT_TOKEN", ""),
        aes_key=env.get("WECHAT_AES_KEY", ""),
        url=env.get("SIMULATOR_WECHAT_URL", "http://127.0.0.1:8000/wechat"),
    )


def words() -> dict[str, Any]:
    """The Chinese words of the page and the command line, and the sample telephones."""
    with (HERE / "words_zh.yml").open(encoding="utf-8") as file:
        loaded: dict[str, Any] = yaml.safe_load(file)
    return loaded


def _number(env: Mapping[str, str], name: str, default: float) -> float:
    try:
        value = float(env.get(name, "") or default)
    except ValueError as exc:
        raise ConfigError(f"{name} must be a number") from exc
    if value < 0:
        raise ConfigError(f"{name} must not be negative")
    return value


def _phones(raw: str) -> tuple[PhoneEntry, ...]:
    """A JSON list, or the path of a file that holds one; nothing: the sample telephones."""
    try:
        if not raw.strip():
            rows = words()["sample_phones"]
        elif raw.lstrip().startswith("["):
            rows = json.loads(raw)
        else:
            rows = json.loads(Path(raw).read_text(encoding="utf-8"))
        entries = tuple(PhoneEntry(**{k: str(v) for k, v in row.items()}) for row in rows)
    except (OSError, ValueError, TypeError, AttributeError) as exc:
        raise ConfigError(f"SIMULATOR_PHONES must be a JSON list of number, label, kind: {exc}") from exc
    for entry in entries:
        if not _E164.fullmatch(entry.number) and not entry.number.startswith("client:"):
            raise ConfigError(
                f"SIMULATOR_PHONES: {entry.number!r} is not E.164, such as +8613900000001, nor client:name"
            )
    return entries
