"""Training and held-out sentences, read as they lie in the repository."""

from dataclasses import dataclass
from pathlib import Path

import yaml

from bot.understanding import Category, Intent, category_of

HOME = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Sentence:
    text: str
    intent: Intent
    emergency: bool = False
    trap: str = ""

    @property
    def category(self) -> Category:
        return category_of(self.intent)


def training() -> list[Sentence]:
    found = []
    for path in sorted((HOME / "bot" / "data" / "nlu").glob("*.yml")):
        for block in yaml.safe_load(path.read_text(encoding="utf-8"))["nlu"]:
            lines = block["examples"].strip().splitlines()
            found += [Sentence(line.removeprefix("- "), Intent(block["intent"])) for line in lines]
    return found


def held_out() -> list[Sentence]:
    groups = yaml.safe_load((HOME / "tests" / "bot" / "held_out.yml").read_text(encoding="utf-8"))
    return [
        Sentence(text, Intent(g["intent"]), g["emergency"], g.get("trap", "")) for g in groups for text in g["texts"]
    ]
