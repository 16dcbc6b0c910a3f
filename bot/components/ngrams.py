"""Character and syllable n-grams of an unbroken Chinese sentence, weighted by tf-idf.

Rasa's own CountVectorsFeaturizer wants tokens, counts without weighing, and knows no sounds. The syllable view folds
what northern speakers and an 8 kHz line do not keep apart (zh/z ch/c sh/s, final ng/n, l/n, h/f), so that a homophone
written by speech recognition has the features of the word that was meant.
"""

import json
import re
from typing import Any, Dict, List, Optional, Text, Type

import numpy as np
import scipy.sparse
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.featurizers.sparse_featurizer.sparse_featurizer import SparseFeaturizer
from rasa.shared.nlu.constants import TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.components.misheard import MISHEARD
from bot.sounds import syllables_of

_NOT_SPOKEN = re.compile(r"[\W_]+")
_DIGIT = re.compile(r"\d")
_VOCABULARY = "ngrams.json"


def characters_of(text: Text) -> List[Text]:
    """The spoken characters; every digit counts as the same one."""
    return list(_DIGIT.sub("0", _NOT_SPOKEN.sub("", text.lower())))


def folded_syllables_of(text: Text) -> List[Text]:
    """The folded syllables of the spoken characters."""
    return syllables_of("".join(characters_of(text)))


_VIEWS = {"characters": characters_of, "syllables": folded_syllables_of}


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=True)
class NgramFeaturizer(SparseFeaturizer, GraphComponent):
    """One L2-normed tf-idf row a sentence, times `scale` (Rasa's linear classifier has no C: the scale is its price of weights)."""

    @classmethod
    def required_components(cls) -> List[Type]:
        return []

    @staticmethod
    def get_default_config() -> Dict[Text, Any]:
        return {
            **SparseFeaturizer.get_default_config(),
            "view": "characters",
            "longest": 4,
            "seen_at_least": 2,
            "scale": 3.0,
        }

    def __init__(self, config: Dict[Text, Any], model_storage: ModelStorage, resource: Resource, name: Text) -> None:
        super().__init__(name, config)
        self._storage = model_storage
        self._resource = resource
        self._index: Dict[Text, int] = {}
        self._idf: np.ndarray = np.zeros(0)

    @classmethod
    def create(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> "NgramFeaturizer":
        return cls(config, model_storage, resource, execution_context.node_name)

    @classmethod
    def load(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,  # noqa: ARG003 - the signature is Rasa's
    ) -> "NgramFeaturizer":
        component = cls(config, model_storage, resource, execution_context.node_name)
        with model_storage.read_from(resource) as folder:
            stored = json.loads((folder / _VOCABULARY).read_text(encoding="utf-8"))
        component._index = {ngram: i for i, ngram in enumerate(stored["ngrams"])}
        component._idf = np.asarray(stored["idf"])
        return component

    @classmethod
    def validate_config(cls, config: Dict[Text, Any]) -> None:
        if config["view"] not in _VIEWS:
            raise ValueError(f"view: {config['view']!r} is none of {sorted(_VIEWS)}")

    def train(self, training_data: TrainingData) -> Resource:
        """Learns the vocabulary: every n-gram seen in at least `seen_at_least` sentences as they were written."""
        spelt = [m for m in training_data.training_examples if m.get(TEXT) and not m.get(MISHEARD)]
        sentences = [set(self._ngrams(m.get(TEXT))) for m in spelt]
        seen: Dict[Text, int] = {}
        for sentence in sentences:
            for ngram in sentence:
                seen[ngram] = seen.get(ngram, 0) + 1
        kept = sorted(n for n, count in seen.items() if count >= self._config["seen_at_least"])
        self._index = {ngram: i for i, ngram in enumerate(kept)}
        self._idf = np.log((1 + len(sentences)) / (1 + np.array([seen[n] for n in kept]))) + 1
        with self._storage.write_to(self._resource) as folder:
            stored = {"ngrams": kept, "idf": [round(float(v), 5) for v in self._idf]}
            (folder / _VOCABULARY).write_text(json.dumps(stored, ensure_ascii=False), encoding="utf-8")
        return self._resource

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        self.process(training_data.training_examples)
        return training_data

    def process(self, messages: List[Message]) -> List[Message]:
        for message in messages:
            text: Optional[Text] = message.get(TEXT)
            if text is not None:
                self.add_features_to_message(None, self._row(text), TEXT, message)
        return messages

    def _ngrams(self, text: Text) -> List[Text]:
        units = _VIEWS[self._config["view"]](text)
        return [
            " ".join(units[start : start + size])
            for size in range(1, self._config["longest"] + 1)
            for start in range(len(units) - size + 1)
        ]

    def _row(self, text: Text) -> scipy.sparse.coo_matrix:
        counts: Dict[int, int] = {}
        for ngram in self._ngrams(text):
            column = self._index.get(ngram)
            if column is not None:
                counts[column] = counts.get(column, 0) + 1
        columns = np.fromiter(sorted(counts), dtype=np.int32, count=len(counts))
        weights = np.array([1 + np.log(counts[c]) for c in columns]) * self._idf[columns]
        length = float(np.linalg.norm(weights)) or 1.0
        values = weights / length * self._config["scale"]
        shape = (1, len(self._index))
        return scipy.sparse.coo_matrix((values, (np.zeros(len(columns), dtype=np.int32), columns)), shape=shape)
