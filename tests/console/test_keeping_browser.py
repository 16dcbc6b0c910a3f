"""What a person does in a page outlives the parts of it that fetch themselves anew: focus, words, what is unfolded, scroll."""

from dataclasses import replace

import pytest
from flask import Flask
from playwright.sync_api import Browser, Locator, Page, expect

from dialogue.conversation import Author, Channel, Conversation, Floor
from fulfillment.ticket import TicketState, TimelineEntry
from kernel.clock import SystemClock
from tests.console.sample import Day
from tests.console.test_console_browser import browser, lively, serving, sign_in, write
from tests.fakes import FakeStore

__all__ = ["browser", "lively"]  # fixtures

pytestmark = pytest.mark.browser


def asked_again(store: FakeStore, ticket_id: int) -> None:
    """Somebody else changed the ticket: its page shows another version."""
    now = SystemClock().now()
    with store.write() as tx:
        ticket = tx.save_ticket(replace(tx.ticket(ticket_id), nudges=tx.ticket(ticket_id).nudges + 1))
        tx.add_to_timeline(TimelineEntry(ticket_id, now, "bot", "nudged", {"count": ticket.nudges}))


def version(part: Locator) -> str:
    return part.get_attribute("data-version") or ""


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.id || document.activeElement.getAttribute('href')"))


def test_in_the_queue_the_focus_stays_on_its_resident_and_the_list_where_it_was_scrolled(
    browser: Browser, lively: tuple[FakeStore, Day, Flask]
) -> None:
    store, day, app = lively
    now = SystemClock().now()
    with store.write() as tx:
        for n in range(12):
            name = f"visitor-{n}-1"
            tx.add_conversation(Conversation(name, Channel.CHAT, name, "", Floor.BOT, opened_at=now, last_at=now))
    faults: list[str] = []
    with serving(app) as server:
        page = sign_in(browser, server.server_port, "xiaoli", faults)
        queue, column = page.locator("#queue"), page.locator(".column.left")
        page.locator(f"#talk-{day.bot}").focus()
        column.evaluate("column => { column.scrollTop = 180; }")
        before = version(queue)
        write(store, "visitor-3-1", "在吗")
        expect(queue).not_to_have_attribute("data-version", before)
        expect(queue).to_contain_text("在吗")
        assert focused(page) == f"talk-{day.bot}"
        assert column.evaluate("column => column.scrollTop") == 180
        page.locator("#talk-visitor-5-1").focus()
        with store.write() as tx:
            tx.move_floor("visitor-5-1", to=Floor.ENDED, operator_id=None, epoch=0, at=now)
        expect(page.locator("#talk-visitor-5-1")).to_have_count(0)
        assert focused(page) == "queue", "who had the focus is gone: Tab goes on in the queue, not at the page's top"
        page.keyboard.press("Tab")
        assert focused(page).startswith("talk-")
    assert faults == []


def test_what_is_half_written_on_a_ticket_stays(browser: Browser, lively: tuple[FakeStore, Day, Flask]) -> None:
    store, day, app = lively
    faults: list[str] = []
    with serving(app) as server:
        page = sign_in(browser, server.server_port, "xiaoli", faults)
        page.set_viewport_size({"width": 1100, "height": 420})
        page.goto(f"http://127.0.0.1:{server.server_port}/console/tickets/{day.cold}")
        page.wait_for_selector("body[data-ready]")
        page.get_by_text("取消工单").click()
        reason = page.get_by_label("原因")
        reason.fill("住户说不用来了")
        reason.evaluate("box => box.setSelectionRange(2, 4)")
        scrolled = page.evaluate("(window.scrollBy(0, 60), window.scrollY)")
        asked_again(store, day.cold)
        expect(page.locator("#facts")).to_contain_text("催办 3")
        expect(page.locator("#steps")).to_have_attribute("data-version", version(page.locator("#facts")))
        expect(reason).to_be_focused()
        expect(reason).to_have_value("住户说不用来了")
        assert reason.evaluate("box => [box.selectionStart, box.selectionEnd]") == [2, 4]
        assert page.evaluate("window.scrollY") == scrolled
        link = page.locator("#facts").get_by_role("link", name="查看对话记录")
        link.focus()
        asked_again(store, day.cold)
        expect(page.locator("#facts")).to_contain_text("催办 4")
        expect(link).to_be_focused()
    assert faults == []


def test_a_word_that_an_input_method_composes_is_not_cut_off(
    browser: Browser, lively: tuple[FakeStore, Day, Flask]
) -> None:
    store, day, app = lively
    with serving(app) as server:
        page = sign_in(browser, server.server_port, "xiaoli", [])
        page.goto(f"http://127.0.0.1:{server.server_port}/console/tickets/{day.cold}")
        page.wait_for_selector("body[data-ready]")
        page.get_by_text("取消工单").click()
        reason = page.get_by_label("原因")
        reason.focus()
        keyboard = page.context.new_cdp_session(page)
        keyboard.send("Input.imeSetComposition", {"text": "zhong", "selectionStart": 5, "selectionEnd": 5})
        with page.expect_response("**/steps"):
            asked_again(store, day.cold)
        expect(page.locator("#facts")).to_contain_text("催办 3")
        expect(reason).to_have_value("zhong")
        with page.expect_response("**/steps"):
            keyboard.send("Input.insertText", {"text": "重复"})
        expect(page.locator("#steps")).to_have_attribute("data-version", version(page.locator("#facts")))
        expect(reason).to_have_value("重复")
        expect(reason).to_be_focused()


def test_a_supervisor_types_a_number_while_residents_write(
    browser: Browser, lively: tuple[FakeStore, Day, Flask]
) -> None:
    store, day, app = lively
    faults: list[str] = []
    with serving(app) as server:
        sign_in(browser, server.server_port, "xiaoli", faults)
        page = sign_in(browser, server.server_port, "zhuguan", faults)
        page.goto(f"http://127.0.0.1:{server.server_port}/console/supervision")
        page.wait_for_selector("body[data-ready]")
        most = page.get_by_label("小李同时接待在线会话的上限")
        most.fill("7")
        write(store, day.bot, "还没有人来")
        expect(page.locator("#everything")).to_contain_text("还没有人来")
        expect(most).to_be_focused()
        expect(most).to_have_value("7")
    assert faults == []


def test_reading_back_in_a_conversation_is_not_interrupted(
    browser: Browser, lively: tuple[FakeStore, Day, Flask]
) -> None:
    store, day, app = lively
    with store.write() as tx:
        for n in range(40):
            tx.add_message(day.waiting, author=Author.RESIDENT, text=f"第{n}句", at=SystemClock().now())
    faults: list[str] = []
    with serving(app) as server:
        page = sign_in(browser, server.server_port, "xiaoli", faults)
        page.locator(f"#talk-{day.waiting}").click()
        page.get_by_role("button", name="接手会话").click()
        box = page.get_by_label("回复内容")
        expect(box).to_be_focused()
        box.fill("师傅马上到")
        box.evaluate("box => box.setSelectionRange(2, 2)")
        transcript = page.locator("#transcript")
        transcript.evaluate("talk => { talk.scrollTop = 200; }")
        write(store, day.waiting, "我还在等")
        expect(transcript).to_contain_text("我还在等")
        page.wait_for_function("() => !document.querySelector('.htmx-settling, .htmx-request')")
        assert transcript.evaluate("talk => talk.scrollTop") == 200
        expect(box).to_be_focused()
        expect(box).to_have_value("师傅马上到")
        assert box.evaluate("box => box.selectionStart") == 2
    assert faults == []


def test_whom_a_call_shall_go_to_is_not_forgotten(browser: Browser, lively: tuple[FakeStore, Day, Flask]) -> None:
    store, day, app = lively
    faults: list[str] = []
    with serving(app) as server:
        page = sign_in(browser, server.server_port, "xiaoli", faults)
        page.locator(f"#talk-{day.phone}").click()
        page.get_by_role("button", name="接手会话").click()
        page.locator("#give summary").click()
        number = page.get_by_label("或号码")
        number.fill("0311-555")
        bar = page.locator("#call-bar")
        before = version(bar)
        with store.write() as tx:
            tx.save_ticket(replace(tx.ticket(day.leak), state=TicketState.ACKNOWLEDGED, acknowledged_by="王管家"))
        expect(bar).not_to_have_attribute("data-version", before)
        expect(number).to_be_visible()
        expect(number).to_be_focused()
        expect(number).to_have_value("0311-555")
    assert faults == []
