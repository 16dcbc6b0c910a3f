"""What the carrier reports of texts to residents: the list of who was told of an incident (B4, K3), and the ticket whose
appointment, reminder or record did not arrive, say delivered or not.
"""

from dataclasses import dataclass, replace

from fulfillment.incident_news import ToldState
from fulfillment.ports import FulfillmentStore, FulfillmentTx
from fulfillment.resident_texts import TextState
from fulfillment.ticket import Ticket, TimelineEntry
from kernel.clock import Clock

#: Detail of a ticket: which word did not reach its resident. Whoever tells him by telephone takes it off again (desk.informed).
UNDELIVERED = "undelivered"

#: MessageStatus → what it means for who was told; the others ("queued", "sent") are steps on the way.
_MEANS = {
    "delivered": ToldState.DELIVERED,
    "undelivered": ToldState.UNDELIVERED,
    "failed": ToldState.UNDELIVERED,
}
#: What a report may still change: a first one stands, and a text that perhaps was sent turns out to have been.
_OPEN = frozenset({ToldState.PROMISED, ToldState.SENT, ToldState.UNCERTAIN})


@dataclass(frozen=True, slots=True)
class TextReports:
    """Safe to share between threads. Reports come out of order, more than once, and before the answer to the request."""

    store: FulfillmentStore
    clock: Clock

    def told_event(self, told_id: int, *, status: str, sid: str) -> None:
        """Raises NotFound for a message that nobody promised."""
        state = _MEANS.get(status)
        with self.store.write() as tx:
            tx.incident(tx.told(told_id).incident_id, for_update=True)  # whoever sends it writes the row as well
            told = tx.told(told_id)
            if state is not None and told.state in _OPEN and told.sent_at is not None and told.sid in ("", sid):
                tx.save_told(replace(told, state=state, sid=sid))

    def word_event(self, text_id: int, *, status: str) -> None:
        """About a ticket. Not delivered: said on its timeline and marked on it, for somebody to call. Raises NotFound."""
        told = _MEANS.get(status)
        if told is None:
            return
        state = TextState.DELIVERED if told is ToldState.DELIVERED else TextState.UNDELIVERED
        with self.store.write() as tx:
            ticket = tx.ticket(tx.resident_text(text_id).ticket_id, for_update=True)
            text = tx.resident_text(text_id)
            if text.state is not TextState.ASKED:
                return
            tx.save_resident_text(replace(text, state=state))
            if state is TextState.UNDELIVERED:
                now = self.clock.now()
                tx.add_to_timeline(TimelineEntry(ticket.id, now, "worker", "resident_text_undelivered", {}))
                mark_undelivered(tx, ticket, text.word)
            elif ticket.details.get(UNDELIVERED) == text.word:  # the carrier had not said whether it took it
                tx.save_ticket(replace(ticket, details={k: v for k, v in ticket.details.items() if k != UNDELIVERED}))


def mark_undelivered(tx: FulfillmentTx, ticket: Ticket, word: str) -> None:
    """Whoever looks at the ticket sees that its resident does not know yet."""
    tx.save_ticket(replace(ticket, details={**ticket.details, UNDELIVERED: word}))
