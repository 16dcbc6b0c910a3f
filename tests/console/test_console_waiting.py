"""The line as operators see it: places, callbacks in their turn, messages to be heard; and who is seen at the console."""

import re
import wave
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from structlog.testing import capture_logs

from fulfillment.outbox import TaskKind
from fulfillment.recording import Recording, RecordingKind, RecordingState
from fulfillment.resident_calls import Purpose
from fulfillment.ticket import Address, Ticket, TicketState
from fulfillment.waiting import Wait, WaitState
from kernel.clock import Clock
from tests.console.conftest import Person, sign_in
from tests.console.sample import Day
from tests.fakes import FakeStore, FixedClock

SOUND = "c" * 32


@pytest.fixture
def callback(app: Flask, store: FakeStore, day: Day, clock: FixedClock, tmp_path: Path) -> Wait:
    """Somebody who called first of all, left a message of a second and waits to be called back."""
    file = tmp_path / "made.wav"
    with wave.open(str(file), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(1)
        sound.setframerate(8000)
        sound.writeframes(b"\x80" * 8000)
    app.extensions["sounds"].put(SOUND, file.read_bytes())
    return promise(store, day.bot, clock)


def promise(store: FakeStore, conversation_id: str, clock: Clock, phone: str = "+8613511112222") -> Wait:
    since = clock.now() - timedelta(minutes=30)
    with store.write() as tx:
        ticket = tx.add_ticket(
            Ticket(
                0,
                "",
                "callback",
                TicketState.NEW,
                False,
                since,
                conversation_id,
                None,
                Address(),
                "",
                phone,
                "退费的事",
            )
        )
        wait = tx.keep_place(conversation_id, ticket_id=ticket.id, phone=phone, at=since)
        tx.add_recording(
            Recording(
                SOUND, conversation_id, RecordingKind.MESSAGE, "voicemail.prompt", since, "RE" + "1" * 32, 1,
                RecordingState.STORED, ticket.id,
            )
        )  # fmt: skip
        return wait


def turns(page: str) -> list[str]:
    """What stands in line, by the ids on the page, in order."""
    line = page.split('<ul class="in-line">', 1)[1].split("</ul>", 1)[0]
    return re.findall(r'id="((?:talk|callback)-[^"]+)"', line)


def test_the_line_is_in_the_order_residents_are_told(xiaoli: Person, day: Day, callback: Wait) -> None:
    page = xiaoli.get("/").text
    assert turns(page) == [f"talk-{day.phone}", f"callback-{callback.id}", f"talk-{day.waiting}"], "danger first"
    assert "139 0000" not in page
    assert "135****2222" in page.replace(" ", "") or "135 **** 2222" in page
    assert f"/console/recordings/{SOUND}" in page


def test_whoever_presses_the_button_speaks_with_the_resident(
    xiaoli: Person, zhuguan: Person, store: FakeStore, callback: Wait
) -> None:
    told = xiaoli.told(xiaoli.post(f"/callbacks/{callback.id}"))
    assert "正在回拨" in told
    assert xiaoli.post(f"/callbacks/{callback.id}").status_code == 303, "pressed twice"
    assert "小李" in zhuguan.post(f"/callbacks/{callback.id}").text
    wait = store.tables.waits[callback.id]
    assert (wait.state, wait.operator_id) == (WaitState.TAKEN, 1)
    rings = [r.task for r in store.tables.tasks.values() if r.task.kind is TaskKind.CALL_RESIDENT]
    assert len(rings) == 1
    with store.read() as tx:
        [call] = tx.resident_calls(callback.ticket_id or 0)
    assert (call.purpose, call.operator_id) == (Purpose.CALLBACK, 1)
    assert f"callback-{callback.id}" not in xiaoli.get("/").text


def test_a_message_without_a_number_is_taken_and_heard(
    xiaoli: Person, store: FakeStore, day: Day, clock: FixedClock
) -> None:
    wait = promise(store, day.bot, clock, phone="")
    assert "没有留下号码" in xiaoli.told(xiaoli.post(f"/callbacks/{wait.id}"))
    assert not [r for r in store.tables.tasks.values() if r.task.kind is TaskKind.CALL_RESIDENT]


def test_a_recording_is_heard_in_ranges_by_those_who_may_and_that_is_on_record(
    xiaoli: Person, app: Flask, callback: Wait
) -> None:
    address = f"/recordings/{SOUND}"
    with (
        capture_logs() as logs,
        xiaoli.get(address) as whole,
        xiaoli.get(address, headers={"Range": "bytes=4000-4999"}) as part,
    ):
        sizes = [len(answer.data) for answer in (whole, part)]
    assert sizes == [8044, 1000]
    assert (whole.status_code, whole.mimetype) == (200, "audio/wav")
    assert (part.status_code, part.headers["Content-Range"]) == (206, "bytes 4000-4999/8044")
    looked = [e["subject"] for e in logs if e["event"] == "audit.looked"]
    assert looked == [f"recording:{SOUND}"], "seeking is not listening anew"
    assert "media-src 'self'" in whole.headers["Content-Security-Policy"]
    assert whole.headers["Cache-Control"] == "no-store"
    assert app.test_client().get(f"/console{address}").status_code == 302
    assert xiaoli.get("/recordings/../../etc/passwd").status_code == 404
    assert callback.ticket_id


def test_only_a_supervisor_deletes_a_recording(
    xiaoli: Person, zhuguan: Person, store: FakeStore, callback: Wait
) -> None:
    ticket = f"/tickets/{callback.ticket_id}"
    assert "确认删除录音" not in xiaoli.get(ticket).text
    assert xiaoli.post(f"/recordings/{SOUND}/delete").status_code == 403
    assert "确认删除录音" in zhuguan.get(ticket).text
    assert "录音已删除" in zhuguan.told(zhuguan.post(f"/recordings/{SOUND}/delete"))
    assert store.tables.recordings[SOUND].deleted_by == "周主管"
    assert zhuguan.get(f"/recordings/{SOUND}").status_code == 404
    assert [r.task.kind for r in store.tables.tasks.values()] == [TaskKind.DELETE_RECORDING]


def test_an_open_page_is_presence_and_signing_out_ends_it(xiaoli: Person, store: FakeStore, clock: FixedClock) -> None:
    def present() -> frozenset[int]:
        with store.read() as tx:
            return tx.present_operators(clock.now() - timedelta(minutes=1))

    assert present() == frozenset(), "having signed in is not being there"
    assert "没有坐席在线" not in xiaoli.get("/").text
    assert present() == {1}
    clock.advance(minutes=2)
    assert present() == frozenset()
    xiaoli.post("/logout")
    assert store.tables.presence == {}


def test_who_signs_in_again_is_there_with_the_first_page(app: Flask, xiaoli: Person, store: FakeStore) -> None:
    xiaoli.get("/")
    with store.write() as tx:
        tx.operator_left(1)  # as a second web process does it, whose page he signed out on
    sign_in(app, "xiaoli").get("/")
    assert set(store.tables.presence) == {1}
