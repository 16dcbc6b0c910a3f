"""Calls to residents: why one is owed, when it may be made, what came of it. Pure.

A call is owed once (a row for a ticket and a purpose); each ringing of the telephone for it is a try with a row of its own.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from fulfillment.business_calendar import BusinessCalendar, Span
from fulfillment.pin_tries import PinRules
from fulfillment.short_answers import ShortAnswers
from fulfillment.ticket import Ticket, TicketState
from kernel.clock import BEIJING, local

#: No calling hours within this many days would be a broken calendar.
_DAYS_AHEAD = 8


class Purpose(StrEnum):
    """Why a resident is rung up."""

    SATISFACTION = "satisfaction"  # B7: after a finished repair
    APPOINTMENT = "appointment"  # F11, G9: when may somebody come
    CALLBACK = "callback"  # W6g: asked for by the resident; an operator is ready


class CallState(StrEnum):
    """PLANNED waits for its next try, or is on the line; the others are ends."""

    PLANNED = "planned"
    DONE = "done"
    GIVEN_UP = "given_up"  # all tries in vain, or nobody to be rung
    STOPPED = "stopped"  # by a person, or no longer owed


class CallResult(StrEnum):
    """What the resident answered."""

    NOTHING = ""
    SATISFIED = "satisfied"
    FAIRLY = "fairly"
    DISSATISFIED = "dissatisfied"
    CONFIRMED = "confirmed"  # the visit, as proposed
    ANOTHER_TIME = "another_time"
    CONNECTED = "connected"  # with the operator who rang back
    WRONG_PERSON = "wrong_person"
    NOT_NOW = "not_now"  # G4c: ends the try, not the call


class TryOutcome(StrEnum):
    """Facts about one ringing. Only a person's answers are results; a voicemail never says who it is."""

    INTENDED = "intended"  # written before the side effect
    PLACED = "placed"
    RINGING = "ringing"
    ANSWERED = "answered"
    IDENTIFIED = "identified"  # somebody of that home is on the line
    SETTLED = "settled"
    NOT_NOW = "not_now"
    UNFINISHED = "unfinished"  # hung up before the end
    NO_ANSWER = "no_answer"  # rang out, busy, voicemail, nobody said who he is
    FAILED = "failed"  # the carrier refused
    UNKNOWN = "unknown"  # the carrier did not tell


@dataclass(frozen=True, slots=True)
class ResidentCall:
    """A call that is owed to a resident. `next_at`: not before this instant (aware UTC)."""

    id: int
    ticket_id: int
    purpose: Purpose
    opened_at: datetime
    next_at: datetime
    state: CallState = CallState.PLANNED
    tries: int = 0  # begun so far
    result: CallResult = CallResult.NOTHING
    reason: str = ""  # why it was stopped, in a person's words
    operator_id: int | None = None  # who is ready to speak (CALLBACK)
    visit: str = ""  # the time that is proposed, in words (APPOINTMENT); "" = asked for
    finished_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ResidentTry:
    """One ringing, written before it happens. `id` travels in every callback address."""

    id: str  # uuid4 hex: unguessable, part of webhook paths
    call_id: int
    n: int  # from 1; with call_id unique, so that nobody is rung twice for one try
    phone: str
    started_at: datetime
    outcome: TryOutcome = TryOutcome.INTENDED
    provider_sid: str = ""
    finished_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PurposePlan:
    """A row of data/outgoing.yml. `hours` replace the company's calling hours for what a resident asked for himself."""

    key: Purpose
    clause: str
    title: str
    after: timedelta
    tries: int
    hours: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class OutgoingPlan:
    """data/outgoing.yml as a whole."""

    purposes: tuple[PurposePlan, ...]
    between: timedelta
    ring_seconds: int
    pin: PinRules
    answers: ShortAnswers = field(default_factory=ShortAnswers)

    def purpose(self, purpose: Purpose) -> PurposePlan:
        return next(p for p in self.purposes if p.key is purpose)

    def next_try_at(
        self, purpose: Purpose, calendar: BusinessCalendar, *, not_before: datetime, tried: Sequence[datetime] = ()
    ) -> datetime:
        """The earliest moment at which this may be rung: inside the hours, and in a part of the day not tried yet.

        When every part was tried: the next hours that begin (or go on) `between` after the last try.
        """
        spans = self.purpose(purpose).hours or calendar.calling_hours
        parts = {part for at in tried for part in _parts_at(spans, at)}
        if parts >= set(range(len(spans))):
            not_before = max(not_before, max(tried) + self.between)
            parts = set()
        for part, start in _moments(spans, not_before):
            if part not in parts:
                return start
        msg = "data/calendar.yml: calling_hours leave no moment to call"
        raise ValueError(msg)

    def may_ring(self, purpose: Purpose, calendar: BusinessCalendar, at: datetime) -> bool:
        return bool(_parts_at(self.purpose(purpose).hours or calendar.calling_hours, at))


def is_owed(call: ResidentCall, ticket: Ticket) -> bool:
    """The world moves on between two tries: a reopened case is not asked about, a closed one needs no appointment."""
    if call.state is not CallState.PLANNED:
        return False
    return ticket.state is TicketState.RESOLVED if call.purpose is Purpose.SATISFACTION else ticket.is_open


def _parts_at(spans: Iterable[Span], at: datetime) -> set[int]:
    hour = local(at).time()
    return {part for part, span in enumerate(spans) if span.start <= hour < span.until}


def _moments(spans: Sequence[Span], not_before: datetime) -> Iterator[tuple[int, datetime]]:
    first = local(not_before).date()
    for ahead in range(_DAYS_AHEAD):
        day = first + timedelta(days=ahead)
        for part, span in enumerate(spans):
            start, until = (datetime.combine(day, t, tzinfo=BEIJING).astimezone(UTC) for t in (span.start, span.until))
            if until > not_before:
                yield part, max(start, not_before)
