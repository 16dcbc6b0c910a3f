"""A company's own tables come into force at the next step, in every process, and a bad one costs nothing but itself."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from dialogue.own_wording import OwnWording, load_blanks, load_quoted
from dialogue.script_book import ScriptBook
from fulfillment.edition import Edition
from fulfillment.editions import Editions
from fulfillment.outbox import TaskKind
from fulfillment.rota import Rota
from fulfillment.standard import EDITABLE, Standard
from kernel.clock import local
from kernel.errors import ChangeRefused, ConfigurationError, Conflict, NotFound, StoreBusy
from tests.fakes import FakeStore, FixedClock, small_company

HOME = Path(__file__).resolve().parents[2]
CHIEF_FIRST = {"rungs": ["duty_chief", "butler", "deputy", "station_duty", "supervisor"]}
DAY = timedelta(days=1)


class Process:
    """What app.py builds in each process of the product, over one store."""

    def __init__(self, store: FakeStore, clock: FixedClock, standard: Standard, book: ScriptBook) -> None:
        self.standard, self.book = standard, book
        rota = Rota(store, self.standard, clock)
        own = OwnWording(self.book, load_quoted(HOME / "data"), self.standard.never_said)
        keepers = {**dict.fromkeys(EDITABLE, self.standard), "script": self.book}
        self.editions = Editions(store, clock, keepers, {"ladder": rota.demand_fits, "script": own})

    @property
    def first_rung(self) -> str:
        self.editions.refresh()
        return self.standard.ladder.rungs[0]


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def store() -> FakeStore:
    return small_company(FakeStore())


@pytest.fixture(scope="module")
def read_from_files() -> list[tuple[Standard, ScriptBook]]:
    """Twice, because reading takes a second; what a test adopted is put back."""
    return [
        (Standard(HOME / "data"), ScriptBook(HOME / "scripts_zh", company="华暖", number="01"))
        for _ in ("web", "worker")
    ]


@pytest.fixture
def processes(
    store: FakeStore, clock: FixedClock, read_from_files: list[tuple[Standard, ScriptBook]]
) -> Iterator[list[Process]]:
    yield [Process(store, clock, *read) for read in read_from_files]
    parts = {one.part for one in store.tables.of_editions.editions.values()}
    for standard, book in read_from_files:
        for part in parts & set(EDITABLE):
            standard.adopt(part, None)
        for part in parts:
            if part.partition(".")[2] in book.scripts:
                book.adopt(part, None)


@pytest.fixture
def web(processes: list[Process]) -> Process:
    return processes[0]


@pytest.fixture
def worker(processes: list[Process]) -> Process:
    return processes[1]


def wording(web: Process, key: str, voice: str, chat: str = "") -> ChangeRefused | None:
    try:
        web.editions.save(f"script.{key}", {"voice": voice, "chat": chat or voice}, by="周主管")
    except ChangeRefused as exc:
        return exc
    return None


def test_what_one_process_saves_the_other_has_at_its_next_step(web: Process, worker: Process) -> None:
    assert worker.first_rung == "butler"
    web.editions.save("ladder", CHIEF_FIRST, by="周主管")
    assert worker.first_rung == web.first_rung == "duty_chief"
    assert worker.standard.ladder.ring_seconds == 22, "what an edition leaves out is as shipped"
    web.editions.save("ladder", None, by="周主管")
    assert worker.first_rung == "butler"


def test_from_a_day_on_and_withdrawn_before(web: Process, clock: FixedClock) -> None:
    tomorrow = local(clock.now()).date() + DAY
    saved = web.editions.save("ladder", CHIEF_FIRST, by="周主管", on=tomorrow)
    assert saved
    assert web.editions.save("ladder", CHIEF_FIRST, by="周主管", on=tomorrow) is None, "pressed twice"
    assert web.first_rung == "butler"
    web.editions.withdraw(saved.id, by="周主管")
    clock.advance(days=1)
    assert web.first_rung == "butler"
    web.editions.restore(saved.id, by="周主管")
    assert web.first_rung == "duty_chief"
    with pytest.raises(Conflict):
        web.editions.withdraw(saved.id, by="周主管")
    with pytest.raises(NotFound):
        web.editions.restore(99, by="周主管")
    assert len(web.editions.of("ladder")) == 3, "nothing is ever changed or deleted"


def test_it_begins_by_itself(web: Process, clock: FixedClock) -> None:
    web.editions.save("ladder", CHIEF_FIRST, by="周主管", on=local(clock.now()).date() + DAY)
    assert web.first_rung == "butler"
    clock.advance(days=1)
    assert web.first_rung == "duty_chief"


def test_an_edition_that_nobody_can_read_leaves_the_last_one_that_can_be(
    web: Process, store: FakeStore, clock: FixedClock
) -> None:
    """Written by another release, or by hand: an emergency has a ladder all the same."""
    web.editions.save("ladder", CHIEF_FIRST, by="周主管")
    for n, bad in enumerate(({"rungs": []}, {"rungs": ["janitor"]}, 7, "x", [1], {"ring_seconds": {}})):
        with store.write() as tx:
            stored = tx.add_edition(Edition(0, "ladder", bad, clock.advance(seconds=1), clock.now(), "?"))
        with capture_logs() as logs:
            assert web.first_rung == "duty_chief"
        told = [one for one in logs if one["event"] == "edition_unusable"]
        assert len(told) == n + 1, "said each time, loudly"
        assert told[0]["log_level"] == "error"
        assert web.editions.unusable["ladder"].edition == stored
    web.editions.save("ladder", {**CHIEF_FIRST, "ring_seconds": 24}, by="周主管")
    assert web.first_rung == "duty_chief"
    assert web.editions.unusable == {}


def test_without_any_that_can_be_used_it_is_as_shipped(web: Process, store: FakeStore, clock: FixedClock) -> None:
    with store.write() as tx:
        tx.add_edition(Edition(0, "ladder", {"rungs": []}, clock.now(), clock.now(), "?"))
        tx.add_edition(Edition(0, "script.no.such", {"voice": "x", "chat": "x"}, clock.now(), clock.now(), "?"))
        tx.add_edition(Edition(0, "weather", {}, clock.now(), clock.now(), "?"))
    assert web.first_rung == "butler"


@pytest.mark.parametrize("error", [StoreBusy("locked"), ConfigurationError("no tables of this release")])
def test_a_database_that_cannot_be_read_changes_nothing(
    web: Process, store: FakeStore, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    web.editions.save("ladder", CHIEF_FIRST, by="周主管")

    def locked() -> Any:
        raise error

    with monkeypatch.context() as broken:
        broken.setattr(store, "read", locked)
        assert web.first_rung == "butler"
    assert web.first_rung == "duty_chief"


@pytest.mark.parametrize(
    "content",
    [
        {"rungs": []},
        {"rungs": ["butler", "butler", "supervisor"]},
        {"last_rung_within_seconds": 480},
        {"ring_seconds": 200},
        {"step_seconds": 0},
        {"step_seconds": 600},
        {"round_pause_seconds": 600},
        {"unknown": 1},
    ],
)
def test_a_ladder_that_cannot_be(web: Process, content: dict[str, Any]) -> None:
    with pytest.raises(ChangeRefused) as refused:
        web.editions.save("ladder", content, by="周主管")
    assert refused.value.reason == "unreadable"
    assert "ladder.yml" in str(refused.value.details["why"])


def test_a_ladder_that_reaches_fewer_people_than_now(web: Process) -> None:
    with pytest.raises(ChangeRefused) as refused:
        web.editions.save("ladder", {"rungs": ["supervisor"]}, by="周主管")
    assert refused.value.reason == "gaps"
    assert refused.value.details["gaps"]


def test_a_calendar_moves_the_running_clocks_when_it_holds(
    web: Process, worker: Process, store: FakeStore, clock: FixedClock
) -> None:
    tomorrow = local(clock.now()).date() + DAY
    saved = web.editions.save("calendar", {"days_off": [tomorrow.isoformat()]}, by="周主管", on=tomorrow)
    assert saved
    [task] = [t.task for t in store.tables.tasks.values() if t.task.kind is TaskKind.REPLAN_CLOCKS]
    assert task.due_at == saved.from_at
    assert worker.standard.calendar.is_working_day(tomorrow)
    clock.advance(days=1)
    worker.editions.refresh()
    assert not worker.standard.calendar.is_working_day(tomorrow)


@pytest.mark.parametrize(
    "content",
    [
        {"calling_hours": ["06:30-11:30"]},
        {"calling_hours": ["19:00-22:30"]},
        {"office_hours": []},
        {"office_hours": ["12:00-08:30"]},
        {"season": {"first": "11-31", "last": "03-15"}},
        {"working_days": ["2027-02-20"], "days_off": ["2027-02-20"]},
        {"days_off": [f"2027-{m:02}-{d:02}" for m in (1, 2, 3) for d in range(1, 29)] + ["2027-01-29", "2027-01-30", "2027-01-31"]},
    ],
)  # fmt: skip
def test_a_calendar_that_cannot_be(web: Process, content: dict[str, Any]) -> None:
    with pytest.raises(ChangeRefused):
        web.editions.save("calendar", content, by="周主管")


def test_another_offices_number(web: Process, worker: Process) -> None:
    shipped = web.standard.shipped("directory")
    known = worker.standard.directory
    mine = [{**row, "phone": "96001"} if row["key"] == "water" else row for row in shipped]
    web.editions.save("directory", mine, by="周主管")
    worker.editions.refresh()
    assert known["water"].phone == "96001", "whoever was given the table has the new one"
    for bad in (mine[1:], [{**mine[0], "phone": "ring us"}, *mine[1:]], [{**row, "phone": ""} for row in mine]):
        with pytest.raises(ChangeRefused):
            web.editions.save("directory", bad, by="周主管")


def test_a_wording_of_ones_own(web: Process, worker: Process) -> None:
    assert wording(web, "greeting.goodbye_chat", "谢谢您,再见。") is None
    worker.editions.refresh()
    said = worker.book.say("greeting.goodbye_chat")
    assert (said.voice, said.chat) == ("谢谢您,再见。", "谢谢您,再见。")
    assert wording(web, "safety.leak_inside", "先关阀门,离开热水,拉下电闸。") is None
    worker.editions.refresh()
    leak = worker.book.say("safety.leak_inside")
    assert not leak.interruptible, "what else a script is stays"
    assert leak.card == {"kind": "safety"}
    assert json.dumps(web.editions.content("script.safety.leak_inside"))


@pytest.mark.parametrize(
    ("key", "voice", "reason"),
    [
        ("greeting.incoming", "您好,请讲。", "blank_lost"),
        ("greeting.incoming", "您好,{{ company }}{{ number }}号,请讲。", "normative"),
        ("scope.other_unit", "请找{{ unit }},电话{{ phone|digits }}。", "normative"),
        ("greeting.anything_else", "还有别的事吗?", "normative"),
        ("greeting.goodbye", "这个我不知道,再见。", "never_said"),
        ("greeting.goodbye", "不 知 道", "never_said"),
        ("greeting.goodbye", "  ", "silent"),
        ("greeting.goodbye", "好" * 1501, "too_long"),
        ("ask.building", "几号楼?", "blank_lost"),
        ("greeting.goodbye", "再见{{ nobody }}", "unreadable"),
        ("greeting.goodbye", "再见{% if", "unreadable"),
        ("greeting.goodbye", "{{ company.__class__.__mro__ }}", "unreadable"),
        ("greeting.goodbye", "{{ company|attr('__class__') }}", "unreadable"),
        ("greeting.goodbye", "{{ '好' * 1000000000 }}", "unreadable"),
        ("greeting.goodbye", "{% for x in company %}{{ x }}{% endfor %}", "unreadable"),
        ("greeting.goodbye", "{{ cycler() }}", "unreadable"),
    ],
)
def test_a_wording_that_is_refused(web: Process, key: str, voice: str, reason: str) -> None:
    refused = wording(web, key, voice)
    assert refused
    assert refused.reason == reason
    assert not web.editions.of(f"script.{key}")


def test_every_shipped_wording_may_be_saved_as_it_is(web: Process) -> None:
    """The rules for editions are not narrower than what is shipped."""
    own = OwnWording(web.book, load_quoted(HOME / "data"), web.standard.never_said)
    plain = {key: script for key, script in web.book.scripts.items() if web.book.is_plain(key)}
    assert "alarm.sentinel_over" not in plain, "a choice of words, no sentence"
    assert len(plain) > 0.95 * len(web.book.scripts)
    for key, script in plain.items():
        voice, chat = script.source
        own(web.book.read_edition(f"script.{key}", {"voice": voice, "chat": chat}))


def test_every_quoted_wording_is_in_a_sentence_that_is_bound_by_it(web: Process) -> None:
    for quote in load_quoted(HOME / "data"):
        assert any(quote.binds(s, channel) for s in web.book.scripts.values() for channel in (0, 1)), quote


def test_every_blank_has_a_sample(web: Process) -> None:
    """Or the preview shows its name instead, which a few may do for a while."""
    named = {blank for key, script in web.book.scripts.items() if web.book.is_plain(key) for blank in script.params}
    without = named - set(load_blanks(HOME / "data"))
    assert len(without) < 5, f"{sorted(without)}: a row of data/blanks.yml each: what it is, and a sample"


def test_no_such_part(web: Process) -> None:
    with pytest.raises((ConfigurationError, ChangeRefused)):
        web.editions.save("script.no.such", {"voice": "x", "chat": "x"}, by="周主管")
