"""Makes a text fit to be spoken: nothing XML forbids, numbers read digit by digit, no sentence without end. Pure."""

import re

from dialogue.script_book import spoken_digits

#: The carrier refuses more than 4096 characters in one Say; a listener gave up long before.
LONGEST_SENTENCE = 1500
#: Control characters, lone surrogates and non-characters are no XML 1.0, escaped or not: the whole answer would be refused.
_NOT_XML = re.compile("[^\\t\\n\\r\\u0020-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")
#: Digits in groups: telephone (13812345678, 0353-1234567, +86...), ticket (1122-0007), 12345.
_NUMBER = re.compile(r"(?<![\d.])(?:\+?86[- ]?(?=1\d{10}(?!\d)))?(\d+(?:-\d+)*)(?![\d.])", re.ASCII)
#: "Mr/Ms" of the standard's wording (G4b): heard as a breath, not as the name of the sign.
_SLASH = re.compile(r"(?<=[\u4e00-\u9fff])/(?=[\u4e00-\u9fff])")
_FEWEST_DIGITS = 5  # below, it is a quantity: "18", "2026", "1500" are read as numbers


def without_control(text: str) -> str:
    """`text` as XML 1.0 and PostgreSQL can hold it."""
    return _NOT_XML.sub("", text)


def speakable(text: str) -> str:
    """`text` as a speech synthesizer should get it. Idempotent; "" stays ""."""
    clean = without_control(text).strip()[:LONGEST_SENTENCE]
    return _NUMBER.sub(lambda found: _digit_by_digit(found[0], found[1]), _SLASH.sub(",", clean))


def _digit_by_digit(whole: str, number: str) -> str:
    return spoken_digits(number) if sum(c.isdigit() for c in number) >= _FEWEST_DIGITS else whole
