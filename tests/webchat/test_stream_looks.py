"""Many streams of one process: who is written to looks at once, nobody else does, and nothing beside the log is forgotten."""

import queue
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from dialogue.chat import Receipt, Side
from dialogue.conversation import Author, Channel, Conversation, Floor
from dialogue.typing_mark import typing_topic
from tests.fakes import FakeStore, FixedClock
from webchat.stream import Looks, Pace, follow

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


class CountingStore(FakeStore):
    """Counts how often whole conversations are read for streams."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0

    @contextmanager
    def read(self) -> Iterator[Any]:
        self.reads += 1
        with super().read() as tx:
            yield tx


class Stream:
    """Follows a chat in a thread of its own."""

    def __init__(self, store: FakeStore, looks: Looks, name: str, keep_alive: float = 30) -> None:
        self.heard: queue.Queue[str] = queue.Queue()
        self._events = follow(store, name, 0, Pace(keep_alive, longest=60), looks=looks)
        threading.Thread(target=self._read, daemon=True).start()
        assert self.heard.get(timeout=5).startswith("retry:")
        while not self.heard.get(timeout=5).startswith("event: state"):
            pass

    def _read(self) -> None:
        for event in self._events:
            self.heard.put(event)


def says(store: FakeStore, name: str, text: str) -> None:
    with store.write() as tx:
        tx.add_message(name, author=Author.OPERATOR, text=text, at=CLOCK.now())


def test_who_is_written_to_hears_it_and_nobody_else_reads_a_thing() -> None:
    store = CountingStore()
    looks = Looks(store)
    for name in ("mine", "other"):
        chat(store, name)
    mine, other = (Stream(store, looks, name) for name in ("mine", "other"))
    for _ in range(998):  # as many as make the looks beside the log seldom
        looks.enter()
    before = store.reads
    says(store, "mine", "您好")
    assert "您好" in mine.heard.get(timeout=5)
    assert other.heard.empty()
    assert store.reads == before + 2, "what has moved, and the one chat that has"


def test_a_typing_mark_is_on_the_other_screen_without_a_read() -> None:
    store = CountingStore()
    chat(store, "mine")
    mine, before = Stream(store, Looks(store), "mine"), store.reads
    store.signal(typing_topic("mine", Side.HOUSE))
    assert mine.heard.get(timeout=5).startswith("event: typing")
    assert store.reads == before


def test_what_changes_beside_the_log_is_seen_without_a_message() -> None:
    store = FakeStore()
    chat(store, "mine")
    says(store, "mine", "您好")
    mine = Stream(store, Looks(store), "mine")
    with store.write() as tx:
        tx.note_receipt("mine", Side.HOUSE, Receipt(1, 1))
    assert '"read": 1' in mine.heard.get(timeout=5)


def test_the_watch_ends_with_the_last_stream_and_begins_again_with_the_next() -> None:
    store = FakeStore()
    looks = Looks(store)
    chat(store, "mine")

    def watches() -> int:
        return sum(thread.name == "chat-looks" for thread in threading.enumerate())

    others = watches()
    for _ in range(2):
        looks.enter()
        looks.enter()
        assert watches() == others + 1
        looks.leave()
        looks.leave()
        until = time.monotonic() + 5
        while watches() != others and time.monotonic() < until:
            time.sleep(0.02)
        assert watches() == others
