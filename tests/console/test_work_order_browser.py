"""The work order in a real browser of a telephone's size: what a butler sees first, and what his thumb does."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from werkzeug.serving import make_server

from console.work_order_links import WorkOrderLinks
from dialogue.conversation import Author
from fulfillment.ticket import TicketState
from kernel.clock import SystemClock
from tests.console.sample import sample_day
from tests.console.test_work_order import BY_BUTLER, PIN, SECRET, a_hash, build_page
from tests.console.test_work_order_visit import a_photo
from tests.fakes import BUTLER, FakeStore

pytestmark = pytest.mark.browser
PHONE = {"width": 390, "height": 844}
THUMB = 44  # CSS pixels


@pytest.fixture
def store() -> FakeStore:
    store = FakeStore()
    day = sample_day(store, SystemClock().now())
    with store.write() as tx:
        tx.save_attempt(replace(tx.attempt(BY_BUTLER), step=1))
        tx.set_staff_pin(BUTLER, a_hash())
        safety = {"script": "safety.leak_inside"}
        tx.add_message(day.phone, author=Author.BOT, text="关阀", at=SystemClock().now(), data=safety)
    return store


@pytest.fixture
def address(store: FakeStore, tmp_path: Path) -> Iterator[str]:
    clock = SystemClock()
    links = WorkOrderLinks(SECRET, "", clock)
    server = make_server("127.0.0.1", 0, build_page(store, clock, links, tmp_path / "pictures"), threaded=True)  # type: ignore[arg-type] # a clock like any other
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
    context = browser.new_context(
        viewport=PHONE,
        locale="zh-CN",
        color_scheme=request.param,
        has_touch=True,
        geolocation={"latitude": 38.0428, "longitude": 114.5149, "accuracy": 12},
        permissions=["geolocation"],
    )
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


def test_the_whole_job_by_thumb(page: Page, store: FakeStore, tmp_path: Path) -> None:
    def told(words: str) -> None:
        expect(page.get_by_role("status")).to_have_text(words)

    page.get_by_role("button", name="我来处理").tap()
    told("已由您接单,请马上联系住户")
    page.get_by_label("您的密码").fill(PIN)
    page.get_by_role("button", name="确认").tap()
    told("已确认是您本人")
    page.get_by_role("button", name="已联系住户").tap()
    told("已记录:已联系住户")
    page.get_by_role("textbox", name="备注").fill("带20管配件")
    page.get_by_role("button", name="保存备注").tap()
    expect(page.locator(".notes")).to_contain_text("带20管配件")
    page.get_by_role("button", name="出发").tap()
    told("已记录:已出发")
    page.wait_for_function("document.querySelector('[name=latitude]').value")
    page.get_by_role("button", name="已到现场").tap()
    told("已记录:已到现场")
    expect(page.locator("#steps")).to_contain_text("定位38.04280,114.51490(±12米)")
    page.get_by_label("现场情况").fill("进水阀锈死")
    page.get_by_role("button", name="保存现场情况").tap()
    told("现场情况已保存")
    page.get_by_label("穿好鞋套").check()
    page.get_by_role("button", name="保存勾选").tap()
    told("勾选已保存")
    page.get_by_label("免费小配件").select_option("弯头")
    page.locator("#materials").get_by_role("button", name="加上").first.tap()
    expect(page.locator(".parts")).to_contain_text("弯头 × 1")
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(a_photo())
    page.locator("input[type=file]").set_input_files(photo)
    page.get_by_role("button", name="上传照片").tap()
    told("照片已保存")
    _sign(page)
    page.get_by_role("button", name="保存签字").tap()
    told("住户签字已保存")
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    page.get_by_role("button", name="已修好").tap()
    expect(page.get_by_role("heading", name="已记录修好")).to_be_visible()
    assert store.tables.tickets[1].state is TicketState.RESOLVED
    assert sorted(p.kind for p in store.tables.of_visits.pictures.values()) == ["photograph", "signature"]
    assert page.locator("a.call").count() == 0


def _sign(page: Page) -> None:
    canvas = page.locator("#signature canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box
    page.mouse.move(box["x"] + 20, box["y"] + 80)
    page.mouse.down()
    page.mouse.move(box["x"] + 140, box["y"] + 30, steps=4)
    page.mouse.move(box["x"] + 260, box["y"] + 90, steps=4)
    page.mouse.up()


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
