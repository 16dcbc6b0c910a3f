"""A ledger that overlooks something makes every drill worthless: each heading is shown red here."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from fulfillment.ticket import Address, Attempt, Ticket, TicketState
from ops.drills.ledger import Call, Emergency, Limits, Record, Tables, Tally, Text, in_real_time, tally

SCALE = 15.0
LIMITS = Limits(SCALE)
DUTY, RESIDENT, BUTLER, DEPUTY = "+861", "+862", "+863", "+864"
OPENED = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
LATER = OPENED + timedelta(minutes=5)


def after(seconds: float) -> datetime:
    return OPENED + timedelta(seconds=seconds)


TICKET = Ticket(
    id=7,
    number="1122-0007",
    kind="leak_inside",
    state=TicketState.ACKNOWLEDGED,
    emergency=True,
    opened_at=OPENED,
    conversation_id="c1",
    household_id=None,
    address=Address(),
    contact_name="",
    contact_phone=RESIDENT,
    symptom="",
    acknowledged_at=after(3),
    acknowledged_by="王建军",
)
ATTEMPT = Attempt("a1", 7, 1, 11, "butler", BUTLER, "voice", after(0.1))
CALL = Call("CA1", BUTLER, after(0.2), placed_with="http://x/ivr/alarms/a1", rang_at=after(0.3))


def counted(
    *,
    tickets: tuple[Ticket, ...] = (TICKET,),
    attempts: tuple[Attempt, ...] = (ATTEMPT,),
    calls: tuple[Call, ...] = (CALL,),
    texts: tuple[Text, ...] = (),
) -> Tally:
    record = Record(calls, texts)
    return tally([Emergency(number=RESIDENT)], Tables(tickets, attempts), record, LIMITS, duty_phone=DUTY, now=LATER)


def test_an_emergency_that_was_rung_once_in_time_and_accepted_is_no_miss() -> None:
    found = counted()
    assert found.misses(LIMITS) == []
    assert (found.emergencies, found.calls, found.rings) == (1, 1, [0.3])


def test_nobody_rung_is_lost_whatever_the_product_wrote_down() -> None:
    assert counted(calls=()).lost
    assert counted(tickets=(), attempts=(), calls=()).lost
    assert counted(calls=(replace(CALL, placed_with="http://x/ivr/alarms/of-another-one"),)).lost


def test_a_text_or_the_duty_phone_is_not_nobody() -> None:
    text = Text("SM1", BUTLER, "[紧急]1122-0007", after(0.4))
    assert counted(calls=(), texts=(text,)).lost == []
    own = Call("CA8", RESIDENT, after(-5))
    duty = Call("CA9", DUTY, after(0), parent="CA8")
    found = counted(tickets=(), attempts=(), calls=(own, duty))
    assert (found.lost, found.duty_phone_only) == ([], 1)


def test_doubles() -> None:
    again = replace(CALL, sid="CA2", created=after(1))
    assert counted(calls=(CALL, again)).double, "two calls for one attempt"
    other = replace(ATTEMPT, id="a2", phone=DEPUTY)
    beside = Call("CA2", DEPUTY, after(1), placed_with="http://x/ivr/alarms/a2")
    assert counted(attempts=(ATTEMPT, other), calls=(CALL, beside)).double, "two people in one step"
    second = replace(TICKET, id=8, number="1122-0008")
    of_it = replace(ATTEMPT, id="a3", ticket_id=8)
    assert counted(tickets=(TICKET, second), attempts=(ATTEMPT, of_it)).double, "two tickets for one leak"
    next_step = replace(other, step=2)
    assert counted(attempts=(ATTEMPT, next_step), calls=(CALL, beside)).double == []


def test_late() -> None:
    assert counted(calls=(replace(CALL, rang_at=after(10.5)),)).late
    assert counted(calls=(replace(CALL, rang_at=after(9.5)),)).late == []
    slow = counted(calls=(replace(CALL, rang_at=after(2.5)),))
    assert slow.misses(replace(LIMITS, first_ring_p99=timedelta(seconds=2)))


def test_late_leaves_out_the_time_without_a_worker() -> None:
    calls = (replace(CALL, rang_at=after(14)),)
    for down, late in (((), 1), (((3, 6),), 1), (((3, 8),), 0), (((1, 4), (5, 7)), 0), (((-5, 3), (15, 30)), 1)):
        deaths = tuple((after(began), after(ended)) for began, ended in down)
        tables = Tables((TICKET,), (ATTEMPT,), deaths)
        found = tally([Emergency(number=RESIDENT)], tables, Record(calls, ()), LIMITS, duty_phone=DUTY, now=LATER)
        assert (len(found.late), found.rings) == (late, [14.0]), down


def test_a_call_after_the_acceptance() -> None:
    second = replace(ATTEMPT, id="a2", step=2, phone=DEPUTY)
    call = Call("CA2", DEPUTY, after(4), placed_with="http://x/ivr/alarms/a2")
    assert counted(attempts=(ATTEMPT, second), calls=(CALL, call)).after
    in_flight = replace(call, created=after(3.4))
    assert counted(attempts=(ATTEMPT, second), calls=(CALL, in_flight)).after == []


def test_one_call_that_tells_several_cases_is_needed_as_long_as_one_is_open() -> None:
    open_one = replace(TICKET, id=8, number="1122-0008", acknowledged_at=after(20), contact_phone="+869")
    told = replace(ATTEMPT, provider_sid="CA2", id="a2", step=2)
    also = replace(ATTEMPT, provider_sid="CA2", id="a3", ticket_id=8)
    call = Call("CA2", BUTLER, after(4), placed_with="http://x/ivr/alarms/a2")
    emergencies = [Emergency(number=RESIDENT), Emergency(number="+869")]
    tables = Tables((TICKET, open_one), (ATTEMPT, told, also))
    found = tally(emergencies, tables, Record((CALL, call), ()), LIMITS, duty_phone=DUTY, now=LATER)
    assert (found.after, found.double, found.calls) == ([], [], 2)


def test_a_ladder_that_nobody_accepted() -> None:
    alone = replace(TICKET, state=TicketState.NEW, acknowledged_at=None, acknowledged_by="")
    assert counted(tickets=(alone,)).unfinished, "never through"
    assert counted(tickets=(replace(alone, alarm_exhausted_at=after(41)),)).unfinished, "through after minute ten"
    assert counted(tickets=(replace(alone, alarm_exhausted_at=after(39)),)).unfinished == []
    last = replace(ATTEMPT, id="a2", step=2, started_at=after(33))
    done = replace(alone, alarm_exhausted_at=after(39))
    assert counted(tickets=(done,), attempts=(ATTEMPT, last)).unfinished, "its last rung started after minute eight"
    late = replace(TICKET, acknowledged_at=after(50))
    assert counted(tickets=(late,)).unfinished, "accepted, but after minute ten and without a whole round"


def test_a_drill_without_emergencies_is_no_drill() -> None:
    assert Tally().misses(LIMITS)


def test_what_a_worker_dated_by_a_wrong_clock_is_read_by_the_right_one() -> None:
    wrong = {-9: 0, 10: 3600, 20: -180, 40: 0}
    clock_set = [(after(at), timedelta(seconds=seconds)) for at, seconds in wrong.items()]
    dated = {
        after(1): after(1),
        after(15) + timedelta(hours=1): after(15),
        after(25 - 180): after(25),
        after(20.5) + timedelta(hours=1): after(20.5),  # the step had begun before the clock was set
        after(60): after(60),
        after(9999): after(9999),  # by nobody's clock: left as it is
    }
    attempts = [replace(ATTEMPT, started_at=at) for at in dated]
    tables = Tables([replace(TICKET, alarm_exhausted_at=after(25 - 180)), TICKET], attempts)
    read = in_real_time(tables, clock_set, after(99))
    assert [a.started_at for a in read.attempts] == list(dated.values())
    assert [t.alarm_exhausted_at for t in read.tickets] == [after(25), None]


def test_a_storm_is_judged_by_its_messages_not_by_its_ladders() -> None:
    waiting = replace(TICKET, state=TicketState.NEW, acknowledged_at=None, acknowledged_by="")
    emergency, record = Emergency(number=RESIDENT), Record((CALL,), ())
    for limits, unfinished in ((LIMITS, 1), (Limits(SCALE, by_message=True), 0)):
        found = tally([emergency], Tables((waiting,), (ATTEMPT,)), record, limits, duty_phone=DUTY, now=LATER)
        assert len(found.unfinished) == unfinished
        assert (found.lost, found.late) == ([], [])
