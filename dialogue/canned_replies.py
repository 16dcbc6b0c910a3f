"""Canned replies: what operators pick instead of typing. scripts_zh/canned.yml, or a company's own edition of them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dialogue.script_book import Script, ScriptBook
from fulfillment.manners import NeverSaid, unsayable
from kernel.errors import ChangeRefused, ConfigurationError

PART = "canned"
#: What a reply may name, of the home and the ticket beside the conversation.
BLANKS = ("name", "place", "number", "state", "butler", "butler_phone", "property", "property_phone")
LONGEST = 500
#: More are found by nobody.
MOST = 60


class CannedReplies:
    """Safe to share between threads: never changed after construction, but for `adopt`, which puts one list in the place
    of another.

    Args:
        clauses: those of the standard, which a reply may cite.
    """

    def __init__(self, book: ScriptBook, clauses: Collection[str]) -> None:
        self._book = book
        self._clauses = clauses
        self._shipped = tuple(script for key, script in book.scripts.items() if key.startswith(f"{PART}."))
        self.replies: Sequence[Script] = self._shipped

    def shipped(self) -> list[dict[str, str]]:
        """As an edition would say it."""
        return [{"clause": script.clause or "", "text": script.source[1]} for script in self._shipped]

    def read_edition(self, part: str, content: Any) -> Sequence[Script]:
        """Content: rows of `{clause, text}` in their order, clause "" where none is served; None: as shipped.

        Raises ConfigurationError: no such rows, no such clause, or a text that is no sentence with the blanks there are.
        """
        if content is None:
            return self._shipped
        if not isinstance(content, list) or not 0 < len(content) <= MOST:
            raise ConfigurationError(f"{part}: an edition is a list of 1 to {MOST} replies")
        return [self._reply(f"{part}.{number}", row) for number, row in enumerate(content, 1)]

    def adopt(self, part: str, content: Any) -> None:
        """From now on these are offered. Raises ConfigurationError, and nothing has changed."""
        self.replies = self.read_edition(part, content)

    def filled(self, script: Script, values: Mapping[str, str]) -> str:
        """As it is offered, what is not known as a blank to be filled by hand."""
        open_blank = self._book.word("canned.blank")
        return self._book.say_so(script, **{name: values.get(name) or open_blank for name in script.params}).chat

    def _reply(self, key: str, row: Any) -> Script:
        if not isinstance(row, dict) or set(row) != {"clause", "text"} or not str(row["text"]).strip():
            raise ConfigurationError(f"{key}: a reply says clause and text")
        if row["clause"] and row["clause"] not in self._clauses:
            raise ConfigurationError(f"{key}: no clause {row['clause']}")
        return self._book.wording(key, str(row["text"]), clause=row["clause"] or None, blanks=BLANKS)


@dataclass(frozen=True, slots=True)
class OwnReplies:
    """What a company may not make of them: called with an edition as `CannedReplies` reads it.

    Raises ChangeRefused, each with `row` counted from 1: `too_long` (`limit`), `never_said` (`said`: the rules of W6b).
    """

    never_said: Sequence[NeverSaid]

    def __call__(self, replies: Sequence[Script]) -> None:
        for row, script in enumerate(replies, 1):
            text = script.source[1]
            if len(text) > LONGEST:
                raise ChangeRefused("too_long", row=row, limit=LONGEST)
            said = unsayable(text, self.never_said)
            if said:
                raise ChangeRefused("never_said", row=row, said=said)
