"""What the pages are made of."""

import hashlib
import re
from pathlib import Path

import pytest

from tests.console.conftest import Person
from tests.console.sample import Day

STATIC = Path(__file__).resolve().parents[2] / "console" / "static"


@pytest.mark.parametrize("name", ["htmx.min.js", "twilio-voice.min.js"])
def test_vendored_file_is_the_one_that_is_written_down(name: str) -> None:
    readme = (STATIC / "vendor" / "README.md").read_text()
    written = re.search(rf"`{re.escape(name)}` \|.*`([0-9a-f]{{64}})`", readme)
    assert written
    assert hashlib.sha256((STATIC / "vendor" / name).read_bytes()).hexdigest() == written[1]
    assert (STATIC / "vendor" / f"{name.removesuffix('.min.js')}.LICENSE").is_file()


def test_every_vendored_script_is_written_down() -> None:
    readme = (STATIC / "vendor" / "README.md").read_text()
    assert all(f"`{script.name}`" in readme for script in (STATIC / "vendor").glob("*.js"))


def test_our_scripts_hold_no_words() -> None:
    for script in STATIC.glob("*.js"):
        assert not re.search(r"[\u4e00-\u9fff]", script.read_text()), script.name


def test_no_page_needs_more_than_the_policy_allows(admin: Person, day: Day) -> None:
    pages = ("/", "/tickets?state=all", f"/tickets/{day.leak}", f"/conversations/{day.phone}", "/conversations", "/health", "/administration", "/announcements", "/reports", "/reports/2026-11/print", "/supervision/today", "/profiles")  # fmt: skip
    for path in pages:
        page = admin.get(path).text
        assert not re.search(r"<script(?![^>]*\ssrc=)", page), path
        assert not re.search(r"<[^>]+\son\w+=", page), path
        assert not re.search(r"<[^>]+\sstyle=|<style", page), path
        assert not re.search(r'(?:src|href|action)="(?:https?:)?//', page), path
