"""Residents and operators as pages of one real browser."""

from playwright.sync_api import Browser, Page, expect

from ops.town import PASSWORD, Town

PATIENCE_MS = 20_000


def a_page(browser: Browser, address: str) -> Page:
    page = browser.new_context(locale="zh-CN", viewport={"width": 1200, "height": 800}).new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(address)
    return page


def a_resident(browser: Browser, town: Town) -> Page:
    chat = a_page(browser, f"{town.web}/chat/")
    expect(chat.locator("#replies button").first).to_be_visible()
    return chat


def an_operator(browser: Browser, town: Town, login: str = "op1") -> Page:
    page = a_page(browser, f"{town.web}/console/login")
    page.get_by_label("登录名").fill(login)
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_role("button", name="登录").click()
    page.wait_for_selector("body[data-ready] #queue")
    return page


def says(chat: Page, text: str) -> None:
    """Returns when the server has it."""
    chat.fill("#text", text)
    chat.press("#text", "Enter")
    expect(chat.locator(".row_pending")).to_have_count(0)
