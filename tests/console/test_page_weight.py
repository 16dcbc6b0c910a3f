"""Each page with everything that a first visit loads stays small: at most 150 kB, compressed (DESIGN of the two faces)."""

import pytest

from ops.scale.pages import weigh
from tests.console.conftest import Person

MOST_KB = 150
PAGES = ("", "/tickets?state=all", "/tickets/1", "/supervision", "/supervision/today", "/reports", "/incidents")


@pytest.mark.parametrize("page", PAGES)
def test_a_first_visit_of_the_console_is_light(zhuguan: Person, page: str) -> None:
    weighed = weigh(zhuguan.client, f"/console{page}" if page else "/console/")
    assert 10 < weighed.gzip_kb <= MOST_KB


def test_what_is_weighed_is_all_that_is_loaded(zhuguan: Person) -> None:
    """Htmx alone has 50 kB as sent, and the modules of a live page import each other."""
    weighed = weigh(zhuguan.client, "/console/")
    assert weighed.raw_kb > 100
