"""The words of understanding: what a turn is about. No framework, no wire."""

from dataclasses import dataclass
from enum import StrEnum


class Category(StrEnum):
    """The five of the product, complaint, and dialogue."""

    LEAK = "leak"
    COLD_ROOM = "cold_room"
    TEMPERATURE_TEST = "temperature_test"
    BILLING = "billing"
    OUT_OF_SCOPE = "out_of_scope"
    COMPLAINT = "complaint"
    DIALOGUE = "dialogue"


class Intent(StrEnum):
    """Every intent the model is trained on; `category_of` gives its one category."""

    LEAK_INSIDE = "leak_inside"
    LEAK_STREET = "leak_street"
    MANHOLE_COVER = "manhole_cover"
    COLD_ROOM = "cold_room"
    NO_HEAT = "no_heat"
    VALVE_NOT_OPENED = "valve_not_opened"
    VALVE_DAMAGED = "valve_damaged"
    ASK_SEASON = "ask_season"
    TEMPERATURE_TEST = "temperature_test"
    BILL_PAY = "bill_pay"
    BILL_PRICE = "bill_price"
    BILL_INVOICE = "bill_invoice"
    BILL_SUSPEND = "bill_suspend"
    BILL_RESUME = "bill_resume"
    BILL_AREA = "bill_area"
    BILL_TRANSFER_NAME = "bill_transfer_name"
    BILL_NEW_CONNECTION = "bill_new_connection"
    BILL_CARD_NUMBER = "bill_card_number"
    BILL_ARREARS = "bill_arrears"
    BILL_REFUND = "bill_refund"
    ASK_BUTLER = "ask_butler"
    OUT_OF_SCOPE = "out_of_scope"
    GAS_SMELL = "gas_smell"
    COMPLAINT = "complaint"
    SUGGESTION = "suggestion"
    LEAK_ADVICE = "leak_advice"  # nothing leaks: what to do, whom to call, who pays, if it did
    ASK_HUMAN = "ask_human"
    TICKET_STATUS = "ticket_status"
    TICKET_NUDGE = "ticket_nudge"
    AFFIRM = "affirm"
    DENY = "deny"
    INFORM = "inform"
    GREET = "greet"
    THANK = "thank"
    GOODBYE = "goodbye"
    REPEAT = "repeat"
    FALLBACK = "nlu_fallback"


_CATEGORY_BY_INTENT = {
    Intent.LEAK_INSIDE: Category.LEAK,
    Intent.LEAK_STREET: Category.LEAK,
    Intent.MANHOLE_COVER: Category.LEAK,
    Intent.COLD_ROOM: Category.COLD_ROOM,
    Intent.NO_HEAT: Category.COLD_ROOM,
    Intent.VALVE_NOT_OPENED: Category.COLD_ROOM,
    Intent.VALVE_DAMAGED: Category.COLD_ROOM,
    Intent.ASK_SEASON: Category.COLD_ROOM,
    Intent.TEMPERATURE_TEST: Category.TEMPERATURE_TEST,
    Intent.ASK_BUTLER: Category.BILLING,
    Intent.LEAK_ADVICE: Category.BILLING,  # answered like every question about who does and pays what
    Intent.OUT_OF_SCOPE: Category.OUT_OF_SCOPE,
    Intent.GAS_SMELL: Category.OUT_OF_SCOPE,
    Intent.COMPLAINT: Category.COMPLAINT,
    Intent.SUGGESTION: Category.COMPLAINT,
}


def category_of(intent: Intent) -> Category:
    """The one category an intent belongs to: billing for every `bill_*`, dialogue for whatever is no matter of its own."""
    if intent.startswith("bill_"):
        return Category.BILLING
    return _CATEGORY_BY_INTENT.get(intent, Category.DIALOGUE)


#: Leak inside, street or shaft, manhole cover: a human hears of it within ten minutes (STANDARD G7e, F14-F16).
EMERGENCIES = frozenset({Intent.LEAK_INSIDE, Intent.LEAK_STREET, Intent.MANHOLE_COVER})


class EntityKind(StrEnum):
    """What can be picked out of an utterance."""

    COMMUNITY = "community"  # value: the community's id as text; only from the company's own list
    BUILDING = "building"  # value: Arabic digits, letters kept: "3", "A3"
    UNIT = "unit"
    ROOM = "room"  # flat number: "501"
    TIME = "time"  # value: as said; `bot.entities.resolve_time` makes an interval of it
    PHONE = "phone"  # value: digits only
    TEMPERATURE = "temperature"  # value: degrees Celsius, "14" or "15.5"
    PLACE_AT_HOME = "place_at_home"  # kitchen, north bedroom: as said
    PART = "part"  # radiator, floor_heating, riser, valve, manifold, joint, pipe
    OTHER_UNIT = "other_unit"  # electricity, gas, water, property, government: a row of data/directory.yml


@dataclass(frozen=True, slots=True)
class Entity:
    """One thing said. `start`/`end` index the normalised text of the understanding; `score` 0..1 (1 = exact)."""

    kind: EntityKind
    value: str
    text: str
    start: int
    end: int
    score: float = 1.0


class Source(StrEnum):
    """Who decided the intent."""

    DANGER_WORDS = "danger_words"
    MODEL = "model"
    CHOICE = "choice"  # a key or a quick reply: nothing to guess
    NOBODY = "nobody"  # empty, unusable, or the server did not answer


@dataclass(frozen=True, slots=True)
class Understanding:
    """One utterance, understood once and stored with the turn."""

    text: str
    intent: Intent
    confidence: float
    emergency: bool
    entities: tuple[Entity, ...] = ()
    source: Source = Source.MODEL
    runner_up: Intent | None = None
    model_available: bool = True
    #: True when danger is possible but not certain: ask once, a second unsure answer counts as yes.
    perhaps_emergency: bool = False
    #: Only the model suspects it, no word was heard: too little to interrupt an answer that was asked for.
    suspected_by_model_only: bool = False

    @property
    def category(self) -> Category:
        return category_of(self.intent)

    def first(self, kind: EntityKind) -> Entity | None:
        """The first entity of a kind, or None."""
        return next((e for e in self.entities if e.kind is kind), None)


@dataclass(frozen=True, slots=True)
class CommunityName:
    """A community as residents may call it."""

    community_id: int
    name: str
    aliases: tuple[str, ...] = ()
