"""Sentences that are nearly the same: leaks between training and held-out sets, and siblings that must share a fold."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rapidfuzz import fuzz, process

from ops.nlu_report.sentences import Sentence

#: From here on two sentences are one: a leak.
SAME = 90.0
#: From here on worth counting: the page shows how many.
NEAR = 82.0
#: From here on two training sentences are siblings: one of them must not be tested by a model that knows the other.
SIBLING = 70.0
#: Shorter ones ("hello") cannot help being alike; of them only identical ones count.
SHORT = 6


@dataclass(frozen=True, slots=True)
class Leaks:
    """How many held-out sentences have a training sentence at least so alike. `positions`: of those that are the same.

    `short`: identical ones below `SHORT` characters, which any two authors write ("hello", "an operator please"); they
    are counted and no leak. `same` must be 0.
    """

    near: int
    same: int
    short: int
    positions: tuple[int, ...] = ()


def spoken(text: str) -> str:
    return "".join(text.split())


def leaks(held_out: Sequence[Sentence], trained: Sequence[Sentence]) -> Leaks:
    """Each held-out sentence against all training sentences. Short sentences count only if identical."""
    known = [spoken(s.text) for s in trained]
    asked = [spoken(s.text) for s in held_out]
    best = process.cdist(asked, known, scorer=fuzz.ratio, dtype=np.float32, workers=-1).max(axis=1)
    exact = set(known)
    long_ones = [i for i, text in enumerate(asked) if len(text) >= SHORT]
    same = tuple(i for i in long_ones if best[i] >= SAME)
    near = sum(1 for i in long_ones if best[i] >= NEAR)
    return Leaks(near, len(same), sum(len(t) < SHORT and t in exact for t in asked), same)


def folds(sentences: Sequence[Sentence], count: int) -> list[int]:
    """The fold of each sentence: siblings of one intent stay together, each intent is spread evenly, no dice.

    Without this a paraphrase written in one breath with its neighbour is tested by a model that saw the neighbour.
    """
    fold = [-1] * len(sentences)
    by_intent: dict[str, list[int]] = {}
    for index, sentence in enumerate(sentences):
        by_intent.setdefault(sentence.intent, []).append(index)
    for members in by_intent.values():
        families = _families([spoken(sentences[i].text) for i in members])
        load: Counter[int] = Counter(dict.fromkeys(range(count), 0))
        for family in sorted(families, key=lambda f: (-len(f), f[0])):
            target = min(load, key=lambda f: (load[f], f))
            load[target] += len(family)
            for member in family:
                fold[members[member]] = target
    return fold


def _families(texts: list[str]) -> list[list[int]]:
    """Each text joins the first leader it is a sibling of, or leads a family of its own (no chains)."""
    alike = process.cdist(texts, texts, scorer=fuzz.ratio, dtype=np.float32, workers=-1) >= SIBLING
    families: dict[int, list[int]] = {}
    for index in range(len(texts)):
        leader = next((known for known in families if alike[index, known]), index)
        families.setdefault(leader, []).append(index)
    return list(families.values())
