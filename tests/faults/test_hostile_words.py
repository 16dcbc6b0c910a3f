"""Whatever is said or typed: a polite answer on the phone and in the chat, and nothing that a page would execute."""

import html
from html.parser import HTMLParser

import httpx
import pytest

from ops.town import Town
from tests.faults.calling import Call
from tests.faults.records import conversation_of, read, utterances
from tests.journeys.chatting import Chat

pytestmark = pytest.mark.nlu
MARK = "x7q9"
SCRIPT = f"<script>alert('{MARK}')</script><img src=x onerror=alert({MARK})>\"'><svg/onload={MARK}>"
HOSTILE = {
    "empty": "",
    "spaces": " \t\r\n 　 ",
    "long": "暖气不热" * 3000,
    "long without an end": "a" * 20_000,
    "binary": bytes(range(256)).decode("latin-1"),
    "nul": "暖气\x00不热\x00",
    "lone surrogate escaped": "\\ud83d \ufffd \ufffe \uffff",
    "emoji": "😀🔥💧" * 50,
    "punctuation": "。,、!?……——()《》",
    "english": "Hello, my radiator is cold, please help me",
    "right to left": "\u202eمرحبا\u202c שלום",
    "zero width": "\u200b\u200d\u2060\ufeff" * 20,
    "zero width inside": "暖\u200b气\u200b不\u200b热",
    "combining": "a" + "\u0301" * 500,
    "markup": SCRIPT,
    "sql": "'; DROP TABLE ticket; --  ' OR '1'='1",
    "template": "{{7*7}} {% for x in ().__class__.__base__.__subclasses__() %}{{x}}{% endfor %} ${7*7} #{7*7}",
    "format": "%s%s%n {0} {number} {__class__}",
    "twiml": "</Say><Hangup/><Dial>+8613900000000</Dial><Say>",
    "entity": '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a> &lt; &#0;',
    "log line": "好\nlevel=error event=fake\r\n2026-11-22 turn",
    "path": "../../../../etc/passwd",
}


@pytest.mark.parametrize("words", HOSTILE.values(), ids=HOSTILE)
def test_on_the_phone(town: Town, words: str) -> None:
    call = Call(town)
    answer = call.say(words)
    assert answer.strip(), "never silence"
    assert call.open, "and never the end"
    assert call.tags.count("Hangup") == call.tags.count("Dial") == 0
    assert "49" not in answer
    assert call.again() == call.body
    said = call.say("你好")
    assert "请" in said or "麻烦" in said, "the line goes on, politely"


@pytest.mark.parametrize("words", HOSTILE.values(), ids=HOSTILE)
def test_in_the_chat(town: Town, words: str) -> None:
    with Chat(town.web) as chat:
        try:
            chat.send(words)
        except httpx.HTTPStatusError as exc:
            refusal = exc.response
            assert refusal.status_code == 400, refusal.text
            assert refusal.json()["error"]["message"], "a sentence for the resident"
            assert not words.strip("\u200b \t\r\n\u3000"), "only nothing is refused"
        else:
            assert any(m["author"] == "bot" and m["text"].strip() for m in chat.new)
            assert "49" not in chat.said().replace(words, "")
        chat.send("你好")
        assert chat.said().strip()


@pytest.mark.parametrize("words", [SCRIPT, HOSTILE["twiml"], HOSTILE["template"], HOSTILE["sql"]])
def test_a_page_shows_it_and_executes_nothing(town: Town, console: httpx.Client, words: str) -> None:
    """Typed in every place that an operator sees: words, symptom, story, address, name, and the caller's number."""
    call = Call(town, "+8619911000006")
    call.press("1")
    call.say(f"漏水了{words}")
    call.say(words)
    call.say(f"翠湖花园{words}")
    with Chat(town.web) as chat:
        chat.send(f"我要投诉{words}")
        chat.send(f"师傅把地板踩脏了{words}" * 3)
        chat.send(words)
        chat.send("翠湖花园三号楼二单元五零一")
        chat.send(f"我叫{words}")
    conversation = conversation_of(town, call.sid)
    assert any(words[:20] in u.text for u in utterances(town, conversation.id))
    tickets = read(town, lambda tx: tx.open_tickets(conversation_id=conversation.id))
    seen = 0
    for path in (
        "/console/", "/console/conversations", "/console/tickets", f"/console/conversations/{conversation.id}",
        f"/console/conversations/{chat.conversation_id}", f"/console/conversations/{conversation.id}/side",
        f"/console/conversations/{conversation.id}/tail", "/console/parts/queue", "/console/parts/running",
        "/console/parts/alarms", *(f"/console/tickets/{t.id}" for t in tickets),
    ):  # fmt: skip
        page = console.get(path)
        assert page.status_code == 200, path
        found = _Inventory(page.text)
        assert not found.handlers, (path, found.handlers)
        assert found.foreign == [], (path, found.foreign)
        assert words not in page.text or not {"<", '"'} & set(words), "unescaped"
        seen += html.unescape(page.text).count(words[:20])
        assert "script-src 'self'" in page.headers["content-security-policy"]
    assert seen >= 2, "the words were on the pages"
    assert tickets


class _Inventory(HTMLParser):
    """What a browser would make of a page: handlers, and scripts and elements that no template has."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.handlers: list[str] = []
        self.foreign: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        given = dict(attrs)
        if tag == "script" and not (given.get("src") or "").startswith("/console/static/"):
            self.foreign.append(f"script {given}")
        if tag in {"hangup", "say", "dial"} or any(MARK in (v or "") and n != "value" for n, v in attrs if tag != "a"):
            self.foreign.append(f"{tag} {given}")
