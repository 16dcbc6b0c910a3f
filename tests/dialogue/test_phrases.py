"""Words that need no model: each table on what it must find and what it must leave alone."""

from datetime import timedelta
from pathlib import Path

import pytest

from dialogue.phrases import Filler
from dialogue.tables import load_knowledge
from fulfillment.standard import Standard

DATA = Path(__file__).resolve().parents[2] / "data"
PHRASES, STANDARD = load_knowledge(DATA).phrases, Standard(DATA)


@pytest.mark.parametrize(
    ("text", "filler"),
    [
        ("嗯", Filler.NOD), ("嗯。", Filler.NOD), ("好的,谢谢", Filler.NOD), ("哦", Filler.NOD), ("好吧", Filler.NOD),
        ("那个", Filler.PAUSE), ("嗯,那个", None), ("嗯那个", Filler.PAUSE), ("等一下", Filler.PAUSE), ("我找找", Filler.PAUSE), ("呃……", Filler.PAUSE),
        ("喂", Filler.HELLO), ("喂喂喂", Filler.HELLO), ("听得到吗?", Filler.HELLO),
        ("嗯,家里不热", None), ("好冷", None), ("那个小区", None), ("喂,我家漏水", None), ("", None),
    ],
)  # fmt: skip
def test_fillers_are_whole_utterances(text: str, filler: Filler | None) -> None:
    assert PHRASES.filler(text) is filler


@pytest.mark.parametrize(
    ("text", "taken_back"),
    [("算了", True), ("没事了。", True), ("算了吧,谢谢", True), ("没事了,再见", True), ("算了转人工", False), ("没事找事", False), ("有没有事", False)],
)  # fmt: skip
def test_second_thoughts(text: str, taken_back: bool) -> None:
    assert PHRASES.is_never_mind(text) is taken_back


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("对,明天下午有空", "yes"), ("是的我姓王", "yes"), ("嗯,家里有老人", "yes"), ("不是,是三单元", "no"), ("没有,谢谢", "no"),
        ("好的麻烦你", "yes"), ("行麻烦你帮我问问", "yes"), ("好的谢谢你了", "yes"), ("好了谢谢", ""),
        ("对了先问一下怎么交费", ""), ("对面楼", ""), ("好冷啊", ""), ("是谁", ""), ("明天下午", ""),
    ],
)  # fmt: skip
def test_how_an_answer_begins(text: str, begins: str) -> None:
    assert PHRASES.begins(text) == begins


@pytest.mark.parametrize(
    ("text", "accepts"),
    [("那就麻烦你了", True), ("麻烦您了,谢谢", True), ("辛苦师傅了", True), ("太麻烦了", False), ("谢谢", False), ("麻烦转人工", False)],
)  # fmt: skip
def test_courtesy_takes_what_is_offered(text: str, accepts: bool) -> None:
    assert PHRASES.accepts(text) is accepts


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ("要是漏水先关哪个阀", True), ("万一家里暖气漏了怎么办", True), ("如果爆管了我该关哪个阀门", True),
        ("要是漏水材料费谁出", False), ("家里漏水怎么办", False), ("如果漏水了打哪个电话", False),
    ],
)  # fmt: skip
def test_what_if(text: str, asks: bool) -> None:
    assert PHRASES.asks_what_if(text) is asks


@pytest.mark.parametrize(
    ("text", "outage"),
    [
        ("突然停暖了", True), ("整栋楼都没暖气", True), ("刚才还热现在突然不热了", True), ("全小区都停了", True),
        ("家里一直不热", False), ("次卧不热", False), ("停车场不热", False),
    ],
)  # fmt: skip
def test_outages(text: str, outage: bool) -> None:
    assert STANDARD.kind("outage").is_named_in(text) is outage


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("第二个", "2"),
        ("就第一个吧", "1"),
        ("选三", "3"),
        ("第三种", "3"),
        ("二", "2"),
        ("第二天", ""),
        ("三号楼", ""),
        ("一直不热", ""),
    ],
)
def test_which_of_the_things_offered(text: str, number: str) -> None:
    assert PHRASES.ordinal(text) == number


@pytest.mark.parametrize(
    ("text", "who"),
    [
        ("家里有老人能不能快点", "老人"), ("我家有八十岁的老太太", "八十岁的老太太"), ("我怀孕了冻得不行", "怀孕"), ("屋里有个婴儿", "婴儿"), ("家里有卧床的", "卧床"),
        ("家里没有老人", ""), ("送我一个老人机", ""), ("暖气不热", ""),
    ],
)  # fmt: skip
def test_who_comes_first(text: str, who: str) -> None:
    assert PHRASES.care_for(text) == who


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("我姓王,明天下午在家", "王"), ("我叫王小明", "王小明"), ("免贵姓刘", "刘"), ("姓欧阳", "欧阳"), ("叫我李女士就行", "李"),
        ("我叫你们来修", ""), ("王小明", ""), ("我家不热", ""),
    ],
)  # fmt: skip
def test_names(text: str, name: str) -> None:
    assert PHRASES.name(text) == name


@pytest.mark.parametrize(
    ("text", "number"),
    [("三", "3"), ("3号楼", "3"), ("十二", "12"), ("五零幺", "501"), ("是A3。", "A3"), ("二单元", "2"), ("三楼", "3"), ("三号楼二单元", ""), ("十四度", ""), ("没有", "")],
)  # fmt: skip
def test_a_number_alone(text: str, number: str) -> None:
    assert PHRASES.bare_number(text) == number


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("刚刚", 0), ("刚才跟我说的", 0), ("二十分钟以前", 20), ("20分钟前", 20), ("刚才,大概十分钟前", 10), ("半个小时", 30), ("半小时前", 30),
        ("一刻钟", 15), ("一个小时", 60), ("一个半小时", 90), ("两个多小时了", 120), ("一小时二十分钟", 80), ("昨天晚上", 1440), ("一百二十分钟", 120),
        ("记不清了", None), ("住户姓王", None), ("对", None),
    ],
)  # fmt: skip
def test_how_long_ago(text: str, minutes: int | None) -> None:
    assert PHRASES.told_ago(text) == (None if minutes is None else timedelta(minutes=minutes))


@pytest.mark.parametrize(
    ("text", "speaks"),
    [
        ("装修改过暖气管以后就不热", True), ("自己拆了一组暖气片", True), ("地暖是后来改的", True), ("加装了循环泵还是不热", True), ("之前放过暖气里的水", True),
        ("暖气水放掉了一些", True), ("家里一直不热", False), ("放了气还是不热", False), ("改天再说", False), ("暖气片不热", False), ("移动公司的电话", False),
    ],
)  # fmt: skip
def test_changes_at_home(text: str, speaks: bool) -> None:
    assert PHRASES.speaks_of_changes(text) is speaks
