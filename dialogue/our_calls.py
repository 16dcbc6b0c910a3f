"""Conversations that do not begin with the greeting: calls of ours to residents, and staff who report for a resident."""

from dataclasses import dataclass
from typing import Protocol
from uuid import uuid4

from dialogue.conversation import Channel, Conversation, Expect, Floor, Reply
from dialogue.decision import Decision, Say
from dialogue.handle_turn import Hotline
from dialogue.handoff import Handoff
from dialogue.outgoing import WHO, opening
from dialogue.outgoing_facts import our_call_of
from dialogue.ports import DialogueStore
from dialogue.state import DialogueState
from fulfillment.calling import errand_of, phone_of
from fulfillment.company import Staff
from fulfillment.outbox import Task
from fulfillment.standard import Standard
from kernel.clock import Clock
from kernel.errors import AlreadyTaken, CallImpossible, StaleEpoch


@dataclass(frozen=True, slots=True)
class OurCalls:
    """Opens them; every later turn is the hotline's. Raises NotFound, StoreBusy."""

    hotline: Hotline
    store: DialogueStore
    standard: Standard
    clock: Clock

    def answered(self, try_id: str, call_sid: str) -> tuple[Conversation, Reply]:
        """A resident has picked up (or his voicemail): G4b. Twice is the same as once."""
        with self.store.read() as tx:
            errand = errand_of(tx, tx.resident_try(try_id), self.standard)
            phone = phone_of(tx, errand.ticket)
        state = DialogueState(our_question=WHO, our_call_id=errand.call.id)
        with self.store.read() as tx:
            ours = our_call_of(tx, state, self.standard)
        if ours is None:
            raise AssertionError("a state with our_call_id has a call")
        return self.hotline.begin(self._conversation(call_sid, phone, state), "our-call", opening(ours, state))

    def report(self, call_sid: str, staff: Staff) -> tuple[Conversation, Reply]:
        """A member of staff reports on a resident's behalf (G7e): his own number and home are not the resident's."""
        state = DialogueState(reported_by=staff.name, home_denied=True)
        decision = Decision(state, (Say("staff.report"),), expect=Expect.ANYTHING, reason=f"reported by {staff.number}")
        return self.hotline.begin(self._conversation(call_sid, "", state), "report", decision)

    def hang_up(self, call_sid: str) -> None:
        """The call of ours is over; one that nobody answered has no conversation."""
        with self.store.read() as tx:
            conversation = tx.conversation_by_external_id(Channel.PHONE, call_sid)
        if conversation is not None:
            self.hotline.hang_up(conversation.id)

    def _conversation(self, call_sid: str, peer: str, state: DialogueState) -> Conversation:
        now = self.clock.now()
        return Conversation(
            id=uuid4().hex, channel=Channel.PHONE, external_id=call_sid, peer=peer, floor=Floor.BOT, opened_at=now,
            last_at=now, state=state.to_json(), household_id=state.home_id,
        )  # fmt: skip


class Connects(Protocol):
    """dialogue.conference.Conferences."""

    def connect(self, conversation_id: str, operator_id: int) -> None:
        """Raises StaleEpoch, CallImpossible (the operator has no telephone)."""
        ...


@dataclass(frozen=True, slots=True)
class CallbackDelivery:
    """Gives who was rung back to the operator who is ready for him; without a telephone he writes, and it is spoken."""

    handoff: Handoff
    conferences: Connects

    def connect(self, task: Task) -> None:
        """If somebody else has taken him, or he is gone, there is nothing left to do."""
        conversation_id, operator_id = str(task.payload["conversation_id"]), int(task.payload["operator_id"])
        try:
            self.handoff.take_over(conversation_id, operator_id)
            self.conferences.connect(conversation_id, operator_id)
        except (AlreadyTaken, StaleEpoch, CallImpossible):
            return
