"""The hold loop on the real stores: each webhook several times at once, while an operator writes. Nothing is lost or said twice."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from lxml import etree

from dialogue.conference import Conferences
from dialogue.conversation import Author, Channel, Conversation, Floor
from dialogue.script_book import ScriptBook
from ivr.calls import CallWebhooks
from ivr.twiml import TwimlWriter
from storage import Store
from tests.dialogue.talk import STANDARD
from tests.fakes import A_WINTER_DAY, FixedClock
from tests.ivr.conftest import LINE, ScriptedHotline
from tests.postgres import postgres_cluster, postgres_url
from tests.twilio_judges import action_of, spoken

__all__ = ["postgres_cluster", "postgres_url"]  # fixtures
STEPS = 15
DELIVERIES = 4


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def real_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    url = f"sqlite:///{tmp_path}/hold.db" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    with Store(url) as store:
        store.migrate()
        yield store


def test_lines_written_while_each_step_is_delivered_several_times(real_store: Store, book: ScriptBook) -> None:
    store, clock = real_store, FixedClock()
    writer = TwimlWriter(LINE, book, STANDARD.queue, place_names=())
    conferences = Conferences(store, book, clock, hotline=LINE.number, browser_lines=True)
    hotline = ScriptedHotline(store)  # type: ignore[arg-type] # it needs no more than the port
    calls = CallWebhooks(
        hotline, conferences, store, book, writer, clock, announce_every=timedelta(hours=1), relays=False
    )
    app = Flask("hold_twice")
    with store.write() as tx:
        tx.add_conversation(
            Conversation("c0ffee", Channel.PHONE, "CA1", "", Floor.OPERATOR, A_WINTER_DAY, A_WINTER_DAY)
        )

    def deliver(place: tuple[int, int]) -> bytes:
        with app.test_request_context(method="POST", data={}):
            return calls.hold("c0ffee", *place).data

    def write(n: int) -> None:
        with store.write() as tx:
            tx.add_message("c0ffee", author=Author.OPERATOR, text=f"第{n}句", at=A_WINTER_DAY)

    heard: list[str] = []
    place = (0, 1)
    with ThreadPoolExecutor(DELIVERIES + 1) as pool:
        for n in range(STEPS):
            first = pool.map(deliver, [place] * DELIVERIES)
            writing = pool.submit(write, n)
            answers = {*first, *pool.map(deliver, [place] * DELIVERIES)}
            writing.result()
            assert len(answers) == 1
            document = etree.fromstring(answers.pop())
            heard += spoken(document)
            after, step = action_of(document).split("/")[-2:]
            place = (int(after), int(step))
    heard += spoken(etree.fromstring(deliver(place)))
    assert heard == [f"第{n}句" for n in range(STEPS)]
