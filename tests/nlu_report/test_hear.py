"""What the report's listener hears is what a live turn would understand."""

import pytest

from bot.rasa_client import Guess
from bot.understanding import Intent
from ops.nlu_report.hear import Listener
from ops.nlu_report.models import Trained
from ops.nlu_report.sentences import Sentence

SAID = [Sentence("暖气管爆了", Intent.LEAK_INSIDE, True), Sentence("the radiator is leaking", Intent.FALLBACK)]


@pytest.mark.parametrize("with_words", [True, False])
def test_every_kind_of_sentence_is_heard(*, with_words: bool) -> None:
    listener = Listener(Trained(0.0, {"暖气管爆了": (Guess(Intent.COLD_ROOM, 0.9),)}))
    burst, foreign = listener.hear(SAID, with_words=with_words)
    assert burst.alarmed is with_words
    assert foreign.asked is with_words
