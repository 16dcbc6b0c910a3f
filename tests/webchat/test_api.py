"""The chat's JSON interface over fakes: idempotency, whose conversation it is, paging, refusals, the live stream."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from dialogue.chat import Receipt, Side
from dialogue.conversation import Author, Channel, Floor
from kernel.clock import SystemClock
from kernel.errors import StoreBusy
from tests.fakes import FixedClock
from tests.webchat.fake_hotline import move
from tests.webchat.site import CONFIG, Site, site, with_limits
from webchat.api import TOO_LONG
from webchat.stream import Pace, follow

ID = "client-id-0123456789"


@pytest.fixture
def place() -> Site:
    return site()


class Visitor:
    """A browser without cookies: local storage holds the token."""

    def __init__(self, place: Site) -> None:
        self.client: FlaskClient = place.app.test_client(use_cookies=False)
        self.token = ""
        self.conversation = ""
        self.stream = ""

    def session(self, **wish: object) -> dict[str, Any]:
        answer = self.post("session", wish)
        self.token, self.conversation = answer["token"], answer["conversation"]["id"]
        self.stream = answer["stream"]
        return answer

    def post(self, path: str, body: object, status: int = 200) -> dict[str, Any]:
        response = self.client.post(f"/chat/api/{path}", json=body, headers=self.headers())
        assert response.status_code == status, response.text
        return dict(response.json or {})

    def say(self, text: str, client_id: str = ID, status: int = 200, **more: object) -> dict[str, Any]:
        body = {"conversation": self.conversation, "client_id": client_id, "text": text, **more}
        return self.post("messages", body, status)

    def messages(self, after: int = 0, conversation: str = "", status: int = 200) -> dict[str, Any]:
        query = {"conversation": conversation or self.conversation, "after": after}
        response = self.client.get("/chat/api/messages", query_string=query, headers=self.headers())
        assert response.status_code == status, response.text
        return dict(response.json or {})

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}


@pytest.fixture
def visitor(place: Site) -> Visitor:
    someone = Visitor(place)
    someone.session()
    return someone


def texts(answer: dict[str, Any]) -> list[str]:
    return [m["text"] for m in answer["messages"]]


class TestWhoIsWho:
    def test_a_visitor_who_comes_back_finds_the_same_conversation(self, visitor: Visitor) -> None:
        visitor.say("你好")
        before = visitor.messages()
        again = visitor.session()
        assert again["conversation"] == before["conversation"]
        assert again["messages"] == before["messages"]

    @pytest.mark.parametrize("wish", [{"fresh": {}}, {"fresh": 1}, {"conversation": 7}])
    def test_a_wish_of_the_wrong_form_is_refused(self, visitor: Visitor, wish: dict[str, object]) -> None:
        visitor.post("session", wish, 400)

    def test_without_local_storage_the_cookie_knows_the_visitor(self, place: Site) -> None:
        browser = place.app.test_client()
        first = browser.post("/chat/api/session", json={})
        assert "HttpOnly" in first.headers["Set-Cookie"]
        assert "SameSite=Lax" in first.headers["Set-Cookie"]
        again = browser.post("/chat/api/session", json={})
        assert (again.json or {})["conversation"] == (first.json or {})["conversation"]

    def test_two_visitors_do_not_meet(self, place: Site, visitor: Visitor) -> None:
        visitor.say("我住翠湖花园")
        stranger = Visitor(place)
        stranger.session()
        assert stranger.conversation != visitor.conversation
        stranger.messages(conversation=visitor.conversation, status=404)
        stranger.post("messages", {"conversation": visitor.conversation, "client_id": ID, "text": "漏水"}, 404)
        stranger.post("end", {"conversation": visitor.conversation}, 404)
        assert len(visitor.messages()["messages"]) == 4

    def test_a_telephone_call_is_not_readable_through_the_chat(self, place: Site, visitor: Visitor) -> None:
        call, _ = place.hotline.open(Channel.PHONE, "CA0-1", "+8613800000000")
        visitor.messages(conversation=call.id, status=404)

    @pytest.mark.parametrize("token", ["", "x", "WyJhIiwxXQ.forged", "a.b.c"])
    def test_a_forged_token_opens_nothing(self, visitor: Visitor, token: str) -> None:
        visitor.token = token
        answer = visitor.messages(status=401)
        assert answer["error"]["code"] == "unknown"

    def test_a_stream_key_is_not_a_token(self, visitor: Visitor) -> None:
        visitor.token = visitor.stream
        visitor.messages(status=401)

    def test_tokens_grow_old(self) -> None:
        clock = FixedClock()
        someone = Visitor(site(clock=clock))
        someone.session()
        clock.advance(days=CONFIG.token_life.days)
        someone.messages()
        clock.advance(days=1)
        someone.messages(status=401)

    def test_after_the_end_a_new_chat_begins_for_the_same_visitor(self, visitor: Visitor) -> None:
        first = visitor.conversation
        assert visitor.session(fresh=True)["conversation"]["id"] == first, "a running chat goes on"
        visitor.say("再见")
        assert visitor.session()["conversation"] == {
            "id": first,
            "floor": "ended",
            "operator": "",
            "waiting": "",
            "read": 0,
            "stars": 0,
            "tickets": [],
        }
        answer = visitor.session(fresh=True)
        assert answer["conversation"]["id"] != first
        assert answer["conversation"]["floor"] == "bot"
        assert answer["previous"] == first
        assert texts(visitor.messages(conversation=first))[1] == "再见"
        second = visitor.conversation
        assert visitor.session(conversation=first, fresh=True)["conversation"]["id"] == second, "a second tab asks, too"

    def test_an_operator_is_named_and_the_resident_can_leave(self, place: Site, visitor: Visitor) -> None:
        assert visitor.say("转人工")["conversation"]["floor"] == "queue"
        with place.store.write() as tx:
            move(tx, visitor.conversation, Floor.OPERATOR, at=SystemClock(), operator_id=place.operator.id)
        assert visitor.messages()["conversation"]["operator"] == "张敏"
        answer = visitor.post("end", {"conversation": visitor.conversation, "after": 2})
        assert answer["conversation"]["floor"] == "ended"


class TestOnce:
    def test_a_repeated_send_is_one_message_with_the_first_answer(self, visitor: Visitor) -> None:
        first = visitor.say("你好", after=1)
        again = visitor.say("你好", after=1)
        assert texts(first) == ["你好", "收到:你好"]
        assert again == first

    def test_at_the_same_time_too(self) -> None:
        place = site(thinks=0.1)
        someone = Visitor(place)
        someone.session()
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda _: someone.say("家里不热", after=1), range(4)))
        assert len(answers) == 4
        assert texts(someone.messages(after=1)) == ["家里不热", "请问是整个家都不热,还是某个房间不热?"]

    def test_a_tapped_reply_carries_its_key_and_its_label(self, place: Site, visitor: Visitor) -> None:
        visitor.say("漏水", choice="intent:leak_inside")
        turn = place.hotline.turns[-1]
        assert (turn.key, turn.choice, turn.text) == (ID, "intent:leak_inside", "漏水")


class TestLog:
    def test_paged_until_level(self) -> None:
        place = site(with_limits(page=2))
        someone = Visitor(place)
        answer = someone.session()
        with place.store.write() as tx:
            for n in range(6):
                tx.add_message(someone.conversation, author=Author.BOT, text=f"第{n}条", at=SystemClock().now())
        seen: list[int] = []
        level, more = 0, True
        while more:
            answer = someone.messages(after=level)
            seen += [m["seq"] for m in answer["messages"]]
            level, more = answer["level"], answer["more"]
        assert seen == [1, 2, 3, 4, 5, 6, 7]

    def test_only_what_the_resident_may_see_is_sent(self, place: Site, visitor: Visitor) -> None:
        visitor.say("我家漏水了")
        with place.store.write() as tx:
            now = SystemClock().now()
            tx.add_message(visitor.conversation, author=Author.SYSTEM, text="住户情绪激动", at=now)
            tx.add_message(
                visitor.conversation,
                author=Author.OPERATOR,
                text="您好",
                at=now,
                data={"operator": "张敏", "note": "内部"},
                client_id="op:1",
            )
        answer = visitor.messages()
        assert answer["messages"][1]["client_id"] == ID, "the page's own id, without the dialogue's prefix"
        assert answer["messages"][2]["card"]["kind"] == "safety"
        assert answer["messages"][-1].keys() == {"seq", "author", "text", "at", "operator"}
        assert answer["level"] == answer["messages"][-1]["seq"] == 6
        sent = json.dumps(answer, ensure_ascii=False)
        for inner in ("understanding", "secret", "住户情绪激动", "内部", "test.script"):
            assert inner not in sent

    def test_hostile_text_comes_back_as_text(self, visitor: Visitor) -> None:
        evil = "<img src=x onerror=alert(1)><script>alert(2)</script>{{7*7}}"
        assert visitor.say(evil)["messages"][1]["text"] == evil


class TestRefusals:
    @pytest.mark.parametrize(
        ("body", "content_type"),
        [
            (b"\x00\xff\xfe", "application/json"),
            (b"{", "application/json"),
            (b"[]", "application/json"),
            (b'"x"', "application/json"),
            (b"[" * 50_000, "application/json"),
            (b"text=hello", "application/x-www-form-urlencoded"),
            (b'{"text": "hello"}', "text/plain"),
        ],
    )
    def test_what_is_not_json_gets_a_polite_answer(self, visitor: Visitor, body: bytes, content_type: str) -> None:
        response = visitor.client.post(
            "/chat/api/messages", data=body, content_type=content_type, headers=visitor.headers()
        )
        assert response.status_code == 400
        assert "抱歉" in (response.json or {})["error"]["message"]

    @pytest.mark.parametrize(
        "change",
        [
            {"client_id": "short"},
            {"client_id": None},
            {"client_id": "x" * 65},
            {"client_id": "<script>alert(1)</script>"},
            {"text": 5},
            {"text": {"a": 1}},
            {"choice": "a b"},
            {"after": -1},
            {"after": "1e3"},
            {"after": True},
            {"conversation": 7},
        ],
    )
    def test_wrong_fields(self, place: Site, visitor: Visitor, change: dict[str, object]) -> None:
        body = {"conversation": visitor.conversation, "client_id": ID, "text": "你好"} | change
        assert visitor.post("messages", body, 400)["error"]["code"] == "bad_input"
        assert not place.hotline.turns

    @pytest.mark.parametrize("text", ["", " ", "\n\t", "\u3000", "\x00\x01", "\u202e"])
    def test_nothing_said_is_not_stored(self, place: Site, visitor: Visitor, text: str) -> None:
        assert visitor.say(text, status=400)["error"]["code"] == "empty"
        assert not place.hotline.turns

    def test_control_characters_and_half_pairs_are_left_out(self, place: Site, visitor: Visitor) -> None:
        visitor.say("a\x00b\ud800c\u202ed\r\n家里漏水 🔥")
        assert place.hotline.turns[-1].text == "abcd\n家里漏水 🔥"

    def test_a_long_text_goes_on_whole_with_a_notice(self, place: Site, visitor: Visitor) -> None:
        assert "notice" not in visitor.say("热" * 2000)
        answer = visitor.say("热" * 2000 + "漏水", client_id=ID + "-2")
        assert answer["notice"] == f"[{TOO_LONG}]"
        assert place.hotline.turns[-1].text.endswith("漏水"), "a danger word at the end must be read"

    def test_a_body_over_the_limit(self, place: Site, visitor: Visitor) -> None:
        assert visitor.say("热" * 70_000, status=413)["error"]["code"] == "too_large"
        assert not place.hotline.turns

    def test_too_fast(self) -> None:
        someone = Visitor(site(with_limits(messages_per_visitor="2 per minute")))
        someone.session()
        someone.say("一", client_id=ID + "1")
        someone.say("二", client_id=ID + "2")
        response = someone.client.post("/chat/api/messages", json={}, headers=someone.headers())
        assert response.status_code == 429
        assert response.headers["Retry-After"] == "10"
        assert (response.json or {})["error"]["code"] == "too_fast"

    def test_a_locked_database_is_tried_again_by_the_page(self, place: Site, visitor: Visitor) -> None:
        place.store.write_failures = [StoreBusy("locked")]
        response = visitor.client.post(
            "/chat/api/messages",
            json={"conversation": visitor.conversation, "client_id": ID, "text": "你好"},
            headers=visitor.headers(),
        )
        assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
        assert texts(visitor.say("你好", after=1)) == ["你好", "收到:你好"]


class TestStream:
    def open(self, visitor: Visitor, after: int = 0, key: str | None = None, last: str = "") -> Any:
        headers = {"Last-Event-ID": last} if last else {}
        query = {"key": visitor.stream if key is None else key, "after": after}
        return visitor.client.get("/chat/api/events", query_string=query, headers=headers, buffered=False)

    def test_it_starts_after_the_last_id_the_browser_has(self, visitor: Visitor) -> None:
        visitor.say("再见")
        whole = self.open(visitor).get_data(as_text=True)
        rest = self.open(visitor, after=0, last="2")
        assert rest.mimetype == "text/event-stream"
        assert rest.headers["X-Accel-Buffering"] == "no"
        assert [line for line in whole.splitlines() if line.startswith("id:")] == ["id: 1", "id: 2", "id: 3"]
        assert [line for line in rest.get_data(as_text=True).splitlines() if line.startswith("id:")] == ["id: 3"]

    def test_a_message_wakes_it(self, place: Site, visitor: Visitor) -> None:
        events = follow(place.store, visitor.conversation, 1, Pace(keep_alive=30, longest=60))
        assert next(events).startswith("retry:")
        assert next(events).startswith("event: state")
        heard: list[str] = []
        reader = threading.Thread(target=lambda: heard.append(next(events)))
        reader.start()
        with place.store.write() as tx:
            tx.add_message(visitor.conversation, author=Author.OPERATOR, text="您好", at=SystemClock().now())
        reader.join(timeout=5)
        assert heard
        assert heard[0].startswith("id: 2\nevent: message\n")

    def test_line_breaks_cannot_forge_an_event(self, visitor: Visitor) -> None:
        visitor.say("再见\n\nevent: state\ndata: {}")
        body = self.open(visitor).get_data(as_text=True)
        assert body.count("\nevent: state\n") == 1

    def test_silence_is_filled_with_beats_and_ends_in_time(self, place: Site, visitor: Visitor) -> None:
        lines = list(follow(place.store, visitor.conversation, 1, Pace(keep_alive=0.02, longest=0.1)))
        assert lines.count("event: beat\ndata: {}\n\n") >= 2

    def test_a_foreign_or_old_key_opens_nothing(self) -> None:
        clock = FixedClock()
        place = site(clock=clock)
        someone = Visitor(place)
        someone.session()
        assert self.open(someone, key="").status_code == 401
        assert self.open(someone, key=someone.token).status_code == 401
        clock.advance(hours=CONFIG.stream_key_life / timedelta(hours=1) + 1)
        assert self.open(someone).status_code == 401

    def test_above_the_cap_the_page_is_told_to_poll_and_a_closed_stream_frees_its_seat(self) -> None:
        someone = Visitor(site(replace(with_limits(streams=1), pace=Pace(keep_alive=0.05, longest=5))))
        someone.session()
        first = self.open(someone)
        assert first.status_code == 200
        second = self.open(someone)
        assert second.status_code == 503
        assert second.headers["Retry-After"] == "30"
        first.close()
        third = self.open(someone)
        assert third.status_code == 200
        third.close()


class TestReceipts:
    """Stored is not seen: each side learns how far the other has got."""

    def test_the_page_tells_what_has_arrived_and_what_was_looked_at(self, place: Site, visitor: Visitor) -> None:
        end = visitor.say("你好")["level"]
        visitor.post("receipts", {"conversation": visitor.conversation, "delivered": end, "read": end - 1})
        visitor.post("receipts", {"conversation": visitor.conversation, "delivered": 1, "read": 1})
        with place.store.read() as tx:
            assert tx.receipts(visitor.conversation)[Side.RESIDENT] == Receipt(end, end - 1)

    def test_nothing_is_read_that_was_never_said(self, place: Site, visitor: Visitor) -> None:
        visitor.post("receipts", {"conversation": visitor.conversation, "delivered": 900, "read": 950})
        with place.store.read() as tx:
            assert tx.receipts(visitor.conversation)[Side.RESIDENT] == Receipt(1, 1)

    def test_only_of_ones_own_conversation_and_in_numbers(self, place: Site, visitor: Visitor) -> None:
        stranger = Visitor(place)
        stranger.session()
        stranger.post("receipts", {"conversation": visitor.conversation, "delivered": 1, "read": 1}, 404)
        visitor.post("receipts", {"conversation": visitor.conversation, "delivered": -1, "read": 0}, 400)
        visitor.post("receipts", {"conversation": visitor.conversation, "delivered": 0.5, "read": 0}, 400)
        visitor.post("receipts", {"conversation": visitor.conversation, "delivered": 1.0, "read": 0.0})
        visitor.post("receipts", {"conversation": visitor.conversation}, 400)

    def test_until_a_person_looks_the_page_knows_that_nobody_has(self, place: Site, visitor: Visitor) -> None:
        end = visitor.say("转人工")["level"]
        assert visitor.messages()["conversation"]["read"] == 0
        with place.store.write() as tx:
            tx.note_receipt(visitor.conversation, Side.HOUSE, Receipt(end, end))
        assert visitor.messages()["conversation"]["read"] == end


class TestRating:
    def rate(self, visitor: Visitor, stars: object, words: str = "", status: int = 200) -> dict[str, Any]:
        return visitor.post("rating", {"conversation": visitor.conversation, "stars": stars, "words": words}, status)

    def test_a_chat_is_rated_when_it_is_over_and_the_first_word_stands(self, place: Site, visitor: Visitor) -> None:
        self.rate(visitor, 5, status=409)
        with place.store.write() as tx:
            said = {"operator": "张敏", "operator_id": place.operator.id}
            tx.add_message(
                visitor.conversation, author=Author.OPERATOR, text="修好了", at=SystemClock().now(), data=said
            )
        visitor.say("再见")
        assert self.rate(visitor, 2, " 来得太晚 ")["conversation"]["stars"] == 2
        assert self.rate(visitor, 5)["conversation"]["stars"] == 2
        with place.store.read() as tx:
            rating = tx.rating(visitor.conversation)
        assert rating is not None
        assert (rating.stars, rating.words, rating.operator_id) == (2, "来得太晚", place.operator.id)

    @pytest.mark.parametrize("stars", [0, 6, -1, "x", None, 2.5])
    def test_there_are_five_stars(self, visitor: Visitor, stars: object) -> None:
        visitor.say("再见")
        self.rate(visitor, stars, status=400)

    def test_nobody_rates_for_somebody_else(self, place: Site, visitor: Visitor) -> None:
        visitor.say("再见")
        stranger = Visitor(place)
        stranger.session()
        stranger.post("rating", {"conversation": visitor.conversation, "stars": 1}, 404)
