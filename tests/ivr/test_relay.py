"""ConversationRelay on the same dialogue. Twilio's own models (twilio-agent-connect) make what the session hears."""

import json
from collections import deque
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from simple_websocket import ConnectionClosed
from tac.models.voice import ConversationRelayCallbackPayload, InterruptMessage, PromptMessage, SetupMessage
from twilio.request_validator import RequestValidator

from dialogue.conference import Conferences
from dialogue.conversation import Expect, QuickReply, Then
from dialogue.recordings import CallRecordings
from dialogue.script_book import ScriptBook
from dialogue.state import DialogueState
from ivr.blueprint import Residents, StaffLine, build_ivr
from ivr.relay import RelaySession
from kernel.errors import StoreBusy
from tests.dialogue.talk import STANDARD
from tests.fakes import FakeStore, FixedClock
from tests.ivr.conftest import BASE_URL, CALL_SID, LINE, RESIDENT, TOKEN, ScriptedAlarms, ScriptedHotline, reply
from tests.twilio_judges import JudgedClient, assert_twiml

SOCKET = "wss://hotline.example.cn/ivr/relay/c0ffee"
RELAYED = "/ivr/calls/c0ffee/relayed"


def setup(call_sid: str = CALL_SID) -> str:
    return str(SetupMessage(sessionId="VX1", callSid=call_sid).model_dump_json(by_alias=True, exclude_none=True))


def prompt(words: str, *, last: bool = True) -> str:
    return str(PromptMessage(voicePrompt=words, lang="cmn-Hans-CN", last=last).model_dump_json(by_alias=True))


def key(digit: str) -> str:
    return json.dumps({"type": "dtmf", "digit": digit})


@dataclass
class Socket:
    """What the relay sends, message by message; None is silence until the time-out, and at the end it hangs up."""

    messages: deque[str | None]
    sent: list[dict[str, Any]] = field(default_factory=list)
    waited: list[float | None] = field(default_factory=list)

    def receive(self, timeout: float | None = None) -> str | None:
        self.waited.append(timeout)
        if not self.messages:
            raise ConnectionClosed
        return self.messages.popleft()

    def send(self, data: str) -> None:
        self.sent.append(json.loads(data))

    @property
    def spoken(self) -> list[str]:
        return [m["token"] for m in self.sent if m["type"] == "text"]

    @property
    def ended(self) -> dict[str, Any] | None:
        """The handoff data of the end message."""
        ends = [m for m in self.sent if m["type"] == "end"]
        assert len(ends) <= 1
        return json.loads(ends[0]["handoffData"]) if ends else None


@pytest.fixture
def app(  # noqa: PLR0917 - pytest gives each fixture by name
    hotline: ScriptedHotline,
    alarms: ScriptedAlarms,
    conferences: Conferences,
    staff_line: StaffLine,
    residents: Residents,
    store: FakeStore,
    book: ScriptBook,
) -> Flask:
    """As in conftest, with the setting VOICE_TRANSPORT=relay."""
    app = Flask("relay_test")
    app.register_blueprint(
        build_ivr(
            hotline=hotline, alarms=alarms, conferences=conferences, staff_line=staff_line, residents=residents,
            log=store, book=book, line=LINE, recordings=CallRecordings(store, book, FixedClock()),
            queue=STANDARD.queue, clock=FixedClock(), place_names=("翠湖花园",), relay_calls=2,
        )
    )  # fmt: skip
    return app


@pytest.fixture
def talk(in_call: str, hotline: ScriptedHotline, store: FakeStore) -> "Talk":
    return Talk(hotline, store, in_call)


@dataclass
class Talk:
    hotline: ScriptedHotline
    store: FakeStore
    conversation_id: str

    def __call__(self, *messages: str | None) -> Socket:
        socket = Socket(deque(messages))
        RelaySession(self.hotline, self.store, self.conversation_id, socket).run()
        return socket

    @property
    def heard(self) -> list[tuple[str, str, str]]:
        return [(t.key, t.text, t.digits) for t in self.hotline.turns]


def test_a_call_is_handed_to_the_relay_with_gather_behind_it(carrier: JudgedClient) -> None:
    document = assert_twiml(carrier.post("/ivr/calls", {"CallSid": CALL_SID, "From": RESIDENT}).data)
    (connect,) = document.findall("Connect")
    assert connect.get("action") == BASE_URL + RELAYED
    (relay,) = connect
    assert (relay.get("url"), relay.get("dtmfDetection")) == (SOCKET, "true")


def test_the_greeting_and_the_answers_go_over_the_socket(talk: Talk) -> None:
    talk.hotline.answers["暖气不热"] = reply("请问您家住哪里?", "请说小区名称。", expect=Expect.ADDRESS)
    socket = talk(setup(), prompt("暖气不热"))
    assert socket.spoken[0].startswith("您好,华暖集团温心")
    assert socket.spoken[1:] == ["请问您家住哪里?", "请说小区名称。"]
    assert talk.heard == [("turn-2", "暖气不热", "")]
    assert all(m["last"] is True for m in socket.sent)


def test_what_must_be_heard_cannot_be_interrupted(talk: Talk) -> None:
    must = reply("请先关阀门。")
    talk.hotline.answers["漏水"] = replace(must, said=(replace(must.said[0], interruptible=False),))
    assert talk(setup(), prompt("漏水")).sent[-1]["interruptible"] is False


def test_parts_of_an_utterance_are_one_turn(talk: Talk) -> None:
    talk(setup(), prompt("家里", last=False), prompt("漏水", last=False), prompt("了"))
    assert talk.heard == [("turn-2", "家里漏水了", "")]


def test_one_key_answers_and_a_number_ends_with_its_hash_or_a_pause(talk: Talk) -> None:
    talk.hotline.answers["2"] = reply("请输入电话。", expect=Expect.PHONE)
    talk.hotline.answers["13812345678"] = reply("请再输入一次。", expect=Expect.PHONE)
    talk(setup(), key("2"), *map(key, "13812345678#"), *map(key, "0353"), None)
    assert [t[2] for t in talk.heard] == ["2", "13812345678", "0353"]


def test_the_number_of_a_room_is_one_answer_with_or_without_its_hash(talk: Talk) -> None:
    talk.hotline.answers["1"] = reply("请按房号,井号键结束。", expect=Expect.NUMBER)
    talk.hotline.answers["502"] = reply("请再按一次。", expect=Expect.NUMBER)
    talk.hotline.answers["123456"] = reply("好的。")
    talk(setup(), key("1"), *map(key, "502#"), *map(key, "123456"), key("2"))
    assert [t[2] for t in talk.heard] == ["1", "502", "123456", "2"], "six keys end it, as the Gather has it"


def test_where_choices_have_keys_one_key_is_enough_whatever_is_expected(talk: Talk) -> None:
    choices = (QuickReply("known:1", "words.yes", "1"),)
    talk.hotline.answers["1"] = replace(reply("还是上次的地址吗?", expect=Expect.ADDRESS), quick_replies=choices)
    talk(setup(), key("1"), key("2"))
    assert [t[2] for t in talk.heard] == ["1", "2"]


def test_hash_leaves_the_session_for_the_sign_in_and_silence_leads_back(talk: Talk, carrier: JudgedClient) -> None:
    talk.hotline.answers["暖气不热"] = reply("请问几天了?")
    socket = talk(setup(), prompt("暖气不热"), key("#"), prompt("nobody listens any more"))
    assert socket.ended == {"reason": "sign-in", "turn": 2}
    assert talk.heard == [("turn-2", "暖气不热", "")]
    left = over() | {"HandoffData": json.dumps(socket.ended)}
    (gather,) = carrier.speak(RELAYED, left).findall("Gather")
    assert "温心号" in "".join(gather.itertext())
    assert carrier.speak(RELAYED, left).findall("Gather"), "delivered twice"
    back = carrier.speak(str(gather.get("action")), {"CallSid": CALL_SID, "From": RESIDENT})
    assert back.find("Connect") is not None
    assert talk(setup()).spoken == ["请问几天了?"]


def test_hash_in_an_emergency_asks_for_no_staff_number(talk: Talk, carrier: JudgedClient) -> None:
    socket = talk(setup(), key("#"))
    with talk.store.write() as tx:
        conversation = tx.conversation(talk.conversation_id)
        tx.save_conversation(replace(conversation, state=DialogueState(emergency_ticket_id=7).to_json()))
    left = over() | {"HandoffData": json.dumps(socket.ended)}
    (gather,) = carrier.speak(RELAYED, left).findall("Gather")
    assert gather.get("action") == f"{BASE_URL}/ivr/calls/c0ffee/turns/2"


def test_whoever_speaks_is_not_taken_for_silent(talk: Talk) -> None:
    speaks = [json.dumps({"type": "info", "name": "clientSpeaking", "value": value}) for value in ("on", "off")]
    socket = talk(setup(), *speaks, prompt("说来话长"))
    assert socket.waited[2:4] == [60.0, 8.0], "the time-out begins when he has finished"
    assert talk.heard == [("turn-2", "说来话长", "")]


def test_parts_without_a_last_one_are_heard_when_nothing_follows(talk: Talk) -> None:
    socket = talk(setup(), prompt("家里", last=False), prompt("漏水了", last=False), None)
    assert talk.heard == [("turn-2", "家里漏水了", "")]
    assert socket.waited[3] == 4.0


def test_silence_is_a_turn_and_is_waited_for_until_the_words_are_spoken(talk: Talk) -> None:
    socket = talk(setup(), None)
    assert talk.heard == [("turn-2", "", "")]
    assert socket.waited[1] is not None
    assert socket.waited[1] > len(socket.spoken[0]) * 0.2


def test_an_interruption_and_unknown_messages_change_nothing(talk: Talk) -> None:
    interrupt = InterruptMessage(utteranceUntilInterrupt="您好", durationUntilInterruptMs=400)
    talk(setup(), str(interrupt.model_dump_json(by_alias=True)), '{"type":"weather"}', "no json", prompt("漏水"))
    assert talk.heard == [("turn-2", "漏水", "")]


@pytest.mark.parametrize("then", [Then.WAIT, Then.HANG_UP, Then.RECORD])
def test_whatever_is_no_listening_ends_the_session_with_handoff_data(
    talk: Talk, carrier: JudgedClient, then: Then
) -> None:
    """The words are not lost: the action says them."""
    talk.hotline.answers["转人工"] = reply("请稍等,正在转接。", then=then)
    socket = talk(setup(), prompt("转人工"), prompt("nobody listens any more"))
    assert socket.ended == {"reason": then.value, "turn": 1}
    assert "请稍等,正在转接。" not in socket.spoken
    assert len(talk.heard) == 1
    document = carrier.speak(RELAYED, over())
    assert "请稍等,正在转接。" in "".join(document.itertext())
    assert document.find("Connect") is None


def test_a_fault_of_ours_and_an_error_of_the_relays_go_on_by_gather_at_the_same_turn(
    talk: Talk, carrier: JudgedClient
) -> None:
    talk.hotline.answers["暖气不热"] = reply("请问您家住哪里?", expect=Expect.ADDRESS)
    error = json.dumps({"type": "error", "description": "64107"})
    assert talk(setup(), prompt("暖气不热"), error).ended == {"reason": "error", "turn": 2}
    (gather,) = carrier.speak(RELAYED, over()).findall("Gather")
    assert gather.get("action") == f"{BASE_URL}/ivr/calls/c0ffee/turns/3"
    assert "请问您家住哪里?" in "".join(gather.itertext())
    talk.hotline.failure = StoreBusy("locked")
    assert talk(setup(), prompt("翠湖花园")).ended == {"reason": "fault", "turn": 2}


def test_a_session_about_another_call_hears_nothing(talk: Talk) -> None:
    socket = talk(setup("CA" + "9" * 32), prompt("漏水"))
    assert (socket.spoken, talk.heard, socket.ended) == ([], [], {"reason": "setup", "turn": 0})


def test_the_action_of_a_call_that_is_over_says_nothing(carrier: JudgedClient, in_call: str) -> None:
    assert in_call
    document = carrier.speak(RELAYED, over() | {"CallStatus": "completed"})
    assert [element.tag for element in document] == ["Hangup"]


@pytest.mark.parametrize(
    ("signed", "token"),
    [
        ("", TOKEN),
        (SOCKET, "another-token"),
        ("https://hotline.example.cn/ivr/relay/c0ffee", TOKEN),
        (SOCKET + "0", TOKEN),
    ],
)
def test_a_foreign_upgrade_is_refused(stranger: FlaskClient, signed: str, token: str) -> None:
    signature = {"X-Twilio-Signature": RequestValidator(token).compute_signature(signed, {})} if signed else {}
    headers = {"Upgrade": "websocket", "Connection": "Upgrade", **signature}
    assert stranger.get("/ivr/relay/c0ffee", headers=headers).status_code == 403


def over() -> dict[str, str]:
    """What the action of <Connect> is told, in Twilio's own words."""
    told = ConversationRelayCallbackPayload(
        AccountSid="AC" + "0" * 32, CallSid=CALL_SID, CallStatus="in-progress", From=RESIDENT, To="+8640012345",
        Direction="inbound", SessionId="VX1", SessionStatus="ended",
    )  # fmt: skip
    return {name: str(value) for name, value in told.model_dump(by_alias=True, exclude_none=True).items()}
