"""What the first visit of a page loads: the page, what it links to, and the modules those import."""

import gzip
import re
import time
from dataclasses import dataclass
from urllib.parse import urljoin

from flask.testing import FlaskClient

from app import create_app
from ops.month.show import settings_of_url
from ops.scale.lists import signed_in

PATHS = (
    "/console/", "/console/tickets?state=all", "/console/tickets/99000", "/console/supervision",
    "/console/supervision/today", "/console/reports", "/console/incidents", "/chat/", "/chat/demo",
)  # fmt: skip
_LINKED = re.compile(r'(?:src|href)="([^"#]*/static/[^"]*)"')
_IMPORTED = re.compile(r'(?:import|from)\s*\(?\s*"(\.{1,2}/[^"]+|/[^"]+)"')
#: Compressed by their own format already.
_PACKED = re.compile(r"\.(png|jpg|jpeg|woff2?|wav)$")


@dataclass(frozen=True, slots=True)
class Weighed:
    path: str
    gzip_kb: float
    raw_kb: float
    milliseconds: float  # of the server, for the page alone


def measure(url: str) -> list[Weighed]:
    browser = signed_in(create_app(settings_of_url(url, "http://127.0.0.1:9")))
    return [weigh(browser, path) for path in PATHS]


def weigh(browser: FlaskClient, path: str) -> Weighed:
    """Raises AssertionError if the page, or something it names, is not there."""
    browser.get(path)  # templates are compiled once
    started = time.perf_counter()
    page = browser.get(path)
    milliseconds = (time.perf_counter() - started) * 1000
    if page.status_code != 200:  # noqa: PLR2004 - OK
        raise AssertionError(f"{path}: {page.status_code}")
    packed, raw = _sizes(path, page.data)
    for part, data in _parts(browser, path, page.text).items():
        packed, raw = packed + _sizes(part, data)[0], raw + len(data)
    return Weighed(path, packed / 1024, raw / 1024, milliseconds)


def _parts(browser: FlaskClient, path: str, text: str) -> dict[str, bytes]:
    """Everything that is loaded with a page, by address, however deep the modules import each other."""
    found: dict[str, bytes] = {}
    open_ones = {urljoin(path, link.replace("&amp;", "&")) for link in _LINKED.findall(text)}
    while open_ones:
        part = open_ones.pop()
        with browser.get(part) as answer:
            if answer.status_code != 200:  # noqa: PLR2004 - OK
                raise AssertionError(f"{path} names {part}: {answer.status_code}")
            found[part] = answer.data
        if part.partition("?")[0].endswith(".js"):
            imported = _IMPORTED.findall(found[part].decode())
            open_ones |= {urljoin(part, name) for name in imported} - found.keys()
    return found


def _sizes(path: str, data: bytes) -> tuple[int, int]:
    return (len(data) if _PACKED.search(path.partition("?")[0]) else len(gzip.compress(data, 6))), len(data)
