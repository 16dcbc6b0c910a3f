"""What incidents need of a transaction. A part of fulfillment.ports.FulfillmentTx."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from fulfillment.company import Household
from fulfillment.incident import Attachment, Extent, Incident, LogEntry
from fulfillment.incident_news import Told, ToldState
from fulfillment.ticket import Ticket


class IncidentTx(Protocol):
    """Rows of incidents: their tickets, who was told what, their history."""

    def loose_tickets(self, kinds: Collection[str], since: datetime, station_ids: Collection[int]) -> Sequence[Ticket]:
        """Open tickets of these kinds that were opened since then in communities of these stations and belong to no
        incident, oldest first.
        """
        ...

    def add_incident(self, incident: Incident) -> Incident | None:
        """Stores one whose id is 0. None (and nothing is stored): there is a suggestion for this spot already."""
        ...

    def incident(self, incident_id: int, *, for_update: bool = False) -> Incident:
        """Raises NotFound."""
        ...

    def save_incident(self, incident: Incident) -> Incident:
        """Writes all fields if the stored rev equals incident.rev; returns it with rev + 1. Raises Conflict, NotFound."""
        ...

    def live_incidents(self) -> Sequence[Incident]:
        """Suggested and running ones, oldest first."""
        ...

    def settled_incidents(self, limit: int = 50) -> Sequence[Incident]:
        """Ended, dismissed and merged ones, the last settled first."""
        ...

    def settled_at(self, spot: str) -> datetime | None:
        """When an incident of this spot was settled last: reports from before do not suggest it again."""
        ...

    def attach(self, attachment: Attachment) -> bool:
        """False (and nothing changes) if the ticket belongs to an incident, or belonged to this one before."""
        ...

    def save_attachment(self, attachment: Attachment) -> None:
        """Raises NotFound; Conflict if the ticket belongs to another incident."""
        ...

    def attachments(self, incident_id: int) -> Sequence[Attachment]:
        """Detached ones included, in the order of their tickets."""
        ...

    def incident_tickets(self, incident_id: int) -> Sequence[Ticket]:
        """Of all its attachments, by id."""
        ...

    def attachment_of(self, ticket_id: int) -> Attachment | None:
        """Of the incident that it belongs to now."""
        ...

    def add_told(self, told: Told) -> Told | None:
        """Stores one whose id is 0. None: this recipient has a message for this occasion already."""
        ...

    def told(self, told_id: int) -> Told:
        """Raises NotFound."""
        ...

    def save_told(self, told: Told) -> None: ...
    def told_of(self, incident_id: int, limit: int | None = None) -> Sequence[Told]:
        """The newest `limit` (None: all), oldest first."""
        ...

    def told_totals(self, incident_id: int) -> Mapping[ToldState, int]:
        """How many messages stand how; states that none has are left out."""
        ...

    def homes_in(self, extent: Extent, after: int, limit: int) -> Sequence[Household]:
        """Households whom an extent concerns, by id, those after an id."""
        ...

    def log_incident(self, entry: LogEntry) -> None: ...
    def incident_log(self, incident_id: int) -> Sequence[LogEntry]:
        """Oldest first."""
        ...
