"""Telephone numbers as residents say them, and as the product stores them."""

import phonenumbers

_HOME_REGION = "CN"
_HOME_PREFIX = "+86"


def to_e164(said: str) -> str:
    """Digits as heard (national or international) in E.164; "" if it is no possible number. Source: ITU-T E.164."""
    try:
        number = phonenumbers.parse(said, _HOME_REGION)
    except phonenumbers.NumberParseException:
        return ""
    if not phonenumbers.is_possible_number(number):
        return ""
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def as_said(e164: str) -> str:
    """The number as people here say it: without +86."""
    return e164.removeprefix(_HOME_PREFIX)
