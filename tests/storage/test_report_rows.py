"""Figures of reports, said to every store alike; the fake counts row by row what the real ones count by query."""

import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from dialogue.chat import Rating
from dialogue.conversation import Channel, Floor
from dialogue.leg import Leg, LegRole
from dialogue.ports import DialogueStore, DialogueTx
from fulfillment.incident import Extent, Incident, IncidentState
from fulfillment.report import (
    Month,
    Outcome,
    OwnerCount,
    Period,
    PromiseCount,
    by_clause,
    count_calls,
    count_lines,
    day_period,
    outcome_of,
)
from fulfillment.resident_calls import CallResult, CallState, Purpose, ResidentCall
from fulfillment.ticket import ClockState, TicketState
from fulfillment.ticket_filter import Answered, Promised, Standing, TicketFilter
from kernel.errors import BadInput
from storage import Store
from tests.fakes import FakeStore, small_company
from tests.storage.samples import NOW, a_clock, a_conversation, a_ticket

HOUR = timedelta(hours=1)
NOVEMBER = Month(2026, 11).period
EVERYTHING = Period(datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))


def test_a_month_is_that_of_the_residents_calendar() -> None:
    assert datetime(2026, 10, 31, 16, tzinfo=UTC) == NOVEMBER.since
    assert not NOVEMBER.has(datetime(2026, 11, 30, 16, tzinfo=UTC))
    assert NOVEMBER.has(datetime(2026, 11, 30, 15, 59, 59, tzinfo=UTC))
    assert Month.parse("2026-12").after == Month(2027, 1)
    assert Month.parse("2027-01").before == Month(2026, 12)
    assert str(Month(2026, 3)) == "2026-03"
    assert day_period(date(2026, 11, 22)).has(NOW)
    for text in ("2026-13", "2026", "heute", "0001-01", "9999-12", ""):
        with pytest.raises(BadInput):
            Month.parse(text)


def test_promises_by_rule(store: DialogueStore) -> None:
    states = [
        {"state": ClockState.KEPT, "stopped_at": NOW},
        {"state": ClockState.BROKEN, "stopped_at": NOW + HOUR},
        {"due_by": NOW - HOUR},  # runs, and is late
        {"due_by": NOW},  # runs, and has this very instant left
        {"state": ClockState.VOID, "stopped_at": NOW},
        {"started_at": datetime(2026, 10, 31, 15, 59, tzinfo=UTC), "state": ClockState.KEPT},  # October
        {"clause": "B6", "rule": "repair_contact"},
    ]
    with store.write() as tx:
        for changes in states:
            tx.add_clock(a_clock(tx.add_ticket(a_ticket()).id, **changes))
    with store.read() as tx:
        counts = tx.promise_counts(NOVEMBER, NOW)
    assert counts == [
        PromiseCount("B6", "repair_contact", 0, 0, 1, 1),
        PromiseCount("F16", "leak_contact", 1, 2, 1, 4),
    ]
    assert counts[1].share_kept == pytest.approx(1 / 3)
    assert counts[0].share_kept is None


def test_a_reopened_case_counts_each_promise_and_one_ticket(store: DialogueStore) -> None:
    with store.write() as tx:
        ticket = tx.add_ticket(a_ticket())
        first = tx.add_clock(a_clock(ticket.id))
        tx.save_clock(replace(first, state=ClockState.KEPT, stopped_at=NOW))
        tx.add_clock(a_clock(ticket.id))
        tx.add_clock(a_clock(ticket.id, rule="leak_on_site"))
    with store.read() as tx:
        counts = tx.promise_counts(NOVEMBER, NOW)
    assert counts[0] == PromiseCount("F16", "leak_contact", 1, 0, 1, 1)
    assert by_clause(counts)["F16"].all == 3


def test_each_figure_leads_to_its_tickets(store: DialogueStore) -> None:
    with store.write() as tx:
        kept, late, other = (tx.add_ticket(a_ticket()) for _ in range(3))
        tx.add_clock(a_clock(kept.id, state=ClockState.KEPT, stopped_at=NOW))
        tx.add_clock(a_clock(late.id, due_by=NOW - HOUR))
        tx.add_clock(a_clock(other.id, clause="B6", rule="repair_contact"))
        call = ResidentCall(0, late.id, Purpose.SATISFACTION, NOW, NOW)
        stored = tx.add_resident_call(call)
        done = replace(stored, state=CallState.DONE, result=CallResult.DISSATISFIED, finished_at=NOW)
        tx.save_resident_call(done)
    asked = {
        (kept.id, late.id): Promised(NOVEMBER, NOW, clause="F16"),
        (late.id,): Promised(NOVEMBER, NOW, clause="F16", outcome=Outcome.BROKEN),
        (kept.id,): Promised(NOVEMBER, NOW, rule="leak_contact", outcome=Outcome.KEPT),
        (other.id,): Promised(NOVEMBER, NOW, outcome=Outcome.RUNNING),
        (): Promised(Month(2026, 12).period, NOW),
    }
    with store.read() as tx:
        for ids, promised in asked.items():
            found = tx.find_tickets(TicketFilter(Standing.ALL, promised=promised))
            assert {t.id for t in found} == set(ids), promised
        for result, ids in ((CallResult.DISSATISFIED, {late.id}), (CallResult.SATISFIED, set())):
            answered = TicketFilter(Standing.ALL, answered=Answered(NOVEMBER, result))
            assert {t.id for t in tx.find_tickets(answered)} == ids


def test_owners_and_what_residents_said_of_their_cases(store: DialogueStore) -> None:
    with store.write() as tx:
        mine = tx.add_ticket(a_ticket(owner_id=1, state=TicketState.CLOSED))
        tx.add_ticket(a_ticket(owner_id=1, state=TicketState.CANCELLED))
        nobodys = tx.add_ticket(a_ticket())
        older = tx.add_ticket(a_ticket(owner_id=2, opened_at=datetime(2026, 10, 1, tzinfo=UTC)))
        tx.add_clock(a_clock(mine.id, state=ClockState.BROKEN, stopped_at=NOW))
        tx.add_clock(a_clock(nobodys.id, due_by=NOW - HOUR))
        tx.add_clock(a_clock(older.id, due_by=NOW - HOUR))
        for ticket, result in ((mine, CallResult.FAIRLY), (older, CallResult.DISSATISFIED)):
            call = tx.add_resident_call(ResidentCall(0, ticket.id, Purpose.SATISFACTION, NOW, NOW))
            tx.save_resident_call(replace(call, state=CallState.DONE, result=result, finished_at=NOW))
        given_up = tx.add_resident_call(ResidentCall(0, nobodys.id, Purpose.SATISFACTION, NOW, NOW))
        tx.save_resident_call(replace(given_up, state=CallState.GIVEN_UP, finished_at=NOW))
        visit = tx.add_resident_call(ResidentCall(0, nobodys.id, Purpose.APPOINTMENT, NOW, NOW))
        tx.save_resident_call(replace(visit, state=CallState.GIVEN_UP, finished_at=NOW))
        for n, stars in enumerate((5, 5, 2)):
            tx.add_conversation(a_conversation(f"r{n}"))
            tx.rate(Rating(f"r{n}", stars, "", NOW, None))
    with store.read() as tx:
        owners, answers = tx.owner_counts(NOVEMBER, NOW), tx.answers(NOVEMBER)
        none = tx.answers(Month(2026, 12).period)
    assert owners == [
        OwnerCount(1, opened=2, done=1, broken=1, satisfied=1, dissatisfied=0),
        OwnerCount(2, opened=0, done=0, broken=0, satisfied=0, dissatisfied=1),
        OwnerCount(None, opened=1, done=0, broken=1, satisfied=0, dissatisfied=0),
    ]
    assert (answers.satisfied, answers.fairly, answers.dissatisfied, answers.not_reached) == (0, 1, 1, 1)
    assert answers.stars == {5: 2, 2: 1}
    assert answers.mean_stars == 4
    assert (none.share_satisfied, none.mean_stars) == (None, None)


def test_calls_chats_rings_and_waits(store: DialogueStore) -> None:
    with store.write() as tx:
        for n in range(3):
            tx.add_conversation(a_conversation(f"p{n}"))
        tx.add_conversation(a_conversation("chat", channel=Channel.CHAT))
        tx.add_conversation(a_conversation("old", opened_at=datetime(2026, 10, 1, tzinfo=UTC)))
        for n, rang in enumerate((10, 16, None)):
            joined = None if rang is None else NOW + timedelta(seconds=rang)
            tx.add_leg(Leg(f"leg{n}", f"p{n}", "c", LegRole.OPERATOR, "+86", "小李", NOW, 1, joined_at=joined))
        tx.add_leg(Leg("caller", "p0", "c", LegRole.CALLER, "", "", NOW, joined_at=NOW))
        moves = (("p0", Floor.OPERATOR, 1, 2), ("p1", Floor.OPERATOR, 1, 4), ("p2", Floor.BOT, None, 9))
        for name, to, operator, minutes in moves:
            queued = tx.move_floor(name, to=Floor.QUEUE, operator_id=None, epoch=0, at=NOW)
            assert queued
            at = NOW + timedelta(minutes=minutes)
            tx.move_floor(name, to=to, operator_id=operator, epoch=1, at=at)
    with store.read() as tx:
        rings = tx.operators_rung(NOVEMBER)
        waits = tx.waits_begun(NOVEMBER)
        opened = tx.conversations_opened(NOVEMBER)
    count = count_calls(opened, rings, waits, timedelta(seconds=15))
    assert (count.calls, count.chats) == (3, 1)
    assert (count.rings, count.answered, count.in_three_rings) == (3, 2, 1)
    assert (count.waited, count.taken, count.left, count.called_back) == (3, 2, 1, 0)
    assert (count.median_wait, count.longest_wait) == (timedelta(minutes=3), timedelta(minutes=4))


def test_calls_at_one_time(store: DialogueStore) -> None:
    """W6d: chats hold no line, a call that ends as another begins was not beside it, an open one goes on."""
    minutes = [(0, 10), (5, 20), (10, 12), (11, None), (30, 31)]
    with store.write() as tx:
        for n, (began, ended) in enumerate(minutes):
            floor = Floor.BOT if ended is None else Floor.ENDED
            last_at = NOW + timedelta(minutes=ended or 12)
            opened_at = NOW + timedelta(minutes=began)
            tx.add_conversation(a_conversation(f"p{n}", opened_at=opened_at, last_at=last_at, floor=floor))
        tx.add_conversation(a_conversation("chat", channel=Channel.CHAT, opened_at=NOW + timedelta(minutes=11)))
        tx.add_conversation(a_conversation("old", opened_at=datetime(2026, 10, 1, tzinfo=UTC)))
    with store.read() as tx:
        calls = tx.calls_begun(NOVEMBER)
    assert len(calls) == len(minutes)
    assert [ended is None for _, ended in calls] == [False, False, False, True, False]
    used = count_lines(calls, NOW + HOUR, bought=4, few_from=0.75)
    assert (used.most, used.since, used.are_few) == (3, NOW + timedelta(minutes=11), True)
    assert not count_lines(calls, NOW + HOUR, bought=0, few_from=0.75).are_few, "nobody knows how many there are"
    assert not count_lines(calls, NOW + HOUR, bought=5, few_from=0.75).are_few
    assert count_lines([], NOW, bought=1, few_from=0.8).most == 0


def test_incidents_belong_to_the_month_in_which_homes_went_cold(store: DialogueStore) -> None:
    here = Extent(frozenset({1}), None, frozenset({"3"}), "")
    cold = Incident(0, "no_heat", IncidentState.RUNNING, here, NOW, NOW, title="x")
    with store.write() as tx:
        later = tx.add_incident(replace(cold, spot="a", begins_at=NOW + HOUR))
        first = tx.add_incident(replace(cold, spot="b"))
        tx.add_incident(replace(cold, spot="c", begins_at=datetime(2026, 10, 31, 15, tzinfo=UTC)))
    with store.read() as tx:
        assert tx.incidents_begun(NOVEMBER) == [first, later]


def _a_random_month(tx: DialogueTx, dice: random.Random) -> None:
    """The same rows for the same dice, in whatever store."""
    for _ in range(120):
        opened = NOW + timedelta(minutes=dice.randrange(-40_000, 20_000))
        state = dice.choice(list(TicketState))
        kind = dice.choice(["leak_inside", "cold_room", "complaint"])
        owner, community = dice.choice([None, 1, 2]), dice.choice([None, 1, 2])
        address = replace(a_ticket().address, community_id=community)
        ticket = tx.add_ticket(a_ticket(opened_at=opened, state=state, kind=kind, owner_id=owner, address=address))
        for rule, clause in (("leak_contact", "F16"), ("repair_done", "B6"), ("repair_contact", "B6")):
            due = opened + timedelta(minutes=dice.randrange(-9000, 9000))
            tx.add_clock(
                a_clock(
                    ticket.id,
                    rule=rule,
                    clause=clause,
                    started_at=opened,
                    due_by=due,
                    state=dice.choice(list(ClockState)),
                )
            )
        if dice.random() < 0.5:
            call = tx.add_resident_call(ResidentCall(0, ticket.id, Purpose.SATISFACTION, opened, opened))
            result = dice.choice([CallResult.SATISFIED, CallResult.FAIRLY, CallResult.DISSATISFIED, CallResult.NOTHING])
            finished = CallState.DONE if result else CallState.GIVEN_UP
            tx.save_resident_call(replace(call, state=finished, result=result, finished_at=opened + 30 * HOUR))


@pytest.mark.parametrize("seed", [1, 2])
def test_every_query_counts_what_counting_row_by_row_gives(database: Store, seed: int) -> None:
    """On SQLite and on PostgreSQL, against the rows themselves."""
    fake = small_company(FakeStore())
    with database.write() as tx:
        _a_random_month(tx, random.Random(seed))
    with fake.write() as tx:
        _a_random_month(tx, random.Random(seed))
    with database.read() as real, fake.read() as told:
        for period in (NOVEMBER, day_period(date(2026, 11, 22)), EVERYTHING):
            assert real.promise_counts(period, NOW) == told.promise_counts(period, NOW)
            assert real.kind_counts(period) == told.kind_counts(period)
            assert real.owner_counts(period, NOW) == told.owner_counts(period, NOW)
            assert real.answers(period) == told.answers(period)
            assert real.reported(period) == told.reported(period)
        ids = [t.id for t in real.find_tickets(TicketFilter(Standing.ALL), limit=1000)]
        clocks = [c for rows in real.clocks(ids).values() for c in rows if NOVEMBER.has(c.started_at)]
        for count in real.promise_counts(NOVEMBER, NOW):
            of_rule = [outcome_of(c, NOW) for c in clocks if c.rule == count.rule]
            assert (count.kept, count.broken, count.running) == tuple(of_rule.count(o) for o in Outcome)
            for outcome, n in zip(Outcome, (count.kept, count.broken, count.running), strict=True):
                promised = Promised(NOVEMBER, NOW, rule=count.rule, outcome=outcome)
                assert len(real.find_tickets(TicketFilter(Standing.ALL, promised=promised), limit=1000)) == n
