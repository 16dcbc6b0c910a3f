"""Chat robots of the simulated network: what the product's library posts stands on the telephone's card."""

import pytest
from playwright.sync_api import Page, expect

from ivr.robots import ChatRobots
from kernel.errors import CarrierRefused
from tests.simulator.desk import BUTLER, Desk, eventually
from tests.simulator.test_simulator_page import page

__all__ = ["page"]  # a fixture


def address(desk: Desk, number: str = BUTLER) -> str:
    return f"json://{desk.base.removeprefix('http://')}/robots/{number.removeprefix('+')}"


def test_a_robots_message_is_there_at_once(desk: Desk) -> None:
    desk.network.set_phone(BUTLER, state="off")
    ChatRobots().send(address=address(desk), body="【供暖急修】王建军\nhttp://127.0.0.1/w/abc")
    (message,) = desk.phone(BUTLER)["messages"]
    assert (message["body"], message["from"]) == ("【供暖急修】王建军\nhttp://127.0.0.1/w/abc", "robot")
    assert desk.phone(BUTLER)["texts"] == []


def test_nonsense_is_refused(desk: Desk) -> None:
    with pytest.raises(CarrierRefused):
        ChatRobots().send(address=address(desk, "+12"), body="x")
    for body in ({}, {"message": " "}, [], {"message": "x" * 4001}):
        assert desk.http.post(f"/robots/{BUTLER.removeprefix('+')}", json=body).status_code == 400


@pytest.mark.browser
def test_its_link_can_be_clicked(page: Page, desk: Desk) -> None:
    ChatRobots().send(address=address(desk), body="<b>急修</b> http://127.0.0.1:9/w/abc")
    eventually(lambda: desk.phone(BUTLER)["messages"])
    card = page.locator(f"[data-number='{BUTLER}']")
    link = card.locator(".texts a")
    expect(link).to_have_attribute("href", "http://127.0.0.1:9/w/abc")
    expect(card.locator(".texts li")).to_contain_text("<b>急修</b>")
