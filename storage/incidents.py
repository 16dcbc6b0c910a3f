"""Incidents with their tickets, messages and history, as rows."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, func, insert, select, update

from fulfillment.company import Household
from fulfillment.incident import Attachment, Extent, Incident, IncidentState, LogEntry
from fulfillment.incident_news import Told, ToldState
from fulfillment.ticket import Ticket
from kernel.errors import Conflict, NotFound
from storage import schema
from storage.company import CompanyRows
from storage.rows import values_of
from storage.tickets import ticket_of

_LIVE = (IncidentState.SUGGESTED, IncidentState.RUNNING)


class IncidentRows(CompanyRows):
    """The incidents' part of `dialogue.ports.DialogueTx`."""

    def loose_tickets(self, kinds: Collection[str], since: datetime, station_ids: Collection[int]) -> Sequence[Ticket]:
        columns, belongs = schema.ticket.c, schema.incident_ticket.c
        there = select(schema.community.c.id).where(schema.community.c.station_id.in_(station_ids))
        attached = select(belongs.ticket_id).where(schema.IS_ATTACHED)
        loose = select(schema.ticket).where(
            schema.IS_OPEN,
            columns.kind.in_(kinds),
            columns.opened_at >= since,
            columns.community_id.in_(there),
            columns.id.not_in(attached),
        )
        return [ticket_of(row) for row in self._all(loose.order_by(columns.opened_at, columns.id))]

    def add_incident(self, incident: Incident) -> Incident | None:
        statement = self._insert(schema.incident).values(_values(incident))
        row = self._write_returning(
            statement.on_conflict_do_nothing(index_elements=["spot"], index_where=schema.IS_SUGGESTED).returning(
                schema.incident.c.id
            )
        )
        return None if row is None else replace(incident, id=row["id"])

    def incident(self, incident_id: int, *, for_update: bool = False) -> Incident:
        return incident_of(self._by_id(schema.incident, incident_id, for_update=for_update))

    def save_incident(self, incident: Incident) -> Incident:
        saved = replace(incident, rev=incident.rev + 1)
        columns = schema.incident.c
        mine = (columns.id == incident.id, columns.rev == incident.rev)
        if not self._write(update(schema.incident).where(*mine).values(_values(saved))):
            stored = self.incident(incident.id)
            raise Conflict(f"incident {incident.id} was changed meanwhile: rev {stored.rev}, not {incident.rev}")
        return saved

    def live_incidents(self) -> Sequence[Incident]:
        columns = schema.incident.c
        found = select(schema.incident).where(columns.state.in_(_LIVE)).order_by(columns.id)
        return [incident_of(row) for row in self._all(found)]

    def settled_incidents(self, limit: int = 50) -> Sequence[Incident]:
        columns = schema.incident.c
        found = select(schema.incident).where(columns.state.not_in(_LIVE))
        newest = found.order_by(columns.settled_at.desc(), columns.id.desc()).limit(limit)
        return [incident_of(row) for row in self._all(newest)]

    def settled_at(self, spot: str) -> datetime | None:
        columns = schema.incident.c
        last = select(func.max(columns.settled_at).label("at")).where(columns.spot == spot)
        row = self._first(last)
        return None if row is None else row["at"]

    def attach(self, attachment: Attachment) -> bool:
        statement = self._insert(schema.incident_ticket).values(values_of(attachment))
        return bool(self._write(statement.on_conflict_do_nothing()))

    def save_attachment(self, attachment: Attachment) -> None:
        columns = schema.incident_ticket.c
        mine = (columns.incident_id == attachment.incident_id, columns.ticket_id == attachment.ticket_id)
        if not self._write(update(schema.incident_ticket).where(*mine).values(values_of(attachment))):
            raise NotFound(f"ticket {attachment.ticket_id} never belonged to incident {attachment.incident_id}")

    def attachments(self, incident_id: int) -> Sequence[Attachment]:
        columns = schema.incident_ticket.c
        found = select(schema.incident_ticket).where(columns.incident_id == incident_id).order_by(columns.ticket_id)
        return [Attachment(**row) for row in self._all(found)]

    def incident_tickets(self, incident_id: int) -> Sequence[Ticket]:
        belongs = schema.incident_ticket.c
        mine = select(belongs.ticket_id).where(belongs.incident_id == incident_id)
        found = select(schema.ticket).where(schema.ticket.c.id.in_(mine)).order_by(schema.ticket.c.id)
        return [ticket_of(row) for row in self._all(found)]

    def attachment_of(self, ticket_id: int) -> Attachment | None:
        columns = schema.incident_ticket.c
        row = self._first(select(schema.incident_ticket).where(columns.ticket_id == ticket_id, schema.IS_ATTACHED))
        return None if row is None else Attachment(**row)

    def add_told(self, told: Told) -> Told | None:
        keys = ["incident_id", "occasion", "revision", "recipient"]
        statement = self._insert(schema.incident_told).values(_told_values(told))
        row = self._write_returning(
            statement.on_conflict_do_nothing(index_elements=keys).returning(schema.incident_told.c.id)
        )
        return None if row is None else replace(told, id=row["id"])

    def told(self, told_id: int) -> Told:
        return _told(self._by_id(schema.incident_told, told_id))

    def save_told(self, told: Told) -> None:
        if not self._write(
            update(schema.incident_told).where(schema.incident_told.c.id == told.id).values(_told_values(told))
        ):
            raise NotFound(f"no message {told.id} about an incident")

    def told_of(self, incident_id: int, limit: int | None = None) -> Sequence[Told]:
        columns = schema.incident_told.c
        found = select(schema.incident_told).where(columns.incident_id == incident_id).order_by(columns.id.desc())
        return [_told(row) for row in reversed(self._all(found.limit(limit)))]

    def told_totals(self, incident_id: int) -> Mapping[ToldState, int]:
        columns = schema.incident_told.c
        counted = select(columns.state, func.count().label("n")).where(columns.incident_id == incident_id)
        return {row["state"]: row["n"] for row in self._all(counted.group_by(columns.state))}

    def homes_in(self, extent: Extent, after: int, limit: int) -> Sequence[Household]:
        columns = schema.household.c
        conditions: list[ColumnElement[bool]] = [columns.id > after]
        if extent.community_ids:
            conditions.append(columns.community_id.in_(sorted(extent.community_ids)))
        else:
            of_station = select(schema.community.c.id).where(schema.community.c.station_id == extent.station_id)
            conditions.append(columns.community_id.in_(of_station))
        if extent.buildings:
            conditions.append(columns.building.in_(sorted(extent.buildings)))
        if extent.unit:
            conditions.append(columns.unit == extent.unit)
        found = select(schema.household).where(*conditions).order_by(columns.id).limit(limit)
        return [Household(**row) for row in self._all(found)]

    def log_incident(self, entry: LogEntry) -> None:
        self._write(insert(schema.incident_log).values(values_of(entry)))

    def incident_log(self, incident_id: int) -> Sequence[LogEntry]:
        columns = schema.incident_log.c
        found = select(schema.incident_log).where(columns.incident_id == incident_id).order_by(columns.at, columns.id)
        return [LogEntry(**{name: row[name] for name in row if name != "id"}) for row in self._all(found)]


def _values(incident: Incident) -> dict[str, Any]:
    extent = incident.extent
    return values_of(incident, "id", "extent") | {
        "community_ids": sorted(extent.community_ids),
        "station_id": extent.station_id,
        "buildings": sorted(extent.buildings),
        "unit": extent.unit,
    }


def incident_of(row: RowMapping) -> Incident:
    extent = Extent(frozenset(row["community_ids"]), row["station_id"], frozenset(row["buildings"]), row["unit"])
    apart = ("community_ids", "station_id", "buildings", "unit")
    return Incident(**{name: row[name] for name in row if name not in apart}, extent=extent)


def _told_values(told: Told) -> dict[str, Any]:
    return values_of(told, "id") | {"recipient": told.recipient}


def _told(row: RowMapping) -> Told:
    return Told(**{name: row[name] for name in row if name != "recipient"})
