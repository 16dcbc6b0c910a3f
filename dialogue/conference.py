"""Talking instead of typing: everybody's telephone is a leg in one conference, so that connecting, holding, asking a
colleague, giving away, listening and whispering are the same mechanism.

The caller stays in the hold loop until somebody has answered, and goes back to it when nobody is left: never silence.
The floor stays with who has it; it moves in the same transaction that learns of the colleague who takes it. What is
wanted is written here and carried out by `dialogue.conference_deliveries`; what the carrier reports comes back through
`told_of_call` and `told_of_participant`, in any order and any number of times.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from dialogue.conversation import Author, Channel, Conversation, Floor
from dialogue.floor import VANISHED_AFTER, watch_operator
from dialogue.leg import SPEAKERS, Leg, LegMode, LegRole, LegState, Talk
from dialogue.phone_number import to_e164
from dialogue.ports import DialogueStore, DialogueTx
from dialogue.script_book import ScriptBook
from fulfillment.outbox import NewTask, TaskKind
from kernel.clock import Clock
from kernel.errors import CallImpossible, StaleEpoch

#: How often the carrier is asked about a leg that is not in yet: should the report of its answer be lost, somebody holds
#: a silent telephone for no longer than this.
WATCH_RINGING = timedelta(seconds=10)
#: How often the carrier is asked about a leg that talks: a lost report of its end must not leave the caller in silence.
WATCH_TALKING = timedelta(seconds=30)
#: Of a report that was not the conference's: any of its own is newer.
NO_SEQUENCE = -1
#: The carrier's words for a call that is over.
OVER = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Participant:
    """What the carrier reports about a leg in its conference. `event` as the carrier names it, without "participant-"."""

    event: str  # join, leave, mute, unmute, hold, unhold, modify
    call_sid: str
    conference_sid: str
    sequence: int
    mode: LegMode


def talk_of(tx: DialogueTx, conversation: Conversation) -> Talk:
    return Talk(tx.legs(conversation.id), conversation.operator_id)


def caller_path(leg: Leg) -> str:
    """Where a live call fetches the order to enter the conference."""
    return f"/ivr/calls/{leg.conversation_id}/conference/{leg.id}"


@dataclass(frozen=True, slots=True)
class Conferences:
    """What people do with a call's audio, and what becomes of it. Safe to share between threads.

    `browser_lines`: operators can be rung in their browser. `hotline` is the company's own number, which nobody dials.
    """

    store: DialogueStore
    book: ScriptBook
    clock: Clock
    hotline: str
    browser_lines: bool

    # --- the holder of the floor. All raise StaleEpoch if it is somebody else, CallImpossible with the reason.

    def connect(self, conversation_id: str, operator_id: int) -> None:
        """Rings the holder's own telephone (or browser); pressed twice it rings once."""
        with self.store.write() as tx:
            step = self._held(tx, conversation_id, operator_id)
            if step.talk.holder is None:
                step.ring(LegRole.OPERATOR, self._line(tx, operator_id), operator_id)
                step.say_to_caller("phone.connecting")

    def hang_up(self, conversation_id: str, operator_id: int) -> None:
        """The holder's own leg leaves. During a consultation the colleague gets the caller, as with any telephone."""
        with self.store.write() as tx:
            step = self._held(tx, conversation_id, operator_id)
            if step.talk.holder is not None:
                step.want(step.talk.holder, LegMode.OUT)

    def hold(self, conversation_id: str, operator_id: int) -> None:
        with self.store.write() as tx:
            step = self._held(tx, conversation_id, operator_id)
            step.want(step.caller_in(), LegMode.HOLD)

    def resume(self, conversation_id: str, operator_id: int) -> None:
        """The caller is in the talk again; with a colleague there, all three speak."""
        with self.store.write() as tx:
            step = self._held(tx, conversation_id, operator_id)
            step.want(step.caller_in(), LegMode.TALK)

    def consult(self, conversation_id: str, operator_id: int, to: str) -> None:
        """The caller hears music while the holder asks `to`: an operator's id, "butler", or a telephone number."""
        with self.store.write() as tx:
            step = self._held(tx, conversation_id, operator_id)
            step.nobody_else()
            if step.talk.holder is None or not step.talk.holder.joined:
                raise CallImpossible("not_talking")
            callee = self._callee(tx, step.conversation, to)
            step.ring(LegRole.CONSULTED, callee, callee.operator_id)
            step.want(step.caller_in(), LegMode.HOLD)

    def come_back(self, conversation_id: str, operator_id: int) -> None:
        """The consultation (or the ringing) ends, the holder goes on with the caller."""
        with self.store.write() as tx:
            step = self._held(tx, conversation_id, operator_id)
            if step.talk.other is not None:
                step.want(step.talk.other, LegMode.OUT)
            if step.talk.caller is not None and step.talk.holder is not None:
                step.want(step.talk.caller, LegMode.TALK)

    def complete(self, conversation_id: str, operator_id: int) -> None:
        """The warm transfer: the colleague who was consulted gets caller and floor, the holder leaves."""
        with self.store.write() as tx:
            step = self._held(tx, conversation_id, operator_id)
            consulted, holder = step.talk.consulted, step.talk.holder
            if consulted is None or not consulted.joined:
                raise CallImpossible("not_answered")
            step.pass_on(consulted)
            if holder is not None:
                step.want(holder, LegMode.OUT)

    def transfer(self, conversation_id: str, operator_id: int, to: str) -> None:
        """The cold transfer: the holder leaves at once, the caller hears music until `to` answers. The floor stays with the
        holder until a colleague has answered; if nobody does, the caller is back in the hold loop, still his.
        """
        with self.store.write() as tx:
            step = self._held(tx, conversation_id, operator_id)
            step.nobody_else()
            callee = self._callee(tx, step.conversation, to)
            role = LegRole.OUTSIDE if callee.operator_id is None else LegRole.TRANSFER
            step.ring(role, callee, callee.operator_id)
            if step.talk.caller_is_in:
                step.want(step.caller_in(), LegMode.HOLD)
            else:
                step.say_to_caller("phone.connecting")
            if step.talk.holder is not None:
                step.want(step.talk.holder, LegMode.OUT)

    # --- a supervisor, who needs no floor

    def supervise(self, conversation_id: str, supervisor_id: int, mode: LegMode) -> None:
        """Listens, whispers to the holder, speaks with all, or leaves. Raises CallImpossible."""
        with self.store.write() as tx:
            step = _Step(self, tx, tx.conversation(conversation_id, for_update=True))
            mine = next((leg for leg in step.talk.supervisors if leg.operator_id == supervisor_id), None)
            if mine is not None:
                step.want(mine, mode)
            elif mode is not LegMode.OUT:
                if step.talk.holder is None or not step.talk.holder.joined:
                    raise CallImpossible("nobody_talks")
                step.ring(LegRole.SUPERVISOR, self._line(tx, supervisor_id), supervisor_id, mode)

    # --- what becomes of it

    def caller_is_gone(self, conversation_id: str) -> None:
        """The caller hung up: whoever rings or waits for him is let go."""
        with self.store.write() as tx:
            leave_conference(tx, tx.conversation(conversation_id, for_update=True), self.clock.now())

    def told_of_call(self, leg_id: str, *, status: str, call_sid: str) -> None:
        """A report about a dialled telephone. Raises NotFound.

        Who has answered in his browser or at an outside number is in the conference (no early media): this report stands in for
        the conference's, should that one be late or lost. An operator's telephone comes in by a key; hung up without one, it
        was not answered.
        """
        with self.store.write() as tx:
            step = _Step(self, tx, tx.conversation(tx.leg(leg_id).conversation_id, for_update=True))
            leg = step.know(tx.leg(leg_id), call_sid=call_sid)
            if status in OVER:
                by_nobody = leg.asks_for_key and status == "completed" and leg.joined_at is None
                step.ended(leg, "no-answer" if by_nobody else status)
            elif status == "in-progress" and not leg.asks_for_key:
                step.joined(leg, Participant("join", call_sid, "", NO_SEQUENCE, leg.mode))
            elif leg.state is LegState.ASKED and status in ("ringing", "in-progress"):
                step.save(replace(leg, state=LegState.RINGING))

    def told_of_participant(self, leg_id: str, report: Participant) -> None:
        """A report about a leg in its conference. Raises NotFound."""
        with self.store.write() as tx:
            step = _Step(self, tx, tx.conversation(tx.leg(leg_id).conversation_id, for_update=True))
            leg = step.know(tx.leg(leg_id), call_sid=report.call_sid, conference_sid=report.conference_sid)
            match report.event:
                case "leave":
                    step.ended(leg, "left")
                case "join":
                    step.joined(leg, report)
                case _ if report.sequence > leg.sequence and leg.live:
                    step.save(replace(leg, mode=report.mode, sequence=report.sequence))

    def conference_is_over(self, conversation_id: str, conference_sid: str) -> None:
        """All legs of that conference are gone, whatever has or has not been reported about them."""
        with self.store.write() as tx:
            step = _Step(self, tx, tx.conversation(conversation_id, for_update=True))
            for leg in step.talk.legs:
                if conference_sid and leg.conference_sid == conference_sid:
                    step.ended(tx.leg(leg.id), "left")

    def is_over(self, leg_id: str, outcome: str) -> None:
        """A leg came to its end without a report: it was never rung, was refused, or has been sent elsewhere."""
        with self.store.write() as tx:
            step = _Step(self, tx, tx.conversation(tx.leg(leg_id).conversation_id, for_update=True))
            step.ended(tx.leg(leg_id), outcome)

    # --- who is rung

    def _held(self, tx: DialogueTx, conversation_id: str, operator_id: int) -> "_Step":
        conversation = tx.conversation(conversation_id, for_update=True)
        if conversation.floor is not Floor.OPERATOR or conversation.operator_id != operator_id:
            msg = f"operator {operator_id} does not hold conversation {conversation_id}"
            raise StaleEpoch(msg)
        if conversation.channel is not Channel.PHONE:
            raise CallImpossible("no_call")
        return _Step(self, tx, conversation)

    def _callee(self, tx: DialogueTx, conversation: Conversation, to: str) -> "_Callee":
        if to == "butler":
            return _butler(tx, conversation)
        if to.isdecimal() and len(to) < _SHORTEST_NUMBER:
            return self._line(tx, int(to), other_than=conversation.operator_id)
        number = to_e164(to)
        if not number or number == self.hotline:
            raise CallImpossible("bad_number")
        return _Callee(number, number, None)

    def _line(self, tx: DialogueTx, operator_id: int, *, other_than: int | None = None) -> "_Callee":
        """Where an operator is reached: as he chose, else by his telephone, else in the browser."""
        operator = next((o for o in tx.operators() if o.id == operator_id and o.active), None)
        if operator is None or operator_id == other_than:
            raise CallImpossible("not_a_colleague")
        if any(leg.staying for leg in tx.live_legs_of_operator(operator_id)):
            raise CallImpossible("line_busy")
        in_browser = self.browser_lines and (tx.answers_in_browser(operator_id) or not operator.phone)
        address = f"client:{browser_name(operator_id)}" if in_browser else operator.phone
        if not address:
            raise CallImpossible("no_line")
        return _Callee(address, operator.name, operator_id)


#: An operator's id is shorter than any telephone number.
_SHORTEST_NUMBER = 5


def browser_name(operator_id: int) -> str:
    """The carrier knows an operator's browser by this name: letters, digits and underscores only."""
    return f"operator_{operator_id}"


@dataclass(frozen=True, slots=True)
class _Callee:
    address: str
    name: str
    operator_id: int | None


def _butler(tx: DialogueTx, conversation: Conversation) -> _Callee:
    """The butler in charge of the caller's home."""
    home = tx.household(conversation.household_id) if conversation.household_id is not None else None
    homes = [home] if home else tx.households_by_phone(conversation.peer)
    if len({h.community_id for h in homes}) != 1:
        raise CallImpossible("no_butler")
    butler = tx.staff(tx.community(homes[0].community_id).butler_id)
    if not butler.phone:
        raise CallImpossible("no_butler")
    return _Callee(butler.phone, butler.name, None)


def leave_conference(tx: DialogueTx, conversation: Conversation, now: datetime) -> None:
    """Everybody leaves; the caller, if he is still there, goes back to the hold loop and hears what the floor says."""
    for leg in talk_of(tx, conversation).staying:
        _want(tx, leg, LegMode.OUT, now)


def somebody_talks(tx: DialogueTx, conversation: Conversation) -> bool:
    """The caller has somebody on the line, or somebody's telephone rings for him."""
    return bool(talk_of(tx, conversation).speakers)


def _want(tx: DialogueTx, leg: Leg, mode: LegMode, now: datetime) -> None:
    if leg.wanted is mode and not leg.trouble:
        return
    tx.save_leg(replace(leg, wanted=mode, trouble="", rev=leg.rev + 1))
    settle(tx, leg.id, leg.rev + 1, now)


def settle(tx: DialogueTx, leg_id: str, rev: int | str, now: datetime) -> None:
    """Promises to bring what the carrier does with a leg in line with what is wanted of it."""
    tx.enqueue(NewTask(TaskKind.SETTLE_LEG, f"settle:{leg_id}:{rev}", now, {"leg_id": leg_id}))


def watch(tx: DialogueTx, leg_id: str, due_at: datetime) -> None:
    """Promises to ask the carrier about a leg, should its reports be lost."""
    tx.enqueue(NewTask(TaskKind.WATCH_LEG, f"watch:{leg_id}:{due_at.isoformat()}", due_at, {"leg_id": leg_id}))


class _Step:
    """One change of a conversation's legs inside its transaction; the conversation's row is locked."""

    def __init__(self, rooms: Conferences, tx: DialogueTx, conversation: Conversation) -> None:
        self._book = rooms.book
        self._now = rooms.clock.now()
        self.tx = tx
        self.conversation = conversation

    @property
    def talk(self) -> Talk:
        return talk_of(self.tx, self.conversation)

    # --- what is wanted

    def caller_in(self) -> Leg:
        """The caller's leg. Raises CallImpossible while he is not in the conference."""
        caller = self.talk.caller
        if caller is None or not caller.joined:
            raise CallImpossible("not_talking")
        return caller

    def nobody_else(self) -> None:
        if self.talk.other is not None:
            raise CallImpossible("already_calling")

    def ring(self, role: LegRole, callee: _Callee, operator_id: int | None, mode: LegMode = LegMode.TALK) -> None:
        leg = Leg(
            id=uuid.uuid4().hex, conversation_id=self.conversation.id,
            conference=self.talk.conference or uuid.uuid4().hex, role=role, address=callee.address, name=callee.name,
            started_at=self._now, operator_id=operator_id, wanted=mode, mode=mode,
        )  # fmt: skip
        self.tx.add_leg(leg)
        self.tx.enqueue(NewTask(TaskKind.RING_LEG, f"ring:{leg.id}", self._now, {"leg_id": leg.id}))
        watch(self.tx, leg.id, self._now + WATCH_RINGING)

    def want(self, leg: Leg, mode: LegMode) -> None:
        _want(self.tx, leg, mode, self._now)

    def bring_caller(self) -> None:
        """Into the conference if he is in the loop, off hold if he is there already."""
        caller, conference = self.talk.caller, self.talk.conference
        if caller is not None and caller.conference == conference:
            self.want(caller, LegMode.TALK)
            return
        leg = Leg(
            id=uuid.uuid4().hex, conversation_id=self.conversation.id, conference=conference, role=LegRole.CALLER,
            address="", name="", started_at=self._now, call_sid=self.conversation.external_id,
            heard_seq=self.conversation.last_seq,
        )  # fmt: skip
        self.tx.add_leg(leg)
        settle(self.tx, leg.id, "in", self._now)
        watch(self.tx, leg.id, self._now + WATCH_RINGING)

    def pass_on(self, colleague: Leg) -> None:
        """Who was consulted gets the caller: at once if he has answered, else when he does."""
        if colleague.joined:
            self._take(colleague)
        else:
            self.save(replace(colleague, role=LegRole.TRANSFER if colleague.operator_id else LegRole.OUTSIDE))

    def _take(self, leg: Leg) -> None:
        """Caller, and for a colleague the floor, go to this leg."""
        if leg.operator_id is None:
            self.save(replace(leg, role=LegRole.OUTSIDE))
        else:
            before = self.conversation
            moved = self.tx.move_floor(
                before.id, to=Floor.OPERATOR, operator_id=leg.operator_id, epoch=before.epoch, at=self._now
            )
            if moved is None:  # the row is locked: cannot be
                msg = f"conversation {before.id} moved on"
                raise StaleEpoch(msg)
            self.conversation = moved
            self.save(replace(leg, role=LegRole.OPERATOR))
            self._note("handoff.transferred", operator=leg.name)
            watch_operator(self.tx, moved, self._now + VANISHED_AFTER)
            for supervisor in self.talk.supervisors:
                if supervisor.wanted is LegMode.WHISPER:  # into the new holder's ear
                    settle(self.tx, supervisor.id, f"coach:{moved.epoch}", self._now)
        self.bring_caller()

    # --- what is told

    def know(self, leg: Leg, *, call_sid: str = "", conference_sid: str = "") -> Leg:
        """Ids of the carrier come with whatever arrives first; the first ones stay."""
        known = replace(leg, call_sid=leg.call_sid or call_sid, conference_sid=leg.conference_sid or conference_sid)
        if known != leg:
            self.save(known)
        return known

    def joined(self, leg: Leg, report: Participant) -> None:
        if leg.state in (LegState.JOINED, LegState.ENDED):
            return
        leg = replace(leg, state=LegState.JOINED, joined_at=self._now, sequence=max(leg.sequence, report.sequence))
        if report.sequence >= leg.sequence:  # a later report about mute or hold may have overtaken this one
            leg = replace(leg, mode=report.mode)
        self.save(leg)
        watch(self.tx, leg.id, self._now + WATCH_TALKING)
        if self.conversation.floor is not Floor.OPERATOR or not leg.staying:
            self.want(leg, LegMode.OUT)
            settle(self.tx, leg.id, "out", self._now)
            return
        match leg.role:
            case LegRole.CALLER if not self.talk.speakers:
                self.want(leg, LegMode.OUT)
            case LegRole.OPERATOR:
                self.bring_caller()
            case LegRole.TRANSFER | LegRole.OUTSIDE:
                self._take(leg)
        if leg.mode is not self.tx.leg(leg.id).wanted:
            settle(self.tx, leg.id, "join", self._now)

    def ended(self, leg: Leg, outcome: str) -> None:
        if not leg.live:
            return
        self.save(replace(leg, state=LegState.ENDED, ended_at=self._now, outcome=outcome))
        leg = self.tx.leg(leg.id)
        log.info(
            "leg.ended", conversation=leg.conversation_id, role=leg.role, outcome=outcome, joined=bool(leg.joined_at)
        )
        if leg.role is LegRole.CALLER:
            for other in self.talk.staying:
                if other.conference == leg.conference:
                    self.want(other, LegMode.OUT)
            return
        if leg.failed and leg.role is not LegRole.SUPERVISOR:
            reason = self._book.word(
                f"words.call_{outcome.replace('-', '_')}" if outcome in OVER else "words.call_failed"
            )
            self._note("handoff.not_reached", name=leg.name, reason=reason)
        if self.conversation.floor is Floor.OPERATOR and leg.role in SPEAKERS:
            self._without(leg)

    def _without(self, leg: Leg) -> None:
        """Somebody who spoke with the caller, or was to, is not there any more."""
        talk = self.talk
        if leg.role is LegRole.OPERATOR and leg.operator_id == talk.holder_id and talk.consulted is not None:
            self.pass_on(talk.consulted)
        elif leg.role is LegRole.CONSULTED and talk.holder is not None:
            if talk.caller is not None:
                self.want(talk.caller, LegMode.TALK)
        elif not talk.speakers:
            self.say_to_caller("phone.connect_ended" if leg.joined_at and talk.caller_is_in else "phone.connect_failed")
            if talk.caller is not None:
                self.want(talk.caller, LegMode.OUT)
            else:
                self._interrupt_music()

    def save(self, leg: Leg) -> None:
        self.tx.save_leg(leg)

    # --- what is said

    def say_to_caller(self, script: str) -> None:
        """In the log; the hold loop speaks it, now or when the caller is back in it."""
        said = self._book.say(script)
        self._add(Author.BOT, said.chat, {"voice": said.voice, "script": said.script})

    def _interrupt_music(self) -> None:
        """Who waits for a telephone to be answered hears music; that it was not is said at once and not after the piece."""
        seq = self.conversation.last_seq
        payload = {"conversation_id": self.conversation.id, "seq": seq}
        self.tx.enqueue(NewTask(TaskKind.SPEAK_TO_CALLER, f"speak:{self.conversation.id}:{seq}", self._now, payload))

    def _note(self, script: str, **params: object) -> None:
        self._add(Author.SYSTEM, self._book.say(script, **params).chat, {"script": script})

    def _add(self, author: Author, text: str, data: Mapping[str, Any]) -> None:
        message = self.tx.add_message(self.conversation.id, author=author, text=text, at=self._now, data=dict(data))
        self.conversation = replace(self.conversation, last_seq=message.seq)
