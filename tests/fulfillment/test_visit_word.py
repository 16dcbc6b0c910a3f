"""A butler hears of a visit that a resident has agreed or called off: once, in the daytime, never of a time that is no more."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from dialogue.script_book import ScriptBook
from fulfillment.appointments import book_visit, call_off_visit
from fulfillment.case import Case
from fulfillment.outbox import TaskKind
from fulfillment.ticket import Address, Ticket
from fulfillment.visit_word import WordOfVisit
from fulfillment.worker import Worker
from ivr.alarm_text import SEGMENT, units
from ivr.visit_text import visit_message, visit_text
from tests.fake_robots import FakeRobots
from tests.fulfillment.drill import GARDEN, HOME, Drill, standard

BOOK = ScriptBook(HOME / "scripts_zh", company="华暖", number="01")
NIGHT = datetime(2026, 11, 22, 15, 30, tzinfo=UTC)  # 23:30


@dataclass
class Office:
    drill: Drill = field(default_factory=Drill)

    def __post_init__(self) -> None:
        self.store, self.clock = self.drill.store, self.drill.clock
        self.robots = FakeRobots(self.store)
        texts = {"text": visit_text(BOOK), "robot": visit_message(BOOK, lambda attempt: f"https://x/{attempt[:4]}")}
        word = WordOfVisit(self.store, self.drill.carrier, self.robots, standard(), self.clock, texts)
        told = {TaskKind.VISIT_BY_TEXT: word.deliver, TaskKind.TELL_RESIDENT: self._done}
        self.drill.worker = Worker(self.store, self.drill.deliverers() | told, self.clock, name="w1")
        self.ticket = self.drill.open("temperature_test", GARDEN, household_id=1)

    def _done(self, task: object) -> None:
        with self.store.write() as tx:
            tx.task_done(task)  # type: ignore[arg-type]  # what the worker hands over

    def book(self, n: int, by: str = "resident") -> None:
        ticket = self.drill.ticket(self.ticket)
        slot = list(standard().visit.appointments.slots(self.clock.now()))[n]
        with self.store.write() as tx:
            book_visit(Case(tx, ticket, standard=standard(), now=self.clock.now()), slot, by=by)

    def call_off(self) -> None:
        ticket = self.drill.ticket(self.ticket)
        with self.store.write() as tx:
            call_off_visit(Case(tx, ticket, standard=standard(), now=self.clock.now()), by="resident")

    @property
    def told(self) -> list[str]:
        self.drill.run()
        return [text.body for text in self.drill.carrier.texts]


def test_what_is_agreed_and_called_off_is_told_once_each() -> None:
    office = Office()
    for _ in range(2):
        office.book(2)
    number = office.ticket.number
    assert office.told == [f"【华暖】11-22 15:00上门:测温申请{number},阳光花园3号楼2单元501"]
    for _ in range(2):
        office.call_off()
    assert office.told[1:] == [f"【华暖】住户取消11-22 15:00的上门:测温申请{number},阳光花园3号楼2单元501"]


def test_a_time_that_was_changed_before_it_was_told_is_not_told() -> None:
    office = Office()
    office.book(2)
    office.book(3)
    assert [("15:00" in said, "16:00" in said) for said in office.told] == [(False, True)]


def test_he_is_not_told_what_he_has_agreed_himself() -> None:
    office = Office()
    with office.store.read() as tx:
        butler = tx.staff(office.ticket.assignee_id or 0).name
    office.book(2, by=butler)
    assert office.told == []


def test_at_night_it_waits_for_the_morning() -> None:
    office = Office()
    office.clock.set(NIGHT)
    office.book(2)
    assert office.told == []
    office.drill.run_for(hours=8)
    assert len(office.told) == 1


def test_a_text_is_one_segment_however_long_the_place_is() -> None:
    office = Office()
    with office.store.write() as tx:
        ticket: Ticket = tx.ticket(office.ticket.id)
        tx.save_ticket(replace(ticket, address=Address(text="长" * 200)))
    office.book(2)
    assert [units(said) for said in office.told] == [SEGMENT]
