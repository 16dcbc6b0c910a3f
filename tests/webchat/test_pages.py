"""The pages: what they allow a browser to do, and what lies beside them."""

import hashlib
import json
import re
from pathlib import Path

import pytest

from tests.webchat.site import CONFIG, Site, site

ROOM = Path(__file__).resolve().parent.parent.parent / "webchat"


@pytest.fixture(scope="module")
def place() -> Site:
    return site()


@pytest.mark.parametrize("path", ["/chat/", "/chat/?embed=1", "/chat/demo"])
def test_pages_run_nothing_that_is_written_into_them(place: Site, path: str) -> None:
    response = place.app.test_client().get(path)
    policy = response.headers["Content-Security-Policy"]
    assert response.status_code == 200
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert not re.search(
        r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)|https?://(?!localhost|www\.w3\.org)", response.text
    )


def test_only_the_chat_page_may_be_framed(place: Site) -> None:
    client = place.app.test_client()
    assert client.get("/chat/").headers["Content-Security-Policy"].endswith(f"frame-ancestors {CONFIG.frame_ancestors}")
    for path in ("/chat/demo", "/chat/widget.js", "/chat/api/messages"):
        assert client.get(path).headers["Content-Security-Policy"].endswith("frame-ancestors 'none'")


def test_no_cdn_and_no_user_text_as_markup() -> None:
    ours = [*ROOM.glob("static/*.js"), *ROOM.glob("static/*.css"), *ROOM.glob("templates/chat/*")]
    assert len(ours) > 8
    for file in ours:
        text = file.read_text(encoding="utf-8")
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", text), file
        assert not re.search(r"https?://(?!www\.w3\.org/|…)", text), file


def test_vendored_files_are_the_ones_that_were_noted() -> None:
    notes = (ROOM / "static/vendor/README.md").read_text(encoding="utf-8")
    for file in ROOM.glob("static/vendor/*.css"):
        assert hashlib.sha256(file.read_bytes()).hexdigest() in notes, file


def test_every_word_of_the_page_is_used_and_every_used_word_exists() -> None:
    strings = json.loads((ROOM / "strings.json").read_text(encoding="utf-8"))["page"]
    sources = [*ROOM.glob("static/*.js"), ROOM / "templates/chat/page.html"]
    text = "\n".join(f.read_text(encoding="utf-8") for f in sources)
    used = set(re.findall(r"strings\.(\w+)", text)) - {"json"}  # the file's own name in comments
    by_floor = {f"status_{floor}" for floor in ("bot", "queue", "operator", "ended")}
    assert used | by_floor == set(strings)


def test_vendored_files_may_be_kept_and_ours_are_asked_for(place: Site) -> None:
    client = place.app.test_client()
    with client.get("/chat/static/vendor/weui-2.6.26.min.css") as kept, client.get("/chat/static/chat.js") as asked:
        assert "immutable" in kept.headers["Cache-Control"]
        assert asked.headers["Cache-Control"] == "no-cache"
    assert client.post("/chat/api/session", json={}).headers["Cache-Control"] == "no-store"
