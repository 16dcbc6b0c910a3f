"""The tables are whole, agree with each other and with STANDARD.md, and a broken one refuses the start."""

import os
import re
import shutil
from datetime import date
from pathlib import Path

import pytest
import yaml

from bot.understanding import Category
from fulfillment.clocks import ClockEvent
from fulfillment.standard import Standard
from kernel.errors import ConfigurationError, NotFound

HOME = Path(__file__).resolve().parents[2]
DATA = HOME / "data"
STANDARD_PAGE = HOME.parent / "shared" / "STANDARD.md"
CLAUSE = re.compile(r"\b[A-Z]\d+(?:\.\d+)?[a-z]?\b")


@pytest.fixture(scope="module")
def standard() -> Standard:
    return Standard(DATA)


@pytest.fixture
def own_data(tmp_path: Path) -> Path:
    for table in DATA.glob("*.yml"):
        shutil.copy(table, tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def page() -> str:
    if not STANDARD_PAGE.exists():
        if os.environ.get("CI") == "true":
            pytest.fail(f"{STANDARD_PAGE} is missing: the clauses cannot be checked")
        pytest.skip(f"{STANDARD_PAGE} is not part of a clone: the clauses cannot be checked")
    return STANDARD_PAGE.read_text(encoding="utf-8")


def test_every_clause_that_is_cited_exists(standard: Standard, page: str) -> None:
    known = set(CLAUSE.findall(page))
    cited = {rule.clause for rule in standard.rules.values()} | set(standard.kept_elsewhere)
    cited |= {clause for kind in standard.kinds.values() for clause in kind.clauses}
    assert cited - known == set()


def test_every_clock_of_the_standard_is_kept_or_listed_as_kept_elsewhere(standard: Standard, page: str) -> None:
    table = page.split("## 2. Clocks")[1].split("## 3.", maxsplit=1)[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| ") and not line.startswith("| id")]
    demanded = {clause for row in rows for clause in CLAUSE.findall(row)}
    assert len(demanded) > 30
    kept = {rule.clause for rule in standard.rules.values()}
    assert demanded - kept - set(standard.kept_elsewhere) == set()
    assert kept & set(standard.kept_elsewhere) == set(), "a clause that is kept needs no excuse"


def test_every_rule_belongs_to_a_kind(standard: Standard) -> None:
    used = {key for kind in standard.kinds.values() for key in kind.clocks}
    before_there_is_a_ticket = {rule.key for rule in standard.rules.values() if rule.starts is ClockEvent.TOLD}
    assert set(standard.rules) - before_there_is_a_ticket == used
    assert before_there_is_a_ticket == {"butler_reported"}, "written when the butler reports (dialogue.staff_reports)"


def test_every_kind_has_a_category_and_every_emergency_rings_somebody_within_ten_minutes(standard: Standard) -> None:
    for kind in standard.kinds.values():
        assert kind.category in set(Category), kind.key
        assert ("emergency_acknowledged" in kind.clocks) is kind.emergency, kind.key


def test_exactly_one_choice_of_each_profile_runs(standard: Standard) -> None:
    assert [r.key for r in standard.rules_of("leak_inside") if r.stops == "arrived"] == ["leak_on_site"]
    stricter = Standard(DATA, {"leak_on_site": "B", "repair_on_site": "Z"})
    assert [r.key for r in stricter.rules_of("leak_inside") if r.stops == "arrived"] == ["leak_on_site_b"]
    assert [r.key for r in stricter.rules_of("cold_room") if r.stops == "arrived"] == ["repair_on_site_z"]


def test_single_homes_are_connected_in_summer_only(standard: Standard) -> None:
    kind = standard.kind("new_connection")
    assert kind.is_accepted_on(date(2026, 5, 1))
    assert not kind.is_accepted_on(date(2026, 11, 22))
    assert standard.kind("new_connection_estate").is_accepted_on(date(2026, 11, 22))


def test_unknown_keys_are_not_found(standard: Standard) -> None:
    with pytest.raises(NotFound, match="volcano"):
        standard.kind("volcano")
    with pytest.raises(NotFound, match="volcano"):
        standard.rule("volcano")


@pytest.mark.parametrize(
    ("name", "old", "new", "says"),
    [
        ("clocks", "within: PT15M", "within: soon", r"clocks\.yml: rules\.leak_contact\.within"),
        ("clocks", "clause: F16, title: 联系用户", "klause: F16, title: 联系用户", r"rules\.leak_contact\.klause"),
        ("clocks", "key: leak_contact", "key: burst_repaired", "burst_repaired: is there twice"),
        ("clocks", "leak_on_site: F #", "leak_on_site: Q #", "leak_on_site: no rule belongs to choice Q"),
        ("clocks", "profile: leak_on_site.F", "profile: leek.F", "profile leek is not among profiles"),
        ("clocks", "warn_at: 0.5", "warn_at: 1.5", "warn_at is a share"),
        ("clocks", "plan: emergency", "plan: nobody", "plan nobody is not among plans"),
        ("clocks", "breach: [duty_chief, supervisor]", "breach: []", "nobody would hear of a broken promise"),
        ("clocks", "warning: [assignee, supervisor]", "warning: [boss]", r"plans\.complaint\.warning"),
        (
            "clocks",
            "within: P2D, calendar: working_days",
            "within: PT50H, calendar: working_days",
            "whole working days",
        ),
        ("clocks", "within: PT15M", "warn_at: 0.6", "leak_contact: within is missing"),
        ("ticket_kinds", "clocks: [test_contact]", "clocks: [tset]", r"temperature_test: clocks \['tset'\]"),
        ("ticket_kinds", "clocks: [test_contact]", "clocks: []", "temperature_test: has no clock"),
        ("ticket_kinds", '"09-30"', '"09-31"', "new_connection: accepted"),
        ("calendar", 'last: "03-15"', 'last: "03-45"', r"season\.last"),
        ("calendar", '"08:30-12:00"', '"12:30-12:00"', "office_hours"),
        ("ladder", "leak_question_seconds: 60", "leak_question_seconds: 129", "within ten minutes"),
        ("ladder", "leak_question_seconds: 60", "leak_question_seconds: 0", "more than nothing"),
        ("ladder", "redial_within_seconds: 600", "redial_within_seconds: 0", "more than nothing"),
        ("ladder", "last_rung_within_seconds: 450", "last_rung_within_seconds: 500", "before minute 8"),
        ("ladder", "step_seconds: 60", "step_seconds: 600", "comes after the last"),
        ("ladder", "round_pause_seconds: 30", "round_pause_seconds: 151", "within ten minutes"),
        ("ladder", "busy_carrier_tries: 3", "busy_carrier_tries: 11", "at most 10"),
        ("ladder", "rungs: [butler,", "rungs: [boss,", r"rungs"),
        ("ladder", "rungs: [butler, deputy, station_duty, duty_chief, supervisor]", "rungs: []", "must reach somebody"),
        ("ladder", "ring_seconds: 22", "ring_seconds: 0", "ring_seconds"),
        ("ladder", "no_address_grace_seconds: 45", "no_address_grace_seconds: 450", "leave time for the ladder"),
        ("directory", "key: gas", "key: water", "water: is there twice"),
        ("outgoing", "key: callback", "key: appointment", "purposes: each of"),
        ("outgoing", "tries: 1,", "tries: 0,", "must be at least 1"),
        ("outgoing", '"07:00-22:00"', '"22:00-07:00"', r"purposes\.callback\.hours"),
        ("outgoing", "shortest: 6", "shortest: 3", "at least 4 digits"),
        ("looks", "kept: P365D", "kept: P183D", "at least 184 days"),
        ("looks", "once_within: PT1M", "once_within: PT61M", "at the most an hour"),
    ],
)
def test_a_broken_table_refuses_the_start_and_names_the_place(
    own_data: Path, name: str, old: str, new: str, says: str
) -> None:
    path = own_data / f"{name}.yml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigurationError, match=says) as refused:
        Standard(own_data)
    assert f"{name}.yml" in str(refused.value)


def test_a_missing_or_unreadable_table_refuses_the_start(own_data: Path) -> None:
    (own_data / "ladder.yml").write_text("rungs: [butler", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"ladder\.yml"):
        Standard(own_data)
    (own_data / "ladder.yml").unlink()
    with pytest.raises(ConfigurationError, match=r"ladder\.yml: cannot be read"):
        Standard(own_data)


def test_every_fact_that_is_told_has_its_sentence_and_every_sentence_is_told() -> None:
    sentences = yaml.safe_load((HOME / "scripts_zh" / "timeline.yml").read_text(encoding="utf-8"))
    rooms = [file for room in ("fulfillment", "dialogue") for file in sorted((HOME / room).glob("*.py"))]
    source = "\n".join(file.read_text(encoding="utf-8") for file in rooms)
    told = set(re.findall(r'\.tell\(\s*(?:attempt, )?"(\w+)"', source))
    told |= set(re.findall(r'TimelineEntry\([^"]*"\w+", "(\w+)"', source))
    computed = {
        "call_ringing",
        "call_answered",
        "call_found",
        "call_placed",
        "call_no_answer",
        "text_sent",
        "robot_sent",
        "robot_failed",
        "carrier_failed",
        "text_failed",
    }
    computed |= {"clock_warning", "clock_breached", "resident_call_placed", "message_recorded", "recording_deleted"}
    computed |= {"owned", "visit_photograph", "visit_damage", "visit_agreement", "visit_signature"}
    assert told - set(sentences) == set()
    assert len(told) > 15
    assert set(sentences) - told - computed == set(), "a sentence that nobody tells"
