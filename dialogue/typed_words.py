"""What somebody typed, as it is stored. Pure."""

import re

# What no keyboard types and a database or a terminal may choke on; line feed and tab stay.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


def typed_words(text: str) -> str:
    """One kind of line break, no control characters, nothing around it."""
    return _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip()
