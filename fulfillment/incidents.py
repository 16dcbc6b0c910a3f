"""What people do with incidents. Each method is one transaction and safe to repeat; `by` is a person's name.

All raise NotFound for an unknown incident, Conflict when its state forbids the step, and StoreBusy.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime

from fulfillment.case import Case
from fulfillment.incident import Extent, Incident, IncidentState, Recheck
from fulfillment.incident_course import Course, IncidentFacts
from fulfillment.incident_news import Occasion
from fulfillment.incident_notices import promise_homes
from fulfillment.ports import FulfillmentStore, FulfillmentTx
from fulfillment.rechecks import answer_recheck
from fulfillment.standard import Standard
from kernel.clock import Clock, local
from kernel.errors import Conflict, IncidentRefused

LONGEST_REASON = 200


class Incidents:
    """Used by the console."""

    def __init__(self, store: FulfillmentStore, standard: Standard, clock: Clock) -> None:
        self._store = store
        self._standard = standard
        self._clock = clock

    def confirm(self, incident_id: int, facts: IncidentFacts, *, by: str) -> Incident:
        """It is one: tickets in its extent belong to it, residents hear of it. Raises IncidentRefused, NotFound."""
        with self._course(incident_id) as course:
            if course.incident.is_running:
                return course.incident
            _demand(course, IncidentState.SUGGESTED)
            self._begin(course, facts, by=by)
            course.record("confirmed", actor=by, title=course.incident.title)
        return course.incident

    def declare(self, category: str, facts: IncidentFacts, *, by: str) -> Incident:
        """One that no report suggested; if it begins later it is a planned outage. Raises IncidentRefused, NotFound."""
        if self._standard.incidents.category(category) is None:
            raise IncidentRefused("incident_category")
        now = self._clock.now()
        with self._store.write() as tx:
            course = self._new(tx, category, facts.begins_at, now)
            self._begin(course, facts, by=by)
            course.record("declared", actor=by, title=course.incident.title)
        return course.incident

    def dismiss(self, incident_id: int, reason: str, *, by: str) -> Incident:
        """It is none: the same reports do not suggest it again. Raises IncidentRefused without a reason."""
        reason = reason.strip()
        if not 0 < len(reason) <= LONGEST_REASON:
            raise IncidentRefused("incident_reason")
        with self._course(incident_id) as course:
            if course.incident.state is not IncidentState.DISMISSED:
                _demand(course, IncidentState.SUGGESTED)
                course.save(state=IncidentState.DISMISSED, settled_at=course.now, reason=reason, author=by)
                course.record("dismissed", actor=by, reason=reason)
        return course.incident

    def change(self, incident_id: int, facts: IncidentFacts, *, by: str, seen: int) -> Incident:
        """Other facts; `seen` is the rev of the incident that was on the page. Raises IncidentRefused, NotFound."""
        with self._course(incident_id) as course:
            _demand(course, IncidentState.RUNNING)
            if course.incident.rev != seen:
                raise Conflict(f"incident {incident_id} was changed meanwhile")
            before, members = course.incident, [a.ticket_id for a in course.attached]
            course.state_facts(facts)
            course.record("changed", actor=by, title=course.incident.title)
            new = [t.id for t in course.gather(by=by)]
            course.promise_news(Occasion.BEGUN, new)
            if course.incident.revision != before.revision:
                self._record_end(course, by=by)
                course.promise_news(Occasion.CHANGED, members)
        return course.incident

    def end(self, incident_id: int, *, by: str) -> Incident:
        """It is over, or planned and called off: nobody hears of it any more, every home is asked whether it is warm (B7).

        No ticket closes by that: only the answer of its home, or a person's tick for it, does.
        """
        with self._course(incident_id) as course:
            if course.incident.state is IncidentState.ENDED:
                return course.incident
            _demand(course, IncidentState.RUNNING)
            begun = course.incident.has_begun(course.now)
            course.save(state=IncidentState.ENDED, settled_at=course.now)
            course.be_silent()
            course.ask_rechecks()
            if begun:
                course.record("ended", actor=by)
            else:
                course.record("called_off", actor=by)
            if not begun and course.incident.homes_told_at is not None:
                promise_homes(course.tx, course.incident, Occasion.CALLED_OFF)
            course.promise_news(Occasion.ENDED, [a.ticket_id for a in course.attached])
        return course.incident

    def resume(self, incident_id: int, facts: IncidentFacts, *, by: str) -> Incident:
        """It was not over: residents hear of it again, with the end that is expected now; who was asked whether it is warm
        is not asked any more, and homes that said yes keep their answer. Raises IncidentRefused for one called off.
        """
        with self._course(incident_id) as course:
            if course.incident.is_running:
                return course.incident
            _demand(course, IncidentState.ENDED)
            if course.incident.begins_at > (course.incident.settled_at or course.now):
                raise IncidentRefused("incident_called_off")
            course.save(state=IncidentState.RUNNING, settled_at=None, author=by, revision=course.incident.revision + 1)
            course.withdraw_rechecks()
            course.speak_again()
            course.state_facts(facts)
            course.record("resumed", actor=by, title=course.incident.title)
            members = [a.ticket_id for a in course.attached]
            course.promise_news(Occasion.RESUMED, members)
            course.promise_news(Occasion.BEGUN, [t.id for t in course.gather(by=by)])
        return course.incident

    def recheck(self, incident_id: int, ticket_id: int, *, warm: bool, by: str) -> None:
        """A person ticks what a home answered. Raises Conflict if this home was not asked."""
        with self._store.write() as tx:
            case = Case(tx, tx.ticket(ticket_id, for_update=True), standard=self._standard, now=self._clock.now())
            asked = tx.attachment_of(ticket_id)
            if asked is None or asked.incident_id != incident_id or asked.recheck is Recheck.NOT_ASKED:
                raise Conflict(f"ticket {ticket_id} was not asked whether it is warm")
            answer_recheck(case, warm=warm, by=by)

    def attach(self, incident_id: int, ticket_id: int, *, by: str) -> None:
        """A ticket that nothing attached by itself, or that was taken out."""
        with self._course(incident_id) as course:
            _demand(course, IncidentState.RUNNING)
            course.take(ticket_id, by=by)
            course.promise_news(Occasion.BEGUN, [ticket_id])

    def detach(self, incident_id: int, ticket_id: int, *, by: str) -> None:
        """It has another cause; it is not attached again by itself."""
        with self._course(incident_id) as course:
            course.let_go(ticket_id, by=by)

    def merge(self, incident_id: int, into_id: int, *, by: str) -> Incident:
        """One cause, two incidents: the first one's open tickets, and its extent, go to the second; its history stays.

        Raises IncidentRefused if the second does not run, or is the same.
        """
        with self._store.write() as tx:
            locked = {n: tx.incident(n, for_update=True) for n in sorted({incident_id, into_id})}  # always in one order
            first, into = (
                Course(tx, locked[n], standard=self._standard, now=self._clock.now()) for n in (incident_id, into_id)
            )
            if first.incident.merged_into_id == into_id:
                return into.incident
            _demand(first, IncidentState.SUGGESTED, IncidentState.RUNNING)
            if incident_id == into_id or not into.incident.is_running:
                raise IncidentRefused("incident_merge")
            extent, other_end = first.incident.extent, first.incident.expected_end != into.incident.expected_end
            moved = first.hand_over([a.ticket_id for a in first.attached], into, by=by)
            first.save(state=IncidentState.MERGED, merged_into_id=into_id, settled_at=first.now)
            first.be_silent()
            first.record("merged_into", actor=by, number=into_id, tickets=len(moved))
            into.record("merged_here", actor=by, number=incident_id, tickets=len(moved))
            into.join(extent)
            into.promise_news(Occasion.CHANGED, moved if other_end else ())
            into.promise_news(Occasion.BEGUN, [t.id for t in into.gather(by=by)])
        return into.incident

    def split(self, incident_id: int, ticket_ids: Collection[int], facts: IncidentFacts, *, by: str) -> Incident:
        """Some tickets have another cause: they go to a new incident with facts of its own.

        Raises IncidentRefused if one of them does not belong to it (any more), or nothing is named.
        """
        with self._course(incident_id) as course:
            _demand(course, IncidentState.RUNNING)
            if not ticket_ids or not set(ticket_ids) <= {a.ticket_id for a in course.attached}:
                raise IncidentRefused("incident_split")
            new = self._new(course.tx, course.incident.category, facts.begins_at, course.now)
            new.save(author=by)
            new.state_facts(facts)
            moved = course.hand_over(sorted(ticket_ids), new, by=by)
            course.record("split_off", actor=by, number=new.incident.id, tickets=len(moved))
            new.record("split_from", actor=by, number=incident_id, tickets=len(moved))
            new.promise_news(Occasion.BEGUN, [*moved, *(t.id for t in new.gather(by=by))])
        return new.incident

    def _begin(self, course: Course, facts: IncidentFacts, *, by: str) -> None:
        course.save(state=IncidentState.RUNNING, author=by)
        course.state_facts(facts)
        course.promise_news(Occasion.BEGUN, [t.id for t in course.gather(by=by)])

    def _record_end(self, course: Course, *, by: str) -> None:
        end = course.incident.expected_end
        course.record("other_end", actor=by, end=f"{local(end):%m-%d %H:%M}" if end is not None else "")

    def _new(self, tx: FulfillmentTx, category: str, begins_at: datetime, now: datetime) -> Course:
        blank = Incident(0, category, IncidentState.RUNNING, Extent(), now, begins_at, planned=begins_at > now)
        stored = tx.add_incident(blank)
        if stored is None:
            raise AssertionError("only suggestions have a spot that is unique")
        return Course(tx, stored, standard=self._standard, now=now)

    @contextmanager
    def _course(self, incident_id: int) -> Iterator[Course]:
        with self._store.write() as tx:
            incident = tx.incident(incident_id, for_update=True)
            yield Course(tx, incident, standard=self._standard, now=self._clock.now())


def _demand(course: Course, *states: IncidentState) -> None:
    if course.incident.state not in states:
        raise Conflict(f"incident {course.incident.id} is {course.incident.state}")
