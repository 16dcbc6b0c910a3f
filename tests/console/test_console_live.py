"""Live pages: a version for each part, told by stream or by asking."""

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask
from werkzeug.test import TestResponse, create_environ

from console import live
from dialogue.chat import Side
from dialogue.conversation import Author
from dialogue.typing_mark import typing_topic
from tests.console.conftest import Person, sign_in
from tests.console.sample import Day, build_app
from tests.fakes import FakeStore, FixedClock


def events(answer: TestResponse) -> Iterator[tuple[str, str]]:
    """(event, data) as they arrive."""
    for chunk in answer.response:
        text = chunk.decode() if isinstance(chunk, bytes) else chunk
        fields = dict(line.partition(": ")[::2] for line in text.strip().splitlines())
        if "event" in fields:
            yield fields["event"], fields["data"]


def stream(person: Person, topics: str) -> TestResponse:
    answer = person.client.get(f"/console/events?topics={topics}", buffered=False)
    assert answer.status_code == 200
    assert answer.mimetype == "text/event-stream"
    return answer


def test_a_write_reaches_an_open_page(xiaoli: Person, store: FakeStore, clock: FixedClock, day: Day) -> None:
    answer = stream(xiaoli, f"queue,alarms,talk:{day.bot}")
    arriving = events(answer)
    first = json.loads(next(arriving)[1])
    assert set(first) == {"queue", "alarms", f"talk:{day.bot}"}
    with store.write() as tx:
        tx.add_message(day.bot, author=Author.RESIDENT, text="喂?", at=clock.now())
    news = json.loads(next(arriving)[1])
    assert set(news) == {"queue", f"talk:{day.bot}"}, "the alarms did not change"
    answer.close()


def test_a_page_is_told_the_version_it_shows(xiaoli: Person, day: Day) -> None:
    """Otherwise each part would fetch itself again at once, or for ever."""
    for path, topics in (
        ("/", ["queue", "running", "duty", "alarms"]),
        (f"/conversations/{day.phone}", [f"talk:{day.phone}", f"floor:{day.phone}", f"side:{day.phone}", "queue"]),
        (f"/tickets/{day.leak}", [f"ticket:{day.leak}", "alarms"]),
    ):
        page = xiaoli.get(path).text
        now = xiaoli.get(f"/events?now&topics={','.join(topics)}").json
        for topic in topics:
            assert f'data-topic="{topic}" data-version="{now[topic]}"' in page, topic


def test_understanding_that_comes_later_is_news(xiaoli: Person, store: FakeStore, clock: FixedClock, day: Day) -> None:
    def version() -> str:
        return str(xiaoli.get(f"/events?now&topics=talk:{day.bot}").json)

    with store.write() as tx:
        seq = tx.add_message(day.bot, author=Author.RESIDENT, text="漏水", at=clock.now()).seq
    before = version()
    with store.write() as tx:
        tx.set_message_data(day.bot, seq, {"understanding": {"intent": "leak_inside"}})
    assert version() != before


def test_a_draft_outlives_new_messages(xiaoli: Person, store: FakeStore, clock: FixedClock, day: Day) -> None:
    """The answer box belongs to the topic `floor`, which only a change of floor moves."""

    def version() -> str:
        return str(xiaoli.get(f"/events?now&topics=floor:{day.waiting}").json)

    before = version()
    with store.write() as tx:
        tx.add_message(day.waiting, author=Author.RESIDENT, text="在吗", at=clock.now())
    assert version() == before
    xiaoli.post(f"/conversations/{day.waiting}/take-over")
    assert version() != before


def test_time_alone_is_news(xiaoli: Person, clock: FixedClock) -> None:
    before = xiaoli.get("/events?now&topics=running").json
    clock.advance(minutes=4)
    assert xiaoli.get("/events?now&topics=running").json != before


def test_streams_are_capped_and_the_seat_is_given_back(store: FakeStore, clock: FixedClock, day: Day) -> None:
    assert day
    person = sign_in(build_app(store, clock, max_streams=1), "xiaoli")
    first = stream(person, "queue")
    next(events(first))
    refused = person.get("/events?topics=queue")
    assert refused.status_code == 503
    assert int(refused.headers["Retry-After"]) > 0
    assert "queue" in person.get("/events?now&topics=queue").json, "who is refused can still ask"
    first.close()
    for _ in range(2):
        leave_before_the_first_event(person)
    stream(person, "queue").close()


def leave_before_the_first_event(person: Person) -> None:
    """As a browser does that is closed at once: the server never asks the stream for anything."""
    cookie = person.client.get_cookie("session")
    assert cookie
    environ = create_environ("/console/events?topics=queue", headers={"Cookie": f"session={cookie.value}"})
    told: list[str] = []
    body = person.client.application.wsgi_app(environ, lambda status, *_: told.append(status))
    body.close()
    assert told == ["200 OK"]


@pytest.mark.parametrize("topics", ["", "secrets", "ticket:x", "queue," * 11, "ticket:-1"])
def test_topics_that_do_not_exist(xiaoli: Person, topics: str) -> None:
    assert xiaoli.get(f"/events?topics={topics}").status_code == 400


def test_what_has_vanished_does_not_end_the_stream(xiaoli: Person) -> None:
    assert xiaoli.get("/events?now&topics=ticket:999,talk:nobody").json == {"ticket:999": "gone", "talk:nobody": "gone"}


def test_a_quiet_stream_beats_and_ends(xiaoli: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "BEAT_SECONDS", 0.05)
    monkeypatch.setattr(live, "LIFE_SECONDS", 0.5)
    seen = [event for event, _ in events(stream(xiaoli, "alarms"))]
    assert seen[0] == "versions"
    assert set(seen[1:]) == {"beat"}


def test_a_closed_account_gets_no_stream(app: Flask, xiaoli: Person, store: FakeStore) -> None:
    assert app
    with store.write() as tx:
        tx.upsert_operator(replace(tx.operator(1), active=False))
    assert xiaoli.get("/events?topics=queue").status_code == 401


def test_only_the_holder_s_writing_is_told(xiaoli: Person, zhuguan: Person, store: FakeStore, day: Day) -> None:
    topic = typing_topic(day.held, Side.HOUSE)
    assert xiaoli.post(f"/conversations/{day.held}/typing").status_code == 204
    assert store.signalled(topic) == 0.0
    assert zhuguan.post(f"/conversations/{day.held}/typing").status_code == 204
    assert store.signalled(topic) > 0.0
