"""What residents think of a chat that is over."""

from dataclasses import dataclass

from dialogue.chat import Rating
from dialogue.conversation import Author, Floor
from dialogue.ports import DialogueStore
from fulfillment.ticket import TimelineEntry
from kernel.clock import Clock
from kernel.errors import BadInput

STARS = range(1, 6)
LONGEST_WORDS = 500
_LOOK_BACK = 100  # messages


class NotOver(BadInput):
    """A chat is rated when it is over."""


@dataclass(frozen=True, slots=True)
class Ratings:
    """Safe to share between threads. Whose conversation it is, the channel checks."""

    store: DialogueStore
    clock: Clock

    def rate(self, conversation_id: str, stars: int, words: str) -> None:
        """The first word stands; it is credited to the operator who spoke last, and told on the open cases.

        Raises BadInput: no such number of stars, or too many words; NotOver; NotFound.
        """
        if stars not in STARS or len(words) > LONGEST_WORDS:
            raise BadInput(f"{stars} stars, {len(words)} characters")
        now = self.clock.now()
        with self.store.write() as tx:
            conversation = tx.conversation(conversation_id)
            if conversation.floor is not Floor.ENDED:
                raise NotOver(conversation_id)
            recent = tx.messages(conversation_id, after=max(0, conversation.last_seq - _LOOK_BACK), limit=_LOOK_BACK)
            spoke = [m.data["operator_id"] for m in recent if m.author is Author.OPERATOR and "operator_id" in m.data]
            rating = Rating(conversation_id, stars, words, now, spoke[-1] if spoke else None)
            if not tx.rate(rating):
                return
            for ticket in tx.open_tickets(conversation_id=conversation_id):
                facts = {"stars": stars, "words": words}
                tx.add_to_timeline(TimelineEntry(ticket.id, now, "resident", "chat_rated", facts))
