"""The official account through real processes, and a WeChat on this machine (E; G7e, G4a, W6e).

A leak is answered with what to do while the butler's telephone rings; a cold room becomes a ticket; an operator answers
from the console; what is understood too slowly is answered later, once; 48 hours later WeChat takes nothing.
"""

import itertools
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import pytest

from dialogue.conversation import Author, Channel, Conversation
from fulfillment.ticket import Ticket, TicketState
from ops.town import PASSWORD, Town
from storage import Store
from tests.faults.faulty_nlu import Fault, FaultyNlu
from tests.webchat.test_pictures import photograph

pytestmark = pytest.mark.nlu

LEAK = "家里暖气管爆了,水喷得到处都是,翠湖花园3号楼2单元502"
COLD = ("家里暖气温吞吞的不够热", "翠湖花园3号楼2单元601", "暖气片", "十五六度", "19911000097", "我姓周", "明天下午")
_followers = itertools.count(1)


@pytest.fixture(scope="module")
def nlu(nlu_url: str) -> Iterator[FaultyNlu]:
    with FaultyNlu(nlu_url) as server:
        yield server


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory, nlu: FaultyNlu) -> Iterator[Town]:
    with Town(tmp_path_factory.mktemp("town"), nlu.url, environment={"NLU_TIMEOUT_SECONDS": "5"}) as running:
        yield running


@dataclass
class Resident:
    """Somebody with WeChat."""

    town: Town
    openid: str = field(default_factory=lambda: f"o-resident-{next(_followers)}")
    took: list[float] = field(default_factory=list)

    def sends(self, **message: str) -> str:
        address = f"{self.town.network}/api/wechat/{self.openid}/messages"
        told = httpx.post(address, json=message, timeout=30)
        assert told.status_code == 200, f"{told.text}\n{self.town.logs()}"
        self.took += told.json()["seconds"]
        return str(told.json()["answer"])

    def says(self, text: str) -> str:
        return self.sends(MsgType="text", Content=text)

    def shown(self) -> list[dict[str, Any]]:
        lines: list[dict[str, Any]] = httpx.get(f"{self.town.network}/api/wechat/{self.openid}").json()
        return lines

    def messages(self) -> list[str]:
        return [line["text"] for line in self.shown() if line.get("how") == "message"]

    def conversation(self) -> Conversation:
        with Store(self.town.database_url) as store, store.read() as tx:
            found = tx.conversation_by_external_id(Channel.WECHAT, f"{self.openid}-1")
        assert found is not None
        return found

    def tickets(self) -> list[Ticket]:
        with Store(self.town.database_url) as store, store.read() as tx:
            return list(tx.open_tickets(conversation_id=self.conversation().id))


@pytest.fixture
def resident(town: Town) -> Iterator[Resident]:
    someone = Resident(town)
    yield someone
    with Store(town.database_url) as store, store.write() as tx:
        for ticket in tx.tickets(only_open=True):
            tx.cancel_tasks(ticket.id, ["forward_emergency"])
            tx.save_ticket(replace(tx.ticket(ticket.id), state=TicketState.CANCELLED))


@pytest.fixture
def console(town: Town) -> Iterator[Callable[..., httpx.Response]]:
    """Posts a form of the console as operator op1."""
    with httpx.Client(base_url=town.web, follow_redirects=True, timeout=20) as client:

        def post(path: str, **form: str) -> httpx.Response:
            page = client.get("/console/login" if path == "/login" else "/console/health").text
            token = re.search(r'name="csrf_token" value="([^"]+)"', page)
            assert token, page[:500]
            return client.post(f"/console{path}", data={"csrf_token": token[1], **form}).raise_for_status()

        post("/login", login="op1", password=PASSWORD)
        yield post


def test_a_leak_is_answered_with_what_to_do_while_the_butler_is_rung(town: Town, resident: Resident) -> None:
    assert "温心01号" in resident.sends(MsgType="event", Event="subscribe", EventKey="")
    answer = resident.says(LEAK)
    assert "马上关掉漏水暖气片前的阀门" in answer.replace("能够到的话,", "")
    assert resident.took[-1] < 4.5
    [ticket] = resident.tickets()
    assert (ticket.kind, ticket.emergency) == ("leak_inside", True)

    def rung() -> bool:
        with Store(town.database_url) as store, store.read() as tx:
            return any(a.channel == "voice" and a.provider_sid for a in tx.attempts(ticket.id))

    town.wait(rung)
    assert resident.messages() == [], "nothing is said twice"


def test_a_cold_room_becomes_a_ticket_and_a_photograph_goes_with_it(town: Town, resident: Resident) -> None:
    answers = [resident.says(text) for text in COLD]
    assert "哪个小区" in answers[0]
    assert "温心01号" in answers[0], "the greeting stands above the first answer"
    assert "跟您核对一下" in answers[-1], answers
    label = re.search(r"msgmenucontent=([^&]+)&", answers[-1])
    assert label
    assert "工单号" in resident.says(label[1]), "the first button is yes"
    [ticket] = resident.tickets()
    assert ticket.kind == "cold_room"
    httpx.put(f"{town.network}/api/wechat/media/m1", content=photograph(800, 600, exif=True))
    assert "已经附在您的工单上" in resident.sends(MsgType="image", MediaId="m1", PicUrl="http://example.cn/x")
    assert max(resident.took) < 4.5


def test_an_operator_answers_from_the_console_and_sees_what_wechat_would_not_take(
    town: Town, resident: Resident, console: Callable[..., httpx.Response]
) -> None:
    resident.says("转人工")
    conversation = resident.conversation()
    console(f"/conversations/{conversation.id}/take-over")
    console(f"/conversations/{conversation.id}/answer", text="您好,我是接线员,请讲。", client_id="a" * 32)
    town.wait(lambda: any("我是接线员,请讲" in text for text in resident.messages()))
    assert sum("我是接线员,请讲" in text for text in resident.messages()) == 1
    assert resident.says("我想问退费的事") == "", "the bot is silent, and WeChat is content"
    page = console(f"/conversations/{conversation.id}/answer", text="好的。", client_id="b" * 32).text
    assert "微信" in page
    town.wait(lambda: "好的。" in resident.messages())
    httpx.put(f"{town.network}/api/wechat/{resident.openid}", json={"open": False})
    console(f"/conversations/{conversation.id}/answer", text="还在吗?", client_id="c" * 32)

    def last() -> dict[str, Any]:
        with Store(town.database_url) as store, store.read() as tx:
            said = [m for m in tx.messages(conversation.id) if m.author is Author.OPERATOR]
        return said[-1].data

    town.wait(lambda: last().get("kept_back") == "window")
    assert "超过48小时" in console(f"/conversations/{conversation.id}/take-over").text
    assert "还在吗?" not in resident.messages()


def test_what_is_understood_too_slowly_is_answered_later_once(town: Town, resident: Resident, nlu: FaultyNlu) -> None:
    resident.says("你好")
    nlu.fail(Fault.HANG)
    try:
        assert resident.says("我家那个东西好像不太对劲啊") == ""
        assert resident.took[-1] < 4.5, "WeChat waits five seconds"
        began = time.monotonic()
        town.wait(lambda: len(resident.messages()) == 1)
        assert time.monotonic() - began < 4, "as soon as it is there, not when the promise runs out"
        assert "马上关掉漏水暖气片前的阀门" in resident.says(LEAK).replace("能够到的话,", ""), (
            "danger waits for no model"
        )
    finally:
        nlu.fail(Fault.NONE)
    town.wait(lambda: not _unfinished(town))
    assert len(resident.messages()) == 1


def _unfinished(town: Town) -> list[Any]:
    """Promises to answer or to send that are still open."""
    with Store(town.database_url) as store, store.read() as tx:
        conversations = [c for c in tx.recent_conversations() if c.channel is Channel.WECHAT]
        lines = [m for c in conversations for m in tx.messages(c.id)]
    return [m for m in lines if m.author is Author.BOT and not {"left", "kept_back"} & set(m.data)]


def test_the_menu_is_taken(town: Town) -> None:
    assert "menu is set" in town.run("flask", "--app", "app", "wechat-menu")
    menu = httpx.get(f"{town.network}/api/wechat/menu").json()
    assert f"{town.web}/chat/" in str(menu)
