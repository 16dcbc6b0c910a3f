"""A notice of a known incident: what residents are told before they ask (B4). Pure."""

from dataclasses import dataclass, field
from datetime import datetime

from fulfillment.ticket import Address

#: It is spoken before the greeting: longer, and the caller has hung up before he can say anything.
LONGEST_WHAT = 60


@dataclass(frozen=True, slots=True)
class Scope:
    """Who is concerned: some communities (of one of them only some buildings, of one building only a unit), else a
    station's area, else everybody.
    """

    community_ids: frozenset[int] = frozenset()
    station_id: int | None = None
    buildings: frozenset[str] = frozenset()
    unit: str = ""

    def concerns(self, address: Address, station_id: int) -> bool:
        """`station_id`: of the address's community. An address without its building is none of a notice for a building."""
        if self.community_ids:
            return (
                address.community_id in self.community_ids
                and (not self.buildings or address.building in self.buildings)
                and self.unit in ("", address.unit)
            )
        return self.station_id in (None, station_id)

    @property
    def is_everybody(self) -> bool:
        return not self.community_ids and self.station_id is None


@dataclass(frozen=True, slots=True)
class Announcement:
    """One notice. It is told from `from_at` until `until` (None: until somebody ends it)."""

    id: int
    what: str  # one spoken sentence without its full stop
    from_at: datetime
    author: str  # name of the operator who wrote it last
    scope: Scope = field(default_factory=Scope)
    until: datetime | None = None
    expected_end: datetime | None = None  # what residents are told about when it is over
    ended_at: datetime | None = None  # ended by hand; None again when that is undone

    def is_told(self, at: datetime) -> bool:
        return self.from_at <= at and (self.until is None or at < self.until) and self.ended_at is None
