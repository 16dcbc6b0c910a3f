"""One turn, from what was heard to what is said. The one page that names all steps.

    1 hear     what the resident said is stored before anything else happens
    2 decide   bot/ understands (danger words, then Rasa; no transaction is open), policy decides
    3 act      ticket, clocks, outbox row, conversation and reply are ONE transaction
    4 say      the script book words it for both channels

A repeated delivery of the same turn (same key) gets the stored reply. A crash between 1 and 3 leaves the utterance;
the repeated delivery goes on from there.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import structlog

from bot.understanding import EMERGENCIES, Intent, Source, Understanding
from dialogue.asking import on_hang_up
from dialogue.conversation import Author, Channel, Conversation, Floor, Message, Reply, Said, Then, Turn
from dialogue.decision import (
    AnswerRecheck,
    Command,
    Decision,
    GiveToOperator,
    LearnAddress,
    LeaveQueue,
    NoteIdentified,
    NoteMisunderstood,
    NoteWords,
    NudgeTicket,
    OpenTicket,
    RequestHandoff,
    Say,
    SettleCall,
)
from dialogue.draft import REPEAT_ALL, REPEAT_QUESTION
from dialogue.facts import Facts, Home, Notice, OpenCase
from dialogue.line import company, is_attended, standing, watch_queue
from dialogue.options import number_on_card, understand_choice, understand_digits
from dialogue.outgoing import our_answer
from dialogue.outgoing_facts import our_call_of
from dialogue.phone_number import as_said, to_e164
from dialogue.policy import Policy
from dialogue.ports import DialogueStore, DialogueTx, Understands
from dialogue.rechecks import recheck_answer
from dialogue.recordings import LeftMessage, keep_message
from dialogue.script_book import ScriptBook
from dialogue.state import DialogueState, merge
from dialogue.wording import Wording
from fulfillment.announcement import Announcement
from fulfillment.announcing import told_to
from fulfillment.calling import identified, resident_said, settle
from fulfillment.case import Case
from fulfillment.company import Household, OtherUnit
from fulfillment.open_ticket import Learned, TicketRequest, learn_address, nudge, open_ticket
from fulfillment.outbox import NewTask, TaskKind
from fulfillment.profile import in_force
from fulfillment.rechecks import answer_recheck
from fulfillment.standard import Standard
from fulfillment.ticket import Address, Ticket
from kernel.clock import Clock
from kernel.errors import StaleEpoch

log = structlog.get_logger()

OPEN_KEY = "open"
#: Nothing was heard.
NOTHING = Understanding("", Intent.FALLBACK, 0.0, emergency=False, source=Source.NOBODY)
#: Announces that a message is recorded: what was heard before the first second of it.
VOICEMAIL = "voicemail.prompt"
#: Whoever is recording a message has no other way to say that water runs.
DANGER_KEY = "*"
#: More than this of one utterance is not stored; danger words read all of it first.
LONGEST_UTTERANCE = 10_000
#: Said beside the matter: nobody who asks to hear it again means these.
_ASIDES = frozenset(
    {"hearing.not_heard", "hearing.not_heard_noise", "hearing.take_your_time", "hearing.here", "hearing.care_noted"}
)
_LOOK_BACK = 30  # messages
_PLAIN_WORDS = {
    Intent.AFFIRM: "words.plain_yes",
    Intent.DENY: "words.plain_no",
    Intent.ASK_HUMAN: "words.plain_human",
    Intent.REPEAT: "words.plain_repeat",
}


@dataclass(frozen=True, slots=True)
class Kit:
    """What every turn needs and no turn changes."""

    store: DialogueStore
    understander: Understands
    policy: Policy
    book: ScriptBook
    standard: Standard
    clock: Clock
    facts: Mapping[str, str]  # what answers are filled with (data/knowledge.yml)
    facts_of_profiles: Mapping[str, Mapping[str, str]]  # and instead, where the company has chosen a profile
    hotline_phone: str  # E.164; the big call button of safety cards


class Hotline:
    """The conversation engine of both channels. Safe to share between threads; holds no state of its own."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    def open(self, channel: Channel, external_id: str, peer: str) -> tuple[Conversation, Reply]:
        """Starts a conversation with greeting G4a, or returns the one that is open under this id with its first reply."""
        now = self._kit.clock.now()
        with self._kit.store.write() as tx:
            conversation = tx.add_conversation(
                Conversation(
                    id=uuid.uuid4().hex, channel=channel, external_id=external_id, peer=peer, floor=Floor.BOT,
                    opened_at=now, last_at=now,
                )
            )  # fmt: skip
            stored = tx.stored_reply(conversation.id, OPEN_KEY)
            if stored is not None:
                return conversation, Reply.from_json(stored)
            step = _Step(self._kit, tx, conversation, now)
            facts = step.facts(DialogueState(), NOTHING)
            decision = self._kit.policy.open(facts, self._kit.standard.calendar.moment(now))
            return tx.conversation(conversation.id), step.carry_out(decision, OPEN_KEY)

    def begin(self, conversation: Conversation, key: str, decision: Decision) -> tuple[Conversation, Reply]:
        """Another beginning than the greeting (dialogue.our_calls). A call that we know already goes on as what it is now.

        The reply is stored under `key`; the same twice is the same as once.
        """
        now = self._kit.clock.now()
        with self._kit.store.write() as tx:
            known = tx.add_conversation(conversation)
            stored = tx.stored_reply(known.id, key)
            if stored is not None:
                return known, Reply.from_json(stored)
            changed = replace(known, peer=conversation.peer, household_id=conversation.household_id, last_at=now)
            reply = _Step(self._kit, tx, changed, now).carry_out(decision, key)
            return tx.conversation(known.id), reply

    def handle_turn(self, turn: Turn) -> Reply:
        """The answer to one turn; see the module's docstring. Raises NotFound, StoreBusy."""
        conversation, reply = self._hear(turn)
        if reply is not None:
            return reply
        heard, choice = self._understand(turn, conversation)
        return self._answer(turn, heard, choice)

    def message_left(self, conversation_id: str, key: str, left: LeftMessage) -> Reply:
        """A recorded message is over, by whatever ended it: it becomes a callback with the recording, in the caller's place.

        Nothing was said: a callback all the same. The key for danger ends it as an emergency. Told twice (by the verb and
        by the recording's own callback, before or after the end of the call), it is one.
        """
        if left.pressed == DANGER_KEY:
            return self.handle_turn(Turn(conversation_id, f"{key}-danger", choice=f"intent:{Intent.LEAK_INSIDE}"))
        now = self._kit.clock.now()
        with self._kit.store.write() as tx:
            conversation = tx.conversation(conversation_id, for_update=True)
            stored = tx.stored_reply(conversation_id, key)
            if stored is not None:
                return Reply.from_json(stored)
            step = _Step(self._kit, tx, conversation, now)
            reply = step.carry_out(step.after_message(left), key)
            if left.is_spoken and step.ticket is not None:
                keep_message(tx, conversation_id, step.ticket.id, left, announced=VOICEMAIL, now=now)
            return reply

    def half_heard(self, turn: Turn, part: int) -> None:
        """What has been said so far in a turn that goes on. `part` counts from 0; parts may come late and out of order.

        The carrier drops the turn of a caller who hangs up in the middle of it; a leak that was cried into a line that broke
        off must not be lost with it. It counts when he is gone, and otherwise never: the whole turn is the better one.
        """
        with self._kit.store.write() as tx:
            conversation = tx.conversation(turn.conversation_id, for_update=True)
            if tx.stored_reply(turn.conversation_id, turn.key) is not None:
                return
            tx.keep_half_heard(turn.conversation_id, turn.key, part, turn.text)
        if conversation.floor is Floor.ENDED:
            self.hang_up(turn.conversation_id)

    def _answer_half_heard(self, conversation_id: str) -> bool:
        with self._kit.store.read() as tx:
            half = tx.half_heard(conversation_id)
            if half is None or tx.stored_reply(conversation_id, half[0]) is not None:
                return False
        key, words = half
        self.handle_turn(Turn(conversation_id, key, text=words))
        return True

    def hang_up(self, conversation_id: str, *, silent_since: datetime | None = None) -> None:
        """The caller is gone: what is known becomes a ticket, the floor is closed. Twice is the same as once.

        With `silent_since` only if nothing has happened in the conversation since then; it is told that it is closed.
        """
        if silent_since is not None:
            self._end(conversation_id, silent_since)
            return
        self._answer_half_heard(conversation_id)
        self._end(conversation_id)
        if self._answer_half_heard(conversation_id):  # it came in between, and opened the conversation again
            self._end(conversation_id)

    def _end(self, conversation_id: str, silent_since: datetime | None = None) -> None:
        now = self._kit.clock.now()
        with self._kit.store.write() as tx:
            conversation = tx.conversation(conversation_id, for_update=True)
            if conversation.floor is Floor.ENDED or (silent_since is not None and conversation.last_at >= silent_since):
                return
            if silent_since is not None:
                said = self._kit.book.say("greeting.closed_silent")
                data = {"voice": said.voice, "script": said.script}
                tx.add_message(conversation_id, author=Author.BOT, text=said.chat, at=now, data=data)
            state = DialogueState.from_json(conversation.state)
            step = _Step(self._kit, tx, conversation, now)
            waiting = conversation.floor is Floor.QUEUE
            for command in on_hang_up(state, waiting=waiting, reachable=bool(conversation.peer or state.reported_by)):
                state = step.act(command, state)
            tx.save_conversation(replace(step.conversation, state=state.to_json(), last_at=now))
            tx.move_floor(conversation_id, to=Floor.ENDED, operator_id=None, epoch=step.conversation.epoch, at=now)

    def leak_heard(self, conversation_id: str, operator_id: int) -> None:
        """The holder of the floor was told of a leak on the telephone, where nothing of ours listens: ticket and alarm, as
        if the bot had heard it. Pressed twice it is one. Raises StaleEpoch if somebody else has the floor.
        """
        now = self._kit.clock.now()
        with self._kit.store.write() as tx:
            conversation = tx.conversation(conversation_id, for_update=True)
            if conversation.floor is not Floor.OPERATOR or conversation.operator_id != operator_id:
                msg = f"operator {operator_id} does not hold conversation {conversation_id}"
                raise StaleEpoch(msg)
            step = _Step(self._kit, tx, conversation, now)
            state = step.state
            if state.emergency_ticket_id is not None:
                return
            symptom = state.symptom or self._kit.book.word("words.leak_told_to_operator")
            state = step.act(OpenTicket(Intent.LEAK_INSIDE.value, symptom), state)
            step.note_emergency("handoff.emergency_told")
            tx.save_conversation(replace(step.conversation, state=state.to_json(), last_at=now))

    # --- 1 hear ------------------------------------------------------------------------------------------------

    def _hear(self, turn: Turn) -> tuple[Conversation, Reply | None]:
        with self._kit.store.write() as tx:
            conversation = tx.conversation(turn.conversation_id)
            stored = tx.stored_reply(turn.conversation_id, turn.key)
            if stored is not None:
                return conversation, Reply.from_json(stored)
            words = turn.text[:LONGEST_UTTERANCE] or turn.digits
            if words:
                data = {"digits": turn.digits} if turn.digits else {}
                tx.add_message(
                    conversation.id, author=Author.RESIDENT, text=words, at=self._kit.clock.now(),
                    data=data, client_id=_utterance_key(turn),
                )  # fmt: skip
            return conversation, None

    # --- 2 decide: understand ----------------------------------------------------------------------------------

    def _understand(self, turn: Turn, conversation: Conversation) -> tuple[Understanding, str]:
        if turn.choice and turn.choice != "text":
            return understand_choice(turn.choice, turn.text), turn.choice
        if turn.digits:
            return understand_digits(turn.digits, DialogueState.from_json(conversation.state))
        if not turn.text.strip():
            return NOTHING, ""
        heard = self._kit.understander.understand(turn.text)
        heard = heard if heard.model_available else self._plainly(heard)
        return self._kit.policy.in_answer(heard, DialogueState.from_json(conversation.state)), ""

    def _plainly(self, heard: Understanding) -> Understanding:
        """What we tell people to say ("yes", "a person", "again") is understood without the model, alone and no more."""
        said = heard.text.strip(self._kit.book.word("words.marks"))
        for intent, key in _PLAIN_WORDS.items():
            if said in self._kit.book.word(key).split(","):
                return replace(heard, intent=intent, confidence=1.0)
        return heard

    # --- 3 act, 4 say ------------------------------------------------------------------------------------------

    def _answer(self, turn: Turn, heard: Understanding, choice: str) -> Reply:
        now = self._kit.clock.now()
        with self._kit.store.write() as tx:
            conversation = tx.conversation(turn.conversation_id, for_update=True)
            stored = tx.stored_reply(turn.conversation_id, turn.key)
            if stored is not None:  # a concurrent delivery of the same turn was faster
                return Reply.from_json(stored)
            step = _Step(self._kit, tx, conversation, now)
            step.note_understanding(turn, heard)
            if conversation.floor is Floor.ENDED:
                step.reopen()
            recheck = recheck_answer(tx, step.conversation, heard, choice, self._kit.book)
            if recheck is not None:
                decision = recheck
            elif step.conversation.floor is Floor.OPERATOR:
                decision = step.with_operator(heard, choice)
            elif step.conversation.floor is Floor.QUEUE:
                decision = step.in_queue(heard, choice)
            else:
                decision = step.decide(heard, choice)
            log.info(
                "turn", conversation=conversation.id, channel=conversation.channel, intent=heard.intent,
                confidence=round(heard.confidence, 3), source=heard.source, emergency=heard.emergency, why=decision.reason,
            )  # fmt: skip
            return step.carry_out(decision, turn.key)


def _utterance_key(turn: Turn) -> str:
    return turn.key


class _Step:
    """One turn inside its transaction."""

    def __init__(self, kit: Kit, tx: DialogueTx, conversation: Conversation, now: datetime) -> None:
        self.kit = kit
        self.tx = tx
        self.conversation = conversation
        self.now = now
        self.ticket: Ticket | None = None  # opened or touched by this turn
        self.wording = Wording(kit.book, kit.standard, lambda community_id: tx.community(community_id).name)

    @property
    def state(self) -> DialogueState:
        return DialogueState.from_json(self.conversation.state)

    def note_understanding(self, turn: Turn, heard: Understanding) -> None:
        """What was understood stays with the utterance, for the operator and for whoever improves the model."""
        words = turn.text[:LONGEST_UTTERANCE] or turn.digits
        if not words:
            return
        message = self.tx.add_message(
            self.conversation.id, author=Author.RESIDENT, text=words, at=self.now, client_id=_utterance_key(turn)
        )
        understood = {
            "intent": heard.intent,
            "category": heard.category,
            "confidence": round(heard.confidence, 4),
            "emergency": heard.emergency,
            "source": heard.source,
            "entities": [{"kind": e.kind, "value": e.value, "text": e.text} for e in heard.entities],
        }
        data = {**message.data, "understanding": understood}
        if turn.confidence is not None:
            data["speech_confidence"] = turn.confidence
        self.tx.set_message_data(self.conversation.id, message.seq, data)

    def note_misunderstood(self, intent: str) -> None:
        """The utterance that was taken for this keeps what was understood, marked as wrong."""
        last_seq = self.tx.conversation(self.conversation.id).last_seq
        recent = self.tx.messages(self.conversation.id, after=max(0, last_seq - _LOOK_BACK))
        for message in reversed(recent):
            understood = message.data.get("understanding", {})
            if understood.get("intent") == intent and understood.get("source") == Source.MODEL:
                data = {**message.data, "understanding": {**understood, "denied": True}}
                self.tx.set_message_data(self.conversation.id, message.seq, data)
                return

    def reopen(self) -> None:
        """A resident who writes again after the end is never ignored."""
        moved = self.tx.move_floor(
            self.conversation.id, to=Floor.BOT, operator_id=None, epoch=self.conversation.epoch, at=self.now
        )
        before = self.state
        fresh = DialogueState(earlier_ticket_ids=(*before.earlier_ticket_ids, *before.ticket_ids))
        self.conversation = replace(moved or self.tx.conversation(self.conversation.id), state=fresh.to_json())

    # --- who has the floor ---

    def decide(self, heard: Understanding, choice: str) -> Decision:
        state = self.state
        ours = our_answer(our_call_of(self.tx, state, self.kit.standard), state, heard, choice)
        return ours or self.kit.policy.decide(state, heard, self.facts(state, heard), choice)

    def with_operator(self, heard: Understanding, choice: str) -> Decision:
        """The bot is silent, but not about an emergency: its ticket opens, the operator is told, and the safety words are said.

        Nobody is talked over: these words were heard in the hold loop (or read in the chat), where the operator types. While
        he talks on the telephone the bot hears nothing, and his call bar shows him the words to read out.
        """
        state = self.state
        if not heard.emergency or state.emergency_ticket_id is not None:
            nudges = tuple(NudgeTicket(case.id) for case in self.cases_on_card(choice, heard))
            return Decision(state, (), nudges, state.options, then=Then.WAIT, reason="operator has the floor")
        slots = merge(state.slots, heard).slots
        kind = heard.intent.value if heard.category == "leak" else Intent.LEAK_INSIDE.value
        state = self.act(OpenTicket(kind, heard.text), replace(state, slots=slots))
        self.note_emergency("handoff.emergency_noticed")
        return Decision(
            state, (Say(f"safety.{kind}"),), options=state.options, then=Then.WAIT,
            reason="emergency while an operator has the floor",
        )  # fmt: skip

    def note_emergency(self, script: str) -> None:
        """For the operator: the ticket that was opened just now."""
        notice = self.kit.book.say(script, number=self.ticket.number if self.ticket else "")
        self.tx.add_message(
            self.conversation.id, author=Author.SYSTEM, text=notice.chat, at=self.now, data={"script": notice.script}
        )

    def in_queue(self, heard: Understanding, choice: str) -> Decision:
        """Waiting: an emergency at once; a callback, the bot or a message instead of waiting; everything else is kept for
        the operator. Who waits in silence on the telephone is told how the line moves.
        """
        state = self.state
        if heard.emergency or (state.matter in EMERGENCIES and heard.text and not choice):
            # The alarm has left, or leaves now; what is said next may tell where to go. The offers of the line stay.
            return replace(self.decide(heard, ""), then=Then.WAIT, options=state.options)
        wish = choice or self._wish(heard)
        on_the_phone = self.conversation.channel is Channel.PHONE
        if wish in ("callback", "back"):
            facts = self.facts(state, heard)
            return self.kit.policy.leave_queue(state, facts, callback=wish == "callback")
        say: tuple[Say, ...] = ()
        nudged = self.cases_on_card(choice, heard)
        if nudged:
            say = tuple(Say("ticket.nudged", {"number": case.number, "ticket_id": case.id}) for case in nudged)
            nudges = tuple(NudgeTicket(case.id) for case in nudged)
            return Decision(state, say, nudges, state.options, then=Then.WAIT, reason="nudged by its card")
        if wish == "message" and on_the_phone:
            return Decision(
                state, (Say(VOICEMAIL),), options=state.options, then=Then.RECORD, reason="leaves a message"
            )
        if wish == "stay":
            say = (Say("handoff.staying"),)
        elif heard.source is Source.NOBODY and on_the_phone:
            told = company(self.tx, self.conversation, self.kit.standard.queue, self.now)
            if told.leave:
                return self.kit.policy.leave_queue(state, self.facts(state, heard), callback=True)
            say = (Say(told.script),) if told.script else ()
        return Decision(state, say, options=state.options, then=Then.WAIT, reason="waits for a person")

    def cases_on_card(self, choice: str, heard: Understanding) -> Sequence[OpenCase]:
        """The open case whose card has the button that was pressed; none for any other button."""
        number = number_on_card(choice)
        return [case for case in self.facts(self.state, heard).open_cases if case.number == number] if number else ()

    def after_message(self, left: LeftMessage) -> Decision:
        """The bot goes on where the caller is with it, or waits; whoever talks with a person, or has gone, hears nothing."""
        state, floor = self.state, self.conversation.floor
        if state.matter in EMERGENCIES and state.emergency_ticket_id is not None:
            self.ticket = self.tx.ticket(state.emergency_ticket_id)  # said beside an alarm: it belongs to it
            return Decision(state, (), options=state.options, then=Then.WAIT, reason="message beside an emergency")
        if floor in (Floor.BOT, Floor.QUEUE):
            return self.kit.policy.message_left(state, self.facts(state, NOTHING), spoken=left.is_spoken)
        commands = (OpenTicket("callback", state.symptom),) if left.is_spoken else ()
        then = Then.HANG_UP if floor is Floor.ENDED else Then.WAIT
        return Decision(state, (), commands, state.options, then=then, reason="message, and nobody to tell")

    def _wish(self, heard: Understanding) -> str:
        """What somebody who waits wants, in words that need no model."""
        wishes = ("callback", "message", "back", "stay")
        word = self.kit.book.word
        return next((w for w in wishes if any(p in heard.text for p in word(f"words.said_{w}").split(","))), "")

    # --- facts ---

    def facts(self, state: DialogueState, heard: Understanding) -> Facts:
        tx, peer = self.tx, self.conversation.peer
        merged = merge(state.slots, heard)
        address = merged.slots.address
        caller = tx.households_by_phone(peer) if peer else ()
        at_address = tx.households_at(address) if address.community_id is not None else ()
        homes = {h.id: h for h in (*caller, *at_address)}
        concerned = {h.community_id for h in caller} if address.community_id is None else {address.community_id}
        ids = {i for i in (address.community_id, *merged.doubtful) if i is not None}
        communities = [tx.community(i) for i in sorted(ids)]
        cases = tx.open_tickets(
            conversation_id=self.conversation.id,
            contact_phone=peer or None,
            household_id=state.home_id if state.home_confirmed else None,
        )
        words = {i: self._home(h) for i, h in homes.items()}
        return Facts(
            channel=self.conversation.channel,
            peer=peer,
            person_on_duty=is_attended(tx, self.kit.standard.queue, self.now),
            caller_homes=tuple(words[h.id] for h in caller),
            homes_at_address=tuple(words[h.id] for h in at_address),
            open_cases=tuple(OpenCase(t.id, t.kind, t.number) for t in cases),
            community_names={c.id: c.name for c in communities},
            property_units={
                c.id: OtherUnit("property", c.property_unit, c.property_phone) for c in communities if c.property_phone
            },
            notices=tuple(self._notice(a) for a in told_to(tx, sorted(concerned), self.now)),
        )

    def _notice(self, announcement: Announcement) -> Notice:
        end = announcement.expected_end
        until = self.wording.when(end, self.now) if end is not None and end > self.now else None
        return Notice(announcement.id, announcement.what, until)

    def _home(self, household: Household) -> Home:
        address = household_address(household)
        community = self.tx.community(household.community_id)
        butler = self.tx.staff(community.butler_id)
        return Home(
            id=household.id,
            address=address,
            words=self.wording.address(address),
            card_number=household.card_number,
            name=household.name,
            phone=household.phone,
            paid=household.paid,
            installation=household.installation,
            butler={
                "butler": butler.name,
                "agent": butler.number,
                "butler_phone": as_said(butler.phone),
                "station": self.tx.station(community.station_id).name,
            },
        )

    # --- act ---

    def act(self, command: Command, state: DialogueState) -> DialogueState:
        """Carries out one command in this transaction; returns the state that knows its outcome."""
        tx, now, standard = self.tx, self.now, self.kit.standard
        match command:
            case OpenTicket(kind="callback"):
                state = self._promise_callback(command, state)
            case OpenTicket():
                request = TicketRequest(
                    kind=command.kind,
                    symptom=command.symptom,
                    conversation_id=self.conversation.id,
                    known=self._known(state, command.kind),
                )
                self.ticket, _ = open_ticket(tx, request, standard=standard, now=now)
                tickets = tuple(dict.fromkeys((*state.ticket_ids, self.ticket.id)))
                state = replace(state, ticket_ids=tickets)
                return replace(state, emergency_ticket_id=self.ticket.id) if self.ticket.emergency else state
            case LearnAddress():
                known = self._known(state, tx.ticket(command.ticket_id).kind)
                self.ticket = learn_address(tx, command.ticket_id, known, standard=standard, now=now)
            case NudgeTicket():
                case = Case(tx, tx.ticket(command.ticket_id, for_update=True), standard=standard, now=now)
                nudge(case, by="resident")
                self.ticket = case.ticket
            case NoteMisunderstood():
                self.note_misunderstood(command.intent)
            case RequestHandoff():
                watch_queue(tx, self._move(Floor.QUEUE), now, standard.queue)
            case LeaveQueue():
                self._move(Floor.BOT)
            case AnswerRecheck():
                case = Case(tx, tx.ticket(command.ticket_id, for_update=True), standard=standard, now=now)
                answer_recheck(case, warm=command.warm, by="resident")
            case _:
                self._act_on_our_call(command, state)
        return state

    def _promise_callback(self, command: OpenTicket, state: DialogueState) -> DialogueState:
        """The same promise of one conversation is one ticket; the place in line is kept for it."""
        tx, now = self.tx, self.now
        open_ones = tx.open_tickets(conversation_id=self.conversation.id)
        known = next((t for t in open_ones if t.kind == command.kind), None)
        if known is None:
            request = TicketRequest(
                command.kind, command.symptom, self.conversation.id, self._known(state, command.kind)
            )
            known, _ = open_ticket(tx, request, standard=self.kit.standard, now=now)
        self.ticket = known
        if self.conversation.floor is not Floor.OPERATOR:  # a person has him already
            tx.keep_place(self.conversation.id, ticket_id=known.id, phone=known.contact_phone, at=now)
        return replace(state, ticket_ids=tuple(dict.fromkeys((*state.ticket_ids, known.id))))

    def _act_on_our_call(self, command: Command, state: DialogueState) -> None:
        tx, now, standard = self.tx, self.now, self.kit.standard
        if state.our_call_id is None:
            raise AssertionError("only a call of ours is settled")
        match command:
            case NoteIdentified():
                identified(tx, state.our_call_id)
            case SettleCall():
                settle(tx, state.our_call_id, command.result, command.words, standard=standard, now=now)
            case NoteWords():
                resident_said(tx, state.our_call_id, command.words, standard=standard, now=now)
            case GiveToOperator():
                payload = {
                    "conversation_id": self.conversation.id,
                    "operator_id": tx.resident_call(state.our_call_id).operator_id,
                }
                tx.enqueue(NewTask(TaskKind.CONNECT_CALLBACK, f"callback-{self.conversation.id}", now, payload))

    def _move(self, to: Floor) -> Conversation:
        """The row is locked by this transaction: the epoch read is the epoch stored."""
        moved = self.tx.move_floor(
            self.conversation.id, to=to, operator_id=None, epoch=self.conversation.epoch, at=self.now
        )
        if moved is not None:
            self.conversation = replace(moved, state=self.conversation.state)
        return self.conversation

    def _known(self, state: DialogueState, kind: str) -> Learned:
        """What the slots know; without an address the caller's only registered home, marked as not confirmed.

        A time is that of a visit only where a visit is arranged: "the water has been running since this morning" arranges none.
        """
        slots, address, home_id, guessed = state.slots, state.slots.address, state.home_id, state.home_guessed
        told = {
            "part": slots.part,
            "place_at_home": slots.place_at_home,
            "temperature": slots.temperature,
            "visit_time": slots.visit_time if "visit_time" in self.kit.standard.kind(kind).asks else "",
            "story": slots.story,
            "care_for": state.care_for,
            "vulnerable": "yes" if state.care_for else "",  # J1: comes first
        }
        details = {name: value for name, value in told.items() if value}
        if not address.is_findable and not state.home_denied and self.conversation.peer:
            homes = self.tx.households_by_phone(self.conversation.peer)
            if len(homes) == 1:
                address, home_id, guessed = household_address(homes[0]), homes[0].id, True
        details["address_unconfirmed"] = "yes" if home_id is not None and guessed and not state.home_confirmed else ""
        return Learned(
            address=address,
            household_id=home_id,
            contact_name=slots.name,
            contact_phone=to_e164(slots.phone) or self.conversation.peer,
            details=details | ({"reported_by": state.reported_by} if state.reported_by else {}),
            actor=state.reported_by or "resident",
        )

    # --- say ---

    def carry_out(self, decision: Decision, key: str) -> Reply:
        """Acts, words the reply, and stores conversation, messages and reply."""
        state = decision.state
        for command in decision.commands:
            state = self.act(command, state)
        said = [s for say in decision.say for s in self._phrase(say, state)]
        options = tuple(replace(o, label=self._label(o.label)) for o in decision.options)
        state = replace(state, options=options)
        tx, conversation = self.tx, self.conversation
        for number, one in enumerate(said, 1):
            last = number == len(said)
            data: dict[str, Any] = {"voice": one.voice, "script": one.script, "interruptible": one.interruptible}
            if one.card:
                data["card"] = one.card
            if last and options:
                data["quick_replies"] = [{"choice": o.choice, "label": o.label} for o in options]
            tx.add_message(conversation.id, author=Author.BOT, text=one.chat, at=self.now, data=data)
        last_seq = tx.conversation(conversation.id).last_seq
        tx.save_conversation(replace(conversation, state=state.to_json(), last_at=self.now, household_id=state.home_id))
        reply = Reply(
            said=tuple(said), quick_replies=options, expect=decision.expect, then=decision.then,
            turn_number=tx.turn_count(conversation.id) + 1, ticket_ids=state.ticket_ids, last_seq=last_seq,
        )  # fmt: skip
        tx.store_reply(conversation.id, key, reply.to_json())
        return reply

    def _label(self, label: str) -> str:
        """A word of the book, or a name (a community's) as it stands."""
        return self.kit.book.word(label) if label.startswith("words.") else label

    def _phrase(self, say: Say, state: DialogueState) -> Sequence[Said]:
        if say.key in (REPEAT_ALL, REPEAT_QUESTION):
            return self._last_said() if say.key == REPEAT_ALL else self._question_said(state.asked_in)
        params = self._context(say, state) | say.params
        said = self.kit.book.say(say.key, **params)
        kind = said.card["kind"] if said.card else ""
        ticket = self._ticket_of(say)
        card: Mapping[str, Any] | None = None
        if kind == "safety":
            card = {"phone": as_said(self.kit.hotline_phone)}
        elif kind == "call_unit":
            card = {"phone": params["phone"]}
        elif kind == "ticket" and ticket is not None:
            card = self.wording.ticket_card(ticket, self.tx.clocks([ticket.id]).get(ticket.id, ()))
        return (replace(said, card={"kind": kind, **card} if card is not None else None),)

    def _context(self, say: Say, state: DialogueState) -> dict[str, object]:
        """What scripts may name without the policy knowing it: the ticket's number and promise, the address in words."""
        context: dict[str, object] = {
            **self.kit.facts,
            "address": self.wording.address(state.slots.address),
            "phone": as_said(to_e164(state.slots.phone) or self.conversation.peer),
            "symptom": self.wording.symptom(state.symptom),
        }
        if say.key.startswith("knowledge.") and self.kit.facts_of_profiles:
            for theme, choice in in_force(self.tx.profile_choices(), self.now).items():
                context |= self.kit.facts_of_profiles.get(f"{theme}.{choice}", {})
        if say.key.startswith("handoff."):
            rules = self.kit.standard.queue
            context["line"] = standing(self.tx, self.conversation.id, rules, self.now).words(self.kit.book, rules)
        ticket = self._ticket_of(say)
        if ticket is not None:
            clocks = self.tx.clocks([ticket.id]).get(ticket.id, ())
            kind = self.kit.standard.kind(ticket.kind)
            visit_time = ticket.details.get("visit_time", "") if "visit_time" in kind.asks else ""
            context |= {
                "number": ticket.number,
                "title": kind.title,
                "state": self.wording.state(ticket),
                "promise": self.wording.promise(clocks, self.now, visit_time=visit_time),
            }
        return context

    def _ticket_of(self, say: Say) -> Ticket | None:
        ticket_id = say.params.get("ticket_id")
        return self.tx.ticket(ticket_id) if isinstance(ticket_id, int) else self.ticket

    def _last_said(self) -> Sequence[Said]:
        """What the bot said last of the matter, as it was; sentences of one turn have one instant."""
        spoken = [m for m in self._recently_spoken() if m.data["script"] not in _ASIDES]
        return [_as_said(m) for m in spoken if m.at == spoken[-1].at]

    def _question_said(self, script: str) -> Sequence[Said]:
        """The open question in the words in which it was asked."""
        return [_as_said(m) for m in self._recently_spoken() if m.data["script"] == script][-1:]

    def _recently_spoken(self) -> Sequence[Message]:
        last_seq = self.tx.conversation(self.conversation.id).last_seq
        recent = self.tx.messages(self.conversation.id, after=max(0, last_seq - _LOOK_BACK))
        return [m for m in recent if m.author is Author.BOT and "script" in m.data]


def _as_said(message: Message) -> Said:
    data = message.data
    return Said(data["script"], message.text, data["voice"], data.get("interruptible", True), data.get("card"))


def household_address(household: Household) -> Address:
    return Address(household.community_id, household.building, household.unit, household.room)
