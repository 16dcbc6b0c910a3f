"""The dialogue's tables of data/: which intent is what matter, the facts that answers are filled with, phrases without a model."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import yaml

from bot.entities import EntityWords
from dialogue.facts import Matter
from dialogue.phrases import Phrases
from kernel.errors import ConfigurationError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Knowledge:
    """data/matters.yml joined with data/knowledge.yml, and data/phrases.yml. `facts` fill the parameters of the answers.

    `facts_of_profiles`: what stands in for them under a profile of data/clocks.yml (theme.choice).
    """

    matters: Mapping[str, Matter]
    facts: Mapping[str, str]
    facts_of_profiles: Mapping[str, Mapping[str, str]]
    phrases: Phrases


def load_knowledge(data_dir: Path) -> Knowledge:
    """Raises ConfigurationError naming the file and the entry."""
    matters = read_table(data_dir / "matters.yml", dict)
    knowledge = read_table(data_dir / "knowledge.yml", dict)
    answers = knowledge.get("answers", {})
    found: dict[str, Matter] = {}
    for intent, row in matters.items():
        try:
            matter = Matter(intent=intent, **row)
        except TypeError as exc:
            msg = f"{data_dir / 'matters.yml'}: {intent}: {exc}"
            raise ConfigurationError(msg) from exc
        if matter.answer and matter.answer not in answers:
            msg = f"{data_dir / 'matters.yml'}: {intent}: answer {matter.answer} is not in knowledge.yml"
            raise ConfigurationError(msg)
        answer = answers.get(matter.answer, {})
        follow_up, is_noted = answer.get("follow_up") or "", answer.get("noted", False)
        found[intent] = Matter(intent=intent, **row, follow_up=follow_up, is_noted=is_noted)
    facts = {k: str(v) for k, v in knowledge.get("facts", {}).items()}
    of_profiles = knowledge.get("facts_of_profiles", {})
    instead = {profile: {k: str(v) for k, v in row.items()} for profile, row in of_profiles.items()}
    return Knowledge(matters=found, facts=facts, facts_of_profiles=instead, phrases=_phrases(data_dir / "phrases.yml"))


def _phrases(path: Path) -> Phrases:
    try:
        words = EntityWords.load()
        return Phrases.compiled(read_table(path, dict), words.number, words.resolve_time)
    except (KeyError, TypeError, re.error) as exc:
        msg = f"{path}: {exc!r}"
        raise ConfigurationError(msg) from exc


def read_table(path: Path, shape: type[T]) -> T:
    """A YAML file that holds a mapping or a list. Raises ConfigurationError."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as exc:
        msg = f"{path}: {exc}"
        raise ConfigurationError(msg) from exc
    if not isinstance(content, shape):
        msg = f"{path}: must be a {shape.__name__}"
        raise ConfigurationError(msg)
    return content
