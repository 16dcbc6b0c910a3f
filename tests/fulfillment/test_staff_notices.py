"""Warnings and breaches reach people: whom the plan names, by text and robot, in the daytime, and not when it is too late."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta

import pytest

from fulfillment.clock_watch import ClockWatch
from fulfillment.company import Duty, StaffRole
from fulfillment.desk import Desk
from fulfillment.open_ticket import Learned, TicketRequest, open_ticket
from fulfillment.outbox import Lane, TaskKind
from fulfillment.ports import Deliverer
from fulfillment.staff_message import NO_STEP
from fulfillment.staff_notices import Occasion, StaffNotice, StaffNotices
from fulfillment.ticket import Attempt, AttemptOutcome, Ticket, TicketState
from fulfillment.worker import Worker
from kernel.errors import CarrierBusy, CarrierRefused, CarrierUnknown
from tests.fake_robots import FakeRobots
from tests.fakes import BUTLER, DEPUTY, SUPERVISOR, FakeCarrier, FakeStore, FixedClock, small_company
from tests.fulfillment.drill import GARDEN, not_here, standard


@dataclass
class Office:
    """Only clocks and notices; `run_for` carries out what becomes due on the way."""

    store: FakeStore = field(default_factory=lambda: small_company(FakeStore()))
    clock: FixedClock = field(default_factory=FixedClock)

    def __post_init__(self) -> None:
        self.carrier, self.robots = FakeCarrier(self.store), FakeRobots(self.store)
        texts = {"text": self.words("text"), "robot": self.words("robot")}
        notices = StaffNotices(self.store, self.carrier, self.robots, standard(), self.clock, texts)
        watch = ClockWatch(self.store, standard(), self.clock)
        self.desk = Desk(self.store, standard(), self.clock)
        table: dict[str, Deliverer] = dict.fromkeys(TaskKind, not_here) | {
            TaskKind.WARN_CLOCK: watch.warn,
            TaskKind.BREACH_CLOCK: watch.breach,
            TaskKind.NOTICE_BY_TEXT: notices.deliver,
            TaskKind.NOTICE_BY_ROBOT: notices.deliver,
            TaskKind.SPOT_INCIDENT: lambda _task: None,
        }
        self.worker = Worker(self.store, table, self.clock, name="w1")

    @staticmethod
    def words(channel: str) -> Callable[[StaffNotice], str]:
        def compose(notice: StaffNotice) -> str:
            given = "+" if notice.given else ""
            return f"{channel} {notice.staff.name} {notice.occasion} {notice.clock.rule}{given}"

        return compose

    def open(self, kind: str = "cold_room") -> Ticket:
        with self.store.write() as tx:
            request = TicketRequest(kind, "不热", None, Learned(address=GARDEN))
            ticket, _ = open_ticket(tx, request, standard=standard(), now=self.clock.now())
        self.worker.deliver_one(Lane.ORDINARY)  # the look for an incident, which is not what is tested here
        return ticket

    def run_for(self, **units: float) -> None:
        end = self.clock.now() + timedelta(**units)
        while True:
            for lane in (Lane.ORDINARY, Lane.TEXT, Lane.ROBOT):
                while self.worker.deliver_one(lane):
                    pass
            lanes = (Lane.ORDINARY, Lane.TEXT, Lane.ROBOT)
            due = min((d for lane in lanes if (d := self.store.next_due(lane)) is not None), default=None)
            if due is None or due > end:
                break
            self.clock.set(max(due, self.clock.now()))
        self.clock.set(end)

    def give_robot(self, staff_id: int, address: str) -> None:
        with self.store.write() as tx:
            tx.upsert_staff(replace(tx.staff(staff_id), robot=address))

    def bodies(self) -> list[str]:
        return [text.body for text in self.carrier.texts]

    def told(self, ticket: Ticket) -> list[str]:
        return [e.key for e in self.store.tables.timeline if e.ticket_id == ticket.id]

    def attempts(self, ticket: Ticket) -> list[Attempt]:
        return [a for a in self.store.tables.attempts.values() if a.ticket_id == ticket.id]


@pytest.fixture
def office() -> Office:
    return Office()


def test_the_assignee_is_warned_and_the_breach_goes_further(office: Office) -> None:
    ticket = office.open()
    office.run_for(minutes=22)
    assert office.bodies() == ["text 王管家 clock_warning repair_contact"]
    office.run_for(minutes=9)
    assert set(office.bodies()[1:]) == {
        "text 王管家 clock_breached repair_contact",
        "text 李管家 clock_breached repair_contact+",
        "text 钱主管 clock_breached repair_contact",
    }
    assert office.told(ticket).count("text_sent") == 4
    assert office.carrier.texts[0].to == "+8613900000001"


def test_who_has_a_robot_gets_both_and_the_stations_group_stands_in(office: Office) -> None:
    office.give_robot(SUPERVISOR, "feishu://boss")
    with office.store.write() as tx:
        tx.upsert_station(replace(tx.station(1), robot="wecombot://group"))
    ticket = office.open()
    office.run_for(minutes=31)
    assert ("wecombot://group", "robot 王管家 clock_warning repair_contact") in office.robots.sent
    assert ("feishu://boss", "robot 钱主管 clock_breached repair_contact") in office.robots.sent
    assert len(office.bodies()) == len(office.robots.sent) == 4
    assert {a.channel for a in office.attempts(ticket)} == {"text", "robot"}
    for attempt in office.attempts(ticket):
        assert (attempt.step, attempt.outcome, attempt.finished_at is not None) == (
            NO_STEP,
            AttemptOutcome.PLACED,
            True,
        )
        assert "wecombot" not in str(attempt), "an address is a secret"


def test_a_case_that_nobody_accepts_goes_to_the_next_one_once_per_clock(office: Office) -> None:
    ticket = office.open()
    assert office.store.tables.tickets[ticket.id].assignee_id == BUTLER
    office.run_for(minutes=31)
    assert office.store.tables.tickets[ticket.id].assignee_id == DEPUTY
    assert office.told(ticket).count("rerouted") == 1


def test_a_case_that_somebody_has_stays_with_him(office: Office) -> None:
    ticket = office.open()
    office.desk.acknowledge(ticket.id, by="王管家", staff_id=BUTLER)
    office.run_for(minutes=31)
    assert "rerouted" not in office.told(ticket)
    assert set(office.bodies()[1:]) == {
        "text 王管家 clock_breached repair_contact",
        "text 钱主管 clock_breached repair_contact",
    }


def test_a_promise_that_is_kept_in_time_tells_nobody(office: Office) -> None:
    ticket = office.open()
    office.desk.contacted(ticket.id, by="王管家")
    office.desk.change_state(ticket.id, TicketState.ON_SITE, by="王管家")
    office.run_for(hours=3)
    assert office.bodies() == []


def test_one_that_is_kept_between_the_promise_and_the_message_tells_nobody(office: Office) -> None:
    ticket = office.open()
    office.clock.advance(minutes=21)
    assert office.worker.deliver_one(Lane.ORDINARY)
    office.desk.contacted(ticket.id, by="王管家")
    office.run_for(seconds=1)
    assert office.bodies() == []
    assert "clock_warning" in office.told(ticket)


def test_an_emergencys_clock_tells_the_supervisor_at_night_too(office: Office) -> None:
    office.clock.set(datetime(2026, 11, 22, 18, tzinfo=UTC))  # 2:00 in the night
    office.open("leak_inside")
    office.run_for(minutes=5)
    assert office.bodies() == ["text 钱主管 clock_warning emergency_acknowledged"]
    office.run_for(minutes=5)
    assert "text 赵主任 clock_breached emergency_acknowledged" in office.bodies()


def test_what_is_counted_in_working_days_waits_for_the_daytime(office: Office) -> None:
    """Opened Sunday 23:00: two working days end on Tuesday 17:30, 70 % of that are over at 5:03 on Tuesday."""
    office.clock.set(datetime(2026, 11, 22, 15, tzinfo=UTC))
    office.open("valve_damaged")
    office.run_for(hours=30, minutes=30)
    assert office.bodies() == []
    office.clock.set(datetime(2026, 11, 23, 22, 59, tzinfo=UTC))
    office.run_for(seconds=30)
    assert office.bodies() == []
    office.run_for(minutes=1)
    assert office.bodies() == ["text 王管家 clock_warning valve_done"]


def test_in_a_gap_of_the_rota_everybody_who_holds_the_role_is_told(office: Office) -> None:
    with office.store.write() as tx:
        others = [d for d in tx.duties() if d.role is not StaffRole.SUPERVISOR]
        tx.replace_duties([*others, Duty(StaffRole.SUPERVISOR, SUPERVISOR, None, frozenset({1}), time(8), time(9))])
    office.open("leak_inside")
    office.run_for(minutes=5)
    assert office.bodies() == ["text 钱主管 clock_warning emergency_acknowledged"]


def test_nobody_is_there_to_be_told_and_the_timeline_says_so(office: Office) -> None:
    with office.store.write() as tx:
        tx.replace_duties([])
    ticket = office.open("leak_inside")
    office.run_for(minutes=5)
    assert "nobody_to_tell" in office.told(ticket)


@pytest.mark.parametrize(
    ("failure", "attempts"), [(CarrierRefused("no"), 1), (CarrierUnknown("?"), 1)], ids=["refused", "unknown"]
)
def test_a_message_that_fails_is_told_and_not_repeated(office: Office, failure: Exception, attempts: int) -> None:
    office.give_robot(BUTLER, "json://x")
    office.robots.failures = [failure]
    ticket = office.open()
    office.run_for(minutes=22)
    assert "robot_failed" in office.told(ticket)
    assert "text_sent" in office.told(ticket), "one channel does not wait for the other"
    failed = [a for a in office.attempts(ticket) if a.outcome is AttemptOutcome.FAILED]
    assert len(failed) == attempts
    assert office.robots.sent == []


def test_too_many_messages_at_once_are_sent_a_little_later(office: Office) -> None:
    office.give_robot(BUTLER, "json://x")
    office.robots.failures = [CarrierBusy("slow down", 20.0)]
    ticket = office.open()
    office.run_for(minutes=22)
    assert [body for _, body in office.robots.sent] == ["robot 王管家 clock_warning repair_contact"]
    assert "robot_failed" not in office.told(ticket)


def test_a_worker_that_dies_after_sending_writes_one_attempt(office: Office) -> None:
    ticket = office.open()
    office.clock.advance(minutes=21)
    assert office.worker.deliver_one(Lane.ORDINARY)

    def crash() -> None:
        if office.carrier.texts:
            msg = "killed"
            raise RuntimeError(msg)

    office.store.after_commit = crash
    with pytest.raises(RuntimeError):
        office.worker.deliver_one(Lane.TEXT)
    office.store.after_commit = None
    office.run_for(minutes=1)
    assert len(office.attempts(ticket)) == 1
    assert office.told(ticket).count("text_sent") == 1


def test_both_occasions_are_words_of_the_timeline() -> None:
    assert {o.value for o in Occasion} == {"clock_warning", "clock_breached", "handed_on"}
