"""What is never said to a resident (W6b, W6c, N13, N17). Pure; the words are in data/never_said.yml."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NeverSaid:
    """Words, why they are none of ours, and what is said instead."""

    words: str
    clause: str
    instead: str


def unsayable(text: str, rules: Iterable[NeverSaid]) -> tuple[NeverSaid, ...]:
    """The rules that a text breaks. Spaces and signs between characters hide nothing."""
    bare = "".join(c for c in text if c.isalnum())
    return tuple(rule for rule in rules if rule.words in bare)
