"""Staff are told of promises that are about to be broken, or are: who by data/clocks.yml, how by text and chat robot.

Promised in the transaction that notices it (`promise_notices`), delivered by `StaffNotices`.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import structlog

from fulfillment.case import Case, community_name
from fulfillment.clocks import Calendar, ClockAction, ClockRule
from fulfillment.company import Staff, StaffRole
from fulfillment.dispatch import is_on_duty, ladder
from fulfillment.notice import ROBOT, TEXT
from fulfillment.outbox import Task, TaskKind
from fulfillment.ports import FulfillmentTx
from fulfillment.rota import read_company
from fulfillment.staff_message import StaffMessages, promise_message
from fulfillment.ticket import Attempt, ClockState, Ticket, TicketClock, TicketState

#: Told at any hour; other clocks can wait for the daytime.
_AROUND_THE_CLOCK = frozenset({Calendar.CONTINUOUS})

log = structlog.get_logger()


class Occasion(StrEnum):
    """Why somebody is told; also the timeline's word for it."""

    WARNING = "clock_warning"
    BREACH = "clock_breached"
    HANDED_ON = "handed_on"  # whoever had accepted cannot come


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
            if next_one is not None:
                case.tell("rerouted", actor="worker", name=case.tx.staff(next_one).name, staff_id=next_one)
            people |= {next_one: True} if next_one is not None else {}
        else:
            people |= {staff_id: False for staff_id in _meant(case, action) if staff_id not in people}
    for staff_id, given in people.items():
        promise_message(
            case,
            staff_id,
            kinds={TEXT: TaskKind.NOTICE_BY_TEXT, ROBOT: TaskKind.NOTICE_BY_ROBOT},
            key=f"notice-{clock.id}-{clock.rev}-{occasion}-{staff_id}",
            clock_id=clock.id,
            rev=clock.rev,
            occasion=occasion.value,
            given=given,
        )
    if people:
        log.info("clock_told", occasion=occasion, rule=rule.key, ticket=case.ticket.number, people=len(people))
    else:
        case.tell("nobody_to_tell", actor="worker", title=rule.title)


def hand_on(case: Case) -> None:
    """Whoever had accepted an ordinary case cannot come: the next person who could gets it and is told at once; where
    there is nobody else, the supervisors are.
    """
    rules = case.standard.rules
    clocks = case.tx.clocks([case.ticket.id])[case.ticket.id]
    running = [c for c in clocks if c.state is ClockState.RUNNING and c.rule in rules]
    next_one = _reroute(case)
    if next_one is not None:
        case.tell("handed_on", actor="worker", name=case.tx.staff(next_one).name, staff_id=next_one)
    people = [next_one] if next_one is not None else [s.id for s in on_duty(case.tx, StaffRole.SUPERVISOR, case.now)]
    for clock in running[:1]:
        for staff_id in people:
            promise_message(
                case,
                staff_id,
                kinds={TEXT: TaskKind.NOTICE_BY_TEXT, ROBOT: TaskKind.NOTICE_BY_ROBOT},
                key=f"handed-{case.ticket.id}-{case.ticket.rev}-{staff_id}",
                clock_id=clock.id,
                rev=clock.rev,
                occasion=Occasion.HANDED_ON.value,
                given=next_one is not None,
            )
        if not people:
            case.tell("nobody_to_tell", actor="worker", title=rules[clock.rule].title)


def _meant(case: Case, action: ClockAction) -> Sequence[int]:
    if action is ClockAction.ASSIGNEE:
        assignee = case.ticket.assignee_id
        return [assignee] if assignee is not None and case.tx.staff(assignee).active else []
    return [s.id for s in on_duty(case.tx, StaffRole(action), case.now)]


def on_duty(tx: FulfillmentTx, role: StaffRole, at: datetime) -> Sequence[Staff]:
    """Who holds a company-wide role now, or stands in; in a gap of the rota everybody who ever does: somebody must hear it."""
    company = read_company(tx, at)
    lines = [d.staff_id for d in company.duties if d.role is role]
    now = [company.present(d.staff_id, at) for d in company.duties if d.role is role and is_on_duty(d, at)]
    there = [i for i in now if i is not None and i in company.staff and company.staff[i].active]
    people = [company.staff[staff_id] for staff_id in dict.fromkeys(there or lines) if staff_id in company.staff]
    return [staff for staff in people if staff.active]


def _reroute(case: Case) -> int | None:
    """Nobody has accepted (any more): the case goes to the next person who looks after this place, which the caller
    tells; None if there is nobody else.
    """
    if case.ticket.state is not TicketState.NEW:
        return None
    tx, address = case.tx, case.ticket.address
    community = None if address.community_id is None else tx.community(address.community_id)
    company = read_company(tx, case.now)
    had_it = {case.ticket.assignee_id, *_had_it(case)}
    candidates = ladder(case.standard.ladder, company, community, case.now)
    next_one = next((rung.staff for rung in candidates if rung.staff.id not in had_it), None)
    if next_one is None:
        return None
    case.save(assignee_id=next_one.id)
    return next_one.id


def _had_it(case: Case) -> Iterable[int]:
    return (e.params["staff_id"] for e in case.tx.timeline(case.ticket.id) if e.key in ("rerouted", "handed_on"))


class StaffNotices(StaffMessages[StaffNotice]):
    """Deliverer of NOTICE_BY_TEXT and NOTICE_BY_ROBOT."""

    def _when(self, tx: FulfillmentTx, task: Task, ticket: Ticket, staff: Staff, now: datetime) -> datetime | None:  # noqa: ARG002 - the hook's signature
        """Never once the promise is kept or re-planned; what can wait for the daytime does."""
        clock = tx.clock(task.payload["clock_id"])
        rule = self._standard.rules.get(clock.rule)
        if rule is None or clock.state is not ClockState.RUNNING or clock.rev != task.payload["rev"]:
            return None
        calendar = self._standard.calendar
        if rule.calendar in _AROUND_THE_CLOCK or ticket.emergency or calendar.is_daytime(now):
            return now
        return calendar.next_daytime(now)

    def _word(self, tx: FulfillmentTx, task: Task, ticket: Ticket, staff: Staff, attempt: Attempt) -> StaffNotice:
        clock = tx.clock(task.payload["clock_id"])
        return StaffNotice(
            attempt=attempt,
            ticket=ticket,
            staff=staff,
            kind_title=self.kind_title(ticket),
            community_name=community_name(tx, ticket),
            occasion=Occasion(task.payload["occasion"]),
            clock=clock,
            clock_title=self._standard.rule(clock.rule).title,
            given=task.payload["given"],
        )
