"""Personal data leaves the product only where somebody needs it (STANDARD N17, X1)."""

import re
from collections.abc import MutableMapping
from typing import Any

# Mainland mobile numbers, with or without +86 and separators, and E.164 numbers in general.
_PHONE = re.compile(r"(?<!\d)(?:\+?86[- ]?)?1[3-9]\d(?:[- ]?\d{4}){2}(?!\d)|\+\d{8,15}")
_ID_CARD = re.compile(r"(?<!\d)\d{17}[\dXx](?!\d)")
_LANDLINE = re.compile(r"(?<!\d)0\d{2,3}[- ]?\d{7,8}(?!\d)")


def mask_phone(number: str) -> str:
    """`13812345678` becomes `138****5678`; anything shorter than seven digits becomes stars only."""
    digits = [i for i, c in enumerate(number) if c.isdigit()]
    if len(digits) < 7:  # noqa: PLR2004 - too short to keep a recognisable head and tail
        return "*" * len(number)
    hidden = set(digits[-8:-4])
    return "".join("*" if i in hidden else c for i, c in enumerate(number))


def mask_text(text: str) -> str:
    """A text with every telephone and identity-card number in it masked."""
    masked = _ID_CARD.sub(lambda m: m[0][:6] + "*" * 8 + m[0][-4:], text)
    masked = _PHONE.sub(lambda m: mask_phone(m[0]), masked)
    return _LANDLINE.sub(lambda m: mask_phone(m[0]), masked)


def mask_log_event(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Structlog processor: masks every string of a log line, one level of dict and list included."""
    for key, value in event.items():
        event[key] = _masked(value)
    return event


def _masked(value: object) -> object:
    if isinstance(value, str):
        return mask_text(value)
    if isinstance(value, dict):
        return {k: mask_text(v) if isinstance(v, str) else v for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [mask_text(v) if isinstance(v, str) else v for v in value]
    return value
