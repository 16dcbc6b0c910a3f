"""Which open case the resident means when he reports something again, or asks after it (催办). Pure."""

from collections.abc import Sequence

from dialogue.facts import OpenCase
from dialogue.slots import Slots
from dialogue.state import heard_address
from fulfillment.ticket import Address


class KnownCases(Slots):
    """Draft that knows open cases."""

    def known_case(self, kind: str) -> OpenCase | None:
        """The open one of the same matter and the same home; None as well while nobody knows which home he speaks of."""
        if self.tables.kinds[kind].repeatable:
            return None
        cases = [c for c in self.facts.open_cases if c.kind == kind]
        if "address" in self.tables.kinds[kind].asks:
            cases = [c for c in cases if self.is_about(c)]
        return cases[0] if cases else None

    def is_about(self, case: OpenCase) -> bool:
        """One who has two homes, or says another address, may report a second matter of the same kind."""
        here = self.here
        if here is None:
            return len(self.facts.caller_homes) <= 1 and not self.state.home_denied
        return not case.address.differs_from(here)

    @property
    def here(self) -> Address | None:
        """Where the case is, as far as he has said or confirmed it."""
        if self.state.slots.community_id is not None:
            return self.state.slots.address
        return self.home.address if self.home is not None else None

    def cases_meant(self, cases: Sequence[OpenCase]) -> Sequence[OpenCase]:
        """Of several open cases those that his words name: by what it is about, or by the address."""
        said = self.heard.text
        named = [c for c in cases if self.is_named(c.kind, said)] or cases
        if heard_address(self.heard) and self.here is not None:
            named = [c for c in named if not c.address.differs_from(self.here)] or named
        return named

    def is_named(self, kind: str, said: str) -> bool:
        kinds = self.tables.kinds
        titles = (m.title for m in self.tables.matters.values() if kind in (m.ticket, m.emergency, m.follow_up))
        return any(title in said for title in (kinds[kind].title, *kinds[kind].called, *titles))
