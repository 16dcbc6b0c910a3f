"""What a butler reads when a resident has agreed or called off a visit."""

from fulfillment.visit_word import VisitNews, VisitText, VisitWord
from ivr.case_text import Sentence, in_a_message, in_a_text
from ivr.ports import Book
from ivr.robot_text import Link

_SCRIPTS = {VisitNews.AGREED: "visit.staff_agreed", VisitNews.CALLED_OFF: "visit.staff_called_off"}


def visit_text(book: Book) -> VisitText:
    return in_a_text(book, _sentence(book))


def visit_message(book: Book, link: Link) -> VisitText:
    return in_a_message(book, _sentence(book), link)


def _sentence(book: Book) -> Sentence[VisitWord]:
    return lambda word, place: (
        book.say(_SCRIPTS[word.news], ticket=word.ticket.number, kind=word.title, place=place, at=word.at).chat
    )
