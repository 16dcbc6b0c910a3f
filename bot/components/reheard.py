"""What was probably said where a recogniser wrote another character of the same sound: "妹漏水" is read as "没漏水".

A chain over the characters: each may stand for any of the same folded sound (bot/sounds.py) that residents use in the
training data; chosen is the sentence whose neighbouring characters follow each other most often there, at a price for
each change. Characters between neighbours they are known with are not doubted; those that make a word of the language
(pypinyin's phrases) cost more. Measured in docs/adr/0006.

Only live utterances are read so. Training keeps its misheard copies (bot/components/misheard.py): what this does not put
right, or puts wrong, is what they are learnt for. Price: a millisecond a sentence, and in one clean sentence of ten about
other matters a character is changed, mostly of a name.
"""

import json
import math
import re
from collections import Counter, defaultdict
from functools import lru_cache
from itertools import pairwise
from typing import Any, Dict, FrozenSet, List, Text, Tuple, Type

from pypinyin.phrases_dict import phrases_dict
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.constants import TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.sounds import is_chinese, sound_of_character

_PAIRS = "pairs.json"
_START, _END = "^", "$"
_NOT_SPOKEN = re.compile(r"[\W_]+")
#: A caller is read so, not a pasted page.
_LONGEST = 200
#: So many characters, at the least, are in nobody's training data.
_UNSEEN = 4000


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=True)
class Rehearing(GraphComponent):
    """First of the pipeline, before Mishearing makes its copies. Prices are natural logarithms: how much likelier the
    other reading must be.
    """

    @classmethod
    def required_components(cls) -> List[Type]:
        return []

    @staticmethod
    def get_default_config() -> Dict[Text, Any]:
        return {"price": 6.0, "price_of_a_word": 10.0, "smoothing": 20.0, "known_pair": 2, "known_character": 3}

    def __init__(self, config: Dict[Text, Any], model_storage: ModelStorage, resource: Resource) -> None:
        self._config = config
        self._storage = model_storage
        self._resource = resource
        self._pairs: Dict[Text, int] = {}
        self._before: Counter = Counter()
        self._seen: Counter = Counter()
        self._total = 0
        self._alike: Dict[Text, List[Text]] = {}

    @classmethod
    def create(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,  # noqa: ARG003 - the signature is Rasa's
    ) -> "Rehearing":
        return cls(config, model_storage, resource)

    @classmethod
    def load(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,  # noqa: ARG003 - the signature is Rasa's
        **kwargs: Any,  # noqa: ARG003 - the signature is Rasa's
    ) -> "Rehearing":
        component = cls(config, model_storage, resource)
        with model_storage.read_from(resource) as folder:
            component._learn(json.loads((folder / _PAIRS).read_text(encoding="utf-8")))
        return component

    def train(self, training_data: TrainingData) -> Resource:
        """Counts which character follows which."""
        pairs: Counter = Counter()
        for example in training_data.intent_examples:
            spoken = f"{_START}{_NOT_SPOKEN.sub('', example.get(TEXT))}{_END}"
            pairs.update(map("".join, pairwise(spoken)))
        with self._storage.write_to(self._resource) as folder:
            (folder / _PAIRS).write_text(json.dumps(pairs, ensure_ascii=False), encoding="utf-8")
        return self._resource

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """As it was written."""
        return training_data

    def process(self, messages: List[Message]) -> List[Message]:
        for message in messages:
            if 0 < len(message.get(TEXT) or "") <= _LONGEST:
                message.set(TEXT, self.reheard(message.get(TEXT)))
        return messages

    def reheard(self, text: Text) -> Text:
        """The text as it was probably said; of the same length."""
        places = [i for i, char in enumerate(text) if not _NOT_SPOKEN.match(char)]
        read = list(text)
        for place, char in zip(places, self._likeliest("".join(text[i] for i in places)), strict=True):
            read[place] = char
        return "".join(read)

    def _likeliest(self, spoken: Text) -> Text:
        """Viterbi's way through the readings of each character."""
        ways: Dict[Text, Tuple[float, Text]] = {_START: (0.0, "")}
        for place in range(len(spoken)):
            onward = {}
            for char, price in self._readings(spoken, place):
                likeliest, way = max((so_far + self._follows(last, char), way) for last, (so_far, way) in ways.items())
                onward[char] = (likeliest - price, way + char)
            ways = onward
        return max((so_far + self._follows(last, _END), way) for last, (so_far, way) in ways.items())[1]

    def _readings(self, spoken: Text, place: int) -> List[Tuple[Text, float]]:
        char = spoken[place]
        behind = (spoken[place - 1] if place else _START) + char
        ahead = char + (spoken[place + 1] if place + 1 < len(spoken) else _END)
        is_known = all(self._pairs.get(pair, 0) >= self._config["known_pair"] for pair in (behind, ahead))
        alike = [] if is_known else self._alike.get(sound_of_character(char), [])
        is_word = behind in _pairs_of_words() or ahead in _pairs_of_words()
        price = self._config["price_of_a_word" if is_word else "price"]
        return [(char, 0.0), *((other, price) for other in alike if other != char)]

    def _follows(self, last: Text, char: Text) -> float:
        """Logarithm of the probability of a character behind another one."""
        by_itself = (self._seen[char] + 0.5) / (self._total + _UNSEEN)
        smoothing = self._config["smoothing"]
        return math.log((self._pairs.get(last + char, 0) + smoothing * by_itself) / (self._before[last] + smoothing))

    def _learn(self, pairs: Dict[Text, int]) -> None:
        self._pairs = pairs
        for pair, count in pairs.items():
            self._before[pair[0]] += count
            self._seen[pair[1]] += count
        self._total = sum(self._seen.values())
        alike = defaultdict(list)
        for char, count in self._seen.items():
            if count >= self._config["known_character"] and is_chinese(char):
                alike[sound_of_character(char)].append(char)
        self._alike = dict(alike)
        _pairs_of_words()  # now, not in somebody's turn


@lru_cache(maxsize=1)
def _pairs_of_words() -> FrozenSet[Text]:
    """Characters that stand side by side in some word of the language."""
    return frozenset(word[i : i + 2] for word in phrases_dict for i in range(len(word) - 1))
