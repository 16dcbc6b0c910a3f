"""What the ports promise about marks, running clocks, lanes and robots' addresses, said to every store alike."""

from dataclasses import replace
from datetime import UTC, datetime

from dialogue.ports import DialogueStore
from fulfillment.company import Staff, Station
from fulfillment.outbox import Lane, TaskKind
from fulfillment.ticket import ClockState
from storage import Store
from tests.storage.samples import MINUTE, NOW, a_clock, a_task, a_ticket


def test_a_mark_is_nothing_until_it_is_set_and_can_be_changed(store: DialogueStore) -> None:
    with store.write() as tx:
        assert tx.mark("calendar") == ""
        tx.set_mark("calendar", "one")
        tx.set_mark("calendar", "two")
    with store.read() as tx:
        assert tx.mark("calendar") == "two"
        assert tx.mark("another") == ""


def test_the_tickets_on_which_a_rule_runs(store: DialogueStore) -> None:
    with store.write() as tx:
        first, second, third = (tx.add_ticket(a_ticket()).id for _ in range(3))
        tx.add_clock(a_clock(first, rule="valve_done"))
        tx.add_clock(a_clock(first, rule="suspended"))
        stopped = tx.add_clock(a_clock(second, rule="valve_done"))
        tx.save_clock(replace(stopped, state=ClockState.KEPT, stopped_at=NOW))
        tx.add_clock(a_clock(third, rule="leak_contact"))
    with store.read() as tx:
        assert list(tx.tickets_with_running({"valve_done", "suspended"})) == [first]
        assert list(tx.tickets_with_running(())) == []


def test_overdue_tasks_of_one_lane(store: DialogueStore) -> None:
    with store.write() as tx:
        tx.enqueue(a_task("urgent"))
        tx.enqueue(a_task("later", kind=TaskKind.WARN_CLOCK))
    with store.read() as tx:
        assert [key for _, key, _, _ in tx.overdue_tasks(NOW + MINUTE, Lane.EMERGENCY)] == ["urgent"]
        assert len(tx.overdue_tasks(NOW + MINUTE)) == 2


def test_a_robots_address_is_kept(store: DialogueStore) -> None:
    with store.write() as tx:
        person = tx.upsert_staff(Staff(0, "77", "新来的", "+8613900000077", None, robot="wecombot://key"))
        station = tx.upsert_station(Station(0, "S9", "新站", "", "", robot="feishu://token"))
    with store.read() as tx:
        assert tx.staff(person.id).robot == "wecombot://key"
        assert tx.station(station.id).robot == "feishu://token"
        assert tx.staff(1).robot == "", "a company that has no robots"


def test_the_database_tells_its_time(database: Store) -> None:
    before = datetime.now(UTC)
    assert before - MINUTE < database.present() < datetime.now(UTC) + MINUTE
