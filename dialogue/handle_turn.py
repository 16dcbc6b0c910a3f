"""One turn, from what was heard to what is said. The one page that names all steps.

    1 hear     what the resident said is stored before anything else happens
    2 decide   bot/ understands (danger words, then Rasa; no transaction is open), policy decides
    3 act      ticket, clocks, outbox row, conversation and reply are ONE transaction
    4 say      the script book words it for both channels

A repeated delivery of the same turn (same key) gets the stored reply. A crash between 1 and 3 leaves the utterance;
the repeated delivery goes on from there, or the worker does if there is none (dialogue.unanswered).
"""

import uuid
from dataclasses import replace
from datetime import datetime

import structlog

from bot.understanding import Intent, Understanding
from dialogue.asking import on_hang_up
from dialogue.conversation import Author, Channel, Conversation, Floor, Reply, Then, Turn
from dialogue.decision import Decision, OpenTicket, Say
from dialogue.kit import Kit
from dialogue.leak_question import ASKED
from dialogue.options import understand_choice, understand_digits
from dialogue.rechecks import recheck_answer
from dialogue.recordings import LeftMessage, keep_message
from dialogue.state import DialogueState
from dialogue.step import LONGEST_UTTERANCE, NOTHING, VOICEMAIL, Step, utterance_key
from dialogue.unanswered import is_answered, promise_answer, promise_answer_to_half
from fulfillment.appointments import SlotTaken
from kernel.errors import StaleEpoch

log = structlog.get_logger()

OPEN_KEY = "open"
#: So often in one turn the wanted time of a visit may be lost to somebody faster.
MOST_RACES = 3
#: Whoever is recording a message has no other way to say that water runs.
DANGER_KEY = "*"
_PLAIN_WORDS = {
    Intent.AFFIRM: "words.plain_yes",
    Intent.DENY: "words.plain_no",
    Intent.ASK_HUMAN: "words.plain_human",
    Intent.REPEAT: "words.plain_repeat",
}


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
            step = Step(self._kit, tx, conversation, now)
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
            reply = Step(self._kit, tx, changed, now).carry_out(decision, key)
            return tx.conversation(known.id), reply

    def handle_turn(self, turn: Turn) -> Reply:
        """The answer to one turn; see the module's docstring. Raises NotFound, StoreBusy."""
        conversation, reply = self._hear(turn)
        if reply is not None:
            return reply
        heard, choice = self._understand(turn, conversation)
        for _ in range(MOST_RACES):
            try:
                return self._answer(turn, heard, choice)
            except SlotTaken:
                # Between the look and the booking. Nothing of this answer is stored, the next one sees that it is gone.
                log.info("slot_taken", conversation=turn.conversation_id)
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
            step = Step(self._kit, tx, conversation, now)
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
            promise_answer_to_half(tx, turn, self._kit.clock.now())
        if conversation.floor is Floor.ENDED:
            self.hang_up(turn.conversation_id)

    def leak_unanswered(self, conversation_id: str, key: str, *, seq: int) -> None:
        """Silence after "is it a leak?" counts as a second unsure answer, and that as yes; `seq`: the last message then.

        Nothing happens if anything was said since, or a person has the floor: he sees the question. Twice is the same as once.
        """
        now = self._kit.clock.now()
        with self._kit.store.write() as tx:
            conversation = tx.conversation(conversation_id, for_update=True)
            state = DialogueState.from_json(conversation.state)
            waits = conversation.floor in (Floor.BOT, Floor.QUEUE)
            if state.asked != ASKED or conversation.last_seq != seq or not waits:
                return
            unsure = replace(conversation, state=replace(state, silences=1).to_json())
            step = Step(self._kit, tx, unsure, now)
            decision = step.decide(NOTHING, "")
            decision = replace(decision, say=(Say("safety.taken_for_leak"), *decision.say))
            if conversation.floor is Floor.QUEUE:
                decision = replace(decision, then=Then.WAIT, options=state.options)
            log.warning("leak_question_unanswered", conversation=conversation_id, why=decision.reason)
            step.carry_out(decision, key)

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
            step = Step(self._kit, tx, conversation, now)
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
            step = Step(self._kit, tx, conversation, now)
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
                    data=data, client_id=utterance_key(turn),
                )  # fmt: skip
            if words or turn.choice:
                promise_answer(tx, turn, self._kit.clock.now())
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
            is_answered(tx, turn)
            step = Step(self._kit, tx, conversation, now)
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
