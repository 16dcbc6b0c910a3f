"""Who is asked first stays responsible until the resident has the answer (首问负责, W6e)."""

from dataclasses import replace
from datetime import datetime

from fulfillment.company import Operator
from fulfillment.ports import FulfillmentTx
from fulfillment.ticket import TimelineEntry


def own_first(tx: FulfillmentTx, conversation_id: str, operator: Operator, now: datetime) -> None:
    """The open tickets of a conversation that nobody owns yet are this operator's; whoever has them keeps them."""
    for found in tx.open_tickets(conversation_id=conversation_id):
        if found.owner_id is None:
            ticket = tx.save_ticket(replace(tx.ticket(found.id, for_update=True), owner_id=operator.id))
            tx.add_to_timeline(TimelineEntry(ticket.id, now, operator.name, "owned", {"name": operator.name}))
