"""A company's own edition of a table or a wording: never changed afterwards, the next one replaces it. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Edition:
    """`part` names what it stands for (`ladder`, `calendar`, `directory`, `rota`, `script.<key>`). `content` is what the
    shipped file would hold there; None: as it was shipped. To undo one is to make another.
    """

    id: int
    part: str
    content: Any
    from_at: datetime
    made_at: datetime
    made_by: str


def begun(editions: Iterable[Edition], part: str, at: datetime) -> Sequence[Edition]:
    """Those of a part that have begun, the one that holds first: of two, the one that began later."""
    mine = [one for one in editions if one.part == part and one.from_at <= at]
    return sorted(mine, key=lambda one: (one.from_at, one.id), reverse=True)


def content_at(editions: Iterable[Edition], part: str, at: datetime) -> Any:
    """What holds; None: as it was shipped."""
    return next((one.content for one in begun(editions, part, at)), None)
