"""Resident and operator in two real browsers, real processes between them: the chat is given, each sees the other write,
and a card follows its ticket.
"""

from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, expect

from fulfillment.ticket import Ticket
from ops.town import Town
from storage import Store
from tests.journeys.browsers import a_resident, an_operator, says

pytestmark = [pytest.mark.nlu, pytest.mark.browser, pytest.mark.usefixtures("_nobody_stays_on_duty")]


def the_ticket(town: Town) -> Ticket:
    with Store(town.database_url) as store, store.read() as tx:
        return max(tx.tickets(only_open=True), key=lambda t: t.id)


def test_a_chat_is_given_to_who_is_there_and_its_card_follows_the_ticket(town: Town, browser: Browser) -> None:
    operator = an_operator(browser, town)
    chat = a_resident(browser, town)
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


def test_a_photograph_from_choosing_it_to_the_ticket(town: Town, browser: Browser, tmp_path: Path) -> None:
    chosen = tmp_path / "漏水.jpg"
    Image.effect_noise((2400, 1800), 60).convert("RGB").save(chosen, "JPEG", quality=95)
    chat = a_resident(browser, town)
    says(chat, "家里暖气片漏水了,在和平里4号楼2单元101")
    chat.set_input_files("#photo", chosen)
    expect(chat.locator(".photo img")).to_be_visible()
    expect(chat.locator(".row_pending")).to_have_count(0)
    expect(chat.locator("#log")).to_contain_text("已经附在您的工单上")
    chat.reload()
    expect(chat.locator(".photo img")).to_have_js_property("naturalWidth", 520)

    operator = an_operator(browser, town)
    operator.goto(f"{town.web}/console/tickets/{the_ticket(town).id}")
    small = operator.get_by_role("img", name="住户发来的照片")
    expect(small).to_have_count(1)
    expect(small).to_have_js_property("naturalWidth", 520)
    with operator.context.expect_page() as opened:
        small.click()
    full = opened.value.locator("img")
    expect(full).to_have_js_property("naturalWidth", 1600)
