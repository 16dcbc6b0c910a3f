"""How a company's own files are worded: data/import_words.yml, read once. Immutable afterwards."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import cn2an
import yaml

from kernel.errors import ConfigurationError, ImportRejected

_ASIDE = re.compile(r"\(.*?\)|\[.*?\]|[*_:]")  # a column "phone (required)*" is the column "phone"


class TableKind(StrEnum):
    """The tables of a company, in the order in which they are imported: later ones refer to earlier ones."""

    STATIONS = "stations"
    STAFF = "staff"
    COMMUNITIES = "communities"
    DUTIES = "duties"
    HOUSEHOLDS = "households"
    OPERATORS = "operators"


def folded(text: str) -> str:
    """A word or name without case, width and spaces, so that it can be looked up."""
    return "".join(unicodedata.normalize("NFKC", text).split()).casefold()


def folded_heading(text: str) -> str:
    """The same for a heading or a table's name, asides left out."""
    return _ASIDE.sub("", folded(text))


@dataclass(frozen=True)
class Words:
    """Every look-up takes a `folded` text; `tables` and `headers` a `folded_heading`."""

    tables: Mapping[str, TableKind]
    headers: Mapping[TableKind, Mapping[str, str]]  # heading → field
    titles: Mapping[TableKind, Mapping[str, str]]  # field → heading, as it is written in messages and sample files
    empty: frozenset[str]
    flags: Mapping[str, bool]
    installations: Mapping[str, str]
    usages: Mapping[str, str]
    duty_roles: Mapping[str, str]
    operator_roles: Mapping[str, str]
    decoration: Mapping[str, tuple[str, ...]]  # longest first
    weekdays: Mapping[str, frozenset[int]]
    range_signs: tuple[str, ...]
    raw: Mapping[str, Any]

    def bare_place(self, part: str, said: str) -> str:
        """Building, unit or room as understanding hears it: Arabic digits, letters kept, without the words around."""
        value = unicodedata.normalize("NFKC", said).replace(" ", "").upper()
        for word in self.decoration[part]:
            if value.endswith(word) and value != word:
                value = value.removesuffix(word)
                break
        if value and not value.isascii():
            with suppress(ValueError):  # a name ("east"), not a numeral: kept as it is
                value = str(cn2an.cn2an(value, "smart"))
        return re.sub(r"(?<!\d)0+(?=\d)", "", value)

    def reason(self, key: str, **params: object) -> str:
        """Why a row cannot be used, as a sentence."""
        return str(self.raw["reasons"][key]).format(**params)

    def rejection(self, key: str, **params: object) -> ImportRejected:
        """Why a file was not taken, ready to be raised."""
        return ImportRejected(str(self.raw["rejected"][key]).format(**params))

    def table_titles(self) -> str:
        return ", ".join(f"{kind} ({self.raw['tables'][kind][0]})" for kind in TableKind)


def load_words(file: Path) -> Words:
    """Raises ConfigurationError if the file is missing or a part of it is."""
    try:
        raw = yaml.safe_load(file.read_text(encoding="utf-8"))
        headers = {kind: _synonyms(raw["headers"][kind], folded_heading) for kind in TableKind}
        day_names = {str(name): int(day) for name, day in raw["weekdays"].items()}
        days = {name: frozenset({day}) for name, day in day_names.items()}
        days |= {str(day): frozenset({day}) for day in range(1, 8)}
        days |= {p + name: value for p in raw["weekday_prefix"] for name, value in list(days.items()) if len(name) == 1}
        days |= dict.fromkeys(raw["every_day"], frozenset(range(1, 8)))
        return Words(
            tables={name: TableKind(kind) for name, kind in _synonyms(raw["tables"], folded_heading).items()},
            headers=headers,
            titles={kind: {field: names[0] for field, names in raw["headers"][kind].items()} for kind in TableKind},
            empty=frozenset({""} | {folded(word) for word in raw["empty"]}),
            flags={folded(w): True for w in raw["yes_words"]} | {folded(w): False for w in raw["no_words"]},
            installations=_synonyms(raw["installations"]),
            usages=_synonyms(raw["usages"]),
            duty_roles=_synonyms(raw["duty_roles"]),
            operator_roles=_synonyms(raw["operator_roles"]),
            decoration={
                field: tuple(sorted(words, key=len, reverse=True)) for field, words in raw["decoration"].items()
            },
            weekdays=days,
            range_signs=tuple(raw["range_signs"]),
            raw=raw,
        )
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError, ValueError) as exc:
        msg = f"{file}: not usable as the words of company files ({exc!r}): restore it from the distribution"
        raise ConfigurationError(msg) from exc


def _synonyms(names: Mapping[str, Iterable[str]], fold: Callable[[str], str] = folded) -> dict[str, str]:
    """Each synonym, and the key itself, folded, to the key. The first key that claims a word keeps it."""
    found: dict[str, str] = {}
    for key, words in names.items():
        for word in (key, *words):
            found.setdefault(fold(str(word)), str(key))
    return found
