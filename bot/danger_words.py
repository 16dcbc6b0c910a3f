"""Danger recognised without any model: what flows where, said of now and of the heating.

Every mention of escaping water is read on its own: negated ("没漏"), past ("上次漏水修好了") and hypothetical ("万一漏水") ones
fall out; what is left is danger if the heating is named or the water is hot, perhaps danger if nothing says whose
water it is, none if it is somebody else's. Sounds are compared by folded pinyin and give `PERHAPS` at most.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml

from bot.sounds import sound_of
from bot.understanding import Intent
from kernel.errors import ConfigurationError

WORDS = Path(__file__).with_name("danger_words.yml")
_CLAUSE = re.compile(r"[\s,。、;:!?,;:!?…~]+")
_NOT_CHINESE = re.compile(r"[^\u4e00-\u9fff]+")
#: How far before a mention "if" and "in case" still govern it.
_GOVERNS = 12
#: Sounds are compared in the first so many characters: a caller, not a novel.
_LONGEST_HEARD = 200


class Danger(StrEnum):
    """SURE: alarm at once, nobody else is asked. PERHAPS: the model decides, else one question."""

    SURE = "sure"
    PERHAPS = "perhaps"
    NO = "no"


@dataclass(frozen=True, slots=True)
class DangerFound:
    """`excuse` says what took the danger out of the words: negated, past, hypothetical, distant, asked, foreign, noise; "" if nothing did."""

    danger: Danger
    intent: Intent | None = None
    excuse: str = ""


class DangerWords:
    """The tables of danger_words.yml, compiled. Never written after the start: safe for any number of threads."""

    def __init__(self, tables: Mapping[str, Any]) -> None:
        flat = dict(_flattened(tables))
        self._pattern = {key: re.compile(value) for key, value in flat.items() if isinstance(value, str)}
        self._objects = [sound_of(word) for word in flat["heating.sounds"]]
        self._water_sounds = [sound_of(word) for word in flat["water_out.sounds"]]
        self._behind = [o.rstrip() + sound_of(w) for o in self._objects for w in flat["water_out.sounds_behind_object"]]
        self._cover_sounds = [sound_of(word) for word in flat["manhole.sounds"]]
        self._foreign_sounds = [sound_of(word) for word in flat["foreign_sounds"]]
        self._not_heard = [sound_of(word) for word in flat["water_out.sounds_never"]]

    @classmethod
    def load(cls, path: Path = WORDS) -> "DangerWords":
        """Raises ConfigurationError if a table is missing or a pattern cannot be compiled."""
        try:
            words = cls(yaml.safe_load(path.read_text(encoding="utf-8")))
            words.judge(" ".join(word for word in words._objects))
        except (OSError, KeyError, TypeError, AttributeError, re.error, yaml.YAMLError) as exc:
            raise ConfigurationError(f"{path}: {exc!r}; restore the file from the repository") from exc
        else:
            return words

    def judge(self, text: str) -> DangerFound:
        """What a normalised text (bot.normalise) says of danger. Never asks anybody, 1 ms for a sentence."""
        return self._manhole(text) or self._water(text)

    def perhaps_in_another_language(self, text: str) -> bool:
        """Words of water and steam in a sentence that is not Chinese: enough to ask, not to alarm."""
        return self._has("other_language", text)

    def _has(self, key: str, text: str) -> bool:
        return self._pattern[key].search(text) is not None

    def _water(self, text: str) -> DangerFound:
        spoken = self._pattern["water_out.never"].sub(lambda m: "\0" * len(m[0]), text)
        excuse = ""
        for strength in ("plain", "faint"):
            for mention in self._pattern[f"water_out.{strength}"].finditer(spoken):
                why_not = self._excuse(spoken, mention)
                if not why_not:
                    return self._whose_water(text, text[mention.end() :], certain=strength == "plain")
                excuse = excuse or why_not
            if excuse:
                return DangerFound(Danger.NO, excuse=excuse)
        if spoken != text and self._has("heating.plain", text):
            return DangerFound(Danger.NO, excuse="noise")
        if self._has("past.over", text):
            return DangerFound(Danger.NO, excuse="past")
        return self._by_sound(text)

    def _excuse(self, text: str, mention: re.Match[str]) -> str:
        """Why this mention of water is no danger now; "" if it is one."""
        start, end = _clause_around(text, mention.start(), mention.end())
        clause, rest = text[start:end], text[end:]
        behind = text[mention.end() : end]
        governing = text[max(0, mention.start() - _GOVERNS) : mention.end()]
        governing = self._pattern["but"].split(governing)[-1]
        before = text[start : mention.start()]
        if self._has("negated.before", before) or self._has("negated.behind", behind):
            return "negated"
        if self._has("negated.inside", mention[0]) or self._has("negated.corrected", text[mention.end() :]):
            return "negated"
        if self._has("hypothetical", governing) and not self._has("came_true", text):
            return "hypothetical"
        if self._has("rule_question", text[mention.end() :][:_GOVERNS]) and not self._has("ongoing", text):
            return "hypothetical"
        done = self._pattern["past.done"].search(clause)
        back = self._has("past.relapse", clause[done.end() :] if done else clause)
        if back and not self._has("past.closing", rest):
            return ""
        past = (
            self._has("past.word_behind", behind)
            or done is not None
            or self._has("past.done", rest)
            or self._has("past.over", rest)
            or self._has("past.when", governing)
        )
        return "past" if past and not self._relapses(rest) else ""

    def _relapses(self, rest: str) -> bool:
        """The danger is back in what follows: "昨天修好了 今天又漏"."""
        if self._has("past.worse", rest):
            return True
        for clause in _CLAUSE.split(rest):
            mention = self._pattern["water_out.plain"].search(clause)
            if mention and self._has("past.relapse", clause):
                return not self._has("negated.before", clause[: mention.start()])
        return False

    def _whose_water(self, text: str, behind: str, *, certain: bool) -> DangerFound:
        heating = self._has("heating.plain", self._pattern["heating.denied"].sub(" ", text))
        hot = self._has("heating.hot", text)
        outside = self._has("outside.plain", text) and not self._has("outside.indoors", text)
        intent = Intent.LEAK_STREET if outside else Intent.LEAK_INSIDE
        if self._is_foreign(text):
            both = heating and certain
            return DangerFound(Danger.PERHAPS if both else Danger.NO, intent if both else None, "foreign")
        if not self._has("ongoing", text) and (self._has("past.damages", text) or self._has("past.served", text)):
            return DangerFound(Danger.NO, excuse="past")
        told_before = self._has("past.claim", text) or self._has("reported", text)
        if told_before and certain:
            return DangerFound(Danger.PERHAPS, intent, "" if self._has("now", text) else "past")
        excuse = self._only_told(text, behind)
        if certain and (heating or hot) and not excuse:
            return DangerFound(Danger.SURE, intent)
        if certain or heating or (hot and outside):
            return DangerFound(Danger.PERHAPS, intent, excuse)
        return self._by_sound(text)

    def _only_told(self, text: str, behind: str) -> str:
        """Why water that gets out may be somewhere else, some other time or only a question; the model decides."""
        if self._has("now", text):
            return ""
        if self._has("distant", text) or self._has("named", behind):
            return "distant"
        asked = self._has("asks", text) or self._has("asks_first", behind)
        return "asked" if asked and not self._has("happened", text) else ""

    def _is_foreign(self, text: str) -> bool:
        return any(
            not self._has("foreign_denied", text[: named.start()])
            and not self._has("foreign_excused", text[named.end() :])
            for named in self._pattern["foreign"].finditer(text)
        )

    def _manhole(self, text: str) -> DangerFound | None:
        read = self._has("manhole.cover", text)
        mended = read and self._has("manhole.done", text) and not self._has("past.relapse", text)
        broken = self._pattern["manhole.broken"].search(text)
        if not mended and (not broken or not (read or self._sounds_like_a_cover(text))):
            return None
        if self._has("manhole.foreign", text) and not self._has("manhole.ours", text):
            return DangerFound(Danger.NO, excuse="foreign")
        if self._has("hypothetical", text[: broken.end()] if broken else text):
            return DangerFound(Danger.NO, excuse="hypothetical")
        if mended:
            return DangerFound(Danger.NO, excuse="past")
        told = self._has("manhole.only_told", text) or self._has("asks", text)
        if told and not self._has("now", text):
            return DangerFound(Danger.PERHAPS, Intent.MANHOLE_COVER, "distant")
        certain = read and self._has("manhole.certain", text) and not self._has("past.claim", text)
        return DangerFound(Danger.SURE if certain else Danger.PERHAPS, Intent.MANHOLE_COVER)

    def _sounds_like_a_cover(self, text: str) -> bool:
        heard = sound_of(_NOT_CHINESE.sub("", text)[:_LONGEST_HEARD])
        return any(sound in heard for sound in self._cover_sounds)

    def _by_sound(self, text: str) -> DangerFound:
        heard = sound_of(_NOT_CHINESE.sub("", text)[:_LONGEST_HEARD])
        if not any(o in heard for o in self._objects) or self._has("not_by_sound", text):
            written = self._has("foreign", text)  # spelt right, it may have been denied
            foreign = self._is_foreign(text) if written else any(sound in heard for sound in self._foreign_sounds)
            return DangerFound(Danger.NO, excuse="foreign" if foreign else "")
        for innocent in self._not_heard:
            heard = heard.replace(innocent, " | ")
        if any(sound in heard for sound in (*self._water_sounds, *self._behind)):
            return DangerFound(Danger.PERHAPS, Intent.LEAK_INSIDE)
        return DangerFound(Danger.NO)


def _flattened(tables: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tables.items():
        if isinstance(value, Mapping):
            yield from _flattened(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _clause_around(text: str, start: int, end: int) -> tuple[int, int]:
    before = [m.end() for m in _CLAUSE.finditer(text, 0, start)]
    behind = _CLAUSE.search(text, end)
    return (before[-1] if before else 0), (behind.start() if behind else len(text))


def load_danger_words() -> DangerWords:
    """The product's own tables. Raises ConfigurationError."""
    return DangerWords.load()
