"""What the company knows of a home and whoever goes there should know before (Y1, Y3): no resident's, unpaid, or judged so on an
earlier visit.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from fulfillment.ports import FulfillmentTx
from fulfillment.ticket import Ticket

#: Grounds of data/visit.yml that are still worth knowing on the next visit.
_WORTH_KNOWING = ("arrears", "changed", "beyond_well", "other_owner", "nobody_maintains")
#: Two winters: what was judged longer ago may have been put right long since.
_LOOK_BACK = timedelta(days=730)


def known_of(tx: FulfillmentTx, ticket: Ticket) -> Sequence[tuple[str, Mapping[str, str]]]:
    """Words of the page with their blanks: of the register, and `known_<ground>` of earlier visits to this home unless the last
    that named it settled it; nothing of a home that nobody knows.
    """
    if ticket.household_id is None:
        return ()
    earlier = (t for t in tx.tickets_at_home(ticket.household_id, ticket.opened_at - _LOOK_BACK) if t.id != ticket.id)
    visits = sorted((v for t in earlier for v in tx.visits(t.id)), key=lambda v: (v.opened_at, v.id))
    settled = {v.responsibility.ground: v.responsibility.settled for v in visits if v.responsibility is not None}
    home = tx.household(ticket.household_id)
    notes: list[tuple[str, Mapping[str, str]]] = []
    if not home.is_residential:
        notes.append(("known_non_residential", {}))
    if not home.paid:
        notes.append(("known_unpaid", {}))
    if home.arrears_fen:
        notes.append(("known_owed", {"yuan": f"{home.arrears_fen / 100:.2f}"}))
    return (*notes, *((f"known_{ground}", {}) for ground in _WORTH_KNOWING if settled.get(ground) is False))
