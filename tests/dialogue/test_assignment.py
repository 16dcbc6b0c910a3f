"""Waiting chats are given to operators who are free: by owner, by load, in the order of the line, and once."""

from dataclasses import replace
from pathlib import Path

import pytest

from dialogue.assignment import Assignment
from dialogue.conversation import Channel, Conversation, Floor
from dialogue.handoff import Handoff
from dialogue.line import watch_queue
from dialogue.passing_on import PassingOn
from dialogue.ports import DialogueStore
from dialogue.script_book import ScriptBook
from fulfillment.outbox import Lane, Task, TaskKind
from fulfillment.standard import Standard
from fulfillment.waiting import Workload, who_takes_it
from kernel.errors import AlreadyTaken, Conflict
from storage import Store
from tests.fakes import FixedClock, small_company
from tests.storage.samples import MINUTE, a_conversation, a_ticket

HOME = Path(__file__).resolve().parents[2]
BOOK = ScriptBook(HOME / "scripts_zh", company="华暖", number="01")
STANDARD = Standard(HOME / "data")
FIRST, SECOND = 1, 4  # two operators; the others of the small company are supervisor and administrator


class Room:
    """A desk with two operators, and the worker's part of it."""

    def __init__(self, folder: Path) -> None:
        real = Store(f"sqlite:///{folder / 'hotline.db'}")
        real.migrate()
        self.store: DialogueStore = small_company(real)  # type: ignore[arg-type,assignment] # it needs no more than the port
        self.clock = FixedClock()
        self.assignment = Assignment(self.store, BOOK, STANDARD, self.clock)
        self.handoff = Handoff(self.store, BOOK, self.clock)
        with self.store.write() as tx:
            tx.upsert_operator(replace(tx.operator(FIRST), id=0, login="second", name="二号"))
        self.are_there(FIRST, SECOND)

    def are_there(self, *operators: int) -> None:
        with self.store.write() as tx:
            for operator in range(1, 5):
                tx.operator_left(operator)
            for operator in operators:
                tx.operator_present(operator, self.clock.now())

    def waits(self, name: str, channel: Channel = Channel.CHAT) -> str:
        """Another resident who waits for a person."""
        self.clock.advance(seconds=1)
        with self.store.write() as tx:
            new = tx.add_conversation(a_conversation(name, channel=channel, external_id=name))
            moved = tx.move_floor(new.id, to=Floor.QUEUE, operator_id=None, epoch=new.epoch, at=self.clock.now())
            assert moved
            watch_queue(tx, moved, self.clock.now(), STANDARD.queue)
        return name

    def work(self) -> list[TaskKind]:
        """Carries out what is due of assignments, each twice as after a crash; the rest is left for others."""
        done = []
        while (task := self.store.claim(Lane.ORDINARY, self.clock.now(), MINUTE, "w")) is not None:
            deliverer = {
                TaskKind.ASSIGN_CHAT: self.assignment.assign,
                TaskKind.WATCH_ASSIGNED: self.assignment.watch_assigned,
            }.get(task.kind)
            if deliverer:
                deliverer(task)
                deliverer(task)
                done.append(task.kind)
            self._finish(task)
        return done

    def _finish(self, task: Task) -> None:
        with self.store.write() as tx:
            tx.task_done(task)

    def of(self, name: str) -> Conversation:
        with self.store.read() as tx:
            return tx.conversation(name)

    def scripts(self, name: str) -> list[str]:
        with self.store.read() as tx:
            return [m.data["script"] for m in tx.messages(name)]


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


def test_each_next_chat_goes_to_whoever_has_the_fewest(room: Room) -> None:
    for name in ("a", "b", "c"):
        room.waits(name)
        room.work()
    assert [room.of(n).operator_id for n in ("a", "b", "c")] == [FIRST, SECOND, FIRST]
    assert room.scripts("a") == ["handoff.assigned"], "told once, however often it is carried out"


def test_beyond_what_they_can_hold_chats_wait_and_the_first_in_line_is_next(room: Room) -> None:
    with room.store.write() as tx:
        tx.set_chat_capacity(FIRST, 1)
        tx.set_chat_capacity(SECOND, 0)
    for name in ("a", "b", "c"):
        room.waits(name)
    room.work()
    assert [room.of(n).floor for n in ("a", "b", "c")] == [Floor.OPERATOR, Floor.QUEUE, Floor.QUEUE]
    room.handoff.end("a", FIRST)
    room.clock.advance(seconds=6)
    room.work()
    assert [room.of(n).floor for n in ("b", "c")] == [Floor.OPERATOR, Floor.QUEUE]


def test_whoever_owns_the_case_is_asked_first(room: Room) -> None:
    with room.store.write() as tx:
        new = tx.add_conversation(a_conversation("a", channel=Channel.CHAT))
        tx.add_ticket(a_ticket(conversation_id=new.id, owner_id=SECOND))
        moved = tx.move_floor("a", to=Floor.QUEUE, operator_id=None, epoch=new.epoch, at=room.clock.now())
        assert moved
        watch_queue(tx, moved, room.clock.now(), STANDARD.queue)
    room.work()
    assert room.of("a").operator_id == SECOND


def test_supervisors_and_whoever_is_on_the_telephone_are_given_nothing(room: Room) -> None:
    room.are_there(FIRST, 2, 3)
    room.waits("call", Channel.PHONE)
    room.handoff.take_over("call", FIRST)
    room.waits("a")
    room.work()
    assert room.of("a").floor is Floor.QUEUE
    assert room.of("call").operator_id == FIRST


def test_calls_are_given_to_nobody(room: Room) -> None:
    room.waits("call", Channel.PHONE)
    assert TaskKind.ASSIGN_CHAT not in room.work()
    assert room.of("call").floor is Floor.QUEUE


def test_what_is_not_opened_goes_to_another_and_then_waits(room: Room) -> None:
    room.waits("a")
    room.work()
    assert room.of("a").operator_id == FIRST
    room.clock.advance(seconds=41)
    room.are_there(FIRST, SECOND)
    room.work()
    assert room.of("a").operator_id == SECOND
    room.clock.advance(seconds=41)
    room.are_there(FIRST, SECOND)
    room.work()
    assert (room.of("a").floor, room.of("a").operator_id) == (Floor.QUEUE, None), "neither of them again"
    assert room.scripts("a")[-1] == "handoff.still_waiting"


def test_what_was_opened_stays(room: Room) -> None:
    room.waits("a")
    room.work()
    room.clock.advance(seconds=5)
    room.handoff.heartbeat("a", FIRST)
    room.clock.advance(seconds=40)
    assert TaskKind.WATCH_ASSIGNED in room.work()
    assert room.of("a").operator_id == FIRST


def test_taken_by_hand_in_between_it_is_given_to_nobody(room: Room) -> None:
    room.waits("a")
    task = room.store.claim(Lane.ORDINARY, room.clock.now(), MINUTE, "w")
    assert task is not None
    assert task.kind is TaskKind.ASSIGN_CHAT
    room.handoff.take_over("a", 2)
    room.assignment.assign(task)
    assert room.of("a").operator_id == 2
    room.waits("b")
    room.work()
    with pytest.raises(AlreadyTaken):
        room.handoff.take_over("b", 2)


def test_put_back_into_the_line_it_does_not_come_back_to_the_same(room: Room) -> None:
    room.waits("a")
    room.work()
    passing = PassingOn(room.store, BOOK, STANDARD.queue, room.clock)
    passing.to_queue("a", FIRST, epoch=room.of("a").epoch)
    room.work()
    assert room.of("a").operator_id == SECOND


def test_nobody_is_handed_more_than_he_can_hold(room: Room) -> None:
    with room.store.write() as tx:
        tx.set_chat_capacity(SECOND, 0)
    room.waits("a")
    room.work()
    passing = PassingOn(room.store, BOOK, STANDARD.queue, room.clock)
    with pytest.raises(Conflict, match="as many chats"):
        passing.to_person("a", FIRST, SECOND, epoch=room.of("a").epoch)


def test_the_choice() -> None:
    loads = [Workload(1, 2, 4), Workload(2, 1, 4), Workload(3, 4, 4)]
    assert who_takes_it(loads, None, ()) == loads[1]
    assert who_takes_it(loads, 1, ()) == loads[0]
    assert who_takes_it(loads, 3, ()) == loads[1], "its owner is full"
    assert who_takes_it(loads, 1, (1, 2)) is None


def test_a_night_without_operators_is_looked_at_less_and_less(room: Room) -> None:
    room.are_there()
    room.waits("a")
    looks = 0
    for _ in range(360):
        looks += room.work().count(TaskKind.ASSIGN_CHAT)
        room.clock.advance(seconds=10)
    assert 50 < looks < 100
    room.are_there(FIRST)
    room.clock.advance(seconds=60)
    room.are_there(FIRST)
    room.work()
    assert room.of("a").operator_id == FIRST
