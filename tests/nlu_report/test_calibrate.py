from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.rasa_client import Guess
from bot.understand import Thresholds
from bot.understanding import Intent
from kernel.errors import ConfigurationError
from ops.nlu_report.calibrate import Costs, calibrate, render
from ops.nlu_report.sentences import Sentence

START = Thresholds(0.5, 0.9, 0.9, 0.9, 0.5)
COSTS = Costs(miss=100, late=20, false_alarm=8, question=1, wrong_answer=2)


def guesses(leak: float, other: Intent = Intent.COLD_ROOM) -> tuple[Guess, ...]:
    return tuple(sorted((Guess(Intent.LEAK_INSIDE, leak), Guess(other, 1 - leak)), key=lambda g: -g.confidence))


def case(leak: float, text: str, intent: Intent) -> tuple[Sentence, tuple[Guess, ...]]:
    return Sentence(text, intent), guesses(leak)


#: Nothing here is a danger word: the model alone decides.
CASES = [
    *(case(0.55, f"屋里{n}不对劲", Intent.LEAK_INSIDE) for n in range(10)),
    *(case(0.35, f"家里{n}凉", Intent.COLD_ROOM) for n in range(10)),
]


def test_the_threshold_lies_between_those_who_need_an_alarm_and_those_who_do_not() -> None:
    sentences, predicted = zip(*CASES, strict=True)
    found = calibrate(sentences, predicted, COSTS, START)
    assert 0.35 < found.thresholds.leak_by_model <= 0.55
    assert 0.35 < found.thresholds.leak_question <= found.thresholds.leak_by_model
    assert found.figures["emergency_alarmed"].value == 1.0
    assert found.cost == 0


def test_costs_move_the_operating_point() -> None:
    mixed = [*CASES, *(case(0.55, f"屋里{n}怪", Intent.COLD_ROOM) for n in range(30))]
    sentences, predicted = zip(*mixed, strict=True)
    careful = calibrate(sentences, predicted, COSTS, START)
    calm = calibrate(sentences, predicted, Costs(miss=1, late=1, false_alarm=50, question=1, wrong_answer=2), START)
    assert careful.figures["emergency_alarmed_or_asked"].value == 1.0
    assert calm.figures["emergency_alarmed"].value == 0.0


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    sentences, predicted = zip(*CASES, strict=True)
    found = calibrate(sentences, predicted, COSTS, START)
    path = tmp_path / "thresholds.yml"
    path.write_text(render(found, COSTS, len(sentences), datetime(2026, 11, 22, 20, tzinfo=UTC)), encoding="utf-8")
    assert Thresholds.load(path) == found.thresholds
    assert Costs.load(path) == COSTS
    assert "chosen 2026-11-23" in path.read_text(encoding="utf-8")  # already tomorrow in Beijing


@pytest.mark.parametrize(
    "text",
    ["", "costs: {}", "costs: {miss: 1}", "costs: {miss: -1, late: 1, false_alarm: 1, question: 1, wrong_answer: 1}"],
)
def test_missing_or_negative_costs_are_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "thresholds.yml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match="costs"):
        Costs.load(path)
