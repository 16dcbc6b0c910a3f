"""When a promise starts, what keeps it, until when."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from fulfillment.clocks import ClockEvent, ClockRule, replanned, started_by, stopped, stops, voided
from fulfillment.outbox import TaskKind
from fulfillment.standard import Standard
from fulfillment.ticket import ClockState
from kernel.clock import BEIJING

DATA = Path(__file__).resolve().parents[2] / "data"


@pytest.fixture(scope="module")
def standard() -> Standard:
    return Standard(DATA)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BEIJING).astimezone(UTC)


@pytest.mark.parametrize(
    ("rule", "started", "due"),
    [
        ("emergency_acknowledged", "2026-11-22T10:00", "2026-11-22T10:10"),
        ("leak_contact", "2026-11-22T23:50", "2026-11-23T00:05"),
        ("burst_repaired", "2026-11-22T22:00", "2026-11-23T04:00"),
        ("valve_done", "2026-02-13T16:00", "2026-02-24T17:30"),  # 2 working days over the spring festival
        ("complaint_answered", "2026-09-28T09:00", "2026-10-10T17:30"),  # 29, 30, 8, 9 and the made-up Saturday
        ("complaint_fed_back", "2026-11-22T10:00", "2026-11-23T00:00"),
        ("callback_after_repair", "2026-11-22T10:00", "2026-11-24T10:00"),
        ("callback_after_repair", "2026-11-22T03:00", "2026-11-23T22:00"),  # not at three in the night
        ("resumed", "2026-09-20T10:00", "2026-11-15T00:00"),  # paid in time
        ("resumed", "2026-11-10T10:00", "2026-11-12T10:00"),  # paid late
        ("resumed", "2026-12-10T10:00", "2026-12-12T10:00"),
        ("resumed", "2027-04-10T10:00", "2027-11-15T00:00"),
    ],
)
def test_due_by(standard: Standard, rule: str, started: str, due: str) -> None:
    assert standard.rule(rule).due_by(at(started), standard.calendar) == at(due)


def test_the_warning_comes_at_its_share_of_the_time(standard: Standard) -> None:
    rule = standard.rule("leak_on_site")
    clock = replace(rule.begin(7, at("2026-11-22T10:00"), standard.calendar), id=3)
    warn, breach = rule.tasks(clock)
    assert (warn.kind, warn.due_at) == (TaskKind.WARN_CLOCK, at("2026-11-22T10:28"))
    assert (breach.kind, breach.due_at) == (TaskKind.BREACH_CLOCK, at("2026-11-22T10:40"))
    assert warn.ticket_id == breach.ticket_id == 7
    assert warn.payload == {"clock_id": 3, "rev": 1}


def test_kept_to_the_second_and_broken_after_it(standard: Standard) -> None:
    clock = standard.rule("leak_contact").begin(1, at("2026-11-22T10:00"), standard.calendar)
    assert stopped(clock, clock.due_by).state is ClockState.KEPT
    assert stopped(clock, clock.due_by + timedelta(seconds=1)).state is ClockState.BROKEN
    assert voided(clock, clock.due_by).state is ClockState.VOID
    assert voided(clock, clock.due_by + timedelta(seconds=1)).state is ClockState.BROKEN


def test_whoever_is_on_site_has_made_contact_but_not_repaired(standard: Standard) -> None:
    kept = {key for key, rule in standard.rules.items() if stops(rule, ClockEvent.ARRIVED)}
    assert {"emergency_acknowledged", "leak_contact", "leak_on_site", "complaint_investigated"} <= kept
    assert "repair_done" not in kept
    assert not stops(standard.rule("leak_on_site"), ClockEvent.CONTACTED)
    assert not stops(standard.rule("emergency_acknowledged"), ClockEvent.CONTACTED)  # nobody has accepted by that


def test_every_clock_ends_when_the_case_is_solved_and_called_back(standard: Standard) -> None:
    for rule in standard.rules.values():
        assert stops(rule, ClockEvent.RESOLVED) or stops(rule, ClockEvent.CALLBACK_DONE), rule.key


def test_details_choose_between_ordinary_and_major(standard: Standard) -> None:
    def keys(details: dict[str, str]) -> set[str]:
        return {r.key for r in started_by(standard.rules_of("leak_street"), ClockEvent.OPENED, details)}

    assert keys({"severity": "ordinary"}) == {"emergency_acknowledged", "burst_repaired"}
    assert keys({"severity": "major"}) == {"emergency_acknowledged", "burst_repaired_major"}


def test_a_changed_calendar_moves_a_working_day_clock_and_nothing_else(standard: Standard) -> None:
    later = replace(standard.calendar, days_off=frozenset({date(2026, 11, 24)}))
    rule: ClockRule = standard.rule("valve_done")
    clock = rule.begin(1, at("2026-11-23T10:00"), standard.calendar)
    moved = replanned(clock, rule, later)
    assert (clock.due_by, moved.due_by) == (at("2026-11-25T17:30"), at("2026-11-26T17:30"))
    assert (clock.rev, moved.rev) == (1, 2)
    contact = standard.rule("leak_contact").begin(1, at("2026-11-23T10:00"), standard.calendar)
    assert replanned(contact, standard.rule("leak_contact"), later) is contact
