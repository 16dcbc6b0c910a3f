"""webchat/openapi.json against the real answers, both ways: what is answered is described, what is described exists."""

import json
from contextlib import closing
from typing import Any

import pytest
from flask import Flask
from openapi_core import OpenAPI
from openapi_core.contrib.werkzeug import WerkzeugOpenAPIRequest, WerkzeugOpenAPIResponse
from werkzeug.test import EnvironBuilder

from dialogue.chat import Receipt, Side
from dialogue.conversation import Author
from kernel.clock import SystemClock
from kernel.settings import HOME
from tests.webchat.site import Site, site, with_limits
from tests.webchat.test_pictures import photograph

DOCUMENT = json.loads((HOME / "webchat" / "openapi.json").read_text(encoding="utf-8"))
ID = "client-id-0123456789"


class Judge:
    """A client that holds every request and every answer against the document."""

    def __init__(self, place: Site) -> None:
        self.api = OpenAPI.from_dict(DOCUMENT)
        self.client = place.app.test_client(use_cookies=False)
        self.headers: dict[str, str] = {}

    def __call__(
        self, method: str, path: str, status: int = 200, *, request_is_wrong: bool = False, **more: Any
    ) -> Any:
        answer = self.client.open(f"/chat/api/{path}", method=method, headers=self.headers, buffered=True, **more)
        assert answer.status_code == status, answer.text
        with closing(EnvironBuilder(f"/chat/api/{path}", method=method, headers=self.headers, **more)) as same:
            asked = WerkzeugOpenAPIRequest(same.get_request())  # the one that was sent has been read to its end
        told = WerkzeugOpenAPIResponse(answer)
        if not request_is_wrong:
            self.api.validate_request(asked)
        self.api.validate_response(asked, told)
        return answer.json if answer.is_json else answer.data


@pytest.fixture
def place() -> Site:
    return site()


def test_a_whole_chat_is_as_it_is_described(place: Site) -> None:
    ask = Judge(place)
    session = ask("POST", "session", json={})
    ask.headers = {"Authorization": f"Bearer {session['token']}"}
    mine = session["conversation"]["id"]
    for number, text in enumerate(("漏水", "翠湖花园3号楼", "转人工", "字" * 2500)):
        said = ask(
            "POST", "messages", json={"conversation": mine, "client_id": f"{ID}{number}", "text": text, "after": 0}
        )
    assert said["notice"]
    query = {"conversation": mine, "client_id": ID, "after": 0}
    sent = ask("POST", "pictures", query_string=query, data=photograph(), content_type="image/jpeg")
    ask("GET", "pictures/" + next(m["picture"] for m in sent["messages"] if "picture" in m))
    with place.store.write() as tx:
        tx.add_message(mine, author=Author.OPERATOR, text="好", at=SystemClock().now(), data={"operator": "张敏"})
        tx.note_receipt(mine, Side.HOUSE, Receipt(3, 3))
    ask("POST", "receipts", json={"conversation": mine, "delivered": 3, "read": 3})
    ask("POST", "typing", json={"conversation": mine})
    ask("POST", "end", json={"conversation": mine, "after": 0})
    ask("POST", "rating", json={"conversation": mine, "stars": 4, "words": "好", "after": 0})
    page = ask("GET", "messages", query_string={"conversation": mine, "after": 0})
    assert {"card", "operator", "picture", "quick_replies"} <= {key for m in page["messages"] for key in m}
    ask("GET", "events", query_string={"key": session["stream"], "after": page["level"]})
    ask("GET", "openapi.json")


def test_refusals_are_as_they_are_described(place: Site) -> None:
    ask = Judge(place)
    ask("GET", "messages", 401, request_is_wrong=True, query_string={"conversation": "x"})
    session = ask("POST", "session", json={})
    ask.headers = {"Authorization": f"Bearer {session['token']}"}
    mine = session["conversation"]["id"]
    ask("GET", "messages", 404, query_string={"conversation": "x"})
    nothing = {"conversation": mine, "client_id": ID, "text": "\u202e"}
    ask("POST", "messages", 400, request_is_wrong=True, json=nothing)
    ask(
        "POST",
        "pictures",
        415,
        query_string={"conversation": mine, "client_id": ID},
        data=b"%PDF",
        content_type="image/png",
    )
    ask("POST", "rating", 409, json={"conversation": mine, "stars": 4})
    hurried = Judge(site(with_limits(sessions_per_address="1 per minute")))
    hurried("POST", "session", json={})
    hurried("POST", "session", 429, json={})


def test_every_address_of_the_interface_is_described_and_every_description_has_one(place: Site) -> None:
    def described(app: Flask) -> set[tuple[str, str]]:
        return {
            (str(rule).replace("<picture_id>", "{picture}"), method.lower())
            for rule in app.url_map.iter_rules()
            if str(rule).startswith("/chat/api/")
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        }

    assert described(place.app) == {(path, method) for path, methods in DOCUMENT["paths"].items() for method in methods}
