import pytest
from pypinyin import lazy_pinyin

from ops.nlu_report.noise import misheard

SENTENCES = ["暖气管爆了", "家里一直在往下滴水 是热的", "我想问一下取暖费在哪里交", "师傅什么时候能来"]
CONFUSED = (("zh", "z"), ("ch", "c"), ("sh", "s"), ("n", "l"), ("f", "h"), ("ang", "an"), ("eng", "en"), ("ing", "in"))


def is_near(one: str, other: str) -> bool:
    return one == other or any(
        other in (one.replace(a, b, 1), one[::-1].replace(a[::-1], b[::-1], 1)[::-1])
        for x, y in CONFUSED
        for a, b in ((x, y), (y, x))
    )


@pytest.mark.parametrize("text", SENTENCES)
@pytest.mark.parametrize("seed", range(5))
def test_one_to_three_characters_change_and_sound_nearly_the_same(text: str, seed: int) -> None:
    heard = misheard(text, seed)
    changed = [(a, b) for a, b in zip(text, heard, strict=True) if a != b]
    assert 1 <= len(changed) <= 3
    assert all(is_near(lazy_pinyin(a)[0], lazy_pinyin(b)[0]) for a, b in changed), changed


def test_the_same_seed_hears_the_same() -> None:
    assert [misheard(t, 7) for t in SENTENCES] == [misheard(t, 7) for t in SENTENCES]
    assert len({misheard(SENTENCES[1], seed) for seed in range(10)}) > 5


def test_both_kinds_of_mistake_happen() -> None:
    pairs = [(a, b) for seed in range(60) for a, b in zip(SENTENCES[1], misheard(SENTENCES[1], seed), strict=True)]
    same_sound = [lazy_pinyin(a)[0] == lazy_pinyin(b)[0] for a, b in pairs if a != b]
    assert 0.6 < sum(same_sound) / len(same_sound) < 1.0


@pytest.mark.parametrize("text", ["", "123", "ok 😀"])
def test_what_is_not_chinese_stays(text: str) -> None:
    assert misheard(text, 1) == text
