"""A working-day clock survives a change of the public calendar: on the fakes, and on a real database at a worker's start."""

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import yaml

from fulfillment.case import Case
from fulfillment.open_ticket import Learned, TicketRequest, open_ticket
from fulfillment.replanning import MARK, fingerprint, replan_after_calendar_change
from fulfillment.standard import Standard
from fulfillment.ticket import ClockState, Ticket, TicketClock
from kernel.errors import StoreBusy
from storage import Store
from tests.fakes import FakeStore, FixedClock, small_company
from tests.fulfillment.drill import GARDEN, HOME, standard

MONDAY = date(2026, 11, 23)
TUESDAY_EVENING = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


def changed(days_off: frozenset[date] = frozenset({MONDAY})) -> Standard:
    """The service standard after somebody has edited data/calendar.yml."""
    after = Standard(HOME / "data")
    after.calendar = replace(after.calendar, days_off=days_off)
    return after


@pytest.fixture
def store() -> FakeStore:
    store = small_company(FakeStore())
    assert replan_after_calendar_change(store, standard(), FixedClock()) == 0  # a first start: nothing runs
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
    assert replan_after_calendar_change(store, changed(), FixedClock()) == 1
    moved = clock_of(store)
    assert moved.due_by == TUESDAY_EVENING.replace(day=25)
    assert moved.rev == 2
    assert store.tables.tasks[f"breach-{moved.id}-2"].task.due_at == moved.due_by
    (entry,) = [e for e in store.tables.timeline if e.key == "clock_moved" and e.ticket_id == ticket.id]
    assert (entry.params["before"], entry.params["after"]) == ("11-24 17:30", "11-25 17:30")


def test_the_next_start_does_nothing_and_the_way_back_works(store: FakeStore) -> None:
    open_valve(store)
    replan_after_calendar_change(store, changed(), FixedClock())
    commits = store.commits
    assert replan_after_calendar_change(store, changed(), FixedClock()) == 0
    assert store.commits == commits
    assert replan_after_calendar_change(store, standard(), FixedClock()) == 1
    assert clock_of(store).due_by == TUESDAY_EVENING
    assert clock_of(store).rev == 3


def test_clocks_that_run_by_the_hour_do_not_move(store: FakeStore) -> None:
    open_valve(store, "cold_room")
    before = dict(store.tables.clocks)
    assert replan_after_calendar_change(store, changed(), FixedClock()) == 0
    assert store.tables.clocks == before


def test_killed_in_the_middle_the_rest_is_done_at_the_next_start(store: FakeStore) -> None:
    with store.write() as tx:
        homes = [tx.household(n) for n in (1, 2)]
    for home in homes:
        with store.write() as tx:
            learned = Learned(household_id=home.id)
            request = TicketRequest("valve_damaged", "阀门坏了", None, learned)
            open_ticket(tx, request, standard=standard(), now=FixedClock().now())
    store.write_failures = [None, StoreBusy("killed")]
    with pytest.raises(StoreBusy):
        replan_after_calendar_change(store, changed(), FixedClock())
    assert store.tables.marks[MARK] == fingerprint(standard().calendar)
    assert replan_after_calendar_change(store, changed(), FixedClock()) == 1
    assert {c.due_by.day for c in store.tables.clocks.values() if c.rule == "valve_done"} == {25}


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
        replan_after_calendar_change(store, standard(), FixedClock())
        assert replan_after_calendar_change(store, changed(), FixedClock()) == 1
        with store.read() as tx:
            dues = {c.rule: c.due_by for c in tx.clocks([ticket.id])[ticket.id]}
            assert dues["valve_done"].day == 25
            assert tx.mark(MARK) == fingerprint(changed().calendar)
        with store.write() as tx:  # details that change later find a clock that can still be re-planned
            Case(tx, tx.ticket(ticket.id, for_update=True), standard=changed(), now=FixedClock().now()).replan()
