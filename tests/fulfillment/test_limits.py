"""A company is faster than the standard, never slower; every ticket keeps the limits that held when it was opened."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from fulfillment.clocks import Calendar
from fulfillment.editions import Editions
from fulfillment.limits import PART, OwnLimits, can_be_shorter, unit_of, with_own_limit
from fulfillment.ticket import TicketState
from kernel.errors import ChangeRefused, ConfigurationError
from tests.fulfillment.drill import LAKE, Drill, standard

TODAY = date(2026, 11, 22)
RULES = standard().rules


@pytest.fixture
def drill() -> Drill:
    return Drill()


@pytest.fixture
def editions(drill: Drill) -> Editions:
    return Editions(drill.store, drill.clock, {PART: OwnLimits(RULES)})


def promised(drill: Drill, ticket_id: int, rule: str = "repair_on_site") -> timedelta:
    with drill.store.read() as tx:
        clock = [c for c in tx.clocks([ticket_id])[ticket_id] if c.rule == rule][-1]
    return clock.due_by - clock.started_at


def test_from_its_day_on_new_tickets_are_promised_the_shorter_time(drill: Drill, editions: Editions) -> None:
    editions.save(PART, {"repair_on_site": 5400}, by="周主管", on=TODAY + timedelta(days=1))
    assert promised(drill, drill.open("cold_room", conversation_id="today").id) == timedelta(hours=2)
    drill.clock.set(datetime(2026, 11, 22, 16, tzinfo=UTC))  # midnight in Shanghai
    assert promised(drill, drill.open("cold_room", conversation_id="b", address=LAKE).id) == timedelta(minutes=90)


def test_an_open_ticket_keeps_its_limit_when_it_is_learned_about_and_when_it_is_reopened(
    drill: Drill, editions: Editions
) -> None:
    early = drill.open("cold_room")
    drill.clock.advance(minutes=1)
    made = editions.save(PART, {"repair_on_site": 3600, "callback_after_repair": 24 * 3600}, by="周主管")
    assert made is not None
    late = drill.open("cold_room", conversation_id="b", address=LAKE)
    drill.clock.advance(minutes=1)
    editions.save(PART, None, by="周主管")
    for ticket, hours in ((early, 2), (late, 1)):
        drill.learn(ticket, details={"temperature": "14"})
        assert promised(drill, ticket.id) == timedelta(hours=hours)
        drill.desk.change_state(ticket.id, TicketState.RESOLVED, by="王管家")
        assert promised(drill, ticket.id, "callback_after_repair") <= timedelta(hours=48 if ticket is early else 24)
        drill.desk.change_state(ticket.id, TicketState.ACKNOWLEDGED, by="小李")
        assert promised(drill, ticket.id) == timedelta(hours=hours)


@pytest.mark.parametrize(
    "content",
    [
        {"repair_on_site": 7201},
        {"repair_on_site": 3 * 3600},
        {"repair_on_site": 0},
        {"repair_on_site": 90},
        {"repair_on_site": "3600"},
        {"repair_on_site": True},
        {"complaint_answered": 12 * 3600},
        {"complaint_fed_back": 3600},
        {"butler_reported": 60},
        {"nobody": 60},
        [],
    ],
)
def test_what_is_slower_than_the_standard_or_no_limit_is_refused(editions: Editions, content: object) -> None:
    with pytest.raises(ChangeRefused):
        editions.save(PART, content, by="周主管")
    with pytest.raises(ConfigurationError):
        OwnLimits(RULES).adopt(PART, content)


def test_an_edition_from_before_the_standard_became_shorter_costs_no_ticket() -> None:
    shorter = replace(RULES["repair_on_site"], within=timedelta(minutes=30))
    assert with_own_limit(shorter, {"repair_on_site": 3600}) is shorter
    assert with_own_limit(shorter, ["junk"]) is shorter
    assert with_own_limit(shorter, None) is shorter


def test_every_limit_of_the_standard_is_a_whole_number_of_its_unit() -> None:
    counted = [rule for rule in RULES.values() if can_be_shorter(rule)]
    assert len(counted) > 20
    for rule in counted:
        assert not rule.within % unit_of(rule), rule.key
        if rule.calendar is Calendar.WORKING_DAYS:
            assert unit_of(rule) == timedelta(days=1)
