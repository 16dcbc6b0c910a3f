"""The monthly report: its figures are counted once more here, each leads to its tickets, paper and workbook say the same."""

import re
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook

from console.workbook import workbook_of
from dialogue.chat import Rating
from fulfillment.incident import Extent, Incident, IncidentState, notices_due
from fulfillment.report import Month, Outcome, outcome_of
from fulfillment.resident_calls import CallResult, CallState, Purpose, ResidentCall
from tests.console.conftest import Person
from tests.console.sample import HOSTILE, STANDARD, Day
from tests.fakes import FakeStore, FixedClock

MONTH = "2026-11"


@pytest.fixture
def surveyed(store: FakeStore, clock: FixedClock, day: Day) -> Day:
    """One resident was asked and is not satisfied, his case has an owner; a chat was rated."""
    now = clock.now()
    with store.write() as tx:
        tx.save_ticket(replace(tx.ticket(day.cold), owner_id=1))
        call = tx.add_resident_call(ResidentCall(0, day.cold, Purpose.SATISFACTION, now, now))
        tx.save_resident_call(replace(call, state=CallState.DONE, result=CallResult.DISSATISFIED, finished_at=now))
        tx.rate(Rating(day.held, 4, "", now, 2))
    return day


def rows_of(book: Workbook, sheet: str) -> list[tuple[Any, ...]]:
    return list(book[sheet].iter_rows(min_row=2, values_only=True))


def workbook(person: Person) -> Workbook:
    answer = person.get(f"/reports/{MONTH}.xlsx")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="report-{MONTH}.xlsx"'
    return load_workbook(BytesIO(answer.data))


def counted_by_hand(store: FakeStore, clock: FixedClock) -> dict[str, list[int]]:
    """Per clause: kept, broken, running; from the clocks themselves."""
    period, counts = Month.parse(MONTH).period, dict[str, list[int]]()
    for one in store.tables.clocks.values():
        outcome = outcome_of(one, clock.now())
        if outcome is not None and period.has(one.started_at):
            counts.setdefault(one.clause, [0, 0, 0])[list(Outcome).index(outcome)] += 1
    return counts


def test_only_supervisors_read_it(xiaoli: Person, day: Day) -> None:
    assert day
    for path in ("/reports", f"/reports/{MONTH}/print", f"/reports/{MONTH}.xlsx"):
        assert xiaoli.get(path).status_code == 403
    assert "/reports" not in xiaoli.get("/").text


def test_every_figure_of_a_clause_leads_to_exactly_its_tickets(
    zhuguan: Person, store: FakeStore, clock: FixedClock, surveyed: Day
) -> None:
    assert surveyed
    page = zhuguan.get("/reports").text
    expected = counted_by_hand(store, clock)
    links = re.findall(r'<a class="figure[^"]*" href="/console(/tickets[^"]+clause=[^"]+)">(\d+)</a>', page)
    assert len(links) == sum(n > 0 for counts in expected.values() for n in counts) > 3
    for link, figure in links:
        path = link.replace("&amp;", "&")
        asked = dict(pair.split("=") for pair in path.partition("?")[2].split("&"))
        assert int(figure) == expected[asked["clause"]][list(Outcome).index(Outcome(asked["outcome"]))], path
        of_clause = [c for c in store.tables.clocks.values() if c.clause == asked["clause"]]
        those = {c.ticket_id for c in of_clause if outcome_of(c, clock.now()) == asked["outcome"]}
        shown = re.findall(r'<td data-name="工单号"><a href="/console/tickets/(\d+)"', zhuguan.get(path).text)
        assert {int(n) for n in shown} == those, path


def test_what_a_figure_asked_for_stays_when_another_filter_is_set(zhuguan: Person, day: Day) -> None:
    page = zhuguan.get(f"/tickets?state=all&period={MONTH}&clause=B6&outcome=broken").text
    assert day
    for name, value in (("period", MONTH), ("clause", "B6"), ("outcome", "broken")):
        assert f'<input type="hidden" name="{name}" value="{value}">' in page
    assert "条款 B6" in page
    for nonsense in ("period=2026-99&clause=B6", "period=2026-11&outcome=lost", "period=x&answer=y", "owner=x"):
        assert zhuguan.get(f"/tickets?state=all&{nonsense}").status_code == 200


def test_answers_and_owners_lead_to_their_tickets(zhuguan: Person, surveyed: Day) -> None:
    page = zhuguan.get("/reports").text
    answered = re.search(r'href="/console(/tickets\?[^"]*answer=dissatisfied[^"]*)">1</a>', page)
    owned = re.search(r'href="/console(/tickets\?[^"]*owner=1[^"]*)">1</a>', page)
    assert answered
    assert owned
    for link in (answered[1], owned[1]):
        shown = zhuguan.get(link.replace("&amp;", "&")).text
        assert re.findall(r'<td data-name="工单号"><a href="/console/tickets/(\d+)"', shown) == [str(surveyed.cold)]


def test_the_workbook_says_what_the_page_says(
    zhuguan: Person, store: FakeStore, clock: FixedClock, surveyed: Day
) -> None:
    """J2. Numbers are numbers; the same clauses, the same counts, every clause of the register."""
    assert surveyed
    book = workbook(zhuguan)
    expected = counted_by_hand(store, clock)
    assert {row[0]: list(row[3:6]) for row in rows_of(book, "按条款")} == expected
    of_rules = rows_of(book, "按时限")
    for at in (2, 3, 4):
        assert sum(row[at] for row in of_rules) == sum(row[at + 1] for row in rows_of(book, "按条款"))
    summary = dict(rows_of(book, "概览"))
    assert summary["受理工单"] == len(store.tables.tickets) == sum(row[1] for row in rows_of(book, "工单类别"))
    assert summary["受理工单"] == sum(row[1] for row in rows_of(book, "每日受理"))
    assert summary["超时"] == sum(broken for _, broken, _ in expected.values())
    assert ("小李", 1, 0, 0, 0, 1) in rows_of(book, "首问负责")
    assert dict(rows_of(book, "住户评价"))["在线会话 4 星"] == 1
    at_once = dict(rows_of(book, "电话和在线"))["同时通话最多"]
    assert at_once > 0
    for where in ("/reports", f"/reports/{MONTH}/print"):
        assert f"同时通话最多 {at_once} 路" in zhuguan.get(where).text
    assert [row[0] for row in rows_of(book, "服务标准登记册")] == list(STANDARD.clauses)
    on_screen = re.findall(r'<tr class="of-clause"><td data-name="条款"><b>(\w+)</b>', zhuguan.get("/reports").text)
    on_paper = zhuguan.get(f"/reports/{MONTH}/print").text
    assert set(on_screen) == set(expected)
    for clause, counts in expected.items():
        assert re.search(
            rf'<tr><td>{clause}</td>.*?<td class="n">{counts[0]}</td><td class="n">{counts[1]}</td>', on_paper
        )


def test_complaints_are_reported_with_their_course_and_without_their_person(
    zhuguan: Person, store: FakeStore, clock: FixedClock, day: Day
) -> None:
    """J2, Z8: where it came from, when it was verified and answered, and what came of it."""
    assert day
    complaint = next(t for t in store.tables.tickets.values() if t.kind == "complaint")
    with store.write() as tx:
        tx.save_ticket(replace(complaint, symptom="师傅态度不好,回我电话13812345678"))
    zhuguan.post(f"/tickets/{complaint.id}/transferred", unit="12345 热线", number="T-8")
    zhuguan.post(f"/tickets/{complaint.id}/milestone", event="investigated")
    clock.advance(days=20)
    [row] = rows_of(workbook(zhuguan), "投诉和建议")
    assert row[:4] == (complaint.number, "投诉", "12345 热线", "T-8")
    assert row[5:7] == ("阳光花园", "师傅态度不好,回我电话138****5678")
    assert row[8] == "2026-11-22 10:00:00 按时"
    assert row[9] == "超时"
    paper = zhuguan.get(f"/reports/{MONTH}/print").text
    listed = paper.partition("七、投诉和建议的处理结果")[2].partition("八、")[0]
    for text in (str(row), listed):
        assert "师傅态度不好" in text
        assert complaint.contact_name not in text
        assert "13812345678" not in text
        assert complaint.contact_phone not in text
    assert "T-8" in zhuguan.get(f"/reports?month={MONTH}").text


def test_incidents_owe_their_notices(zhuguan: Person, store: FakeStore, clock: FixedClock, day: Day) -> None:
    """B4, K3: told in time, too late, not at all; what was dismissed owes nothing."""
    assert day
    now, hour = clock.now(), timedelta(hours=1)
    here = Extent(frozenset({1}), None, frozenset(), "")
    running = Incident(0, "no_heat", IncidentState.RUNNING, here, now, now - 9 * hour, title="主管抢修,阳光花园停暖")
    made = [
        replace(running, announced_at=now - 8 * hour),
        replace(running, announced_at=now - 2 * hour, state=IncidentState.ENDED, settled_at=now),
        running,
        replace(running, begins_at=now - hour),
        replace(running, begins_at=now - hour, state=IncidentState.DISMISSED, settled_at=now),
        replace(running, begins_at=now - timedelta(days=60)),
    ]
    with store.write() as tx:
        for n, incident in enumerate(made):
            assert tx.add_incident(replace(incident, spot=str(n)))
    dues = [notices_due(i, STANDARD.incidents.notices, now) for i in made[:5]]
    states = Counter(due.state.value for row in dues for due in row if due.rule.clause == "B4")
    assert states == {"kept": 1, "broken": 2, "running": 1}
    book = workbook(zhuguan)
    assert next(row[3:6] for row in rows_of(book, "按条款") if row[0] == "B4") == (1, 2, 1)
    assert len(rows_of(book, "事件")) == 4
    page = zhuguan.get("/reports").text
    assert page.partition('id="month-incidents"')[2].count("主管抢修,阳光花园停暖") == 4
    assert '<a class="figure red" href="#month-incidents">2</a>' in page
    assert zhuguan.get(f"/reports/{MONTH}/print").text.count("主管抢修,阳光花园停暖") == 4


def test_nobodys_name_is_a_formula_or_a_cell_of_its_own(zhuguan: Person, store: FakeStore, surveyed: Day) -> None:
    assert surveyed
    with store.write() as tx:
        tx.upsert_operator(replace(tx.operator(1), name=f'=HYPERLINK("x")\t{HOSTILE}\n# 假表'))
    book = workbook(zhuguan)
    cell = next(c for row in book["首问负责"].iter_rows(min_row=2) for c in row if str(c.value).startswith("=HYPER"))
    assert cell.data_type == "s"
    assert "假表" in str(cell.value)
    assert "<script>alert" not in zhuguan.get("/reports").text
    assert "<script>alert" not in zhuguan.get(f"/reports/{MONTH}/print").text


def test_another_month_is_empty_and_what_is_none_is_refused(zhuguan: Person, day: Day) -> None:
    assert day
    assert "这个月还没有开始计时的工单" in zhuguan.get("/reports?month=2026-10").text
    assert zhuguan.get("/reports/2026-10/print").status_code == 200
    for path in ("/reports?month=2026-13", "/reports/heute/print", "/reports/0000-01.xlsx"):
        assert zhuguan.get(path).status_code == 400


def test_the_register_is_on_the_page(zhuguan: Person, day: Day) -> None:
    assert day
    page = zhuguan.get("/reports").text
    for key, clause in STANDARD.clauses.items():
        assert f'id="clause-{key}"' in page
        assert clause.not_yet in page


def test_a_page_is_small(zhuguan: Person, surveyed: Day) -> None:
    assert surveyed
    for path in ("/reports", f"/reports/{MONTH}/print"):
        assert len(zhuguan.get(path).data) < 150_000


def test_cells() -> None:
    book = load_workbook(BytesIO(workbook_of("# 甲\n名\t数\n12\t-3\n4.5\t50.0%\nF16\t=1+\x071\n\n# 乙\n空\n")))
    assert book.sheetnames == ["甲", "乙"]
    assert rows_of(book, "甲") == [(12, -3), (4.5, 0.5), ("F16", "=1+1")]
    assert rows_of(book, "乙") == []
