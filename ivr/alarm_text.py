"""The text of one or several alarms: one segment, or a part of it may arrive late or never."""

from collections.abc import Sequence

from bot.understanding import EMERGENCIES
from dialogue.phone_number import as_said
from dialogue.script_book import spoken_digits
from fulfillment.ports import Alarm, AlarmText
from fulfillment.ticket import Ticket
from ivr.ports import Book

#: UCS-2 units in a segment; a text with one Chinese character in it is UCS-2 as a whole.
SEGMENT = 70
_SURELY_THE_SAME = 6  # characters; a shorter place may be part of another word
_MARKS = " ,。,.;;、"


def alarm_text(book: Book) -> AlarmText:
    """Texts within one segment: the symptom gives way first, then the place; ticket and telephone number never do.

    Several alarms: how many and where, as many places as fit; the call tells them one by one.
    """

    def compose(alarms: Sequence[Alarm]) -> str:
        return one(alarms[0].ticket, alarms[0].community_name) if len(alarms) == 1 else several(alarms)

    def several(alarms: Sequence[Alarm]) -> str:
        places = dict.fromkeys(one_line(a.community_name or place_of(book, a.ticket, "")) for a in alarms)

        def render(places: Sequence[str]) -> str:
            return book.say("alarm.text_several", count=len(alarms), places=places).chat

        fitting: list[str] = []
        for place in places:
            if units(render([*fitting, place])) > SEGMENT:
                break
            fitting.append(place)
        return render(fitting)

    def one(ticket: Ticket, community_name: str) -> str:
        place, symptom = one_line(place_of(book, ticket, community_name)), one_line(symptom_of(book, ticket))
        fixed = {"ticket": ticket.number, "phone": as_said(ticket.contact_phone) if ticket.contact_phone else ""}
        # "3-2-502, the radiator leaks, my number is ...": what is told anyway must not push the leak out of the segment
        for known in (place, fixed["phone"]):
            if len(known) >= _SURELY_THE_SAME:
                symptom = symptom.replace(known, "").strip(_MARKS) or symptom

        def render(place: str, symptom: str) -> str:
            return book.say("alarm.text", **fixed, place=place, symptom=symptom).chat

        place = cut(place, SEGMENT - units(render("", "")))
        return render(place, cut(symptom, SEGMENT - units(render(place, ""))))

    return compose


def place_of(book: Book, ticket: Ticket, community_name: str, *, spoken: bool = False) -> str:
    """Where to go: the parts of the address that are known, or the resident's own words, or that nobody knows yet."""
    address = ticket.address
    if not community_name or (community_name in address.text and not address.building):
        return address.text or book.word("words.address_unknown")
    room = spoken_digits(address.room) if spoken else address.room
    parts = {"community": community_name, "building": address.building, "unit": address.unit, "room": room}
    return book.word("words.address_full", parts) + address.text


def symptom_of(book: Book, ticket: Ticket) -> str:
    """The resident's words; of an alarm by key alone what it is."""
    kind = f"words.symptom_{ticket.kind}" if ticket.kind in EMERGENCIES else "words.symptom_unknown"
    return ticket.symptom.strip() or book.word(kind)


def one_line(text: str) -> str:
    """Spaces cost as much as words in a text: no line breaks, no runs of white space, nothing unprintable."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def units(text: str) -> int:
    """UCS-2 units: an emoji is two of them."""
    return len(text.encode("utf-16-be", "replace")) // 2


def cut(text: str, limit: int) -> str:
    """The longest head of `text` within `limit` UCS-2 units; never half a character."""
    while units(text) > limit:
        text = text[:-1] if text else ""
        if not text:
            return ""
    return text
