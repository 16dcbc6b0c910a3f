"""From a leak on the telephone to an acceptance in a chat: real worker, web process, library and network, nobody rings."""

import re
from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest

from fulfillment.ticket import Ticket, TicketState
from ops.town import Town
from simulator.play import Player, read_script
from storage import Store

KNOWN, BUTLER, DEPUTY = "+8619911000001", "+8619900000011", "+8619900000021"
LEAK = ["> 家里暖气管爆了,水喷得到处都是", "? 关掉漏水暖气片前面的阀门", "hang up"]

pytestmark = pytest.mark.nlu


@pytest.fixture(autouse=True)
def _telephones_off(town: Town) -> Iterator[None]:
    """The butlers are reached by chat or not at all."""
    for number in (BUTLER, DEPUTY):
        httpx.put(f"{town.network}/api/phones/{number}", json={"state": "off"}).raise_for_status()
    yield
    with Store(town.database_url) as store, store.write() as tx:
        for ticket in tx.tickets(only_open=True):
            tx.cancel_tasks(ticket.id, ["forward_emergency"])
            tx.save_ticket(replace(ticket, state=TicketState.CANCELLED))
    for number in (BUTLER, DEPUTY):
        httpx.put(f"{town.network}/api/phones/{number}", json={"state": "on"})


def ticket_of(town: Town) -> Ticket:
    with Store(town.database_url) as store, store.read() as tx:
        return max(tx.tickets(only_open=True), key=lambda t: t.id)


def messages(town: Town, number: str) -> list[str]:
    return [m["body"] for m in httpx.get(f"{town.network}/api/phones/{number}").json().get("messages", [])]


def test_a_leak_is_accepted_by_the_link_of_a_robots_message(town: Town) -> None:
    before = len(messages(town, BUTLER))
    heard: list[str] = []
    try:
        Player(town.network, KNOWN, heard.append, limit_seconds=30).play(read_script(LEAK))
        town.wait(lambda: len(messages(town, BUTLER)) > before)
    except Exception as exc:
        raise AssertionError(f"{exc}\n" + "\n".join(heard) + town.logs()) from exc
    message = messages(town, BUTLER)[-1]
    found = re.search(r"http://\S+/w/\S+", message)
    assert found, message
    assert "王建军" in message
    assert "19911000001" not in message, "no resident's number in a chat"
    page = httpx.get(found[0])
    assert page.status_code == 200
    assert "我来处理" in page.text
    assert "住户关阀" in page.text, "the safety words were spoken and the page says so"
    assert ticket_of(town).state is TicketState.NEW, "looking is no acceptance"
    accepted = httpx.post(f"{found[0]}/accept", follow_redirects=True)
    assert "已由您接单" in accepted.text
    ticket = ticket_of(town)
    assert (ticket.state, ticket.acknowledged_by) == (TicketState.ACKNOWLEDGED, "王建军")
    with Store(town.database_url) as store, store.read() as tx:
        facts = [e.key for e in tx.timeline(ticket.id)]
        attempts = {a.channel: a.outcome for a in tx.attempts(ticket.id) if a.staff_id == ticket.assignee_id}
    assert {"robot_sent", "accepted"} <= set(facts)
    assert attempts["robot"] == "accepted"
