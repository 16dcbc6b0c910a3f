"""What a member of staff does with his cases when he calls the hotline himself. Raises NotFound and StoreBusy; safe to repeat."""

from dataclasses import dataclass

from fulfillment.case import Case, community_name
from fulfillment.company import Staff
from fulfillment.desk import Desk
from fulfillment.ports import FulfillmentStore
from fulfillment.standard import Standard
from fulfillment.ticket import NEXT_STATES, Ticket, TicketState
from kernel.clock import Clock


@dataclass(frozen=True, slots=True)
class Order:
    """One case as he hears it. `title` is of its kind, "" = the tables have dropped it since."""

    ticket: Ticket
    title: str
    community_name: str


class WorkOrders:
    """A key on the telephone is an acknowledgement by a named person: the number that calls, or a PIN, says who he is."""

    def __init__(self, store: FulfillmentStore, desk: Desk, standard: Standard, clock: Clock) -> None:
        self._store = store
        self._desk = desk
        self._standard = standard
        self._clock = clock

    def who_calls(self, phone: str) -> Staff | None:
        """None: nobody of ours, or somebody who has left."""
        if not phone:
            return None
        with self._store.read() as tx:
            staff = tx.staff_by_phone(phone)
        return staff if staff and staff.active else None

    def staff(self, staff_id: int) -> Staff:
        with self._store.read() as tx:
            return tx.staff(staff_id)

    def of(self, staff_id: int) -> tuple[Order, ...]:
        """His open cases, emergencies that nobody has accepted first."""
        with self._store.read() as tx:
            ids = tx.tickets_of(staff_id)
        return tuple(self.order(ticket_id) for ticket_id in ids)

    def order(self, ticket_id: int) -> Order:
        with self._store.read() as tx:
            ticket = tx.ticket(ticket_id)
            name = community_name(tx, ticket)
        kind = self._standard.kinds.get(ticket.kind)
        return Order(ticket, kind.title if kind else "", name)

    def accept(self, ticket_id: int, staff: Staff) -> Ticket:
        """He takes it, unless somebody was faster (`acknowledged_by`)."""
        return self._desk.acknowledge(ticket_id, by=staff.name, staff_id=staff.id)

    def pass_on(self, ticket_id: int, staff: Staff) -> None:
        """The next person is rung now. Once a round: a repeated key must not skip the next one, too, but whoever is rung
        again may pass on again.
        """
        with self._store.write() as tx:
            ticket = tx.ticket(ticket_id, for_update=True)
            attempts = tx.attempts(ticket_id)
            rung_at = max((a.started_at for a in attempts if a.staff_id == staff.id), default=ticket.opened_at)
            said = [e for e in tx.timeline(ticket_id) if e.key == "passed_on" and e.actor == staff.name]
            if any(e.at >= rung_at for e in said) or not ticket.needs_acknowledgement:
                return
            case = Case(tx, ticket, standard=self._standard, now=self._clock.now())
            case.tell("passed_on", actor=staff.name, name=staff.name)
            case.forward_after(max((a.step for a in attempts), default=0))

    def contacted(self, ticket_id: int, staff: Staff) -> bool:
        """He has reached the resident. False: the case is over."""
        with self._store.read() as tx:
            ticket = tx.ticket(ticket_id)
            told = any(e.key == "contacted" and e.actor == staff.name for e in tx.timeline(ticket_id))
        if ticket.is_open and not told:
            self._desk.contacted(ticket_id, by=staff.name)
        return ticket.is_open or told

    def report(self, ticket_id: int, to: TicketState, staff: Staff) -> bool:
        """He is on site, or it is repaired. False: the case does not stand where that is possible."""
        with self._store.read() as tx:
            state = tx.ticket(ticket_id).state
        if state is not to and to not in NEXT_STATES[state]:
            return False
        self._desk.change_state(ticket_id, to, by=staff.name)
        return True
