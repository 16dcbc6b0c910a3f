"""The tickets of a conversation as they are now, for a page that shows their cards."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dialogue.conversation import Conversation
from dialogue.ports import DialogueTx
from dialogue.script_book import ScriptBook
from dialogue.state import DialogueState
from dialogue.wording import Wording
from fulfillment.standard import Standard

#: More than this many matters of one conversation are nobody's; the older cards stay as they were said.
_MOST = 5


@dataclass(frozen=True, slots=True)
class TicketCards:
    """Costs nothing for a conversation without a ticket, two short queries and one a ticket for any other."""

    book: ScriptBook
    standard: Standard

    def __call__(self, tx: DialogueTx, conversation: Conversation) -> Sequence[dict[str, Any]]:
        """Oldest first. `nudges`: how often the resident has asked again; `open`: asking again still helps."""
        state = DialogueState.from_json(conversation.state)
        ids = (*state.earlier_ticket_ids, *state.ticket_ids)[-_MOST:]
        if not ids:
            return ()
        wording = Wording(self.book, self.standard, lambda community_id: tx.community(community_id).name)
        clocks = tx.clocks(ids)
        tickets = [tx.ticket(ticket_id) for ticket_id in ids]
        return [
            {"kind": "ticket", **wording.ticket_card(t, clocks.get(t.id, ())), "nudges": t.nudges, "open": t.is_open}
            for t in tickets
        ]
