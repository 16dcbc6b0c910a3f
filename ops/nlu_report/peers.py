"""Peers, trained on the same sentences and asked the same held-out ones in the same run; and what a parse costs."""

import random
import re
import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import yaml

from bot.danger_words import Danger, DangerWords, load_danger_words
from bot.normalise import normalise
from bot.understanding import EMERGENCIES, Intent, category_of
from ops.nlu_report.measure import FIVE, Figure, f1, share
from ops.nlu_report.models import KEPT, PYTHON, Job, memory_mib, run, served
from ops.nlu_report.sentences import HOME, Sentence

HERE = Path(__file__).resolve().parent
SUGGESTED = HERE / "suggested.yml"
KEYWORDS = HERE / "keywords.yml"
#: jieba is no part of the product: it lies in a folder of its own, installed on demand from a lock with hashes.
REPORT_LOCK = HOME / "bot" / "requirements-report.txt"
EXTRA = KEPT / "packages"
PARSES = 300
#: All peers, the product's pipeline among them, learn the same so many sentences, drawn at random: DIET takes hours over all of them.
LEARN = 1_500
_WARM_UP = 20


@dataclass(frozen=True, slots=True)
class Peer:
    """One way to guess intents, by its best guess alone (no danger words, no thresholds) unless the name says more."""

    name: str
    macro_f1: Mapping[str, Figure]
    intent_accuracy: Mapping[str, Figure]
    emergencies_found: Mapping[str, Figure]
    others_not_alarmed: Mapping[str, Figure]
    seconds_of_training: float | None = None


@dataclass(frozen=True, slots=True)
class Cost:
    """Parse over loopback HTTP, asked in turns with the other; resident memory of the server after it."""

    p50_ms: float
    p95_ms: float
    mib: float


@dataclass(frozen=True, slots=True)
class Peers:
    """All peers, the product's model first, and what a parse of two of them costs."""

    peers: list[Peer]
    ours: Cost
    suggested: Cost
    seconds_of_training_ours: float
    learnt: int


def compare(trained: Sequence[Sentence], held_out: Mapping[str, Sequence[Sentence]]) -> Peers:
    """Takes some ten minutes: three trainings on `LEARN` of the sentences. Raises RuntimeError if a model cannot be made or served."""
    install_report_packages()
    learnt = random.Random(LEARN).sample(trained, min(LEARN, len(trained)))
    texts = [s.text for sentences in held_out.values() for s in sentences]
    with TemporaryDirectory() as folder:
        ours, theirs = Path(folder) / "ours.tar.gz", Path(folder) / "suggested.tar.gz"
        jobs = [
            Job(learnt, texts, keep=ours),
            Job(learnt, texts, config=SUGGESTED, keep=theirs),
            Job(learnt, texts, kind="svm"),
        ]
        results = run(jobs, EXTRA)
        costs = race(ours, theirs, [normalise(t).text for t in texts])
    names = ("this product's model", "Rasa's suggested pipeline (jieba, DIET)", "linear SVM, character n-grams")
    peers = [
        _peer(name, held_out, {t: guesses[0].intent for t, guesses in r.guesses.items()}, r.seconds)
        for name, r in zip(names, results, strict=True)
    ]
    said = {normalise(t).text: keyword_intent(normalise(t).text) for t in texts}
    peers.append(_peer("keywords alone (with our danger words)", held_out, said, None))
    return Peers(peers, *costs, results[0].seconds, len(learnt))


def install_report_packages() -> None:
    """Raises RuntimeError if they cannot be installed."""
    if (EXTRA / "jieba").is_dir():
        return
    uv = HOME / ".venv" / "bin" / "uv"
    command: list[str | Path] = [uv, "pip", "install", "--quiet", "--python", PYTHON, "--target", EXTRA, "--no-deps"]
    done = subprocess.run(
        [*command, "--require-hashes", "-r", REPORT_LOCK], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{REPORT_LOCK.name} cannot be installed:\n{done.stderr}")


def keyword_intent(text: str) -> Intent:
    """Danger words, then the first pattern of keywords.yml; a stranger's matter if nothing matches."""
    found = _danger_words().judge(text)
    if found.danger is not Danger.NO and found.intent is not None:
        return found.intent
    for intent, pattern in _keywords():
        if pattern.search(text):
            return intent
    return Intent.OUT_OF_SCOPE


@lru_cache(maxsize=1)
def _danger_words() -> DangerWords:
    return load_danger_words()


@lru_cache(maxsize=1)
def _keywords() -> list[tuple[Intent, re.Pattern[str]]]:
    rows: list[list[str]] = yaml.safe_load(KEYWORDS.read_text(encoding="utf-8"))
    return [(Intent(intent), re.compile(pattern)) for intent, pattern in rows]


def _peer(name: str, held_out: Mapping[str, Sequence[Sentence]], said: Mapping[str, Intent], s: float | None) -> Peer:
    macro, accuracy, found, quiet = {}, {}, {}, {}
    for set_name, sentences in held_out.items():
        pairs = [(x, said[normalise(x.text).text]) for x in sentences]
        clear = [(x, g) for x, g in pairs if x.has_intent]
        meant, best = [str(x.category) for x, _ in clear], [str(category_of(g)) for _, g in clear]
        macro[set_name] = f1(meant, best, [str(c) for c in FIVE])
        accuracy[set_name] = share(x.intent is g for x, g in clear)
        found[set_name] = share(g in EMERGENCIES for x, g in pairs if x.emergency)
        quiet[set_name] = share(g not in EMERGENCIES for x, g in pairs if not x.emergency)
    return Peer(name, macro, accuracy, found, quiet, s)


def race(ours: Path, theirs: Path, texts: Sequence[str]) -> tuple[Cost, Cost]:
    """Both servers up at once, asked the same sentence in turns: what else the machine does hits both."""
    with ExitStack() as stack:
        servers = [stack.enter_context(served(model, EXTRA)) for model in (ours, theirs)]
        clients = [stack.enter_context(httpx.Client(base_url=url, timeout=30, trust_env=False)) for url, _ in servers]
        times: list[list[float]] = [[], []]
        for n in range(PARSES + _WARM_UP):
            for client, seconds in zip(clients, times, strict=True):
                started = time.perf_counter()
                client.post("/model/parse", json={"text": texts[n % len(texts)]}).raise_for_status()
                seconds.append(time.perf_counter() - started)
        memory = [memory_mib(pid) for _, pid in servers]
    first, second = (_cost(seconds[_WARM_UP:], mib) for seconds, mib in zip(times, memory, strict=True))
    return first, second


def _cost(seconds: list[float], mib: float) -> Cost:
    cuts = statistics.quantiles(seconds, n=100)
    return Cost(cuts[49] * 1000, cuts[94] * 1000, mib)
