from pathlib import Path

import pytest

from bot.danger_words import Danger, DangerWords, load_danger_words
from bot.understanding import Intent
from kernel.errors import ConfigurationError
from tests.bot.sentences import held_out, training

WORDS = load_danger_words()

SURE = [
    ("暖气漏水了", Intent.LEAK_INSIDE),
    ("客厅一直在往下滴水 是热的", Intent.LEAK_INSIDE),
    ("俺家暖气片子呲水了", Intent.LEAK_INSIDE),
    ("地暖管爆了", Intent.LEAK_INSIDE),
    ("分水器底下洇出来一大片", Intent.LEAK_INSIDE),
    ("不是不热 是暖气漏水", Intent.LEAK_INSIDE),
    ("不是马桶漏水 是旁边的暖气漏水", Intent.LEAK_INSIDE),
    ("上周修好了 今天暖气又漏水了", Intent.LEAK_INSIDE),
    ("是不是漏水了 暖气底下往外渗水", Intent.LEAK_INSIDE),
    ("没人管吗 暖气一直在漏水", Intent.LEAK_INSIDE),
    ("马路上往外冒热水", Intent.LEAK_STREET),
    ("供热主管网爆管了 喷得老高", Intent.LEAK_STREET),
    ("热力井盖丢了", Intent.MANHOLE_COVER),
    ("井盖塌了 差点掉进去人", Intent.MANHOLE_COVER),
]
PERHAPS = ["家里漏水了", "楼上往下滴水", "暖器管报门", "暖七管暴了", "阀门那里滴水"]
NO = [
    ("没漏水就是不热", "negated"),
    ("暖气没有漏水 屋里冷", "negated"),
    ("现在不漏了", "negated"),
    ("上次漏水修好了谢谢", "past"),
    ("昨天暖气漏水已经处理完了", "past"),
    ("昨儿地暖漏水了 师傅来修好了 谢谢", "past"),
    ("要是漏水了打哪个电话", "hypothetical"),
    ("万一暖气爆了怎么办", "hypothetical"),
    ("水龙头漏水", "foreign"),
    ("壁挂炉漏水", "foreign"),
    ("洗衣机往外冒水", "foreign"),
    ("屋顶漏雨", ""),
    ("下水道的井盖丢了", "foreign"),
    ("暖气里有水流声 不热", ""),
    ("暖气费怎么交", ""),
    ("暖气报停", ""),
    ("阀门手柄断了", ""),
    ("", ""),
]


@pytest.mark.parametrize(("text", "intent"), SURE)
def test_sure(text: str, intent: Intent) -> None:
    found = WORDS.judge(text)
    assert (found.danger, found.intent) == (Danger.SURE, intent)


@pytest.mark.parametrize("text", PERHAPS)
def test_perhaps(text: str) -> None:
    assert WORDS.judge(text).danger is Danger.PERHAPS


@pytest.mark.parametrize(("text", "excuse"), NO)
def test_no(text: str, excuse: str) -> None:
    found = WORDS.judge(text)
    assert (found.danger, found.excuse) == (Danger.NO, excuse)


def test_words_alone_find_most_emergencies_and_are_never_sure_of_anything_else() -> None:
    """Without any model; the floors are what was measured on the held-out set, less three sentences."""
    emergencies = [WORDS.judge(s.text).danger for s in held_out() if s.emergency]
    others = [s.text for s in held_out() if not s.emergency and WORDS.judge(s.text).danger is Danger.SURE]
    assert emergencies.count(Danger.SURE) / len(emergencies) >= 0.58
    assert emergencies.count(Danger.NO) / len(emergencies) <= 0.12
    assert others == []


def test_sure_of_next_to_nothing_harmless_in_the_training_data() -> None:
    wrong = [
        s.text
        for s in training()
        if s.intent not in {Intent.LEAK_INSIDE, Intent.LEAK_STREET, Intent.MANHOLE_COVER}
        and WORDS.judge(s.text).danger is Danger.SURE
    ]
    assert len(wrong) <= 3, wrong


@pytest.mark.parametrize("content", ["", "water_out: 1", "- a", "water_out: {plain: '('}"])
def test_a_broken_table_stops_the_start(tmp_path: Path, content: str) -> None:
    broken = tmp_path / "danger_words.yml"
    broken.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"danger_words\.yml"):
        DangerWords.load(broken)
