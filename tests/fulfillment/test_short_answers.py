"""Short answers to our questions, as people give them; the product's own table."""

import pytest

from fulfillment.short_answers import ASIDE, UNCLEAR
from tests.dialogue.talk import STANDARD

ANSWERS = STANDARD.outgoing.answers

SATISFIED = [
    "不好意思刚才没听清,我挺满意的",
    "没有什么不满意的,修好了",
    "没什么不满意的",
    "没啥不好的,谢谢你们",
    "不好意思啊,满意满意",
    "你问满意不满意啊?满意",
    "刚开始不热,现在热了",
    "之前没修好,后来又来了一趟修好了",
    "原来不热现在热乎了",
    "师傅挺好的,家里暖和了",
    "没意见",
    "没毛病,都好着呢",
    "热起来了,不错",
    "没有特别不满意的,挺好",
    "又快又好,满意",
    "再好不过了,非常好",
]
FAIRLY = ["还可以吧", "基本满意", "比较满意", "一般般", "马马虎虎吧", "还行,还行"]
DISSATISFIED = [
    "不满意",
    "不好意思,我不满意",
    "不是很满意",
    "谈不上满意",
    "没有修好",
    "没修好呢",
    "挺满意的,就是卧室还是不热",
    "挺满意的就是卧室还是不热",
    "热了一天又不热了",
    "修好了又坏了",
    "师傅没来",
    "修是修了但是不太热",
    "修好了,态度太差",
    "家里冰凉",
    "不怎么满意,真的",
    "不行,还是凉的",
    "现在还是不热",
]
ASKED_AGAIN = ["我不满意,他们非说修好了", "修好了不热", "满意,还可以吧一般不满意", "不满意,哦,满意"]
NOTHING = ["不好意思,你说什么", "这个不好说", "嗯", "不是不满意", "热不热我得回去看看", ""]


@pytest.mark.parametrize(
    ("said", "means"),
    [
        *((said, "satisfied") for said in SATISFIED),
        *((said, "fairly") for said in FAIRLY),
        *((said, "dissatisfied") for said in DISSATISFIED),
        *((said, UNCLEAR) for said in ASKED_AGAIN),
        *((said, "") for said in NOTHING),
    ],
)
def test_how_was_it(said: str, means: str) -> None:
    assert ANSWERS.meaning("satisfied", said) == means


@pytest.mark.parametrize(
    ("said", "means"),
    [
        ("我在上班,是我,你说", "me"),
        ("是我,你说", "me"),
        ("不好意思,我就是", "me"),
        ("对,就是我", "me"),
        ("我没在忙,是我", "me"),
        ("今天不上班,我是他爱人", "me"),
        ("不是,我是他女儿", "me"),
        ("他爸不在家,我是他儿子", "me"),
        ("没打错,是我本人", "me"),
        ("他爸不在", "not_now"),
        ("我老公不在", "not_now"),
        ("孩子他爸不在家", "not_now"),
        ("是我,我在开会", "not_now"),
        ("是我,但是现在没空", "not_now"),
        ("我不方便,晚点打", "not_now"),
        ("不是我,打错了", "wrong"),
        ("我不是", "wrong"),
        ("没有这个人", "wrong"),
        ("他爸上班去了", UNCLEAR),
        ("你打错了吧,哦,是我", UNCLEAR),
        ("你说什么", ""),
        ("哪位", ""),
        ("不是他爱人", ""),
        ("没有不方便", ""),
    ],
)
def test_who_is_it(said: str, means: str) -> None:
    assert ANSWERS.meaning("who", said) == means


def test_only_known_meanings_are_in_the_table() -> None:
    known = {"who": {"me", "wrong", "not_now"}, "satisfied": {"satisfied", "fairly", "dissatisfied"}}
    assert {q: {row.means for row in rows} - {ASIDE} for q, rows in ANSWERS.questions.items()} == known
