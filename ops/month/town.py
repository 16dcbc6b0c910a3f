"""The company of the month: 100,000 fictitious homes in the sample company's communities, with staff enough for them.

Written as the files a company would send (CSV, Chinese headers) and taken in by the product's own import.
"""

import csv
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from fulfillment.importing import ImportReport, TableKind, Words, import_company, load_words
from fulfillment.ports import FulfillmentStore
from kernel.settings import HOME
from ops.generate_sample import TOWERS_IN

HOMES_IN_A_COMMUNITY = 2_500
#: Homes of one batch of the import; the whole town has no callers yet who would wait for the lock.
BATCH = 5_000
_SAMPLE = HOME / "data" / "company"
_FLOOR_HEATING, _UNPAID, _VULNERABLE, _NO_PHONE = 0.6, 0.05, 0.06, 0.03
_FIRST_BUTLER, _FIRST_DEPUTY, _FIRST_STATION_DUTY, _LAST_STATION_DUTY = 101, 201, 31, 45
_COMMUNITIES_OF_A_DEPUTY = 2
OPERATORS = 8


@dataclass(frozen=True, slots=True)
class TownFiles:
    """Writes and imports the files; the same seed gives the same files."""

    folder: Path
    seed: int

    def move_in(self, store: FulfillmentStore) -> ImportReport:
        """Raises AssertionError if the import refuses a row of ours."""
        self.folder.mkdir(parents=True, exist_ok=True)
        words = load_words(HOME / "data" / "import_words.yml")
        names = _names(random.Random(self.seed))
        communities = _rows("communities.csv")
        staff = self._staff(communities, names)
        self._write(words, TableKind.STATIONS, [[*row[:4], ""] for row in _rows("stations.csv")])
        self._write(words, TableKind.STAFF, staff)
        self._write(words, TableKind.COMMUNITIES, [_looked_after(row, n) for n, row in enumerate(communities)])
        self._write(words, TableKind.DUTIES, _rows("duties.csv"))
        self._write(words, TableKind.OPERATORS, _operators(words, names))
        self._write(words, TableKind.HOUSEHOLDS, list(_homes(words, communities, names, random.Random(self.seed))))
        return self._import(store, words, self.folder)

    def report_sick(self, store: FulfillmentStore, numbers: frozenset[str], *, sick: bool) -> None:
        """As a company does it: the table of staff is imported again, with these people not on duty."""
        words = load_words(HOME / "data" / "import_words.yml")
        file = self.folder / _FILES[TableKind.STAFF]
        header, *rows = _read(file)
        on_duty = words.raw["no_words" if sick else "yes_words"][0]
        changed = [[*row[:4], on_duty if row[0] in numbers else row[4], *row[5:]] for row in rows]
        _save(file, header, changed)
        self._import(store, words, [file])

    def _import(self, store: FulfillmentStore, words: Words, source: Path | Sequence[Path]) -> ImportReport:
        report = import_company(store, source, words, batch=BATCH)
        if report.problems:
            raise AssertionError(f"the import refused {len(report.problems)} rows: {report.problems[0]}")
        return report

    def _staff(self, communities: Sequence[Sequence[str]], names: Callable[[], str]) -> list[list[str]]:
        """A butler for each community, a deputy for every second; who is on duty at the stations is the sample's."""
        yes = _rows("staff.csv")[0][4]
        butlers = [
            [str(_FIRST_BUTLER + n), names(), f"1990000{1000 + n}", row[3], yes, ""]
            for n, row in enumerate(communities)
        ]
        deputies = [
            [str(_FIRST_DEPUTY + n), names(), f"1990000{2000 + n}", row[3], yes, ""]
            for n, row in enumerate(communities[::_COMMUNITIES_OF_A_DEPUTY])
        ]
        rest = [[*row[:5], ""] for row in _rows("staff.csv") if int(row[0]) >= _FIRST_STATION_DUTY]
        return [*butlers, *deputies, *rest]

    def _write(self, words: Words, kind: TableKind, rows: Sequence[Sequence[object]]) -> None:
        _save(self.folder / _FILES[kind], [words.titles[kind][field] for field in _FIELDS[kind]], rows)


_FILES = {kind: f"{kind.value}.csv" for kind in TableKind}
_FIELDS = {
    TableKind.STATIONS: ("code", "name", "address", "phone", "robot"),
    TableKind.STAFF: ("number", "name", "phone", "station", "active", "robot"),
    TableKind.COMMUNITIES: ("code", "name", "aliases", "station", "butler", "deputy", "property_unit", "property_phone"),
    TableKind.DUTIES: ("role", "staff", "station", "weekdays", "start", "until"),
    TableKind.OPERATORS: ("login", "name", "role", "phone"),
    TableKind.HOUSEHOLDS: (
        "card_number", "community", "building", "unit", "room", "name", "phone", "installation", "area_m2", "paid",
        "vulnerable",
    ),
}  # fmt: skip


def butler_number(community: int) -> str:
    """Of the community at this position of communities.csv, from 0."""
    return str(_FIRST_BUTLER + community)


def _looked_after(row: Sequence[str], position: int) -> list[str]:
    deputy = str(_FIRST_DEPUTY + position // _COMMUNITIES_OF_A_DEPUTY)
    return [*row[:4], butler_number(position), deputy, *row[6:]]


def _operators(words: Words, names: Callable[[], str]) -> list[list[str]]:
    operator = words.raw["operator_roles"]["operator"][0]
    known = _rows("operators.csv")
    more = [[f"op{n}", names(), operator, f"1995000{1000 + n}"] for n in range(3, OPERATORS + 1)]
    return [*known, *more]


def _homes(
    words: Words, communities: Sequence[Sequence[str]], names: Callable[[], str], chance: random.Random
) -> Iterator[list[object]]:
    yes, no = words.raw["yes_words"][0], words.raw["no_words"][0]
    radiator, floor_heating = (words.raw["installations"][key][0] for key in ("radiator", "floor_heating"))
    for at, community in enumerate(communities):
        for n, (building, unit, room) in zip(range(HOMES_IN_A_COMMUNITY), _doors(tower=at in TOWERS_IN), strict=False):
            serial = at * HOMES_IN_A_COMMUNITY + n
            yield [
                f"7{at + 1:03}{n + 1:05}", community[1], building, unit, room, names(),
                "" if chance.random() < _NO_PHONE else f"138{serial:08}",
                floor_heating if chance.random() < _FLOOR_HEATING else radiator,
                f"{chance.uniform(42, 168):.2f}",
                no if chance.random() < _UNPAID else yes,
                yes if chance.random() < _VULNERABLE else no,
            ]  # fmt: skip


def _doors(*, tower: bool) -> Iterator[tuple[str, str, str]]:
    """Every door of a community, building by building: towers have letters and no units, walk-ups six floors."""
    if tower:
        for letter in "ABCDEFGH":
            for number in range(1, 9):
                yield from ((f"{letter}{number}", "", f"{floor}{door:02}") for floor in range(1, 27) for door in (1, 2))
        return
    for building in range(1, 99):
        for unit in range(1, 5):
            yield from (
                (str(building), str(unit), f"{floor}{door:02}") for floor in range(1, 7) for door in range(1, 4)
            )


def _names(chance: random.Random) -> Callable[[], str]:
    parts = yaml.safe_load((_SAMPLE / "sample_names.yml").read_text(encoding="utf-8"))
    return lambda: chance.choice(parts["family"]) + chance.choice(parts["given"])


def _rows(name: str) -> list[list[str]]:
    """The sample company's table without its header."""
    return _read(_SAMPLE / name)[1:]


def _read(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


def _save(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])
