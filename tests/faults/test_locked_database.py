"""Another process holds the database: a short lock costs a wait, a long one a sentence and the duty phone. Never silence."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx
import pytest

from ops.town import Town
from tests.faults.calling import CARRIER_LIMIT_SECONDS, Call
from tests.faults.records import conversation_of, ticket_of, utterances
from tests.journeys.chatting import Chat

pytestmark = pytest.mark.nlu
LEAK = "家里暖气管爆了,水喷得到处都是,翠湖花园三号楼二单元五零一"
DUTY_PHONE = "+8619900000051"
#: The carrier's fifteen, less what a busy network takes.
WEBHOOK_WITHIN_SECONDS = CARRIER_LIMIT_SECONDS - 2


@contextmanager
def locked(town: Town, *pieces: float) -> Iterator[None]:
    """For so many seconds, with a breath between the pieces."""
    holds = threading.Event()

    def hold() -> None:
        other = sqlite3.connect(urlsplit(town.database_url).path, isolation_level=None, timeout=30)
        for seconds in pieces:
            other.execute("BEGIN EXCLUSIVE")
            holds.set()
            until_released.wait(seconds)
            other.execute("ROLLBACK")
            time.sleep(0.15)
        other.close()

    until_released = threading.Event()
    holder = threading.Thread(target=hold)
    holder.start()
    assert holds.wait(30)
    try:
        yield
    finally:
        until_released.set()
        holder.join()


def test_three_seconds_are_waited_for(town: Town) -> None:
    call, chat = Call(town), Chat(town.web)
    with chat:
        with locked(town, 3):
            assert "阀门" in call.say(LEAK)
            assert 1 < call.seconds < WEBHOOK_WITHIN_SECONDS
        with locked(town, 3):
            chat.send("家里暖气管爆了,水喷得到处都是")
        assert "阀门" in chat.said()
    assert call.open
    assert not call.dialled
    assert ticket_of(town, conversation_of(town, call.sid).id).emergency


def test_twenty_seconds_end_at_the_duty_phone_and_lose_nothing(town: Town) -> None:
    call = Call(town)
    chat = Chat(town.web)
    with chat:
        with locked(town, 20):
            refused: list[httpx.Response] = []

            def type_on() -> None:
                try:
                    chat.send("家里暖气管爆了", client_id="a" * 24)
                except httpx.HTTPStatusError as exc:
                    refused.append(exc.response)

            typing = threading.Thread(target=type_on)
            typing.start()
            words = call.say(LEAK)
            assert call.seconds < WEBHOOK_WITHIN_SECONDS
            assert "阀门" in words, "what to do about a leak"
            assert call.dialled == DUTY_PHONE
            after = call.next
            typing.join()
            assert refused[0].status_code == 503
            assert refused[0].json()["error"]["message"], "a sentence for the resident"
            began = time.monotonic()
            assert httpx.get(f"{town.web}/healthz", timeout=15).status_code in (200, 503)
            assert httpx.get(f"{town.web}/console/login", timeout=15).status_code == 200
            assert time.monotonic() - began < 5, "pages that only read go on"
        chat.send("家里暖气管爆了", client_id="a" * 24)
        assert "阀门" in chat.said(), "the page sends again and is answered"
    again = call.line.post(after, {"CallSid": call.sid, "From": call.caller, "DialCallStatus": "no-answer"})
    assert DUTY_PHONE in again.text, "the duty phone is dialled again"
    # The carrier's repeated delivery, or the next call, finds a product that works.
    path, form = call._last
    assert "阀门" in call.line.post(path, form).text
    conversation = conversation_of(town, call.sid)
    assert len(utterances(town, conversation.id)) == 1
    assert ticket_of(town, conversation.id).nudges == 0


def test_a_new_call_during_a_lock_is_not_silent_either(town: Town) -> None:
    with locked(town, 20):
        began = time.monotonic()
        call = Call(town)
        assert time.monotonic() - began < WEBHOOK_WITHIN_SECONDS
        assert "阀门" in call.words
        assert call.dialled == DUTY_PHONE


def test_locks_one_after_another_do_not_add_up(town: Town) -> None:
    """Each alone would be waited out; the webhook's time is one for all its transactions."""
    call = Call(town)
    with locked(town, 7, 7, 7):
        call.say("我要申请测温")
        assert call.seconds < WEBHOOK_WITHIN_SECONDS, "whatever it says by then"
    assert call.words.strip()
