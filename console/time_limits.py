"""The time limits of the standard, and how much shorter the company keeps them, from a day on. Supervisors change them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from console.editions import content_shown, own_content, save, shown
from console.gate import allow
from console.ports import Rooms
from fulfillment.business_calendar import BusinessCalendar
from fulfillment.clocks import ClockRule
from fulfillment.company import OperatorRole
from fulfillment.limits import PART, OwnLimits, can_be_shorter, unit_of, with_own_limit
from fulfillment.profile import in_force
from kernel.errors import BadInput, ChangeRefused, ConfigurationError


@dataclass(frozen=True, slots=True)
class Row:
    """One promise. `most` and `own` are counted in `unit`; `due_by`: of a ticket that were opened now."""

    rule: ClockRule
    kinds: tuple[str, ...]
    unit: timedelta
    most: int
    own: int
    due_by: datetime


def add_routes(blueprint: Blueprint, rooms: Rooms) -> None:
    """/limits."""
    keeper = OwnLimits(rooms.standard.rules)

    @blueprint.get("/limits")
    @allow(OperatorRole.SUPERVISOR)
    def limits() -> ResponseReturnValue:
        return _page(rooms, own_content(rooms, PART, keeper) or {})

    @blueprint.post("/limits")
    @allow(OperatorRole.SUPERVISOR)
    def save_limits() -> ResponseReturnValue:
        """Shown as they would come to, or kept."""
        content = _from_form(rooms)
        if "preview" not in request.form:
            return save(rooms, PART, content or None, lambda refused: _page(rooms, content, refused))
        try:
            return _page(rooms, keeper.read_edition(PART, content))
        except ConfigurationError as exc:
            return _page(rooms, content, ChangeRefused("unreadable", why=str(exc))), 400


def _page(rooms: Rooms, content: Mapping[str, int], refused: ChangeRefused | None = None) -> str:
    return render_template(
        "console/limits.html",
        **shown(rooms, PART),
        rows=_rows(rooms, content),
        clauses=rooms.standard.clauses,
        refused=refused,
        typed=request.form if request.method == "POST" else None,
        is_preview=request.method == "POST" and refused is None,
    )


def _rows(rooms: Rooms, content: Mapping[str, Any]) -> list[Row]:
    """The promises that hold now, where the documents disagree those that the company has chosen."""
    now = rooms.clock.now()
    calendar: BusinessCalendar = rooms.standard.read_edition("calendar", content_shown(rooms, "calendar"))
    found = []
    for key, kinds in _promises(rooms, now).items():
        promised = rooms.standard.rules[key]
        unit, own = unit_of(promised), with_own_limit(promised, content)
        found.append(Row(promised, kinds, unit, promised.within // unit, own.within // unit, own.due_by(now, calendar)))
    return found


def _promises(rooms: Rooms, now: datetime) -> Mapping[str, tuple[str, ...]]:
    """Those that can be shorter, with the titles of the kinds of tickets that they are made on."""
    with rooms.store.read() as tx:
        chosen = in_force(tx.profile_choices(), now)
    found: dict[str, tuple[str, ...]] = {}
    for key, kind in rooms.standard.kinds.items():
        for rule in rooms.standard.rules_of(key, chosen):
            if can_be_shorter(rule):
                found[rule.key] = (*found.get(rule.key, ()), kind.title)
    return found


def _from_form(rooms: Rooms) -> dict[str, int]:
    """Seconds of what differs from the standard. What the page does not show, because another profile is chosen, stays.
    Raises BadInput.
    """
    rules, own = rooms.standard.rules, own_content(rooms, PART, OwnLimits(rooms.standard.rules)) or {}
    try:
        asked = {
            key: int(request.form[key]) * int(unit_of(rule).total_seconds())
            for key, rule in rules.items()
            if key in request.form
        }
    except ValueError as exc:
        raise BadInput(str(exc)) from exc
    return {
        key: seconds for key, seconds in {**own, **asked}.items() if timedelta(seconds=seconds) != rules[key].within
    }
