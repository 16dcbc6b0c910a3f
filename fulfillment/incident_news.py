"""What residents are told of an incident, to whom, and what became of it. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Occasion(StrEnum):
    """Why a resident hears of an incident."""

    PLANNED = "planned"  # homes in the extent, ahead of it (K3)
    BEGUN = "begun"  # it was confirmed, or the ticket came to it later
    CHANGED = "changed"  # another end is expected
    ENDED = "ended"  # with the question whether it is warm again


class ToldState(StrEnum):
    """NO_WAY: no chat that is open and no number to text to; FAILED, UNCERTAIN: it was not, or perhaps not, sent. In all of
    them a person has to look after it.
    """

    PROMISED = "promised"
    SENT = "sent"
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
