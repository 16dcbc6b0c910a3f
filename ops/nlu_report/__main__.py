"""`make nlu-report`, or python -m ops.nlu_report [--without PART …] [--audio]: measures and writes docs/nlu.md, its pictures and baseline.json.

python -m ops.nlu_report calibrate: chooses the thresholds by the costs in bot/thresholds.yml and writes them there.
python -m ops.nlu_report leaks: which held-out sentences are in the training data, nearly word for word, by their positions
(for whoever keeps the held-out sets; the sentences are not told). It and the report end with status 1 if there is one.
"""

import argparse
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

import structlog

from bot.normalise import normalise
from bot.rasa_client import RasaClient
from bot.train import fingerprint, model_fits
from bot.understand import THRESHOLDS, Thresholds
from kernel.clock import BEIJING
from ops.nlu_report import addresses, baseline, page, peers, plots
from ops.nlu_report import audio as telephone
from ops.nlu_report.alike import leaks
from ops.nlu_report.calibrate import Costs, calibrate, listener, render, with_emergencies
from ops.nlu_report.hear import Heard, Listener
from ops.nlu_report.measure import goals
from ops.nlu_report.models import Trained, cross_validated, memory_mib, served
from ops.nlu_report.noise import misheard
from ops.nlu_report.sentences import HOME, Sentence, digest, held_out_sets, training

DOCS = HOME / "docs"
NOISE_DRAWS = 2
_PATIENCE_SECONDS = 30.0


def main() -> int:
    structlog.configure(processors=[_drop])  # the utterances are ours; the page says what was found
    parser = argparse.ArgumentParser(prog="python -m ops.nlu_report", description=__doc__)
    parser.add_argument("what", nargs="?", choices=["report", "calibrate", "leaks"], default="report")
    parser.add_argument(
        "--without",
        nargs="+",
        default=[],
        choices=["folds", "noise", "peers"],
        help="leave out: the cross-validation (half an hour), the misheard sentences, the peers (two more trainings)",
    )
    parser.add_argument("--audio", action="store_true", help="with synthetic speech over a simulated telephone line")
    options = parser.parse_args()
    if options.what == "calibrate":
        return write_thresholds()
    if options.what == "leaks":
        return name_leaks()
    return write_report(frozenset(options.without), audio=options.audio)


def _drop(_logger: object, _name: str, _event: object) -> str:
    raise structlog.DropEvent


def write_thresholds() -> int:
    sentences = training()
    costs = Costs.load()
    found = calibrate(sentences, cross_validated(sentences), costs, Thresholds.load())
    text = render(found, costs, len(sentences), datetime.now(UTC))
    THRESHOLDS.write_text(text, encoding="utf-8")
    print(text)
    return 0


def name_leaks() -> int:
    trained = training()
    found = {name: leaks(sentences, trained).positions for name, sentences in held_out_sets().items()}
    for name, positions in found.items():
        print(f"{name}: {', '.join(f'no. {p + 1}' for p in positions) or 'none'}")
    return 1 if any(found.values()) else 0


def write_report(without: frozenset[str], *, audio: bool) -> int:
    if not model_fits():
        print("nlu-report: the model does not fit the code; run `make setup`", file=sys.stderr)
        return 1
    clock = _Stopwatch()
    trained, held_out = training(), held_out_sets()
    listeners: dict[str, Listener] = {}
    everything = dict(held_out)
    if "folds" not in without:
        with clock.part("cross-validation"):
            listeners[page.CROSS_VALIDATED] = listener(trained, cross_validated(trained))
            everything[page.CROSS_VALIDATED] = with_emergencies(trained)
    with clock.part("held-out sets"), served() as (url, pid):
        listening = listener_of(url, (s for sentences in held_out.values() for s in sentences))
        noisy = (
            None if "noise" in without else {name: hear_noisy(url, sentences) for name, sentences in held_out.items()}
        )
        mib = memory_mib(pid)
    spoken = ""
    if audio:
        with clock.part("audio"):
            spoken = over_the_telephone(held_out, listening)
    listeners |= dict.fromkeys(held_out, listening)
    heard = {name: listeners[name].hear(sentences) for name, sentences in everything.items()}
    with clock.part("pictures"):
        errors = draw(listeners, everything, heard)
    findings = page.Findings(
        today=datetime.now(BEIJING).date(),
        fingerprint=fingerprint(),
        trained=len(trained),
        heard=heard,
        thresholds=Thresholds.load(),
        costs=Costs.load(),
        calibration_errors=errors,
        leaks={name: leaks(sentences, trained) for name, sentences in held_out.items()},
        addresses=measure_addresses(),
        noisy=noisy,
        noise_draws=NOISE_DRAWS,
        server_mib=mib,
        audio=spoken,
    )
    figures = {name: goals(heard[name]) for name in held_out}
    baseline.write({name: digest(sentences) for name, sentences in held_out.items()}, figures)
    findings.seconds = clock.seconds
    write_page(findings)  # what there is, before the longest part begins
    if "peers" not in without:
        with clock.part("peers"):
            findings.peers = peers.compare(trained, held_out)
        write_page(findings)
    same = sum(found.same for found in findings.leaks.values())
    print(f"nlu-report: wrote docs/nlu.md ({', '.join(f'{k} {v:.0f} s' for k, v in clock.seconds.items())})")
    if same:
        print(f"nlu-report: {same} held-out sentences are in the training data, nearly word for word", file=sys.stderr)
    return 1 if same else 0


def write_page(findings: page.Findings) -> None:
    (DOCS / "nlu.md").write_text(page.render(findings), encoding="utf-8")


def listener_of(url: str, sentences: Iterable[Sentence]) -> Listener:
    """Asks the server each sentence once."""
    texts = {normalise(s.text) for s in sentences}
    with RasaClient(url, _PATIENCE_SECONDS) as client:
        return Listener(Trained(0.0, {t.text: client.parse(t.text) for t in texts if t.is_usable}))


def hear_noisy(url: str, sentences: Iterable[Sentence]) -> list[Heard]:
    """The same sentences misheard, several draws of each."""
    changed = [replace(s, text=misheard(s.text, seed)) for s in sentences for seed in range(NOISE_DRAWS)]
    return listener_of(url, changed).hear(changed)


def over_the_telephone(held_out: Mapping[str, list[Sentence]], as_written: Listener) -> str:
    """The audio section, or why there is none."""
    sentences = telephone.choose(held_out)
    try:
        written = telephone.written_down(sentences)
    except telephone.NoAudio as exc:
        return f"Not measured: the environment does not work on this machine ({exc})."
    misheard_ones = [replace(s, text=text) for s, text in zip(sentences, written, strict=True)]
    with served() as (url, _):
        noisy = listener_of(url, misheard_ones).hear(misheard_ones)
    rate = telephone.character_error_rate([s.text for s in sentences], written)
    return telephone.render(as_written.hear(sentences), noisy, rate)


def draw(
    listeners: Mapping[str, Listener], sets: Mapping[str, list[Sentence]], heard: Mapping[str, list[Heard]]
) -> dict[str, float]:
    """Both pictures; returns the calibration errors."""
    now = Thresholds.load()
    curves, chosen = {}, {}
    for name, sentences in sets.items():
        title = f"{name}: words and model"
        curves[title] = plots.curve(listeners[name], sentences, now, with_words=True)
        chosen[title] = plots.point(heard[name], now.leak_by_model)
        curves[f"{name}: model alone"] = plots.curve(listeners[name], sentences, now, with_words=False)
    plots.draw_curve(curves, chosen, DOCS / "nlu" / "emergency_curve.png")
    pairs = {name: listeners[name].best_guesses(sentences) for name, sentences in sets.items()}
    return plots.draw_reliability(pairs, DOCS / "nlu" / "calibration.png")


def measure_addresses() -> dict[str, addresses.AddressFigures]:
    return {
        f"{name}, {'noise' if noise else 'clean'}": addresses.measure([a for a in rows if a.noise is noise])
        for name, rows in addresses.read().items()
        for noise in (False, True)
    }


class _Stopwatch:
    """Seconds of each part, told on the way: the whole takes a quarter of an hour."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        print(f"nlu-report: {name} …", flush=True)
        started = time.monotonic()
        yield
        self.seconds[name] = time.monotonic() - started


if __name__ == "__main__":
    sys.exit(main())
