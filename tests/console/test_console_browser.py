"""The console in a real browser: what no test client can tell."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect, sync_playwright
from werkzeug.serving import BaseWSGIServer, make_server

from console import live
from dialogue.chat import Side
from dialogue.conversation import Author, Floor
from dialogue.typing_mark import typing_topic
from kernel.clock import SystemClock
from tests.console.sample import PASSWORD, Day, build_app, sample_day
from tests.fakes import FakeStore

pytestmark = pytest.mark.browser


@contextmanager
def serving(app: Flask, port: int = 0) -> Iterator[BaseWSGIServer]:
    server = make_server("127.0.0.1", port, app, threaded=True)
    server.daemon_threads = True  # type: ignore[attr-defined]  # an open stream must not hold the test's end
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def lively() -> tuple[FakeStore, Day, Flask]:
    store, clock = FakeStore(), SystemClock()
    day = sample_day(store, clock.now())
    return store, day, build_app(store, clock)


@pytest.fixture
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path="/usr/bin/chromium",
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield found
        found.close()


def sign_in(browser: Browser, port: int, login: str, faults: list[str]) -> Page:
    """A page behind its login. Script errors and broken rules of the content policy are collected in `faults`."""
    page = browser.new_context(locale="zh-CN").new_page()
    page.set_default_timeout(5000)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("dialog", lambda dialog: faults.append(f"dialog {dialog.message}"))
    page.on("console", lambda line: faults.append(line.text) if "Content Security Policy" in line.text else None)
    page.goto(f"http://127.0.0.1:{port}/console/")
    page.get_by_label("登录名").fill(login)
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_role("button", name="登录").click()
    page.wait_for_selector("body[data-ready] #queue")
    return page


def write(store: FakeStore, cid: str, text: str) -> None:
    with store.write() as tx:
        tx.add_message(cid, author=Author.RESIDENT, text=text, at=SystemClock().now())


def operator_words(store: FakeStore, cid: str) -> list[str]:
    with store.read() as tx:
        return [m.text for m in tx.messages(cid) if m.author is Author.OPERATOR]


def test_login_queue_takeover_answer(browser: Browser, lively: tuple[FakeStore, Day, Flask]) -> None:
    store, day, app = lively
    faults: list[str] = []
    with serving(app) as server:
        page = sign_in(browser, server.server_port, "xiaoli", faults)
        supervisor = sign_in(browser, server.server_port, "zhuguan", faults)
        expect(page.locator("#alarms")).to_contain_text("户内漏水")
        page.locator(f"#talk-{day.waiting}").click()
        supervisor.locator(f"#talk-{day.waiting}").click()
        page.get_by_role("button", name="接手会话").click()
        expect(supervisor.locator("#controls")).to_contain_text("小李 正在接待", timeout=2000)

        box = page.get_by_label("回复内容")
        expect(box).to_be_focused()
        box.fill("您好, 师傅半小时内到")
        box.press("Enter")
        expect(page.locator("#transcript")).to_contain_text("师傅半小时内到")
        expect(supervisor.locator("#transcript")).to_contain_text("师傅半小时内到", timeout=2000)
        expect(box).to_be_focused()
        expect(box).to_have_value("")

        box.fill("写到一半")
        started = time.monotonic()
        write(store, day.waiting, "太好了, 谢谢")
        expect(page.locator("#transcript")).to_contain_text("太好了, 谢谢", timeout=2000)
        assert time.monotonic() - started < 1.5
        expect(box).to_have_value("写到一半")

        page.get_by_role("button", name="发送").dblclick()
        expect(page.locator("#transcript")).to_contain_text("写到一半")
        assert operator_words(store, day.waiting) == ["您好, 师傅半小时内到", "写到一半"]
        assert app.extensions["handoff"].beats >= 1, "the holder's page tells that it is open"

        page.get_by_role("button", name="交还机器人").click()
        expect(page.locator("#controls")).to_contain_text("机器人接待中")
        page.goto(page.url.split("/conversations")[0] + "/")
        page.locator("[id^=talk-]", has_text="alert(1)").first.click()
        expect(page.locator("#transcript")).to_contain_text("<script>alert(1)</script>")
        with store.read() as tx:
            assert tx.conversation(day.waiting).floor is Floor.BOT
    assert faults == []


def test_alarm_sounds_until_somebody_accepts(browser: Browser, lively: tuple[FakeStore, Day, Flask]) -> None:
    store, day, app = lively
    faults: list[str] = []
    with serving(app) as server:
        page = sign_in(browser, server.server_port, "xiaoli", faults)
        page.add_init_script(
            "window.tones = 0; const start = OscillatorNode.prototype.start;"
            "OscillatorNode.prototype.start = function (...at) { window.tones += 1; return start.apply(this, at); };"
        )
        page.reload()
        page.mouse.click(5, 400)  # browsers are silent before the first touch
        page.wait_for_function("() => window.tones >= 4", timeout=6000)
        assert page.title().startswith("(1!)")
        page.get_by_role("button", name="我来接单").click()
        expect(page.locator(".alarm")).to_have_count(0)
        quiet = page.evaluate("window.tones")
        page.wait_for_timeout(2000)
        assert page.evaluate("window.tones") == quiet
        with store.read() as tx:
            assert tx.ticket(day.leak).acknowledged_by == "小李"
    assert faults == []


def test_a_page_is_whole_again_after_the_server_was_away(
    browser: Browser, lively: tuple[FakeStore, Day, Flask], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Streams are short here, so that the open one breaks while nobody listens on the port."""
    monkeypatch.setattr(live, "LIFE_SECONDS", 0.3)
    monkeypatch.setattr(live, "BEAT_SECONDS", 0.1)
    store, day, app = lively
    faults: list[str] = []
    with serving(app) as server:
        port = server.server_port
        page = sign_in(browser, port, "xiaoli", faults)
        with page.expect_response(lambda answer: f"talk%3A{day.bot}" in answer.url):
            page.locator(f"#talk-{day.bot}").click()
    for n in range(300):
        write(store, day.bot, f"第{n:03d}句")
    page.wait_for_timeout(1500)
    expect(page.locator("#connection")).to_be_visible()
    with serving(app, port):
        expect(page.locator("#transcript")).to_contain_text("第299句", timeout=12000)
        shown: Any = page.locator("#transcript .bubble").evaluate_all("all => all.map(one => one.id)")
        expect(page.locator("#connection")).to_be_hidden(timeout=12000)
    assert shown == [f"m{n}" for n in range(1, 303)], "nothing lost, nothing double, in order"
    assert faults == []


def test_over_the_cap_the_page_polls(browser: Browser) -> None:
    store, clock = FakeStore(), SystemClock()
    day = sample_day(store, clock.now())
    faults: list[str] = []
    with serving(build_app(store, clock, max_streams=1)) as server:
        first = sign_in(browser, server.server_port, "zhuguan", faults)
        second = sign_in(browser, server.server_port, "xiaoli", faults)
        expect(second.locator("#connection")).to_be_visible()
        expect(first.locator("#connection")).to_be_hidden()
        second.locator(f"#talk-{day.bot}").click()
        write(store, day.bot, "听得见吗")
        expect(second.locator("#transcript")).to_contain_text("听得见吗", timeout=6000)
    assert faults == []


def test_slash_searches_and_keys_reach_everything(browser: Browser, lively: tuple[FakeStore, Day, Flask]) -> None:
    _, day, app = lively
    faults: list[str] = []
    with serving(app) as server:
        page = sign_in(browser, server.server_port, "xiaoli", faults)
        page.keyboard.press("/")
        expect(page.locator("#search")).to_be_focused()
        page.keyboard.type("孙奶奶")
        page.keyboard.press("Enter")
        expect(page.locator("tbody tr")).to_have_count(2)
        page.goto(f"http://127.0.0.1:{server.server_port}/console/")
        for _ in range(30):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.id") == f"talk-{day.waiting}":
                break
        page.keyboard.press("Enter")
        page.wait_for_selector("#transcript")
        assert day.waiting in page.url
    assert faults == []


def test_a_canned_reply_by_keyboard_alone(browser: Browser, lively: tuple[FakeStore, Day, Flask]) -> None:
    store, day, app = lively
    faults: list[str] = []
    with serving(app) as server:
        page = sign_in(browser, server.server_port, "xiaoli", faults)
        page.locator(f"#talk-{day.waiting}").click()
        page.get_by_role("button", name="接手会话").click()
        box = page.get_by_label("回复内容")
        expect(box).to_be_focused()
        page.wait_for_selector("body[data-ready]")
        page.keyboard.press("/")
        chooser = page.get_by_role("combobox", name="筛选常用语")
        expect(chooser).to_be_focused()
        page.keyboard.press("Escape")
        expect(box).to_be_focused()
        expect(box).to_have_value("")
        page.keyboard.press("/")
        page.keyboard.type("工单")
        page.keyboard.press("ArrowDown")
        picked = page.locator("[role=option][aria-selected=true]")
        expect(picked).to_have_count(1)
        wanted = picked.get_attribute("data-text") or ""
        assert re.search(r"\b\d{4}-0002\b", wanted), "the number of his ticket, whatever day it is"
        page.keyboard.press("Enter")
        expect(box).to_be_focused()
        expect(box).to_have_value(wanted)
        page.keyboard.press("Enter")
        expect(page.locator("#transcript")).to_contain_text(wanted)
        assert operator_words(store, day.waiting) == [wanted]
        page.keyboard.type("怎么又是您")
        page.keyboard.press("Enter")
        expect(page.locator("#composer .problem")).to_contain_text("N13")
        expect(page.get_by_label("回复内容")).to_have_value("怎么又是您")
        assert operator_words(store, day.waiting) == [wanted]
    assert faults == []


def test_each_side_sees_that_the_other_writes_and_nothing_is_kept(
    browser: Browser, lively: tuple[FakeStore, Day, Flask]
) -> None:
    store, day, app = lively
    with serving(app) as server:
        page = sign_in(browser, server.server_port, "xiaoli", [])
        page.locator(f"#talk-{day.waiting}").click()
        page.get_by_role("button", name="接手会话").click()
        expect(page.get_by_label("回复内容")).to_be_focused()
        with page.expect_response("**/typing"):
            page.get_by_label("回复内容").press_sequentially("您好")
        assert store.signalled(typing_topic(day.waiting, Side.HOUSE))
        with page.expect_response("**/events*"):
            page.reload()
        expect(page.locator("#writes")).to_be_hidden()
        deadline = time.monotonic() + 5
        while page.locator("#writes").is_hidden() and time.monotonic() < deadline:
            store.signal(typing_topic(day.waiting, Side.RESIDENT))  # until the stream is there to hear it
            page.wait_for_timeout(50)
        expect(page.locator("#writes")).to_have_text("住户正在输入")
        assert operator_words(store, day.waiting) == []
        write(store, day.waiting, "还是不热")
        expect(page.locator("#transcript")).to_contain_text("还是不热")
        expect(page.locator("#writes")).to_be_hidden(timeout=2000)


NOTIFIED = """
window.told = [];
window.Notification = class extends EventTarget {
  constructor(words, options) { super(); window.told.push([words, options.tag.split(":")[0]]);
    document.body.dataset.told = window.told.length; }
  static permission = sessionStorage.getItem("permission") || "default";
  static async requestPermission() { sessionStorage.setItem("permission", "granted"); this.permission = "granted"; }
};
document.hasFocus = () => false;
"""


def test_new_work_is_told_on_the_desktop_on_every_page_after_asking_once(
    browser: Browser, lively: tuple[FakeStore, Day, Flask]
) -> None:
    store, day, app = lively
    with serving(app) as server:
        page = sign_in(browser, server.server_port, "xiaoli", [])
        page.add_init_script(NOTIFIED)
        page.reload()
        page.get_by_role("button", name="开启").click()
        page.goto(f"http://127.0.0.1:{server.server_port}/console/tickets")
        page.wait_for_selector("body[data-ready]")
        expect(page.locator("#ask-notify")).to_be_hidden()
        assert page.evaluate("window.told") == [], "what was there before is no news"
        with store.write() as tx:
            conversation = tx.conversation(day.bot)
            tx.move_floor(day.bot, to=Floor.QUEUE, operator_id=None, epoch=conversation.epoch, at=SystemClock().now())
        expect(page.locator("body")).to_have_attribute("data-told", "1")
        with store.write() as tx:
            conversation = tx.conversation(day.bot)
            moved = tx.move_floor(
                day.bot, to=Floor.OPERATOR, operator_id=1, epoch=conversation.epoch, at=SystemClock().now()
            )
            assert moved
            data = {"script": "handoff.assigned"}
            tx.add_message(day.bot, author=Author.BOT, text="x", at=SystemClock().now(), data=data)
        expect(page.locator("body")).to_have_attribute("data-told", "2")
        write(store, day.bot, "在吗")
        expect(page.locator("body")).to_have_attribute("data-told", "3")
        assert page.evaluate("window.told") == [
            ["有住户在等待人工", "waits"],
            ["有会话分配给您", "given"],
            ["住户发来新消息", "wrote"],
        ]
