"""Which official account this is, and what is known of it from WeChat's pages."""

from dataclasses import dataclass, field

WECHAT_API = "https://api.weixin.qq.com"


@dataclass(frozen=True, slots=True)
class Account:
    """`aes_key`: 43 letters and digits for the safe mode; "" for plain text, whose signature does not cover the body."""

    app_id: str
    secret: str = field(repr=False)
    token: str = field(repr=False)
    aes_key: str = field(default="", repr=False)
    api: str = WECHAT_API
