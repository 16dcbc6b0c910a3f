"""Calls to residents on the ticket's page, and PINs on the administration's."""

import re
from dataclasses import replace

from fulfillment.pin_tries import PinVerdict
from fulfillment.pins import Pins
from fulfillment.resident_calls import CallResult, CallState, Purpose, ResidentCall, ResidentTry, TryOutcome
from fulfillment.ticket import TicketState
from tests.console.conftest import Person
from tests.console.sample import STANDARD, Day
from tests.fakes import FakeStore, FixedClock


def resolved(store: FakeStore, day: Day) -> int:
    with store.write() as tx:
        tx.save_ticket(replace(tx.ticket(day.cold), state=TicketState.RESOLVED))
    return day.cold


def calls(store: FakeStore, ticket_id: int) -> list[ResidentCall]:
    with store.read() as tx:
        return list(tx.resident_calls(ticket_id))


def test_a_finished_repair_offers_the_callback(xiaoli: Person, store: FakeStore, day: Day) -> None:
    assert "现在回访" not in xiaoli.get(f"/tickets/{day.cold}").text
    ticket = resolved(store, day)
    page = xiaoli.get(f"/tickets/{ticket}").text
    assert "现在回访</button>" in page
    assert "回拨</button>" not in page
    assert xiaoli.told(xiaoli.post(f"/tickets/{ticket}/calls/survey")) == "正在致电住户"
    [call] = calls(store, ticket)
    assert (call.purpose, call.state) == (Purpose.SATISFACTION, CallState.PLANNED)
    assert "计划致电" in xiaoli.get(f"/tickets/{ticket}").text


def test_outside_the_hours_it_is_told_that_it_waits(
    xiaoli: Person, store: FakeStore, clock: FixedClock, day: Day
) -> None:
    ticket = resolved(store, day)
    clock.advance(hours=2.5)
    assert xiaoli.told(xiaoli.post(f"/tickets/{ticket}/calls/survey")) == "现在不在可致电时段, 到时自动致电"


def test_what_came_of_it_is_shown(xiaoli: Person, store: FakeStore, clock: FixedClock, day: Day) -> None:
    ticket = resolved(store, day)
    with store.write() as tx:
        call = tx.add_resident_call(ResidentCall(0, ticket, Purpose.SATISFACTION, clock.now(), clock.now()))
        first = ResidentTry("1" * 32, call.id, 1, "+8613800000003", clock.now(), TryOutcome.NO_ANSWER, "", clock.now())
        tx.add_resident_try(first)
        tx.add_resident_try(replace(first, id="2" * 32, n=2, outcome=TryOutcome.SETTLED))
        done = replace(call, state=CallState.DONE, result=CallResult.DISSATISFIED, tries=2)
        tx.save_resident_call(done)
    page = xiaoli.get(f"/tickets/{ticket}/calls").text
    for shown in ("满意度回访", "不满意", "无人应答", "已完成"):
        assert shown in page


def test_no_more_calls_with_a_reason(xiaoli: Person, store: FakeStore, day: Day) -> None:
    ticket = resolved(store, day)
    xiaoli.post(f"/tickets/{ticket}/calls/survey")
    assert "不完整" in xiaoli.told(xiaoli.post(f"/tickets/{ticket}/calls/stop", reason=" "))
    assert xiaoli.told(xiaoli.post(f"/tickets/{ticket}/calls/stop", reason="当面回访过")) == "已记录: 不再回访"
    [call] = calls(store, ticket)
    assert (call.state, call.reason) == (CallState.STOPPED, "当面回访过")
    assert "原因: 当面回访过" in xiaoli.get(f"/tickets/{ticket}").text


def test_ringing_back_is_for_whoever_presses(xiaoli: Person, store: FakeStore, day: Day) -> None:
    assert xiaoli.told(xiaoli.post(f"/tickets/{day.cold}/calls/back")) == "正在致电住户"
    [call] = calls(store, day.cold)
    assert (call.purpose, call.operator_id) == (Purpose.CALLBACK, 1)


def test_a_visit_with_a_proposed_time(xiaoli: Person, store: FakeStore, day: Day) -> None:
    xiaoli.post(f"/tickets/{day.cold}/calls/visit", visit=" 明天下午三点 ")
    [call] = calls(store, day.cold)
    assert (call.purpose, call.visit) == (Purpose.APPOINTMENT, "明天下午三点")
    assert "不完整" in xiaoli.told(xiaoli.post(f"/tickets/{day.cold}/calls/visit", visit="长" * 61))


def test_what_is_not_owed_is_refused_politely(xiaoli: Person, day: Day) -> None:
    assert "状态已变化" in xiaoli.told(xiaoli.post(f"/tickets/{day.cold}/calls/survey"))
    assert "操作未执行" in xiaoli.told(xiaoli.post(f"/tickets/{day.cold}/calls/explode"))
    assert xiaoli.get("/tickets/999/calls").status_code == 404


def test_a_pin_is_set_and_never_shown(admin: Person, store: FakeStore, clock: FixedClock) -> None:
    page = admin.get("/administration").text
    assert "未设置" in page
    assert re.search(r'name="number" value="01"', page)
    assert admin.told(admin.post("/administration/pin", number="01", pin="246813")) == "来电密码已设置"
    page = admin.get("/administration").text
    assert "已设置" in page
    assert "246813" not in page
    verdict, staff = Pins(store, STANDARD.outgoing.pin, clock).check(caller="", number="01", pin="246813", key="k")
    assert (verdict, staff and staff.name) == (PinVerdict.RIGHT, "王管家")


def test_only_the_administration_sets_pins(admin: Person, xiaoli: Person, zhuguan: Person) -> None:
    for person in (xiaoli, zhuguan):
        assert person.post("/administration/pin", number="01", pin="246813").status_code == 403
    for bad in ({"number": "01", "pin": "123"}, {"number": "01", "pin": "111111"}, {"number": "01", "pin": "abcdef"}):
        assert admin.post("/administration/pin", **bad).status_code == 400
    assert admin.post("/administration/pin", number="99", pin="246813").status_code == 404
