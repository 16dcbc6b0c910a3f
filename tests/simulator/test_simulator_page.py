"""The page of telephones in a real Chromium: a call is made, heard, answered and ended by clicking and typing."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright
from twilio.rest import Client

from simulator.config import Config, PhoneEntry
from tests.simulator.desk import BUTLER, HOTLINE, RESIDENT, SECOND_BUTLER, Desk, Product, eventually, gather, twiml

CHROMIUM = Path("/usr/bin/chromium")
STRANGER = "+8613000000000"

pytestmark = pytest.mark.browser


@pytest.fixture
def config(config: Config) -> Config:
    return replace(config, patience=10, phones=(*config.phones, PhoneEntry(STRANGER, "陌生号码", "resident")))


@pytest.fixture
def page(desk: Desk) -> Iterator[Page]:
    if not CHROMIUM.exists():
        if os.environ.get("CI") == "true":
            pytest.fail(f"{CHROMIUM} is missing: apt-get install chromium")
        pytest.skip(f"{CHROMIUM} is missing")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        context = browser.new_context(viewport={"width": 1360, "height": 900}, locale="zh-CN")
        page = context.new_page()
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.goto(desk.base)
        yield page
        browser.close()
    assert complaints == []


def test_a_call_by_clicking(page: Page, product: Product) -> None:
    product.answers["/voice"] = twiml(gather("您好,请问有什么可以帮您?", timeout="60"))
    product.answers["/heard"] = twiml(gather("请按一确认<!-- -->", timeout="60", action="/sure", numDigits="1"))
    product.answers["/sure"] = twiml('<Say language="cmn-CN">已记录,再见</Say>')
    expect(page.get_by_text("不是真实运营商")).to_be_visible()
    resident = page.get_by_role("article", name="居民甲")
    resident.get_by_role("button", name="拨打热线").click()
    expect(resident.get_by_text("您好,请问有什么可以帮您?")).to_be_visible()
    expect(resident.get_by_text("对方正在听")).to_be_visible()
    resident.get_by_label("要说的话").fill("家里<b>暖气</b>管爆了")
    resident.get_by_label("要说的话").press("Enter")
    expect(resident.get_by_text("家里<b>暖气</b>管爆了")).to_be_visible()
    expect(resident.get_by_text("请按一确认")).to_be_visible()
    resident.get_by_role("button", name="1", exact=True).click()
    expect(resident.get_by_text("已记录,再见")).to_be_visible()
    expect(resident.get_by_role("button", name="拨打热线")).to_be_visible()
    assert product.forms("/heard")[0]["SpeechResult"] == "家里<b>暖气</b>管爆了"
    assert product.forms("/sure")[0]["Digits"] == "1"


def test_another_caller_and_a_withheld_number(page: Page, product: Product) -> None:
    product.answers["/voice"] = twiml(gather("您好", timeout="60"))
    page.get_by_label("用哪个号码拨打").select_option(STRANGER)
    page.get_by_label("隐藏号码").check()
    stranger = page.get_by_role("article", name="陌生号码")
    stranger.get_by_role("button", name="拨打热线").click()
    expect(stranger.get_by_text("通话中")).to_be_visible()
    stranger.get_by_role("button", name="挂断").click()
    expect(stranger.get_by_text("待机")).to_be_visible()
    assert product.forms("/voice")[0]["From"] == "+266696687"


def test_a_butlers_telephone_rings_and_is_answered_by_keyboard(page: Page, product: Product, twilio: Client) -> None:
    product.answers["/alarm"] = twiml(gather("接单请按一", input="dtmf", numDigits="1", action="/key", timeout="60"))
    product.answers["/key"] = twiml('<Say language="cmn-CN">已接单</Say>')
    twilio.calls.create(to=BUTLER, from_=HOTLINE, url=f"{product.base}/alarm", timeout=600)
    twilio.messages.create(to=BUTLER, from_=HOTLINE, body="阳光小区漏水,请接单")
    butler = page.get_by_role("article", name="管家甲")
    expect(butler.get_by_text("来电振铃")).to_be_visible()
    expect(butler.get_by_text("阳光小区漏水,请接单")).to_be_visible()
    butler.get_by_role("button", name="接听").focus()
    page.keyboard.press("Enter")
    expect(butler.get_by_text("接单请按一")).to_be_visible()
    expect(butler.get_by_label("要说的话")).to_be_focused()
    page.keyboard.press("Shift+Tab")  # out of the words: now a digit is a key of the telephone
    page.keyboard.press("1")
    expect(butler.get_by_text("已接单")).to_be_visible()
    assert product.forms("/key")[0]["Digits"] == "1"


def test_a_number_that_is_called_appears_and_a_state_can_be_set(page: Page, desk: Desk, twilio: Client) -> None:
    page.get_by_role("article", name="管家乙").get_by_label("话机状态").select_option("busy")
    eventually(lambda: desk.phone(SECOND_BUTLER)["state"] == "busy")
    twilio.messages.create(to="+8613700009999", from_=HOTLINE, body="新号码")
    expect(page.get_by_role("article", name="+8613700009999").get_by_text("未登记号码")).to_be_visible()
    assert desk.phone(RESIDENT)["state"] == "on"
