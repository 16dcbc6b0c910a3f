"""The worker's side of conferences: what is wanted of a leg is asked of the carrier, outside any transaction.

Every step re-reads the leg first and may run twice. Ringing is not idempotent: a leg whose first try is unknown is looked
for by its label before it is rung again.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import timedelta

from dialogue.conference import (
    NO_SEQUENCE,
    OVER,
    WATCH_RINGING,
    WATCH_TALKING,
    Conferences,
    Participant,
    caller_path,
    settle,
    talk_of,
    watch,
)
from dialogue.conversation import Conversation, Floor
from dialogue.handoff import hold_path
from dialogue.leg import Leg, LegMode, LegRole, LegState
from dialogue.ports import ConferenceCarrier, DialogueStore
from fulfillment.outbox import Task
from kernel.clock import Clock
from kernel.errors import CarrierRefused

#: A telephone that could not be rung within this time is not rung later: nobody expects it any more.
RING_WITHIN = timedelta(seconds=20)
#: How often a leg is settled in one go: somebody who presses hold and resume faster than the carrier answers.
_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class ConferenceDeliveries:
    """Raises CarrierBusy and CarrierUnknown: the worker tries again."""

    store: DialogueStore
    carrier: ConferenceCarrier
    conferences: Conferences
    clock: Clock

    def ring(self, task: Task) -> None:
        conversation, leg = self._read(task)
        if leg.state is not LegState.ASKED or leg.call_sid:
            return  # the carrier has told of it already
        if not leg.staying or conversation.floor is not Floor.OPERATOR:
            self.conferences.is_over(leg.id, "canceled")
            return
        if task.tries > 1:
            found = self.carrier.find_leg(leg, self._others(leg))
            if found is not None:
                self._placed(leg.id, *found)
                return
        if self.clock.now() - leg.started_at > RING_WITHIN:
            self.conferences.is_over(leg.id, "failed")
            return
        try:
            placed = self.carrier.ring_leg(leg, coached=self._coached(conversation))
        except CarrierRefused:
            self.conferences.is_over(leg.id, "refused")
            return
        self._placed(leg.id, *placed)

    def settle(self, task: Task) -> None:
        for _ in range(_ROUNDS):
            conversation, leg = self._read(task)
            if not leg.live:
                return
            if leg.role is LegRole.CALLER:
                self._settle_caller(conversation, leg)
            else:
                self._settle_leg(conversation, leg)
            if self._read(task)[1].wanted is leg.wanted:
                return

    def watch(self, task: Task) -> None:
        """Lost reports: what the carrier says now counts as reported."""
        _, leg = self._read(task)
        if not leg.live:
            return
        now = self.clock.now()
        if leg.call_sid:
            status = self.carrier.call_status(leg.call_sid)
            if status in OVER:
                self.conferences.told_of_call(leg.id, status=status, call_sid=leg.call_sid)
                return
            if not leg.joined:
                self._look(leg, status)
        elif now - leg.started_at > RING_WITHIN + WATCH_RINGING:  # `ring` has given up, or died
            self.conferences.is_over(leg.id, "failed")
            return
        with self.store.write() as tx:
            leg = tx.leg(leg.id)
            if not leg.joined or not leg.staying:
                settle(tx, leg.id, f"watch:{now.isoformat()}", now)
            watch(tx, leg.id, now + (WATCH_TALKING if leg.joined else WATCH_RINGING))

    def _others(self, leg: Leg) -> Collection[str]:
        """Calls to the same number that were placed for something else: for an alarm above all, or the try before."""
        with self.store.read() as tx:
            earlier = {one.call_sid for one in tx.legs(leg.conversation_id) if one.call_sid}
            return tx.known_sids(leg.address) | earlier

    def _look(self, leg: Leg, status: str) -> None:
        """Whether somebody is in without our having been told. A caller who is in must not be sent for again: he would
        leave the conference, and end it.
        """
        if leg.role is LegRole.CALLER or leg.asks_for_key:
            found = self.carrier.find_leg(leg)
        else:
            found = (leg.call_sid, leg.conference_sid) if status == "in-progress" else None
        if found is not None:
            self.conferences.told_of_participant(leg.id, Participant("join", *found, NO_SEQUENCE, leg.mode))

    # --- one leg

    def _settle_caller(self, conversation: Conversation, leg: Leg) -> None:
        newest = self._newest_caller(conversation)
        try:
            if leg.wanted is LegMode.OUT:
                if newest is None or newest.id == leg.id:  # else he is on his way into another conference
                    self.carrier.fetch_turn(leg.call_sid, hold_path(conversation.id, leg.heard_seq))
                # Not when it is reported: fetched twice, the caller would be interrupted in the loop.
                self.conferences.is_over(leg.id, "left")
            elif leg.state is LegState.ASKED:
                self.carrier.fetch_turn(leg.call_sid, caller_path(leg))
            elif leg.wanted is not leg.mode:
                self._set_mode(leg, coached="")
        except CarrierRefused:  # the call is over
            self.conferences.is_over(leg.id, "completed")

    def _settle_leg(self, conversation: Conversation, leg: Leg) -> None:
        if leg.wanted is LegMode.OUT:
            if not leg.call_sid:
                return  # `ring` has not happened yet, and will not, or is happening and asks again
            try:
                self.carrier.hang_up(leg.call_sid)
            except CarrierRefused:
                self.conferences.is_over(leg.id, "completed")
        elif leg.joined and (leg.wanted is not leg.mode or leg.wanted is LegMode.WHISPER):
            self._set_mode(leg, coached=self._coached(conversation))

    def _set_mode(self, leg: Leg, *, coached: str) -> None:
        with self.store.read() as tx:
            sids = [one.conference_sid for one in tx.legs(leg.conversation_id) if one.conference == leg.conference]
        room = leg.conference_sid or next(filter(None, sids), "")
        try:
            self.carrier.set_leg(replace(leg, conference_sid=room), coached=coached)
        except CarrierRefused as exc:
            self._record(leg, mode=leg.mode, trouble=str(exc))
        else:
            self._record(leg, mode=leg.wanted, trouble="")

    def _record(self, asked: Leg, *, mode: LegMode, trouble: str) -> None:
        """The carrier's answer. What it refused is no longer wanted: the page shows what is, and the operator decides."""
        with self.store.write() as tx:
            tx.conversation(asked.conversation_id, for_update=True)
            leg = tx.leg(asked.id)
            if leg.rev == asked.rev:
                tx.save_leg(replace(leg, mode=mode, wanted=mode, trouble=trouble))

    def _placed(self, leg_id: str, call_sid: str, conference_sid: str) -> None:
        with self.store.write() as tx:
            tx.conversation(tx.leg(leg_id).conversation_id, for_update=True)
            leg = tx.leg(leg_id)
            tx.save_leg(
                replace(leg, call_sid=leg.call_sid or call_sid, conference_sid=leg.conference_sid or conference_sid)
            )
            if leg.live and not leg.staying:  # somebody changed his mind meanwhile
                settle(tx, leg.id, "placed", self.clock.now())

    def _coached(self, conversation: Conversation) -> str:
        with self.store.read() as tx:
            holder = talk_of(tx, conversation).holder
        return holder.call_sid if holder is not None else ""

    def _newest_caller(self, conversation: Conversation) -> Leg | None:
        with self.store.read() as tx:
            callers = [leg for leg in tx.legs(conversation.id) if leg.role is LegRole.CALLER]
        return callers[-1] if callers else None

    def _read(self, task: Task) -> tuple[Conversation, Leg]:
        with self.store.read() as tx:
            leg = tx.leg(str(task.payload["leg_id"]))
            return tx.conversation(leg.conversation_id), leg
