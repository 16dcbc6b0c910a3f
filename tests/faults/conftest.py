"""One town for the faults of a session, its understanding server under the tests' control."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from ops.town import HOME, PASSWORD, Town
from tests.faults.calling import Line
from tests.faults.faulty_nlu import Fault, FaultyNlu
from tests.faults.records import cancel_open_tickets, read
from tests.postgres import Cluster, postgres_cluster

__all__ = ["postgres_cluster"]


@pytest.fixture(scope="package")
def nlu(nlu_url: str) -> Iterator[FaultyNlu]:
    with FaultyNlu(nlu_url) as server:
        yield server


@pytest.fixture(scope="package")
def town(tmp_path_factory: pytest.TempPathFactory, nlu: FaultyNlu) -> Iterator[Town]:
    """Closed with the last test of this room: its alarms, in a hurry and accepted by nobody, ring on for ever."""
    folder = tmp_path_factory.mktemp("town")
    environment = {"DATA_DIR": str(impatient_data(folder))}
    with Town(folder, nlu.url, environment=environment) as running:
        yield running


@pytest.fixture(scope="package")
def grown(tmp_path_factory: pytest.TempPathFactory, nlu_url: str, postgres_cluster: Cluster) -> Iterator[Town]:
    """A town on the database to grow on."""
    url = postgres_cluster.url(postgres_cluster.new_database())
    with Town(tmp_path_factory.mktemp("grown"), nlu_url, database_url=url) as running:
        yield running


#: Seconds of the ladder in these tests: nobody waits a minute for who has been sent a link, nor a round for telephones to ring out.
_IMPATIENT = {"ring_seconds": (22, 4), "step_seconds": (60, 3), "round_pause_seconds": (30, 2)}


def impatient_data(folder: Path) -> Path:
    """The tables with a ladder in a hurry; nothing else is changed."""
    data = folder / "data"
    shutil.copytree(HOME / "data", data)
    ladder = data / "ladder.yml"
    text = ladder.read_text(encoding="utf-8")
    for name, (usual, here) in _IMPATIENT.items():
        assert f"{name}: {usual} " in text
        text = text.replace(f"{name}: {usual} ", f"{name}: {here} ")
    ladder.write_text(text, encoding="utf-8")
    return data


@pytest.fixture(autouse=True)
def _a_quiet_town(request: pytest.FixtureRequest) -> Iterator[None]:
    """Every fault is mended, every telephone idle and on, every ticket closed when a test ends."""
    yield
    if "town" not in request.fixturenames:
        return
    town, nlu = request.getfixturevalue("town"), request.getfixturevalue("nlu")
    nlu.fail(Fault.NONE)
    mend_carrier(town)
    cancel_open_tickets(town)
    for phone in phones(town):
        number = phone["number"]
        if phone["state"] != "on":
            set_phone(town, number, "on")
        if phone["phase"] != "idle":
            httpx.post(f"{town.network}/api/phones/{number}/hangup", json={})


def phones(town: Town) -> list[dict[str, Any]]:
    """Every telephone of the network."""
    found: list[dict[str, Any]] = httpx.get(f"{town.network}/api/desk").json()["phones"]
    return found


def set_phone(town: Town, number: str, state: str) -> None:
    httpx.put(f"{town.network}/api/phones/{number}", json={"state": state}).raise_for_status()


def phone(town: Town, number: str) -> dict[str, Any]:
    """One telephone; phase idle while nobody has called it yet."""
    return next((p for p in phones(town) if p["number"] == number), {"phase": "idle", "call": None})


def calls_to(town: Town, number: str) -> list[dict[str, Any]]:
    """All that the network has ever placed to it."""
    found: list[dict[str, Any]] = httpx.get(f"{town.network}/api/calls", params={"number": number}).json()
    return found


def order_fault(town: Town, fault: str, count: int = 1) -> None:
    """The carrier's next REST requests fail."""
    httpx.post(f"{town.network}/api/faults", json={"fault": fault, "count": count}).raise_for_status()


def mend_carrier(town: Town) -> None:
    """Uses up the faults that are left."""
    calls = f"{town.network}/2010-04-01/Accounts/{town.account}/Calls.json"
    while True:
        try:
            if httpx.get(calls, auth=(town.account, town.token), timeout=0.5).is_success:
                return
        except httpx.TimeoutException:
            continue  # that one was to hang


def staff_phones(town: Town) -> list[str]:
    return [s.phone for s in read(town, lambda tx: tx.all_staff())]


@pytest.fixture
def line(town: Town) -> Line:
    return Line(town)


@pytest.fixture(scope="package")
def console(town: Town) -> Iterator[httpx.Client]:
    """A supervisor's browser, signed in."""
    with httpx.Client(base_url=town.web, timeout=20, trust_env=False) as browser:
        sign_in(browser, "lead")
        yield browser


def sign_in(browser: httpx.Client, login: str) -> None:
    form = {"login": login, "password": PASSWORD, "csrf_token": csrf_token(browser.get("/console/login").text)}
    answer = browser.post("/console/login", data=form)
    assert answer.status_code == 303, answer.text


def csrf_token(page: str) -> str:
    return page.split('name="csrf_token" value="', 1)[1].split('"', 1)[0]
