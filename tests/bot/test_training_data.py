from collections import Counter

import yaml
from rapidfuzz import fuzz

from bot.understanding import EMERGENCIES, Category, Intent, category_of
from tests.bot.sentences import HOME, held_out, training

TRAINED = set(Intent) - {Intent.FALLBACK}
AT_LEAST = {
    **dict.fromkeys(TRAINED, 50),
    Intent.LEAK_INSIDE: 250,
    Intent.LEAK_STREET: 120,
    Intent.MANHOLE_COVER: 80,
    Intent.COLD_ROOM: 200,
    Intent.NO_HEAT: 180,
    Intent.VALVE_NOT_OPENED: 120,
    Intent.TEMPERATURE_TEST: 150,
    Intent.OUT_OF_SCOPE: 500,
    Intent.COMPLAINT: 150,
}
#: Above this two sentences are one. Short ones ("hello") cannot help being alike and must only not be identical.
ALIKE, SHORT = 82.0, 6


def spoken(text: str) -> str:
    return "".join(text.split())


def test_domain_code_and_training_data_name_the_same_intents() -> None:
    domain = yaml.safe_load((HOME / "bot" / "domain.yml").read_text(encoding="utf-8"))
    assert set(domain["intents"]) == TRAINED
    assert {s.intent for s in training()} == TRAINED


def test_each_intent_has_enough_sentences() -> None:
    count = Counter(s.intent for s in training())
    assert {i: count[i] for i, least in AT_LEAST.items() if count[i] < least} == {}


def test_no_sentence_is_trained_twice() -> None:
    twice = [t for t, n in Counter(spoken(s.text) for s in training()).items() if n > 1]
    assert twice == []


def test_held_out_sentences_are_no_near_duplicates_of_trained_ones() -> None:
    trained = [spoken(s.text) for s in training()]
    held = [spoken(s.text) for s in held_out()]
    leaked = [
        (text, known)
        for text in held
        for known in trained
        if known == text or (len(text) >= SHORT and fuzz.ratio(known, text, score_cutoff=ALIKE))
    ]
    assert leaked == []


def test_held_out_covers_every_intent_and_marks_emergencies_as_the_code_does() -> None:
    sentences = held_out()
    assert len(sentences) >= 350
    assert {s.intent for s in sentences} == TRAINED
    assert [s.text for s in sentences if s.emergency != (s.intent in EMERGENCIES)] == []


def test_every_category_has_an_intent() -> None:
    assert {category_of(i) for i in TRAINED} == set(Category)
