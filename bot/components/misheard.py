"""What a recogniser would have written: training learns every sentence also as it is misheard.

Over a telephone "暖气管爆了" arrives as "暖器管报了". For each example, copies are added in which some characters are others of
the same folded sound (bot/sounds.py). Measured in docs/adr/0006. Price: training takes three times as long.
The report's own noise (ops/nlu_report/noise.py) is made by other tables, so that it does not measure what was drilled.
"""

from collections import defaultdict
from functools import lru_cache
from random import Random
from typing import Any, Dict, List, Text, Type

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.constants import INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.sounds import is_chinese, sound_of_character

#: Property of a message: a copy. Its spellings are accidents and enter no vocabulary.
MISHEARD = "misheard"
#: GB 2312, level 1: the 3,755 characters in everyday use. A recogniser writes no rarer ones.
_LEVEL_1 = range(0xB0, 0xD8)


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=False)
class Mishearing(GraphComponent):
    """First of the pipeline. `copies` an example, each character replaced with probability `share`, at least one."""

    @classmethod
    def required_components(cls) -> List[Type]:
        return []

    @staticmethod
    def get_default_config() -> Dict[Text, Any]:
        return {"copies": 2, "share": 0.15, "seed": 7}

    def __init__(self, config: Dict[Text, Any]) -> None:
        self._config = config

    @classmethod
    def create(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,  # noqa: ARG003 - the signature is Rasa's
        resource: Resource,  # noqa: ARG003 - the signature is Rasa's
        execution_context: ExecutionContext,  # noqa: ARG003 - the signature is Rasa's
    ) -> "Mishearing":
        return cls(config)

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """The examples and, behind them, their copies; the same seed gives the same copies."""
        copies: Dict[Text, Message] = {}
        for example in training_data.intent_examples:
            dice = Random(f"{self._config['seed']}:{example.get(TEXT)}")
            for _ in range(self._config["copies"]):
                heard = misheard(example.get(TEXT), self._config["share"], dice)
                copies[heard] = Message({TEXT: heard, INTENT: example.get(INTENT), MISHEARD: True})
        for example in training_data.intent_examples:
            copies.pop(example.get(TEXT), None)  # nothing in it sounds like anything else, or another example does
        return training_data.merge(TrainingData(list(copies.values())))

    def process(self, messages: List[Message]) -> List[Message]:
        """A live utterance is heard as it is."""
        return messages


def misheard(text: str, share: float, dice: Random) -> str:
    """The text with some characters replaced by others of their folded sound; as it is if it has none."""
    others = [_others(char) for char in text]
    places = [i for i, found in enumerate(others) if found]
    if not places:
        return text
    chosen = {i for i in places if dice.random() < share} or {dice.choice(places)}
    return "".join(dice.choice(others[i]) if i in chosen else char for i, char in enumerate(text))


@lru_cache(maxsize=8192)
def _others(char: str) -> List[str]:
    if not is_chinese(char):
        return []
    return [other for other in _by_sound().get(sound_of_character(char), []) if other != char]


@lru_cache(maxsize=1)
def _by_sound() -> Dict[str, List[str]]:
    table: Dict[str, List[str]] = defaultdict(list)
    for row in _LEVEL_1:
        for cell in range(0xA1, 0xFF):
            char = bytes((row, cell)).decode("gb2312", errors="ignore")  # the last row has five empty cells
            if char:
                table[sound_of_character(char)].append(char)
    return dict(table)
