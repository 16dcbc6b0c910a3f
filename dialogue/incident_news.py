"""Residents are told of an incident: in the chat if theirs is open, else by text. Deliverer of TELL_INCIDENT.

A chat message is one commit with its row. A text is sent once: what became of one that a dying worker had begun is not
known, and the console says so, so that a person can look after it.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Protocol

import structlog

from dialogue.conversation import Author, Said
from dialogue.going_out import can_be_written_to
from dialogue.phone_number import as_said
from dialogue.ports import DialogueStore, DialogueTx
from dialogue.script_book import ScriptBook
from dialogue.wording import Wording
from fulfillment.case import Case
from fulfillment.clocks import ClockEvent
from fulfillment.incident import Incident, IncidentState, Recheck
from fulfillment.incident_news import Occasion, Told, ToldState
from fulfillment.outbox import Task, lane_of
from fulfillment.standard import Standard
from fulfillment.ticket import Ticket
from kernel.clock import Clock
from kernel.errors import CarrierBusy, CarrierError, CarrierUnknown

CHAT, TEXT = "chat", "text"
#: In front of the ticket's id in the choice of the two buttons.
WARM, COLD = "recheck_warm", "recheck_cold"

log = structlog.get_logger()


class ReportedTexts(Protocol):
    """The carrier, for texts whose delivery is reported. Raises CarrierBusy and other CarrierErrors; 10 s limit."""

    def told_text(self, *, to: str, body: str, told_id: int) -> str: ...


@dataclass(frozen=True, slots=True)
class IncidentNews:
    """Safe to share between threads."""

    store: DialogueStore
    carrier: ReportedTexts
    book: ScriptBook
    standard: Standard
    clock: Clock
    hotline: str  # E.164; where to call when it is still cold

    def tell(self, task: Task) -> None:
        """One message to one resident, if it still holds."""
        begun = self._begin(task)
        if begun is None:
            return
        told, phone, body = begun
        sid, state = "", ToldState.SENT
        try:
            sid = self.carrier.told_text(to=phone, body=body, told_id=told.id)
        except CarrierBusy as exc:
            with self.store.write() as tx:
                tx.save_told(replace(told, channel="", sent_at=None))  # nothing happened
                wait = timedelta(seconds=max(exc.retry_after_seconds, 1.0))
                tx.task_again(task, self.clock.now() + wait, "carrier busy")
            return
        except CarrierError as exc:
            state = ToldState.UNCERTAIN if isinstance(exc, CarrierUnknown) else ToldState.FAILED
            log.warning("incident_text_failed", told=told.id, phone=phone, error=repr(exc))
        with self.store.write() as tx:
            tx.incident(told.incident_id, for_update=True)
            now_known = tx.told(told.id)  # a delivery report may have been faster than the carrier's answer
            if now_known.state is ToldState.PROMISED:
                tx.save_told(replace(now_known, state=state, sid=sid))
            if state is ToldState.SENT:
                self._reason_told(tx, told)
            tx.task_done(task)

    def _begin(self, task: Task) -> tuple[Told, str, str] | None:
        """Whom to text, and what; None: everything is done in here."""
        with self.store.write() as tx:
            if not tx.holds(task):
                return None
            told, now = tx.told(task.payload["told_id"]), self.clock.now()
            message = _Message(self, tx, told)
            later = None
            if told.state is not ToldState.PROMISED:
                pass  # it was told; only the task had not ended
            elif told.sent_at is not None:
                tx.save_told(replace(told, state=ToldState.UNCERTAIN))
            elif not message.holds():
                tx.save_told(replace(told, state=ToldState.NOT_NEEDED))
            elif message.into_chat():
                tx.save_told(replace(told, state=ToldState.SENT, channel=CHAT, sent_at=now))
                self._reason_told(tx, told)
            elif not message.phone:
                tx.save_told(replace(told, state=ToldState.NO_WAY))
            elif (daytime := self.standard.calendar.next_daytime(now)) > now:
                later = daytime  # N7: nobody's telephone beeps at night for what can wait
            else:
                begun = replace(told, channel=TEXT, sent_at=now)
                tx.save_told(begun)
                return begun, message.phone, message.text()
            tx.give_turn_back(lane_of(task.kind), now)
            if later is None:
                tx.task_done(task)
            else:
                tx.task_again(task, later, "told in the daytime")
            return None

    def _reason_told(self, tx: DialogueTx, told: Told) -> None:
        """Whoever is told of the incident is told why he is cold (F18)."""
        if told.ticket_id is not None:
            ticket = tx.ticket(told.ticket_id, for_update=True)
            Case(tx, ticket, standard=self.standard, now=self.clock.now()).happened(ClockEvent.ANSWERED)


class _Message:
    """What one recipient is told, inside the transaction."""

    def __init__(self, news: IncidentNews, tx: DialogueTx, told: Told) -> None:
        self.news = news
        self.tx = tx
        self.told = told
        self.incident: Incident = tx.incident(told.incident_id)
        self.ticket: Ticket | None = None if told.ticket_id is None else tx.ticket(told.ticket_id)
        home = None if told.household_id is None else tx.household(told.household_id)
        self.phone = self.ticket.contact_phone if self.ticket else home.phone if home else ""

    def holds(self) -> bool:
        """Newer facts, the end, or a person who took the ticket out have overtaken it."""
        incident, told = self.incident, self.told
        if self.ticket is not None:
            belongs = self.tx.attachment_of(self.ticket.id)
            if not self.ticket.is_open or belongs is None or belongs.incident_id != incident.id:
                return False
        if told.occasion in (Occasion.ENDED, Occasion.CALLED_OFF):
            return incident.state is IncidentState.ENDED
        if told.occasion is Occasion.PLANNED and incident.has_begun(self.news.clock.now()):
            return False  # too late to be told ahead
        return incident.is_running and told.revision == incident.revision

    def into_chat(self) -> bool:
        """Said in the conversation of the ticket, if that is a chat that is open."""
        if self.ticket is None or self.ticket.conversation_id is None:
            return False
        conversation = self.tx.conversation(self.ticket.conversation_id, for_update=True)
        if not can_be_written_to(self.tx, conversation, self.news.clock.now()):
            return False
        said = self._said(by_text=False)
        data: dict[str, object] = {"voice": said.voice, "script": said.script}
        if self._asks():
            word, number = self.news.book.word, self.ticket.id
            data["quick_replies"] = [
                {"choice": f"{WARM}:{number}", "label": word("words.recheck_warm")},
                {"choice": f"{COLD}:{number}", "label": word("words.recheck_cold")},
            ]
        self.tx.add_message(
            conversation.id, author=Author.BOT, text=said.chat, at=self.news.clock.now(), data=data,
            client_id=f"incident:{self.told.id}",
        )  # fmt: skip
        return True

    def text(self) -> str:
        return self._said(by_text=True).chat

    def _asks(self) -> bool:
        if self.ticket is None or self.told.occasion is not Occasion.ENDED:
            return False
        belongs = self.tx.attachment_of(self.ticket.id)
        return belongs is not None and belongs.recheck is Recheck.ASKED

    def _said(self, *, by_text: bool) -> Said:
        news, incident = self.news, self.incident
        wording = Wording(news.book, news.standard, lambda community_id: self.tx.community(community_id).name)
        end = incident.expected_end
        params = {
            "what": incident.title,
            "begins": wording.when(incident.begins_at, news.clock.now()).chat,
            "until": wording.when(end, news.clock.now()).chat if end is not None else "",
            "number": self.ticket.number if self.ticket else "",
            "phone": as_said(news.hotline),
        }
        ended = "incident.ended_question_text" if by_text else "incident.ended_question"
        script = {
            Occasion.PLANNED: "incident.planned",
            Occasion.BEGUN: "incident.begun",
            Occasion.CHANGED: "incident.changed",
            Occasion.RESUMED: "incident.resumed",
            Occasion.CALLED_OFF: "incident.called_off",
            Occasion.ENDED: ended if self._asks() else "incident.ended",
        }[self.told.occasion]
        return news.book.say(script, **params)
