"""Announcements of known incidents: who hears what until when (B4). Written, changed, ended and taken up again by supervisors."""

import re
from datetime import UTC, datetime

import structlog
from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from console.gate import allow, me
from console.ports import Rooms
from fulfillment.announcement import LONGEST_WHAT, Announcement, Scope
from fulfillment.announcing import Announcements
from fulfillment.company import OperatorRole
from fulfillment.importing.words import Words
from kernel.clock import BEIJING, local
from kernel.errors import BadInput, NotFound

log = structlog.get_logger()


def add_routes(blueprint: Blueprint, rooms: Rooms) -> None:
    """/announcements, /announcements/<id>, /announcements/<id>/<end|resume>."""
    service = Announcements(rooms.store, rooms.clock)

    def page(**more: object) -> str:
        now = rooms.clock.now()
        with rooms.store.read() as tx:
            newest_first = list(reversed(tx.announcements()))
            communities, stations = tx.communities(), tx.stations()
        return render_template(
            "console/announcements.html",
            told=[a for a in newest_first if a.is_told(now)],
            planned=[a for a in newest_first if a.ended_at is None and a.from_at > now],
            over=[a for a in newest_first if not a.is_told(now) and (a.ended_at is not None or a.from_at <= now)],
            communities=communities,
            stations=stations,
            community_names={c.id: c.name for c in communities},
            station_names={s.id: s.name for s in stations},
            longest=LONGEST_WHAT,
            here=lambda instant: f"{local(instant):%Y-%m-%dT%H:%M}",
            now=now,
            **more,
        )

    def saved(announcement_id: int) -> ResponseReturnValue:
        """What was refused is shown once more as it was typed."""
        try:
            announcement = _from_form(announcement_id, rooms.standard.words, author=me().name)
            stored = service.change(announcement) if announcement_id else service.add(announcement)
        except (BadInput, NotFound) as exc:
            log.info("console.announcement_refused", reason=str(exc))
            flash("announcement_refused", "bad")
            return page(typed=request.form, typed_for=announcement_id), 400
        log.info("audit.announcement_saved", operator=me().login, announcement=stored.id)
        flash("announcement_saved", "good")
        return redirect(url_for("console.announcements"), 303)

    @blueprint.get("/announcements")
    @allow(OperatorRole.SUPERVISOR)
    def announcements() -> ResponseReturnValue:
        return page()

    @blueprint.post("/announcements")
    @allow(OperatorRole.SUPERVISOR)
    def add_announcement() -> ResponseReturnValue:
        return saved(0)

    @blueprint.post("/announcements/<int:announcement_id>")
    @allow(OperatorRole.SUPERVISOR)
    def change_announcement(announcement_id: int) -> ResponseReturnValue:
        return saved(announcement_id)

    @blueprint.post("/announcements/<int:announcement_id>/<any(end, resume):action>")
    @allow(OperatorRole.SUPERVISOR)
    def end_or_resume(announcement_id: int, action: str) -> ResponseReturnValue:
        (service.end if action == "end" else service.resume)(announcement_id)
        log.info("audit.announcement", operator=me().login, announcement=announcement_id, action=action)
        flash("announcement_ended" if action == "end" else "announcement_resumed", "good")
        return redirect(url_for("console.announcements"), 303)


def _from_form(announcement_id: int, words: Words, *, author: str) -> Announcement:
    """Raises BadInput."""
    try:
        communities = frozenset(int(c) for c in request.form.getlist("community"))
        station = request.form.get("station", "")
        named = re.split(r"[,,、\s]+", request.form.get("buildings", ""))
        buildings = frozenset(words.bare_place("building", b) for b in named if b)
        from_at = _instant("from_at")
        if from_at is None:
            raise BadInput("an announcement begins at some time")
        return Announcement(
            id=announcement_id,
            what=request.form.get("what", ""),
            from_at=from_at,
            author=author,
            scope=Scope(communities, int(station) if station else None, buildings),
            until=_instant("until"),
            expected_end=_instant("expected_end"),
        )
    except ValueError as exc:
        raise BadInput(str(exc)) from exc


def _instant(name: str) -> datetime | None:
    """A local date and hour as browsers send them (`2026-11-22T10:00`). Raises ValueError."""
    text = request.form.get(name, "")
    return datetime.fromisoformat(text).replace(tzinfo=BEIJING).astimezone(UTC) if text else None
