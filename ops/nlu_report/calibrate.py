"""Chooses the operating point: the thresholds that cost least on sentences the model did not train on.

Predictions are cross-validated over the TRAINING data; held-out sets are never looked at. Costs are settings of
bot/thresholds.yml. The danger words were written with the training data in view: for them these figures are friendly.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from bot.danger_words import Danger, load_danger_words
from bot.normalise import normalise
from bot.understand import THRESHOLDS, Thresholds
from bot.understanding import EMERGENCIES, Intent
from kernel.clock import BEIJING
from kernel.errors import ConfigurationError
from ops.nlu_report.hear import Heard, Listener
from ops.nlu_report.measure import Figure, goals
from ops.nlu_report.models import Guesses, Trained
from ops.nlu_report.sentences import Sentence

#: Chosen one after the other, over and over, until nothing gets cheaper.
ORDER = ("leak_by_model", "leak_with_words", "other_matter_certain", "leak_question", "fallback")
#: A leak threshold outside is no operating point: at 0 everything is a leak, at 1 nothing.
GRID = tuple(round(0.04 * n, 2) for n in range(1, 25))
_ROUNDS = 3
_STARTS = (0.12, 0.32, 0.52)
_ASK_FROM = 0.12


@dataclass(frozen=True, slots=True)
class Costs:
    """What a mistake costs, in any unit; a call to a resident's home at night is some five questions.

    miss: an emergency neither alarmed nor asked after · late: an emergency alarmed only after the question ·
    false_alarm: a butler sent for nothing · question: "is it the heating that leaks?" or "say it again", for nothing ·
    wrong_answer: another matter believed than the one meant.
    """

    miss: float
    late: float
    false_alarm: float
    question: float
    wrong_answer: float

    @classmethod
    def load(cls, path: Path = THRESHOLDS) -> "Costs":
        """Raises ConfigurationError if a cost is missing or negative."""
        try:
            costs = cls(**yaml.safe_load(path.read_text(encoding="utf-8"))["costs"])
            values: list[Any] = [getattr(costs, name) for name in cls.__slots__]
        except (OSError, KeyError, TypeError, yaml.YAMLError) as exc:
            raise ConfigurationError(f"{path}: costs: {exc!r}; name {', '.join(cls.__slots__)}") from exc
        if not all(isinstance(v, int | float) and v >= 0 for v in values):
            raise ConfigurationError(f"{path}: costs must be numbers, not below 0")
        return costs

    def of(self, heard: Heard) -> float:
        """What one sentence, heard like this, costs."""
        if heard.sentence.emergency:
            return 0.0 if heard.alarmed else self.late if heard.asked else self.miss
        if heard.alarmed:
            return self.false_alarm
        if heard.asked or heard.understanding.intent is Intent.FALLBACK:
            return self.question
        return 0.0 if heard.understanding.intent is heard.sentence.intent else self.wrong_answer


@dataclass(frozen=True, slots=True)
class Calibrated:
    """The operating point, what it costs a sentence, and its figures on the cross-validated predictions."""

    thresholds: Thresholds
    cost: float
    figures: dict[str, Figure]


def with_emergencies(sentences: Sequence[Sentence]) -> list[Sentence]:
    """Training sentences do not say whether they are emergencies; their intents do."""
    return [replace(s, emergency=s.intent in EMERGENCIES) for s in sentences]


def listener(sentences: Sequence[Sentence], guesses: Sequence[Guesses]) -> Listener:
    """One that heard each sentence from the model that did not know it."""
    texts = [normalise(s.text).text for s in sentences]
    return Listener(Trained(0.0, dict(zip(texts, guesses, strict=True))))


def calibrate(sentences: Sequence[Sentence], guesses: Sequence[Guesses], costs: Costs, start: Thresholds) -> Calibrated:
    """Cyclic search on a grid of 0.04 from three starts; among equally cheap values the middle of their longest run."""
    said = with_emergencies(sentences)
    listening = listener(said, guesses)
    words = load_danger_words()
    danger = [words.judge(normalise(s.text).text).danger for s in said]
    likely = [sum(g.confidence for g in row if g.intent in EMERGENCIES) for row in guesses]
    undecided = [s for s, d in zip(said, danger, strict=True) if d is not Danger.SURE]
    suspects = [
        s
        for s, d, leak in zip(said, danger, likely, strict=True)
        if d is Danger.PERHAPS or (d is Danger.NO and leak >= GRID[0])
    ]

    def cost(sentences: Sequence[Sentence], thresholds: Thresholds) -> float:
        return sum(costs.of(h) for h in listening.hear(sentences, thresholds))

    def descend(best: Thresholds) -> Thresholds:
        for _ in range(_ROUNDS):
            before = best
            for name in ORDER:
                # a leak threshold changes nothing for a sentence that nobody suspects of a leak
                concerned = undecided if name == "fallback" else suspects
                # asking above where the alarm goes off would be never asking
                top = best.leak_by_model if name == "leak_question" else GRID[-1]
                grid = [value for value in GRID if value <= top]
                costs_on_grid = [cost(concerned, replace(best, **{name: value})) for value in grid]
                best = replace(best, **{name: _cheapest(grid, costs_on_grid)})
            if best == before:
                break
        return best

    # alarm and question share their sentences: from one start the search may end in a valley that is not the deepest
    ends = [descend(replace(start, leak_by_model=alarm, leak_question=min(alarm, _ASK_FROM))) for alarm in _STARTS]
    best = min(ends, key=lambda end: cost(undecided, end))
    heard = listening.hear(said, best)
    return Calibrated(best, sum(costs.of(h) for h in heard) / len(heard), goals(heard))


def _cheapest(grid: Sequence[float], costs: Sequence[float]) -> float:
    """The middle of the longest run of least cost: as far as can be from where it gets dearer."""
    least = min(costs)
    runs: list[list[float]] = [[]]
    for value, cost in zip(grid, costs, strict=True):
        if cost <= least + 1e-9:
            runs[-1].append(value)
        elif runs[-1]:
            runs.append([])
    longest = max(runs, key=len)
    return longest[(len(longest) - 1) // 2]


_EXPLAINED = {
    "fallback": "Below it the intent is not believed: nlu_fallback, with the guess as runner-up.",
    "leak_by_model": "The model alone (danger words silent) makes an emergency from here on, all leak intents together.",
    "leak_with_words": 'With danger words that say "perhaps" from here on.',
    "leak_question": 'From here on one short question is asked ("is it the heating that leaks?").',
    "other_matter_certain": 'Danger words said "perhaps", and the model believes another matter less than this: the question too.',
}


def render(found: Calibrated, costs: Costs, sentences: int, now: datetime) -> str:
    """The text of bot/thresholds.yml."""
    f = found.figures
    lines = [
        f"# The operating point, chosen {now.astimezone(BEIJING).date().isoformat()} by `python -m ops.nlu_report calibrate`: the cheapest on",
        f"# {sentences} cross-validated predictions of the training data (siblings in one fold), never on a held-out set.",
        f"# There: {found.cost:.3f} a sentence; emergencies alarmed {f['emergency_alarmed'].value:.3f}, alarmed or asked after",
        f"# {f['emergency_alarmed_or_asked'].value:.3f}; others alarmed {1 - f['others_not_alarmed'].value:.4f}, asked {1 - f['others_not_asked'].value:.3f}.",
        "costs:",
        "  # an emergency neither alarmed nor asked after: a flat under water",
        f"  miss: {costs.miss:g}",
        "  # an emergency alarmed only after the question: half a minute, and some hang up",
        f"  late: {costs.late:g}",
        "  # a butler called out for nothing",
        f"  false_alarm: {costs.false_alarm:g}",
        '  # a question, or "say it again", that was not needed',
        f"  question: {costs.question:g}",
        "  # another matter believed than the one meant",
        f"  wrong_answer: {costs.wrong_answer:g}",
    ]
    for name in Thresholds.__slots__:
        lines += [f"# {_EXPLAINED[name]}", f"{name}: {getattr(found.thresholds, name):.2f}"]
    return "\n".join(lines) + "\n"
