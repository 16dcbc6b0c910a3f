"""Processes die in the middle of things; what was promised is kept once, and nobody is rung after somebody accepted."""

import os
import secrets
import signal
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from ops.town import BIN, Town
from tests.faults.calling import Call
from tests.faults.conftest import calls_to, mend_carrier, order_fault, phone, set_phone, staff_phones
from tests.faults.faulty_nlu import Fault, FaultyNlu
from tests.faults.records import attempts, cancel_open_tickets, conversation_of, facts, ticket, ticket_of, utterances

pytestmark = pytest.mark.nlu
LEAK = "家里暖气管爆了,水喷得到处都是,翠湖花园三号楼二单元五零一"
BUTLER, DEPUTY = "+8619900000011", "+8619900000021"
#: From the moment the restarted worker is at work. How long Python needs until then is the machine's affair.
RING_WITHIN_SECONDS = 10
STARTED_WITHIN_SECONDS = 60


def start_worker(town: Town, instance: str = "1") -> None:
    """Returns when it is at work."""
    log = town.folder / f"worker{instance}.log"
    before = log.read_bytes().count(b"worker_started") if log.exists() else 0
    town.start(f"worker{instance}", str(BIN / "flask"), "--app", "app", "worker", "--instance", instance)
    town.wait(lambda: log.read_bytes().count(b"worker_started") > before, STARTED_WITHIN_SECONDS)


def kill_worker(town: Town) -> None:
    town.kill("worker" if "worker" in town.processes else "worker1")


def start_web(town: Town) -> None:
    town.start("web", str(BIN / "gunicorn"), "-c", "ops/gunicorn_conf.py", "ops.web:start()")
    town.wait_until_healthy()


def test_a_worker_killed_while_a_butler_rings_goes_on_with_the_next_rung(town: Town) -> None:
    set_phone(town, BUTLER, "no-answer")
    before = {n: len(calls_to(town, n)) for n in (BUTLER, DEPUTY)}
    call = Call(town)
    call.say(LEAK)
    opened = ticket_of(town, conversation_of(town, call.sid).id)
    town.wait(lambda: phone(town, BUTLER)["phase"] == "ringing", 10)
    kill_worker(town)
    town.wait(lambda: phone(town, BUTLER)["phase"] == "idle", 15)
    time.sleep(1)
    assert len(attempts(town, opened.id)) == 1, "nobody is there to ring anybody"
    start_worker(town)
    town.wait(lambda: phone(town, DEPUTY)["phase"] == "ringing", RING_WITHIN_SECONDS)
    httpx.post(f"{town.network}/api/phones/{DEPUTY}/answer", json={}).raise_for_status()
    press_one(town, DEPUTY)
    town.wait(lambda: ticket(town, opened.id).acknowledged_by, 10)
    rung = [(a.step, a.phone) for a in attempts(town, opened.id)]
    assert rung == [(1, BUTLER), (2, DEPUTY)]
    kill_worker(town)
    start_worker(town)
    time.sleep(3)  # many looks at the table
    assert [(a.step, a.phone) for a in attempts(town, opened.id)] == rung, "nobody is rung after the acceptance"
    assert {n: len(calls_to(town, n)) - before[n] for n in before} == {BUTLER: 1, DEPUTY: 1}


def test_a_worker_killed_between_the_intent_and_the_call_rings_once(town: Town) -> None:
    """The carrier hangs, so the worker dies with the attempt written and nothing known about the call."""
    before = {n: len(calls_to(town, n)) for n in (BUTLER, DEPUTY)}
    order_fault(town, "hang", 2)  # the call and the text
    call = Call(town)
    call.say(LEAK)
    opened = ticket_of(town, conversation_of(town, call.sid).id)
    town.wait(lambda: attempts(town, opened.id), 10)
    time.sleep(1)
    kill_worker(town)
    mend_carrier(town)
    start_worker(town)
    # His telephone, or, where the call had been placed after all and rang out before the restart, the next one's.
    town.wait(lambda: ringing(town, BUTLER, DEPUTY), RING_WITHIN_SECONDS)
    number = ringing(town, BUTLER, DEPUTY)[0]
    httpx.post(f"{town.network}/api/phones/{number}/answer", json={}).raise_for_status()
    press_one(town, number)
    town.wait(lambda: ticket(town, opened.id).acknowledged_by, 10)
    assert len(calls_to(town, BUTLER)) - before[BUTLER] == 1, "never twice, and never not at all"
    assert [a.phone for a in attempts(town, opened.id)] == [BUTLER, DEPUTY][: 1 + (number == DEPUTY)]


def test_two_workers_ring_nobody_twice(town: Town) -> None:
    for number in (BUTLER, DEPUTY):
        set_phone(town, number, "busy")
    before = {number: len(calls_to(town, number)) for number in staff_phones(town)}
    start_worker(town, "2")
    try:
        calls = [Call(town) for _ in range(6)]
        homes = [f"家里暖气管爆了,水喷得到处都是,翠湖花园{n}号楼一单元{n}零一" for n in range(11, 17)]
        with ThreadPoolExecutor(6) as residents:
            list(residents.map(lambda pair: pair[0].say(pair[1]), zip(calls, homes, strict=True)))
        tickets = [ticket_of(town, conversation_of(town, c.sid).id) for c in calls]
        assert len({t.id for t in tickets}) == 6
        town.wait(lambda: all(len(attempts(town, t.id)) >= 3 for t in tickets), 30)
        rung = {t.id: attempts(town, t.id) for t in tickets}
    finally:
        process = town.processes.pop("worker2")
        process.terminate()
        process.wait(15)
    for found in rung.values():
        assert [a.step for a in found] == list(range(1, len(found) + 1)), "one voice attempt a step"
    cancel_open_tickets(town)
    time.sleep(1.5)
    everything = [a for t in tickets for a in attempts(town, t.id)]
    for number, earlier in before.items():
        placed = [a for a in everything if a.phone == number and a.provider_sid and not a.lead_id]  # others joined them
        assert len({a.provider_sid for a in placed}) == len(placed)
        assert len(calls_to(town, number)) - earlier == len(placed), number


def test_web_killed_in_the_middle_of_a_turn_answers_the_repeated_delivery(town: Town, nlu: FaultyNlu) -> None:
    """It dies while it asks the understanding server: the words are stored, the answer is not."""
    call = Call(town, "+8619911000005")
    call.say("我要投诉你们维修的师傅")
    call.say("他上门不穿鞋套,把地板全踩脏了,说话还很难听,修完暖气还是不热")
    nlu.fail(Fault.HANG)
    asked = nlu.asked
    form = {"CallSid": call.sid, "From": call.caller, "SpeechResult": "是的", "Confidence": "0.9"}
    lost: list[BaseException] = []

    def deliver() -> None:
        try:
            call.line.post(call.next, form)
        except httpx.HTTPError as exc:
            lost.append(exc)

    delivery = threading.Thread(target=deliver)
    delivery.start()
    town.wait(lambda: nlu.asked > asked, 5)
    kill_web(town)
    delivery.join(10)
    assert lost, "the first delivery was cut off"
    nlu.fail(Fault.NONE)
    conversation = conversation_of(town, call.sid)
    assert [u.text for u in utterances(town, conversation.id)][-1] == "是的"
    start_web(town)
    assert "工单号" in call.say("是的")
    assert call.again() == call.body
    assert len([u for u in utterances(town, conversation.id) if u.text == "是的"]) == 1
    opened = ticket_of(town, conversation.id)
    assert (opened.kind, opened.nudges, facts(town, opened.id).count("opened")) == ("complaint", 0, 1)


def test_web_killed_during_a_storm_of_leaks_loses_and_doubles_none(town: Town) -> None:
    calls = [Call(town) for _ in range(6)]
    words = [f"家里暖气管爆了,水喷得到处都是,翠湖花园{n}号楼二单元{n}零二" for n in range(21, 27)]

    def deliver(pair: tuple[Call, str]) -> None:
        call, said = pair
        form = {"CallSid": call.sid, "From": call.caller, "SpeechResult": said, "Confidence": "0.9"}
        try:
            call.line.post(call.next, form)
        except httpx.HTTPError:
            return  # the carrier comes again

    with ThreadPoolExecutor(6) as residents:
        storm = [residents.submit(deliver, pair) for pair in zip(calls, words, strict=True)]
        time.sleep(0.03 + secrets.randbelow(50) / 1000)
        kill_web(town)
        for one in storm:
            one.result(30)
    start_web(town)
    for call, said in zip(calls, words, strict=True):
        assert "阀门" in call.say(said)
        conversation = conversation_of(town, call.sid)
        assert [u.text for u in utterances(town, conversation.id)] == [said]
        opened = ticket_of(town, conversation.id)
        assert (opened.nudges, facts(town, opened.id).count("opened")) == (0, 1)


def kill_web(town: Town) -> None:
    """The workers of gunicorn, too, which would otherwise outlive their master for a moment."""
    master = town.processes["web"].pid
    found = subprocess.run(["pgrep", "-P", str(master)], capture_output=True, text=True, check=False).stdout
    children = [int(c) for c in found.split()]
    town.kill("web")
    for child in children:
        os.kill(child, signal.SIGKILL)


def ringing(town: Town, *numbers: str) -> list[str]:
    return [n for n in numbers if phone(town, n)["phase"] == "ringing"]


def press_one(town: Town, number: str) -> None:
    httpx.post(f"{town.network}/api/phones/{number}/press", json={"digits": "1", "polite": True}).raise_for_status()
