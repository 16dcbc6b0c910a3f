"""What came from WeChat, as far as it means something to us. Pure."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Self

from dialogue.typed_words import typed_words
from kernel.errors import BadInput

_OPENID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NUMBER = re.compile(r"\d{1,32}")
_MEDIA = re.compile(r"[A-Za-z0-9_-]{1,256}")


class Kind(StrEnum):
    """What to do with it."""

    WORDS = "words"  # written, or recognised from a voice message, or the name of a place
    CHOSEN = "chosen"  # a menu button; `choice` is its key
    PICTURE = "picture"  # to be fetched by `media`
    VOICE = "voice"  # nothing was recognised
    OTHER = "other"  # video, link, file, an unnamed place: nobody reads it
    FOLLOWED = "followed"
    NOTHING = "nothing"  # news that asks for no answer


@dataclass(frozen=True, slots=True)
class Heard:
    """`key` is the same for every delivery of the same message: WeChat repeats what was not answered within five seconds."""

    openid: str
    account: str  # the official account's own name, who the answer is from
    key: str
    kind: Kind
    text: str = ""
    choice: str = ""
    media: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `to_json`."""
        return cls(**{**data, "kind": Kind(data["kind"])})


def read_message(fields: Mapping[str, str]) -> Heard:
    """Raises BadInput: not a message of WeChat's."""
    openid, account = fields.get("FromUserName", ""), fields.get("ToUserName", "")
    if not (_OPENID.fullmatch(openid) and _OPENID.fullmatch(account)):
        raise BadInput("FromUserName or ToUserName has a wrong form")
    kind, text, choice, media = _meaning(fields)
    return Heard(openid, account, _key(fields), kind, text, choice, media)


def _key(fields: Mapping[str, str]) -> str:
    """Events have no MsgId; WeChat names these three to tell a repeated one."""
    number = fields.get("MsgId", "")
    if _NUMBER.fullmatch(number):
        return f"wx{number}"
    made_at = fields.get("CreateTime", "")
    if fields.get("MsgType") != "event" or not _NUMBER.fullmatch(made_at):
        raise BadInput("no MsgId")
    return f"wx{made_at}-{fields.get('Event', '')[:32]}-{fields.get('EventKey', '')[:64]}"


def _meaning(fields: Mapping[str, str]) -> tuple[Kind, str, str, str]:
    words = ""
    match fields.get("MsgType", "").lower():
        case "text":
            words = typed_words(fields.get("Content", ""))
        case "voice":
            words = typed_words(fields.get("Recognition", ""))
            if not words:
                return Kind.VOICE, "", "", ""
        case "location":
            words = typed_words(fields.get("Label", ""))
        case "image" if _MEDIA.fullmatch(fields.get("MediaId", "")):
            return Kind.PICTURE, "", "", fields["MediaId"]
        case "event":
            return _event(fields)
    return (Kind.WORDS, words, "", "") if words else (Kind.OTHER, "", "", "")


def _event(fields: Mapping[str, str]) -> tuple[Kind, str, str, str]:
    match fields.get("Event", "").lower():
        case "subscribe":
            return Kind.FOLLOWED, "", "", ""
        case "click":
            return Kind.CHOSEN, "", fields.get("EventKey", "")[:64], ""
    return Kind.NOTHING, "", "", ""  # view, unsubscribe, location reports, jobs that have ended
