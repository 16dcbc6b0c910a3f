"""Danger reaches a human: who is rung, when, and what becomes of every way in which it can go wrong."""

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import timedelta

import pytest

from fulfillment.case import Case
from fulfillment.company import Staff
from fulfillment.dispatch import next_round_at
from fulfillment.outbox import Lane, NewTask, Rank, TaskKind, is_due
from fulfillment.standard import Standard
from fulfillment.table_faults import ladder_faults
from fulfillment.telling import Telling
from fulfillment.ticket import Address, Attempt, AttemptOutcome, Ticket, TicketState
from fulfillment.work_orders import WorkOrders
from fulfillment.worker import LEASE
from kernel.errors import CarrierBusy, CarrierRefused, CarrierUnknown, StoreBusy
from tests.fakes import (
    BUTLER,
    DEPUTY,
    DUTY_CHIEF,
    STATION_DUTY_BY_DAY,
    STATION_DUTY_BY_NIGHT,
    SUPERVISOR,
    Happened,
)
from tests.fulfillment.drill import GARDEN, HOME, LAKE, Drill, share_a_telephone, standard

LADDER_BY_DAY = [BUTLER, DEPUTY, STATION_DUTY_BY_DAY, DUTY_CHIEF, SUPERVISOR]


#: Commits until the carrier is asked for the first call: the step, its end, the promise to ask.
RINGING = 3


class Killed(BaseException):
    """kill -9: nothing of the process runs on."""


@pytest.fixture
def drill() -> Drill:
    return Drill()


def test_the_butler_is_rung_and_texted_at_once_and_accepts(drill: Drill) -> None:
    ticket = drill.open()
    drill.run()
    assert drill.rung(ticket) == [BUTLER]
    assert [(t.to, t.body) for t in drill.carrier.texts] == [("+8613900000001", "1122-0001 阳光花园")]
    drill.clock.advance(seconds=12)
    brief = drill.alarms.accept(drill.attempts(ticket)[0].id)
    assert (brief.accepted_by, brief.still_open, brief.community_name) == ("王管家", False, "阳光花园")
    taken = drill.ticket(ticket)
    assert (taken.state, taken.acknowledged_by, taken.assignee_id) == (TicketState.ACKNOWLEDGED, "王管家", BUTLER)
    drill.run_for(minutes=9)
    assert drill.rung(ticket) == [BUTLER]
    assert drill.story(ticket)[:5] == ["opened", "forwarding_started", "call_placed", "text_sent", "accepted"]
    accepted = next(e for e in drill.store.tables.timeline if e.key == "accepted")
    assert accepted.params == {"name": "王管家", "seconds": 12}
    assert drill.clocks(ticket)["emergency_acknowledged"].state == "kept"


def test_the_carrier_is_told_how_long_the_ladder_lets_a_telephone_ring(drill: Drill) -> None:
    own = Standard(HOME / "data")
    telling = Telling(drill.store, drill.carrier, own, drill.clock, [])
    drill.open()
    forward = drill.store.claim(Lane.EMERGENCY, drill.clock.now(), LEASE, "w1")
    assert forward is not None
    drill.forwarding.forward(forward)
    own.adopt("ladder", {"ring_seconds": 17})  # by a supervisor, while the step was on its way
    ring = drill.store.claim(Lane.VOICE, drill.clock.now(), LEASE, "w1")
    assert ring is not None
    telling.tell(ring)
    assert [call.ring_seconds for call in drill.carrier.calls] == [17]


def test_no_answer_calls_the_next_one_at_once(drill: Drill) -> None:
    ticket = drill.open()
    drill.run()
    drill.clock.advance(seconds=22)
    drill.no_answer(drill.attempts(ticket)[0])
    drill.run()
    assert drill.rung(ticket) == [BUTLER, DEPUTY]


def test_a_call_that_stays_silent_is_passed_after_its_time(drill: Drill) -> None:
    ticket = drill.open()
    drill.run_for(seconds=59)
    assert drill.rung(ticket) == [BUTLER]
    drill.run_for(seconds=2)
    assert drill.rung(ticket) == [BUTLER, DEPUTY]


def test_answered_and_hung_up_without_a_key_is_not_an_acknowledgement(drill: Drill) -> None:
    ticket = drill.open()
    drill.run()
    attempt = drill.attempts(ticket)[0]
    for status in ("ringing", "in-progress", "completed"):
        drill.no_answer(attempt, status)
    drill.run()
    assert drill.ticket(ticket).needs_acknowledgement
    assert drill.rung(ticket) == [BUTLER, DEPUTY]
    assert [k for k in drill.story(ticket) if k.startswith("call_")] == [
        "call_placed",
        "call_ringing",
        "call_answered",
        "call_no_answer",
        "call_placed",
    ]


def test_callbacks_out_of_order_and_twice_change_nothing(drill: Drill) -> None:
    ticket = drill.open()
    drill.run()
    attempt = drill.attempts(ticket)[0]
    for status in ("no-answer", "ringing", "no-answer", "queued", "in-progress"):
        drill.no_answer(attempt, status)
    assert drill.attempts(ticket)[0].outcome is AttemptOutcome.NO_ANSWER
    drill.run()
    assert drill.rung(ticket) == [BUTLER, DEPUTY]
    assert drill.story(ticket).count("call_no_answer") == 1
    assert "call_ringing" not in drill.story(ticket)


def test_a_slower_callback_of_an_earlier_fact_is_no_step_back(drill: Drill) -> None:
    ticket = drill.open()
    drill.run()
    attempt = drill.attempts(ticket)[0]
    for status in ("ringing", "queued", "ringing"):
        drill.no_answer(attempt, status)
    assert drill.attempts(ticket)[0].outcome is AttemptOutcome.RINGING
    assert drill.story(ticket).count("call_ringing") == 1


def test_a_callback_that_is_faster_than_the_record_is_kept(drill: Drill) -> None:
    ticket = drill.open()
    place = drill.carrier.call

    def busy_at_once(*, to: str, attempt_id: str, ring_seconds: int) -> str:
        sid = place(to=to, attempt_id=attempt_id, ring_seconds=ring_seconds)
        drill.carrier.call = place  # type: ignore[method-assign] # only this once
        drill.alarms.call_event(attempt_id, status="busy", sequence=0, sid=sid)
        return sid

    drill.carrier.call = busy_at_once  # type: ignore[method-assign] # the callback overtakes the answer
    drill.run()
    assert drill.attempts(ticket)[0].outcome is AttemptOutcome.NO_ANSWER
    assert drill.rung(ticket) == [BUTLER, DEPUTY]


def test_a_late_callback_of_the_first_rung_does_not_hurry_the_third(drill: Drill) -> None:
    ticket = drill.open()
    drill.run_for(seconds=61)
    drill.no_answer(drill.attempts(ticket)[0])
    drill.run()
    assert drill.rung(ticket) == [BUTLER, DEPUTY]


def test_key_two_passes_on_at_once(drill: Drill) -> None:
    ticket = drill.open()
    drill.run()
    attempt = drill.attempts(ticket)[0]
    drill.alarms.pass_on(attempt.id)
    drill.alarms.pass_on(attempt.id)
    drill.run()
    assert drill.rung(ticket) == [BUTLER, DEPUTY]
    assert drill.story(ticket).count("passed_on") == 1


def test_whoever_passed_on_may_still_accept_on_the_same_call(drill: Drill) -> None:
    ticket = drill.open()
    drill.run()
    attempt = drill.attempts(ticket)[0]
    drill.alarms.pass_on(attempt.id)
    assert drill.alarms.accept(attempt.id).accepted_by == "王管家"
    drill.run()
    assert drill.rung(ticket) == [BUTLER]


def test_exactly_one_accepts_and_the_other_hears_who(drill: Drill) -> None:
    ticket = drill.open()
    drill.run_for(seconds=61)
    butler, deputy = drill.attempts(ticket)
    assert drill.alarms.accept(deputy.id).accepted_by == "李管家"
    brief = drill.alarms.accept(butler.id)
    assert (brief.accepted_by, drill.ticket(ticket).assignee_id) == ("李管家", DEPUTY)
    assert drill.alarms.accept(deputy.id).accepted_by == "李管家"
    assert drill.story(ticket).count("accepted") == 1
    assert drill.story(ticket).count("accepted_late") == 1


def test_acknowledged_before_the_worker_wakes_nobody_is_called(drill: Drill) -> None:
    ticket = drill.open()
    drill.desk.acknowledge(ticket.id, by="小李")
    drill.run_for(minutes=20)
    assert drill.carrier.calls == drill.carrier.texts == []


def test_a_step_that_was_claimed_before_the_acknowledgement_calls_nobody(drill: Drill) -> None:
    ticket = drill.open()
    task = drill.store.claim(Lane.EMERGENCY, drill.clock.now(), LEASE, "w1")
    assert task is not None
    drill.desk.acknowledge(ticket.id, by="小李")
    drill.forwarding.forward(task)
    assert drill.carrier.calls == []


def test_of_two_people_of_one_name_one_has_accepted(drill: Drill) -> None:
    with drill.store.write() as tx:
        tx.upsert_staff(replace(tx.staff(DEPUTY), name=tx.staff(BUTLER).name))
    ticket = drill.open()
    drill.run_for(seconds=61)
    his, namesakes = drill.attempts(ticket)
    assert drill.alarms.accept(his.id).is_his
    told = drill.alarms.accept(namesakes.id)
    assert (told.is_his, told.accepted_by, told.attempt.outcome) == (False, "王管家", AttemptOutcome.WITHDRAWN)


def test_accepting_ends_the_ladder_and_a_step_that_is_left_over_calls_nobody(drill: Drill) -> None:
    ticket = drill.open()
    drill.run()
    drill.alarms.accept(drill.attempts(ticket)[0].id)
    assert drill.store.tables.tasks[f"forward-{ticket.id}-2"].state == "cancelled"
    left_over = {"ticket_id": ticket.id, "step": 3}
    with drill.store.write() as tx:
        tx.enqueue(NewTask(TaskKind.FORWARD_EMERGENCY, "left-over", drill.clock.now(), left_over, ticket.id))
    drill.run()
    assert drill.rung(ticket) == [BUTLER]
    assert drill.store.tables.tasks["left-over"].state == "done"


def test_acknowledged_between_the_promise_and_the_call_nobody_is_rung(drill: Drill) -> None:
    ticket = drill.open()
    drill.store.after_commit = once(drill, lambda: drill.desk.acknowledge(ticket.id, by="小李"))
    drill.run_for(minutes=20)
    assert drill.carrier.calls == drill.carrier.texts == []
    assert {a.outcome for a in drill.store.tables.attempts.values()} == {AttemptOutcome.WITHDRAWN}
    assert busy(drill) == frozenset()


def test_acknowledged_while_the_call_is_placed_nobody_else_is_rung(drill: Drill) -> None:
    ticket = drill.open()
    accept = lambda: drill.desk.acknowledge(ticket.id, by="小李")  # noqa: E731 - a happening
    drill.store.after_commit = once(drill, accept, RINGING)
    drill.run_for(minutes=20)
    assert drill.rung(ticket) == [BUTLER]
    assert drill.attempts(ticket)[0].provider_sid, "a real call is a fact, whoever holds the task"
    assert drill.ticket(ticket).acknowledged_by == "小李"


@pytest.mark.parametrize("state", [TicketState.CANCELLED, TicketState.RESOLVED, TicketState.ON_SITE])
def test_a_case_that_moved_on_calls_nobody(drill: Drill, state: TicketState) -> None:
    ticket = drill.open()
    drill.desk.change_state(ticket.id, state, by="小李", reason="误报")
    assert drill.store.tables.tasks[f"forward-{ticket.id}-1"].state == "cancelled"
    drill.run_for(minutes=20)
    assert drill.carrier.calls == []


def test_the_ladder_starts_again_as_often_as_it_takes(drill: Drill) -> None:
    ticket = drill.open()
    drill.run_for(minutes=30)
    rung = drill.rung(ticket)
    assert rung[:5] == LADDER_BY_DAY
    assert rung[5:10] == LADDER_BY_DAY
    assert len(rung) > 15
    assert drill.ticket(ticket).alarm_exhausted_at is not None
    assert drill.story(ticket).count("ladder_exhausted") >= 3
    chief = drill.attempts(ticket)[-1]
    drill.alarms.accept(chief.id)
    drill.run_for(minutes=30)
    assert len(drill.rung(ticket)) == len(rung)


def test_a_round_takes_its_time_even_if_nobody_can_be_reached_in_any_way(drill: Drill) -> None:
    ticket = drill.open()
    drill.carrier.call_failures = [CarrierRefused("no such number", 21211)] * 500
    drill.carrier.text_failures = [CarrierRefused("no such number", 21211)] * 500
    drill.run()
    told_of = [a.staff_id for a in drill.attempts(ticket)]
    assert len(told_of) == len(set(told_of)) == 5, "nobody is left untried for a minute"
    assert drill.ticket(ticket).alarm_exhausted_at == ticket.opened_at
    drill.run_for(minutes=10)
    attempts = len(drill.attempts(ticket))
    assert drill.rung(ticket) == []
    assert 50 <= attempts <= 60, "five people every 52 seconds, neither silence nor a hot loop"
    assert drill.story(ticket).count("carrier_failed") == attempts


@pytest.mark.parametrize(("robots", "most", "apart"), [(False, 60, 22 + 30), (True, 25, 5 * 22 + 30)])
def test_whoever_is_busy_everywhere_is_not_told_every_half_minute(robots: bool, most: int, apart: int) -> None:
    drill = Drill(robots=robots)
    ticket = drill.open()
    for _ in range(600):
        drill.run_for(seconds=1)
        for attempt in drill.attempts(ticket):
            if attempt.finished_at is None:
                drill.no_answer(attempt, "busy")
    rung = drill.attempts(ticket)
    assert most - 10 <= len(rung) <= most
    assert [a.staff_id for a in rung[:5]] == [a.staff_id for a in rung[5:10]]
    assert rung[5].started_at - rung[0].started_at >= timedelta(seconds=apart)


def test_the_longest_wait_that_a_company_may_set_is_no_clock_that_jumped(drill: Drill) -> None:
    longest = replace(standard().ladder, round_pause_seconds=150)
    assert not list(ladder_faults(longest))
    people = 30  # ringing them all out would take longer than a ladder lasts
    now = drill.clock.now()
    again_at = next_round_at(longest, ended_at=now, round_began=now, linked=people)
    assert not is_due(Lane.EMERGENCY, Rank.FURTHER, again_at, now)


def test_a_late_failure_does_not_shorten_the_pause_between_two_rounds(drill: Drill) -> None:
    ticket = drill.open()
    drill.run_for(seconds=301)
    assert "ladder_exhausted" in drill.story(ticket)
    drill.no_answer(drill.attempts(ticket)[-1])
    drill.run_for(seconds=25)
    assert len(drill.attempts(ticket)) == 5
    drill.run_for(seconds=10)
    assert len(drill.attempts(ticket)) == 6


def test_nobody_at_all_alarms_and_waits_for_somebody(drill: Drill) -> None:
    ticket = drill.open()
    with drill.store.write() as tx:
        staff = list(tx.all_staff())
        for person in staff:
            tx.upsert_staff(inactive(person))
    drill.run_for(minutes=2)
    assert drill.ticket(ticket).alarm_exhausted_at is not None
    assert drill.story(ticket) == ["opened", "nobody_on_ladder"]
    with drill.store.write() as tx:
        tx.upsert_staff(staff[DUTY_CHIEF - 1])
    drill.run_for(minutes=1)
    assert drill.rung(ticket) == [DUTY_CHIEF]


@pytest.mark.parametrize(("robots", "rung"), [(False, [BUTLER, DEPUTY]), (True, [BUTLER])])
def test_whom_a_refused_call_does_not_reach_has_his_time_for_the_link(robots: bool, rung: list[int]) -> None:
    """A text cannot be answered: nobody's time runs for it alone."""
    drill = Drill(robots=robots)
    ticket = drill.open()
    drill.carrier.call_failures = [CarrierRefused("not reachable", 21215)]
    drill.run_for(seconds=59)
    assert drill.attempts(ticket)[0].outcome is AttemptOutcome.FAILED
    assert [a.staff_id for a in drill.attempts(ticket)][:2] == rung
    assert drill.carrier.texts
    if robots:
        drill.run_for(seconds=1)
        assert drill.rung(ticket) == [DEPUTY]


@pytest.mark.parametrize(("status", "robots"), [("failed", True), ("failed", False), ("no-answer", True)])
def test_a_callback_that_a_call_failed_is_no_answer_of_a_persons(status: str, robots: bool) -> None:
    drill = Drill(robots=robots)
    ticket = drill.open()
    drill.run()
    drill.no_answer(drill.attempts(ticket)[0], status)
    drill.run()
    assert drill.rung(ticket) == ([BUTLER] if status == "failed" and robots else [BUTLER, DEPUTY])


def test_a_moments_fault_rings_the_next_one_at_once_and_a_longer_one_keeps_the_pace_of_the_links() -> None:
    drill = Drill(robots=True)
    ticket = drill.open()
    drill.carrier.call_failures = [CarrierUnknown("502")] * 2
    drill.run()
    assert [a.staff_id for a in drill.attempts(ticket)] == [BUTLER, DEPUTY]
    drill.run_for(seconds=59)
    assert len(drill.attempts(ticket)) == 2
    drill.run_for(seconds=1)
    assert drill.rung(ticket) == [STATION_DUTY_BY_DAY]


def test_after_whoever_had_it_cannot_come_the_others_are_rung_at_the_usual_pace(drill: Drill) -> None:
    ticket = drill.open()
    drill.run()
    attempt = drill.attempts(ticket)[0]
    drill.alarms.accept(attempt.id)
    drill.no_answer(attempt, "completed")
    drill.run_for(minutes=40)
    with drill.store.write() as tx:
        case = Case(tx, tx.ticket(ticket.id, for_update=True), standard=standard(), now=drill.clock.now())
        case.tell("visit_not_come", actor="王管家", reason="堵车")
        case.give_back()
    given_back = drill.clock.now()
    drill.run_for(minutes=5)
    after = [(a.started_at - given_back).total_seconds() for a in drill.attempts(ticket)[1:5]]
    assert after == [0, 60, 120, 180]


def test_given_back_by_the_last_of_a_round_it_rings_on_at_once(drill: Drill) -> None:
    ticket = drill.open()
    drill.run_for(seconds=245)
    assert len(drill.attempts(ticket)) == 5
    drill.alarms.accept(drill.attempts(ticket)[-1].id)
    with drill.store.write() as tx:
        case = Case(tx, tx.ticket(ticket.id, for_update=True), standard=standard(), now=drill.clock.now())
        case.tell("visit_not_come", actor="钱主管", reason="堵车")
        case.give_back()
    drill.run()
    assert [a.staff_id for a in drill.attempts(ticket)][-1] == BUTLER


def test_whoever_is_rung_in_the_next_round_may_pass_on_again_when_he_calls_in(drill: Drill) -> None:
    ticket = drill.open()
    orders = WorkOrders(drill.store, drill.desk, standard(), drill.clock)
    butler = orders.staff(BUTLER)
    for told in (1, 2):
        for _ in range(30):
            if [a.staff_id for a in drill.attempts(ticket)].count(BUTLER) == told:
                break
            drill.run_for(seconds=20)
        for _ in range(2):
            orders.pass_on(ticket.id, butler)
        drill.run()
        assert drill.story(ticket).count("passed_on") == told
        assert [a.staff_id for a in drill.attempts(ticket)][-2:] == [BUTLER, DEPUTY]


def test_a_ladder_that_starts_late_is_not_over_in_a_breath(drill: Drill) -> None:
    ticket = drill.open()
    drill.clock.advance(minutes=20)  # no worker ran
    began = drill.clock.now()
    drill.run_for(minutes=5)
    assert [(a.started_at - began).total_seconds() for a in drill.attempts(ticket)[:5]] == [0, 60, 120, 180, 240]


def test_whom_nothing_reaches_costs_no_time(drill: Drill) -> None:
    ticket = drill.open()
    no_way(drill)
    drill.run()
    assert drill.rung(ticket) == [DEPUTY]
    assert [a.outcome for a in drill.attempts(ticket, "text")] == [AttemptOutcome.FAILED, AttemptOutcome.PLACED]


def test_a_text_that_is_reported_lost_after_the_call_failed_sends_the_alarm_on(drill: Drill) -> None:
    ticket = drill.open()
    drill.carrier.call_failures = [CarrierRefused("not reachable", 21215)]
    drill.run_for(seconds=5)
    text = drill.attempts(ticket, "text")[0]
    drill.alarms.text_event(text.id, status="undelivered", sid=text.provider_sid)
    drill.run()
    assert drill.rung(ticket) == [DEPUTY]


def test_a_busy_carrier_is_asked_again_for_the_same_person_without_a_second_text(drill: Drill) -> None:
    ticket = drill.open()
    drill.carrier.call_failures = [CarrierBusy("429", 1.5)]
    drill.run()
    assert drill.rung(ticket) == []
    drill.run_for(seconds=2)
    assert drill.rung(ticket) == [BUTLER]
    assert len(drill.carrier.texts) == 1
    assert len(drill.attempts(ticket)) == 1


def test_the_call_of_another_alarm_a_moment_ago_is_not_taken_for_this_one(drill: Drill) -> None:
    """Both ring the same butler; the carrier tells calls apart by number and time only."""
    first = drill.open()
    drill.run()
    drill.alarms.accept(drill.attempts(first)[0].id)
    drill.no_answer(drill.attempts(first)[0], "completed")
    second = drill.open(address=replace(GARDEN, room="101"))
    drill.carrier.call_failures = [CarrierBusy("429", 1.0)]
    drill.run_for(seconds=3)
    assert drill.rung(second) == [BUTLER]
    assert len(drill.carrier.calls) == 2


def test_a_carrier_that_stays_busy_costs_seconds_not_the_ladder(drill: Drill) -> None:
    ticket = drill.open()
    drill.carrier.call_failures = [CarrierBusy("429", 1.0)] * 3
    drill.carrier.text_failures = [CarrierRefused("not reachable", 21408)]
    drill.run_for(seconds=5)
    assert drill.rung(ticket) == [DEPUTY]


def test_an_unknown_result_rings_the_next_one_and_is_looked_up_never_repeated(drill: Drill) -> None:
    ticket = drill.open()
    no_way(drill, Happened(CarrierUnknown("timeout")))
    drill.run_for(seconds=5)
    assert drill.rung(ticket) == [BUTLER, DEPUTY], "the butler's telephone rings once, although its answer was lost"
    attempt = drill.attempts(ticket)[0]
    assert attempt.provider_sid == drill.carrier.calls[0].sid
    assert attempt.outcome is AttemptOutcome.PLACED
    assert drill.alarms.accept(attempt.id).accepted_by == "王管家"


def test_an_unknown_result_that_never_happened_frees_the_person_again(drill: Drill) -> None:
    ticket = drill.open()
    no_way(drill, CarrierUnknown("502"))
    drill.run_for(seconds=5)
    assert drill.rung(ticket) == [DEPUTY]
    assert BUTLER in busy(drill)
    drill.run_for(seconds=60)
    assert BUTLER not in busy(drill)


def test_a_text_that_cannot_be_sent_or_worded_does_not_keep_the_telephone_from_ringing(drill: Drill) -> None:
    ticket = drill.open()
    drill.text_failure = KeyError("alarm.text")
    drill.run()
    assert drill.rung(ticket) == [BUTLER]
    assert drill.attempts(ticket, "text")[0].outcome is AttemptOutcome.FAILED
    assert "text_failed" in drill.story(ticket)
    drill.run_for(seconds=30)
    assert drill.rung(ticket) == [BUTLER]


def test_a_bug_in_the_carrier_room_rings_the_next_one(drill: Drill) -> None:
    ticket = drill.open()
    no_way(drill, ZeroDivisionError("bug"))
    drill.run()
    assert drill.rung(ticket) == [DEPUTY]
    assert "call_unknown" in drill.story(ticket)


# --- crashes


@pytest.mark.parametrize("commits", range(1, RINGING + 4))
def test_killed_after_any_commit_the_next_worker_dials_once(drill: Drill, commits: int) -> None:
    ticket = drill.open()
    drill.store.after_commit = once(drill, kill, commits)
    with pytest.raises(Killed):
        drill.run()
    assert len(drill.carrier.calls) == (commits > RINGING)
    drill.run_for(seconds=31)
    assert drill.rung(ticket) == [BUTLER]
    assert len(drill.attempts(ticket)) == 1


def test_killed_between_the_call_and_its_record_it_is_found_not_dialled_again(drill: Drill) -> None:
    ticket = drill.open()
    drill.carrier.call_failures = [Happened(Killed())]  # type: ignore[arg-type] # a kill is no Exception
    with pytest.raises(Killed):
        drill.run()
    assert len(drill.carrier.calls) == 1
    drill.run_for(seconds=31)
    assert drill.rung(ticket) == [BUTLER]
    assert drill.attempts(ticket)[0].provider_sid == drill.carrier.calls[0].sid
    assert "call_found" in drill.story(ticket)
    drill.run_for(seconds=61)
    assert drill.rung(ticket) == [BUTLER, DEPUTY]


def test_a_restarted_worker_takes_its_own_work_up_at_once(drill: Drill) -> None:
    ticket = drill.open()
    drill.store.after_commit = once(drill, kill, RINGING)
    with pytest.raises(Killed):
        drill.run()
    assert drill.store.release_leases("w1") == 1
    drill.run()
    assert drill.rung(ticket) == [BUTLER]


@pytest.mark.parametrize("commits", [1, RINGING])
def test_accepted_after_the_crash_the_next_worker_calls_nobody(drill: Drill, commits: int) -> None:
    ticket = drill.open()
    drill.store.after_commit = once(drill, kill, commits)
    with pytest.raises(Killed):
        drill.run()
    drill.desk.acknowledge(ticket.id, by="小李")
    drill.run_for(minutes=10)
    assert drill.carrier.calls == []
    assert busy(drill) == frozenset()


def test_accepted_while_an_earlier_call_is_looked_for_nobody_is_called(
    drill: Drill, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket = drill.open()
    drill.store.after_commit = once(drill, kill, RINGING)
    with pytest.raises(Killed):
        drill.run()
    look = drill.carrier.find_call

    def slowly(attempt: Attempt, others: Collection[str] = ()) -> str | None:
        found = look(attempt, others)
        drill.desk.acknowledge(ticket.id, by="小李")
        return found

    monkeypatch.setattr(drill.carrier, "find_call", slowly)
    drill.run_for(minutes=10)
    assert drill.carrier.calls == []
    assert busy(drill) == frozenset()


def test_a_worker_that_lost_its_lease_records_its_call_but_plans_nothing(drill: Drill) -> None:
    ticket = drill.open()
    assert drill.worker.deliver_one(Lane.EMERGENCY)
    task = drill.store.claim(Lane.VOICE, drill.clock.now(), LEASE, "slow")
    assert task is not None

    def hang() -> None:
        drill.clock.advance(seconds=31)
        drill.run()  # another worker takes over: it finds no call yet and dials

    drill.store.after_commit = once(drill, hang)
    drill.telling.tell(task)
    steps = [k for k in drill.store.tables.tasks if k.startswith("forward-")]
    assert steps == [f"forward-{ticket.id}-1", f"forward-{ticket.id}-2"]
    assert len(drill.attempts(ticket)) == 1


def test_a_locked_database_delays_and_loses_nothing(drill: Drill) -> None:
    ticket = drill.open()
    drill.store.write_failures = [None] * RINGING + [StoreBusy("locked")]  # tx1 succeeds, tx2 finds it locked
    drill.run_for(seconds=40)
    assert drill.rung(ticket) == [BUTLER]
    assert drill.attempts(ticket)[0].outcome is AttemptOutcome.PLACED
    assert drill.ticket(ticket).needs_acknowledgement


# --- silence


def test_a_call_without_any_callback_is_asked_about(drill: Drill) -> None:
    ticket = drill.open()
    drill.run()
    drill.carrier.statuses[drill.carrier.calls[0].sid] = "canceled"
    drill.run_for(seconds=33)
    assert drill.attempts(ticket)[0].outcome is AttemptOutcome.NO_ANSWER
    assert drill.rung(ticket) == [BUTLER, DEPUTY]


@pytest.mark.parametrize(("status", "minutes"), [("ringing", 5), ("in-progress", 30)])
def test_a_call_that_never_ends_is_given_up_so_that_nobody_is_busy_for_ever(
    drill: Drill, status: str, minutes: int
) -> None:
    ticket = drill.open()
    drill.run()
    drill.carrier.statuses[drill.carrier.calls[0].sid] = status
    drill.desk.acknowledge(ticket.id, by="小李")
    drill.run_for(minutes=minutes - 1)
    assert BUTLER in busy(drill)
    drill.run_for(minutes=2)
    assert busy(drill) == frozenset()


def test_a_carrier_that_cannot_be_asked_is_given_up_too(drill: Drill) -> None:
    ticket = drill.open()
    drill.run()
    drill.carrier.status_failures = [CarrierUnknown("timeout")] * 100
    drill.desk.acknowledge(ticket.id, by="小李")
    drill.run_for(minutes=6)
    assert busy(drill) == frozenset()


# --- where


def test_without_an_address_the_company_wide_ladder_starts_after_a_short_grace(drill: Drill) -> None:
    ticket = drill.open(address=Address())
    drill.run_for(seconds=44)
    assert drill.carrier.calls == []
    drill.run_for(seconds=2)
    assert drill.rung(ticket) == [DUTY_CHIEF]
    drill.run_for(minutes=3)
    assert drill.rung(ticket) == [DUTY_CHIEF, SUPERVISOR, STATION_DUTY_BY_DAY]


def test_an_address_within_the_grace_rings_its_butler_at_once(drill: Drill) -> None:
    ticket = drill.open(address=Address())
    drill.run_for(seconds=20)
    drill.learn(ticket, address=LAKE)
    drill.run()
    assert drill.rung(ticket) == [DEPUTY], "the deputy of one community is the butler of the other"
    drill.run_for(seconds=50)
    assert drill.rung(ticket)[:1] == [DEPUTY], "the grace's own step is the one that was brought forward"


def test_an_address_during_the_company_wide_ladder_brings_the_butler_in_at_once(drill: Drill) -> None:
    ticket = drill.open(address=Address())
    drill.run_for(seconds=50)
    assert drill.rung(ticket) == [DUTY_CHIEF]
    drill.learn(ticket, address=GARDEN)
    drill.run()
    assert drill.rung(ticket) == [DUTY_CHIEF, BUTLER]
    drill.run_for(minutes=6)
    assert drill.rung(ticket)[:5] == [DUTY_CHIEF, BUTLER, DEPUTY, STATION_DUTY_BY_DAY, SUPERVISOR]


def test_an_address_learned_while_a_call_is_being_placed_is_not_forgotten(drill: Drill) -> None:
    ticket = drill.open(address=Address())
    drill.run_for(seconds=44)
    drill.clock.advance(seconds=1)
    drill.store.after_commit = once(drill, lambda: drill.learn(ticket, address=GARDEN))
    drill.run()
    assert drill.rung(ticket) == [DUTY_CHIEF, BUTLER]


def test_a_corrected_community_rings_its_butler_at_once(drill: Drill) -> None:
    ticket = drill.open(address=GARDEN)
    drill.run()
    drill.learn(ticket, address=LAKE)
    drill.run()
    assert drill.rung(ticket) == [BUTLER, DEPUTY]


def test_words_of_a_place_are_enough_to_send_somebody_at_once(drill: Drill) -> None:
    ticket = drill.open("leak_street", address=Address(text="人民路和中山路口"))
    drill.run()
    assert drill.rung(ticket) == [DUTY_CHIEF]
    assert drill.carrier.texts[0].body == "1122-0001 人民路和中山路口"


def test_words_of_a_place_within_the_grace_are_enough_too(drill: Drill) -> None:
    ticket = drill.open("leak_street", address=Address())
    drill.run_for(seconds=5)
    drill.learn(ticket, address=Address(text="人民路和中山路口"))
    drill.run()
    assert drill.rung(ticket) == [DUTY_CHIEF]


def test_at_night_the_night_shift_is_rung(drill: Drill) -> None:
    drill.clock.advance(hours=13)  # 23:00
    ticket = drill.open()
    drill.run_for(minutes=5)
    assert drill.rung(ticket)[2] == STATION_DUTY_BY_NIGHT


# --- several alarms


# --- several alarms for one person


def two_for_the_butler(drill: Drill) -> tuple[Ticket, Ticket]:
    first = drill.open(address=GARDEN)
    drill.run()
    second = drill.open(address=replace(GARDEN, room="101"))
    drill.run()
    return first, second


def test_a_second_alarm_rides_along_in_the_call_that_rings(drill: Drill) -> None:
    first, second = two_for_the_butler(drill)
    assert len(drill.carrier.calls) == 1
    lead, rider = drill.attempts(first)[0], drill.attempts(second)[0]
    assert (rider.staff_id, rider.lead_id, rider.provider_sid) == (BUTLER, lead.id, lead.provider_sid)
    assert "joined_call" in drill.story(second)
    drill.alarms.call_event(lead.id, status="in-progress", sequence=2, sid=lead.provider_sid)
    assert drill.attempts(second)[0].outcome is AttemptOutcome.ANSWERED
    brief = drill.alarms.next_in_call(lead.id)
    assert brief is not None
    assert (brief.ticket.id, brief.to_tell) == (first.id, 2)


def test_each_alarm_of_a_call_is_decided_by_itself(drill: Drill) -> None:
    first, second = two_for_the_butler(drill)
    lead, rider = drill.attempts(first)[0], drill.attempts(second)[0]
    for _ in range(2):
        drill.alarms.accept(lead.id)
        drill.alarms.pass_on(rider.id)
    drill.run()
    assert drill.ticket(first).acknowledged_by == "王管家"
    assert drill.rung(second) == [DEPUTY]
    assert drill.story(second).count("passed_on") == 1
    assert drill.alarms.next_in_call(lead.id) is None


def test_nobody_answers_and_all_alarms_of_the_call_go_on(drill: Drill) -> None:
    first, second = two_for_the_butler(drill)
    for _ in range(2):
        drill.no_answer(drill.attempts(first)[0])
    drill.run()
    assert [[a.staff_id for a in drill.attempts(t)] for t in (first, second)] == [[BUTLER, DEPUTY]] * 2
    assert len(drill.carrier.calls) == 2, "the deputy's call tells of both, too"
    assert [drill.story(t).count("call_no_answer") for t in (first, second)] == [1, 1]


def test_all_are_accepted_but_not_what_came_in_after_the_question(drill: Drill) -> None:
    first, second = two_for_the_butler(drill)
    lead = drill.attempts(first)[0]
    asked = drill.alarms.next_in_call(lead.id)
    assert asked is not None
    drill.clock.advance(seconds=5)
    third = drill.open(address=replace(GARDEN, room="102"))
    drill.run()
    for _ in range(2):
        accepted = drill.alarms.accept_all(asked.attempt.id, asked.newest_id)
        assert [b.ticket.id for b in accepted] == [first.id, second.id]
    assert drill.ticket(third).needs_acknowledgement
    late = drill.alarms.hang_up(lead.id)
    assert late is not None
    assert late.ticket.id == third.id, "told before the call ends"
    drill.alarms.accept(late.attempt.id)
    assert drill.alarms.hang_up(lead.id) is None
    assert busy(drill) == frozenset()
    assert len(drill.carrier.calls) == 1


def test_after_the_call_has_ended_the_next_alarm_rings(drill: Drill) -> None:
    first, second = two_for_the_butler(drill)
    lead = drill.attempts(first)[0]
    drill.alarms.accept_all(lead.id, drill.attempts(second)[0].id)
    fourth = drill.open(address=replace(GARDEN, room="103"))
    drill.run()
    assert drill.rung(fourth) == [], "he is still on the telephone"
    drill.no_answer(lead, "completed")
    drill.run()
    assert drill.rung(fourth) == [DEPUTY], "hung up before he heard of it"
    fifth = drill.open(address=replace(GARDEN, room="104"))
    drill.run()
    assert drill.rung(fifth) == [BUTLER]


def test_what_others_have_taken_is_not_told(drill: Drill) -> None:
    first, second = two_for_the_butler(drill)
    drill.desk.acknowledge(first.id, by="小李")
    brief = drill.alarms.next_in_call(drill.attempts(first)[0].id)
    assert brief is not None
    assert (brief.ticket.id, brief.to_tell) == (second.id, 1)


def test_a_refused_call_sends_all_its_alarms_on() -> None:
    slow = Drill(per_second=1.0)
    first, second = slow.open(), slow.open(address=replace(GARDEN, room="101"))
    no_way(slow)
    slow.run_for(seconds=3)
    assert [[a.staff_id for a in slow.attempts(t)] for t in (first, second)] == [[BUTLER, DEPUTY]] * 2
    assert [c.to for c in slow.carrier.calls] == ["+8613900000002"]


# --- two people with one telephone


def test_a_telephone_of_two_people_rings_once_for_both(drill: Drill) -> None:
    share_a_telephone(drill)
    his, hers = drill.open(address=GARDEN), drill.open(address=LAKE)
    drill.run()
    assert len(drill.carrier.calls) == 1
    lead, rider = drill.attempts(his)[0], drill.attempts(hers)[0]
    assert (lead.staff_id, rider.staff_id, rider.lead_id) == (BUTLER, DEPUTY, lead.id)
    told = drill.alarms.next_in_call(lead.id)
    assert told is not None
    assert (told.ticket.id, told.staff.name, told.to_tell) == (his.id, "王管家", 2)
    drill.alarms.accept(rider.id)
    assert drill.ticket(hers).acknowledged_by == "李管家", "each in his own name"
    drill.no_answer(rider, "completed")
    drill.run()
    assert all(a.finished_at for a in (drill.attempts(his)[0], drill.attempts(hers)[0])), "the call is over for both"
    assert drill.rung(his) == [BUTLER, DEPUTY], "she was not asked about his case"
    unanswered = next(e for e in drill.store.tables.timeline if e.key == "call_no_answer")
    assert (unanswered.ticket_id, unanswered.params["name"]) == (his.id, "王管家")


def test_the_same_case_goes_on_to_another_telephone_first(drill: Drill) -> None:
    """Whoever answered is listening (or his voicemail is): the second owner would hear that the line is busy."""
    share_a_telephone(drill)
    ticket = drill.open()
    drill.run()
    lead = drill.attempts(ticket)[0]
    drill.no_answer(lead, "in-progress")
    drill.carrier.statuses[lead.provider_sid] = "in-progress"
    drill.run_for(minutes=5)
    order = [BUTLER, STATION_DUTY_BY_DAY, DUTY_CHIEF, SUPERVISOR, DEPUTY]
    assert [a.staff_id for a in drill.attempts(ticket)][:5] == order
    assert [c.to for c in drill.carrier.calls].count(lead.phone) == 1
    rider = drill.attempts(ticket)[4]
    assert rider.lead_id == lead.id
    one = drill.alarms.next_in_call(lead.id)
    assert one is not None
    assert (one.attempt.id, one.to_tell) == (lead.id, 1), "one case, however many are asked about it"
    drill.alarms.pass_on(lead.id)
    other = drill.alarms.next_in_call(lead.id)
    assert other is not None
    assert other.staff.name == "李管家", "now she is asked"
    drill.alarms.accept(rider.id)
    assert drill.ticket(ticket).acknowledged_by == "李管家"


def test_after_the_first_of_two_did_not_answer_the_second_is_rung(drill: Drill) -> None:
    share_a_telephone(drill)
    ticket = drill.open()
    drill.run()
    drill.no_answer(drill.attempts(ticket)[0])
    drill.run()
    assert drill.rung(ticket) == [BUTLER, DEPUTY]


def test_people_without_a_number_share_none(drill: Drill) -> None:
    with drill.store.write() as tx:
        for staff_id in (BUTLER, DEPUTY):
            tx.upsert_staff(replace(tx.staff(staff_id), phone=""))
    his, hers = drill.open(address=GARDEN), drill.open(address=LAKE)
    drill.run()
    assert [drill.attempts(t)[0].lead_id for t in (his, hers)] == ["", ""]


def test_texts_that_have_not_left_become_one() -> None:
    slow = Drill(per_second=0.1)
    tickets = [slow.open(address=replace(GARDEN, room=f"10{n}")) for n in range(4)]
    slow.run_for(seconds=11)
    assert [t.to for t in slow.carrier.texts] == ["+8613900000001"] * 1
    assert all(ticket.number in slow.carrier.texts[0].body for ticket in tickets)
    assert {a.outcome for t in tickets for a in slow.attempts(t, "text")} == {AttemptOutcome.PLACED}
    sid = slow.carrier.texts[0].sid
    slow.alarms.text_event(slow.attempts(tickets[0], "text")[0].id, status="delivered", sid=sid)
    assert {a.outcome for t in tickets for a in slow.attempts(t, "text")} == {AttemptOutcome.DELIVERED}


def test_an_alarm_joins_no_message_that_is_no_alarm(drill: Drill) -> None:
    old = drill.open()
    drill.desk.acknowledge(old.id, by="小李")
    notice = Attempt("n" * 32, old.id, 0, BUTLER, "butler", "+8613900000001", "text", drill.clock.now())
    with drill.store.write() as tx:
        tx.add_attempt(notice)
    ticket = drill.open(address=LAKE, household_id=3)
    drill.run_for(seconds=61)
    assert [t.to for t in drill.carrier.texts] == ["+8613900000002", "+8613900000001"]
    assert [a.lead_id for a in drill.attempts(ticket, "text")] == ["", ""]


def test_a_call_in_doubt_takes_nobody_along(drill: Drill) -> None:
    drill.carrier.call_failures = [CarrierUnknown("timeout")]
    drill.open()
    drill.run()
    second = drill.open(address=replace(GARDEN, room="101"))
    drill.run()
    assert "person_busy" in drill.story(second)
    assert [a.staff_id for a in drill.attempts(second)] == [DEPUTY]


@pytest.mark.parametrize(("asked", "joins"), [(2, True), (10, False)])
def test_a_call_is_in_doubt_since_the_carrier_was_asked(drill: Drill, asked: int, joins: bool) -> None:
    """Not since its promise: it may have waited for its turn. Only when nobody else is left to ring does it matter."""
    with drill.store.write() as tx:
        for staff in tx.all_staff():
            tx.upsert_staff(replace(staff, active=staff.id == DEPUTY))
    earlier, now = drill.open(), drill.clock.now()
    doubt = Attempt(
        "f" * 32, earlier.id, 1, DEPUTY, "deputy", "+8613900000002", "voice", now - timedelta(seconds=30),
        AttemptOutcome.UNKNOWN, asked_at=now - timedelta(seconds=asked),
    )  # fmt: skip
    with drill.store.write() as tx:
        tx.add_attempt(doubt)
    drill.desk.acknowledge(earlier.id, by="小李")
    second = drill.open(address=replace(GARDEN, room="101"))
    drill.run()
    assert [bool(a.lead_id) for a in drill.attempts(second)] == [joins]
    assert len(drill.carrier.calls) == (0 if joins else 1)


# --- the carrier's budget


def test_untouched_alarms_come_before_second_rungs() -> None:
    """The first one's deputy waits for his turn while a new alarm comes in that nobody has been told of."""
    drill = Drill(per_second=0.1)
    first = drill.open()
    drill.run_for(seconds=1)
    drill.no_answer(drill.attempts(first)[0])
    drill.run_for(seconds=1)
    new = drill.open("leak_street", address=Address(text="人民路口"))
    drill.run_for(seconds=25)
    assert [c.to for c in drill.carrier.calls] == ["+8613900000001", "+8613900000005", "+8613900000002"]
    assert drill.rung(new) == [DUTY_CHIEF]
    assert "waited_for_line" in drill.story(first)
    assert len(drill.carrier.texts) == 3


def test_an_accepted_alarm_gives_its_turn_to_the_next() -> None:
    drill = Drill(per_second=0.1)
    first = drill.open()
    drill.worker.deliver_one(Lane.EMERGENCY)
    other = drill.open(address=LAKE)
    drill.worker.deliver_one(Lane.EMERGENCY)
    drill.desk.acknowledge(first.id, by="小李")
    drill.run()
    assert drill.rung(first) == []
    assert drill.rung(other) == [DEPUTY], "at once, not ten seconds later"


def no_way(drill: Drill, failure: Exception | Happened | None = None) -> None:
    """The next call fails, and so does the text beside it."""
    drill.carrier.call_failures = [failure or CarrierRefused("not reachable", 21215)]
    drill.carrier.text_failures = [CarrierRefused("not reachable", 21408)]


def busy(drill: Drill) -> frozenset[int]:
    """Who is on the telephone, by the books."""
    with drill.store.read() as tx:
        under_way = tx.unfinished_attempts([s.id for s in tx.all_staff()])
    return frozenset(a.staff_id for a in under_way if a.channel == "voice")


def kill() -> None:
    raise Killed


def once(drill: Drill, happening: Callable[[], object], commits: int = 1) -> Callable[[], None]:
    """Something that happens after the next commit (or some later one) and never again."""
    left = iter(range(commits - 1))

    def happen() -> None:
        if next(left, None) is None:
            drill.store.after_commit = None
            happening()

    return happen


def inactive(person: Staff) -> Staff:
    return replace(person, active=False)
