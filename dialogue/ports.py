"""What the dialogue needs from the outside: a store with conversations, somebody who understands. Faked in tests/fakes.py."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime
from typing import Any, Protocol

from bot.understanding import Understanding
from dialogue.chat import Picture, Rating, Receipt, Side
from dialogue.conversation import Author, Channel, Conversation, Floor, Message
from dialogue.leg import Leg
from dialogue.private_note import PrivateNote
from fulfillment.look import Look
from fulfillment.ports import FulfillmentStore, FulfillmentTx


class DialogueTx(FulfillmentTx, Protocol):
    """One transaction over conversations and everything fulfillment writes."""

    def add_conversation(self, conversation: Conversation) -> Conversation:
        """Stores it, or returns the one that already has this channel and external_id."""
        ...

    def conversation(self, conversation_id: str, *, for_update: bool = False) -> Conversation:
        """Raises NotFound."""
        ...

    def conversation_by_external_id(self, channel: Channel, external_id: str) -> Conversation | None: ...

    def save_conversation(self, conversation: Conversation) -> None:
        """Writes every field but last_seq and seen_by_operator_at (those have writers of their own)."""
        ...

    def move_floor(
        self, conversation_id: str, *, to: Floor, operator_id: int | None, epoch: int, at: datetime
    ) -> Conversation | None:
        """One conditional UPDATE: moves the floor if the stored epoch still equals `epoch`; returns it with epoch + 1,
        or None if somebody was faster. waiting_since is set on QUEUE and cleared on OPERATOR, BOT, ENDED.
        A stay in the queue begins with QUEUE, is TAKEN with OPERATOR and LEFT otherwise; a callback waits on.
        """
        ...

    def operator_seen(self, conversation_id: str, operator_id: int, at: datetime) -> None:
        """Heartbeat of the holder's page."""
        ...

    def live_conversations(self) -> Sequence[Conversation]:
        """All that have not ended: waiting for a person first (longest first), then with operators, then with the bot (newest)."""
        ...

    def live_tops(self) -> Mapping[str, tuple[int, int]]:
        """Last number of the log and epoch of the floor, by conversation, of all that have not ended."""
        ...

    def silent_chats(self, before: datetime, limit: int = 100) -> Sequence[Conversation]:
        """Chats of the bot or the queue in which nothing has happened since then, longest silence first."""
        ...

    def silent_calls(self, before: datetime, limit: int = 100) -> Sequence[Conversation]:
        """Calls with the bot in which nothing has happened since then: the word of their end got lost."""
        ...

    def recent_conversations(self, limit: int = 50) -> Sequence[Conversation]:
        """Newest first, ended ones included."""
        ...

    def add_message(
        self,
        conversation_id: str,
        *,
        author: Author,
        text: str,
        at: datetime,
        data: dict[str, Any] | None = None,
        client_id: str | None = None,
    ) -> Message:
        """Appends with the next seq. A client_id that exists in this conversation returns the first row unchanged."""
        ...

    def set_message_data(self, conversation_id: str, seq: int, data: dict[str, Any]) -> None:
        """Replaces the `data` of a message (understanding is filled in after the utterance was stored)."""
        ...

    def messages(self, conversation_id: str, after: int = 0, limit: int = 200) -> Sequence[Message]:
        """In order of seq, those with seq > after."""
        ...

    def last_messages(self, conversation_ids: Collection[str], most: int) -> Mapping[str, Sequence[Message]]:
        """The last so many of each of them, in order of seq."""
        ...

    def add_private_note(self, note: PrivateNote) -> None:
        """Stores a note whose id is 0, once per client_id."""
        ...

    def private_notes(self, conversation_id: str) -> Sequence[PrivateNote]:
        """As they were written."""
        ...

    def add_look(self, look: Look) -> None:
        """Stores a look whose id is 0. Wakes no live page."""
        ...

    def looks(self, *, who: str = "", subject: str = "", before: int | None = None, limit: int = 100) -> Sequence[Look]:
        """The newest first; `who`, `subject`: "" = all; `before`: only those with a smaller id."""
        ...

    def forget_looks(self, before: datetime, most: int) -> int:
        """Deletes those of before an instant, the oldest first; returns how many. Of more than `most` the rest stays for the
        next time: everybody who writes waits meanwhile.
        """
        ...

    def stored_reply(self, conversation_id: str, key: str) -> dict[str, Any] | None:
        """The reply that was given to the turn with this key, as JSON."""
        ...

    def store_reply(self, conversation_id: str, key: str, reply: dict[str, Any]) -> bool:
        """False if there is one already (a concurrent delivery of the same turn was faster): then nothing is written."""
        ...

    def last_reply(self, conversation_id: str) -> dict[str, Any] | None:
        """The one with the highest turn number, under whatever key; None: nothing was replied yet."""
        ...

    def turn_count(self, conversation_id: str) -> int:
        """How many replies are stored."""
        ...

    def keep_half_heard(self, conversation_id: str, key: str, part: int, words: str) -> None:
        """What was said so far in the turn with this key; a part (from 0) that is older than what is kept is passed over."""
        ...

    def half_heard(self, conversation_id: str) -> tuple[str, str] | None:
        """Key and words of the last turn of which a part was kept, whether or not it was answered meanwhile."""
        ...

    def kept_answer(self, key: str) -> str | None:
        """What a webhook was answered when it was delivered before."""
        ...

    def keep_answer(self, key: str, answer: str, at: datetime) -> str:
        """Keeps the first answer to a webhook and returns it: this one, or that of a delivery that was faster."""
        ...

    def delete_answers(self, before: datetime) -> int:
        """Forgets those that were given before an instant; returns how many."""
        ...

    # conferences; whoever changes a leg holds the conversation's row (`for_update`)
    def add_leg(self, leg: Leg) -> None: ...
    def leg(self, leg_id: str) -> Leg:
        """Raises NotFound."""
        ...

    def save_leg(self, leg: Leg) -> None: ...
    def legs(self, conversation_id: str) -> Sequence[Leg]:
        """All of them, ended ones included, oldest first."""
        ...

    def live_legs_of_operator(self, operator_id: int) -> Sequence[Leg]: ...
    def answers_in_browser(self, operator_id: int) -> bool | None:
        """True: in the browser, False: by telephone, None: never chosen."""
        ...

    def set_answers_in_browser(self, operator_id: int, *, in_browser: bool) -> None: ...

    # who asks after an account
    def count_identity_try(self, subject: str, day: date, by: int) -> int:
        """Adds `by` to the tries of a subject on a day of Asia/Shanghai, and returns their number; the count is this
        transaction's alone until it ends.
        """
        ...

    def forget_identity_tries(self, before: date) -> int:
        """Those of days before this one; returns how many counts."""
        ...

    # what a chat has beside its messages
    def receipts(self, conversation_id: str) -> Mapping[Side, Receipt]:
        """Of both sides, nothing received if nothing was told."""
        ...

    def note_receipt(self, conversation_id: str, side: Side, receipt: Receipt) -> bool:
        """Each number only grows. False: it was known."""
        ...

    def add_picture(self, picture: Picture) -> None:
        """Twice is the same as once."""
        ...

    def picture(self, picture_id: str) -> Picture:
        """Raises NotFound."""
        ...

    def pictures_of(self, conversation_id: str) -> Sequence[Picture]:
        """Oldest first."""
        ...

    def pictures_before(self, before: datetime, limit: int = 100) -> Sequence[Picture]: ...
    def forget_picture(self, picture_id: str) -> None: ...
    def rate(self, rating: Rating) -> bool:
        """False if the conversation was rated before: the first word stands."""
        ...

    def rating(self, conversation_id: str) -> Rating | None: ...


class DialogueStore(FulfillmentStore, Protocol):
    """Opens transactions that also know conversations."""

    def write(self, *, within: float | None = None) -> AbstractContextManager[DialogueTx]: ...
    def read(self) -> AbstractContextManager[DialogueTx]: ...
    def wait_for_change(self, seen: int, timeout: float, topic: str = "", heard: float = 0.0) -> int:
        """As below, and returns too when `topic` was signalled after `heard`."""
        ...

    def signal(self, topic: str) -> None:
        """Something that is stored nowhere happened: wakes who listens to the topic, in every process that can be reached."""
        ...

    def signalled(self, topic: str) -> float:
        """When that was last, on this machine's monotonic clock; 0: not lately."""
        ...


class Understands(Protocol):
    """bot.understand.Understander: danger words, then the model. Never raises, never longer than the NLU budget."""

    def understand(self, text: str) -> Understanding: ...


class ConferenceCarrier(Protocol):
    """The telephone network's conferences. Raises CarrierBusy, CarrierRefused, CarrierUnknown; 10 s at most."""

    def ring_leg(self, leg: Leg, *, coached: str) -> tuple[str, str]:
        """Dials a telephone or browser into its conference, which is made if need be. Returns the SIDs of call and
        conference ("" while a leg that `asks_for_key` is not in it). `coached` is the call of whoever hears a whisper.
        """
        ...

    def find_leg(self, leg: Leg, others: Collection[str] = ()) -> tuple[str, str] | None:
        """The SIDs of a leg that is in its conference or on its way there, if the carrier knows one of this id. An operator's
        telephone whose call is not known yet: of a call to its number, none of the `others`.
        """
        ...

    def set_leg(self, leg: Leg, *, coached: str) -> None:
        """Makes a participant do what is wanted of it (talk, hold, listen, whisper). Repeating it changes nothing."""
        ...

    def hang_up(self, call_sid: str) -> None: ...
    def call_status(self, sid: str) -> str: ...
    def fetch_turn(self, call_sid: str, path: str) -> None: ...
