"""The monthly report as pages and workbook show it, read in one transaction. No markup and no Chinese: templates word it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from console.complaints import CATEGORY, WRITTEN, is_serious, lacks_writing
from console.ports import Rooms
from dialogue.ports import DialogueTx
from fulfillment.clause import Clause
from fulfillment.clocks import ClockEvent
from fulfillment.incident import Incident, IncidentState, NoticeDue, notices_due
from fulfillment.report import (
    Answers,
    CallCount,
    KindCount,
    LinesUsed,
    Month,
    Outcome,
    OwnerCount,
    Period,
    PromiseCount,
    Reported,
    by_clause,
    count_calls,
    count_lines,
    outcome_of,
)
from fulfillment.ticket import Ticket
from fulfillment.ticket_filter import Standing, TicketFilter
from kernel.clock import local
from kernel.privacy import mask_text

#: More make no page that anybody reads; the ticket list leads to all of them.
MOST_COMPLAINTS = 500


@dataclass(frozen=True, slots=True)
class ClauseRow:
    """A clause of the register with its promises of the month; `count` is None where no clock keeps it."""

    clause: Clause
    source: str
    count: PromiseCount | None
    rules: tuple[tuple[str, PromiseCount], ...]  # title of each clock rule, with its own count
    of_incidents: bool = False  # it is told about incidents, and no ticket has its clock


@dataclass(frozen=True, slots=True)
class IncidentRow:
    """An outage or burst of many homes, and what its residents had to be told by when (B4, K3)."""

    incident: Incident
    dues: tuple[NoticeDue, ...]


@dataclass(frozen=True, slots=True)
class ComplaintRow:
    """A complaint or suggestion with its course, for the authority (J2): no name, no number of the resident."""

    ticket: Ticket
    title: str
    community: str  # "" if it is not known
    course: Mapping[ClockEvent, tuple[datetime | None, Outcome]]  # of its promises: when fulfilled, what came of it

    @property
    def words(self) -> str:
        """What was said, with every number in it masked: it leaves the house (N17)."""
        return mask_text(self.ticket.symptom)

    @property
    def is_serious(self) -> bool:
        return is_serious(self.ticket)

    @property
    def lacks_writing(self) -> bool:
        return lacks_writing(self.ticket)

    @property
    def written(self) -> Mapping[str, str]:
        """What was found, put right, answered, and what the assessment says, masked like the words; what is not known is left out."""
        details = self.ticket.details
        return {name: mask_text(details[name]) for name in WRITTEN if details.get(name)}


@dataclass(frozen=True, slots=True)
class Report:
    """A month against the standard."""

    month: Month
    now: datetime
    company: str
    clauses: tuple[ClauseRow, ...]
    kinds: tuple[tuple[str, KindCount], ...]  # with the kind's title
    owners: tuple[tuple[str, OwnerCount], ...]  # with the operator's name, "" for nobody
    answers: Answers
    calls: CallCount
    lines: LinesUsed
    days: tuple[tuple[date, int], ...]  # tickets opened on each day of the month
    complaints: tuple[ComplaintRow, ...]  # at most MOST_COMPLAINTS
    incidents: tuple[IncidentRow, ...]  # whose outage began in the month; what was dismissed or merged is left out

    @property
    def timed(self) -> list[ClauseRow]:
        """The clauses that clocks keep, and that were owed in this month; the most owed first."""
        rows = [row for row in self.clauses if row.count is not None]
        return sorted(rows, key=lambda row: -row.count.all if row.count else 0)

    @property
    def all_promises(self) -> PromiseCount:
        return sum((row.count for row in self.clauses if row.count), start=PromiseCount("", ""))

    @property
    def last_day(self) -> date:
        return self.days[-1][0]

    @property
    def opened(self) -> int:
        return sum(count.opened for _, count in self.kinds)

    @property
    def done(self) -> int:
        return sum(count.done for _, count in self.kinds)

    @property
    def kept_clauses(self) -> tuple[int, int, int]:
        """How many clauses are kept as a whole, in part, not at all."""
        kept = sum(row.clause.is_kept for row in self.clauses)
        some = sum(bool(row.clause.kept_by) for row in self.clauses)
        return kept, some - kept, len(self.clauses) - some


def read_report(rooms: Rooms, month: Month) -> Report:
    """The month as it stands now; the running month up to now."""
    now, period, standard = rooms.clock.now(), month.period, rooms.standard
    with rooms.store.read() as tx:
        promises = tx.promise_counts(period, now)
        kinds, owners = tx.kind_counts(period), tx.owner_counts(period, now)
        names = {operator.id: operator.name for operator in tx.operators()}
        answers = tx.answers(period)
        conversations, rings, waits = (
            tx.conversations_opened(period), tx.operators_rung(period), tx.waits_begun(period),
        )  # fmt: skip
        begun_calls = tx.calls_begun(period)
        reported = tx.reported(period)
        begun = tx.incidents_begun(period)
        complaints = _complaints(rooms, tx, period, now)
    incidents = tuple(
        IncidentRow(one, notices_due(one, standard.incidents.notices, now))
        for one in begun
        if one.state not in (IncidentState.DISMISSED, IncidentState.MERGED)
    )
    promises = [*promises, *_notices(incidents)]
    return Report(
        month=month,
        now=now,
        company=rooms.book.company,
        clauses=_clauses(rooms, promises),
        kinds=tuple((standard.kinds[c.kind].title if c.kind in standard.kinds else c.kind, c) for c in kinds),
        owners=tuple((names.get(count.owner_id or 0, ""), count) for count in owners),
        answers=answers,
        calls=count_calls(conversations, rings, waits, standard.queue.three_rings),
        lines=count_lines(begun_calls, now, bought=standard.queue.lines or 0, few_from=standard.queue.few_lines_from),
        days=_days(month, reported),
        complaints=complaints,
        incidents=incidents,
    )


def _complaints(rooms: Rooms, tx: DialogueTx, period: Period, now: datetime) -> tuple[ComplaintRow, ...]:
    """In the order in which they came in."""
    kinds = {key: kind.title for key, kind in rooms.standard.kinds.items() if kind.category == CATEGORY}
    found: list[Ticket] = []
    for kind in kinds:
        wanted = TicketFilter(Standing.ALL, kind, opened_from=period.since, opened_until=period.until)
        found += tx.find_tickets(wanted, limit=MOST_COMPLAINTS)
    shown = sorted(found, key=lambda ticket: (ticket.opened_at, ticket.id))[:MOST_COMPLAINTS]
    communities = {community.id: community.name for community in tx.communities()}
    clocks = tx.clocks([ticket.id for ticket in shown])
    rows = []
    for ticket in shown:
        course = {
            rule.stops: (clock.stopped_at, outcome)
            for clock in clocks[ticket.id]
            if (rule := rooms.standard.rules.get(clock.rule)) and (outcome := outcome_of(clock, now))
        }
        rows.append(
            ComplaintRow(ticket, kinds[ticket.kind], communities.get(ticket.address.community_id or 0, ""), course)
        )
    return tuple(rows)


def _notices(incidents: Sequence[IncidentRow]) -> list[PromiseCount]:
    """Notices to residents, counted like the promises of tickets; `tickets` counts incidents here."""
    counted: dict[tuple[str, str], Counter[str]] = {}
    for row in incidents:
        for due in row.dues:
            counted.setdefault((due.rule.clause, due.rule.key), Counter())[due.state.value] += 1
    return [
        PromiseCount(clause, rule, count["kept"], count["broken"], count["running"], count.total())
        for (clause, rule), count in sorted(counted.items())
    ]


def _clauses(rooms: Rooms, promises: Sequence[PromiseCount]) -> tuple[ClauseRow, ...]:
    """Clauses that the register has dropped since stand behind the others: their promises were made."""
    standard = rooms.standard
    counts = by_clause(promises)
    told = {rule.clause for rule in standard.incidents.notices} - {rule.clause for rule in standard.rules.values()}
    rules = _rules_by_clause(rooms, promises)
    known = {**standard.clauses, **{key: Clause(key, key) for key in counts if key not in standard.clauses}}
    return tuple(
        ClauseRow(clause, standard.sources.get(key[0], ""), counts.get(key), rules.get(key, ()), key in told)
        for key, clause in known.items()
    )


def _rules_by_clause(
    rooms: Rooms, promises: Sequence[PromiseCount]
) -> Mapping[str, tuple[tuple[str, PromiseCount], ...]]:
    standard = rooms.standard
    titles = {rule.key: rule.title for rule in standard.incidents.notices}
    titles |= {key: rule.title for key, rule in standard.rules.items()}
    found: dict[str, tuple[tuple[str, PromiseCount], ...]] = {}
    for count in promises:
        found[count.clause] = (*found.get(count.clause, ()), (titles.get(count.rule, count.rule), count))
    return found


def _days(month: Month, reported: Sequence[Reported]) -> tuple[tuple[date, int], ...]:
    counted = Counter(local(one.at).date() for one in reported)
    length = (month.after.first - month.first).days
    return tuple((day, counted[day]) for n in range(length) for day in (month.first + timedelta(days=n),))
