"""A supervisor changes the words of a leak and who is rung first, in a browser; the next call has both, without a restart."""

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, Page, expect

from fulfillment.company import StaffRole
from fulfillment.ticket import Attempt, TicketState
from ops.town import PASSWORD, Town
from simulator.play import Player, read_script
from storage import Store
from tests.journeys.browsers import PATIENCE_MS

pytestmark = [pytest.mark.nlu, pytest.mark.browser]
RESIDENT = "+8619911000005"
OURS = "请先离开热水,再关入户总阀,拉下电闸,提醒楼下邻居。"
ORDER = ("duty_chief", "butler", "deputy", "station_duty", "supervisor")


@pytest.fixture
def page(town: Town, browser: Browser) -> Iterator[Page]:
    """The supervisor's; the company is as shipped afterwards."""
    page = browser.new_context(locale="zh-CN").new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(f"{town.web}/console/")
    page.get_by_label("登录名").fill("lead")
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_role("button", name="登录").click()
    page.wait_for_selector("body[data-ready]")
    yield page
    for path in ("scripts/safety.leak_inside", "ladder"):
        page.goto(f"{town.web}/console/{path}")
        back = page.get_by_role("button", name="恢复标准版")
        if back.count():  # not if the test failed before
            back.click()
            expect(page.get_by_text("已恢复标准版")).to_be_visible()


def call(town: Town, words: str) -> Attempt:
    """A leak is told on the telephone; who was rung first. What it opened is closed again."""
    lines = ["? 请问有什么可以帮您", "> 家里暖气管爆了", f"? {words}", "hang up"]
    Player(town.network, RESIDENT, print, limit_seconds=40).play(read_script(lines))
    with Store(town.database_url) as store:
        until = time.monotonic() + 30
        first = None
        while first is None:
            assert time.monotonic() < until, town.logs()
            with store.read() as tx:
                tickets = [t for t in tx.tickets(only_open=True) if t.contact_phone == RESIDENT]
                first = next((a for t in tickets for a in tx.attempts(t.id)), None)
        with store.write() as tx:
            for ticket in tickets:
                tx.cancel_tasks(ticket.id, ["forward_emergency"])
                tx.save_ticket(replace(tx.ticket(ticket.id, for_update=True), state=TicketState.CANCELLED))
    return first


def test_the_next_call_has_it(town: Town, page: Page) -> None:
    assert call(town, "关掉漏水暖气片前面的阀门").role == StaffRole.BUTLER
    page.get_by_role("link", name="管理").click()
    page.get_by_role("link", name="话术").click()
    page.get_by_label("查找话术").fill("关掉漏水暖气片")
    page.get_by_role("button", name="查找").click()
    page.locator(".wordings a").first.click()
    for label in ("电话里说", "聊天里显示"):
        page.get_by_label(label).fill("这个我不知道")
    page.get_by_role("button", name="保存为新版本").click()
    expect(page.get_by_role("alert").filter(has_text="不能对住户说的话")).to_be_visible()
    for label in ("电话里说", "聊天里显示"):
        page.get_by_label(label).fill(OURS)
    page.get_by_role("button", name="先试一试").click()
    expect(page.locator(".breaths span")).to_have_count(4)
    page.get_by_role("button", name="保存为新版本").click()
    expect(page.get_by_text("已保存为新版本")).to_be_visible()
    page.get_by_role("link", name="转接顺序").click()
    for place, role in enumerate(ORDER, start=1):
        page.locator(f'select[name="rungs.{role}"]').select_option(str(place))
    page.get_by_role("button", name="保存为新版本").click()
    expect(page.get_by_text("已保存为新版本")).to_be_visible()
    assert call(town, "请先离开热水").role == StaffRole.DUTY_CHIEF
