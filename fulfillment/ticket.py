"""One matter of one household: state, owner, timeline. Pure; changes return a new ticket, storage writes it."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class TicketState(StrEnum):
    """NEW → ACKNOWLEDGED (a named human accepted) → ON_SITE → RESOLVED → CLOSED; CANCELLED from any open state."""

    NEW = "new"
    ACKNOWLEDGED = "acknowledged"
    ON_SITE = "on_site"
    RESOLVED = "resolved"
    CLOSED = "closed"
    CANCELLED = "cancelled"


OPEN_STATES = frozenset({TicketState.NEW, TicketState.ACKNOWLEDGED, TicketState.ON_SITE})

#: What may follow what. RESOLVED and CLOSED may be reopened (dissatisfied at the callback).
NEXT_STATES: dict[TicketState, frozenset[TicketState]] = {
    TicketState.NEW: frozenset(
        {TicketState.ACKNOWLEDGED, TicketState.ON_SITE, TicketState.RESOLVED, TicketState.CANCELLED}
    ),
    TicketState.ACKNOWLEDGED: frozenset({TicketState.ON_SITE, TicketState.RESOLVED, TicketState.CANCELLED}),
    TicketState.ON_SITE: frozenset({TicketState.RESOLVED, TicketState.CANCELLED}),
    TicketState.RESOLVED: frozenset({TicketState.CLOSED, TicketState.ACKNOWLEDGED}),
    TicketState.CLOSED: frozenset({TicketState.ACKNOWLEDGED}),
    TicketState.CANCELLED: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Address:
    """As far as it is known. `text` keeps what was said when it fits no community."""

    community_id: int | None = None
    building: str = ""
    unit: str = ""
    room: str = ""
    text: str = ""

    @property
    def is_findable(self) -> bool:
        """Somebody can be sent: the community, or at least words of a place, are known."""
        return self.community_id is not None or bool(self.text)

    @property
    def place(self) -> tuple[int | None, str, str, str]:
        """Without the words."""
        return self.community_id, self.building, self.unit, self.room

    def differs_from(self, other: "Address") -> bool:
        """As far as both are known; a building without units has homes without one."""
        return any(ours and theirs and ours != theirs for ours, theirs in zip(self.place, other.place, strict=True))


@dataclass(frozen=True, slots=True)
class Ticket:
    """The truth about a case. `number` is what residents and staff say aloud ("1122-0007")."""

    id: int
    number: str
    kind: str  # key of data/ticket_kinds.yml
    state: TicketState
    emergency: bool
    opened_at: datetime
    conversation_id: str | None
    household_id: int | None
    address: Address
    contact_name: str
    contact_phone: str  # E.164, "" = withheld
    symptom: str  # the resident's own words
    details: dict[str, str] = field(default_factory=dict)  # part, place_at_home, temperature, appointment, …
    assignee_id: int | None = None  # Staff.id: butler in charge, or whoever accepted
    owner_id: int | None = None  # Operator.id: 首问负责 (W6e)
    acknowledged_at: datetime | None = None
    acknowledged_by: str = ""  # a person's name; "" = nobody yet
    nudges: int = 0
    alarm_exhausted_at: datetime | None = None  # the ladder ran through and nobody answered
    merged_into_id: int | None = None  # Ticket.id of the same matter: this one is CANCELLED and can be split off again
    rev: int = 0  # optimistic lock: a write names the rev it read

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES

    @property
    def needs_acknowledgement(self) -> bool:
        """Emergencies that no named human has accepted yet: the ladder goes on, the console alarms."""
        return self.emergency and self.state is TicketState.NEW

    @property
    def comes_first(self) -> bool:
        """An emergency, or somebody old, ill or disabled lives there (J1)."""
        return self.emergency or self.details.get("vulnerable") == "yes"

    def is_accepted_by(self, staff_id: int, name: str) -> bool:
        """Whether this member of staff accepted it and still has it; a name alone may be two people's."""
        return self.assignee_id == staff_id and bool(name) and self.acknowledged_by == name


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """A plain fact about a ticket. `key` names a sentence of scripts_zh/timeline.yml, `params` fill it."""

    ticket_id: int
    at: datetime
    actor: str  # "resident", "bot", "worker", or a person's name
    key: str
    params: dict[str, Any] = field(default_factory=dict)


class ClockState(StrEnum):
    RUNNING = "running"
    KEPT = "kept"
    BROKEN = "broken"  # stopped after due_by, or past due_by when the ticket ended
    VOID = "void"  # re-planned or the ticket was cancelled


@dataclass(frozen=True, slots=True)
class TicketClock:
    """One running promise of the standard. `rule` and `rev` name what produced `due_by`, so that it can be re-planned."""

    id: int
    ticket_id: int
    rule: str  # key of data/clocks.yml
    clause: str  # clause id of STANDARD.md
    started_at: datetime
    due_by: datetime
    state: ClockState = ClockState.RUNNING
    stopped_at: datetime | None = None
    breached_at: datetime | None = None  # the worker noticed the breach
    rev: int = 1


class AttemptOutcome(StrEnum):
    """Facts about one call or text. Only ACCEPTED is an acknowledgement."""

    INTENDED = "intended"  # written before the side effect
    DIALLING = "dialling"  # the carrier is being asked; after a crash nobody knows what it did
    PLACED = "placed"
    RINGING = "ringing"
    ANSWERED = "answered"
    ACCEPTED = "accepted"
    PASSED_ON = "passed_on"
    NO_ANSWER = "no_answer"  # rang out, busy, failed, voicemail
    FAILED = "failed"  # the carrier refused
    UNKNOWN = "unknown"  # the carrier did not tell
    WITHDRAWN = "withdrawn"  # somebody else had the case, or it was over, before this person could take it
    DELIVERED = "delivered"  # texts only


@dataclass(frozen=True, slots=True)
class Attempt:
    """One alarm told to one person in one way, written before it happens. `id` travels in every callback address.

    Several alarms for one person share one call or message: they name the attempt that carries them in `lead_id` and have
    its `provider_sid`. A call is up as long as one of its attempts has no end.
    """

    id: str  # uuid4 hex: unguessable, part of webhook paths
    ticket_id: int
    step: int  # running number over all rounds of the ladder
    staff_id: int
    role: str
    phone: str
    channel: str  # "voice" | "text" | "robot"
    started_at: datetime
    outcome: AttemptOutcome = AttemptOutcome.INTENDED
    provider_sid: str = ""
    finished_at: datetime | None = None  # of a call: when it was over
    lead_id: str = ""  # the attempt whose call or message tells this alarm, too; "" = this one
    asked_at: datetime | None = None  # when the carrier was asked to place the call; None: it waits for its turn

    @property
    def call_id(self) -> str:
        """What all alarms of one call or message have in common: the id of the attempt that carries them."""
        return self.lead_id or self.id
