"""What the policy is told of visits and of the time of the year: free times, agreed ones, kinds that are not taken now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from dialogue.facts import OpenCase, Slot
from dialogue.ports import DialogueTx
from dialogue.script_book import Both
from dialogue.state import DialogueState
from dialogue.wording import Wording
from fulfillment.appointments import free_slots, slots_at
from fulfillment.standard import Standard
from fulfillment.ticket import Address, Ticket
from kernel.clock import local


@dataclass(frozen=True, slots=True)
class VisitFacts:
    """Read in the transaction of a turn."""

    tx: DialogueTx
    standard: Standard
    wording: Wording
    now: datetime

    def cases(self, tickets: Sequence[Ticket]) -> tuple[OpenCase, ...]:
        """Open ones; where there are several, with the words that tell them apart."""
        apart = len(tickets) > 1
        homes = {(t.address.community_id, t.address.building, t.address.unit, t.address.room) for t in tickets}
        return tuple(
            OpenCase(
                t.id,
                t.kind,
                t.number,
                t.address,
                self.wording.case(t, self.now, with_address=len(homes) > 1) if apart else Both("", ""),
                self.agreed(t),
            )
            for t in tickets
        )

    def agreed(self, ticket: Ticket) -> Both | None:
        """The time of a visit that is agreed for it, in words."""
        if ticket.kind not in self.standard.visit.appointments.kinds:
            return None
        agreed = self.tx.appointment_of(ticket.id)
        return self.wording.when(agreed.starts_at, self.now) if agreed is not None else None

    def slots(
        self, state: DialogueState, kinds: frozenset[str], where: Address, cases: Sequence[OpenCase]
    ) -> tuple[Slot, ...]:
        """Free times of whoever has the case, or would get it; looked up only where such a case is talked about.

        `kinds`: what this turn may be about. `where`: the home it is about, as far as it is known.
        """
        rules = self.standard.visit.appointments
        known = next((c.id for c in reversed(cases) if c.kind in rules.kinds), None)
        meant = state.visit_ticket_id if state.visit_ticket_id is not None else known
        free: Sequence[datetime] = ()
        if state.matter in rules.kinds:
            free = slots_at(self.tx, where, rules, self.now)
        elif meant is not None:
            free = free_slots(self.tx, self.tx.ticket(meant), rules, self.now)
        elif kinds & set(rules.kinds):
            free = slots_at(self.tx, where, rules, self.now)
        return tuple(Slot(at.astimezone(UTC), self.wording.when(at, self.now)) for at in free)

    def within(self, said: tuple[datetime, datetime] | None, slots: Sequence[Slot]) -> tuple[Slot, ...]:
        """Those of them in the interval that was said."""
        return tuple(slot for slot in slots if said is not None and said[0] <= slot.at < said[1])

    def beside(self, said: tuple[datetime, datetime] | None) -> Both | None:
        """The visiting hours in words, if the time that was said lies beside them (H3)."""
        rules = self.standard.visit.visiting_hours
        return None if said is None or rules.has(*said) else self.wording.spans(rules.hours)

    def not_accepted(self) -> Mapping[str, tuple[str, str]]:
        """Kinds that are taken at another time of the year (F3), with its first and last day."""
        today = local(self.now).date()
        seasons = {
            k.key: k.accepted for k in self.standard.kinds.values() if k.accepted and not k.is_accepted_on(today)
        }
        day = self.wording.month_day
        return {key: (day(first), day(last)) for key, (first, last) in seasons.items()}
