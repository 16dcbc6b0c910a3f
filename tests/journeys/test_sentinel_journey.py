"""The worker is killed while an emergency waits; the sentinel, a process of its own, shouts, and tells when it is over."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from fulfillment.open_ticket import Learned, TicketRequest, open_ticket
from fulfillment.standard import Standard
from fulfillment.ticket import Address, TicketState
from kernel.clock import SystemClock
from ops.town import BIN, HOME, Town
from storage import Store

PATIENCE = 120.0  # a machine that runs other tests beside this one starts processes slowly
DUTY_PHONE, SUPERVISORS = "+8619900000051", ("+8619900000061", "+8619900000062")

pytestmark = pytest.mark.nlu


@pytest.fixture
def watched(town: Town) -> Iterator[Town]:
    town.start("sentinel", str(BIN / "flask"), "--app", "app", "sentinel")
    town.wait(lambda: "sentinel_started" in town.logs(), PATIENCE)
    yield town
    if "worker" not in town.processes:
        town.start("worker", str(BIN / "flask"), "--app", "app", "worker")
    town.kill("sentinel")
    with Store(town.database_url) as store, store.write() as tx:
        for ticket in tx.tickets(only_open=True):
            tx.cancel_tasks(ticket.id, ["forward_emergency"])
            tx.save_ticket(replace(ticket, state=TicketState.CANCELLED))


def shouted(town: Town, word: str) -> dict[str, int]:
    """How many texts with this word each telephone has."""
    found: dict[str, int] = {}
    for text in httpx.get(f"{town.network}/api/texts").json():
        if word in text["body"]:
            found[text["to"]] = found.get(text["to"], 0) + 1
    return found


def test_a_killed_worker_is_shouted_about_and_its_return_is_told(watched: Town) -> None:
    town = watched
    town.kill("worker")
    now = SystemClock().now()
    with Store(town.database_url) as store, store.write() as tx:
        request = TicketRequest("leak_inside", "漏水", None, Learned(address=Address(community_id=1)))
        ticket, _ = open_ticket(tx, request, standard=Standard(HOME / "data"), now=now - timedelta(seconds=70))
    both = ({DUTY_PHONE}, set(SUPERVISORS))
    town.wait(lambda: all(people & set(shouted(town, "转接程序停了")) for people in both), PATIENCE)
    told = shouted(town, "转接程序停了")
    assert set(told.values()) == {1}, "once a minute"
    boss = next(number for number in SUPERVISORS if number in told)
    messages = httpx.get(f"{town.network}/api/phones/{boss}").json()["messages"]
    assert any("转接程序停了" in m["body"] for m in messages), "and by robot"
    town.start("worker", str(BIN / "flask"), "--app", "app", "worker")
    town.wait(lambda: DUTY_PHONE in shouted(town, "急修转接已恢复正常"), PATIENCE)
    with Store(town.database_url) as store, store.read() as tx:
        assert tx.attempts(ticket.id), "the emergency was not lost"


def test_a_misspelt_duty_robot_refuses_the_start(town: Town) -> None:
    """An alarm that reaches nobody must be found in daylight."""
    with pytest.raises(AssertionError, match="DUTY_ROBOT"):
        _with(town, DUTY_ROBOT="wecom://typo").run("flask", "--app", "app", "sentinel")


def _with(town: Town, **settings: str) -> Town:
    return replace(town, environment=town.environment | settings)
