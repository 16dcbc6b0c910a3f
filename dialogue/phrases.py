"""What residents say that needs no model: fillers, second thoughts, "what if", who must come first. Pure; the words are data/phrases.yml.

Nothing here may quiet an alarm: the policy asks for danger first.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

_MARKS = " 。,,!!??、…~."
_WHOLE = ("nod", "pause", "hello", "never_mind", "accepts", "no_appointment")
_PARTS = (
    "yes",
    "no",
    "what_if",
    "yes_taken_back",
    "ordinal",
    "all_of_them",
    "any_time",
    "move_visit",
    "call_off_visit",
    "care_for",
    "nobody_to_care_for",
    "name",
    "no_name",
    "bare_number",
    "card_number",
    "no_card",
    "owner",
    "told_ago",
    "changed_pipes",
)


class Filler(StrEnum):
    """Sounds that are no answer. A NOD is one to a yes/no question."""

    NOD = "nod"
    PAUSE = "pause"
    HELLO = "hello"


@dataclass(frozen=True, slots=True)
class Phrases:
    """Compiled tables. `whole` fit an utterance from end to end, `parts` are searched for; `yes` and `no` at its beginning."""

    whole: Mapping[str, re.Pattern[str]]
    parts: Mapping[str, re.Pattern[str]]
    read_number: Callable[[str], str]  # Arabic digits of a number as said
    read_time: Callable[[str, datetime], tuple[datetime, datetime] | None]  # bot.entities.EntityWords.resolve_time

    @classmethod
    def compiled(
        cls,
        words: Mapping[str, str],
        read_number: Callable[[str], str],
        read_time: Callable[[str, datetime], tuple[datetime, datetime] | None],
    ) -> "Phrases":
        """Raises KeyError (a table is missing), re.error."""
        tables = {name: re.sub(r"\n?\s+(?=[|(])", "", words[name]) for name in (*_WHOLE, *_PARTS, "particles")}
        behind = rf"(?:[{re.escape(_MARKS)}]*(?:{tables['particles']}))*"
        return cls(
            whole={name: re.compile(rf"(?:{tables[name]}){behind}") for name in _WHOLE},
            parts={name: re.compile(tables[name]) for name in _PARTS},
            read_number=read_number,
            read_time=read_time,
        )

    def filler(self, text: str) -> Filler | None:
        said = text.strip(_MARKS)
        return next((f for f in Filler if self.whole[f].fullmatch(said)), None)

    def is_never_mind(self, text: str) -> bool:
        """The resident takes back what he wanted."""
        return self.whole["never_mind"].fullmatch(text.strip(_MARKS)) is not None

    def accepts(self, text: str) -> bool:
        """Nothing but courtesy ("that would be kind"): a yes where help was offered."""
        return self.whole["accepts"].fullmatch(text.strip(_MARKS)) is not None

    def begins(self, text: str) -> str:
        """`yes`, `no` or "": how an answer begins that says more than that."""
        said = text.lstrip(_MARKS)
        return next((name for name in ("no", "yes") if self.parts[name].match(said)), "")

    def takes_back_yes(self, text: str) -> bool:
        """A yes that is a no in the same breath: "yes, no, wrong"."""
        return self.parts["yes_taken_back"].search(text) is not None

    def asks_what_if(self, text: str) -> bool:
        return self.parts["what_if"].search(text) is not None

    def ordinal(self, text: str) -> str:
        """Which of the things offered is named: `1` for "the first one"; "" if the utterance is something else."""
        found = self.parts["ordinal"].search(text.strip(_MARKS))
        return self.read_number(found["number"]) if found else ""

    def speaks_of_changes(self, text: str) -> bool:
        """That pipes were changed at home, or water was drained; nobody is blamed for it (Y3)."""
        return self.parts["changed_pipes"].search(text) is not None

    def told_ago(self, text: str) -> timedelta | None:
        """How long ago somebody was told, as far as the words say it; days are one day. None: they say nothing of it."""
        found = self.parts["told_ago"].search(text)
        if found is None or found["now"]:
            return None if found is None else timedelta(0)
        if found["days"]:
            return timedelta(days=1)
        hours, quarters, minutes = (self._count(found[name]) for name in ("hours", "quarters", "minutes"))
        halves = bool(found["half"]) + bool(found["and_half"])
        return timedelta(hours=hours, minutes=30 * halves + 15 * quarters + minutes + self._count(found["rest"]))

    def _count(self, said: str | None) -> int:
        return int(self.read_number(said)) if said else 0

    def means_all(self, text: str) -> bool:
        return self.parts["all_of_them"].search(text) is not None

    def takes_any_time(self, text: str) -> bool:
        """An answer to "when?" that leaves it to us."""
        return self.parts["any_time"].search(text) is not None

    def visit_wish(self, text: str) -> str:
        """`move` or `call_off` a visit that was agreed; "" if nothing of it was said."""
        if self.parts["call_off_visit"].search(text):
            return "call_off"
        return "move" if self.parts["move_visit"].search(text) else ""

    def care_for(self, text: str) -> str:
        """Who must come first, in the resident's own word; "" if nobody was named."""
        if self.parts["nobody_to_care_for"].search(text):
            return ""
        found = self.parts["care_for"].search(text)
        return (found["who"] or found["state"]) if found else ""

    def name(self, text: str) -> str:
        """A name that was introduced as one; "" if none was."""
        found = self.parts["name"].search(text.strip(_MARKS))
        return found["name"] if found else ""

    def is_no_name(self, text: str) -> bool:
        """An answer to "what is your name?" that speaks of something else."""
        return self.parts["no_name"].search(text) is not None

    def card_number(self, text: str) -> str:
        """The number that the whole utterance is, digit by digit; "" if it is something else."""
        found = self.parts["card_number"].search(text.strip(_MARKS))
        return self.read_number(re.sub(r"[\s-]", "", found["card"])).upper() if found else ""

    def has_no_card(self, text: str) -> bool:
        return self.parts["no_card"].search(text) is not None

    def owner(self, text: str) -> str:
        """The name in an answer to "under which name is it registered?"; "" if it is none."""
        found = self.parts["owner"].fullmatch(text.strip(_MARKS))
        return found["owner"] if found else ""

    def is_no_appointment(self, time: str) -> bool:
        """A time that says when it is cold, rather than when somebody is at home, unless that was asked."""
        return self.whole["no_appointment"].fullmatch(time) is not None

    def bare_number(self, text: str) -> str:
        """The number that the whole utterance is, in Arabic digits; "" if it is something else."""
        found = self.parts["bare_number"].search(text.strip(_MARKS))
        return self.read_number(found["number"]) if found else ""
