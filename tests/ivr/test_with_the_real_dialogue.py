"""The telephone over the real dialogue: what a caller hears while the floor moves between bot and operator."""

from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask

from bot.understanding import Intent
from dialogue.our_calls import OurCalls
from dialogue.recordings import CallRecordings
from fulfillment.alarms import Alarms
from fulfillment.calling import ResidentCalls
from fulfillment.desk import Desk
from fulfillment.outbox import Lane, TaskKind
from fulfillment.pins import Pins
from fulfillment.recording import RecordingKind, RecordingState
from fulfillment.text_reports import TextReports
from fulfillment.work_orders import WorkOrders
from ivr.blueprint import Residents, StaffLine, build_ivr
from ivr.sounds import HOLD_MUSIC_LASTS
from tests.dialogue.talk import BOOK, STANDARD, Talk, means
from tests.ivr.conftest import BASE_URL, LINE, TOKEN
from tests.twilio_judges import JudgedClient, action_of, spoken

LEASE = timedelta(seconds=30)


class Call:
    """A caller on the line: hears documents, speaks or stays silent, and can be interrupted by the worker."""

    def __init__(self) -> None:
        self.talk = Talk(peer="+8613812345678")
        app = Flask("telephone_test")
        desk = Desk(self.talk.store, STANDARD, self.talk.clock)
        ours = OurCalls(self.talk.hotline, self.talk.store, STANDARD, self.talk.clock)
        alarms = Alarms(self.talk.store, STANDARD, self.talk.clock)
        app.register_blueprint(
            build_ivr(
                hotline=self.talk.hotline,
                alarms=alarms,
                conferences=self.talk.conferences,
                staff_line=StaffLine(
                    WorkOrders(self.talk.store, desk, STANDARD, self.talk.clock),
                    Pins(self.talk.store, STANDARD.outgoing.pin, self.talk.clock),
                    lambda _: False,
                    locked_minutes=30,
                ),
                residents=Residents(
                    ours,
                    ResidentCalls(self.talk.store, STANDARD, self.talk.clock),
                    TextReports(self.talk.store, self.talk.clock),
                ),
                log=self.talk.store,
                book=BOOK,
                line=LINE,
                recordings=CallRecordings(self.talk.store, BOOK, self.talk.clock),
                queue=STANDARD.queue,
                clock=self.talk.clock,
            )
        )
        self.carrier = JudgedClient(app.test_client(), BASE_URL, TOKEN)
        self.heard: list[str] = []
        self.over = False
        self.music: list[str | None] = []
        self._fetch("/ivr/calls", {"CallSid": "CA1", "From": "+8613812345678"})

    def says(self, text: str, intent: Intent = Intent.INFORM) -> None:
        self.talk.understander.table[text] = means(text, intent)
        self._fetch(self.next, {"SpeechResult": text, "Confidence": "0.9"})

    def presses(self, key: str) -> None:
        self._fetch(self.next, {"Digits": key})

    def leaves_message(self, *, sid: str, seconds: int, pressed: str) -> None:
        form = {"RecordingSid": sid, "RecordingDuration": str(seconds)}
        self._fetch(self.next, form | {"Digits": pressed})

    def stays_silent(self, times: int = 1) -> None:
        for _ in range(times):
            if not self.over:
                self._fetch(self.next, {})

    def is_fetched(self) -> None:
        """The worker delivers what is due; the carrier fetches the live call's next document."""
        while task := self.talk.store.claim(Lane.ORDINARY, self.talk.clock.now(), LEASE, "test"):
            if task.kind is TaskKind.SPEAK_TO_CALLER:
                self.talk.deliveries.speak_to_caller(task)
            with self.talk.store.write() as tx:
                tx.task_done(task)
        for _, path in self.talk.carrier.fetched:
            self._fetch(path, {})
        self.talk.carrier.fetched.clear()

    def _fetch(self, path: str, form: dict[str, str]) -> None:
        # A turn of the loop of whoever waits is a piece of music long.
        self.talk.clock.advance(seconds=HOLD_MUSIC_LASTS.total_seconds() if self.music else 4)
        self.talk.attend()
        while True:
            first = self.carrier.post(path, {"CallSid": "CA1"} | form)
            document = self.carrier.speak(path, {"CallSid": "CA1"} | form)
            if document.find("Gather") is None or spoken(document):  # an empty listening may learn something new
                again = self.carrier.post(path, {"CallSid": "CA1"} | form)
                assert again.data == first.data, "a repeated webhook must get the same bytes"
            self.heard += spoken(document)
            self.music = [play.text for play in document.iter("Play")]
            record = document.find("Record")
            if record is not None:
                self.next = str(record.get("action"))
                return
            if document.find("Hangup") is not None:
                self.over = True
                return
            self.next = action_of(document)
            if document.find("Redirect") is None:
                return
            path, form = self.next, {}

    def heard_since(self, mark: int) -> list[str]:
        return self.heard[mark:]


@pytest.fixture
def call() -> Call:
    return Call()


def test_a_leak_is_answered_by_what_to_do_first(call: Call) -> None:
    call.says("我家暖气漏水了", Intent.LEAK_INSIDE)
    assert "马上关掉漏水暖气片前面的阀门" in " ".join(call.heard)
    assert call.next.endswith("/turns/3")


def test_a_whole_handoff(call: Call) -> None:
    call.says("转人工", Intent.ASK_HUMAN)
    assert "您请稍等" in call.heard[-1]
    mark = len(call.heard)
    call.stays_silent()
    assert call.heard_since(mark) == []

    call.talk.handoff.take_over(call.talk.id, 1)
    call.talk.handoff.say(call.talk.id, 1, "您好,请问有什么可以帮您?", "m1")
    call.stays_silent(2)
    assert [w for w in call.heard_since(mark) if "有什么可以帮您" in w] == ["您好,请问有什么可以帮您?"]
    assert sum("为您服务" in w for w in call.heard_since(mark)) == 1

    mark = len(call.heard)
    call.says("我想问问师傅到哪儿了")
    call.talk.handoff.say(call.talk.id, 1, "师傅十分钟到。", "m2")
    call.talk.handoff.say(call.talk.id, 1, "请您别着急。", "m3")
    call.stays_silent(3)
    assert call.heard_since(mark) == ["师傅十分钟到。", "请您别着急。"]

    mark = len(call.heard)
    call.talk.handoff.hand_back(call.talk.id, 1)
    call.stays_silent(2)
    assert call.heard_since(mark)[0] == "请问,您还有其他问题需要我帮助吗?"
    assert "/turns/" in call.next


def test_taken_over_while_the_bot_listens_the_worker_brings_the_call_into_the_loop(call: Call) -> None:
    call.talk.handoff.take_over(call.talk.id, 1)
    call.is_fetched()
    assert "为您服务" in call.heard[-1]
    assert "/hold/" in call.next


def test_the_operators_end_hangs_up(call: Call) -> None:
    call.says("转人工", Intent.ASK_HUMAN)
    call.talk.handoff.take_over(call.talk.id, 1)
    call.stays_silent()
    call.talk.handoff.end(call.talk.id, 1)
    call.stays_silent()
    assert call.over
    assert call.heard[-1] == "本次服务已结束,感谢您的信任,再见。"


def test_the_callback_instead_of_waiting(call: Call) -> None:
    call.says("转人工", Intent.ASK_HUMAN)
    call.presses("1")
    assert any("登记回电" in words for words in call.heard)
    assert [t.kind for t in call.talk.tickets] == ["callback"]
    assert "/turns/" in call.next


def test_nobody_comes_and_the_caller_hears_music_and_where_he_stands(call: Call) -> None:
    call.says("转人工", Intent.ASK_HUMAN)
    mark = len(call.heard)
    call.stays_silent()
    assert call.music == [f"{BASE_URL}/sounds/hold.wav"]
    call.stays_silent(8)
    assert [w[:6] for w in call.heard_since(mark)] == ["您是下一位。"] * 3, "every 30 s"


def test_a_desk_nobody_sits_at_is_left_for_a_callback(call: Call) -> None:
    call.talk.attended = False
    call.says("转人工", Intent.ASK_HUMAN)
    assert "没有人工值班" in call.heard[-1]
    call.stays_silent(7)
    assert any("登记回电" in words for words in call.heard)
    assert "/turns/" in call.next
    assert call.music == []


def test_a_message_is_recorded_after_its_announcement_and_noted(call: Call) -> None:
    call.says("转人工", Intent.ASK_HUMAN)
    call.presses("3")
    assert "留言会录音" in call.heard[-1]
    call.leaves_message(sid="RE" + "a" * 32, seconds=7, pressed="#")
    assert any("您的留言已经收到" in words for words in call.heard)
    [recording] = call.talk.store.tables.recordings.values()
    assert (recording.seconds, recording.announced) == (7, "voicemail.prompt")


def test_a_leak_instead_of_a_message_alarms(call: Call) -> None:
    call.says("转人工", Intent.ASK_HUMAN)
    call.presses("3")
    call.leaves_message(sid="RE" + "a" * 32, seconds=1, pressed="*")
    assert "马上关掉漏水暖气片前面的阀门" in " ".join(call.heard)
    assert [t.kind for t in call.talk.tickets] == ["leak_inside"]


def test_nothing_said_is_a_callback(call: Call) -> None:
    call.says("转人工", Intent.ASK_HUMAN)
    call.presses("3")
    call.stays_silent()
    assert any("登记回电" in words for words in call.heard)
    assert call.talk.store.tables.recordings == {}


def test_speech_into_the_music_is_heard(call: Call) -> None:
    call.says("转人工", Intent.ASK_HUMAN)
    call.stays_silent()
    call.says("家里暖气爆了", Intent.LEAK_INSIDE)
    assert "马上关掉漏水暖气片前面的阀门" in " ".join(call.heard)
    assert "/hold/" in call.next


@pytest.mark.parametrize(("key", "state"), [("", RecordingState.AT_CARRIER), ("*", RecordingState.ABSENT)])
def test_a_call_is_recorded_only_after_it_was_said_and_nobody_objected(
    call: Call, key: str, state: RecordingState
) -> None:
    call.says("转人工", Intent.ASK_HUMAN)
    handoff = replace(call.talk.handoff, record_calls=True)
    handoff.take_over(call.talk.id, 1)
    call.stays_silent()
    assert call.heard[-1].startswith("为了把事情办好,接下来的通话会录音")
    assert "/consent/" in call.next
    [row] = call.talk.store.tables.recordings.values()
    assert (row.state, row.kind) == (RecordingState.ANNOUNCED, RecordingKind.CALL)
    document = call.carrier.speak(call.next, {"CallSid": "CA1", "Digits": key})
    assert (document.find("Start/Recording") is not None) == (key == "")
    assert "/hold/" in action_of(document)
    call.next = action_of(document)
    handoff.say(call.talk.id, 1, "您好,请讲。", "m1")
    call.stays_silent()
    assert call.heard[-1] == "您好,请讲。", "said once more it is not"
    form = {"RecordingSid": "RE" + "b" * 32, "RecordingDuration": "41", "RecordingStatus": "completed"}
    path = f"/ivr/calls/{call.talk.id}/recordings/{row.id}"
    for _ in range(2):
        assert call.carrier.post(path, form).status_code == 204
    [row] = call.talk.store.tables.recordings.values()
    assert row.state is state
    fetches = [r for r in call.talk.store.tables.tasks.values() if r.task.kind is TaskKind.FETCH_RECORDING]
    assert len(fetches) == (1 if state is RecordingState.AT_CARRIER else 0)


def test_without_the_rule_nothing_is_announced_or_recorded(call: Call) -> None:
    call.says("转人工", Intent.ASK_HUMAN)
    call.talk.handoff.take_over(call.talk.id, 1)
    call.stays_silent(2)
    assert not any("录音" in words for words in call.heard if "留言" not in words)
    assert call.talk.store.tables.recordings == {}
