"""Multinomial logistic regression over all features of a sentence.

Rasa's LogisticRegressionClassifier weighs every class alike ("balanced") and fixes C. Here the biggest class,
out_of_scope, keeps part of its weight: that rejects more of what is nobody's matter (docs/adr/0006). The weights are
stored as plain arrays, not as a pickle: a model file can do nothing but multiply.
"""

from typing import Any, Dict, List, Text, Type

import numpy as np
import scipy.sparse
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.nlu.featurizers.featurizer import Featurizer
from rasa.shared.nlu.constants import INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from sklearn.linear_model import LogisticRegression

_WEIGHTS = "weights.npz"


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class LinearIntentClassifier(IntentClassifier, GraphComponent):
    """`evenness` 1 weighs all classes alike, 0 by their number of sentences; `ranking_length` guesses are handed on."""

    @classmethod
    def required_components(cls) -> List[Type]:
        return [Featurizer]

    @staticmethod
    def get_default_config() -> Dict[Text, Any]:
        return {"C": 1.0, "evenness": 0.5, "max_iter": 200, "tol": 1e-3, "ranking_length": 5}

    def __init__(self, config: Dict[Text, Any], model_storage: ModelStorage, resource: Resource) -> None:
        self._config = config
        self._storage = model_storage
        self._resource = resource
        self._intents: List[Text] = []
        self._weights = np.zeros((0, 0))
        self._bias = np.zeros(0)

    @classmethod
    def create(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,  # noqa: ARG003 - the signature is Rasa's
    ) -> "LinearIntentClassifier":
        return cls(config, model_storage, resource)

    @classmethod
    def load(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,  # noqa: ARG003 - the signature is Rasa's
        **kwargs: Any,  # noqa: ARG003 - the signature is Rasa's
    ) -> "LinearIntentClassifier":
        component = cls(config, model_storage, resource)
        with model_storage.read_from(resource) as folder, np.load(folder / _WEIGHTS, allow_pickle=False) as stored:
            component._intents = [str(name) for name in stored["intents"]]
            component._weights, component._bias = stored["weights"], stored["bias"]
        return component

    def train(self, training_data: TrainingData) -> Resource:
        """Learns from every example that has a text and an intent."""
        examples = [m for m in training_data.intent_examples if m.get(TEXT)]
        meant = np.array([m.get(INTENT) for m in examples])
        intents, counts = np.unique(meant, return_counts=True)
        price = (counts.mean() / counts) ** self._config["evenness"]
        learner = LogisticRegression(
            C=self._config["C"],
            class_weight=dict(zip(intents, price, strict=True)),
            max_iter=self._config["max_iter"],
            tol=self._config["tol"],
            random_state=0,
        ).fit(scipy.sparse.vstack([_row(m) for m in examples]).tocsr(), meant)
        with self._storage.write_to(self._resource) as folder:
            np.savez(
                folder / _WEIGHTS,
                intents=learner.classes_.astype(str),
                weights=learner.coef_.T.astype(np.float32),
                bias=learner.intercept_.astype(np.float32),
            )
        return self._resource

    def process(self, messages: List[Message]) -> List[Message]:
        for message in messages:
            ranking = self._ranking(message) if message.get(TEXT) else []
            message.set(INTENT, ranking[0] if ranking else {"name": None, "confidence": 0.0}, add_to_output=True)
            message.set("intent_ranking", ranking, add_to_output=True)
        return messages

    def _ranking(self, message: Message) -> List[Dict[Text, Any]]:
        row = _row(message)
        score = row.data @ self._weights[row.indices] + self._bias
        odds = np.exp(score - score.max())
        likely = odds / odds.sum()
        best = np.argsort(-likely)[: self._config["ranking_length"]]
        return [{"name": self._intents[i], "confidence": float(likely[i])} for i in best]


def _row(message: Message) -> scipy.sparse.csr_matrix:
    """All sentence features side by side: n-grams first, then the dense vector."""
    sparse = message.get_sparse_features(TEXT)[1]
    dense = message.get_dense_features(TEXT)[1]
    parts = [f.features for f in (sparse, dense) if f is not None]
    return scipy.sparse.hstack([scipy.sparse.csr_matrix(p) for p in parts]).tocsr()
