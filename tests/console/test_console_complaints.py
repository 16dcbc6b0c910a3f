"""A complaint in writing (J2): what was found, put right, answered and assessed; a serious one is missed until it stands there."""

from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest
from openpyxl import load_workbook

from fulfillment.ticket import Ticket
from tests.console.conftest import Person
from tests.console.sample import HOSTILE, Day
from tests.fakes import FakeStore

MONTH = "2026-11"
MISSING = "重大投诉还没有书面登记"
WRITTEN = {
    "serious": "on",
    "verified": "属实,师傅迟到两小时,见登记本,电话13812345678",
    "put_right": "已调整班次",
    "answered": "已向住户致歉并说明",
    "assessed": "扣当月考核5分",
}


@pytest.fixture
def complaint(store: FakeStore, day: Day) -> Ticket:
    assert day
    return next(t for t in store.tables.tickets.values() if t.kind == "complaint")


def reported(person: Person) -> dict[str, Any]:
    sheet = load_workbook(BytesIO(person.get(f"/reports/{MONTH}.xlsx").data))["投诉和建议"]
    heading, row = sheet.iter_rows(values_only=True)
    return dict(zip(map(str, heading), row, strict=True))


def test_a_serious_one_is_missed_until_it_stands_in_writing(zhuguan: Person, complaint: Ticket) -> None:
    path = f"/tickets/{complaint.id}"
    assert MISSING not in zhuguan.get(path).text
    zhuguan.post(f"{path}/complaint", serious="on")
    assert MISSING in zhuguan.get(path).text
    assert reported(zhuguan)["书面登记"] == "未登记"
    assert "未书面登记" in zhuguan.get(f"/reports?month={MONTH}").text
    for _ in range(2):
        assert zhuguan.told(zhuguan.post(f"{path}/complaint", **WRITTEN)) == "投诉处理情况已保存"
    assert MISSING not in zhuguan.get(path).text
    assert reported(zhuguan)["书面登记"] == "已登记"
    zhuguan.post(f"{path}/complaint", **(WRITTEN | {"verified": ""}))
    assert MISSING in zhuguan.get(path).text, "the last word stands"


def test_the_outcome_of_the_assessment_is_reported_without_a_number(zhuguan: Person, complaint: Ticket) -> None:
    zhuguan.post(f"/tickets/{complaint.id}/complaint", **WRITTEN)
    row = reported(zhuguan)
    assert (row["重大投诉"], row["整改措施"], row["答复内容"], row["考核结果"]) == (
        "是", "已调整班次", "已向住户致歉并说明", "扣当月考核5分",
    )  # fmt: skip
    assert row["查实情况"] == "属实,师傅迟到两小时,见登记本,电话138****5678"
    paper = zhuguan.get(f"/reports/{MONTH}/print").text
    listed = paper.partition("七、投诉和建议的处理结果")[2].partition("八、")[0]
    for words in ("重大投诉", "考核结果: 扣当月考核5分", "138****5678"):
        assert words in listed
    assert "13812345678" not in listed


def test_the_sheet_is_signed_and_filed(xiaoli: Person, zhuguan: Person, complaint: Ticket) -> None:
    sheet = xiaoli.get(f"/tickets/{complaint.id}/complaint").text
    assert "<h1>投诉登记表</h1>" in sheet
    assert sheet.count('class="blank"') == 4, "to be filled by hand"
    zhuguan.post(f"/tickets/{complaint.id}/complaint", **WRITTEN)
    sheet = xiaoli.get(f"/tickets/{complaint.id}/complaint").text
    assert "<h1>重大投诉登记表</h1>" in sheet
    for words in (complaint.number, complaint.contact_name, "已调整班次", "扣当月考核5分", "主管审核", "Z8"):
        assert words in sheet
    assert "打印投诉登记表" in xiaoli.get(f"/tickets/{complaint.id}").text


def test_only_a_supervisor_writes_and_only_on_a_complaint(
    xiaoli: Person, zhuguan: Person, store: FakeStore, day: Day, complaint: Ticket
) -> None:
    assert xiaoli.post(f"/tickets/{complaint.id}/complaint", **WRITTEN).status_code == 403
    assert "书面登记和处理结果" not in xiaoli.get(f"/tickets/{complaint.id}").text
    assert xiaoli.get(f"/tickets/{day.cold}/complaint").status_code == 400
    zhuguan.post(f"/tickets/{day.cold}/complaint", **WRITTEN)
    zhuguan.post(f"/tickets/{complaint.id}/complaint", verified="长" * 1001)
    with store.read() as tx:
        for ticket_id in (day.cold, complaint.id):
            assert not {"serious", "verified"} & set(tx.ticket(ticket_id).details)


def test_what_is_written_is_text(zhuguan: Person, store: FakeStore, complaint: Ticket) -> None:
    with store.write() as tx:
        tx.save_ticket(replace(tx.ticket(complaint.id), details={}))
    zhuguan.post(f"/tickets/{complaint.id}/complaint", serious="on", assessed=f"=1+1\t{HOSTILE}\n# 假表")
    assert "<script>alert" not in zhuguan.get(f"/tickets/{complaint.id}/complaint").text
    assert "<script>alert" not in zhuguan.get(f"/reports/{MONTH}/print").text
    assert reported(zhuguan)["考核结果"].startswith("=1+1 ")
