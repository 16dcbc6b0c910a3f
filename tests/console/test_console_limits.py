"""A supervisor writes shorter time limits, sees what they come to, saves them from a day on and takes them back."""

import re
from datetime import timedelta

import pytest

from kernel.clock import local
from tests.console.conftest import Person
from tests.fakes import FakeStore, FixedClock

pytestmark = pytest.mark.usefixtures("day")


@pytest.fixture
def form(zhuguan: Person) -> dict[str, str]:
    """As the page fills it in."""
    page = zhuguan.get("/limits").text
    return dict(
        re.findall(r'<input type="number" name="(\w+)" min="1" max="\d+" step="1" required value="(\d+)"', page)
    )


def contents(store: FakeStore) -> list[object]:
    with store.read() as tx:
        return [one.content for one in tx.editions("limits")]


def test_only_supervisors(xiaoli: Person, zhuguan: Person) -> None:
    assert zhuguan.get("/limits").status_code == 200
    assert xiaoli.get("/limits").status_code == 403
    assert xiaoli.post("/limits", repair_on_site="60").status_code == 403


def test_every_promise_that_holds_is_there_in_its_unit(form: dict[str, str]) -> None:
    assert form["repair_on_site"] == "120", "minutes"
    assert form["repair_done"] == "24", "hours"
    assert form["complaint_answered"] == "5", "working days"
    assert "repair_on_site_z" not in form, "another profile"
    assert "complaint_fed_back" not in form, "until the end of the day"


def test_previewed_saved_and_back_to_the_standard(
    zhuguan: Person, store: FakeStore, form: dict[str, str], clock: FixedClock
) -> None:
    shorter = form | {"repair_on_site": "90", "complaint_answered": "3"}
    preview = zhuguan.post("/limits", preview="1", **shorter)
    assert preview.status_code == 200
    assert "还没有保存" in preview.text
    assert f"{local(clock.now() + timedelta(minutes=90)):%H:%M}" in preview.text
    assert contents(store) == []
    assert "已保存" in zhuguan.told(zhuguan.post("/limits", **shorter))
    assert contents(store) == [{"repair_on_site": 5400, "complaint_answered": 3 * 86400}]
    assert "没有改动" in zhuguan.told(zhuguan.post("/limits", **shorter))
    page = zhuguan.get("/limits").text
    assert 'name="repair_on_site" min="1" max="120" step="1" required value="90"' in page
    assert "周主管" in page
    zhuguan.post("/editions/limits/shipped")
    assert contents(store)[-1] is None
    assert 'name="repair_on_site" min="1" max="120" step="1" required value="120"' in zhuguan.get("/limits").text


def test_what_another_profile_has_stays(zhuguan: Person, store: FakeStore, form: dict[str, str]) -> None:
    zhuguan.post("/limits", **form, repair_on_site_z="20")
    zhuguan.post("/limits", **form | {"test_contact": "30"})
    assert contents(store)[-1] == {"repair_on_site_z": 20 * 3600, "test_contact": 1800}


@pytest.mark.parametrize("button", [{}, {"preview": "1"}])
def test_slower_than_the_standard_is_refused_in_words_and_shown_as_typed(
    zhuguan: Person, store: FakeStore, form: dict[str, str], button: dict[str, str]
) -> None:
    answer = zhuguan.post("/limits", **form | {"repair_on_site": "121"}, **button)
    assert answer.status_code == 400
    assert "不能超过服务标准" in answer.text
    assert 'name="repair_on_site" min="1" max="120" step="1" required value="121"' in answer.text
    assert contents(store) == []


def test_nonsense_is_no_number(zhuguan: Person, form: dict[str, str]) -> None:
    assert zhuguan.post("/limits", **form | {"repair_on_site": "bald"}).status_code == 400
