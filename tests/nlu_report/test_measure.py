import math

import pytest

from bot.understanding import Intent, Source, Understanding
from ops.nlu_report.hear import Heard
from ops.nlu_report.measure import by_intent, category_confusions, confusions, f1, goals, groups, share
from ops.nlu_report.sentences import Sentence


def heard(meant: Intent, said: Intent, *, alarm: bool = False, asked: bool = False, trap: str = "") -> Heard:
    emergency = meant is Intent.LEAK_INSIDE
    understanding = Understanding("", said, 0.9, emergency=alarm, source=Source.MODEL, perhaps_emergency=asked)
    return Heard(Sentence("", meant, emergency, trap), understanding)


def test_wilson_interval_as_in_the_books() -> None:
    figure = share([True] * 8 + [False] * 2)
    assert (figure.value, figure.n) == (0.8, 10)
    assert (figure.low, figure.high) == (pytest.approx(0.490, abs=0.001), pytest.approx(0.943, abs=0.001))


def test_all_right_is_not_without_noise() -> None:
    figure = share([True] * 20)
    assert (figure.value, figure.high) == (1.0, pytest.approx(1.0))
    assert figure.low < 0.9
    assert figure.noise > 0


def test_a_share_of_nothing_is_no_figure() -> None:
    figure = share([])
    assert math.isnan(figure.value)
    assert str(figure) == "–"


def test_f1_of_one_class_and_its_interval() -> None:
    figure = f1(["a", "a", "a", "b"], ["a", "a", "b", "b"], ["a"])
    assert figure.value == pytest.approx(0.8)  # precision 1, recall 2/3
    assert figure.low <= figure.value <= figure.high
    assert figure.n == 3


def test_goals_count_alarms_questions_and_rejections() -> None:
    every = [
        heard(Intent.LEAK_INSIDE, Intent.LEAK_INSIDE, alarm=True),
        heard(Intent.LEAK_INSIDE, Intent.COLD_ROOM, asked=True),
        heard(Intent.LEAK_INSIDE, Intent.COLD_ROOM),
        heard(Intent.NO_HEAT, Intent.LEAK_INSIDE, alarm=True, trap="negated_leak"),
        heard(Intent.NO_HEAT, Intent.NO_HEAT, trap="negated_leak"),
        heard(Intent.OUT_OF_SCOPE, Intent.OUT_OF_SCOPE, trap="oos_heating"),
        heard(Intent.OUT_OF_SCOPE, Intent.COLD_ROOM, trap="foreign_leak"),
        heard(Intent.OUT_OF_SCOPE, Intent.OUT_OF_SCOPE, trap="oos_plain"),
        heard(Intent.FALLBACK, Intent.ASK_BUTLER, trap="hypothetical_leak"),
    ]
    figures = goals(every)
    assert figures["emergency_alarmed"].value == pytest.approx(1 / 3)
    assert figures["emergency_alarmed_or_asked"].value == pytest.approx(2 / 3)
    assert figures["negated_or_hypothetical_not_alarmed"].value == pytest.approx(2 / 3)
    assert figures["rejected_with_heating_words"].value == 0.5
    assert figures["rejected_without_heating_words"].value == 1.0
    assert figures["others_not_alarmed"].value == pytest.approx(5 / 6)
    assert figures["intent_accuracy"].n == 8  # what fits no intent is not scored by one
    assert {r.name for r in by_intent(every)} == {"leak_inside", "no_heat", "out_of_scope"}
    assert confusions(every)[0] == ("leak_inside", "cold_room", 2)
    assert category_confusions(every)["leak"] == {"leak": 1, "cold_room": 2}
    assert set(groups(every)) == {
        "plain emergency",
        "negated_leak",
        "oos_heating",
        "foreign_leak",
        "oos_plain",
        "hypothetical_leak",
    }
