"""The editions of a table or wording: what was changed when and by whom, restored, withdrawn, or back to what was shipped."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, Protocol

import structlog
from flask import Blueprint, abort, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from console.gate import allow, me
from console.ports import Rooms
from console.setup import kept
from fulfillment.company import OperatorRole
from fulfillment.edition import Edition, begun
from fulfillment.editions import Unusable
from kernel.clock import local
from kernel.errors import BadInput, ChangeRefused, ConfigurationError, NotFound

EDITIONS_SHOWN = 10
#: Who changes what; everything else supervisors do.
ROLE_OF = {"canned": OperatorRole.ADMINISTRATOR}
log = structlog.get_logger()


class Keeper(Protocol):
    """Reads editions: the standard those of tables, the script book those of wordings."""

    def read_edition(self, part: str, content: Any) -> Any:
        """Raises ConfigurationError."""
        ...


def shown(rooms: Rooms, part: str) -> dict[str, Any]:
    """What every page of a part names: its history, which edition holds, and whether one cannot be used."""
    now = rooms.clock.now()
    known = rooms.setup.editions.of(part)
    holding: Sequence[Edition] = begun(known, part, now)
    unusable: Unusable | None = rooms.setup.editions.unusable.get(part)
    return {
        "part": part,
        "editions": known[:EDITIONS_SHOWN],
        "holds": holding[0].id if holding else 0,
        "is_own": bool(holding and holding[0].content is not None),
        "unusable": unusable,
        "now": now,
        "today": local(now).date(),
    }


def own_content(rooms: Rooms, part: str, keeper: Keeper) -> Any:
    """What the company made of a part, and a form can show; None: nothing, or nothing that can be read."""
    content = rooms.setup.editions.content(part)
    try:
        keeper.read_edition(part, content)
    except ConfigurationError:  # the page says so in red (`shown`)
        return None
    return content


def content_shown(rooms: Rooms, part: str) -> Any:
    """A table as it holds now, every field of it."""
    own, shipped = own_content(rooms, part, rooms.standard), rooms.standard.shipped(part)
    if isinstance(own, dict) and isinstance(shipped, dict):
        return {**shipped, **own}
    return shipped if own is None else own


def asked_day() -> date | None:
    """From which local day on; None: from now. Raises BadInput."""
    text = request.form.get("on", "")
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as exc:
        raise BadInput(str(exc)) from exc


def save(rooms: Rooms, part: str, content: Any, again: Callable[[ChangeRefused], str]) -> ResponseReturnValue:
    """A new edition from the form; `again` shows what was refused as it was typed."""
    return kept(
        lambda: rooms.setup.editions.save(part, content, by=me().name, on=asked_day()),
        "edition_saved",
        back_to=page_of(part),
        shown_again=again,
        same="edition_same",
        part=part,
    )


def page_of(part: str) -> str:
    """The page on which a part is edited. Raises NotFound."""
    kind, _, key = part.partition(".")
    pages = {
        "ladder": "console.ladder",
        "limits": "console.limits",
        "calendar": "console.business_days",
        "directory": "console.directory",
        "canned": "console.canned",
    }
    if kind == "script":
        return url_for("console.script", key=key)
    if part not in pages:
        raise NotFound(f"no part {part}")
    return url_for(pages[part])


def _demand_role(part: str) -> None:
    """Whoever may change a part may restore and withdraw its editions. Raises Forbidden."""
    if not current_user.may(ROLE_OF.get(part, OperatorRole.SUPERVISOR)):
        log.warning("console.refused", operator=me().login, path=request.path)
        abort(403)


def add_routes(blueprint: Blueprint, rooms: Rooms) -> None:
    """/editions/<id>/<restore|withdraw>, /editions/<part>/shipped."""
    editions = rooms.setup.editions

    def refused(_refused: ChangeRefused) -> str:
        raise BadInput("an older edition that does not fit the company of today")

    @blueprint.post("/editions/<int:edition_id>/<any(restore, withdraw):action>")
    @allow(OperatorRole.SUPERVISOR)
    def restore_edition(edition_id: int, action: str) -> ResponseReturnValue:
        with rooms.store.read() as tx:
            part = next((one.part for one in tx.editions() if one.id == edition_id), "")
        _demand_role(part)
        act = editions.restore if action == "restore" else editions.withdraw
        return kept(
            lambda: act(edition_id, by=me().name),
            "edition_restored" if action == "restore" else "edition_withdrawn",
            back_to=page_of(part),
            shown_again=refused,
            same="edition_same",
            edition=edition_id,
        )

    @blueprint.post("/editions/<part>/shipped")
    @allow(OperatorRole.SUPERVISOR)
    def shipped_edition(part: str) -> ResponseReturnValue:
        back_to = page_of(part)
        _demand_role(part)
        return kept(
            lambda: editions.save(part, None, by=me().name),
            "edition_shipped",
            back_to=back_to,
            shown_again=refused,
            same="edition_same",
            part=part,
        )
