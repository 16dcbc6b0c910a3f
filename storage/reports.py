"""Counts for reports, as queries; fulfillment.report says what they mean, tests/fake_reports.py counts them another way."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import distinct, func, select

from dialogue.conversation import Channel, Floor
from dialogue.leg import LegRole
from fulfillment.incident import Incident
from fulfillment.report import Answers, KindCount, Outcome, OwnerCount, Period, PromiseCount, Reported
from fulfillment.resident_calls import CallResult, CallState, Purpose
from fulfillment.ticket import ClockState, TicketState
from fulfillment.waiting import Wait
from storage import schema
from storage.incidents import incident_of
from storage.promises import came_out, within
from storage.rows import Rows

_DONE = (TicketState.RESOLVED, TicketState.CLOSED)


class ReportRows(Rows):
    """fulfillment.report_ports.ReportTx."""

    def promise_counts(self, period: Period, now: datetime) -> Sequence[PromiseCount]:
        clock = schema.clock.c
        counted = {outcome.value: func.count().filter(came_out(outcome, now)) for outcome in Outcome}
        statement = (
            select(clock.clause, clock.rule, *(count.label(name) for name, count in counted.items()))
            .add_columns(func.count(distinct(clock.ticket_id)).label("tickets"))
            .where(within(clock.started_at, period), clock.state != ClockState.VOID)
            .group_by(clock.clause, clock.rule)
            .order_by(clock.clause, clock.rule)
        )
        return [PromiseCount(**row) for row in self._all(statement)]

    def kind_counts(self, period: Period) -> Sequence[KindCount]:
        ticket = schema.ticket.c
        opened = func.count().label("opened")
        statement = (
            select(ticket.kind, opened)
            .add_columns(func.count().filter(ticket.state.in_(_DONE)).label("done"))
            .add_columns(func.count().filter(ticket.state == TicketState.CANCELLED).label("cancelled"))
            .where(within(ticket.opened_at, period))
            .group_by(ticket.kind)
            .order_by(opened.desc(), ticket.kind)
        )
        return [KindCount(**row) for row in self._all(statement)]

    def owner_counts(self, period: Period, now: datetime) -> Sequence[OwnerCount]:
        ticket, call = schema.ticket.c, schema.resident_call.c
        owned = (
            select(ticket.owner_id, func.count().label("opened"))
            .add_columns(func.count().filter(ticket.state.in_(_DONE)).label("done"))
            .where(within(ticket.opened_at, period))
            .group_by(ticket.owner_id)
        )
        broken = (
            select(ticket.owner_id, func.count().label("broken"))
            .join(schema.clock, schema.clock.c.ticket_id == ticket.id)
            .where(within(ticket.opened_at, period), came_out(Outcome.BROKEN, now))
            .group_by(ticket.owner_id)
        )
        content = call.result.in_((CallResult.SATISFIED, CallResult.FAIRLY))
        said = (
            select(ticket.owner_id, func.count().filter(content).label("satisfied"))
            .add_columns(func.count().filter(call.result == CallResult.DISSATISFIED).label("dissatisfied"))
            .join(schema.resident_call, call.ticket_id == ticket.id)
            .where(within(call.finished_at, period), call.purpose == Purpose.SATISFACTION)
            .group_by(ticket.owner_id)
        )
        figures: dict[int | None, Counter[str]] = {}
        for statement in (owned, broken, said):
            for row in self._all(statement):
                counted = {name: count for name, count in row.items() if name != "owner_id"}
                figures.setdefault(row["owner_id"], Counter()).update(counted)
        names = ("opened", "done", "broken", "satisfied", "dissatisfied")
        found = [OwnerCount(owner, *(count[name] for name in names)) for owner, count in figures.items()]
        return sorted(
            (count for count in found if any(getattr(count, name) for name in names)),
            key=lambda count: (count.owner_id is None, count.owner_id or 0),
        )

    def answers(self, period: Period) -> Answers:
        call, rating = schema.resident_call.c, schema.rating.c
        results = (CallResult.SATISFIED, CallResult.FAIRLY, CallResult.DISSATISFIED)
        counted = [func.count().filter(call.result == result).label(result.value) for result in results]
        statement = (
            select(*counted, func.count().filter(call.state == CallState.GIVEN_UP).label("not_reached"))
            .select_from(schema.resident_call)
            .where(within(call.finished_at, period), call.purpose == Purpose.SATISFACTION)
        )
        stars = select(rating.stars, func.count().label("given")).where(within(rating.at, period))
        given = {row["stars"]: row["given"] for row in self._all(stars.group_by(rating.stars))}
        return Answers(**self._all(statement)[0], stars=given)

    def incidents_begun(self, period: Period) -> Sequence[Incident]:
        incident = schema.incident.c
        begun = select(schema.incident).where(within(incident.begins_at, period))
        return [incident_of(row) for row in self._all(begun.order_by(incident.begins_at, incident.id))]

    def conversations_opened(self, period: Period) -> Mapping[str, int]:
        conversation = schema.conversation.c
        statement = (
            select(conversation.channel, func.count().label("opened"))
            .where(within(conversation.opened_at, period))
            .group_by(conversation.channel)
        )
        return {str(row["channel"]): row["opened"] for row in self._all(statement)}

    def calls_begun(self, period: Period) -> Sequence[tuple[datetime, datetime | None]]:
        conversation = schema.conversation.c
        statement = (
            select(conversation.opened_at, conversation.last_at, conversation.floor)
            .where(within(conversation.opened_at, period), conversation.channel == Channel.PHONE)
            .order_by(conversation.opened_at, conversation.id)
        )
        return [
            (row["opened_at"], row["last_at"] if row["floor"] == Floor.ENDED else None) for row in self._all(statement)
        ]

    def operators_rung(self, period: Period) -> Sequence[timedelta | None]:
        leg = schema.conference_leg.c
        statement = select(leg.started_at, leg.joined_at).where(
            within(leg.started_at, period), leg.role == LegRole.OPERATOR
        )
        return [row["joined_at"] and row["joined_at"] - row["started_at"] for row in self._all(statement)]

    def waits_begun(self, period: Period) -> Sequence[Wait]:
        wait = schema.wait.c
        statement = select(schema.wait).where(within(wait.since, period)).order_by(wait.since, wait.id)
        return [Wait(**row) for row in self._all(statement)]

    def reported(self, period: Period) -> Sequence[Reported]:
        ticket = schema.ticket.c
        statement = (
            select(ticket.opened_at.label("at"), ticket.kind, ticket.community_id)
            .where(within(ticket.opened_at, period))
            .order_by(ticket.opened_at, ticket.id)
        )
        return [Reported(**row) for row in self._all(statement)]
