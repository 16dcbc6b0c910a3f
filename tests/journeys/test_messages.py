"""Messages through real processes while the carrier fails: its callback is lost, the sound is not there yet, the caller hangs up."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from fulfillment.recording import Recording, RecordingState
from ops.town import Town
from simulator.play import Player, read_script
from storage import Store

pytestmark = pytest.mark.nlu

TO_THE_BEEP = ["? 请问有什么可以帮您", "> 转人工", "? 现在没有人工值班", "# 3", "? 嘀"]
SAID = "> 我想问一下退费什么时候能到账"


@pytest.fixture(autouse=True)
def _a_carrier_that_works_again(town: Town) -> Iterator[None]:
    yield
    httpx.put(f"{town.network}/api/callbacks", json={}).raise_for_status()


def calls(town: Town, caller: str, *steps: str) -> None:
    heard: list[str] = []
    try:
        Player(town.network, caller, heard.append, limit_seconds=60).play(read_script([*TO_THE_BEEP, *steps]))
    except Exception as exc:
        raise AssertionError(f"{exc}\n" + "\n".join(heard) + town.logs()) from exc


def recordings_of(town: Town, caller: str) -> list[Recording]:
    with Store(town.database_url) as store, store.read() as tx:
        tickets = tx.open_tickets(contact_phone=caller)
        return [r for t in tickets for r in tx.recordings(ticket_id=t.id)]


def stored(town: Town, caller: str) -> Path:
    """The file of the caller's only message, when it is there."""
    town.wait(lambda: [r.state for r in recordings_of(town, caller)] == [RecordingState.STORED], 60)
    [recording] = recordings_of(town, caller)
    return town.folder / "recordings" / f"{recording.id}.wav"


def test_a_lost_callback_and_a_sound_that_comes_late_cost_nothing(town: Town) -> None:
    caller = "+8619955550001"
    httpx.put(f"{town.network}/api/callbacks", json={"lost": 1}).raise_for_status()
    for fault in ("media-missing", "media-error"):
        httpx.post(f"{town.network}/api/faults", json={"fault": fault, "count": 1}).raise_for_status()
    calls(town, caller, SAID, "# #", "? 您的留言已经收到")
    assert stored(town, caller).read_bytes().startswith(b"RIFF")
    assert httpx.get(f"{town.network}/violations.json").json() == []


def test_callbacks_that_come_twice_and_late_make_one_message(town: Town) -> None:
    caller = "+8619955550002"
    httpx.put(f"{town.network}/api/callbacks", json={"doubled": 1, "late_seconds": 1}).raise_for_status()
    calls(town, caller, SAID, "hang up")
    assert stored(town, caller).is_file()
    with Store(town.database_url) as store, store.read() as tx:
        [ticket] = tx.open_tickets(contact_phone=caller)
        assert [e.key for e in tx.timeline(ticket.id)].count("message_recorded") == 1
        line = [one.wait.ticket_id for one in tx.waiting_line()]
    assert line.count(ticket.id) == 1
    assert ticket.nudges == 0
