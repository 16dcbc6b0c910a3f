"""Sentences through the whole Understander (danger words, model, thresholds): exactly as a live turn."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.danger_words import Danger, DangerFound, DangerWords, load_danger_words
from bot.entities import EntityWords
from bot.normalise import normalise
from bot.understand import Model, Thresholds, Understander, describe
from bot.understanding import CommunityName, Entity, Intent, Understanding
from ops.nlu_report.sentences import Sentence


@dataclass(frozen=True, slots=True)
class Heard:
    """One sentence and what a live turn made of it."""

    sentence: Sentence
    understanding: Understanding

    @property
    def category(self) -> str:
        """As the judge of the command line sees it: of the best guess, if the intent was not believed."""
        return str(describe(self.understanding)["category"])

    @property
    def best(self) -> Intent:
        """The best guess: the intent, or the runner-up of a fallback."""
        u = self.understanding
        return u.runner_up if u.intent is Intent.FALLBACK and u.runner_up is not None else u.intent

    @property
    def alarmed(self) -> bool:
        return self.understanding.emergency

    @property
    def asked(self) -> bool:
        """No alarm, but the one short question."""
        return not self.alarmed and self.understanding.perhaps_emergency


class _JudgedOnce(DangerWords):
    """The product's danger words; each text is judged once, however often the thresholds are changed."""

    def __init__(self, words: DangerWords) -> None:
        self._words = words
        self._judged: dict[str, DangerFound] = {}

    def judge(self, text: str) -> DangerFound:
        if text not in self._judged:
            self._judged[text] = self._words.judge(text)
        return self._judged[text]

    def perhaps_in_another_language(self, text: str) -> bool:
        return self._words.perhaps_in_another_language(text)


class _NoWords(DangerWords):
    """For the figures of the model alone."""

    def __init__(self) -> None:
        pass

    def judge(self, text: str) -> DangerFound:  # noqa: ARG002 - the signature is DangerWords'
        return DangerFound(Danger.NO)

    def perhaps_in_another_language(self, text: str) -> bool:  # noqa: ARG002 - see above
        return False


class _NoEntities(EntityWords):
    """Entities change no intent; leaving them out makes a sweep over thresholds quick."""

    def __init__(self) -> None:
        pass

    def find(self, text: str, communities: Sequence[CommunityName] = ()) -> tuple[Entity, ...]:  # noqa: ARG002 - as above
        return ()


class Listener:
    """Hears the same sentences many times: with other thresholds, with and without danger words."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._words = _JudgedOnce(load_danger_words())

    def hear(
        self, sentences: Iterable[Sentence], thresholds: Thresholds | None = None, *, with_words: bool = True
    ) -> list[Heard]:
        """`thresholds`: the product's own unless given. Raises RuntimeError if the model did not answer."""
        words = self._words if with_words else _NoWords()
        understander = Understander(self._model, tuple, words, _NoEntities(), thresholds)
        heard = [Heard(s, understander.understand(s.text)) for s in sentences]
        if not all(h.understanding.model_available for h in heard):
            raise RuntimeError("the model did not answer every sentence: nothing is measured")
        return heard

    def best_guesses(self, sentences: Iterable[Sentence]) -> list[tuple[float, bool]]:
        """(how sure the model was of its best guess, whether it was right), without words and thresholds."""
        pairs = []
        for sentence in sentences:
            text = normalise(sentence.text)
            if sentence.has_intent and text.is_usable:
                best = self._model.parse(text.text)[0]
                pairs.append((best.confidence, best.intent is sentence.intent))
        return pairs
