"""A member of staff calls the hotline (G7e): his alarms and orders one by one, or a report on a resident's behalf.

Known by his number, or from any other telephone by # at the greeting, 温心 number and PIN. The state is in the path: who
it is, which cases he was told of when he began, and which of them is open now; the carrier's signature guards it.
What he says that is no command is never lost: it is heard as a report.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

from flask import Response, request

from dialogue.conversation import Conversation, Reply
from dialogue.leak_question import ASKED as LEAK_ASKED
from dialogue.phone_number import as_said
from dialogue.state import DialogueState
from fulfillment.company import Staff
from fulfillment.pin_tries import PinVerdict
from fulfillment.ticket import Ticket, TicketState
from fulfillment.work_orders import Order
from ivr.alarm_text import one_line, place_of, symptom_of
from ivr.calls import ENDED, heard, twiml
from ivr.numbers import caller_number
from ivr.ports import AnswersTurns, Book, Log
from ivr.relay import SIGN_IN, SIGN_IN_KEY, handed_off
from ivr.twiml import Sentence, TwimlWriter

#: After so many silent or wrong answers he is a caller like any other: the resident's dialogue.
MOST_TRIES = 3
#: More cases than these are told the next time he calls; their ids stand in a path.
MOST_ORDERS = 20
#: A word is a command with at most so many characters around it: "my home's radiator, repaired, has burst again" is none.
MOST_AROUND = 4
_MARKS = " ,。,.!!??"
_LONGEST_SYMPTOM = 80
_LONGEST_NUMBER = 8
_KEYS = {
    "1": "accept", "2": "pass_on", "4": "contacted", "5": "on_site", "6": "repaired", "9": "next", "0": "back",
    "*": "again",
}  # fmt: skip
#: Longer words first where one is a part of another; the order is that of the keys of `staff.words_…`.
_SAID = ("again", "back", "next", "pass_on", "accept", "contacted", "on_site", "repaired")
_CHOICES = {"1": "orders", "2": "report", "3": "resident", "*": "again"}
_MENU_SAID = ("again", "report", "resident", "orders")


class TakesReports(Protocol):
    """dialogue.our_calls.OurCalls."""

    def report(self, call_sid: str, staff: Staff) -> tuple[Conversation, Reply]: ...


class KnowsStaff(Protocol):
    """fulfillment.work_orders.WorkOrders."""

    def who_calls(self, phone: str) -> Staff | None: ...
    def staff(self, staff_id: int) -> Staff: ...
    def of(self, staff_id: int) -> tuple[Order, ...]: ...
    def order(self, ticket_id: int) -> Order: ...
    def accept(self, ticket_id: int, staff: Staff) -> Ticket: ...
    def pass_on(self, ticket_id: int, staff: Staff) -> None: ...
    def contacted(self, ticket_id: int, staff: Staff) -> bool: ...
    def report(self, ticket_id: int, to: TicketState, staff: Staff) -> bool: ...


class ChecksPins(Protocol):
    """fulfillment.pins.Pins."""

    def check(self, *, caller: str, number: str, pin: str, key: str) -> tuple[PinVerdict, Staff | None]: ...
    def tried(self, call: str, *, caller: str, since: datetime) -> int: ...


class AnswersResidents(Protocol):
    """ivr.calls.CallWebhooks."""

    def incoming(self) -> Response: ...
    def resumed(self) -> Response: ...
    def turn(self, conversation_id: str, n: int) -> Response: ...
    def relayed(self, conversation_id: str) -> Response: ...


class StaffWebhooks:
    """Each method answers one webhook; raises what the rooms below raise."""

    def __init__(  # noqa: PLR0913 - the rooms of the house that a member of staff may enter by telephone
        self,
        orders: KnowsStaff,
        pins: ChecksPins,
        reports: TakesReports,
        hotline: AnswersTurns,
        book: Book,
        writer: TwimlWriter,
        *,
        log: Log,
        calls: AnswersResidents,
        is_danger: Callable[[str], bool],
        locked_minutes: int,
    ) -> None:
        self._orders = orders
        self._pins = pins
        self._reports = reports
        self._hotline = hotline
        self._log = log
        self._book = book
        self._writer = writer
        self._calls = calls
        self._is_danger = is_danger
        self._locked_minutes = locked_minutes

    def incoming(self) -> Response:
        """The number's voice webhook: the menu for staff, the greeting for everybody else."""
        staff = self._orders.who_calls(_caller())
        return self._calls.incoming() if staff is None else self._menu(staff, 1)

    def turn(self, conversation_id: str, n: int) -> Response:
        """A turn of the resident's dialogue in which # is pressed is not a resident's."""
        if request.form.get("Digits", "") == SIGN_IN_KEY:
            with self._log.read() as tx:
                conversation = tx.conversation(conversation_id)
            if not _is_in_danger(conversation):
                return self._sign_in(conversation, n)
        return self._calls.turn(conversation_id, n)

    def relayed(self, conversation_id: str) -> Response:
        """The action of <Connect>: a session that was left because of # goes on as a turn in which it is pressed."""
        left = handed_off(request.form.get("HandoffData", ""))
        if left.get("reason") != SIGN_IN or request.form.get("CallStatus") in ENDED:
            return self._calls.relayed(conversation_id)
        with self._log.read() as tx:
            conversation = tx.conversation(conversation_id)
        if _is_in_danger(conversation):
            return self._calls.relayed(conversation_id)
        return self._sign_in(conversation, int(left["turn"]) + 1)

    # --- who is it

    def _sign_in(self, conversation: Conversation, turn: int) -> Response:
        """`tried` tells this sign-in from every other of the call: each entry of a PIN has a key of its own."""
        tried = self._pins.tried(request.form["CallSid"], caller=_caller(), since=conversation.opened_at)
        return self._ask_number("staff.which_number", f"/ivr/staff/sign-in/{conversation.id}/{turn}/{tried}", 1)

    def number(self, conversation_id: str, turn: int, tried: int, n: int) -> Response:
        """Whoever says something here came by a wrong key: his words are the turn's. Silence goes back, too."""
        number = _digits()[:_LONGEST_NUMBER]
        if number:
            path = f"/ivr/staff/sign-in/{conversation_id}/{turn}/{tried}/{n}/{number}/pin"
            return self._ask(self._say("staff.which_pin"), path, digits=0)
        return self._calls.turn(conversation_id, turn) if _words() else self._calls.resumed()

    def pin(self, conversation_id: str, turn: int, tried: int, n: int, number: str) -> Response:
        if not _digits():
            return self._calls.resumed()
        key = f"{request.form['CallSid']}-{tried}-{n}-{number}"
        verdict, staff = self._pins.check(caller=_caller(), number=number, pin=_digits(), key=key)
        if staff is not None:
            return self._menu(staff, 1)
        if verdict is PinVerdict.LOCKED or n >= MOST_TRIES:
            script = self._book.say("staff.locked", minutes=self._locked_minutes)
            return self._then(Sentence(script.voice, interruptible=False), "/ivr/staff/resident")
        return self._ask_number("staff.wrong_pin", f"/ivr/staff/sign-in/{conversation_id}/{turn}/{tried}", n + 1)

    def _ask_number(self, script: str, path: str, n: int) -> Response:
        return twiml(self._writer.ask_staff_number(self._say(script), action=f"{path}/{n}/number"))

    # --- what does he want

    def menu(self, staff_id: int, n: int) -> Response:
        staff = self._orders.staff(staff_id)
        choice = self._understood(_CHOICES, _MENU_SAID)
        if choice == "resident" or (not choice and not _words() and n >= MOST_TRIES):
            return self._calls.resumed()
        if choice == "report":
            return self._report(staff)
        if not choice and _words():
            return self._heard_as_report(staff, f"staff-menu-{n}")
        ids = [o.ticket.id for o in self._orders.of(staff_id)[:MOST_ORDERS]]
        if choice == "orders" and ids:
            return self._tell(staff, ids, 0, 1)
        if choice == "again":
            return self._menu(staff, n + 1)
        return self._menu(staff, n + 1, self._say("staff.all_done" if choice == "orders" else "staff.not_heard"))

    def _menu(self, staff: Staff, n: int, *before: Sentence) -> Response:
        orders = self._orders.of(staff.id)
        alarms = sum(o.ticket.needs_acknowledgement for o in orders)
        words = self._book.say("staff.menu", name=staff.name, alarms=alarms, orders=len(orders) - alarms).voice
        hints = [w for choice in _MENU_SAID for w in self._words_for(choice)]
        return self._ask(*before, Sentence(words), f"/ivr/staff/{staff.id}/menu/{n}", hints=hints)

    def resident(self) -> Response:
        """He is a resident as well, and nobody is locked out of that."""
        return self._calls.resumed()

    def _report(self, staff: Staff) -> Response:
        conversation, reply = self._reports.report(request.form["CallSid"], staff)
        return twiml(self._writer.reply(conversation.id, reply))

    def _heard_as_report(self, staff: Staff, key: str) -> Response:
        """A leak that is called out into the menu is a leak."""
        conversation, _ = self._reports.report(request.form["CallSid"], staff)
        return twiml(self._writer.reply(conversation.id, self._hotline.handle_turn(heard(conversation.id, key))))

    # --- his cases, one by one

    def order(self, staff_id: int, ids: str, at: int, n: int) -> Response:
        staff, tickets = self._orders.staff(staff_id), [int(i) for i in ids.split("-")]
        choice = self._understood(_KEYS, _SAID)
        if choice == "back" or at >= len(tickets):
            return self._menu(staff, 1)
        if not choice and _words():
            return self._heard_as_report(staff, f"staff-order-{at}-{n}")
        if choice in ("", "again"):
            if n >= MOST_TRIES * 2:
                return self._menu(staff, 1)
            before = [] if choice == "again" else [self._say("staff.not_heard")]
            return self._tell(staff, tickets, at, n + 1, *before)
        if choice == "next":
            return self._tell(staff, tickets, at + 1, 1)
        done = self._act(choice, tickets[at], staff)
        stays = choice in ("accept", "contacted", "on_site")  # there is more to be said about it
        return self._tell(staff, tickets, at if stays else at + 1, n + 1 if stays else 1, done)

    def _act(self, choice: str, ticket_id: int, staff: Staff) -> Sentence:
        done = True
        match choice:
            case "accept":
                ticket = self._orders.accept(ticket_id, staff)
                if ticket.acknowledged_by and not ticket.is_accepted_by(staff.id, staff.name):
                    return self._say("staff.taken", accepted_by=ticket.acknowledged_by)
                return self._say("staff.accepted", number=ticket.number)
            case "pass_on":
                self._orders.pass_on(ticket_id, staff)
            case "contacted":
                done = self._orders.contacted(ticket_id, staff)
            case "on_site":
                done = self._orders.report(ticket_id, TicketState.ON_SITE, staff)
            case _:
                done = self._orders.report(ticket_id, TicketState.RESOLVED, staff)
        if done:
            return self._say(_DONE[choice])
        state = self._orders.order(ticket_id).ticket.state
        return self._say("staff.not_possible", state=self._book.word(f"work_order.state_{state}"))

    def _tell(self, staff: Staff, tickets: list[int], at: int, n: int, *before: Sentence) -> Response:
        """The case at this place of the list; behind its end the menu."""
        if at >= len(tickets):
            return self._menu(staff, 1, *before, self._say("staff.all_done"))
        order = self._orders.order(tickets[at])
        ticket = order.ticket
        about: dict[str, object] = {
            "n": at + 1,
            "total": len(tickets),
            "title": order.title,
            "place": one_line(place_of(self._book, ticket, order.community_name, spoken=True)),
            "symptom": one_line(symptom_of(self._book, ticket))[:_LONGEST_SYMPTOM],
            "phone": as_said(ticket.contact_phone) if ticket.contact_phone else "",
        }
        if ticket.needs_acknowledgement:
            words = self._book.say("staff.alarm", **about)
        else:
            state = self._book.word(f"work_order.state_{ticket.state}")
            words = self._book.say("staff.order", **about, state=state, can_accept=ticket.state is TicketState.NEW)
        path = f"/ivr/staff/{staff.id}/orders/{'-'.join(map(str, tickets))}/{at}/{n}"
        hints = [w for choice in _SAID for w in self._words_for(choice)]
        return self._ask(*before, Sentence(words.voice), path, hints=hints)

    # --- small words

    def _understood(self, keys: Mapping[str, str], said: tuple[str, ...]) -> str:
        """The choice that was pressed or said, "" = none of them: also a sentence with such a word in it, or a danger."""
        pressed = _digits()
        if pressed:
            return keys.get(pressed, "")
        words = _words()
        if words.strip(_MARKS) in self._words_for("hello"):
            return "again"  # a greeting into the menu: he hears what he may say
        meant = [c for c in said for w in self._words_for(c) if w in words and len(words) <= len(w) + MOST_AROUND]
        return meant[0] if meant and not self._is_danger(words) else ""

    def _words_for(self, choice: str) -> list[str]:
        return self._book.word(f"staff.words_{choice}").split(",")

    def _say(self, script: str, **params: object) -> Sentence:
        return Sentence(self._book.say(script, **params).voice)

    def _ask(self, *said_and_path: Sentence | str, digits: int = 1, hints: list[str] | None = None) -> Response:
        *said, path = said_and_path
        sentences = [s for s in said if isinstance(s, Sentence)]
        return twiml(self._writer.ask_staff(sentences, action=str(path), digits=digits, hints=hints or []))

    def _then(self, said: Sentence, path: str) -> Response:
        return twiml(self._writer.say_and_go([said], path))


_DONE = {
    "pass_on": "staff.passed_on", "contacted": "staff.contacted", "on_site": "staff.on_site", "repaired": "staff.repaired",
}  # fmt: skip


def _is_in_danger(conversation: Conversation) -> bool:
    """An emergency, or the question whether it is one: such a resident is never asked who he is on the staff."""
    state = DialogueState.from_json(conversation.state)
    return state.emergency_ticket_id is not None or state.asked == LEAK_ASKED


def _caller() -> str:
    return caller_number(request.form.get("From", ""))


def _digits() -> str:
    return "".join(c for c in request.form.get("Digits", "") if c in "0123456789*")


def _words() -> str:
    """What was said; only if nothing was pressed."""
    return "" if _digits() else request.form.get("SpeechResult", "").strip()
