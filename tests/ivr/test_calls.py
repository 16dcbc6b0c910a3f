"""A resident's call from the greeting to the hang-up, as the carrier hears it."""

import pytest
from flask.testing import FlaskClient
from lxml import etree

from dialogue.conversation import Channel, Expect, Floor, QuickReply, Reply, Then, Turn
from ivr.twiml import TwimlWriter
from kernel.errors import StoreBusy
from tests.dialogue.talk import BOOK, STANDARD
from tests.fakes import FakeStore
from tests.ivr.conftest import BASE_URL, CALL_SID, LINE, RESIDENT, ScriptedHotline, reply, said
from tests.twilio_judges import JudgedClient, action_of, spoken

INCOMING = {"CallSid": CALL_SID, "From": RESIDENT, "CallStatus": "ringing"}


#: Safety instructions, and the words that consent to a recording is given by.
TO_THE_END = {
    "safety.leak_inside", "safety.leak_street", "safety.manhole_cover", "safety.gas_smell", "voicemail.prompt", "handoff.recorded",
    "phone.fault", "phone.fault_again", "phone.fault_dialled", "phone.fault_unanswered",
}  # fmt: skip


def turns(n: int) -> str:
    return f"{BASE_URL}/ivr/calls/c0ffee/turns/{n}"


def test_a_call_is_greeted_and_listened_to(carrier: JudgedClient) -> None:
    document = carrier.speak("/ivr/calls", INCOMING)
    gather = document.find("Gather")
    assert gather is not None
    assert spoken(document) == ["您好,华暖集团温心01号为您服务,请问有什么可以帮您?"]
    assert gather.get("input") == "dtmf speech"
    assert gather.find("Say") is not None, "a resident who knows what to say may talk over the greeting"
    assert "漏水" in gather.get("hints", "")
    say = gather[0]
    assert (say.get("voice"), say.get("language")) == ("Polly.Zhiyu-Neural", "cmn-CN")
    assert action_of(document) == turns(2)


def test_what_was_heard_becomes_a_turn(carrier: JudgedClient, hotline: ScriptedHotline, in_call: str) -> None:
    hotline.answers["我家漏水了"] = reply("请问您是哪个小区?", expect=Expect.ADDRESS)
    document = carrier.speak(turns(2), {"CallSid": CALL_SID, "SpeechResult": "我家漏水了", "Confidence": "0.87"})
    turn = hotline.turns[0]
    assert (turn.key, turn.text, turn.digits, turn.confidence) == ("turn-2", "我家漏水了", "", 0.87)
    assert turn.conversation_id == in_call
    assert spoken(document) == ["请问您是哪个小区?"]
    assert action_of(document) == turns(3)
    gather = document.find("Gather")
    assert gather is not None
    assert gather.get("hints") == "翠湖花园,锦绣华庭"


def test_what_is_said_is_told_while_it_is_said(carrier: JudgedClient, hotline: ScriptedHotline, in_call: str) -> None:
    """Of a caller who hangs up in the middle the carrier tells nothing else."""
    gather = carrier.speak("/ivr/calls", INCOMING).find("Gather")
    assert gather is not None
    assert gather.get("partialResultCallback") == f"{turns(2)}/partial"
    said = {"CallSid": CALL_SID, "StableSpeechResult": "暖气", "UnstableSpeechResult": "爆了", "SequenceNumber": "3"}
    for form in (said, said | {"SequenceNumber": "x"}, {"CallSid": CALL_SID, "SequenceNumber": "4"}):
        assert carrier.post(f"{turns(2)}/partial", form).status_code == 204
    assert hotline.halves == [(Turn(in_call, "turn-2", text="暖气爆了"), 3)]
    assert hotline.turns == []


@pytest.mark.parametrize(
    ("form", "heard"),
    [
        ({}, ("", "", None)),
        ({"SpeechResult": ""}, ("", "", None)),
        ({"SpeechResult": "  "}, ("", "", None)),
        ({"Digits": "1"}, ("", "1", None)),
        ({"Digits": "13812345678#"}, ("", "13812345678#", None)),
        ({"Digits": "1", "SpeechResult": "是"}, ("", "1", None)),
        ({"Digits": "w1;DROP"}, ("", "1", None)),
        ({"SpeechResult": "好", "Confidence": "high"}, ("好", "", None)),
        ({"SpeechResult": "好", "Confidence": "7"}, ("好", "", None)),
        ({"SpeechResult": "好", "Confidence": "nan"}, ("好", "", None)),
        ({"SpeechResult": "漏" * 5000, "Confidence": "0.5"}, ("漏" * 1000, "", 0.5)),
        ({"SpeechResult": "\x00\x1b漏水"}, ("漏水", "", None)),
    ],
)
def test_keys_words_and_silence(
    carrier: JudgedClient, hotline: ScriptedHotline, in_call: str, form: dict[str, str], heard: tuple[object, ...]
) -> None:
    carrier.speak(f"/ivr/calls/{in_call}/turns/2", form)
    turn = hotline.turns[0]
    assert (turn.text, turn.digits, turn.confidence) == heard
    assert turn.choice == ""


def test_a_repeated_webhook_gets_the_same_bytes(carrier: JudgedClient, hotline: ScriptedHotline) -> None:
    first = carrier.post("/ivr/calls", INCOMING)
    again = carrier.post("/ivr/calls", INCOMING, **{"I-Twilio-Idempotency-Token": "7f2c"})
    assert first.data == again.data
    hotline.answers["我家漏水了"] = reply("请先关闭阀门。", "请问您是哪个小区?", expect=Expect.ADDRESS)
    form = {"SpeechResult": "我家漏水了"}
    first = carrier.post(turns(2), form)
    hotline.answers["我家漏水了"] = reply("另一个回答")
    assert carrier.post(turns(2), form).data == first.data


def test_safety_instructions_cannot_be_talked_over(
    carrier: JudgedClient, hotline: ScriptedHotline, in_call: str
) -> None:
    hotline.answers["漏水"] = Reply(
        said=(said("好的。"), said("马上关掉阀门。", interruptible=False), said("请问您是哪个小区?"))
    )
    document = carrier.speak(f"/ivr/calls/{in_call}/turns/2", {"SpeechResult": "漏水"})
    assert [child.tag for child in document] == ["Say", "Say", "Gather"]
    gather = document[2]
    assert [say.text for say in gather] == ["请问您是哪个小区?"]
    assert spoken(document) == ["好的。", "马上关掉阀门。", "请问您是哪个小区?"]


@pytest.mark.parametrize("then", [Then.LISTEN, Then.WAIT])
def test_everything_but_safety_instructions_can_be_talked_over(then: Then) -> None:
    writer = TwimlWriter(LINE, BOOK, STANDARD.queue, place_names=())
    to_the_end = set()
    for key, script in BOOK.scripts.items():
        words = BOOK.say(key, **dict.fromkeys(script.params, "1"))
        document = etree.fromstring(writer.reply("c0ffee", Reply(said=(words,), then=then)).encode())
        assert document.find("Gather") is not None
        if document.find("Say") is not None:
            to_the_end.add(key)
    assert to_the_end == TO_THE_END


def test_where_one_key_chooses_the_first_one_counts(
    carrier: JudgedClient, hotline: ScriptedHotline, in_call: str
) -> None:
    first, human = QuickReply("community:1", "阳光花园", "1"), QuickReply("human", "转人工", "0")
    for options, wanted in (((first, human), "1"), ((human,), None)):
        hotline.answers["问"] = Reply(said=(said("请说。"),), expect=Expect.ADDRESS, quick_replies=options)
        form = {"SpeechResult": "问", "x": str(wanted)}
        gather = carrier.speak(f"/ivr/calls/{in_call}/turns/{2 + len(options)}", form).find("Gather")
        assert gather is not None
        assert gather.get("numDigits") == wanted


@pytest.mark.parametrize(
    ("expect", "wanted"),
    [
        (Expect.MENU, {"numDigits": "1", "finishOnKey": ""}),
        (Expect.YES_NO, {"numDigits": "1", "finishOnKey": "", "speechTimeout": "1"}),
        (Expect.ANYTHING, {"numDigits": "1", "finishOnKey": ""}),
        (Expect.PHONE, {"numDigits": "12", "finishOnKey": "#", "speechTimeout": "3"}),
        (Expect.ADDRESS, {"numDigits": None, "finishOnKey": "#"}),
        (Expect.NUMBER, {"numDigits": "6", "finishOnKey": "#"}),
    ],
)
def test_listening_fits_what_is_asked(
    carrier: JudgedClient, hotline: ScriptedHotline, in_call: str, expect: Expect, wanted: dict[str, str | None]
) -> None:
    hotline.answers["问"] = reply("请说。", expect=expect)
    gather = carrier.speak(f"/ivr/calls/{in_call}/turns/2", {"SpeechResult": "问"}).find("Gather")
    assert gather is not None
    assert {name: gather.get(name) for name in wanted} == wanted


def test_the_hotline_may_hang_up(carrier: JudgedClient, hotline: ScriptedHotline, in_call: str) -> None:
    hotline.answers["再见"] = reply("感谢您的来电,再见。", then=Then.HANG_UP)
    document = carrier.speak(f"/ivr/calls/{in_call}/turns/2", {"SpeechResult": "再见"})
    assert [child.tag for child in document] == ["Say", "Hangup"]


HOSTILE = [
    "</Say><Dial>+8613900000666</Dial><Say>",
    "]]><Hangup/><![CDATA[",
    "&lt;Redirect&gt; & \"quotes\" 'too'",
    '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>&a;',
    "控制\x00\x01\x0b字符\ud800\ufffe结束",
    "🔥🚰👵🏻",
    "\u202e反着读\u200b",
    "漏" * 20_000,
]


@pytest.mark.parametrize("words", HOSTILE)
def test_hostile_words_are_spoken_or_dropped_but_never_markup(
    carrier: JudgedClient, hotline: ScriptedHotline, in_call: str, words: str
) -> None:
    """The bot reads back what it heard; the grammar has judged the answer."""
    hotline.answers["读"] = reply(f"您说的是{words},对吗?")
    document = carrier.speak(f"/ivr/calls/{in_call}/turns/2", {"SpeechResult": "读"})
    assert [child.tag for child in document] == ["Gather"]
    assert [child.tag for child in document[0]] == ["Say"]
    assert spoken(document)[0].startswith("您说的是")


def test_the_longest_answer_stays_below_64_kilobytes(
    carrier: JudgedClient, hotline: ScriptedHotline, in_call: str
) -> None:
    hotline.answers["读"] = reply(*["很长的话&<" * 2000] * 50)
    answer = carrier.post(f"/ivr/calls/{in_call}/turns/2", {"SpeechResult": "读"})
    assert 10_000 < len(answer.data) < 64 * 1024


@pytest.mark.parametrize(
    ("from_", "peer"),
    [
        ("+8613812345678", "+8613812345678"),
        ("13812345678", "+8613812345678"),
        ("+863531234567", "+863531234567"),
        ("anonymous", ""),
        ("Anonymous", ""),
        ("Restricted", ""),
        ("unknown", ""),
        ("+266696687", ""),
        ("+86282452253", ""),
        ("+7378742833", ""),
        ("+17378742833", ""),
        ("+2562533", ""),
        ("+8656696", ""),
        ("sip:13812345678@example.cn", ""),
        ("client:anna", ""),
        ("+1", ""),
        ("", ""),
        ("<script>", ""),
    ],
)
def test_who_calls(carrier: JudgedClient, store: FakeStore, from_: str, peer: str) -> None:
    carrier.speak("/ivr/calls", INCOMING | {"From": from_})
    with store.read() as tx:
        conversation = tx.conversation_by_external_id(Channel.PHONE, CALL_SID)
    assert conversation
    assert conversation.peer == peer


@pytest.mark.parametrize("path", ["/ivr/calls/c0ffee/status", "/ivr/status"])
@pytest.mark.parametrize(
    ("status", "ended"),
    [("completed", ["c0ffee"]), ("busy", ["c0ffee"]), ("no-answer", ["c0ffee"]), ("in-progress", []), ("", [])],
)
def test_the_end_of_a_call_is_told_to_the_hotline(
    carrier: JudgedClient, hotline: ScriptedHotline, in_call: str, path: str, status: str, ended: list[str]
) -> None:
    response = carrier.post(path, {"CallSid": CALL_SID, "CallStatus": status})
    assert response.status_code == 204
    assert hotline.ended == ended
    assert in_call == "c0ffee"


def test_the_end_of_a_call_that_never_reached_us_is_nobodys_fault(
    carrier: JudgedClient, hotline: ScriptedHotline
) -> None:
    assert carrier.post("/ivr/status", {"CallSid": "CA" + "9" * 32, "CallStatus": "completed"}).status_code == 204
    assert hotline.ended == []


class TestFault:
    """Whatever breaks here, a caller hears what to do about a leak and is connected with a person."""

    @pytest.mark.parametrize("failure", [StoreBusy("locked"), RuntimeError("a bug"), KeyError("x")])
    def test_a_failing_hotline(
        self,
        carrier: JudgedClient,
        hotline: ScriptedHotline,
        in_call: str,
        failure: Exception,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        hotline.failure = failure
        self._helps(carrier, f"/ivr/calls/{in_call}/turns/2")
        logged = capsys.readouterr().out
        assert "webhook failed" in logged
        assert "Traceback" in logged

    def test_a_database_that_stays_locked(self, carrier: JudgedClient, store: FakeStore) -> None:
        store.write_failures = [StoreBusy("locked")]
        self._helps(carrier, "/ivr/calls", INCOMING)

    def test_a_conversation_nobody_knows(self, carrier: JudgedClient) -> None:
        self._helps(carrier, "/ivr/calls/unknown/turns/3")
        self._helps(carrier, "/ivr/calls/unknown/hold/3/1")
        self._helps(carrier, "/ivr/calls/c0ffee/conference/77")

    def test_a_webhook_without_a_call(self, carrier: JudgedClient) -> None:
        self._helps(carrier, "/ivr/calls", {"From": RESIDENT})

    def test_the_carriers_own_fallback(self, carrier: JudgedClient) -> None:
        self._helps(carrier, "/ivr/fallback", {"ErrorCode": "11200", "ErrorUrl": f"{BASE_URL}/ivr/calls"})

    def test_a_status_callback_tells_the_carrier(
        self, carrier: JudgedClient, hotline: ScriptedHotline, in_call: str
    ) -> None:
        hotline.failure = StoreBusy("locked")
        assert carrier.post(f"/ivr/calls/{in_call}/status", {"CallStatus": "completed"}).status_code == 503

    def test_the_duty_phone_is_dialled_three_times(self, carrier: JudgedClient) -> None:
        path, dialled = "/ivr/fallback", 0
        while True:
            document = carrier.speak(path, {"DialCallStatus": "no-answer"})
            dial = document.find("Dial")
            if dial is None:
                break
            dialled += 1
            path = str(dial.get("action"))
        assert dialled == 3
        assert document[-1].tag == "Hangup"
        assert "入户总阀门" in spoken(document)[0]

    def test_after_talking_with_the_duty_the_call_ends(self, carrier: JudgedClient) -> None:
        document = carrier.speak("/ivr/fallback/1/dialed", {"DialCallStatus": "completed"})
        assert [child.tag for child in document] == ["Hangup"]

    def _helps(self, carrier: JudgedClient, path: str, form: dict[str, str] | None = None) -> None:
        document = carrier.speak(path, form)
        assert [child.tag for child in document] == ["Say", "Dial"]
        assert "入户总阀门" in spoken(document)[0]
        assert document.findtext("Dial/Number") == LINE.duty_phone


def test_an_unsigned_fault_is_still_refused(stranger: FlaskClient) -> None:
    assert stranger.post("/ivr/fallback").status_code == 403


def test_nothing_of_a_queue_before_somebody_asks_for_a_person(store: FakeStore, in_call: str) -> None:
    with store.read() as tx:
        assert tx.conversation(in_call).floor is Floor.BOT
