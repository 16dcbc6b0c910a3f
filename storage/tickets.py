"""Tickets, their clocks, timeline and alarm attempts, as rows."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, Select, and_, case, func, insert, null, or_, select, update

from fulfillment.resident_calls import Purpose
from fulfillment.ticket import Address, Attempt, ClockState, Ticket, TicketClock, TicketState, TimelineEntry
from fulfillment.ticket_filter import Answered, Promised, Standing, TicketFilter
from kernel.clock import local
from kernel.errors import Conflict, NotFound
from storage import schema
from storage.company import CompanyRows
from storage.promises import came_out, within
from storage.rows import values_of
from storage.ticket_search import TicketSearchRows, with_words

_ADDRESS_COLUMNS = {"community_id": "community_id", "building": "building", "unit": "unit", "room": "room"} | {
    "text": "address_text"
}


class TicketRows(CompanyRows, TicketSearchRows):
    """The ticket part of `dialogue.ports.DialogueTx`."""

    def add_ticket(self, ticket: Ticket) -> Ticket:
        number = self._next_number(ticket.opened_at)
        row = self._write_returning(
            insert(schema.ticket).values(_ticket_values(ticket) | {"number": number}).returning(schema.ticket.c.id)
        )
        if row is None:
            raise AssertionError("INSERT … RETURNING always returns its row")
        stored = replace(ticket, id=row["id"], number=number)
        self._index(stored)
        return stored

    def _next_number(self, opened_at: datetime) -> str:
        """The counter row stays locked until the commit, so that two tickets never get one number."""
        day = local(opened_at).strftime("%m%d")
        counter = schema.ticket_counter
        row = self._write_returning(
            self._insert(counter)
            .values(day=day, last=1)
            .on_conflict_do_update(index_elements=["day"], set_={"last": counter.c.last + 1})
            .returning(counter.c.last)
        )
        if row is None:
            raise AssertionError("INSERT … ON CONFLICT DO UPDATE always returns its row")
        return f"{day}-{row['last']:04d}"

    def ticket(self, ticket_id: int, *, for_update: bool = False) -> Ticket:
        statement = select(schema.ticket).where(schema.ticket.c.id == ticket_id)
        row = self._first(self._locked(statement) if for_update else statement)
        if row is None:
            raise NotFound(f"no ticket {ticket_id}")
        return ticket_of(row)

    def unaccepted(self, ticket_ids: Collection[int]) -> frozenset[int]:
        columns = schema.ticket.c
        waiting = (columns.id.in_(ticket_ids), columns.emergency, columns.state == TicketState.NEW)
        return frozenset(row["id"] for row in self._all(select(columns.id).where(*waiting)))

    def save_ticket(self, ticket: Ticket) -> Ticket:
        saved = replace(ticket, rev=ticket.rev + 1)
        columns = schema.ticket.c
        written = self._write(
            update(schema.ticket)
            .where(columns.id == ticket.id, columns.rev == ticket.rev)
            .values(_ticket_values(saved) | {"number": ticket.number})
        )
        if not written:
            stored = self.ticket(ticket.id)
            raise Conflict(f"ticket {ticket.number} was changed meanwhile: rev {stored.rev}, not {ticket.rev}")
        self._index(saved)
        return saved

    def open_tickets(
        self, *, household_id: int | None = None, conversation_id: str | None = None, contact_phone: str | None = None
    ) -> Sequence[Ticket]:
        columns = schema.ticket.c
        given = {"household_id": household_id, "conversation_id": conversation_id, "contact_phone": contact_phone}
        matches = [columns[name] == value for name, value in given.items() if value]
        if not matches:
            return []
        statement = select(schema.ticket).where(or_(*matches), schema.IS_OPEN)
        return [ticket_of(row) for row in self._all(statement.order_by(columns.opened_at.desc(), columns.id.desc()))]

    def tickets(
        self, *, only_open: bool = False, kind: str | None = None, search: str = "", limit: int = 100, offset: int = 0
    ) -> Sequence[Ticket]:
        standing = Standing.OPEN if only_open else Standing.ALL
        return self.find_tickets(TicketFilter(standing, kind, search=search), limit=limit, offset=offset)

    def find_tickets(self, wanted: TicketFilter, *, limit: int = 100, offset: int = 0) -> Sequence[Ticket]:
        """Two queries instead of one sort: the open ones are few and need their clocks, the rest has indices by age."""
        columns = schema.ticket.c
        conditions = _conditions(wanted)
        rest = self._newest_first(select(schema.ticket).where(~schema.IS_OPEN, *conditions), wanted.search)
        if wanted.standing is Standing.CLOSED:
            return [ticket_of(row) for row in self._all(rest.limit(limit).offset(offset))]

        earliest = (
            select(func.min(schema.clock.c.due_by))
            .where(schema.clock.c.ticket_id == columns.id, schema.IS_RUNNING)
            .scalar_subquery()
        )
        alarming = case((and_(columns.emergency, columns.state == TicketState.NEW), 0), else_=1)
        old_or_ill = columns.details["vulnerable"].as_string() == "yes"  # J1
        comes_first = case((or_(columns.emergency, old_or_ill), 0), else_=1)
        open_ones = select(schema.ticket).where(schema.IS_OPEN, *conditions)
        page = self._all(
            open_ones.order_by(
                alarming, comes_first, earliest.is_(null()), earliest, columns.opened_at.desc(), columns.id.desc()
            )
            .limit(limit)
            .offset(offset)
        )
        if wanted.standing is Standing.OPEN or len(page) == limit:
            return [ticket_of(row) for row in page]
        before = 0
        if offset and not page:
            counted = self._first(select(func.count().label("n")).select_from(open_ones.subquery()))
            before = max(0, offset - counted["n"]) if counted else 0
        return [ticket_of(row) for row in (*page, *self._all(rest.limit(limit - len(page)).offset(before)))]

    def add_to_timeline(self, entry: TimelineEntry) -> None:
        self._write(insert(schema.timeline).values(values_of(entry)))

    def timeline(self, ticket_id: int) -> Sequence[TimelineEntry]:
        columns = schema.timeline.c
        statement = select(schema.timeline).where(columns.ticket_id == ticket_id).order_by(columns.at, columns.id)
        return [
            TimelineEntry(**{name: row[name] for name in row if name != "id"})  # the id only orders equal instants
            for row in self._all(statement)
        ]

    def add_clock(self, clock: TicketClock) -> TicketClock:
        columns = schema.clock.c
        row = self._write_returning(
            self._insert(schema.clock)
            .values(values_of(clock, "id"))
            .on_conflict_do_nothing(index_elements=["ticket_id", "rule"], index_where=schema.IS_RUNNING)
            .returning(columns.id)
        )
        if row is not None:
            return replace(clock, id=row["id"])
        running = select(schema.clock).where(
            columns.ticket_id == clock.ticket_id, columns.rule == clock.rule, schema.IS_RUNNING
        )
        first = self._first(running)
        if first is None:
            raise Conflict(f"the clock {clock.rule} was stopped by somebody else while it was being started")
        return TicketClock(**first)

    def clock(self, clock_id: int) -> TicketClock:
        return TicketClock(**self._by_id(schema.clock, clock_id))

    def save_clock(self, clock: TicketClock) -> None:
        if not self._write(update(schema.clock).where(schema.clock.c.id == clock.id).values(values_of(clock, "id"))):
            raise NotFound(f"no clock {clock.id}")

    def clocks(self, ticket_ids: Sequence[int]) -> Mapping[int, Sequence[TicketClock]]:
        columns = schema.clock.c
        statement = select(schema.clock).where(columns.ticket_id.in_(ticket_ids)).order_by(columns.due_by, columns.id)
        by_ticket: defaultdict[int, list[TicketClock]] = defaultdict(list, {ticket_id: [] for ticket_id in ticket_ids})
        for row in self._all(statement):
            by_ticket[row["ticket_id"]].append(TicketClock(**row))
        return dict(by_ticket)

    def tickets_with_running(self, rules: Collection[str]) -> Sequence[int]:
        columns = schema.clock.c
        running = select(columns.ticket_id).where(columns.rule.in_(rules), schema.IS_RUNNING).distinct()
        return [row["ticket_id"] for row in self._all(running.order_by(columns.ticket_id))]

    def mark(self, name: str) -> str:
        row = self._first(select(schema.mark.c.value).where(schema.mark.c.name == name))
        return row["value"] if row else ""

    def set_mark(self, name: str, value: str) -> None:
        statement = self._insert(schema.mark).values(name=name, value=value)
        self._write(statement.on_conflict_do_update(index_elements=["name"], set_={"value": value}))

    def add_attempt(self, attempt: Attempt) -> None:
        self._write(insert(schema.attempt).values(values_of(attempt)))

    def attempt(self, attempt_id: str) -> Attempt:
        return Attempt(**self._by_id(schema.attempt, attempt_id))

    def save_attempt(self, attempt: Attempt) -> None:
        if not self._write(update(schema.attempt).where(schema.attempt.c.id == attempt.id).values(values_of(attempt))):
            raise NotFound(f"no attempt {attempt.id}")

    def attempts(self, ticket_id: int) -> Sequence[Attempt]:
        columns = schema.attempt.c
        statement = select(schema.attempt).where(columns.ticket_id == ticket_id)
        return [
            Attempt(**row) for row in self._all(statement.order_by(columns.started_at, columns.step, columns.channel))
        ]

    def carried_by(self, lead_id: str) -> Sequence[Attempt]:
        columns = schema.attempt.c
        of_the_call = select(schema.attempt).where(or_(columns.id == lead_id, columns.lead_id == lead_id))
        return [
            Attempt(**row) for row in self._all(of_the_call.order_by(columns.started_at, columns.ticket_id, columns.id))
        ]

    def unfinished_attempts(self, staff_ids: Collection[int]) -> Sequence[Attempt]:
        columns = schema.attempt.c
        under_way = select(schema.attempt).where(columns.staff_id.in_(staff_ids), schema.UNFINISHED)
        return [Attempt(**row) for row in self._all(under_way.order_by(columns.started_at, columns.id))]

    def known_sids(self, phone: str) -> frozenset[str]:
        columns = schema.attempt.c
        rows = self._all(select(columns.provider_sid).where(columns.phone == phone, columns.channel == "voice"))
        return frozenset(row["provider_sid"] for row in rows if row["provider_sid"])


def _conditions(wanted: TicketFilter) -> list[ColumnElement[bool]]:
    columns = schema.ticket.c
    conditions = with_words(wanted.search)
    if wanted.kind is not None:
        conditions.append(columns.kind == wanted.kind)
    if wanted.only_emergencies:
        conditions.append(columns.emergency)
    if wanted.owner_id is not None:
        conditions.append(columns.owner_id == wanted.owner_id)
    if wanted.overdue_at is not None:
        late = select(schema.clock.c.ticket_id).where(schema.IS_RUNNING, schema.clock.c.due_by < wanted.overdue_at)
        conditions.append(columns.id.in_(late))
    if wanted.station_id is not None:
        of_station = select(schema.community.c.id).where(schema.community.c.station_id == wanted.station_id)
        conditions.append(columns.community_id.in_(of_station))
    if wanted.community_id is not None:
        conditions.append(columns.community_id == wanted.community_id)
    if wanted.opened_from is not None:
        conditions.append(columns.opened_at >= wanted.opened_from)
    if wanted.opened_until is not None:
        conditions.append(columns.opened_at < wanted.opened_until)
    return conditions + _by_history(wanted)


def _by_history(wanted: TicketFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.promised is not None:
        conditions.append(schema.ticket.c.id.in_(_with_promise(wanted.promised)))
    if wanted.answered is not None:
        conditions.append(schema.ticket.c.id.in_(_with_answer(wanted.answered)))
    return conditions


def _with_promise(wanted: Promised) -> Select[tuple[int]]:
    clock = schema.clock.c
    conditions = [within(clock.started_at, wanted.period), clock.state != ClockState.VOID]
    if wanted.clause:
        conditions.append(clock.clause == wanted.clause)
    if wanted.rule:
        conditions.append(clock.rule == wanted.rule)
    if wanted.outcome is not None:
        conditions.append(came_out(wanted.outcome, wanted.now))
    return select(clock.ticket_id).where(*conditions)


def _with_answer(wanted: Answered) -> Select[tuple[int]]:
    call = schema.resident_call.c
    said = (call.result == wanted.result, call.purpose == Purpose.SATISFACTION)
    return select(call.ticket_id).where(within(call.finished_at, wanted.period), *said)


def _ticket_values(ticket: Ticket) -> dict[str, Any]:
    address = {column: getattr(ticket.address, name) for name, column in _ADDRESS_COLUMNS.items()}
    return values_of(ticket, "id", "number", "address") | address


def ticket_of(row: RowMapping) -> Ticket:
    address = Address(**{name: row[column] for name, column in _ADDRESS_COLUMNS.items()})
    values = {name: row[name] for name in row if name not in _ADDRESS_COLUMNS.values()}
    return Ticket(**values, address=address)
