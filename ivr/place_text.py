"""What staff read when the place of an accepted emergency has changed."""

from fulfillment.place_word import PlaceText, PlaceWord
from ivr.case_text import Sentence, in_a_message, in_a_text
from ivr.ports import Book
from ivr.robot_text import Link


def place_text(book: Book) -> PlaceText:
    return in_a_text(book, _sentence(book))


def place_message(book: Book, link: Link) -> PlaceText:
    return in_a_message(book, _sentence(book), link)


def _sentence(book: Book) -> Sentence[PlaceWord]:
    return lambda word, place: (
        book.say("alarm.moved" if word.is_his else "alarm.moved_elsewhere", ticket=word.ticket.number, place=place).chat
    )
