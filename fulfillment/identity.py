"""Who asks after an account says who he is first (F4, F5, N17): how much of a name is enough, how often it may be wrong. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Identified(StrEnum):
    """What came of one entry of card number and name; never which of the two was wrong."""

    RIGHT = "right"
    WRONG = "wrong"  # another try is left
    REFUSED = "refused"  # none is left: a person looks at it


@dataclass(frozen=True, slots=True)
class IdentityRules:
    """data/identity.yml. Wrong entries are counted in the conversation, by whoever asks, and at the card."""

    tries: int  # wrong ones in one conversation
    tries_a_day: int  # of one telephone or one browser
    tries_a_day_of_a_card: int  # whoever asks: many browsers are no way round
    name_signs: int  # so many signs of the name at least; a family name alone is guessed too easily
    name_share: float  # and this share of it: two signs of a company's long name are no proof

    def is_part_of(self, said: Sequence[str], name: Sequence[str]) -> bool:
        """`said` stands in `name` in one piece and is enough of it; signs or syllables, both written alike."""
        if len(said) < self.name_signs or len(said) < self.name_share * len(name):
            return False
        starts = range(len(name) - len(said) + 1)
        return any(list(name[at : at + len(said)]) == list(said) for at in starts)
