"""Whole journeys against the real Rasa server, worker, web process and telephone network; one readable file each."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from fulfillment.announcement import Announcement, Scope
from fulfillment.announcing import Announcements
from fulfillment.ticket import Ticket, TicketState
from kernel.clock import SystemClock
from ops.town import Town
from simulator.play import Player, read_script
from storage import Store
from tests.journeys.chatting import Chat

HERE = Path(__file__).parent
KNOWN, STRANGER, SHOP = "+8619911000001", "+8619955559999", "+8619911000002"
BUTLERS = ("+8619900000011", "+8619900000021")

#: What each journey leaves behind: the kind of its newest ticket, "" = none.
LEAVES = {
    "leak": "leak_inside", "leak_stranger": "leak_inside", "cold_room": "cold_room", "temperature_test_moved": "", "temperature_test": "temperature_test",
    "billing": "", "out_of_scope": "", "human": "callback", "message": "callback", "complaint": "complaint",
    "keys_stranger": "no_heat", "leak_again": "leak_inside", "leak_never_mind": "leak_inside", "never_mind": "", "outage": "outage",
    "cut_off": "leak_inside", "invoice": "invoice", "refund": "refund", "suspend": "suspend", "area_check": "area_check", "name_transfer": "name_transfer", "resume": "resume",
    "valve_not_opened": "valve_not_opened", "question": "question", "question_stranger": "question", "no_heat": "no_heat", "no_heat_shop": "no_heat", "coordination": "other_unit",
    "new_connection": "new_connection", "new_connection_building": "new_connection_building", "new_connection_estate": "new_connection_estate",
    "manhole_cover": "manhole_cover", "leak_street": "leak_street", "valve_damaged": "valve_damaged", "suggestion": "suggestion", "silent": "callback", "story_to_a_person": "complaint", "what_if": "", "butler_stranger": "", "arrears": "",
}  # fmt: skip

pytestmark = pytest.mark.nlu


@pytest.fixture(autouse=True)
def _a_quiet_town(town: Town) -> Iterator[None]:
    """Every journey starts with all telephones idle and without open tickets, and ends without a fault at the carrier.
    Nobody is on duty: whose page showed itself in another test would count as present for a minute.
    """
    with Store(town.database_url) as store, store.write() as tx:
        for operator in tx.operators():
            tx.operator_left(operator.id)
    yield
    violations = httpx.get(f"{town.network}/violations.json").json()
    with Store(town.database_url) as store, store.write() as tx:
        for ticket in tx.tickets(only_open=True):
            tx.cancel_tasks(ticket.id, ["forward_emergency"])
            tx.free_appointment(ticket.id)
            tx.save_ticket(replace(ticket, state=TicketState.CANCELLED))
    httpx.delete(f"{town.network}/violations.json")  # one journey's fault is not the next one's
    for number in BUTLERS:
        httpx.put(f"{town.network}/api/phones/{number}", json={"state": "on"})
        httpx.post(f"{town.network}/api/phones/{number}/hangup", json={})
    assert violations == [], json.dumps(violations, ensure_ascii=False)


def newest(town: Town) -> Ticket | None:
    with Store(town.database_url) as store, store.read() as tx:
        return max(tx.tickets(only_open=True), key=lambda t: t.id, default=None)


@pytest.mark.parametrize("script", sorted((HERE / "phone").glob("*.txt")), ids=lambda p: p.stem)
def test_on_the_phone(town: Town, script: Path) -> None:
    heard: list[str] = []
    caller = STRANGER if "stranger" in script.stem else SHOP if "shop" in script.stem else KNOWN
    player = Player(town.network, caller, heard.append, limit_seconds=30)
    try:
        player.play(read_script(script.read_text(encoding="utf-8").splitlines()))
    except Exception as exc:
        raise AssertionError(f"{exc}\n" + "\n".join(heard) + town.logs()) from exc
    if LEAVES[script.stem]:  # a caller who hung up leaves his ticket with the carrier's callback
        town.wait(lambda: newest(town) is not None)
    ticket = newest(town)
    assert (ticket.kind if ticket else "") == LEAVES[script.stem], "\n".join(heard)
    if ticket and ticket.emergency:
        assert ticket.acknowledged_by, "somebody named has accepted"
        with Store(town.database_url) as store, store.read() as tx:
            facts = [e.key for e in tx.timeline(ticket.id)]
        assert "accepted" in facts


def test_a_known_incident_is_told_before_the_greeting_to_whom_it_concerns(town: Town) -> None:
    """B4: at once to a known caller, to a stranger when he has said where he lives, and a leak does not wait for it."""
    with Store(town.database_url) as store:
        with store.read() as tx:
            concerned = next(c for c in tx.communities() if c.name == "翠湖花园")
        announcements = Announcements(store, SystemClock())
        now = SystemClock().now()
        scope = Scope(frozenset({concerned.id}))
        told = announcements.add(Announcement(0, "城东主管道抢修,暂停供暖", now, "主管", scope))
        try:
            for caller, lines in (
                (
                    KNOWN,
                    [
                        "? 城东主管道抢修",
                        "? 请问有什么可以帮您",
                        ">! 暖气管爆了,水喷得到处都是",
                        "? 拉下电闸",
                        "hang up",
                    ],
                ),
                (
                    STRANGER,
                    [
                        "? 请问有什么可以帮您",
                        "> 暖气一直不热",
                        "? 哪个小区",
                        "> 翠湖花园",
                        "? 城东主管道抢修",
                        "? 几号楼",
                    ],
                ),
            ):
                heard: list[str] = []
                Player(town.network, caller, heard.append, limit_seconds=30).play(read_script(lines))
                assert sum("城东主管道抢修" in line for line in heard) == 1, heard
        finally:
            announcements.end(told.id)


@pytest.mark.parametrize("script", sorted((HERE / "chat").glob("*.txt")), ids=lambda p: p.stem)
def test_in_the_chat(town: Town, script: Path) -> None:
    with Chat(town.web) as chat:
        transcript = chat.play(script)
    ticket = newest(town)
    assert (ticket.kind if ticket else "") == LEAVES[script.stem], transcript
    if ticket and ticket.emergency:
        rings = f"{town.network}/api/desk"
        town.wait(lambda: any(p["number"] in BUTLERS and p["call"] for p in httpx.get(rings).json()["phones"]))
