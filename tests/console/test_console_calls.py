"""The call bar: what an operator sees of a call's audio, and what each button does."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, expect

from console import Audio
from dialogue.conference import Conferences, Participant
from dialogue.leg import Leg, LegMode, LegRole, LegState
from fulfillment.company import Operator, OperatorRole
from kernel.clock import SystemClock
from tests.console.conftest import Person, sign_in
from tests.console.sample import BOOK, Day, build_app, sample_day
from tests.console.test_console_browser import browser as browser  # noqa: PLC0414 - a fixture is imported to be used
from tests.console.test_console_browser import serving
from tests.console.test_console_browser import sign_in as open_page
from tests.fakes import FakeStore, FixedClock


@pytest.fixture
def talks(store: FakeStore, clock: FixedClock, day: Day) -> Conferences:
    """What the telephone network tells; and a colleague with a telephone of her own."""
    assert day
    with store.write() as tx:
        tx.upsert_operator(Operator(0, "wangfang", "王芳", OperatorRole.OPERATOR, "+8613700000009", "x"))
    return Conferences(store, BOOK, clock, hotline="+8641188880000", browser_lines=True)


@pytest.fixture
def holding(xiaoli: Person, day: Day) -> Person:
    xiaoli.post(f"/conversations/{day.phone}/take-over")
    return xiaoli


def leg(store: FakeStore, day: Day, role: LegRole) -> Leg:
    with store.read() as tx:
        return next(leg for leg in reversed(tx.legs(day.phone)) if leg.role is role)


def joins(talks: Conferences, leg: Leg, sequence: int = 1) -> None:
    talks.told_of_participant(leg.id, Participant("join", "CA" + leg.id, "CF1", sequence, LegMode.TALK))


def press(person: Person, day: Day, action: str, **form: Any) -> str:
    answer = person.post(f"/conversations/{day.phone}/call/{action}", live=True, **form)
    assert answer.status_code in (200, 409), answer.status
    return answer.text


def connected(person: Person, store: FakeStore, talks: Conferences, day: Day) -> None:
    press(person, day, "connect")
    joins(talks, leg(store, day, LegRole.OPERATOR))
    joins(talks, leg(store, day, LegRole.CALLER))


def test_connecting_shows_each_state(holding: Person, store: FakeStore, talks: Conferences, day: Day) -> None:
    assert "未接通电话" in holding.get(f"/conversations/{day.phone}").text
    assert "正在呼叫您的电话" in press(holding, day, "connect")
    joins(talks, leg(store, day, LegRole.OPERATOR))
    assert "来电人正在接入" in holding.get(f"/conversations/{day.phone}/call").text
    joins(talks, leg(store, day, LegRole.CALLER))
    bar = holding.get(f"/conversations/{day.phone}/call").text
    assert "通话中" in bar
    assert 'data-key="F4"' in bar
    assert "来电人保持中" in press(holding, day, "hold")
    assert "通话中" in press(holding, day, "resume")


def test_a_telephone_that_is_not_answered_is_told_on_the_page(
    holding: Person, store: FakeStore, talks: Conferences, day: Day
) -> None:
    press(holding, day, "connect")
    talks.told_of_call(leg(store, day, LegRole.OPERATOR).id, status="no-answer", call_sid="CA1")
    page = holding.get(f"/conversations/{day.phone}").text
    assert "您的线路没有接通" in page
    assert "无人接听" in page
    assert "没有接通:无人接听" in page, "and it stays in the log"


def test_without_any_line_it_is_said(holding: Person, store: FakeStore, talks: Conferences, day: Day) -> None:
    with store.write() as tx:
        tx.upsert_operator(replace(tx.operator(4), phone=""))
        tx.set_answers_in_browser(4, in_browser=False)
    connected(holding, store, talks, day)
    bar = holding.get(f"/conversations/{day.phone}/call").text
    assert "王芳" in bar
    bar = press(holding, day, "consult", number="12")
    assert "号码不正确" in bar or "在岗坐席" in bar


def test_a_warm_transfer_with_the_bar(holding: Person, store: FakeStore, talks: Conferences, day: Day) -> None:
    connected(holding, store, talks, day)
    assert "正在呼叫 王芳" in press(holding, day, "consult", to="4")
    assert "已经在呼叫另一方" in press(holding, day, "transfer", to="butler")
    assert "对方还没有接听" in press(holding, day, "complete")
    joins(talks, leg(store, day, LegRole.CONSULTED))
    assert "正在与 王芳 商议" in holding.get(f"/conversations/{day.phone}/call").text
    assert "王芳: 通话中" in press(holding, day, "complete")
    with store.read() as tx:
        assert tx.conversation(day.phone).operator_id == 4


def test_whoever_is_asked_sees_it_on_every_page(
    app: Flask, holding: Person, store: FakeStore, talks: Conferences, day: Day
) -> None:
    with store.write() as tx:
        tx.upsert_operator(replace(tx.operator(1), id=0, login="wangfang", name="王芳", phone="+8613700000009"))
    fang = sign_in(app, "wangfang")
    connected(holding, store, talks, day)
    press(holding, day, "consult", to="4")
    page = fang.get("/tickets").text
    assert "小李 向您咨询, 请接听" in page
    assert "data-pop-now" not in page
    joins(talks, leg(store, day, LegRole.CONSULTED))
    assert "data-pop-now" in fang.get("/rings").text
    own = fang.get(f"/conversations/{day.phone}").text
    assert "data-pop" not in own, "on the page itself nothing needs to pop up"
    assert "小李 正在与您商议, 来电人在等待" in own


def test_a_supervisor_listens_and_an_operator_may_not(
    app: Flask, holding: Person, zhuguan: Person, store: FakeStore, talks: Conferences, day: Day
) -> None:
    connected(holding, store, talks, day)
    fang = sign_in(app, "xiaoli")
    assert fang.post(f"/conversations/{day.phone}/supervise/listen", live=True).status_code == 403
    assert "旁听" in zhuguan.get(f"/conversations/{day.phone}/call").text
    bar = zhuguan.post(f"/conversations/{day.phone}/supervise/listen", live=True).text
    assert "正在呼叫您" in bar
    mine = leg(store, day, LegRole.SUPERVISOR)
    assert mine.wanted is LegMode.LISTEN
    joins(talks, mine)
    bar = zhuguan.post(f"/conversations/{day.phone}/supervise/whisper", live=True).text
    assert "只有坐席听得到" in bar
    assert leg(store, day, LegRole.SUPERVISOR).wanted is LegMode.WHISPER


def test_the_safety_words_are_there_to_be_read_out(holding: Person, day: Day) -> None:
    """The sample call has an open leak."""
    bar = holding.get(f"/conversations/{day.phone}/call").text
    assert "请立即向住户读出" in bar
    assert "马上关掉漏水暖气片前的阀门" in bar
    assert "住户说漏水" not in bar


def test_a_leak_told_on_the_telephone(
    app: Flask, holding: Person, store: FakeStore, talks: Conferences, day: Day
) -> None:
    with store.write() as tx:
        ticket = tx.ticket(day.leak)
        tx.save_ticket(replace(ticket, conversation_id=None))
    connected(holding, store, talks, day)
    assert "住户说漏水" in holding.get(f"/conversations/{day.phone}/call").text
    press(holding, day, "leak")
    assert app.extensions["leaks"] == [(day.phone, 1)]


def test_where_i_am_reached(holding: Person, store: FakeStore, day: Day) -> None:
    holding.post("/line", in_browser="yes", conversation_id=day.phone)
    with store.read() as tx:
        assert tx.answers_in_browser(1) is True
    page = holding.get(f"/conversations/{day.phone}").text
    assert "请在模拟电话网页面上接听" in page
    assert "twilio-voice" not in page, "nothing to register with"
    assert "正在呼叫您的浏览器" in press(holding, day, "connect")
    assert leg(store, day, LegRole.OPERATOR).address == "client:operator_1"


def test_no_token_without_a_key(xiaoli: Person) -> None:
    assert xiaoli.post("/softphone").status_code == 404


# --- a browser as the telephone


#: Stands in for Twilio's SDK: registers at once, and rings when the test says so.
STUB = """
window.Twilio = { Device: class {
  constructor(token) { this.token = token; this.on_ = {}; window.theDevice = this; }
  on(name, act) { this.on_[name] = act; }
  async register() { this.on_.registered(); }
  updateToken(token) { this.token = token; }
  destroy() {}
  ring(leg) {
    const call = { customParameters: new Map([["leg", leg]]), on_: {}, state: "pending",
      on(name, act) { this.on_[name] = act; }, status() { return this.state; },
      accept() { this.state = "open"; window.accepted = leg; this.on_.accept(); }, reject() { this.on_.reject(); } };
    this.on_.incoming(call);
  }
} };
"""


@pytest.fixture
def with_softphones() -> Iterator[tuple[FakeStore, Day, Flask]]:
    store, clock = FakeStore(), SystemClock()
    day = sample_day(store, clock.now())
    conferences = Conferences(store, BOOK, clock, hotline="+8641188880000", browser_lines=True)
    audio = Audio(
        conferences,
        lambda _c, _o: None,
        lambda _k: "",
        browser_lines=True,
        softphone_token=lambda name: f"token of {name}",
    )
    with store.write() as tx:
        tx.set_answers_in_browser(1, in_browser=True)
    yield store, day, build_app(store, clock, audio=audio)
    assert threading.active_count() < 500


@pytest.mark.browser
def test_my_own_call_is_answered_by_itself_and_a_colleagues_rings(
    browser: Browser, with_softphones: tuple[FakeStore, Day, Flask]
) -> None:
    store, day, app = with_softphones
    faults: list[str] = []
    with serving(app) as server:
        page = open_page(browser, server.server_port, "xiaoli", faults)
        page.route("**/twilio-voice.min.js", lambda route: route.fulfill(body=STUB, content_type="text/javascript"))
        page.goto(f"http://127.0.0.1:{server.server_port}/console/conversations/{day.phone}")
        page.get_by_role("button", name="接手会话").click()
        expect(page.locator("#softphone-state")).to_have_text("浏览器电话已就绪")
        assert page.evaluate("theDevice.token") == "token of operator_1"
        page.keyboard.press("F2")
        expect(page.locator("#call-bar.ringing")).to_be_visible()
        page.evaluate("leg => theDevice.ring(leg)", leg(store, day, LegRole.OPERATOR).id)
        assert page.evaluate("accepted") == leg(store, day, LegRole.OPERATOR).id
        expect(page.locator("#softphone-ringing")).to_be_hidden()
        page.evaluate("theDevice.ring('of somebody else')")
        expect(page.locator("#softphone-ringing")).to_be_visible()
        assert page.evaluate("accepted") != "of somebody else"
        page.get_by_role("button", name="接听").click()
        assert page.evaluate("accepted") == "of somebody else"
    assert faults == []


@pytest.mark.browser
def test_the_real_sdk_loads_under_our_policy(browser: Browser, with_softphones: tuple[FakeStore, Day, Flask]) -> None:
    _, day, app = with_softphones
    faults: list[str] = []
    with serving(app) as server:
        page = open_page(browser, server.server_port, "xiaoli", faults)
        page.goto(f"http://127.0.0.1:{server.server_port}/console/conversations/{day.phone}")
        assert page.evaluate("typeof window.Twilio.Device") == "function"
    assert [f for f in faults if "Content Security Policy" in f] == []


@pytest.mark.browser
def test_keys_press_and_a_half_filled_choice_survives(
    browser: Browser, with_softphones: tuple[FakeStore, Day, Flask]
) -> None:
    store, day, app = with_softphones
    faults: list[str] = []
    talks = Conferences(store, BOOK, SystemClock(), hotline="+8641188880000", browser_lines=True)
    with serving(app) as server:
        page = open_page(browser, server.server_port, "xiaoli", faults)
        page.goto(f"http://127.0.0.1:{server.server_port}/console/conversations/{day.phone}")
        page.get_by_role("button", name="接手会话").click()
        box = page.get_by_label("回复内容")
        box.fill("写到一半")
        page.wait_for_selector("body[data-ready] #call-bar")  # keys are heard from then on
        page.keyboard.press("F2")
        expect(page.locator("#call-bar.ringing")).to_be_visible()
        joins(talks, leg(store, day, LegRole.OPERATOR))
        joins(talks, leg(store, day, LegRole.CALLER))
        expect(page.locator("#call-bar.talking")).to_be_visible()
        expect(box).to_have_value("写到一半")
        expect(page.get_by_role("button", name="记录")).to_be_visible()
        page.keyboard.press("F8")
        page.get_by_label("或号码").fill("041188881234")
        joins(talks, replace(leg(store, day, LegRole.CALLER)), 9)  # nothing new: but the bar refreshes with the next
        with store.write() as tx:
            caller = leg_in(tx.legs(day.phone))
            tx.save_leg(replace(caller, trouble="404"))
        expect(page.locator(".call-bar")).to_contain_text("电话网没有执行上一个操作")
        expect(page.get_by_label("或号码")).to_have_value("041188881234")
        page.keyboard.press("F4")
        expect(page.locator("#call-bar.held")).to_be_visible()
    assert faults == []


def leg_in(legs: Any) -> Leg:
    found: Leg = next(leg for leg in reversed(legs) if leg.role is LegRole.CALLER and leg.state is LegState.JOINED)
    return found
