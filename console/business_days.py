"""Season, fee collection, hours, working days: the company's calendar. Supervisors change it; running clocks follow."""

import re
from datetime import date, timedelta

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from console.editions import content_shown, save, shown
from console.gate import allow
from console.ports import Rooms
from fulfillment.business_calendar import BusinessCalendar
from fulfillment.company import OperatorRole
from kernel.clock import local
from kernel.errors import ChangeRefused

PART = "calendar"
SEASONS = ("season", "fee_collection")
HOURS = ("office_hours", "calling_hours")
DAYS = ("working_days", "days_off")
_WEEKS_SHOWN = 8
_SEPARATOR = re.compile(r"[\s,;\u3001\uff0c\uff1b]+")


def add_routes(blueprint: Blueprint, rooms: Rooms) -> None:
    """/calendar."""

    @blueprint.get("/calendar")
    @allow(OperatorRole.SUPERVISOR)
    def business_days() -> ResponseReturnValue:
        return _page(rooms)

    @blueprint.post("/calendar")
    @allow(OperatorRole.SUPERVISOR)
    def save_calendar() -> ResponseReturnValue:
        return save(rooms, PART, _from_form(), lambda refused: _page(rooms, refused))


def _page(rooms: Rooms, refused: ChangeRefused | None = None) -> str:
    content = content_shown(rooms, PART)
    today = local(rooms.clock.now()).date()
    calendar: BusinessCalendar = rooms.standard.read_edition(PART, content)
    monday = today - timedelta(days=today.weekday())
    days = [monday + timedelta(days=n) for n in range(7 * _WEEKS_SHOWN)]
    return render_template(
        "console/business_days.html",
        **shown(rooms, PART),
        content=content,
        weeks=[[(day, _state(calendar, day)) for day in days[n : n + 7]] for n in range(0, len(days), 7)],
        seasons=SEASONS,
        hours=HOURS,
        lists=DAYS,
        in_season=calendar.season.has(today),
        refused=refused,
        typed=request.form if refused else None,
    )


def _state(calendar: BusinessCalendar, day: date) -> str:
    """`work`, `rest`, and `extra` or `holiday` where it is not what the day of the week says."""
    friday = 5
    works, is_weekday = calendar.is_working_day(day), day.isoweekday() <= friday
    if works:
        return "work" if is_weekday else "extra"
    return "holiday" if is_weekday else "rest"


def _from_form() -> dict[str, object]:
    form = request.form

    def parts(name: str) -> list[str]:
        text = form.get(name, "").replace("\uff1a", ":").replace("\u2013", "-").replace("\uff0d", "-")
        return [part for part in _SEPARATOR.split(text) if part]

    seasons = {name: {end: form.get(f"{name}.{end}", "").strip() for end in ("first", "last")} for name in SEASONS}
    return {
        **seasons,
        **{name: parts(name) for name in HOURS},
        "daytime": form.get("daytime", "").strip(),
        **{name: sorted(set(parts(name))) for name in DAYS},
    }
