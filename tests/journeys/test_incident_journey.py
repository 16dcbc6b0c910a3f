"""A burst main through real processes: reports suggest it, a supervisor confirms it in the console, a caller hears of it
first, a leak in the middle of it is alarmed, the end reaches telephones (B4, G7e, B7).
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from fulfillment.incident import Incident, IncidentState, Recheck
from fulfillment.open_ticket import Learned, TicketRequest, open_ticket
from fulfillment.standard import Standard
from fulfillment.ticket import Address, Ticket, TicketState
from kernel.clock import local
from ops.town import HOME, PASSWORD, Town
from simulator.play import Player, read_script
from storage import Store

KNOWN = "+8619911000001"  # of 翠湖花园 3-2-501
NEIGHBOURS = [f"+86199777700{n:02d}" for n in range(3)]
BUILDING = frozenset({"77"})  # nobody else's
TITLE = "翠湖花园七十七号楼抢修,暂停供暖"
CALL = [
    f"? {TITLE}",
    "? 请问有什么可以帮您",
    "> 家里暖气管爆了,水喷得到处都是",
    "? 关掉漏水暖气片前面的阀门",
    "hang up",
]

pytestmark = pytest.mark.nlu


class Lead:
    """A supervisor at the console, over HTTP."""

    def __init__(self, town: Town) -> None:
        self._http = httpx.Client(base_url=f"{town.web}/console", timeout=20, follow_redirects=True)
        self.post("/login", {"login": "lead", "password": PASSWORD}, form="/login")

    def leave(self) -> None:
        self._http.close()

    def get(self, path: str) -> str:
        return self._http.get(path).raise_for_status().text

    def post(self, path: str, form_data: dict[str, str], form: str = "/health") -> str:
        token = re.search(r'name="csrf_token" value="([^"]+)"', self.get(form))
        assert token
        return self._http.post(path, data={"csrf_token": token[1], **form_data}).raise_for_status().text


@pytest.fixture(autouse=True)
def _quiet_afterwards(town: Town) -> Iterator[None]:
    yield
    with Store(town.database_url) as store, store.write() as tx:
        now = datetime.now(UTC)
        for incident in tx.live_incidents():
            tx.save_incident(replace(incident, state=IncidentState.ENDED, settled_at=now))
        for announcement in tx.announcements():
            tx.save_announcement(replace(announcement, ended_at=now))
        for ticket in tx.tickets(only_open=True):
            tx.cancel_tasks(ticket.id, ["forward_emergency"])
            tx.save_ticket(replace(ticket, state=TicketState.CANCELLED))


@pytest.fixture
def lead(town: Town) -> Iterator[Lead]:
    found = Lead(town)
    yield found
    found.leave()


def report(town: Town, phone: str, room: int) -> Ticket:
    with Store(town.database_url) as store, store.write() as tx:
        community = next(c for c in tx.communities() if c.name == "翠湖花园")
        known = Learned(Address(community.id, "77", "2", str(room)), contact_phone=phone)
        request = TicketRequest("no_heat", "暖气不热", known=known)
        ticket, _ = open_ticket(tx, request, standard=Standard(HOME / "data"), now=datetime.now(UTC))
    return ticket


def live(town: Town) -> list[Incident]:
    with Store(town.database_url) as store, store.read() as tx:
        return list(tx.live_incidents())


def texts(town: Town, number: str) -> list[str]:
    return [
        t["body"] for t in httpx.get(f"{town.network}/api/texts", params={"to": number}).json() if t["to"] == number
    ]


def test_a_burst_main_reaches_callers_and_stops_no_alarm(town: Town, lead: Lead) -> None:
    tickets = [report(town, phone, 900 + n) for n, phone in enumerate(NEIGHBOURS)]
    town.wait(lambda: any(i.extent.buildings >= BUILDING for i in live(town)))
    suggestion = next(i for i in live(town) if i.extent.buildings >= BUILDING)
    assert "疑似事件: 翠湖花园77号楼2单元供暖异常" in lead.get("/")
    page = lead.get(f"/incidents/{suggestion.id}")
    [community] = re.findall(r'<option value="(\d+)" selected>翠湖花园', page)
    now = datetime.now(UTC)
    facts = {
        "title": TITLE, "community": community, "buildings": "3、77", "unit": "", "station": "", "cause": "焊口开裂",
        "begins_at": f"{local(suggestion.begins_at):%Y-%m-%dT%H:%M}",
        "expected_end": f"{local(now + timedelta(hours=5)):%Y-%m-%dT%H:%M}",
    }  # fmt: skip
    assert "已确认为事件" in lead.post(f"/incidents/{suggestion.id}/confirm", facts)

    heard: list[str] = []
    try:
        Player(town.network, KNOWN, heard.append, limit_seconds=60).play(read_script(CALL))
    except Exception as exc:
        raise AssertionError(f"{exc}\n" + "\n".join(heard) + town.logs()) from exc
    with Store(town.database_url) as store, store.read() as tx:
        [leak] = [t for t in tx.open_tickets(contact_phone=KNOWN) if t.emergency]

    def alarmed() -> bool:
        with Store(town.database_url) as store, store.read() as tx:
            return bool(tx.attempts(leak.id))

    town.wait(alarmed)
    assert "结束" in lead.post(f"/incidents/{suggestion.id}/end", {})
    with Store(town.database_url) as store, store.read() as tx:
        rechecks = {a.ticket_id: a.recheck for a in tx.attachments(suggestion.id)}
        assert all(tx.ticket(t.id).is_open for t in tickets), "nobody has said that it is warm"
    assert {rechecks[t.id] for t in tickets} == {Recheck.ASKED}

    def told() -> bool:
        """In the daytime by text; at night the text waits for the morning, and the page says so."""
        with Store(town.database_url) as store, store.read() as tx:
            waits = [t for t in tx.told_of(suggestion.id) if t.state == "promised"]
        return bool(waits) or all("请问您家暖气热了吗" in "".join(texts(town, n)) for n in NEIGHBOURS)

    town.wait(told, 40)
    assert "等待答复" in lead.get(f"/incidents/{suggestion.id}")
    assert httpx.get(f"{town.network}/violations.json").json() == []
