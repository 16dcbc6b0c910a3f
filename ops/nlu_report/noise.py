"""What a recogniser makes of a sentence over the telephone: homophones and near-homophones, seeded. Pure."""

from collections import defaultdict
from functools import lru_cache
from pathlib import Path
from random import Random

import yaml
from pypinyin import lazy_pinyin

CONFUSABLE = Path(__file__).with_name("confusable.yml")
#: Of the replaced characters so many keep their syllable; the others get a neighbouring one.
SAME_SYLLABLE = 0.7
MOST_EDITS = 3
#: One edit for each so many characters begun.
CHARACTERS_AN_EDIT = 6
#: GB 2312, level 1: the 3,755 characters in everyday use, sorted by sound since 1980. A recogniser writes no rarer ones.
_LEVEL_1 = range(0xB0, 0xD8)


@lru_cache(maxsize=1)
def _by_syllable() -> dict[str, list[str]]:
    table: dict[str, list[str]] = defaultdict(list)
    for row in _LEVEL_1:
        for cell in range(0xA1, 0xFF):
            try:
                char = bytes((row, cell)).decode("gb2312")
            except UnicodeDecodeError:
                continue  # the last row has five empty cells
            table[lazy_pinyin(char)[0]].append(char)
    return dict(table)


@lru_cache(maxsize=1)
def _pairs() -> dict[str, list[tuple[str, str]]]:
    table: dict[str, list[list[str]]] = yaml.safe_load(CONFUSABLE.read_text(encoding="utf-8"))
    return {place: [(a, b) for x, y in pairs for a, b in ((x, y), (y, x))] for place, pairs in table.items()}


def _neighbours(syllable: str) -> list[str]:
    """Syllables one confusion away that have characters."""
    near = []
    for heard, said in _pairs()["onset"]:
        # "z" is also how "zh" begins: the longer onset is another one
        if syllable.startswith(heard) and not (len(heard) == 1 and syllable[1:2] == "h"):
            near.append(said + syllable[len(heard) :])
    for heard, said in _pairs()["rime"]:
        if syllable.endswith(heard):
            near.append(syllable[: -len(heard)] + said)
    return [s for s in near if s in _by_syllable()]


def misheard(text: str, seed: int) -> str:
    """1 to 3 characters of the text replaced by others of the same or a near syllable; the same seed gives the same text.

    Texts without a Chinese character that has homophones come back as they are.
    """
    dice = Random(f"{seed}:{text}")
    alternatives = {i: found for i, char in enumerate(text) if any(found := _alternatives(char))}
    edits = min(MOST_EDITS, 1 + (len(alternatives) - 1) // CHARACTERS_AN_EDIT, len(alternatives))
    heard = list(text)
    for place in dice.sample(sorted(alternatives), edits):
        same, near = alternatives[place]
        heard[place] = dice.choice(same if not near or (same and dice.random() < SAME_SYLLABLE) else near)
    return "".join(heard)


@lru_cache(maxsize=4096)
def _alternatives(char: str) -> tuple[list[str], list[str]]:
    """Other characters of the same syllable, and of a neighbouring one; none for what is not Chinese."""
    if not "\u4e00" <= char <= "\u9fff":
        return [], []
    syllable = lazy_pinyin(char)[0]
    same = [c for c in _by_syllable().get(syllable, []) if c != char]
    return same, [c for s in _neighbours(syllable) for c in _by_syllable()[s]]
