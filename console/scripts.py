"""The wordings: what residents and staff hear and read, tried out on both channels before it is saved. Supervisors change them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from console.editions import own_content, save, shown
from console.gate import allow
from console.ports import Rooms
from dialogue.canned_replies import PART
from dialogue.own_wording import CHANNELS
from dialogue.script_book import Script
from fulfillment.company import OperatorRole
from kernel.errors import ChangeRefused, ConfigurationError, NotFound

#: Where a listener hears a pause, and so how long a sentence is in one breath.
_PAUSE = re.compile(r"[^,。!?;:\u3001\uff0c\uff01\uff1f\uff1b\uff1a]+[,。!?;:\u3001\uff0c\uff01\uff1f\uff1b\uff1a]?")


@dataclass(frozen=True, slots=True)
class Preview:
    """How a wording sounds on the telephone, breath by breath, and looks in the chat, with samples in its blanks."""

    breaths: Sequence[str]
    bubble: str


@dataclass(frozen=True, slots=True)
class Row:
    """A script in the list."""

    script: Script
    is_own: bool


def add_routes(blueprint: Blueprint, rooms: Rooms) -> None:
    """/scripts, /scripts/<key>."""

    @blueprint.get("/scripts")
    @allow(OperatorRole.SUPERVISOR)
    def scripts() -> ResponseReturnValue:
        theme, search = request.args.get("theme", "greeting"), request.args.get("words", "").strip()
        own = _own(rooms)
        rows = [
            Row(own.get(key, script), key in own)
            for key, script in rooms.book.scripts.items()
            if rooms.book.is_plain(key) and not _is_canned(key)
        ]
        themes = list(dict.fromkeys(row.script.key.partition(".")[0] for row in rows))
        if search:
            rows = [
                row for row in rows if any(search in text for text in (*row.script.source, row.script.clause or ""))
            ]
        else:
            rows = [row for row in rows if row.script.key.startswith(f"{theme}.")]
        return render_template(
            "console/scripts.html", rows=rows, themes=themes, theme="" if search else theme, searched=search, own=own
        )

    @blueprint.get("/scripts/<key>")
    @allow(OperatorRole.SUPERVISOR)
    def script(key: str) -> ResponseReturnValue:
        return _page(rooms, key)

    @blueprint.post("/scripts/<key>")
    @allow(OperatorRole.SUPERVISOR)
    def save_script(key: str) -> ResponseReturnValue:
        """Saved, or with `try` only shown as it would be."""
        _shipped(rooms, key)
        if "try" in request.form:
            return _page(rooms, key)
        content = _typed()
        return save(rooms, f"script.{key}", content, lambda refused: _page(rooms, key, refused))


def _is_canned(key: str) -> bool:
    """Those have a page of their own (console.canned_page)."""
    return key.startswith(f"{PART}.")


def _typed() -> dict[str, str]:
    """The sentences as they were typed; browsers end lines with two characters."""
    return {channel: request.form.get(channel, "").replace("\r\n", "\n").strip() for channel in CHANNELS}


def _shipped(rooms: Rooms, key: str) -> Script:
    """Raises NotFound for what cannot be edited."""
    if key not in rooms.book.scripts or not rooms.book.is_plain(key) or _is_canned(key):
        raise NotFound(f"no script {key}")
    return rooms.book.shipped(key)


def _own(rooms: Rooms) -> dict[str, Script]:
    """What the company has worded itself and holds now."""
    with rooms.store.read() as tx:
        parts = {one.part for one in tx.editions() if one.part.startswith("script.")}
    own = {part: own_content(rooms, part, rooms.book) for part in parts}
    return {
        part.partition(".")[2]: rooms.book.read_edition(part, content)
        for part, content in own.items()
        if content is not None
    }


def _page(rooms: Rooms, key: str, refused: ChangeRefused | None = None) -> str:
    part, shipped = f"script.{key}", _shipped(rooms, key)
    content = own_content(rooms, part, rooms.book)
    holds = dict(zip(CHANNELS, shipped.source, strict=True)) if content is None else content
    typed = _typed() if request.method == "POST" else None
    names = sorted(shipped.params | (rooms.book.blanks_of("".join(shipped.source)) - shipped.params))
    return render_template(
        "console/script.html",
        **shown(rooms, part),
        shipped=shipped,
        content=holds,
        preview=_preview(rooms, key, typed or holds),
        as_shipped=dict(zip(CHANNELS, shipped.source, strict=True)),
        blanks=[(name, rooms.setup.blanks.get(name)) for name in names],
        quoted=[q for q in rooms.setup.quoted if any(q.binds(shipped, n) for n in range(len(CHANNELS)))],
        theme=key.partition(".")[0],
        refused=refused,
        typed={**typed, "on": request.form.get("on", "")} if typed else None,
    )


def _preview(rooms: Rooms, key: str, content: Any) -> Preview | None:
    """None: what was typed is no sentence yet; saving it says why."""
    try:
        script = rooms.book.read_edition(f"script.{key}", content)
    except ConfigurationError:
        return None
    blanks = rooms.setup.blanks
    samples = {name: blanks[name].sample if name in blanks else name for name in script.params}
    said = rooms.book.say_so(script, **samples)
    return Preview([breath.strip() for breath in _PAUSE.findall(rooms.setup.spoken(said.voice))], said.chat)
