"""The month of `make demo-month`: its plan is the known call mix and the same every time, and its people know what to answer."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from inspect import getmembers, isfunction
from pathlib import Path

import yaml

from dialogue.questions import QUESTIONS
from fulfillment.outbox import NewTask, TaskKind
from fulfillment.worker import Worker
from ivr.conference_carrier import TwilioConferences
from kernel.clock import local
from ops.month.agenda import Agenda, MonthClock
from ops.month.life import SENTENCES
from ops.month.network import MonthNetwork
from ops.month.plan import BURST_AT, BURST_REPORTS, COLD_SNAP, SNAP_LOAD, Plan
from storage import Store

WORDS = yaml.safe_load(SENTENCES.read_text(encoding="utf-8"))
PLAN = Plan(8_000, 7, WORDS["matters"], 100_000, 2_500)
#: Asked by keys or of an address: answered from the home's own row.
FROM_THE_HOME = {
    "address", "which_home", "place", "community", "key_building", "key_unit", "key_room", "contact_phone", "contact_name",
    "card", "owner",
}  # fmt: skip
#: Only asked of who answers in a way that nobody of the month does, and of staff.
NEVER_REACHED = {"coordinate", "menu", "fee_menu", "told"}
MONDAY = datetime(2025, 12, 1, 8, 0, tzinfo=UTC)


def test_the_plan_is_the_known_mix_of_calls() -> None:
    contacts = list(PLAN.everyday())
    share = {matter: n / len(contacts) for matter, n in Counter(c.matter for c in contacts).items()}
    assert 0.40 <= share["no_heat"] <= 0.50
    assert 0.20 <= share["cold_room"] <= 0.25
    assert 0.15 <= share["valve_not_opened"] <= 0.20
    assert 0.05 <= share["out_of_scope"] + share["elsewhere"] <= 0.20
    assert sum(m["share"] for m in WORDS["matters"].values()) == 1.0


def test_the_cold_snap_brings_three_times_the_calls() -> None:
    by_day = Counter(local(c.at).date() for c in PLAN.everyday())
    snap = sum(by_day[day] for day in COLD_SNAP)
    week_before = sum(by_day[day - timedelta(days=7)] for day in COLD_SNAP)
    assert 0.8 * SNAP_LOAD <= snap / week_before <= 1.1 * SNAP_LOAD


def test_the_burst_is_four_hundred_homes_behind_one_main() -> None:
    reports = list(PLAN.burst(["第一个"], ["停暖了"]))
    assert len({c.serial for c in reports}) == BURST_REPORTS
    assert all(BURST_AT <= c.at <= BURST_AT + timedelta(hours=2) for c in reports)


def test_the_same_seed_is_the_same_month() -> None:
    assert list(PLAN.everyday()) == list(PLAN.everyday())
    assert list(PLAN.everyday()) != list(Plan(8_000, 8, WORDS["matters"], 100_000, 2_500).everyday())


def test_nothing_that_is_asked_of_the_carrier_leaves_the_month() -> None:
    asked = {name for name, _ in getmembers(TwilioConferences, isfunction) if not name.startswith("_")}
    assert asked - set(vars(MonthNetwork)) == {"present"}, (
        "the carrier's time is asked by the sentinel, who does not live there"
    )


def test_everybody_knows_an_answer_to_every_question() -> None:
    open_questions = {
        question.script
        for name, question in QUESTIONS.items()
        if name not in FROM_THE_HOME | NEVER_REACHED and question.script not in WORDS["answers"]
    }
    assert open_questions == set()


def test_plans_and_promises_come_in_the_order_of_time(tmp_path: Path) -> None:
    file = tmp_path / "month.db"
    clock, happened = MonthClock(MONDAY), list[str]()
    with Store(f"sqlite:///{file}") as store:
        store.migrate()
        agenda = Agenda(clock, file)
        with store.write() as tx:
            for minutes in (10, 30):
                tx.enqueue(NewTask(TaskKind.SWEEP, f"sweep-{minutes}", MONDAY + timedelta(minutes=minutes)))

        def sweep(name: str) -> Callable[..., None]:
            return lambda *_: happened.append(f"{name} at {round((clock.now() - MONDAY).total_seconds() / 60)}")

        worker = Worker(store, dict.fromkeys(TaskKind, sweep("task")), clock, name="w")
        agenda.at(MONDAY + timedelta(minutes=20), partial(sweep("plan")))
        agenda.run(worker, MONDAY + timedelta(minutes=25))
        assert happened == ["task at 10", "plan at 20"]
        assert clock.now() == MONDAY + timedelta(minutes=25)
        agenda.run(worker, MONDAY + timedelta(minutes=60))
        assert happened[-1] == "task at 30"


def test_the_clock_is_utc_whatever_it_is_told() -> None:
    clock = MonthClock(BURST_AT)
    assert clock.now().utcoffset() == timedelta(0)
    clock.move(BURST_AT + timedelta(hours=1))
    assert clock.now().utcoffset() == timedelta(0)
    clock.move(BURST_AT)
    assert clock.now() == BURST_AT + timedelta(hours=1), "never backwards"
