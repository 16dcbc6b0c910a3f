"""How Chinese sounds over a telephone: toneless syllables, with what northern speakers confuse folded away.

Pure, Python 3.10: the Rasa components and the product share it, so that both hear alike.
"""

from functools import lru_cache

from pypinyin import lazy_pinyin

_RETROFLEX = {"zh": "z", "ch": "c", "sh": "s"}
_ONSET = {"n": "l", "f": "h"}


def folded(syllable: str) -> str:
    """A toneless syllable without zh/z ch/c sh/s, final ng/n, l/n, h/f."""
    if syllable[:2] in _RETROFLEX:
        syllable = _RETROFLEX[syllable[:2]] + syllable[2:]
    if syllable.endswith("ng"):
        syllable = syllable[:-1]
    return _ONSET.get(syllable[:1], syllable[:1]) + syllable[1:]


def syllables_of(text: str) -> list[str]:
    """The folded syllables of a text; a run of anything that is not Chinese is one, as it stands."""
    return [folded(syllable) for syllable in lazy_pinyin(text)]


@lru_cache(maxsize=8192)
def sound_of_character(char: str) -> str:
    """The folded syllable of one Chinese character by itself; anything else as it stands."""
    return folded(lazy_pinyin(char)[0])


def is_chinese(char: str) -> bool:
    """One of the characters that have sounds."""
    return "\u4e00" <= char <= "\u9fff"


@lru_cache(maxsize=4096)
def sound_of(word: str) -> str:
    """A word's syllables, each with a space before and behind: a search cannot hit half a syllable."""
    return f" {' '.join(syllables_of(word))} "
