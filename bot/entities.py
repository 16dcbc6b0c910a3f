"""What can be picked out of an utterance by rule: addresses in every spoken form, numbers, times, parts, communities.

Pure and thread-safe; the words lie in entities.yml. Positions index the normalised text (bot.normalise).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Any

import yaml
from pypinyin import Style, lazy_pinyin
from rapidfuzz import fuzz

from bot.sounds import folded
from bot.understanding import CommunityName, Entity, EntityKind
from kernel.clock import BEIJING, local
from kernel.errors import ConfigurationError

WORDS = Path(__file__).with_name("entities.yml")
#: A strange syllable whose letters are less alike belongs to another name: "zui" may have been "cui", not "bei".
_ALIKE_SYLLABLE = 0.6
_SAME = 1.0
#: Two candidates closer than this are equal: the resident is asked which.
_EQUAL = 0.05
_SAME_SOUND, _FUZZY = 0.9, 0.85
#: What a name by sound gains at most by the characters and tones it was written with.
_CLOSER = 0.045
_MAX_CANDIDATES = 3
#: Shorter names sound like something else by accident, and are part of longer ones.
_TELLING = 3
#: So many characters before a number may say that it is no flat: "card number is".
_NAMES_A_NUMBER = 6
_TRAILING = re.compile(r"[\W_]+$")
_HOURS_OF_HALF_DAY = 12
_HOURS_OF_DAY = 24
_VISIT = timedelta(hours=1)
_NOW = timedelta(hours=2)
_ANY_DAY = (9, 18)


@dataclass(slots=True)
class _Found:
    """Entities of one text; a character belongs to one of them only."""

    text: str
    entities: list[Entity] = field(default_factory=list)
    taken: set[int] = field(default_factory=set)

    def free(self, start: int, end: int) -> bool:
        return self.taken.isdisjoint(range(start, end))

    def add(self, kind: EntityKind, value: str, span: tuple[int, int], score: float = 1.0) -> None:
        start, end = span
        self.entities.append(Entity(kind, value, self.text[start:end], start, end, score))
        self.taken.update(range(start, end))


class EntityWords:
    """The tables of entities.yml, compiled. Never written after the start."""

    def __init__(self, tables: Mapping[str, Any]) -> None:
        self._tables = tables
        self._digit: dict[str, int] = tables["digits"]
        self._tens, self._hundreds = "".join(tables["tens"]), "".join(tables["hundreds"])
        self._thousands = "".join(tables["thousands"])
        self._letters = frozenset(tables["letters"])
        self._zone, self._floor_and_door = re.compile(tables["zone"]), re.compile(tables["floor_and_door"])
        self._taken_back = {where: re.compile(pattern) for where, pattern in tables["taken_back"].items()}
        self._position = re.compile(tables["position"])
        number = tables["number"]
        self._pattern = {
            f"{theme}.{name}": re.compile(pattern.replace("{n}", number))
            for theme in ("address", "phone", "temperature")
            for name, pattern in tables[theme].items()
        }
        self._places = [re.compile(p) for p in tables["place_at_home"]]
        self._parts = {key: re.compile(p) for key, p in tables["part"].items()}
        self._units = {key: re.compile(p) for key, p in tables["other_unit"].items()}
        self._bills_of_others: frozenset[str] = frozenset(tables["bills_of_others"])
        self._ours = re.compile(tables["ours"])
        time = tables["time"]
        self._day, self._part = re.compile(time["day"]), re.compile(time["part"])
        self._hour, self._filler = re.compile(time["hour"]), re.compile(time["filler"])
        self._month_day = re.compile(rf"(?P<month>{number})[{time['month']}](?P<day>{number})")

    @classmethod
    def load(cls, path: Path = WORDS) -> "EntityWords":
        """Raises ConfigurationError if a table is missing or a pattern cannot be compiled."""
        try:
            return cls(yaml.safe_load(path.read_text(encoding="utf-8")))
        except (OSError, KeyError, TypeError, AttributeError, re.error, yaml.YAMLError) as exc:
            raise ConfigurationError(f"{path}: {exc!r}; restore the file from the repository") from exc

    def find(self, text: str, communities: Sequence[CommunityName] = ()) -> tuple[Entity, ...]:
        """All entities of a normalised text, in the order of the text. Communities may come in twos and threes: equals."""
        text = self._position.sub(lambda m: "\0" * len(m[0]), text)
        found = _Found(text)
        self._phones(found)
        for match, community, score in self._standing(text, self._communities(text, communities)):
            found.entities.append(Entity(EntityKind.COMMUNITY, str(community), text[slice(*match)], *match, score))
        for entity in found.entities:
            found.taken.update(range(entity.start, entity.end))
        self._temperatures(found)
        self._address(found)
        self._times(found)
        self._rooms(found)
        self._words(found)
        return tuple(sorted(found.entities, key=lambda e: (e.start, -e.score)))

    def is_bill_of_others(self, text: str, entities: Sequence[Entity]) -> bool:
        """A bill was asked about: the power company's, the water works', nothing of ours is named."""
        named = any(e.kind is EntityKind.OTHER_UNIT and e.value in self._bills_of_others for e in entities)
        return named and not self._ours.search(text)

    def _communities(self, text: str, communities: Sequence[CommunityName]) -> "list[_Hit]":
        """House numbers are no part of a misheard name: "Riverside 7" is not "Riverside Phase 7"."""
        masked = text
        for kind in (EntityKind.BUILDING, EntityKind.UNIT):
            masked = self._pattern[f"address.{kind}"].sub(lambda m: "\0" * len(m[0]), masked)
        return _communities(text, masked, tuple(communities))

    def _standing(self, text: str, hits: "list[_Hit]") -> "list[_Hit]":
        """Without those that are taken back, if another one stands."""
        standing = [
            hit
            for hit in hits
            if not self._taken_back["before"].search(text[: hit[0][0]])
            and not self._taken_back["behind"].search(text[hit[0][1] :])
        ]
        return standing or hits

    # --- numbers -----------------------------------------------------------------------------------------------------
    def number(self, said: str) -> str:
        """Arabic digits of a number as said, letters before it kept: "A" + "15" for the fifteenth, "501" digit by digit."""
        first = said[:1]
        letters = first.upper() if (first.isascii() and first.isalpha()) or first in self._letters else ""
        body = self._zone.sub("", said[len(letters) :]) if letters else said
        floor_and_door = self._floor_and_door.fullmatch(body)
        if floor_and_door:
            return letters + str(self._place_value(floor_and_door[1])) + self._digits(floor_and_door[2])
        if any(c in self._tens + self._hundreds + self._thousands for c in body):
            return letters + str(self._place_value(body))
        return letters + self._digits(body)

    def _digits(self, said: str) -> str:
        return "".join(str(self._digit.get(c, c)) for c in said)

    def _place_value(self, said: str) -> int:
        total, last = 0, 0
        for char in said:
            if char in self._thousands:
                total, last = total + (last or 1) * 1000, 0
            elif char in self._hundreds:
                total, last = total + (last or 1) * 100, 0
            elif char in self._tens:
                total, last = total + (last or 1) * 10, 0
            else:
                last = self._digit.get(char, int(char) if char.isdecimal() else 0)
        return total + last

    def _phones(self, found: _Found) -> None:
        for match in self._pattern["phone.pattern"].finditer(found.text):
            digits = "".join(c for c in self._digits(match[0]) if c.isdecimal())
            mobile = self._pattern["phone.mobile"].match(digits)
            if mobile or self._pattern["phone.landline"].match(digits):
                span = (match.start(), match.start() + len(_TRAILING.sub("", match[0])))
                found.add(EntityKind.PHONE, mobile[1] if mobile else digits, span)

    def _temperatures(self, found: _Found) -> None:
        for match in self._pattern["temperature.between"].finditer(found.text):
            if match["tens"]:
                tens = self._place_value(match["tens"])
                low, high = tens + self._digit[match["low"]], tens + self._digit[match["high"]]
            else:
                low, high = int(match["from"]), int(match["to"])
            if found.free(*match.span()):
                middle = (low + high) / 2
                found.add(EntityKind.TEMPERATURE, f"{middle:g}", match.span(), 0.9)
        for match in self._pattern["temperature.spoken_point"].finditer(found.text):
            if found.free(*match.span()):
                value = f"{self.number(match['whole'])}.{self._digits(match['tenth'])}"
                found.add(EntityKind.TEMPERATURE, value, match.span())
        for match in self._pattern["temperature.exact"].finditer(found.text):
            if found.free(*match.span()):
                whole, fraction = self.number(match["value"]), match["fraction"]
                tenth = "" if not fraction else "5" if fraction == self._tables["half"] else self._digits(fraction)
                found.add(EntityKind.TEMPERATURE, whole + (f".{tenth}" if tenth else ""), match.span())

    # --- address -----------------------------------------------------------------------------------------------------
    def _address(self, found: _Found) -> None:
        for name in ("dashed", "dashed_spoken", "dashed_short"):
            for match in self._pattern[f"address.{name}"].finditer(found.text):
                if found.free(*match.span()):
                    for part, said in match.groupdict().items():
                        found.add(EntityKind(part), self.number(said), match.span(part))
        for kind in (EntityKind.BUILDING, EntityKind.UNIT):
            for match in self._pattern[f"address.{kind}"].finditer(found.text):
                said = next(v for v in match.groupdict().values() if v)
                if found.free(*match.span()):
                    found.add(kind, self.number(said), match.span())

    def _rooms(self, found: _Found) -> None:
        for name in ("room_marked", "room"):
            for match in self._pattern[f"address.{name}"].finditer(found.text):
                before = found.text[max(0, match.start() - _NAMES_A_NUMBER) : match.start()]
                if found.free(*match.span()) and not self._pattern["address.not_a_room"].search(before):
                    part = next(name for name, said in match.groupdict().items() if said)
                    found.add(EntityKind.ROOM, self.number(match[part]), match.span(part))

    # --- times -------------------------------------------------------------------------------------------------------
    def _times(self, found: _Found) -> None:
        for start, end in self._time_spans(found.text):
            if found.free(start, end):
                found.add(EntityKind.TIME, found.text[start:end], (start, end))

    def _time_spans(self, text: str) -> Iterator[tuple[int, int]]:
        at = 0
        while at < len(text):
            end = self._time_from(text, at)
            if end > at:
                yield at, end
            at = max(end, at + 1)

    def _time_from(self, text: str, start: int) -> int:
        """Where the time that begins at `start` ends; `start` if none begins there."""
        end = start
        for pattern in (self._day, self._part, self._hour):
            begin = end if end == start else self._skip(text, end)
            match = pattern.match(text, begin)
            if match:
                end = match.end()
        separator = re.match(self._tables["time"]["separator"], text[end:]) if end > start else None
        until = separator and self._hour.match(text, end + separator.end())
        return until.end() if until else end

    def _skip(self, text: str, at: int) -> int:
        match = self._filler.match(text, at)
        return match.end() if match else at

    def resolve_time(self, said: str, now: datetime) -> tuple[datetime, datetime] | None:
        """The interval a time as said means, aware, on Beijing's wall clock; None if it is past or cannot be told.

        `now` must be aware. Without a day the next such time; without an hour the part of the day; an hour alone lasts one hour.
        """
        time, today = self._tables["time"], local(now).replace(minute=0, second=0, microsecond=0)
        if re.search(time["now"], said):
            return local(now), local(now) + _NOW
        if re.search(time["any"], said):
            return local(now), today.replace(hour=_ANY_DAY[1]) + timedelta(days=1)
        day = self._resolve_day(said, today)
        part = next((p for p in sorted(time["parts"], key=len, reverse=True) if p in said), None)
        hours = [m for m in self._hour.finditer(said) if not self._is_date(said, m)]
        if day is None and part is None and not hours:
            return None
        start, end = self._hours_of(day or today, part, hours)
        if day is None and end <= local(now):
            start, end = start + timedelta(days=1), end + timedelta(days=1)
        if end <= local(now):
            return None
        return max(start, local(now)), end

    def _hours_of(self, day: datetime, part: str | None, hours: list[re.Match[str]]) -> tuple[datetime, datetime]:
        first, last = self._tables["time"]["parts"][part] if part else _ANY_DAY
        midnight = day.replace(hour=0)
        if not hours:
            return midnight + timedelta(hours=first), midnight + timedelta(hours=last)
        start = midnight + self._offset(hours[0], part)
        if len(hours) > 1:
            end = midnight + self._offset(hours[1], part)
            end += timedelta(hours=_HOURS_OF_HALF_DAY) if end <= start else timedelta()
            return start, end
        if hours[0]["after"]:
            return start, max(start + _VISIT, midnight + timedelta(hours=last))
        return start, start + _VISIT

    def _offset(self, match: re.Match[str], part: str | None) -> timedelta:
        hour = int(self.number(match["hour"]))
        if part in self._tables["time"]["afternoon"] and hour < _HOURS_OF_HALF_DAY:
            hour += _HOURS_OF_HALF_DAY
        # "three o'clock" without a part of the day: nobody visits at three in the night
        if part is None and hour < self._tables["time"]["parts_from"]:
            hour += _HOURS_OF_HALF_DAY
        minute = match["minute"] or "0"
        quarters: dict[str, int] = self._tables["time"]["quarter"]
        minutes = (
            quarters.get(minute)
            if minute in quarters
            else int(self.number(minute.rstrip(self._tables["time"]["minute"])))
        )
        return timedelta(hours=hour % (_HOURS_OF_DAY + 1), minutes=minutes or 0)

    def _is_date(self, said: str, match: re.Match[str]) -> bool:
        dates = self._month_day.finditer(said)
        return any(d.start() <= match.start() < d.end() for d in dates)

    def _resolve_day(self, said: str, today: datetime) -> datetime | None:
        time = self._tables["time"]
        date = self._month_day.search(said)
        if date:
            return self._date(today, int(self.number(date["month"])), int(self.number(date["day"])))
        match = self._day.search(said)
        if match is None:
            return None
        weekday = re.search(rf"(?:{time['week']})(.)", match[0])
        if weekday:
            ahead = (time["weekday"][weekday[1]] - today.weekday()) % 7
            if time["next_week"] in match[0]:
                ahead = 7 - today.weekday() + time["weekday"][weekday[1]]
            return today + timedelta(days=ahead)
        return next(today + timedelta(days=d) for word, d in time["offset"].items() if match[0].startswith(word))

    def _date(self, today: datetime, month: int, day: int) -> datetime | None:
        try:
            date = datetime(today.year, month, day, tzinfo=BEIJING)
        except ValueError:
            return None
        return date if date.date() >= today.date() else date.replace(year=today.year + 1)

    # --- words -------------------------------------------------------------------------------------------------------
    def _words(self, found: _Found) -> None:
        for pattern in self._places:
            for match in pattern.finditer(found.text):
                if found.free(*match.span()):
                    found.add(EntityKind.PLACE_AT_HOME, match[0], match.span())
        # what somebody else installed ("air conditioner") may overlap a part ("pipe") and is told beside it
        parts = _Found(found.text, found.entities, set(found.taken))
        for key, pattern in self._parts.items():
            for match in pattern.finditer(found.text):
                if parts.free(*match.span()):
                    parts.add(EntityKind.PART, key, match.span())
        for key, pattern in self._units.items():
            unit = pattern.search(found.text)
            if unit:
                found.entities.append(Entity(EntityKind.OTHER_UNIT, key, unit[0], *unit.span()))


# --- communities -----------------------------------------------------------------------------------------------------
_letters: dict[str, str] = {}
_next_letter = count(0xF0000)


@lru_cache(maxsize=20_000)
def _sound_of_character(char: str) -> str:
    """One private character per folded syllable, so that strings of sounds can be compared as strings.

    A memo for the life of the process; `count` and `setdefault` are atomic, so no two syllables share a letter.
    """
    return _letters.setdefault(folded(lazy_pinyin(char)[0]), chr(next(_next_letter)))


@lru_cache(maxsize=20_000)
def _tone(char: str) -> str:
    return str(lazy_pinyin(char, style=Style.TONE3)[0])


def _sounds(text: str) -> str:
    return "".join(_sound_of_character(c) for c in text)


@dataclass(frozen=True, slots=True)
class _Name:
    community_id: int
    name: str
    sound: str


@lru_cache(maxsize=8)
def _names(communities: tuple[CommunityName, ...]) -> tuple[_Name, ...]:
    """Longest first: the name that says most wins the characters."""
    every = {(c.community_id, n) for c in communities for n in (c.name, *c.aliases) if len(n) > 1}
    return tuple(sorted((_Name(i, n, _sounds(n)) for i, n in every), key=lambda n: (-len(n.name), n.name)))


_Hit = tuple[tuple[int, int], int, float]


def _communities(text: str, masked: str, communities: tuple[CommunityName, ...]) -> list[_Hit]:
    """By characters, by sound, alike: a long name misheard says more than a short one inside it ("Lake" of "Lake Court")."""
    names = _names(communities)
    hits = [*_exact(text, names), *_by_sound(text, names)]
    if all(end - start < _TELLING for (start, end), _, _ in hits):
        hits += _alike(masked, names)
    kept: list[_Hit] = []
    for hit in sorted(hits, key=_weight, reverse=True):
        rivals = [k for k in kept if k[0][0] < hit[0][1] and hit[0][0] < k[0][1]]
        known = any(k[1] == hit[1] for k in kept)
        if not known and all(_weight(k) == _weight(hit) or k[2] == hit[2] < _SAME_SOUND for k in rivals):
            kept.append(hit)
    return kept[:_MAX_CANDIDATES]


def _weight(hit: _Hit) -> float:
    (start, end), _, score = hit
    return (end - start) * score


def _exact(text: str, names: tuple[_Name, ...]) -> list[_Hit]:
    return [((at, at + len(n.name)), n.community_id, 1.0) for n in names if (at := text.find(n.name)) >= 0]


def _by_sound(text: str, names: tuple[_Name, ...]) -> list[_Hit]:
    """The folded sound is the name's; of two names that sound alike the one with more of its tones and characters."""
    heard = _sounds(text)
    hits: list[_Hit] = []
    for name in names:
        at = heard.find(name.sound)
        if at >= 0 and len(name.sound) >= _TELLING:
            written = text[at : at + len(name.name)]
            same = sum((a == b) + (_tone(a) == _tone(b)) for a, b in zip(written, name.name, strict=True))
            hits.append(((at, at + len(name.name)), name.community_id, _SAME_SOUND + _CLOSER * same / len(name.name)))
    return hits


def _alike(text: str, names: tuple[_Name, ...]) -> list[_Hit]:
    """Misheard beyond what folding undoes: syllable by syllable, the strange ones still alike in their letters."""
    heard = _sounds(text)
    best: dict[int, _Hit] = {}
    for name in names:
        length = len(name.sound)
        if length < _TELLING:
            continue
        for at in _where_it_may_begin(heard, name.sound):
            score = _likeness(text[at : at + length], name.name)
            if score * _FUZZY > best.get(name.community_id, ((0, 0), 0, 0.0))[2]:
                best[name.community_id] = ((at, at + length), name.community_id, round(score * _FUZZY, 3))
    ranked = sorted(best.values(), key=lambda b: -b[2])
    return [b for b in ranked if ranked[0][2] - b[2] < _EQUAL][:_MAX_CANDIDATES]


def _where_it_may_begin(heard: str, name: str) -> set[int]:
    """One of the first two syllables is there: they tell communities apart, the last two are "garden" or "court"."""
    starts = {p - i for i in (0, 1) for p, sound in enumerate(heard) if sound == name[i]}
    return {at for at in starts if 0 <= at <= len(heard) - len(name)}


def _likeness(written: str, name: str) -> float:
    """0 to 1; 0 unless more than half of the syllables are the name's and the others are spelt nearly so."""
    alike = [_syllables_alike(a, b) for a, b in zip(written, name, strict=True)]
    if min(alike) < _ALIKE_SYLLABLE or 2 * alike.count(_SAME) <= len(alike):
        return 0.0
    return sum(alike) / len(alike)


@lru_cache(maxsize=50_000)
def _syllables_alike(a: str, b: str) -> float:
    if _sound_of_character(a) == _sound_of_character(b):
        return _SAME
    return fuzz.ratio(lazy_pinyin(a)[0], lazy_pinyin(b)[0]) / 100
