"""A supervisor chooses profiles, from a day on. Tickets keep what held when they were opened (fulfillment.case)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from typing import Protocol

from fulfillment.ports import FulfillmentStore
from fulfillment.profile import ProfileChoice, in_force
from kernel.clock import BEIJING, Clock, local
from kernel.errors import BadInput, Conflict


class Offer(Protocol):
    """What the tables offer (fulfillment.standard.Standard)."""

    @property
    def profiles(self) -> Mapping[str, str]:
        """Theme → what holds as long as nobody has chosen."""
        ...

    @property
    def choices(self) -> Mapping[str, tuple[str, ...]]:
        """Theme → what can be chosen."""
        ...


@dataclass(frozen=True, slots=True)
class Profiles:
    """What a supervisor does with them. Every method is the same twice as once."""

    store: FulfillmentStore
    standard: Offer
    clock: Clock

    def choose(self, theme: str, choice: str, on: date, *, by: str) -> ProfileChoice | None:
        """From the beginning of a local day on, today from this instant on: what was promised before is not touched.

        None: it holds then anyway. Raises BadInput for a theme or choice that no table knows, and for a day that is over.
        """
        if choice not in self.standard.choices.get(theme, ()):
            raise BadInput(f"there is no profile {theme}.{choice}")
        now = self.clock.now()
        if on < local(now).date():
            raise BadInput("what was promised before cannot be changed")
        from_at = max(now, datetime.combine(on, time(), BEIJING).astimezone(UTC))
        with self.store.write() as tx:
            then = in_force(tx.profile_choices(), from_at)
            if then.get(theme, self.standard.profiles[theme]) == choice:
                return None
            return tx.add_profile_choice(ProfileChoice(0, theme, choice, from_at, now, by))

    def withdraw(self, choice_id: int, *, by: str) -> ProfileChoice:
        """It will not come into force. Raises NotFound; Conflict if it holds already: another choice ends it."""
        now = self.clock.now()
        with self.store.write() as tx:
            known = tx.profile_choice(choice_id, for_update=True)
            if known.withdrawn_at is not None:
                return known
            if known.from_at <= now:
                raise Conflict(f"profile choice {choice_id} holds since {known.from_at.isoformat()}")
            withdrawn = replace(known, withdrawn_at=now, withdrawn_by=by)
            tx.save_profile_choice(withdrawn)
            return withdrawn
