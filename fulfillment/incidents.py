"""What people do with incidents. Each method is one transaction and safe to repeat; `by` is a person's name.

All raise NotFound for an unknown incident, Conflict when its state forbids the step, and StoreBusy.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from fulfillment.incident import Extent, Incident, IncidentState
from fulfillment.incident_course import Course, IncidentFacts
from fulfillment.ports import FulfillmentStore, FulfillmentTx
from fulfillment.standard import Standard
from kernel.clock import Clock
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
            course.state_facts(facts)
            course.record("changed", actor=by, title=course.incident.title)
            course.gather(by=by)
        return course.incident

    def attach(self, incident_id: int, ticket_id: int, *, by: str) -> None:
        """A ticket that nothing attached by itself, or that was taken out."""
        with self._course(incident_id) as course:
            _demand(course, IncidentState.RUNNING)
            course.take(ticket_id, by=by)

    def detach(self, incident_id: int, ticket_id: int, *, by: str) -> None:
        """It has another cause; it is not attached again by itself."""
        with self._course(incident_id) as course:
            course.let_go(ticket_id, by=by)

    def _begin(self, course: Course, facts: IncidentFacts, *, by: str) -> None:
        course.save(state=IncidentState.RUNNING, author=by)
        course.state_facts(facts)
        course.gather(by=by)

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
