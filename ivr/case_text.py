"""What staff read about a case that is no alarm: one text segment, or a robot's message with the signed link."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from fulfillment.company import Staff
from fulfillment.ticket import Attempt, Ticket
from ivr.alarm_text import SEGMENT, cut, one_line, place_of, units
from ivr.ports import Book
from ivr.robot_text import Link


class AboutACase(Protocol):
    """What one person is told of which case."""

    @property
    def attempt(self) -> Attempt: ...
    @property
    def ticket(self) -> Ticket: ...
    @property
    def staff(self) -> Staff: ...
    @property
    def community_name(self) -> str: ...


W = TypeVar("W", bound=AboutACase)
#: The sentence with a place in it.
Sentence = Callable[[W, str], str]


def in_a_text(book: Book, sentence: Sentence[W]) -> Callable[[W], str]:
    """The place gives way, nothing else does."""
    return lambda word: _fitted(book, sentence, word, SEGMENT)


def in_a_message(book: Book, sentence: Sentence[W], link: Link) -> Callable[[W], str]:
    """To a person by name; no telephone number is in it, the link leads to that."""

    def compose(word: W) -> str:
        said = _fitted(book, sentence, word, 2 * SEGMENT)
        return book.say("alarm.notice", name=word.staff.name, notice=said, link=link(word.attempt.id)).chat

    return compose


def _fitted(book: Book, sentence: Sentence[W], word: W, limit: int) -> str:
    place = one_line(place_of(book, word.ticket, word.community_name))
    return sentence(word, cut(place, limit - units(sentence(word, ""))))
