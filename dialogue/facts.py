"""What the policy is told of the world: the company's matters, and what is true outside the conversation at a turn. Pure data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from dialogue.conversation import Channel
from dialogue.script_book import Both
from fulfillment.company import OtherUnit
from fulfillment.ticket import Address


@dataclass(frozen=True, slots=True)
class Matter:
    """A row of data/matters.yml."""

    intent: str
    title: str
    emergency: str = ""
    ticket: str = ""
    answer: str = ""
    account: str = ""
    unit: str = ""
    safety: str = ""
    follow_up: str = ""  # ticket kind that is offered after the answer
    is_noted: bool = False  # the answer says that it is noted (N12): nobody is asked whether he wants it


@dataclass(frozen=True, slots=True)
class Home:
    """A household as the policy needs it; `words` is its address as it is said."""

    id: int
    address: Address
    words: Both
    card_number: str = ""
    name: str = ""
    phone: str = ""
    paid: bool = True
    is_residential: bool = True
    arrears: str = ""  # yuan owed of earlier seasons, "" = none
    installation: str = ""
    butler: Mapping[str, str] = field(default_factory=dict)  # butler, agent, butler_phone, station


@dataclass(frozen=True, slots=True)
class Slot:
    """A free time of whoever would come; `at` aware UTC."""

    at: datetime
    words: Both

    @property
    def key(self) -> str:
        """In signs that a button of the widget may send back."""
        return f"{self.at:%Y-%m-%dT%H:%M}"


@dataclass(frozen=True, slots=True)
class OpenCase:
    """An open ticket of this caller, this conversation or this home.

    `visit`: the agreed time of a visit, in words. `words`: what tells it from others ("the cold room of 10:00").
    """

    id: int
    kind: str
    number: str
    address: Address = field(default_factory=Address)
    words: Both = field(default_factory=lambda: Both("", ""))
    visit: Both | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """An announcement that concerns this resident now. `until`: when it is over, as it is said; None if nobody knows."""

    id: int
    what: str
    until: Both | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What is true outside the conversation at this turn."""

    channel: Channel
    peer: str = ""  # caller's number, "" = unknown
    person_on_duty: bool = True  # an operator sits at the console
    caller_homes: tuple[Home, ...] = ()
    proven_home: Home | None = None  # whose card number and name were given in this conversation
    homes_at_address: tuple[Home, ...] = ()
    open_cases: tuple[OpenCase, ...] = ()
    community_names: Mapping[int, str] = field(default_factory=dict)
    property_units: Mapping[int, OtherUnit] = field(default_factory=dict)
    notices: tuple[Notice, ...] = ()
    slot_kinds: frozenset[str] = frozenset()  # kinds of case that get a time of their own
    slots: tuple[Slot, ...] = ()  # free, oldest first, where such a case is talked about and its butler is known
    wished: tuple[Slot, ...] = ()  # those of them within the time that was said in this turn
    other_hours: Both | None = None  # the visiting hours in words (H3), where the time he named is beside them
    overtime: str = ""  # what such a visit costs, in words
    told_by_key: tuple[int, ...] = ()  # minutes that a member of staff chooses from, key 1 first (G7g)
    not_accepted: Mapping[str, tuple[str, str]] = field(
        default_factory=dict
    )  # kind → first and last day of its season, in words
