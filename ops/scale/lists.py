"""How fast the list and its search answer: the store alone, and the whole page as a browser asks for it."""

import re
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from console.ticket_list import PAGE_SIZE, Asked
from fulfillment.accounts import give_first_passwords
from kernel.clock import SystemClock
from ops.month.show import settings_of_url
from ops.town import PASSWORD
from ops.web import keep_what_is_there
from storage import Store

#: What is asked, as the words of the list's address. `{…}` is filled from a ticket that exists.
QUESTIONS: Mapping[str, dict[str, str]] = {
    "open ones, first page": {},
    "open ones, page 50": {"page": "50"},
    "all, first page": {"state": "all"},
    "all, page 200": {"state": "all", "page": "200"},
    "closed ones of one community": {"state": "closed", "community": "7"},
    "closed ones of one kind, page 20": {"state": "closed", "kind": "complaint", "page": "20"},
    "emergencies of all time": {"state": "all", "emergency": "1"},
    "overdue": {"overdue": "1"},
    "one month": {"state": "all", "from": "2026-01-01", "until": "2026-01-31"},
    "search: a number": {"state": "all", "search": "{number}"},
    "search: a telephone": {"state": "all", "search": "{phone}"},
    "search: four digits of it": {"state": "all", "search": "{digits}"},
    "search: a name": {"state": "all", "search": "{name}"},
    "search: a word that every tenth has": {"state": "all", "search": "漏水"},
    "search: that word, closed ones of one community": {"state": "closed", "community": "7", "search": "漏水"},
    "search: that word, page 100": {"state": "all", "search": "漏水", "page": "100"},
    "search: that word and a telephone's end": {"state": "all", "search": "漏水 {digits}"},
    "search: a word of one character": {"state": "all", "search": "阀"},
    "search: one that one ticket in fifty thousand has": {"state": "all", "search": "锈"},
    "search: words that nobody has": {"state": "all", "search": "外星人来访"},
}
_TIMES, _AT_MOST_SECONDS = 120, 1.5


@dataclass(frozen=True, slots=True)
class Answered:
    """Milliseconds: p50 and p99 on the wall, and p99 of the work itself, which others on the machine do not lengthen."""

    question: str
    found: int
    store: tuple[float, float, float]
    page: tuple[float, float, float]


def measure(url: str) -> list[Answered]:
    settings = settings_of_url(url, "http://127.0.0.1:9")
    with Store(url) as store:
        give_first_passwords(store, {"lead": PASSWORD})
        with store.read() as tx:
            example = tx.tickets(limit=1, offset=4_000)[0]
        known = {
            "number": example.number, "phone": example.contact_phone[-11:], "digits": example.contact_phone[-4:],
            "name": example.contact_name,
        }  # fmt: skip
        browser = signed_in(create_app(settings))
        keep_what_is_there()
        return [_ask(store, browser, name, _filled(words, known)) for name, words in QUESTIONS.items()]


def _ask(store: Store, browser: FlaskClient, name: str, words: dict[str, str]) -> Answered:
    clock = SystemClock()
    number = int(words.get("page", "1"))
    found = 0

    def by_store() -> None:
        nonlocal found
        wanted = Asked.of(words).wanted(1, clock.now())
        with store.read() as tx:
            found = len(tx.find_tickets(wanted, limit=PAGE_SIZE + 1, offset=(number - 1) * PAGE_SIZE))

    def by_page() -> None:
        if browser.get("/console/tickets", query_string=words).status_code != 200:  # noqa: PLR2004 - OK
            raise AssertionError(f"no page for {words}")

    in_store, in_page = _timed(by_store), _timed(by_page)
    return Answered(name, found, in_store, in_page)


def _timed(what: Callable[[], None]) -> tuple[float, float, float]:
    """Of up to 120 times, or as many as fit into the time; the first, which warms up, is not counted."""
    what()
    wall: list[float] = []
    work: list[float] = []
    until = time.monotonic() + _AT_MOST_SECONDS
    while len(wall) < 2 or (len(wall) < _TIMES and time.monotonic() < until):  # noqa: PLR2004 - two make a quantile
        started, worked = time.perf_counter(), time.thread_time()
        what()
        wall.append((time.perf_counter() - started) * 1000)
        work.append((time.thread_time() - worked) * 1000)
    return statistics.median(wall), _p99(wall), _p99(work)


def _p99(values: list[float]) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[98]


def _filled(words: dict[str, str], known: Mapping[str, str]) -> dict[str, str]:
    return {name: word.format(**known) for name, word in words.items()}


def signed_in(app: Flask) -> FlaskClient:
    browser = app.test_client()
    token = re.search(r'name="csrf_token" value="([^"]+)"', browser.get("/console/login").text)
    if token is None:
        raise AssertionError("the login page has no token")
    form = {"login": "lead", "password": PASSWORD, "csrf_token": token[1]}
    browser.post("/console/login", data=form)
    return browser
