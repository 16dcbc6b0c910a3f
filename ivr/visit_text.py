"""What a butler reads when a resident has agreed or called off a visit: one text segment, or a robot's message with the link."""

from fulfillment.visit_word import VisitNews, VisitText, VisitWord
from ivr.alarm_text import SEGMENT, cut, one_line, place_of, units
from ivr.ports import Book
from ivr.robot_text import Link

_SCRIPTS = {VisitNews.AGREED: "visit.staff_agreed", VisitNews.CALLED_OFF: "visit.staff_called_off"}


def visit_text(book: Book) -> VisitText:
    """The place gives way, time and number never do."""

    def compose(word: VisitWord) -> str:
        return _words(book, word, SEGMENT)

    return compose


def visit_message(book: Book, link: Link) -> VisitText:
    """To a person by name; no telephone number is in it, the link leads to that."""

    def compose(word: VisitWord) -> str:
        said = _words(book, word, 2 * SEGMENT)
        return book.say("alarm.notice", name=word.staff.name, notice=said, link=link(word.attempt.id)).chat

    return compose


def _words(book: Book, word: VisitWord, limit: int) -> str:
    def render(place: str) -> str:
        return book.say(_SCRIPTS[word.news], ticket=word.ticket.number, kind=word.title, place=place, at=word.at).chat

    place = one_line(place_of(book, word.ticket, word.community_name))
    return render(cut(place, limit - units(render(""))))
