"""fulfillment.incident_ports.IncidentTx in memory: the part of tests/fakes.py about incidents."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from fulfillment.company import Household
from fulfillment.incident import Attachment, Extent, Incident, IncidentState, LogEntry
from fulfillment.incident_news import Told, ToldState
from fulfillment.ticket import Address, Ticket
from kernel.errors import Conflict, NotFound

_LIVE = (IncidentState.SUGGESTED, IncidentState.RUNNING)


@dataclass
class IncidentTables:
    """Copied as a whole with the other tables."""

    incidents: dict[int, Incident] = field(default_factory=dict)
    attachments: dict[tuple[int, int], Attachment] = field(default_factory=dict)
    told: dict[int, Told] = field(default_factory=dict)
    log: list[LogEntry] = field(default_factory=list)

    def copy(self) -> "IncidentTables":
        return IncidentTables(dict(self.incidents), dict(self.attachments), dict(self.told), list(self.log))


class FakeIncidentTx:
    """Mixed into FakeTx, whose tables these are."""

    _t: Any

    def _writing(self) -> Any:
        raise NotImplementedError  # FakeTx's own

    @property
    def _of(self) -> IncidentTables:
        tables: IncidentTables = self._t.of_incidents
        return tables

    @property
    def _mine(self) -> IncidentTables:
        tables: IncidentTables = self._writing().of_incidents
        return tables

    def loose_tickets(self, kinds: Collection[str], since: datetime, station_ids: Collection[int]) -> Sequence[Ticket]:
        there = {c.id for c in self._t.communities.values() if c.station_id in station_ids}
        found = [
            t
            for t in self._t.tickets.values()
            if t.is_open
            and t.kind in kinds
            and t.opened_at >= since
            and t.address.community_id in there
            and self.attachment_of(t.id) is None
        ]
        return sorted(found, key=lambda t: (t.opened_at, t.id))

    def add_incident(self, incident: Incident) -> Incident | None:
        assert incident.id == 0
        suggested = [i for i in self._of.incidents.values() if i.state is IncidentState.SUGGESTED]
        if incident.state is IncidentState.SUGGESTED and any(i.spot == incident.spot for i in suggested):
            return None
        stored = replace(incident, id=len(self._of.incidents) + 1)
        self._mine.incidents[stored.id] = stored
        return stored

    def incident(self, incident_id: int, *, for_update: bool = False) -> Incident:
        if for_update:
            self._writing()
        if incident_id not in self._of.incidents:
            raise NotFound(f"incident {incident_id}")
        return self._of.incidents[incident_id]

    def save_incident(self, incident: Incident) -> Incident:
        if self.incident(incident.id).rev != incident.rev:
            raise Conflict(f"incident {incident.id} was changed meanwhile")
        saved = replace(incident, rev=incident.rev + 1)
        self._mine.incidents[saved.id] = saved
        return saved

    def live_incidents(self) -> Sequence[Incident]:
        return [i for i in self._of.incidents.values() if i.state in _LIVE]

    def settled_incidents(self, limit: int = 50) -> Sequence[Incident]:
        settled = [i for i in self._of.incidents.values() if i.state not in _LIVE]
        return sorted(settled, key=lambda i: (i.settled_at or i.spotted_at, i.id), reverse=True)[:limit]

    def settled_at(self, spot: str) -> datetime | None:
        settled = [i.settled_at for i in self._of.incidents.values() if i.spot == spot and i.settled_at is not None]
        return max(settled, default=None)

    def attach(self, attachment: Attachment) -> bool:
        key = (attachment.incident_id, attachment.ticket_id)
        if key in self._of.attachments or self.attachment_of(attachment.ticket_id) is not None:
            return False
        self._mine.attachments[key] = attachment
        return True

    def save_attachment(self, attachment: Attachment) -> None:
        key = (attachment.incident_id, attachment.ticket_id)
        if key not in self._of.attachments:
            raise NotFound(f"attachment {key}")
        other = self.attachment_of(attachment.ticket_id)
        if attachment.detached_at is None and other is not None and other.incident_id != attachment.incident_id:
            raise Conflict(f"ticket {attachment.ticket_id} belongs to another incident")
        self._mine.attachments[key] = attachment

    def attachments(self, incident_id: int) -> Sequence[Attachment]:
        mine = [a for a in self._of.attachments.values() if a.incident_id == incident_id]
        return sorted(mine, key=lambda a: a.ticket_id)

    def incident_tickets(self, incident_id: int) -> Sequence[Ticket]:
        return [self._t.tickets[a.ticket_id] for a in self.attachments(incident_id)]

    def attachment_of(self, ticket_id: int) -> Attachment | None:
        now = (a for a in self._of.attachments.values() if a.ticket_id == ticket_id and a.detached_at is None)
        return next(now, None)

    def add_told(self, told: Told) -> Told | None:
        def key(t: Told) -> tuple[object, ...]:
            return (t.incident_id, t.occasion, t.revision, t.recipient)

        if any(key(t) == key(told) for t in self._of.told.values()):
            return None
        stored = replace(told, id=len(self._of.told) + 1)
        self._mine.told[stored.id] = stored
        return stored

    def told(self, told_id: int) -> Told:
        if told_id not in self._of.told:
            raise NotFound(f"told {told_id}")
        return self._of.told[told_id]

    def save_told(self, told: Told) -> None:
        self.told(told.id)
        self._mine.told[told.id] = told

    def told_of(self, incident_id: int, limit: int | None = None) -> Sequence[Told]:
        mine = [t for t in self._of.told.values() if t.incident_id == incident_id]
        return mine if limit is None else mine[-limit:]

    def told_totals(self, incident_id: int) -> Mapping[ToldState, int]:
        return Counter(t.state for t in self.told_of(incident_id))

    def homes_in(self, extent: Extent, after: int, limit: int) -> Sequence[Household]:
        found = [
            h
            for h in sorted(self._t.households.values(), key=lambda h: h.id)
            if h.id > after
            and extent.concerns(
                Address(h.community_id, h.building, h.unit, h.room), self._t.communities[h.community_id].station_id
            )
        ]
        return found[:limit]

    def log_incident(self, entry: LogEntry) -> None:
        self.incident(entry.incident_id)
        self._mine.log.append(entry)

    def incident_log(self, incident_id: int) -> Sequence[LogEntry]:
        return [e for e in self._of.log if e.incident_id == incident_id]
