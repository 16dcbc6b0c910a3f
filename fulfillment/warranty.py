"""The same fault of the same home within half a year after its repair comes back free of charge (H5)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from fulfillment.ports import FulfillmentTx
from fulfillment.ticket import Ticket, TicketState
from fulfillment.visit_rules import WarrantyRules

_REPAIRED = frozenset({TicketState.RESOLVED, TicketState.CLOSED})
#: A repair takes its time: tickets that were opened so long before the half year are looked at, too.
_LONGEST_REPAIR = timedelta(days=60)


@dataclass(frozen=True, slots=True)
class Warranty:
    """The repair that still holds; `repaired_at` aware UTC."""

    earlier: Ticket
    repaired_at: datetime
    until: datetime
    clause: str


def warranty_of(tx: FulfillmentTx, ticket: Ticket, rules: WarrantyRules) -> Warranty | None:
    """The latest repair of this fault that still held when the ticket was opened; None without one, or without a known home."""
    if ticket.household_id is None:
        return None
    for earlier in tx.tickets_at_home(ticket.household_id, ticket.opened_at - rules.within - _LONGEST_REPAIR):
        before = (earlier.opened_at, earlier.id) < (ticket.opened_at, ticket.id)
        if not before or earlier.state not in _REPAIRED or not _is_same_fault(ticket, earlier, rules):
            continue
        repaired_at = _repaired_at(tx, earlier)
        if repaired_at is not None and repaired_at <= ticket.opened_at <= repaired_at + rules.within:
            return Warranty(earlier, repaired_at, repaired_at + rules.within, rules.clause)
    return None


def _is_same_fault(ticket: Ticket, earlier: Ticket, rules: WarrantyRules) -> bool:
    part, other = ticket.details.get("part", ""), earlier.details.get("part", "")
    return rules.is_same_fault(ticket.kind, earlier.kind) and (not part or not other or part == other)


def _repaired_at(tx: FulfillmentTx, ticket: Ticket) -> datetime | None:
    """The last time it was reported as done, by whomever."""
    done = [
        e.at
        for e in tx.timeline(ticket.id)
        if e.key == "visit_done" or (e.key == "state_changed" and e.params.get("after") == TicketState.RESOLVED)
    ]
    return done[-1] if done else None
