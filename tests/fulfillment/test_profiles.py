"""The company chooses where documents disagree; every ticket keeps what held when it was opened."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fulfillment.profile import ProfileChoice, in_force
from fulfillment.profiles import Profiles
from fulfillment.ticket import ClockState, TicketState
from kernel.errors import BadInput, Conflict, NotFound
from tests.fulfillment.drill import LAKE, Drill, standard

TODAY = date(2026, 11, 22)
NOON = datetime(2026, 11, 22, 4, tzinfo=UTC)


@pytest.fixture
def drill() -> Drill:
    return Drill()


@pytest.fixture
def profiles(drill: Drill) -> Profiles:
    return Profiles(drill.store, standard(), drill.clock)


def on_site(drill: Drill, kind: str = "leak_inside", **known: Any) -> str:
    ticket = drill.open(kind, **known)
    return next(rule for rule in drill.clocks(ticket) if "on_site" in rule)


def test_without_a_choice_the_tables_default_holds(drill: Drill) -> None:
    assert on_site(drill) == "leak_on_site"
    assert on_site(drill, "cold_room") == "repair_on_site"


def test_from_its_beginning_on_new_tickets_run_under_the_choice(drill: Drill, profiles: Profiles) -> None:
    profiles.choose("leak_on_site", "K", TODAY + timedelta(days=1), by="周主管")
    assert on_site(drill, conversation_id="today") == "leak_on_site"
    drill.clock.set(datetime(2026, 11, 22, 16, tzinfo=UTC))  # midnight in Shanghai
    assert on_site(drill, conversation_id="tomorrow", address=LAKE) == "leak_on_site_k"


def test_an_open_ticket_keeps_its_clocks_and_a_reopened_one_its_profile(drill: Drill, profiles: Profiles) -> None:
    ticket = drill.open("cold_room")
    drill.clock.advance(minutes=1)
    profiles.choose("repair_on_site", "Z", TODAY, by="周主管")
    drill.clock.advance(minutes=5)
    drill.learn(ticket, details={"temperature": "14"})
    assert drill.clocks(ticket)["repair_on_site"].state is ClockState.RUNNING
    drill.desk.change_state(ticket.id, TicketState.RESOLVED, by="王管家")
    drill.desk.change_state(ticket.id, TicketState.ACKNOWLEDGED, by="小李")
    assert drill.clocks(ticket)["repair_on_site"].state is ClockState.RUNNING
    assert "repair_on_site_z" not in drill.clocks(ticket)
    assert on_site(drill, "cold_room", address=LAKE) == "repair_on_site_z"


def test_what_holds_anyway_is_not_written_twice(drill: Drill, profiles: Profiles) -> None:
    assert profiles.choose("leak_on_site", "F", TODAY, by="周主管") is None
    first = profiles.choose("leak_on_site", "B", TODAY, by="周主管")
    assert first is not None
    assert first.from_at == drill.clock.now(), "today from now on"
    assert profiles.choose("leak_on_site", "B", TODAY, by="周主管") is None
    assert len(drill.store.tables.profile_choices) == 1


def test_a_choice_is_withdrawn_before_it_holds_and_not_after(drill: Drill, profiles: Profiles) -> None:
    planned = profiles.choose("leak_on_site", "B", TODAY + timedelta(days=3), by="周主管")
    assert planned is not None
    withdrawn = profiles.withdraw(planned.id, by="钱主管")
    assert withdrawn.withdrawn_by == "钱主管"
    assert profiles.withdraw(planned.id, by="周主管") == withdrawn
    drill.clock.advance(days=4)
    assert on_site(drill) == "leak_on_site"
    now = profiles.choose("leak_on_site", "K", date(2026, 11, 26), by="周主管")
    assert now is not None
    with pytest.raises(Conflict):
        profiles.withdraw(now.id, by="周主管")
    with pytest.raises(NotFound):
        profiles.withdraw(99, by="周主管")


def test_what_cannot_be_chosen(profiles: Profiles) -> None:
    for theme, choice, day in (
        ("leak_on_site", "Z", TODAY),
        ("nothing", "F", TODAY),
        ("leak_on_site", "B", TODAY - timedelta(days=1)),
    ):
        with pytest.raises(BadInput):
            profiles.choose(theme, choice, day, by="周主管")


def test_a_choice_that_the_tables_have_dropped_is_the_tables_own(drill: Drill) -> None:
    with drill.store.write() as tx:
        tx.add_profile_choice(ProfileChoice(0, "leak_on_site", "X", drill.clock.now(), drill.clock.now(), "周主管"))
        tx.add_profile_choice(ProfileChoice(0, "gone", "X", drill.clock.now(), drill.clock.now(), "周主管"))
    assert on_site(drill) == "leak_on_site"


@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b"]), st.sampled_from("FBK"), st.integers(0, 20), st.booleans()), max_size=12
    ),
    st.integers(0, 20),
)
def test_of_all_that_began_the_last_holds_and_later_choices_change_no_past(
    made: list[tuple[str, str, int, bool]], hour: int
) -> None:
    choices = [
        ProfileChoice(n, theme, choice, NOON + timedelta(hours=begin), NOON, "x", NOON if gone else None)
        for n, (theme, choice, begin, gone) in enumerate(made, 1)
    ]
    at = NOON + timedelta(hours=hour)
    holds = in_force(choices, at)
    for theme in ("a", "b"):
        begun = [c for c in choices if c.theme == theme and c.withdrawn_at is None and c.from_at <= at]
        expected = max(begun, key=lambda c: (c.from_at, c.id)).choice if begun else None
        assert holds.get(theme) == expected
    later = ProfileChoice(99, "a", "Z", at + timedelta(seconds=1), at, "x")
    assert in_force([*choices, later], at) == holds
