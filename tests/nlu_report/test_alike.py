from bot.understanding import Intent
from ops.nlu_report.alike import folds, leaks
from ops.nlu_report.sentences import Sentence


def said(*texts: str, intent: Intent = Intent.NO_HEAT) -> list[Sentence]:
    return [Sentence(t, intent) for t in texts]


def test_a_sentence_that_is_nearly_in_the_training_data_is_a_leak() -> None:
    trained = said("我家的暖气到现在还没有热起来", "你好")
    found = leaks(said("我家的暖气到现在还没有热 起来", "取暖费在哪里可以交", "您好", "你好"), trained)
    assert (found.near, found.same, found.positions) == (1, 1, (0,))  # a blank makes no other sentence
    assert found.short == 1  # identical, and nobody's secret


def test_alike_but_not_the_same_is_counted_and_does_not_fail() -> None:
    found = leaks(said("我家的暖气到现在一直没有热起来"), said("我家的暖气到现在还没有热起来"))
    assert (found.near, found.same) == (1, 0)


def test_siblings_share_a_fold_and_each_fold_gets_its_part() -> None:
    siblings = said("主卧的暖气片一点都不热", "次卧的暖气片一点都不热", "客厅的暖气片一点都不热")
    others = said(
        "还没来暖", "冰凉", "管子摸着没温度", "邻居都热了就我家没有", "一直没供上", "打压以后没动静", "今年怎么回事啊"
    )
    fold = folds([*siblings, *others], 3)
    assert len(set(fold[:3])) == 1
    assert sorted(fold.count(n) for n in range(3)) == [3, 3, 4]


def test_folds_are_the_same_every_time() -> None:
    sentences = said("还没来暖", "冰凉", "管子摸着没温度") + said("怎么交费", "在哪交", intent=Intent.BILL_PAY)
    assert folds(sentences, 2) == folds(sentences, 2)
