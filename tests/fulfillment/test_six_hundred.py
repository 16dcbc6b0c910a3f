"""600 emergencies in one minute, one call and one text a second: all are in somebody's ear or message within ten minutes.

The clock, the network, the people and the store are simulated; ladder, calls and budget are the product's own.
docs/adr/0007 quotes the numbers.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from itertools import count

import pytest
import structlog

from fulfillment.alarms import Alarms
from fulfillment.company import Community, Duty, Staff, StaffRole, Station
from fulfillment.forwarding import Forwarding
from fulfillment.importing import import_company, load_words
from fulfillment.notice import TEXT, VOICE
from fulfillment.open_ticket import Learned, TicketRequest, open_ticket
from fulfillment.outbox import Lane, TaskKind
from fulfillment.ports import Deliverer
from fulfillment.telling import Telling, TextSender
from fulfillment.ticket import Address, Attempt
from fulfillment.worker import Worker
from tests.fakes import EVERY_DAY, FakeCarrier, FakeStore, FixedClock
from tests.fulfillment.drill import HOME, not_here, standard

log = structlog.get_logger()

EMERGENCIES = 600
TEN_MINUTES = timedelta(minutes=10)
RINGS = timedelta(seconds=22)
PICKS_UP = timedelta(seconds=8)
TELLING = timedelta(seconds=20)  # one alarm, until its key is pressed
LANES = (Lane.EMERGENCY, Lane.WATCH, Lane.VOICE, Lane.TEXT)


class Network(FakeCarrier):
    """Tells whoever listens that a telephone rings."""

    def __init__(self, store: FakeStore, rings: Callable[[str, str], None]) -> None:
        super().__init__(store)
        self._rings = rings

    def call(self, *, to: str, attempt_id: str, ring_seconds: int) -> str:
        sid = super().call(to=to, attempt_id=attempt_id, ring_seconds=ring_seconds)
        self._rings(attempt_id, sid)
        return sid


@dataclass
class Town:
    """Time jumps from event to event. `somebody_answers`: everybody picks up and accepts one alarm after the other."""

    store: FakeStore
    somebody_answers: bool = False
    per_second: float = 1.0
    clock: FixedClock = field(default_factory=FixedClock)
    told_at: dict[int, datetime] = field(default_factory=dict)  # ticket → in an ear
    placed: list[tuple[str, datetime]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._events: list[tuple[datetime, int, Callable[[], None]]] = []
        self._order = count()
        self.carrier = Network(self.store, self._ring)
        self.alarms = Alarms(self.store, standard(), self.clock)
        senders = [TextSender(self.carrier, lambda alarms: f"{len(alarms)}")]
        forwarding = Forwarding(self.store, standard(), self.clock, senders)
        telling = Telling(self.store, self.carrier, standard(), self.clock, senders)
        table: dict[str, Deliverer] = dict.fromkeys(TaskKind, not_here) | {
            TaskKind.FORWARD_EMERGENCY: forwarding.forward,
            TaskKind.RING_PERSON: telling.tell,
            TaskKind.TEXT_PERSON: telling.tell,
            TaskKind.WATCH_ATTEMPT: telling.watch,
        }
        budget = {Lane.VOICE: self.per_second, Lane.TEXT: self.per_second}
        self.worker = Worker(self.store, table, self.clock, name="w1", lanes=LANES, per_second=budget)

    def open(self, n: int) -> int:
        with self.store.write() as tx:
            communities = tx.communities()
            known = Learned(address=Address(communities[n % len(communities)].id, str(n), "1", "101"))
            request = TicketRequest("leak_inside", "漏水", None, known)
            return open_ticket(tx, request, standard=standard(), now=self.clock.now())[0].id

    def run(self, until: datetime, done: Callable[[], bool] = lambda: False) -> None:
        while not done():
            while any([self.worker.deliver_one(lane) for lane in LANES]):  # noqa: C419 - each lane gets its share
                pass
            due = [at for lane in LANES if (at := self.store.next_due(lane)) is not None]
            upcoming = min([*due, *(event[0] for event in self._events[:1])], default=until)
            if upcoming > until:
                break
            self.clock.set(max(upcoming, self.clock.now()))
            while self._events and self._events[0][0] <= self.clock.now():
                heapq.heappop(self._events)[2]()

    def butlers(self) -> set[int]:
        with self.store.read() as tx:
            return {c.butler_id for c in tx.communities()}

    def leads_in_order(self) -> list[Attempt]:
        with self.store.read() as tx:
            return [tx.attempt(attempt_id) for attempt_id, _ in self.placed]

    def _after(self, wait: timedelta, happening: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self.clock.now() + wait, next(self._order), happening))

    def _ring(self, lead_id: str, sid: str) -> None:
        self.placed.append((lead_id, self.clock.now()))
        if self.somebody_answers:
            self._after(PICKS_UP, lambda: self._pick_up(lead_id, sid))
        else:
            self._after(RINGS, lambda: self._event(lead_id, sid, "no-answer"))

    def _event(self, lead_id: str, sid: str, status: str) -> None:
        self.alarms.call_event(lead_id, status=status, sequence=None, sid=sid)

    def _pick_up(self, lead_id: str, sid: str) -> None:
        self._event(lead_id, sid, "in-progress")
        self._listen(lead_id, sid)

    def _listen(self, lead_id: str, sid: str) -> None:
        brief = self.alarms.next_in_call(lead_id) or self.alarms.hang_up(lead_id)
        if brief is None:
            self._event(lead_id, sid, "completed")
            return
        self.told_at.setdefault(brief.ticket.id, self.clock.now())
        attempt_id = brief.attempt.id

        def press_1() -> None:
            self.alarms.accept(attempt_id)
            self._listen(lead_id, sid)

        self._after(TELLING, press_1)


@dataclass(frozen=True)
class Outcome:
    """Seconds after the last emergency was reported, per ticket: first text sent, first call placed."""

    texted: list[float]
    called: list[float]
    reached: list[float]  # in an ear or in a message, whatever was first
    calls: int
    texts: int
    most_calls_in_a_second: int


def outcome(town: Town, began: datetime, tickets: list[int]) -> Outcome:
    placed = dict(town.placed)
    texted, called, reached = [], [], []
    with town.store.read() as tx:
        for ticket in tickets:
            attempts = tx.attempts(ticket)
            sent = [a.finished_at for a in attempts if a.channel == TEXT and a.provider_sid and a.finished_at]
            rung = [
                max(placed[a.call_id], a.started_at) for a in attempts if a.channel == VOICE and a.call_id in placed
            ]
            heard = [town.told_at[ticket]] if ticket in town.told_at else []
            texted += [(min(sent) - began).total_seconds()] if sent else []
            called += [(min(rung) - began).total_seconds()] if rung else []
            reached += [(min([*sent, *heard]) - began).total_seconds()] if sent or heard else []
    times = sorted(at for _, at in town.placed)
    most = max(sum(at <= t < at + timedelta(seconds=0.999) for t in times) for at in times)
    return Outcome(texted, called, reached, len(town.carrier.calls), len(town.carrier.texts), most)


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


def test_nobody_answers_and_everybody_has_been_told(store: FakeStore) -> None:
    town = sample_town(store)
    began = town.clock.now()
    tickets = [town.open(n) for n in range(EMERGENCIES)]
    town.run(began + timedelta(seconds=21))  # nobody has rung out yet: these are the first rungs
    found = outcome(town, began, tickets)
    log.info("told", summary=summary(found))
    assert len(found.texted) == len(found.called) == EMERGENCIES, "within twenty seconds, not ten minutes"
    assert found.calls == len(town.butlers()), "one call a butler tells of all his alarms"
    assert found.texts <= 2 * found.calls, "those that came in while the first text left share the second one"
    assert found.most_calls_in_a_second == 1


def test_everybody_answers_and_each_alarm_is_told_to_somebody(store: FakeStore) -> None:
    town = sample_town(store, somebody_answers=True)
    began = town.clock.now()
    tickets = [town.open(n) for n in range(EMERGENCIES // 4)]
    town.run(began + TEN_MINUTES, done=lambda: len(town.told_at) == len(tickets))
    found = outcome(town, began, tickets)
    log.info("told", summary=summary(found), last_ear=(town.clock.now() - began).total_seconds())
    assert len(found.texted) == len(tickets)
    assert set(town.told_at) == set(tickets), "each in somebody's ear, one by one"
    assert max(town.told_at.values()) - began < TEN_MINUTES
    assert found.most_calls_in_a_second == 1


def test_every_home_has_its_own_butler_and_second_rungs_wait(store: FakeStore) -> None:
    """The worst case for the line, at a tenth of its size and pace: as many people to call as there are turns in ten minutes."""
    homes, pace = EMERGENCIES // 10, 0.1
    town = many_butlers(store, homes, pace)
    began = town.clock.now()
    tickets = [town.open(n) for n in range(homes)]
    town.run(began + TEN_MINUTES)
    found = outcome(town, began, tickets)
    log.info("told", summary=summary(found))
    assert len(found.called) == homes
    assert max(found.called) < TEN_MINUTES.total_seconds()
    first = [a for a in town.leads_in_order() if a.step == 1]
    assert [a.step for a in town.leads_in_order()][: len(first)] == [1] * homes, (
        "no second rung before the last first one"
    )
    assert sum(found.called) / homes < 310, "evenly, one after the other"


def sample_town(store: FakeStore, *, somebody_answers: bool = False) -> Town:
    words = load_words(HOME / "data" / "import_words.yml")
    assert import_company(store, HOME / "data" / "company", words, robot_address=str).problems == []
    return Town(store, somebody_answers)


def many_butlers(store: FakeStore, homes: int, pace: float) -> Town:
    with store.write() as tx:
        station = tx.upsert_station(Station(0, "S1", "站", "", "")).id
        for n in range(homes):
            butler = tx.upsert_staff(Staff(0, f"{n}", f"管家{n}", f"+86139{n:08d}", station)).id
            tx.upsert_community(Community(0, f"C{n}", f"小区{n}", (), station, butler, None))
        chief = tx.upsert_staff(Staff(0, "chief", "主任", "+8613800000000", None)).id
        tx.replace_duties([Duty(StaffRole.DUTY_CHIEF, chief, None, EVERY_DAY, time(0), time(0))])
    return Town(store, per_second=pace)


def summary(found: Outcome) -> str:
    def span(seconds: list[float]) -> str:
        ordered = sorted(seconds)
        return f"n={len(ordered)} p50={ordered[len(ordered) // 2]:.0f} max={ordered[-1]:.0f}" if ordered else "none"

    return (
        f"texted {span(found.texted)}; called {span(found.called)}; reached {span(found.reached)}; "
        f"{found.calls} calls, {found.texts} texts, at most {found.most_calls_in_a_second} calls in a second"
    )
