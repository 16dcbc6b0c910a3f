"""One incident inside a transaction: whatever happens to it reaches its tickets, its announcement and its history together."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from fulfillment.announcement import LONGEST_WHAT, Announcement, Scope
from fulfillment.announcing import published
from fulfillment.case import Case
from fulfillment.incident import Attachment, Extent, Incident, LogEntry, Recheck
from fulfillment.incident_news import Occasion, Told, promise_told
from fulfillment.incident_notices import promise_homes, promise_watch
from fulfillment.incident_watch import attach
from fulfillment.ports import FulfillmentTx
from fulfillment.rechecks import is_asked
from fulfillment.standard import Standard
from fulfillment.ticket import Ticket
from kernel.errors import Conflict, IncidentRefused

LONGEST_CAUSE = 200


@dataclass(frozen=True, slots=True)
class IncidentFacts:
    """What a person states about an incident. `title` is what residents hear: one sentence without its full stop."""

    title: str
    extent: Extent
    begins_at: datetime
    cause: str = ""
    expected_end: datetime | None = None
    tell_homes: bool = False  # every home in the extent gets a message (K3)


class Course:
    """Holds the incident as last written (`.incident`). Lives no longer than its transaction.

    Read the incident `for_update` before: a ticket that joins just now waits for whoever ends it.
    """

    def __init__(self, tx: FulfillmentTx, incident: Incident, *, standard: Standard, now: datetime) -> None:
        self.tx = tx
        self.incident = incident
        self.standard = standard
        self.now = now

    def record(self, key: str, *, actor: str, **params: str | int) -> None:
        """A fact for the history; `key` is a sentence of scripts_zh/incident_log.yml."""
        self.tx.log_incident(LogEntry(self.incident.id, self.now, actor, key, params))

    def save(self, **changes: object) -> Incident:
        self.incident = self.tx.save_incident(replace(self.incident, **changes))  # type: ignore[arg-type]  # fields by name
        return self.incident

    def state_facts(self, facts: IncidentFacts) -> None:
        """The incident has these facts from now on, and residents hear them. Raises IncidentRefused, NotFound."""
        incident = self.incident
        checked = _checked(self.tx, facts, self.now, planned=incident.planned)
        times = (checked.expected_end, checked.begins_at if incident.planned else None)
        known = (incident.expected_end, incident.begins_at if incident.planned else None)
        other_end = incident.announcement_id is not None and times != known
        self.save(
            revision=incident.revision + other_end,
            title=checked.title,
            cause=checked.cause,
            extent=checked.extent,
            begins_at=checked.begins_at,
            expected_end=checked.expected_end,
        )
        self._announce()
        promise_watch(self.tx, self.incident, self.standard)
        if incident.planned and (facts.tell_homes or incident.homes_told_at is not None):
            self.save(homes_told_at=self.incident.homes_told_at or self.now)
            promise_homes(self.tx, self.incident, Occasion.PLANNED)

    def _announce(self) -> None:
        incident = self.incident
        extent = incident.extent
        known = None if incident.announcement_id is None else self.tx.announcement(incident.announcement_id)
        announcement = published(
            self.tx,
            Announcement(
                id=known.id if known else 0,
                what=incident.title,
                from_at=known.from_at if known else self.now,
                author=incident.author,
                scope=Scope(
                    extent.community_ids,
                    None if extent.community_ids else extent.station_id,
                    extent.buildings,
                    extent.unit,
                ),
                expected_end=incident.expected_end,
            ),
        )
        self.save(announcement_id=announcement.id, announced_at=incident.announced_at or self.now)

    def be_silent(self) -> None:
        """Nobody hears of it any more."""
        if self.incident.announcement_id is None:
            return
        known = self.tx.announcement(self.incident.announcement_id)
        if known.ended_at is None:
            self.tx.save_announcement(replace(known, ended_at=self.now))

    def speak_again(self) -> None:
        """The announcement that was ended is told again."""
        if self.incident.announcement_id is not None:
            known = self.tx.announcement(self.incident.announcement_id)
            self.tx.save_announcement(replace(known, ended_at=None))

    # --- what residents are told

    def promise_news(self, occasion: Occasion, ticket_ids: Iterable[int]) -> None:
        """Each resident once, for these facts; a repeated promise adds nothing."""
        incident = self.incident
        for ticket_id in ticket_ids:
            promise_told(self.tx, Told(0, incident.id, occasion, incident.revision, self.now, ticket_id))

    def ask_rechecks(self) -> None:
        """Every home is asked whether it is warm again; emergencies are not over by an answer."""
        asked = {t.id for t in self.tx.incident_tickets(self.incident.id) if is_asked(t)}
        for attachment in self.attached:
            if attachment.ticket_id in asked and attachment.recheck is Recheck.NOT_ASKED:
                self.tx.save_attachment(replace(attachment, recheck=Recheck.ASKED))

    def withdraw_rechecks(self) -> None:
        """Nobody is asked whether it is warm while it is cold; who said that it is warm has a ticket that is closed."""
        for attachment in self.attached:
            if attachment.recheck is Recheck.COLD:
                self._case(self.tx.ticket(attachment.ticket_id, for_update=True)).owe_no_visit()
            if attachment.recheck in (Recheck.ASKED, Recheck.COLD):
                self.tx.save_attachment(
                    replace(attachment, recheck=Recheck.NOT_ASKED, answered_at=None, answered_by="")
                )

    # --- its tickets

    @property
    def attached(self) -> list[Attachment]:
        return [a for a in self.tx.attachments(self.incident.id) if a.detached_at is None]

    def gather(self, *, by: str) -> list[Ticket]:
        """Open tickets that belong to it by kind, place and time are attached; returns the new ones."""
        incident, rules = self.incident, self.standard.incidents
        category = rules.category(incident.category)
        if category is None or not incident.has_begun(self.now):
            return []
        stations = {c.id: c.station_id for c in self.tx.communities()}
        theirs = {stations[c] for c in incident.extent.community_ids} or {incident.extent.station_id or 0}
        loose = self.tx.loose_tickets(category.attaches, incident.begins_at - rules.window, sorted(theirs))
        inside = [t for t in loose if incident.extent.concerns(t.address, stations[t.address.community_id or 0])]
        return [t for t in inside if attach(self._case(t), incident, by=by)]

    def take(self, ticket_id: int, *, by: str) -> Ticket:
        """A person attaches a ticket, one that was taken out before included. Raises Conflict, NotFound."""
        case = self._case(self.tx.ticket(ticket_id, for_update=True))
        current = self.tx.attachment_of(ticket_id)
        if current is not None and current.incident_id == self.incident.id:
            return case.ticket
        if current is not None or not case.ticket.is_open:
            raise Conflict(f"ticket {case.ticket.number} is over, or belongs to another incident")
        if not attach(case, self.incident, by=by):
            before = next(a for a in self.tx.attachments(self.incident.id) if a.ticket_id == ticket_id)
            self.tx.save_attachment(replace(before, detached_at=None, detached_by=""))
            self.record("attached", actor=by, number=case.ticket.number)
            case.tell("joined_incident", actor=by, title=self.incident.title)
            if self.incident.is_running:
                case.owe_no_visit()
        return case.ticket

    def let_go(self, ticket_id: int, *, by: str, moves: bool = False) -> bool:
        """A ticket does not belong to it (any more); `moves`: it goes to another incident. False if it did not."""
        mine = next((a for a in self.attached if a.ticket_id == ticket_id), None)
        if mine is None:
            return False
        case = self._case(self.tx.ticket(ticket_id, for_update=True))
        self.tx.save_attachment(replace(mine, detached_at=self.now, detached_by=by))
        self.record("detached", actor=by, number=case.ticket.number)
        case.tell("left_incident", actor=by, title=self.incident.title)
        if not moves:
            case.owe_visit()
        return True

    def hand_over(self, ticket_ids: Iterable[int], to: "Course", *, by: str) -> list[int]:
        """Open tickets go to another incident, the others stay as they ended; returns those that went."""
        mine = {a.ticket_id for a in self.attached}
        moved = [n for n in ticket_ids if n in mine and self.tx.ticket(n).is_open]
        for ticket_id in moved:
            self.let_go(ticket_id, by=by, moves=True)
            to.take(ticket_id, by=by)
        return moved

    def join(self, other: Extent) -> None:
        """Whom another incident concerned is concerned by this one from now on."""
        stations = {c.id: c.station_id for c in self.tx.communities()}
        wider = self.incident.extent.joined(other, stations)
        if wider != self.incident.extent:
            self.save(extent=wider)
            self._announce()

    def _case(self, ticket: Ticket) -> Case:
        return Case(self.tx, ticket, standard=self.standard, now=self.now)


def _checked(tx: FulfillmentTx, facts: IncidentFacts, now: datetime, *, planned: bool) -> IncidentFacts:
    """Clear answers to what cannot be: each reason is worded by the console."""
    title, cause, extent = facts.title.strip().rstrip("。!"), facts.cause.strip(), facts.extent
    end = facts.expected_end
    refused = {
        "incident_title": not 0 < len(title) <= LONGEST_WHAT or len(cause) > LONGEST_CAUSE,
        "incident_nobody": not extent.community_ids and extent.station_id is None,
        "incident_buildings": bool(extent.buildings) and len(extent.community_ids) != 1,
        "incident_unit": bool(extent.unit) and len(extent.buildings) != 1,
        "incident_future": not planned and facts.begins_at > now,
        "incident_end": end is not None and end <= max(now, facts.begins_at),
        "incident_no_end": planned and end is None,
    }
    for reason, holds in refused.items():
        if holds:
            raise IncidentRefused(reason)
    for community_id in extent.community_ids:
        tx.community(community_id)
    if extent.station_id is not None:
        tx.station(extent.station_id)
    if extent.community_ids:
        extent = replace(extent, station_id=None)
    return replace(facts, title=title, cause=cause, extent=extent)
