"""What a decision says, in words: script keys become sentences with their blanks filled, cards and what was said before."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from dialogue.conversation import Author, Conversation, Message, Said
from dialogue.decision import (
    Say,
)
from dialogue.draft import REPEAT_ALL, REPEAT_QUESTION
from dialogue.kit import Kit
from dialogue.line import standing
from dialogue.phone_number import as_said, to_e164
from dialogue.ports import DialogueTx
from dialogue.state import DialogueState
from dialogue.wording import Wording
from fulfillment.profile import in_force
from fulfillment.ticket import Ticket

#: Said beside the matter: nobody who asks to hear it again means these.
_ASIDES = frozenset(
    {"hearing.not_heard", "hearing.not_heard_noise", "hearing.take_your_time", "hearing.here", "hearing.care_noted"}
)
_LOOK_BACK = 30  # messages


class Phrasing:
    """Words of one turn, read in its transaction."""

    def __init__(self, kit: Kit, tx: DialogueTx, conversation: Conversation, wording: Wording, now: datetime) -> None:
        self._kit = kit
        self._tx = tx
        self._conversation = conversation
        self._wording = wording
        self._now = now

    def label(self, label: str) -> str:
        """A word of the book, or a name (a community's) as it stands."""
        return self._kit.book.word(label) if label.startswith("words.") else label

    def phrase(self, say: Say, state: DialogueState, ticket: Ticket | None) -> Sequence[Said]:
        if say.key in (REPEAT_ALL, REPEAT_QUESTION):
            return self._last_said() if say.key == REPEAT_ALL else self._question_said(state.asked_in)
        named = say.params.get("ticket_id")
        ticket = self._tx.ticket(named) if isinstance(named, int) else ticket
        params = self._context(say, state, ticket) | say.params
        said = self._kit.book.say(say.key, **params)
        kind = said.card["kind"] if said.card else ""
        card: Mapping[str, Any] | None = None
        if kind == "safety":
            card = {"phone": as_said(self._kit.hotline_phone)}
        elif kind == "call_unit":
            card = {"phone": params["phone"]}
        elif kind == "ticket" and ticket is not None:
            card = self._wording.ticket_card(ticket, self._tx.clocks([ticket.id]).get(ticket.id, ()))
        return (replace(said, card={"kind": kind, **card} if card is not None else None),)

    def _context(self, say: Say, state: DialogueState, ticket: Ticket | None) -> dict[str, object]:
        """What scripts may name without the policy knowing it: the ticket's number and promise, the address in words."""
        context: dict[str, object] = {
            **self._kit.facts,
            **self._wording.season(),
            "address": self._wording.address(state.slots.address),
            "phone": as_said(to_e164(state.slots.phone) or self._conversation.peer),
            "symptom": self._wording.symptom(state.symptom),
        }
        if say.key.startswith("knowledge.") and self._kit.facts_of_profiles:
            for theme, choice in in_force(self._tx.profile_choices(), self._now).items():
                context |= self._kit.facts_of_profiles.get(f"{theme}.{choice}", {})
        if say.key.startswith("handoff."):
            rules = self._kit.standard.queue
            context["line"] = standing(self._tx, self._conversation.id, rules, self._now).words(self._kit.book, rules)
        if ticket is not None:
            clocks = self._tx.clocks([ticket.id]).get(ticket.id, ())
            kind = self._kit.standard.kind(ticket.kind)
            appointed = None
            if ticket.kind in self._kit.standard.visit.appointments.kinds:
                appointed = self._tx.appointment_of(ticket.id)
            visit_time = ticket.details.get("visit_time", "") if "visit_time" in kind.asks else ""
            context |= {
                "number": ticket.number,
                "title": kind.title,
                "state": self._wording.state(ticket),
                "promise": self._wording.promise(
                    clocks, self._now, visit_time=visit_time, visit_at=appointed.starts_at if appointed else None
                ),
            }
        return context

    def _last_said(self) -> Sequence[Said]:
        """What the bot said last of the matter, as it was; sentences of one turn have one instant."""
        spoken = [m for m in self._recently_spoken() if m.data["script"] not in _ASIDES]
        return [_as_said(m) for m in spoken if m.at == spoken[-1].at]

    def _question_said(self, script: str) -> Sequence[Said]:
        """The open question in the words in which it was asked."""
        return [_as_said(m) for m in self._recently_spoken() if m.data["script"] == script][-1:]

    def _recently_spoken(self) -> Sequence[Message]:
        last_seq = self._tx.conversation(self._conversation.id).last_seq
        recent = self._tx.messages(self._conversation.id, after=max(0, last_seq - _LOOK_BACK))
        return [m for m in recent if m.author is Author.BOT and "script" in m.data]


def _as_said(message: Message) -> Said:
    data = message.data
    return Said(data["script"], message.text, data["voice"], data.get("interruptible", True), data.get("card"))
