"""Conferences of the network, by the unmodified client and judged by Twilio's own description."""

from collections.abc import Iterator

import pytest
from requests import PreparedRequest, Session
from twilio.base.exceptions import TwilioRestException
from twilio.http.response import Response
from twilio.rest import Client

from simulator.config import Config
from tests.simulator.desk import (
    ACCOUNT,
    BUTLER,
    HOTLINE,
    RESIDENT,
    SECOND_BUTLER,
    TOKEN,
    Desk,
    Product,
    eventually,
    twiml,
)
from tests.twilio_judges import REAL_API, JudgingHttpClient, need_rest_judge

ROOM = "talk-1"
BROWSER = "client:operator_7"
EVENTS = "start end join leave mute hold modify"


@pytest.fixture
def twilio(desk: Desk) -> Iterator[Client]:
    """Every request and answer is judged."""
    need_rest_judge()
    session = Session()

    def answer(request: PreparedRequest) -> Response:
        here = request.copy()
        here.url = desk.base + (request.url or "").removeprefix(REAL_API)
        got = session.send(here, timeout=10)
        return Response(got.status_code, got.text, dict(got.headers))

    http = JudgingHttpClient(answer)
    yield Client(ACCOUNT, TOKEN, http_client=http, environment={"TWILIO_EDGE": "", "TWILIO_REGION": ""})
    session.close()


@pytest.fixture
def product(product: Product) -> Product:
    product.answers["/voice"] = twiml(
        f'<Dial action="/left"><Conference participantLabel="caller" endConferenceOnExit="true" beep="false" '
        f'waitUrl="/wait" statusCallback="/events" statusCallbackEvent="{EVENTS}">{ROOM}</Conference></Dial>'
    )
    product.answers["/left"] = twiml('<Say language="cmn-CN">还在</Say><Pause length="60"/>')
    product.answers["/wait"] = twiml('<Say language="cmn-CN">请稍候</Say><Pause length="5"/>')
    product.answers["/music"] = twiml('<Say language="cmn-CN">保持中</Say><Pause length="5"/>')
    return product


def told(product: Product) -> list[tuple[str, str]]:
    """(event, label) in the order of their sequence numbers."""
    forms = sorted(product.forms("/events"), key=lambda f: int(f["SequenceNumber"]))
    return [(f["StatusCallbackEvent"], f.get("ParticipantLabel", "")) for f in forms]


def ring(twilio: Client, product: Product, to: str = BUTLER, label: str = "op", **more: object) -> str:
    made = twilio.conferences(ROOM).participants.create(
        from_=HOTLINE, to=to, label=label, early_media=False, beep="false", timeout=20,
        status_callback=f"{product.base}/leg", status_callback_event=["initiated", "ringing", "answered", "completed"],
        **more,
    )  # fmt: skip
    assert made.conference_sid.startswith("CF")
    assert made.label == label
    return str(made.call_sid)


def sid_of(twilio: Client) -> str:
    [room] = [r for r in twilio.conferences.list(friendly_name=ROOM) if r.status != "completed"]
    return str(room.sid)


def talking(desk: Desk, twilio: Client, product: Product) -> str:
    """Caller and butler talk; returns the conference."""
    desk.do(RESIDENT, "dial")
    ring(twilio, product)
    desk.wait_phase(BUTLER, "ringing")
    desk.do(BUTLER, "answer")
    eventually(lambda: desk.do(BUTLER, "say", text="喂")["heard"])
    return sid_of(twilio)


def test_who_waits_hears_the_waiting_document_and_then_the_others(desk: Desk, twilio: Client, product: Product) -> None:
    desk.do(RESIDENT, "dial")
    eventually(lambda: "请稍候" in desk.heard(RESIDENT))
    assert not desk.do(RESIDENT, "say", text="有人吗")["heard"]
    ring(twilio, product)
    assert [p.status for p in twilio.conferences(sid_of(twilio)).participants.list()][-1] in {"queued", "ringing"}
    desk.wait_phase(BUTLER, "ringing")
    desk.do(BUTLER, "answer")
    eventually(lambda: desk.do(RESIDENT, "say", text="您好")["heard"])
    assert "您好" in desk.heard(BUTLER)
    eventually(lambda: ("conference-start", "") in told(product))
    assert told(product)[:3] == [("participant-join", "caller"), ("participant-join", "op"), ("conference-start", "")]
    assert desk.network.violations == desk.network.violations.__class__()


def test_on_hold_nobody_hears_him_and_he_hears_music(desk: Desk, twilio: Client, product: Product) -> None:
    room = twilio.conferences(talking(desk, twilio, product))
    room.participants("caller").update(hold=True, hold_url=f"{product.base}/music")
    eventually(lambda: "保持中" in desk.heard(RESIDENT))
    assert not desk.do(RESIDENT, "say", text="听得到吗")["heard"]
    desk.do(BUTLER, "say", text="背后的话")
    assert "背后的话" not in desk.heard(RESIDENT)
    assert [p.label for p in room.participants.list(hold=True)] == ["caller"]
    room.participants("caller").update(hold=False)
    eventually(lambda: desk.do(RESIDENT, "say", text="回来了")["heard"])
    assert "回来了" in desk.heard(BUTLER)
    eventually(lambda: ("participant-unhold", "caller") in told(product))


def test_muted_listens_and_a_coach_is_heard_by_one(desk: Desk, twilio: Client, product: Product) -> None:
    room = twilio.conferences(talking(desk, twilio, product))
    butler = next(p for p in room.participants.list() if p.label == "op").call_sid
    ring(twilio, product, SECOND_BUTLER, "boss", muted=True)
    desk.wait_phase(SECOND_BUTLER, "ringing")
    desk.do(SECOND_BUTLER, "answer")
    eventually(lambda: ("participant-join", "boss") in told(product))
    desk.do(RESIDENT, "say", text="家里漏水")
    assert "家里漏水" in desk.heard(SECOND_BUTLER)
    assert not desk.do(SECOND_BUTLER, "say", text="没人听见")["heard"]
    room.participants("boss").update(muted=False, coaching=True, call_sid_to_coach=butler)
    assert desk.do(SECOND_BUTLER, "say", text="先关阀门")["heard"]
    assert "先关阀门" in desk.heard(BUTLER)
    assert "先关阀门" not in desk.heard(RESIDENT)
    room.participants("boss").update(coaching=False)
    desk.do(SECOND_BUTLER, "say", text="我是主管")
    assert "我是主管" in desk.heard(RESIDENT)
    eventually(lambda: {"participant-unmute", "participant-modify"} <= {event for event, _ in told(product)})


def test_a_browser_is_a_line_of_its_own(desk: Desk, twilio: Client, product: Product) -> None:
    desk.do(RESIDENT, "dial")
    ring(twilio, product, f"{BROWSER}?leg=op")
    desk.wait_phase(BROWSER, "ringing")
    desk.do(BROWSER, "answer")
    eventually(lambda: desk.do(BROWSER, "say", text="浏览器里")["heard"])
    assert "浏览器里" in desk.heard(RESIDENT)


def test_the_caller_hangs_up_and_everybody_is_out(desk: Desk, twilio: Client, product: Product) -> None:
    talking(desk, twilio, product)
    desk.do(RESIDENT, "hangup")
    desk.wait_phase(BUTLER, "idle")
    eventually(lambda: ("conference-end", "") in told(product))
    assert not [r for r in twilio.conferences.list(friendly_name=ROOM) if r.status != "completed"]


def test_the_other_side_hangs_up_and_the_caller_stays(desk: Desk, twilio: Client, product: Product) -> None:
    room = twilio.conferences(talking(desk, twilio, product))
    desk.do(BUTLER, "hangup")
    eventually(lambda: [p.label for p in room.participants.list()] == ["caller"])
    assert desk.phone(RESIDENT)["phase"] == "talking"
    room.update(status="completed")
    eventually(lambda: "还在" in desk.heard(RESIDENT))


def test_sent_elsewhere_he_leaves_the_conference(desk: Desk, twilio: Client, product: Product) -> None:
    talking(desk, twilio, product)
    sid = desk.phone(RESIDENT)["call"]["sid"]
    twilio.calls(sid).update(url=f"{product.base}/left", method="POST")
    eventually(lambda: "还在" in desk.heard(RESIDENT))
    desk.wait_phase(BUTLER, "idle")  # endConferenceOnExit


def test_nobody_answers(desk: Desk, twilio: Client, product: Product) -> None:
    desk.do(RESIDENT, "dial")
    eventually(lambda: "请稍候" in desk.heard(RESIDENT))
    desk.http.put(f"/api/phones/{BUTLER}", json={"state": "busy"})
    ring(twilio, product)
    eventually(lambda: "busy" in [f["CallStatus"] for f in product.forms("/leg")])  # reports overtake each other
    eventually(lambda: [p.label for p in twilio.conferences(sid_of(twilio)).participants.list()] == ["caller"])


def test_removed(desk: Desk, twilio: Client, product: Product) -> None:
    room = twilio.conferences(talking(desk, twilio, product))
    assert room.participants("op").delete()
    desk.wait_phase(BUTLER, "idle")


@pytest.mark.parametrize(
    "asked", [{"to": "not a number"}, {"coaching": True}, {"from_": "+10000000000"}, {"to": "client:with space"}]
)
def test_what_twilio_refuses(config: Config, desk: Desk, asked: dict[str, object]) -> None:
    assert config
    client = Client(ACCOUNT, TOKEN, environment={"TWILIO_EDGE": "", "TWILIO_REGION": ""})
    client.api.base_url = desk.base
    with pytest.raises(TwilioRestException):
        client.conferences(ROOM).participants.create(**({"from_": HOTLINE, "to": BUTLER} | asked))
    with pytest.raises(TwilioRestException):
        client.conferences("CF" + "0" * 32).participants("nobody").update(hold=True)
    client.http_client.session.close()
