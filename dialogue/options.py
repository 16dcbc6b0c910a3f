"""Keys and buttons: what is offered, and what a pressed key or a tapped button means. Nothing to guess, so no model. Pure."""

import re

from bot.understanding import EMERGENCIES, Entity, EntityKind, Intent, Source, Understanding
from dialogue.conversation import Channel, QuickReply
from dialogue.state import DialogueState

YES = QuickReply("yes", "words.yes", "1")
NO = QuickReply("no", "words.no", "2")
HUMAN = QuickReply("human", "words.menu_human", "0")
MENU = (
    QuickReply("intent:leak_inside", "words.menu_leak", "1"),
    QuickReply("intent:no_heat", "words.menu_cold", "2"),
    QuickReply("intent:temperature_test", "words.menu_temperature_test", "3"),
    QuickReply("menu:fee", "words.menu_fee", "4"),
    QuickReply("intent:complaint", "words.menu_complaint", "5"),
    HUMAN,
)
FEE_MENU = (
    QuickReply("intent:bill_pay", "words.fee_pay", "1"),
    QuickReply("intent:bill_price", "words.fee_price", "2"),
    QuickReply("intent:bill_invoice", "words.fee_invoice", "3"),
    QuickReply("intent:bill_suspend", "words.fee_suspend", "4"),
    QuickReply("intent:bill_resume", "words.fee_resume", "5"),
    HUMAN,
)
MORE = (QuickReply("no", "words.that_is_all"), HUMAN)

NO_CARD = QuickReply("text", "words.no_card")  # in the chat: as if written
NOT_THIS = QuickReply("not_this", "words.not_this")  # in the chat, under the first answer to what was understood
GO_ON = QuickReply("go_on", "words.go_on", "1")
CALLBACK = QuickReply("callback", "words.callback", "2")

_A_TELEPHONE = re.compile(r"\d{7,}")
_A_ROOM = re.compile(r"[A-Z]?\d{3,6}")
_A_NUMBER = re.compile(r"[A-Z]?\d{1,6}")
_KEYED = {"key_building": EntityKind.BUILDING, "key_unit": EntityKind.UNIT, "key_room": EntityKind.ROOM}


def number_on_card(choice: str) -> str:
    """The ticket whose card has this button (`nudge:<number>`); "" if it is another button."""
    head, _, number = choice.partition(":")
    return number if head == "nudge" else ""


def understand_choice(choice: str, text: str) -> Understanding:
    """A key or a tapped button: nothing to guess. Unknown choices are understood as nothing."""
    intent = Intent.FALLBACK
    head, _, tail = choice.partition(":")
    fixed = {"yes": Intent.AFFIRM, "no": Intent.DENY, "human": Intent.ASK_HUMAN, "nudge": Intent.TICKET_NUDGE}
    if head in fixed:
        intent = fixed[head]
    elif head == "intent" and tail in set(Intent):
        intent = Intent(tail)
    elif head == "community" and tail.isdigit():
        return Understanding(
            text, Intent.INFORM, 1.0, emergency=False, source=Source.CHOICE,
            entities=(Entity(EntityKind.COMMUNITY, tail, text, 0, len(text)),),
        )  # fmt: skip
    return Understanding(text, intent, 1.0, emergency=intent in EMERGENCIES, source=Source.CHOICE)


def understand_digits(digits: str, state: DialogueState) -> tuple[Understanding, str]:
    """A keypad entry: an option of the last reply, 0 for a person, * for "again", a telephone number, a part of the
    address while that is asked for. Also returns the choice.
    """
    for option in state.options:
        if option.digit and option.digit == digits:
            return understand_choice(option.choice, ""), option.choice
    if digits == "0":
        return understand_choice("human", ""), "human"
    if digits == "*":
        return Understanding(digits, Intent.REPEAT, 1.0, emergency=False, source=Source.CHOICE), ""
    if state.asked == "card":
        return Understanding(digits, Intent.INFORM, 1.0, emergency=False, source=Source.CHOICE), ""
    kind = EntityKind.PHONE if _A_TELEPHONE.fullmatch(digits) else part_of_address(digits, state)
    if kind is None:
        return Understanding(digits, Intent.FALLBACK, 1.0, emergency=False, source=Source.CHOICE), ""
    found = Entity(kind, digits, digits, 0, len(digits))
    return Understanding(digits, Intent.INFORM, 1.0, emergency=False, source=Source.CHOICE, entities=(found,)), ""


def part_of_address(digits: str, state: DialogueState) -> EntityKind | None:
    """Which part was meant: the one that was asked for, or the next that is missing."""
    if not _A_NUMBER.fullmatch(digits):
        return None
    if state.asked == "address" and state.slots.community_id is not None:
        if not state.slots.building:
            return EntityKind.BUILDING
        return EntityKind.ROOM if _A_ROOM.fullmatch(digits) else EntityKind.UNIT
    return _KEYED.get(state.asked)


def waiting_options(channel: Channel) -> tuple[QuickReply, ...]:
    """What whoever waits for a person may choose instead. In the chat whatever is written is kept: that is a message."""
    callback, back = QuickReply("callback", "words.callback", "1"), QuickReply("back", "words.back_to_bot", "2")
    stay, message = QuickReply("stay", "words.stay", "0"), QuickReply("message", "words.leave_message", "3")
    return (callback, back, stay, message) if channel is Channel.PHONE else (callback, stay, back)
