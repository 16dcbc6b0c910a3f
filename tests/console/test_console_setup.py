"""A supervisor changes ladder, calendar, directory and wordings; what cannot be is refused in words and shown as typed."""

import re
from datetime import timedelta

import pytest
from flask import Flask

from fulfillment.edition import Edition
from kernel.clock import local
from tests.console.conftest import Person
from tests.console.sample import STANDARD
from tests.fakes import FakeStore, FixedClock

LADDER = {
    **{f"rungs.{r}": str(n) for n, r in enumerate(("duty_chief", "butler", "deputy", "station_duty", "supervisor"), 1)},
    "company_wide.duty_chief": "1", "company_wide.supervisor": "2", "ring_seconds": "25", "step_seconds": "60",
    "last_rung_within_seconds": "450", "round_pause_seconds": "30", "no_address_grace_seconds": "45", "busy_carrier_tries": "3",
}  # fmt: skip
CALENDAR = {
    "season.first": "11-01", "season.last": "04-05", "fee_collection.first": "09-08", "fee_collection.last": "10-31",
    "office_hours": "08:30-12:00、13:30-17:30", "calling_hours": "08:00-11:30", "daytime": "07:00-22:00",
    "working_days": "2027-02-20", "days_off": "2027-02-22\r\n2027-02-23",
}  # fmt: skip
HELP = {"voice": "您好,请问您有什么需求?请讲。", "chat": "您好,请问您有什么需求"}


def directory(**phones: str) -> dict[str, str]:
    rows = STANDARD.shipped("directory")
    form = {f"{row['key']}.name": row["name"] for row in rows}
    return form | {f"{row['key']}.phone": phones.get(row["key"], row["phone"]) for row in rows}


def contents(store: FakeStore, part: str) -> list[object]:
    with store.read() as tx:
        return [one.content for one in tx.editions(part)]


@pytest.mark.parametrize("path", ["/ladder", "/calendar", "/directory", "/scripts", "/scripts/greeting.help"])
def test_only_supervisors(xiaoli: Person, zhuguan: Person, path: str) -> None:
    assert zhuguan.get(path).status_code == 200
    assert xiaoli.get(path).status_code == 403
    assert path == "/scripts" or xiaoli.post(path).status_code == 403


def test_the_ladder_in_another_order(zhuguan: Person, store: FakeStore) -> None:
    assert "已保存" in zhuguan.told(zhuguan.post("/ladder", **LADDER))
    [saved] = contents(store, "ladder")
    assert isinstance(saved, dict)
    assert saved["rungs"] == ["duty_chief", "butler", "deputy", "station_duty", "supervisor"]
    assert saved["company_wide"] == ["duty_chief", "supervisor"]
    assert saved["ring_seconds"] == 25
    page = zhuguan.get("/ladder").text
    assert "周主管" in page
    assert "现行" in page
    assert "没有改动" in zhuguan.told(zhuguan.post("/ladder", **LADDER))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"last_rung_within_seconds": "500"}, "10 分钟内响完"),
        ({"ring_seconds": "40"}, "15 到 25 秒之间"),
        ({"ring_seconds": "5"}, "再短来不及接"),
        ({"round_pause_seconds": "600"}, "加上从头再叫前的等待不能超过 600 秒"),
        ({f"rungs.{r}": "" for r in ("duty_chief", "butler", "deputy", "station_duty")}, "叫不到足够的人"),
        ({f"company_wide.{r}": "" for r in ("duty_chief", "supervisor")}, "至少选一个岗位"),
    ],
)
def test_a_ladder_that_cannot_be(zhuguan: Person, store: FakeStore, change: dict[str, str], told: str) -> None:
    answer = zhuguan.post("/ladder", **LADDER | change)
    assert answer.status_code == 400
    assert told in answer.text
    typed = change.get("ring_seconds", "25")
    assert f'name="ring_seconds" min="0" max="3600" required value="{typed}"' in answer.text, "as it was typed"
    assert not contents(store, "ladder")


def test_who_would_be_rung_now_and_when(zhuguan: Person) -> None:
    page = zhuguan.get("/ladder").text
    assert re.findall(r'<span class="at">([\d:]+)</span><b>([^<]+)</b>', page) == [
        ("0:00", "王管家"), ("1:00", "李管家"), ("2:00", "张值班"), ("3:00", "赵主任"), ("4:00", "钱主管"),
    ]  # fmt: skip


def test_a_calendar_from_a_day_on_withdrawn_and_as_shipped(
    zhuguan: Person, store: FakeStore, clock: FixedClock
) -> None:
    tomorrow = local(clock.now()).date() + timedelta(days=1)
    assert "已保存" in zhuguan.told(zhuguan.post("/calendar", **CALENDAR, on=tomorrow.isoformat()))
    [saved] = contents(store, "calendar")
    assert isinstance(saved, dict)
    assert saved["season"] == {"first": "11-01", "last": "04-05"}
    assert saved["office_hours"] == ["08:30-12:00", "13:30-17:30"]
    assert saved["days_off"] == ["2027-02-22", "2027-02-23"]
    page = zhuguan.get("/calendar").text
    assert "未生效" in page
    assert 'value="11-15"' in page, "not yet"
    assert "已撤回" in zhuguan.told(zhuguan.post("/editions/1/withdraw", part="calendar"))
    clock.advance(days=1)
    assert 'value="11-15"' in zhuguan.get("/calendar").text
    assert "已恢复这一版" in zhuguan.told(zhuguan.post("/editions/1/restore", part="calendar"))
    assert 'value="11-01"' in zhuguan.get("/calendar").text
    assert "已恢复标准版" in zhuguan.told(zhuguan.post("/editions/calendar/shipped"))
    assert 'value="11-15"' in zhuguan.get("/calendar").text


@pytest.mark.parametrize(
    "change",
    [{"calling_hours": "06:00-08:00"}, {"season.first": "heute"}, {"days_off": "2027-02-20"}, {"office_hours": ""}],
)
def test_a_calendar_that_cannot_be(zhuguan: Person, change: dict[str, str]) -> None:
    answer = zhuguan.post("/calendar", **CALENDAR | change)
    assert answer.status_code == 400
    assert "先早后晚" in answer.text
    assert 'value="04-05"' in answer.text, "as it was typed"


def test_not_from_a_day_that_is_over(zhuguan: Person) -> None:
    answer = zhuguan.post("/calendar", **CALENDAR, on="2026-11-01")
    assert answer.status_code == 400
    assert "不能早于今天" in answer.text


def test_the_number_of_another_office(zhuguan: Person, store: FakeStore) -> None:
    assert "已保存" in zhuguan.told(zhuguan.post("/directory", **directory(water="0311 8600 0000")))
    assert 'value="031186000000"' in zhuguan.get("/directory").text
    answer = zhuguan.post("/directory", **directory(water="请打电话"))
    assert answer.status_code == 400
    assert "拨得通" in answer.text
    assert len(contents(store, "directory")) == 1


def test_a_wording_is_found_tried_out_and_saved(zhuguan: Person, store: FakeStore) -> None:
    assert "/console/scripts/greeting.help" in zhuguan.get("/scripts?words=什么需求").text
    assert "没有找到" in zhuguan.get("/scripts?words=nothing").text
    tried = zhuguan.post("/scripts/greeting.help", **HELP, **{"try": "yes"}).text
    assert re.findall(r'<p class="breaths">(.*?)</p>', tried) == [
        "<span>您好,</span><span>请问您有什么需求?</span><span>请讲。</span>"
    ]
    assert not contents(store, "script.greeting.help")
    assert "已保存" in zhuguan.told(zhuguan.post("/scripts/greeting.help", **HELP))
    assert contents(store, "script.greeting.help") == [HELP]
    assert "本公司的" in zhuguan.get("/scripts?theme=greeting").text
    assert "标准版是怎么说的" in zhuguan.get("/scripts/greeting.help").text


def test_numbers_are_heard_digit_by_digit_and_samples_fill_the_blanks(zhuguan: Person) -> None:
    page = zhuguan.get("/scripts/scope.other_unit").text
    assert "国家电网供电服务热线" in page
    assert "1 3 8" in page
    assert "13812345678" in page


@pytest.mark.parametrize(
    ("key", "voice", "told"),
    [
        ("greeting.help", "您好,请问您有什么需求?我不知道。", "不能对住户说的话: “不知道”"),
        ("greeting.incoming", "{{ company }}{{ number }},请讲。", "标准的原话 (条款 G4a)"),
        ("ask.building", "几号楼?", "{{ community }}"),
        ("greeting.help", "{{ company.x }}请问您有什么需求", "请检查花括号"),
        ("greeting.help", "", "不能空着"),
    ],
)
def test_a_wording_that_is_refused_says_why(zhuguan: Person, key: str, voice: str, told: str) -> None:
    answer = zhuguan.post(f"/scripts/{key}", voice=voice, chat=voice)
    assert answer.status_code == 400
    assert told in answer.text


def test_hostile_words_are_shown_and_not_carried_out(zhuguan: Person) -> None:
    hostile = "<script>alert(1)</script>请问您有什么需求"
    page = zhuguan.post("/scripts/greeting.help", voice=hostile, chat=hostile, **{"try": "yes"}).text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


@pytest.mark.parametrize("key", ["no.such", "alarm.sentinel_over", "words.today"])
def test_what_is_no_sentence_is_not_found(zhuguan: Person, key: str) -> None:
    assert zhuguan.get(f"/scripts/{key}").status_code == 404
    assert zhuguan.post(f"/scripts/{key}", **HELP).status_code == 404


def test_an_edition_that_cannot_be_used_is_told_in_red(
    app: Flask, zhuguan: Person, store: FakeStore, clock: FixedClock
) -> None:
    with store.write() as tx:
        for part, bad in (("ladder", {"rungs": []}), ("directory", [1]), ("script.greeting.help", {"voice": "{%"})):
            tx.add_edition(Edition(0, part, bad, clock.now(), clock.now(), "周主管"))
    app.extensions["editions"].refresh()
    for path in ("/ladder", "/directory", "/scripts/greeting.help"):
        page = zhuguan.get(path)
        assert page.status_code == 200
        assert "保存的版本无法使用" in page.text
    assert zhuguan.get("/scripts").status_code == 200
