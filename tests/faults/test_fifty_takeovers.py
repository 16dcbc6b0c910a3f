"""Fifty people press 接手会话 for the same resident in the same moment, over HTTP, on each database: one has him, all others are told who."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from threading import Barrier

import httpx
import pytest

from dialogue.conversation import Floor
from fulfillment.company import Operator, OperatorRole
from ops.town import Town
from storage import Store
from tests.faults.conftest import csrf_token, sign_in
from tests.faults.records import cancel_open_tickets, read
from tests.journeys.chatting import Chat

pytestmark = pytest.mark.nlu
MANY = 50
FROM_ONE_ADDRESS = 5  # the login counts tries by address


@pytest.fixture(params=["town", pytest.param("grown", marks=pytest.mark.postgres)])
def place(request: pytest.FixtureRequest) -> Town:
    found: Town = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def crowd(place: Town) -> Iterator[list[Operator]]:
    """Supervisors: nothing is given to them that they do not take."""
    like = next(one for one in read(place, lambda tx: tx.operators()) if one.login == "lead")
    many = [replace(like, id=0, login=f"taker{n}", name=f"抢{n}") for n in range(MANY)]
    with Store(place.database_url) as store, store.write() as tx:
        for one in many:
            tx.upsert_operator(replace(one, role=OperatorRole.SUPERVISOR))
        known = [one for one in tx.operators() if one.login.startswith("taker")]
    yield known
    cancel_open_tickets(place)
    with Store(place.database_url) as store, store.write() as tx:
        for one in known:
            tx.operator_left(one.id)
            tx.upsert_operator(replace(one, active=False))


def test_one_has_the_resident_and_all_others_are_told_who(place: Town, crowd: list[Operator]) -> None:
    together = Barrier(MANY, timeout=60)

    def takes(browser: httpx.Client, page: str, token: str) -> str:
        together.wait()
        answer = browser.post(f"{page}/take-over", data={"csrf_token": token})
        assert answer.status_code == httpx.codes.SEE_OTHER, answer.text
        return browser.get(page).text

    with Chat(place.web) as chat, ExitStack() as open_browsers, ThreadPoolExecutor(MANY) as pool:
        browsers = []
        for n, one in enumerate(crowd):
            road = httpx.HTTPTransport(local_address=f"127.0.0.{2 + n // FROM_ONE_ADDRESS}")
            client = httpx.Client(base_url=place.web, timeout=60, transport=road)
            browsers.append(open_browsers.enter_context(client))
            sign_in(client, one.login)
        chat.send("转人工")
        page = f"/console/conversations/{chat.conversation_id}"
        before = read(place, lambda tx: tx.conversation(chat.conversation_id))
        assert before.floor is Floor.QUEUE
        tokens = [csrf_token(browser.get(page).text) for browser in browsers]
        pages = list(pool.map(takes, browsers, [page] * MANY, tokens))
        after = read(place, lambda tx: tx.conversation(chat.conversation_id))
        said = [m.data.get("script") for m in read(place, lambda tx: tx.messages(chat.conversation_id))]

    [winner] = [one for one, seen in zip(crowd, pages, strict=True) if "由您接待</span>" in seen]
    told = [seen for seen in pages if f"会话已由 {winner.name} 接手" in seen and f"{winner.name} 正在接待" in seen]
    assert len(told) == MANY - 1
    assert (after.floor, after.operator_id, after.epoch) == (Floor.OPERATOR, winner.id, before.epoch + 1)
    assert said.count("handoff.taken") == 1, "the resident hears of one person, once"
