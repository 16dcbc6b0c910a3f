"""Every question the bot asks: its words, its keys and buttons, and what counts as an answer. Pure tables."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from bot.understanding import Entity, EntityKind, Intent, Understanding
from dialogue.conversation import Expect, QuickReply
from dialogue.options import CALLBACK, FEE_MENU, GO_ON, HUMAN, MENU, MORE, NO, NO_CARD, YES, part_of_address
from dialogue.state import ADDRESS_KINDS, DialogueState


@dataclass(frozen=True, slots=True)
class Question:
    """A question by name (`DialogueState.asked`)."""

    script: str
    again: str = ""  # in other words, when it is asked a second time in a row; "" = the same words will do
    options: tuple[QuickReply, ...] = (HUMAN,)
    expect: Expect = Expect.ANYTHING
    answered_by: frozenset[EntityKind] = frozenset()
    free_text: bool = False  # any words are its answer
    optional: bool = False  # asked at most once; whatever is answered is taken, nothing is insisted on


def _yes_no(script: str, *, about_address: bool = False, human: bool = True) -> Question:
    options = (YES, NO, HUMAN) if human else (YES, NO)
    kinds = ADDRESS_KINDS if about_address else frozenset[EntityKind]()
    return Question(script, options=options, expect=Expect.YES_NO, answered_by=kinds)


def _address(script: str, again: str = "") -> Question:
    return Question(script, again=again, expect=Expect.ADDRESS, answered_by=ADDRESS_KINDS)


def _number(script: str) -> Question:
    return Question(script, expect=Expect.NUMBER, answered_by=ADDRESS_KINDS)


_PARTS = (QuickReply("text", "words.radiator"), QuickReply("text", "words.floor_heating"))

QUESTIONS: Mapping[str, Question] = {
    "leak": _yes_no("safety.is_it_a_leak"),
    "still": _yes_no("safety.is_there_still_danger"),
    "home": _yes_no("ask.is_this_home", about_address=True),
    "which_home": _address("ask.which_home"),
    "address": _address("ask.address"),
    "place": _address("ask.place_street"),
    "community": _address("ask.which_community"),
    "key_building": _number("ask.key_building"),
    "key_unit": _number("ask.key_unit"),
    "key_room": _number("ask.key_room"),
    "contact_phone": Question(
        "ask.contact_phone", again="ask.contact_phone_again", expect=Expect.PHONE, answered_by=frozenset({EntityKind.PHONE})
    ),
    "card": Question("ask.card", again="ask.card_again", options=(NO_CARD, HUMAN), expect=Expect.CARD),
    "owner": Question("ask.owner", again="ask.owner_again"),
    "contact_name": Question("ask.contact_name", free_text=True, optional=True),
    "part": Question("ask.part", options=_PARTS, answered_by=frozenset({EntityKind.PART}), optional=True),
    "temperature": Question("ask.temperature", answered_by=frozenset({EntityKind.TEMPERATURE}), optional=True),
    "slot": Question("ask.slot", answered_by=frozenset({EntityKind.TIME}), optional=True),
    "call_off": _yes_no("ask.call_off_visit"),
    "visit_time": Question("ask.visit_time", answered_by=frozenset({EntityKind.TIME}), optional=True),
    "what_happened": Question("ask.what_happened", again="ask.what_happened_again", free_text=True),
    "told": Question("staff.told", free_text=True, optional=True),
    "read_back": replace(_yes_no("ask.read_back", about_address=True), again="ask.read_back_again"),
    "what_is_wrong": Question("ask.what_is_wrong", free_text=True, answered_by=ADDRESS_KINDS),
    "mean": _yes_no("hearing.did_you_mean"),
    "which_kind": Question("ask.which_kind"),
    "which_case": replace(_address("ask.which_case"), expect=Expect.ANYTHING),
    "offer": _yes_no("ask.offer_ticket"),
    "coordinate": _yes_no("scope.offer_coordination", human=False),
    "person": _yes_no("hearing.explain_by_person"),
    "more": Question("greeting.anything_else", options=MORE),
    "menu": Question("hearing.which_matter", options=MENU, expect=Expect.MENU),
    "fee_menu": Question("hearing.which_fee", options=FEE_MENU, expect=Expect.MENU),
    "what_now": Question("hearing.what_now", options=(GO_ON, CALLBACK, HUMAN), expect=Expect.MENU),
}  # fmt: skip

#: The same question with keys, told when speech has failed twice. An address is asked step by step instead.
KEY_HINTS: Mapping[Expect, str] = {Expect.YES_NO: "hearing.keys_yes_no", Expect.PHONE: "hearing.keys_phone"}


def expect_of(asked: str) -> Expect:
    return QUESTIONS[asked].expect if asked in QUESTIONS else Expect.ANYTHING


def is_about_address(asked: str) -> bool:
    return asked in QUESTIONS and QUESTIONS[asked].answered_by >= ADDRESS_KINDS


#: "18" is degrees where degrees were asked for.
_DEGREES = 2


def number_in_answer(heard: Understanding, number: str, state: DialogueState) -> Understanding:
    """An utterance that is a number and no more means what was asked for: a building, a room, degrees; never a room else."""
    question = QUESTIONS.get(state.asked)
    if question is None or not number:
        return heard
    kind = EntityKind.TEMPERATURE if state.asked == "temperature" else part_of_address(number, state)
    if kind is EntityKind.TEMPERATURE and len(number) > _DEGREES:
        kind = None
    if kind is not None and not (kind in ADDRESS_KINDS and heard.entities):
        entity = Entity(kind, number, heard.text, 0, len(heard.text))
        return replace(heard, intent=Intent.INFORM, confidence=1.0, entities=(entity,))
    if EntityKind.ROOM in question.answered_by:
        return heard
    return replace(heard, entities=tuple(e for e in heard.entities if e.kind is not EntityKind.ROOM))
