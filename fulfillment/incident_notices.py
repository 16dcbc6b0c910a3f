"""The times of an incident's notices (B4, K3), and the texts to the homes of a planned outage.

Deliverers of WATCH_INCIDENT and TELL_HOMES; both may run twice.
"""

from fulfillment.company import StaffRole
from fulfillment.incident import Incident, Kept, LogEntry, notices_due
from fulfillment.incident_news import Occasion, Told, promise_told
from fulfillment.outbox import NewTask, Rank, Task, TaskKind
from fulfillment.ports import FulfillmentStore, FulfillmentTx
from fulfillment.robot_messages import robot_of
from fulfillment.staff_notices import on_duty
from fulfillment.standard import Standard
from kernel.clock import Clock

WATCH = "worker"  # who did it, in histories
#: Homes a task: well within a lease, and nothing ordinary waits for longer.
CHUNK = 100
#: Share of the time after which somebody should hear that it runs out.
WARN_AT = 0.7


def promise_watch(tx: FulfillmentTx, incident: Incident, standard: Standard) -> None:
    """Looks at each notice when most of its time is used up, and when all of it is. Facts that change give new looks."""
    for due in notices_due(incident, standard.incidents.notices, incident.spotted_at):
        warns_at = incident.spotted_at + (due.due_by - incident.spotted_at) * WARN_AT
        for at in (warns_at, due.due_by):
            key = f"watch-incident-{incident.id}-{due.rule.key}-{at.isoformat()}"
            payload = {"incident_id": incident.id, "rule": due.rule.key}
            tx.enqueue(NewTask(TaskKind.WATCH_INCIDENT, key, max(at, incident.spotted_at), payload))


def promise_homes(tx: FulfillmentTx, incident: Incident, occasion: Occasion, *, after: int = 0) -> None:
    """Every home in the extent is told, some at a time; in a wider one only the new ones."""
    key = f"tell-homes-{incident.id}-{occasion}-{incident.revision}-{incident.extent.key}-{after}"
    payload = {"incident_id": incident.id, "occasion": occasion, "revision": incident.revision, "after": after}
    tx.enqueue(NewTask(TaskKind.TELL_HOMES, key, incident.spotted_at, payload))


class IncidentNotices:
    """Safe to share between threads."""

    def __init__(self, store: FulfillmentStore, standard: Standard, clock: Clock) -> None:
        self._store = store
        self._standard = standard
        self._clock = clock

    def watch(self, task: Task) -> None:
        """What runs out, or has run out, is in the history; one that was kept meanwhile has nothing to tell."""
        with self._store.write() as tx:
            if not tx.holds(task):
                return
            incident, now = tx.incident(task.payload["incident_id"]), self._clock.now()
            for due in notices_due(incident, self._standard.incidents.notices, now):
                told = incident.homes_told_at if due.rule.each_home else incident.announced_at
                if due.rule.key != task.payload["rule"] or told is not None:
                    continue
                params: dict[str, str | int] = {"clause": due.rule.clause, "title": due.rule.title}
                if due.state is Kept.BROKEN or now >= due.due_by:
                    tx.log_incident(LogEntry(incident.id, now, WATCH, "notice_broken", params))
                else:
                    tx.log_incident(LogEntry(incident.id, now, WATCH, "notice_warning", params))
                self._warn_supervisors(tx, task)
            tx.task_done(task)

    def _warn_supervisors(self, tx: FulfillmentTx, look: Task) -> None:
        """They are on duty: at night, too."""
        now = self._clock.now()
        for staff in on_duty(tx, StaffRole.SUPERVISOR, now):
            kinds = [TaskKind.WARN_BY_TEXT, *([TaskKind.WARN_BY_ROBOT] if robot_of(tx, staff) else [])]
            for kind in kinds:
                payload = {**look.payload, "staff_id": staff.id}
                tx.enqueue(NewTask(kind, f"{look.key}-{staff.id}-{kind}", now, payload, rank=Rank.ORDINARY))

    def tell_homes(self, task: Task) -> None:
        with self._store.write() as tx:
            if not tx.holds(task):
                return
            incident, now = tx.incident(task.payload["incident_id"], for_update=True), self._clock.now()
            occasion, after = Occasion(task.payload["occasion"]), task.payload["after"]
            if incident.revision == task.payload["revision"]:  # otherwise newer facts are told by a newer task
                homes = tx.homes_in(incident.extent, after, CHUNK)
                for home in homes:
                    told = Told(0, incident.id, occasion, incident.revision, now, household_id=home.id)
                    promise_told(tx, told)
                if len(homes) == CHUNK:
                    promise_homes(tx, incident, occasion, after=homes[-1].id)
            tx.task_done(task)
