"""What operators write down for each other beside a conversation. No message of its log, so that no channel can show it."""

from dataclasses import dataclass
from datetime import datetime

LONGEST_NOTE = 2_000


@dataclass(frozen=True, slots=True)
class PrivateNote:
    """`after_seq`: the message it was written under, the last one of that moment."""

    id: int
    conversation_id: str
    after_seq: int
    at: datetime
    author: str  # a person's name
    text: str
    client_id: str  # of the form: sent twice, it is one note
