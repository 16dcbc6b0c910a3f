"""Waiting for a person: place and time told honestly, ways out at every moment, nobody on duty said at once, messages."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.understanding import Intent
from dialogue.conversation import Author, Channel, Floor, Reply, Then
from dialogue.line import LineWords, waiting_words
from dialogue.recordings import LeftMessage, RecordingDeliveries, Recordings, delete_later
from dialogue.sweep import Sweep
from fulfillment.case import Case
from fulfillment.clocks import ClockEvent
from fulfillment.look import Look, LookedAt
from fulfillment.outbox import Lane, Task, TaskKind
from fulfillment.recording import RecordingState
from fulfillment.waiting import Wait, WaitKind, WaitState, expected_minutes
from kernel.errors import CarrierRefused, NotFound
from storage import SoundFolder
from tests.dialogue.talk import BOOK, STANDARD, Talk
from tests.fakes import A_WINTER_DAY, FakeStore, small_company

KNOWN, STRANGER, OTHER = "+8613800000001", "+8613900000000", "+8613900000007"
RULES = STANDARD.queue
SID = "RE" + "a" * 32


def asks(talk: Talk) -> Reply:
    return talk.says("转人工", Intent.ASK_HUMAN)


def waits(
    channel: Channel = Channel.PHONE, peer: str = STRANGER, store: FakeStore | None = None, call: str = "CA1"
) -> Talk:
    talk = Talk(channel, peer, store, call)
    asks(talk)
    return talk


def handed_over(store: FakeStore, *minutes: float) -> None:
    """Stays of one place each that an operator ended just now."""
    for n, wait in enumerate(minutes):
        began = A_WINTER_DAY - timedelta(minutes=wait)
        store.tables.waits[100 + n] = Wait(
            100 + n, "x", WaitKind.LIVE, WaitState.TAKEN, began, 1, ended_at=A_WINTER_DAY, operator_id=1
        )


def line(store: FakeStore) -> list[tuple[str, WaitKind]]:
    with store.read() as tx:
        return [(one.wait.phone, one.wait.kind) for one in tx.waiting_line()]


def due(talk: Talk, kind: TaskKind) -> Task:
    """The next task of this kind, as its worker gets it."""
    rows = [r for r in talk.store.tables.tasks.values() if r.task.kind is kind and r.state == "pending"]
    row = min(rows, key=lambda r: r.task.due_at)
    talk.store.tables.tasks[row.task.key] = replace(row, state="done")
    talk.clock.set(max(talk.clock.now(), row.task.due_at if kind is TaskKind.SWEEP else talk.clock.now()))
    return row.task


# --- place and time


def test_without_hand_overs_no_time_is_told_and_with_them_a_rounded_one() -> None:
    first = waits()
    assert "您是下一位。" in first.voice
    second = waits(peer=OTHER, store=first.store, call="CA2")
    assert "您前面还有1位。" in second.voice
    assert "分钟" not in second.voice
    handed_over(first.store, 2, 2, 3, 2, 9)
    third = waits(peer=OTHER, store=first.store, call="CA3")
    assert "您前面还有2位,预计等待约10分钟。" in third.voice, "3 places of 2 minutes: 6, told as 10"


@pytest.mark.parametrize(
    ("minutes", "place", "told"),
    [
        ((1, 1, 1, 1), 1, None),  # four are not enough
        ((0.1,) * 5, 1, 1),
        ((1.2,) * 5, 1, 2),
        ((1,) * 5, 5, 5),
        ((1,) * 5, 6, 10),
        ((4,) * 5, 7, 30),
        ((4,) * 5, 9, 31),
        ((1, 1, 1, 60, 60), 1, 1),  # one bad hour says little
        ((1,) * 5, 0, None),
    ],
)
def test_the_expected_time(minutes: tuple[float, ...], place: int, told: int | None) -> None:
    store = FakeStore()
    handed_over(store, *minutes)
    assert expected_minutes(list(store.tables.waits.values()), place, RULES) == told


def test_a_long_wait_is_not_told_to_the_minute() -> None:
    store = small_company(FakeStore())
    handed_over(store, *[50] * 5)
    assert "预计等待30分钟以上。" in waits(store=store).voice


def test_the_page_of_a_chat_shows_the_place_as_it_changes() -> None:
    first = waits()
    chat = waits(Channel.CHAT, "", first.store, "visitor")
    words = LineWords(BOOK, STANDARD, chat.clock)

    def shown() -> str:
        with chat.store.read() as tx:
            return waiting_words(tx, tx.conversation(chat.id), words)

    assert shown() == "您前面还有1位。"
    first.handoff.take_over(first.id, 1)
    assert shown() == "您是下一位。"
    chat.clock.advance(minutes=5)
    assert shown() == "现在没有人工值班。"
    chat.handoff.take_over(chat.id, 1)
    assert shown() == ""


def test_silence_on_the_telephone_is_told_how_the_line_moves() -> None:
    first = waits()
    second = waits(peer=OTHER, store=first.store, call="CA2")
    second.clock.advance(seconds=30)
    second.turn()
    assert second.scripts == ["handoff.position"]
    assert "您前面还有1位" in second.voice
    first.handoff.take_over(first.id, 1)
    second.clock.advance(seconds=30)
    second.turn()
    assert "您是下一位" in second.voice


# --- ways out


def test_whoever_asks_for_a_callback_keeps_the_place() -> None:
    first = waits()
    second = waits(peer=OTHER, store=first.store, call="CA2")
    first.presses("1")
    assert first.scripts[0] == "handoff.callback_noted"
    first.hotline.hang_up(first.id)
    assert line(first.store) == [(STRANGER, WaitKind.CALLBACK), ("", WaitKind.LIVE)]
    [ticket] = first.tickets
    with first.store.read() as tx:
        assert [c.rule for c in tx.clocks([ticket.id])[ticket.id]] == ["question_contact"], "F19: its clock runs"
    second.clock.advance(seconds=30)
    second.turn()
    assert "您前面还有1位" in second.voice, "the callback still stands before him"


def test_the_callback_leaves_the_line_when_the_resident_was_reached() -> None:
    talk = waits()
    talk.presses("1")
    [ticket] = talk.tickets
    with talk.store.write() as tx:
        case = Case(tx, tx.ticket(ticket.id, for_update=True), standard=STANDARD, now=talk.clock.now())
        case.happened(ClockEvent.CONTACTED)
    assert line(talk.store) == []


def test_who_hangs_up_while_waiting_is_called_back_in_his_place() -> None:
    first = waits()
    waits(peer=OTHER, store=first.store, call="CA2")
    first.hotline.hang_up(first.id)
    first.hotline.hang_up(first.id)
    assert line(first.store) == [(STRANGER, WaitKind.CALLBACK), ("", WaitKind.LIVE)]
    assert [t.nudges for t in first.tickets] == [0]


def test_asking_twice_for_the_same_callback_is_one_ticket_and_no_nudge() -> None:
    talk = waits()
    talk.presses("1")
    asks(talk)
    talk.presses("1")
    assert [(t.kind, t.nudges) for t in talk.tickets] == [("callback", 0)]
    assert len(line(talk.store)) == 1


def test_a_place_is_kept_while_the_number_is_asked_for() -> None:
    chat = waits(Channel.CHAT, "")
    waits(peer=OTHER, store=chat.store, call="CA2")
    chat.taps("callback")
    chat.says("13812345678", Intent.INFORM, phone="13812345678")
    chat.taps("yes")
    assert line(chat.store) == [("+8613812345678", WaitKind.CALLBACK), ("", WaitKind.LIVE)]


@pytest.mark.parametrize(
    ("words", "script"), [("给我回个电话吧", "handoff.callback_noted"), ("我继续等", "handoff.staying")]
)
def test_what_is_wanted_may_be_said(words: str, script: str) -> None:
    talk = waits()
    talk.says(words, Intent.INFORM)
    assert talk.scripts[0] == script


def test_two_goes_back_to_the_bot_and_nought_stays() -> None:
    talk = waits()
    talk.presses("0")
    assert (talk.reply.then, talk.scripts) == (Then.WAIT, ["handoff.staying"])
    talk.presses("2")
    assert talk.reply.then is Then.LISTEN
    assert line(talk.store) == []
    assert talk.tickets == []


def test_a_leak_said_while_waiting_alarms_at_once_and_its_address_is_heard() -> None:
    talk = waits()
    talk.says("家里漏水了", Intent.LEAK_INSIDE)
    assert talk.scripts[0] == "safety.leak_inside"
    assert talk.reply.then is Then.WAIT
    talk.says("阳光花园3号楼2单元501", Intent.INFORM, community=1, building=3, unit=2, room=501)
    [ticket] = [t for t in talk.tickets if t.emergency]
    assert ticket.address.room == "501"
    talk.presses("1")
    assert "callback" in {t.kind for t in talk.tickets}, "the offers of the line are still there"


# --- nobody on duty, long waits


def test_nobody_on_duty_is_said_at_once_and_the_desk_is_not_waited_for() -> None:
    talk = Talk(peer=STRANGER)
    talk.attended = False
    asks(talk)
    assert talk.scripts == ["handoff.nobody_on_duty"]
    talk.clock.advance(seconds=25)
    talk.turn()
    assert talk.scripts == ["handoff.nobody_on_duty"]
    talk.clock.advance(seconds=30)
    talk.turn()
    assert talk.scripts[0] == "handoff.callback_noted"
    assert talk.reply.then is Then.LISTEN
    assert line(talk.store) == [(STRANGER, WaitKind.CALLBACK)]


def test_an_operator_who_comes_in_time_changes_that() -> None:
    talk = Talk(peer=STRANGER)
    talk.attended = False
    asks(talk)
    talk.attended = True
    talk.clock.advance(seconds=60)
    talk.turn()
    assert talk.scripts == ["handoff.position"]


def test_who_chose_to_stay_is_asked_a_second_time_before_the_line_is_left() -> None:
    talk = waits()
    talk.turn(digits="0")
    assert talk.scripts == ["handoff.staying"]
    talk.attended = False
    for script in (*["handoff.nobody_on_duty"] * 3, "handoff.callback_noted"):
        talk.clock.advance(seconds=25)
        talk.turn()
        assert talk.scripts[0] == script


def test_choosing_to_stay_at_an_empty_desk_begins_the_time_anew() -> None:
    talk = waits()
    talk.attended = False
    for digits in ("", "", "0", "", ""):
        talk.clock.advance(seconds=25)
        talk.turn(digits=digits)
    assert talk.scripts == ["handoff.nobody_on_duty"]
    assert talk.reply.then is Then.WAIT


def test_a_desk_that_empties_while_somebody_waits_is_said_first() -> None:
    talk = waits()
    talk.attended = False
    for script in (
        "handoff.nobody_on_duty",
        "handoff.nobody_on_duty",
        "handoff.callback_noted",
    ):
        talk.clock.advance(seconds=25)
        talk.turn()
        assert talk.scripts[0] == script


def test_waiting_long_is_asked_about_again_and_again_in_longer_intervals() -> None:
    talk = waits(Channel.CHAT, "")
    began = talk.clock.now()
    asked = []
    for _ in range(3):
        task = due(talk, TaskKind.WATCH_QUEUE)
        talk.clock.set(task.due_at)
        talk.attend()
        talk.line.watch_queue(task)
        talk.line.watch_queue(task)  # carried out twice after a crash
        asked.append((talk.clock.now() - began) / timedelta(minutes=1))
    assert asked == [3, 6, 12]
    with talk.store.read() as tx:
        told = [m for m in tx.messages(talk.id) if m.data.get("script") == "handoff.ask_again"]
    assert len(told) == 3
    assert [q["choice"] for q in told[0].data["quick_replies"]] == ["callback", "stay", "back"]
    assert talk.tickets == [], "nothing is noted that nobody asked for"


def test_who_was_taken_meanwhile_is_not_asked() -> None:
    talk = waits()
    task = due(talk, TaskKind.WATCH_QUEUE)
    talk.handoff.take_over(talk.id, 1)
    talk.line.watch_queue(task)
    with talk.store.read() as tx:
        assert not [m for m in tx.messages(talk.id) if m.data.get("script") == "handoff.ask_again"]


def test_music_is_interrupted_by_an_operator_but_safety_words_are_not() -> None:
    talk = waits()
    talk.handoff.take_over(talk.id, 1)
    assert due(talk, TaskKind.SPEAK_TO_CALLER)
    other = waits(peer=OTHER, store=talk.store, call="CA2")
    other.says("家里漏水了", Intent.LEAK_INSIDE)
    other.handoff.take_over(other.id, 1)
    assert not [
        r for r in talk.store.tables.tasks.values() if r.task.kind is TaskKind.SPEAK_TO_CALLER and r.state == "pending"
    ]


def test_a_line_the_loop_has_said_interrupts_nothing() -> None:
    talk = waits()
    talk.handoff.take_over(talk.id, 1)
    task = due(talk, TaskKind.SPEAK_TO_CALLER)
    talk.deliveries.speak_to_caller(task)
    assert len(talk.carrier.fetched) == 1
    with talk.store.write() as tx:
        tx.set_message_data(talk.id, task.payload["seq"], {"spoken": "3.2"})
    talk.deliveries.speak_to_caller(task)
    assert len(talk.carrier.fetched) == 1


# --- messages


def leaves(talk: Talk, seconds: int = 7, pressed: str = "#", sid: str = SID, key: str = "message-1") -> Reply:
    talk.reply = talk.hotline.message_left(talk.id, key, LeftMessage(sid if seconds else "", seconds, pressed))
    return talk.reply


def test_a_message_is_a_callback_with_its_recording_in_the_callers_place() -> None:
    talk = waits()
    talk.presses("3")
    assert (talk.reply.then, talk.scripts) == (Then.RECORD, ["voicemail.prompt"])
    assert not talk.reply.said[0].interruptible
    first = leaves(talk)
    assert talk.scripts[0] == "voicemail.noted"
    assert leaves(talk) == first, "told twice"
    [ticket] = talk.tickets
    with talk.store.read() as tx:
        [recording] = tx.recordings(ticket_id=ticket.id)
        assert [e.key for e in tx.timeline(ticket.id)].count("message_recorded") == 1
    assert (recording.provider_sid, recording.seconds, recording.announced) == (SID, 7, "voicemail.prompt")
    assert line(talk.store) == [(STRANGER, WaitKind.CALLBACK)]
    assert due(talk, TaskKind.FETCH_RECORDING).payload == {"recording_id": recording.id}


def test_an_empty_message_is_a_callback_without_noise() -> None:
    talk = waits()
    talk.presses("3")
    leaves(talk, seconds=0)
    assert talk.scripts[0] == "handoff.callback_noted"
    assert talk.store.tables.recordings == {}
    assert [t.kind for t in talk.tickets] == ["callback"]


@pytest.mark.parametrize("end_comes_first", [True, False])
def test_who_hangs_up_in_the_middle_of_a_message_has_left_it(end_comes_first: bool) -> None:
    talk = waits()
    talk.presses("3")
    steps: list[Callable[[], object]] = [lambda: talk.hotline.hang_up(talk.id), lambda: leaves(talk, pressed="hangup")]
    for step in steps if end_comes_first else reversed(steps):
        step()
    [ticket] = talk.tickets
    assert (ticket.kind, ticket.nudges) == ("callback", 0)
    with talk.store.read() as tx:
        assert [r.provider_sid for r in tx.recordings(ticket_id=ticket.id)] == [SID]
        assert tx.conversation(talk.id).floor is Floor.ENDED
    assert len(line(talk.store)) == 1


def test_the_key_for_danger_ends_a_message_as_an_alarm_and_the_recording_belongs_to_it() -> None:
    talk = waits(peer=KNOWN)
    talk.presses("3")
    leaves(talk, pressed="*")
    assert talk.scripts[0] == "safety.leak_inside"
    leaves(talk, pressed="")  # the recording's own callback
    [ticket] = talk.tickets
    with talk.store.read() as tx:
        assert [r.ticket_id for r in tx.recordings(conversation_id=talk.id)] == [ticket.id]
    assert ticket.emergency


def test_an_operator_who_takes_a_caller_out_of_his_message_gets_it() -> None:
    talk = waits()
    talk.presses("3")
    talk.handoff.take_over(talk.id, 1)
    assert leaves(talk, pressed="").said == ()
    with talk.store.read() as tx:
        assert tx.conversation(talk.id).floor is Floor.OPERATOR
        assert len(tx.recordings(conversation_id=talk.id)) == 1
    assert line(talk.store) == []


# --- recordings


class Archive:
    """Carrier and folder at once."""

    def __init__(self) -> None:
        self.sounds: dict[str, bytes] = {}
        self.deleted: list[str] = []
        self.failures: list[Exception] = []

    def fetch(self, provider_sid: str) -> bytes:
        if self.failures:
            raise self.failures.pop(0)
        return b"RIFF" + provider_sid.encode()

    def delete(self, provider_sid: str) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.deleted.append(provider_sid)

    def put(self, recording_id: str, sound: bytes) -> None:
        self.sounds[recording_id] = sound

    def remove(self, recording_id: str) -> None:
        self.sounds.pop(recording_id, None)

    def path(self, recording_id: str) -> None:  # the console's side, tested with real files
        raise NotImplementedError(recording_id)


def test_a_recording_is_fetched_when_the_carrier_has_it_and_deleted_here_and_there() -> None:
    talk = waits()
    talk.presses("3")
    leaves(talk)
    archive = Archive()
    deliver = RecordingDeliveries(talk.store, archive, archive)  # type: ignore[arg-type] # no path here
    task = due(talk, TaskKind.FETCH_RECORDING)
    archive.failures = [CarrierRefused("404", 20404)]
    with pytest.raises(CarrierRefused):  # the worker comes back later
        deliver.fetch(task)
    deliver.fetch(task)
    deliver.fetch(task)
    [recording] = talk.store.tables.recordings.values()
    assert (recording.state, list(archive.sounds)) == (RecordingState.STORED, [recording.id])
    Recordings(talk.store, archive, talk.clock).delete(recording.id, by="周主管")  # type: ignore[arg-type] # as above
    deletion = due(talk, TaskKind.DELETE_RECORDING)
    deliver.delete(deletion)
    archive.failures = [CarrierRefused("404", 20404)]
    deliver.delete(deletion)  # gone is gone
    assert (archive.sounds, archive.deleted) == ({}, [SID])
    [ticket] = talk.tickets
    with talk.store.read() as tx:
        assert "recording_deleted" in [e.key for e in tx.timeline(ticket.id)]


def test_what_is_deleted_while_it_is_fetched_stays_deleted() -> None:
    talk = waits()
    talk.presses("3")
    leaves(talk)
    [recording] = talk.store.tables.recordings.values()

    class Slow(Archive):
        def fetch(self, provider_sid: str) -> bytes:
            with talk.store.write() as tx:
                delete_later(tx, tx.recording(recording.id), talk.clock.now(), by="周主管")
            return super().fetch(provider_sid)

    archive = Slow()
    RecordingDeliveries(talk.store, archive, archive).fetch(due(talk, TaskKind.FETCH_RECORDING))  # type: ignore[arg-type] # as above
    assert archive.sounds == {}
    assert talk.store.tables.recordings[recording.id].state is RecordingState.DELETED


def test_there_is_nothing_to_hear_of_what_was_not_fetched() -> None:
    talk = waits()
    leaves(talk)
    [recording] = talk.store.tables.recordings
    with pytest.raises((NotFound, NotImplementedError)):
        Recordings(talk.store, Archive(), talk.clock).file(recording)  # type: ignore[arg-type] # as above


# --- tidying up


def sweep_of(talk: Talk, days: int = 90) -> Sweep:
    pictures = SoundFolder(Path("none are taken here"))
    return Sweep(talk.store, talk.hotline, STANDARD, talk.clock, timedelta(days=days), pictures)


def test_a_chat_left_open_is_closed_and_what_is_known_is_noted() -> None:
    talk = Talk(Channel.CHAT, peer="")
    talk.says("家里不热", Intent.NO_HEAT)
    talk.says("阳光花园3号楼2单元501", Intent.INFORM, community=1, building=3, unit=2, room=501)
    sweep = sweep_of(talk)
    sweep.promise()
    sweep.promise()
    talk.clock.advance(minutes=119)
    sweep.sweep(due(talk, TaskKind.SWEEP))
    with talk.store.read() as tx:
        assert tx.conversation(talk.id).floor is Floor.BOT
    talk.clock.advance(minutes=2)
    sweep.sweep(due(talk, TaskKind.SWEEP))
    with talk.store.read() as tx:
        assert tx.conversation(talk.id).floor is Floor.ENDED
        last = tx.messages(talk.id)[-1]
    assert (last.author, last.data["script"]) == (Author.BOT, "greeting.closed_silent")
    assert [t.kind for t in talk.tickets] == ["no_heat"]
    assert talk.store.next_due(Lane.ORDINARY) is not None, "the next sweep is promised"


def test_a_call_of_whose_end_nobody_told_is_closed_and_what_is_known_is_noted() -> None:
    talk = Talk(Channel.PHONE, peer="+8613800000001")
    talk.says("家里不热", Intent.NO_HEAT)
    sweep = sweep_of(talk)
    sweep.promise()
    talk.clock.advance(minutes=4)
    sweep.sweep(due(talk, TaskKind.SWEEP))
    assert talk.tickets == []
    talk.clock.advance(minutes=6)
    sweep.sweep(due(talk, TaskKind.SWEEP))
    assert [t.kind for t in talk.tickets] == ["no_heat"]
    with talk.store.read() as tx:
        assert tx.conversation(talk.id).floor is Floor.ENDED
        assert tx.messages(talk.id)[-1].data["script"] != "greeting.closed_silent", "nobody is there to hear it"


def test_what_webhooks_were_answered_is_forgotten_within_hours() -> None:
    talk = Talk(Channel.CHAT, peer="")
    sweep = sweep_of(talk)
    sweep.promise()
    with talk.store.write() as tx:
        tx.keep_answer("old", "<Response/>", talk.clock.now() - timedelta(minutes=61))
        tx.keep_answer("new", "<Response/>", talk.clock.now())
    sweep.sweep(due(talk, TaskKind.SWEEP))
    with talk.store.read() as tx:
        assert tx.kept_answer("old") is None
        assert tx.kept_answer("new") is not None


def test_who_looked_is_known_for_a_year() -> None:
    """N17, and six months at the least by the Cybersecurity Law."""
    talk = Talk(Channel.CHAT, peer="")
    sweep = sweep_of(talk)
    sweep.promise()
    with talk.store.write() as tx:
        for days in (366, 364, 0):
            at = talk.clock.now() - timedelta(days=days)
            tx.add_look(Look(0, at, "xiaoli", LookedAt.TICKET, f"ticket:{days}"))
    sweep.sweep(due(talk, TaskKind.SWEEP))
    with talk.store.read() as tx:
        assert [look.subject for look in tx.looks()] == ["ticket:0", "ticket:364"]


def test_a_chat_that_is_written_in_while_it_is_swept_stays_open() -> None:
    talk = Talk(Channel.CHAT, peer="")
    talk.clock.advance(hours=3)
    silent_since = talk.clock.now() - RULES.close_chat_after
    talk.says("在吗", Intent.GREET)
    talk.hotline.hang_up(talk.id, silent_since=silent_since)
    with talk.store.read() as tx:
        assert tx.conversation(talk.id).floor is Floor.BOT


def test_a_recording_the_carrier_was_late_with_is_asked_for_again_once_an_hour_for_a_day() -> None:
    talk = waits()
    leaves(talk)
    due(talk, TaskKind.FETCH_RECORDING)  # tried in vain
    sweep = sweep_of(talk)
    for hours, again in ((0.1, 0), (0.5, 1), (0.1, 1), (1, 2), (24, 2)):
        talk.clock.advance(hours=hours)
        sweep.promise()
        sweep.sweep(due(talk, TaskKind.SWEEP))
        asked = [r for r in talk.store.tables.tasks.values() if r.task.kind is TaskKind.FETCH_RECORDING]
        assert len(asked) == again + 1, hours


def test_recordings_and_finished_tasks_are_kept_as_long_as_they_may_be() -> None:
    talk = waits()
    leaves(talk)
    sweep = sweep_of(talk, days=30)
    talk.clock.advance(days=29)
    sweep.promise()
    sweep.sweep(due(talk, TaskKind.SWEEP))
    [recording] = talk.store.tables.recordings.values()
    assert recording.state is RecordingState.AT_CARRIER
    finished = sum(r.state == "done" for r in talk.store.tables.tasks.values())
    assert finished == 1, "the sweep itself: older ones are forgotten"
    talk.clock.advance(days=2)
    sweep.sweep(due(talk, TaskKind.SWEEP))
    [recording] = talk.store.tables.recordings.values()
    assert (recording.state, recording.deleted_by) == (RecordingState.DELETED, "worker")
    assert due(talk, TaskKind.DELETE_RECORDING)
