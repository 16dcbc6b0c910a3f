"""Supervisors on duty hear that residents should be told of an incident, or should have been (B4, K3).

Deliverer of WARN_BY_TEXT and WARN_BY_ROBOT; run twice after a crash it tells twice, which is better than never.
"""

from dataclasses import dataclass
from datetime import timedelta

import structlog

from dialogue.ports import DialogueStore, DialogueTx
from dialogue.script_book import ScriptBook
from fulfillment.incident import Extent, Incident, Kept, LogEntry, NoticeDue, notices_due
from fulfillment.incident_notices import WATCH
from fulfillment.outbox import Lane, Task, lane_of
from fulfillment.robot_messages import Robots, robot_of
from fulfillment.sentinel import PlainTexts
from fulfillment.standard import Standard
from kernel.clock import Clock, local
from kernel.errors import CarrierBusy, CarrierError

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class IncidentWarnings:
    """Safe to share between threads."""

    store: DialogueStore
    carrier: PlainTexts
    robots: Robots
    book: ScriptBook
    standard: Standard
    clock: Clock

    def warn(self, task: Task) -> None:
        by_robot = lane_of(task.kind) is Lane.ROBOT
        with self.store.read() as tx:
            incident, staff = tx.incident(task.payload["incident_id"]), tx.staff(task.payload["staff_id"])
            due, body = self._due(incident, task.payload["rule"]), ""
            if due is not None:
                body = self._words(tx, incident, due)
            address = robot_of(tx, staff)
        if due is None or not staff.active or (by_robot and not address):
            return  # residents were told meanwhile, or this person cannot be
        fact = "supervisor_told"
        try:
            if by_robot:
                self.robots.send(address=address, body=body)
            else:
                self.carrier.plain_text(to=staff.phone, body=body)
        except CarrierBusy as exc:
            with self.store.write() as tx:
                wait = timedelta(seconds=max(exc.retry_after_seconds, 1.0))
                tx.task_again(task, self.clock.now() + wait, "carrier busy")
            return
        except CarrierError as exc:
            log.warning("incident_warning_failed", incident=incident.id, error=repr(exc))
            fact = "supervisor_not_told"
        with self.store.write() as tx:
            tx.log_incident(LogEntry(incident.id, self.clock.now(), WATCH, fact, {"name": staff.name}))
            tx.task_done(task)

    def _due(self, incident: Incident, rule: str) -> NoticeDue | None:
        """What is still owed, or was not kept and nobody has made up for it."""
        for due in notices_due(incident, self.standard.incidents.notices, self.clock.now()):
            told = incident.homes_told_at if due.rule.each_home else incident.announced_at
            if due.rule.key == rule and told is None:
                return due
        return None

    def _words(self, tx: DialogueTx, incident: Incident, due: NoticeDue) -> str:
        category = self.standard.incidents.category(incident.category)
        what = incident.title or self._place(tx, incident.extent) + (category.title if category else "")
        params = {
            "what": what,
            "title": due.rule.title,
            "clause": due.rule.clause,
            "due_by": f"{local(due.due_by):%m-%d %H:%M}",
            "late": due.state is Kept.BROKEN or self.clock.now() >= due.due_by,
        }
        return self.book.say("incident.staff_warning", **params).chat

    def _place(self, tx: DialogueTx, extent: Extent) -> str:
        names = [tx.community(c).name for c in sorted(extent.community_ids)]
        return "".join(names) or ("" if extent.station_id is None else tx.station(extent.station_id).name)
