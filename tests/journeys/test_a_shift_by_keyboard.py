"""A whole shift without a mouse: every stop of the tabulator is seen, everything is reached, and nothing needs a pointer."""

import re
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from dialogue.conversation import Author, Conversation, Floor
from fulfillment.ticket import TicketState
from ops.town import PASSWORD, Town
from storage import Store
from tests.journeys.browsers import a_page, a_resident, an_operator, says

pytestmark = [pytest.mark.nlu, pytest.mark.browser, pytest.mark.usefixtures("_nobody_stays_on_duty")]
MOST_STOPS = 90

#: What is wrong with where the focus is; "" when it can be seen: a ring or a frame of its own, in the window, under nothing.
UNSEEN = """() => {
  const e = document.activeElement;
  if (!e || e === document.body) return "";
  const name = e.outerHTML.slice(0, 120);
  const style = getComputedStyle(e);
  const ring = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1;
  if (!ring && style.boxShadow === "none") return `no visible focus: ${name}`;
  const r = e.getBoundingClientRect();
  if (!r.width || !r.height) return `no size: ${name}`;
  const points = [[0.5, 0.5], [0.05, 0.5], [0.95, 0.5], [0.5, 0.1], [0.5, 0.9]];
  const shown = points.some(([x, y]) => {
    const top = document.elementFromPoint(r.left + r.width * x, r.top + r.height * y);
    return top && (e.contains(top) || top.contains(e) || top.closest("label")?.control === e);
  });
  return shown ? "" : `covered or out of the window: ${name}`;
}"""


@dataclass(frozen=True, slots=True)
class Keyboard:
    """Hands that have no mouse."""

    page: Page

    def ready(self) -> None:
        self.page.wait_for_selector("body[data-ready]")

    def reach(self, wanted: Locator, key: str = "Tab") -> None:
        """Presses `key` until it has the focus; every stop on the way is seen."""
        expect(wanted).to_have_count(1)
        stops: list[str] = []
        for _ in range(MOST_STOPS):
            self.page.keyboard.press(key)
            assert self.page.evaluate(UNSEEN) == ""
            if wanted.evaluate("e => e === document.activeElement"):
                return
            stops.append(str(self.page.evaluate("document.activeElement.outerHTML.slice(0, 80)")))
        raise AssertionError("not reached; stops:\n" + "\n".join(stops))

    def press(self, wanted: Locator) -> None:
        self.reach(wanted)
        self.page.keyboard.press("Enter")

    def goes_to(self, page: str) -> None:
        self.ready()
        self.press(self.page.get_by_role("navigation", name="主导航").get_by_role("link", name=page, exact=True))
        self.ready()

    def write(self, words: str) -> None:
        self.page.keyboard.insert_text(words)


def waiting(town: Town) -> Conversation:
    def found() -> list[Conversation]:
        with Store(town.database_url) as store, store.read() as tx:
            return [c for c in tx.live_conversations() if c.floor is Floor.QUEUE]

    town.wait(found)
    [one] = found()
    return one


def holder(town: Town, conversation_id: str) -> str:
    with Store(town.database_url) as store, store.read() as tx:
        operator_id = tx.conversation(conversation_id).operator_id
        return tx.operator(operator_id).login if operator_id else ""


def signs_in(hands: Keyboard) -> None:
    expect(hands.page.get_by_label("登录名")).to_be_focused()
    hands.write("lead")
    hands.reach(hands.page.get_by_label("密码"))
    hands.write(PASSWORD)
    hands.page.keyboard.press("Enter")
    hands.page.wait_for_selector("body[data-ready] #queue")


def accepts_the_alarm(hands: Keyboard) -> None:
    hands.press(hands.page.locator(".alarm-button"))
    expect(hands.page.locator(".alarm")).to_have_count(0)
    hands.goes_to("工作台")
    hands.page.wait_for_selector("#queue")


def takes_the_next(hands: Keyboard, talk: Conversation) -> None:
    hands.press(hands.page.locator(f"#talk-{talk.id}"))
    expect(hands.page.locator("#transcript")).to_contain_text("暖气片漏水")
    hands.ready()
    hands.reach(hands.page.locator("#transcript"))
    hands.press(hands.page.get_by_role("button", name="接手会话"))
    expect(hands.page.get_by_label("回复内容")).to_be_focused()


def answers_with_a_canned_reply(hands: Keyboard) -> str:
    page, box = hands.page, hands.page.get_by_label("回复内容")
    hands.ready()
    page.keyboard.press("/")
    expect(page.get_by_role("combobox", name="筛选常用语")).to_be_focused()
    hands.write("请稍等")
    page.keyboard.press("Enter")
    expect(box).to_be_focused()
    canned = box.input_value()
    assert "请稍等" in canned
    page.keyboard.press("Enter")
    expect(page.locator("#transcript")).to_contain_text(canned)
    expect(box).to_have_value("")
    return canned


def notes_and_looks_at_the_household(hands: Keyboard) -> None:
    page, household = hands.page, hands.page.locator("#household")
    hands.press(page.locator("summary", has_text="内部备注"))
    hands.reach(page.get_by_role("textbox", name="内部备注"))
    hands.write("住户说话着急,先安抚")
    page.keyboard.press("Enter")
    expect(page.locator(".private-note")).to_contain_text("住户说话着急")
    hands.ready()
    hands.press(household.get_by_role("button", name="显示").first)
    expect(household.locator(".number").first).not_to_contain_text("*")


def hands_back(hands: Keyboard) -> None:
    hands.reach(hands.page.get_by_role("button", name="交还机器人"), "Shift+Tab")
    hands.page.keyboard.press("Enter")
    expect(hands.page.locator("#controls")).to_contain_text("机器人接待中")
    hands.ready()


def transfers(hands: Keyboard) -> None:
    """To the first colleague of the list; above him is the line."""
    hands.ready()
    hands.press(hands.page.locator("summary", has_text="转接给同事"))
    hands.reach(hands.page.get_by_role("combobox", name="转给"))
    hands.page.keyboard.press("ArrowDown")
    hands.reach(hands.page.get_by_label("原因"))
    hands.write("他的片区")
    hands.press(hands.page.get_by_role("button", name="转接", exact=True))
    hands.ready()


def finds_the_ticket_and_is_there(hands: Keyboard) -> str:
    page = hands.page
    hands.goes_to("工单")
    expect(page.get_by_role("heading", name="工单", exact=True)).to_be_visible()
    hands.ready()
    page.keyboard.press("/")
    expect(page.locator("#search")).to_be_focused()
    hands.write("和平里")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("search="))
    hands.ready()
    number = page.locator("tbody a").first.inner_text()
    hands.press(page.locator("tbody a").first)
    expect(page.locator("#facts")).to_contain_text(number)
    hands.ready()
    hands.press(page.locator("#steps").get_by_role("button", name="已到场"))
    expect(page.locator("#facts .state").first).to_have_text("已到场")
    hands.ready()
    return number


def signs_off(hands: Keyboard) -> None:
    hands.press(hands.page.locator("details.who summary"))
    hands.press(hands.page.get_by_role("button", name="退出登录"))
    expect(hands.page.get_by_label("登录名")).to_be_focused()


def test_from_signing_in_to_signing_off(town: Town, browser: Browser) -> None:
    hands = Keyboard(a_page(browser, f"{town.web}/console/login"))
    signs_in(hands)
    chat = a_resident(browser, town)
    says(chat, "家里暖气片漏水了,在和平里4号楼2单元101")
    accepts_the_alarm(hands)
    says(chat, "转人工")
    talk = waiting(town)
    takes_the_next(hands, talk)
    assert holder(town, talk.id) == "lead"
    canned = answers_with_a_canned_reply(hands)
    expect(chat.locator("#log")).to_contain_text(canned)
    notes_and_looks_at_the_household(hands)
    hands_back(hands)
    assert holder(town, talk.id) == ""

    says(chat, "转人工")
    waiting(town)
    expect(hands.page.locator("#controls")).to_contain_text("住户在等待人工")
    hands.press(hands.page.get_by_role("button", name="接手会话"))
    expect(hands.page.get_by_label("回复内容")).to_be_focused()
    an_operator(browser, town, "op1")
    transfers(hands)
    town.wait(lambda: holder(town, talk.id) == "op1")
    number = finds_the_ticket_and_is_there(hands)
    signs_off(hands)

    with Store(town.database_url) as store, store.read() as tx:
        [ticket] = [t for t in tx.tickets(only_open=True) if t.number == number]
        said = [m.text for m in tx.messages(talk.id) if m.author is Author.OPERATOR]
    assert ticket.state is TicketState.ON_SITE
    assert said == [canned], "what was said once is there once, and the note is no message"
