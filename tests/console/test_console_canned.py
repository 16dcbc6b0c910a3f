"""An administrator words the canned replies; operators are offered them with the blanks filled, and what is never said is not kept."""

import pytest
from flask import Flask

from fulfillment.edition import Edition
from kernel.clock import local
from tests.console.conftest import Person
from tests.console.sample import Day
from tests.fakes import FakeStore, FixedClock

HELLO = ("W6a", "{{ name }}您好,我是{{ company }}的坐席。")
BUTLER = ("", "您的管家是{{ butler }}。")


def replies(*rows: tuple[str, str], **more: object) -> dict[str, object]:
    return {
        "place": [str(n) for n in range(1, len(rows) + 1)],
        "clause": [clause for clause, _ in rows],
        "text": [text for _, text in rows],
        **more,
    }


def saved(store: FakeStore) -> list[object]:
    with store.read() as tx:
        return [one.content for one in tx.editions("canned")]


def offered(app: Flask, person: Person, day: Day) -> str:
    app.extensions["editions"].refresh()
    return person.get(f"/conversations/{day.waiting}").text


def test_only_administrators(xiaoli: Person, zhuguan: Person, admin: Person, store: FakeStore) -> None:
    assert admin.get("/canned").status_code == 200
    assert "常用语" not in zhuguan.get("/scripts").text
    for person in (xiaoli, zhuguan):
        assert person.get("/canned").status_code == 403
        assert person.post("/canned", **replies(HELLO)).status_code == 403
        assert person.post("/editions/canned/shipped").status_code == 403
    assert saved(store) == []


def test_a_supervisor_restores_no_edition_of_them_under_another_name(
    zhuguan: Person, admin: Person, store: FakeStore
) -> None:
    for rows in ((HELLO,), (BUTLER,)):
        admin.post("/canned", **replies(*rows))
    with store.read() as tx:
        first = tx.editions("canned")[0].id
    assert zhuguan.post(f"/editions/{first}/restore", part="ladder").status_code == 403
    assert len(saved(store)) == 2
    assert "已恢复" in admin.told(admin.post(f"/editions/{first}/restore", part="canned"))
    assert saved(store)[2] == saved(store)[0]


def test_worded_put_into_order_offered_and_as_shipped_again(
    app: Flask, admin: Person, xiaoli: Person, store: FakeStore, day: Day
) -> None:
    xiaoli.post(f"/conversations/{day.waiting}/take-over")
    assert "请问您有什么需求" in offered(app, xiaoli, day)
    form = replies(HELLO, BUTLER, ("", " "), place=["5", "2", "9"])
    assert "已保存" in admin.told(admin.post("/canned", **form))
    assert saved(store) == [
        [{"clause": "", "text": BUTLER[1]}, {"clause": "W6a", "text": HELLO[1]}],
    ]
    page = offered(app, xiaoli, day)
    assert page.index("您的管家是") < page.index("您好,我是")
    assert "您好,我是华暖" in page
    assert "请问您有什么需求" not in page
    assert "请稍等,我记录一下" in page, "the standard's own words stay"
    assert "没有改动" in admin.told(admin.post("/canned", **form))
    admin.post("/editions/canned/shipped")
    assert "请问您有什么需求" in offered(app, xiaoli, day)


def test_what_is_not_known_is_a_blank_and_holds_the_answer_back(
    app: Flask, admin: Person, xiaoli: Person, day: Day
) -> None:
    admin.post("/canned", **replies(("", "物业是{{ property }}。")))
    app.extensions["editions"].refresh()
    xiaoli.post(f"/conversations/{day.bot}/take-over")
    assert "物业是〔待填〕。" in xiaoli.get(f"/conversations/{day.bot}").text


def test_from_a_day_on(app: Flask, admin: Person, xiaoli: Person, clock: FixedClock, day: Day) -> None:
    tomorrow = local(clock.now()).date().toordinal() + 1
    on = type(local(clock.now()).date()).fromordinal(tomorrow).isoformat()
    xiaoli.post(f"/conversations/{day.waiting}/take-over")
    admin.post("/canned", **replies(BUTLER, on=on))
    assert "您的管家是" not in offered(app, xiaoli, day)
    clock.advance(days=1)
    assert "您的管家是" in offered(app, xiaoli, day)


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (("", "这个我不知道"), "不知道"),
        (("", "怎 么,又是您"), "N13"),
        (("", "您的{{ card }}"), "请检查花括号"),
        (("", "{{ name"), "请检查花括号"),
        (("", "{% for x in y %}{% endfor %}"), "请检查花括号"),
        (("Q99", "您好"), "Q99"),
        (("", "好" * 501), "最多 500 字"),
    ],
)
def test_what_cannot_be_offered_is_not_kept(admin: Person, store: FakeStore, row: tuple[str, str], told: str) -> None:
    answer = admin.post("/canned", **replies(HELLO, row))
    assert answer.status_code == 400
    assert told in answer.text
    assert saved(store) == []


def test_what_is_refused_is_named_by_its_row(admin: Person) -> None:
    answer = admin.post("/canned", **replies(HELLO, ("", "不归我们管"))).text
    assert "第 2 条有不能对住户说的话" in answer
    assert 'class="wrong"' in answer


def test_tried_out_with_the_blanks_filled_and_not_kept(admin: Person, store: FakeStore) -> None:
    page = admin.post("/canned", **replies(HELLO, ("", "{{ nobody }}")), **{"try": "yes"})
    assert page.status_code == 200
    assert "陈静您好,我是" in page.text
    assert "还不成句" in page.text
    assert saved(store) == []


@pytest.mark.parametrize("form", [{}, {"place": "1"}, {"place": "a", "clause": "", "text": "您好"}])
def test_a_form_that_is_none(admin: Person, store: FakeStore, form: dict[str, str]) -> None:
    assert admin.post("/canned", **form).status_code == 400
    assert saved(store) == []


def test_hostile_words_are_shown_and_not_carried_out(admin: Person) -> None:
    admin.post("/canned", **replies(("", "<script>alert(1)</script>")))
    assert "<script>alert(1)" not in admin.get("/canned").text


def test_an_edition_that_cannot_be_read_is_told_and_the_one_before_goes_on(
    app: Flask, admin: Person, xiaoli: Person, store: FakeStore, clock: FixedClock, day: Day
) -> None:
    admin.post("/canned", **replies(BUTLER))
    with store.write() as tx:
        tx.add_edition(Edition(0, "canned", ["nonsense"], clock.now(), clock.now(), "x"))
    xiaoli.post(f"/conversations/{day.waiting}/take-over")
    assert "您的管家是" in offered(app, xiaoli, day)
    assert "无法使用" in admin.get("/canned").text
