"""Who hears which notice, and what a supervisor does with them."""

from dataclasses import replace
from datetime import timedelta

import pytest

from fulfillment.announcement import Announcement, Scope
from fulfillment.announcing import Announcements, told_to
from fulfillment.ticket import Address
from kernel.errors import BadInput, NotFound
from tests.fakes import A_WINTER_DAY, FakeStore, FixedClock, small_company

HOUR = timedelta(hours=1)
BURST = Announcement(0, "东站主管道抢修,暂停供暖", A_WINTER_DAY, "周主管")


@pytest.fixture
def store() -> FakeStore:
    return small_company(FakeStore())


@pytest.fixture
def announcements(store: FakeStore) -> Announcements:
    return Announcements(store, FixedClock())


def heard(store: FakeStore, *homes: int | Address, after: timedelta = timedelta()) -> list[int]:
    """`homes`: communities, or addresses."""
    places = [Address(home) if isinstance(home, int) else home for home in homes]
    with store.read() as tx:
        return [a.id for a in told_to(tx, places, A_WINTER_DAY + after)]


@pytest.mark.parametrize(
    ("scope", "in_1", "in_2", "unknown"),
    [
        (Scope(), True, True, True),
        (Scope(station_id=1), True, True, False),
        (Scope(frozenset({1})), True, False, False),
        (Scope(frozenset({2}), station_id=1), False, True, False),
    ],
)
def test_who_is_concerned(
    store: FakeStore, announcements: Announcements, scope: Scope, in_1: bool, in_2: bool, unknown: bool
) -> None:
    announcements.add(replace(BURST, scope=scope))
    assert [bool(heard(store, 1)), bool(heard(store, 2)), bool(heard(store))] == [in_1, in_2, unknown]


@pytest.mark.parametrize(
    ("scope", "homes"),
    [
        (Scope(frozenset({1}), buildings=frozenset({"3", "4"})), [True, True, False, False]),
        (Scope(frozenset({1}), buildings=frozenset({"3"}), unit="2"), [True, False, False, False]),
        (Scope(frozenset({1})), [True, True, True, True]),
    ],
)
def test_a_notice_for_a_building_is_not_its_neighbours(
    store: FakeStore, announcements: Announcements, scope: Scope, homes: list[bool]
) -> None:
    """Nor of somebody whose building is not known yet: he hears it when he has said it."""
    announcements.add(replace(BURST, scope=scope))
    places = (Address(1, "3", "2", "501"), Address(1, "3", "1", "201"), Address(1, "5", "1", "101"), Address(1))
    assert [bool(heard(store, place)) for place in places] == homes


@pytest.mark.parametrize(
    "scope",
    [
        Scope(frozenset({1, 2}), buildings=frozenset({"3"})),
        Scope(station_id=1, buildings=frozenset({"3"})),
        Scope(frozenset({1}), unit="2"),
    ],
)
def test_a_building_is_that_of_one_community(announcements: Announcements, scope: Scope) -> None:
    with pytest.raises(BadInput):
        announcements.add(replace(BURST, scope=scope))


def test_it_is_told_from_its_beginning_until_its_end(store: FakeStore, announcements: Announcements) -> None:
    announcements.add(replace(BURST, until=A_WINTER_DAY + 2 * HOUR))
    seen = [bool(heard(store, after=HOUR * n)) for n in (-1, 0, 1, 2)]
    assert seen == [False, True, True, False]


def test_ended_by_hand_and_taken_back(store: FakeStore, announcements: Announcements) -> None:
    known = announcements.add(BURST)
    announcements.end(known.id)
    announcements.end(known.id)
    assert heard(store) == []
    changed = announcements.change(replace(known, what="抢修结束"))
    assert changed.ended_at is not None, "an edit does not bring it back"
    announcements.resume(known.id)
    assert heard(store) == [known.id]


def test_what_cannot_be_announced(announcements: Announcements) -> None:
    for wrong in (
        replace(BURST, what=" 。"),
        replace(BURST, what="停" * 61),
        replace(BURST, until=A_WINTER_DAY),
        replace(BURST, expected_end=A_WINTER_DAY - HOUR),
    ):
        with pytest.raises(BadInput):
            announcements.add(wrong)
    for nowhere in (Scope(frozenset({77})), Scope(station_id=77)):
        with pytest.raises(NotFound):
            announcements.add(replace(BURST, scope=nowhere))
    with pytest.raises(NotFound):
        announcements.end(77)


def test_the_full_stop_belongs_to_the_script(announcements: Announcements) -> None:
    assert announcements.add(replace(BURST, what=" 抢修中。")).what == "抢修中"
