"""A butler's telephone rings: what is heard, which key does what, and what reaches the ladder."""

from dataclasses import replace

import pytest

from kernel.errors import StoreBusy
from tests.ivr.conftest import ATTEMPT, BASE_URL, ScriptedAlarms
from tests.twilio_judges import JudgedClient, spoken

RING = f"/ivr/alarms/{ATTEMPT}"
KEY_1 = f"{RING}/key/1"


def test_the_alarm_says_who_where_what_and_whom_to_call(carrier: JudgedClient) -> None:
    document = carrier.speak(RING)
    words = spoken(document)[0]
    assert words == (
        "王建国您好,这里是华暖示例热力供暖热线,紧急报修。地点,翠湖花园12号楼2单元1 5 0 2。"
        "情况,客厅暖气片一直往外喷水。来电号码,1 3 8 , 1 2 3 4 , 5 6 7 8。接单请按1,转下一位请按2,重听请按3。"
    )


def test_it_is_repeated_three_times_and_then_hangs_up(carrier: JudgedClient, alarms: ScriptedAlarms) -> None:
    document = carrier.speak(RING)
    assert [child.tag for child in document] == ["Gather", "Gather", "Gather", "Say", "Hangup"]
    for gather in document.findall("Gather"):
        assert gather.get("numDigits") == "1"
        assert gather.get("input") == "dtmf", "a voice in the room is no acknowledgement"
        assert gather.get("action") == f"{BASE_URL}{KEY_1}"
    assert alarms.known.still_open, "answered is not acknowledged: voicemail answers, too"


def test_key_1_accepts_once_and_repeats_what_is_needed(carrier: JudgedClient, alarms: ScriptedAlarms) -> None:
    first = carrier.post(KEY_1, {"Digits": "1"})
    assert alarms.known.accepted_by == "王建国"
    words = spoken(carrier.speak(KEY_1, {"Digits": "1"}))[0]
    assert words.startswith("已由您接单,工单号1 1 2 2 , 0 0 0 7。")
    assert "1 3 8 , 1 2 3 4 , 5 6 7 8" in words
    assert carrier.post(KEY_1, {"Digits": "1"}).data == first.data


def test_who_was_slower_hears_who_has_it(carrier: JudgedClient, alarms: ScriptedAlarms) -> None:
    alarms.known = replace(alarms.known, still_open=False, accepted_by="赵强")
    for path, form in ((RING, {}), (KEY_1, {"Digits": "1"}), (KEY_1, {"Digits": "3"})):
        document = carrier.speak(path, form)
        assert spoken(document) == ["这张工单已由赵强接单,您不用处理,谢谢。"]
        assert document[-1].tag == ("Redirect" if form else "Hangup"), "what came in meanwhile is asked for at the end"


def test_a_ticket_that_is_over_disturbs_nobody(carrier: JudgedClient, alarms: ScriptedAlarms) -> None:
    alarms.known = replace(alarms.known, still_open=False)
    assert spoken(carrier.speak(RING)) == ["这张工单已经结束,您不用处理,谢谢。"]
    assert spoken(carrier.speak(KEY_1, {"Digits": "1"})) == ["这张工单已经结束,您不用处理,谢谢。"]


def test_key_2_passes_on(carrier: JudgedClient, alarms: ScriptedAlarms) -> None:
    document = carrier.speak(KEY_1, {"Digits": "2"})
    assert alarms.passed_on == [ATTEMPT]
    assert document[-1].text == f"{BASE_URL}{RING}/end"
    assert [child.tag for child in carrier.speak(f"{RING}/end")] == ["Hangup"]
    assert alarms.known.still_open


def test_key_3_says_it_again(carrier: JudgedClient) -> None:
    document = carrier.speak(KEY_1, {"Digits": "3"})
    assert spoken(document)[0] == spoken(carrier.speak(RING))[0]
    gather = document.find("Gather")
    assert gather is not None
    assert gather.get("action") == f"{BASE_URL}{RING}/key/2"


@pytest.mark.parametrize("digits", ["0", "9", "*", "#", "11", ""])
def test_a_wrong_key_is_asked_again_and_changes_nothing(
    carrier: JudgedClient, alarms: ScriptedAlarms, digits: str
) -> None:
    document = carrier.speak(KEY_1, {"Digits": digits})
    assert spoken(document)[0].startswith("按键无效。王建国您好")
    assert alarms.known.still_open
    assert alarms.passed_on == []


def test_a_stuck_key_does_not_hold_the_line_for_ever(carrier: JudgedClient) -> None:
    path = RING
    for _ in range(20):
        gather = carrier.speak(path, {"Digits": "9"}).find("Gather")
        if gather is None:
            return
        path = str(gather.get("action"))
    pytest.fail("still asking after 20 wrong keys")


def test_a_withheld_number_and_an_unknown_place(carrier: JudgedClient, alarms: ScriptedAlarms) -> None:
    ticket = replace(
        alarms.known.ticket, contact_phone="", symptom="",
        address=replace(alarms.known.ticket.address, community_id=None, text="火车站东边那个小区"),
    )  # fmt: skip
    alarms.known = replace(alarms.known, ticket=ticket, community_name="")
    words = spoken(carrier.speak(RING))[0]
    assert "地点,火车站东边那个小区。" in words
    assert "情况,户内漏水。" in words
    assert "来电号码未显示" in words


def test_a_residents_words_are_no_markup_and_no_novel(carrier: JudgedClient, alarms: ScriptedAlarms) -> None:
    hostile = "</Say></Gather><Redirect>http://evil</Redirect>\n\x00" + "水" * 5000
    alarms.known = replace(alarms.known, ticket=replace(alarms.known.ticket, symptom=hostile))
    document = carrier.speak(RING)
    assert document.find(".//Redirect") is None
    assert len(spoken(document)[0]) < 300


def test_call_events_reach_the_ladder(carrier: JudgedClient, alarms: ScriptedAlarms) -> None:
    for status, sequence in (("completed", "3"), ("ringing", "1"), ("busy", "x"), ("no-answer", "")):
        form = {"CallStatus": status, "SequenceNumber": sequence, "CallSid": "CA7"}
        assert carrier.post(f"{RING}/status", form).status_code == 204
    assert alarms.events == [
        (ATTEMPT, "completed", 3, "CA7"),
        (ATTEMPT, "ringing", 1, "CA7"),
        (ATTEMPT, "busy", None, "CA7"),
        (ATTEMPT, "no-answer", None, "CA7"),
    ]


def test_text_events_reach_the_ladder(carrier: JudgedClient, alarms: ScriptedAlarms) -> None:
    assert carrier.post(f"{RING}/text-status", {"MessageStatus": "delivered", "MessageSid": "SM1"}).status_code == 204
    assert carrier.post(f"{RING}/text-status", {"SmsStatus": "failed", "SmsSid": "SM1"}).status_code == 204
    assert alarms.texts == [(ATTEMPT, "delivered", "SM1"), (ATTEMPT, "failed", "SM1")]


def test_a_fault_tells_the_butler_and_acknowledges_nothing(carrier: JudgedClient, alarms: ScriptedAlarms) -> None:
    alarms.failure = StoreBusy("locked")
    for path in (RING, KEY_1):
        document = carrier.speak(path, {"Digits": "1"})
        assert [child.tag for child in document] == ["Say", "Hangup"]
        assert "打开工单页面" in spoken(document)[0]
    assert carrier.post(f"{RING}/status", {"CallStatus": "ringing"}).status_code == 503


def test_an_attempt_nobody_knows(carrier: JudgedClient) -> None:
    assert "打开工单页面" in spoken(carrier.speak("/ivr/alarms/" + "b" * 32))[0]


def test_9_is_no_key_for_a_single_alarm(carrier: JudgedClient, alarms: ScriptedAlarms) -> None:
    assert spoken(carrier.speak(KEY_1, {"Digits": "9"}))[0].startswith("按键无效。")
    assert alarms.known.still_open
