"""What a supervisor sees of everything that runs, and the chat he takes."""

import re

from dialogue.conversation import Floor
from tests.console.conftest import Person
from tests.console.sample import Day
from tests.fakes import FakeStore


def test_everything_that_runs_is_there_with_who_has_it(xiaoli: Person, zhuguan: Person, day: Day) -> None:
    assert xiaoli.get("/supervision").status_code == 403
    assert xiaoli.get("/supervision/everything").status_code == 403
    assert "/supervision" not in xiaoli.get("/").text
    xiaoli.post(f"/conversations/{day.waiting}/take-over")
    page = zhuguan.get("/supervision").text
    for conversation in (day.phone, day.waiting, day.held, day.bot):
        assert f"/conversations/{conversation}" in page
    assert re.search(r"<b>小李</b> <span class=\"tag\">在线</span> <span class=\"dim\">在线会话 1 · 电话 0", page)
    assert f"/conversations/{day.held}/take-from" not in page, "it is his own"


def test_a_chat_is_taken_from_the_page_and_only_as_it_was_shown(
    xiaoli: Person, zhuguan: Person, store: FakeStore, day: Day
) -> None:
    xiaoli.post(f"/conversations/{day.waiting}/take-over")
    form = rf'action="/console/conversations/{day.waiting}/take-from">.*?name="epoch" value="(\d+)"'
    shown = re.search(form, zhuguan.get("/supervision").text)
    assert shown
    xiaoli.post(f"/conversations/{day.waiting}/hand-back")
    assert "已不由您处理" in zhuguan.told(zhuguan.post(f"/conversations/{day.waiting}/take-from", epoch=shown[1]))
    with store.read() as tx:
        assert tx.conversation(day.waiting).floor is Floor.BOT


def test_a_supervisor_says_how_many_chats_an_operator_holds(
    xiaoli: Person, zhuguan: Person, store: FakeStore, day: Day
) -> None:
    xiaoli.get("/")
    assert 'value="4"' in zhuguan.get("/supervision").text
    assert "已保存" in zhuguan.told(zhuguan.post("/supervision/capacity/1", chats="2"))
    with store.read() as tx:
        assert tx.chat_capacities() == {1: 2}
    assert re.search(r'value="2"[^>]*aria-label="小李', zhuguan.get("/supervision").text)
    assert xiaoli.post("/supervision/capacity/1", chats="9").status_code == 403
    assert zhuguan.post("/supervision/capacity/1", chats="21").status_code == 400
    assert zhuguan.post("/supervision/capacity/9", chats="2").status_code == 404
    xiaoli.post(f"/conversations/{day.waiting}/take-over")
    held = zhuguan.get(f"/conversations/{day.held}/colleagues").text
    assert "小李 · 接待 1/2 个" in held
    zhuguan.post("/supervision/capacity/1", chats="1")
    assert re.search(
        r'value="1" disabled>小李 · 接待 1/1 个, 已满', zhuguan.get(f"/conversations/{day.held}/colleagues").text
    )
