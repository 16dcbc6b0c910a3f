"""What the carrier reports of texts to residents about an incident: the list of who was told says delivered or not (B4, K3)."""

from dataclasses import dataclass, replace

from fulfillment.incident_news import ToldState
from fulfillment.ports import FulfillmentStore

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

    def told_event(self, told_id: int, *, status: str, sid: str) -> None:
        """Raises NotFound for a message that nobody promised."""
        state = _MEANS.get(status)
        with self.store.write() as tx:
            tx.incident(tx.told(told_id).incident_id, for_update=True)  # whoever sends it writes the row as well
            told = tx.told(told_id)
            if state is not None and told.state in _OPEN and told.sent_at is not None and told.sid in ("", sid):
                tx.save_told(replace(told, state=state, sid=sid))
