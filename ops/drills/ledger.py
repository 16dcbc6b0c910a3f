"""What became of every emergency: counted from the network's own record and the product's tables, never from its claims. Pure.

lost       nobody was rung or texted for it, not even the duty phone
double     two calls for one attempt, two people called in one step, or two alarmed tickets for one resident's one leak
late       the first ring came later than the drill allows after the turn's commit, or after the last kill before that ring
after      a call was placed although everybody's case that it tells had been accepted before
unfinished nobody accepted, and the ladder had not been through all its rungs before minute 10, or its last rung started after minute 8
Minutes are the service standard's, divided by the drill's scale.
"""

import statistics
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from fulfillment.ticket import Attempt, Ticket

VOICE = "voice"
ALARM_PATH = "/ivr/alarms/"
#: The carrier was being asked while the key was pressed: no re-reading can be closer. More than this is a call too many.
IN_FLIGHT = timedelta(seconds=0.5)
#: A worker may be in the middle of a step when its clock is set.
_NOTICED_WITHIN = timedelta(seconds=1)
_LADDER = timedelta(minutes=10)
_LAST_RUNG = timedelta(minutes=8)


@dataclass
class Emergency:
    """What one resident reported. `number` for calls, `conversation_id` for chats, the other one empty."""

    number: str = ""
    conversation_id: str = ""
    said_at: datetime | None = None  # the first time that the product, or its fallback, answered to the words
    tries: int = 0

    @property
    def name(self) -> str:
        return self.number or self.conversation_id

    def is_told_by(self, ticket: Ticket) -> bool:
        if self.number:
            return ticket.contact_phone == self.number
        return ticket.conversation_id == self.conversation_id


@dataclass(frozen=True)
class Call:
    """One line of the network's record."""

    sid: str
    number: str
    created: datetime
    parent: str = ""
    placed_with: str = ""
    rang_at: datetime | None = None  # None: a telephone that was off or busy

    @property
    def attempt_id(self) -> str:
        """Which attempt it was placed for, by the address that the product itself gave."""
        path = urlsplit(self.placed_with).path
        return path.removeprefix(ALARM_PATH).split("/")[0] if path.startswith(ALARM_PATH) else ""


@dataclass(frozen=True)
class Text:
    """One line of the network's record."""

    sid: str
    number: str
    body: str
    created: datetime


@dataclass(frozen=True)
class Record:
    """All that the network placed and carried."""

    calls: Sequence[Call]
    texts: Sequence[Text]

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> "Record":
        """From GET /api/record."""
        calls = [
            Call(
                sid=c["sid"],
                number=c["number"],
                created=datetime.fromisoformat(c["created"]),
                parent=c["parent"] or "",
                placed_with=c["placed_with"],
                rang_at=_instant(c["events"].get("ringing")),
            )
            for c in answer["calls"]
        ]
        texts = [Text(t["sid"], t["to"], t["body"], datetime.fromisoformat(t["at"])) for t in answer["texts"]]
        return cls(calls, texts)


@dataclass(frozen=True)
class Tables:
    """What the product wrote down: emergencies only."""

    tickets: Sequence[Ticket]
    attempts: Sequence[Attempt]
    deaths: Sequence[tuple[datetime, datetime]] = ()  # since when, until when there was no worker


def in_real_time(tables: Tables, clock_set: Sequence[tuple[datetime, timedelta]], now: datetime) -> Tables:
    """What workers dated, by a clock that was right. `clock_set`: when it began to be wrong by how much, oldest first.

    What could have been dated under two errors is taken for the later one.
    """
    ends = [at for at, _ in clock_set[1:]] + [now]
    reigns = [(at, end, wrong) for (at, wrong), end in zip(clock_set, ends, strict=True)]

    def really(dated: datetime) -> datetime:
        under = (dated - wrong for at, end, wrong in reversed(reigns) if at <= dated - wrong <= end + _NOTICED_WITHIN)
        return next(under, dated)

    tickets = [
        replace(t, alarm_exhausted_at=t.alarm_exhausted_at and really(t.alarm_exhausted_at)) for t in tables.tickets
    ]
    return replace(
        tables, tickets=tickets, attempts=[replace(a, started_at=really(a.started_at)) for a in tables.attempts]
    )


@dataclass(frozen=True)
class Limits:
    """`first_ring_p99`: only where the drill promises it (calm). `by_message`: a message in time is as good as a
    ring, and ladders are not judged: five rungs of 600 alarms at one call a second last longer than ten minutes.
    """

    scale: float
    first_ring: timedelta = timedelta(seconds=10)
    first_ring_p99: timedelta | None = None
    by_message: bool = False


@dataclass
class Tally:
    """Names of emergencies (or calls) under each heading; `rings` in seconds after the commit."""

    emergencies: int = 0
    duty_phone_only: int = 0
    lost: list[str] = field(default_factory=list)
    double: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)
    rings: list[float] = field(default_factory=list)
    calls: int = 0

    def quantile(self, q: float) -> float | None:
        """By nearest rank from above; with fewer than a hundred, p99 is the worst one."""
        if not self.rings:
            return None
        ordered = sorted(self.rings)
        return ordered[min(len(ordered) - 1, int(q * len(ordered)))]

    @property
    def median(self) -> float | None:
        return statistics.median(self.rings) if self.rings else None

    def misses(self, limits: Limits) -> list[str]:
        """Which targets were missed, in words."""
        missed = [
            f"{len(names)} {what}"
            for what, names in (
                ("lost", self.lost),
                ("double", self.double),
                ("late", self.late),
                ("called after acknowledgement", self.after),
                ("ladders unfinished", self.unfinished),
            )
            if names
        ]
        if not self.emergencies:
            missed.append("no emergency ran")
        p99 = self.quantile(0.99)
        if limits.first_ring_p99 and (p99 is None or p99 > limits.first_ring_p99.total_seconds()):
            missed.append(f"first ring p99 {p99} s, allowed {limits.first_ring_p99.total_seconds():g} s")
        return missed


def tally(
    emergencies: Sequence[Emergency], tables: Tables, record: Record, limits: Limits, *, duty_phone: str, now: datetime
) -> Tally:
    """`now`: until when was looked; a ladder that has neither run through nor had its ten minutes is not judged."""
    counted = Tally(emergencies=len(emergencies))
    books = _Books(record, limits, duty_phone, tables.deaths)
    for attempt in tables.attempts:
        books.attempts_of[attempt.ticket_id].append(attempt)
    mine: list[Ticket] = []
    for emergency in emergencies:
        tickets = [t for t in tables.tickets if t.emergency and emergency.is_told_by(t)]
        mine += tickets
        _count_one(counted, emergency, tickets, books)
    for ticket in mine if not limits.by_message else ():
        _judge_ladder(counted, ticket, books, now)
    _judge_calls(counted, mine, books)
    return counted


@dataclass(frozen=True)
class _Books:
    record: Record
    limits: Limits
    duty_phone: str
    deaths: Sequence[tuple[datetime, datetime]]
    attempts_of: dict[int, list[Attempt]] = field(default_factory=lambda: defaultdict(list))


def calls_of(attempts: Sequence[Attempt], record: Record) -> list[Call]:
    """Placed for these attempts (or joined by them), by the address given with the call or by the id that the product noted."""
    ids = {a.call_id for a in attempts}
    sids = {a.provider_sid for a in attempts if a.provider_sid}
    return [c for c in record.calls if c.attempt_id in ids or c.sid in sids]


def texts_of(ticket: Ticket, attempts: Sequence[Attempt], record: Record) -> list[Text]:
    sids = {a.provider_sid for a in attempts if a.provider_sid}
    return [t for t in record.texts if t.sid in sids or ticket.number in t.body]


def _count_one(counted: Tally, emergency: Emergency, tickets: Sequence[Ticket], books: _Books) -> None:
    attempts_of, record = books.attempts_of, books.record
    alarmed = [t for t in tickets if attempts_of[t.id]]
    if len(alarmed) > 1:
        counted.double.append(f"{emergency.name}: tickets {', '.join(t.number for t in alarmed)}")
    rings: list[datetime] = []
    messages: list[datetime] = []
    for ticket in tickets:
        for attempt in attempts_of[ticket.id]:  # one that joined a call is told in it from then on
            calls = calls_of([attempt], record) if attempt.channel == VOICE else []
            rings += [
                max(c.rang_at or c.created, attempt.started_at) if attempt.lead_id else c.rang_at or c.created
                for c in calls
            ]
        messages += [t.created for t in texts_of(ticket, attempts_of[ticket.id], record)]
    own_calls = {c.sid for c in record.calls if emergency.number and c.number == emergency.number}
    duty = [c.rang_at or c.created for c in record.calls if c.parent in own_calls and c.number == books.duty_phone]
    if not rings and not messages:
        if duty:
            counted.duty_phone_only += 1
        else:
            counted.lost.append(f"{emergency.name} ({emergency.tries} tries, {len(tickets)} tickets)")
        return
    first = min([*rings, *messages] if books.limits.by_message else rings or messages)
    committed = min(t.opened_at for t in tickets)
    counted.rings.append((first - committed).total_seconds())
    worked = first - committed - _without_worker(books.deaths, committed, first)
    if worked > books.limits.first_ring:
        counted.late.append(f"{emergency.name}: {worked.total_seconds():.1f} s")


def _without_worker(deaths: Sequence[tuple[datetime, datetime]], since: datetime, until: datetime) -> timedelta:
    """How much of this time. Whoever is killed every second gets somewhere all the same, or has not kept ten seconds after a kill."""
    spans = (min(end, until) - max(began, since) for began, end in deaths)
    return sum((span for span in spans if span > timedelta(0)), timedelta(0))


def _judge_ladder(counted: Tally, ticket: Ticket, books: _Books, now: datetime) -> None:
    attempts, scale = books.attempts_of[ticket.id], books.limits.scale
    deadline = ticket.opened_at + _LADDER / scale
    accepted = ticket.acknowledged_at is not None and ticket.acknowledged_at <= deadline
    done = ticket.alarm_exhausted_at
    if accepted or (done is None and now < deadline):
        return
    if done is None or done > deadline:
        counted.unfinished.append(f"{ticket.number}: {len(attempts)} attempts, run through at {done}")
        return
    first_round = [a for a in attempts if a.channel == VOICE and a.started_at <= done]
    if not first_round or max(a.started_at for a in first_round) > ticket.opened_at + _LAST_RUNG / scale:
        counted.unfinished.append(f"{ticket.number}: its last rung started after minute 8")


def _judge_calls(counted: Tally, tickets: Sequence[Ticket], books: _Books) -> None:
    by_call: dict[str, list[tuple[Ticket, Attempt]]] = defaultdict(list)
    known: dict[str, Call] = {}
    for ticket in tickets:
        for attempt in books.attempts_of[ticket.id]:
            if attempt.channel != VOICE:
                continue
            for call in calls_of([attempt], books.record):
                by_call[call.sid].append((ticket, attempt))
                known[call.sid] = call
    counted.calls = len(known)
    per_attempt = Counter(c.attempt_id for c in known.values() if c.attempt_id)
    counted.double += [f"attempt {a[:8]}: {n} calls" for a, n in per_attempt.items() if n > 1]
    per_step: dict[tuple[int, int], set[str]] = defaultdict(set)
    for told in by_call.values():
        for ticket, attempt in told:
            per_step[ticket.id, attempt.step].add(attempt.phone)
    counted.double += [f"ticket {t} step {s}: {len(p)} people" for (t, s), p in per_step.items() if len(p) > 1]
    for sid, told in by_call.items():
        accepted = [t.acknowledged_at for t, _ in told]
        if all(at is not None and known[sid].created > at + IN_FLIGHT for at in accepted):
            counted.after.append(f"{', '.join(t.number for t, _ in told)}: {sid} at {known[sid].created}")


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
