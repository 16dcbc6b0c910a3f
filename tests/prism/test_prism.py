"""The main journeys with a foreign judge between the product and the telephone network, which hears both sides."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from fulfillment.ticket import TicketState
from ops.town import Town
from simulator.play import Player, read_script
from storage import Store
from tests.journeys.chatting import Chat
from tests.prism.conftest import Prism

JOURNEYS = Path(__file__).parents[1] / "journeys"
KNOWN = "+8619911000001"
BUTLER, DEPUTY = "+8619900000011", "+8619900000021"

pytestmark = pytest.mark.nlu


@pytest.fixture(autouse=True)
def _a_quiet_town(town: Town) -> Iterator[None]:
    yield
    with Store(town.database_url) as store, store.write() as tx:
        for ticket in tx.tickets(only_open=True):
            tx.cancel_tasks(ticket.id, ["forward_emergency"])
            tx.save_ticket(replace(ticket, state=TicketState.CANCELLED))
    for number in (BUTLER, DEPUTY):
        httpx.put(f"{town.network}/api/phones/{number}", json={"state": "on"})
        httpx.post(f"{town.network}/api/phones/{number}/hangup", json={})


def placed(town: Town, number: str) -> list[str]:
    record = httpx.get(f"{town.network}/api/record").json()
    return [c["sid"] for c in record["calls"] if c["number"] == number and c["direction"] == "outbound-api"]


def test_the_judge_can_refuse(town: Town, prism: Prism) -> None:
    """Otherwise the silence of the other tests says nothing."""
    before = len(prism.violations())
    url = f"{prism.url}/2010-04-01/Accounts/{town.account}/Calls.json"
    form = {"To": BUTLER, "From": "+8641188880000", "Url": f"{town.web}/ivr/alarms/x", "Timeout": "soon"}
    refused = httpx.post(url, data=form, auth=(town.account, town.token), timeout=20)
    assert refused.status_code == 422
    assert "Timeout" in refused.text
    town.wait(lambda: len(prism.violations()) > before, 10)
    prism.log.write_bytes(b"")  # the server appends: from here on the log is the other tests'


@pytest.mark.parametrize("journey", ["leak", "human", "complaint"])
def test_a_call(town: Town, prism: Prism, journey: str) -> None:
    heard: list[str] = []
    script = (JOURNEYS / "phone" / f"{journey}.txt").read_text(encoding="utf-8")
    try:
        Player(town.network, KNOWN, heard.append, limit_seconds=40).play(read_script(script.splitlines()))
    except Exception as exc:
        raise AssertionError(f"{exc}\n" + "\n".join(heard) + town.logs()) from exc
    assert prism.violations() == []


def test_an_alarm_that_nobody_hears_and_one_whose_answer_gets_lost(town: Town, prism: Prism) -> None:
    """Calls, texts, the look at the list of calls, and the next rung."""
    before = {n: len(placed(town, n)) for n in (BUTLER, DEPUTY)}
    httpx.put(f"{town.network}/api/phones/{BUTLER}", json={"state": "no-answer"})
    # The first call's answer and the first text's, whichever goes out first.
    httpx.post(f"{town.network}/api/faults", json={"fault": "lost", "count": 2})
    with Chat(town.web) as chat:
        chat.send("家里暖气管爆了,水喷得到处都是,翠湖花园三号楼二单元五零一")
    town.wait(lambda: len(placed(town, DEPUTY)) > before[DEPUTY], 40)
    assert len(placed(town, BUTLER)) - before[BUTLER] == 1
    town.wait(lambda: any(line.startswith("get /2010") and "Calls" in line for line in prism.judged()), 40)
    assert any("Messages.json" in line for line in prism.judged())
    assert prism.violations() == []
