"""Today in pictures, for supervisors: what came in each hour, who waited, which promises broke, and where it is cold or leaking."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from console.gate import allow
from console.ports import Rooms
from fulfillment.company import Community, OperatorRole, Station
from fulfillment.report import (
    CallCount,
    LinesUsed,
    PromiseCount,
    Reported,
    by_clause,
    count_calls,
    count_lines,
    day_period,
)
from fulfillment.waiting import Wait, WaitKind, WaitState
from kernel.clock import local

HOURS = range(24)


class Matter(StrEnum):
    """What the pictures tell apart: categories of data/ticket_kinds.yml."""

    LEAK = "leak"
    COLD = "cold_room"
    REST = "rest"


@dataclass(frozen=True, slots=True)
class Spot:
    """A station or community with its reports; `hours` counts leaks and cold homes of each local hour."""

    id: int | None  # None: the address is not known
    name: str
    counts: Counter[Matter]
    hours: tuple[tuple[int, int], ...]  # (cold, leak)

    @property
    def trouble(self) -> int:
        return self.counts[Matter.LEAK] + self.counts[Matter.COLD]


@dataclass(frozen=True, slots=True)
class StationSpot:
    station: Spot
    communities: tuple[Spot, ...]  # those with reports, the most leaks and cold homes first


@dataclass(frozen=True, slots=True)
class Today:
    """The local day so far."""

    day: date
    now: datetime
    opened: tuple[tuple[int, int, int], ...]  # of each hour: cold, leaks, everything else
    waits: tuple[tuple[int, int], ...]  # stays in the line that began in each hour: taken or still waiting, given up
    calls: CallCount
    lines: LinesUsed
    waiting: int
    present: int
    promises: tuple[PromiseCount, ...]  # one a clause, the most broken first
    stations: tuple[StationSpot, ...]

    @property
    def all_promises(self) -> PromiseCount:
        return sum(self.promises, start=PromiseCount("", ""))

    def reported(self, kind: int) -> int:
        """Over the day: 0 cold homes, 1 leaks, 2 everything else."""
        return sum(hour[kind] for hour in self.opened)


def read_today(rooms: Rooms) -> Today:
    """In one transaction."""
    now, rules = rooms.clock.now(), rooms.standard.queue
    day = local(now).date()
    period = day_period(day)
    with rooms.store.read() as tx:
        reported, waits = tx.reported(period), tx.waits_begun(period)
        promises = by_clause(tx.promise_counts(period, now)).values()
        conversations, rings = tx.conversations_opened(period), tx.operators_rung(period)
        begun_calls = tx.calls_begun(period)
        stations, communities = tx.stations(), tx.communities()
        waiting = len(tx.waiting_line())
        present = len(tx.present_operators(now - rules.present_within))
    return Today(
        day=day,
        now=now,
        opened=_by_hour(rooms, reported),
        waits=_waits_by_hour(waits),
        calls=count_calls(conversations, rings, waits, rules.three_rings),
        lines=count_lines(begun_calls, now, bought=rules.lines or 0, few_from=rules.few_lines_from),
        waiting=waiting,
        present=present,
        promises=tuple(sorted(promises, key=lambda count: (-count.broken, -count.all, count.clause))),
        stations=_stations(rooms, reported, stations, communities),
    )


def _matter(rooms: Rooms, kind: str) -> Matter:
    """Kinds that the tables have dropped since are the rest."""
    category = rooms.standard.kinds[kind].category if kind in rooms.standard.kinds else ""
    return Matter(category) if category in set(Matter) else Matter.REST


def _by_hour(rooms: Rooms, reported: Sequence[Reported]) -> tuple[tuple[int, int, int], ...]:
    counted = Counter((local(one.at).hour, _matter(rooms, one.kind)) for one in reported)
    return tuple((counted[hour, Matter.COLD], counted[hour, Matter.LEAK], counted[hour, Matter.REST]) for hour in HOURS)


def _waits_by_hour(waits: Sequence[Wait]) -> tuple[tuple[int, int], ...]:
    given_up = Counter((local(w.since).hour, w.kind is WaitKind.LIVE and w.state is WaitState.LEFT) for w in waits)
    return tuple((given_up[hour, False], given_up[hour, True]) for hour in HOURS)


def _stations(
    rooms: Rooms, reported: Sequence[Reported], stations: Sequence[Station], communities: Sequence[Community]
) -> tuple[StationSpot, ...]:
    """Every station, and behind them what has no known address."""
    station_of = {community.id: community.station_id for community in communities}
    found = []
    for station in stations:
        here = [one for one in reported if station_of.get(one.community_id or 0) == station.id]
        spots = [
            _spot(rooms, community.id, community.name, [one for one in here if one.community_id == community.id])
            for community in communities
            if community.station_id == station.id
        ]
        shown = sorted((s for s in spots if s.counts.total()), key=lambda s: (-s.trouble, -s.counts.total(), s.name))
        found.append(StationSpot(_spot(rooms, station.id, station.name, here), tuple(shown)))
    nowhere = [one for one in reported if one.community_id not in station_of]
    if nowhere:
        found.append(StationSpot(_spot(rooms, None, "", nowhere), ()))
    return tuple(found)


def _spot(rooms: Rooms, spot_id: int | None, name: str, reported: Sequence[Reported]) -> Spot:
    hours = tuple((cold, leak) for cold, leak, _ in _by_hour(rooms, reported))
    return Spot(spot_id, name, Counter(_matter(rooms, one.kind) for one in reported), hours)


def add_routes(blueprint: Blueprint, rooms: Rooms) -> None:
    """/supervision/today, and the part of it that refreshes itself every minute."""

    @blueprint.get("/supervision/today")
    @allow(OperatorRole.SUPERVISOR)
    def today() -> ResponseReturnValue:
        return _page("console/today.html")

    @blueprint.get("/supervision/today/pictures")
    @allow(OperatorRole.SUPERVISOR)
    def today_pictures() -> ResponseReturnValue:
        return _page("console/parts/today.html")

    def _page(template: str) -> str:
        return render_template(template, today=read_today(rooms), clauses=rooms.standard.clauses)
