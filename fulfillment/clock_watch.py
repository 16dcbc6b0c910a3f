"""Deliverers of WARN_CLOCK and BREACH_CLOCK: a breach is visible before it happens, and told to whom the clock's plan names."""

from dataclasses import replace

from fulfillment.case import Case
from fulfillment.clocks import ClockRule
from fulfillment.open_ticket import Learned, TicketRequest, open_ticket
from fulfillment.outbox import Task
from fulfillment.ports import FulfillmentStore
from fulfillment.staff_notices import Occasion, promise_notices
from fulfillment.standard import Standard
from fulfillment.ticket import ClockState
from kernel.clock import Clock, local


class ClockWatch:
    """Both look at the clock again first: one that was stopped or re-planned since has nothing to tell."""

    def __init__(self, store: FulfillmentStore, standard: Standard, clock: Clock) -> None:
        self._store = store
        self._standard = standard
        self._clock = clock

    def warn(self, task: Task) -> None:
        """Most of the time is used up."""
        self._look(task, Occasion.WARNING)

    def breach(self, task: Task) -> None:
        """The promise is broken; the clock runs on until it is fulfilled late or the case ends."""
        self._look(task, Occasion.BREACH)

    def _look(self, task: Task, occasion: Occasion) -> None:
        with self._store.write() as tx:
            clock = tx.clock(task.payload["clock_id"])
            ticket = tx.ticket(clock.ticket_id, for_update=True)  # before its tasks, as everybody does
            clock = tx.clock(clock.id)  # again: whoever held the ticket before may have stopped it
            if not tx.holds(task):
                return
            case = Case(tx, ticket, standard=self._standard, now=self._clock.now())
            rule = self._standard.rules.get(clock.rule)  # None: the tables have dropped the promise since
            if rule is not None and clock.state is ClockState.RUNNING and clock.rev == task.payload["rev"]:
                due_by = f"{local(clock.due_by):%m-%d %H:%M}"
                case.tell(occasion.value, actor="worker", title=rule.title, clause=clock.clause, due_by=due_by)
                if occasion is Occasion.BREACH:
                    tx.save_clock(replace(clock, breached_at=case.now))
                    if rule.then:
                        _open_further(case, rule)
                promise_notices(case, clock, rule, occasion)
            tx.task_done(task)


def _open_further(case: Case, rule: ClockRule) -> None:
    """What was promised is broken and goes on as a case of its own, with its own clocks (F18), once a ticket.

    Not for a ticket of an incident: its residents are told the reason together, and four hundred complaints help nobody.
    """
    ticket = case.ticket
    if case.tx.attachment_of(ticket.id) is not None:
        return
    if any(entry.key == "goes_on_as" for entry in case.tx.timeline(ticket.id)):
        return
    known = Learned(
        address=ticket.address,
        household_id=ticket.household_id,
        contact_name=ticket.contact_name,
        contact_phone=ticket.contact_phone,
        details={"from_ticket": ticket.number},
        actor="worker",
    )
    request = TicketRequest(rule.then, ticket.symptom, ticket.conversation_id, known, ticket.owner_id)
    further, _ = open_ticket(case.tx, request, standard=case.standard, now=case.now)
    title = case.standard.kind(further.kind).title
    case.tell("goes_on_as", actor="worker", title=title, number=further.number)
