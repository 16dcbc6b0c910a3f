"""A company's files into the store: what is new or changed is written, the rest is left alone, so twice is the same as once.

Nothing is ever deleted: somebody who left is marked inactive. Only the weekly rota is replaced as a whole.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import structlog

from fulfillment.company import Community, Duty, Household, Operator, Staff, StaffRole, Station
from fulfillment.importing.rows import CompanyObject, Known, RobotAddress, RowProblem, key_of, parse_rows
from fulfillment.importing.tables import Table, read_tables
from fulfillment.importing.words import TableKind, Words
from fulfillment.ports import FulfillmentStore, FulfillmentTx

log = structlog.get_logger()

#: Rows written in one transaction: a caller's turn waits for the write lock no longer than this takes.
BATCH = 200

_DAY = 24 * 60
_WEEK = 7 * _DAY


@dataclass(slots=True)
class ImportReport:
    """`imported` were new or changed, `unchanged` were there already; both count objects by table.

    `problems` are rows that were not imported; `warnings` doubts about what was; `ignored` files and columns nobody read.
    """

    imported: dict[TableKind, int] = field(default_factory=dict)
    unchanged: dict[TableKind, int] = field(default_factory=dict)
    problems: list[RowProblem] = field(default_factory=list)
    warnings: list[RowProblem] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)

    def count(self, kind: TableKind, *, imported: int, unchanged: int) -> None:
        self.imported[kind] = self.imported.get(kind, 0) + imported
        self.unchanged[kind] = self.unchanged.get(kind, 0) + unchanged


def _no_robots(_address: str) -> str:
    return ""


def import_company(
    store: FulfillmentStore,
    source: Path | Sequence[Path],
    words: Words,
    *,
    robot_address: RobotAddress = _no_robots,
    batch: int = BATCH,
) -> ImportReport:
    """Imports a folder, or the files named. Good rows are stored, bad ones are listed.

    `robot_address` tells a robot's address from anything else; without it, every row that names a robot is refused.

    Raises ImportRejected, before anything is written, if a file is no usable table; StoreBusy if the database stays
    locked: what was stored until then stays, and the import can simply be run again.
    """
    tables, ignored = read_tables(source, words)
    report = ImportReport(ignored=ignored)
    for table in tables:
        report.ignored += [f"{table.file}: {column}" for column in table.ignored_columns]
        parsed = parse_rows(table, _known(store, robot_address), words)
        report.problems += parsed.problems
        report.warnings += parsed.warnings
        if table.kind is TableKind.DUTIES:
            _save_duties(store, table, parsed.objects, report, words)
        else:
            _save(store, table.kind, parsed.objects, report, batch)
        log.info(
            "company_table_imported",
            file=table.file,
            imported=report.imported.get(table.kind, 0),
            unchanged=report.unchanged.get(table.kind, 0),
            problems=len(parsed.problems),
        )
    return report


def check_company(
    store: FulfillmentStore, source: Path | Sequence[Path], words: Words, *, robot_address: RobotAddress = _no_robots
) -> ImportReport:
    """What `import_company` would say, and nothing is written: `imported` would be new or changed.

    Rows may refer to rows of tables before them. Raises ImportRejected.
    """
    tables, ignored = read_tables(source, words)
    report, known = ImportReport(ignored=ignored), _known(store, robot_address)
    for table in tables:
        report.ignored += [f"{table.file}: {column}" for column in table.ignored_columns]
        parsed = parse_rows(table, known, words)
        report.problems += parsed.problems
        report.warnings += parsed.warnings
        with store.read() as tx:
            if table.kind is TableKind.DUTIES:
                same = set(tx.duties()) == set(parsed.objects)
                changed = [] if same else parsed.objects
            else:
                stored = _stored_by_key(tx, table.kind)
                changed = [thing for thing in parsed.objects if not _same(thing, stored(key_of(thing)))]
        report.count(table.kind, imported=len(changed), unchanged=len(parsed.objects) - len(changed))
        for number, thing in enumerate(changed, start=1):
            _name(known, -number, thing)
    return report


def _name(known: Known, not_stored_id: int, thing: CompanyObject) -> None:
    """A row that is not stored yet can be referred to."""
    match thing:
        case Station():
            known.stations.add(not_stored_id, thing.code, thing.name)
        case Staff():
            known.staff.add(not_stored_id, thing.number, thing.name)
        case Community():
            known.communities.add(not_stored_id, thing.code, thing.name, thing.aliases)


def _known(store: FulfillmentStore, robot_address: RobotAddress) -> Known:
    known = Known(robot_address)
    with store.read() as tx:
        for station in tx.stations():
            known.stations.add(station.id, station.code, station.name)
        for member in tx.all_staff():
            known.staff.add(member.id, member.number, member.name, aliases=(member.number.lstrip("0"),))
        for community in tx.communities():
            known.communities.add(community.id, community.code, community.name, community.aliases)
    return known


def _save(
    store: FulfillmentStore, kind: TableKind, objects: Sequence[CompanyObject], report: ImportReport, batch: int
) -> None:
    report.count(kind, imported=0, unchanged=0)
    for start in range(0, len(objects), batch):
        some = objects[start : start + batch]
        with store.read() as tx:  # what has not changed never waits for the write lock, nor makes anybody wait for it
            stored = _stored_by_key(tx, kind)
            changed = [thing for thing in some if not _same(thing, stored(key_of(thing)))]
        if changed:
            with store.write() as tx:
                for thing in changed:
                    _upsert(tx, thing)
        report.count(kind, imported=len(changed), unchanged=len(some) - len(changed))


def _stored_by_key(tx: FulfillmentTx, kind: TableKind) -> Callable[[str], CompanyObject | None]:
    if kind is TableKind.HOUSEHOLDS:
        return tx.household_by_card
    if kind is TableKind.OPERATORS:
        return tx.operator_by_login
    few: Mapping[TableKind, Callable[[], Sequence[Any]]] = {
        TableKind.STATIONS: tx.stations,
        TableKind.STAFF: tx.all_staff,
        TableKind.COMMUNITIES: tx.communities,
    }
    return {key_of(thing): thing for thing in few[kind]()}.get


def _same(new: CompanyObject, old: CompanyObject | None) -> bool:
    match new, old:
        case Operator(), Operator():
            return replace(new, id=old.id, password_hash=old.password_hash) == old
        case ((Station() | Staff() | Community() | Household()), (Station() | Staff() | Community() | Household())):
            return replace(new, id=old.id) == old
    return False


def _upsert(tx: FulfillmentTx, thing: CompanyObject) -> None:
    match thing:
        case Station():
            tx.upsert_station(thing)
        case Staff():
            tx.upsert_staff(thing)
        case Community():
            tx.upsert_community(thing)
        case Household():
            tx.upsert_household(thing)
        case Operator():
            old = tx.operator_by_login(thing.login)  # read again under the lock: the password may just have changed
            tx.upsert_operator(replace(thing, password_hash=old.password_hash) if old else thing)
        case Duty():
            msg = "the rota is replaced as a whole"
            raise TypeError(msg)


def _save_duties(
    store: FulfillmentStore, table: Table, rows: Sequence[CompanyObject], report: ImportReport, words: Words
) -> None:
    rota = [row for row in rows if isinstance(row, Duty)]
    with store.read() as tx:
        same = set(tx.duties()) == set(rota)
        stations = tx.stations()
    if rota and not same:  # a file without one good row must not leave the company without a rota
        with store.write() as tx:
            tx.replace_duties(rota)
    report.count(table.kind, imported=0 if same else len(rota), unchanged=len(rota) if same else 0)
    posts: list[tuple[StaffRole, Station | None]] = [(StaffRole.STATION_DUTY, station) for station in stations]
    posts += [(StaffRole.DUTY_CHIEF, None), (StaffRole.SUPERVISOR, None)]
    report.warnings += [gap for role, station in posts if (gap := _gap(table, rota, role, station, words))]


def _gap(
    table: Table, rota: Sequence[Duty], role: StaffRole, station: Station | None, words: Words
) -> RowProblem | None:
    """A rung of the ladder that nobody holds at some time of the week: an alarm would find nobody there."""
    held = bytearray(_WEEK)
    for duty in rota:
        if duty.role is role and (duty.station_id is None or (station and duty.station_id == station.id)):
            for day in duty.weekdays:
                for minute in _minutes(duty, day):
                    held[minute % _WEEK] = 1
    free = held.find(0)
    if free < 0:
        return None
    day, minute = divmod(free, _DAY)
    when = words.raw["gap_time"].format(
        weekday=next(name for name, value in words.raw["weekdays"].items() if value == day + 1),
        time=f"{minute // 60:02}:{minute % 60:02}",
    )
    sentence = words.reason(
        "no_duty",
        station=station.name if station else words.raw["whole_company"],
        role=words.raw["duty_roles"][role][0],
        gap=when,
        minutes=held.count(0),
    )
    return RowProblem(table.file, 0, "", "no_duty", sentence)


def _minutes(duty: Duty, weekday: int) -> range:
    """Minutes since Monday 00:00 that one day's duty covers; `until` up to `start` runs past midnight."""
    start, until = (t.hour * 60 + t.minute for t in (duty.start, duty.until))
    begin = (weekday - 1) * _DAY + start
    return range(begin, begin + (until - start if until > start else until - start + _DAY))
