"""Who looked at which resident's data (N17, X1). Append-only: nothing changes one, and only its age deletes it (dialogue.sweep)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

#: The longest half-year, from July to December: the law's six months, whenever they begin (data/looks.yml).
SHORTEST_KEPT = timedelta(days=184)
#: Who comes back to a page after that has looked at it again.
LONGEST_ONE = timedelta(hours=1)


class LookedAt(StrEnum):
    """TICKET, CONVERSATION, INCIDENT: the whole page; NUMBER: one telephone number in full; SHEET: on paper, number included.

    WORK_ORDER: a butler's page, after his own PIN; WORK_ORDER_LINK: the same by its signed link alone, by whoever holds it. Chat
    programs open links too, to show a preview.
    """

    TICKET = "ticket"
    CONVERSATION = "conversation"
    NUMBER = "number"
    SHEET = "sheet"
    PICTURE = "picture"
    RECORDING = "recording"
    INCIDENT = "incident"
    EXPORT = "export"
    WORK_ORDER = "work_order"
    WORK_ORDER_LINK = "work_order_link"


def by_staff(staff_id: int) -> str:
    """A member of staff as `Look.who`; no login has a colon."""
    return f"staff:{staff_id}"


@dataclass(frozen=True, slots=True)
class Look:
    """`subject`: what a page's address calls it ("ticket:12", "household:5"); of an export what was asked for."""

    id: int
    at: datetime
    who: str  # login of the operator; of a butler: by_staff
    what: LookedAt
    subject: str


@dataclass(frozen=True, slots=True)
class LookRules:
    """data/looks.yml; see the comments there."""

    kept: timedelta
    once_within: timedelta

    def is_one(self, look: Look, earlier: Look) -> bool:
        """Both are one look, at a page that was reloaded. An export is each time another file."""
        same = (look.who, look.what, look.subject) == (earlier.who, earlier.what, earlier.subject)
        return same and look.what is not LookedAt.EXPORT and timedelta() <= look.at - earlier.at < self.once_within
