"""Every setting of the product: typed, read once from the environment and `.env`, each one documented.

`load_settings()` is called by the composition root only. A missing or contradictory setting stops the start
with its name and the remedy (`ConfigurationError`). The settings table of docs/running.md is made from these descriptions.
"""

import re
from enum import StrEnum
from pathlib import Path
from typing import Self

from pydantic import Field, HttpUrl, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from kernel.errors import ConfigurationError

HOME = Path(__file__).resolve().parent.parent
CARRIER_API = "https://api.twilio.com"
WECHAT_API = "https://api.weixin.qq.com"
DEFAULT_SIMULATOR_PORT = 8100


class Environment(StrEnum):
    """Where the product runs. `production` refuses everything that is only good enough for trying out."""

    DEVELOPMENT = "development"
    TEST = "test"
    PRODUCTION = "production"


class VoiceTransport(StrEnum):
    """Who turns speech into text and back: the verbs of each answer, or a session beside the call."""

    GATHER = "gather"
    RELAY = "relay"


class Settings(BaseSettings):
    """See each field's description."""

    model_config = SettingsConfigDict(env_file=HOME / ".env", env_file_encoding="utf-8", extra="ignore", frozen=True)

    environment: Environment = Field(Environment.DEVELOPMENT, description="development, test or production")
    secret_key: SecretStr = Field(
        min_length=32, description="Signs sessions and links; `make setup` writes a fresh one into a new .env"
    )
    public_base_url: HttpUrl = Field(
        HttpUrl("http://127.0.0.1:8000"),
        description="How the carrier and residents reach this product from outside; webhook signatures are checked against it",
    )
    web_port: int = Field(
        8000, ge=1, le=65535, description="Port of the web process (127.0.0.1 unless BIND_ADDRESS says otherwise)"
    )
    bind_address: str = Field("127.0.0.1", description="Address the web process listens on")
    web_threads: int = Field(
        256,
        ge=4,
        le=4096,
        description="Threads of the web process; live pages (chat a half, console a quarter) may hold three quarters of them, the rest is for webhooks",
    )
    database_url: str = Field(
        f"sqlite:///{HOME / 'var' / 'hotline.db'}",
        description="SQLAlchemy address; sqlite:///… for one machine, postgresql+psycopg://… to grow",
    )
    data_dir: Path = Field(HOME / "data", description="The service standard as tables, and the sample company")
    scripts_dir: Path = Field(HOME / "scripts_zh", description="Every sentence that is spoken or shown")
    company_name: str = Field(min_length=1, description="Fills {company} in the standard's wording (G4a)")
    agent_number: str = Field("01", description="Fills {number} in greeting G4a when the bot answers")

    chat_embed_sites: str = Field(
        "*",
        pattern=r"^[^;\r\n]+$",
        description="Sites that may show the chat widget, as CSP sources (https://www.example.cn …); * for trying out",
    )

    nlu_url: HttpUrl = Field(HttpUrl("http://127.0.0.1:5005"), description="The Rasa server; keep it on loopback")
    nlu_timeout_seconds: float = Field(2.0, gt=0, le=5, description="How long a turn waits for the Rasa server")

    twilio_account_sid: str = Field(pattern=r"^AC[0-9a-f]{32}$", description="The carrier account")
    twilio_auth_token: SecretStr = Field(
        min_length=8, description="The account's token; also the webhook signature key"
    )
    twilio_api_key_sid: str = Field(
        "",
        pattern=r"^(SK[0-9a-fA-F]{32})?$",
        description="API key with which operators answer in the browser; empty: by telephone only",
    )
    twilio_api_key_secret: SecretStr = Field(SecretStr(""), description="Secret of that API key")
    emergency_account_sid: str = Field(
        "",
        pattern=r"^(AC[0-9a-f]{32})?$",
        description="A carrier account for emergencies alone: its calls per second are shared with nothing; empty: the same account",
    )
    emergency_auth_token: SecretStr = Field(SecretStr(""), description="Token of that account")
    emergency_from_number: str = Field(
        "", pattern=r"^(\+\d{6,15})?$", description="A number of that account, E.164: whom staff see calling"
    )
    twilio_from_number: str = Field(
        "+15005550006", pattern=r"^\+\d{6,15}$", description="The hotline's own number, E.164"
    )
    duty_phone: str = Field(
        pattern=r"^\+\d{6,15}$",
        description="Dialled, after the leak instruction, when this product itself fails during a call: a person on duty, E.164",
    )
    duty_robot: str = Field(
        "",
        description="Chat robot (its webhook or an apprise URL) that the sentinel tells beside DUTY_PHONE when emergencies are not carried out; texts from abroad do not reach +86",
    )
    voice_transport: VoiceTransport = Field(
        VoiceTransport.GATHER,
        description="How calls are heard and spoken: gather (TwiML, any account) or relay (ConversationRelay over a WebSocket; Twilio must have switched it on; gather goes on when it fails)",
    )
    twilio_api_base_url: HttpUrl = Field(
        HttpUrl(CARRIER_API),
        description="The carrier's REST API; anything but Twilio's own is treated as not a real carrier",
    )
    wechat_app_id: str = Field(
        "",
        pattern=r"^(wx[0-9a-f]{16})?$",
        description="AppID of the company's WeChat official account; empty: no such channel",
    )
    wechat_app_secret: SecretStr = Field(SecretStr(""), description="AppSecret of the official account")
    wechat_token: SecretStr = Field(SecretStr(""), description="Token of its server address; signs every message")
    wechat_aes_key: SecretStr = Field(
        SecretStr(""),
        description="EncodingAESKey (43 characters) for the safe mode; empty: messages come in plain text",
    )
    wechat_api_base_url: HttpUrl = Field(
        HttpUrl(WECHAT_API), description="WeChat's API; anything but its own is only good for trying out"
    )
    recordings_dir: Path = Field(
        HOME / "var" / "recordings", description="Where the sound of messages and recorded calls is kept"
    )
    recording_days: int = Field(
        90, ge=1, le=3650, description="Recordings are deleted, here and at the carrier, after so many days"
    )
    simulator_port: int = Field(
        DEFAULT_SIMULATOR_PORT, ge=1, le=65535, description="Port of the telephone network on this machine"
    )

    @property
    def carrier_is_real(self) -> bool:
        """False while calls end on this machine; shown as a banner on every console page."""
        return str(self.twilio_api_base_url).rstrip("/") == CARRIER_API

    @property
    def browsers_can_ring(self) -> bool:
        """Operators may choose their browser: with an API key, or on the simulated network, whose page has the line."""
        return bool(self.twilio_api_key_sid) or not self.carrier_is_real

    @property
    def base_url(self) -> str:
        """`public_base_url` without the trailing slash."""
        return str(self.public_base_url).rstrip("/")

    @model_validator(mode="after")
    def _production_is_real(self) -> Self:
        if self.environment is Environment.PRODUCTION:
            if not self.carrier_is_real:
                msg = "TWILIO_API_BASE_URL points at a simulated network: remove it, or leave ENVIRONMENT=production"
                raise ValueError(msg)
            if str(self.wechat_api_base_url).rstrip("/") != WECHAT_API:
                msg = "WECHAT_API_BASE_URL points elsewhere than at WeChat: remove it, or leave ENVIRONMENT=production"
                raise ValueError(msg)
            if self.public_base_url.scheme != "https":
                msg = "PUBLIC_BASE_URL must be https in production: the carrier and residents' sessions need it"
                raise ValueError(msg)
        if bool(self.twilio_api_key_sid) != bool(self.twilio_api_key_secret.get_secret_value()):
            msg = "TWILIO_API_KEY_SID and TWILIO_API_KEY_SECRET belong together: give both, or neither"
            raise ValueError(msg)
        emergency = (
            self.emergency_account_sid,
            self.emergency_auth_token.get_secret_value(),
            self.emergency_from_number,
        )
        if any(emergency) and not all(emergency):
            msg = "EMERGENCY_ACCOUNT_SID, EMERGENCY_AUTH_TOKEN and EMERGENCY_FROM_NUMBER belong together: give all, or none"
            raise ValueError(msg)
        if self.emergency_account_sid == self.twilio_account_sid or self.emergency_from_number == self.duty_phone:
            msg = "EMERGENCY_ACCOUNT_SID must be another account than TWILIO_ACCOUNT_SID, its number not DUTY_PHONE"
            raise ValueError(msg)
        self._wechat_is_whole()
        if "\n" in self.database_url or not self.database_url.startswith(("sqlite:///", "postgresql+psycopg://")):
            msg = "DATABASE_URL must start with sqlite:/// or postgresql+psycopg://"
            raise ValueError(msg)
        return self

    def _wechat_is_whole(self) -> None:
        secrets = (self.wechat_app_secret.get_secret_value(), self.wechat_token.get_secret_value())
        aes_key = self.wechat_aes_key.get_secret_value()
        if any((self.wechat_app_id, *secrets, aes_key)) and not all((self.wechat_app_id, *secrets)):
            msg = "WECHAT_APP_ID, WECHAT_APP_SECRET and WECHAT_TOKEN belong together: give all, or none"
            raise ValueError(msg)
        if aes_key and not re.fullmatch(r"[A-Za-z0-9]{43}", aes_key):
            msg = "WECHAT_AES_KEY has 43 letters and digits: copy it from the account's page"
            raise ValueError(msg)


def load_settings() -> Settings:
    """The settings of this process. Raises ConfigurationError naming each wrong setting and what to do."""
    try:
        return Settings()
    except ValidationError as exc:
        lines = []
        for error in exc.errors():
            name = "_".join(str(p) for p in error["loc"]).upper()
            what = error["msg"].removeprefix("Value error, ")
            remedy = "set it in .env, see .env.example" if error["type"] == "missing" else "correct it in .env"
            lines.append(f"{name}: {what} ({remedy})" if name else what)
        raise ConfigurationError("; ".join(lines)) from exc
