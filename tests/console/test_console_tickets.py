"""The ticket list, a ticket's page, and what a person does to it."""

import re
from dataclasses import replace
from datetime import timedelta

from flask import Flask

from dialogue.chat import Picture
from dialogue.pictures import Photograph, Pictures
from fulfillment.text_reports import mark_undelivered
from fulfillment.ticket import ClockState, Ticket, TicketClock, TicketState, TimelineEntry
from storage import SoundFolder
from tests.console.conftest import Person
from tests.console.sample import BOOK, STANDARD, Day
from tests.fakes import FakeStore, FixedClock


def ticket(store: FakeStore, ticket_id: int) -> Ticket:
    with store.read() as tx:
        return tx.ticket(ticket_id)


def test_list_filters(xiaoli: Person) -> None:
    def numbers(query: str) -> list[str]:
        return re.findall(r'data-name="工单号"><a[^>]*>([^<]+)<', xiaoli.get(f"/tickets?{query}").text)

    assert numbers("") == ["1122-0001", "1122-0003", "1122-0002", "1122-0004", "1122-0005"]
    assert len(numbers("state=all")) == 6
    assert numbers("state=all&kind=leak_inside") == ["1122-0001", "1121-0001"]
    assert numbers("search=孙奶奶") == ["1122-0003", "1122-0004"]
    assert numbers("search=nothing-like-it") == []
    assert numbers("page=-4") == numbers("page=1")
    assert numbers("state=closed") == ["1121-0001"]
    assert numbers("state=all&emergency=1") == ["1122-0001", "1121-0001"]
    assert numbers("overdue=1") == ["1122-0003"]
    assert numbers("mine=1") == []
    assert numbers("state=all&community=2") == ["1122-0002", "1121-0001"]
    assert numbers("state=all&until=2026-11-21") == ["1121-0001"]
    assert numbers("search=卧室 孙奶奶") == ["1122-0003"]
    for nonsense in ("state=x", "from=x", "until=0001-01-01", "station=9999999999", "community=-1", "page=99999999999"):
        assert xiaoli.get(f"/tickets?{nonsense}").status_code == 200, nonsense


def test_what_residents_sent_is_on_the_ticket_small_and_in_full_behind_a_click(
    app: Flask, xiaoli: Person, store: FakeStore, clock: FixedClock, day: Day
) -> None:
    """Those of before it was a ticket, those its timeline names, and no others."""
    pictures = Pictures(store, SoundFolder(app.extensions["pictures"], ".jpg"), BOOK, clock)
    with store.write() as tx:
        cold = tx.ticket(day.cold)
        assert cold.conversation_id
        for name, age in (("a" * 32, timedelta(hours=1)), ("b" * 32, timedelta(days=2))):
            tx.add_picture(Picture(name, cold.conversation_id, cold.opened_at - age, 800, 600))
    pictures.take(cold.conversation_id, "k" * 20, Photograph(b"jpeg", 800, 600, small=b"small"))
    page = xiaoli.get(f"/tickets/{day.cold}").text
    shown = re.findall(r'href="/console/pictures/([0-9a-f]{32})".*?src="/console/pictures/\1\?size=small"', page)
    assert (shown[0], len(shown)) == ("a" * 32, 2)
    with store.write() as tx:
        tx.forget_picture(shown[1])
    assert shown[1] not in xiaoli.get(f"/tickets/{day.cold}").text, "its time is over"
    assert "住户发来的照片" not in xiaoli.get(f"/tickets/{day.leak}").text


def test_what_is_asked_for_stays_in_the_address(xiaoli: Person, store: FakeStore, day: Day) -> None:
    """The next page, and the other segments, ask for the same; an empty list offers a way on."""
    with store.write() as tx:
        for _ in range(40):
            tx.add_ticket(replace(tx.ticket(day.cold), id=0, number=""))
    page = xiaoli.get("/tickets?kind=cold_room&search=感冒&from=2026-11-01").text
    following = re.search(r'rel="next" href="/console([^"]+)"', page)
    assert following
    assert "上一页" in xiaoli.get(following[1].replace("&amp;", "&")).text
    assert "state=closed" in page
    assert all(word in following[1] for word in ("kind=cold_room", "from=2026-11-01", "page=2"))
    nothing = xiaoli.get("/tickets?state=closed&search=no-such-thing").text
    assert "没有符合条件的工单" in nothing
    assert "在全部工单里查找" in nothing


def test_pages(xiaoli: Person, store: FakeStore, day: Day) -> None:
    with store.write() as tx:
        for _ in range(65):
            tx.add_ticket(replace(tx.ticket(day.cold), id=0, number=""))
    seen = []
    for page in (1, 2, 3):
        text = xiaoli.get(f"/tickets?page={page}").text
        seen += re.findall(r'data-name="工单号"><a[^>]*>([^<]+)<', text)
        assert ('rel="next"' in text) == (page < 3)
        assert ('rel="prev"' in text) == (page > 1)
    assert len(seen) == len(set(seen)) == 70


def test_page_shows_clocks_timeline_and_attempts(xiaoli: Person, day: Day) -> None:
    page = xiaoli.get(f"/tickets/{day.leak}").text
    for shown in (
        "紧急转接到人",
        "G7e",
        "F16",
        "正在呼叫李管家",
        "无人接听",
        "振铃中",
        "备岗管家",
        "尚无人接单",
        "客厅",
    ):
        assert shown in page


def test_a_case_from_acceptance_to_closing(xiaoli: Person, store: FakeStore, day: Day) -> None:
    for action, told, state in (
        ("acknowledge", "已接单", TicketState.ACKNOWLEDGED),
        ("contacted", "已记录: 已联系住户", TicketState.ACKNOWLEDGED),
        ("on-site", "工单状态已更新", TicketState.ON_SITE),
        ("resolve", "工单状态已更新", TicketState.RESOLVED),
        ("close", "工单状态已更新", TicketState.CLOSED),
        ("reopen", "工单状态已更新", TicketState.ACKNOWLEDGED),
    ):
        assert xiaoli.told(xiaoli.post(f"/tickets/{day.leak}/{action}")) == told
        assert ticket(store, day.leak).state is state
    assert ticket(store, day.leak).acknowledged_by == "小李"


def test_the_second_to_accept_sees_the_first(xiaoli: Person, zhuguan: Person, store: FakeStore, day: Day) -> None:
    zhuguan.post(f"/tickets/{day.leak}/acknowledge")
    assert xiaoli.told(xiaoli.post(f"/tickets/{day.leak}/acknowledge")) == "此前已由 周主管 接单"
    assert ticket(store, day.leak).acknowledged_by == "周主管"


def test_an_impossible_step_is_refused_politely(xiaoli: Person, store: FakeStore, day: Day) -> None:
    assert "状态已变化" in xiaoli.told(xiaoli.post(f"/tickets/{day.leak}/close"))
    assert ticket(store, day.leak).state is TicketState.NEW
    assert "办结</button>" not in xiaoli.get(f"/tickets/{day.leak}").text


def test_cancelling_says_why(xiaoli: Person, store: FakeStore, day: Day) -> None:
    assert "不完整" in xiaoli.told(xiaoli.post(f"/tickets/{day.cold}/cancel", reason="  "))
    assert ticket(store, day.cold).state is TicketState.NEW
    xiaoli.post(f"/tickets/{day.cold}/cancel", reason="住户说已经热了")
    assert ticket(store, day.cold).state is TicketState.CANCELLED
    with store.read() as tx:
        assert tx.timeline(day.cold)[-1].params["reason"] == "住户说已经热了"


def test_assign_and_note(xiaoli: Person, store: FakeStore, day: Day) -> None:
    assert xiaoli.told(xiaoli.post(f"/tickets/{day.cold}/assign", staff_id="4")) == "已指派"
    assert ticket(store, day.cold).assignee_id == 4
    assert "不完整" in xiaoli.told(xiaoli.post(f"/tickets/{day.cold}/assign", staff_id=""))
    assert xiaoli.post(f"/tickets/{day.cold}/assign", staff_id="999").status_code == 404
    assert xiaoli.told(xiaoli.post(f"/tickets/{day.cold}/note", text="<b>晚上</b>七点后在家")) == "备注已保存"
    page = xiaoli.get(f"/tickets/{day.cold}").text
    assert "备注: &lt;b&gt;晚上&lt;/b&gt;七点后在家" in page
    assert "不完整" in xiaoli.told(xiaoli.post(f"/tickets/{day.cold}/note", text="字" * 2001))


def test_a_nudge_pressed_twice_is_one(xiaoli: Person, store: FakeStore, day: Day) -> None:
    shown = re.search(r'name="seen" value="(\d+)"', xiaoli.get(f"/tickets/{day.cold}").text)
    assert shown
    for _ in range(2):
        assert xiaoli.told(xiaoli.post(f"/tickets/{day.cold}/nudge", seen=shown[1])) == "已催办"
    assert ticket(store, day.cold).nudges == 3


def test_unknown_ticket_or_action(xiaoli: Person, day: Day) -> None:
    assert xiaoli.get("/tickets/999").status_code == 404
    assert xiaoli.post("/tickets/999/acknowledge").status_code == 404
    assert "操作未执行" in xiaoli.told(xiaoli.post(f"/tickets/{day.leak}/explode"))


def test_a_milestone_stops_its_clock(xiaoli: Person, store: FakeStore, clock: FixedClock, day: Day) -> None:
    """The complaint waits for an answer; nothing else of it offers the button."""
    with store.read() as tx:
        complaint = next(t.id for t in tx.tickets() if t.kind == "complaint")
    assert "已答复住户</button>" not in xiaoli.get(f"/tickets/{day.cold}").text
    assert "已答复住户</button>" in xiaoli.get(f"/tickets/{complaint}").text
    assert xiaoli.told(xiaoli.post(f"/tickets/{complaint}/milestone", event="answered")) == "办理进度已记录"
    with store.read() as tx:
        [stopped] = tx.clocks([complaint])[complaint]
    assert (stopped.state, stopped.stopped_at) == (ClockState.KEPT, clock.now())
    assert "已答复住户</button>" not in xiaoli.get(f"/tickets/{complaint}").text
    for event in ("resolved", "nonsense", ""):
        assert "操作未执行" in xiaoli.told(xiaoli.post(f"/tickets/{complaint}/milestone", event=event))


def test_a_fact_without_a_sentence_is_still_shown(
    xiaoli: Person, store: FakeStore, clock: FixedClock, day: Day
) -> None:
    with store.write() as tx:
        tx.add_to_timeline(TimelineEntry(day.cold, clock.now(), "bot", "of_an_older_release"))
    assert "of_an_older_release" in xiaoli.get(f"/tickets/{day.cold}").text


def test_a_kind_the_standard_no_longer_has_is_still_shown(
    app: Flask, xiaoli: Person, store: FakeStore, day: Day
) -> None:
    assert app
    with store.write() as tx:
        tx.save_ticket(replace(tx.ticket(day.cold), kind="of_last_year"))
    assert "of_last_year" in xiaoli.get("/").text


def test_a_nudge_is_undone_once(xiaoli: Person, store: FakeStore, day: Day) -> None:
    for _ in range(2):
        assert xiaoli.told(xiaoli.post(f"/tickets/{day.cold}/undo-nudge", seen="2")) == "已撤销一次催办"
    assert ticket(store, day.cold).nudges == 1
    xiaoli.post(f"/tickets/{day.cold}/undo-nudge", seen="1")
    assert "撤销催办" not in xiaoli.get(f"/tickets/{day.cold}").text
    assert "状态已变化" in xiaoli.told(xiaoli.post(f"/tickets/{day.cold}/undo-nudge", seen="0"))


def test_a_duplicate_is_merged_and_split_off_as_it_was(
    xiaoli: Person, store: FakeStore, clock: FixedClock, day: Day
) -> None:
    with store.write() as tx:
        twin = tx.add_ticket(replace(tx.ticket(day.cold), id=0, number="", owner_id=1, nudges=0, symptom="还是冷"))
        due = clock.now() + timedelta(minutes=20)
        running = tx.add_clock(TicketClock(0, twin.id, "repair_contact", "B6", clock.now(), due))
    assert "可能重复" in xiaoli.get(f"/tickets/{day.cold}").text
    for _ in range(2):
        assert xiaoli.told(xiaoli.post(f"/tickets/{day.cold}/merge", other=twin.id)) == "已合并到本单"
    kept, gone = ticket(store, day.cold), ticket(store, twin.id)
    assert (kept.nudges, kept.owner_id) == (3, 1)
    assert (gone.state, gone.merged_into_id) == (TicketState.CANCELLED, day.cold)
    with store.read() as tx:
        assert tx.clock(running.id).state is ClockState.VOID
        assert tx.timeline(day.cold)[-1].params == {"number": twin.number, "symptom": "还是冷"}
    assert f"工单 {kept.number}</a>" in xiaoli.get(f"/tickets/{twin.id}").text

    clock.advance(minutes=5)
    assert xiaoli.told(xiaoli.post(f"/tickets/{twin.id}/split")) == "已拆分, 时限照旧"
    assert "状态已变化" in xiaoli.told(xiaoli.post(f"/tickets/{twin.id}/split"))
    assert (ticket(store, twin.id).state, ticket(store, twin.id).merged_into_id) == (TicketState.NEW, None)
    assert ticket(store, day.cold).nudges == 2
    with store.read() as tx:
        again = tx.clock(running.id)
        assert (again.state, again.due_by, again.stopped_at) == (ClockState.RUNNING, due, None)
        assert [e.key for e in tx.timeline(twin.id)][-2:] == ["merged_into", "split_off"]


def test_an_alarm_is_never_merged_away(xiaoli: Person, store: FakeStore, day: Day) -> None:
    """G7e: an emergency ends its alarm by a named human's acceptance only; and nothing is merged into what is over."""
    assert "状态已变化" in xiaoli.told(xiaoli.post(f"/tickets/{day.cold}/merge", other=day.leak))
    assert ticket(store, day.leak).needs_acknowledgement
    xiaoli.post(f"/tickets/{day.leak}/acknowledge")
    assert xiaoli.told(xiaoli.post(f"/tickets/{day.cold}/merge", other=day.leak)) == "已合并到本单"
    for other in (day.cold, day.leak, 6, ""):
        assert "操作未执行" in xiaoli.told(xiaoli.post(f"/tickets/{day.cold}/merge", other=other)) or other == day.leak


def test_the_sheet_to_print_has_what_the_butler_needs_on_paper(xiaoli: Person, day: Day) -> None:
    page = xiaoli.get(f"/tickets/{day.leak}").text
    assert f"/tickets/{day.leak}/sheet" in page
    assert "138 0000 0001" not in page
    sheet = xiaoli.get(f"/tickets/{day.leak}/sheet").text
    for words in (
        "1122-0001",
        "阳光花园3号楼2单元501",
        "138 0000 0001",
        "F16",
        "为您提供维修服务",
        "住户签字",
        "紧急 · ",
    ):
        assert words in sheet, words
    assert xiaoli.get("/tickets/999/sheet").status_code == 404


def test_a_complaint_that_was_passed_on_is_fed_back_the_same_day(xiaoli: Person, store: FakeStore, day: Day) -> None:
    """N5: by whom, under which number, until when; the clock ends at midnight of the day it was opened."""
    complaint = next(t.id for t in store.tables.tickets.values() if t.kind == "complaint")
    assert "由其他部门转办" in xiaoli.get(f"/tickets/{complaint}").text
    assert "由其他部门转办" not in xiaoli.get(f"/tickets/{day.cold}").text
    order = {"unit": "12345 热线", "number": "T20261122-8", "until": "2026-11-25"}
    for _ in range(2):
        assert "已记录转办来源" in xiaoli.told(xiaoli.post(f"/tickets/{complaint}/transferred", **order))
    with store.read() as tx:
        fed_back = [c for c in tx.clocks([complaint])[complaint] if c.rule == "complaint_fed_back"]
    assert [(c.clause, c.state, c.due_by) for c in fed_back] == [
        ("N5", ClockState.RUNNING, STANDARD.calendar.end_of_day(ticket(store, complaint).opened_at))
    ]
    page = xiaoli.get(f"/tickets/{complaint}").text
    for words in ("12345 热线", "T20261122-8", "2026-11-25", "转办单位"):
        assert words in page
    xiaoli.post(f"/tickets/{complaint}/contacted")
    with store.read() as tx:
        states = {c.rule: c.state for c in tx.clocks([complaint])[complaint]}
    assert states["complaint_fed_back"] is ClockState.KEPT
    for wrong in ({"unit": ""}, {"number": ""}, {"until": "bald"}):
        assert "操作未执行" in xiaoli.told(xiaoli.post(f"/tickets/{complaint}/transferred", **(order | wrong)))


def test_a_text_that_did_not_arrive_stands_on_the_ticket_until_somebody_has_called(
    xiaoli: Person, store: FakeStore, day: Day
) -> None:
    with store.write() as tx:
        mark_undelivered(tx, tx.ticket(day.cold), "appointed")
    assert "短信“上门时间”没有送达住户" in xiaoli.get(f"/tickets/{day.cold}").text
    for path in ("/", "/tickets"):
        assert "短信未送达" in xiaoli.get(path).text, path
    assert xiaoli.told(xiaoli.post(f"/tickets/{day.cold}/informed")) == "已记录: 已电话告知住户"
    assert "没有送达住户" not in xiaoli.get(f"/tickets/{day.cold}").text
