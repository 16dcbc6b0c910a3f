"""One town for all journeys of a session; a journey cleans up after itself by closing its tickets."""

import shutil
from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from dialogue.conversation import Floor
from fulfillment.ticket import TicketState
from kernel.clock import SystemClock
from ops.town import HOME, Town
from storage import Store
from tests.journeys.browsers import PATIENCE_MS

#: F3: single homes are connected in summer. A journey must not depend on the day it is run: the town takes them all the year.
SUMMER_ONLY = 'accepted: ["05-01", "09-30"]'


@pytest.fixture(scope="package")
def town(tmp_path_factory: pytest.TempPathFactory, nlu_url: str) -> Iterator[Town]:
    """Closed with the last test of this room: alarms that nobody accepts ring on for ever, in everybody's time."""
    folder = tmp_path_factory.mktemp("town")
    data = shutil.copytree(HOME / "data", folder / "data")
    kinds = data / "ticket_kinds.yml"
    taken = kinds.read_text(encoding="utf-8")
    assert SUMMER_ONLY in taken
    kinds.write_text(taken.replace(SUMMER_ONLY, 'accepted: ["01-01", "12-31"]'), encoding="utf-8")
    with Town(folder, nlu_url, environment={"DATA_DIR": str(data)}) as running:
        yield running


@pytest.fixture
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path="/usr/bin/chromium",
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        expect.set_options(timeout=PATIENCE_MS)
        yield found
        expect.set_options(timeout=None)
        found.close()


@pytest.fixture
def _nobody_stays_on_duty(town: Town) -> Iterator[None]:
    yield
    with Store(town.database_url) as store, store.write() as tx:
        for operator in tx.operators():
            tx.operator_left(operator.id)
        for talk in tx.live_conversations():  # whoever holds one is given the next one later
            tx.move_floor(talk.id, to=Floor.ENDED, operator_id=None, epoch=talk.epoch, at=SystemClock().now())
        for ticket in tx.tickets(only_open=True):
            tx.cancel_tasks(ticket.id, ["forward_emergency"])
            tx.save_ticket(replace(ticket, state=TicketState.CANCELLED))
