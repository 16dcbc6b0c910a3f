"""Who shouts when the worker is dead, how often, to whom, and when it is over."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from fulfillment.open_ticket import Learned, TicketRequest, open_ticket
from fulfillment.outbox import Lane, NewTask, Rank, TaskKind
from fulfillment.sentinel import Cause, Listener, Sentinel, Ways
from fulfillment.ticket import Attempt, AttemptOutcome, Ticket, TicketState
from kernel.errors import CarrierRefused, CarrierUnknown, StoreBusy
from storage import Store
from tests.fake_robots import FakeRobots
from tests.fakes import DUTY_CHIEF, SUPERVISOR, FakeStore, FakeTx, FixedClock, small_company
from tests.fulfillment.drill import GARDEN, standard

DUTY_PHONE, CHIEF, BOSS = "+8613700000099", "+8613900000005", "+8613900000006"


class Phones:
    """fulfillment.sentinel.PlainTexts."""

    def __init__(self) -> None:
        self.texts: list[tuple[str, str]] = []
        self.broken: Exception | None = None

    def plain_text(self, *, to: str, body: str) -> str:
        if self.broken is not None:
            raise self.broken
        self.texts.append((to, body))
        return "SM"


class Unreachable(FakeStore):
    """A database that can be taken away."""

    gone: Exception | None = None

    @contextmanager
    def read(self) -> Iterator[FakeTx]:
        if self.gone is not None:
            raise self.gone
        with super().read() as tx:
            yield tx


class Night:
    """A sentinel over a company; nobody works."""

    def __init__(self) -> None:
        self.store, self.clock = Unreachable(), FixedClock()
        small_company(self.store)
        self.phones, self.robots = Phones(), FakeRobots()
        self.sentinel = Sentinel(
            self.store,
            Ways(self.phones, self.robots),
            self.clock,
            always=Listener(DUTY_PHONE, "json://duty"),
            words=(lambda cause, count, minutes: f"{cause} {count} {minutes}", lambda cause: f"{cause} over"),
            ladder=lambda: standard().ladder,
        )

    def leak(self, room: str = "501") -> Ticket:
        with self.store.write() as tx:
            request = TicketRequest("leak_inside", "漏水", None, Learned(address=replace(GARDEN, room=room)))
            return open_ticket(tx, request, standard=standard(), now=self.clock.now())[0]

    def look_for(self, seconds: int) -> None:
        for _ in range(seconds // 5):
            self.sentinel.look()
            self.clock.advance(seconds=5)

    def to(self, phone: str) -> list[str]:
        return [body for to, body in self.phones.texts if to == phone]


@pytest.fixture
def night() -> Night:
    return Night()


def test_all_is_well_and_nobody_is_woken(night: Night) -> None:
    night.look_for(300)
    assert night.phones.texts == []
    assert night.robots.sent == []


def test_a_dead_worker_is_shouted_about_once_a_minute_until_it_is_back(night: Night) -> None:
    ticket = night.leak()
    night.look_for(60)
    assert night.phones.texts == []
    night.look_for(130)
    told = night.to(BOSS)
    assert told[0] == "overdue 1 0"
    assert [t for t in told if t.startswith("overdue")] == ["overdue 1 0", "overdue 1 1", "overdue 1 2"]
    assert night.to(DUTY_PHONE) == told == night.to(CHIEF)
    assert {address for address, _ in night.robots.sent} == {"json://duty"}
    with night.store.write() as tx:
        tx.cancel_tasks(ticket.id, [TaskKind.FORWARD_EMERGENCY])
        tx.save_ticket(replace(tx.ticket(ticket.id), acknowledged_by="王管家", state="acknowledged"))
    night.look_for(120)
    assert night.to(BOSS)[len(told) :] == ["overdue over", "untold over"]


def test_robots_of_the_supervisors_are_told_too(night: Night) -> None:
    with night.store.write() as tx:
        tx.upsert_staff(replace(tx.staff(SUPERVISOR), robot="feishu://boss"))
        tx.upsert_staff(replace(tx.staff(DUTY_CHIEF), active=False))
    night.leak()
    night.clock.advance(seconds=61)
    night.sentinel.look()
    assert {address for address, _ in night.robots.sent} == {"json://duty", "feishu://boss"}
    assert {to for to, _ in night.phones.texts} == {DUTY_PHONE, BOSS}


def test_an_ordinary_task_that_is_late_wakes_nobody(night: Night) -> None:
    with night.store.write() as tx:
        for n in range(150):  # more than one look at all of them would show
            tx.enqueue(NewTask(TaskKind.WARN_CLOCK, f"w{n}", night.clock.now() - timedelta(hours=1)))
    night.look_for(120)
    assert night.phones.texts == []
    night.leak()
    night.clock.advance(seconds=61)
    night.sentinel.look()
    assert night.to(BOSS) == ["overdue 1 0"], "an emergency behind a hundred late ordinary tasks is seen"


@pytest.mark.parametrize(
    ("kind", "lane"),
    [(TaskKind.RING_PERSON, Lane.VOICE), (TaskKind.TEXT_PERSON, Lane.TEXT), (TaskKind.ROBOT_PERSON, Lane.ROBOT)],
)
def test_a_lane_to_people_that_stands_still_is_seen(night: Night, kind: TaskKind, lane: Lane) -> None:
    """The ladder goes on and somebody was told long ago, but nobody is rung any more."""
    ticket = night.leak()
    with night.store.write() as tx:
        tx.cancel_tasks(ticket.id, [TaskKind.FORWARD_EMERGENCY])
        tx.add_attempt(attempt(ticket, AttemptOutcome.PLACED, night.clock))
        for n in range(3):
            tx.enqueue(NewTask(kind, f"step{n}", night.clock.now(), ticket_id=ticket.id, rank=Rank.FURTHER))
    every = timedelta(seconds=30)
    for _ in range(3):  # a crowd waits longer than a minute: turns are taken, all is well
        assert night.store.claim(lane, night.clock.now(), timedelta(seconds=20), "w", every) is not None
        night.look_for(30)
    with night.store.write() as tx:
        tx.enqueue(NewTask(kind, "step3", night.clock.now(), ticket_id=ticket.id))
    assert night.phones.texts == []
    night.look_for(100)
    assert night.to(BOSS)[0].startswith("overdue")


def test_a_call_to_a_resident_that_is_late_wakes_nobody(night: Night) -> None:
    with night.store.write() as tx:
        tx.enqueue(NewTask(TaskKind.RING_RESIDENT, "survey", night.clock.now()))
    night.look_for(300)
    assert night.phones.texts == []


def attempt(ticket: Ticket, outcome: AttemptOutcome, now: FixedClock) -> Attempt:
    return Attempt("a1", ticket.id, 1, 1, "butler", "+8613900000001", "voice", now.now(), outcome)


@pytest.mark.parametrize(("outcome", "untold"), [(AttemptOutcome.FAILED, True), (AttemptOutcome.PLACED, False)])
def test_a_worker_that_runs_and_reaches_nobody_is_seen(night: Night, outcome: AttemptOutcome, untold: bool) -> None:
    ticket = night.leak()
    with night.store.write() as tx:
        tx.cancel_tasks(ticket.id, [TaskKind.FORWARD_EMERGENCY])  # it is busy: nothing is overdue
        tx.add_attempt(attempt(ticket, outcome, night.clock))
    night.look_for(180)
    assert (night.to(BOSS)[:1] == ["untold 1 0"]) is untold


def test_a_case_that_is_new_is_heard_before_the_minute_is_over(night: Night) -> None:
    night.leak()
    night.clock.advance(seconds=30)
    night.leak("502")
    night.clock.advance(seconds=31)
    night.look_for(25)
    assert night.to(BOSS) == ["overdue 1 0"]
    night.look_for(10)
    assert night.to(BOSS) == ["overdue 1 0", "overdue 2 0"], "thirty seconds later, and not at the minute"
    night.look_for(55)
    assert len([t for t in night.to(BOSS) if t.startswith("overdue")]) == 2, "told: from now on once a minute"


def test_after_it_was_over_the_next_gap_is_heard_at_once(night: Night) -> None:
    first = night.leak()
    night.look_for(70)
    accept(night, first)
    night.look_for(10)
    night.leak("502")
    night.look_for(70)
    assert night.to(BOSS) == ["overdue 1 0", "overdue over", "overdue 1 0"]


def test_a_clock_that_was_put_back_silences_nothing(night: Night) -> None:
    night.store.gone = StoreBusy("away")
    night.sentinel.look()
    night.clock.advance(seconds=-3600)
    night.look_for(130)
    assert [t.rpartition(" ")[0] for t in night.to(BOSS) or night.to(DUTY_PHONE)] == ["database 1"] * 4


def accept(night: Night, ticket: Ticket) -> None:
    with night.store.write() as tx:
        tx.cancel_tasks(ticket.id, [TaskKind.FORWARD_EMERGENCY])
        tx.save_ticket(replace(tx.ticket(ticket.id), acknowledged_by="王管家", state="acknowledged"))


@pytest.mark.parametrize("later", [None, AttemptOutcome.FAILED, AttemptOutcome.INTENDED])
def test_a_ladder_that_falls_silent_after_its_first_rung_is_heard(night: Night, later: AttemptOutcome | None) -> None:
    """Whatever the reason: its steps fail and are tried again for ever, the account was closed in the middle of the night."""
    ticket = night.leak()
    with night.store.write() as tx:
        tx.cancel_tasks(ticket.id, [TaskKind.FORWARD_EMERGENCY])  # nothing is overdue
        tx.add_attempt(attempt(ticket, AttemptOutcome.NO_ANSWER, night.clock))
    night.look_for(60)
    if later is not None:
        with night.store.write() as tx:
            tx.add_attempt(replace(attempt(ticket, later, night.clock), id="a2", step=2))
    night.look_for(60 + 30 - 60)
    assert night.to(BOSS) == [], "a minute for the one, half a minute until the next round"
    night.look_for(130)
    assert night.to(BOSS) == ["quiet 1 0"]
    with night.store.write() as tx:
        tx.add_attempt(replace(attempt(ticket, AttemptOutcome.PLACED, night.clock), id="a3", step=3))
    night.look_for(5)
    assert night.to(BOSS)[1:] == ["quiet over"]
    night.look_for(300)
    assert night.to(BOSS)[2] == "quiet 1 0", "and the next time"


def test_a_ladder_that_goes_on_as_planned_is_not_called_quiet(night: Night) -> None:
    ticket = night.leak()
    with night.store.write() as tx:
        tx.cancel_tasks(ticket.id, [TaskKind.FORWARD_EMERGENCY])
    for n in range(10):
        with night.store.write() as tx:
            tx.add_attempt(replace(attempt(ticket, AttemptOutcome.NO_ANSWER, night.clock), id=f"b{n}", step=n + 1))
        night.look_for(90)
    assert night.to(BOSS) == []


def test_given_back_after_hours_the_ladder_has_a_moment_to_start_again(night: Night) -> None:
    ticket = night.leak()
    with night.store.write() as tx:
        tx.add_attempt(attempt(ticket, AttemptOutcome.ACCEPTED, night.clock))
    accept(night, ticket)
    night.look_for(7200)
    with night.store.write() as tx:
        tx.save_ticket(replace(tx.ticket(ticket.id), acknowledged_by="", state=TicketState.NEW))
    night.look_for(55)
    assert night.to(BOSS) == []
    night.look_for(15)
    assert night.to(BOSS) == ["quiet 1 0"]


def test_without_a_database_the_last_known_people_are_told(night: Night) -> None:
    night.sentinel.look()
    night.store.gone = StoreBusy("away")
    night.look_for(65)
    assert night.to(BOSS) == ["database 1 0", "database 1 1"]
    night.store.gone = None
    night.look_for(30)
    assert night.to(BOSS)[2:] == ["database over"]


def test_without_a_database_from_the_start_the_duty_phone_is_told(night: Night) -> None:
    night.store.gone = StoreBusy("away")
    night.sentinel.look()
    assert night.to(DUTY_PHONE) == ["database 1 0"]
    assert night.robots.sent == [("json://duty", "database 1 0")]
    assert night.to(BOSS) == []


def test_nothing_is_called_over_while_nobody_can_look(night: Night) -> None:
    night.leak()
    night.clock.advance(seconds=61)
    night.sentinel.look()
    night.store.gone = StoreBusy("away")
    night.look_for(30)
    assert "overdue over" not in night.to(BOSS)


def test_one_way_that_is_broken_does_not_silence_the_others(night: Night) -> None:
    night.store.gone = StoreBusy("away")
    night.phones.broken = CarrierUnknown("no line")
    night.robots.failures = [CarrierRefused("gone")]
    night.sentinel.look()
    assert night.robots.sent == []
    night.clock.advance(seconds=60)
    night.sentinel.look()
    assert [body for _, body in night.robots.sent] == ["database 1 1"]


def test_every_cause_has_its_words() -> None:
    from dialogue.script_book import ScriptBook  # noqa: PLC0415 - only here
    from ivr.alarm_text import SEGMENT, units  # noqa: PLC0415
    from ivr.robot_text import sentinel_words  # noqa: PLC0415
    from kernel.settings import HOME  # noqa: PLC0415

    cause_words, over = sentinel_words(ScriptBook(HOME / "scripts_zh", company="华暖", number="01"))
    for cause in Cause:
        for minutes in (0, 59):
            assert 0 < units(cause_words(cause, 100, minutes)) <= SEGMENT, cause_words(cause, 100, minutes)
        assert over(cause)


def test_a_server_that_is_not_there_is_a_database_that_is_gone(night: Night) -> None:
    with Store("postgresql+psycopg://nobody@127.0.0.1:1/nowhere") as store:
        words = (lambda cause, _count, _minutes: str(cause), str)
        always = Listener(DUTY_PHONE, "")
        Sentinel(
            store,
            Ways(night.phones, night.robots),
            night.clock,
            always=always,
            words=words,
            ladder=lambda: standard().ladder,
        ).look()
    assert night.phones.texts == [(DUTY_PHONE, "database")]
