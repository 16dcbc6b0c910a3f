"""Stays in the queue and recordings, said to every store alike."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from dialogue.conversation import Channel, Floor
from dialogue.ports import DialogueStore
from fulfillment.outbox import Lane
from fulfillment.recording import Recording, RecordingKind, RecordingState
from fulfillment.waiting import WaitKind, WaitState
from kernel.errors import NotFound
from storage import SoundFolder
from tests.storage.samples import MINUTE, NOW, a_conversation, a_task, a_ticket

NAME, OTHER = "a" * 32, "b" * 32


def waits(store: DialogueStore, conversation_id: str, at: int, **about: object) -> None:
    """A conversation that asks for a person so many minutes after NOW."""
    with store.write() as tx:
        tx.add_conversation(a_conversation(conversation_id, **about))
        move(store, tx, conversation_id, Floor.QUEUE, at)


def move(
    _store: DialogueStore, tx: object, conversation_id: str, to: Floor, at: int, operator: int | None = None
) -> None:
    epoch = tx.conversation(conversation_id).epoch  # type: ignore[attr-defined] # any transaction
    assert tx.move_floor(conversation_id, to=to, operator_id=operator, epoch=epoch, at=NOW + at * MINUTE)  # type: ignore[attr-defined]


def in_line(store: DialogueStore) -> list[str]:
    with store.read() as tx:
        return [one.wait.conversation_id for one in tx.waiting_line()]


def test_danger_first_then_the_old_and_ill_then_the_longest_wait(store: DialogueStore) -> None:
    waits(store, "long", 0)
    waits(store, "short", 2)
    waits(store, "old", 3, household_id=2)
    waits(store, "leak", 4)
    with store.write() as tx:
        tx.add_ticket(a_ticket(conversation_id="leak", household_id=None))
    assert in_line(store) == ["leak", "old", "long", "short"]
    with store.read() as tx:
        assert [one.wait.place for one in tx.waiting_line()] == [4, 3, 1, 2], "as they came"


def test_a_stay_ends_with_the_floor_and_tells_how_long_it_was(store: DialogueStore) -> None:
    waits(store, "c1", 0)
    waits(store, "c2", 1)
    waits(store, "c3", 2)
    with store.write() as tx:
        move(store, tx, "c1", Floor.OPERATOR, 5, operator=1)
        move(store, tx, "c2", Floor.BOT, 6)
        move(store, tx, "c3", Floor.ENDED, 7)
    assert in_line(store) == []
    with store.read() as tx:
        [taken] = tx.recent_waits(NOW)
        assert (taken.conversation_id, taken.operator_id, taken.ended_at) == ("c1", 1, NOW + 5 * MINUTE)
        assert tx.recent_waits(NOW + 6 * MINUTE) == []
        assert tx.wait(taken.id) == taken
    with pytest.raises(NotFound), store.read() as tx:
        tx.wait(99)


def test_a_callback_keeps_the_place_through_the_end_of_the_call(store: DialogueStore) -> None:
    waits(store, "first", 0)
    waits(store, "second", 1)
    with store.write() as tx:
        move(store, tx, "first", Floor.BOT, 3)
        ticket = tx.add_ticket(a_ticket(emergency=False, kind="callback", conversation_id="first"))
        kept = tx.keep_place("first", ticket_id=ticket.id, phone="+8613800000001", at=NOW + 3 * MINUTE)
        move(store, tx, "first", Floor.ENDED, 4)
    assert (kept.kind, kept.since, kept.phone) == (WaitKind.CALLBACK, NOW, "+8613800000001")
    assert in_line(store) == ["first", "second"]
    with store.write() as tx:
        assert tx.keep_place("first", ticket_id=ticket.id, phone="+8613800000001", at=NOW + 5 * MINUTE) == kept, "twice"
        assert tx.end_wait(kept.id, state=WaitState.TAKEN, at=NOW + 6 * MINUTE, operator_id=2)
        assert not tx.end_wait(kept.id, state=WaitState.TAKEN, at=NOW + 6 * MINUTE, operator_id=1)
    assert in_line(store) == ["second"]
    with store.write() as tx:
        assert tx.wait(kept.id).operator_id == 2
        assert tx.recent_waits(NOW) == [], "how long a callback took says nothing about waiting on the line"
        tx.resume_wait(kept.id)
    assert in_line(store) == ["first", "second"]
    with store.write() as tx:
        tx.callback_reached(ticket.id, NOW + 7 * MINUTE)
    assert in_line(store) == ["second"]


def test_who_asks_for_a_person_after_all_has_one_place_the_old_one(store: DialogueStore) -> None:
    waits(store, "c1", 0)
    with store.write() as tx:
        ticket = tx.add_ticket(a_ticket(emergency=False, kind="callback", conversation_id="c1"))
        tx.keep_place("c1", ticket_id=ticket.id, phone="+8613800000001", at=NOW + MINUTE)
        move(store, tx, "c1", Floor.QUEUE, 9)
        [one] = tx.waiting_line()
    assert (one.wait.kind, one.wait.since, one.wait.ticket_id) == (WaitKind.LIVE, NOW, None)


def test_a_second_call_about_an_open_promise_does_not_stand_in_line_twice(store: DialogueStore) -> None:
    waits(store, "morning", 0)
    waits(store, "noon", 60)
    with store.write() as tx:
        ticket = tx.add_ticket(a_ticket(emergency=False, kind="callback", conversation_id="morning"))
        first = tx.keep_place("morning", ticket_id=ticket.id, phone="+8613800000001", at=NOW + MINUTE)
        assert tx.keep_place("noon", ticket_id=ticket.id, phone="+8613800000001", at=NOW + 61 * MINUTE) == first
    assert in_line(store) == ["morning"]


def test_a_callback_promised_without_waiting_stands_last(store: DialogueStore) -> None:
    waits(store, "c1", 0)
    with store.write() as tx:
        tx.add_conversation(a_conversation("c2"))
        ticket = tx.add_ticket(a_ticket(emergency=False, kind="callback", conversation_id="c2"))
        kept = tx.keep_place("c2", ticket_id=ticket.id, phone="", at=NOW + MINUTE)
    assert (kept.since, kept.place) == (NOW + MINUTE, 2)


def test_presence_is_what_was_seen_lately(store: DialogueStore) -> None:
    with store.write() as tx:
        tx.operator_present(1, NOW)
        tx.operator_present(2, NOW)
        tx.operator_present(1, NOW + MINUTE)
    with store.read() as tx:
        assert tx.present_operators(NOW + MINUTE) == {1}
        assert tx.present_operators(NOW) == {1, 2}
    with store.write() as tx:
        tx.operator_left(1)
        assert tx.present_operators(NOW) == {2}


def test_only_chats_that_are_silent_and_not_with_a_person_are_abandoned(store: DialogueStore) -> None:
    waits(store, "waiting", 0, channel=Channel.CHAT)
    with store.write() as tx:
        tx.add_conversation(a_conversation("bot", channel=Channel.CHAT))
        tx.add_conversation(a_conversation("fresh", channel=Channel.CHAT, last_at=NOW + 9 * MINUTE))
        tx.add_conversation(a_conversation("call"))
        tx.add_conversation(a_conversation("held", channel=Channel.CHAT))
        move(store, tx, "held", Floor.OPERATOR, 0, operator=1)
    with store.read() as tx:
        assert {c.id for c in tx.silent_chats(NOW + MINUTE)} == {"bot", "waiting"}
        assert {c.id for c in tx.silent_calls(NOW + MINUTE)} == {"call"}
        assert tx.silent_calls(NOW) == []


def test_recordings_are_found_by_what_they_belong_to(store: DialogueStore) -> None:
    made = Recording(NAME, "c1", RecordingKind.MESSAGE, "voicemail.prompt", NOW, provider_sid="RE1", seconds=7)
    with store.write() as tx:
        tx.add_conversation(a_conversation("c1"))
        ticket = tx.add_ticket(a_ticket())
        assert tx.add_recording(made) == made
        assert tx.add_recording(replace(made, id=OTHER)) == made, "the carrier tells the same recording twice"
        assert tx.unfetched_recordings(NOW, NOW + MINUTE) == [made]
        assert tx.unfetched_recordings(NOW + MINUTE, NOW + 2 * MINUTE) == []
        tx.save_recording(replace(made, ticket_id=ticket.id, state=RecordingState.STORED))
        assert tx.unfetched_recordings(NOW, NOW + MINUTE) == []
    with store.read() as tx:
        [known] = tx.recordings(ticket_id=ticket.id)
        assert tx.recordings(conversation_id="c1") == [known]
        assert tx.recording_of_carrier("RE1") == tx.recording(NAME) == known
        assert tx.recording_of_carrier("") is None
        assert tx.recordings_of([ticket.id, 99]) == {ticket.id: [known], 99: []}
        assert tx.recordings_before(NOW + MINUTE) == [known]
        assert tx.recordings_before(NOW) == []
    with store.write() as tx:
        tx.save_recording(replace(known, state=RecordingState.DELETED, deleted_at=NOW, deleted_by="worker"))
        assert tx.recordings_before(NOW + MINUTE) == []
        with pytest.raises(NotFound):
            tx.recording(OTHER)


def test_finished_tasks_are_forgotten_and_the_others_kept(store: DialogueStore) -> None:
    with store.write() as tx:
        ticket = tx.add_ticket(a_ticket())
        for key in ("done", "dead", "waiting"):
            tx.enqueue(a_task(key, ticket_id=ticket.id))
    done = store.claim(Lane.EMERGENCY, NOW, timedelta(minutes=1), "w")
    dead = store.claim(Lane.EMERGENCY, NOW, timedelta(minutes=1), "w")
    assert done
    assert dead
    with store.write() as tx:
        assert tx.task_done(done)
        assert tx.task_dead(dead, "gave up")
        assert tx.delete_finished_tasks(NOW) == 0
        assert tx.delete_finished_tasks(NOW + MINUTE) == 1
        assert {key for _, key, _, _ in tx.overdue_tasks(NOW + MINUTE)} == {"dead", "waiting"}


def test_the_first_answer_to_a_webhook_is_kept_for_a_while(store: DialogueStore) -> None:
    with store.write() as tx:
        assert tx.kept_answer("c hold 3 1") is None
        assert tx.keep_answer("c hold 3 1", "<Response/>", NOW) == "<Response/>"
        assert tx.keep_answer("c hold 3 1", "<Response><Say>2</Say></Response>", NOW) == "<Response/>"
        assert tx.keep_answer("c hold 3 2", "<Response/>", NOW + MINUTE) == "<Response/>"
    with store.read() as tx:
        assert tx.kept_answer("c hold 3 1") == "<Response/>"
    with store.write() as tx:
        assert tx.delete_answers(NOW) == 0
        assert tx.delete_answers(NOW + MINUTE) == 1
        assert tx.kept_answer("c hold 3 1") is None
        assert tx.kept_answer("c hold 3 2") == "<Response/>"


def test_sound_is_the_services_alone(tmp_path: Path) -> None:
    folder = SoundFolder(tmp_path / "recordings")
    folder.put(NAME, b"RIFF")
    folder.put(NAME, b"RIFF again")
    assert folder.path(NAME).read_bytes() == b"RIFF again"
    assert folder.path(NAME).stat().st_mode & 0o077 == 0
    assert [p.name for p in folder.path(NAME).parent.iterdir()] == [f"{NAME}.wav"]
    folder.remove(NAME)
    folder.remove(NAME)
    with pytest.raises(NotFound):
        folder.path("../../etc/passwd")


def test_what_was_said_so_far_grows_and_never_falls_back(store: DialogueStore) -> None:
    with store.write() as tx:
        talk = tx.add_conversation(a_conversation()).id
        assert tx.half_heard(talk) is None
        tx.keep_half_heard(talk, "turn-1", 1, "暖气管爆")
        tx.keep_half_heard(talk, "turn-1", 0, "暖")
        assert tx.half_heard(talk) == ("turn-1", "暖气管爆")
        tx.keep_half_heard(talk, "turn-2", 0, "不是")
    with store.read() as tx:
        assert tx.half_heard(talk) == ("turn-2", "不是")


def test_what_an_operator_can_hold_is_what_was_said_last(store: DialogueStore) -> None:
    with store.write() as tx:
        assert tx.chat_capacities() == {}
        tx.set_chat_capacity(1, 3)
        tx.set_chat_capacity(2, 0)
        tx.set_chat_capacity(1, 5)
    with store.read() as tx:
        assert tx.chat_capacities() == {1: 5, 2: 0}
