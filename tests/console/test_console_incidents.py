"""Incidents in the console: the bar that suggests one, and what people make of it."""

from typing import Any

import pytest
from flask import Flask

from fulfillment.announcement import Scope
from fulfillment.incident import IncidentState
from fulfillment.ticket import Ticket
from tests.console.conftest import Person, sign_in
from tests.console.sample_incidents import report
from tests.fakes import FakeStore, FixedClock


def reported(store: FakeStore, clock: FixedClock, rooms: int = 3) -> list[Ticket]:
    return [report(store, clock, room) for room in range(1, rooms + 1)]


def test_three_homes_bring_the_bar_to_operators_and_supervisors(
    xiaoli: Person, zhuguan: Person, store: FakeStore, clock: FixedClock
) -> None:
    before = xiaoli.get("/events?topics=incidents&now").json
    reported(store, clock, 2)
    assert "疑似事件" not in xiaoli.get("/").text
    reported(store, clock)
    assert xiaoli.get("/events?topics=incidents&now").json != before, "open pages fetch the bar anew"
    for person in (xiaoli, zhuguan):
        page = person.get("/").text
        assert "疑似事件: 翠湖苑9号楼1单元供暖异常" in page
        assert "3 户反映" in page
        assert "疑似事件" in person.get("/parts/incidents").text
        assert "翠湖苑9号楼1单元" in person.get("/incidents").text


def test_the_list_says_when_residents_must_have_been_told(xiaoli: Person, store: FakeStore, clock: FixedClock) -> None:
    assert "现在没有进行中的事件" in xiaoli.get("/incidents").text
    reported(store, clock)
    page = xiaoli.get("/incidents").text
    assert "停暖三小时以上告知用户" in page
    assert "待告知" in page
    clock.advance(hours=3, minutes=1)
    assert "未按时告知" in xiaoli.get("/incidents").text
    assert "已过告知时限" in xiaoli.get("/").text


FORM: dict[str, Any] = {
    "title": "翠湖苑9号楼供暖异常,正在抢修", "community": "2", "buildings": "9号楼", "unit": "", "station": "", "cause": "阀门损坏",
    "begins_at": "2026-11-22T09:30", "expected_end": "2026-11-22T18:00",
}  # fmt: skip


@pytest.fixture
def lead(app: Flask) -> Person:
    return sign_in(app, "zhuguan")


def test_a_supervisor_confirms_and_everybody_reads_it(
    lead: Person, xiaoli: Person, store: FakeStore, clock: FixedClock
) -> None:
    tickets = reported(store, clock)
    page = lead.get("/incidents/1").text
    assert 'value="翠湖苑9号楼1单元供暖异常,正在抢修"' in page, "the words are proposed"
    assert all(t.number in page for t in tickets)
    assert "确认并播报" not in xiaoli.get("/incidents/1").text
    assert lead.told(lead.post("/incidents/1/confirm", **FORM)) == "已确认为事件, 正在播报"
    page = xiaoli.get("/incidents/1").text
    assert "翠湖苑9号楼" in page
    assert "播报中" in page
    assert "阀门损坏" in page
    with store.read() as tx:
        [announcement] = tx.announcements()
        assert announcement.scope == Scope(frozenset({2}), buildings=frozenset({"9"})), (
            "its neighbours do not hear of it"
        )
        assert [a.ticket_id for a in tx.attachments(1)] == [t.id for t in tickets]
    assert "翠湖苑9号楼供暖异常" in xiaoli.get(f"/tickets/{tickets[0].id}").text
    assert "翠湖苑9号楼供暖异常,正在抢修" in xiaoli.get("/").text, "the bar tells what runs"


def test_what_is_refused_stays_in_the_form_with_its_reason(lead: Person, store: FakeStore, clock: FixedClock) -> None:
    reported(store, clock)
    for wrong, reason in (
        ({"expected_end": "2026-11-22T08:00"}, "预计恢复时间要晚于现在"),
        ({"community": "", "station": ""}, "请选择小区或服务站"),
        ({"community": ["1", "2"]}, "只有选择一个小区时才能限定楼号"),
        ({"begins_at": ""}, "请填写开始时间"),
        ({"begins_at": "soon"}, "填写的内容不完整"),
        ({"community": "99"}, "没有找到"),
    ):
        typed = {k: v for k, v in (FORM | wrong).items() if v != ""}
        answer = lead.post("/incidents/1/confirm", **typed)
        assert answer.status_code == 400
        assert reason in answer.text, wrong
        assert FORM["title"] in answer.text
    assert lead.post("/incidents/1/dismiss", reason=" ").status_code == 400
    assert lead.post("/incidents/1/explode").status_code == 404
    with store.read() as tx:
        assert tx.incident(1).state is IncidentState.SUGGESTED


def test_dismissed_it_leaves_the_bar(lead: Person, store: FakeStore, clock: FixedClock) -> None:
    reported(store, clock)
    assert lead.told(lead.post("/incidents/1/dismiss", reason="三户各自关了阀门")) == "已排除"
    assert "疑似事件" not in lead.get("/").text
    assert "三户各自关了阀门" in lead.get("/incidents").text


def test_tickets_are_taken_out_and_brought_back_by_number(lead: Person, store: FakeStore, clock: FixedClock) -> None:
    tickets = reported(store, clock)
    lead.post("/incidents/1/confirm", **FORM)
    assert lead.told(lead.post("/incidents/1/detach", ticket=tickets[1].id)) == "工单已移出"
    assert "已移出" in lead.get("/incidents/1/course").text
    assert "没有这个工单号" in lead.post("/incidents/1/attach", number="9999-0001").text
    assert lead.told(lead.post("/incidents/1/attach", number=tickets[1].number)) == "工单已归入本事件"
    late = lead.post("/incidents/1/change", **FORM, seen=0)
    assert late.status_code == 409, "somebody has changed it since"


def test_an_operator_cannot_decide(xiaoli: Person, store: FakeStore, clock: FixedClock) -> None:
    reported(store, clock)
    for action in ("confirm", "dismiss", "change", "attach", "detach"):
        assert xiaoli.post(f"/incidents/1/{action}", **FORM).status_code == 403
    assert xiaoli.get("/incidents/new").status_code == 403
    assert xiaoli.get("/incidents/99").status_code == 404


def test_one_that_nobody_reported(lead: Person, store: FakeStore) -> None:
    answer = lead.post("/incidents/new", **FORM, category="leak")
    assert lead.told(answer) == "事件已保存"
    assert "翠湖苑9号楼" in lead.get("/incidents").text
    refused = lead.post("/incidents/new", **(FORM | {"title": ""}), category="leak")
    assert refused.status_code == 400
    assert "播报内容一到六十字" in refused.text
    with store.read() as tx:
        assert len(tx.live_incidents()) == 1


def test_hostile_words_are_words(lead: Person, store: FakeStore, clock: FixedClock) -> None:
    reported(store, clock)
    lead.post("/incidents/1/confirm", **(FORM | {"title": "<script>alert(1)</script>", "cause": "\"'><img>"}))
    for path in ("/", "/incidents", "/incidents/1"):
        page = lead.get(path).text
        assert "<script>alert" not in page
        assert "<img>" not in page


def test_the_end_lists_who_was_told_and_what_each_home_answered(
    lead: Person, xiaoli: Person, store: FakeStore, clock: FixedClock
) -> None:
    first, second, _third = reported(store, clock)
    lead.post("/incidents/1/confirm", **FORM)
    page = xiaoli.get("/incidents/1").text
    assert "告知记录" in page
    assert "待发送 3" in page
    assert "+86138" not in page, "numbers are masked"
    before = xiaoli.get("/events?topics=incident:1&now").json
    assert lead.told(lead.post("/incidents/1/end")) == "已结束, 正在逐户询问是否恢复"
    assert xiaoli.get("/events?topics=incident:1&now").json != before
    page = xiaoli.get("/incidents/1").text
    assert page.count("等待答复") == 3
    assert "恢复询问" in page
    assert xiaoli.told(xiaoli.post("/incidents/1/recheck", ticket=first.id, answer="warm")) == "已记录"
    xiaoli.post("/incidents/1/recheck", ticket=second.id, answer="cold")
    assert xiaoli.post("/incidents/1/recheck", ticket=second.id, answer="perhaps").status_code == 303, "told there"
    page = xiaoli.get("/incidents/1").text
    assert [page.count(words) for words in ("已恢复</span>", "仍不热</span>", "等待答复")] == [1, 1, 1]
    assert "小李" in page
    with store.read() as tx:
        assert [tx.ticket(t.id).is_open for t in (first, second)] == [False, True]
        [announcement] = tx.announcements()
        assert announcement.ended_at is not None
    assert "已结束" in xiaoli.get("/incidents").text


def test_a_plan_that_is_announced_too_late_is_kept_with_a_warning(lead: Person, store: FakeStore) -> None:
    plan = FORM | {"title": "换热站检修停暖", "tell_homes": "1"}
    late = plan | {"begins_at": "2026-11-23T08:00", "expected_end": "2026-11-24T20:00"}
    assert "告知已晚于规定时间" in lead.told(lead.post("/incidents/new", **late, category="no_heat"))
    page = lead.get("/incidents/1").text
    assert "计划停暖" in page
    assert "未按时告知" in page
    early = plan | {"begins_at": "2026-11-26T08:00", "expected_end": "2026-11-27T20:00"}
    assert lead.told(lead.post("/incidents/new", **early, category="no_heat")) == "事件已保存"
    untold = {k: v for k, v in early.items() if k != "tell_homes"}
    assert "给每户发短信" in lead.told(lead.post("/incidents/new", **untold, category="no_heat"))
    assert "写明预计恢复时间" in lead.post("/incidents/new", **(early | {"expected_end": ""}), category="no_heat").text
    with store.read() as tx:
        assert [i.planned for i in tx.live_incidents()] == [True, True, True]


def test_merged_and_split_in_the_console(lead: Person, store: FakeStore, clock: FixedClock) -> None:
    tickets = reported(store, clock)
    lead.post("/incidents/1/confirm", **FORM)
    lead.post("/incidents/new", **(FORM | {"title": "另一处抢修", "buildings": "8"}), category="leak")
    assert "另一处抢修" in lead.get("/incidents/1").text
    assert lead.told(lead.post("/incidents/1/merge", into="2")) == "已并入"
    assert "并入事件2" in lead.get("/incidents/1").text
    refused = lead.post("/incidents/2/split", **(FORM | {"title": ""}), ticket=[tickets[0].id])
    assert refused.status_code == 400
    assert "播报内容一到六十字" in refused.text
    split = lead.post("/incidents/2/split", **(FORM | {"title": "九号楼另有原因"}), ticket=[tickets[0].id])
    assert lead.told(split) == "已拆分为新的事件"
    assert "由事件2拆分而来" in lead.get("/incidents/3").text
    assert "请选择另一个进行中的事件" in lead.post("/incidents/2/merge", into="1").text


@pytest.mark.parametrize(
    ("buildings", "unit", "read"),
    [("十号楼、3栋,A座", "", ({"10", "3", "A"}, "")), ("9号楼", "二单元", ({"9"}, "2"))],
)
def test_places_are_read_as_people_write_them(
    lead: Person, store: FakeStore, buildings: str, unit: str, read: tuple[set[str], str]
) -> None:
    """As an import reads them: the homes are stored as bare numbers, and an incident that named others would find none."""
    form = FORM | {"buildings": buildings, "unit": unit}
    assert lead.post("/incidents/new", category="leak", **form).status_code == 303
    [incident] = store.tables.of_incidents.incidents.values()
    assert (incident.extent.buildings, incident.extent.unit) == read


def test_an_ended_one_is_taken_up_again(lead: Person, xiaoli: Person, store: FakeStore, clock: FixedClock) -> None:
    reported(store, clock)
    lead.post("/incidents/1/confirm", **FORM)
    lead.post("/incidents/1/end")
    assert "恢复为进行中" in lead.get("/incidents/1").text
    assert "恢复为进行中" not in xiaoli.get("/incidents/1").text
    refused = lead.post("/incidents/1/resume", **(FORM | {"expected_end": "2026-11-22T09:40"}))
    assert refused.status_code == 400
    assert "预计恢复时间要晚于现在" in refused.text
    assert lead.told(lead.post("/incidents/1/resume", **FORM)) == "事件重新进行, 正在播报并通知每户"
    page = xiaoli.get("/incidents/1").text
    assert "播报中" in page
    assert "重新进行:翠湖苑9号楼供暖异常,正在抢修" in page
