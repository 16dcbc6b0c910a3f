"""Staff are told of promises that are about to be broken, or are: who by data/clocks.yml, how by text and chat robot.

Promised in the transaction that notices it (`promise_notices`), delivered by `StaffNotices`: deliverer of NOTICE_BY_TEXT and
NOTICE_BY_ROBOT. An attempt of step 0, which no ladder counts, keeps what became of a message and carries its signed link.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import uuid4

import structlog

from fulfillment.case import Case
from fulfillment.clocks import Calendar, ClockAction, ClockRule
from fulfillment.company import Community, Staff, StaffRole
from fulfillment.dispatch import Company, is_on_duty, ladder
from fulfillment.notice import ROBOT, TEXT
from fulfillment.outbox import NewTask, Rank, Task, TaskKind, lane_of
from fulfillment.ports import Carrier, FulfillmentStore, FulfillmentTx
from fulfillment.robot_messages import Robots, robot_of
from fulfillment.standard import Standard
from fulfillment.ticket import Attempt, AttemptOutcome, ClockState, Ticket, TicketClock, TicketState
from kernel.clock import Clock
from kernel.errors import CarrierBusy, CarrierError, CarrierRefused

#: Steps of a ladder are counted from 1: an attempt of this step is no alarm.
NO_STEP = 0
_KIND_OF = {TEXT: TaskKind.NOTICE_BY_TEXT, ROBOT: TaskKind.NOTICE_BY_ROBOT}
#: Told at any hour; other clocks can wait for the daytime.
_AROUND_THE_CLOCK = frozenset({Calendar.CONTINUOUS})

log = structlog.get_logger()


class Occasion(StrEnum):
    """Why somebody is told; also the timeline's word for it."""

    WARNING = "clock_warning"
    BREACH = "clock_breached"


@dataclass(frozen=True, slots=True)
class StaffNotice:
    """What one person is told. `given`: the case has just come to him."""

    attempt: Attempt
    ticket: Ticket
    staff: Staff
    kind_title: str
    community_name: str  # "" if it is not known
    occasion: Occasion
    clock: TicketClock
    clock_title: str
    given: bool


#: Words a notice for a channel ("text": within one segment; "robot": with the signed link); sentences live above this floor.
NoticeText = Callable[[StaffNotice], str]


def promise_notices(case: Case, clock: TicketClock, rule: ClockRule, occasion: Occasion) -> None:
    """Enqueues a message for each person and channel that the rule's plan names; a repeated call adds nothing."""
    plan = case.standard.plans[rule.plan]
    people: dict[int, bool] = {}  # id → the case has just come to him
    for action in plan.warning if occasion is Occasion.WARNING else plan.breach:
        if action is ClockAction.REROUTE:
            next_one = _reroute(case)
            people |= {next_one: True} if next_one is not None else {}
        else:
            people |= {staff_id: False for staff_id in _meant(case, action) if staff_id not in people}
    for staff_id, given in people.items():
        staff = case.tx.staff(staff_id)
        for channel in (TEXT, ROBOT) if robot_of(case.tx, staff) else (TEXT,):
            key = f"notice-{clock.id}-{clock.rev}-{occasion}-{staff_id}-{channel}"
            payload = {"attempt_id": uuid4().hex, "clock_id": clock.id, "rev": clock.rev, "staff_id": staff_id}
            payload |= {"occasion": occasion.value, "given": given}
            task = NewTask(_KIND_OF[channel], key, case.now, payload, case.ticket.id, rank=Rank.ORDINARY)
            case.tx.enqueue(task)
    if people:
        log.info("clock_told", occasion=occasion, rule=rule.key, ticket=case.ticket.number, people=len(people))
    else:
        case.tell("nobody_to_tell", actor="worker", title=rule.title)


def _meant(case: Case, action: ClockAction) -> Sequence[int]:
    if action is ClockAction.ASSIGNEE:
        assignee = case.ticket.assignee_id
        return [assignee] if assignee is not None and case.tx.staff(assignee).active else []
    return [s.id for s in on_duty(case.tx, StaffRole(action), case.now)]


def on_duty(tx: FulfillmentTx, role: StaffRole, at: datetime) -> Sequence[Staff]:
    """Who holds a company-wide role now; in a gap of the rota everybody who ever does: somebody must hear it."""
    lines = [d for d in tx.duties() if d.role is role]
    now = [d for d in lines if is_on_duty(d, at)]
    people = [tx.staff(staff_id) for staff_id in dict.fromkeys(d.staff_id for d in now or lines)]
    return [staff for staff in people if staff.active]


def _reroute(case: Case) -> int | None:
    """Nobody has accepted: the case goes to the next person who looks after this place; None if there is nobody else."""
    if case.ticket.state is not TicketState.NEW:
        return None
    tx, address = case.tx, case.ticket.address
    community = None if address.community_id is None else tx.community(address.community_id)
    company = Company({s.id: s for s in tx.all_staff()}, tx.duties())
    had_it = {case.ticket.assignee_id, *_had_it(case)}
    candidates = ladder(case.standard.ladder, company, community, case.now)
    next_one = next((rung.staff for rung in candidates if rung.staff.id not in had_it), None)
    if next_one is None:
        return None
    case.save(assignee_id=next_one.id)
    case.tell("rerouted", actor="worker", name=next_one.name, staff_id=next_one.id)
    return next_one.id


def _had_it(case: Case) -> Iterable[int]:
    return (e.params["staff_id"] for e in case.tx.timeline(case.ticket.id) if e.key == "rerouted")


class StaffNotices:
    """`deliver` finishes or gives back its task itself; it may run twice, at the price of a second message after a crash."""

    def __init__(
        self,
        store: FulfillmentStore,
        carrier: Carrier,
        robots: Robots,
        standard: Standard,
        clock: Clock,
        texts: Mapping[str, NoticeText],
    ) -> None:
        """`texts` by channel: "text", "robot"."""
        self._store = store
        self._carrier = carrier
        self._robots = robots
        self._standard = standard
        self._clock = clock
        self._texts = texts

    def deliver(self, task: Task) -> None:
        """One message to one person, unless the promise has been kept meanwhile."""
        begun = self._begin(task)
        if begun is None:
            return
        notice, address = begun
        attempt, error = notice.attempt, None
        try:
            sid = self._send(notice, address)
        except CarrierBusy as exc:
            self._again(task, exc)
            return
        except CarrierError as exc:
            log.warning("notice_failed", attempt=attempt.id, channel=attempt.channel, error=repr(exc))
            sid, error = "", exc
        self._record(task, attempt, sid, error)

    def _begin(self, task: Task) -> tuple[StaffNotice, str] | None:
        payload = task.payload
        with self._store.write() as tx:
            clock = tx.clock(payload["clock_id"])
            ticket = tx.ticket(clock.ticket_id, for_update=True)
            clock = tx.clock(clock.id)
            if not tx.holds(task):
                return None
            rule = self._standard.rules.get(clock.rule)
            staff = tx.staff(payload["staff_id"])
            now, calendar = self._clock.now(), self._standard.calendar
            if rule is None or clock.state is not ClockState.RUNNING or clock.rev != payload["rev"] or not staff.active:
                tx.give_turn_back(lane_of(task.kind), now)
                tx.task_done(task)
                return None
            if rule.calendar not in _AROUND_THE_CLOCK and not ticket.emergency and not calendar.is_daytime(now):
                tx.give_turn_back(lane_of(task.kind), now)
                tx.task_again(task, calendar.next_daytime(now), "night: told in the daytime")
                return None
            attempt = self._attempt(tx, task, staff, ticket)
            kind = self._standard.kinds.get(ticket.kind)
            community_id = ticket.address.community_id
            community: Community | None = None if community_id is None else tx.community(community_id)
            notice = StaffNotice(
                attempt=attempt,
                ticket=ticket,
                staff=staff,
                kind_title=kind.title if kind else ticket.kind,
                community_name=community.name if community else "",
                occasion=Occasion(payload["occasion"]),
                clock=clock,
                clock_title=rule.title,
                given=payload["given"],
            )
            return notice, robot_of(tx, staff)

    def _attempt(self, tx: FulfillmentTx, task: Task, staff: Staff, ticket: Ticket) -> Attempt:
        """Written when it is about to be sent and never INTENDED: an alarm would join a message that waits."""
        known = [a for a in tx.attempts(ticket.id) if a.id == task.payload["attempt_id"]]
        if known:
            return known[0]
        attempt = Attempt(
            id=task.payload["attempt_id"],
            ticket_id=ticket.id,
            step=NO_STEP,
            staff_id=staff.id,
            role="",
            phone=staff.phone,
            channel=TEXT if task.kind is TaskKind.NOTICE_BY_TEXT else ROBOT,
            started_at=self._clock.now(),
            outcome=AttemptOutcome.DIALLING,
        )
        tx.add_attempt(attempt)
        return attempt

    def _send(self, notice: StaffNotice, address: str) -> str:
        attempt = notice.attempt
        body = self._texts[attempt.channel](notice)
        if attempt.channel == TEXT:
            return self._carrier.text(to=attempt.phone, body=body, attempt_id=attempt.id)
        if not address:
            raise CarrierRefused("the robot's address is gone")
        self._robots.send(address=address, body=body)
        return ""

    def _again(self, task: Task, busy: CarrierBusy) -> None:
        with self._store.write() as tx:
            wait = timedelta(seconds=max(busy.retry_after_seconds, 1.0))
            tx.task_again(task, self._clock.now() + wait, "carrier busy")

    def _record(self, task: Task, sent: Attempt, sid: str, error: CarrierError | None) -> None:
        with self._store.write() as tx:
            ticket = tx.ticket(sent.ticket_id, for_update=True)
            attempt, now = tx.attempt(sent.id), self._clock.now()
            if attempt.finished_at is None:  # a delivery report may have been faster
                outcome = AttemptOutcome.PLACED if error is None else AttemptOutcome.FAILED
                tx.save_attempt(replace(attempt, outcome=outcome, provider_sid=sid, finished_at=now))
                case = Case(tx, ticket, standard=self._standard, now=now)
                name = tx.staff(attempt.staff_id).name
                if error is None:
                    case.tell(f"{attempt.channel}_sent", actor="worker", name=name)
                else:
                    case.tell(f"{attempt.channel}_failed", actor="carrier", name=name, reason=type(error).__name__)
            tx.task_done(task)
