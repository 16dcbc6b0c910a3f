"""Incidents in a real browser: the bar comes by itself, and what is typed is not lost to a page that refreshes."""

import pytest
from flask import Flask
from playwright.sync_api import Browser, expect

from kernel.clock import SystemClock
from tests.console.sample import Day
from tests.console.sample_incidents import report
from tests.console.test_console_browser import browser, lively, serving, sign_in
from tests.fakes import FakeStore

__all__ = ["browser", "lively"]  # fixtures

pytestmark = pytest.mark.browser


def test_a_suggestion_comes_without_a_reload_and_is_confirmed(
    lively: tuple[FakeStore, Day, Flask], browser: Browser
) -> None:
    store, _, app = lively
    clock, faults = SystemClock(), list[str]()
    with serving(app) as server:
        page = sign_in(browser, server.server_port, "zhuguan", faults)
        bar = page.locator("#incidents")
        expect(bar.locator(".suggestion")).to_have_count(0)
        for room in (1, 2, 3):
            report(store, clock, room)
        expect(bar.locator(".suggestion")).to_contain_text("翠湖苑9号楼1单元供暖异常", timeout=15000)
        expect(page.locator("#alarms .alarm")).to_have_count(1)
        bar.get_by_role("link", name="查看").click()
        title = page.get_by_label("播报内容")
        expect(title).to_have_value("翠湖苑9号楼1单元供暖异常,正在抢修")
        title.fill("九号楼立管抢修")
        report(store, clock, 4)
        expect(page.locator("#course tbody tr")).to_have_count(4, timeout=15000)
        expect(title).to_have_value("九号楼立管抢修")
        page.get_by_role("button", name="确认并播报").click()
        expect(page.locator(".notice.good")).to_contain_text("已确认为事件")
        expect(bar.locator(".running-incident")).to_contain_text("九号楼立管抢修")
        report(store, clock, 5)
        expect(page.locator("#course tbody").first.locator("tr")).to_have_count(5, timeout=15000)
    assert faults == []
