"""Photographs: what is taken, what is refused, and who may see them."""

import io
from datetime import timedelta
from pathlib import Path

import pytest
from PIL import Image

from dialogue.chat import Picture
from dialogue.conversation import Author, Floor
from dialogue.pictures import Photograph, forget_pictures
from kernel.clock import SystemClock
from storage import SoundFolder
from tests.webchat.fake_hotline import move
from tests.webchat.site import Site, site, with_limits
from tests.webchat.test_api import ID, Visitor

PLACE_AND_CAMERA = {0x010F: "SecretPhone", 0x0112: 6, 0x8825: {1: "N", 2: (38.0, 2.0, 30.0)}}


def photograph(width: int = 400, height: int = 300, kind: str = "JPEG", *, exif: bool = False) -> bytes:
    picture = Image.new("RGB", (width, height), (200, 30, 30))
    told = Image.Exif()
    for tag, value in PLACE_AND_CAMERA.items() if exif else ():
        told[tag] = value
    written = io.BytesIO()
    picture.save(written, kind, **({"exif": told} if exif else {}))
    return written.getvalue()


@pytest.fixture
def place() -> Site:
    return site()


@pytest.fixture
def visitor(place: Site) -> Visitor:
    someone = Visitor(place)
    someone.session()
    return someone


def send(visitor: Visitor, data: bytes, status: int = 200, *, kind: str = "image/jpeg", client_id: str = ID) -> dict:  # type: ignore[type-arg] - JSON
    query = {"conversation": visitor.conversation, "client_id": client_id, "after": 0}
    answer = visitor.client.post(
        "/chat/api/pictures", query_string=query, data=data, content_type=kind, headers=visitor.headers()
    )
    assert answer.status_code == status, answer.text
    return dict(answer.json or {})


def look(visitor: Visitor, picture_id: str, status: int = 200, *, size: str = "") -> bytes:
    query = {"size": size} if size else {}
    answer = visitor.client.get(f"/chat/api/pictures/{picture_id}", query_string=query, headers=visitor.headers())
    assert answer.status_code == status
    seen = answer.data
    answer.close()  # the file
    return seen


def test_a_photograph_comes_back_small_upright_and_without_what_the_camera_wrote(visitor: Visitor) -> None:
    answer = send(visitor, photograph(2400, 1200, exif=True))
    mine = next(m for m in answer["messages"] if m["author"] == "resident")
    assert (mine["width"], mine["height"]) == (800, 1600), "turned as the camera was held"
    seen = look(visitor, mine["picture"])
    shown = Image.open(io.BytesIO(seen))
    assert (shown.format, shown.size) == ("JPEG", (800, 1600))
    assert not shown.getexif()
    assert b"SecretPhone" not in seen


def test_its_preview_is_small_says_nothing_either_and_is_there_only_where_it_saves_something(visitor: Visitor) -> None:
    large = next(m for m in send(visitor, photograph(2400, 1200, exif=True))["messages"] if "picture" in m)
    seen, full = look(visitor, large["picture"], size="small"), look(visitor, large["picture"])
    assert Image.open(io.BytesIO(seen)).size == (260, 520)
    assert not Image.open(io.BytesIO(seen)).getexif()
    assert len(seen) < len(full)
    sent = send(visitor, photograph(500, 400), client_id="a-second-photograph")["messages"]
    little = [m for m in sent if "picture" in m][-1]
    assert look(visitor, little["picture"], size="small") == look(visitor, little["picture"])


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF"])
def test_its_bytes_say_what_it_is_not_its_header(visitor: Visitor, kind: str) -> None:
    mine = next(m for m in send(visitor, photograph(kind=kind))["messages"] if m["author"] == "resident")
    assert look(visitor, mine["picture"])[:3] == b"\xff\xd8\xff"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"\xff\xd8\xff rubbish",
        photograph()[:600],
        b"%PDF-1.7",
    ],
)
def test_what_is_not_a_picture_is_refused_politely(place: Site, visitor: Visitor, data: bytes) -> None:
    refused = send(visitor, data, 415)
    assert refused["error"]["code"] == "not_a_picture"
    assert "不是照片" in refused["error"]["message"]
    assert not place.store.tables.pictures


def test_a_form_of_a_foreign_site_cannot_send_one(visitor: Visitor) -> None:
    assert send(visitor, photograph(), 415, kind="text/plain")["error"]["code"] == "not_a_picture"


def test_too_many_bytes_or_pixels(place: Site) -> None:
    small = Visitor(site(with_limits(picture_bytes=1000)))
    small.session()
    assert send(small, photograph(1200, 1200), 413)["error"]["code"] == "picture_too_big"
    visitor = Visitor(place)
    visitor.session()
    bomb = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(bomb, "PNG")
    assert send(visitor, bomb.getvalue(), 413)["error"]["code"] == "picture_too_big"


def test_sent_twice_it_is_one_and_the_bot_says_once_that_it_sees_nothing(place: Site, visitor: Visitor) -> None:
    first, again = send(visitor, photograph()), send(visitor, photograph())
    assert first["messages"] == again["messages"]
    said = [m for m in first["messages"] if m["author"] == "bot"]
    assert "看不懂照片" in said[-1]["text"]
    assert said[-1]["quick_replies"] == said[0]["quick_replies"], "the open question stays answerable"
    assert len(place.store.tables.pictures) == 1


def test_with_a_person_the_bot_is_silent(place: Site, visitor: Visitor) -> None:
    with place.store.write() as tx:
        move(tx, visitor.conversation, Floor.OPERATOR, at=SystemClock(), operator_id=place.operator.id)
    authors = [m["author"] for m in send(visitor, photograph())["messages"]]
    assert authors == [Author.BOT, Author.RESIDENT]


def test_only_whose_conversation_it_is_may_see_it(place: Site, visitor: Visitor) -> None:
    picture_id = next(m["picture"] for m in send(visitor, photograph())["messages"] if "picture" in m)
    stranger = Visitor(place)
    stranger.session()
    look(stranger, picture_id, 404)
    look(stranger, picture_id, 404, size="small")
    look(visitor, "0" * 32, 404)
    stranger.token = ""
    look(stranger, picture_id, 401)
    stranger.conversation = visitor.conversation
    stranger.session()
    stranger.conversation = visitor.conversation
    send(stranger, photograph(), 404, client_id="another-client-id")


def test_a_photograph_is_gone_with_its_time(place: Site, visitor: Visitor, tmp_path: Path) -> None:
    files = SoundFolder(tmp_path, ".jpg")
    now = SystemClock().now()
    with place.store.write() as tx:
        for name, age in (("a" * 32, 91), ("b" * 32, 89)):
            Photograph(b"jpeg", 1, 1, small=b"preview").put_into(files, name)
            tx.add_picture(Picture(name, visitor.conversation, now - timedelta(days=age), 1, 1))
    forget_pictures(place.store, files, now - timedelta(days=90))
    assert sorted(f.read_bytes() for f in tmp_path.iterdir()) == [b"jpeg", b"preview"]
    assert files.path("b" * 32).is_file()
    assert list(place.store.tables.pictures) == ["b" * 32]
