"""Becomes the Rasa server on loopback. Run with Rasa's own Python: `bot/.venv/bin/python bot/serve.py [port]`.

Refuses to serve a model that does not fit the code: it would understand what yesterday's words meant.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from bot.train import MODEL, MODELS, environment, model_fits

PORT = "5005"


def main() -> None:
    if not model_fits():
        sys.exit(f"NLU model: {MODEL} is missing or does not fit the code; run `make setup` (bot/train.py)")
    port = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("NLU_PORT", PORT)
    os.chdir(MODELS)  # Rasa looks for credentials.yml and endpoints.yml where it stands
    host = os.environ.get("NLU_HOST", "127.0.0.1")  # another address only inside a container of its own
    program = [sys.executable, "-m", "rasa", "run", "--enable-api", "-m", str(MODEL), "-i", host, "-p", port]
    os.execve(sys.executable, program, environment())  # noqa: S606 - replaces this process, so that signals reach Rasa


if __name__ == "__main__":
    main()
