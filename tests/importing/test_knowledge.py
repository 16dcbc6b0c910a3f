"""Answers on fees: complete, speakable, from the standard only."""

import re
from typing import Any

import pytest
import yaml
from jinja2 import Environment, StrictUndefined, meta

from bot.understanding import Category, Intent, category_of
from fulfillment.standard import Standard
from kernel.settings import HOME

FORBIDDEN = ("不知道", "你找谁", "不关我事", "找别人", "不归我们管")
ENVIRONMENT = Environment(undefined=StrictUndefined, autoescape=True)


def _load(path: str) -> Any:
    return yaml.safe_load((HOME / path).read_text(encoding="utf-8"))


KNOWLEDGE = _load("data/knowledge.yml")
SCRIPTS = _load("scripts_zh/knowledge.yml")
FACTS: dict[str, str] = KNOWLEDGE["facts"]


def test_every_billing_intent_the_season_and_advice_have_an_answer() -> None:
    wanted = {i.value for i in Intent if category_of(i) is Category.BILLING} | {"ask_season", "leak_advice"}
    assert set(KNOWLEDGE["answers"]) == wanted
    assert {answer["script"] for answer in KNOWLEDGE["answers"].values()} == {f"knowledge.{key}" for key in SCRIPTS}


@pytest.mark.parametrize("key", SCRIPTS)
def test_an_answer_can_be_said_in_one_breath_and_shown(key: str) -> None:
    script = SCRIPTS[key]
    voice = ENVIRONMENT.from_string(script["voice"]).render(FACTS)
    chat = ENVIRONMENT.from_string(script["chat"]).render(FACTS)
    assert len(voice) <= 90, len(voice)
    assert "\n" not in voice
    assert not re.search(r"[→“”()<>]|1\.", voice), "cannot be spoken"
    assert voice.endswith("。")
    for word in FORBIDDEN:
        assert word not in voice + chat


@pytest.mark.parametrize("key", SCRIPTS)
def test_parameters_are_declared_used_and_known(key: str) -> None:
    script = SCRIPTS[key]
    used = {
        name
        for text in (script["voice"], script["chat"])
        for name in meta.find_undeclared_variables(ENVIRONMENT.parse(text))
    }
    assert used == set(script["params"])
    assert used <= set(FACTS)


def test_every_clause_is_one_of_the_standard(standard_clauses: set[str]) -> None:
    cited = {clause for answer in KNOWLEDGE["answers"].values() for clause in answer["clauses"]}
    cited |= {script["clause"] for script in SCRIPTS.values()}
    assert cited <= standard_clauses
    for key, answer in KNOWLEDGE["answers"].items():
        assert SCRIPTS[key]["clause"] in answer["clauses"]


def test_what_can_be_opened_afterwards_is_a_kind_of_ticket() -> None:
    kinds = {kind["key"] for kind in _load("data/ticket_kinds.yml")}
    follow_ups = {answer["follow_up"] for answer in KNOWLEDGE["answers"].values()} - {None}
    assert follow_ups <= kinds
    assert {"suspend", "resume"} <= follow_ups


def test_the_dates_agree_with_the_calendar() -> None:
    calendar = _load("data/calendar.yml")

    def said(month_day: str) -> str:
        month, day = month_day.split("-")
        return f"{int(month)}月{int(day)}日"

    assert FACTS["season_start"] == said(calendar["season"]["first"])
    assert FACTS["season_end"] == said(calendar["season"]["last"])
    assert FACTS["fee_start"] == said(calendar["fee_collection"]["first"])
    assert FACTS["fee_end"] == said(calendar["fee_collection"]["last"])


def test_what_is_promised_about_a_leak_are_its_clocks() -> None:
    within = {rule["key"]: rule.get("within") for rule in _load("data/clocks.yml")["rules"]}
    for rule, fact in (("leak_contact", "leak_contact"), ("leak_on_site", "leak_on_site")):
        assert within[rule] == f"PT{FACTS[fact].removesuffix('分钟')}M"
    rules = {rule.get("profile"): rule.get("within") for rule in _load("data/clocks.yml")["rules"]}
    for profile, facts in KNOWLEDGE["facts_of_profiles"].items():
        spoken = facts["leak_on_site"].replace("分钟", "M").replace("小时", "H")
        assert rules[profile] == f"PT{spoken}"


def test_a_sample_price_says_that_it_is_one() -> None:
    script = SCRIPTS["bill_price"]
    assert all("示例" in ENVIRONMENT.from_string(script[variant]).render(FACTS) for variant in ("voice", "chat"))


@pytest.fixture
def standard_clauses() -> set[str]:
    return set(Standard(HOME / "data").clauses)
