"""One message from WeChat, from being heard to being answered within five seconds, or later by itself.

    1 note      what was said, and the promise to answer it, are one commit
    2 answer    the dialogue's own turn (dialogue.handle_turn), beside the waiting webhook; an alarm is committed in it
    3 close     whatever lines are there leave in the webhook's answer; what is not goes by itself (wechat.sending)

The answer to a key is kept: a repeat of the same message, and WeChat sends up to three, gets the same one. What is
answered with nothing is answered by a message. A process that dies after 1 leaves the promise to the worker.
"""

import threading
import time
from dataclasses import dataclass
from datetime import timedelta

import structlog

from dialogue.conversation import Author, Channel, Conversation, Floor, Message, Turn
from dialogue.going_out import LEAVING, LEFT, sending_key, unsent, without_mark
from dialogue.ports import DialogueTx
from fulfillment.outbox import NewTask, Task, TaskKind
from kernel.errors import BadInput, CarrierRefused, HotlineError, StoreBusy
from wechat.heard import Heard, Kind
from wechat.menu import label_of
from wechat.ports import AccountRooms
from wechat.text import chosen, first_that_fit
from wechat.whose import external_id, goes_on, latest

#: WeChat hangs up after five seconds; the answer must be there by 4.5.
ANSWERED_WITHIN = 3.9
_NOTED_WITHIN, _CLOSED_WITHIN = 3.5, 0.4  # waiting for a locked database, in seconds
#: By then the process that heard it has answered, or is dead.
_WORKER_ANSWERS_AFTER = timedelta(seconds=8)
_LOOK_BACK = 20  # messages

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Reception:
    """Safe to share between threads and processes; holds no state of its own."""

    rooms: AccountRooms

    def receive(self, heard: Heard, *, at_once: bool = True) -> str:
        """The passive answer, "" for none. With `at_once` False it is only noted, and the worker answers.

        Raises StoreBusy: it could not even be noted, WeChat shall send it again.
        """
        began = time.monotonic()
        if heard.kind is Kind.NOTHING:
            return ""
        self.rooms.limit_waiting(_NOTED_WITHIN)
        with self.rooms.store.read() as tx:
            kept = tx.kept_answer(_answer_key(heard))
        if kept is not None:
            return kept
        conversation = self._conversation(heard)
        heard = self._note(conversation.id, heard, hurry=not at_once)
        if not at_once:
            return ""
        answered = threading.Event()
        threading.Thread(
            target=self._answer_beside, args=(conversation.id, heard, answered), name=heard.key, daemon=True
        ).start()
        answered.wait(max(0.0, began + ANSWERED_WITHIN - time.monotonic()))
        self.rooms.limit_waiting(_CLOSED_WITHIN)
        return self._close(conversation.id, heard)

    def answer_later(self, task: Task) -> None:
        """Deliverer of ANSWER_MESSAGE: for the process that has died meanwhile. Otherwise nothing is left to be done."""
        payload = dict(task.payload)
        conversation_id = payload.pop("conversation_id")
        self._answer(conversation_id, Heard.from_json(payload))
        self._send_now(conversation_id)

    # --- 1 note ------------------------------------------------------------------------------------------------

    def _conversation(self, heard: Heard) -> Conversation:
        """Whoever follows again is greeted again, unless we are still talking."""
        with self.rooms.store.read() as tx:
            known, number = latest(tx, heard.openid)
        if known is not None:
            ended = known.floor is Floor.ENDED
            if not (ended and heard.kind is Kind.FOLLOWED) and goes_on(known, self.rooms.clock.now()):
                return known
        opened, _ = self.rooms.hotline.open(Channel.WECHAT, external_id(heard.openid, number + 1), "")
        return opened

    def _note(self, conversation_id: str, heard: Heard, *, hurry: bool) -> Heard:
        """With the choice that the words are the label of. What is fetched or not read is stored when it is answered."""
        now = self.rooms.clock.now()
        with self.rooms.store.write() as tx:
            conversation = tx.conversation(conversation_id, for_update=True)
            if heard.kind is Kind.CHOSEN:
                heard = _worded(heard, label_of(heard.choice, self.rooms.book), heard.choice)
            elif heard.kind is Kind.WORDS:
                heard = _worded(heard, heard.text, chosen(_recent(tx, conversation), heard.text))
            if heard.kind is Kind.FOLLOWED:
                return heard  # the greeting was said when the conversation was opened
            if heard.text:
                tx.add_message(
                    conversation_id, author=Author.RESIDENT, text=heard.text, at=now, client_id=heard.key
                )  # as the dialogue stores it
            due_at = now if hurry else now + _WORKER_ANSWERS_AFTER
            payload = heard.to_json() | {"conversation_id": conversation_id}
            tx.enqueue(NewTask(TaskKind.ANSWER_MESSAGE, _answer_key(heard), due_at, payload))
        return heard

    # --- 2 answer ----------------------------------------------------------------------------------------------

    def _answer_beside(self, conversation_id: str, heard: Heard, answered: threading.Event) -> None:
        try:
            self._answer(conversation_id, heard)
        except HotlineError as exc:
            log.warning("wechat.answered_later", key=heard.key, error=repr(exc))  # the promise stands
        finally:
            answered.set()
        try:
            with self.rooms.store.read() as tx:
                hung_up = tx.kept_answer(_answer_key(heard)) is not None
            if hung_up:
                self._send_now(conversation_id)
        except StoreBusy as exc:
            log.warning("wechat.sent_later", key=heard.key, error=repr(exc))  # in a few seconds

    def _answer(self, conversation_id: str, heard: Heard) -> None:
        """May run twice: each kind is stored once by its key."""
        match heard.kind:
            case Kind.WORDS | Kind.CHOSEN if heard.text or heard.choice:
                self.rooms.hotline.handle_turn(Turn(conversation_id, heard.key, text=heard.text, choice=heard.choice))
            case Kind.PICTURE:
                self._take_picture(conversation_id, heard)
            case Kind.VOICE:
                self._not_read(conversation_id, heard, "words.voice_message", "wechat.voice_unheard")
            case Kind.OTHER:
                self._not_read(conversation_id, heard, "words.other_message", "wechat.cannot_read")

    def _take_picture(self, conversation_id: str, heard: Heard) -> None:
        if self._is_there(conversation_id, heard):
            return
        try:
            photograph = self.rooms.dark_room.draw(self.rooms.api.fetch_picture(heard.media))
        except (BadInput, CarrierRefused) as exc:
            log.info("wechat.picture_refused", key=heard.key, error=repr(exc))
            self._not_read(conversation_id, heard, "words.picture", "wechat.bad_picture")
            return
        self.rooms.pictures.take(conversation_id, heard.key, photograph)

    def _is_there(self, conversation_id: str, heard: Heard) -> bool:
        with self.rooms.store.read() as tx:
            recent = _recent(tx, tx.conversation(conversation_id))
        return any(m.client_id == f"turn:{heard.key}" for m in recent)

    def _not_read(self, conversation_id: str, heard: Heard, word: str, script: str) -> None:
        """It is on the operator's page that something came; whoever has only the bot is asked to write."""
        now = self.rooms.clock.now()
        with self.rooms.store.write() as tx:
            before = tx.conversation(conversation_id, for_update=True)
            if before.floor is Floor.ENDED:
                tx.move_floor(conversation_id, to=Floor.BOT, operator_id=None, epoch=before.epoch, at=now)
            line = tx.add_message(
                conversation_id, author=Author.RESIDENT, text=self.rooms.book.word(word), at=now,
                client_id=f"turn:{heard.key}",
            )  # fmt: skip
            if line.seq <= before.last_seq or before.floor is Floor.OPERATOR:
                return
            said = self.rooms.book.say(script)
            data = {"voice": said.voice, "script": said.script}
            tx.add_message(conversation_id, author=Author.BOT, text=said.chat, at=now, data=data)

    # --- 3 close -----------------------------------------------------------------------------------------------

    def _close(self, conversation_id: str, heard: Heard) -> str:
        """Takes what is there along. If the database is too busy even for that, it goes by itself."""
        key, now = _answer_key(heard), self.rooms.clock.now()
        try:
            with self.rooms.store.write() as tx:
                conversation = tx.conversation(conversation_id, for_update=True)
                kept = tx.kept_answer(key)
                if kept is not None:
                    return kept  # another delivery of the same message was faster
                waiting = unsent(tx, conversation)
                free = [] if any(LEAVING in line.data for line in waiting) else waiting  # the order is kept
                lines, text = first_that_fit(free, self._offer_call)
                for line in lines:
                    tx.set_message_data(conversation_id, line.seq, without_mark(line) | {LEFT: "answer"})
                return tx.keep_answer(key, text, now)
        except StoreBusy as exc:
            log.warning("wechat.sent_later", key=heard.key, error=repr(exc))
            return ""

    def _send_now(self, conversation_id: str) -> None:
        """Nobody waits for these lines any more: the worker need not wait either."""
        with self.rooms.store.write() as tx:
            for line in unsent(tx, tx.conversation(conversation_id)):
                tx.bring_forward(sending_key(line), self.rooms.clock.now())

    def _offer_call(self, phone: str) -> str:
        return self.rooms.book.say("wechat.call", phone=phone).chat


def _answer_key(heard: Heard) -> str:
    return f"wechat:{heard.openid}:{heard.key}"


def _worded(heard: Heard, text: str, choice: str) -> Heard:
    return Heard(heard.openid, heard.account, heard.key, heard.kind, text, choice, heard.media)


def _recent(tx: DialogueTx, conversation: Conversation) -> list[Message]:
    return list(tx.messages(conversation.id, after=max(0, conversation.last_seq - _LOOK_BACK)))
