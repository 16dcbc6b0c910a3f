"""One incident as its page shows it: facts, tickets, who was told, what happened."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from console.board import TicketRow, digest, ticket_rows
from console.incident_board import IncidentRow, incident_rows, stations_of
from console.ports import Rooms
from dialogue.ports import DialogueTx
from fulfillment.announcement import Announcement
from fulfillment.company import Community, Station
from fulfillment.incident import Attachment, Incident, IncidentState, LogEntry
from fulfillment.incident_news import Told, ToldState
from fulfillment.ticket import Ticket

_MERGEABLE = (IncidentState.SUGGESTED, IncidentState.RUNNING)
_TOLD_SHOWN = 300  # a planned outage tells thousands of homes


@dataclass(frozen=True, slots=True)
class Member:
    """A ticket of the incident; `attachment` is None for one that would be attached if it were confirmed."""

    row: TicketRow
    attachment: Attachment | None


@dataclass(frozen=True, slots=True)
class ToldRow:
    told: Told
    name: str
    phone: str
    number: str  # of the ticket, "" = a home without one


@dataclass(frozen=True, slots=True)
class IncidentPage:
    row: IncidentRow
    members: tuple[Member, ...]
    left: tuple[Member, ...]  # taken out
    told: tuple[ToldRow, ...]  # the newest, newest first
    told_totals: Sequence[tuple[ToldState, int]]
    log: Sequence[LogEntry]
    announcement: Announcement | None
    others: tuple[IncidentRow, ...]  # that it can be merged into
    merged_into: Incident | None
    communities: Sequence[Community]
    stations: Sequence[Station]
    what: str  # proposed words of the announcement, behind the place

    @property
    def rechecks(self) -> bool:
        """Homes were asked whether it is warm again."""
        return self.row.incident.state is IncidentState.ENDED

    @property
    def version(self) -> str:
        return digest(
            self.row.shown,
            [(m.row.ticket.rev, m.attachment) for m in (*self.members, *self.left)],
            self.told_totals,
            len(self.log),
        )


def read_incident_page(rooms: Rooms, incident_id: int) -> IncidentPage:
    """Raises NotFound."""
    now = rooms.clock.now()
    with rooms.store.read() as tx:
        incident = tx.incident(incident_id)
        [row] = incident_rows(rooms, tx, [incident], now)
        attachments = {a.ticket_id: a for a in tx.attachments(incident_id)}
        tickets = [tx.ticket(n) for n in attachments] or _would_be(rooms, tx, incident)
        members = [Member(r, attachments.get(r.ticket.id)) for r in ticket_rows(rooms, tx, tickets, now)]
        running = [i for i in tx.live_incidents() if i.is_running and i.id != incident_id]
        category = rooms.standard.incidents.category(incident.category)
        told = tx.told_of(incident_id)
        return IncidentPage(
            row=row,
            members=tuple(m for m in members if m.attachment is None or m.attachment.detached_at is None),
            left=tuple(m for m in members if m.attachment is not None and m.attachment.detached_at is not None),
            told=tuple(_told_row(tx, one) for one in reversed(told[-_TOLD_SHOWN:])),
            told_totals=sorted(Counter(one.state for one in told).items()),
            log=tx.incident_log(incident_id),
            announcement=tx.announcement(incident.announcement_id) if incident.announcement_id else None,
            others=tuple(incident_rows(rooms, tx, running, now)) if incident.state in _MERGEABLE else (),
            merged_into=tx.incident(incident.merged_into_id) if incident.merged_into_id else None,
            communities=tx.communities(),
            stations=tx.stations(),
            what=category.what if category else "",
        )


def _would_be(rooms: Rooms, tx: DialogueTx, incident: Incident) -> list[Ticket]:
    """What would be attached if a suggestion were confirmed as it stands."""
    category = rooms.standard.incidents.category(incident.category)
    if category is None or incident.state is not IncidentState.SUGGESTED:
        return []
    since = incident.begins_at - rooms.standard.incidents.window
    stations = {c.id: c.station_id for c in tx.communities()}
    loose = tx.loose_tickets(category.attaches, since, stations_of(tx, incident.extent))
    return [t for t in loose if incident.extent.concerns(t.address, stations[t.address.community_id or 0])]


def _told_row(tx: DialogueTx, told: Told) -> ToldRow:
    if told.ticket_id is not None:
        ticket = tx.ticket(told.ticket_id)
        return ToldRow(told, ticket.contact_name, ticket.contact_phone, ticket.number)
    home = tx.household(told.household_id or 0)
    return ToldRow(told, home.name, home.phone, "")
