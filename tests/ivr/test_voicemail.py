"""Messages on the telephone: recorded after the announcement, told twice, heard once; the music; the carrier's recordings."""

import io
import wave
from pathlib import Path

import pytest
from flask import Flask
from requests import ConnectionError as NoConnection
from requests import PreparedRequest, Response, Session
from requests.adapters import BaseAdapter

from dialogue.conversation import Then
from dialogue.recordings import LeftMessage
from ivr.recordings import TwilioRecordings
from ivr.sounds import HOLD_MUSIC, HOLD_MUSIC_LASTS, build_sounds
from kernel.errors import CarrierBusy, CarrierError, CarrierRefused, CarrierUnknown
from tests.ivr.conftest import BASE_URL, ScriptedHotline, reply
from tests.twilio_judges import JudgedClient, action_of, spoken

SID = "RE" + "a" * 32
ACCOUNT = "AC" + "0" * 32


@pytest.fixture
def recording(carrier: JudgedClient, hotline: ScriptedHotline, in_call: str) -> str:
    """A message is being recorded; returns its action."""
    hotline.answers["留言"] = reply("请在提示音后留言。", then=Then.RECORD)
    document = carrier.speak(f"/ivr/calls/{in_call}/turns/2", {"SpeechResult": "留言"})
    assert [child.tag for child in document] == ["Say", "Record", "Redirect"]
    assert spoken(document) == ["请在提示音后留言。"]
    record = document.find("Record")
    assert record is not None
    assert {k: record.get(k) for k in ("maxLength", "timeout", "finishOnKey", "recordingStatusCallbackEvent")} == {
        "maxLength": "120", "timeout": "5", "finishOnKey": "#*", "recordingStatusCallbackEvent": "completed",
    }  # fmt: skip
    assert record.get("recordingStatusCallback") == f"{BASE_URL}/ivr/calls/{in_call}/recordings"
    assert action_of(document) == record.get("action"), "nothing said leads to the same place"
    return str(record.get("action"))


def test_a_message_is_told_by_the_verb_and_by_its_recording_under_one_key(
    carrier: JudgedClient, hotline: ScriptedHotline, recording: str
) -> None:
    form = {"RecordingSid": SID, "RecordingDuration": "7"}
    told = carrier.post("/ivr/calls/c0ffee/recordings", form | {"RecordingStatus": "completed"})
    assert told.status_code == 204
    document = carrier.speak(recording, form | {"Digits": "#"})
    assert spoken(document) == ["您的留言已经收到。"]
    key = f"message-{SID}"
    assert hotline.messages == [(key, LeftMessage(SID, 7)), (key, LeftMessage(SID, 7, "#"))]


@pytest.mark.parametrize(
    "form", [{}, {"RecordingSid": SID, "RecordingDuration": "0"}, {"RecordingSid": SID, "RecordingDuration": "-1"}]
)
def test_nothing_said_is_told_too(
    carrier: JudgedClient, hotline: ScriptedHotline, recording: str, form: dict[str, str]
) -> None:
    carrier.speak(recording, form)
    [(key, left)] = hotline.messages
    assert key == f"message-{recording.rsplit('/', 1)[1]}"
    assert not left.is_spoken


def test_a_recording_that_came_to_nothing_is_no_message(
    carrier: JudgedClient, hotline: ScriptedHotline, in_call: str
) -> None:
    carrier.post(f"/ivr/calls/{in_call}/recordings", {"RecordingSid": SID, "RecordingStatus": "absent"})
    assert hotline.messages == []


def test_the_music_is_a_file_of_ours_as_long_as_we_say(app: Flask) -> None:
    app.register_blueprint(build_sounds())
    with app.test_client().get(HOLD_MUSIC) as answer:
        assert (answer.status_code, answer.mimetype) == (200, "audio/x-wav")
        assert "max-age" in answer.headers["Cache-Control"]
        assert len(answer.data) < 100_000, "fetched by the carrier for every town"
    with wave.open(str(Path(__file__).parents[2] / "ivr" / "static" / "hold.wav")) as file:
        assert file.getnframes() / file.getframerate() == pytest.approx(HOLD_MUSIC_LASTS.total_seconds())
        assert file.getframerate() == 8000
    assert app.test_client().get("/sounds/../sounds.py").status_code == 404


# --- the carrier's side


class Carrier(BaseAdapter):
    """Answers as it was told; remembers what it was asked."""

    def __init__(self, status: int = 200, body: bytes = b"RIFF....", error: Exception | None = None) -> None:
        super().__init__()
        self.status, self.body, self.error = status, body, error
        self.asked: list[PreparedRequest] = []

    def send(self, request: PreparedRequest, *_args: object, **_more: object) -> Response:
        self.asked.append(request)
        if self.error:
            raise self.error
        response = Response()
        response.status_code = self.status
        response.raw = io.BytesIO(self.body)
        response.request = request
        return response

    def close(self) -> None:
        pass


def recordings(adapter: Carrier) -> TwilioRecordings:
    def session() -> Session:
        made = Session()
        made.mount("https://", adapter)
        return made

    return TwilioRecordings(
        account_sid=ACCOUNT, auth_token="token", api_base_url="https://api.twilio.com/", session=session
    )


def test_the_sound_is_asked_for_by_its_name_and_with_our_own() -> None:
    carrier = Carrier()
    assert recordings(carrier).fetch(SID) == b"RIFF...."
    [request] = carrier.asked
    assert request.url == f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/Recordings/{SID}.wav"
    assert request.headers["Authorization"].startswith("Basic ")
    carrier = Carrier(204, b"")
    recordings(carrier).delete(SID)
    assert (carrier.asked[0].method, str(carrier.asked[0].url)[-5:]) == ("DELETE", ".json")


@pytest.mark.parametrize(
    ("carrier", "error"),
    [
        (Carrier(404), CarrierRefused),
        (Carrier(401), CarrierRefused),
        (Carrier(429), CarrierBusy),
        (Carrier(500), CarrierUnknown),
        (Carrier(200, b"<html>"), CarrierUnknown),
        (Carrier(error=NoConnection()), CarrierUnknown),
    ],
)
def test_what_can_go_wrong_is_said_in_our_words(carrier: Carrier, error: type[CarrierError]) -> None:
    with pytest.raises(error) as raised:
        recordings(carrier).fetch(SID)
    if carrier.status == 404:
        assert raised.value.code == 20404  # type: ignore[attr-defined] # a refusal has one


def test_a_name_that_is_none_is_not_asked_for() -> None:
    carrier = Carrier()
    with pytest.raises(CarrierRefused):
        recordings(carrier).fetch("../Calls")
    assert carrier.asked == []
