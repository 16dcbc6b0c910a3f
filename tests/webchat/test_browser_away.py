"""The server goes away in the middle of a chat and comes back: after a second, after three hundred messages, after ten minutes, under a reload."""

from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Error, Page, expect

from dialogue.conversation import Author, Message
from kernel.clock import SystemClock
from tests.webchat.site import CONFIG, Site, served, site
from tests.webchat.test_browser import CHROMIUM, browser, conversation_id, greet, page, say, stored
from webchat.stream import Pace

__all__ = ["CHROMIUM", "browser", "page"]
pytestmark = pytest.mark.browser
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
    expect(page.locator("#status")).to_contain_text("网络已断开", timeout=20_000)
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
