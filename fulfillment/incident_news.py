"""What residents are told of an incident, to whom, and what became of it. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from fulfillment.outbox import NewTask, Rank, TaskKind


class Occasion(StrEnum):
    """Why a resident hears of an incident."""

    PLANNED = "planned"  # homes in the extent, ahead of it (K3)
    BEGUN = "begun"  # it was confirmed, or the ticket came to it later
    CHANGED = "changed"  # another end is expected
    RESUMED = "resumed"  # it was said to be over, and is not
    CALLED_OFF = "called_off"  # planned, and not done
    ENDED = "ended"  # with the question whether it is warm again


class ToldState(StrEnum):
    """SENT: handed to the carrier, or written into a chat. DELIVERED, UNDELIVERED: what the carrier reported of a text
    afterwards. NO_WAY: no chat that is open and no number to text to; FAILED, UNCERTAIN: it was not, or perhaps not, sent.
    After UNDELIVERED, NO_WAY, FAILED and UNCERTAIN a person has to look after it.
    """

    PROMISED = "promised"
    SENT = "sent"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    FAILED = "failed"
    UNCERTAIN = "uncertain"
    NO_WAY = "no_way"
    NOT_NEEDED = "not_needed"  # newer facts have overtaken it


@dataclass(frozen=True, slots=True)
class Told:
    """One message to one resident, once for each occasion. `revision`: of the incident's facts when it was promised."""

    id: int
    incident_id: int
    occasion: Occasion
    revision: int
    promised_at: datetime
    ticket_id: int | None = None
    household_id: int | None = None  # of somebody who has no ticket
    state: ToldState = ToldState.PROMISED
    channel: str = ""  # "chat" or "text"
    sent_at: datetime | None = None  # when a text was about to be sent, even if nobody knows whether it was
    sid: str = ""

    @property
    def recipient(self) -> str:
        """Unique with incident, occasion and revision: nobody is told the same twice."""
        return f"ticket-{self.ticket_id}" if self.ticket_id is not None else f"home-{self.household_id}"


class TellsTx(Protocol):
    """The part of a transaction that a promise needs."""

    def add_told(self, told: Told) -> Told | None: ...
    def enqueue(self, task: NewTask) -> None: ...


def promise_told(tx: TellsTx, told: Told) -> None:
    """The row and the task that sends it; a repeated promise adds nothing. Texts come after every alarm."""
    stored = tx.add_told(told)
    if stored is None:
        return
    key, payload = f"tell-incident-{stored.id}", {"told_id": stored.id}
    at = stored.promised_at
    tx.enqueue(NewTask(TaskKind.TELL_INCIDENT, key, at, payload, stored.ticket_id, Rank.ORDINARY))
