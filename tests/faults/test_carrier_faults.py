"""The carrier is busy, broken, forgetful or mute: somebody is rung all the same, and the timeline tells what happened."""

from datetime import timedelta

import httpx
import pytest

from fulfillment.case import forward_key
from ops.town import Town
from tests.faults.calling import Call
from tests.faults.conftest import calls_to, order_fault, phones, set_phone, staff_phones
from tests.faults.records import attempts, conversation_of, facts, planned, read, ticket, ticket_of

pytestmark = pytest.mark.nlu
LEAK = "家里暖气管爆了,水喷得到处都是,翠湖花园三号楼二单元五零一"


def alarm(town: Town) -> int:
    """The id of a new emergency's ticket."""
    call = Call(town)
    call.say(LEAK)
    return ticket_of(town, conversation_of(town, call.sid).id).id


def accept_whoever_rings(town: Town, ticket_id: int) -> str:
    """The number of the one who pressed 1."""
    try:
        town.wait(lambda: any(p["phase"] == "ringing" for p in phones(town)), 30)
    except AssertionError as exc:
        raise AssertionError(f"nobody rings: {facts(town, ticket_id)} {attempts(town, ticket_id)}\n{exc}") from exc
    number = str(next(p["number"] for p in phones(town) if p["phase"] == "ringing"))
    httpx.post(f"{town.network}/api/phones/{number}/answer", json={}).raise_for_status()
    httpx.post(f"{town.network}/api/phones/{number}/press", json={"digits": "1", "polite": True}).raise_for_status()
    town.wait(lambda: ticket(town, ticket_id).acknowledged_by, 10)
    return number


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("busy", "carrier_busy"),  # the call and its text are refused: the same person again
        ("error", "call_unknown"),  # perhaps it rang: looked up, and the next one is rung
        ("lost", "call_ringing"),  # it does ring, only the answer said nothing of it
        ("hang", "call_ringing"),
    ],
)
def test_somebody_is_rung_all_the_same(town: Town, fault: str, told: str) -> None:
    before = {n: len(calls_to(town, n)) for n in staff_phones(town)}
    order_fault(town, fault, 2)
    opened = alarm(town)
    number = accept_whoever_rings(town, opened)
    assert number in before
    town.wait(lambda: told in facts(town, opened), 15)  # a carrier that hangs is waited for ten seconds
    assert "accepted" in facts(town, opened)
    assert all(len(calls_to(town, n)) - b <= 1 for n, b in before.items()), "nobody is rung twice for it"


def test_a_carrier_that_is_down_for_long_is_asked_until_it_is_back(town: Town) -> None:
    order_fault(town, "error", 30)
    opened = alarm(town)
    town.wait(lambda: ticket(town, opened).alarm_exhausted_at, 40)
    assert "call_unknown" in facts(town, opened)
    accept_whoever_rings(town, opened)


def test_nobody_answers(town: Town, console: httpx.Client) -> None:
    """The ladder runs through to the supervisor and starts again; the console alarms until a person takes it."""
    for number in staff_phones(town):
        set_phone(town, number, "off")
    quiet = console.get("/console/events", params={"now": "", "topics": "alarms"}).json()
    opened = alarm(town)
    town.wait(lambda: ticket(town, opened).alarm_exhausted_at, 40)
    rung = attempts(town, opened)
    first_round = {a.role for a in rung}
    assert {"butler", "supervisor"} <= first_round, first_round
    texts = [a for a in read(town, lambda tx: tx.attempts(opened)) if a.channel == "text"]
    assert {a.phone for a in texts} == {a.phone for a in rung}, "everybody has a text, too"
    people = len({a.phone for a in rung})
    town.wait(lambda: len(attempts(town, opened)) > people, 45)  # a round takes no less than one telephone rings
    again = attempts(town, opened)[people]
    told = facts(town, opened)
    # from the bottom; on a machine so busy that the butler's call is still in doubt, the timeline says that he is left for later
    assert again.phone == rung[0].phone or "person_busy" in told, (told, attempts(town, opened))
    loud = console.get("/console/events", params={"now": "", "topics": "alarms"}).json()
    assert loud != quiet
    bar = console.get("/console/parts/alarms").text
    assert ticket(town, opened).number in bar
    assert 'data-sound="urgent"' in bar
    assert "所有值班人员均无应答" in bar
    for number in staff_phones(town):
        set_phone(town, number, "on")
    accept_whoever_rings(town, opened)
    assert ticket(town, opened).number not in console.get("/console/parts/alarms").text


def test_a_call_that_stays_silent_does_not_hold_up_the_ladder(town: Town) -> None:
    """Neither answered nor ended nor refused: the next rung is planned so that the last one rings before minute eight."""
    opened = alarm(town)
    town.wait(lambda: planned(town, forward_key(opened, 2)), 10)
    due = planned(town, forward_key(opened, 2))
    rungs = 5  # butler, deputy, station, chief, supervisor
    assert due is not None
    assert (due - ticket(town, opened).opened_at) * (rungs - 1) < timedelta(minutes=8)
