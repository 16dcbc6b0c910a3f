"""The work page, the alarm that cannot be overlooked, the health page, the administrator's lists."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask

from console import Health
from dialogue.conversation import Channel, Conversation, Floor
from fulfillment.outbox import NewTask, TaskKind
from tests.console.conftest import Person, sign_in
from tests.console.sample import Day, build_app
from tests.fakes import FakeStore, FixedClock


def test_queue_puts_emergencies_first_then_the_longest_wait(xiaoli: Person, day: Day) -> None:
    page = xiaoli.get("/").text
    order = re.findall(r'id="talk-([0-9a-f]{32})"', page)
    assert order[:3] == [day.phone, day.waiting, day.held]
    assert "2:00" in page  # since when the caller waits
    assert "周主管" in page


def test_of_a_thousand_with_the_bot_the_newest_are_listed_and_every_emergency(
    xiaoli: Person, zhuguan: Person, store: FakeStore, clock: FixedClock, day: Day
) -> None:
    with store.write() as tx:
        for n in range(80):
            at = clock.now() - timedelta(hours=1, minutes=n)
            tx.add_conversation(Conversation(f"{n:032x}", Channel.CHAT, f"many-{n}", "", Floor.BOT, at, at))
        tx.save_ticket(replace(tx.ticket(day.leak), conversation_id=f"{79:032x}"))
    listed = re.findall(r'id="talk-([0-9a-f]{32})"', xiaoli.get("/").text)
    assert f"{79:032x}" in listed, "the oldest, but an emergency"
    assert f"{40:032x}" in listed
    assert f"{70:032x}" not in listed
    of_bot = [one for one in listed if store_floor(store, one) is Floor.BOT]
    assert len(of_bot) == 61
    with store.read() as tx:
        unlisted = sum(c.floor is Floor.BOT for c in tx.live_conversations()) - 61
    for page in (xiaoli.get("/").text, zhuguan.get("/supervision").text):
        assert f"另有 {unlisted} 个" in page


def store_floor(store: FakeStore, conversation_id: str) -> Floor:
    with store.read() as tx:
        return tx.conversation(conversation_id).floor


def test_clocks_show_clause_share_and_time_left(xiaoli: Person, clock: FixedClock) -> None:
    def shown() -> list[tuple[str, str]]:
        page = xiaoli.get("/parts/running").text
        return re.findall(r'<span class="clock (\w+)".*?<time[^>]*>([^<]+)<', page, re.DOTALL)

    page = xiaoli.get("/parts/running").text
    assert "条款 G7e" in page
    assert shown()[0] == ("calm", "7:18")
    clock.advance(minutes=5)
    assert shown()[0] == ("soon", "2:18")
    clock.advance(seconds=18)
    assert shown()[0] == ("urgent", "2:00")
    clock.advance(minutes=2)
    assert shown()[0] == ("over", "0:00")


def test_alarm_is_on_every_page_until_somebody_accepts(xiaoli: Person, day: Day) -> None:
    pages = ("/", "/tickets", f"/tickets/{day.cold}", f"/conversations/{day.waiting}", "/health")
    for path in pages:
        page = xiaoli.get(path).text
        assert 'data-sound="normal"' in page, path
        assert "户内漏水 · 阳光花园3号楼2单元501" in page, path
        assert "站点值班 张值班: 振铃中" in page, path
    xiaoli.post(f"/tickets/{day.leak}/acknowledge")
    for path in pages:
        assert "data-sound" not in xiaoli.get(path).text, path


def test_alarm_is_louder_when_nobody_answers(xiaoli: Person, store: FakeStore, clock: FixedClock, day: Day) -> None:
    with store.write() as tx:
        tx.save_ticket(replace(tx.ticket(day.leak), alarm_exhausted_at=clock.now()))
    page = xiaoli.get("/").text
    assert 'data-sound="urgent"' in page
    assert "所有值班人员均无应答" in page


def test_forwarding_that_nobody_does_is_shouted(xiaoli: Person, store: FakeStore, clock: FixedClock, day: Day) -> None:
    due = clock.now()
    with store.write() as tx:
        tx.enqueue(NewTask(TaskKind.FORWARD_EMERGENCY, "forward-1-0", due, {"ticket_id": day.leak}, day.leak))
        tx.enqueue(NewTask(TaskKind.WARN_CLOCK, "warn-1", due - timedelta(hours=1)))
    clock.advance(seconds=60)
    assert "转接程序没有运行" not in xiaoli.get("/").text
    clock.advance(seconds=1)
    assert "转接程序没有运行" in xiaoli.get("/").text
    assert "1 项紧急转接" in xiaoli.get("/parts/alarms").text


def test_health_page(store: FakeStore, clock: FixedClock, app: Flask) -> None:
    assert "正常" in sign_in(app, "xiaoli").get("/health").text
    ill = build_app(
        store,
        clock,
        carrier_is_real=False,
        health=lambda: Health(database=True, nlu=False, overdue=[("forward_emergency", "k", clock.now(), 2)]),
    )
    page = sign_in(ill, "xiaoli").get("/health").text
    assert "没有应答" in page
    assert "紧急转接" in page
    assert "1 项任务逾期未执行" in page


def test_a_fault_of_ours_has_a_page_in_the_operators_language(day: Day, store: FakeStore, clock: FixedClock) -> None:
    assert day

    def broken() -> Health:
        raise ZeroDivisionError

    ill = build_app(store, clock, health=broken)
    ill.config["PROPAGATE_EXCEPTIONS"] = ill.testing = False
    answer = sign_in(ill, "xiaoli").get("/health")
    assert answer.status_code == 500
    assert "系统正忙, 请稍后再试" in answer.text
    assert "返回工作台" in answer.text


def test_simulated_network_is_said_on_every_page(store: FakeStore, clock: FixedClock, app: Flask, day: Day) -> None:
    banner = "当前为本机模拟电话网, 未接入真实运营商"
    person = sign_in(build_app(store, clock, carrier_is_real=False), "admin")
    for path in (
        "/",
        "/tickets",
        f"/tickets/{day.leak}",
        f"/conversations/{day.bot}",
        "/health",
        "/administration",
        "/nowhere",
    ):
        assert f'<p class="banner">{banner}</p>' in person.get(path).text, path
    assert banner not in sign_in(app, "admin").get("/").text


def test_parts_that_do_not_exist(xiaoli: Person) -> None:
    assert xiaoli.get("/parts/..%2f..%2fsecrets").status_code == 404
    assert xiaoli.get("/parts/side").status_code == 400


def test_administrator_reads_accounts_and_staff(admin: Person) -> None:
    page = admin.get("/administration").text
    for shown in ("zhuguan", "夜值班", "东城站"):
        assert shown in page
    assert "argon2" not in page


@pytest.mark.usefixtures("day")
def test_the_queue_tells_conversations_apart_by_what_the_resident_said(xiaoli: Person) -> None:
    page = xiaoli.get("/").text
    assert "今年取暖费一平米多少钱" in page
    assert "请问,您还有其他问题需要我帮助吗" not in page
