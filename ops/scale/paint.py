"""What an operator waits for: from the click to the first words on the screen, in a real browser that has been there before."""

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from fulfillment.accounts import give_first_passwords
from ops.month.show import environment_of
from ops.nlu_process import free_port
from ops.scale.widgets import web
from ops.screens import CHROMIUM, DESKTOP
from ops.town import PASSWORD
from storage import Store

PATHS: Mapping[str, str] = {
    "queue": "/console/",
    "ticket list": "/console/tickets?state=all",
    "ticket": "/console/tickets/99000",
}
_TIMES = 15
_FIRST_PAINT = """() => new Promise((done) => new PerformanceObserver((list) => {
    const [entry] = list.getEntriesByName("first-contentful-paint");
    const [page] = performance.getEntriesByType("navigation");
    if (entry) done([page.responseStart, entry.startTime]);
}).observe({ type: "paint", buffered: true }))"""


@dataclass(frozen=True, slots=True)
class Painted:
    """Milliseconds since the navigation began."""

    page: str
    first_byte: float  # p50
    p50: float
    slowest: float


def measure(database: Path) -> list[Painted]:
    """Of a database with so many tickets; `first_byte` is the server's part of it."""
    port = free_port()
    with Store(f"sqlite:///{database}") as store:
        give_first_passwords(store, {"lead": PASSWORD})
    with web(environment_of(database, port), port), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        page = browser.new_page(viewport=DESKTOP, base_url=f"http://127.0.0.1:{port}")
        page.goto("/console/login")
        page.fill("[name=login]", "lead")
        page.fill("[name=password]", PASSWORD)
        page.press("[name=password]", "Enter")
        page.wait_for_selector("#queue")
        painted = [_painted(page, name, path) for name, path in PATHS.items()]
        browser.close()
    return painted


def _painted(page: Page, name: str, path: str) -> Painted:
    """The first visit, which fills the browser's cache, is not counted."""
    answered: list[float] = []
    shown: list[float] = []
    for n in range(_TIMES + 1):
        page.goto(path, wait_until="commit")
        first_byte, paint = page.evaluate(_FIRST_PAINT)
        if n:
            answered.append(first_byte)
            shown.append(paint)
    return Painted(name, statistics.median(answered), statistics.median(shown), max(shown))
