"""Whole journeys against the real Rasa server, worker, web process and telephone network; one readable file each."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from fulfillment.ticket import Ticket, TicketState
from ops.town import Town
from simulator.play import Player, read_script
from storage import Store
from tests.journeys.chatting import Chat

HERE = Path(__file__).parent
KNOWN, STRANGER = "+8619911000001", "+8619955559999"
BUTLERS = ("+8619900000011", "+8619900000021")

#: What each journey leaves behind: the kind of its newest ticket, "" = none.
LEAVES = {
    "leak": "leak_inside", "leak_stranger": "leak_inside", "cold_room": "cold_room", "temperature_test": "temperature_test",
    "billing": "", "out_of_scope": "", "human": "callback", "complaint": "complaint",
}  # fmt: skip

pytestmark = pytest.mark.nlu


@pytest.fixture(autouse=True)
def _a_quiet_town(town: Town) -> Iterator[None]:
    """Every journey starts with all telephones idle and without open tickets."""
    yield
    with Store(town.database_url) as store, store.write() as tx:
        for ticket in tx.tickets(only_open=True):
            tx.cancel_tasks(ticket.id, ["forward_emergency"])
            tx.save_ticket(replace(ticket, state=TicketState.CANCELLED))
    for number in BUTLERS:
        httpx.put(f"{town.network}/api/phones/{number}", json={"state": "on"})
        httpx.post(f"{town.network}/api/phones/{number}/hangup", json={})


def newest(town: Town) -> Ticket | None:
    with Store(town.database_url) as store, store.read() as tx:
        return max(tx.tickets(only_open=True), key=lambda t: t.id, default=None)


@pytest.mark.parametrize("script", sorted((HERE / "phone").glob("*.txt")), ids=lambda p: p.stem)
def test_on_the_phone(town: Town, script: Path) -> None:
    heard: list[str] = []
    caller = STRANGER if "stranger" in script.stem else KNOWN
    player = Player(town.network, caller, heard.append, limit_seconds=30)
    try:
        player.play(read_script(script.read_text(encoding="utf-8").splitlines()))
    except Exception as exc:
        raise AssertionError(f"{exc}\n" + "\n".join(heard) + town.logs()) from exc
    ticket = newest(town)
    assert (ticket.kind if ticket else "") == LEAVES[script.stem], "\n".join(heard)
    if ticket and ticket.emergency:
        assert ticket.acknowledged_by, "somebody named has accepted"
        with Store(town.database_url) as store, store.read() as tx:
            facts = [e.key for e in tx.timeline(ticket.id)]
        assert "accepted" in facts
    violations = httpx.get(f"{town.network}/violations.json").json()
    assert violations in ([], {"violations": []}), json.dumps(violations, ensure_ascii=False)


@pytest.mark.parametrize("script", sorted((HERE / "chat").glob("*.txt")), ids=lambda p: p.stem)
def test_in_the_chat(town: Town, script: Path) -> None:
    with Chat(town.web) as chat:
        transcript = chat.play(script)
    ticket = newest(town)
    assert (ticket.kind if ticket else "") == LEAVES[script.stem], transcript
    if ticket and ticket.emergency:
        rings = f"{town.network}/api/desk"
        town.wait(lambda: any(p["number"] in BUTLERS and p["call"] for p in httpx.get(rings).json()["phones"]))
