"""A supervisor chooses a profile, sees what holds and what comes, and can take back what does not hold yet."""

import re
from datetime import timedelta

import pytest

from kernel.clock import local
from tests.console.conftest import Person
from tests.console.sample import Day
from tests.fakes import FakeStore, FixedClock


def held(page: str) -> list[str]:
    """The choices that hold, in the order of the themes."""
    return re.findall(r'<label class="offer holds"><input type="radio" name="choice" value="(\w+)" checked>', page)


@pytest.fixture
def tomorrow(clock: FixedClock) -> str:
    return str(local(clock.now()).date() + timedelta(days=1))


def test_only_supervisors_choose(xiaoli: Person, day: Day, tomorrow: str) -> None:
    assert day
    assert xiaoli.get("/profiles").status_code == 403
    assert xiaoli.post("/profiles", theme="leak_on_site", choice="B", on=tomorrow).status_code == 403


def test_what_can_be_chosen_is_worded_with_its_clause(zhuguan: Person, day: Day) -> None:
    assert day
    page = zhuguan.get("/profiles").text
    assert held(page) == ["F", "B"]
    for words in (
        "到达现场 40 分钟",
        "到达现场 30 分钟",
        "到达现场 1 小时",
        "条款 K8.1",
        "到达现场 24 小时",
        "户内漏水",
    ):
        assert words in page


def test_chosen_from_tomorrow_on_withdrawn_and_chosen_again(
    zhuguan: Person, store: FakeStore, clock: FixedClock, day: Day, tomorrow: str
) -> None:
    assert day
    order = {"theme": "leak_on_site", "choice": "K", "on": tomorrow}
    assert "按新方案计时" in zhuguan.told(zhuguan.post("/profiles", **order))
    assert "没有改动" in zhuguan.told(zhuguan.post("/profiles", **order)), "pressed twice"
    page = zhuguan.get("/profiles").text
    assert held(page)[0] == "F", "not yet"
    assert "未生效" in page
    assert "周主管" in page
    assert "已撤回" in zhuguan.told(zhuguan.post("/profiles/1/withdraw"))
    assert "周主管" in zhuguan.get("/profiles").text, "history stays"
    zhuguan.post("/profiles", **order)
    clock.advance(days=1)
    assert held(zhuguan.get("/profiles").text)[0] == "K"
    assert zhuguan.post("/profiles/2/withdraw").status_code == 409
    assert [c.choice for c in store.tables.profile_choices.values()] == ["K", "K"]


@pytest.mark.parametrize(
    "wrong", [{"on": "2020-01-01"}, {"on": "heute"}, {"choice": "X"}, {"theme": "weather"}, {"choice": ""}]
)
def test_what_is_refused_is_said_and_not_written(
    zhuguan: Person, store: FakeStore, day: Day, tomorrow: str, wrong: dict[str, str]
) -> None:
    assert day
    order = {"theme": "leak_on_site", "choice": "K", "on": tomorrow} | wrong
    assert "没有保存" in zhuguan.told(zhuguan.post("/profiles", **order))
    assert store.tables.profile_choices == {}
