"""What the forms of a work order report about the visit. Each act returns what to tell; sent twice, it is one."""

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import partial
from math import isfinite
from typing import Protocol

from flask import request
from werkzeug.exceptions import RequestEntityTooLarge

from dialogue.papers import Papers
from dialogue.pictures import Photograph
from dialogue.script_book import ScriptBook
from dialogue.staff_reports import StaffReports
from dialogue.visit_pictures import Signed, VisitPictures
from fulfillment.appointment import slot_of
from fulfillment.appointments import Appointments, SlotTaken
from fulfillment.company import Staff
from fulfillment.temperature_test import Measured
from fulfillment.visit import Material, PictureKind, Reading, Responsibility
from fulfillment.visiting import NotAgreed, NotSigned, NotYet, Outdated, Visits
from kernel.errors import BadInput

#: A telephone's camera without a script that makes it smaller.
_PICTURE_BYTES = 12 * 1024 * 1024
_KEY = re.compile(r"[0-9a-f]{32}")
_PNG_URL = "data:image/png;base64,"
_MOST_METRES = 5000  # a place that is less certain says nothing


class DrawsAnew(Protocol):
    """webchat.photographs.DarkRoom: what comes out has nothing in it but what is to be seen. Raises BadInput."""

    def draw(self, data: bytes) -> Photograph: ...
    def draw_signature(self, data: bytes) -> Photograph: ...


@dataclass(frozen=True, slots=True)
class VisitRooms:
    """What the visit's part of the page works with."""

    visits: Visits
    pictures: VisitPictures
    dark_room: DrawsAnew
    reports: StaffReports
    appointments: Appointments
    papers: Papers


class VisitActs:
    """By name; each takes the ticket and who reports."""

    def __init__(self, rooms: VisitRooms, book: ScriptBook) -> None:
        self._visits = rooms.visits
        self._pictures = rooms.pictures
        self._dark_room = rooms.dark_room
        self._appointments = rooms.appointments
        self._book = book
        self._papers = rooms.papers
        self.by_name: dict[str, Callable[[int, Staff], str]] = {
            "leave": self._leave,
            "arrived": self._arrive,
            "found": self._find,
            "checks": self._tick,
            "material": self._use,
            "nobody-home": self._nobody_home,
            "cannot-come": self._cannot_come,
            "judged": self._judge,
            "appointment": self._appoint,
            "late": self._late,
            "test": self._measure,
            "repaired": self._finish,
            "photograph": self._photograph,
            "signature": partial(self._sign, PictureKind.SIGNATURE, "signed"),
            "agreement": partial(self._sign, PictureKind.AGREEMENT, "agreement_signed"),
            "damage": partial(self._sign, PictureKind.DAMAGE, "damage_signed"),
        }

    def _leave(self, ticket_id: int, staff: Staff) -> str:
        self._visits.leave(ticket_id, staff)
        return "left"

    def _arrive(self, ticket_id: int, staff: Staff) -> str:
        self._visits.arrive(ticket_id, staff, self._place())
        return "arrived"

    def _find(self, ticket_id: int, staff: Staff) -> str:
        self._visits.find(ticket_id, staff, request.form.get("text", ""))
        return "found"

    def _tick(self, ticket_id: int, staff: Staff) -> str:
        self._visits.tick(ticket_id, staff, request.form.getlist("check"))
        return "checked"

    def _use(self, ticket_id: int, staff: Staff) -> str:
        form = request.form
        try:
            part = Material(_key(), form.get("name", "").strip(), form.get("count", 0, type=int), _fen())
            self._visits.use(ticket_id, staff, part, agreed="agreed" in form)
        except NotAgreed:
            return "not_agreed"
        except NotSigned:
            return "not_signed"
        except BadInput:
            return "bad_material"
        return "material"

    def _nobody_home(self, ticket_id: int, staff: Staff) -> str:
        form = request.form
        try:
            self._visits.nobody_home(
                ticket_id, staff, ticks=form.getlist("check"), agreed=form.get("agreed", ""), seen=_seen()
            )
        except NotYet:
            return "not_yet"
        return "nobody_home"

    def _cannot_come(self, ticket_id: int, staff: Staff) -> str:
        form = request.form
        self._visits.cannot_come(
            ticket_id, staff, form.get("reason", ""), words=form.get("words", ""), seen=_seen()
        )  # fmt: skip
        return "not_come"

    def _finish(self, ticket_id: int, staff: Staff) -> str:
        try:
            self._visits.finish(ticket_id, staff, request.form.get("text", ""))
        except NotYet:
            return "test_first"
        return "repaired"

    def _judge(self, ticket_id: int, staff: Staff) -> str:
        form = request.form
        try:
            judged = Responsibility(form.get("ground", ""), _fen(), agreed="agreed" in form, settled="settled" in form)
            self._visits.judge(ticket_id, staff, judged)
        except BadInput:
            return "bad_judged"
        return "judged"

    def _appoint(self, ticket_id: int, staff: Staff) -> str:
        self._visits.demand(ticket_id, staff)
        try:
            self._appointments.book(ticket_id, slot_of(request.form.get("slot", "")), by=staff.name)
        except SlotTaken:
            return "slot_taken"
        return "appointed"

    def _late(self, ticket_id: int, staff: Staff) -> str:
        self._visits.be_late(ticket_id, staff, request.form.get("minutes", 0, type=int))
        return "late"

    def _measure(self, ticket_id: int, staff: Staff) -> str:
        """A room that was left empty was not measured."""
        form = request.form
        typed = zip(form.getlist("room"), form.getlist("celsius"), strict=False)
        outside = form.get("outside", "").strip()
        try:
            readings = [Reading(room, _degrees(celsius)) for room, celsius in typed if celsius.strip()]
            measured = Measured(
                instrument=form.get("instrument", "").strip(),
                height_cm=form.get("height", 0, type=int),
                outside=_degrees(outside) if outside else None,
                readings=readings,
            )
            self._visits.measure(ticket_id, staff, measured)
        except BadInput:
            return "bad_test"
        return "measured"

    def _photograph(self, ticket_id: int, staff: Staff) -> str:
        """By its bytes, whatever the form says it is."""
        try:
            photo = request.files.get("photo")
            drawn = self._dark_room.draw(photo.read() if photo else b"")
            self._pictures.keep(ticket_id, staff, _key(), drawn)
        except (BadInput, RequestEntityTooLarge):
            return "bad_picture"
        return "photographed"

    def _sign(self, kind: PictureKind, told: str, ticket_id: int, staff: Staff) -> str:
        """Under the words that the page showed; they are made anew here, and refused if the record has changed since."""
        try:
            drawn = self._dark_room.draw_signature(_png(request.form.get("signature", "")))
            name = request.form.get("name", "").strip()[:40]
            text = self._papers.words(kind, ticket_id)
            seen = request.form.get("rev", -1, type=int) if kind is PictureKind.DAMAGE else None
            self._pictures.keep(ticket_id, staff, _key(), drawn, signed=Signed(kind, name, text, seen))
        except BadInput:
            return "bad_signature"
        except Outdated:
            return "outdated"
        return told

    def _place(self) -> str:
        """Where the telephone says it is, beside what he says."""
        form = request.form
        words = form.get("place", "").strip()[:200]
        north, east, metres = (form.get(name, type=float) for name in ("latitude", "longitude", "accuracy"))
        if north is None or east is None or metres is None or not 0 <= metres <= _MOST_METRES:
            return words
        if not (-90 <= north <= 90 and -180 <= east <= 180):  # noqa: PLR2004 - of the globe
            return words
        there = {"north": f"{north:.5f}", "east": f"{east:.5f}", "metres": round(metres)}
        return " ".join(part for part in (words, self._book.word("work_order.there", there)) if part)


def allow_a_picture() -> None:
    """The whole product takes a megabyte at most; a camera's picture has more."""
    request.max_content_length = _PICTURE_BYTES


def _key() -> str:
    key = request.form.get("key", "")
    if not _KEY.fullmatch(key):
        raise BadInput("a form of ours brings its key")
    return key


def _fen() -> int:
    """What was typed as yuan; nothing is nothing."""
    try:
        return int(Decimal(request.form.get("price") or "0") * 100)
    except (InvalidOperation, ValueError, OverflowError) as exc:  # "Infinity" is a Decimal, too
        raise BadInput("no price") from exc


def _degrees(text: str) -> float:
    try:
        celsius = float(text)
    except ValueError as exc:
        raise BadInput("no number") from exc
    if not isfinite(celsius):
        raise BadInput("no temperature")
    return celsius


def _seen() -> int:
    return request.form.get("seen", -1, type=int)


def _png(url: str) -> bytes:
    if not url.startswith(_PNG_URL):
        raise BadInput("no drawing")
    try:
        return base64.b64decode(url.removeprefix(_PNG_URL), validate=True)
    except binascii.Error as exc:
        raise BadInput("no drawing") from exc
