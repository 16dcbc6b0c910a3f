import pytest

from bot.understanding import Intent
from ops.nlu_report.audio import EMERGENCIES, LONGEST, SPOKEN, character_error_rate, choose
from ops.nlu_report.sentences import Sentence


def test_the_same_sixty_every_time_and_none_that_is_misheard_already() -> None:
    every = [Sentence(f"漏{n}", Intent.LEAK_INSIDE, emergency=True) for n in range(30)]
    every += [Sentence(f"冷{n}", Intent.COLD_ROOM) for n in range(90)]
    every += [
        Sentence("糯" * (LONGEST + 1), Intent.COLD_ROOM),
        Sentence("篓", Intent.COLD_ROOM, trap="phone_homophone"),
    ]
    chosen = choose({"first": every})
    assert chosen == choose({"first": every})
    assert (len(chosen), sum(s.emergency for s in chosen)) == (SPOKEN, EMERGENCIES)
    assert all(len(s.text) <= LONGEST and not s.trap for s in chosen)


def test_character_errors_do_not_count_punctuation() -> None:
    assert character_error_rate(["暖气, 漏水"], ["暖气漏水。"]) == 0
    assert character_error_rate(["暖气漏水"], ["暖器漏水了"]) == pytest.approx(0.5)
