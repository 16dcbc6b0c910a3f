"""Each report is looked at once it is stored: it joins the incident that runs where it comes from, or suggests one.

It is looked at by a task of its own (SPOT_INCIDENT, ordinary lane), after the report's transaction: two reports of the
same instant see each other, and no alarm waits for it or fails with it. Price: a suggestion is seconds late.
"""

from dataclasses import replace
from datetime import datetime

from fulfillment.case import Case
from fulfillment.incident import (
    Attachment,
    Extent,
    Incident,
    IncidentCategory,
    IncidentState,
    Level,
    LogEntry,
    Report,
    report_of,
    suggested,
)
from fulfillment.incident_notices import WATCH, promise_watch
from fulfillment.outbox import NewTask, Task, TaskKind
from fulfillment.ports import FulfillmentStore, FulfillmentTx
from fulfillment.standard import Standard
from fulfillment.ticket import Ticket
from kernel.clock import Clock

_NARROW_TO_WIDE = tuple(Level)


def promise_look(case: Case) -> None:
    """In the transaction that opens or locates a ticket. Tickets without a community have nothing to compare yet."""
    ticket, rules = case.ticket, case.standard.incidents
    if ticket.address.community_id is None or not (rules.counting(ticket.kind) or rules.attaching(ticket.kind)):
        return
    key = f"spot-{ticket.id}-{ticket.rev}"
    case.tx.enqueue(NewTask(TaskKind.SPOT_INCIDENT, key, case.now, {"ticket_id": ticket.id}, ticket.id))


class IncidentWatch:
    """`spot` is the deliverer of SPOT_INCIDENT; run twice, or by two workers at once, it comes to the same."""

    def __init__(self, store: FulfillmentStore, standard: Standard, clock: Clock) -> None:
        self._store = store
        self._standard = standard
        self._clock = clock

    def spot(self, task: Task) -> None:
        with self._store.write() as tx:
            if not tx.holds(task):
                return
            ticket = tx.ticket(task.payload["ticket_id"])
            if ticket.is_open and ticket.address.community_id is not None and tx.attachment_of(ticket.id) is None:
                look = _Look(tx, ticket, tx.community(ticket.address.community_id).station_id, self._standard)
                look.at(self._clock.now())
            tx.task_done(task)


def attach(case: Case, incident: Incident, *, by: str) -> bool:
    """The ticket belongs to the incident; its ladder and its clocks stay its own, but for the visit at a home whose cause is
    known now. False if it cannot any more.
    """
    ticket = case.ticket
    if not case.tx.attach(Attachment(incident.id, ticket.id, case.now, by)):
        return False
    case.tx.log_incident(LogEntry(incident.id, case.now, by, "attached", {"number": ticket.number}))
    case.tell("joined_incident", actor=by, title=incident.title)
    if incident.is_running:  # whoever arrives just now waits, or has written before
        locked = case.tx.ticket(ticket.id, for_update=True)
        Case(case.tx, locked, standard=case.standard, now=case.now).owe_no_visit()
    return True


class _Look:
    """One report inside its transaction."""

    def __init__(self, tx: FulfillmentTx, ticket: Ticket, station_id: int, standard: Standard) -> None:
        self.tx = tx
        self.ticket = ticket
        self.station_id = station_id
        self.standard = standard
        self.rules = standard.incidents

    def at(self, now: datetime) -> None:
        running = [i for i in self.tx.live_incidents() if i.has_begun(now)]
        narrow_first = sorted(running, key=lambda i: (_NARROW_TO_WIDE.index(i.extent.level), i.id))
        if any(self._joins(incident, now) for incident in narrow_first):
            return
        category = self.rules.counting(self.ticket.kind)
        if category is None or self.ticket.opened_at < now - self.rules.window:
            return
        found = self._suggestion(category, now)
        if found is not None:
            self._suggest(category, *found, now)

    def _joins(self, incident: Incident, now: datetime) -> bool:
        category = self.rules.category(incident.category)
        if category is None or self.ticket.kind not in category.attaches:
            return False
        if not incident.extent.concerns(self.ticket.address, self.station_id):
            return False
        stored = self.tx.incident(incident.id, for_update=True)  # it may be ended just now
        case = Case(self.tx, self.ticket, standard=self.standard, now=now)
        return stored.is_running and attach(case, stored, by=WATCH)

    def _suggestion(self, category: IncidentCategory, now: datetime) -> tuple[Extent, list[Report]] | None:
        """The place and its reports. What was settled there before is not suggested again by the same reports."""
        tickets = self.tx.loose_tickets(category.suggested_by, now - self.rules.window, [self.station_id])
        reports = [report_of(t, self.station_id) for t in tickets]
        newest = report_of(self.ticket, self.station_id)
        place = suggested(reports, newest, category, self.rules.widens_by)
        settled_at = self.tx.settled_at(_spot(category, place)) if place is not None else None
        if settled_at is not None:
            reports = [r for r in reports if r.opened_at > settled_at]
            place = suggested(reports, newest, category, self.rules.widens_by)
        if place is None:
            return None
        return place, [r for r in reports if place.concerns(r.address, r.station_id)]

    def _suggest(self, category: IncidentCategory, place: Extent, reports: list[Report], now: datetime) -> None:
        stations = {c.id: c.station_id for c in self.tx.communities()}
        alike = [i for i in self.tx.live_incidents() if i.category == category.key]
        if any(i.extent.covers(place, stations) for i in alike):
            return
        stored = self.tx.add_incident(
            Incident(
                id=0,
                category=category.key,
                state=IncidentState.SUGGESTED,
                extent=place,
                spotted_at=now,
                begins_at=min(r.opened_at for r in reports),
                spot=_spot(category, place),
            )
        )
        if stored is None:  # another worker was faster
            return
        promise_watch(self.tx, stored, self.standard)
        homes = len({r.home for r in reports})
        self.tx.log_incident(LogEntry(stored.id, now, WATCH, "suggested", {"homes": homes}))
        for narrower in alike:
            if narrower.state is IncidentState.SUGGESTED and place.covers(narrower.extent, stations):
                merged = replace(narrower, state=IncidentState.MERGED, merged_into_id=stored.id, settled_at=now)
                self.tx.save_incident(merged)
                self.tx.log_incident(LogEntry(narrower.id, now, WATCH, "widened", {"number": stored.id}))


def _spot(category: IncidentCategory, place: Extent | None) -> str:
    return f"{category.key}:{place.key}" if place is not None else ""
