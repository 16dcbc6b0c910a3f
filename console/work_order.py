"""The butler's work order on his telephone: /w/<token>, opened from a message, without a login.

The signature in the address is the permission and stands in the place of a session's CSRF token: nobody who could make a
foreign form knows it, and no page sends it on as a referrer. It names one person; whoever presses a button acts as him.
A GET changes nothing, ever: chat programs open links by themselves to show a preview.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Protocol

import structlog
from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from console.ports import Desk
from console.work_order_links import PREFIX, WorkOrderLinks
from dialogue.conversation import Author, Message
from dialogue.phone_number import as_said
from dialogue.ports import DialogueStore, DialogueTx
from dialogue.script_book import ScriptBook
from dialogue.wording import Wording
from fulfillment.alarms import AlarmBrief
from fulfillment.company import Staff
from fulfillment.standard import Standard
from fulfillment.ticket import NEXT_STATES, Attempt, AttemptOutcome, ClockState, Ticket, TicketClock, TicketState
from kernel.clock import Clock, local
from kernel.errors import BadInput, Conflict, NotFound, StoreBusy

log = structlog.get_logger()

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
#: What may stand behind ?told=: the page says nothing that an address invents.
TOLD = frozenset(
    {"accepted", "taken", "passed_on", "contacted", "arrived", "repaired", "noted", "conflict", "bad_note"}
)
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

    @property
    def free(self) -> bool:
        """Nobody has it and it is still to be done."""
        return self.ticket.state is TicketState.NEW

    @property
    def over(self) -> bool:
        return not self.ticket.is_open

    @property
    def can_pass_on(self) -> bool:
        return self.ticket.needs_acknowledgement and not self.passed_on and self.attempt.step > 0

    @property
    def passed_on(self) -> bool:
        return self.attempt.outcome is AttemptOutcome.PASSED_ON

    @property
    def next_states(self) -> frozenset[TicketState]:
        return NEXT_STATES[self.ticket.state]


def build_work_orders(rooms: Rooms) -> Blueprint:
    """The pages below /w. CSRF protection must leave this blueprint out: the signature stands in its place."""
    blueprint = Blueprint("work_order", __name__, url_prefix=PREFIX, template_folder="templates")
    acts = _Acts(rooms)

    @blueprint.get("/<token>")
    def page(token: str) -> ResponseReturnValue:
        with rooms.store.read() as tx:
            order = read_work_order(rooms, tx, rooms.links.attempt_id(token))
        log.info("audit.work_order_opened", staff=order.staff.number, ticket=order.ticket.number)
        return _shown(rooms, "page", order=order, token=token, told=_told(request.args.get("told", ""), order))

    @blueprint.get("/<token>/<action>")
    def reopened(token: str, action: str) -> ResponseReturnValue:  # noqa: ARG001 - a browser that goes back to an action does not act
        return redirect(url_for("work_order.page", token=token))

    @blueprint.post("/<token>/<action>")
    def act(token: str, action: str) -> ResponseReturnValue:
        attempt_id = rooms.links.attempt_id(token)
        if action not in acts.by_name:
            raise NotFound(f"no action {action[:20]}")
        try:
            told = acts.by_name[action](attempt_id)
        except Conflict:
            told = "conflict"
        except BadInput:
            told = "bad_note"
        return redirect(url_for("work_order.page", token=token, told=told), 303)

    blueprint.register_error_handler(NotFound, lambda _: (_shown(rooms, "gone"), 404))
    blueprint.register_error_handler(StoreBusy, lambda _: (_shown(rooms, "busy"), 503, {"Retry-After": "5"}))
    blueprint.after_request(_strict_headers)
    return blueprint


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
    return WorkOrder(
        attempt=attempt,
        staff=staff,
        ticket=ticket,
        title=kind.title if kind else ticket.kind,
        place=wording.address(ticket.address).chat,
        phone=ticket.contact_phone if ticket.is_open and (free or mine) else "",
        clocks=[(rules[c.rule].title, c) for c in running if c.rule in rules],
        holder=ticket.acknowledged_by,
        mine=mine,
        safety_told_at=_safety_told_at(tx, ticket),
        contacted=any(e.key == "contacted" for e in timeline),
        notes=[(e.at, e.actor, str(e.params.get("text", ""))) for e in noted] if mine else (),
        notes_seen=len(noted),
    )


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
            "pass-on": self._pass_on,
            "contacted": self._contacted,
            "arrived": partial(self._step, TicketState.ON_SITE, "arrived"),
            "repaired": partial(self._step, TicketState.RESOLVED, "repaired"),
            "note": self._note,
        }

    def _accept(self, attempt_id: str) -> str:
        brief = self._rooms.alarms.accept(attempt_id)
        return "accepted" if brief.accepted_by == brief.staff.name else "taken"

    def _pass_on(self, attempt_id: str) -> str:
        if self._order(attempt_id).can_pass_on:  # a later press of an old page must not wake the next person in vain
            self._rooms.alarms.pass_on(attempt_id)
        return "passed_on"

    def _contacted(self, attempt_id: str) -> str:
        order = self._held(attempt_id)
        if not order.contacted:
            self._rooms.desk.contacted(order.ticket.id, by=order.staff.name)
        return "contacted"

    def _step(self, to: TicketState, told: str, attempt_id: str) -> str:
        order = self._held(attempt_id)
        self._rooms.desk.change_state(order.ticket.id, to, by=order.staff.name)
        return told

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
        minutes_since=lambda at: max(0, int((rooms.clock.now() - at).total_seconds() // 60)),
        now=rooms.clock.now(),
        company=rooms.company,
        at_the_door=rooms.book.say("work_order.at_the_door").chat,
        before_a_visit=rooms.book.say("work_order.before_a_visit").chat,
        **context,
    )


def _strict_headers(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = CSP
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["X-Frame-Options"] = "DENY"
    response.headers["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    response.headers["Referrer-Policy"] = "no-referrer"  # the address is the permission
    response.headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=()"
    response.headers["Cache-Control"] = "no-store"
    return response
