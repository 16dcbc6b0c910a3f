"""Whoever has accepted an emergency is told where it is now: once a place, whole, and so is whoever must decide who goes."""

from dataclasses import dataclass, field, replace

from dialogue.script_book import ScriptBook
from fulfillment.outbox import TaskKind
from fulfillment.place_word import WordOfPlace
from fulfillment.ticket import Address, Ticket, TicketState
from fulfillment.worker import Worker
from ivr.alarm_text import SEGMENT, units
from ivr.place_text import place_message, place_text
from tests.fake_robots import FakeRobots
from tests.fulfillment.drill import GARDEN, HOME, LAKE, Drill, standard

BOOK = ScriptBook(HOME / "scripts_zh", company="华暖", number="01")


@dataclass
class Office:
    """A leak whose place is not known to the door, accepted by the butler who was rung first."""

    drill: Drill = field(default_factory=Drill)

    def __post_init__(self) -> None:
        texts = {"text": place_text(BOOK), "robot": place_message(BOOK, lambda attempt: f"https://x/{attempt[:4]}")}
        robots = FakeRobots(self.drill.store)
        word = WordOfPlace(self.drill.store, self.drill.carrier, robots, standard(), self.drill.clock, texts)
        table = self.drill.deliverers() | {TaskKind.PLACE_BY_TEXT: word.deliver}
        self.drill.worker = Worker(self.drill.store, table, self.drill.clock, name="w1")
        self.ticket: Ticket = self.drill.open(address=Address(community_id=1))
        self.drill.run()
        (self.first, *_) = self.drill.attempts(self.ticket)
        self.drill.alarms.accept(self.first.id)
        self.before = len(self.drill.carrier.texts)

    def told(self) -> list[tuple[str, str]]:
        """To which telephone, what; from the acceptance on."""
        self.drill.run_for(seconds=30)
        return [(t.to, t.body) for t in self.drill.carrier.texts[self.before :]]


def test_he_is_told_the_rest_of_the_address() -> None:
    office = Office()
    office.drill.learn(office.ticket, address=GARDEN)
    number = office.ticket.number
    assert office.told() == [
        (office.first.phone, f"【供暖急修】{number}地址更正:阳光花园3号楼2单元501。请按新地址前往")
    ]


def test_parts_that_come_one_after_the_other_are_one_message() -> None:
    office = Office()
    for known in (Address(1, "3"), Address(1, "3", "2"), GARDEN):
        office.drill.learn(office.ticket, address=known)
        office.drill.run_for(seconds=2)
    assert [("501" in body) for _, body in office.told()] == [True]


def test_another_butlers_place_is_the_supervisors_to_decide() -> None:
    office = Office()
    office.drill.learn(office.ticket, address=LAKE)
    told = dict(office.told())
    assert told.pop(office.first.phone).endswith("请按新地址前往")
    assert len(told) == 1
    assert all("请确认谁去" in body for body in told.values())


def test_what_was_accepted_at_the_desk_is_the_supervisors_to_decide() -> None:
    """An operator accepted before anybody knew where: nobody's own staff has the case."""
    office = Office()
    drill = office.drill
    drill.store.tables.tickets[office.ticket.id] = replace(drill.ticket(office.ticket), assignee_id=None)
    drill.learn(office.ticket, address=GARDEN)
    told = office.told()
    assert told
    assert all(body.endswith("请确认谁去") for _, body in told)


def test_nothing_is_told_of_a_case_that_is_over_or_nobodys() -> None:
    office = Office()
    office.drill.learn(office.ticket, address=GARDEN)
    office.drill.desk.change_state(office.ticket.id, TicketState.RESOLVED, by="小李", reason="好了")
    assert office.told() == []
    waiting = office.drill.open(address=Address(community_id=2))
    office.drill.learn(waiting, address=LAKE)
    office.drill.run_for(seconds=30)
    assert not [t for t in office.drill.carrier.texts if "地址更正" in t.body]


def test_a_text_is_one_segment_however_long_the_place_is() -> None:
    office = Office()
    office.drill.learn(office.ticket, address=Address(text="长" * 200))
    assert {units(body) for _, body in office.told()} == {SEGMENT}
