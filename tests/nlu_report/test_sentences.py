import yaml

from bot.understanding import EMERGENCIES, Intent
from ops.nlu_report import addresses
from ops.nlu_report.calibrate import with_emergencies
from ops.nlu_report.peers import keyword_intent
from ops.nlu_report.plots import reliability
from ops.nlu_report.rasa_worker import nlu_yaml
from ops.nlu_report.sentences import Sentence, digest, held_out_sets, training


def test_every_held_out_set_is_read_and_says_which_are_emergencies() -> None:
    sets = held_out_sets()
    assert set(sets) == {"first", "second", "third"}
    for sentences in sets.values():
        assert len(sentences) >= 400
        assert all(s.emergency for s in sentences if s.intent in EMERGENCIES)


def test_training_intents_say_which_are_emergencies() -> None:
    marked = with_emergencies(training())
    assert {s.intent for s in marked if s.emergency} == EMERGENCIES


def test_a_digest_changes_with_what_is_right() -> None:
    one = [Sentence("a", Intent.GREET)]
    assert digest(one) == digest(list(one))
    assert digest(one) != digest([Sentence("a", Intent.THANK)])


def test_folds_are_written_in_rasas_format() -> None:
    text = nlu_yaml([["暖气费: 怎么交", "bill_pay"], ["你好", "greet"], ["在哪交", "bill_pay"]])
    assert yaml.safe_load(text)["nlu"] == [
        {"intent": "bill_pay", "examples": "- 暖气费: 怎么交\n- 在哪交\n"},
        {"intent": "greet", "examples": "- 你好\n"},
    ]


def test_keywords_alone_know_the_plain_cases() -> None:
    said = ["暖气漏水了", "我要投诉", "怎么交费", "屋里不热", "今天星期几"]
    meant = [Intent.LEAK_INSIDE, Intent.COMPLAINT, Intent.BILL_PAY, Intent.COLD_ROOM, Intent.OUT_OF_SCOPE]
    assert [keyword_intent(t) for t in said] == meant


def test_a_model_as_sure_as_it_is_right_has_no_calibration_error() -> None:
    bins, error = reliability([(0.75, True)] * 3 + [(0.75, False)])
    assert [(b.confidence, b.right, b.n) for b in bins] == [(0.75, 0.75, 4)]
    assert error == 0
    assert reliability([(1.0, False)])[1] == 1.0


def test_an_address_is_measured_as_a_turn_merges_it() -> None:
    name = addresses.sample_communities()[0].name
    said = f"{name}3号楼2单元501"
    right = addresses.Address(said, name, "3", "2", "501", noise=False)
    wrong_room = addresses.Address(said, name, "3", "2", "502", noise=False)
    no_community = addresses.Address(said, None, "3", "2", "501", noise=False)
    figures = addresses.measure([right, wrong_room, no_community])
    assert figures.resolved.value == figures.house.value == 2 / 3
