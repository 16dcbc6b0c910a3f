"""The whole product on the database to grow on: one leak on each channel, as the journeys play them."""

import httpx
import pytest

from ops.town import Town
from simulator.play import Player, read_script
from tests.faults.records import read
from tests.journeys.chatting import Chat
from tests.journeys.test_journeys import HERE, KNOWN

pytestmark = [pytest.mark.nlu, pytest.mark.postgres]


def test_a_leak_on_each_channel(grown: Town) -> None:
    heard: list[str] = []
    player = Player(grown.network, KNOWN, heard.append, limit_seconds=60)
    player.play(read_script((HERE / "phone" / "leak.txt").read_text(encoding="utf-8").splitlines()))
    with Chat(grown.web) as chat:
        transcript = chat.play(HERE / "chat" / "leak.txt")
    on_the_phone, in_the_chat = sorted(read(grown, lambda tx: tx.tickets(only_open=True)), key=lambda t: t.id)
    assert (on_the_phone.emergency, bool(on_the_phone.acknowledged_by)) == (True, True), "\n".join(heard)
    assert in_the_chat.emergency, transcript
    grown.wait(lambda: read(grown, lambda tx: tx.attempts(in_the_chat.id)), 10)
    assert httpx.get(f"{grown.network}/violations.json").json() == []
