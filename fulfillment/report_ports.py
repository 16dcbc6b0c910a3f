"""What reports read in a transaction. A part of fulfillment.ports.FulfillmentTx; each figure is one query."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from fulfillment.incident import Incident
from fulfillment.report import Answers, KindCount, OwnerCount, Period, PromiseCount, Reported
from fulfillment.waiting import Wait


class ReportTx(Protocol):
    """Counts over a period; fulfillment.report says what belongs to one."""

    def promise_counts(self, period: Period, now: datetime) -> Sequence[PromiseCount]:
        """Per clause and rule, in this order; rules without a promise are left out."""
        ...

    def kind_counts(self, period: Period) -> Sequence[KindCount]:
        """The most frequent kind first."""
        ...

    def owner_counts(self, period: Period, now: datetime) -> Sequence[OwnerCount]:
        """By owner id, cases without one last."""
        ...

    def answers(self, period: Period) -> Answers: ...
    def incidents_begun(self, period: Period) -> Sequence[Incident]:
        """Those whose outage began then, dismissed and merged ones included, in this order."""
        ...

    def conversations_opened(self, period: Period) -> Mapping[str, int]:
        """By channel."""
        ...

    def calls_begun(self, period: Period) -> Sequence[tuple[datetime, datetime | None]]:
        """Each call with a resident, in or out, in this order: from when to when; None: it is not over."""
        ...

    def operators_rung(self, period: Period) -> Sequence[timedelta | None]:
        """How long each telephone of an operator rang until it was answered; None: it was not."""
        ...

    def waits_begun(self, period: Period) -> Sequence[Wait]: ...
    def reported(self, period: Period) -> Sequence[Reported]:
        """Every ticket that was opened then, oldest first."""
        ...
