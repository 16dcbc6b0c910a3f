"""Resident and operator in two real browsers, real processes between them: the chat is given, each sees the other write,
and a card follows its ticket.
"""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from fulfillment.ticket import Ticket, TicketState
from ops.town import PASSWORD, Town
from storage import Store

pytestmark = [pytest.mark.nlu, pytest.mark.browser]
PATIENCE_MS = 20_000


@pytest.fixture
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path="/usr/bin/chromium",
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        expect.set_options(timeout=PATIENCE_MS)
        yield found
        expect.set_options(timeout=None)
        found.close()


@pytest.fixture(autouse=True)
def _nobody_stays_on_duty(town: Town) -> Iterator[None]:
    yield
    with Store(town.database_url) as store, store.write() as tx:
        for operator in tx.operators():
            tx.operator_left(operator.id)
        for ticket in tx.tickets(only_open=True):
            tx.cancel_tasks(ticket.id, ["forward_emergency"])
            tx.save_ticket(replace(ticket, state=TicketState.CANCELLED))


def a_page(browser: Browser, address: str) -> Page:
    page = browser.new_context(locale="zh-CN", viewport={"width": 1200, "height": 800}).new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(address)
    return page


def an_operator(browser: Browser, town: Town) -> Page:
    page = a_page(browser, f"{town.web}/console/login")
    page.get_by_label("登录名").fill("op1")
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_role("button", name="登录").click()
    page.wait_for_selector("body[data-ready] #queue")
    return page


def says(chat: Page, text: str) -> None:
    chat.fill("#text", text)
    chat.press("#text", "Enter")
    expect(chat.locator(".row_pending")).to_have_count(0)


def the_ticket(town: Town) -> Ticket:
    with Store(town.database_url) as store, store.read() as tx:
        return max(tx.tickets(only_open=True), key=lambda t: t.id)


def test_a_chat_is_given_to_who_is_there_and_its_card_follows_the_ticket(town: Town, browser: Browser) -> None:
    operator = an_operator(browser, town)
    chat = a_page(browser, f"{town.web}/chat/")
    expect(chat.locator("#replies button").first).to_be_visible()
    says(chat, "家里暖气片漏水了,在和平里4号楼2单元101")
    card = chat.locator(".card_ticket").last
    expect(card.get_by_role("button", name="催办")).to_be_visible()
    chat.get_by_role("button", name="催办").last.click()
    expect(chat.locator(".card_ticket").last).to_contain_text("已催办 1 次")
    assert the_ticket(town).nudges == 1

    says(chat, "转人工")
    given = operator.locator("#queue a", has_text="分配给您")
    expect(given).to_be_visible()
    expect(chat.locator("#log")).to_contain_text("已经为您安排")
    given.click()
    box = operator.get_by_label("回复内容")
    expect(box).to_be_focused()
    box.press_sequentially("您好", delay=30)
    expect(chat.get_by_label("人工客服正在输入")).to_be_visible()
    chat.locator("#text").press_sequentially("水越来越大", delay=30)
    expect(operator.locator("#writes")).to_be_visible()
    box.press("Enter")
    expect(chat.locator("#log")).to_contain_text("您好")

    operator.goto(f"{town.web}/console/tickets/{the_ticket(town).id}")
    operator.get_by_role("button", name="我来接单").last.click()
    expect(chat.locator(".card_ticket").last.locator(".card__state")).to_have_text("已经有人接单")
