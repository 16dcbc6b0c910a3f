"""The judges can fail: each rule is broken once."""

import pytest
from openapi_core.exceptions import OpenAPIError
from requests import PreparedRequest, Request, Session

from tests.twilio_judges import assert_twiml, judge_request, need_rest_judge

GATHER = '<Response><Gather input="dtmf speech" language="cmn-Hans-CN" actionOnEmptyResult="true" profanityFilter="false" {}/></Response>'
CALLS = "https://api.twilio.com/2010-04-01/Accounts/AC" + "0" * 32 + "/Calls.json"
CALL = {"To": "+8613900000012", "From": "+8640012345", "Url": "https://hotline.example.cn/ivr/alarms/a"}


@pytest.mark.parametrize(
    "xml",
    [
        "<Response><Shout>hi</Shout></Response>",
        '<Response><Say voice="Zhiyu">hi</Say></Response>',
        "<Response><Say/></Response>",
        "<Response><Say>" + "x" * 5000 + "</Say></Response>",
        "<Response><Gather><Dial>1</Dial></Gather></Response>",
        "<Response><Gather input='speech'/></Response>",
        GATHER.format('speechModel="default" speechTimeout="auto"'),
        GATHER.format('speechModel="phone_call" speechTimeout="2"'),
        GATHER.format('action="/x?a=1&amp;b=2"'),
        GATHER.format(f'hints="{",".join("x" for _ in range(501))}"'),
        GATHER.format(f'hints="{"x" * 101}"'),
        "<Response><Dial>" + "<Number>1</Number>" * 11 + "</Dial></Response>",
        "<Response><Play>" + "x" * 70_000 + "</Play></Response>",
    ],
)
def test_bad_twiml_is_refused(xml: str) -> None:
    with pytest.raises(AssertionError):
        assert_twiml(xml)


def test_what_stands_behind_other_documents_is_limited() -> None:
    queue = "<Response><Gather/></Response>"
    assert_twiml(queue, behind="wait_url")
    with pytest.raises(AssertionError, match="queue_url"):
        assert_twiml(queue, behind="queue_url")
    with pytest.raises(AssertionError, match="number_url"):
        assert_twiml("<Response><Redirect>/x</Redirect></Response>", behind="number_url")
    with pytest.raises(AssertionError, match="relative action"):
        assert_twiml('<Response><Gather action="/x"/></Response>', inline=True)


def test_good_twiml_passes() -> None:
    assert_twiml(GATHER.format('action="https://hotline.example.cn/x" speechTimeout="2"'), inline=True)


def _request(method: str = "POST", url: str = CALLS, **form: str) -> PreparedRequest:
    return Session().prepare_request(Request(method, url, data=form or None, auth=("AC", "token")))


def test_a_good_request_passes() -> None:
    need_rest_judge()
    judge_request(_request(**CALL))


@pytest.mark.parametrize(
    "request_",
    [
        _request(**{k: v for k, v in CALL.items() if k != "To"}),
        _request(**CALL, Statuscallback="https://hotline.example.cn/x"),
        _request(**CALL, Timeout="soon"),
        _request(**CALL, Method="PUSH"),
        _request("PUT", **CALL),
        _request("GET", url=CALLS + "?Too=1"),
        _request(url=CALLS.replace("Calls", "Cals"), **CALL),
    ],
)
def test_a_bad_request_is_refused(request_: PreparedRequest) -> None:
    need_rest_judge()
    with pytest.raises((OpenAPIError, AssertionError)):
        judge_request(request_)
