"""Telephone numbers as residents say them, and as the product stores them."""

import phonenumbers

_HOME_REGION = "CN"


def to_e164(said: str) -> str:
    """Digits as heard (national or international) in E.164; "" if it is no possible number. Source: ITU-T E.164."""
    try:
        number = phonenumbers.parse(said, _HOME_REGION)
    except phonenumbers.NumberParseException:
        return ""
    # "possible", not "valid": a new number range must not turn a resident into an unknown caller.
    if not phonenumbers.is_possible_number(number):
        return ""
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def as_said(e164: str) -> str:
    """The number as people here dial it: without +86, landlines with their 0; others, and no numbers, stay as they are."""
    try:
        number = phonenumbers.parse(e164, _HOME_REGION)
    except phonenumbers.NumberParseException:
        return e164
    if number.country_code != phonenumbers.country_code_for_region(_HOME_REGION):
        return e164
    national = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
    return "".join(c for c in national if c.isdigit())
