"""From a row of text to an object of the company, or to reasons why not. Pure."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import time
from typing import Any

import phonenumbers

from fulfillment.company import Community, Duty, Household, Operator, OperatorRole, Staff, StaffRole, Station
from fulfillment.importing.tables import REQUIRED, RawRow, Table
from fulfillment.importing.words import TableKind, Words, folded

#: The address of a chat robot as it is stored, from what a company writes; "" if it is none. Asks no network.
#: Given by app.py, because only `ivr` knows the robots.
RobotAddress = Callable[[str], str]
CompanyObject = Station | Staff | Community | Duty | Household | Operator

_NAME_LIMIT, _TEXT_LIMIT, _KEY_LIMIT, _PLACE_LIMIT = 40, 120, 32, 8
_LARGEST_HOME_M2 = 100_000.0  # whole public buildings are households too
_LARGEST_ARREARS = 10_000_000.0  # yuan
_SHOWN = 40  # characters of a bad value that are repeated in the message
_KEY = re.compile(r"[0-9A-Za-z._-]+")
_SCIENTIFIC = re.compile(r"\d(?:\.\d+)?E\+?\d+", re.IGNORECASE)
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::00)?")
_SERVICE_NUMBER = re.compile(r"1\d{2}|1\d{4}|9[56]\d{3,4}")  # 110, 12345, 95598, 96xxx(x): dialled without area code
_LIKE_A_FORMULA = ("=", "+", "-", "@")
_MIDNIGHT = 24


@dataclass(frozen=True, slots=True)
class RowProblem:
    """Why one row was not imported (or, among the warnings, what is doubtful about it).

    `column` is the file's own heading, "" if the whole row is meant; `line` 0 means the whole file; `reason` a key, `sentence` the same for people.
    """

    file: str
    line: int
    column: str
    reason: str
    sentence: str

    def __str__(self) -> str:
        return ":".join(part for part in (self.file, str(self.line or ""), self.column, " " + self.sentence) if part)


class Names:
    """What files may call something that is already stored, and its id."""

    def __init__(self) -> None:
        self._ids: list[dict[str, set[int]]] = [{}, {}, {}]

    def add(self, stored_id: int, code: str, name: str, aliases: Iterable[str] = ()) -> None:
        for strength, words in enumerate(((code,), (name,), aliases)):
            for word in words:
                self._ids[strength].setdefault(folded(word), set()).add(stored_id)

    def find(self, said: str) -> set[int]:
        """The ids that fit best: a code beats a name, a name beats an alias."""
        return next((ids[folded(said)] for ids in self._ids if folded(said) in ids), set())


@dataclass(slots=True)
class Known:
    """What a row may refer to, and who knows a robot's address when he sees it."""

    robot_address: RobotAddress
    stations: Names = field(default_factory=Names)
    staff: Names = field(default_factory=Names)
    communities: Names = field(default_factory=Names)


class RowReader:
    """Reads the cells of one row; what is wrong is collected in `problems`, all of it, and a stand-in is returned."""

    def __init__(self, table: Table, row: RawRow, words: Words) -> None:
        self.problems: list[RowProblem] = []
        self._table, self._row, self._words = table, row, words
        self._cells = dict(zip(table.fields, row.cells, strict=True))
        self._required = REQUIRED[table.kind]
        if row.extra:
            self._complain("", "too_many_cells", extra=row.extra)

    def has_column(self, name: str) -> bool:
        return name in self._cells

    def text(self, name: str, limit: int = _TEXT_LIMIT) -> str:
        value = self._value(name)
        if value.startswith(_LIKE_A_FORMULA):  # a report opened in a spreadsheet would carry it out
            return self._refuse(name, "formula")
        if len(value) > limit:
            return self._refuse(name, "too_long", limit=limit)
        return value

    def key(self, name: str, *, required: bool = False) -> str:
        value = unicodedata.normalize("NFKC", self.text(name)).replace(" ", "")
        if required and not value:
            return self._refuse(name, "missing")
        if _SCIENTIFIC.fullmatch(value):
            return self._refuse(name, "digits_lost", value=value)
        if value and (not _KEY.fullmatch(value) or len(value) > _KEY_LIMIT):
            return self._refuse(name, "bad_key", value=value[:_SHOWN], limit=_KEY_LIMIT)
        return value

    def place(self, name: str) -> str:
        """Building, unit or room, without the words around."""
        value = self._words.bare_place(name, self.text(name))
        return self._refuse(name, "too_long", limit=_PLACE_LIMIT) if len(value) > _PLACE_LIMIT else value

    def phone(self, name: str) -> str:
        """E.164, or "" for an empty cell."""
        value = self._value(name)
        return e164(value) or self._refuse(name, "bad_phone", value=value[:_SHOWN]) if value else ""

    def spoken_phone(self, name: str) -> str:
        """A number that is read out to residents: as the company writes it, if it can be dialled; service numbers too."""
        value = unicodedata.normalize("NFKC", self._value(name)).replace(" ", "")
        if not value or is_dialled(value):
            return value
        return self._refuse(name, "bad_phone", value=value[:_SHOWN])

    def robot(self, name: str, address: RobotAddress) -> str:
        """A refused one is not repeated in the message: it holds a secret."""
        value = self._value(name)
        return address(value) or self._refuse(name, "bad_robot") if value else ""

    def flag(self, name: str, *, default: bool) -> bool:
        value = self._value(name)
        known = self._words.flags.get(folded(value)) if value else default
        if known is None:
            self._refuse(name, "bad_flag", value=value[:_SHOWN])
        return bool(known)

    def choice(self, name: str, words: Mapping[str, str], default: str) -> str:
        value = self._value(name)
        if value and folded(value) not in words:
            self._refuse(name, "bad_choice", value=value[:_SHOWN], choices=", ".join(words))
        return words.get(folded(value), default)

    def number(self, name: str, largest: float) -> float:
        value = unicodedata.normalize("NFKC", self._value(name))
        try:
            number = float(value or 0)
        except ValueError:
            number = -1.0
        if not 0 <= number <= largest:  # also false for "nan"
            self._refuse(name, "bad_number", value=value[:_SHOWN])
            return 0.0
        return number

    def time(self, name: str) -> time:
        """Local time of day; 24:00 is the midnight that ends the day."""
        value = unicodedata.normalize("NFKC", self._value(name))
        match = _CLOCK.fullmatch(value)
        hours, minutes = (int(match[1]), int(match[2])) if match else (_MIDNIGHT + 1, 0)
        try:
            return time(0 if (hours, minutes) == (_MIDNIGHT, 0) else hours, minutes)
        except ValueError:
            self._refuse(name, "bad_time", value=value[:_SHOWN])
            return time()

    def weekdays(self, name: str) -> frozenset[int]:
        value = folded(self._value(name))
        days: frozenset[int] = frozenset()
        for part in re.split(r"[,;/\u3001]", value):
            found = self._day_range(part) if value else frozenset()
            if found is None:
                self._refuse(name, "bad_weekdays", value=value[:_SHOWN])
                return frozenset()
            days |= found
        return days

    def _day_range(self, said: str) -> frozenset[int] | None:
        known = self._words.weekdays
        if said in known:
            return known[said]
        for sign in self._words.range_signs:
            first, found, last = said.partition(sign)
            if found and len(known.get(first, ())) == 1 and len(known.get(last, ())) == 1:
                (start,), (end,) = known[first], known[last]
                return frozenset((start + i - 1) % 7 + 1 for i in range((end - start) % 7 + 1))
        letters = said[1:] if said[:1] not in known else said  # a week's prefix once, then day after day
        if letters and all(letter in known for letter in letters):
            return frozenset(day for letter in letters for day in known[letter])
        return None

    def words_list(self, name: str) -> tuple[str, ...]:
        parts = re.split(r"[,;/|\u3001\uff0c\uff1b]", self.text(name))
        return tuple(dict.fromkeys(part.strip() for part in parts if part.strip()))

    def reference(self, name: str, names: Names, unknown: str) -> int | None:
        said = self.text(name)
        ids = names.find(said) if said else set()
        if said and len(ids) != 1:
            self._refuse(name, "ambiguous" if ids else unknown, value=said[:_SHOWN])
        return next(iter(ids), None)

    def warning(self, name: str, reason: str, **params: object) -> RowProblem:
        return self._problem(name, reason, **params)

    def _value(self, name: str) -> str:
        raw = "".join(c for c in self._cells.get(name, "") if unicodedata.category(c) not in {"Cc", "Cf", "Co", "Cs"})
        value = " ".join(raw.split()).removeprefix("'")  # a leading apostrophe is a spreadsheet's mark for "text"
        if folded(value) in self._words.empty:
            if name in self._required:
                self._complain(name, "missing")
            return ""
        return value

    def _refuse(self, name: str, reason: str, **params: object) -> str:
        self._complain(name, reason, **params)
        return ""

    def _complain(self, name: str, reason: str, **params: object) -> None:
        problem = self._problem(name, reason, **params)
        if problem not in self.problems:
            self.problems.append(problem)

    def _problem(self, name: str, reason: str, **params: object) -> RowProblem:
        heading = self._table.headings.get(name, name)
        return RowProblem(self._table.file, self._row.line, heading, reason, self._words.reason(reason, **params))


def is_dialled(value: str) -> bool:
    """Whether a number can be read out to residents: a service number, or one that can be dialled from anywhere."""
    return bool(_SERVICE_NUMBER.fullmatch(value) or e164(value))


def e164(value: str) -> str:
    """The number, if it is exactly one that can be dialled from anywhere (a landline needs its area code); "" if not."""
    try:
        number = phonenumbers.parse(unicodedata.normalize("NFKC", value), "CN")
    except phonenumbers.NumberParseException:
        return ""
    if number.extension or not phonenumbers.is_valid_number(number):
        return ""
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _station(row: RowReader, known: Known, _: Words) -> Station:
    return Station(
        id=0,
        code=row.key("code"),
        name=row.text("name", _NAME_LIMIT),
        address=row.text("address"),
        phone=row.spoken_phone("phone"),
        robot=row.robot("robot", known.robot_address),
    )


def _staff(row: RowReader, known: Known, _: Words) -> Staff:
    return Staff(
        id=0,
        number=row.key("number").zfill(2),  # a spreadsheet makes 1 of 01; the greeting says NN
        name=row.text("name", _NAME_LIMIT),
        phone=row.phone("phone"),
        station_id=row.reference("station", known.stations, "unknown_station"),
        active=row.flag("active", default=True),
        robot=row.robot("robot", known.robot_address),
    )


def _community(row: RowReader, known: Known, _: Words) -> Community:
    name = row.text("name", _NAME_LIMIT)
    return Community(
        id=0,
        code=row.key("code", required=True) if row.has_column("code") else name,
        name=name,
        aliases=tuple(alias for alias in row.words_list("aliases") if alias != name),
        station_id=row.reference("station", known.stations, "unknown_station") or 0,
        butler_id=row.reference("butler", known.staff, "unknown_staff") or 0,
        deputy_id=row.reference("deputy", known.staff, "unknown_staff"),
        property_unit=row.text("property_unit", _NAME_LIMIT),
        property_phone=row.spoken_phone("property_phone"),
    )


def _duty(row: RowReader, known: Known, words: Words) -> Duty:
    return Duty(
        role=StaffRole(row.choice("role", words.duty_roles, StaffRole.STATION_DUTY)),
        staff_id=row.reference("staff", known.staff, "unknown_staff") or 0,
        station_id=row.reference("station", known.stations, "unknown_station"),
        weekdays=row.weekdays("weekdays"),
        start=row.time("start"),
        until=row.time("until"),
    )


def _household(row: RowReader, known: Known, words: Words) -> Household:
    return Household(
        id=0,
        card_number=row.key("card_number"),
        community_id=row.reference("community", known.communities, "unknown_community") or 0,
        building=row.place("building"),
        unit=row.place("unit"),
        room=row.place("room"),
        name=row.text("name", _NAME_LIMIT),
        phone=row.phone("phone"),
        installation=row.choice("installation", words.installations, "radiator"),
        area_m2=row.number("area_m2", _LARGEST_HOME_M2),
        paid=row.flag("paid", default=True),
        vulnerable=row.flag("vulnerable", default=False),
        usage=row.choice("usage", words.usages, "residential"),
        arrears_fen=round(row.number("arrears", _LARGEST_ARREARS) * 100),
    )


def _operator(row: RowReader, _: Known, words: Words) -> Operator:
    """Without a password: none is ever in a file. The account stays locked until `fulfillment.accounts` sets one."""
    return Operator(
        id=0,
        login=row.key("login").lower(),
        name=row.text("name", _NAME_LIMIT),
        role=OperatorRole(row.choice("role", words.operator_roles, OperatorRole.OPERATOR)),
        phone=row.phone("phone"),
        password_hash="",
        active=row.flag("active", default=True),
    )


_READERS: dict[TableKind, Callable[[RowReader, Known, Words], CompanyObject]] = {
    TableKind.STATIONS: _station,
    TableKind.STAFF: _staff,
    TableKind.COMMUNITIES: _community,
    TableKind.DUTIES: _duty,
    TableKind.HOUSEHOLDS: _household,
    TableKind.OPERATORS: _operator,
}


def key_of(thing: CompanyObject) -> Any:
    """The company's own key, by which a second import finds the first."""
    match thing:
        case Station() | Community():
            return thing.code
        case Staff():
            return thing.number
        case Household():
            return thing.card_number
        case Operator():
            return thing.login
        case Duty():
            return thing


@dataclass(slots=True)
class ParsedTable:
    objects: list[CompanyObject] = field(default_factory=list)
    problems: list[RowProblem] = field(default_factory=list)
    warnings: list[RowProblem] = field(default_factory=list)


def parse_rows(table: Table, known: Known, words: Words) -> ParsedTable:
    """The good rows as objects with id 0, the others as problems, in the order of the file. Empty rows are skipped."""
    parsed = ParsedTable()
    first_lines: dict[Any, int] = {}
    for raw in table.rows:
        row = RowReader(table, raw, words)
        thing = _READERS[table.kind](row, known, words)
        first_line = first_lines.get(key_of(thing))
        if not row.problems and first_line is not None:
            key_column = REQUIRED[table.kind][0]
            row.problems.append(row.warning(key_column, "duplicate", value=key_shown(thing), first_line=first_line))
        if row.problems:
            parsed.problems += row.problems
            continue
        first_lines[key_of(thing)] = raw.line
        if isinstance(thing, Community) and thing.deputy_id == thing.butler_id:
            parsed.warnings.append(row.warning("deputy", "deputy_is_butler"))
        parsed.objects.append(thing)
    return parsed


def key_shown(thing: CompanyObject) -> str:
    """The key for a message; a line of the rota has none of its own and is named by its role."""
    return thing.role if isinstance(thing, Duty) else str(key_of(thing))
