"""The webhooks of conferences, judged, and with the real mechanism behind them."""

import pytest
from lxml import etree

from dialogue.conference import Conferences
from dialogue.conversation import Floor
from dialogue.leg import Leg, LegMode, LegRole, LegState
from tests.fakes import FakeStore
from tests.ivr.conftest import BASE_URL, CALL_SID
from tests.twilio_judges import JudgedClient, action_of, assert_twiml, spoken

CONFERENCE = "CF" + "2" * 32
OPERATORS_CALL = "CA" + "3" * 32


def leg_of(store: FakeStore, role: LegRole) -> Leg:
    with store.read() as tx:
        return next(leg for leg in reversed(tx.legs("c0ffee")) if leg.role is role)


@pytest.fixture
def ringing(store: FakeStore, conferences: Conferences, in_call: str) -> str:
    """Operator 1 has taken the call over and his telephone rings; returns his leg's id."""
    with store.write() as tx:
        epoch = tx.conversation(in_call).epoch
        tx.move_floor(in_call, to=Floor.OPERATOR, operator_id=1, epoch=epoch, at=tx.conversation(in_call).opened_at)
    conferences.connect(in_call, 1)
    return leg_of(store, LegRole.OPERATOR).id


def event(name: str, leg: str, call_sid: str = OPERATORS_CALL, sequence: int = 1, **more: str) -> dict[str, str]:
    return {
        "StatusCallbackEvent": name, "ConferenceSid": CONFERENCE, "FriendlyName": "x", "CallSid": call_sid,
        "ParticipantLabel": leg, "SequenceNumber": str(sequence), "Muted": "false", "Hold": "false", "Coaching": "false",
    } | more  # fmt: skip


@pytest.fixture
def caller_leg(carrier: JudgedClient, store: FakeStore, ringing: str) -> Leg:
    """The operator has answered: the caller is sent for."""
    carrier.post("/ivr/conferences/c0ffee/events", event("participant-join", ringing))
    return leg_of(store, LegRole.CALLER)


def test_the_caller_enters_the_conference(carrier: JudgedClient, caller_leg: Leg) -> None:
    path = f"/ivr/calls/c0ffee/conference/{caller_leg.id}"
    document = carrier.speak(path)
    conference = document.find("Dial/Conference")
    assert conference is not None
    assert conference.text == caller_leg.conference
    assert conference.get("participantLabel") == caller_leg.id
    assert conference.get("endConferenceOnExit") == "true"
    assert conference.get("statusCallback") == f"{BASE_URL}/ivr/conferences/c0ffee/events"
    assert str(conference.get("statusCallbackEvent")).split() == [
        "start",
        "end",
        "join",
        "leave",
        "mute",
        "hold",
        "modify",
    ]
    assert carrier.post(path).data == carrier.post(path).data


def test_the_conference_ends_under_the_caller_and_he_is_back_in_the_loop(
    carrier: JudgedClient, store: FakeStore, caller_leg: Leg
) -> None:
    path = f"/ivr/calls/c0ffee/conference/{caller_leg.id}/left"
    first = carrier.post(path, {"DialCallStatus": "answered"})
    document = carrier.speak(path, {"DialCallStatus": "answered"})
    assert f"/ivr/calls/c0ffee/hold/{caller_leg.heard_seq}/" in action_of(document)
    assert carrier.post(path, {"DialCallStatus": "answered"}).data == first.data
    assert not leg_of(store, LegRole.CALLER).live


def test_what_was_said_before_the_talk_is_not_said_again_after_it(carrier: JudgedClient, caller_leg: Leg) -> None:
    back = action_of(carrier.speak(f"/ivr/calls/c0ffee/conference/{caller_leg.id}/left"))
    assert spoken(carrier.speak(back)) == []


def key_path(document: etree._Element) -> str:
    gather = document.find("Gather")
    assert gather is not None
    return str(gather.get("action")).removeprefix(BASE_URL)


def test_an_operators_telephone_is_in_by_a_key_only(carrier: JudgedClient, store: FakeStore, ringing: str) -> None:
    status = {"CallSid": OPERATORS_CALL, "CallStatus": "in-progress", "SequenceNumber": "2"}
    assert carrier.post(f"/ivr/legs/{ringing}/status", status).status_code == 204
    document = carrier.speak(f"/ivr/legs/{ringing}")
    assert [verb.tag for verb in document] == ["Gather", "Gather", "Say", "Hangup"], "voicemail presses nothing"
    assert "请按1" in spoken(document)[0]
    assert "没有接通" in spoken(document)[-1]
    assert leg_of(store, LegRole.OPERATOR).state is LegState.RINGING
    path = key_path(document)
    first = carrier.post(path, {"Digits": "1"})
    conference = carrier.speak(path, {"Digits": "1"}).find("Dial/Conference")
    assert conference is not None
    assert (conference.text, conference.get("participantLabel")) == (
        leg_of(store, LegRole.OPERATOR).conference,
        ringing,
    )
    assert (conference.get("muted"), conference.get("endConferenceOnExit")) == ("false", "false")
    assert conference.get("statusCallback") == f"{BASE_URL}/ivr/conferences/c0ffee/events"
    assert carrier.post(path, {"Digits": "1"}).data == first.data


def test_wrong_keys_come_to_an_end(carrier: JudgedClient, ringing: str) -> None:
    document = carrier.speak(f"/ivr/legs/{ringing}")
    for _ in range(2):
        document = carrier.speak(key_path(document), {"Digits": "5"})
        assert document.find("Gather") is not None
    document = carrier.speak(key_path(document), {"Digits": "5"})
    assert [verb.tag for verb in document] == ["Say", "Hangup"]


def test_an_operator_who_is_not_needed_any_more_is_told_and_not_connected(
    carrier: JudgedClient, conferences: Conferences, ringing: str
) -> None:
    path = key_path(carrier.speak(f"/ivr/legs/{ringing}"))
    conferences.hang_up("c0ffee", 1)
    for again, form in ((f"/ivr/legs/{ringing}", {}), (path, {"Digits": "1"})):
        assert [verb.tag for verb in carrier.speak(again, form)] == ["Say", "Hangup"]


def test_who_is_to_whisper_comes_in_muted(
    carrier: JudgedClient, store: FakeStore, conferences: Conferences, caller_leg: Leg
) -> None:
    del caller_leg  # the operator talks
    conferences.supervise("c0ffee", 2, LegMode.WHISPER)
    leg = leg_of(store, LegRole.SUPERVISOR)
    conference = carrier.speak(f"/ivr/legs/{leg.id}/key/1", {"Digits": "1"}).find("Dial/Conference")
    assert conference is not None
    assert conference.get("muted") == "true"


def test_on_hold_there_is_music(carrier: JudgedClient, in_call: str) -> None:
    response = carrier.post(f"/ivr/conferences/{in_call}/music")
    document = assert_twiml(response.data, behind="wait_url")
    assert [verb.tag for verb in document] == ["Say", "Play", "Redirect"]
    assert "不要挂机" in spoken(document)[0]


def test_who_is_there_before_the_caller_is_told(carrier: JudgedClient, in_call: str) -> None:
    response = carrier.post(f"/ivr/conferences/{in_call}/waiting")
    document = assert_twiml(response.data, behind="wait_url")
    assert "接入" in spoken(document)[0]


def test_reports_move_the_leg_and_a_repetition_changes_nothing(
    carrier: JudgedClient, store: FakeStore, ringing: str
) -> None:
    status = {"CallSid": OPERATORS_CALL, "CallStatus": "ringing", "SequenceNumber": "1"}
    for _ in range(2):
        assert carrier.post(f"/ivr/legs/{ringing}/status", status).status_code == 204
    leg = leg_of(store, LegRole.OPERATOR)
    assert (leg.state, leg.call_sid) == (LegState.RINGING, OPERATORS_CALL)
    for _ in range(2):
        carrier.post("/ivr/conferences/c0ffee/events", event("participant-join", ringing))
    assert leg_of(store, LegRole.OPERATOR).state is LegState.JOINED
    with store.read() as tx:
        assert sum(leg.role is LegRole.CALLER for leg in tx.legs("c0ffee")) == 1
    carrier.post(f"/ivr/legs/{ringing}/status", status | {"CallStatus": "completed"})
    carrier.post("/ivr/conferences/c0ffee/events", event("participant-join", ringing))
    assert leg_of(store, LegRole.OPERATOR).state is LegState.ENDED, "an old report wakes nobody"


@pytest.mark.parametrize(
    ("flags", "mode"),
    [
        ({"Muted": "true"}, LegMode.LISTEN),
        ({"Hold": "true"}, LegMode.HOLD),
        ({"Coaching": "true"}, LegMode.WHISPER),
        ({}, LegMode.TALK),
    ],
)
def test_flags_are_modes(
    carrier: JudgedClient, store: FakeStore, ringing: str, flags: dict[str, str], mode: LegMode
) -> None:
    carrier.post("/ivr/conferences/c0ffee/events", event("participant-join", ringing, sequence=3, **flags))
    assert leg_of(store, LegRole.OPERATOR).mode is mode
    carrier.post("/ivr/conferences/c0ffee/events", event("participant-hold", ringing, sequence=2, Hold="true"))
    assert leg_of(store, LegRole.OPERATOR).mode is mode, "an older report is history"


def test_the_end_of_the_conference_is_the_end_of_its_legs(
    carrier: JudgedClient, store: FakeStore, ringing: str
) -> None:
    carrier.post("/ivr/conferences/c0ffee/events", event("participant-join", ringing))
    over = {"StatusCallbackEvent": "conference-end", "ConferenceSid": CONFERENCE, "SequenceNumber": "9"}
    carrier.post("/ivr/conferences/c0ffee/events", over)
    assert not leg_of(store, LegRole.OPERATOR).live


def test_a_participant_nobody_knows(carrier: JudgedClient, in_call: str) -> None:
    form = event("participant-join", "x" * 32, "CA" + "9" * 32)
    assert carrier.post(f"/ivr/conferences/{in_call}/events", form).status_code == 204


def test_the_caller_hangs_up_and_nobody_rings_on(
    carrier: JudgedClient, store: FakeStore, conferences: Conferences, ringing: str
) -> None:
    assert conferences
    carrier.post("/ivr/status", {"CallSid": CALL_SID, "CallStatus": "completed"})
    leg = leg_of(store, LegRole.OPERATOR)
    assert leg.id == ringing
    assert leg.wanted is LegMode.OUT


def test_while_a_telephone_rings_for_him_the_caller_hears_music(
    carrier: JudgedClient, conferences: Conferences, ringing: str
) -> None:
    document = carrier.speak("/ivr/calls/c0ffee/hold/1/50")
    assert any("正在为您接通" in words for words in spoken(document))
    document = carrier.speak(action_of(document))
    assert document.find("Gather/Play") is not None
    conferences.told_of_call(ringing, status="busy", call_sid=OPERATORS_CALL)
    document = carrier.speak(action_of(document))
    assert any("没有接通" in words for words in spoken(document))
    document = carrier.speak(action_of(document))
    assert document.find("Gather/Play") is None, "he types: the caller is listened to"
