"""What a company may not do to a wording: an edition is held against the shipped sentence and the standard. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dialogue.script_book import Script, ScriptBook
from dialogue.tables import read_table
from fulfillment.manners import NeverSaid, unsayable
from kernel.errors import ChangeRefused, ConfigurationError

#: The carrier speaks no more in one go; nobody reads more in one bubble.
LONGEST = 1500
CHANNELS = ("voice", "chat")


@dataclass(frozen=True, slots=True)
class Quoted:
    """Words that the standard quotes, with its blanks (data/wordings.yml)."""

    clause: str
    words: str

    def binds(self, shipped: Script, channel: int) -> bool:
        """Whether the shipped sentence keeps the clause with these words on this channel."""
        return shipped.clause == self.clause and self.words in plain(shipped.source[channel])


@dataclass(frozen=True, slots=True)
class Blank:
    """What stands in a blank: its name for people, and a sample."""

    title: str
    sample: Any


def plain(source: str) -> str:
    """Without how digits are read, and without spaces in the blanks."""
    return source.replace("|digits", "").replace("{{ ", "{{").replace(" }}", "}}")


def load_quoted(data_dir: Path) -> Sequence[Quoted]:
    """Raises ConfigurationError."""
    path = data_dir / "wordings.yml"
    try:
        return [Quoted(row["clause"], plain(row["words"])) for row in read_table(path, list)]
    except (KeyError, TypeError) as exc:
        raise ConfigurationError(f"{path}: {exc!r}") from exc


def load_blanks(data_dir: Path) -> Mapping[str, Blank]:
    """Raises ConfigurationError."""
    path = data_dir / "blanks.yml"
    try:
        return {name: Blank(*row) for name, row in read_table(path, dict).items()}
    except TypeError as exc:
        raise ConfigurationError(f"{path}: {exc}") from exc


@dataclass(frozen=True, slots=True)
class OwnWording:
    """Called with an edition as the book reads it.

    Raises ChangeRefused: `silent` (says nothing where the shipped one speaks), `too_long`, `blank_lost` (`names`),
    `never_said` (`said`: the rules of W6b), `normative` (`clause`, `quote`); all with `channel`.
    """

    book: ScriptBook
    quoted: Sequence[Quoted]
    never_said: Sequence[NeverSaid]

    def __call__(self, script: Script) -> None:
        shipped = self.book.shipped(script.key)
        for number, channel in enumerate(CHANNELS):
            ours, theirs = script.source[number], shipped.source[number]
            if theirs.strip() and not ours.strip():
                raise ChangeRefused("silent", channel=channel)
            if len(ours) > LONGEST:
                raise ChangeRefused("too_long", channel=channel, limit=LONGEST)
            lost = self.book.blanks_of(theirs) - self.book.blanks_of(ours)
            if lost:
                raise ChangeRefused("blank_lost", channel=channel, names=sorted(lost))
            said = unsayable(ours, self.never_said)
            if said:
                raise ChangeRefused("never_said", channel=channel, said=said)
            for quote in self.quoted:
                if quote.binds(shipped, number) and quote.words not in plain(ours):
                    raise ChangeRefused("normative", channel=channel, clause=quote.clause, quote=quote.words)
