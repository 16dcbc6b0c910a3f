"""Announcements: a supervisor writes, changes, ends and takes up again what callers hear before the greeting."""

from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask

from fulfillment.announcement import Announcement, Scope
from tests.console.conftest import Person, sign_in
from tests.fakes import FakeStore

FORM: dict[str, Any] = {"what": "东站主管道抢修,暂停供暖", "from_at": "2026-11-22T09:00", "until": "", "expected_end": "2026-11-22T18:00", "station": ""}  # fmt: skip


@pytest.fixture
def lead(app: Flask) -> Person:
    return sign_in(app, "zhuguan")


def stored(store: FakeStore) -> list[Announcement]:
    with store.read() as tx:
        return list(tx.announcements())


def test_an_empty_page_says_what_residents_hear(lead: Person) -> None:
    page = lead.get("/announcements").text
    assert "现在没有通告" in page
    assert "发布通告" in page


def test_written_changed_ended_and_taken_up_again(lead: Person, store: FakeStore) -> None:
    assert lead.told(lead.post("/announcements", **FORM, community=["2", "1"])) == "通告已保存"
    (first,) = stored(store)
    assert first == Announcement(
        1, "东站主管道抢修,暂停供暖", datetime(2026, 11, 22, 1, tzinfo=UTC), "周主管",
        Scope(frozenset({1, 2})), expected_end=datetime(2026, 11, 22, 10, tzinfo=UTC),
    )  # fmt: skip
    page = lead.get("/announcements").text
    assert "播报中" in page
    assert "阳光花园、翠湖苑" in page
    lead.post("/announcements/1", **(FORM | {"what": "抢修延长", "station": "1"}))
    (changed,) = stored(store)
    assert (changed.what, changed.scope) == ("抢修延长", Scope(station_id=1))
    assert lead.told(lead.post("/announcements/1/end")) == "通告已结束, 需要时可以恢复播报"
    assert "已结束" in lead.get("/announcements").text
    assert stored(store)[0].ended_at is not None
    lead.post("/announcements/1/resume")
    assert stored(store)[0].ended_at is None


def test_for_some_buildings_of_one_community(lead: Person, store: FakeStore) -> None:
    lead.post("/announcements", **FORM, community=["1"], buildings="三号楼、5栋")
    assert stored(store)[0].scope == Scope(frozenset({1}), buildings=frozenset({"3", "5"}))
    page = lead.get("/announcements").text
    assert "阳光花园3、5号楼" in page
    assert 'value="3、5"' in page


@pytest.mark.parametrize(
    "wrong",
    [{"what": " "}, {"what": "长" * 61}, {"from_at": ""}, {"from_at": "soon"}, {"until": "2026-11-22T08:00"}, {"community": "99"}, {"station": "x"}, {"buildings": "3"}],
)  # fmt: skip
def test_what_is_refused_stays_in_the_form(lead: Person, store: FakeStore, wrong: dict[str, str]) -> None:
    answer = lead.post("/announcements", **(FORM | wrong))
    assert answer.status_code == 400
    assert "通告没有保存" in answer.text
    assert (FORM | wrong)["what"].strip() in answer.text
    assert stored(store) == []


def test_an_operator_can_neither_see_nor_write_them(xiaoli: Person, store: FakeStore) -> None:
    assert xiaoli.get("/announcements").status_code == 403
    assert xiaoli.post("/announcements", **FORM).status_code == 403
    assert stored(store) == []
    assert "/console/announcements" not in xiaoli.get("/").text


def test_hostile_words_are_words(lead: Person) -> None:
    lead.post("/announcements", **(FORM | {"what": "<script>alert(1)</script>"}))
    page = lead.get("/announcements").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
