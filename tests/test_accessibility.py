"""Every main page as axe-core judges it, in light and dark, and as wide as the narrowest telephone in use."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from console.work_order_links import WorkOrderLinks
from fulfillment.desk import Desk
from fulfillment.temperature_test import Measured
from fulfillment.visit import Material, Reading, Responsibility
from fulfillment.visiting import Visits
from kernel.clock import SystemClock
from tests.console.sample import PASSWORD, STANDARD, Day, build_app, sample_day
from tests.console.test_work_order import BY_BUTLER, PIN, SECRET, a_hash, build_page
from tests.fakes import BUTLER, FakeStore
from tests.webchat.site import served, site

pytestmark = pytest.mark.browser
VENDOR = Path(__file__).parent / "vendor"
AXE = (VENDOR / "axe.min.js").read_text(encoding="utf-8")
NARROW, WIDE = {"width": 360, "height": 720}, {"width": 1280, "height": 800}
#: What axe-core calls them; minor and moderate ones are its advice.
GRAVE = ("serious", "critical")

CONSOLE = {
    "xiaoli": ["", "conversations/{waiting}", "conversations/{phone}", "tickets", "tickets?search=nothing", "tickets/{leak}", "health"],
    "zhuguan": [
        "conversations/{held}", "conversations", "supervision", "supervision/today", "announcements", "incidents", "incidents/new",
        "reports", "reports/2026-11/print", "tickets/{cold}/sheet", "nowhere",
        "tickets/{complaint}", "tickets/{complaint}/complaint", "looks",
    ],
    "admin": ["administration", "profiles", "imports", "rota", "ladder", "limits", "calendar", "directory", "scripts", "scripts/greeting.incoming", "canned"],
}  # fmt: skip
PLACES = [(login, path) for login, paths in CONSOLE.items() for path in paths]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path="/usr/bin/chromium",
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield found
        found.close()


@pytest.fixture(scope="module")
def store() -> FakeStore:
    return FakeStore()


@pytest.fixture(scope="module")
def visited(store: FakeStore, console: tuple[str, Day]) -> int:
    """A test that was measured and left unticked, with a part that cost something."""
    visits, clock = Visits(store, STANDARD, SystemClock()), SystemClock()
    with store.write() as tx:
        ticket = replace(tx.ticket(console[1].cold), id=0, number="", kind="temperature_test", assignee_id=BUTLER)
        ticket, butler = tx.add_ticket(ticket), tx.staff(BUTLER)
    Desk(store, STANDARD, clock).acknowledge(ticket.id, by=butler.name, staff_id=BUTLER)
    visits.arrive(ticket.id, butler, "3号楼门口")
    visits.judge(ticket.id, butler, Responsibility("inside_home", 4550, agreed=True))
    visits.tick(ticket.id, butler, ["agreement"])
    visits.use(ticket.id, butler, Material("k", "球阀", 1, 4550), agreed=True)
    visits.measure(ticket.id, butler, Measured("CW-07", 140, -6.0, [Reading("客厅", 19.5), Reading("主卧", 16.0)]))
    visits.finish(ticket.id, butler, "")
    return ticket.id


@pytest.fixture(scope="module")
def console(store: FakeStore) -> Iterator[tuple[str, Day]]:
    """A console with a sample day: its address, and what is on it."""
    clock = SystemClock()
    day = sample_day(store, clock.now())
    with served(build_app(store, clock)) as address:
        yield f"{address}/console/", day


@contextmanager
def opened(browser: Browser) -> Iterator[Page]:
    context: BrowserContext = browser.new_context(
        locale="zh-CN", viewport=WIDE, reduced_motion="reduce", color_scheme="light", bypass_csp=True
    )  # axe is no part of the page, whose policy is tested elsewhere
    context.set_default_timeout(8000)
    yield context.new_page()
    context.close()


@pytest.fixture(scope="module")
def people(browser: Browser, console: tuple[str, Day]) -> Iterator[dict[str, Page]]:
    """One page for each of them, behind the login."""
    with opened(browser) as xiaoli, opened(browser) as zhuguan, opened(browser) as admin:
        pages = {"xiaoli": xiaoli, "zhuguan": zhuguan, "admin": admin}
        for login, page in pages.items():
            page.goto(console[0])
            page.get_by_label("登录名").fill(login)
            page.get_by_label("密码").fill(PASSWORD)
            page.get_by_role("button", name="登录").click()
            page.wait_for_selector("body[data-ready]")
        yield pages


def judged(page: Page, **options: Any) -> list[str]:
    """Grave violations, each with its rule, its element and the reason."""
    page.evaluate(AXE)
    found = page.evaluate("options => axe.run(document, {resultTypes: ['violations'], ...options})", options)
    return [
        f"{v['id']}: {node['html'][:140]} | {node['failureSummary']}"
        for v in found["violations"]
        if v["impact"] in GRAVE
        for node in v["nodes"]
    ]


def fits(page: Page) -> None:
    """Nothing on the narrowest screen is reached by scrolling sideways only."""
    page.set_viewport_size(NARROW)  # type: ignore[arg-type]  # a dict of this shape
    wide = page.evaluate(
        """() => document.scrollingElement.scrollWidth <= innerWidth ? [] :
        [...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > innerWidth + 1)
        .map(e => e.outerHTML.slice(0, 100))"""
    )
    assert wide == []


def is_fit_for_all(page: Page) -> None:
    page.set_viewport_size(WIDE)  # type: ignore[arg-type]  # a dict of this shape
    page.emulate_media(color_scheme="light")
    assert judged(page) == []
    page.emulate_media(color_scheme="dark")
    assert judged(page, runOnly=["color-contrast"]) == []
    page.emulate_media(color_scheme="light")
    fits(page)


@pytest.mark.parametrize(("login", "path"), PLACES)
def test_a_page_of_the_console(people: dict[str, Page], console: tuple[str, Day], login: str, path: str) -> None:
    address, day = console
    page = people[login]
    page.goto(
        address
        + path.format(
            **{name: getattr(day, name) for name in ("leak", "cold", "waiting", "held", "phone", "complaint")}
        )
    )
    expect(page.locator("h1").first).to_be_attached()
    is_fit_for_all(page)


def test_the_login(browser: Browser, console: tuple[str, Day]) -> None:
    with opened(browser) as page:
        page.goto(f"{console[0]}login")
        is_fit_for_all(page)


@pytest.mark.parametrize("state", ["greeting", "leak", "tools", "menu", "ended", "demo"])
def test_the_residents_page(browser: Browser, state: str) -> None:
    place = site(thinks=0)
    with served(place.app) as address, opened(browser) as page:
        page.goto(f"{address}/chat/{'demo' if state == 'demo' else ''}")
        if state != "demo":
            expect(page.locator("#log .bubble").first).to_be_visible()
            for text in {"leak": ["漏水", "翠湖花园"], "ended": ["再见"]}.get(state, []):
                page.fill("#text", text)
                page.press("#text", "Enter")
                expect(page.locator(".row_pending")).to_have_count(0)
                expect(page.locator("#typing")).to_be_hidden()
        if state in ("tools", "menu"):
            page.click(f"#{state}-open")
        is_fit_for_all(page)


@pytest.mark.parametrize("step", ["first", "accepted", "there", "report"])
def test_the_butlers_page(browser: Browser, tmp_path: Path, step: str) -> None:
    store, clock = FakeStore(), SystemClock()
    day = sample_day(store, clock.now())
    links = WorkOrderLinks(SECRET, "", clock)
    with store.write() as tx:
        tx.save_attempt(replace(tx.attempt(BY_BUTLER), step=1))
        tx.set_staff_pin(BUTLER, a_hash())
        if step == "there":  # the longest page: with rooms to measure
            tx.save_ticket(replace(tx.ticket(day.leak), kind="temperature_test"))
    with served(build_page(store, clock, links, tmp_path)) as address, opened(browser) as page:  # type: ignore[arg-type] # a clock like any other
        page.goto(address + links.url(BY_BUTLER))
        if step != "first":
            page.get_by_role("button", name="我来处理").click()
            page.get_by_label("您的密码").fill(PIN)
            page.get_by_role("button", name="确认").click()
            expect(page.get_by_role("status")).to_have_text("已确认是您本人")
        if step == "there":
            page.get_by_role("button", name="已到现场").click()
            expect(page.get_by_role("status")).to_have_text("已记录:已到现场")
            page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
            page.get_by_label("户内自有设施").check()
        if step == "report":
            page.get_by_role("link", name="替住户上报新情况").click()
            expect(page.get_by_role("button", name="上报热线")).to_be_visible()
        expect(page.locator("main")).to_be_visible()
        is_fit_for_all(page)


def test_a_ticket_with_its_visit(people: dict[str, Page], console: tuple[str, Day], visited: int) -> None:
    page = people["xiaoli"]
    page.goto(f"{console[0]}tickets/{visited}")
    expect(page.get_by_role("heading", name="上门记录")).to_be_visible()
    is_fit_for_all(page)


def test_the_judge_is_the_one_that_was_noted() -> None:
    assert hashlib.sha256((VENDOR / "axe.min.js").read_bytes()).hexdigest() in (VENDOR / "README.md").read_text("utf-8")
