"""The canned replies, worded and put into order by an administrator, with their blanks filled as operators will see them."""

from collections.abc import Sequence
from dataclasses import dataclass

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from console.canned import STANDARD_WORDING
from console.editions import own_content, save, shown
from console.gate import allow
from console.ports import Rooms
from dialogue.canned_replies import BLANKS, LONGEST, MOST, PART
from fulfillment.company import OperatorRole
from kernel.errors import BadInput, ChangeRefused, ConfigurationError

#: Empty rows below the others, for new ones.
_ROOM_FOR = 3


@dataclass(frozen=True, slots=True)
class Row:
    """A reply as it was typed, and as it would be offered; `offered` is "" for what is no sentence yet."""

    clause: str
    text: str
    offered: str = ""


def add_routes(blueprint: Blueprint, rooms: Rooms) -> None:
    """/canned."""

    @blueprint.get("/canned")
    @allow(OperatorRole.ADMINISTRATOR)
    def canned() -> ResponseReturnValue:
        return _page(rooms, own_content(rooms, PART, rooms.setup.canned) or rooms.setup.canned.shipped())

    @blueprint.post("/canned")
    @allow(OperatorRole.ADMINISTRATOR)
    def save_canned() -> ResponseReturnValue:
        """Saved, or with `try` only shown as they would be."""
        typed = _typed()
        if "try" in request.form:
            return _page(rooms, typed)
        return save(rooms, PART, typed, lambda refused: _page(rooms, typed, refused))


def _typed() -> list[dict[str, str]]:
    """The rows that say something, by the places that were given to them. Raises BadInput."""
    form = request.form
    fields = [form.getlist(name) for name in ("place", "clause", "text")]
    if len({len(one) for one in fields}) != 1:
        raise BadInput("each reply has a place, a clause and a text")
    try:
        rows = [(int(place), clause, text) for place, clause, text in zip(*fields, strict=True) if text.strip()]
    except ValueError as exc:
        raise BadInput(str(exc)) from exc
    rows.sort(key=lambda row: row[0])
    return [{"clause": clause, "text": " ".join(text.split())} for _, clause, text in rows]


def _page(rooms: Rooms, content: Sequence[dict[str, str]], refused: ChangeRefused | None = None) -> str:
    return render_template(
        "console/canned.html",
        **shown(rooms, PART),
        rows=[Row(row["clause"], row["text"], _offered(rooms, row)) for row in content] + [Row("", "")] * _ROOM_FOR,
        standard=[rooms.book.scripts[key] for key in STANDARD_WORDING],
        clauses=rooms.standard.clauses,
        blanks=[(name, rooms.setup.blanks[name].title) for name in BLANKS],
        longest=LONGEST,
        most=MOST,
        refused=refused,
        typed=request.form if request.method == "POST" else None,
    )


def _offered(rooms: Rooms, row: dict[str, str]) -> str:
    try:
        [script] = rooms.setup.canned.read_edition(PART, [row])
    except ConfigurationError:  # saving it says why
        return ""
    return rooms.setup.canned.filled(script, {name: str(rooms.setup.blanks[name].sample) for name in BLANKS})
