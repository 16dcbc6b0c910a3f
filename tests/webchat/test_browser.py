"""The page in a real Chromium: what a resident sees and does."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

from dialogue.chat import Receipt, Side
from dialogue.conversation import Author, Channel, Floor
from kernel.clock import SystemClock
from tests.fakes import FixedClock
from tests.webchat.fake_hotline import PHONE, move
from tests.webchat.site import Site, served, site, with_limits

CHROMIUM = "/usr/bin/chromium"
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="needs Debian's chromium"),
]
PHONE_SCREEN = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield chromium
        chromium.close()


@pytest.fixture
def place() -> Site:
    return site(thinks=0.05)


@pytest.fixture
def address(place: Site) -> Iterator[str]:
    with served(place.app) as base:
        yield base


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport=PHONE_SCREEN, locale="zh-CN", timezone_id="America/New_York")
    context.set_default_timeout(8000)
    opened = context.new_page()
    problems: list[str] = []
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on("console", lambda m: problems.append(m.text) if "Content Security Policy" in m.text else None)
    yield opened
    context.close()
    assert not problems


def greet(page: Page, address: str) -> None:
    page.goto(f"{address}/chat/")
    expect(page.locator("#log .row_them .bubble").first).to_contain_text("温心01号为您服务")


def say(page: Page, text: str) -> None:
    page.fill("#text", text)
    expect(page.locator("#send")).to_be_enabled()  # the page's scripts are there: before, Enter is a new line
    page.press("#text", "Enter")


def stored(place: Site, author: Author = Author.RESIDENT) -> list[str]:
    return [m.text for rows in place.store.tables.messages.values() for m in rows if m.author is author]


def conversation_id(place: Site) -> str:
    return list(place.store.tables.conversations)[-1]


def test_a_message_is_sent_and_answered_and_is_there_after_a_reload(page: Page, address: str, place: Site) -> None:
    greet(page, address)
    expect(page.locator("#status")).to_have_text("智能客服 · 24小时在线")
    say(page, "家里不热")
    expect(page.locator("#log")).to_contain_text("请问是整个家都不热")
    expect(page.locator(".row_pending")).to_have_count(0)
    before = page.locator("#log .bubble").all_text_contents()
    page.reload()
    expect(page.locator("#log .bubble")).to_have_text(before)
    expect(page.locator("#replies button")).to_have_text(["全部不热", "个别房间"])
    assert stored(place) == ["家里不热"]


def test_a_leak_is_tapped_and_the_way_to_safety_is_a_card_with_a_call_button(
    page: Page, address: str, place: Site
) -> None:
    greet(page, address)
    page.get_by_role("button", name="漏水").click()
    card = page.get_by_role("alert")
    expect(card).to_be_in_viewport()
    expect(card.locator("li")).to_have_count(4)
    call = card.get_by_role("link", name=re.compile("立即拨打"))
    assert call.get_attribute("href") == "tel:" + PHONE.replace("-", "")
    assert (call.bounding_box() or {})["height"] >= 48
    assert place.hotline.turns[0].choice == "intent:leak_inside"
    say(page, "翠湖花园3号楼2单元501")
    ticket = page.locator(".card_ticket")
    expect(ticket).to_contain_text("1122-0007")
    expect(ticket.locator("dd")).to_have_count(3)
    expect(ticket.locator("dd").nth(1)).to_have_text(re.compile(r"^(今天|明天) \d\d:\d\d 前$"))


def test_words_are_words(page: Page, address: str) -> None:
    greet(page, address)
    evil = "<img src=x onerror=\"document.title='hacked'\"><b>热</b>"
    say(page, evil)
    expect(page.locator(".row_me .bubble")).to_have_text(evil)
    expect(page.locator("#log .row_them .bubble").last).to_have_text(f"收到:{evil}")
    page.reload()
    expect(page.locator(".row_me .bubble")).to_have_text(evil)
    assert page.locator("#log b, #log img:not(.avatar)").count() == 0
    assert page.title() == "供暖管家 · 华暖示例热力"


def test_nothing_is_sent_when_nothing_is_typed(page: Page, address: str, place: Site) -> None:
    greet(page, address)
    expect(page.locator("#send")).to_be_disabled()
    page.fill("#text", "  \n ")
    page.press("#text", "Enter")
    say(page, "真的")
    expect(page.locator("#log")).to_contain_text("收到:真的")
    expect(page.locator(".row_me")).to_have_count(1)
    assert stored(place) == ["真的"]


def test_a_message_without_network_waits_visibly_and_is_sent_once(page: Page, address: str, place: Site) -> None:
    greet(page, address)
    page.route("**/api/**", lambda route: route.abort())
    say(page, "阀门关不上")
    expect(page.locator(".row_pending")).to_contain_text("等待网络")
    expect(page.locator("#status")).to_contain_text("连接已断开")
    page.reload()
    expect(page.locator(".row_pending")).to_contain_text("阀门关不上")
    assert stored(place) == []
    page.unroute("**/api/**")
    expect(page.locator(".row_pending")).to_have_count(0)
    expect(page.locator("#log")).to_contain_text("收到:阀门关不上")
    assert stored(place) == ["阀门关不上"]


def test_an_answer_that_got_lost_is_asked_for_again_and_stored_once(page: Page, address: str, place: Site) -> None:
    greet(page, address)
    lost = []

    def lose_the_first_answer(route: Route) -> None:
        if route.request.method == "POST" and not lost:
            lost.append(route.fetch().status)  # the server has it, the page never hears
            route.abort()
        else:
            route.continue_()

    page.route("**/api/messages*", lose_the_first_answer)
    say(page, "水很多")
    expect(page.locator("#log")).to_contain_text("收到:水很多")
    expect(page.locator(".row_pending")).to_have_count(0)
    expect(page.locator(".row_me")).to_have_count(1)
    assert lost == [200]
    assert stored(place) == ["水很多"]


def test_an_operator_comes_speaks_and_the_header_says_who(page: Page, address: str, place: Site) -> None:
    greet(page, address)
    page.get_by_role("button", name="转人工").click()
    expect(page.locator("#status")).to_contain_text("正在为您转接人工")
    with place.store.write() as tx:
        now = SystemClock().now()
        cid = conversation_id(place)
        move(tx, cid, Floor.OPERATOR, at=SystemClock(), operator_id=place.operator.id)
        tx.add_message(cid, author=Author.OPERATOR, text="请问几楼?", at=now, data={"operator": "张敏"})
    expect(page.locator("#status")).to_have_text("人工客服 张敏 为您服务")
    expect(page.locator("#log .row_them").last).to_contain_text("人工客服 张敏")
    with place.store.write() as tx:
        move(tx, cid, Floor.BOT, at=SystemClock())
    expect(page.locator("#status")).to_contain_text("智能客服")


def test_nobody_has_looked_yet_then_somebody_has(page: Page, address: str, place: Site) -> None:
    greet(page, address)
    say(page, "家里不热")
    expect(page.locator("#log")).to_contain_text("请问是整个家都不热")
    expect(page.locator(".under_seen")).to_have_count(0)  # the bot looks at once
    say(page, "转人工")
    expect(page.locator(".row_me").last).to_contain_text("还没有人看到")
    expect(page.locator(".under_seen")).to_have_count(1)
    cid = conversation_id(place)
    with place.store.write() as tx:
        tx.note_receipt(cid, Side.HOUSE, Receipt(99, 99))
    expect(page.locator(".under_seen")).to_have_text("已读")
    with place.store.read() as tx:
        assert tx.receipts(cid)[Side.RESIDENT] == Receipt(), "only a person's words are told"


def test_an_operators_words_are_delivered_and_read_when_the_page_says_so(page: Page, address: str, place: Site) -> None:
    greet(page, address)
    page.context.set_offline(True)
    cid = conversation_id(place)
    with place.store.write() as tx:
        move(tx, cid, Floor.OPERATOR, at=SystemClock(), operator_id=place.operator.id)
        said = tx.add_message(cid, author=Author.OPERATOR, text="请问几楼?", at=SystemClock().now())
    page.wait_for_timeout(500)
    with place.store.read() as tx:
        assert tx.receipts(cid)[Side.RESIDENT] == Receipt(), "nobody is answered who is offline"
    page.context.set_offline(False)
    with page.expect_response("**/api/receipts"):
        expect(page.locator("#log")).to_contain_text("请问几楼")
    with place.store.read() as tx:
        assert tx.receipts(cid)[Side.RESIDENT] == Receipt(said.seq, said.seq)


def test_after_a_cut_of_the_network_three_hundred_missed_messages_are_there_once_and_in_order(
    page: Page, address: str, place: Site
) -> None:
    greet(page, address)
    page.context.set_offline(True)
    expect(page.locator("#status")).to_contain_text("连接已断开")
    say(page, "第一条")
    say(page, "第二条")
    expect(page.locator(".row_pending")).to_have_count(2)
    cid = conversation_id(place)
    with place.store.write() as tx:
        for n in range(300):
            tx.add_message(cid, author=Author.BOT, text=f"通知{n:03}", at=SystemClock().now())
    assert stored(place) == []
    page.context.set_offline(False)
    expect(page.locator(".row_pending")).to_have_count(0)
    expect(page.locator("#log .bubble").filter(has_text="收到:第二条")).to_have_count(1)
    shown = page.locator("#log .bubble").all_text_contents()
    with place.store.read() as tx:
        assert shown == [m.text for m in tx.messages(cid, limit=1000)]
    assert stored(place) == ["第一条", "第二条"]


def test_a_photograph_waits_without_network_is_sent_once_and_seen_in_full(
    page: Page, address: str, place: Site, tmp_path: Path
) -> None:
    chosen = tmp_path / "阀门.png"
    Image.new("RGB", (3000, 2000), (180, 60, 40)).save(chosen)
    greet(page, address)
    page.context.set_offline(True)
    page.set_input_files("#photo", chosen)
    expect(page.locator(".row_pending .photo img")).to_be_visible()
    expect(page.locator(".row_pending")).to_contain_text("等待网络")
    page.context.set_offline(False)
    expect(page.locator(".row_pending")).to_have_count(0)
    expect(page.locator("#log .row_them").last).to_contain_text("照片收到了")
    [kept] = place.store.tables.pictures.values()
    assert (kept.width, kept.height) == (1600, 1067)
    page.reload()
    photo = page.get_by_role("button", name="我发的照片")
    expect(photo).to_have_count(1)
    assert page.locator(".photo img").evaluate("img => img.decode().then(() => img.naturalWidth)") == 520
    photo.click()
    expect(page.locator("#viewer img")).to_be_visible()
    page.wait_for_function("() => document.querySelector('#viewer img').naturalWidth === 1600")
    page.keyboard.press("Escape")
    expect(page.locator("#viewer")).to_be_hidden()
    expect(photo).to_be_focused()


def test_after_the_end_the_resident_says_how_it_was_and_is_asked_once(page: Page, address: str, place: Site) -> None:
    greet(page, address)
    say(page, "再见")
    expect(page.locator("#rate")).to_be_visible()
    expect(page.locator("#rate-send")).to_be_disabled()
    page.get_by_label("4星").focus()
    page.keyboard.press("Space")
    page.get_by_label("说说原因").fill("很快就来了")
    page.get_by_role("button", name="提交评价").click()
    expect(page.locator("#rated")).to_have_text("感谢您的评价")
    expect(page.locator("#rate")).to_be_hidden()
    page.reload()
    expect(page.locator("#rated")).to_be_visible()
    [rating] = place.store.tables.ratings.values()
    assert (rating.stars, rating.words) == (4, "很快就来了")


def test_what_is_no_picture_is_not_even_sent(page: Page, address: str, place: Site, tmp_path: Path) -> None:
    chosen = tmp_path / "账单.jpg"
    chosen.write_bytes(b"%PDF-1.7")
    greet(page, address)
    page.set_input_files("#photo", chosen)
    expect(page.locator(".note_warn")).to_contain_text("不是照片")
    assert not place.store.tables.pictures


def test_without_a_free_stream_the_page_asks_every_few_seconds(page: Page) -> None:
    place = site(with_limits(streams=1))
    with served(place.app) as address:
        greet(page, address)
        other = page.context.new_page()
        other.goto(f"{address}/chat/")
        expect(other.locator("#log .row_them")).to_have_count(1)
        with place.store.write() as tx:
            tx.add_message(conversation_id(place), author=Author.BOT, text="管家已出发", at=SystemClock().now())
        expect(page.locator("#log")).to_contain_text("管家已出发")
        expect(other.locator("#log")).to_contain_text("管家已出发")


def test_after_the_end_the_next_message_starts_a_new_chat_and_the_old_one_can_be_read(
    page: Page, address: str, place: Site
) -> None:
    greet(page, address)
    say(page, "再见")
    expect(page.locator("#over")).to_be_visible()
    say(page, "还是不热")
    expect(page.locator("#log")).to_contain_text("以下是新的会话")
    expect(page.locator("#log")).to_contain_text("请问是整个家都不热")
    expect(page.locator("#over")).to_be_hidden()
    chats = place.store.tables.conversations.values()
    assert [c.channel for c in chats] == [Channel.CHAT, Channel.CHAT]
    assert len({c.external_id.rpartition("-")[0] for c in chats}) == 1
    page.reload()
    expect(page.locator("#log")).not_to_contain_text("再见")
    page.get_by_role("button", name="查看更早的会话").click()
    expect(page.locator("#log")).to_contain_text("再见")
    expect(page.locator("#earlier")).to_be_hidden()


def test_the_menu_by_keyboard_and_larger_type_that_stays(page: Page, address: str, place: Site) -> None:
    greet(page, address)
    page.locator("#menu-open").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.locator("#menu-open")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    assert page.evaluate("getComputedStyle(document.querySelector('.bubble')).fontSize") == "21px"
    page.reload()
    expect(page.locator(".bubble").first).to_have_css("font-size", "21px")
    page.click("#menu-open")
    page.get_by_role("button", name="结束本次会话").click()
    expect(page.locator("#status")).to_have_text("本次会话已结束")
    page.get_by_role("button", name="开始新会话").click()
    expect(page.locator("#status")).to_contain_text("智能客服")
    assert len(place.store.tables.conversations) == 2


@pytest.mark.parametrize("width", [320, 360, 1280])
def test_nothing_runs_out_of_the_screen(page: Page, address: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 640})
    greet(page, address)
    say(page, "漏水" + "W" * 300)
    expect(page.get_by_role("alert")).to_be_visible()
    assert page.evaluate("document.scrollingElement.scrollWidth") <= width
    assert (
        page.evaluate("(() => { const s = document.getElementById('scroll'); return s.scrollWidth - s.clientWidth })()")
        == 0
    )
    expect(page.locator("#send")).to_be_in_viewport()


def test_one_tag_on_a_foreign_page_opens_the_chat_and_counts_what_was_not_seen(
    page: Page, address: str, place: Site
) -> None:
    page.goto(f"{address}/chat/demo")
    launcher = page.locator(".webchat-button")
    expect(launcher).to_be_visible()
    assert not place.store.tables.conversations, "a visitor who does not ask is not recorded"
    launcher.click()
    chat = page.frame_locator("iframe")
    expect(chat.locator(".bubble").first).to_contain_text("温心01号为您服务")
    chat.get_by_label("收起聊天窗口").click()
    expect(page.locator("iframe")).to_be_hidden()
    with place.store.write() as tx:
        for text in ("管家已接单", "大约十分钟到"):
            tx.add_message(conversation_id(place), author=Author.BOT, text=text, at=SystemClock().now())
    expect(page.locator(".webchat-badge")).to_have_text("2")
    launcher.click()
    expect(page.locator(".webchat-badge")).to_be_hidden()
    expect(chat.locator("#log")).to_contain_text("大约十分钟到")


@pytest.mark.parametrize(
    ("host", "keeps"),
    [
        ("127.0.0.1", True),  # www.company and chat.company: another origin, the same site
        ("localhost", False),  # another site; this Chromium then refuses storage to frames, and the chat works without
    ],
)
def test_a_page_of_another_origin_may_use_the_tag(
    page: Page, address: str, place: Site, host: str, *, keeps: bool
) -> None:
    company = Flask("company")
    tag = f"<!doctype html><html lang=zh><title>c</title><body><script src='{address}/chat/widget.js'></script></body>"
    company.add_url_rule("/", "home", lambda: tag)
    with served(company) as home:
        page.goto(home.replace("127.0.0.1", host))
        page.locator(".webchat-button").click()
        chat = page.frame_locator("iframe")
        expect(chat.locator("#log .bubble").first).to_contain_text("温心01号为您服务")
        chat.locator("#text").fill("家里不热")
        chat.locator("#text").press("Enter")
        expect(chat.locator("#log")).to_contain_text("请问是整个家都不热")
        page.keyboard.press("Escape")
        expect(page.locator("iframe")).to_be_hidden()
        page.reload()
        page.locator(".webchat-button").click()
        expect(chat.locator("#log")).to_contain_text("请问是整个家都不热" if keeps else "温心01号为您服务")
    assert stored(place) == ["家里不热"]


def test_one_time_line_for_one_silence(page: Page) -> None:
    """A waiting message is dated by the device, a stored one by the house: the first line goes when the second comes."""
    place = site(clock=FixedClock())
    with served(place.app) as address:
        greet(page, address)
        say(page, "家里不热")
        expect(page.locator("#log")).to_contain_text("请问是整个家都不热")
        expect(page.locator(".time")).to_have_count(1)


def test_the_last_words_stay_in_sight_when_the_chat_ends(page: Page, address: str) -> None:
    greet(page, address)
    say(page, "漏水")
    expect(page.get_by_role("alert")).to_be_visible()
    say(page, "再见")
    expect(page.locator("#over")).to_be_visible()
    expect(page.locator("#log .row_them .bubble").last).to_be_in_viewport(ratio=1)
