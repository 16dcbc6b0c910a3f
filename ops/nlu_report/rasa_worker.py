"""Trains and asks models inside Rasa's own environment (Python 3.10): bot/.venv/bin/python -m ops.nlu_report.rasa_worker JOBS RESULTS.

JOBS is a JSON list of {"kind": "rasa" | "svm", "config", "domain", "train": [[text, intent]], "ask": [text], "keep": path or ""};
RESULTS gets a list of {"seconds": training time, "guesses": for each asked text [[intent, confidence], ...] likeliest first}.
One process for all jobs: TensorFlow is loaded once.
"""

import asyncio
import json
import logging
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

Guesses = list[list[list[Any]]]


def nlu_yaml(sentences: list[list[str]]) -> str:
    """Rasa's own training format: one block an intent, lines as they lie in bot/data."""
    by_intent: dict[str, list[str]] = {}
    for text, intent in sentences:
        by_intent.setdefault(intent, []).append(text)
    lines = ['version: "3.1"', "nlu:"]
    for intent, texts in by_intent.items():
        lines += [f"  - intent: {intent}", "    examples: |", *(f"      - {text}" for text in texts)]
    return "\n".join(lines) + "\n"


def rasa(job: dict[str, Any]) -> dict[str, Any]:
    """The pipeline of a config file, trained by Rasa and asked through its Agent, as its server does."""
    import structlog  # noqa: PLC0415 - Rasa logs through it, at length
    from rasa.core.agent import Agent  # type: ignore[import-not-found]  # noqa: PLC0415 - only in Rasa's environment
    from rasa.model_training import train_nlu  # type: ignore[import-not-found]  # noqa: PLC0415 - see above

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "nlu.yml"
        data.write_text(nlu_yaml(job["train"]), encoding="utf-8")
        started = time.monotonic()
        model = train_nlu(job["config"], str(data), folder, fixed_model_name="fold", domain=job["domain"])
        seconds = time.monotonic() - started
        if model is None:
            raise SystemExit(f"Rasa trained no model from {job['config']}")
        if job["keep"]:
            shutil.copy(model, job["keep"])
        agent = Agent.load(model)
        return {"seconds": seconds, "guesses": asyncio.run(_ask(agent, job["ask"]))}


async def _ask(agent: Any, texts: list[str]) -> Guesses:
    guesses = []
    for text in texts:
        parsed = await agent.parse_message(text)
        guesses.append([[row["name"], float(row["confidence"])] for row in parsed["intent_ranking"]])
    return guesses


def svm(job: dict[str, Any]) -> dict[str, Any]:
    """A linear SVM on character 1-4-grams with tf-idf. Its margins are no probabilities; they only rank."""
    from sklearn.feature_extraction.text import (  # type: ignore[import-not-found]  # noqa: PLC0415 - Rasa brings it
        TfidfVectorizer,
    )
    from sklearn.pipeline import make_pipeline  # type: ignore[import-not-found]  # noqa: PLC0415 - see above
    from sklearn.svm import LinearSVC  # type: ignore[import-not-found]  # noqa: PLC0415 - see above

    started = time.monotonic()
    model = make_pipeline(TfidfVectorizer(analyzer="char", ngram_range=(1, 4), sublinear_tf=True), LinearSVC())
    model.fit([text for text, _ in job["train"]], [intent for _, intent in job["train"]])
    seconds = time.monotonic() - started
    guesses = [[[intent, 1.0]] for intent in model.predict(job["ask"])]
    return {"seconds": seconds, "guesses": guesses}


def main() -> None:
    jobs_path, results_path = Path(sys.argv[1]), Path(sys.argv[2])
    kinds = {"rasa": rasa, "svm": svm}
    results = []
    for job in json.loads(jobs_path.read_text(encoding="utf-8")):
        results.append(kinds[job["kind"]](job))
        print(f"  {job['kind']}: trained on {len(job['train'])} in {results[-1]['seconds']:.0f} s", flush=True)
    results_path.write_text(json.dumps(results), encoding="utf-8")


if __name__ == "__main__":
    main()
