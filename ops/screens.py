"""`make screens`: a town with a few conversations in it, photographed page by page into docs/screens/.

Nothing is drawn or faked: the telephones ring on the simulated network, the chats go over the pages themselves, and an
operator sits in the console. With a month of `make demo-month` at hand, its report, incident and load are photographed as well.
"""

import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, sync_playwright

from ops.month.show import serve
from ops.nlu_process import nlu_server
from ops.town import HOME, PASSWORD, Town

#: Made by `make demo-month`; without it there are no pictures of a month.
MONTH = HOME / "var" / "demo-month.sqlite"
SCREENS = HOME / "docs" / "screens"
CHROMIUM = Path("/usr/bin/chromium")
DESKTOP: ViewportSize = {"width": 1440, "height": 900}
HANDSET: ViewportSize = {"width": 400, "height": 820}
SPEED = 8.0
#: The network leaves people this long to react, however fast it runs: a telephone rings while it is photographed.
PATIENCE_SECONDS = 20
WAIT_SECONDS = 60

BURST, LEAK, COLD, TEST, BILL, LATE = (f"+861991100{n:04}" for n in (1, 6, 2, 3, 4, 5))
BUTLER_OF_BURST, BUTLER_OF_LEAK, BUTLER_IN_CHAT = "+8619900000011", "+8619900000012", "+8619900000016"
FOURTH = 4  # the ticket of the burst


class Telephone:
    """One telephone on the simulated network's desk."""

    def __init__(self, network: str, number: str) -> None:
        self._http = httpx.Client(base_url=network, timeout=WAIT_SECONDS, trust_env=False)
        self.number = number

    def calls(self, *words: str, hang_up: bool = True) -> None:
        """A resident's call: each of the words is said when the other side has finished."""
        self._do("dial")
        for text in words:
            self.says(text)
            self._goes_on(self._lines())  # the answer
        if hang_up:
            self.hangs_up()

    def says(self, text: str) -> None:
        """When the other side has finished."""
        self._until(lambda call: call["phase"] == "talking" and bool(call["listening"]))
        self._do("say", text=text, polite=True)
        self._until(lambda call: any(line["who"] == self.number and line["text"] == text for line in call["lines"]))

    def hears(self, words: str) -> None:
        self._until(lambda call: any(words in line["text"] for line in call["lines"]))

    def hangs_up(self) -> None:
        self._until(lambda call: call["phase"] == "idle" or bool(call["listening"]))
        self._http.post(f"/api/phones/{self.number}/hangup", json={})

    def answers(self) -> None:
        self.rings()
        self._do("answer")

    def accepts(self) -> None:
        """A butler's telephone rings, is answered, and key 1 is pressed."""
        self.answers()
        self.presses("1")

    def presses(self, key: str) -> None:
        self._until(lambda call: bool(call["listening"]))
        self._do("press", digits=key, polite=True)
        self._until(lambda call: call["phase"] == "idle")

    def rings(self) -> None:
        self._until(lambda call: call["phase"] == "ringing")

    def listens(self) -> None:
        self._until(lambda call: bool(call["listening"]) and not call["speaking"])

    def link(self) -> str:
        """Of the newest message that has one."""
        until = time.monotonic() + WAIT_SECONDS
        while True:
            messages = self._http.get(f"/api/phones/{self.number}").json().get("messages", [])
            found = [link for m in messages for link in re.findall(r"http://\S+/w/\S+", m["body"])]
            if found:
                return str(found[-1])
            if time.monotonic() > until:
                msg = f"{self.number}: no link among {messages}"
                raise RuntimeError(msg)
            time.sleep(0.1)

    def _do(self, action: str, **body: object) -> None:
        self._http.post(f"/api/phones/{self.number}/{action}", json=body).raise_for_status()

    def _call(self) -> dict[str, Any]:
        idle = {"phase": "none", "listening": [], "speaking": False, "lines": []}
        call: dict[str, Any] = self._http.get(f"/api/phones/{self.number}").json()["call"] or idle
        return call

    def _lines(self) -> int:
        return len(self._call()["lines"])

    def _goes_on(self, after: int) -> None:
        self._until(lambda call: len(call["lines"]) > after)

    def _until(self, condition: Callable[[dict[str, Any]], bool]) -> None:
        until = time.monotonic() + WAIT_SECONDS
        while not condition(self._call()):
            if time.monotonic() > until:
                msg = f"{self.number}: nothing happened on {self._call()}"
                raise RuntimeError(msg)
            time.sleep(0.1)


def main() -> int:
    SCREENS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, nlu_server() as nlu_url:
        patience = {"SIMULATOR_PATIENCE": str(PATIENCE_SECONDS)}
        with Town(Path(folder), nlu_url, speed=SPEED, environment=patience) as town, chromium() as browser:
            photograph(town, browser)
    if MONTH.exists():
        with tempfile.TemporaryDirectory() as folder, chromium() as browser:
            photograph_month(Path(folder), browser)
    for file in sorted(SCREENS.glob("*.png")):
        print(file.relative_to(HOME), file.stat().st_size // 1024, "KB")
    return 0


def photograph(town: Town, browser: Browser) -> None:
    phones = {n: Telephone(town.network, n) for n in (BURST, LEAK, COLD, TEST, BILL, LATE)}
    phones[COLD].calls("家里暖气有点温,但是屋里只有十五度", "对", "明天下午三点")
    phones[TEST].calls("我想申请测一下室温", "是的", "周六上午")
    phones[BILL].calls("我交了取暖费,阀门一直没给开", "对", "今天晚上六点以后都在家")
    butler = Telephone(town.network, BUTLER_OF_BURST)
    phones[BURST].calls("卧室暖气片接头崩开了,热水喷了一地", hang_up=False)
    butler.answers()
    desk = a_page(a_context(browser, {"width": 1440, "height": 940}), town.network)
    desk.wait_for_selector(".phone.talking .lines li")
    phones[BURST].listens()
    butler.hears("接单请按1")
    shoot(desk, "telephones")
    butler.presses("1")
    phones[BURST].says("对")
    phones[BURST].hears("还有其他问题")
    phones[BURST].hangs_up()

    chat = a_chat(town, browser, "屋里有点温,但是只有十六度")
    for words in ("和平里4号楼2单元101", "13900001234", "明天上午"):
        says(chat, words)
    taps(chat, "是的")
    shoot(chat, "chat")
    leak = a_chat(town, browser, "暖气片下面一直在滴水,地板都泡了")
    shoot(leak, "chat-leak")
    says(leak, "滨河花园2号楼1单元301")
    Telephone(town.network, BUTLER_IN_CHAT).accepts()

    console = a_console(town, browser, "op1")
    open_pages = [chat, leak, a_chat(town, browser, "暖气费一平米多少钱")]
    phones[LATE].calls("我要投诉,师傅约了上午十点,一直没有来,电话也没人接", hang_up=False)
    talk(town, console, phones[LATE])
    waits = a_chat(town, browser, "转人工")
    says(waits, "去年退的那笔取暖费还没到账")
    open_pages.append(waits)

    phones[LEAK].calls("家里暖气管裂了,正往外喷水", hang_up=False)
    Telephone(town.network, BUTLER_OF_LEAK).rings()
    visit(console, f"{town.web}/console/")
    shoot(console, "console")
    butlers_page(browser, Telephone(town.network, BUTLER_OF_LEAK))
    Telephone(town.network, BUTLER_OF_LEAK).accepts()
    console.set_viewport_size({"width": 1440, "height": 1240})
    visit(console, f"{town.web}/console/tickets/{FOURTH}")
    shoot(console, "ticket")
    for_supervisors(town, browser)
    widget(town, browser)
    for page in open_pages:
        page.close()


def photograph_month(folder: Path, browser: Browser) -> None:
    """A copy of the month that `make demo-month` has made: its report, its burst main, its last morning."""
    with serve(Path(shutil.copy(MONTH, folder / "month.sqlite"))) as address:
        lead = a_console_at(address, browser, "lead")
        pages = {
            "month-report": "reports?month=2025-12",
            "month-incident": "incidents/1",
            "month-today": "supervision/today",
        }
        lead.set_viewport_size({"width": 1440, "height": 1240})
        for name, path in pages.items():
            visit(lead, f"{address}/console/{path}")
            shoot(lead, name)
        lead.close()


def talk(town: Town, console: Page, caller: Telephone) -> None:
    """An operator takes over a call in the middle: what he types is spoken, what the caller says is read."""
    caller.listens()
    visit(console, f"{town.web}/console/")
    console.locator('a[href*="/console/conversations/"]', has_text="投诉").click()
    console.locator('form[action$="take-over"] button').click()
    box = console.locator("#composer textarea")
    box.fill("您好,我是苏晓雯。让您久等了,实在抱歉。我马上联系师傅,请问您几点以前在家?")
    box.press("Enter")
    caller.hears("几点以前在家")
    caller.says("下午五点以前都在,你们快点吧,家里有老人")
    console.get_by_text("家里有老人").first.wait_for()
    shoot(console, "conversation")


def butlers_page(browser: Browser, butler: Telephone) -> None:
    """The link in the message of a chat robot, on a telephone."""
    page = a_page(a_context(browser, HANDSET), butler.link())
    shoot(page, "butler")
    page.close()


def for_supervisors(town: Town, browser: Browser) -> None:
    """Today in pictures, and the list of all tickets."""
    lead = a_console(town, browser, "lead")
    lead.set_viewport_size({"width": 1440, "height": 1100})
    visit(lead, f"{town.web}/console/supervision/today")
    shoot(lead, "today")
    lead.set_viewport_size(DESKTOP)
    visit(lead, f"{town.web}/console/tickets?state=all")
    shoot(lead, "tickets")
    lead.close()


def visit(console: Page, address: str) -> None:
    """Any click lets the browser sound the alarm; until then the page asks for one."""
    console.goto(address)
    console.mouse.click(4, 4)


def widget(town: Town, browser: Browser) -> None:
    page = a_page(a_context(browser, {"width": 1280, "height": 820}), f"{town.web}/chat/demo")
    page.locator("#contact").click()
    frame = page.frame_locator("iframe")
    frame.locator("#text").fill("怎么开电子发票")
    frame.locator("#text").press("Enter")
    frame.locator("#replies button").first.wait_for()
    page.wait_for_timeout(1500)
    shoot(page, "widget")


def a_chat(town: Town, browser: Browser, first: str) -> Page:
    page = a_page(a_context(browser, HANDSET), f"{town.web}/chat/")
    page.locator("#replies button").first.wait_for()
    says(page, first)
    return page


def says(chat: Page, text: str) -> None:
    chat.locator("#text").fill(text)
    with chat.expect_response("**/chat/api/messages"):
        chat.locator("#text").press("Enter")
    chat.wait_for_timeout(700)


def taps(chat: Page, label: str) -> None:
    with chat.expect_response("**/chat/api/messages"):
        chat.locator("#replies button", has_text=label).click()
    chat.wait_for_timeout(700)


def a_console(town: Town, browser: Browser, login: str) -> Page:
    return a_console_at(town.web, browser, login)


def a_console_at(web: str, browser: Browser, login: str) -> Page:
    context = browser.new_context(
        viewport=DESKTOP, device_scale_factor=1.5, locale="zh-CN", timezone_id="Asia/Shanghai"
    )
    page = a_page(context, f"{web}/console/login")
    page.locator("input[name=login]").fill(login)
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("input[name=password]").press("Enter")
    page.wait_for_url("**/console/")
    page.get_by_role("button", name="不用").click()  # desktop notifications, asked for once
    return page


def a_context(browser: Browser, viewport: ViewportSize) -> BrowserContext:
    return browser.new_context(viewport=viewport, device_scale_factor=1.5, locale="zh-CN", timezone_id="Asia/Shanghai")


def a_page(context: BrowserContext, address: str) -> Page:
    page = context.new_page()
    page.goto(address)
    return page


def shoot(page: Page, name: str) -> None:
    page.wait_for_timeout(600)  # what slides in has arrived
    page.screenshot(path=SCREENS / f"{name}.png", animations="disabled")


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(CHROMIUM),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        try:
            yield browser
        finally:
            browser.close()


if __name__ == "__main__":
    sys.exit(main())
