"""What the pages show of incidents, read inside the transaction of a page. Templates word it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from console.ports import Rooms
from dialogue.ports import DialogueTx
from fulfillment.incident import Extent, Incident, IncidentState, Kept, NoticeDue, notices_due, report_of


@dataclass(frozen=True, slots=True)
class Where:
    """Words of an extent; the template joins them."""

    communities: tuple[str, ...]
    station: str
    buildings: tuple[str, ...]
    unit: str


@dataclass(frozen=True, slots=True)
class IncidentRow:
    incident: Incident
    category: str  # its title
    where: Where
    homes: int  # that report it: counted now for a suggestion, attached to a running one
    dues: tuple[NoticeDue, ...]

    @property
    def is_late(self) -> bool:
        return any(due.state is Kept.BROKEN for due in self.dues)

    @property
    def shown(self) -> object:
        """Changes when it would look different."""
        return (self.incident.id, self.incident.rev, self.homes, [(d.rule.key, d.state) for d in self.dues])


def incident_rows(rooms: Rooms, tx: DialogueTx, incidents: Sequence[Incident], now: datetime) -> list[IncidentRow]:
    rules = rooms.standard.incidents
    rows = []
    for incident in incidents:
        category = rules.category(incident.category)
        rows.append(
            IncidentRow(
                incident=incident,
                category=category.title if category else incident.category,
                where=where(tx, incident.extent),
                homes=_homes(rooms, tx, incident),
                dues=notices_due(incident, rules.notices, now),
            )
        )
    return rows


def where(tx: DialogueTx, extent: Extent) -> Where:
    return Where(
        communities=tuple(tx.community(c).name for c in sorted(extent.community_ids)),
        station="" if extent.station_id is None else tx.station(extent.station_id).name,
        buildings=tuple(sorted(extent.buildings, key=lambda b: (len(b), b))),
        unit=extent.unit,
    )


def stations_of(tx: DialogueTx, extent: Extent) -> list[int]:
    """Ids of the stations that heat somebody of an extent."""
    if not extent.community_ids:
        return [] if extent.station_id is None else [extent.station_id]
    return sorted({tx.community(c).station_id for c in extent.community_ids})


def _homes(rooms: Rooms, tx: DialogueTx, incident: Incident) -> int:
    if incident.state is not IncidentState.SUGGESTED:
        return sum(a.detached_at is None for a in tx.attachments(incident.id))
    category = rooms.standard.incidents.category(incident.category)
    if category is None:
        return 0
    extent = incident.extent
    stations = {c.id: c.station_id for c in tx.communities()}
    tickets = tx.loose_tickets(category.suggested_by, incident.begins_at, stations_of(tx, extent))
    reports = [report_of(t, stations[t.address.community_id or 0]) for t in tickets]
    return len({r.home for r in reports if extent.concerns(r.address, r.station_id)})
