"""Is it the household itself that asks? Card number and name against the register, wrong entries counted in the database.

Spoken names are compared by their sound, written ones sign by sign. The counts of who asks and of the card are raised
before anything is compared, and lowered again when it was right: their rows are locked until the turn is stored, so
many conversations at the same instant have no more tries than one after the other.
"""

import hashlib
from datetime import datetime

from bot.normalise import normalise
from bot.sounds import syllables_of
from dialogue.conversation import Channel, Conversation
from dialogue.decision import Claim
from dialogue.ports import DialogueTx
from fulfillment.company import Household
from fulfillment.identity import Identified, IdentityRules
from kernel.clock import local


def identify(
    tx: DialogueTx, conversation: Conversation, claim: Claim, rules: IdentityRules, now: datetime
) -> tuple[Identified, Household | None]:
    """The household only with RIGHT. In a write transaction; the day is that of Asia/Shanghai."""
    day = local(now).date()
    card = hashlib.sha256(claim.card.encode()).hexdigest()  # what is typed here may be any number of a person
    limits = {f"who {_who(conversation)}": rules.tries_a_day, f"card {card}": rules.tries_a_day_of_a_card}
    counts = {subject: tx.count_identity_try(subject, day, 1) for subject in limits}
    if claim.tried >= rules.tries or any(counts[subject] > limit for subject, limit in limits.items()):
        return Identified.REFUSED, None
    home = tx.household_by_card(claim.card)
    if home is not None and _fits(claim.name, home.name, rules, by_sound=conversation.channel is Channel.PHONE):
        for subject in limits:
            tx.count_identity_try(subject, day, -1)
        return Identified.RIGHT, home
    is_last = claim.tried + 1 >= rules.tries or any(counts[subject] >= limit for subject, limit in limits.items())
    return (Identified.REFUSED if is_last else Identified.WRONG), None


def _who(conversation: Conversation) -> str:
    """The telephone; of a chat the visitor, whose chats are numbered; all withheld numbers together."""
    if conversation.peer or conversation.channel is Channel.PHONE:
        return conversation.peer
    return conversation.external_id.rpartition("-")[0] or conversation.external_id


def _fits(said: str, name: str, rules: IdentityRules, *, by_sound: bool) -> bool:
    one, other = normalise(said).text, normalise(name).text
    if by_sound:
        return rules.is_part_of(syllables_of(one), syllables_of(other))
    return rules.is_part_of(one, other)
