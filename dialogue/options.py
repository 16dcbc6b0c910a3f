"""Keys and buttons: what is offered, and what a pressed key or a tapped button means. Nothing to guess, so no model. Pure."""

import re
from collections.abc import Sequence

from bot.understanding import EMERGENCIES, Entity, EntityKind, Intent, Source, Understanding
from dialogue.conversation import QuickReply

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

_ONLY_DIGITS = re.compile(r"\d{7,}")


def understand_choice(choice: str, text: str) -> Understanding:
    """A key or a tapped button: nothing to guess. Unknown choices are understood as nothing."""
    intent, entities = Intent.FALLBACK, ()
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
    return Understanding(text, intent, 1.0, emergency=intent in EMERGENCIES, source=Source.CHOICE, entities=entities)


def understand_digits(digits: str, options: Sequence[QuickReply]) -> tuple[Understanding, str]:
    """A keypad entry: an option of the last reply, a telephone number, or 0 for a person. Also returns the choice."""
    for option in options:
        if option.digit and option.digit == digits:
            return understand_choice(option.choice, ""), option.choice
    if digits == "0":
        return understand_choice("human", ""), "human"
    if _ONLY_DIGITS.fullmatch(digits):
        phone = Entity(EntityKind.PHONE, digits, digits, 0, len(digits))
        return Understanding(digits, Intent.INFORM, 1.0, emergency=False, source=Source.CHOICE, entities=(phone,)), ""
    return Understanding(digits, Intent.FALLBACK, 1.0, emergency=False, source=Source.CHOICE), ""
