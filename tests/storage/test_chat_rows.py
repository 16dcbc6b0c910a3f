"""Receipts, photographs, ratings and tries to prove who asks, said to every store alike."""

from datetime import date, timedelta

import pytest

from dialogue.chat import Picture, Rating, Receipt, Side
from dialogue.ports import DialogueStore
from kernel.errors import NotFound
from tests.storage.samples import NOW, a_conversation

NAME = "a" * 32


@pytest.fixture(autouse=True)
def _a_chat(store: DialogueStore) -> None:
    with store.write() as tx:
        tx.add_conversation(a_conversation("c1"))


def test_what_was_received_only_grows_and_each_side_has_its_own(store: DialogueStore) -> None:
    with store.write() as tx:
        assert tx.receipts("c1") == {Side.RESIDENT: Receipt(), Side.HOUSE: Receipt()}
        assert tx.note_receipt("c1", Side.RESIDENT, Receipt(5, 3))
        assert not tx.note_receipt("c1", Side.RESIDENT, Receipt(4, 2)), "late news"
        assert not tx.note_receipt("c1", Side.RESIDENT, Receipt(5, 3)), "told twice"
        assert tx.note_receipt("c1", Side.RESIDENT, Receipt(1, 4)), "read, by another tab"
        assert tx.note_receipt("c1", Side.HOUSE, Receipt(2, 2))
    with store.read() as tx:
        assert tx.receipts("c1") == {Side.RESIDENT: Receipt(5, 4), Side.HOUSE: Receipt(2, 2)}


def test_a_picture_is_kept_once_and_forgotten_in_time(store: DialogueStore) -> None:
    picture = Picture(NAME, "c1", NOW, 1200, 900)
    with store.write() as tx:
        tx.add_picture(picture)
        tx.add_picture(picture)
    with store.read() as tx:
        assert tx.picture(NAME) == picture
        assert tx.pictures_before(NOW) == []
        assert tx.pictures_of("c1") == [picture]
        assert tx.pictures_of("c2") == []
        assert tx.pictures_before(NOW + timedelta(seconds=1)) == [picture]
    with store.write() as tx:
        tx.forget_picture(NAME)
        tx.forget_picture(NAME)
    with store.read() as tx, pytest.raises(NotFound):
        tx.picture(NAME)


def test_the_first_rating_stands(store: DialogueStore) -> None:
    with store.write() as tx:
        assert tx.rating("c1") is None
        assert tx.rate(Rating("c1", 2, "等太久", NOW, 1))
        assert not tx.rate(Rating("c1", 5, "", NOW, 1))
    with store.read() as tx:
        assert tx.rating("c1") == Rating("c1", 2, "等太久", NOW, 1)


def test_tries_are_counted_by_subject_and_day(store: DialogueStore) -> None:
    today, tomorrow = date(2026, 11, 22), date(2026, 11, 23)
    with store.write() as tx:
        assert [tx.count_identity_try("who a", today, 1) for _ in range(3)] == [1, 2, 3]
        assert tx.count_identity_try("who b", today, 1) == 1
        assert tx.count_identity_try("who a", tomorrow, 1) == 1
    with store.write() as tx:
        assert tx.count_identity_try("who a", today, -1) == 2
        assert tx.forget_identity_tries(tomorrow) == 2
        assert tx.count_identity_try("who a", today, 1) == 1, "forgotten"
        assert tx.count_identity_try("who a", tomorrow, 1) == 2, "kept"
