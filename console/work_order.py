"""The butler's work order on his telephone: /w/<token>, opened from a message, without a login.

The signature in the address is the permission and stands in the place of a session's CSRF token: nobody who could make a
foreign form knows it, and no page sends it on as a referrer. It names one person; whoever presses a button acts as him.
A GET changes nothing of the case, ever: chat programs open links by themselves to show a preview. That the page was opened is on
record (N17), with or without his PIN.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Any, Protocol
from uuid import uuid4

import structlog
from flask import Blueprint, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from console.looks import put_on_record
from console.photographs import is_preview
from console.ports import Desk
from console.staff_report import read_form, take_report
from console.visit_acts import VisitActs, VisitRooms, allow_a_picture
from console.work_order_alarms import OpenAlarm, open_alarms
from console.work_order_links import PREFIX, WorkOrderLinks
from console.work_order_pin import PinDoor
from dialogue.conversation import Author, Message
from dialogue.phone_number import as_said
from dialogue.ports import DialogueStore, DialogueTx
from dialogue.script_book import ScriptBook
from dialogue.wording import Wording
from fulfillment.alarms import AlarmBrief
from fulfillment.appointment import Appointment
from fulfillment.appointments import free_slots
from fulfillment.before_leaving import known_of
from fulfillment.company import Staff
from fulfillment.look import Look, LookedAt, by_staff
from fulfillment.pin_tries import PinVerdict
from fulfillment.standard import Standard
from fulfillment.ticket import Attempt, AttemptOutcome, ClockState, Ticket, TicketClock, TicketState, TimelineEntry
from fulfillment.visit import Visit, VisitPicture, VisitState
from fulfillment.visit_rules import VisitRules
from fulfillment.warranty import Warranty, warranty_of
from kernel.clock import Clock, local
from kernel.errors import BadInput, Conflict, NotFound, StoreBusy

log = structlog.get_logger()

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
#: What may stand behind ?told=: the page says nothing that an address invents.
TOLD = frozenset(
    {"accepted", "taken", "passed_on", "contacted", "left", "arrived", "found", "checked", "material", "not_agreed"}
    | {"bad_material", "not_yet", "nobody_home", "not_come", "repaired", "photographed", "bad_picture", "signed"}
    | {
        "bad_signature",
        "noted",
        "conflict",
        "bad_note",
        "unlocked",
        "wrong_pin",
        "locked_pin",
        "pin_first",
        "late",
        "measured",
    }
    | {"not_signed", "agreement_signed", "damage_signed", "outdated"}
    | {"bad_test", "test_first", "judged", "bad_judged", "appointed", "slot_taken", "accepted_all", "some_taken"}
)
#: Needs no PIN: an emergency waits for no form, and whoever gives it back lets somebody else come.
WITHOUT_PIN = frozenset({"accept", "accept-all", "pass-on"})
_LONGEST_NOTE = 500  # on a telephone, in front of a leak
_SAFETY = "safety."  # scripts of this theme are instructions to the resident


class Alarms(Protocol):
    """fulfillment.alarms.Alarms: raises NotFound, StoreBusy; safe to repeat."""

    def accept(self, attempt_id: str) -> AlarmBrief: ...
    def pass_on(self, attempt_id: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Rooms:
    """What the page works with."""

    store: DialogueStore
    alarms: Alarms
    desk: Desk
    standard: Standard
    book: ScriptBook
    clock: Clock
    links: WorkOrderLinks
    company: str
    door: PinDoor
    visit: VisitRooms


@dataclass(frozen=True, slots=True)
class WorkOrder:
    """What one person sees of one case. `phone` is E.164, "" when it is not his (or nobody's) business any more."""

    attempt: Attempt
    staff: Staff
    ticket: Ticket
    title: str
    place: str
    phone: str
    clocks: Sequence[tuple[str, TicketClock]]  # what is promised, still running
    holder: str  # who has it; "" = nobody yet
    mine: bool
    safety_told_at: datetime | None  # the resident heard or read what to do first
    contacted: bool
    notes: Sequence[tuple[datetime, str, str]]  # when, who, what
    notes_seen: int
    unlocked: bool  # his PIN was given in this browser
    has_pin: bool
    rules: VisitRules
    visit: Visit | None  # the one under way
    visits_seen: int  # how many have ended
    pictures: Sequence[VisitPicture]
    appointment: Appointment | None
    slots: Sequence[datetime]  # his free ones, for a case that gets an appointment
    before_leaving: Sequence[tuple[str, Mapping[str, str]]]  # what is known of this home (Y1, Y3): words, their blanks
    incident: str  # its title while the cause outside is being put right: no visit is owed to this home; else ""
    warranty: Warranty | None  # an earlier repair of the same fault that still holds (H5)
    alarms: Sequence[OpenAlarm]  # all his open ones, this one included

    @property
    def other_alarms(self) -> Sequence[OpenAlarm]:
        return [alarm for alarm in self.alarms if alarm.number != self.ticket.number]

    @property
    def free(self) -> bool:
        """Nobody has it and it is still to be done."""
        return self.ticket.state is TicketState.NEW

    @property
    def over(self) -> bool:
        return not self.ticket.is_open

    @property
    def shows_the_home(self) -> bool:
        """Somebody else's case and one that is over show no more than their number."""
        return not self.over and (self.free or self.mine)

    @property
    def is_test(self) -> bool:
        return self.ticket.kind in self.rules.temperature_test.kinds

    @property
    def can_pass_on(self) -> bool:
        return self.ticket.needs_acknowledgement and not self.passed_on and self.attempt.step > 0

    @property
    def passed_on(self) -> bool:
        return self.attempt.outcome is AttemptOutcome.PASSED_ON


def build_work_orders(rooms: Rooms) -> Blueprint:
    """The pages below /w. CSRF protection must leave this blueprint out: the signature stands in its place."""
    blueprint = Blueprint("work_order", __name__, url_prefix=PREFIX, template_folder="templates")
    acts = _Acts(rooms)

    @blueprint.get("/<token>")
    def page(token: str) -> ResponseReturnValue:
        order = _read(rooms, token)
        log.info("audit.work_order_opened", staff=order.staff.number, ticket=order.ticket.number)
        if order.shows_the_home:
            _on_record(rooms, order, LookedAt.WORK_ORDER if order.unlocked else LookedAt.WORK_ORDER_LINK)
        return _shown(rooms, "page", order=order, token=token, told=_told(request.args.get("told", ""), order))

    @blueprint.get("/<token>/<action>")
    def reopened(token: str, action: str) -> ResponseReturnValue:  # noqa: ARG001 - a browser that goes back to an action does not act
        return redirect(url_for("work_order.page", token=token))

    @blueprint.post("/<token>/<action>")
    def act(token: str, action: str) -> ResponseReturnValue:
        attempt_id = rooms.links.attempt_id(token)
        allow_a_picture()
        if action not in acts.by_name:
            raise NotFound(f"no action {action[:20]}")
        if action not in WITHOUT_PIN and not _read(rooms, token).unlocked:
            return _tell(token, "pin_first")
        try:
            return _tell(token, acts.by_name[action](attempt_id))
        except Conflict:
            return _tell(token, "conflict")
        except BadInput:
            return _tell(token, "bad_note")

    _add_what_the_pin_opens(blueprint, rooms)
    _add_photographs(blueprint, rooms)
    blueprint.register_error_handler(NotFound, lambda _: (_shown(rooms, "gone"), 404))
    blueprint.register_error_handler(StoreBusy, lambda _: (_shown(rooms, "busy"), 503, {"Retry-After": "5"}))
    blueprint.after_request(_strict_headers)
    return blueprint


def _add_what_the_pin_opens(blueprint: Blueprint, rooms: Rooms) -> None:
    @blueprint.post("/<token>/pin")
    def enter_pin(token: str) -> ResponseReturnValue:
        order, form = _read(rooms, token), request.form
        verdict = rooms.door.enter(order.staff, order.attempt.id, form.get("pin", ""), form.get("key", "")[:64])
        log.info("audit.work_order_pin", staff=order.staff.number, verdict=verdict)
        if verdict is not PinVerdict.RIGHT:
            return _tell(token, "locked_pin" if verdict is PinVerdict.LOCKED else "wrong_pin")
        answer = _tell(token, "unlocked")
        with rooms.store.read() as tx:
            rooms.door.remember(tx, order.staff, answer)
        return answer

    @blueprint.route("/<token>/report", methods=["GET", "POST"])
    def report(token: str) -> ResponseReturnValue:
        """A new case that a resident told him of (G7g, G7e). The answer to the form may be asked for again: it is the same."""
        order = _read(rooms, token)
        if not order.unlocked or not order.staff.active:
            return _tell(token, "pin_first")
        shown: dict[str, Any] = {"order": order, "token": token, "new": None, "refused": False}
        if request.method == "POST":
            try:
                shown["new"] = take_report(rooms.visit.reports, order.staff)
            except (BadInput, NotFound):
                shown["refused"] = True
        if shown["new"] is None:
            with rooms.store.read() as tx:
                shown["form"] = read_form(tx, order.staff, rooms.standard)
        return _shown(rooms, "report", **shown), 400 if shown["refused"] else 200


def _add_photographs(blueprint: Blueprint, rooms: Rooms) -> None:
    @blueprint.get("/<token>/pictures/<picture_id>")
    def picture(token: str, picture_id: str) -> ResponseReturnValue:
        order = _read(rooms, token)
        if not (order.mine and order.unlocked):
            raise NotFound("nothing to be seen here")
        path = rooms.visit.pictures.file(order.ticket.id, picture_id, small=is_preview())
        if not is_preview():
            _on_record(rooms, order, LookedAt.PICTURE)
        return send_file(path, mimetype="image/jpeg", max_age=0)


def _read(rooms: Rooms, token: str) -> WorkOrder:
    with rooms.store.read() as tx:
        return read_work_order(rooms, tx, rooms.links.attempt_id(token))


def _on_record(rooms: Rooms, order: WorkOrder, what: LookedAt) -> None:
    who, subject = by_staff(order.staff.id), f"ticket:{order.ticket.id}"
    log.info("audit.looked", staff=order.staff.number, what=what.value, subject=subject)
    put_on_record(rooms.store, rooms.standard.looks, Look(0, rooms.clock.now(), who, what, subject))


def _tell(token: str, what: str) -> Response:
    return redirect(url_for("work_order.page", token=token, told=what), 303)


def read_work_order(rooms: Rooms, tx: DialogueTx, attempt_id: str) -> WorkOrder:
    """Raises NotFound."""
    attempt = tx.attempt(attempt_id)
    ticket, staff = tx.ticket(attempt.ticket_id), tx.staff(attempt.staff_id)
    wording = Wording(rooms.book, rooms.standard, lambda community_id: tx.community(community_id).name)
    free = ticket.state is TicketState.NEW
    mine = not free and ticket.assignee_id == staff.id
    timeline = tx.timeline(ticket.id)
    noted = [e for e in timeline if e.key == "noted"]
    rules = rooms.standard.rules
    running = [c for c in tx.clocks([ticket.id]).get(ticket.id, ()) if c.state is ClockState.RUNNING]
    kind = rooms.standard.kinds.get(ticket.kind)
    visits, unlocked = tx.visits(ticket.id), rooms.door.is_open(tx, staff)
    shown = ticket.is_open and (free or mine) and (ticket.emergency or unlocked)
    return WorkOrder(
        attempt=attempt,
        staff=staff,
        ticket=ticket,
        title=kind.title if kind else ticket.kind,
        place=wording.address(ticket.address).chat,
        phone=ticket.contact_phone if shown else "",
        clocks=[(rules[c.rule].title, c) for c in running if c.rule in rules],
        holder=ticket.acknowledged_by,
        mine=mine,
        safety_told_at=_safety_told_at(tx, ticket),
        contacted=_is_contacted(timeline),
        notes=[(e.at, e.actor, str(e.params.get("text", ""))) for e in noted] if mine and unlocked else (),
        notes_seen=len(noted),
        unlocked=unlocked,
        has_pin=rooms.door.has_pin(tx, staff),
        rules=rooms.standard.visit,
        visit=next((v for v in visits if v.state is VisitState.OPEN), None) if mine else None,
        visits_seen=sum(v.state is not VisitState.OPEN for v in visits),
        pictures=tx.visit_pictures(ticket.id) if mine and unlocked else (),
        appointment=tx.appointment_of(ticket.id) if mine else None,
        slots=free_slots(tx, ticket, rooms.standard.visit.appointments, rooms.clock.now()) if mine and unlocked else (),
        before_leaving=known_of(tx, ticket) if mine and unlocked else (),
        incident=_incident(tx, ticket),
        warranty=warranty_of(tx, ticket, rooms.standard.visit.warranty),
        alarms=open_alarms(tx, staff.id, wording),
    )


def _incident(tx: DialogueTx, ticket: Ticket) -> str:
    belongs = None if ticket.comes_first else tx.attachment_of(ticket.id)
    incident = tx.incident(belongs.incident_id) if belongs is not None else None
    return incident.title if incident is not None and incident.is_running else ""


def _is_contacted(timeline: Sequence[TimelineEntry]) -> bool:
    """By whoever has it now: after somebody gave it back, the resident is to be called again."""
    said = [e.key for e in timeline if e.key in ("contacted", "visit_not_come")]
    return said[-1:] == ["contacted"]


def _told(said: str, order: WorkOrder) -> str:
    """What an action's answer says, unless an old address says what is no longer so."""
    no_longer = (said == "accepted" and not order.mine) or (said == "taken" and order.mine)
    return "" if no_longer or said not in TOLD else said


def _safety_told_at(tx: DialogueTx, ticket: Ticket) -> datetime | None:
    if ticket.conversation_id is None:
        return None
    return next((m.at for m in tx.messages(ticket.conversation_id) if _is_safety(m)), None)


def _is_safety(message: Message) -> bool:
    return message.author is Author.BOT and str(message.data.get("script", "")).startswith(_SAFETY)


class _Acts:
    """Each takes the attempt's id and returns what to tell; pressed twice, it is one."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self.by_name: dict[str, Callable[[str], str]] = {
            "accept": self._accept,
            "accept-all": self._accept_all,
            "pass-on": self._pass_on,
            "contacted": self._contacted,
            "note": self._note,
        }
        for name, act in VisitActs(rooms.visit, rooms.book).by_name.items():
            self.by_name[name] = partial(self._of_visit, act)

    def _accept(self, attempt_id: str) -> str:
        brief = self._rooms.alarms.accept(attempt_id)
        return "accepted" if brief.is_his else "taken"

    def _accept_all(self, attempt_id: str) -> str:
        """Those that the page listed, as far as they are his: what came in since he has not seen."""
        his, seen = self._order(attempt_id).alarms, request.form.getlist("alarm")
        briefs = [self._rooms.alarms.accept(alarm.attempt_id) for alarm in his if alarm.number in seen]
        all_his = bool(briefs) and all(b.is_his for b in briefs)
        return "accepted_all" if all_his else "some_taken"

    def _pass_on(self, attempt_id: str) -> str:
        if self._order(attempt_id).can_pass_on:  # a later press of an old page must not wake the next person in vain
            self._rooms.alarms.pass_on(attempt_id)
        return "passed_on"

    def _contacted(self, attempt_id: str) -> str:
        order = self._held(attempt_id)
        if not order.contacted:
            self._rooms.desk.contacted(order.ticket.id, by=order.staff.name)
        return "contacted"

    def _of_visit(self, act: Callable[[int, Staff], str], attempt_id: str) -> str:
        """Whether the case is his, fulfillment knows under its lock; a form that is sent again must be told the same."""
        order = self._order(attempt_id)
        return act(order.ticket.id, order.staff)

    def _note(self, attempt_id: str) -> str:
        """The form names how many notes its page knew."""
        order = self._held(attempt_id)
        text = request.form.get("text", "").strip()
        if not 0 < len(text) <= _LONGEST_NOTE:
            raise BadInput(f"a note has 1 to {_LONGEST_NOTE} characters, not {len(text)}")
        if request.form.get("seen", type=int) in (None, order.notes_seen):
            self._rooms.desk.note(order.ticket.id, text, by=order.staff.name)
        return "noted"

    def _held(self, attempt_id: str) -> WorkOrder:
        """Raises Conflict if the case is not his."""
        order = self._order(attempt_id)
        if not order.mine:
            raise Conflict(f"ticket {order.ticket.number} is not {order.staff.number}'s")
        return order

    def _order(self, attempt_id: str) -> WorkOrder:
        with self._rooms.store.read() as tx:
            return read_work_order(self._rooms, tx, attempt_id)


def _shown(rooms: Rooms, template: str, **context: Any) -> str:
    def words(key: str, **params: object) -> str:
        return rooms.book.word(f"work_order.{key}", params)

    def when(instant: datetime) -> str:
        here, today = local(instant), local(rooms.clock.now()).date()
        return f"{here:%H:%M}" if here.date() == today else f"{here:%m-%d %H:%M}"

    return render_template(
        f"work_order/{template}.html",
        words=words,
        when=when,
        as_said=as_said,
        slot=lambda instant: f"{local(instant):%m-%d %H:%M}",
        minutes_since=lambda at: max(0, int((rooms.clock.now() - at).total_seconds() // 60)),
        now=rooms.clock.now(),
        new_key=lambda: uuid4().hex,
        token_of=rooms.links.token,
        company=rooms.company,
        at_the_door=rooms.book.say("work_order.at_the_door").chat,
        before_a_visit=rooms.book.say("work_order.before_a_visit").chat,
        papers=rooms.visit.papers,
        telling=lambda ground: rooms.book.say(ground.tell).chat,
        before_signing=rooms.book.say("work_order.before_signing").chat,
        **context,
    )


def _strict_headers(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = CSP
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["X-Frame-Options"] = "DENY"
    response.headers["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    response.headers["Referrer-Policy"] = "no-referrer"  # the address is the permission
    response.headers["Permissions-Policy"] = "camera=(), geolocation=(self), microphone=()"
    shown = request.endpoint == "work_order.picture" and response.status_code == HTTPStatus.OK
    # every step loads the page anew: his own photographs must not travel each time over a bad network
    response.headers["Cache-Control"] = "private, max-age=3600" if shown else "no-store"
    return response
