"""The real model on sentences it never saw, held to the figures of the last report (docs/nlu/baseline.json)."""

import httpx
import pytest

from bot.danger_words import load_danger_words
from bot.rasa_client import RasaClient
from bot.understand import Understander
from bot.understanding import Intent
from ops.nlu_report.__main__ import listener_of
from ops.nlu_report.alike import leaks
from ops.nlu_report.baseline import fallen
from ops.nlu_report.hear import Heard
from ops.nlu_report.measure import goals
from ops.nlu_report.sentences import digest, held_out_sets, training

pytestmark = pytest.mark.nlu
SETS = held_out_sets()


@pytest.fixture(scope="module")
def heard(nlu_url: str) -> dict[str, list[Heard]]:
    """Raises RuntimeError if the server did not answer every sentence."""
    listener = listener_of(nlu_url, (s for sentences in SETS.values() for s in sentences))
    return {name: listener.hear(sentences) for name, sentences in SETS.items()}


@pytest.mark.parametrize("name", SETS)
def test_no_figure_falls_by_more_than_its_noise(heard: dict[str, list[Heard]], name: str) -> None:
    assert fallen(name, digest(SETS[name]), goals(heard[name])) == []


@pytest.mark.parametrize("name", SETS)
def test_no_held_out_sentence_is_in_the_training_data(name: str) -> None:
    assert leaks(SETS[name], training()).same == 0


@pytest.mark.parametrize("name", SETS)
def test_an_emergency_is_alarmed_or_asked_after_never_shrugged_off(heard: dict[str, list[Heard]], name: str) -> None:
    """Whatever the baseline says: more than one in fifty is no product."""
    emergencies = [h for h in heard[name] if h.sentence.emergency]
    shrugged = sum(not h.alarmed and not h.asked for h in emergencies)
    assert shrugged <= len(emergencies) / 50


@pytest.mark.parametrize(
    ("heard", "said"),
    [
        ("暖气管报了", "暖气管爆了"),
        ("妹漏水就是不热", "没漏水就是不热"),
        ("缴废,怎么缴?", "缴费,怎么缴?"),
        ("快递放在门卫了", "快递放在门卫了"),
        ("3号楼 OK 2单元", "3号楼 OK 2单元"),
        ("暖器管报了" * 50, "暖器管报了" * 50),
    ],
    ids=["leak", "negation", "punctuation", "other_matter", "nothing_to_hear", "longer_than_a_caller"],
)
def test_the_model_reads_what_was_probably_said(nlu_url: str, heard: str, said: str) -> None:
    assert httpx.post(f"{nlu_url}/model/parse", json={"text": heard}, timeout=30).json()["text"] == said


@pytest.mark.parametrize(
    ("text", "intent"),
    [("咋还没来暖气", Intent.NO_HEAT), ("測溫怎麼預約", Intent.TEMPERATURE_TEST), ("我要找人工客服", Intent.ASK_HUMAN)],
)
def test_plain_wishes_in_other_spelling(nlu_url: str, text: str, intent: Intent) -> None:
    with RasaClient(nlu_url, 5.0) as client:
        assert Understander(client, list, load_danger_words()).understand(text).intent is intent
