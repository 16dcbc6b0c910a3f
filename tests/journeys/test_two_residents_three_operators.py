"""A worst hour in one room: two residents, three operators, and the web process is killed in the middle of a sentence."""

import pytest
from playwright.sync_api import Browser, Page, expect

from dialogue.conversation import Author, Conversation, Floor
from ops.town import Town
from storage import Store
from tests.journeys.browsers import a_resident, an_operator, says

pytestmark = [pytest.mark.nlu, pytest.mark.browser, pytest.mark.usefixtures("_nobody_stays_on_duty")]
LOGINS = ("op1", "op2", "lead")


def held(town: Town) -> dict[str, Conversation]:
    """By the login of who holds it."""
    with Store(town.database_url) as store, store.read() as tx:
        logins = {operator.id: operator.login for operator in tx.operators()}
        live = [c for c in tx.live_conversations() if c.floor is Floor.OPERATOR and c.operator_id is not None]
        return {logins[c.operator_id]: c for c in live if c.operator_id is not None}


def asks_for_a_person(town: Town, chat: Page) -> tuple[str, Conversation]:
    before = held(town)
    says(chat, "转人工")
    town.wait(lambda: len(held(town)) > len(before))
    [login] = held(town).keys() - before.keys()
    return login, held(town)[login]


def writes(operator: Page, text: str) -> None:
    operator.get_by_label("回复内容").fill(text)
    operator.get_by_label("回复内容").press("Enter")


def test_nothing_is_lost_and_nothing_is_said_twice(town: Town, browser: Browser) -> None:
    pages = {login: an_operator(browser, town, login) for login in LOGINS}
    residents = [a_resident(browser, town), a_resident(browser, town)]
    talks = {}
    for name, chat in zip("甲乙", residents, strict=True):
        login, talk = asks_for_a_person(town, chat)
        talks[name] = (chat, pages[login], talk)
    assert len({id(page) for _, page, _ in talks.values()}) == 2, "each resident has an operator of his own"
    [idle] = [page for page in pages.values() if page not in [page for _, page, _ in talks.values()]]

    for name, (chat, operator, talk) in talks.items():
        operator.goto(f"{town.web}/console/conversations/{talk.id}")
        writes(operator, f"{name},您好")
        expect(chat.locator("#log")).to_contain_text(f"{name},您好")
        idle.goto(f"{town.web}/console/conversations/{talk.id}")
        expect(idle.locator("#controls")).to_contain_text("正在接待")
        expect(idle.get_by_label("回复内容")).to_have_count(0)

    town.kill("web")
    for name, (chat, operator, _) in talks.items():
        chat.fill("#text", f"{name}断线时说的")
        chat.press("#text", "Enter")
        expect(chat.locator(".row_pending")).to_have_count(1)
        writes(operator, f"{name}断线时回的")
    town.start_web()
    town.wait_until_healthy()

    for name, (chat, operator, _) in talks.items():
        expect(chat.locator(".row_pending")).to_have_count(0)
        expect(operator.locator("#transcript")).to_contain_text(f"{name}断线时说的")
        if operator.get_by_label("回复内容").input_value():  # it was not sent: his words are still there
            operator.get_by_label("回复内容").press("Enter")
        expect(chat.locator("#log")).to_contain_text(f"{name}断线时回的")
    for name, (chat, operator, talk) in talks.items():
        chat.reload()
        expect(chat.locator("#log")).to_contain_text(f"{name}断线时回的")
        says(chat, f"{name}谢谢")
        expect(operator.locator("#transcript")).to_contain_text(f"{name}谢谢")
        with Store(town.database_url) as store, store.read() as tx:
            log = tx.messages(talk.id)
        assert [m.seq for m in log] == list(range(1, len(log) + 1))
        said = [(m.author, m.text) for m in log]
        began = said.index((Author.OPERATOR, f"{name},您好"))
        assert sorted(text for _, text in said[began:]) == sorted(
            [f"{name},您好", f"{name}断线时说的", f"{name}断线时回的", f"{name}谢谢"]
        ), "each once, and the bot is silent"
        assert {author for author, _ in said[began:]} == {Author.OPERATOR, Author.RESIDENT}
