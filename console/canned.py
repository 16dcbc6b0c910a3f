"""Canned replies: the standard's wording, with the blanks filled from the home and the ticket that are beside it."""

from collections.abc import Sequence
from dataclasses import dataclass

from console.board import Home, TicketRow
from console.ports import Rooms
from dialogue.phone_number import as_said
from fulfillment.manners import NeverSaid, unsayable

#: Sentences of the standard that need no blank, as residents read them in the chat.
STANDARD_WORDING = (
    "hearing.noting_down",
    "scope.other_butler",
    "scope.offer_coordination",
    "ask.visit_time",
    "ticket.answer_later",
    "greeting.anything_else",
)


@dataclass(frozen=True, slots=True)
class Canned:
    clause: str
    text: str


def canned_replies(rooms: Rooms, home: Home | None, tickets: Sequence[TicketRow]) -> list[Canned]:
    """All of them, in the order they are offered: the standard's own, then the company's (scripts_zh/canned.yml or its edition)."""
    book, canned = rooms.book, rooms.setup.canned
    known = _blanks(rooms, home, tickets)
    standard = [Canned(book.scripts[key].clause or "", book.say(key).chat) for key in STANDARD_WORDING]
    return standard + [Canned(one.clause or "", canned.filled(one, known)) for one in canned.replies]


def _blanks(rooms: Rooms, home: Home | None, tickets: Sequence[TicketRow]) -> dict[str, str]:
    row = tickets[0] if tickets else None
    place = home.place if home else row.place if row else None
    address = (
        {"community": place.community, "building": place.building, "unit": place.unit, "room": place.room}
        if place
        else {}
    )
    return {
        "name": home.household.name if home else row.ticket.contact_name if row else "",
        "number": row.ticket.number if row else "",
        "state": rooms.book.word(f"words.state_{row.ticket.state}") if row else "",
        "place": rooms.book.word("words.address_full", address) if place and place.community else "",
        "butler": home.butler.name if home else "",
        "butler_phone": as_said(home.butler.phone) if home else "",
        "property": home.community.property_unit if home else "",
        "property_phone": home.community.property_phone if home else "",
    }


def held_back(rooms: Rooms, text: str) -> tuple[Sequence[NeverSaid], bool]:
    """Why an answer is not sent as it is: what it says that is never said, and whether a blank is still open."""
    return unsayable(text, rooms.standard.never_said), rooms.book.word("canned.blank") in text
