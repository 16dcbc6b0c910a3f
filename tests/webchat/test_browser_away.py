"""The server goes away in the middle of a chat and comes back: after a second, after three hundred messages, after ten minutes, under a reload."""

from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Error, Page, Route, expect

from dialogue.conversation import Author, Message
from kernel.clock import SystemClock
from tests.webchat.site import CONFIG, Site, served, site
from tests.webchat.test_browser import CHROMIUM, browser, conversation_id, greet, page, say, stored
from webchat.stream import Pace

__all__ = ["CHROMIUM", "browser", "page"]
pytestmark = pytest.mark.browser
ONLINE, CONNECTING, OFFLINE = "智能客服 · 24小时在线", "正在连接…", "连接已断开,消息会在恢复后自动发送"
#: Every line that the header has shown, and so what a screen reader has said.
REMEMBER_THE_HEADER = """
document.addEventListener("DOMContentLoaded", () => {
  const line = document.getElementById("status");
  window.told = [line.textContent];
  new MutationObserver(() => window.told.push(line.textContent)).observe(line, { childList: true });
});
"""
#: Streams are short here, so that the open one breaks while nobody listens on the port.
SHORT = replace(CONFIG, pace=Pace(keep_alive=0.1, longest=0.3))


def told_meanwhile(place: Site, number: int) -> None:
    with place.store.write() as tx:
        for n in range(number):
            tx.add_message(conversation_id(place), author=Author.BOT, text=f"通知{n:03}", at=SystemClock().now())


def log_of(place: Site) -> list[Message]:
    with place.store.read() as tx:
        return list(tx.messages(conversation_id(place), limit=1000))


def is_level(page: Page, place: Site, *mine: str) -> None:
    """Nothing lost, nothing double, in order; what was typed meanwhile was sent once."""
    expect(page.locator("#log .bubble").filter(has_text=f"收到:{mine[-1]}")).to_have_count(1, timeout=20_000)
    log = log_of(place)
    expect(page.locator("#log .bubble")).to_have_count(len(log))
    assert page.locator("#log .bubble").all_text_contents() == [m.text for m in log]
    assert stored(place) == list(mine)


@pytest.mark.parametrize(("missed", "minutes"), [(1, 0), (300, 0), (2, 10)], ids=["a second", "300", "ten minutes"])
def test_away_and_back(page: Page, missed: int, minutes: int) -> None:
    place = site(SHORT)
    page.clock.install()
    with served(place.app) as address:
        greet(page, address)
    say(page, "你们还在吗")
    expect(page.locator(".row_pending")).to_have_count(1)
    expect(page.locator("#status")).to_contain_text("连接已断开", timeout=20_000)
    told_meanwhile(place, missed)
    if minutes:
        page.clock.fast_forward(minutes * 60_000)
        expect(page.locator(".row_pending")).to_have_count(1)
    with served(place.app, urlsplit(address).port or 0):
        is_level(page, place, "你们还在吗")
        page.reload()
        is_level(page, place, "你们还在吗")


def test_reloaded_while_nobody_answers(page: Page) -> None:
    """What was typed outlives the page that could not be loaded."""
    place = site(SHORT)
    with served(place.app) as address:
        greet(page, address)
    say(page, "水越来越大")
    expect(page.locator(".row_pending")).to_have_count(1)
    with pytest.raises(Error, match="ERR_CONNECTION_REFUSED"):
        page.reload()
    page.wait_for_url("chrome-error://**")  # the browser's own page takes a moment
    told_meanwhile(place, 120)
    with served(place.app, urlsplit(address).port or 0):
        page.goto(f"{address}/chat/")
        is_level(page, place, "水越来越大")


def test_reloaded_in_the_middle_of_catching_up(page: Page) -> None:
    place = site(SHORT)
    with served(place.app) as address:
        greet(page, address)
        told_meanwhile(place, 350)
        page.reload(wait_until="commit")
        say(page, "还没看完")
        page.reload()
        is_level(page, place, "还没看完")


def test_the_header_says_how_it_stands_with_the_connection(page: Page) -> None:
    """Nothing is typed and nothing touched: it goes when the server goes and comes back when it comes, each told once."""
    place = site(SHORT)
    page.add_init_script(REMEMBER_THE_HEADER)
    status = page.get_by_role("status").and_(page.locator("#status"))
    with served(place.app) as address:
        greet(page, address)
        expect(status).to_have_text(ONLINE)
        for _ in range(2):  # streams that end of age and are opened anew are no news
            with page.expect_response("**/api/events*"):
                pass
    expect(status).to_have_text(OFFLINE, timeout=20_000)
    with served(place.app, urlsplit(address).port or 0):
        expect(status).to_have_text(ONLINE, timeout=20_000)
    told = page.evaluate("window.told")
    assert told[:2] == [CONNECTING, ONLINE]
    assert told.count(OFFLINE) == 1
    assert told[-1] == ONLINE


def test_nobody_is_said_to_be_there_before_somebody_answers(page: Page) -> None:
    place, held = site(), list[Route]()
    with served(place.app) as address:
        page.route("**/api/session", lambda route: held.append(route))  # noqa: PLW0108 - Playwright takes no built-in
        with page.expect_request("**/api/session"):
            page.goto(f"{address}/chat/")
        expect(page.locator("#status")).to_have_text(CONNECTING)
        held.pop(0).abort()
        expect(page.locator("#status")).to_have_text(OFFLINE)
        page.unroute("**/api/session")
        for route in held:
            route.abort()
        expect(page.locator("#status")).to_have_text(ONLINE)


def test_a_stream_that_has_fallen_silent_is_opened_anew(page: Page) -> None:
    """As behind a telephone that changed its network: the browser believes in a connection that nothing comes through."""
    place = site(replace(CONFIG, pace=Pace(keep_alive=600, longest=600)))
    page.clock.install()
    with served(place.app) as address:
        greet(page, address)
        expect(page.locator("#status")).to_have_text(ONLINE)
        with page.expect_request("**/api/events*"), page.expect_request("**/api/messages?*"):
            page.clock.fast_forward(45_000)
        expect(page.locator("#status")).to_have_text(ONLINE)
