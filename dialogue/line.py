"""The line of those who wait for a person: who stands where, what is told of it, and the look after whoever waits long.

A resident is never kept in it without a way out: place and time are told as far as they are known, nobody on duty is
said at once, and whoever waits long is asked again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dialogue.conversation import Author, Conversation, Floor, Message
from dialogue.floor import promise_assignment
from dialogue.options import waiting_options
from dialogue.ports import DialogueStore, DialogueTx
from dialogue.script_book import Both, ScriptBook
from fulfillment.calling import call_now
from fulfillment.case import Case
from fulfillment.outbox import NewTask, Task, TaskKind
from fulfillment.resident_calls import Purpose
from fulfillment.standard import Standard
from fulfillment.ticket import Ticket
from fulfillment.waiting import QueueRules, WaitKind, WaitState, expected_minutes, place_of
from kernel.clock import Clock
from kernel.errors import AlreadyTaken, Conflict

#: What is told over and over while somebody waits; neither is a word of the conversation.
POSITION, EMPTY_DESK, STAYING = "handoff.position", "handoff.nobody_on_duty", "handoff.staying"
_LOOK_BACK = 20


@dataclass(frozen=True, slots=True)
class Standing:
    """Where somebody stands. `place` 1 is next, 0 is not in line; `minutes` None: nobody can tell."""

    place: int
    minutes: int | None
    attended: bool  # an operator is on duty

    def words(self, book: ScriptBook, rules: QueueRules) -> Both:
        """What is told of it, e.g. `您前面还有2位,预计等待约4分钟`."""
        longest = rules.longest_told_minutes
        over = longest if self.minutes is not None and self.minutes > longest else 0
        parts = {"ahead": max(0, self.place - 1), "minutes": 0 if over else self.minutes or 0, "over": over}
        words = book.word("words.line", parts)
        return Both(words, words)


def is_attended(tx: DialogueTx, rules: QueueRules, now: datetime) -> bool:
    return bool(tx.present_operators(now - rules.present_within))


def standing(tx: DialogueTx, conversation_id: str, rules: QueueRules, now: datetime) -> Standing:
    """Two short queries, whoever asks."""
    place = place_of(tx.waiting_line(), conversation_id)
    minutes = expected_minutes(tx.recent_waits(now - rules.look_back), place, rules)
    return Standing(place, minutes, is_attended(tx, rules, now))


@dataclass(frozen=True, slots=True)
class Company:
    """What a caller hears who has waited in silence for a while."""

    script: str  # "" = nothing: something was said just now
    leave: bool = False  # the desk has been empty for too long: a callback is noted and the line left


def company(tx: DialogueTx, conversation: Conversation, rules: QueueRules, now: datetime) -> Company:
    told = [m for m in _recent(tx, conversation) if m.author in (Author.BOT, Author.OPERATOR)]
    if not is_attended(tx, rules, now):
        empty = _since_last(told, POSITION, STAYING)
        first = next((m.at for m in empty if m.data.get("script") == EMPTY_DESK), now)
        # Whoever chose to stay is not sent away after the first question: it is asked for a second time as long.
        times = 2 if any(m.data.get("script") == STAYING for m in told) else 1
        return Company(EMPTY_DESK, leave=now - first >= rules.leave_empty_desk_after * times)
    if told and now - told[-1].at < rules.announce_every / 2:
        return Company("")
    return Company(POSITION)


def _recent(tx: DialogueTx, conversation: Conversation) -> list[Message]:
    return list(tx.messages(conversation.id, after=max(0, conversation.last_seq - _LOOK_BACK)))


def _since_last(messages: list[Message], *scripts: str) -> list[Message]:
    last = max((n for n, m in enumerate(messages, 1) if m.data.get("script") in scripts), default=0)
    return messages[last:]


def watch_queue(
    tx: DialogueTx, conversation: Conversation, now: datetime, rules: QueueRules, not_to: Sequence[int] = ()
) -> None:
    """Somebody waits from now on: promise to ask again after a while, and to give a chat to whoever is free."""
    if rules.assign_chats and conversation.channel.is_written:
        promise_assignment(tx, conversation, now, not_to)
    _watch(tx, conversation, now, now + rules.ask_again_after)


def _watch(tx: DialogueTx, conversation: Conversation, since: datetime, due_at: datetime) -> None:
    payload = {"conversation_id": conversation.id, "epoch": conversation.epoch, "since": since.isoformat()}
    key = f"queue:{conversation.id}:{conversation.epoch}:{due_at.isoformat()}"
    tx.enqueue(NewTask(TaskKind.WATCH_QUEUE, key, due_at, payload))


@dataclass(frozen=True, slots=True)
class LineDeliveries:
    """The worker's side. Each re-reads the conversation first: the floor may have moved on."""

    store: DialogueStore
    book: ScriptBook
    standard: Standard
    clock: Clock

    def watch_queue(self, task: Task) -> None:
        """Nobody has come: go on waiting, a callback, a message? Asked after 3 minutes, then 6, 12 … (W6g)."""
        now, rules = self.clock.now(), self.standard.queue
        with self.store.write() as tx:
            conversation = tx.conversation(task.payload["conversation_id"], for_update=True)
            if conversation.floor is not Floor.QUEUE or conversation.epoch != task.payload["epoch"]:
                return
            where = standing(tx, conversation.id, rules, now)
            said = self.book.say(
                "handoff.ask_again" if where.attended else EMPTY_DESK, line=where.words(self.book, rules)
            )
            options = waiting_options(conversation.channel)
            data = {
                "voice": said.voice,
                "script": said.script,
                "quick_replies": [{"choice": o.choice, "label": self.book.word(o.label)} for o in options],
            }
            client_id = f"ask:{task.key}"
            tx.add_message(conversation.id, author=Author.BOT, text=said.chat, at=now, data=data, client_id=client_id)
            since = datetime.fromisoformat(task.payload["since"])
            _watch(tx, conversation, since, task.due_at + max(task.due_at - since, timedelta(minutes=1)))


@dataclass(frozen=True, slots=True)
class Callbacks:
    """The operator's side of callbacks in line. Safe to share between threads."""

    store: DialogueStore
    standard: Standard
    clock: Clock

    def take(self, wait_id: int, operator_id: int) -> Ticket:
        """It is this resident's turn: he is rung for this operator, in the calling hours (N7). Without a number there is only
        what he said. Raises AlreadyTaken, Conflict (no longer in line, or nobody is owed a call), NotFound.
        """
        now = self.clock.now()
        with self.store.write() as tx:
            wait = tx.wait(wait_id, for_update=True)
            operator = tx.operator(operator_id)
            if wait.state is WaitState.TAKEN and wait.operator_id not in (None, operator_id):
                raise AlreadyTaken(tx.operator(wait.operator_id or 0).name)
            if wait.kind is not WaitKind.CALLBACK or wait.ticket_id is None or wait.state is WaitState.LEFT:
                raise Conflict(f"stay {wait_id} is {wait.state}")
            ticket = tx.ticket(wait.ticket_id, for_update=True)
            if not tx.end_wait(wait_id, state=WaitState.TAKEN, at=now, operator_id=operator_id):
                return ticket  # pressed twice
            case = Case(tx, ticket, standard=self.standard, now=now)
            case.tell("callback_taken", actor=operator.name, name=operator.name)
            if ticket.contact_phone:
                call_now(case, Purpose.CALLBACK, by=operator.name, operator_id=operator_id)
            return case.ticket


def waiting_words(tx: DialogueTx, conversation: Conversation, words: "LineWords") -> str:
    """For a page that shows it all the time; "" for who does not wait."""
    if conversation.floor is not Floor.QUEUE or not conversation.channel.is_written:
        return ""
    rules = words.standard.queue
    where = standing(tx, conversation.id, rules, words.clock.now())
    return where.words(words.book, rules).chat if where.attended else words.book.word("words.desk_is_empty")


@dataclass(frozen=True, slots=True)
class LineWords:
    """What it takes to word a place in line."""

    book: ScriptBook
    standard: Standard
    clock: Clock
