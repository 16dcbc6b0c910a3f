"""What people type about incidents, and how a refusal is told."""

import re
from datetime import UTC, datetime

from flask import request

from console.ports import Rooms
from fulfillment.announcement import LONGEST_WHAT
from fulfillment.importing.words import Words
from fulfillment.incident import Extent, Incident, Kept, notices_due
from fulfillment.incident_course import LONGEST_CAUSE, IncidentFacts
from fulfillment.incidents import LONGEST_REASON
from kernel.clock import BEIJING, local
from kernel.errors import BadInput, Conflict, HotlineError, IncidentRefused, NotFound


def form_context(rooms: Rooms) -> dict[str, object]:
    """What the forms need beside the incident."""
    return {
        "now": rooms.clock.now(),
        "here": lambda instant: f"{local(instant):%Y-%m-%dT%H:%M}",
        "longest": LONGEST_WHAT,
        "longest_cause": LONGEST_CAUSE,
        "longest_reason": LONGEST_REASON,
        "categories": rooms.standard.incidents.categories,
    }


def facts_from_form(words: Words) -> IncidentFacts:
    """Places as people write them, with their words. Raises BadInput."""
    form = request.form
    try:
        communities = frozenset(int(c) for c in form.getlist("community"))
        station = form.get("station", "")
        begins_at = _instant("begins_at")
        if begins_at is None:
            raise IncidentRefused("incident_begin")
        extent = Extent(
            communities,
            int(station) if station and not communities else None,
            frozenset(words.bare_place("building", b) for b in re.split(r"[,,、\s]+", form.get("buildings", "")) if b),
            words.bare_place("unit", form.get("unit", "")),
        )
        return IncidentFacts(
            form.get("title", ""),
            extent,
            begins_at,
            form.get("cause", ""),
            expected_end=_instant("expected_end"),
            tell_homes="tell_homes" in form,
        )
    except ValueError as exc:
        raise BadInput(str(exc)) from exc


def number_from_form(name: str) -> int:
    number = request.form.get(name, type=int)
    if number is None:
        raise BadInput(f"{name} is missing")
    return number


def _instant(name: str) -> datetime | None:
    """A local date and hour as browsers send them (`2026-11-22T10:00`). Raises ValueError."""
    text = request.form.get(name, "")
    return datetime.fromisoformat(text).replace(tzinfo=BEIJING).astimezone(UTC) if text else None


def saved_notice(incident: Incident, rooms: Rooms) -> tuple[str, str]:
    """What to tell of a stored one, and how: residents who are told too late are a warning, not a refusal."""
    dues = notices_due(incident, rooms.standard.incidents.notices, rooms.clock.now())
    late = any(due.state is Kept.BROKEN for due in dues)
    untold = any(due.state is Kept.RUNNING for due in dues if due.rule.each_home)
    if late:
        return "incident_saved_late", "bad"
    return ("incident_saved_untold", "bad") if untold else ("incident_saved", "good")


def refusal(error: HotlineError) -> tuple[str, int]:
    """The key of what to tell, and the answer's code."""
    match error:
        case IncidentRefused():
            return error.reason, 400
        case Conflict():
            return "conflict", 409
        case NotFound():
            return "not_found", 400
    return "bad_input", 400
