"""Chat robots beside telephone and text: who is reached, what failing costs, and that a press on the link ends the ladder."""

from dataclasses import replace
from datetime import timedelta

import pytest

from fulfillment.alarms import Alarms
from fulfillment.forwarding import Forwarding
from fulfillment.open_ticket import Learned, TicketRequest, open_ticket
from fulfillment.outbox import FARTHEST, LONGEST_RETRY, Lane, TaskKind
from fulfillment.ports import Alarm
from fulfillment.robot_messages import LINKED_AT_ONCE, RobotSender
from fulfillment.telling import Telling, TextSender
from fulfillment.ticket import AttemptOutcome, Ticket, TicketState
from fulfillment.worker import Worker
from kernel.errors import CarrierBusy, CarrierRefused, CarrierUnknown
from tests.fake_robots import FakeRobots
from tests.fakes import BUTLER, DEPUTY, FakeCarrier, FakeStore, FixedClock, small_company
from tests.fulfillment.drill import GARDEN, not_here, standard


class Alarmed:
    """A ladder with all three channels; the butler has a robot of his own, the deputy his station's group."""

    def __init__(self) -> None:
        self.store, self.clock = small_company(FakeStore()), FixedClock()
        with self.store.write() as tx:
            tx.upsert_staff(replace(tx.staff(BUTLER), robot="feishu://wang"))
            tx.upsert_station(replace(tx.station(1), robot="wecombot://group"))
        self.carrier, self.robots = FakeCarrier(self.store), FakeRobots(self.store)
        robot = RobotSender(self.store, self.robots, lambda alarms, staff: f"{staff.name} {ids(alarms)}")
        senders = [TextSender(self.carrier, lambda alarms: f"{len(alarms)}"), robot]
        forwarding = Forwarding(self.store, standard(), self.clock, senders)
        telling = Telling(self.store, self.carrier, standard(), self.clock, senders)
        self.alarms = Alarms(self.store, standard(), self.clock)
        table = dict.fromkeys(map(str, TaskKind), not_here) | {
            str(TaskKind.FORWARD_EMERGENCY): forwarding.forward,
            str(TaskKind.RING_PERSON): telling.tell,
            str(TaskKind.TEXT_PERSON): telling.tell,
            str(TaskKind.ROBOT_PERSON): telling.tell,
        }
        self.worker = Worker(self.store, table, self.clock, name="w1")

    def open(self) -> Ticket:
        with self.store.write() as tx:
            request = TicketRequest("leak_inside", "漏水", None, Learned(address=GARDEN))
            return open_ticket(tx, request, standard=standard(), now=self.clock.now())[0]

    def run(self, *lanes: Lane) -> None:
        for lane in lanes or (Lane.EMERGENCY, Lane.VOICE, Lane.TEXT, Lane.ROBOT):
            while self.worker.deliver_one(lane):
                pass

    def outcome(self, ticket: Ticket, channel: str, step: int = 1) -> str:
        wanted = (ticket.id, channel, step)
        (found,) = [a for a in self.store.tables.attempts.values() if (a.ticket_id, a.channel, a.step) == wanted]
        return found.outcome.value

    def told(self, ticket: Ticket) -> list[str]:
        return [e.key for e in self.store.tables.timeline if e.ticket_id == ticket.id]


def ids(alarms: object) -> str:
    assert isinstance(alarms, tuple | list)
    return ",".join(str(a.ticket.id) for a in alarms if isinstance(a, Alarm))


@pytest.fixture
def alarmed() -> Alarmed:
    return Alarmed()


def test_robot_text_and_call_leave_side_by_side(alarmed: Alarmed) -> None:
    ticket = alarmed.open()
    alarmed.run()
    assert alarmed.robots.sent == [("feishu://wang", "王管家 1")]
    assert len(alarmed.carrier.calls) == len(alarmed.carrier.texts) == 1
    assert {"robot_sent", "text_sent", "call_placed"} <= set(alarmed.told(ticket))
    assert alarmed.outcome(ticket, "robot") == "placed", "sent is a fact, not an acknowledgement"
    assert alarmed.store.tables.tickets[ticket.id].needs_acknowledgement


def test_whoever_has_no_robot_is_read_in_his_stations_group(alarmed: Alarmed) -> None:
    alarmed.open()
    alarmed.run()
    alarmed.clock.advance(seconds=61)
    alarmed.run()
    assert alarmed.robots.sent[1] == ("wecombot://group", "李管家 1")


@pytest.mark.parametrize("failure", [CarrierRefused("gone"), CarrierUnknown("time-out")])
def test_a_robot_that_fails_holds_up_nobody(alarmed: Alarmed, failure: Exception) -> None:
    alarmed.robots.failures = [failure]
    ticket = alarmed.open()
    alarmed.run()
    assert alarmed.outcome(ticket, "robot") == "failed"
    assert alarmed.outcome(ticket, "voice") == "placed"
    assert "robot_failed" in alarmed.told(ticket)


def test_where_only_robots_reach_people_each_has_a_minute_and_a_round_its_length(alarmed: Alarmed) -> None:
    """No call and no text from abroad to +86: a message a minute, the last one before minute 8, and not 90 in ten minutes."""
    with alarmed.store.write() as tx:
        for staff in tx.all_staff():
            tx.upsert_staff(replace(staff, robot=f"wecombot://{staff.id}"))
    alarmed.carrier.call_failures = [CarrierRefused("geo permission", 21215)] * 100
    alarmed.carrier.text_failures = [CarrierRefused("geo permission", 21408)] * 100
    ticket, began = alarmed.open(), alarmed.clock.now()
    sent: list[tuple[int, str]] = []
    for second in range(601):
        alarmed.clock.set(began + timedelta(seconds=second))
        alarmed.run()
        sent += [(second, body) for _, body in alarmed.robots.sent[len(sent) :]]
    assert [second for second, _ in sent[:5]] == [0, 60, 120, 180, 240]
    assert len({body for _, body in sent[:5]}) == 5
    assert len(sent) == 10
    assert alarmed.told(ticket).count("ladder_exhausted") == 1


@pytest.mark.parametrize("asked_to_wait", [60.0, 3600.0])
def test_a_robot_that_asks_to_wait_a_minute_is_left_alone_for_a_minute(alarmed: Alarmed, asked_to_wait: float) -> None:
    alarmed.robots.failures = [CarrierBusy("45009", asked_to_wait)] * 2
    ticket = alarmed.open()
    for _ in range(30):
        alarmed.run()
        alarmed.clock.advance(seconds=1)
    assert len(alarmed.robots.failures) == 1, "tried once, not until its tries were used up"
    alarmed.clock.advance(seconds=91)
    alarmed.run(Lane.ROBOT)
    alarmed.clock.advance(seconds=61)
    alarmed.run(Lane.ROBOT)
    assert alarmed.outcome(ticket, "robot") == "placed"


def test_of_many_alarms_other_ones_are_linked_from_message_to_message(alarmed: Alarmed) -> None:
    """Twelve for one person, three links a message: after four messages each was linked, those never linked first."""
    alarmed.carrier.call_failures = [CarrierRefused("geo permission", 21215)] * 1000
    alarmed.carrier.text_failures = [CarrierRefused("geo permission", 21408)] * 1000
    with alarmed.store.write() as tx:
        for staff in tx.all_staff():
            tx.upsert_staff(replace(staff, robot="feishu://wang", active=staff.id == BUTLER))
        for room in range(12):
            request = TicketRequest("leak_inside", "漏水", None, Learned(address=replace(GARDEN, room=f"{room}")))
            open_ticket(tx, request, standard=standard(), now=alarmed.clock.now())
    for _ in range(10):  # a message after 0, 90, 180 and 270 seconds
        alarmed.run()
        alarmed.clock.advance(seconds=30)
    messages = [body.split(" ")[1].split(",") for _, body in alarmed.robots.sent]
    assert [len(m) for m in messages] == [12] * 4
    linked = [n for m in messages for n in m[:LINKED_AT_ONCE]]
    assert len(linked) == len(set(linked)) == 12


def test_no_retry_is_taken_for_a_clock_that_jumped() -> None:
    assert all(FARTHEST[lane] > LONGEST_RETRY for lane in (Lane.VOICE, Lane.TEXT, Lane.ROBOT))


def test_pressing_the_link_accepts_and_no_further_message_leaves(alarmed: Alarmed) -> None:
    ticket = alarmed.open()
    alarmed.run(Lane.EMERGENCY, Lane.ROBOT)
    (robot,) = [a for a in alarmed.store.tables.attempts.values() if a.channel == "robot"]
    brief = alarmed.alarms.accept(robot.id)
    assert brief.accepted_by == "王管家"
    stored = alarmed.store.tables.tickets[ticket.id]
    assert (stored.state, stored.assignee_id) == (TicketState.ACKNOWLEDGED, BUTLER)
    assert alarmed.store.tables.attempts[robot.id].outcome is AttemptOutcome.ACCEPTED
    alarmed.run(Lane.VOICE, Lane.TEXT)
    assert alarmed.carrier.calls == [], "the call that still waited is not placed"
    assert alarmed.carrier.texts == []


def test_passing_on_by_the_link_rings_the_next_at_once(alarmed: Alarmed) -> None:
    alarmed.open()
    alarmed.run()
    (robot,) = [a for a in alarmed.store.tables.attempts.values() if a.channel == "robot"]
    alarmed.alarms.pass_on(robot.id)
    alarmed.run()
    assert [a.staff_id for a in alarmed.store.tables.attempts.values() if a.channel == "voice"] == [BUTLER, DEPUTY]


def test_an_address_that_was_taken_away_meanwhile(alarmed: Alarmed) -> None:
    ticket = alarmed.open()
    alarmed.run(Lane.EMERGENCY)
    with alarmed.store.write() as tx:
        tx.upsert_staff(replace(tx.staff(BUTLER), robot=""))
        tx.upsert_station(replace(tx.station(1), robot=""))
    alarmed.run(Lane.ROBOT)
    assert alarmed.outcome(ticket, "robot") == "failed"
    assert alarmed.robots.sent == []


def test_without_any_robot_there_is_no_attempt_at_one(alarmed: Alarmed) -> None:
    with alarmed.store.write() as tx:
        tx.upsert_staff(replace(tx.staff(BUTLER), robot=""))
        tx.upsert_station(replace(tx.station(1), robot=""))
    alarmed.open()
    alarmed.run()
    assert {a.channel for a in alarmed.store.tables.attempts.values()} == {"voice", "text"}
