"""One spelling for what residents type: simplified characters, half-width letters and digits, single spaces."""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from opencc import OpenCC

#: What is read of one utterance. The longest real ones have some 300 characters; more is pasted text or an attack.
LONGEST = 1000
_HEAD = 700
_BLANK = re.compile(r"\s+")
_UNSEEN = {"Cc", "Cf", "Co", "Cs", "Cn"}
_CHINESE = re.compile(r"[\u3400-\u9fff]")
_NUMBER = re.compile(r"[0-9]")
_FOREIGN_WORD = re.compile(r"[^\W\d_]{2}")


@dataclass(frozen=True, slots=True)
class Normalised:
    """`reason` says why a text is not or not fully read: "", empty, symbols_only, foreign_language, cut."""

    text: str
    reason: str = ""

    @property
    def is_usable(self) -> bool:
        return self.reason in ("", "cut")


@lru_cache(maxsize=1)
def _simplifier() -> OpenCC:
    return OpenCC("t2s")


def warm_up() -> None:
    """Loads the character tables now (0.2 s) and not in the first turn."""
    normalise("warm")


def normalise(said: str) -> Normalised:
    """Head and tail are kept of a text that is too long: people greet first and come to the matter last."""
    reason = ""
    if len(said) > LONGEST:
        said, reason = f"{said[:_HEAD]} {said[_HEAD - LONGEST :]}", "cut"
    text = unicodedata.normalize("NFKC", said)
    text = "".join(" " if unicodedata.category(c) in _UNSEEN and not c.isspace() else c for c in text)
    text = _BLANK.sub(" ", _simplifier().convert(text)).strip()
    if not text:
        return Normalised("", "empty")
    if _CHINESE.search(text):
        return Normalised(text, reason)
    if _FOREIGN_WORD.search(text):
        return Normalised(text, "foreign_language")
    return Normalised(text, reason if _NUMBER.search(text) else "symbols_only")
