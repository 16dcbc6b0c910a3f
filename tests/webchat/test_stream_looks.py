"""Many streams of one process: who is written to looks at once, nobody else does, and nothing beside the log is forgotten."""

from dataclasses import replace

from dialogue.conversation import Author, Channel, Conversation, Floor
from tests.fakes import FakeStore, FixedClock
from webchat.stream import Looks

CLOCK = FixedClock()


def chat(store: FakeStore, name: str) -> Conversation:
    now = CLOCK.now()
    with store.write() as tx:
        return tx.add_conversation(Conversation(name, Channel.CHAT, f"{name}-1", "", Floor.BOT, now, now))


def test_only_the_chat_that_was_written_to_has_moved() -> None:
    store = FakeStore()
    mine, other = chat(store, "mine"), chat(store, "other")
    looks = Looks(store)
    with store.write() as tx:
        tx.add_message("other", author=Author.OPERATOR, text="您好", at=CLOCK.now())
    change = store.wait_for_change(0, 0)
    assert not looks.has_moved(mine, change)
    assert looks.has_moved(other, change)


def test_one_query_a_change_for_all_streams() -> None:
    store = FakeStore()
    mine, other = chat(store, "mine"), chat(store, "other")
    looks, change = Looks(store), store.wait_for_change(0, 0)
    assert not looks.has_moved(mine, change)
    with store.write() as tx:
        tx.add_message("other", author=Author.OPERATOR, text="您好", at=CLOCK.now())
    assert not looks.has_moved(other, change), "the same change is not read again"
    assert looks.has_moved(other, change + 1)


def test_a_floor_that_moves_and_a_chat_that_ends_have_moved() -> None:
    store = FakeStore()
    mine = chat(store, "mine")
    looks = Looks(store)
    assert looks.has_moved(replace(mine, epoch=mine.epoch + 1), 1)
    with store.write() as tx:
        tx.move_floor("mine", to=Floor.ENDED, operator_id=None, epoch=mine.epoch, at=CLOCK.now())
    assert looks.has_moved(mine, 2), "it is not among the live ones"


def test_what_stands_beside_the_log_is_looked_for_more_seldom_the_more_streams_there_are() -> None:
    looks = Looks(FakeStore())
    for _ in range(10):
        looks.enter()
    assert looks.pause < 0.01
    for _ in range(990):
        looks.enter()
    assert 15 < looks.pause < 25
    for _ in range(1000):
        looks.leave()
    assert looks.pause == 0
