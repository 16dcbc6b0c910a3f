"""A resident calls the hotline."""

import time

import httpx
import pytest
from twilio.request_validator import RequestValidator

from tests.simulator.desk import HOTLINE, RESIDENT, TOKEN, Desk, Product, eventually, gather, twiml


def greet(product: Product, document: str = "") -> None:
    product.answers["/voice"] = document or twiml(gather("您好,请问有什么可以帮您?"))
    product.answers["/heard"] = twiml('<Say language="cmn-CN">已记录</Say><Hangup/>')


def test_speech_reaches_the_action_and_the_call_reports_its_end(product: Product, desk: Desk) -> None:
    greet(product)
    desk.do(RESIDENT, "dial")
    desk.do(RESIDENT, "say", text="家里暖气管爆了", polite=True)
    desk.wait_phase(RESIDENT, "idle")

    first, heard = product.forms("/voice")[0], product.forms("/heard")[0]
    assert first["From"] == RESIDENT
    assert first["To"] == HOTLINE
    assert first["Direction"] == "inbound"
    assert first["CallStatus"] == "ringing"
    assert heard["SpeechResult"] == "家里暖气管爆了"
    assert float(heard["Confidence"]) > 0
    assert heard["CallStatus"] == "in-progress"
    assert heard["CallSid"] == first["CallSid"]
    eventually(lambda: product.forms("/status"))
    ended = product.forms("/status")[0]
    assert ended["CallStatus"] == "completed"
    assert int(ended["CallDuration"]) >= 1
    words = desk.heard(RESIDENT)
    assert words.index("您好,请问有什么可以帮您?") < words.index("家里暖气管爆了") < words.index("已记录")


@pytest.mark.parametrize(
    ("attributes", "keys", "digits", "finished_by"),
    [
        ({"numDigits": "1"}, "1", "1", ""),
        ({"numDigits": "2"}, "123", "12", ""),
        ({}, "13800138000#", "13800138000", "#"),
        ({}, "#1#", "1", "#"),  # the finishing key ends nothing without a digit before it
        ({"finishOnKey": "*"}, "12#*", "12#", "*"),
        ({}, "12", "12", ""),  # nothing ends it but the silence after the last key
    ],
)
def test_keys(
    product: Product, desk: Desk, attributes: dict[str, str], keys: str, digits: str, finished_by: str
) -> None:
    greet(product, twiml(gather("请按键", **attributes)))
    desk.do(RESIDENT, "dial")
    desk.do(RESIDENT, "press", digits=keys, polite=True)
    desk.wait_phase(RESIDENT, "idle")
    form = product.forms("/heard")[0]
    assert (form["Digits"], form["FinishedOnKey"]) == (digits, finished_by)
    assert "SpeechResult" not in form


def test_words_are_not_heard_where_only_keys_are_gathered(product: Product, desk: Desk) -> None:
    greet(product, twiml(gather("请按一接单", input="dtmf", numDigits="1", timeout="1") + "<Hangup/>"))
    desk.do(RESIDENT, "dial")
    desk.do(RESIDENT, "say", text="好的好的", polite=True)
    desk.wait_phase(RESIDENT, "idle")
    assert product.forms("/heard") == []
    assert [line["heard"] for line in desk.phone(RESIDENT)["call"]["lines"] if line["who"] == RESIDENT] == [False]


def test_silence_falls_through_to_the_next_verb(product: Product, desk: Desk) -> None:
    greet(product, twiml(gather("请讲", timeout="1") + '<Say language="cmn-CN">没有听到</Say>'))
    desk.do(RESIDENT, "dial")
    desk.do(RESIDENT, "silence")
    desk.wait_phase(RESIDENT, "idle")
    assert product.forms("/heard") == []
    assert "没有听到" in desk.heard(RESIDENT)


def test_silence_is_posted_with_action_on_empty_result(product: Product, desk: Desk) -> None:
    greet(product, twiml(gather("请讲", timeout="1", actionOnEmptyResult="true")))
    desk.do(RESIDENT, "dial")
    desk.wait_phase(RESIDENT, "idle")
    assert product.forms("/heard")[0]["Digits"] == ""
    assert "SpeechResult" not in product.forms("/heard")[0]


def test_confidence_may_be_missing(product: Product, desk: Desk) -> None:
    greet(product)
    desk.do(RESIDENT, "dial")
    desk.do(RESIDENT, "say", text="暖气不热", polite=True, confidence="")
    desk.wait_phase(RESIDENT, "idle")
    assert "Confidence" not in product.forms("/heard")[0]


def test_relative_actions_and_redirects_follow_the_document(product: Product, desk: Desk) -> None:
    product.answers["/voice"] = twiml("<Redirect>deep/er/one</Redirect>")
    product.answers["/deep/er/one"] = twiml('<Redirect method="GET">two</Redirect>')
    product.answers["/deep/er/two"] = twiml("<Hangup/>")
    desk.do(RESIDENT, "dial")
    desk.wait_phase(RESIDENT, "idle")
    assert [(s.method, s.path) for s in product.requests if s.path != "/status"] == [
        ("POST", "/voice"),
        ("POST", "/deep/er/one"),
        ("GET", "/deep/er/two"),
    ]


def test_every_request_is_signed_over_its_absolute_address(product: Product, desk: Desk) -> None:
    greet(product)
    product.answers["/voice"] = twiml(gather("请讲", action="/heard?lang=中文&amp;n=1"))
    product.answers["/heard"] = twiml('<Redirect method="GET">/last?a=1</Redirect>')
    product.answers["/last"] = twiml("<Hangup/>")
    desk.do(RESIDENT, "dial")
    desk.do(RESIDENT, "say", text="暖气漏水", polite=True)
    desk.wait_phase(RESIDENT, "idle")
    eventually(lambda: product.forms("/status"))
    assert len(product.requests) == 4
    judge = RequestValidator(TOKEN)
    for seen in product.requests:
        # the address as it went over the wire: Flask shows it decoded
        url = str(httpx.URL(seen.url))
        signature = seen.headers["X-Twilio-Signature"]
        assert judge.validate(url, seen.form, signature), seen.path
        assert not judge.validate(url + "x", seen.form, signature)


def test_a_withheld_number_is_not_shown(product: Product, desk: Desk) -> None:
    greet(product)
    desk.do(RESIDENT, "dial", withheld=True)
    eventually(lambda: product.forms("/voice"))
    assert product.forms("/voice")[0]["From"] == "+266696687"
    assert RESIDENT not in str(product.requests)


def test_hanging_up_ends_the_call_at_once_even_while_the_product_thinks(product: Product, desk: Desk) -> None:
    def slow() -> str:
        time.sleep(1)
        return twiml("<Say>late</Say>")

    product.answers["/voice"] = slow
    desk.do(RESIDENT, "dial")
    eventually(lambda: product.forms("/voice"))
    desk.do(RESIDENT, "hangup")
    assert desk.phone(RESIDENT)["phase"] == "idle"
    eventually(lambda: product.forms("/status"))
    time.sleep(1.1)
    assert "late" not in desk.heard(RESIDENT)


def test_reject_never_answers(product: Product, desk: Desk) -> None:
    product.answers["/voice"] = twiml('<Reject reason="busy"/>')
    desk.do(RESIDENT, "dial")
    desk.wait_phase(RESIDENT, "idle")
    assert desk.phone(RESIDENT)["call"]["status"] == "busy"


def test_a_recording_is_the_words_that_were_typed(product: Product, desk: Desk) -> None:
    product.answers["/voice"] = twiml('<Record action="/recorded" finishOnKey="#" timeout="4"/>')
    product.answers["/recorded"] = twiml("<Hangup/>")
    desk.do(RESIDENT, "dial")
    desk.do(RESIDENT, "say", text="请回电话", polite=True)
    desk.do(RESIDENT, "press", digits="#", polite=True)
    desk.wait_phase(RESIDENT, "idle")
    form = product.forms("/recorded")[0]
    assert form["Digits"] == "#"
    sid = form["RecordingUrl"].rsplit("/", 1)[1]
    assert desk.network.recordings[sid].words == "请回电话"


def test_who_hangs_up_while_recording_leaves_the_recording(product: Product, desk: Desk) -> None:
    product.answers["/voice"] = twiml('<Record action="/recorded" timeout="200"/>')
    desk.do(RESIDENT, "dial")
    desk.do(RESIDENT, "say", text="请回电话", polite=True)
    eventually(lambda: "请回电话" in desk.heard(RESIDENT))
    time.sleep(0.1)
    desk.do(RESIDENT, "hangup")
    eventually(lambda: product.forms("/recorded"))
    assert product.forms("/recorded")[0]["Digits"] == "hangup"
    assert product.forms("/recorded")[0]["CallStatus"] == "completed"


def test_a_queue_is_left_by_leave(product: Product, desk: Desk) -> None:
    product.answers["/voice"] = twiml('<Enqueue waitUrl="/wait" action="/left">q</Enqueue>')
    product.answers["/wait"] = lambda: twiml("<Leave/>" if len(product.forms("/wait")) > 2 else "<Say>wait</Say>")
    product.answers["/left"] = twiml("<Hangup/>")
    desk.do(RESIDENT, "dial")
    desk.wait_phase(RESIDENT, "idle")
    assert product.forms("/left")[0]["QueueResult"] == "leave"
    assert len(product.forms("/wait")) == 3
