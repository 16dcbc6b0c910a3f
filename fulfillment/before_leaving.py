"""What the company knows of a home and whoever goes there should know before: unpaid, or judged so on an earlier visit (Y1, Y3)."""

from collections.abc import Sequence
from datetime import timedelta

from fulfillment.ports import FulfillmentTx
from fulfillment.ticket import Ticket

#: Grounds of data/visit.yml that are still worth knowing on the next visit.
_WORTH_KNOWING = ("arrears", "changed", "other_owner")
#: Two winters: what was judged longer ago may have been put right long since.
_LOOK_BACK = timedelta(days=730)


def known_of(tx: FulfillmentTx, ticket: Ticket) -> Sequence[str]:
    """`known_unpaid`, and `known_<ground>` of earlier visits to this home; nothing of a home that nobody knows."""
    if ticket.household_id is None:
        return ()
    judged = {
        visit.responsibility.ground
        for earlier in tx.tickets_at_home(ticket.household_id, ticket.opened_at - _LOOK_BACK)
        if earlier.id != ticket.id
        for visit in tx.visits(earlier.id)
        if visit.responsibility is not None
    }
    unpaid = () if tx.household(ticket.household_id).paid else ("known_unpaid",)
    return (*unpaid, *(f"known_{ground}" for ground in _WORTH_KNOWING if ground in judged))
