"""Emergencies on a carrier account of their own: whole processes, the network with two accounts."""

import secrets

import httpx
import pytest

from kernel.clock import SystemClock
from ops.town import Town
from simulator.play import Player, read_script
from storage import Store

RESIDENT, BUTLER, EMERGENCIES = "+8619911000001", "+8619900000011", "+8525550009999"
LEAK = "? 请问有什么可以帮您\n> 家里暖气管爆了\n? 关掉漏水暖气片前面的阀门\nhang up"
ACCEPTS = "answer\n? 按1\n# 1\n? 接单"

pytestmark = pytest.mark.nlu


def test_the_butler_is_rung_and_texted_by_the_second_account(
    tmp_path_factory: pytest.TempPathFactory, nlu_url: str
) -> None:
    account = "AC" + secrets.token_hex(16)
    own = {
        "EMERGENCY_ACCOUNT_SID": account,
        "EMERGENCY_AUTH_TOKEN": secrets.token_hex(16),
        "EMERGENCY_FROM_NUMBER": EMERGENCIES,
    }
    with Town(tmp_path_factory.mktemp("town"), nlu_url, environment=own) as town:
        Player(town.network, RESIDENT, print, limit_seconds=30).play(read_script(LEAK.splitlines()))
        Player(town.network, BUTLER, print, limit_seconds=30).play(read_script(ACCEPTS.splitlines()), rung=True)
        with Store(town.database_url) as store, store.read() as tx:
            [ticket] = tx.tickets(only_open=True)
            assert ticket.acknowledged_by == "王建军", town.logs()
            assert ticket.acknowledged_at < SystemClock().now()
        [call, *_] = httpx.get(f"{town.network}/api/calls", params={"number": BUTLER}).json()
        assert call["from"] == EMERGENCIES
        texts = httpx.get(f"{town.network}/api/texts", params={"number": BUTLER}).json()
        assert {t["from"] for t in texts} == {EMERGENCIES}
        listed = httpx.get(
            f"{town.network}/2010-04-01/Accounts/{town.account}/Calls.json", auth=(town.account, town.token)
        ).json()["calls"]
        assert BUTLER not in {c["to"] for c in listed}, "one account does not see the other's calls"
        assert httpx.get(f"{town.network}/violations.json").json() == []
