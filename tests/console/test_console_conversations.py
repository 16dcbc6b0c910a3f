"""Reading, taking over, answering, handing back: what an operator does to a conversation."""

import html
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import structlog
from flask import Flask

from dialogue.chat import Rating, Receipt, Side
from dialogue.conversation import Author, Channel, Conversation, Floor
from dialogue.pictures import Photograph, Pictures
from dialogue.state import DialogueState, Slots
from kernel.errors import StoreBusy
from storage import SoundFolder
from tests.console.conftest import Person, sign_in
from tests.console.sample import BOOK, HOSTILE, Day
from tests.fakes import FakeStore, FixedClock
from wechat.sending import Reason


def conversation(store: FakeStore, cid: str) -> Any:
    with store.read() as tx:
        return tx.conversation(cid)


def operator_words(store: FakeStore, cid: str) -> list[str]:
    with store.read() as tx:
        return [m.text for m in tx.messages(cid) if m.author is Author.OPERATOR]


@contextmanager
def logged() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs() as lines:
        yield lines


def client_id_on(page: str) -> str:
    found = re.search(r'name="client_id" value="([0-9a-f]{32})"', page)
    assert found
    return found[1]


def test_page_shows_transcript_understanding_and_household(xiaoli: Person, day: Day) -> None:
    page = xiaoli.get(f"/conversations/{day.phone}").text
    for shown in ("我家暖气片漏水了", "户内漏水 100%", "部位 暖气片", "危险词", "语音识别 91%"):
        assert shown in page
    for shown in ("陈静", "阳光花园3号楼2单元501", "100001", "已缴费", "王管家", "东城站", "1122-0001"):
        assert shown in page


def test_what_a_stranger_said_of_himself_is_shown(xiaoli: Person, store: FakeStore, day: Day) -> None:
    said = DialogueState(slots=Slots(community_id=2, building="7", name="郑先生"))
    with store.write() as tx:
        tx.save_conversation(replace(tx.conversation(day.bot), state=said.to_json()))
    page = xiaoli.get(f"/conversations/{day.bot}").text
    assert "尚未识别住户" in page
    assert "翠湖苑7号楼" in page
    assert "郑先生" in page


def test_of_a_call_is_shown_what_was_spoken(xiaoli: Person, store: FakeStore, clock: FixedClock, day: Day) -> None:
    with store.write() as tx:
        for talk in (day.phone, day.waiting):
            data = {"voice": "回电话请按1", "script": "handoff.waiting"}
            tx.add_message(talk, author=Author.BOT, text="可以点“给我回电话”", at=clock.now(), data=data)
    heard, read = (html.unescape(xiaoli.get(f"/conversations/{talk}").text) for talk in (day.phone, day.waiting))
    assert "回电话请按1" in heard
    assert "可以点“给我回电话”" not in heard
    assert "可以点“给我回电话”" in read


def test_residents_words_stay_words(xiaoli: Person, store: FakeStore, day: Day) -> None:
    with store.write() as tx:
        tx.upsert_household(replace(tx.household(3), name=HOSTILE))
        tx.add_message(
            day.waiting,
            author=Author.RESIDENT,
            text=HOSTILE,
            at=tx.conversation(day.waiting).last_at,
            data={"understanding": {"intent": HOSTILE, "entities": [{"kind": HOSTILE, "text": HOSTILE}]}},
        )
        tx.save_ticket(replace(tx.ticket(day.cold), symptom=HOSTILE, contact_name=HOSTILE, details={HOSTILE: HOSTILE}))
    pages = (
        "/",
        f"/conversations/{day.waiting}",
        f"/tickets/{day.cold}",
        "/tickets",
        f"/conversations/{day.waiting}/tail",
    )
    for path in pages:
        page = xiaoli.get(path).text
        assert "<script>alert" not in page, path
        assert "<img src=x" not in page, path
        assert HOSTILE[:20] in html.unescape(page), path


def test_exactly_one_takes_over_and_the_other_sees_who(app: Flask, store: FakeStore, day: Day) -> None:
    people = [sign_in(app, login) for login in ("xiaoli", "zhuguan", "admin")]
    tokens = [person.token() for person in people]
    start = threading.Barrier(3)
    answers: list[Any] = [None] * 3

    def take(n: int) -> None:
        start.wait()
        answers[n] = people[n].client.post(
            f"/console/conversations/{day.waiting}/take-over", data={"csrf_token": tokens[n]}
        )

    threads = [threading.Thread(target=take, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winner = conversation(store, day.waiting).operator_id
    name = {1: "小李", 2: "周主管", 3: "管理员"}[winner]
    told = [person.told(answer) for person, answer in zip(people, answers, strict=True)]
    assert sorted(told) == sorted(["", f"会话已由 {name} 接手", f"会话已由 {name} 接手"])
    assert told[winner - 1] == ""


def test_answer_once_however_often_it_is_sent(xiaoli: Person, store: FakeStore, day: Day) -> None:
    xiaoli.post(f"/conversations/{day.waiting}/take-over")
    client_id = client_id_on(xiaoli.get(f"/conversations/{day.waiting}").text)
    for _ in range(3):
        answer = xiaoli.post(
            f"/conversations/{day.waiting}/answer", live=True, text="马上安排师傅上门", client_id=client_id
        )
        assert answer.status_code == 200
        assert client_id_on(answer.text) != client_id
    assert operator_words(store, day.waiting) == ["马上安排师傅上门"]
    assert "马上安排师傅上门" in xiaoli.get(f"/conversations/{day.waiting}/tail?after=0").text


@pytest.mark.parametrize("text", ["", "   ", "长" * 2001])
def test_unusable_answer_stays_in_the_box(xiaoli: Person, store: FakeStore, day: Day, text: str) -> None:
    xiaoli.post(f"/conversations/{day.waiting}/take-over")
    client_id = "a" * 32
    answer = xiaoli.post(f"/conversations/{day.waiting}/answer", live=True, text=text, client_id=client_id)
    assert answer.status_code == 409
    assert "内容为空或过长" in answer.text
    assert text in answer.text
    assert client_id_on(answer.text) == client_id
    assert operator_words(store, day.waiting) == []


def test_who_does_not_hold_it_cannot_answer_hand_back_end_or_dial(xiaoli: Person, store: FakeStore, day: Day) -> None:
    """`held` belongs to the supervisor."""
    answer = xiaoli.post(f"/conversations/{day.held}/answer", live=True, text="你好", client_id="b" * 32)
    assert answer.status_code == 409
    assert "已不由您处理" in answer.text
    assert "你好" in answer.text
    for action in ("hand-back", "end"):
        assert "已不由您处理" in xiaoli.told(xiaoli.post(f"/conversations/{day.held}/{action}"))
    answer = xiaoli.post(f"/conversations/{day.held}/call/connect", live=True)
    assert answer.status_code == 409
    assert conversation(store, day.held).operator_id == 2
    page = xiaoli.get(f"/conversations/{day.held}").text
    assert "周主管 正在接待" in page
    assert 'id="composer"' not in page


def test_hand_back_and_end(zhuguan: Person, store: FakeStore, day: Day) -> None:
    assert zhuguan.told(zhuguan.post(f"/conversations/{day.held}/hand-back")) == "会话已交还机器人"
    assert conversation(store, day.held).floor is Floor.BOT
    assert "已不由您处理" in zhuguan.told(zhuguan.post(f"/conversations/{day.held}/hand-back"))
    zhuguan.post(f"/conversations/{day.held}/take-over")
    assert zhuguan.told(zhuguan.post(f"/conversations/{day.held}/end")) == "会话已结束"
    assert conversation(store, day.held).floor is Floor.ENDED


def test_only_a_call_offers_the_telephone(zhuguan: Person, day: Day) -> None:
    page = zhuguan.get(f"/conversations/{day.held}").text
    assert 'id="composer"' in page
    assert "接通我的电话" not in page


def test_the_holders_page_tells_that_it_is_open(zhuguan: Person, store: FakeStore, clock: FixedClock, day: Day) -> None:
    assert "data-beat" in zhuguan.get(f"/conversations/{day.held}").text
    assert zhuguan.post(f"/conversations/{day.held}/heartbeat").status_code == 204
    assert conversation(store, day.held).seen_by_operator_at == clock.now()


def test_tail_continues_without_holes(xiaoli: Person, store: FakeStore, clock: FixedClock, day: Day) -> None:
    """A page that has seen nothing for 450 messages gets each of them exactly once."""
    page = xiaoli.get(f"/conversations/{day.bot}").text
    with store.write() as tx:
        for n in range(450):
            tx.add_message(day.bot, author=Author.RESIDENT, text=f"第{n}句", at=clock.now())
    address = re.search(r'id="tail"[^>]*hx-get="/console([^"]+)"', page)
    assert address
    grown = xiaoli.get(html.unescape(address[1])).text
    assert re.findall(r'id="m(\d+)"', grown) == [str(n) for n in range(1, 453)]
    again = re.search(r'id="tail"[^>]*hx-get="/console([^"]+)"', grown)
    assert again
    assert re.findall(r'id="m(\d+)"', xiaoli.get(html.unescape(again[1])).text) == [str(n) for n in range(447, 453)]


def test_numbers_are_masked_and_looking_is_on_record(xiaoli: Person, day: Day) -> None:
    page = xiaoli.get(f"/conversations/{day.phone}").text
    assert "138 **** 0001" in page
    assert "138 0000 0001" not in page
    assert "13800000001" not in page
    with logged() as lines:
        answer = xiaoli.post("/reveal/household/1", live=True)
    assert "138 0000 0001" in answer.text
    [line] = [line for line in lines if line["event"] == "audit.looked"]
    assert (line["operator"], line["what"], line["subject"]) == ("xiaoli", "number", "household:1")
    assert "13800000001" not in str(lines)


@pytest.mark.parametrize("path", ["/reveal/household/99", "/reveal/ticket/99", "/reveal/conversation/nobody"])
def test_nobodys_number_is_not_found(xiaoli: Person, path: str) -> None:
    assert xiaoli.post(path, live=True).status_code == 404


def test_unknown_conversation_is_not_found(xiaoli: Person) -> None:
    assert xiaoli.get("/conversations/nobody").status_code == 404
    assert xiaoli.post("/conversations/nobody/take-over").status_code == 404


def test_a_locked_database_is_told_politely(xiaoli: Person, store: FakeStore, day: Day) -> None:
    token = xiaoli.token()  # whoever asks is present: that is written once, before
    store.write_failures = [StoreBusy("locked")]
    answer = xiaoli.client.post(f"/console/conversations/{day.waiting}/take-over", data={"csrf_token": token})
    assert answer.status_code == 503
    assert "系统正忙" in answer.text


def test_supervisor_sees_ended_conversations(zhuguan: Person, xiaoli: Person, day: Day) -> None:
    zhuguan.post(f"/conversations/{day.held}/end")
    assert day.held in zhuguan.get("/conversations").text
    assert xiaoli.get("/conversations").status_code == 403


def test_who_calls_from_a_registered_number_is_shown_before_anybody_confirmed_it(
    xiaoli: Person, store: FakeStore, day: Day
) -> None:
    with store.write() as tx:
        tx.save_conversation(replace(tx.conversation(day.bot), peer="+8613800000001"))
    page = xiaoli.get(f"/conversations/{day.bot}").text
    for shown in ("按来电号码", "陈静", "阳光花园3号楼2单元501", "1122-0001"):
        assert shown in page
    with store.write() as tx:
        denied = DialogueState(home_denied=True).to_json()
        tx.save_conversation(replace(tx.conversation(day.bot), state=denied))
    page = xiaoli.get(f"/conversations/{day.bot}").text
    assert "尚未识别住户" in page
    assert "1122-0001" in page


def test_whoever_looks_is_told_to_the_resident_and_his_page_tells_what_it_has(
    xiaoli: Person, store: FakeStore, day: Day
) -> None:
    cid = day.waiting
    xiaoli.post(f"/conversations/{cid}/take-over")
    xiaoli.post(f"/conversations/{cid}/answer", text="请问几楼?", client_id="c" * 32)
    said = conversation(store, cid).last_seq
    page = xiaoli.get(f"/conversations/{cid}").text
    assert "未送达" in page
    assert xiaoli.post(f"/conversations/{cid}/seen", seq="999").status_code == 204
    with store.write() as tx:
        assert tx.receipts(cid)[Side.HOUSE] == Receipt(said, said)
        tx.note_receipt(cid, Side.RESIDENT, Receipt(said, 0))
    assert "已送达, 未读" in xiaoli.get(f"/conversations/{cid}/tail").text
    version = xiaoli.get(f"/events?now&topics=talk:{cid}").json
    with store.write() as tx:
        tx.note_receipt(cid, Side.RESIDENT, Receipt(said, said))
    assert xiaoli.get(f"/events?now&topics=talk:{cid}").json != version, "the open page asks again"
    assert "已读" in xiaoli.get(f"/conversations/{cid}/tail").text


def test_what_is_never_said_is_held_back_with_its_reason(xiaoli: Person, store: FakeStore, day: Day) -> None:
    """W6b, W6c: the words stay in the box, the clause and what to say instead beside them; changed, they are sent."""
    xiaoli.post(f"/conversations/{day.waiting}/take-over")
    for text in ("这个我不知道呀", "我 不 知、道"):
        held = xiaoli.post(f"/conversations/{day.waiting}/answer", live=True, text=text, client_id="c1")
        assert held.status_code == 409
        assert text in held.text
        assert "W6b" in held.text
        assert "请示后给您答复" in held.text
    open_blank = xiaoli.post(
        f"/conversations/{day.waiting}/answer", live=True, text="工单号 〔待填〕。", client_id="c1"
    )
    assert "还有待填的内容" in open_blank.text
    with store.read() as tx:
        assert not [m for m in tx.messages(day.waiting) if m.author is Author.OPERATOR]
    sent = xiaoli.post(f"/conversations/{day.waiting}/answer", live=True, text="我马上核实", client_id="c1")
    assert sent.status_code == 200
    with store.read() as tx:
        assert [m.text for m in tx.messages(day.waiting) if m.author is Author.OPERATOR] == ["我马上核实"]


def test_a_private_note_is_in_the_transcript_and_in_no_message(xiaoli: Person, store: FakeStore, day: Day) -> None:
    """Written under the last message, once; live pages fetch it; it never enters the log that channels read."""
    topic = f"talk:{day.waiting}"
    before = xiaoli.get(f"/events?now&topics={topic}").json
    with store.read() as tx:
        log = list(tx.messages(day.waiting))
    for _ in range(2):
        told = xiaoli.told(xiaoli.post(f"/conversations/{day.waiting}/note", text="<i>老人独居</i>", client_id="n1"))
        assert told == "内部备注已保存"
    page = xiaoli.get(f"/conversations/{day.waiting}").text
    assert page.count("&lt;i&gt;老人独居&lt;/i&gt;") == 1
    assert xiaoli.get(f"/conversations/{day.waiting}/tail?after=0").text.count("老人独居") == 1
    assert xiaoli.get(f"/events?now&topics={topic}").json != before
    with store.read() as tx:
        assert list(tx.messages(day.waiting)) == log
    assert "操作未执行" in xiaoli.told(xiaoli.post(f"/conversations/{day.waiting}/note", text=" ", client_id="n2"))


def test_canned_replies_are_the_standards_words_with_the_blanks_filled(xiaoli: Person, day: Day) -> None:
    xiaoli.post(f"/conversations/{day.waiting}/take-over")
    page = xiaoli.get(f"/conversations/{day.waiting}").text
    for text in (
        "您反映的问题我会及时向公司反馈,公司将尽快处理并给您答复",
        "您的报修已经登记,工单号 1122-0002。",
        "跟您核对一下地址:",
        "我马上为您催办工单 1122-0002。",
    ):
        assert f'data-text="{text}' in page or text in page, text
    xiaoli.post(f"/conversations/{day.bot}/take-over")
    assert "〔待填〕您好,您的报修已经登记,工单号 〔待填〕。" in xiaoli.get(f"/conversations/{day.bot}").text


def test_a_residents_photograph_is_shown_to_operators_and_to_nobody_else(
    app: Flask, xiaoli: Person, store: FakeStore, clock: FixedClock, day: Day
) -> None:
    files = SoundFolder(app.extensions["pictures"], ".jpg")
    pictures = Pictures(store, files, BOOK, clock)
    pictures.take(day.waiting, "k" * 20, Photograph(b"\xff\xd8\xff a jpeg", 800, 600, small=b"\xff\xd8\xff small"))
    page = xiaoli.get(f"/conversations/{day.waiting}").text
    found = re.search(r'href="(/console/pictures/[0-9a-f]{32})".*? src="(\1\?size=small)"', page)
    assert found
    for address, jpeg in zip(found.groups(), (b"\xff\xd8\xff a jpeg", b"\xff\xd8\xff small"), strict=True):
        shown = xiaoli.client.get(address)
        assert (shown.data, shown.mimetype) == (jpeg, "image/jpeg")
        shown.close()
        assert app.test_client().get(address).status_code in {302, 303, 401}
    assert xiaoli.get(f"/pictures/{'0' * 32}").status_code == 404


def test_a_chat_is_passed_on_and_the_case_keeps_its_owner(
    xiaoli: Person, zhuguan: Person, store: FakeStore, day: Day
) -> None:
    """W6e: only somebody who is there gets it, a late press moves nothing, and the reason is told to colleagues alone."""
    xiaoli.post(f"/conversations/{day.waiting}/take-over")
    zhuguan.get("/")
    form = xiaoli.get(f"/conversations/{day.waiting}/colleagues").text
    assert "周主管" in form
    assert "小李" not in form
    with store.read() as tx:
        epoch = tx.conversation(day.waiting).epoch
    path = f"/conversations/{day.waiting}/pass-on"
    assert "状态已变化" in xiaoli.told(xiaoli.post(path, to="3", epoch=epoch))  # the administrator is not there
    assert "已不由您处理" in zhuguan.told(zhuguan.post(path, to="2", epoch=epoch))
    assert xiaoli.told(xiaoli.post(path, to="2", epoch=epoch, why="要主管答复")) == "会话已转接"
    for to in ("2", "queue"):
        assert "已不由您处理" in xiaoli.told(xiaoli.post(path, to=to, epoch=epoch))
    with store.read() as tx:
        now = tx.conversation(day.waiting)
        assert (now.floor, now.operator_id) == (Floor.OPERATOR, 2)
        assert [n.text for n in tx.private_notes(day.waiting)] == ["转给周主管:要主管答复"]
        assert not [m for m in tx.messages(day.waiting) if "要主管答复" in m.text]
        assert [m.text for m in tx.messages(day.waiting)][-1] == "您好!02号接线员为您服务,我是周主管。"
    assert zhuguan.told(zhuguan.post(path, to="queue", epoch=now.epoch)) == "会话已转接"
    with store.read() as tx:
        assert tx.conversation(day.waiting).floor is Floor.QUEUE


def test_a_supervisor_takes_a_chat_from_its_holder(xiaoli: Person, zhuguan: Person, store: FakeStore, day: Day) -> None:
    xiaoli.post(f"/conversations/{day.waiting}/take-over")
    with store.read() as tx:
        epoch = tx.conversation(day.waiting).epoch
    path = f"/conversations/{day.waiting}/take-from"
    assert xiaoli.post(path, epoch=epoch).status_code == 403
    assert "由我接手" not in xiaoli.get(f"/conversations/{day.held}").text
    assert "由我接手" in zhuguan.get(f"/conversations/{day.waiting}").text
    assert zhuguan.told(zhuguan.post(path, epoch=epoch)) == "会话已由您接手"
    assert "已不由您处理" in zhuguan.told(zhuguan.post(path, epoch=epoch))
    sent = xiaoli.post(f"/conversations/{day.waiting}/answer", live=True, text="还在吗", client_id="late")
    assert sent.status_code == 409
    with store.read() as tx:
        assert tx.conversation(day.waiting).operator_id == 2
        assert [n.text for n in tx.private_notes(day.waiting)] == ["从小李接手"]


def test_what_the_resident_thought_of_it_stands_above_the_conversation(
    xiaoli: Person, store: FakeStore, clock: FixedClock, day: Day
) -> None:
    assert "住户评价" not in xiaoli.get(f"/conversations/{day.held}").text
    with store.write() as tx:
        tx.rate(Rating(day.held, 2, "<b>太慢</b>", clock.now()))
    page = xiaoli.get(f"/conversations/{day.held}").text
    assert "住户评价 2 星: &lt;b&gt;太慢&lt;/b&gt;" in page


def test_a_wechat_line_says_whether_it_left_and_why_not(xiaoli: Person, store: FakeStore, clock: FixedClock) -> None:
    now = clock.now()
    with store.write() as tx:
        tx.add_conversation(Conversation("w" * 32, Channel.WECHAT, "o-1-1", "", Floor.QUEUE, now, now))
        tx.add_message("w" * 32, author=Author.RESIDENT, text="转人工", at=now)
    page = f"/conversations/{'w' * 32}"
    assert "微信住户" in xiaoli.get(page).text
    assert "微信" in xiaoli.get("/").text
    xiaoli.post(f"{page}/take-over")
    xiaoli.post(f"{page}/answer", text="您好", client_id="c" * 32)
    said = conversation(store, "w" * 32).last_seq
    shown = xiaoli.get(page).text
    assert "正在发送" in shown
    assert "转接给同事" in shown, "passed on like any chat"
    for mark, words in (
        ({"left": "message"}, "已发到微信"),
        ({"kept_back": "window"}, "超过48小时"),
        ({"kept_back": "uncertain"}, "不确定是否送达"),
        *(({"kept_back": reason}, "未送达") for reason in set(Reason) - {Reason.UNCERTAIN}),
    ):
        before = xiaoli.get(f"/events?now&topics=talk:{'w' * 32}").json
        with store.write() as tx:
            data = {k: v for k, v in tx.messages("w" * 32)[said - 1].data.items() if k not in ("left", "kept_back")}
            tx.set_message_data("w" * 32, said, data | mark)
        assert words in xiaoli.get(page).text
        if "left" in mark:
            assert xiaoli.get(f"/events?now&topics=talk:{'w' * 32}").json != before, "the open page asks again"
