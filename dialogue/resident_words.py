"""Deliverer of TELL_RESIDENT: one word to a resident about his ticket, in his chat if it is open, else as a text.

In the chat it is one commit with the task's end. A text may be sent twice after a crash; the carrier is asked outside
any transaction.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

import structlog

from dialogue.conversation import Author
from dialogue.going_out import can_be_written_to
from dialogue.phone_number import as_said
from dialogue.ports import DialogueStore, DialogueTx
from dialogue.script_book import ScriptBook
from fulfillment.outbox import Task, lane_of
from fulfillment.resident_texts import ResidentText
from fulfillment.telling_residents import ResidentWord
from fulfillment.text_reports import mark_undelivered
from fulfillment.ticket import Ticket, TimelineEntry
from kernel.clock import Clock
from kernel.errors import CarrierBusy, CarrierError

log = structlog.get_logger()

_SCRIPTS = {
    ResidentWord.TEST_RECORD: "visit.test_record",
    ResidentWord.REPAIR_RECORD: "visit.repair_record",
    ResidentWord.LATE: "visit.late",
    ResidentWord.APPOINTED: "visit.appointed",
    ResidentWord.REMINDER: "visit.reminder",
}


class SendsTexts(Protocol):
    """The carrier; what becomes of the text is reported (ivr.outgoing). Raises CarrierBusy and other CarrierErrors."""

    def word_text(self, *, to: str, body: str, text_id: int) -> str: ...


@dataclass(frozen=True, slots=True)
class ResidentWords:
    """`deliver` finishes or gives back its task itself."""

    store: DialogueStore
    carrier: SendsTexts
    book: ScriptBook
    clock: Clock

    def deliver(self, task: Task) -> None:
        with self.store.write() as tx:
            if task.ticket_id is None:
                raise AssertionError("every word to a resident is about a ticket")
            ticket = tx.ticket(task.ticket_id, for_update=True)
            if not tx.holds(task):
                return
            if _is_over(tx, task, ticket):
                tx.give_turn_back(lane_of(task.kind), self.clock.now())
                tx.task_done(task)
                return
            body = self._worded(task, ticket)
            if self._in_chat(tx, ticket, body, task.key):
                self._told(tx, task, ticket, body, "chat")
                tx.give_turn_back(lane_of(task.kind), self.clock.now())
                return
            if not ticket.contact_phone:
                self._not_told(tx, task, ticket, "no number")
                return
            word = task.payload["word"]
            text = tx.add_resident_text(ResidentText(0, ticket.id, task.key, word, self.clock.now()))
        self._text(task, ticket, body, text.id)

    def _worded(self, task: Task, ticket: Ticket) -> str:
        params = {**task.payload["params"], "number": ticket.number}
        params["phone"] = as_said(params["phone"])
        measured = (
            self.book.word("visit.reading", {"room": room, "celsius": celsius})
            for room, celsius in params.get("readings", ())
        )
        params["readings"] = self.book.word("visit.between_readings").join(measured)
        parts = (
            self.book.word("visit.part", {"name": name, "count": count, "price": price})
            for name, count, price in params.get("materials", ())
        )
        params["materials"] = self.book.word("visit.between_readings").join(parts)
        return self.book.say(_SCRIPTS[ResidentWord(task.payload["word"])], **params).chat

    def _in_chat(self, tx: DialogueTx, ticket: Ticket, body: str, key: str) -> bool:
        if ticket.conversation_id is None:
            return False
        conversation = tx.conversation(ticket.conversation_id, for_update=True)
        if not can_be_written_to(tx, conversation, self.clock.now()):
            return False
        tx.add_message(conversation.id, author=Author.BOT, text=body, at=self.clock.now(), client_id=key)
        return True

    def _text(self, task: Task, ticket: Ticket, body: str, text_id: int) -> None:
        reason = ""
        try:
            self.carrier.word_text(to=ticket.contact_phone, body=body, text_id=text_id)
        except CarrierBusy as exc:
            with self.store.write() as tx:
                tx.task_again(
                    task, self.clock.now() + timedelta(seconds=max(exc.retry_after_seconds, 1.0)), "carrier busy"
                )
            return
        except CarrierError as exc:
            reason = type(exc).__name__
            log.warning("resident_not_told", ticket=ticket.number, error=repr(exc))
        with self.store.write() as tx:
            if not tx.holds(task):
                return
            if reason:
                self._not_told(tx, task, ticket, reason)
            else:
                self._told(tx, task, ticket, body, "text")

    def _told(self, tx: DialogueTx, task: Task, ticket: Ticket, body: str, channel: str) -> None:
        told = {"channel": channel, "text": body}
        tx.add_to_timeline(TimelineEntry(ticket.id, self.clock.now(), "worker", "resident_told", told))
        tx.task_done(task)

    def _not_told(self, tx: DialogueTx, task: Task, ticket: Ticket, reason: str) -> None:
        why = {"reason": reason}
        mark_undelivered(tx, tx.ticket(ticket.id, for_update=True), task.payload["word"])
        tx.add_to_timeline(TimelineEntry(ticket.id, self.clock.now(), "worker", "resident_not_told", why))
        tx.task_done(task)


def _is_over(tx: DialogueTx, task: Task, ticket: Ticket) -> bool:
    """A word about an appointment that is no longer booked would only confuse."""
    appointment_id = task.payload["params"].get("appointment")
    if appointment_id is None:
        return False
    booked = tx.appointment_of(ticket.id)
    return not ticket.is_open or booked is None or booked.id != appointment_id
