"""A butler reports from his page what a resident told him: the hour of G7g, and the ladder of an emergency."""

from datetime import timedelta

import pytest

from fulfillment.outbox import TaskKind
from fulfillment.ticket import ClockState, Ticket, TicketState
from tests.console.test_work_order import BY_BUTLER, Scene, Telephone, scene
from tests.fakes import BUTLER

__all__ = ["scene"]  # the fixture
KEY = "0123456789abcdef" * 2
COLD = {
    "kind": "cold_room",
    "symptom": "卧室只有15度",
    "community": "1",
    "building": "3",
    "unit": "2",
    "room": "501",
    "phone": "13800000002",
    "told": "30",
}


@pytest.fixture
def phone(scene: Scene) -> Telephone:
    return scene.phone(BY_BUTLER, unlocked=True)


def send(by: Telephone, **form: str) -> tuple[int, str]:
    answer = by.client.post(f"/w/{by.token}/report", data={"key": KEY, **form})
    return answer.status_code, answer.text


def new_ones(scene: Scene, known: int) -> list[Ticket]:
    return [t for t in scene.store.tables.tickets.values() if t.id > known]


def test_an_ordinary_case_is_a_ticket_with_its_hour_on_record(scene: Scene, phone: Telephone) -> None:
    known = max(scene.store.tables.tickets)
    for _ in range(2):
        code, page = send(phone, **COLD)
        assert code == 200
        assert "已上报" in page
    [ticket] = new_ones(scene, known)
    assert ticket.number in page
    assert (ticket.household_id, ticket.contact_phone, ticket.assignee_id) == (1, "+8613800000002", BUTLER)
    assert ticket.details["reported_by"] == "王管家"
    clocks = {c.rule: c for c in scene.store.tables.clocks.values() if c.ticket_id == ticket.id}
    hour = clocks["butler_reported"]
    assert (hour.clause, hour.state) == ("G7g", ClockState.KEPT)
    assert hour.stopped_at is not None
    assert hour.stopped_at - hour.started_at == timedelta(minutes=30)
    assert clocks["repair_contact"].state is ClockState.RUNNING
    story = [e.key for e in scene.store.tables.timeline if e.ticket_id == ticket.id]
    assert story.count("reported") == 1


def test_after_the_hour_it_is_still_taken_and_the_clock_says_so(scene: Scene, phone: Telephone) -> None:
    send(phone, **COLD | {"told": "120"})
    [hour] = [c for c in scene.store.tables.clocks.values() if c.clause == "G7g"]
    assert hour.state is ClockState.BROKEN


def test_an_emergency_needs_no_words_and_rings(scene: Scene, phone: Telephone) -> None:
    known = max(scene.store.tables.tickets)
    for _ in range(2):
        code, page = send(phone, kind="leak_inside", community="2", building="1", unit="1", room="101")
        assert code == 200
        assert "正在电话通知" in page
    [ticket] = new_ones(scene, known)
    assert ticket.needs_acknowledgement
    rings = [r.task for r in scene.store.tables.tasks.values() if r.task.kind is TaskKind.FORWARD_EMERGENCY]
    assert [t.ticket_id for t in rings].count(ticket.id) == 1
    assert all(c.clause != "G7g" for c in scene.store.tables.clocks.values()), "its clock is the ten minutes"


def test_who_sees_to_it_himself_has_accepted_it(scene: Scene, phone: Telephone) -> None:
    known = max(scene.store.tables.tickets)
    _, page = send(phone, **COLD | {"mine": "on"})
    [ticket] = new_ones(scene, known)
    assert (ticket.state, ticket.acknowledged_by, ticket.assignee_id) == (TicketState.ACKNOWLEDGED, "王管家", BUTLER)
    assert "由您处理" in page


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "new_connection"},
        {"symptom": ""},
        {"community": ""},
        {"community": "4711"},
        {"phone": "12"},
        {"told": "9999"},
        {"told": "-5"},
        {"key": "x"},
    ],
)
def test_what_cannot_be_used_is_said_and_what_was_typed_stays(
    scene: Scene, phone: Telephone, wrong: dict[str, str]
) -> None:
    known = max(scene.store.tables.tickets)
    code, page = send(phone, **COLD | wrong)
    assert code == 400
    assert "没有上报" in page
    assert 'value="501"' in page
    assert new_ones(scene, known) == []


def test_it_is_behind_the_pin(scene: Scene) -> None:
    stranger = scene.phone(BY_BUTLER)
    known = max(scene.store.tables.tickets)
    answer = stranger.client.post(f"/w/{stranger.token}/report", data={"key": KEY, **COLD})
    assert answer.location.endswith("told=pin_first")
    assert stranger.client.get(f"/w/{stranger.token}/report").status_code == 303
    assert new_ones(scene, known) == []
    assert scene.phone(BY_BUTLER, unlocked=True).client.get(f"/w/{stranger.token}/report").status_code == 200
