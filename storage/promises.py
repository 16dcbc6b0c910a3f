"""Conditions on clocks and instants that lists and reports share."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, or_

from fulfillment.report import Outcome, Period
from fulfillment.ticket import ClockState
from storage import schema


def came_out(outcome: Outcome, now: datetime) -> ColumnElement[bool]:
    """The condition on a clock that fulfillment.report.outcome_of states."""
    clock = schema.clock.c
    runs = clock.state == ClockState.RUNNING
    match outcome:
        case Outcome.KEPT:
            return clock.state == ClockState.KEPT
        case Outcome.RUNNING:
            return and_(runs, clock.due_by >= now)
        case Outcome.BROKEN:
            return or_(clock.state == ClockState.BROKEN, and_(runs, clock.due_by < now))


def within(column: ColumnElement[Any], period: Period) -> ColumnElement[bool]:
    return and_(column >= period.since, column < period.until)
