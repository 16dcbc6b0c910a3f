"""One cause, many tickets: which reports suggest an incident, whom it concerns, what residents are owed (B4, K3). Pure.

Nothing here delays or changes an alarm: a ticket that belongs to an incident keeps its own clocks and its own ladder.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from fulfillment.ticket import Address, Ticket


class IncidentState(StrEnum):
    """SUGGESTED → RUNNING (a person confirmed it; planned ahead: it may lie in the future) → ENDED; the others are ends."""

    SUGGESTED = "suggested"
    RUNNING = "running"
    ENDED = "ended"
    DISMISSED = "dismissed"
    MERGED = "merged"


class Level(StrEnum):
    """What can be struck as a whole, narrow to wide. The homes of one unit of a building hang on the same risers."""

    RISER = "riser"
    BUILDING = "building"
    COMMUNITY = "community"
    STATION = "station"


@dataclass(frozen=True, slots=True)
class Extent:
    """Whom an incident concerns: some communities (of one of them only some buildings, of one building only a unit), or a
    station's whole area. Nothing named concerns nobody.
    """

    community_ids: frozenset[int] = frozenset()
    station_id: int | None = None
    buildings: frozenset[str] = frozenset()
    unit: str = ""

    def concerns(self, address: Address, station_id: int) -> bool:
        """`station_id`: of the address's community."""
        if not self.community_ids:
            return self.station_id is not None and self.station_id == station_id
        return (
            address.community_id in self.community_ids
            and (not self.buildings or address.building in self.buildings)
            and self.unit in ("", address.unit)
        )

    def covers(self, other: "Extent", station_of: Mapping[int, int]) -> bool:
        """Whether everybody whom `other` concerns is concerned by this one; `station_of` knows every community's station."""
        if not self.community_ids:
            theirs = {station_of[c] for c in other.community_ids} if other.community_ids else {other.station_id}
            return self.station_id is not None and theirs == {self.station_id}
        if not other.community_ids or not other.community_ids <= self.community_ids:
            return False
        if self.buildings and not (other.buildings and other.buildings <= self.buildings):
            return False
        return self.unit in ("", other.unit)

    def joined(self, other: "Extent", station_of: Mapping[int, int]) -> "Extent":
        """Whom either concerns, as narrow as an extent can say it; this one alone where none can say it (two stations)."""
        if self.covers(other, station_of):
            return self
        if other.covers(self, station_of):
            return other
        if not (self.community_ids and other.community_ids):
            return self
        both = self.community_ids | other.community_ids
        by_building = len(both) == 1 and self.buildings and other.buildings
        return Extent(both, None, self.buildings | other.buildings if by_building else frozenset())

    @property
    def level(self) -> Level:
        if not self.community_ids:
            return Level.STATION
        if self.buildings:
            return Level.RISER if self.unit else Level.BUILDING
        return Level.COMMUNITY

    @property
    def key(self) -> str:
        """The same words for the same place."""
        if not self.community_ids:
            return f"station-{self.station_id}"
        places = "+".join(str(c) for c in sorted(self.community_ids))
        return "/".join(part for part in (f"community-{places}", "+".join(sorted(self.buildings)), self.unit) if part)


@dataclass(frozen=True, slots=True)
class Report:
    """An open ticket as far as it can speak for an incident. `home` is the same for two reports of one home."""

    ticket_id: int
    kind: str
    opened_at: datetime
    home: str
    station_id: int
    address: Address

    def at(self, level: Level) -> Extent | None:
        """The place of this level in which it lies; None: not known that exactly."""
        a = self.address
        if level is Level.STATION:
            return Extent(station_id=self.station_id)
        if a.community_id is None or (level in (Level.BUILDING, Level.RISER) and not a.building):
            return None
        if level is Level.RISER and not a.unit:
            return None
        buildings = frozenset({a.building}) if level in (Level.BUILDING, Level.RISER) else frozenset[str]()
        return Extent(frozenset({a.community_id}), None, buildings, a.unit if level is Level.RISER else "")


def report_of(ticket: Ticket, station_id: int) -> Report:
    """`station_id`: of the community of its address."""
    a = ticket.address
    place = f"{a.community_id}/{a.building}/{a.unit}/{a.room}" if a.building and a.room else ""
    home = f"home {ticket.household_id}" if ticket.household_id else place or ticket.contact_phone
    return Report(ticket.id, ticket.kind, ticket.opened_at, home or f"ticket {ticket.id}", station_id, a)


@dataclass(frozen=True, slots=True)
class IncidentCategory:
    """A row of data/incidents.yml: reports of one intent. `title` and `what` are Chinese, for pages and announcements."""

    key: str
    title: str
    what: str  # proposed words of the announcement, after the place
    clauses: tuple[str, ...]
    suggested_by: tuple[str, ...]  # kinds of tickets that are counted
    attaches: tuple[str, ...]  # kinds of tickets that belong to such an incident
    homes: Mapping[Level, int]  # so many homes within the window suggest it


@dataclass(frozen=True, slots=True)
class NoticeRule:
    """Outages of at least `outage_from` are told so long ahead, or (unplanned) within so long of their beginning.

    `each_home`: an announcement for those who call is not enough, every home gets a message.
    """

    key: str
    clause: str
    title: str
    outage_from: timedelta
    told_ahead: timedelta | None = None
    told_within: timedelta | None = None
    each_home: bool = False


@dataclass(frozen=True, slots=True)
class IncidentRules:
    """data/incidents.yml as a whole."""

    window: timedelta
    widens_by: float
    categories: tuple[IncidentCategory, ...]
    notices: tuple[NoticeRule, ...]

    def counting(self, kind: str) -> IncidentCategory | None:
        """The category for which tickets of this kind are counted."""
        return next((c for c in self.categories if kind in c.suggested_by), None)

    def attaching(self, kind: str) -> bool:
        """Whether tickets of this kind can belong to an incident at all."""
        return any(kind in c.attaches for c in self.categories)

    def category(self, key: str) -> IncidentCategory | None:
        """None for one that the tables have dropped since."""
        return next((c for c in self.categories if c.key == key), None)


@dataclass(frozen=True, slots=True)
class Incident:
    """The truth about an incident. `title` is one spoken sentence without its full stop: residents hear it."""

    id: int
    category: str  # key of data/incidents.yml
    state: IncidentState
    extent: Extent
    spotted_at: datetime
    begins_at: datetime  # since when homes are without heat; planned ahead: when they will be
    spot: str = ""  # category and place that the reports suggested: one open suggestion each
    title: str = ""
    cause: str = ""
    expected_end: datetime | None = None
    planned: bool = False
    author: str = ""  # who confirmed, dismissed or planned it
    announcement_id: int | None = None
    announced_at: datetime | None = None  # residents could hear of it first
    homes_told_at: datetime | None = None  # every home in the extent was promised a message
    settled_at: datetime | None = None  # ended, dismissed or merged
    reason: str = ""  # of the dismissal
    merged_into_id: int | None = None
    revision: int = 0  # how often residents were given other facts
    rev: int = 0  # optimistic lock: a write names the rev it read

    @property
    def is_running(self) -> bool:
        return self.state is IncidentState.RUNNING

    def has_begun(self, at: datetime) -> bool:
        return self.is_running and self.begins_at <= at


class Recheck(StrEnum):
    """Whether a home is warm again; asked when the incident is over. Only WARM lets its ticket close."""

    NOT_ASKED = ""
    ASKED = "asked"
    WARM = "warm"
    COLD = "cold"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A ticket belongs to an incident; one that a person took out is not attached to it again by itself."""

    incident_id: int
    ticket_id: int
    attached_at: datetime
    attached_by: str
    detached_at: datetime | None = None
    detached_by: str = ""
    recheck: Recheck = Recheck.NOT_ASKED
    answered_at: datetime | None = None
    answered_by: str = ""


@dataclass(frozen=True, slots=True)
class LogEntry:
    """A fact of an incident's history. `key` names a sentence of scripts_zh/incident_log.yml, `params` fill it."""

    incident_id: int
    at: datetime
    actor: str
    key: str
    params: dict[str, str | int] = field(default_factory=dict)


def suggested(reports: Iterable[Report], newest: Report, category: IncidentCategory, widens_by: float) -> Extent | None:
    """The place around the newest report in which enough homes report the same; None: too few.

    It is as narrow as explains the reports: a wider place needs its own number of homes and `widens_by` times as many.
    """
    counted = [r for r in reports if r.kind in category.suggested_by]
    found: Extent | None = None
    homes_there = 0
    for level in Level:
        place = newest.at(level)
        if place is None or level not in category.homes:
            continue
        homes = len({r.home for r in counted if place.concerns(r.address, r.station_id)})
        if homes >= category.homes[level] and (found is None or homes >= homes_there * widens_by):
            found, homes_there = place, homes
    return found


class Kept(StrEnum):
    """How a promise stands: it cannot be kept any more once it is BROKEN, even if it is made up for."""

    RUNNING = "running"
    KEPT = "kept"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class NoticeDue:
    """By when residents must have been told (B4, K3), and how that stands."""

    rule: NoticeRule
    due_by: datetime
    state: Kept


def notices_due(incident: Incident, rules: Sequence[NoticeRule], now: datetime) -> tuple[NoticeDue, ...]:
    """What an incident owes its residents. An unplanned outage whose end nobody knows may become a long one: it counts."""
    if incident.state in (IncidentState.DISMISSED, IncidentState.MERGED):
        return ()
    end = incident.settled_at or incident.expected_end
    lasts = None if end is None else end - incident.begins_at
    found = []
    for rule in rules:
        if lasts is not None and lasts < rule.outage_from:
            continue
        if incident.planned and rule.told_ahead is not None:
            due = incident.begins_at - rule.told_ahead
        elif not incident.planned and rule.told_within is not None:
            due = incident.begins_at + rule.told_within
        else:
            continue
        told_at = incident.homes_told_at if rule.each_home else incident.announced_at
        state = Kept.BROKEN if (told_at or now) > due else Kept.KEPT if told_at else Kept.RUNNING
        found.append(NoticeDue(rule, due, state))
    return tuple(found)
