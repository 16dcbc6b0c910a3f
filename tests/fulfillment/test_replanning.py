"""A working-day clock survives a change of the public calendar: on the fakes, and on a real database at a worker's start."""

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import yaml

from fulfillment import replanning
from fulfillment.case import Case
from fulfillment.open_ticket import Learned, TicketRequest, open_ticket
from fulfillment.outbox import Lane, TaskKind
from fulfillment.replanning import MARK, Replanning, fingerprint
from fulfillment.standard import Standard
from fulfillment.ticket import ClockState, Ticket, TicketClock
from fulfillment.worker import Worker
from kernel.errors import StoreBusy
from storage import Store
from tests.fakes import FakeStore, FixedClock, small_company
from tests.fulfillment.drill import GARDEN, HOME, not_here, standard

MONDAY = date(2026, 11, 23)
TUESDAY_EVENING = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


def changed(days_off: frozenset[date] = frozenset({MONDAY})) -> Standard:
    """The service standard after somebody has edited data/calendar.yml."""
    after = Standard(HOME / "data")
    after.calendar = replace(after.calendar, days_off=days_off)
    return after


def start(store: FakeStore | Store, by: Standard, clock: FixedClock | None = None) -> bool:
    """A worker starts and works until nothing ordinary is due; True if it had something to re-plan."""
    clock = clock or FixedClock()
    work = Replanning(store, by, clock)
    promised = work.promise()
    table = dict.fromkeys(map(str, TaskKind), not_here) | {str(TaskKind.REPLAN_CLOCKS): work.deliver}
    worker = Worker(store, table, clock, name="w1")
    while worker.deliver_one(Lane.ORDINARY):
        pass
    return promised


@pytest.fixture
def store() -> FakeStore:
    store = small_company(FakeStore())
    assert start(store, standard())  # a first start: there is no mark yet, and nothing runs
    assert store.tables.marks[MARK] == fingerprint(standard().calendar)
    return store


def open_valve(store: FakeStore | Store, kind: str = "valve_damaged") -> Ticket:
    with store.write() as tx:
        request = TicketRequest(kind, "阀门坏了", None, Learned(address=GARDEN))
        return open_ticket(tx, request, standard=standard(), now=FixedClock().now())[0]


def clock_of(store: FakeStore, rule: str = "valve_done") -> TicketClock:
    (found,) = [c for c in store.tables.clocks.values() if c.rule == rule and c.state is ClockState.RUNNING]
    return found


def test_a_new_day_off_moves_the_promise_and_its_tasks(store: FakeStore) -> None:
    ticket = open_valve(store)
    assert clock_of(store).due_by == TUESDAY_EVENING
    assert start(store, changed())
    moved = clock_of(store)
    assert moved.due_by == TUESDAY_EVENING.replace(day=25)
    assert moved.rev == 2
    assert store.tables.tasks[f"breach-{moved.id}-2"].task.due_at == moved.due_by
    (entry,) = [e for e in store.tables.timeline if e.key == "clock_moved" and e.ticket_id == ticket.id]
    assert (entry.params["before"], entry.params["after"]) == ("11-24 17:30", "11-25 17:30")


def test_the_next_start_does_nothing_and_the_way_back_works(store: FakeStore) -> None:
    open_valve(store)
    assert start(store, changed())
    commits = store.commits
    assert not start(store, changed())
    assert store.commits == commits
    later = FixedClock()
    later.advance(minutes=1)
    assert start(store, standard(), later)
    assert clock_of(store).due_by == TUESDAY_EVENING
    assert clock_of(store).rev == 3


def test_clocks_that_run_by_the_hour_do_not_move(store: FakeStore) -> None:
    open_valve(store, "cold_room")
    before = {c.id: c for c in store.tables.clocks.values() if c.rule != "callback_after_repair"}
    assert start(store, changed())
    assert store.tables.clocks == before


def test_many_tickets_are_done_a_few_a_task_and_killed_in_the_middle_lose_none(
    store: FakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replanning, "CHUNK", 1)
    for n in (1, 2, 3):
        with store.write() as tx:
            request = TicketRequest("valve_damaged", "阀门坏了", None, Learned(household_id=n))
            open_ticket(tx, request, standard=standard(), now=FixedClock().now())
    clock = FixedClock()
    work = Replanning(store, changed(), clock)
    assert work.promise()
    table = dict.fromkeys(map(str, TaskKind), not_here) | {str(TaskKind.REPLAN_CLOCKS): work.deliver}
    worker = Worker(store, table, clock, name="w1")
    assert worker.deliver_one(Lane.ORDINARY)
    assert sorted(c.due_by.day for c in store.tables.clocks.values()) == [24, 24, 25]
    store.write_failures = [StoreBusy("killed")]
    worker.deliver_one(Lane.ORDINARY)
    assert store.tables.marks[MARK] == fingerprint(standard().calendar), "not before the last one"
    clock.advance(minutes=1)
    while worker.deliver_one(Lane.ORDINARY):
        pass
    assert {c.due_by.day for c in store.tables.clocks.values()} == {25}
    assert store.tables.marks[MARK] == fingerprint(changed().calendar)
    assert [e.key for e in store.tables.timeline].count("clock_moved") == 3


def test_the_fingerprint_knows_every_part_of_the_calendar(tmp_path: Path) -> None:
    known = {fingerprint(standard().calendar)}
    raw = yaml.safe_load((HOME / "data" / "calendar.yml").read_text(encoding="utf-8"))
    for change in (
        {"days_off": ["2027-03-03"]},
        {"working_days": ["2027-03-06"]},
        {"season": {"first": "11-10", "last": "03-15"}},
        {"office_hours": ["08:30-17:00"]},
        {"calling_hours": ["08:00-21:00"]},
        {"fee_collection": {"first": "09-08", "last": "10-30"}},
    ):
        folder = tmp_path / str(len(known))
        folder.mkdir()
        for file in (HOME / "data").glob("*.yml"):
            (folder / file.name).write_bytes(file.read_bytes())
        (folder / "calendar.yml").write_text(yaml.safe_dump(raw | change), encoding="utf-8")
        known.add(fingerprint(Standard(folder).calendar))
    assert len(known) == 7
    assert fingerprint(Standard(HOME / "data").calendar) in known, "and nothing else"


def test_on_a_real_database(tmp_path: Path) -> None:
    with Store(f"sqlite:///{tmp_path / 'hotline.db'}") as store:
        store.migrate()
        small_company(store)  # type: ignore[arg-type] # it needs no more than the port
        ticket = open_valve(store)
        assert start(store, standard())
        assert start(store, changed())
        with store.read() as tx:
            dues = {c.rule: c.due_by for c in tx.clocks([ticket.id])[ticket.id]}
            assert dues["valve_done"].day == 25
            assert tx.mark(MARK) == fingerprint(changed().calendar)
        with store.write() as tx:  # details that change later find a clock that can still be re-planned
            Case(tx, tx.ticket(ticket.id, for_update=True), standard=changed(), now=FixedClock().now()).replan()
