"""Telephone numbers as the carrier sends them and as they are spoken."""

import phonenumbers

REGION = "CN"
#: A withheld number arrives as a word, or as that word typed on a keypad; two of them look like real ones (+86, +7).
_WITHHELD_WORDS = ("anonymous", "restricted", "unavailable", "unknown", "blocked", "private")
_KEYPAD = str.maketrans("abcdefghijklmnopqrstuvwxyz", "22233344455566677778889999")
_WITHHELD_DIGITS = frozenset(prefix + word.translate(_KEYPAD) for word in _WITHHELD_WORDS for prefix in ("", "1"))


def caller_number(from_: str) -> str:
    """E.164, or "" for a withheld number, a SIP address or anything that cannot be called back."""
    if from_.lstrip("+") in _WITHHELD_DIGITS or ":" in from_ or "@" in from_:
        return ""
    try:
        number = phonenumbers.parse(from_, REGION)
    except phonenumbers.NumberParseException:
        return ""
    # "possible", not "valid": a new number range must not turn a resident into an unknown caller.
    if not phonenumbers.is_possible_number(number):
        return ""
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def national(number: str) -> str:
    """As it is dialled at home: digits without +86; a foreign number keeps its + and country code."""
    try:
        parsed = phonenumbers.parse(number, REGION)
    except phonenumbers.NumberParseException:
        return number
    if parsed.country_code != phonenumbers.country_code_for_region(REGION):
        return number
    shown = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL)
    return "".join(c for c in shown if c.isdigit())
