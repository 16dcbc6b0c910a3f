"""The work order in a real browser of a telephone's size: what a butler sees first, and what his thumb does."""

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from werkzeug.serving import make_server

from console.work_order_links import WorkOrderLinks
from dialogue.conversation import Author
from fulfillment.ticket import TicketState
from kernel.clock import SystemClock
from tests.console.sample import sample_day
from tests.console.test_work_order import BY_BUTLER, SECRET, build_page
from tests.fakes import FakeStore

pytestmark = pytest.mark.browser
PHONE = {"width": 390, "height": 844}
THUMB = 44  # CSS pixels


@pytest.fixture
def store() -> FakeStore:
    store = FakeStore()
    day = sample_day(store, SystemClock().now())
    with store.write() as tx:
        tx.save_attempt(replace(tx.attempt(BY_BUTLER), step=1))
        safety = {"script": "safety.leak_inside"}
        tx.add_message(day.phone, author=Author.BOT, text="关阀", at=SystemClock().now(), data=safety)
    return store


@pytest.fixture
def address(store: FakeStore) -> Iterator[str]:
    clock = SystemClock()
    links = WorkOrderLinks(SECRET, "", clock)
    server = make_server("127.0.0.1", 0, build_page(store, clock, links), threaded=True)  # type: ignore[arg-type] # a clock like any other
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}{links.url(BY_BUTLER)}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path="/usr/bin/chromium",
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield found
        found.close()


@pytest.fixture(params=["light", "dark"])
def page(request: pytest.FixtureRequest, browser: Browser, address: str) -> Iterator[Page]:
    faults: list[str] = []
    context = browser.new_context(viewport=PHONE, locale="zh-CN", color_scheme=request.param, has_touch=True)
    page = context.new_page()
    page.set_default_timeout(10_000)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda line: faults.append(line.text) if line.type == "error" else None)
    page.goto(address)
    yield page
    context.close()
    assert faults == []


def test_what_matters_is_on_the_first_screen_and_fits_a_thumb(page: Page) -> None:
    for words in ("我来处理", "转下一位", "阳光花园3号楼2单元501", "户内漏水"):
        box = page.get_by_text(words).first.bounding_box()
        assert box, words
        assert box["y"] + box["height"] < PHONE["height"], f"{words} is below the first screen"
    for button in page.locator("button, a.call").all():
        box = button.bounding_box()
        assert box
        assert box["height"] >= THUMB
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    expect(page.locator("a.call")).to_have_attribute("href", "tel:+8613800000001")
    expect(page.get_by_text("已提醒住户关阀")).to_be_visible()


def test_the_whole_job_by_thumb(page: Page, store: FakeStore) -> None:
    page.get_by_role("button", name="我来处理").tap()
    expect(page.get_by_role("status")).to_have_text("已由您接单,请马上联系住户")
    page.get_by_role("button", name="已联系住户").tap()
    expect(page.get_by_role("status")).to_have_text("已记录:已联系住户")
    page.get_by_role("textbox", name="备注").fill("阀门锈死")
    page.get_by_role("button", name="保存备注").tap()
    expect(page.locator(".notes")).to_contain_text("阀门锈死")
    page.get_by_role("button", name="已到现场").tap()
    expect(page.get_by_role("status")).to_have_text("已记录:已到现场")
    page.get_by_role("button", name="已修好").tap()
    expect(page.get_by_role("heading", name="已记录修好")).to_be_visible()
    assert store.tables.tickets[1].state is TicketState.RESOLVED
    assert page.locator("a.call").count() == 0


def test_an_impatient_thumb_presses_once(page: Page, store: FakeStore) -> None:
    page.get_by_role("button", name="我来处理").dblclick()
    expect(page.get_by_role("status")).to_have_text("已由您接单,请马上联系住户")
    assert [e.key for e in store.tables.timeline if e.ticket_id == 1].count("accepted") == 1


def test_it_works_without_scripts(browser: Browser, address: str) -> None:
    """Old browsers inside chat programs."""
    page = browser.new_context(viewport=PHONE, java_script_enabled=False).new_page()
    page.goto(address)
    page.get_by_role("button", name="我来处理").click()
    expect(page.get_by_role("status")).to_have_text("已由您接单,请马上联系住户")
