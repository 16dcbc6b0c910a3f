"""What we ask of the carrier about conferences, judged by its own description; and the browsers' tokens."""

import time
from typing import Any

import jwt
import pytest
from requests import PreparedRequest
from twilio.http.response import Response

from dialogue.leg import Leg, LegMode, LegRole
from ivr.conference_carrier import TwilioConferences
from ivr.softphone import TOKEN_SECONDS, Softphones
from kernel.errors import CarrierRefused, CarrierUnknown
from tests.fakes import A_WINTER_DAY, FixedClock
from tests.ivr.conftest import BASE_URL, LINE
from tests.twilio_judges import JudgingHttpClient, answer_with, form_of, need_rest_judge

ACCOUNT = "AC" + "0" * 32
CALL, OTHER_CALL, CONFERENCE = "CA" + "2" * 32, "CA" + "3" * 32, "CF" + "4" * 32
LOCAL = "http://127.0.0.1:8100"
PARTICIPANT = {
    "account_sid": ACCOUNT,
    "call_sid": CALL,
    "conference_sid": CONFERENCE,
    "label": "leg1",
    "status": "queued",
}


@pytest.fixture(autouse=True)
def _judge() -> None:
    need_rest_judge()


def a_leg(
    role: LegRole = LegRole.OUTSIDE, mode: LegMode = LegMode.TALK, address: str = "+8613700000001", **more: Any
) -> Leg:
    known: dict[str, Any] = {"call_sid": CALL, "conference_sid": CONFERENCE} | more
    return Leg("leg1", "c0ffee", "room1", role, address, "李敏", A_WINTER_DAY, wanted=mode, mode=mode, **known)


def judged(*answers: Response) -> tuple[TwilioConferences, JudgingHttpClient]:
    left = list(answers)

    def answer(_request: PreparedRequest) -> Response:
        return left.pop(0)

    http = JudgingHttpClient(answer, base_url=LOCAL)
    return TwilioConferences(LINE, account_sid=ACCOUNT, api_base_url=LOCAL, clock=FixedClock(), http=lambda: http), http


def created(**more: Any) -> Response:
    return answer_with(PARTICIPANT | more, 201)


def test_a_telephone_is_dialled_into_the_conference_by_its_name() -> None:
    carrier, http = judged(created())
    assert carrier.ring_leg(a_leg(), coached="") == (CALL, CONFERENCE)
    [request] = http.requests
    assert str(request.url).endswith("/Conferences/room1/Participants.json")
    form = form_of(request)
    assert form["To"] == ["+8613700000001"]
    assert form["From"] == [LINE.number]
    assert form["Label"] == ["leg1"]
    assert form["EarlyMedia"] == ["false"], "or the caller would be brought to a telephone that still rings"
    assert form["EndConferenceOnExit"] == ["false"]
    assert form["Timeout"] == [str(LINE.ring_seconds)]
    assert form["StatusCallback"] == [f"{BASE_URL}/ivr/legs/leg1/status"]
    assert form["StatusCallbackEvent"] == ["initiated", "ringing", "answered", "completed"]
    assert form["ConferenceStatusCallback"] == [f"{BASE_URL}/ivr/conferences/c0ffee/events"]
    assert "join" in form["ConferenceStatusCallbackEvent"]
    assert "CallSidToCoach" not in form


def test_an_operators_telephone_is_a_call_of_its_own_that_asks_for_a_key() -> None:
    carrier, http = judged(answer_with({"sid": CALL, "status": "queued"}, 201))
    assert carrier.ring_leg(a_leg(LegRole.OPERATOR, operator_id=1), coached="") == (CALL, "")
    [request] = http.requests
    assert str(request.url).endswith("/Calls.json")
    assert form_of(request) == {
        "To": ["+8613700000001"],
        "From": [LINE.number],
        "Url": [f"{BASE_URL}/ivr/legs/leg1"],
        "Method": ["POST"],
        "FallbackUrl": [f"{BASE_URL}/ivr/legs/leg1"],
        "FallbackMethod": ["POST"],
        "StatusCallback": [f"{BASE_URL}/ivr/legs/leg1/status"],
        "StatusCallbackEvent": ["initiated", "ringing", "answered", "completed"],
        "StatusCallbackMethod": ["POST"],
        "Timeout": [str(LINE.ring_seconds)],
    }


def test_a_lost_call_to_an_operator_is_found_by_number_and_the_alarms_are_not_taken_for_it() -> None:
    def found(*sids: str) -> Response:
        rows = [{"sid": sid, "status": "ringing", "to": "+8613700000001", "account_sid": ACCOUNT} for sid in sids]
        return answer_with({"calls": rows, "page": 0, "page_size": 50, "next_page_uri": None})

    none = answer_with({"conferences": [], "page": 0, "page_size": 20, "next_page_uri": None})
    lost = a_leg(LegRole.OPERATOR, operator_id=1, call_sid="", conference_sid="")
    carrier, _ = judged(none, found(OTHER_CALL, CALL))
    assert carrier.find_leg(lost, [OTHER_CALL]) == (CALL, "")
    carrier, _ = judged(none, found(OTHER_CALL))
    assert carrier.find_leg(lost, [OTHER_CALL]) is None
    carrier, http = judged(none)
    assert carrier.find_leg(a_leg(LegRole.OPERATOR, operator_id=1)) is None, "answered, and no key pressed"
    assert len(http.requests) == 1


def test_a_browser_learns_which_leg_it_is() -> None:
    carrier, http = judged(created())
    carrier.ring_leg(a_leg(LegRole.OPERATOR, address="client:operator_1", operator_id=1), coached="")
    assert form_of(http.requests[0])["To"] == ["client:operator_1?leg=leg1"]


@pytest.mark.parametrize(
    ("mode", "muted", "coaching"), [(LegMode.LISTEN, "true", "false"), (LegMode.WHISPER, "false", "true")]
)
def test_a_supervisor_comes_in_quietly(mode: LegMode, muted: str, coaching: str) -> None:
    carrier, http = judged(created())
    carrier.ring_leg(a_leg(LegRole.SUPERVISOR, mode), coached=OTHER_CALL)
    form = form_of(http.requests[0])
    assert (form["Muted"], form["Coaching"]) == ([muted], [coaching])
    assert form.get("CallSidToCoach") == ([OTHER_CALL] if mode is LegMode.WHISPER else None)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (
            LegMode.HOLD,
            {"Hold": ["true"], "HoldUrl": [f"{BASE_URL}/ivr/conferences/c0ffee/music"], "HoldMethod": ["POST"]},
        ),
        (LegMode.TALK, {"Hold": ["false"], "Muted": ["false"], "Coaching": ["false"]}),
        (LegMode.LISTEN, {"Hold": ["false"], "Muted": ["true"], "Coaching": ["false"]}),
        (
            LegMode.WHISPER,
            {"Hold": ["false"], "Muted": ["false"], "Coaching": ["true"], "CallSidToCoach": [OTHER_CALL]},
        ),
    ],
)
def test_a_mode_is_one_update(mode: LegMode, expected: dict[str, list[str]]) -> None:
    carrier, http = judged(answer_with(PARTICIPANT))
    carrier.set_leg(a_leg(mode=mode), coached=OTHER_CALL)
    [request] = http.requests
    assert str(request.url).endswith(f"/Conferences/{CONFERENCE}/Participants/{CALL}.json")
    assert form_of(request) == expected


def test_a_conference_that_is_not_known_yet_is_asked_again() -> None:
    carrier, http = judged()
    leg = Leg("leg1", "c0ffee", "room1", LegRole.OPERATOR, "+1", "x", A_WINTER_DAY, call_sid=CALL)
    with pytest.raises(CarrierUnknown):
        carrier.set_leg(leg, coached="")
    assert http.requests == []


def test_a_participant_who_is_gone_is_refused() -> None:
    carrier, _ = judged(answer_with({"code": 20404, "message": "gone"}, 404))
    with pytest.raises(CarrierRefused):
        carrier.set_leg(a_leg(), coached="")


def test_a_lost_leg_is_found_by_its_label() -> None:
    def page(name: str, *rows: dict[str, Any]) -> Response:
        return answer_with({name: list(rows), "page": 0, "page_size": 20, "next_page_uri": None, "uri": "/x"})

    room = {"sid": CONFERENCE, "friendly_name": "room1", "status": "in-progress", "account_sid": ACCOUNT}
    carrier, http = judged(
        page("conferences", room), page("participants", PARTICIPANT | {"label": "other"}, PARTICIPANT)
    )
    assert carrier.find_leg(a_leg()) == (CALL, CONFERENCE)
    assert "FriendlyName=room1" in str(http.requests[0].url)
    carrier, _ = judged(page("conferences"))
    assert carrier.find_leg(a_leg()) is None


def test_hanging_up_is_an_update_of_the_call() -> None:
    carrier, http = judged(answer_with({"sid": CALL, "account_sid": ACCOUNT, "status": "completed"}))
    carrier.hang_up(CALL)
    assert form_of(http.requests[0]) == {"Status": ["completed"]}


def test_a_browsers_token_lets_it_receive_and_nothing_else() -> None:
    key, secret = "SK" + "5" * 32, "s" * 32
    claims = jwt.decode(Softphones(ACCOUNT, key, secret).token("operator_1"), secret, algorithms=["HS256"])
    assert claims["iss"] == key
    assert claims["sub"] == ACCOUNT
    assert 0 < claims["exp"] - time.time() <= TOKEN_SECONDS
    assert claims["grants"] == {"identity": "operator_1", "voice": {"incoming": {"allow": True}}}
