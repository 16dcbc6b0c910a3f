"""What staff read when a resident was not satisfied: one text segment, or a robot's message with the signed link."""

from fulfillment.dissatisfied import Dissatisfaction, DissatisfactionText
from ivr.alarm_text import SEGMENT, cut, one_line, place_of, units
from ivr.ports import Book
from ivr.robot_text import Link


def dissatisfied_text(book: Book) -> DissatisfactionText:
    """The place gives way, the number never does."""

    def compose(word: Dissatisfaction) -> str:
        return _words(book, word, SEGMENT)

    return compose


def dissatisfied_message(book: Book, link: Link) -> DissatisfactionText:
    """To a person by name; no telephone number is in it, the link leads to that."""

    def compose(word: Dissatisfaction) -> str:
        said = _words(book, word, 2 * SEGMENT)
        return book.say("alarm.notice", name=word.staff.name, notice=said, link=link(word.attempt.id)).chat

    return compose


def _words(book: Book, word: Dissatisfaction, limit: int) -> str:
    def render(place: str) -> str:
        return book.say("outgoing.told", ticket=word.ticket.number, kind=word.title, place=place).chat

    place = one_line(place_of(book, word.ticket, word.community_name))
    return render(cut(place, limit - units(render(""))))
