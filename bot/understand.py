"""One utterance understood: danger words first, then the model, entities by rule. The one way for calls, chats and the command line."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import structlog
import yaml

from bot.danger_words import Danger, DangerFound, DangerWords
from bot.entities import EntityWords
from bot.normalise import Normalised, normalise, warm_up
from bot.rasa_client import Guess
from bot.understanding import EMERGENCIES, CommunityName, Entity, Intent, Source, Understanding, category_of
from kernel.errors import ConfigurationError, NluUnavailable

THRESHOLDS = Path(__file__).with_name("thresholds.yml")
_log = structlog.get_logger()


class Model(Protocol):
    """Guesses intents (bot.rasa_client.RasaClient)."""

    def parse(self, text: str) -> tuple[Guess, ...]:
        """Likeliest first, never empty. Raises NluUnavailable."""
        ...


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The operating point (bot/thresholds.yml); each a probability."""

    fallback: float
    leak_by_model: float
    leak_with_words: float
    leak_question: float
    other_matter_certain: float

    @classmethod
    def load(cls, path: Path = THRESHOLDS) -> "Thresholds":
        """Raises ConfigurationError naming the value that is missing or no probability."""
        try:
            written = yaml.safe_load(path.read_text(encoding="utf-8"))
            # the costs the values were chosen by are for `python -m ops.nlu_report calibrate`
            thresholds = cls(**{name: value for name, value in written.items() if name != "costs"})
            values = {name: getattr(thresholds, name) for name in cls.__slots__}
        except (OSError, TypeError, AttributeError, yaml.YAMLError) as exc:
            raise ConfigurationError(f"{path}: {exc}; restore the file from the repository") from exc
        for name, value in values.items():
            if not isinstance(value, int | float) or not 0 <= value <= 1:
                raise ConfigurationError(f"{path}: {name} is {value!r}; write a number from 0 to 1")
        return thresholds


class Understander:
    """Thread-safe. `understand` never raises for anything said and waits no longer than the model's client does."""

    def __init__(
        self,
        model: Model,
        communities: Callable[[], Sequence[CommunityName]],
        danger: DangerWords,
        entities: EntityWords | None = None,
        thresholds: Thresholds | None = None,
    ) -> None:
        self._model = model
        self._communities = communities
        self._danger = danger
        self._entities = entities or EntityWords.load()
        self._thresholds = thresholds or Thresholds.load()
        warm_up()

    def understand(self, said: str) -> Understanding:
        """What was said, as a live turn understands it."""
        text = normalise(said)
        if text.reason:
            _log.info("utterance_not_fully_read", reason=text.reason, characters=len(said))
        if not text.is_usable:
            return _unusable(text, perhaps_emergency=self._danger.perhaps_in_another_language(text.text))
        found = self._danger.judge(text.text)
        entities = self._entities.find(text.text, self._communities())
        if found.danger is Danger.SURE and found.intent is not None:
            return Understanding(
                text.text, found.intent, 1.0, emergency=True, entities=entities, source=Source.DANGER_WORDS
            )
        try:
            guesses = self._model.parse(text.text)
        except NluUnavailable as exc:
            _log.warning("nlu_unavailable", reason=str(exc))
            return _without_model(text, found, entities)
        return self._weigh(text.text, found, guesses, entities)

    def _weigh(
        self, text: str, found: DangerFound, guesses: Sequence[Guess], entities: tuple[Entity, ...]
    ) -> Understanding:
        leak = sum(g.confidence for g in guesses if g.intent in EMERGENCIES)
        best_leak = next((g for g in guesses if g.intent in EMERGENCIES), None)
        if best_leak and leak >= self._leak_threshold(found):
            runner_up = next((g.intent for g in guesses if g.intent not in EMERGENCIES), None)
            return Understanding(text, best_leak.intent, leak, emergency=True, entities=entities, runner_up=runner_up)
        matters = [g for g in guesses if g.intent not in EMERGENCIES]
        best = matters[0] if matters else Guess(Intent.FALLBACK, 0.0)
        if best.intent.startswith("bill_") and self._entities.is_bill_of_others(text, entities):
            best = Guess(Intent.OUT_OF_SCOPE, best.confidence)
        perhaps = leak >= self._question_threshold(found)
        if found.danger is Danger.PERHAPS and best.confidence < self._thresholds.other_matter_certain:
            perhaps = True
        believed = best.confidence >= self._thresholds.fallback
        second = matters[1].intent if len(matters) > 1 else None
        return Understanding(
            text,
            best.intent if believed else Intent.FALLBACK,
            best.confidence,
            emergency=False,
            entities=entities,
            runner_up=second if believed else best.intent,
            perhaps_emergency=perhaps,
            suspected_by_model_only=perhaps and found.danger is not Danger.PERHAPS,
        )

    def _question_threshold(self, found: DangerFound) -> float:
        """Where the words excuse the danger, what the model alone would have alarmed for is asked after."""
        return self._thresholds.leak_by_model if found.excuse else self._thresholds.leak_question

    def _leak_threshold(self, found: DangerFound) -> float:
        """Words that were excused (negated, past, hypothetical, another's water) overrule the model: nobody is alarmed."""
        if found.danger is Danger.PERHAPS:
            return self._thresholds.leak_by_model if found.excuse else self._thresholds.leak_with_words
        return _NEVER if found.excuse else self._thresholds.leak_by_model


#: No probability reaches it.
_NEVER = 2.0


def _unusable(text: Normalised, *, perhaps_emergency: bool) -> Understanding:
    """Nothing that could be understood: the dialogue asks again. The model is not to blame."""
    return Understanding(
        text.text, Intent.FALLBACK, 0.0, emergency=False, source=Source.NOBODY, perhaps_emergency=perhaps_emergency
    )


def _without_model(text: Normalised, found: DangerFound, entities: tuple[Entity, ...]) -> Understanding:
    return Understanding(
        text.text,
        Intent.FALLBACK,
        0.0,
        emergency=False,
        entities=entities,
        source=Source.NOBODY,
        model_available=False,
        perhaps_emergency=found.danger is Danger.PERHAPS,
    )


def describe(understanding: Understanding) -> dict[str, Any]:
    """The JSON object of `flask --app app understand`.

    `category` is that of the intent, as a live turn has it; for `nlu_fallback` it is that of the best guess, which
    is what the dialogue's question back is about ("dialogue" if there was no guess).
    """
    best = understanding.intent
    if best is Intent.FALLBACK and understanding.runner_up is not None:
        best = understanding.runner_up
    return {
        "text": understanding.text,
        "category": category_of(best).value,
        "intent": understanding.intent.value,
        "confidence": round(understanding.confidence, 4),
        "emergency": understanding.emergency,
        "entities": [
            {"kind": e.kind.value, "value": e.value, "text": e.text, "start": e.start, "end": e.end, "score": e.score}
            for e in understanding.entities
        ],
    }
