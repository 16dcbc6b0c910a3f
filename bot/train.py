"""Trains the Rasa model, if anything it depends on has changed since the last time.

Run with Rasa's own Python: `bot/.venv/bin/python bot/train.py` (`--check` only says whether the model fits the code:
exit status 0 or 1). The model and its fingerprint lie in bot/models/, which is not in the repository.
"""

import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

BOT = Path(__file__).resolve().parent
MODELS = BOT / "models"
NAME = "hotline"
MODEL = MODELS / f"{NAME}.tar.gz"
FINGERPRINT = MODELS / f"{NAME}.fingerprint"
LOG = MODELS / "training.log"
#: Everything a model depends on: words, pipeline, the code of its components, and the versions they stand on.
INGREDIENTS = ("config.yml", "domain.yml", "requirements.txt", "sounds.py", "components/*.py", "data/nlu/*.yml")


def fingerprint() -> str:
    """SHA-256 over names and contents of all ingredients."""
    digest = hashlib.sha256()
    for pattern in INGREDIENTS:
        for path in sorted(BOT.glob(pattern)):
            content = path.read_bytes()
            digest.update(f"{path.relative_to(BOT)}\0{len(content)}\0".encode())
            digest.update(content)
    return digest.hexdigest()


def model_fits() -> bool:
    """True if there is a model and it was made from exactly what lies here now."""
    return MODEL.is_file() and FINGERPRINT.is_file() and FINGERPRINT.read_text().strip() == fingerprint()


def environment() -> dict[str, str]:
    """For Rasa's processes: components importable, nothing phoned home, no warnings of old dependencies."""
    return {
        **os.environ,
        "PYTHONPATH": str(BOT.parent),
        "RASA_TELEMETRY_ENABLED": "false",
        "RASA_MAX_CACHE_SIZE": "0",  # the fingerprint above is the cache; Rasa's would write every feature to disk
        "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONWARNINGS": "ignore",
    }


def train() -> None:
    """Trains and only then writes the fingerprint: an interrupted training leaves no model that claims to fit."""
    before = fingerprint()
    MODELS.mkdir(exist_ok=True)
    FINGERPRINT.unlink(missing_ok=True)
    program = [sys.executable, "-m", "rasa", "train", "nlu", "--config", str(BOT / "config.yml")]
    program += ["--nlu", str(BOT / "data" / "nlu"), "--domain", str(BOT / "domain.yml")]
    program += ["--out", str(MODELS), "--fixed-model-name", NAME]
    with LOG.open("wb") as log:  # pages of warnings of old dependencies: read when something fails
        done = subprocess.run(program, check=False, env=environment(), cwd=MODELS, stdout=log, stderr=log)  # noqa: S603 - our own interpreter, no input
    if done.returncode != 0:
        sys.exit(f"NLU model: training failed, the end of {LOG}:\n{LOG.read_text(errors='replace')[-3000:]}")
    FINGERPRINT.write_text(before + "\n")


def main() -> int:
    if model_fits():
        print("NLU model: up to date")  # noqa: T201 - a command line prints
        return 0
    if "--check" in sys.argv[1:]:
        print(f"NLU model: {MODEL} does not fit the code; run `make setup`", file=sys.stderr)  # noqa: T201 - see above
        return 1
    print("NLU model: training (a few minutes)", flush=True)  # noqa: T201 - see above
    started = time.monotonic()
    train()
    print(f"NLU model: trained in {time.monotonic() - started:.0f} s")  # noqa: T201 - see above
    return 0


if __name__ == "__main__":
    sys.exit(main())
