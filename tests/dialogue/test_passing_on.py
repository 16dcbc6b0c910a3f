"""A chat changes hands once, whoever asks how often; its tickets keep who was asked first (W6e)."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from dialogue.conversation import Channel, Floor
from dialogue.handoff import Handoff
from dialogue.passing_on import PassingOn
from dialogue.ports import DialogueStore
from dialogue.script_book import ScriptBook
from fulfillment.standard import Standard
from kernel.errors import BadInput, Conflict, HotlineError, StaleEpoch
from storage import Store
from tests.fakes import FixedClock, small_company
from tests.storage.samples import a_conversation, a_ticket

HOME = Path(__file__).resolve().parents[2]
BOOK = ScriptBook(HOME / "scripts_zh", company="华暖", number="01")
STANDARD = Standard(HOME / "data")


@pytest.fixture
def store(tmp_path: Path) -> DialogueStore:
    real = Store(f"sqlite:///{tmp_path / 'hotline.db'}")
    real.migrate()
    return small_company(real)  # type: ignore[arg-type,return-value] # it needs no more than the port


def held_by_one(store: DialogueStore, clock: FixedClock, channel: Channel = Channel.CHAT) -> tuple[PassingOn, int, int]:
    """A conversation of operator 1 with one ticket: (the room, epoch, ticket id)."""
    with store.write() as tx:
        tx.add_conversation(a_conversation("c1", channel=channel))
        ticket = tx.add_ticket(a_ticket(conversation_id="c1"))
        for operator in (1, 2, 3):
            tx.operator_present(operator, clock.now())
    epoch = Handoff(store, BOOK, clock).take_over("c1", 1).epoch
    return PassingOn(store, BOOK, STANDARD.queue, clock), epoch, ticket.id


def test_the_first_operator_owns_the_ticket_whoever_has_the_chat(store: DialogueStore) -> None:
    clock = FixedClock()
    room, epoch, ticket_id = held_by_one(store, clock)
    moved = room.to_person("c1", 1, 2, epoch=epoch)
    room.to_queue("c1", 2, epoch=moved.epoch, why="x")
    Handoff(store, BOOK, clock).take_over("c1", 3)
    with store.read() as tx:
        assert tx.ticket(ticket_id).owner_id == 1
        assert [e.key for e in tx.timeline(ticket_id)] == ["owned"]
        assert tx.conversation("c1").operator_id == 3


def test_of_many_who_move_it_at_once_one_does(store: DialogueStore) -> None:
    room, epoch, _ = held_by_one(store, FixedClock())

    def attempt(n: int) -> str:
        try:
            if n % 3 == 0:
                room.to_queue("c1", 1, epoch=epoch)
            elif n % 3 == 1:
                room.to_person("c1", 1, 2, epoch=epoch)
            else:
                room.take_from("c1", 3, epoch=epoch)
        except StaleEpoch:
            return "late"
        return "moved"

    with ThreadPoolExecutor(12) as pool:
        results = list(pool.map(attempt, range(24)))
    assert results.count("moved") == 1
    with store.read() as tx:
        assert tx.conversation("c1").epoch == epoch + 1
        assert len(tx.private_notes("c1")) == 1


@pytest.mark.parametrize("refusal", ["absent", "himself", "inactive", "call", "long"])
def test_who_cannot_take_it_does_not_get_it(store: DialogueStore, refusal: str) -> None:
    clock = FixedClock()
    room, epoch, _ = held_by_one(store, clock, Channel.PHONE if refusal == "call" else Channel.CHAT)
    with store.write() as tx:
        if refusal == "absent":
            tx.operator_left(2)
        if refusal == "inactive":
            tx.upsert_operator(replace(tx.operator(2), active=False))
    wanted: type[HotlineError] = BadInput if refusal == "long" else Conflict
    with pytest.raises(wanted):
        room.to_person(
            "c1", 1, 1 if refusal == "himself" else 2, epoch=epoch, why="x" * 201 if refusal == "long" else ""
        )
    with store.read() as tx:
        assert (tx.conversation("c1").floor, tx.conversation("c1").operator_id) == (Floor.OPERATOR, 1)
