"""Models for the report: trained and asked in Rasa's environment, or served as the product serves its own."""

import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import psutil

from bot.normalise import normalise
from bot.rasa_client import Guess
from bot.train import environment, fingerprint
from bot.understanding import Intent
from kernel.errors import NluUnavailable
from ops.nlu_process import STARTS_WITHIN_SECONDS, free_port
from ops.nlu_report.alike import folds
from ops.nlu_report.sentences import HOME, Sentence

PYTHON = HOME / "bot" / ".venv" / "bin" / "python"
WORKER = "ops.nlu_report.rasa_worker"
CONFIG = HOME / "bot" / "config.yml"
DOMAIN = HOME / "bot" / "domain.yml"
#: Figures that cost minutes are kept here, named after everything they depend on.
KEPT = HOME / "var" / "nlu_report"
FOLDS = 5

Guesses = tuple[Guess, ...]


@dataclass(frozen=True, slots=True)
class Job:
    """One model to train and to ask. `keep`: where the model file is wanted, if it is."""

    train: Sequence[Sentence]
    ask: Sequence[str]
    kind: str = "rasa"
    config: Path = CONFIG
    keep: Path | None = None


@dataclass(frozen=True, slots=True)
class Trained:
    """What came of a job: training time, and for each asked text the guesses, likeliest first."""

    seconds: float
    guesses: Mapping[str, Guesses]

    def parse(self, text: str) -> Guesses:
        """As bot.understand.Model: what this model guessed for a text it was asked. Raises NluUnavailable for another."""
        try:
            return self.guesses[text]
        except KeyError as exc:
            raise NluUnavailable(f"was not asked: {len(text)} characters") from exc


def run(jobs: Sequence[Job], extra_packages: Path | None = None) -> list[Trained]:
    """Trains and asks, one after the other, in one process of Rasa's Python. Raises RuntimeError with its last lines."""
    texts = [sorted({normalise(t).text for t in job.ask}) for job in jobs]
    wire = [
        {
            "kind": job.kind,
            "config": str(job.config),
            "domain": str(DOMAIN),
            "train": [[s.text, s.intent.value] for s in job.train],
            "ask": asked,
            "keep": str(job.keep or ""),
        }
        for job, asked in zip(jobs, texts, strict=True)
    ]
    with TemporaryDirectory() as folder:
        jobs_path, results_path = Path(folder) / "jobs.json", Path(folder) / "results.json"
        jobs_path.write_text(json.dumps(wire, ensure_ascii=False), encoding="utf-8")
        program: list[str | Path] = [PYTHON, "-m", WORKER, jobs_path, results_path]
        env = _environment(extra_packages)
        done = subprocess.run(program, cwd=folder, env=env, stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{WORKER} failed:\n{done.stderr[-2000:]}")
        results = json.loads(results_path.read_text(encoding="utf-8"))
    return [
        Trained(r["seconds"], {t: _guesses(g) for t, g in zip(asked, r["guesses"], strict=True)})
        for r, asked in zip(results, texts, strict=True)
    ]


def _guesses(rows: list[list[str | float]]) -> Guesses:
    return tuple(Guess(Intent(str(name)), float(confidence)) for name, confidence in rows)


def _environment(extra_packages: Path | None = None) -> dict[str, str]:
    """Extra packages stay out of the product's environment."""
    env = environment()
    if extra_packages:
        env["PYTHONPATH"] = f"{env['PYTHONPATH']}{os.pathsep}{extra_packages}"
    return env


def cross_validated(sentences: Sequence[Sentence]) -> list[Guesses]:
    """For each training sentence the guesses of a model that knew neither it nor its siblings.

    The product's own pipeline (bot/config.yml) is trained by Rasa on four fifths and asked the last, five times. Takes
    some minutes; kept under the fingerprint of everything a model depends on. Raises RuntimeError if that changes meanwhile.
    """
    made_from = fingerprint()
    kept = KEPT / f"cross-validated-{made_from[:16]}.json"
    if not kept.exists():
        fold = folds(sentences, FOLDS)
        members = [[s for s, f in zip(sentences, fold, strict=True) if f == n] for n in range(FOLDS)]
        others = [[s for s, f in zip(sentences, fold, strict=True) if f != n] for n in range(FOLDS)]
        jobs = [Job(train, [s.text for s in asked]) for train, asked in zip(others, members, strict=True)]
        trained = run(jobs)
        if fingerprint() != made_from:
            raise RuntimeError("bot/ changed while it was measured: run again")
        rows = [trained[f].guesses[normalise(s.text).text] for s, f in zip(sentences, fold, strict=True)]
        KEPT.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps([[[g.intent, g.confidence] for g in row] for row in rows]), encoding="utf-8")
    return [_guesses(row) for row in json.loads(kept.read_text(encoding="utf-8"))]


@contextmanager
def served(model: Path | None = None, extra_packages: Path | None = None) -> Iterator[tuple[str, int]]:
    """(address, process id) of a Rasa server of our own: bot/serve.py, which refuses a model that does not fit, or `model`.

    Never one that happens to run: it may serve yesterday's model. Raises RuntimeError with its last lines.
    """
    port = free_port()
    command: list[object] = [PYTHON, HOME / "bot" / "serve.py", port]
    if model:
        command = [PYTHON, "-m", "rasa", "run", "--enable-api", "-m", model, "-i", "127.0.0.1", "-p", port]
    with TemporaryDirectory() as folder:
        log = Path(folder) / "rasa.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [str(c) for c in command], cwd=folder, env=_environment(extra_packages), stdout=out, stderr=out
            )
        try:
            url = f"http://127.0.0.1:{port}"
            _wait(url, process, log)
            yield url, process.pid
        finally:
            process.terminate()
            process.wait(30)


def _wait(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + STARTS_WITHIN_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            if httpx.post(f"{url}/model/parse", json={"text": "x"}, timeout=5).is_success:
                return
        except httpx.HTTPError:
            pass  # not yet
        time.sleep(0.5)
    raise RuntimeError(f"the understanding server does not answer:\n{log.read_text('utf-8', 'replace')[-2000:]}")


def memory_mib(pid: int) -> float:
    """Resident memory of a process and its children."""
    process = psutil.Process(pid)
    return float(sum(p.memory_info().rss for p in (process, *process.children(recursive=True))) / 2**20)
