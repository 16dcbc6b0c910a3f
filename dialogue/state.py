"""What the policy remembers between two turns of a conversation, and how new words change it. Pure."""

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from bot.understanding import EntityKind, Understanding
from dialogue.conversation import QuickReply
from fulfillment.ticket import Address

#: Below this score a community was misheard: it is confirmed before anybody relies on it (emergencies use it at once).
SURE_COMMUNITY = 0.9


@dataclass(frozen=True, slots=True)
class Slots:
    """What is known of the case and its home; shared by all matters of a conversation, so nothing is asked twice."""

    community_id: int | None = None
    building: str = ""
    unit: str = ""
    room: str = ""
    place: str = ""  # words of a place that fits no community
    phone: str = ""
    name: str = ""
    part: str = ""
    place_at_home: str = ""
    temperature: str = ""
    visit_time: str = ""
    story: str = ""

    @property
    def address(self) -> Address:
        return Address(self.community_id, self.building, self.unit, self.room, self.place)

    @property
    def address_is_complete(self) -> bool:
        """Somebody finds the door; a building without units is possible, so `unit` may be empty."""
        return bool(self.place) or (self.community_id is not None and bool(self.building) and bool(self.room))


@dataclass(frozen=True, slots=True)
class Taken:
    """What the resident's last words were taken for, as long as he can say that it is not this."""

    intent: str = ""  # "" = nothing that can be taken back
    kind: str = ""  # the ticket kind that is asked about since; "" = only an answer was given
    otherwise: str = ""  # the intent that was nearly as likely; "" = none


@dataclass(frozen=True, slots=True)
class Enquiry:
    """A question about an account that waits for a proof of who asks."""

    intent: str = ""
    words: str = ""
    card: str = ""  # the number that was given, until the name is there


@dataclass(frozen=True, slots=True)
class DialogueState:
    """JSON between turns. `asked` is the question that waits for its answer ("" = none)."""

    slots: Slots = field(default_factory=Slots)
    matter: str = ""  # ticket kind that is being asked about; "" = none
    symptom: str = ""  # the resident's own words for the matter
    suspended: tuple[tuple[str, str], ...] = ()  # (matter, symptom) put aside for a second matter
    asked: str = ""
    asked_in: str = ""  # the script that asked it: these words are said again when it was not heard
    already_asked: tuple[str, ...] = ()  # optional details are asked once
    tries: int = 0  # how often the answer to `asked` was not understood
    silences: int = 0  # how often nothing was heard instead of an answer
    pauses: int = 0  # how often only a filler was heard
    candidates: tuple[int, ...] = ()  # communities to choose from
    suspect: str = ""  # words that perhaps mean a leak, while "is it a leak?" is open
    suspect_intent: str = ""  # what they were understood as otherwise
    guess: str = ""  # intent of "did you mean"
    taken: Taken = field(default_factory=Taken)
    home_id: int | None = None  # Household.id the caller seems to be
    home_guessed: bool = False  # taken from the number that calls; nobody has said this address yet
    home_confirmed: bool = False
    home_denied: bool = False
    ticket_ids: tuple[int, ...] = ()
    earlier_ticket_ids: tuple[int, ...] = ()  # from before the conversation was ended and written to again
    emergency_ticket_id: int | None = None
    alarmed: tuple[str, ...] = ()  # emergency kinds of this conversation, oldest first
    care_for: str = ""  # who must come first (J1), in the resident's own word
    announced: tuple[int, ...] = ()  # Announcement.id that were told
    answered: tuple[str, ...] = ()  # intents whose answer was given
    slot: str = ""  # the time of a visit that was chosen (dialogue.facts.Slot.key) and is not booked yet
    visit_ticket_id: int | None = None  # whose visit gets another time, or none
    our_call_id: int | None = None  # ResidentCall.id: we have called the resident
    our_question: str = ""  # what our call asks and is not answered yet (dialogue.outgoing)
    reported_by: str = ""  # name of the member of staff who reports on a resident's behalf (G7e)
    told_minutes: int | None = (
        None  # how long before that the resident told him of the open matter (G7g); None: not said
    )
    enquiry: Enquiry = field(default_factory=Enquiry)
    identity_tries: int = 0  # wrong entries of card and name
    is_refused: bool = False  # too many of them: a person looks at it
    proven_home_id: int | None = None  # Household.id whose card and name were right
    options: tuple[QuickReply, ...] = ()  # what the keys and buttons of the last reply mean

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "DialogueState":
        """The inverse of `to_json`; an empty mapping is a fresh state, keys of an older release are dropped."""
        known = {k: v for k, v in data.items() if k in cls.__dataclass_fields__}
        for name in (
            "already_asked",
            "candidates",
            "ticket_ids",
            "earlier_ticket_ids",
            "alarmed",
            "announced",
            "answered",
        ):
            known[name] = tuple(known.get(name, ()))
        known["suspended"] = tuple((m, s) for m, s in known.get("suspended", ()))
        known["taken"] = Taken(**known.get("taken", {}))
        known["enquiry"] = Enquiry(**known.get("enquiry", {}))
        known["slots"] = Slots(**known.get("slots", {}))
        known["options"] = tuple(QuickReply(**o) for o in known.get("options", ()))
        return cls(**known)


_SLOT_OF = {
    EntityKind.BUILDING: "building",
    EntityKind.UNIT: "unit",
    EntityKind.ROOM: "room",
    EntityKind.PART: "part",
    EntityKind.PLACE_AT_HOME: "place_at_home",
    EntityKind.TEMPERATURE: "temperature",
    EntityKind.TIME: "visit_time",
}
ADDRESS_KINDS = frozenset({EntityKind.COMMUNITY, EntityKind.BUILDING, EntityKind.UNIT, EntityKind.ROOM})


@dataclass(frozen=True, slots=True)
class Merged:
    """`communities` holds more than one id when they were equally likely, or one that needs confirmation."""

    slots: Slots
    doubtful: tuple[int, ...] = ()


def merge(slots: Slots, heard: Understanding) -> Merged:
    """New words win over old ones, part by part ("no, unit three" changes the unit alone).

    A different community makes the old building, unit and room meaningless unless they are said again; the first one does not.
    """
    doubtful: tuple[int, ...] = ()
    communities = [e for e in heard.entities if e.kind is EntityKind.COMMUNITY]
    if communities:
        best = max(communities, key=lambda e: e.score)
        rivals = tuple(
            dict.fromkeys(
                int(e.value)
                for e in communities
                if e.score >= best.score - 0.01 and e.start < best.end and e.end > best.start
            )
        )
        if len(rivals) > 1 or best.score < SURE_COMMUNITY:
            doubtful = rivals[:2]
        chosen = int(best.value)
        if chosen != slots.community_id:
            slots = slots if slots.community_id is None else replace(slots, building="", unit="", room="")
            slots = replace(slots, community_id=chosen, place="")
    changes: dict[str, Any] = {}
    for entity in heard.entities:
        name = _SLOT_OF.get(entity.kind)
        if name:
            changes[name] = entity.value
        elif entity.kind is EntityKind.PHONE:
            changes["phone"] = entity.value
    return Merged(replace(slots, **changes), doubtful)


def is_nothing_but(heard: Understanding, kinds: frozenset[EntityKind]) -> bool:
    """The utterance names things of these kinds and says no other word: "the radiator", "tomorrow at three"."""
    words = {at for at, sign in enumerate(heard.text) if sign.isalnum()}
    named = {at for e in heard.entities if e.kind in kinds for at in range(e.start, e.end)}
    return bool(words) and words <= named


def heard_address(heard: Understanding) -> bool:
    """Any part of an address was in this utterance."""
    return any(e.kind in ADDRESS_KINDS for e in heard.entities)
