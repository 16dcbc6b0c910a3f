"""What was said goes to the resident's WeChat as a customer-service message. Deliverer of SEND_LINE.

Lines leave in their order, each once: who sends a line has marked it before. What became of one that a dying worker had
begun, or that WeChat did not answer for, is not known and is not sent again; the operator's page says so, as it says why
WeChat refused (beyond 48 hours it takes nothing).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import structlog

from dialogue.conversation import Message
from dialogue.going_out import KEPT_BACK, LEAVING, LEFT, WINDOW, unsent, without_mark
from dialogue.ports import DialogueStore
from fulfillment.outbox import Task
from kernel.clock import Clock
from kernel.errors import CarrierBusy, CarrierRefused, CarrierUnknown
from wechat.ports import Api, Scripts
from wechat.text import first_that_fit, pieces, text_of
from wechat.whose import openid_of

#: Longer than three pieces take at worst.
_SENDER_IS_DEAD_AFTER = timedelta(seconds=90)

log = structlog.get_logger()


class Reason(StrEnum):
    """Why a line was kept back."""

    WINDOW = "window"  # the resident has written nothing for 48 hours
    TOO_MANY = "too_many"  # more messages than WeChat allows between two of his
    UNFOLLOWED = "unfollowed"
    REFUSED = "refused"  # for another reason; the log has WeChat's code
    UNCERTAIN = "uncertain"  # perhaps it arrived
    OFF = "off"  # the account was taken out of the settings


_REASONS = {45015: Reason.WINDOW, 45047: Reason.TOO_MANY, 43004: Reason.UNFOLLOWED, 43019: Reason.UNFOLLOWED}


@dataclass(frozen=True, slots=True)
class Batch:
    """Lines that go as one message."""

    openid: str
    lines: tuple[Message, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Sending:
    """Safe to share between threads and processes. `api` is None while the channel is off."""

    store: DialogueStore
    api: Api | None
    book: Scripts
    clock: Clock

    def send(self, task: Task) -> None:
        """Everything up to the line that was promised. Raises CarrierBusy: nothing happened, later again."""
        while (batch := self._take(task)) is not None:
            try:
                became = self._post(batch)
            except CarrierBusy:
                self._settle(batch, {})
                raise
            self._settle(batch, became)

    def _take(self, task: Task) -> Batch | None:
        """Marks the next lines as leaving. Raises CarrierBusy while another worker is at it."""
        now = self.clock.now()
        with self.store.write() as tx:
            conversation = tx.conversation(task.payload["conversation_id"], for_update=True)
            waiting = unsent(tx, conversation)
            if all(line.seq != task.payload["seq"] for line in waiting):
                return None  # it has left; what was said since has tasks of its own
            for line in list(waiting):
                given_up = self._given_up(line, now)
                if given_up is not None:
                    tx.set_message_data(conversation.id, line.seq, without_mark(line) | {KEPT_BACK: given_up})
                    waiting.remove(line)
            if not waiting:
                return None
            lines, text = first_that_fit([m for m in waiting if m.author is waiting[0].author], self._offer_call)
            lines = lines or waiting[:1]
            for line in lines:
                mark = [task.token, now.isoformat()]
                tx.set_message_data(conversation.id, line.seq, {**line.data, LEAVING: mark})
            text = text or text_of(lines[0], self._offer_call)
            return Batch(openid_of(conversation), tuple(lines), text)

    def _given_up(self, line: Message, now: datetime) -> Reason | None:
        """Raises CarrierBusy while another worker is at it."""
        if LEAVING in line.data:
            _token, since = line.data[LEAVING]
            if now - datetime.fromisoformat(since) < _SENDER_IS_DEAD_AFTER:
                raise CarrierBusy("another worker is sending to this resident")
            return Reason.UNCERTAIN
        return Reason.WINDOW if now - line.at > WINDOW else None

    def _post(self, batch: Batch) -> dict[str, str]:
        """What became of it. Raises CarrierBusy only if nothing of it was sent."""
        if self.api is None:
            return {KEPT_BACK: Reason.OFF}
        for number, piece in enumerate(pieces(batch.text)):
            try:
                self.api.send_text(batch.openid, piece)
            except CarrierRefused as exc:
                log.warning("wechat.refused", code=exc.code, error=str(exc))
                return {KEPT_BACK: _REASONS.get(exc.code or 0, Reason.REFUSED)}
            except CarrierUnknown as exc:
                log.warning("wechat.uncertain", error=str(exc))
                return {KEPT_BACK: Reason.UNCERTAIN}
            except CarrierBusy as exc:
                if number == 0:
                    raise
                log.warning("wechat.half_sent", error=str(exc))
                return {KEPT_BACK: Reason.UNCERTAIN}
        return {LEFT: "message"}

    def _settle(self, batch: Batch, became: dict[str, str]) -> None:
        with self.store.write() as tx:
            for line in batch.lines:
                tx.set_message_data(line.conversation_id, line.seq, without_mark(line) | became)

    def _offer_call(self, phone: str) -> str:
        return self.book.say("wechat.call", phone=phone).chat
