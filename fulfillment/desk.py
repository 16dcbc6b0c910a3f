"""What people at the console do with a ticket. Each method is one transaction and safe to repeat.

All raise NotFound for an unknown ticket and StoreBusy; `by` is a person's name, for the timeline.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fulfillment.calling import call_now, stop_calls
from fulfillment.case import Case
from fulfillment.clocks import ClockEvent
from fulfillment.duplicates import merge, split, undo_nudge
from fulfillment.open_ticket import Learned, learn_address, nudge
from fulfillment.ports import FulfillmentStore
from fulfillment.resident_calls import Purpose, ResidentCall
from fulfillment.standard import Standard
from fulfillment.text_reports import UNDELIVERED
from fulfillment.ticket import NEXT_STATES, Ticket, TicketState
from kernel.clock import Clock
from kernel.errors import BadInput, Conflict

LONGEST_NOTE = 2000
#: Steps of a case that stop or start clocks without changing its state.
MILESTONES = frozenset(
    {
        ClockEvent.CONTACTED,
        ClockEvent.INVESTIGATED,
        ClockEvent.SURVEYED,
        ClockEvent.BUILT,
        ClockEvent.INSPECTED,
        ClockEvent.ANSWERED,
    }
)
_EVENT_OF = {
    TicketState.ON_SITE: ClockEvent.ARRIVED,
    TicketState.RESOLVED: ClockEvent.RESOLVED,
    TicketState.CLOSED: ClockEvent.CALLBACK_DONE,
}


class Desk:
    """Used by the console and by the dialogue."""

    def __init__(self, store: FulfillmentStore, standard: Standard, clock: Clock) -> None:
        self._store = store
        self._standard = standard
        self._clock = clock

    def acknowledge(self, ticket_id: int, *, by: str, staff_id: int | None = None) -> Ticket:
        """The first one wins; the others get the ticket with the winner in `acknowledged_by`."""
        with self._case(ticket_id) as case:
            case.acknowledge(by=by, staff_id=staff_id)
        return case.ticket

    def assign(self, ticket_id: int, staff_id: int, *, by: str) -> Ticket:
        """Gives the case to a member of staff; acknowledges nothing. Raises NotFound for unknown staff."""
        with self._case(ticket_id) as case:
            name = case.tx.staff(staff_id).name
            if case.ticket.assignee_id != staff_id:
                case.save(assignee_id=staff_id)
                case.tell("assigned", actor=by, name=name)
        return case.ticket

    def note(self, ticket_id: int, text: str, *, by: str) -> None:
        """Raises BadInput for an empty or endless note."""
        text = text.strip()
        if not text or len(text) > LONGEST_NOTE:
            raise BadInput(f"a note has 1 to {LONGEST_NOTE} characters, not {len(text)}")
        with self._case(ticket_id) as case:
            case.tell("noted", actor=by, text=text)

    def contacted(self, ticket_id: int, *, by: str) -> Ticket:
        """The resident was reached: stops the contact clocks."""
        return self.milestone(ticket_id, ClockEvent.CONTACTED, by=by)

    def informed(self, ticket_id: int, *, by: str) -> Ticket:
        """The resident was told by a person what a text did not bring him. Pressed twice, it is told once."""
        with self._case(ticket_id) as case:
            if case.ticket.details.get(UNDELIVERED):
                case.save(details={k: v for k, v in case.ticket.details.items() if k != UNDELIVERED})
                case.tell("resident_informed", actor=by)
        return case.ticket

    def milestone(self, ticket_id: int, event: ClockEvent, *, by: str) -> Ticket:
        """A step that changes no state: answered, surveyed, built … Raises BadInput for any other event."""
        if event not in MILESTONES:
            raise BadInput(f"{event} is a change of state, not a milestone")
        with self._case(ticket_id) as case:
            case.happened(event)
            if event is ClockEvent.CONTACTED:
                case.tell("contacted", actor=by)
            else:
                case.tell("milestone", actor=by, event=event.value)
        return case.ticket

    def learn(self, ticket_id: int, learned: Learned) -> Ticket:
        """Address, contact or details became known at the console; clocks and ladder are re-planned."""
        with self._store.write() as tx:
            return learn_address(tx, ticket_id, learned, standard=self._standard, now=self._clock.now())

    def change_state(self, ticket_id: int, to: TicketState, *, by: str, reason: str = "") -> Ticket:
        """Raises Conflict for an impossible step; the state it has already is no step."""
        with self._case(ticket_id) as case:
            before = case.ticket.state
            if to is before:
                return case.ticket
            if to not in NEXT_STATES[before]:
                raise Conflict(f"ticket {ticket_id} is {before}: it cannot become {to}")
            if before is TicketState.NEW and to is TicketState.ACKNOWLEDGED:
                case.acknowledge(by=by)
                return case.ticket
            take_step(case, to, by=by)
            case.tell("state_changed", actor=by, before=before.value, after=to.value, reason=reason)
        return case.ticket

    def call_resident(
        self, ticket_id: int, purpose: Purpose, *, by: str, operator_id: int | None = None, visit: str = ""
    ) -> ResidentCall:
        """The resident is rung as soon as the hours allow (N7). Raises Conflict if no such call is owed, BadInput."""
        with self._case(ticket_id) as case:
            return call_now(case, purpose, by=by, operator_id=operator_id, visit=visit)

    def stop_calls(self, ticket_id: int, reason: str, *, by: str) -> None:
        """The resident is not rung any more. Raises BadInput without a reason."""
        with self._case(ticket_id) as case:
            stop_calls(case, reason, by=by)

    def nudge(self, ticket_id: int, *, by: str) -> Ticket:
        """The resident asks again (催办)."""
        with self._case(ticket_id) as case:
            nudge(case, by=by)
        return case.ticket

    def undo_nudge(self, ticket_id: int, *, by: str) -> Ticket:
        """It was no second request. Raises Conflict if there is none."""
        with self._case(ticket_id) as case:
            undo_nudge(case, by=by)
        return case.ticket

    def merge(self, ticket_id: int, into_id: int, *, by: str) -> Ticket:
        """The same matter twice: the first ticket ends in the second. Raises Conflict if that would lose anything."""
        return self._both(merge, ticket_id, into_id, by)

    def split(self, ticket_id: int, *, by: str) -> Ticket:
        """A merged ticket is a case of its own again. Raises Conflict if it is not merged."""
        with self._store.read() as tx:
            into_id = tx.ticket(ticket_id).merged_into_id
        if into_id is None:
            raise Conflict(f"ticket {ticket_id} is not merged")
        return self._both(split, ticket_id, into_id, by)

    def _both(self, change: Callable[..., None], ticket_id: int, into_id: int, by: str) -> Ticket:
        with self._store.write() as tx:
            locked = {n: tx.ticket(n, for_update=True) for n in sorted({ticket_id, into_id})}  # always in one order
            one, other = (
                Case(tx, locked[n], standard=self._standard, now=self._clock.now()) for n in (ticket_id, into_id)
            )
            change(one, other, by=by)
        return one.ticket

    @contextmanager
    def _case(self, ticket_id: int) -> Iterator[Case]:
        with self._store.write() as tx:
            ticket = tx.ticket(ticket_id, for_update=True)
            yield Case(tx, ticket, standard=self._standard, now=self._clock.now())


def take_step(case: Case, to: TicketState, *, by: str) -> None:
    """To a state that may follow: clocks, ladder and acceptance with it. The caller has checked it and tells it."""
    before = case.ticket.state
    if before is TicketState.NEW and to is not TicketState.CANCELLED:
        # whoever is on site or has solved it has also taken it
        case.save(state=to, acknowledged_at=case.now, acknowledged_by=by)
    else:
        case.save(state=to)
    case.stop_ladder()
    if to is TicketState.RESOLVED:
        case.tx.free_appointment(case.ticket.id)  # done before its time: the hour is somebody else's
    if to is TicketState.CANCELLED:
        case.cancel()
    elif to is TicketState.ACKNOWLEDGED:
        case.reopen()
    else:
        case.happened(_EVENT_OF[to])
