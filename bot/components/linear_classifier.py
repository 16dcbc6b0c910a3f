"""Multinomial logistic regression over all features of a sentence.

Rasa's LogisticRegressionClassifier weighs every class alike ("balanced") and fixes C. Here the biggest class,
out_of_scope, keeps part of its weight: that rejects more of what is nobody's matter (docs/adr/0006). scikit-learn's
would treat the 512 dense numbers of a sentence as sparse ones, beside some 60 n-grams: three times slower for the same
weights (same loss, same L-BFGS), so the loss is written out here. The weights are stored as plain arrays, not as a
pickle: a model file can do nothing but multiply.
"""

from typing import Any, Dict, List, Text, Tuple, Type

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
from scipy.optimize import minimize

_WEIGHTS = "weights.npz"


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class LinearIntentClassifier(IntentClassifier, GraphComponent):
    """`evenness` 1 weighs all classes alike, 0 by their number of sentences; `ranking_length` guesses are handed on."""

    @classmethod
    def required_components(cls) -> List[Type]:
        return [Featurizer]

    @staticmethod
    def get_default_config() -> Dict[Text, Any]:
        return {"C": 1.0, "evenness": 0.5, "max_iter": 200, "ranking_length": 5}

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
        prices = price[np.searchsorted(intents, meant)] * self._config["C"]
        sparse, dense = _rows(examples)
        weights, bias = _learn(sparse, dense, np.searchsorted(intents, meant), prices, self._config["max_iter"])
        with self._storage.write_to(self._resource) as folder:
            np.savez(
                folder / _WEIGHTS,
                intents=intents.astype(str),
                weights=weights,
                bias=bias,
            )
        return self._resource

    def process(self, messages: List[Message]) -> List[Message]:
        for message in messages:
            ranking = self._ranking(message) if message.get(TEXT) else []
            message.set(INTENT, ranking[0] if ranking else {"name": None, "confidence": 0.0}, add_to_output=True)
            message.set("intent_ranking", ranking, add_to_output=True)
        return messages

    def _ranking(self, message: Message) -> List[Dict[Text, Any]]:
        sparse, dense = _rows([message])
        border = sparse.shape[1]
        score = sparse.data @ self._weights[sparse.indices] + dense[0] @ self._weights[border:] + self._bias
        odds = np.exp(score - score.max())
        likely = odds / odds.sum()
        best = np.argsort(-likely)[: self._config["ranking_length"]]
        return [{"name": self._intents[i], "confidence": float(likely[i])} for i in best]


def _rows(messages: List[Message]) -> Tuple[scipy.sparse.csr_matrix, np.ndarray]:
    """The sentences' features: n-grams, and the dense vectors (no columns if there is no such featurizer)."""
    sparse = [m.get_sparse_features(TEXT)[1] for m in messages]
    dense = [m.get_dense_features(TEXT)[1] for m in messages]
    nothing = np.zeros((1, 0), dtype=np.float32)
    return (
        scipy.sparse.vstack([scipy.sparse.csr_matrix(f.features if f else nothing) for f in sparse], format="csr"),
        np.vstack([f.features if f else nothing for f in dense]),
    )


def _learn(
    sparse: scipy.sparse.csr_matrix, dense: np.ndarray, meant: np.ndarray, prices: np.ndarray, max_iter: int
) -> Tuple[np.ndarray, np.ndarray]:
    """Weights (n-grams first, then dense) and bias that make the least of priced cross-entropy plus half the squares."""
    sparse, dense = sparse.astype(np.float32), dense.astype(np.float32)
    transposed = sparse.T.tocsr()
    border, features, classes = sparse.shape[1], sparse.shape[1] + dense.shape[1], int(meant.max()) + 1
    rows = np.arange(len(meant))

    def loss(flat: np.ndarray) -> Tuple[float, np.ndarray]:
        table = flat.reshape(features + 1, classes).astype(np.float32)
        weights, bias = table[:-1], table[-1]
        score = sparse @ weights[:border] + dense @ weights[border:] + bias
        score -= score.max(axis=1, keepdims=True)
        odds = np.exp(score)
        total = odds.sum(axis=1)
        surprise = np.log(total) - score[rows, meant]
        error = odds / total[:, None]
        error[rows, meant] -= 1
        error *= prices[:, None].astype(np.float32)
        slope = np.vstack(
            [transposed @ error + weights[:border], dense.T @ error + weights[border:], error.sum(axis=0)]
        )
        squares = float(np.square(weights, dtype=np.float64).sum())
        return float(prices @ surprise) + squares / 2, slope.ravel().astype(np.float64)

    found = minimize(
        loss,
        np.zeros((features + 1) * classes),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": max_iter, "ftol": 1e-6},
    )
    table = found.x.reshape(features + 1, classes).astype(np.float32)
    return table[:-1], table[-1]
