"""The register of clauses: whole, honest, and every name in it exists (`make standard` prints it)."""

import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from fulfillment.clause import Clause
from fulfillment.clocks import Calendar
from fulfillment.standard import Standard
from kernel.errors import ConfigurationError
from ops.standard import Register, lines
from tests.journeys.test_journeys import LEAVES

HOME = Path(__file__).resolve().parents[2]
STANDARD_PAGE = HOME.parent / "shared" / "STANDARD.md"
CLAUSE = re.compile(r"\b[A-Z]\d+(?:\.\d+)?[a-z]?\b")
REGISTER = Register()
STANDARD = REGISTER.standard


@pytest.fixture(scope="module")
def demanded() -> list[str]:
    """Every id in the tables of the page, in its order."""
    if not STANDARD_PAGE.exists():
        if os.environ.get("CI") == "true":
            pytest.fail(f"{STANDARD_PAGE} is missing: the clauses cannot be checked")
        pytest.skip(f"{STANDARD_PAGE} is not part of a clone: the clauses cannot be checked")
    rows = [line for line in STANDARD_PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    return list(dict.fromkeys(clause for row in rows for clause in CLAUSE.findall(row)))


def test_the_register_has_every_clause_of_the_standard_and_no_other(demanded: list[str]) -> None:
    assert len(demanded) > 80
    assert set(STANDARD.clauses) == set(demanded)


@pytest.mark.parametrize("clause", STANDARD.clauses.values(), ids=lambda c: c.key)
def test_everything_that_is_said_to_keep_a_clause_is_there(clause: Clause) -> None:
    assert REGISTER.missing(clause) == []


def test_every_clause_that_is_kept_is_cited() -> None:
    assert REGISTER.uncited() == set(), "name the clause where it is kept: in its script, clock, kind or table"


@pytest.mark.parametrize(
    "name",
    [
        "clock leak_tomorrow", "script greeting.nobody", "kind leak_upstairs", "answer bill_free", "table clocks.yml:nothing",
        "table nothing.yml", "page /nothing", "code kernel.privacy:unmask", "code kernel.nothing:x", "promise of a word",
    ],
)  # fmt: skip
def test_what_does_not_exist_is_missing(name: str) -> None:
    assert REGISTER.missing(Clause("G4a", "x", (name,), ("drill calm",))) == [name]


@pytest.mark.parametrize(
    "name", ["tests/house/test_house.py::test_nothing", "tests/nothing.txt", "drill tea", "README.md"]
)
def test_a_proof_that_does_not_exist_is_missing(name: str) -> None:
    assert REGISTER.missing(replace(STANDARD.clauses["G4a"], proof=(name,))) == [name]


def test_it_is_printed_row_by_row_with_proof_or_reason() -> None:
    printed = list(lines(REGISTER))
    assert sum(line[:1] != " " for line in printed) == len(STANDARD.clauses)
    for clause in STANDARD.clauses.values():
        head = next(n for n, line in enumerate(printed) if line.startswith(f"{clause.key} "))
        assert printed[head + 1].startswith("      "), clause.key


def _days(key: str) -> int:
    rule = STANDARD.rule(key)
    assert rule.calendar is Calendar.WORKING_DAYS
    return rule.within.days


def test_the_stages_of_a_connection_are_those_of_the_standard() -> None:
    """F1, F2, F3: 25 working days; building is not counted."""
    stages = ("accepted", "surveyed", "inspected", "opened")
    assert [_days(f"estate_{stage}") for stage in stages] == [1, 18, 4, 2]
    assert [_days(f"building_{stage}") for stage in stages] == [1, 20, 2, 2]
    assert [_days(f"home_{stage}") for stage in stages] == [1, 18, 4, 2]


def test_applications_by_telephone_or_chat_take_three_working_days() -> None:
    """F12, F13."""
    assert _days("area_checked") == _days("name_transferred") == 3


def test_a_clause_without_keeper_and_reason_refuses_the_start(tmp_path: Path) -> None:
    for table in (HOME / "data").glob("*.yml"):
        (tmp_path / table.name).write_text(table.read_text(encoding="utf-8"), encoding="utf-8")
    register = tmp_path / "clauses.yml"
    register.write_text(
        register.read_text(encoding="utf-8").replace("    kept_by: [script outgoing.who]\n", "", 1), encoding="utf-8"
    )
    with pytest.raises(ConfigurationError, match="G4b"):
        Standard(tmp_path)


@pytest.mark.parametrize("kind", STANDARD.kinds)
def test_every_kind_of_case_has_a_journey_on_the_phone_and_in_the_chat(kind: str) -> None:
    """A kind that nobody reaches in his own words, from the first sentence to the ticket, is none."""
    for channel in ("phone", "chat"):
        scripts = (HOME / "tests" / "journeys" / channel).glob("*.txt")
        assert kind in {LEAVES[script.stem] for script in scripts}, f"write tests/journeys/{channel}/{kind}.txt"


@pytest.mark.parametrize(
    "script", sorted((HOME / "tests" / "journeys").glob("*/*.txt")), ids=lambda p: f"{p.parent.name}/{p.stem}"
)
def test_a_journey_says_in_its_head_which_clauses_it_proves(script: Path) -> None:
    head = script.read_text(encoding="utf-8").splitlines()[0]
    named = set(CLAUSE.findall(head))
    assert head.startswith("// "), head
    assert named, head
    assert named <= set(STANDARD.clauses), named - set(STANDARD.clauses)
