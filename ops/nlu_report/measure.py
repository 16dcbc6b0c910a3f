"""What was heard, in figures with their noise. Pure."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from bot.understanding import Category, Intent
from ops.nlu_report.hear import Heard

#: The five categories the product is judged by.
FIVE = (Category.LEAK, Category.COLD_ROOM, Category.TEMPERATURE_TEST, Category.BILLING, Category.OUT_OF_SCOPE)
#: Traps of the held-out files, gathered into the groups that have goals.
OTHERS_WITH_HEATING = frozenset({"heating_words", "foreign_leak", "oos_heating", "oos_foreign_leak", "outside_area"})
OTHERS_WITHOUT = frozenset({"plain", "oos_plain"})
NOT_LEAKING = ("negated", "hypothetical")
_Z95 = 1.96
_RESAMPLES = 1000
_SEED = 20_261_115


@dataclass(frozen=True, slots=True)
class Figure:
    """A share or an F1, the more the better, with its 95 % interval and its standard error over `n` sentences."""

    value: float
    low: float
    high: float
    noise: float
    n: int

    def __str__(self) -> str:
        if not self.n:
            return "–"
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}] ({self.n})"


def share(right: Iterable[bool]) -> Figure:
    """A proportion with Wilson's interval; of nothing it is nan."""
    marks = list(right)
    n, hits = len(marks), sum(marks)
    if not n:
        return Figure(math.nan, math.nan, math.nan, math.nan, 0)
    p = hits / n
    middle = (p + _Z95**2 / (2 * n)) / (1 + _Z95**2 / n)
    half = _Z95 / (1 + _Z95**2 / n) * math.sqrt(p * (1 - p) / n + _Z95**2 / (4 * n * n))
    smoothed = (hits + 1) / (n + 2)  # all right is not "without noise"
    noise = math.sqrt(smoothed * (1 - smoothed) / n)
    return Figure(p, max(0.0, middle - half), min(1.0, middle + half), noise, n)


def f1(meant: Sequence[str], said: Sequence[str], classes: Sequence[str]) -> Figure:
    """The mean F1 of some classes, its interval by bootstrap over sentences (seeded). Classes that nobody meant count 0."""
    names = sorted({*meant, *said, *classes})
    number = {name: i for i, name in enumerate(names)}
    m, s = (np.array([number[x] for x in labels]) for labels in (meant, said))
    wanted = [number[c] for c in classes]
    rng = np.random.default_rng(_SEED)
    draws = [_mean_f1(m[i], s[i], wanted, len(names)) for i in rng.integers(0, len(m), (_RESAMPLES, len(m)))]
    low, high = np.quantile(draws, [0.025, 0.975])
    n = sum(x in set(classes) for x in meant)
    return Figure(_mean_f1(m, s, wanted, len(names)), float(low), float(high), float(np.std(draws)), n)


def _mean_f1(meant: np.ndarray, said: np.ndarray, classes: list[int], size: int) -> float:
    right = np.bincount(meant[meant == said], minlength=size)
    both = np.bincount(meant, minlength=size) + np.bincount(said, minlength=size)
    return float(np.mean([2 * right[c] / both[c] if both[c] else 0.0 for c in classes]))


def categories(heard: Sequence[Heard]) -> dict[str, Figure]:
    """Macro-F1 of the five, then each category's F1."""
    clear = [h for h in heard if h.sentence.has_intent]
    meant, said = [str(h.sentence.category) for h in clear], [h.category for h in clear]
    every = {"macro-F1 of the five": f1(meant, said, [str(c) for c in FIVE])}
    return every | {str(c): f1(meant, said, [str(c)]) for c in Category if str(c) in meant}


def is_out_of_scope(heard: Heard) -> bool:
    return heard.sentence.category is Category.OUT_OF_SCOPE


def is_not_leaking(heard: Heard) -> bool:
    return not heard.sentence.emergency and any(word in heard.sentence.trap for word in NOT_LEAKING)


def goals(heard: Sequence[Heard]) -> dict[str, Figure]:
    """The figures that have goals and that CI keeps; all of them the more the better."""
    emergencies = [h for h in heard if h.sentence.emergency]
    others = [h for h in heard if not h.sentence.emergency]
    strangers = [h for h in heard if is_out_of_scope(h) and h.sentence.intent is Intent.OUT_OF_SCOPE]
    with_heating = [h for h in strangers if h.sentence.trap in OTHERS_WITH_HEATING]
    without = [h for h in strangers if h.sentence.trap in OTHERS_WITHOUT]
    by_category = categories(heard)
    lowest = min((by_category[str(c)] for c in FIVE if str(c) in by_category), key=lambda f: f.value)
    return {
        "macro_f1": by_category["macro-F1 of the five"],
        "lowest_f1": lowest,
        "intent_accuracy": share(h.best is h.sentence.intent for h in heard if h.sentence.has_intent),
        "emergency_alarmed": share(h.alarmed for h in emergencies),
        "emergency_alarmed_or_asked": share(h.alarmed or h.asked for h in emergencies),
        "out_of_scope_not_alarmed": share(not h.alarmed for h in heard if is_out_of_scope(h)),
        "negated_or_hypothetical_not_alarmed": share(not h.alarmed for h in heard if is_not_leaking(h)),
        "others_not_alarmed": share(not h.alarmed for h in others),
        "others_not_asked": share(not h.asked for h in others),
        "rejected_with_heating_words": share(h.category == Category.OUT_OF_SCOPE for h in with_heating),
        "rejected_without_heating_words": share(h.category == Category.OUT_OF_SCOPE for h in without),
    }


@dataclass(frozen=True, slots=True)
class Row:
    """One intent or category: how often it was meant and said."""

    name: str
    n: int
    precision: Figure
    recall: Figure
    f1: Figure


def by_intent(heard: Sequence[Heard]) -> list[Row]:
    """One row for each intent that was meant."""
    clear = [h for h in heard if h.sentence.has_intent]
    meant, said = [str(h.sentence.intent) for h in clear], [str(h.best) for h in clear]
    rows = []
    for intent in Intent:
        if str(intent) in meant:
            precision = share(m == intent for m, s in zip(meant, said, strict=True) if s == intent)
            recall = share(s == intent for m, s in zip(meant, said, strict=True) if m == intent)
            rows.append(Row(str(intent), recall.n, precision, recall, f1(meant, said, [str(intent)])))
    return rows


def groups(heard: Sequence[Heard]) -> dict[str, list[Heard]]:
    """By trap; what has none, by whether it is an emergency."""
    found: dict[str, list[Heard]] = {}
    for h in heard:
        name = h.sentence.trap or ("plain emergency" if h.sentence.emergency else "plain other")
        found.setdefault(name, []).append(h)
    return dict(sorted(found.items()))


def confusions(heard: Sequence[Heard]) -> list[tuple[str, str, int]]:
    """(meant, said, how often), most frequent first: counts only, so that nobody learns a held-out sentence here."""
    clear = [h for h in heard if h.sentence.has_intent]
    wrong = Counter((str(h.sentence.intent), str(h.best)) for h in clear if h.best is not h.sentence.intent)
    return [(meant, said, count) for (meant, said), count in wrong.most_common()]


def category_confusions(heard: Sequence[Heard]) -> dict[str, Counter[str]]:
    """For each category meant, how often which was said."""
    table: dict[str, Counter[str]] = {str(c): Counter() for c in Category}
    for h in (h for h in heard if h.sentence.has_intent):
        table[str(h.sentence.category)][h.category] += 1
    return table
