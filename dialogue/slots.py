"""Which times of a visit are offered (F11, G9): two or three of the free ones, near what the resident said. Pure."""

from collections.abc import Sequence
from itertools import groupby

from dialogue.conversation import QuickReply
from dialogue.decision import Decision
from dialogue.draft import Draft
from dialogue.facts import Slot
from dialogue.options import HUMAN
from kernel.clock import local

#: So many are offered at once: more cannot be kept in mind on the telephone.
OFFERED = 3
_NOON = 12


class Slots(Draft):
    """Draft that offers times."""

    @property
    def slot_chosen(self) -> Slot | None:
        """The chosen time, as long as it is free."""
        return self.free_slot(self.state.slot)

    def free_slot(self, key: str) -> Slot | None:
        return next((s for s in self.facts.slots if s.key == key), None)

    def gets_slot(self, kind: str) -> bool:
        return kind in self.facts.slot_kinds and bool(self.facts.slots)

    def to_offer(self) -> Sequence[Slot]:
        """Those of the time he spoke of; otherwise the first of each of the next half-days, so that there is a choice."""
        if self.facts.wished:
            return self.facts.wished[:OFFERED]
        halves = groupby(self.facts.slots, key=lambda s: (local(s.at).date(), local(s.at).hour < _NOON))
        spread = [next(slots) for _, slots in halves]
        return (spread if len(spread) >= OFFERED else self.facts.slots)[:OFFERED]

    def ask_slot(self, reason: str) -> Decision:
        """By key, by button, or in words ("tomorrow at nine", "the second one")."""
        offered = self.to_offer()
        options = tuple(QuickReply(f"slot:{s.key}", s.words.chat, str(n)) for n, s in enumerate(offered, 1))
        return self.ask("slot", reason, options=(*options, HUMAN), choices=[s.words for s in offered])
