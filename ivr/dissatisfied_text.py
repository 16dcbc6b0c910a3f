"""What staff read when a resident was not satisfied."""

from fulfillment.dissatisfied import Dissatisfaction, DissatisfactionText
from ivr.case_text import Sentence, in_a_message, in_a_text
from ivr.ports import Book
from ivr.robot_text import Link


def dissatisfied_text(book: Book) -> DissatisfactionText:
    return in_a_text(book, _sentence(book))


def dissatisfied_message(book: Book, link: Link) -> DissatisfactionText:
    return in_a_message(book, _sentence(book), link)


def _sentence(book: Book) -> Sentence[Dissatisfaction]:
    return lambda word, place: book.say("outgoing.told", ticket=word.ticket.number, kind=word.title, place=place).chat
