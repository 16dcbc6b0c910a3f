"""Reports as they open: when they suggest an incident, when they join one, and that no alarm waits for either."""

from dataclasses import replace

from fulfillment.incident import Extent, Incident, IncidentState
from fulfillment.outbox import Lane, TaskKind
from fulfillment.ticket import Address, Ticket, TicketState
from tests.fulfillment.drill import Drill

RISER = Extent(frozenset({1}), None, frozenset({"3"}), "2")


def report(drill: Drill, room: int, kind: str = "no_heat", unit: str = "2", building: str = "3") -> Ticket:
    return drill.open(kind, Address(1, building, unit, str(room)))


def incidents(drill: Drill, state: IncidentState = IncidentState.SUGGESTED) -> list[Incident]:
    return [i for i in drill.store.tables.of_incidents.incidents.values() if i.state is state]


def test_the_third_home_of_a_riser_suggests_an_incident_once() -> None:
    drill = Drill()
    for room in (101, 201):
        report(drill, room)
    drill.run()
    assert incidents(drill) == []
    report(drill, 301)
    drill.run()
    [found] = incidents(drill)
    assert (found.extent, found.category, found.begins_at) == (RISER, "no_heat", drill.clock.now())
    report(drill, 401)
    drill.run()
    assert incidents(drill) == [found], "a fourth home is no second suggestion"
    assert [e.key for e in drill.store.tables.of_incidents.log] == ["suggested"]


def test_the_same_task_run_twice_is_one_suggestion() -> None:
    drill = Drill()
    tickets = [report(drill, room) for room in (101, 201, 301)]
    drill.run()
    done = [row for row in drill.store.tables.tasks.values() if row.task.kind is TaskKind.SPOT_INCIDENT]
    assert len(done) == len(tickets)
    for row in done:
        drill.store.tables.tasks[row.task.key] = replace(row, state="pending", lease_until=None)
    drill.run()
    assert len(incidents(drill)) == 1


def test_reports_that_are_hours_apart_suggest_nothing() -> None:
    drill = Drill()
    for room in (101, 201, 301):
        report(drill, room)
        drill.run_for(minutes=90)
    assert incidents(drill) == []


def test_a_wider_suggestion_takes_the_narrower_one_in() -> None:
    drill = Drill()
    for room in (101, 201, 301):
        report(drill, room)
    drill.run()
    [narrow] = incidents(drill)
    for room in (101, 201):
        report(drill, room, unit="1")
    drill.run()
    [wide] = incidents(drill)
    assert wide.extent == replace(RISER, unit="")
    [merged] = incidents(drill, IncidentState.MERGED)
    assert (merged.id, merged.merged_into_id) == (narrow.id, wide.id)


def test_what_was_dismissed_is_not_suggested_again_by_the_same_reports() -> None:
    drill = Drill()
    for room in (101, 201, 301):
        report(drill, room)
    drill.run()
    [found] = incidents(drill)
    with drill.store.write() as tx:
        now = drill.clock.now()
        tx.save_incident(replace(found, state=IncidentState.DISMISSED, settled_at=now))
    drill.clock.advance(minutes=1)
    for room in (401, 501):
        report(drill, room)
        drill.run()
    assert incidents(drill) == []
    report(drill, 601)
    drill.run()
    assert len(incidents(drill)) == 1, "three new homes are new evidence"


def test_an_address_that_is_learnt_later_counts_from_then_on() -> None:
    drill = Drill()
    for room in (101, 201):
        report(drill, room)
    late = drill.open("no_heat", Address())
    drill.run()
    assert incidents(drill) == []
    drill.learn(late, address=Address(1, "3", "2", "301"))
    drill.run()
    assert len(incidents(drill)) == 1


def test_leaks_suggest_an_incident_and_each_is_forwarded_by_itself() -> None:
    drill = Drill()
    leaks = [report(drill, room, "leak_inside") for room in (101, 201, 301)]
    assert drill.worker.deliver_one(Lane.EMERGENCY), "the alarm needs no look at the incidents"
    drill.run_for(minutes=10)
    assert [i.category for i in incidents(drill)] == ["leak"]
    for leak in leaks:
        assert drill.attempts(leak), "each leak has its own ladder"
        assert drill.ticket(leak).state is TicketState.NEW


def test_a_broken_look_stops_no_alarm() -> None:
    drill = Drill()
    drill.store.tables.communities[1] = replace(drill.store.tables.communities[1], station_id=99)  # nonsense
    leak = report(drill, 101, "leak_inside")
    drill.run_for(seconds=30)
    assert drill.rung(leak)


def test_a_report_joins_the_incident_that_runs_where_it_comes_from() -> None:
    drill = Drill()
    with drill.store.write() as tx:
        now = drill.clock.now()
        running = Incident(0, "leak", IncidentState.RUNNING, Extent(frozenset({1})), now, now, title="抢修")
        stored = tx.add_incident(running)
        assert stored is not None
    cold, leak, test = (report(drill, 101, kind) for kind in ("no_heat", "leak_inside", "temperature_test"))
    elsewhere = drill.open("no_heat", Address(2, "3", "2", "101"))
    drill.run_for(seconds=30)
    with drill.store.read() as tx:
        assert [a.ticket_id for a in tx.attachments(stored.id)] == [cold.id, leak.id]
        assert tx.attachment_of(elsewhere.id) is None
        assert tx.attachment_of(test.id) is None, "a temperature test has its own course"
    assert "joined_incident" in drill.story(leak)
    assert drill.rung(leak), "it joined, and rings all the same"


def test_a_planned_outage_takes_no_reports_before_it_begins() -> None:
    drill = Drill()
    now = drill.clock.now()
    with drill.store.write() as tx:
        later = drill.clock.now().replace(hour=20)
        assert tx.add_incident(
            Incident(0, "no_heat", IncidentState.RUNNING, Extent(frozenset({1})), now, later, planned=True)
        )
    cold = report(drill, 101)
    drill.run()
    with drill.store.read() as tx:
        assert tx.attachment_of(cold.id) is None
