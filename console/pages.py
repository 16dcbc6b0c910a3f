"""What all pages share: filters, the banner and alarm bar of the layout, and polite error pages."""

from datetime import datetime
from typing import Any

import structlog
from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from console import board, call_board
from console.ports import Rooms
from fulfillment.incident import LogEntry
from fulfillment.ticket import TimelineEntry
from kernel.clock import local
from kernel.errors import AlreadyTaken, BadInput, Conflict, NotFound, StaleEpoch, StoreBusy
from kernel.privacy import mask_phone

log = structlog.get_logger()


def add_filters(blueprint: Blueprint, rooms: Rooms) -> None:
    """Template filters for times, numbers and timeline sentences, and the names every template may use."""

    def seconds_since(instant: datetime) -> int:
        return int((rooms.clock.now() - instant).total_seconds())

    def sentence(entry: TimelineEntry) -> str:
        """A fact whose sentence a later release has dropped is still on the page, by its key."""
        try:
            return rooms.timeline_text(entry)
        except KeyError:
            return entry.key

    def incident_fact(entry: LogEntry) -> str:
        try:
            return rooms.book.word(f"incident_log.{entry.key}", entry.params)
        except KeyError:  # as above
            return entry.key

    def day_time(instant: datetime) -> str:
        here, today = local(instant), local(rooms.clock.now()).date()
        return f"{here:%H:%M}" if here.date() == today else f"{here:%m-%d %H:%M}"

    blueprint.add_app_template_filter(lambda t: f"{local(t):%H:%M}", "console_hm")
    blueprint.add_app_template_filter(lambda t: f"{local(t):%Y-%m-%d %H:%M:%S}", "console_full")
    blueprint.add_app_template_filter(lambda t: t.isoformat(), "console_iso")
    blueprint.add_app_template_filter(day_time, "console_day_time")
    blueprint.add_app_template_filter(seconds_since, "console_since")
    blueprint.add_app_template_filter(lambda t: f"{local(t):%m-%d %H:%M}", "console_slot")
    blueprint.add_app_template_filter(duration, "console_duration")
    blueprint.add_app_template_filter(mask_phone, "console_masked")
    blueprint.add_app_template_filter(spoken_number, "console_number")
    blueprint.add_app_template_filter(sentence, "console_sentence")
    blueprint.add_app_template_filter(incident_fact, "console_incident_fact")

    @blueprint.context_processor
    def everywhere() -> dict[str, Any]:
        shared = {"carrier_is_real": rooms.carrier_is_real, "now_iso": lambda: rooms.clock.now().isoformat()}
        if not current_user.is_authenticated:
            return shared
        return {
            **shared,
            "account": current_user,
            "me": current_user.operator,
            "read_bars": lambda: board.read_bars(rooms),
            "read_rings": lambda: call_board.read_rings(rooms, current_user.operator.id),
            "rings_version": call_board.rings_version,
            "audio_offers_browser": rooms.audio.browser_lines,
            "softphone_is_real": rooms.audio.softphone_token is not None,
            "softphone": rooms.audio.softphone_token is not None
            and call_board.answers_in_browser(rooms, current_user.operator.id),
        }


def duration(seconds: float) -> str:
    """`4:05`, `1:02:03`, with a minus sign if negative. Days are worded by the templates (words.html, `lasting`)."""
    sign, whole = ("-", int(-seconds)) if seconds < 0 else ("", int(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    return f"{sign}{hours}:{minutes:02d}:{left:02d}" if hours else f"{sign}{minutes}:{left:02d}"


def spoken_number(number: str) -> str:
    """A mainland number as people here write it: without +86, in groups."""
    bare = number.removeprefix("+86")
    mobile_digits = 11
    if bare.isdigit() and len(bare) == mobile_digits and bare.startswith("1"):
        return f"{bare[:3]} {bare[3:7]} {bare[7:]}"
    return f"0{bare}" if bare != number and not bare.startswith("0") else bare


def add_error_pages(blueprint: Blueprint) -> None:
    """Foreign state is told on the page it concerns; everything else gets a page of its own."""
    blueprint.register_error_handler(Conflict, _tell_conflict)
    blueprint.register_error_handler(BadInput, _tell_bad_input)
    blueprint.register_error_handler(NotFound, lambda _: _error_page(404, "not_found"))
    blueprint.register_error_handler(StoreBusy, lambda _: _error_page(503, "busy"))
    blueprint.register_error_handler(CSRFError, _tell_token_missing)
    for code, key in ((403, "forbidden"), (404, "not_found"), (405, "not_found"), (429, "too_many"), (500, "busy")):
        blueprint.register_error_handler(code, _page_of(code, key))


def _page_of(code: int, key: str) -> Any:
    def page(error: HTTPException) -> ResponseReturnValue:
        answer = _error_page(code, key)
        retry = dict(error.get_headers()).get("Retry-After")
        return (*answer, {"Retry-After": retry}) if retry else answer

    return page


def _error_page(code: int, key: str) -> tuple[str, int]:
    return render_template("console/error.html", key=key, code=code), code


def _tell_token_missing(error: CSRFError) -> ResponseReturnValue:
    log.warning("console.csrf_refused", path=request.path, reason=error.description)
    return _error_page(400, "stale_form")


def _tell_conflict(error: Conflict) -> ResponseReturnValue:
    match error:
        case AlreadyTaken():
            flash(f"taken:{error.holder}", "bad")
        case StaleEpoch():
            flash("not_yours", "bad")
        case _:
            flash("conflict", "bad")
    return _back(409)


def _tell_bad_input(_error: BadInput) -> ResponseReturnValue:
    if request.method == "GET":
        return _error_page(400, "bad_input")
    flash("bad_input", "bad")
    return _back(400)


def _back(code: int) -> ResponseReturnValue:
    """To the page the refused action belongs to; where there is none, the message gets a page of its own."""
    views = request.view_args or {}
    if "conversation_id" in views:
        return redirect(url_for("console.conversation", conversation_id=views["conversation_id"]), 303)
    if "incident_id" in views:
        return redirect(url_for("console.incident", incident_id=views["incident_id"]), 303)
    if "ticket_id" in views:
        return redirect(url_for("console.ticket", ticket_id=views["ticket_id"]), 303)
    return _error_page(code, "conflict")
