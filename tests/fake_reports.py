"""fulfillment.report_ports.ReportTx in memory: the same figures as storage.reports, counted row by row."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from dialogue.conversation import Channel, Floor
from dialogue.leg import LegRole
from fulfillment.incident import Incident
from fulfillment.report import Answers, KindCount, Outcome, OwnerCount, Period, PromiseCount, Reported, outcome_of
from fulfillment.resident_calls import CallState, Purpose, ResidentCall
from fulfillment.ticket import Ticket, TicketState
from fulfillment.ticket_filter import Answered, Promised
from fulfillment.waiting import Wait


class FakeReportTx:
    """Mixed into FakeTx, whose tables these are."""

    _t: Any

    def promise_counts(self, period: Period, now: datetime) -> Sequence[PromiseCount]:
        seen: dict[tuple[str, str], list[tuple[Outcome, int]]] = {}
        for clock in self._t.clocks.values():
            outcome = outcome_of(clock, now)
            if period.has(clock.started_at) and outcome is not None:
                seen.setdefault((clock.clause, clock.rule), []).append((outcome, clock.ticket_id))
        return [
            PromiseCount(
                clause, rule,
                kept=sum(outcome is Outcome.KEPT for outcome, _ in rows),
                broken=sum(outcome is Outcome.BROKEN for outcome, _ in rows),
                running=sum(outcome is Outcome.RUNNING for outcome, _ in rows),
                tickets=len({ticket_id for _, ticket_id in rows}),
            )
            for (clause, rule), rows in sorted(seen.items())
        ]  # fmt: skip

    def _opened(self, period: Period) -> list[Ticket]:
        found = [t for t in self._t.tickets.values() if period.has(t.opened_at)]
        return sorted(found, key=lambda t: (t.opened_at, t.id))

    def kind_counts(self, period: Period) -> Sequence[KindCount]:
        states = [(t.kind, t.state) for t in self._opened(period)]
        counts = [
            KindCount(
                kind,
                opened=n,
                done=sum(k == kind and s in (TicketState.RESOLVED, TicketState.CLOSED) for k, s in states),
                cancelled=states.count((kind, TicketState.CANCELLED)),
            )
            for kind, n in Counter(kind for kind, _ in states).items()
        ]
        return sorted(counts, key=lambda c: (-c.opened, c.kind))

    def owner_counts(self, period: Period, now: datetime) -> Sequence[OwnerCount]:
        opened, surveys = self._opened(period), self._surveys(period)
        owners = {t.owner_id for t in opened} | {self._t.tickets[call.ticket_id].owner_id for call in surveys}
        found = []
        for owner in owners:
            own = [t for t in opened if t.owner_id == owner]
            clocks = [c for c in self._t.clocks.values() if c.ticket_id in {t.id for t in own}]
            said = [str(c.result) for c in surveys if self._t.tickets[c.ticket_id].owner_id == owner]
            found.append(
                OwnerCount(
                    owner,
                    opened=len(own),
                    done=sum(t.state in (TicketState.RESOLVED, TicketState.CLOSED) for t in own),
                    broken=sum(outcome_of(c, now) is Outcome.BROKEN for c in clocks),
                    satisfied=sum(word in ("satisfied", "fairly") for word in said),
                    dissatisfied=said.count("dissatisfied"),
                )
            )
        told = [c for c in found if c.opened or c.satisfied or c.dissatisfied]
        return sorted(told, key=lambda c: (c.owner_id is None, c.owner_id or 0))

    def _surveys(self, period: Period) -> list[ResidentCall]:
        calls = self._t.of_calls.calls.values()
        return [c for c in calls if c.purpose is Purpose.SATISFACTION and c.finished_at and period.has(c.finished_at)]

    def answers(self, period: Period) -> Answers:
        calls = self._surveys(period)
        said = [str(call.result) for call in calls]
        stars = Counter(r.stars for r in self._t.ratings.values() if period.has(r.at))
        return Answers(
            said.count("satisfied"),
            said.count("fairly"),
            said.count("dissatisfied"),
            sum(call.state is CallState.GIVEN_UP for call in calls),
            dict(stars),
        )

    def incidents_begun(self, period: Period) -> Sequence[Incident]:
        found = [i for i in self._t.of_incidents.incidents.values() if period.has(i.begins_at)]
        return sorted(found, key=lambda i: (i.begins_at, i.id))

    def conversations_opened(self, period: Period) -> Mapping[str, int]:
        return dict(Counter(str(c.channel) for c in self._t.conversations.values() if period.has(c.opened_at)))

    def calls_begun(self, period: Period) -> Sequence[tuple[datetime, datetime | None]]:
        calls = [c for c in self._t.conversations.values() if c.channel is Channel.PHONE and period.has(c.opened_at)]
        calls.sort(key=lambda c: (c.opened_at, c.id))
        return [(c.opened_at, c.last_at if c.floor is Floor.ENDED else None) for c in calls]

    def operators_rung(self, period: Period) -> Sequence[timedelta | None]:
        legs = [leg for leg in self._t.legs.values() if leg.role is LegRole.OPERATOR and period.has(leg.started_at)]
        return [leg.joined_at - leg.started_at if leg.joined_at else None for leg in legs]

    def waits_begun(self, period: Period) -> Sequence[Wait]:
        return sorted((w for w in self._t.waits.values() if period.has(w.since)), key=lambda w: (w.since, w.id))

    def reported(self, period: Period) -> Sequence[Reported]:
        return [Reported(t.opened_at, t.kind, t.address.community_id) for t in self._opened(period)]

    def _has_promised(self, ticket: Ticket, wanted: Promised | None) -> bool:
        return wanted is None or any(
            clock.ticket_id == ticket.id
            and wanted.period.has(clock.started_at)
            and wanted.clause in ("", clock.clause)
            and wanted.rule in ("", clock.rule)
            and (outcome := outcome_of(clock, wanted.now)) is not None
            and wanted.outcome in (None, outcome)
            for clock in self._t.clocks.values()
        )

    def _has_answered(self, ticket: Ticket, wanted: Answered | None) -> bool:
        return wanted is None or any(
            call.ticket_id == ticket.id and call.result is wanted.result for call in self._surveys(wanted.period)
        )
