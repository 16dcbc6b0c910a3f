"""One incident as its page shows it: facts, tickets, who was told, what happened."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from console.board import TicketRow, digest, ticket_rows
from console.incident_board import IncidentRow, incident_rows, stations_of
from console.ports import Rooms
from dialogue.ports import DialogueTx
from fulfillment.announcement import Announcement
from fulfillment.company import Community, Station
from fulfillment.incident import Attachment, Incident, IncidentState, LogEntry, notices_due
from fulfillment.incident_news import Told, ToldState
from fulfillment.ticket import Ticket

_MERGEABLE = (IncidentState.SUGGESTED, IncidentState.RUNNING)
_TOLD_SHOWN = 200  # a planned outage tells thousands of homes


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
    version: str

    @property
    def rechecks(self) -> bool:
        """Homes were asked whether it is warm again."""
        return self.row.incident.state is IncidentState.ENDED


def read_incident_page(rooms: Rooms, incident_id: int) -> IncidentPage:
    """Raises NotFound."""
    now = rooms.clock.now()
    with rooms.store.read() as tx:
        incident = tx.incident(incident_id)
        [row] = incident_rows(rooms, tx, [incident], now)
        attachments = {a.ticket_id: a for a in tx.attachments(incident_id)}
        tickets = list(tx.incident_tickets(incident_id)) or _would_be(rooms, tx, incident)
        members = [Member(r, attachments.get(r.ticket.id)) for r in ticket_rows(rooms, tx, tickets, now)]
        running = [i for i in tx.live_incidents() if i.is_running and i.id != incident_id]
        category = rooms.standard.incidents.category(incident.category)
        by_id = {t.id: t for t in tickets}
        return IncidentPage(
            row=row,
            members=tuple(m for m in members if m.attachment is None or m.attachment.detached_at is None),
            left=tuple(m for m in members if m.attachment is not None and m.attachment.detached_at is not None),
            told=tuple(_told_row(tx, one, by_id) for one in reversed(tx.told_of(incident_id, _TOLD_SHOWN))),
            told_totals=sorted(tx.told_totals(incident_id).items()),
            log=tx.incident_log(incident_id),
            announcement=tx.announcement(incident.announcement_id) if incident.announcement_id else None,
            others=tuple(incident_rows(rooms, tx, running, now)) if incident.state in _MERGEABLE else (),
            merged_into=tx.incident(incident.merged_into_id) if incident.merged_into_id else None,
            communities=tx.communities(),
            stations=tx.stations(),
            what=category.what if category else "",
            version=_version(rooms, tx, incident),
        )


def incident_version(rooms: Rooms, incident_id: int) -> str:
    """Changes when the page would look different; a burst main has hundreds of tickets, and is looked at all the time."""
    with rooms.store.read() as tx:
        return _version(rooms, tx, tx.incident(incident_id))


def _version(rooms: Rooms, tx: DialogueTx, incident: Incident) -> str:
    tickets = tx.incident_tickets(incident.id) or _would_be(rooms, tx, incident)
    dues = notices_due(incident, rooms.standard.incidents.notices, rooms.clock.now())
    return digest(
        incident.rev,
        [(d.rule.key, d.state) for d in dues],
        [(t.id, t.rev) for t in tickets],
        tx.attachments(incident.id),
        sorted(tx.told_totals(incident.id).items()),
        len(tx.incident_log(incident.id)),
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


def _told_row(tx: DialogueTx, told: Told, tickets: Mapping[int, Ticket]) -> ToldRow:
    if told.ticket_id is not None:
        ticket = tickets.get(told.ticket_id) or tx.ticket(told.ticket_id)
        return ToldRow(told, ticket.contact_name, ticket.contact_phone, ticket.number)
    home = tx.household(told.household_id or 0)
    return ToldRow(told, home.name, home.phone, "")
