"""The web process is shot while a resident and an operator look at one chat, and much is written before it is back."""

import pytest
from playwright.sync_api import Browser, Page, expect

from dialogue.conversation import Author, Message
from kernel.clock import SystemClock
from ops.town import Town
from storage import Store
from tests.journeys.browsers import a_resident, an_operator, says
from tests.journeys.test_two_residents_three_operators import held

pytestmark = [pytest.mark.nlu, pytest.mark.browser, pytest.mark.usefixtures("_nobody_stays_on_duty")]
MISSED = 300
TEN_MINUTES_MS = 600_000
MINE = "你们还在吗"


def shown(bubbles: str, page: Page) -> list[str]:
    return [words.strip() for words in page.locator(bubbles).all_text_contents()]


def test_both_screens_are_level_again_after_three_hundred_messages_and_ten_minutes(
    town: Town, browser: Browser
) -> None:
    operator, chat = an_operator(browser, town), a_resident(browser, town)
    for page in (operator, chat):
        page.clock.install()
    says(chat, "转人工")
    talk = str(chat.evaluate("localStorage.getItem('webchat.conversation')"))
    town.wait(lambda: talk in {one.id for one in held(town).values()})
    operator.goto(f"{town.web}/console/conversations/{talk}")
    chat.reload()
    expect(chat.locator("#status")).to_contain_text("为您服务")
    expect(operator.get_by_label("回复内容")).to_be_focused()

    town.kill("web")
    expect(chat.locator("#status")).to_contain_text("连接已断开")
    chat.fill("#text", MINE)
    chat.press("#text", "Enter")
    with Store(town.database_url) as store, store.write() as tx:
        for n in range(MISSED):
            author = Author.RESIDENT if n % 2 else Author.OPERATOR
            tx.add_message(talk, author=author, text=f"第{n:03}句", at=SystemClock().now())
    for page in (operator, chat):
        page.clock.fast_forward(TEN_MINUTES_MS)
    expect(chat.locator(".row_pending")).to_have_count(1)
    town.start_web()
    town.wait_until_healthy()

    expect(chat.locator(".row_pending")).to_have_count(0)
    expect(chat.locator("#status")).to_contain_text("为您服务")
    expect(operator.locator("#transcript")).to_contain_text(MINE)
    for page in (operator, chat):
        are_level(town, talk, operator, chat)
        page.reload()
    are_level(town, talk, operator, chat)


def are_level(town: Town, talk: str, operator: Page, chat: Page) -> None:
    """Nothing lost, nothing double, in order; what was typed meanwhile was sent once."""
    with Store(town.database_url) as store, store.read() as tx:
        log: list[Message] = [m for m in tx.messages(talk, limit=1000) if m.author is not Author.SYSTEM]
    expect(operator.locator("#transcript .bubble")).to_have_count(len(log))
    expect(chat.locator("#log .bubble")).to_have_count(len(log))
    assert operator.locator("#transcript .bubble").evaluate_all("all => all.map(one => one.id)") == [
        f"m{m.seq}" for m in log
    ]
    words = [m.text for m in log]
    assert shown("#transcript .bubble .said", operator) == words
    assert shown("#log .bubble", chat) == words
    assert words.count(MINE) == 1
    assert [w for w in words if w.startswith("第")] == [f"第{n:03}句" for n in range(MISSED)]
