"""Stand-ins for everything outside the rooms: the database, the telephone network, the present, the understanding server.

They implement the same Protocols as the real ones (fulfillment.ports, dialogue.ports, kernel.clock) and keep the same
promises: a block that raises leaves nothing behind, a read cannot write, an old revision is refused, a lost lease
changes nothing. What a test may set or look at are plain attributes.
"""

import dataclasses
import threading
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from time import monotonic
from typing import Any, TypeVar

from bot.understanding import Intent, Source, Understanding
from dialogue.chat import Picture, Rating, Receipt, Side
from dialogue.conversation import Author, Channel, Conversation, Floor, Message
from dialogue.going_out import promise_to_send
from dialogue.leg import Leg, LegMode
from dialogue.private_note import PrivateNote
from fulfillment.announcement import Announcement
from fulfillment.company import Community, Duty, Household, Operator, OperatorRole, Staff, StaffRole, Station
from fulfillment.look import Look
from fulfillment.outbox import FARTHEST, Lane, NewTask, Rank, Task, is_due, lane_of
from fulfillment.profile import ProfileChoice
from fulfillment.recording import Recording, RecordingState
from fulfillment.ticket import Address, Attempt, ClockState, Ticket, TicketClock, TimelineEntry
from fulfillment.ticket_filter import Standing, TicketFilter
from fulfillment.waiting import InLine, Wait, WaitKind, WaitState
from kernel.clock import local
from kernel.errors import Conflict, NotFound, StaleEpoch
from tests.fake_calls import CallTables, FakeCallTx
from tests.fake_editions import EditionTables, FakeEditionTx
from tests.fake_incidents import FakeIncidentTx, IncidentTables
from tests.fake_reports import FakeReportTx
from tests.fake_visits import FakeVisitTx, VisitTables

#: A Sunday morning in the heating season, 10:00 in Shijiazhuang.
A_WINTER_DAY = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
_FAR_FUTURE = datetime(9999, 1, 1, tzinfo=UTC)

Row = TypeVar("Row")
Keyed = TypeVar("Keyed", Station, Community, Staff, Household, Operator)


class FixedClock:
    """Stands still until it is moved."""

    def __init__(self, now: datetime = A_WINTER_DAY) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def set(self, now: datetime) -> None:
        self._now = now

    def advance(self, **units: float) -> datetime:
        """`advance(minutes=2)`; returns the new present."""
        self._now += timedelta(**units)
        return self._now


class FakeUnderstander:
    """Understands what it was told to: `FakeUnderstander({"我家漏水了": Understanding(...)})`; anything else is FALLBACK."""

    def __init__(self, table: Mapping[str, Understanding] | None = None, *, model_available: bool = True) -> None:
        self.table = dict(table or {})
        self.model_available = model_available
        self.heard: list[str] = []

    def understand(self, text: str) -> Understanding:
        self.heard.append(text)
        known = self.table.get(text)
        if known is not None:
            return known
        return Understanding(
            text,
            Intent.FALLBACK,
            confidence=0.0,
            emergency=False,
            source=Source.MODEL if self.model_available else Source.NOBODY,
            model_available=self.model_available,
        )


@dataclass(frozen=True)
class Happened:
    """A failure after the fact: the call was placed (the text sent), only the answer got lost."""

    error: Exception


@dataclass(frozen=True)
class Placed:
    """What the carrier was asked for. `body` is "" for calls, `ring_seconds` 0 for texts."""

    sid: str
    to: str
    attempt_id: str
    body: str = ""
    ring_seconds: int = 0


class FakeCarrier:
    """Records calls and texts. `call_failures`/`text_failures` are used up one per request, None meaning success.

    Given the store, it refuses (AssertionError) to be called inside a transaction, as DESIGN §2 rule 2 demands.
    """

    def __init__(self, store: "FakeStore | None" = None) -> None:
        self.calls: list[Placed] = []
        self.texts: list[Placed] = []
        self.call_failures: list[Exception | Happened | None] = []
        self.text_failures: list[Exception | Happened | None] = []
        self.statuses: dict[str, str] = {}  # sid → the carrier's word; "queued" unless set
        self.status_failures: list[Exception | None] = []  # for call_status and find_call
        self.fetched: list[tuple[str, str]] = []  # (call sid, path)
        self.fetch_failures: list[Exception | None] = []
        self.rung: list[tuple[Leg, str]] = []  # (leg, whom it whispers to)
        self.set_to: list[tuple[str, LegMode, str]] = []  # (leg id, mode, whom it whispers to)
        self.hung_up: list[str] = []
        self.leg_failures: list[Exception | None] = []
        self.at_the_door: set[str] = set()  # legs that have answered and pressed no key
        self._store = store

    def call(self, *, to: str, attempt_id: str, ring_seconds: int) -> str:
        placed = Placed(_sid("CA"), to, attempt_id, ring_seconds=ring_seconds)
        return self._place(self.calls, self.call_failures, placed)

    def call_resident(self, *, to: str, try_id: str, ring_seconds: int) -> str:
        assert ring_seconds < 30, "a voicemail picks up"
        return self._place(self.calls, self.call_failures, Placed(_sid("CA"), to, try_id))

    def text(self, *, to: str, body: str, attempt_id: str) -> str:
        return self._place(self.texts, self.text_failures, Placed(_sid("SM"), to, attempt_id, body))

    def told_text(self, *, to: str, body: str, told_id: int) -> str:
        return self._place(self.texts, self.text_failures, Placed(_sid("SM"), to, f"told {told_id}", body))

    def word_text(self, *, to: str, body: str, text_id: int) -> str:
        return self._place(self.texts, self.text_failures, Placed(_sid("SM"), to, f"word {text_id}", body))

    def plain_text(self, *, to: str, body: str) -> str:
        return self._place(self.texts, self.text_failures, Placed(_sid("SM"), to, "", body))

    def find_call(self, attempt: Attempt, others: Collection[str] = ()) -> str | None:
        """By number, as the real one: the carrier does not know our attempts."""
        self._outside_any_transaction()
        _raise_next(self.status_failures)
        return next((c.sid for c in self.calls if c.to == attempt.phone and c.sid not in others), None)

    def call_status(self, sid: str) -> str:
        self._outside_any_transaction()
        _raise_next(self.status_failures)
        return self.statuses.get(sid, "queued")

    def fetch_turn(self, call_sid: str, path: str) -> None:
        self._outside_any_transaction()
        _raise_next(self.fetch_failures)
        self.fetched.append((call_sid, path))

    def ring_leg(self, leg: Leg, *, coached: str) -> tuple[str, str]:
        self._outside_any_transaction()
        _raise_next(self.leg_failures)
        self.rung.append((leg, coached))
        return "CA" + leg.id, "CF" + leg.conference

    def find_leg(self, leg: Leg, others: Collection[str] = ()) -> tuple[str, str] | None:  # noqa: ARG002 - the Protocol's signature
        self._outside_any_transaction()
        if leg.id in self.at_the_door and leg.call_sid:
            return None
        return next((("CA" + r.id, "CF" + r.conference) for r, _ in self.rung if r.id == leg.id), None)

    def set_leg(self, leg: Leg, *, coached: str) -> None:
        self._outside_any_transaction()
        _raise_next(self.leg_failures)
        self.set_to.append((leg.id, leg.wanted, coached))

    def hang_up(self, call_sid: str) -> None:
        self._outside_any_transaction()
        _raise_next(self.leg_failures)
        self.hung_up.append(call_sid)

    def _place(self, log: list[Placed], failures: list[Exception | Happened | None], placed: Placed) -> str:
        self._outside_any_transaction()
        failure = failures.pop(0) if failures else None
        if isinstance(failure, Exception):
            raise failure
        log.append(placed)
        if isinstance(failure, Happened):
            raise failure.error
        return placed.sid

    def _outside_any_transaction(self) -> None:
        if self._store is not None:
            assert not self._store.in_transaction, "the carrier is called inside a transaction"


def _sid(prefix: str) -> str:
    return prefix + uuid.uuid4().hex


def _raise_next(failures: list[Exception | None]) -> None:
    failure = failures.pop(0) if failures else None
    if failure is not None:
        raise failure


@dataclass(frozen=True)
class StoredTask:
    """A row of the outbox, never changed in place. `state` is pending, done, dead or cancelled."""

    task: Task
    rank: Rank = Rank.FIRST
    state: str = "pending"
    lease_until: datetime | None = None
    owner: str = ""
    error: str = ""


@dataclass
class _Tables:
    stations: dict[int, Station] = field(default_factory=dict)
    communities: dict[int, Community] = field(default_factory=dict)
    staff: dict[int, Staff] = field(default_factory=dict)
    duties: list[Duty] = field(default_factory=list)
    households: dict[int, Household] = field(default_factory=dict)
    operators: dict[int, Operator] = field(default_factory=dict)
    announcements: dict[int, Announcement] = field(default_factory=dict)
    private_notes: list[PrivateNote] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)
    tickets: dict[int, Ticket] = field(default_factory=dict)
    timeline: list[TimelineEntry] = field(default_factory=list)
    clocks: dict[int, TicketClock] = field(default_factory=dict)
    attempts: dict[str, Attempt] = field(default_factory=dict)
    tasks: dict[str, StoredTask] = field(default_factory=dict)  # by key
    turns: dict[Lane, datetime] = field(default_factory=dict)  # when the next one is free
    conversations: dict[str, Conversation] = field(default_factory=dict)
    messages: dict[str, list[Message]] = field(default_factory=dict)
    replies: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    answers: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    half_heard: dict[str, tuple[str, int, str]] = field(default_factory=dict)
    waits: dict[int, Wait] = field(default_factory=dict)
    presence: dict[int, datetime] = field(default_factory=dict)
    capacities: dict[int, int] = field(default_factory=dict)
    recordings: dict[str, Recording] = field(default_factory=dict)
    receipts: dict[tuple[str, Side], Receipt] = field(default_factory=dict)
    pictures: dict[str, Picture] = field(default_factory=dict)
    ratings: dict[str, Rating] = field(default_factory=dict)
    legs: dict[str, Leg] = field(default_factory=dict)
    in_browser: dict[int, bool] = field(default_factory=dict)
    marks: dict[str, str] = field(default_factory=dict)
    profile_choices: dict[int, ProfileChoice] = field(default_factory=dict)
    identity_tries: dict[tuple[str, date], int] = field(default_factory=dict)
    of_calls: CallTables = field(default_factory=CallTables)
    of_editions: EditionTables = field(default_factory=EditionTables)
    of_incidents: IncidentTables = field(default_factory=IncidentTables)
    of_visits: VisitTables = field(default_factory=VisitTables)

    def copy(self) -> "_Tables":
        copied = {f.name: getattr(self, f.name).copy() for f in dataclasses.fields(self)}
        copied["messages"] = {cid: list(rows) for cid, rows in self.messages.items()}
        return _Tables(**copied)


class FakeStore:
    """dialogue.ports.DialogueStore in memory, one writer at a time, safe for threads.

    `write_failures` are used up one per `write()` (None: succeed), e.g. `[StoreBusy("locked")]`; `after_commit`, if set,
    is called outside the transaction after each commit (raise in it to crash there).
    """

    def __init__(self) -> None:
        self.tables = _Tables()
        self.write_failures: list[Exception | None] = []
        self.after_commit: Any = None
        self.commits = 0
        self.signals: dict[str, float] = {}
        self._lock = threading.RLock()
        self._changed = threading.Condition()
        self._local = threading.local()

    @property
    def in_transaction(self) -> bool:
        """True while this thread has a transaction open."""
        return getattr(self._local, "open", False)

    @contextmanager
    def write(self, *, within: float | None = None) -> Iterator["FakeTx"]:  # noqa: ARG002 - nobody holds this one for long
        self._refuse_nesting()
        with self._lock:
            _raise_next(self.write_failures)
            working = self.tables.copy()
            self._local.open = True
            try:
                yield FakeTx(working, writable=True)
                self.tables = working
            finally:
                self._local.open = False
        self._committed()
        if self.after_commit is not None:
            self.after_commit()

    @contextmanager
    def read(self) -> Iterator["FakeTx"]:
        self._refuse_nesting()
        with self._lock:
            snapshot = self.tables.copy()
        self._local.open = True
        try:
            yield FakeTx(snapshot, writable=False)
        finally:
            self._local.open = False

    def claim(
        self, lane: Lane, now: datetime, lease: timedelta, owner: str, turns_every: timedelta | None = None
    ) -> Task | None:
        self._refuse_nesting()
        with self._lock:
            if turns_every is not None and now < self.tables.turns.get(lane, now) <= now + turns_every:
                return None
            due = [
                row
                for row in self._pending(lane)
                if is_due(lane, row.rank, row.task.due_at, now) and (row.lease_until is None or row.lease_until <= now)
            ]
            if not due:
                return None
            row = min(due, key=lambda r: (lane in FARTHEST and r.rank, r.task.due_at, r.task.id))
            task = replace(row.task, tries=row.task.tries + 1, token=uuid.uuid4().hex)
            self.tables.tasks[task.key] = replace(row, task=task, lease_until=now + lease, owner=owner)
            if turns_every is not None:
                self.tables.turns[lane] = now + turns_every
            return task

    def next_due(self, lane: Lane) -> datetime | None:
        with self._lock:
            due = min((row.lease_until or row.task.due_at for row in self._pending(lane)), default=None)
            return due if due is None else max(due, self.tables.turns.get(lane, due))

    def release_leases(self, owner: str) -> int:
        with self._lock:
            held = [
                r for r in self.tables.tasks.values() if r.state == "pending" and r.lease_until and r.owner == owner
            ]
            for row in held:
                task = replace(row.task, token="")
                self.tables.tasks[task.key] = replace(row, task=task, lease_until=None, owner="")
        if held:
            self._committed()
        return len(held)

    def wait_for_change(self, seen: int, timeout: float, topic: str = "", heard: float = 0.0) -> int:
        with self._changed:
            self._changed.wait_for(lambda: self.commits > seen or self.signals.get(topic, 0.0) > heard, timeout)
            return self.commits

    def signal(self, topic: str) -> None:
        with self._changed:
            self.signals[topic] = monotonic()
            self._changed.notify_all()

    def signalled(self, topic: str) -> float:
        return self.signals.get(topic, 0.0)

    def _pending(self, lane: Lane) -> list[StoredTask]:
        return [r for r in self.tables.tasks.values() if r.state == "pending" and lane_of(r.task.kind) is lane]

    def _committed(self) -> None:
        with self._changed:
            self.commits += 1
            self._changed.notify_all()

    def _refuse_nesting(self) -> None:
        assert not self.in_transaction, "a transaction inside a transaction: SQLite would wait for itself"


def _require(row: Row | None, what: str) -> Row:
    if row is None:
        raise NotFound(what)
    return row


class FakeTx(FakeCallTx, FakeIncidentTx, FakeReportTx, FakeEditionTx, FakeVisitTx):
    """dialogue.ports.DialogueTx over copied tables."""

    def __init__(self, tables: _Tables, *, writable: bool) -> None:
        self._t = tables
        self._writable = writable

    def _writing(self) -> _Tables:
        assert self._writable, "a write in a read transaction"
        return self._t

    # the company
    def community(self, community_id: int) -> Community:
        return _require(self._t.communities.get(community_id), f"community {community_id}")

    def communities(self) -> Sequence[Community]:
        return list(self._t.communities.values())

    def station(self, station_id: int) -> Station:
        return _require(self._t.stations.get(station_id), f"station {station_id}")

    def stations(self) -> Sequence[Station]:
        return list(self._t.stations.values())

    def staff(self, staff_id: int, *, for_update: bool = False) -> Staff:  # noqa: ARG002 - the fake has one lock for all
        return _require(self._t.staff.get(staff_id), f"staff {staff_id}")

    def all_staff(self) -> Sequence[Staff]:
        return list(self._t.staff.values())

    def staff_by_phone(self, phone: str) -> Staff | None:
        return next((s for s in self._t.staff.values() if phone and s.phone == phone), None)

    def duties(self) -> Sequence[Duty]:
        return list(self._t.duties)

    def household(self, household_id: int, *, for_update: bool = False) -> Household:  # noqa: ARG002 - the fake has one lock for all
        return _require(self._t.households.get(household_id), f"household {household_id}")

    def households(self, household_ids: Collection[int]) -> Mapping[int, Household]:
        return {n: self._t.households[n] for n in household_ids if n in self._t.households}

    def households_by_phone(self, phone: str) -> Sequence[Household]:
        return [h for h in self._t.households.values() if phone and h.phone == phone]

    def household_by_card(self, card_number: str) -> Household | None:
        return next((h for h in self._t.households.values() if h.card_number == card_number), None)

    def households_at(self, address: Address) -> Sequence[Household]:
        if address.community_id is None:
            return []
        return [
            h
            for h in self._t.households.values()
            if h.community_id == address.community_id
            and address.building in ("", h.building)
            and address.unit in ("", h.unit)
            and address.room in ("", h.room)
        ][:20]

    def operator(self, operator_id: int) -> Operator:
        return _require(self._t.operators.get(operator_id), f"operator {operator_id}")

    def operator_by_login(self, login: str) -> Operator | None:
        return next((o for o in self._t.operators.values() if o.login == login), None)

    def operators(self) -> Sequence[Operator]:
        return list(self._t.operators.values())

    # what an import of a company writes
    def upsert_station(self, station: Station) -> Station:
        return _upsert(self._writing().stations, station, "code")

    def upsert_community(self, community: Community) -> Community:
        return _upsert(self._writing().communities, community, "code")

    def upsert_staff(self, staff: Staff) -> Staff:
        return _upsert(self._writing().staff, staff, "number")

    def upsert_household(self, household: Household) -> Household:
        return _upsert(self._writing().households, household, "card_number")

    def upsert_operator(self, operator: Operator) -> Operator:
        return _upsert(self._writing().operators, operator, "login")

    def replace_duties(self, duties: Sequence[Duty]) -> None:
        self._writing().duties = list(duties)

    # announcements
    def announcements(self) -> Sequence[Announcement]:
        return list(self._t.announcements.values())[-50:]

    def announcement(self, announcement_id: int) -> Announcement:
        return _require(self._t.announcements.get(announcement_id), f"announcement {announcement_id}")

    def add_announcement(self, announcement: Announcement) -> Announcement:
        stored = replace(announcement, id=len(self._t.announcements) + 1)
        self._writing().announcements[stored.id] = stored
        return stored

    def save_announcement(self, announcement: Announcement) -> None:
        self.announcement(announcement.id)
        self._writing().announcements[announcement.id] = announcement

    # tickets
    def add_ticket(self, ticket: Ticket) -> Ticket:
        tables = self._writing()
        assert ticket.id == 0
        assert ticket.number == ""
        day = local(ticket.opened_at).date()
        same_day = sum(local(t.opened_at).date() == day for t in tables.tickets.values())
        stored = replace(ticket, id=len(tables.tickets) + 1, number=f"{day:%m%d}-{same_day + 1:04d}")
        tables.tickets[stored.id] = stored
        return stored

    def ticket(self, ticket_id: int, *, for_update: bool = False) -> Ticket:
        if for_update:
            self._writing()
        return _require(self._t.tickets.get(ticket_id), f"ticket {ticket_id}")

    def unaccepted(self, ticket_ids: Collection[int]) -> frozenset[int]:
        return frozenset(n for n in ticket_ids if n in self._t.tickets and self._t.tickets[n].needs_acknowledgement)

    def save_ticket(self, ticket: Ticket) -> Ticket:
        stored = self.ticket(ticket.id)
        if stored.rev != ticket.rev:
            raise Conflict(f"ticket {ticket.id} is at revision {stored.rev}, not {ticket.rev}")
        saved = replace(ticket, rev=ticket.rev + 1)
        self._writing().tickets[ticket.id] = saved
        return saved

    def open_tickets(
        self, *, household_id: int | None = None, conversation_id: str | None = None, contact_phone: str | None = None
    ) -> Sequence[Ticket]:
        found = [
            t
            for t in self._t.tickets.values()
            if t.is_open
            and (
                (household_id is not None and t.household_id == household_id)
                or (conversation_id and t.conversation_id == conversation_id)
                or (contact_phone and t.contact_phone == contact_phone)
            )
        ]
        return sorted(found, key=lambda t: (t.opened_at, t.id), reverse=True)

    def tickets(
        self, *, only_open: bool = False, kind: str | None = None, search: str = "", limit: int = 100, offset: int = 0
    ) -> Sequence[Ticket]:
        standing = Standing.OPEN if only_open else Standing.ALL
        return self.find_tickets(TicketFilter(standing, kind, search=search), limit=limit, offset=offset)

    def _fits(self, t: Ticket, wanted: TicketFilter) -> bool:
        said = [s.lower() for s in (t.number, t.contact_name, t.contact_phone, t.symptom, t.address.text)]
        communities = {c.id for c in self.communities() if c.station_id == wanted.station_id}
        due = [c.due_by for c in self.clocks([t.id])[t.id] if c.state is ClockState.RUNNING]
        return (
            wanted.standing in (Standing.ALL, Standing.OPEN if t.is_open else Standing.CLOSED)
            and wanted.kind in (None, t.kind)
            and (t.emergency or not wanted.only_emergencies)
            and wanted.owner_id in (None, t.owner_id)
            and (wanted.overdue_at is None or any(d < wanted.overdue_at for d in due))
            and (wanted.station_id is None or t.address.community_id in communities)
            and wanted.community_id in (None, t.address.community_id)
            and (wanted.opened_from is None or t.opened_at >= wanted.opened_from)
            and (wanted.opened_until is None or t.opened_at < wanted.opened_until)
            and self._has_promised(t, wanted.promised)
            and self._has_answered(t, wanted.answered)
            and all(any(word.lower() in s for s in said) for word in wanted.search.split())
        )

    def find_tickets(self, wanted: TicketFilter, *, limit: int = 100, offset: int = 0) -> Sequence[Ticket]:
        found = [t for t in self._t.tickets.values() if self._fits(t, wanted)]

        def order(ticket: Ticket) -> tuple[bool, bool, bool, datetime, float]:
            due = [
                c.due_by
                for c in self._t.clocks.values()
                if c.ticket_id == ticket.id and c.state is ClockState.RUNNING and ticket.is_open
            ]
            return (
                not ticket.needs_acknowledgement,
                not ticket.is_open,
                not (ticket.is_open and ticket.comes_first),
                min(due, default=_FAR_FUTURE),
                -ticket.opened_at.timestamp(),
            )

        return sorted(found, key=order)[offset : offset + limit]

    def add_to_timeline(self, entry: TimelineEntry) -> None:
        self.ticket(entry.ticket_id)
        self._writing().timeline.append(entry)

    def timeline(self, ticket_id: int) -> Sequence[TimelineEntry]:
        return [e for e in self._t.timeline if e.ticket_id == ticket_id]

    def add_clock(self, clock: TicketClock) -> TicketClock:
        assert clock.id == 0
        for known in self._t.clocks.values():
            if (known.ticket_id, known.rule, known.state) == (clock.ticket_id, clock.rule, ClockState.RUNNING):
                return known
        stored = replace(clock, id=len(self._t.clocks) + 1)
        self._writing().clocks[stored.id] = stored
        return stored

    def clock(self, clock_id: int) -> TicketClock:
        return _require(self._t.clocks.get(clock_id), f"clock {clock_id}")

    def save_clock(self, clock: TicketClock) -> None:
        self.clock(clock.id)
        self._writing().clocks[clock.id] = clock

    def clocks(self, ticket_ids: Sequence[int]) -> Mapping[int, Sequence[TicketClock]]:
        return {
            ticket_id: sorted(
                (c for c in self._t.clocks.values() if c.ticket_id == ticket_id), key=lambda c: (c.due_by, c.id)
            )
            for ticket_id in ticket_ids
        }

    # attempts
    def add_attempt(self, attempt: Attempt) -> None:
        assert attempt.id not in self._t.attempts
        self._writing().attempts[attempt.id] = attempt

    def attempt(self, attempt_id: str) -> Attempt:
        return _require(self._t.attempts.get(attempt_id), f"attempt {attempt_id}")

    def save_attempt(self, attempt: Attempt) -> None:
        self.attempt(attempt.id)
        self._writing().attempts[attempt.id] = attempt

    def attempts(self, ticket_id: int) -> Sequence[Attempt]:
        return sorted((a for a in self._t.attempts.values() if a.ticket_id == ticket_id), key=lambda a: a.started_at)

    def tickets_with_running(self, rules: Collection[str]) -> Sequence[int]:
        running = [c for c in self._t.clocks.values() if c.state is ClockState.RUNNING and c.rule in rules]
        return sorted({c.ticket_id for c in running})

    def profile_choices(self) -> Sequence[ProfileChoice]:
        return list(self._t.profile_choices.values())

    def profile_choice(self, choice_id: int, *, for_update: bool = False) -> ProfileChoice:
        if for_update:
            self._writing()
        return _require(self._t.profile_choices.get(choice_id), f"profile choice {choice_id}")

    def add_profile_choice(self, choice: ProfileChoice) -> ProfileChoice:
        stored = replace(choice, id=len(self._t.profile_choices) + 1)
        self._writing().profile_choices[stored.id] = stored
        return stored

    def save_profile_choice(self, choice: ProfileChoice) -> None:
        self.profile_choice(choice.id)
        self._writing().profile_choices[choice.id] = choice

    def mark(self, name: str) -> str:
        return self._t.marks.get(name, "")

    def set_mark(self, name: str, value: str) -> None:
        self._writing().marks[name] = value

    def carried_by(self, lead_id: str) -> Sequence[Attempt]:
        return sorted(
            (a for a in self._t.attempts.values() if a.call_id == lead_id),
            key=lambda a: (a.started_at, a.ticket_id, a.id),
        )

    def unfinished_attempts(self, staff_ids: Collection[int]) -> Sequence[Attempt]:
        under_way = [a for a in self._t.attempts.values() if a.staff_id in staff_ids and a.finished_at is None]
        return sorted(under_way, key=lambda a: (a.started_at, a.id))

    def known_sids(self, phone: str) -> frozenset[str]:
        voices = [a for a in self._t.attempts.values() if a.channel == "voice" and a.phone == phone]
        return frozenset(a.provider_sid for a in voices if a.provider_sid)

    # waiting for a person
    def waiting_line(self) -> Sequence[InLine]:
        homes, line = self._t.households, []
        for wait in self._waiting():
            home = homes.get(self.conversation(wait.conversation_id).household_id or 0)
            danger = any(
                t.emergency and t.is_open and t.conversation_id == wait.conversation_id
                for t in self._t.tickets.values()
            )
            line.append(InLine(wait, emergency=danger, vulnerable=home is not None and home.vulnerable))
        return sorted(line, key=lambda one: one.order)

    def wait(self, wait_id: int, *, for_update: bool = False) -> Wait:
        if for_update:
            self._writing()
        return _require(self._t.waits.get(wait_id), f"wait {wait_id}")

    def recent_waits(self, since: datetime) -> Sequence[Wait]:
        taken = [
            w
            for w in self._t.waits.values()
            if w.state is WaitState.TAKEN and w.kind is WaitKind.LIVE and w.ended_at is not None and w.ended_at >= since
        ]
        return sorted(taken, key=lambda w: w.ended_at or since, reverse=True)[:50]

    def keep_place(self, conversation_id: str, *, ticket_id: int, phone: str, at: datetime) -> Wait:
        own = max(
            (w for w in self._t.waits.values() if w.conversation_id == conversation_id),
            key=lambda w: w.id,
            default=None,
        )
        promised = next((w for w in self._waiting() if w.ticket_id == ticket_id), None)
        if promised is not None and promised != own:
            if own is not None:
                self.end_wait(own.id, state=WaitState.LEFT, at=at)
            return promised
        if own is None or own.state is WaitState.TAKEN:
            own = self._new_wait(conversation_id, at)
        kept = replace(
            own, kind=WaitKind.CALLBACK, state=WaitState.WAITING, ticket_id=ticket_id, phone=phone, ended_at=None,
            operator_id=None,
        )  # fmt: skip
        self._writing().waits[kept.id] = kept
        return kept

    def end_wait(self, wait_id: int, *, state: WaitState, at: datetime, operator_id: int | None = None) -> bool:
        wait = self._t.waits.get(wait_id)
        if wait is None or wait.state is not WaitState.WAITING:
            return False
        self._writing().waits[wait_id] = replace(wait, state=state, ended_at=at, operator_id=operator_id)
        return True

    def resume_wait(self, wait_id: int) -> None:
        ended = self.wait(wait_id)
        self._writing().waits[wait_id] = replace(ended, state=WaitState.WAITING, ended_at=None, operator_id=None)

    def callback_reached(self, ticket_id: int, at: datetime) -> None:
        for wait in self._waiting():
            if wait.ticket_id == ticket_id:
                self.end_wait(wait.id, state=WaitState.LEFT, at=at)

    def operator_present(self, operator_id: int, at: datetime) -> None:
        self._writing().presence[operator_id] = at

    def operator_left(self, operator_id: int) -> None:
        self._writing().presence.pop(operator_id, None)

    def chat_capacities(self) -> Mapping[int, int]:
        return dict(self._t.capacities)

    def set_chat_capacity(self, operator_id: int, chats: int) -> None:
        self._writing().capacities[operator_id] = chats

    def present_operators(self, since: datetime) -> frozenset[int]:
        return frozenset(n for n, seen in self._t.presence.items() if seen >= since)

    def _waiting(self) -> list[Wait]:
        return [w for w in self._t.waits.values() if w.state is WaitState.WAITING]

    def _new_wait(self, conversation_id: str, at: datetime) -> Wait:
        place = len(self._waiting()) + 1
        new = Wait(len(self._t.waits) + 1, conversation_id, WaitKind.LIVE, WaitState.WAITING, at, place)
        self._writing().waits[new.id] = new
        return new

    def _follow_floor(self, conversation_id: str, to: Floor, at: datetime, operator_id: int | None) -> None:
        own = next((w for w in self._waiting() if w.conversation_id == conversation_id), None)
        if to is Floor.QUEUE:
            own = own or self._new_wait(conversation_id, at)
            self._writing().waits[own.id] = replace(own, kind=WaitKind.LIVE, ticket_id=None, phone="")
        elif own is not None and to is Floor.OPERATOR:
            self.end_wait(own.id, state=WaitState.TAKEN, at=at, operator_id=operator_id)
        elif own is not None and own.kind is WaitKind.LIVE:
            self.end_wait(own.id, state=WaitState.LEFT, at=at)

    # recordings
    def add_recording(self, recording: Recording) -> Recording:
        known = self.recording_of_carrier(recording.provider_sid) or self._t.recordings.get(recording.id)
        if known is None:
            known = self._writing().recordings[recording.id] = recording
        return known

    def recording(self, recording_id: str, *, for_update: bool = False) -> Recording:
        if for_update:
            self._writing()
        return _require(self._t.recordings.get(recording_id), f"recording {recording_id}")

    def recording_of_carrier(self, provider_sid: str) -> Recording | None:
        return next((r for r in self._t.recordings.values() if provider_sid and r.provider_sid == provider_sid), None)

    def save_recording(self, recording: Recording) -> None:
        self.recording(recording.id)
        self._writing().recordings[recording.id] = recording

    def recordings(self, *, conversation_id: str | None = None, ticket_id: int | None = None) -> Sequence[Recording]:
        found = [
            r
            for r in self._t.recordings.values()
            if (r.ticket_id == ticket_id if ticket_id is not None else r.conversation_id == conversation_id)
        ]
        return sorted(found, key=lambda r: (r.made_at, r.id))

    def recordings_of(self, ticket_ids: Sequence[int]) -> Mapping[int, Sequence[Recording]]:
        return {ticket_id: self.recordings(ticket_id=ticket_id) for ticket_id in ticket_ids}

    def unfetched_recordings(self, since: datetime, before: datetime) -> Sequence[Recording]:
        waiting = [r for r in self._t.recordings.values() if r.state is RecordingState.AT_CARRIER]
        return sorted((r for r in waiting if since <= r.made_at < before), key=lambda r: r.made_at)

    def recordings_before(self, before: datetime, limit: int = 100) -> Sequence[Recording]:
        kept = (RecordingState.AT_CARRIER, RecordingState.STORED)
        old = [r for r in self._t.recordings.values() if r.state in kept and r.made_at < before]
        return sorted(old, key=lambda r: r.made_at)[:limit]

    # outbox
    def delete_finished_tasks(self, before: datetime) -> int:
        tasks = self._writing().tasks
        old = [k for k, r in tasks.items() if r.state in ("done", "cancelled") and r.task.due_at < before]
        for key in old:
            del tasks[key]
        return len(old)

    def enqueue(self, task: NewTask) -> None:
        tables = self._writing()
        if task.key in tables.tasks:
            return
        stored = Task(
            id=len(tables.tasks) + 1,
            kind=task.kind,
            key=task.key,
            due_at=task.due_at,
            payload=dict(task.payload),
            ticket_id=task.ticket_id,
            tries=0,
            token="",
        )
        tables.tasks[task.key] = StoredTask(stored, task.rank)

    def give_turn_back(self, lane: Lane, now: datetime) -> None:
        turns = self._writing().turns
        turns[lane] = min(now, turns.get(lane, now))

    def raise_rank(self, key: str, rank: Rank) -> None:
        row = self._writing().tasks.get(key)
        if row is not None and row.state == "pending":
            self._t.tasks[key] = replace(row, rank=min(rank, row.rank))

    def bring_forward(self, key: str, due_at: datetime) -> bool:
        row = self._writing().tasks.get(key)
        if row is None or row.state != "pending" or row.lease_until is not None:
            return False
        task = replace(row.task, due_at=min(due_at, row.task.due_at))
        self._t.tasks[key] = replace(row, task=task)
        return True

    def cancel_tasks(self, ticket_id: int, kinds: Sequence[str]) -> int:
        rows = [
            r
            for r in self._writing().tasks.values()
            if r.state == "pending" and r.task.ticket_id == ticket_id and r.task.kind in kinds
        ]
        for row in rows:
            self._t.tasks[row.task.key] = replace(row, state="cancelled", lease_until=None)
        return len(rows)

    def drop_tasks(self, keys: Sequence[str]) -> None:
        for key in keys:
            row = self._writing().tasks.get(key)
            if row is not None and row.state == "pending":
                self._t.tasks[key] = replace(row, state="cancelled", lease_until=None)

    def task_done(self, task: Task) -> bool:
        return self._change_held(task, state="done", lease_until=None)

    def task_again(self, task: Task, due_at: datetime, error: str) -> bool:
        again = replace(task, due_at=due_at, token="")
        return self._change_held(task, task=again, lease_until=None, error=error)

    def task_dead(self, task: Task, error: str) -> bool:
        return self._change_held(task, state="dead", lease_until=None, error=error)

    def holds(self, task: Task) -> bool:
        row = self._t.tasks.get(task.key)
        return row is not None and row.state == "pending" and bool(task.token) and row.task.token == task.token

    def overdue_tasks(self, before: datetime, lane: Lane | None = None) -> Sequence[tuple[str, str, datetime, int]]:
        rows = [r.task for r in self._t.tasks.values() if r.state in ("pending", "dead") and r.task.due_at < before]
        rows = [t for t in rows if lane in (None, lane_of(t.kind))]
        return [(t.kind, t.key, t.due_at, t.tries) for t in sorted(rows, key=lambda t: t.due_at)][:100]

    def _change_held(self, held: Task, **changes: Any) -> bool:
        tables = self._writing()
        if not self.holds(held):
            return False
        tables.tasks[held.key] = replace(tables.tasks[held.key], **changes)
        return True

    # conversations
    def add_conversation(self, conversation: Conversation) -> Conversation:
        known = self.conversation_by_external_id(conversation.channel, conversation.external_id)
        if known is not None:
            return known
        self._writing().conversations[conversation.id] = conversation
        return conversation

    def conversation(self, conversation_id: str, *, for_update: bool = False) -> Conversation:
        if for_update:
            self._writing()
        return _require(self._t.conversations.get(conversation_id), f"conversation {conversation_id}")

    def conversation_by_external_id(self, channel: Channel, external_id: str) -> Conversation | None:
        return next(
            (c for c in self._t.conversations.values() if (c.channel, c.external_id) == (channel, external_id)), None
        )

    def save_conversation(self, conversation: Conversation) -> None:
        stored = self.conversation(conversation.id)
        if conversation.epoch < stored.epoch:
            msg = f"conversation {conversation.id} moved on"
            raise StaleEpoch(msg)
        self._writing().conversations[conversation.id] = replace(
            conversation, last_seq=stored.last_seq, seen_by_operator_at=stored.seen_by_operator_at
        )

    def move_floor(
        self, conversation_id: str, *, to: Floor, operator_id: int | None, epoch: int, at: datetime
    ) -> Conversation | None:
        stored = self.conversation(conversation_id)
        if stored.epoch != epoch:
            return None
        moved = replace(
            stored,
            floor=to,
            operator_id=operator_id,
            epoch=epoch + 1,
            waiting_since=at if to is Floor.QUEUE else None,
            seen_by_operator_at=at if to is Floor.OPERATOR else None,
            last_at=at,
        )
        self._writing().conversations[conversation_id] = moved
        self._follow_floor(conversation_id, to, at, operator_id)
        return moved

    def operator_seen(self, conversation_id: str, operator_id: int, at: datetime) -> None:
        stored = self.conversation(conversation_id)
        if stored.operator_id == operator_id:
            self._writing().conversations[conversation_id] = replace(stored, seen_by_operator_at=at)

    def live_conversations(self) -> Sequence[Conversation]:
        live = [c for c in self._t.conversations.values() if c.floor is not Floor.ENDED]
        rank = {Floor.QUEUE: 0, Floor.OPERATOR: 1, Floor.BOT: 2}

        def order(c: Conversation) -> tuple[int, float]:
            if c.floor is Floor.QUEUE:
                return 0, (c.waiting_since or c.last_at).timestamp()
            return rank[c.floor], -c.last_at.timestamp()

        return sorted(live, key=order)

    def live_tops(self) -> Mapping[str, tuple[int, int]]:
        return {c.id: (c.last_seq, c.epoch) for c in self.live_conversations()}

    def silent_chats(self, before: datetime, limit: int = 100) -> Sequence[Conversation]:
        return self._silent(before, limit, True, Floor.BOT, Floor.QUEUE)

    def silent_calls(self, before: datetime, limit: int = 100) -> Sequence[Conversation]:
        return self._silent(before, limit, False, Floor.BOT)

    def _silent(self, before: datetime, limit: int, written: bool, *floors: Floor) -> Sequence[Conversation]:
        every = self._t.conversations.values()
        silent = [c for c in every if c.channel.is_written is written and c.floor in floors and c.last_at < before]
        return sorted(silent, key=lambda c: c.last_at)[:limit]

    def recent_conversations(self, limit: int = 50) -> Sequence[Conversation]:
        return sorted(self._t.conversations.values(), key=lambda c: c.opened_at, reverse=True)[:limit]

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
        stored = self.conversation(conversation_id)
        rows = self._writing().messages.setdefault(conversation_id, [])
        if client_id is not None:
            for row in rows:
                if row.client_id == client_id:
                    return row
        message = Message(conversation_id, stored.last_seq + 1, author, text, at, dict(data or {}), client_id)
        rows.append(message)
        self._t.conversations[conversation_id] = replace(stored, last_seq=message.seq)
        promised = promise_to_send(stored.channel, message)
        if promised is not None:
            self.enqueue(promised)
        return message

    def set_message_data(self, conversation_id: str, seq: int, data: dict[str, Any]) -> None:
        rows = self._writing().messages.get(conversation_id, [])
        if not 1 <= seq <= len(rows):
            raise NotFound(f"message {seq} of {conversation_id}")
        rows[seq - 1] = replace(rows[seq - 1], data=dict(data))

    def messages(self, conversation_id: str, after: int = 0, limit: int = 200) -> Sequence[Message]:
        return [m for m in self._t.messages.get(conversation_id, []) if m.seq > after][:limit]

    def last_messages(self, conversation_ids: Collection[str], most: int) -> Mapping[str, Sequence[Message]]:
        return {c: self._t.messages.get(c, [])[-most:] for c in conversation_ids}

    def add_private_note(self, note: PrivateNote) -> None:
        assert note.id == 0
        notes = self._writing().private_notes
        if not any((n.conversation_id, n.client_id) == (note.conversation_id, note.client_id) for n in notes):
            notes.append(replace(note, id=len(notes) + 1))

    def private_notes(self, conversation_id: str) -> Sequence[PrivateNote]:
        return [n for n in self._t.private_notes if n.conversation_id == conversation_id]

    def add_look(self, look: Look) -> None:
        assert look.id == 0
        looks = self._writing().looks
        looks.append(replace(look, id=looks[-1].id + 1 if looks else 1))

    def looks(self, *, who: str = "", subject: str = "", before: int | None = None, limit: int = 100) -> Sequence[Look]:
        found = [k for k in self._t.looks if who in ("", k.who) and subject in ("", k.subject)]
        return [k for k in reversed(found) if before is None or k.id < before][:limit]

    def forget_looks(self, before: datetime, most: int) -> int:
        looks = self._writing().looks
        old = [look for look in looks[:most] if look.at < before]
        for look in old:
            looks.remove(look)
        return len(old)

    def stored_reply(self, conversation_id: str, key: str) -> dict[str, Any] | None:
        return self._t.replies.get((conversation_id, key))

    def store_reply(self, conversation_id: str, key: str, reply: dict[str, Any]) -> bool:
        if (conversation_id, key) in self._t.replies:
            return False
        self._writing().replies[conversation_id, key] = reply
        return True

    def keep_half_heard(self, conversation_id: str, key: str, part: int, words: str) -> None:
        known = self._t.half_heard.get(conversation_id)
        if known is None or known[0] != key or known[1] < part:
            self._writing().half_heard[conversation_id] = (key, part, words)

    def half_heard(self, conversation_id: str) -> tuple[str, str] | None:
        known = self._t.half_heard.get(conversation_id)
        return (known[0], known[2]) if known else None

    def kept_answer(self, key: str) -> str | None:
        kept = self._t.answers.get(key)
        return kept[0] if kept else None

    def keep_answer(self, key: str, answer: str, at: datetime) -> str:
        return self._writing().answers.setdefault(key, (answer, at))[0]

    def delete_answers(self, before: datetime) -> int:
        old = [key for key, (_, at) in self._t.answers.items() if at < before]
        for key in old:
            del self._writing().answers[key]
        return len(old)

    def last_reply(self, conversation_id: str) -> dict[str, Any] | None:
        replies = [reply for (cid, _), reply in self._t.replies.items() if cid == conversation_id]
        return max(replies, key=lambda reply: reply["turn_number"], default=None)

    def turn_count(self, conversation_id: str) -> int:
        return sum(cid == conversation_id for cid, _ in self._t.replies)

    def receipts(self, conversation_id: str) -> Mapping[Side, Receipt]:
        return {side: self._t.receipts.get((conversation_id, side), Receipt()) for side in Side}

    def note_receipt(self, conversation_id: str, side: Side, receipt: Receipt) -> bool:
        known = self.receipts(conversation_id)[side]
        grown = Receipt(max(known.delivered_seq, receipt.delivered_seq), max(known.read_seq, receipt.read_seq))
        self._writing().receipts[conversation_id, side] = grown
        return grown != known

    def add_picture(self, picture: Picture) -> None:
        self._writing().pictures.setdefault(picture.id, picture)

    def picture(self, picture_id: str) -> Picture:
        if picture_id not in self._t.pictures:
            raise NotFound(f"picture {picture_id}")
        return self._t.pictures[picture_id]

    def pictures_of(self, conversation_id: str) -> Sequence[Picture]:
        sent = [p for p in self._t.pictures.values() if p.conversation_id == conversation_id]
        return sorted(sent, key=lambda p: (p.made_at, p.id))

    def pictures_before(self, before: datetime, limit: int = 100) -> Sequence[Picture]:
        old = [p for p in self._t.pictures.values() if p.made_at < before]
        return sorted(old, key=lambda p: p.made_at)[:limit]

    def forget_picture(self, picture_id: str) -> None:
        self._writing().pictures.pop(picture_id, None)

    def count_identity_try(self, subject: str, day: date, by: int) -> int:
        tries = self._writing().identity_tries
        tries[subject, day] = tries.get((subject, day), 0) + by
        return tries[subject, day]

    def forget_identity_tries(self, before: date) -> int:
        old = [key for key in self._t.identity_tries if key[1] < before]
        for key in old:
            del self._writing().identity_tries[key]
        return len(old)

    def rate(self, rating: Rating) -> bool:
        return self._writing().ratings.setdefault(rating.conversation_id, rating) is rating

    def rating(self, conversation_id: str) -> Rating | None:
        return self._t.ratings.get(conversation_id)

    # conferences
    def add_leg(self, leg: Leg) -> None:
        assert leg.id not in self._t.legs
        self._writing().legs[leg.id] = leg

    def leg(self, leg_id: str) -> Leg:
        return _require(self._t.legs.get(leg_id), f"leg {leg_id}")

    def save_leg(self, leg: Leg) -> None:
        self.leg(leg.id)
        self._writing().legs[leg.id] = leg

    def legs(self, conversation_id: str) -> Sequence[Leg]:
        return [leg for leg in self._t.legs.values() if leg.conversation_id == conversation_id]

    def live_legs_of_operator(self, operator_id: int) -> Sequence[Leg]:
        return [leg for leg in self._t.legs.values() if leg.live and leg.operator_id == operator_id]

    def answers_in_browser(self, operator_id: int) -> bool | None:
        return self._t.in_browser.get(operator_id)

    def set_answers_in_browser(self, operator_id: int, *, in_browser: bool) -> None:
        self._writing().in_browser[operator_id] = in_browser


def _upsert(rows: dict[int, Keyed], row: Keyed, key: str) -> Keyed:
    known = next((r for r in rows.values() if getattr(r, key) == getattr(row, key)), None)
    stored = replace(row, id=known.id if known else len(rows) + 1)
    rows[stored.id] = stored
    return stored


# --- a company small enough to know by heart ---------------------------------------------------------------------

EVERY_DAY = frozenset(range(1, 8))
BUTLER, DEPUTY, STATION_DUTY_BY_DAY, STATION_DUTY_BY_NIGHT, DUTY_CHIEF, SUPERVISOR = 1, 2, 3, 4, 5, 6


def small_company(store: FakeStore) -> FakeStore:
    """One station, two communities (the second has the butlers swapped), six people, three homes, three operators.

    Ids: station 1; communities 1 (阳光花园, aliases 阳光小区) and 2 (翠湖苑); staff as named above; households 1 and 2 in
    community 1 (2 is vulnerable), 3 in community 2; operators 1 operator, 2 supervisor, 3 administrator.
    """
    with store.write() as tx:
        tx.upsert_station(Station(0, "S1", "东城站", "东城路1号", "+8631100000001"))
        people = ("王管家", "李管家", "张值班", "夜值班", "赵主任", "钱主管")
        for n, name in enumerate(people, start=1):
            tx.upsert_staff(Staff(0, f"{n:02d}", name, f"+86139000000{n:02d}", 1 if n < DUTY_CHIEF else None))
        tx.upsert_community(
            Community(0, "C1", "阳光花园", ("阳光小区",), 1, BUTLER, DEPUTY, "阳光物业", "+8631100000002")
        )
        tx.upsert_community(Community(0, "C2", "翠湖苑", (), 1, DEPUTY, BUTLER))
        tx.replace_duties(
            [
                Duty(StaffRole.STATION_DUTY, STATION_DUTY_BY_DAY, 1, EVERY_DAY, time(8), time(20)),
                Duty(StaffRole.STATION_DUTY, STATION_DUTY_BY_NIGHT, 1, EVERY_DAY, time(20), time(8)),
                Duty(StaffRole.DUTY_CHIEF, DUTY_CHIEF, None, EVERY_DAY, time(0), time(0)),
                Duty(StaffRole.SUPERVISOR, SUPERVISOR, None, EVERY_DAY, time(0), time(0)),
            ]
        )
        tx.upsert_household(Household(0, "100001", 1, "3", "2", "501", "陈静", "+8613800000001"))
        tx.upsert_household(Household(0, "100002", 1, "3", "2", "502", "孙奶奶", "+8613800000002", vulnerable=True))
        tx.upsert_household(Household(0, "100003", 2, "1", "1", "101", "周强", "+8613800000003", "floor_heating"))
        for login, name, role in (
            ("xiaoli", "小李", OperatorRole.OPERATOR),
            ("zhuguan", "周主管", OperatorRole.SUPERVISOR),
            ("admin", "管理员", OperatorRole.ADMINISTRATOR),
        ):
            tx.upsert_operator(Operator(0, login, name, role, "+8613700000001", "unusable"))
    return store
