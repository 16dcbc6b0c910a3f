"""docs/nlu.md: the figures as a page for people. Held-out sentences never appear on it, only their counts."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from bot.understand import Thresholds
from bot.understanding import Category
from ops.nlu_report.addresses import AddressFigures
from ops.nlu_report.alike import NEAR, SAME, SHORT, SIBLING, Leaks
from ops.nlu_report.calibrate import Costs
from ops.nlu_report.hear import Heard
from ops.nlu_report.measure import (
    FIVE,
    Figure,
    by_intent,
    categories,
    category_confusions,
    confusions,
    goals,
    groups,
    share,
)
from ops.nlu_report.models import FOLDS
from ops.nlu_report.peers import Peers

#: Figure, how the page calls it, and the least it must be.
GOALS = (
    ("macro_f1", "five categories, macro-F1", 0.95),
    ("lowest_f1", "lowest F1 of the five", 0.90),
    ("emergency_alarmed", "emergencies alarmed at once", 0.99),
    ("out_of_scope_not_alarmed", "out of scope without a false alarm", 0.97),
    ("negated_or_hypothetical_not_alarmed", "negated or hypothetical leaks without a false alarm", 0.97),
    ("rejected_with_heating_words", "out of scope with heating words, rejected", 0.90),
    ("rejected_without_heating_words", "out of scope without, rejected", 0.98),
)
OTHER_FIGURES = (
    ("intent_accuracy", "exact intent (of 35)"),
    ("emergency_alarmed_or_asked", "emergencies alarmed or asked after"),
    ("others_not_alarmed", "all others without a false alarm"),
    ("others_not_asked", "all others without a needless question"),
)
#: Homophones may cost so many points of macro-F1.
NOISE_POINTS = 2.0
RESOLVED_CLEAN, RESOLVED_NOISY, HOUSES = 0.98, 0.95, 0.97
LATENCY_RATIO, TRAINING_MINUTES = 1.5, 10
_MOST_CONFUSIONS = 25

CROSS_VALIDATED = "cross-validated"


@dataclass(slots=True)
class Findings:
    """Everything a run found out; what it left out stays None."""

    today: date
    fingerprint: str
    trained: int
    heard: dict[str, list[Heard]]
    thresholds: Thresholds
    costs: Costs
    calibration_errors: dict[str, float]
    leaks: dict[str, Leaks]
    addresses: dict[str, AddressFigures]
    noisy: dict[str, list[Heard]] | None = None
    noise_draws: int = 0
    peers: Peers | None = None
    server_mib: float = 0.0
    audio: str = ""
    seconds: dict[str, float] = field(default_factory=dict)


def render(f: Findings) -> str:
    """The whole page."""
    parts = [
        _head(f), _goals(f), _categories(f), _groups(f), _operating_point(f), _noise(f), _addresses(f), _peers(f),
        _audio(f), _leaks(f), _intents(f), _method(f),
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in row)} |" for row in lines)


def _met(value: float, floor: float) -> str:
    return "" if value >= floor else " **below**"


def _head(f: Findings) -> str:
    sizes = ", ".join(f"{name} {len(heard)}" for name, heard in f.heard.items())
    folds = "" if CROSS_VALIDATED in f.heard else "\nCross-validation was left out of this run (`--without folds`)."
    return f"""# How well it is understood

Written by `make nlu-report` on {f.today.isoformat()}, model {f.fingerprint[:12]}, {f.trained} training sentences. Do not edit.

Every figure is that of a live turn: normalisation, danger words, Rasa model, thresholds (`bot/understand.py`), the
held-out sets through the server that the product starts. Shares are followed by their 95 % interval and the number of
sentences. Sentences: {sizes}. Held-out sentences are in no training data; they are not shown here either.
The mistakes made in the first and second set have been read by whoever works on words and thresholds; the third was written
by somebody who knew neither model nor data, and nobody has looked at its mistakes: trust that column.{folds}"""


def _goals(f: Findings) -> str:
    measured = {name: goals(heard) for name, heard in f.heard.items()}
    rows = [
        [label, f"≥ {floor:.2f}", *(_cell(m[key], floor) for m in measured.values())] for key, label, floor in GOALS
    ]
    rows += [[label, "", *(str(m[key]) for m in measured.values())] for key, label in OTHER_FIGURES]
    return f"## Goals and what was measured\n\n{_table(['', 'goal', *_names(f)], rows)}"


def _names(f: Findings) -> list[str]:
    return [name if name == CROSS_VALIDATED else f"held-out, {name}" for name in f.heard]


def _cell(figure: Figure, floor: float) -> str:
    return str(figure) + (_met(figure.value, floor) if figure.n else "")


def _categories(f: Findings) -> str:
    measured = {name: categories(heard) for name, heard in f.heard.items()}
    rows = [[c, *(str(m.get(c, "–")) for m in measured.values())] for c in map(str, Category)]
    text = f"## Categories, F1\n\n{_table(['category', *_names(f)], rows)}"
    for name, heard in f.heard.items():
        table = category_confusions(heard)
        counted = [[meant, *(table[meant][said] or "" for said in map(str, Category))] for meant in map(str, Category)]
        text += f"\n\nMeant (rows) and understood (columns), {name}:\n\n{_table(['', *map(str, Category)], counted)}"
    return text


def _groups(f: Findings) -> str:
    text = "## Groups that are easily mistaken"
    for name, heard in f.heard.items():
        if name == CROSS_VALIDATED:
            continue
        rows = []
        for group, members in groups(heard).items():
            clear = [h for h in members if h.sentence.has_intent]
            emergencies = [h for h in members if h.sentence.emergency]
            others = [h for h in members if not h.sentence.emergency]
            rows.append(
                [
                    group,
                    share(h.category == h.sentence.category for h in clear),
                    share(h.alarmed for h in emergencies),
                    share(h.alarmed or h.asked for h in emergencies),
                    share(not h.alarmed for h in others),
                    share(not h.asked for h in others),
                ]
            )
        head = ["group", "category right", "emergencies alarmed", "alarmed or asked", "others not alarmed", "not asked"]
        text += f"\n\n### Held-out, {name}\n\n{_table(head, rows)}"
    return text


def _operating_point(f: Findings) -> str:
    costs = ", ".join(f"{name} {getattr(f.costs, name):g}" for name in Costs.__slots__)
    chosen = ", ".join(f"{name} {getattr(f.thresholds, name):.2f}" for name in Thresholds.__slots__)
    errors = ", ".join(f"{name} {error:.3f}" for name, error in f.calibration_errors.items())
    return f"""## Operating point

Costs ({costs}) are settings of `bot/thresholds.yml`; `python -m ops.nlu_report calibrate` chooses the thresholds that cost
least on the cross-validated predictions of the training data and writes them there. Now: {chosen}.

![Emergencies alarmed against false alarms](nlu/emergency_curve.png)

Expected calibration error of the best guess: {errors}.

![How often the model is right, by how sure it is](nlu/calibration.png)"""


def _noise(f: Findings) -> str:
    title = "## Homophones"
    if f.noisy is None:
        return f"{title}\n\nNot measured in this run (`--without noise`)."
    rows = []
    for name, noisy in f.noisy.items():
        clean, after = goals(f.heard[name]), goals(noisy)
        for key, label in [(key, label) for key, label, _ in GOALS] + list(OTHER_FIGURES):
            if clean[key].n:
                points = (clean[key].value - after[key].value) * 100
                mark = " **above 2**" if key == "macro_f1" and points > NOISE_POINTS else ""
                rows.append([name, label, f"{clean[key].value:.3f}", after[key], f"{points:+.1f}{mark}"])
    return f"""{title}

One to three characters of each sentence (one for each six begun) replaced by others of the same syllable (70 %) or of a
neighbouring one (zh/z ch/c sh/s n/l f/h ang/an eng/en ing/in), from the 3,755 everyday characters of GB 2312; {f.noise_draws}
seeded draws a sentence. Goal: at most {NOISE_POINTS:.0f} points of macro-F1. Replacement is blind: real recognisers prefer
common words, so this is harder than they are, word by word, and misses their insertions and deletions.

{_table(["set", "", "clean", "noisy", "cost in points"], rows)}"""


def _addresses(f: Findings) -> str:
    title = "## Communities and house addresses"
    rows = [
        [
            name,
            _cell(a.resolved, RESOLVED_NOISY if name.endswith("noise") else RESOLVED_CLEAN),
            a.resolved_or_offered,
            _cell(a.house, HOUSES),
        ]
        for name, a in f.addresses.items()
    ]
    head = ["", "community resolved (goal ≥ .98 clean, ≥ .95 noise)", "resolved or among those offered"]
    return f"{title}\n\n{_table([*head, 'building, unit and room all right (goal ≥ .97)'], rows)}"


def _peers(f: Findings) -> str:
    title = "## Peers"
    if f.peers is None:
        return f"{title}\n\nNot measured (`--without peers`, or not yet)."
    sets = list(f.peers.peers[0].macro_f1)
    rows = []
    for peer in f.peers.peers:
        training = "–" if peer.seconds_of_training is None else f"{peer.seconds_of_training:.0f} s"
        for name in sets:
            figures = (peer.macro_f1, peer.intent_accuracy, peer.emergencies_found, peer.others_not_alarmed)
            rows.append([peer.name, name, *(x[name] for x in figures), training])
    for name in sets:
        whole = goals(f.heard[name])
        keys = ("macro_f1", "intent_accuracy", "emergency_alarmed", "others_not_alarmed")
        rows.append(["**the whole product (words, model, thresholds)**", name, *(whole[k] for k in keys), ""])
    ratio = f.peers.ours.p50_ms / f.peers.suggested.p50_ms
    minutes = f.peers.seconds_of_training_ours / 60
    head = ["", "set", "macro-F1 of the five", "exact intent", "emergencies found", "others not alarmed", "training"]
    cost = [
        [n, f"{c.p50_ms:.1f} ms", f"{c.p95_ms:.1f} ms", f"{c.mib:.0f} MiB"]
        for n, c in (("this product's model", f.peers.ours), ("Rasa's suggested pipeline", f.peers.suggested))
    ]
    return f"""{title}

Trained on the same {f.peers.learnt} sentences, drawn at random from the training data, asked the same held-out ones, in this run, on
this machine. Each by its best guess, without danger words and thresholds, but for the keywords.
Rasa's suggested pipeline is `ops/nlu_report/suggested.yml`, keywords `ops/nlu_report/keywords.yml`.

{_table(head, rows)}

One parse over loopback HTTP, both servers up, asked the same sentence in turns:

{_table(["", "p50", "p95", "resident memory"], cost)}

Ratio at p50: {ratio:.2f} (goal: at most {LATENCY_RATIO}){_met(LATENCY_RATIO, ratio)}. Training on these: {minutes:.1f} minutes (goal: at most {TRAINING_MINUTES}){_met(TRAINING_MINUTES, minutes)}. Server of the product in its own run: {f.server_mib:.0f} MiB."""


def _audio(f: Findings) -> str:
    return f"## Real audio\n\n{f.audio or 'Not measured in this run (`--audio`).'}"


def _leaks(f: Findings) -> str:
    rows = [[name, found.near, found.same, found.short] for name, found in f.leaks.items()]
    head = [
        "set",
        f"training sentence ≥ {NEAR:.0f} alike",
        f"≥ {SAME:.0f}: fails",
        f"identical, below {SHORT} characters",
    ]
    return f"""## Leaks between held-out sets and training data

Short sentences that any two authors write ("hello") are counted apart and are no leak.

{_table(head, rows)}"""


def _intents(f: Findings) -> str:
    text = "## Intents"
    for name, heard in f.heard.items():
        rows = [[r.name, r.n, r.precision, r.recall, r.f1] for r in by_intent(heard)]
        text += f"\n\n### {name}\n\n{_table(['intent', 'sentences', 'precision', 'recall', 'F1'], rows)}"
        most = [[meant, said, n] for meant, said, n in confusions(heard)[:_MOST_CONFUSIONS]]
        text += f"\n\nMost frequent confusions:\n\n{_table(['meant', 'understood', 'times'], most)}"
    return text


def _method(f: Findings) -> str:
    times = ", ".join(f"{part} {seconds:.0f} s" for part, seconds in f.seconds.items())
    five = ", ".join(FIVE)
    return f"""## How this was measured

- **Cross-validated**: {FOLDS} folds over the training data, each trained by Rasa with `bot/config.yml`; sentences of one intent
  that are ≥ {SIBLING:.0f} alike stay in one fold, so that no paraphrase is tested by a model that knows its neighbour. The
  danger words were written with the training data in view: for them these figures are friendly.
- **Category** is that of the intent, or of the best guess when the intent was not believed; the five are {five}.
- **Intervals**: Wilson for shares, bootstrap over sentences (1,000 draws, seeded) for F1.
- Sentences marked `nlu_fallback` fit no matter of the list: only whether they alarm counts.
- CI (`tests/bot/test_nlu_quality.py`) fails when a held-out figure falls by more than one standard error below
  `nlu/baseline.json`, which this report writes: commit both together, and only with a reason for what fell.
- Time: {times}. The five trainings of the cross-validation take some six minutes of two cores; what they predicted is
  kept in `var/nlu_report` until something changes that the model depends on."""
