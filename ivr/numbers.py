"""Telephone numbers as the carrier sends them."""

from dialogue.phone_number import to_e164

#: A withheld number arrives as a word, or as that word typed on a keypad; two of them look like real ones (+86, +7).
_WITHHELD_WORDS = ("anonymous", "restricted", "unavailable", "unknown", "blocked", "private")
_KEYPAD = str.maketrans("abcdefghijklmnopqrstuvwxyz", "22233344455566677778889999")
_WITHHELD_DIGITS = frozenset(prefix + word.translate(_KEYPAD) for word in _WITHHELD_WORDS for prefix in ("", "1"))


def caller_number(from_: str) -> str:
    """E.164, or "" for a withheld number, a SIP address or anything that cannot be called back."""
    if from_.lstrip("+") in _WITHHELD_DIGITS or ":" in from_ or "@" in from_:
        return ""
    return to_e164(from_)
