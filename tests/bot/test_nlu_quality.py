"""The real model on sentences it never saw. Floors are what was measured, less the noise of so few sentences."""

from collections import Counter, defaultdict
from dataclasses import dataclass

import pytest

from bot.danger_words import load_danger_words
from bot.rasa_client import RasaClient
from bot.understand import Understander, describe
from bot.understanding import Category, Intent, Understanding
from tests.bot.sentences import Sentence, held_out

pytestmark = pytest.mark.nlu


@dataclass(frozen=True)
class Heard:
    sentence: Sentence
    understanding: Understanding

    @property
    def category(self) -> str:
        return str(describe(self.understanding)["category"])


@pytest.fixture(scope="module")
def heard(nlu_url: str) -> list[Heard]:
    with RasaClient(nlu_url, 5.0) as client:
        understander = Understander(client, list, load_danger_words())
        return [Heard(s, understander.understand(s.text)) for s in held_out()]


def f1_by_category(heard: list[Heard]) -> dict[str, float]:
    right = Counter(h.category for h in heard if h.category == h.sentence.category)
    said = Counter(h.category for h in heard)
    meant = Counter(str(h.sentence.category) for h in heard)
    return {c: 2 * right[c] / (said[c] + meant[c]) for c in meant}


def test_the_server_answered_every_sentence(heard: list[Heard]) -> None:
    assert all(h.understanding.model_available for h in heard)


def test_categories(heard: list[Heard]) -> None:
    f1 = f1_by_category(heard)
    assert set(f1) == {str(c) for c in Category}
    five = [f1[c] for c in ("leak", "cold_room", "temperature_test", "billing", "out_of_scope")]
    assert sum(five) / len(five) >= 0.93, f1
    assert min(f1.values()) >= 0.82, f1


def test_emergencies_are_recognised(heard: list[Heard]) -> None:
    emergencies = [h for h in heard if h.sentence.emergency]
    missed = [h.sentence.text for h in emergencies if not h.understanding.emergency]
    assert len(missed) / len(emergencies) <= 0.04, missed
    shrugged = [
        h.sentence.text for h in emergencies if not h.understanding.emergency | h.understanding.perhaps_emergency
    ]
    assert len(shrugged) <= 1, shrugged


def test_false_alarms_are_rare(heard: list[Heard]) -> None:
    by_trap: dict[str, list[bool]] = defaultdict(list)
    for h in heard:
        if not h.sentence.emergency:
            by_trap[h.sentence.trap].append(h.understanding.emergency)
    alarms = {trap: sum(a) for trap, a in by_trap.items() if any(a)}
    assert sum(alarms.values()) <= 3, alarms
    asked = [h.sentence.text for h in heard if not h.sentence.emergency and h.understanding.perhaps_emergency]
    assert len(asked) <= 20, asked


def test_somebody_elses_matters_are_rejected_even_with_heating_words(heard: list[Heard]) -> None:
    others = [h for h in heard if h.sentence.trap in {"heating_words", "foreign_leak"}]
    rejected = [h for h in others if h.category == "out_of_scope"]
    assert len(rejected) / len(others) >= 0.9


@pytest.mark.parametrize(
    ("text", "intent"),
    [("咋还没来暖气", Intent.NO_HEAT), ("測溫怎麼預約", Intent.TEMPERATURE_TEST), ("我要找人工客服", Intent.ASK_HUMAN)],
)
def test_plain_wishes_in_other_spelling(nlu_url: str, text: str, intent: Intent) -> None:
    with RasaClient(nlu_url, 5.0) as client:
        assert Understander(client, list, load_danger_words()).understand(text).intent is intent
