"""The two pictures of the report: calibration and the emergency curve."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import matplotlib as mpl
import numpy as np

from bot.understand import Thresholds
from ops.nlu_report.hear import Heard, Listener
from ops.nlu_report.sentences import Sentence

mpl.use("Agg")  # before pyplot: no window
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

_BINS = 10
#: The model's own threshold; the one with words keeps its ratio to it.
SWEEP = tuple(round(0.02 * n, 2) for n in range(1, 50))


@dataclass(frozen=True, slots=True)
class Bin:
    """Sentences about equally sure of: how sure the model said it was, how often it was right."""

    confidence: float
    right: float
    n: int


def reliability(pairs: Sequence[tuple[float, bool]]) -> tuple[list[Bin], float]:
    """Ten bins of equal width, and the expected calibration error (the gap, weighted by sentences)."""
    binned: dict[int, list[tuple[float, bool]]] = {}
    for confidence, right in pairs:
        binned.setdefault(min(_BINS - 1, int(confidence * _BINS)), []).append((confidence, right))
    bins = [
        Bin(float(np.mean([c for c, _ in rows])), float(np.mean([r for _, r in rows])), len(rows))
        for _, rows in sorted(binned.items())
    ]
    return bins, sum(abs(b.confidence - b.right) * b.n for b in bins) / len(pairs)


@dataclass(frozen=True, slots=True)
class Point:
    """One operating point: emergencies alarmed, and others alarmed."""

    threshold: float
    recall: float
    false_alarms: float


def point(heard: Sequence[Heard], threshold: float) -> Point:
    emergencies = [h.alarmed for h in heard if h.sentence.emergency]
    others = [h.alarmed for h in heard if not h.sentence.emergency]
    return Point(threshold, float(np.mean(emergencies)), float(np.mean(others)))


def curve(listener: Listener, sentences: Sequence[Sentence], now: Thresholds, *, with_words: bool) -> list[Point]:
    """Every operating point from "all are leaks" to "none is"."""
    ratio = now.leak_with_words / now.leak_by_model
    points = []
    for threshold in SWEEP:
        at = replace(now, leak_by_model=threshold, leak_with_words=min(1.0, threshold * ratio))
        points.append(point(listener.hear(sentences, at, with_words=with_words), threshold))
    return points


def draw_reliability(named: Mapping[str, Sequence[tuple[float, bool]]], path: Path) -> dict[str, float]:
    """Draws one line for each set; returns the expected calibration errors."""
    figure, (axes, below) = plt.subplots(2, 1, figsize=(6, 7), height_ratios=(3, 1), sharex=True)
    axes.plot([0, 1], [0, 1], color="0.7", linestyle="--", label="as sure as right")
    errors = {}
    for name, pairs in named.items():
        bins, errors[name] = reliability(pairs)
        xs = [b.confidence for b in bins]
        axes.plot(xs, [b.right for b in bins], marker="o", label=f"{name} (error {errors[name]:.3f})")
        below.plot(xs, [b.n / len(pairs) for b in bins], marker="o")
    axes.set(ylabel="share that was right", title="Calibration of the model's best guess", ylim=(0, 1))
    below.set(xlabel="confidence", ylabel="share of sentences", ylim=(0, None))
    axes.legend()
    _save(figure, path)
    return errors


def draw_curve(curves: Mapping[str, Sequence[Point]], chosen: Mapping[str, Point], path: Path) -> None:
    """Recall against false alarms; a cross marks where the product stands."""
    figure, axes = plt.subplots(figsize=(7, 5))
    for name, points in curves.items():
        (line,) = axes.plot([p.false_alarms * 100 for p in points], [p.recall * 100 for p in points], label=name)
        if name in chosen:
            at = chosen[name]
            axes.plot(at.false_alarms * 100, at.recall * 100, marker="X", markersize=11, color=line.get_color())
    axes.axhline(99, color="0.7", linestyle="--")
    axes.axvline(3, color="0.7", linestyle="--")
    axes.set(
        xlabel="false alarms among all others, % (dashed: goal 3)",
        ylabel="emergencies alarmed at once, % (dashed: goal 99)",
        title="Emergency curve; a cross marks the operating point",
        xlim=(0, 15),
        ylim=(70, 100.5),
    )
    axes.legend(loc="lower right")
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.tight_layout()
    figure.savefig(path, dpi=110, metadata={"Software": ""})
    plt.close(figure)
