import json
from pathlib import Path

import pytest

from bot.danger_words import load_danger_words
from bot.rasa_client import Guess
from bot.understand import Thresholds, Understander, describe
from bot.understanding import CommunityName, EntityKind, Intent, Source
from kernel.errors import ConfigurationError, NluUnavailable

#: Of these tests; the product's own is calibrated and moves.
OPERATING_POINT = Thresholds(
    fallback=0.35, leak_by_model=0.6, leak_with_words=0.3, leak_question=0.25, other_matter_certain=0.75
)


class FakeModel:
    """Guesses what it is told; counts how often it was asked."""

    def __init__(self, *guesses: tuple[Intent, float]) -> None:
        self.guesses = tuple(Guess(i, c) for i, c in guesses)
        self.asked: list[str] = []

    def parse(self, text: str) -> tuple[Guess, ...]:
        self.asked.append(text)
        if not self.guesses:
            raise NluUnavailable("nobody there")
        return self.guesses


def understander(model: FakeModel) -> Understander:
    return Understander(model, lambda: [CommunityName(7, "翠湖花园")], load_danger_words(), thresholds=OPERATING_POINT)


def test_sure_danger_words_never_ask_the_model() -> None:
    model = FakeModel()
    heard = understander(model).understand("翠湖花园三号楼暖气爆了 水往外喷")
    assert (heard.intent, heard.emergency, heard.source) == (Intent.LEAK_INSIDE, True, Source.DANGER_WORDS)
    assert heard.first(EntityKind.COMMUNITY) is not None
    assert model.asked == []


def test_the_models_answer_is_taken() -> None:
    heard = understander(FakeModel((Intent.NO_HEAT, 0.8), (Intent.COLD_ROOM, 0.15))).understand("还没来暖气")
    assert (heard.intent, heard.confidence, heard.runner_up) == (Intent.NO_HEAT, 0.8, Intent.COLD_ROOM)
    assert not heard.emergency
    assert not heard.perhaps_emergency


def test_perhaps_and_the_model_agrees() -> None:
    heard = understander(FakeModel((Intent.COLD_ROOM, 0.6), (Intent.LEAK_INSIDE, 0.35))).understand("暖器管报门")
    assert (heard.intent, heard.emergency) == (Intent.LEAK_INSIDE, True)


def test_perhaps_and_the_model_is_unsure_asks() -> None:
    heard = understander(FakeModel((Intent.COLD_ROOM, 0.5), (Intent.LEAK_INSIDE, 0.1))).understand("暖器管报门")
    assert not heard.emergency
    assert heard.perhaps_emergency


def test_perhaps_and_the_model_is_certain_of_another_matter() -> None:
    heard = understander(FakeModel((Intent.OUT_OF_SCOPE, 0.95))).understand("楼上卫生间漏水")
    assert (heard.intent, heard.emergency, heard.perhaps_emergency) == (Intent.OUT_OF_SCOPE, False, False)


def test_the_model_alone_makes_an_emergency() -> None:
    heard = understander(FakeModel((Intent.LEAK_STREET, 0.4), (Intent.LEAK_INSIDE, 0.3))).understand("地下像开锅了一样")
    assert (heard.intent, heard.emergency, heard.confidence) == (Intent.LEAK_STREET, True, pytest.approx(0.7))


def test_the_model_suspects_a_leak_and_asks() -> None:
    heard = understander(FakeModel((Intent.COLD_ROOM, 0.5), (Intent.LEAK_INSIDE, 0.4))).understand("家里不对劲")
    assert not heard.emergency
    assert heard.perhaps_emergency


@pytest.mark.parametrize("text", ["没漏水", "上次漏水修好了谢谢", "要是漏水了打哪个电话", "水龙头漏水"])
@pytest.mark.parametrize(("leak", "asks"), [(0.9, True), (0.4, False)])
def test_excused_words_make_a_question_of_a_model_that_cries_leak(text: str, leak: float, asks: bool) -> None:
    heard = understander(FakeModel((Intent.LEAK_INSIDE, leak), (Intent.DENY, 0.05))).understand(text)
    assert not heard.emergency
    assert (heard.perhaps_emergency, heard.suspected_by_model_only) == (asks, asks)
    assert (heard.intent, heard.runner_up) == (Intent.FALLBACK, Intent.DENY)


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("电费咋交啊", Intent.OUT_OF_SCOPE),
        ("水费多少钱一吨", Intent.OUT_OF_SCOPE),
        ("暖气费和电费一起交吗", Intent.BILL_PAY),
        ("怎么交费", Intent.BILL_PAY),
    ],
)
def test_a_bill_of_another_unit_is_none_of_ours(text: str, intent: Intent) -> None:
    assert understander(FakeModel((Intent.BILL_PAY, 0.8))).understand(text).intent is intent


def test_low_confidence_is_no_answer_but_a_runner_up() -> None:
    heard = understander(FakeModel((Intent.BILL_PAY, 0.2), (Intent.GREET, 0.1))).understand("那个什么来着")
    assert (heard.intent, heard.runner_up) == (Intent.FALLBACK, Intent.BILL_PAY)
    assert heard.model_available


def test_without_the_model_danger_is_still_asked_after() -> None:
    heard = understander(FakeModel()).understand("家里漏水了")
    assert (heard.model_available, heard.source, heard.perhaps_emergency) == (False, Source.NOBODY, True)
    heard = understander(FakeModel()).understand("翠湖花园怎么交费")
    assert (heard.model_available, heard.perhaps_emergency) == (False, False)
    assert heard.first(EntityKind.COMMUNITY) is not None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   \n\t",
        "???!!!。。。",
        "😀😂🔥",
        "\x00\x01\u200b",
        "hello, my radiator is leaking",
        "<script>alert(1)</script>",
    ],
)
def test_what_says_nothing_has_a_defined_answer_and_costs_no_question(text: str) -> None:
    model = FakeModel((Intent.GREET, 1.0))
    heard = understander(model).understand(text)
    assert (heard.intent, heard.source, heard.emergency, heard.entities) == (Intent.FALLBACK, Source.NOBODY, False, ())
    assert heard.model_available
    assert model.asked == []


@pytest.mark.parametrize("text", ["your radiator leaks water help", "Pipe burst!", "there is hot water everywhere"])
def test_a_leak_in_another_language_is_asked_after(text: str) -> None:
    understood = understander(FakeModel()).understand(text)
    assert understood.perhaps_emergency
    assert not understood.emergency
    assert not understander(FakeModel()).understand("how do I pay my bill").perhaps_emergency


def test_ten_thousand_characters_are_cut_and_their_end_is_heard() -> None:
    model = FakeModel((Intent.NO_HEAT, 0.9))
    heard = understander(model).understand("你好" * 5000 + "家里暖气爆了")
    assert heard.emergency
    assert len(heard.text) <= 1001


def test_traditional_and_full_width_characters_are_heard_as_their_plain_forms() -> None:
    heard = understander(FakeModel()).understand("暖氣漏水了 3號樓2單元501")
    assert heard.text == "暖气漏水了 3号楼2单元501"
    assert heard.emergency
    assert [e.value for e in heard.entities if e.kind is EntityKind.ROOM] == ["501"]


def test_describe_is_json_and_names_the_category_of_the_best_guess() -> None:
    described = describe(understander(FakeModel((Intent.BILL_PAY, 0.2), (Intent.GREET, 0.1))).understand("翠湖花园"))
    assert list(described) == ["text", "category", "intent", "confidence", "emergency", "entities"]
    assert (described["category"], described["intent"]) == ("billing", "nlu_fallback")
    assert described["entities"][0]["kind"] == "community"
    assert json.loads(json.dumps(described, ensure_ascii=False)) == described
    assert describe(understander(FakeModel()).understand(""))["category"] == "dialogue"


@pytest.mark.parametrize("content", ["", "fallback: 0.3", "a: 1", "- 1"])
def test_wrong_thresholds_stop_the_start(tmp_path: Path, content: str) -> None:
    path = tmp_path / "thresholds.yml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"thresholds\.yml"):
        Thresholds.load(path)


def test_a_threshold_is_a_probability(tmp_path: Path) -> None:
    path = tmp_path / "thresholds.yml"
    path.write_text("\n".join(f"{name}: 3" for name in Thresholds.__slots__), encoding="utf-8")
    with pytest.raises(ConfigurationError, match="from 0 to 1"):
        Thresholds.load(path)
