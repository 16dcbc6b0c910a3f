"""Callers nobody knows, and callers who are gone."""

import time

import pytest

from ops.town import Town
from tests.faults.calling import Call, Line, stranger
from tests.faults.faulty_nlu import Fault, FaultyNlu
from tests.faults.records import conversation_of, facts, read, ticket, ticket_of, tickets_of

pytestmark = pytest.mark.nlu
LEAK = "家里暖气管爆了,水喷得到处都是"


@pytest.mark.parametrize(
    "caller", ["+266696687", "anonymous", "sip:anonymous@anonymous.invalid", "", "+7378742833", "0", "+86" + "9" * 40]
)
def test_a_withheld_number_is_asked_for_another_one(town: Town, caller: str) -> None:
    call = Call(town, caller or " ")
    call.say(LEAK)
    assert "阀门" in call.words
    call.say("翠湖花园三号楼九单元九零九")
    opened = ticket_of(town, conversation_of(town, call.sid).id)
    assert (opened.emergency, opened.contact_phone) == (True, "")
    assert "电话" in call.words, "nobody can call back"
    call.say("一九九一一零零零零九八")
    assert ticket(town, opened.id).contact_phone == "+8619911000098"


def test_a_call_that_ends_before_a_word_leaves_nothing(town: Town) -> None:
    call = Call(town)
    call.hang_up()
    assert not tickets_of(town, conversation_of(town, call.sid).id)


def test_whoever_hangs_up_in_the_middle_has_a_ticket_with_what_is_known(town: Town) -> None:
    call = Call(town)
    call.say("我要申请测温,翠湖花园三号楼二单元的")
    call.hang_up()
    left = ticket_of(town, conversation_of(town, call.sid).id)
    assert left.kind == "temperature_test"
    assert (left.address.building, left.address.unit, left.contact_phone) == ("3", "2", call.caller)


def test_whoever_hangs_up_at_the_leak_question_is_alarmed_for(town: Town, nlu: FaultyNlu) -> None:
    call = Call(town)
    nlu.fail(Fault.ERROR)  # without the model two words are a question, not an alarm
    call.say("漏水了")
    assert "吗" in call.words
    call.hang_up()
    assert ticket_of(town, conversation_of(town, call.sid).id).emergency


def test_whoever_hangs_up_waiting_for_a_person_is_called_back(town: Town) -> None:
    call = Call(town)
    assert "人工" in call.say(
        "转人工"
    )  # "one moment", or that nobody is on duty: whose page was open a minute ago counts
    call.silence()
    call.hang_up()
    left = ticket_of(town, conversation_of(town, call.sid).id)
    assert (left.kind, left.contact_phone) == ("callback", call.caller)


def test_status_callbacks_may_come_twice_late_early_and_in_any_order(town: Town, line: Line) -> None:
    sid, caller = "CA" + "e" * 32, stranger()

    def told(status: str) -> int:
        return line.post("/ivr/status", {"CallSid": sid, "From": caller, "CallStatus": status}).status_code

    assert told("completed") == 204, "of a call that never reached us"
    call = Call(town)
    call.say("我要申请测温,翠湖花园三号楼二单元的")
    conversation = conversation_of(town, call.sid)
    sid = call.sid
    for status in ("completed", "completed", "ringing", "in-progress", "no-answer", "nonsense", ""):
        assert told(status) == 204
        own = f"/ivr/calls/{conversation.id}/status"
        assert line.post(own, {"CallSid": sid, "CallStatus": status}).status_code == 204
    left = ticket_of(town, conversation.id)
    assert (left.nudges, facts(town, left.id).count("opened")) == (0, 1)
    assert conversation_of(town, sid).floor == "ended"


def test_a_butlers_callbacks_may_come_twice_and_in_any_order(town: Town, line: Line) -> None:
    call = Call(town)
    call.say(f"{LEAK},翠湖花园三号楼二单元五零一")
    opened = ticket_of(town, conversation_of(town, call.sid).id)
    town.wait(lambda: [a for a in _voices(town, opened.id) if a.provider_sid], 10)
    first = _voices(town, opened.id)[0]
    for status, number in (("completed", 3), ("ringing", 1), ("completed", 3), ("in-progress", 2), ("initiated", 0)):
        form = {"CallSid": first.provider_sid, "CallStatus": status, "SequenceNumber": str(number)}
        assert line.post(f"/ivr/alarms/{first.id}/status", form).status_code == 204
    town.wait(lambda: len(_voices(town, opened.id)) > 1, 10)
    time.sleep(1)
    told = facts(town, opened.id)
    assert _voices(town, opened.id)[0].outcome == "no_answer"
    assert [a.step for a in _voices(town, opened.id)] == list(range(1, len(_voices(town, opened.id)) + 1))
    assert told.count("call_no_answer") <= len(_voices(town, opened.id))


def _voices(town: Town, ticket_id: int) -> list:
    return [a for a in read(town, lambda tx: tx.attempts(ticket_id)) if a.channel == "voice"]
