"""Operators on the telephone, in the whole product: console, worker, web process and telephone network."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from dialogue.conversation import Author, Channel, Floor
from dialogue.leg import Phase, Talk
from ops.town import PASSWORD, Town
from storage import Store

pytestmark = pytest.mark.nlu
CALLER = "+8619911000001"
WEATHER = {"doubled": 1.0, "late_seconds": 2.0, "seed": 4}


class Person:
    """Somebody at the console, and the telephone on that desk."""

    def __init__(self, town: Town, login: str) -> None:
        self.http = httpx.Client(base_url=town.web, timeout=20, follow_redirects=True)
        token = re.search(r'name="csrf_token" value="([^"]+)"', self.http.get("/console/login").text)
        assert token
        form = {"csrf_token": token[1], "login": login, "password": PASSWORD}
        self.http.post("/console/login", data=form).raise_for_status()
        with Store(town.database_url) as store, store.read() as tx:
            operator = tx.operator_by_login(login)
        assert operator
        self.id, self.name, self.phone = operator.id, operator.name, operator.phone

    def press(self, path: str, **form: str) -> str:
        """A button of the page; what the page then shows."""
        page = self.http.get("/console/health").text
        token = re.search(r'name="csrf_token" value="([^"]+)"', page)
        assert token
        headers = {"HX-Request": "true"} if "/call/" in path or "/supervise/" in path else {}
        return self.http.post(f"/console{path}", data={"csrf_token": token[1], **form}, headers=headers).text


class OnTheLine:
    """One call that the first operator has taken over."""

    def __init__(self, town: Town, one: Person) -> None:
        self.town, self.net = town, httpx.Client(base_url=town.network, timeout=20)
        self.do(CALLER, "dial")
        self.wait(lambda: "speech" in self.call(CALLER)["listening"])
        self.do(CALLER, "say", text="转人工", polite=True)
        self.wait(lambda: self._id() != "")
        self.id = self._id()
        self.wait(lambda: self.floor == Floor.QUEUE)
        one.press(f"/conversations/{self.id}/take-over")

    def _id(self) -> str:
        sid = self.call(CALLER)["sid"]
        with Store(self.town.database_url) as store, store.read() as tx:
            found = tx.conversation_by_external_id(Channel.PHONE, sid)
        return found.id if found else ""

    def do(self, number: str, action: str, **body: Any) -> dict[str, Any]:
        answer = self.net.post(f"/api/phones/{number}/{action}", json=body)
        assert answer.is_success, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def phone(self, number: str) -> dict[str, Any]:
        found: dict[str, Any] = self.net.get(f"/api/phones/{number}").raise_for_status().json()
        return found

    def call(self, number: str) -> dict[str, Any]:
        found: dict[str, Any] = self.phone(number)["call"] or {
            "lines": [],
            "listening": [],
            "sid": "",
            "audience": None,
        }
        return found

    def heard(self, number: str) -> list[str]:
        return [line["text"] for line in self.call(number)["lines"]]

    def wait(self, condition: Callable[[], object], seconds: float = 30) -> None:
        self.town.wait(condition, seconds)

    @property
    def talk(self) -> Talk:
        with Store(self.town.database_url) as store, store.read() as tx:
            return Talk(tx.legs(self.id), tx.conversation(self.id).operator_id)

    @property
    def floor(self) -> Floor:
        with Store(self.town.database_url) as store, store.read() as tx:
            return tx.conversation(self.id).floor

    @property
    def notes(self) -> list[str]:
        with Store(self.town.database_url) as store, store.read() as tx:
            return [m.text for m in tx.messages(self.id) if m.author is Author.SYSTEM]

    def answers(self, number: str) -> None:
        self.wait(lambda: self.phone(number)["phase"] == "ringing")
        self.do(number, "answer")
        if any(leg.address == number and leg.asks_for_key for leg in self.talk.staying):
            self.wait(lambda: self.call(number)["listening"])
            self.do(number, "press", digits="1", polite=True)

    def is_in(self, phase: Phase) -> None:
        self.wait(lambda: self.talk.phase is phase)

    def connect(self, one: Person) -> None:
        assert "正在呼叫您的电话" in one.press(f"/conversations/{self.id}/call/connect")
        self.answers(one.phone)
        self.is_in(Phase.TALKING)

    def hears(self, listener: str, speaker: str, words: str) -> None:
        self.wait(lambda: listener in (self.call(speaker)["audience"] or []))
        self.do(speaker, "say", text=words)
        assert words in self.heard(listener)

    def end(self) -> None:
        self.net.put("/api/callbacks", json={})
        for number in (CALLER, *(leg.address for leg in self.talk.legs if leg.address)):
            self.net.put(f"/api/phones/{number}", json={"state": "on"})
            self.net.post(f"/api/phones/{number}/hangup", json={})
        self.wait(lambda: self.floor is Floor.ENDED)
        self.wait(lambda: not [leg for leg in self.talk.legs if leg.live])
        violations = self.net.get("/violations.json").json()
        self.net.close()
        assert violations == []


@pytest.fixture(scope="module")
def people(town: Town) -> Iterator[tuple[Person, Person, Person]]:
    found = (Person(town, "op1"), Person(town, "op2"), Person(town, "lead"))
    yield found
    for person in found:
        person.http.close()


@pytest.fixture
def line(town: Town, people: tuple[Person, Person, Person]) -> Iterator[OnTheLine]:
    found = OnTheLine(town, people[0])
    yield found
    found.end()


def test_hold_warm_transfer_whisper_end(line: OnTheLine, people: tuple[Person, Person, Person]) -> None:
    one, two, lead = people
    line.connect(one)
    line.hears(one.phone, CALLER, "我家不热")
    one.press(f"/conversations/{line.id}/call/hold")
    line.wait(lambda: "您请稍等,请不要挂机。" in line.heard(CALLER))
    assert line.do(CALLER, "say", text="有人吗") == {"heard": False}
    one.press(f"/conversations/{line.id}/call/consult", to=str(two.id))
    line.answers(two.phone)
    line.is_in(Phase.CONSULTING)
    line.hears(two.phone, one.phone, "他家三天不热了")
    assert "他家三天不热了" not in line.heard(CALLER)
    one.press(f"/conversations/{line.id}/call/complete")
    line.wait(lambda: line.phone(one.phone)["phase"] == "idle")
    line.hears(two.phone, CALLER, "喂,还在吗")
    assert line.talk.holder_id == two.id
    lead.press(f"/conversations/{line.id}/supervise/listen")
    line.answers(lead.phone)
    line.wait(lambda: lead.phone in (line.call(CALLER)["audience"] or []))
    lead.press(f"/conversations/{line.id}/supervise/whisper")
    line.wait(lambda: line.call(lead.phone)["audience"] == [two.phone])
    line.hears(two.phone, lead.phone, "师傅十点到")
    assert "师傅十点到" not in line.heard(CALLER)
    two.press(f"/conversations/{line.id}/end")
    line.wait(lambda: line.phone(CALLER)["phase"] == "idle")
    assert any("再见" in words for words in line.heard(CALLER)[-3:]), "the end is polite, and spoken"
    line.wait(lambda: line.phone(two.phone)["phase"] == line.phone(lead.phone)["phase"] == "idle")


def test_the_operators_telephone_is_not_answered(line: OnTheLine, people: tuple[Person, Person, Person]) -> None:
    one = people[0]
    line.net.put(f"/api/phones/{one.phone}", json={"state": "no-answer"})
    one.press(f"/conversations/{line.id}/call/connect")
    line.wait(lambda: any("暂时没有接通" in words for words in line.heard(CALLER)))
    assert line.talk.phase is Phase.IDLE
    assert line.floor is Floor.OPERATOR
    assert "没有接通" in one.http.get(f"/console/conversations/{line.id}").text
    line.wait(lambda: "speech" in line.call(CALLER)["listening"])
    assert line.notes == [f"{one.name}没有接通:无人接听"]


def test_the_operators_voicemail_answers(line: OnTheLine, people: tuple[Person, Person, Person]) -> None:
    one = people[0]
    line.net.put(f"/api/phones/{one.phone}", json={"state": "voicemail"})
    one.press(f"/conversations/{line.id}/call/connect")
    line.wait(lambda: any("请按1" in words for words in line.heard(one.phone)))
    assert line.talk.phase is Phase.RINGING
    line.wait(lambda: any("暂时没有接通" in words for words in line.heard(CALLER)))
    assert not line.talk.legs[-1].joined_at
    assert line.call(CALLER)["audience"] is None, "he was with nobody's voicemail"
    assert line.notes == [f"{one.name}没有接通:无人接听"]


def test_the_operator_hangs_up_first(line: OnTheLine, people: tuple[Person, Person, Person]) -> None:
    line.connect(people[0])
    line.do(people[0].phone, "hangup")
    line.wait(lambda: any("还有其他问题" in words for words in line.heard(CALLER)))
    line.wait(lambda: "speech" in line.call(CALLER)["listening"])
    assert line.floor is Floor.OPERATOR
    line.connect(people[0])
    line.hears(people[0].phone, CALLER, "又接通了")


def test_the_caller_hangs_up_on_hold(line: OnTheLine, people: tuple[Person, Person, Person]) -> None:
    line.connect(people[0])
    people[0].press(f"/conversations/{line.id}/call/hold")
    line.wait(lambda: line.talk.phase is Phase.HELD and "您请稍等,请不要挂机。" in line.heard(CALLER))
    line.do(CALLER, "hangup")
    line.wait(lambda: line.phone(people[0].phone)["phase"] == "idle")
    line.wait(lambda: line.floor is Floor.ENDED)


def test_reports_doubled_and_late(line: OnTheLine, people: tuple[Person, Person, Person]) -> None:
    """Every report twice, some overtaken by others: the same call."""
    one, two, _ = people
    line.net.put("/api/callbacks", json=WEATHER).raise_for_status()
    line.connect(one)
    one.press(f"/conversations/{line.id}/call/consult", to=str(two.id))
    line.answers(two.phone)
    line.is_in(Phase.CONSULTING)
    one.press(f"/conversations/{line.id}/call/complete")
    line.wait(lambda: line.talk.phase is Phase.TALKING and line.talk.holder_id == two.id)
    line.hears(two.phone, CALLER, "您是哪位")
    line.do(two.phone, "hangup")
    line.wait(lambda: any("还有其他问题" in words for words in line.heard(CALLER)))
    line.wait(lambda: "speech" in line.call(CALLER)["listening"])


def test_every_report_is_lost(line: OnTheLine, people: tuple[Person, Person, Person]) -> None:
    """The carrier is asked instead: later, but nobody is left in silence."""
    one = people[0]
    line.net.put("/api/callbacks", json={"lost": 1.0}).raise_for_status()
    one.press(f"/conversations/{line.id}/call/connect")
    line.answers(one.phone)
    line.wait(lambda: one.phone in (line.call(CALLER)["audience"] or []), seconds=45)
    line.hears(one.phone, CALLER, "喂")
    line.wait(lambda: line.talk.phase is Phase.TALKING, seconds=45)
    line.do(one.phone, "hangup")
    line.wait(lambda: any("还有其他问题" in words for words in line.heard(CALLER)), seconds=60)


def test_to_the_butler(line: OnTheLine, people: tuple[Person, Person, Person]) -> None:
    one = people[0]
    line.connect(one)
    one.press(f"/conversations/{line.id}/call/transfer", to="butler")
    line.wait(lambda: line.talk.other is not None)
    other = line.talk.other
    assert other is not None
    line.answers(other.address)
    line.is_in(Phase.GIVEN_AWAY)
    line.hears(other.address, CALLER, "师傅您好")
    assert line.talk.holder_id == one.id
