"""How long it has been, and how long there is: on the server and, every second from then on, in the page, alike."""

import pytest
from flask import Flask, render_template_string
from playwright.sync_api import Browser

from tests.console.sample import Day
from tests.console.test_console_browser import browser, lively, serving, sign_in
from tests.fakes import FakeStore

__all__ = ["browser", "lively"]  # fixtures

WORDED = [
    (0, "0:00"), (65, "1:05"), (3_725, "1:02:05"), (-61, "-1:01"), (86_399, "23:59:59"),
    (86_400, "1 天 00:00"), (2 * 86_400 + 3_661, "2 天 01:01"), (-1_527_311, "-17 天 16:15"),
]  # fmt: skip


@pytest.mark.parametrize(("seconds", "words"), WORDED)
def test_days_are_days(app: Flask, seconds: int, words: str) -> None:
    with app.test_request_context():
        page = render_template_string(
            '{% import "console/words.html" as w with context %}{{ w.lasting(s) }}', s=seconds
        )
    assert page == words


@pytest.mark.browser
def test_the_page_counts_on_in_the_same_words(browser: Browser, lively: tuple[FakeStore, Day, Flask]) -> None:
    _, _, app = lively
    faults: list[str] = []
    with serving(app) as server:
        page = sign_in(browser, server.server_port, "xiaoli", faults)
        worded = (
            "async all => { const { worded } = await import('/console/static/clocks.js'); return all.map(worded); }"
        )
        assert page.evaluate(worded, [seconds for seconds, _ in WORDED]) == [words for _, words in WORDED]
    assert faults == []
