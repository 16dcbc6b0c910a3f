"""The page in a real Chromium: cards that keep up with their tickets, marks while somebody writes, help with writing."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from dialogue.chat import Side
from dialogue.conversation import Author, Floor
from dialogue.typing_mark import typing_topic
from kernel.clock import SystemClock
from tests.webchat.fake_hotline import move
from tests.webchat.site import Site, served, site
from tests.webchat.test_browser import PHONE_SCREEN, browser, conversation_id, greet, pytestmark, say

__all__ = ["browser", "pytestmark"]  # the same Chromium, under the same conditions

TICKET = {
    "kind": "ticket",
    "number": "1122-0007",
    "title": "户内漏水",
    "state": "等待接单",
    "clocks": [{"title": "到达现场", "clause": "F16", "due_by": "2026-11-22T10:00:00+00:00"}],
    "nudges": 0,
    "open": True,
}


@pytest.fixture
def place() -> Site:
    return site(thinks=0.02)


@pytest.fixture
def address(place: Site) -> Iterator[str]:
    with served(place.app) as base:
        yield base


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport=PHONE_SCREEN, locale="zh-CN")
    context.set_default_timeout(8000)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


def now_stands(place: Site, **changes: Any) -> None:
    """The hotline tells the ticket like this from now on, and something was written."""
    place.tickets[:] = [TICKET | changes]
    with place.store.write() as tx:
        conversation = tx.conversation(conversation_id(place))
        tx.save_conversation(conversation)


def test_a_card_keeps_up_with_its_ticket_and_is_pressed_when_it_takes_too_long(
    page: Page, address: str, place: Site
) -> None:
    greet(page, address)
    say(page, "翠湖花园")
    card = page.locator(".card_ticket")
    expect(card.locator("dd")).to_have_count(3)
    expect(card.get_by_role("button")).to_have_count(0)  # nothing is known of it yet
    now_stands(place)
    expect(card.locator("dd")).to_have_count(2)
    card.get_by_role("button", name="催办").click()
    expect(card.get_by_role("button", name="催办")).to_be_disabled()
    expect(page.locator(".row_me .bubble").last).to_have_text("催办工单 1122-0007")
    assert place.hotline.turns[-1].choice == "nudge:1122-0007"
    now_stands(place, nudges=1, state="已经有人接单")
    expect(card.locator(".card__state")).to_have_text("已经有人接单")
    expect(card).to_contain_text("已催办 1 次")
    expect(card.get_by_role("button", name="催办")).to_be_enabled()
    now_stands(place, nudges=1, state="已经处理完", clocks=[], open=False)
    expect(card.locator(".card__state")).to_have_text("已经处理完")
    expect(card.locator("dd")).to_have_count(1)
    expect(card.get_by_role("button")).to_have_count(0)


def test_a_card_is_pressed_after_the_chat_was_ended_in_the_chat_it_belongs_to(
    page: Page, address: str, place: Site
) -> None:
    greet(page, address)
    say(page, "翠湖花园")
    now_stands(place)
    expect(page.get_by_role("button", name="催办")).to_be_visible()
    say(page, "再见")
    expect(page.locator("#over")).to_be_visible()
    page.get_by_role("button", name="催办").click()
    expect(page.locator(".row_pending")).to_have_count(0)
    assert len(place.store.tables.conversations) == 1
    page.get_by_role("button", name="开始新会话").click()
    expect(page.locator("#log")).to_contain_text("以下是新的会话")
    expect(page.get_by_role("button", name="催办")).to_have_count(0)


def test_each_side_sees_that_the_other_writes_and_nothing_is_kept(page: Page, address: str, place: Site) -> None:
    greet(page, address)
    page.fill("#text", "还是")
    expect(page.locator("#text")).to_have_value("还是")
    cid = conversation_id(place)
    assert not place.store.signals, "the bot does not look up"
    with place.store.write() as tx:
        move(tx, cid, Floor.OPERATOR, at=SystemClock(), operator_id=place.operator.id)
    expect(page.locator("#status")).to_contain_text("张敏")
    commits = place.store.commits
    with page.expect_response("**/api/typing"):
        page.fill("#text", "还是不热")
    assert place.store.signalled(typing_topic(cid, Side.RESIDENT))
    place.store.signal(typing_topic(cid, Side.HOUSE))
    expect(page.get_by_label("人工客服正在输入")).to_be_visible()
    assert place.store.commits == commits
    with place.store.write() as tx:
        tx.add_message(cid, author=Author.OPERATOR, text="请问几楼?", at=SystemClock().now(), data={"operator": "张敏"})
    expect(page.locator("#log")).to_contain_text("请问几楼")
    expect(page.locator("#typing")).to_be_hidden()


def test_emoji_and_where_i_am_are_written_into_the_box_and_sent_by_hand(page: Page, address: str, place: Site) -> None:
    page.context.grant_permissions(["geolocation"])
    page.context.set_geolocation({"latitude": 38.04231, "longitude": 114.51492, "accuracy": 18.2})
    greet(page, address)
    page.fill("#text", "水很多")
    page.get_by_role("button", name="表情与更多").click()
    page.get_by_role("button", name="🙏").click()
    expect(page.locator("#text")).to_have_value("水很多🙏")
    page.get_by_role("button", name="我的位置").click()
    expect(page.locator("#text")).to_have_value("水很多🙏我的位置:北纬38.04231度,东经114.51492度,误差19米")
    page.keyboard.press("Escape")
    expect(page.locator("#tools")).to_be_hidden()
    expect(page.get_by_role("button", name="表情与更多")).to_be_focused()
    assert not place.hotline.turns, "nothing is sent that was not sent by hand"


def test_without_a_permission_for_the_place_it_is_said_how_else(page: Page, address: str) -> None:
    page.context.clear_permissions()
    greet(page, address)
    page.get_by_role("button", name="表情与更多").click()
    page.get_by_role("button", name="我的位置").click()
    expect(page.locator(".note_warn")).to_contain_text("直接写小区、楼号")


EAR = """
window.webkitSpeechRecognition = class extends EventTarget {
  start() { window.ear = this; }
  stop() { this.dispatchEvent(new Event("end")); }
  hear(words) {
    const event = new Event("result");
    event.resultIndex = 0;
    event.results = [[{ transcript: words }]];
    this.dispatchEvent(event);
  }
};
delete window.SpeechRecognition;
"""


def test_speech_is_written_into_the_box_where_the_browser_hears_it(page: Page, address: str, place: Site) -> None:
    page.add_init_script(EAR)
    greet(page, address)
    page.get_by_role("button", name="表情与更多").click()
    page.get_by_role("button", name="语音输入").click()
    listening = page.get_by_role("button", name="正在听")
    expect(listening).to_have_attribute("aria-pressed", "true")
    page.evaluate("window.ear.hear('卧室暖气不热')")
    listening.click()
    expect(page.get_by_role("button", name="语音输入")).to_have_attribute("aria-pressed", "false")
    expect(page.locator("#text")).to_have_value("卧室暖气不热")
    assert not place.hotline.turns


def test_a_browser_without_ears_offers_no_speech(page: Page, address: str) -> None:
    page.add_init_script("delete window.webkitSpeechRecognition; delete window.SpeechRecognition;")
    greet(page, address)
    page.get_by_role("button", name="表情与更多").click()
    expect(page.get_by_role("button", name="🙏")).to_be_visible()
    expect(page.locator("#speech")).to_be_hidden()


AWAY = """
window.told = [];
window.Notification = class extends EventTarget {
  constructor(title, options) { super(); window.told.push(options.body); }
  static permission = "default";
  static requestPermission() { this.permission = "granted"; return Promise.resolve("granted"); }
};
Object.defineProperty(document, "hidden", { get: () => Boolean(window.away) });
"""


def test_what_arrives_while_nobody_looks_is_counted_in_the_title_and_notified_if_asked_for(
    page: Page, address: str, place: Site
) -> None:
    page.add_init_script(AWAY)
    greet(page, address)

    def arrives(text: str) -> None:
        with place.store.write() as tx:
            tx.add_message(conversation_id(place), author=Author.BOT, text=text, at=SystemClock().now())
        expect(page.locator("#log")).to_contain_text(text)

    page.evaluate("window.away = true")
    arrives("管家已接单")
    expect(page).to_have_title(re.compile(r"^\(1\) "))
    assert page.evaluate("window.told") == [], "nobody has asked for notifications"
    page.evaluate("window.away = false; document.dispatchEvent(new Event('visibilitychange'))")
    expect(page).to_have_title(re.compile(r"^供暖管家"))
    page.click("#menu-open")
    page.get_by_role("button", name="打开桌面通知").click()
    expect(page.get_by_role("button", name="关闭桌面通知")).to_be_visible()
    page.get_by_role("button", name="关闭提示音").click()
    expect(page.get_by_role("button", name="打开提示音")).to_be_visible()
    page.keyboard.press("Escape")
    page.evaluate("window.away = true")
    arrives("大约十分钟到")
    assert page.evaluate("window.told") == ["大约十分钟到"]


def test_whoever_wants_no_motion_gets_none(browser: Browser, address: str) -> None:
    context = browser.new_context(viewport=PHONE_SCREEN, reduced_motion="reduce")
    page = context.new_page()
    greet(page, address)
    say(page, "家里不热")
    expect(page.locator(".row_new").last).to_have_css("animation-name", "none")
    context.close()
