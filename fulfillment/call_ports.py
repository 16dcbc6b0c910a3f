"""What calls to residents, and staff who call in, need of a transaction. A part of fulfillment.ports.FulfillmentTx."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from fulfillment.pin_tries import PinTry
from fulfillment.resident_calls import ResidentCall, ResidentTry


class CallTx(Protocol):
    """Rows of calls that are owed to residents with their tries, and of PINs."""

    def add_resident_call(self, call: ResidentCall) -> ResidentCall:
        """Stores a call whose id is 0. One planned call per ticket and purpose: a second add returns the first."""
        ...

    def resident_call(self, call_id: int) -> ResidentCall:
        """Raises NotFound."""
        ...

    def save_resident_call(self, call: ResidentCall) -> None: ...
    def resident_calls(self, ticket_id: int) -> Sequence[ResidentCall]:
        """Oldest first."""
        ...

    def add_resident_try(self, one: ResidentTry) -> None: ...
    def resident_try(self, try_id: str) -> ResidentTry:
        """Raises NotFound."""
        ...

    def save_resident_try(self, one: ResidentTry) -> None: ...
    def resident_tries(self, call_id: int) -> Sequence[ResidentTry]:
        """By their number."""
        ...

    def resident_sids(self, phone: str) -> frozenset[str]:
        """The carrier's ids of all calls to a resident's number that belong to a try."""
        ...

    def resident_is_rung(self, phone: str, since: datetime) -> bool:
        """A try to this number that began at `since` or later is under way."""
        ...

    def taken_callback(self, ticket_id: int) -> int | None:
        """Id of the stay in line of a callback that an operator has taken last; for `resume_wait`."""
        ...

    def tickets_of(self, staff_id: int) -> Sequence[int]:
        """Ids of the open tickets that are a person's: assigned to him, or he was told of an emergency that nobody has
        accepted. Those that nobody has accepted first, then the oldest.
        """
        ...

    def staff_pin(self, staff_id: int) -> str:
        """The hash, "" = no PIN was set."""
        ...

    def set_staff_pin(self, staff_id: int, hashed: str) -> None: ...
    def staff_with_pin(self) -> frozenset[int]:
        """Ids of those who have one."""
        ...

    def pin_try(self, key: str) -> PinTry | None: ...
    def add_pin_try(self, one: PinTry) -> None:
        """A try with the same key that is stored is kept."""
        ...

    def pin_tries(
        self, since: datetime, *, caller: str | None = None, staff_number: str | None = None
    ) -> Sequence[PinTry]:
        """Since an instant, of a calling number or at a member of staff, oldest first."""
        ...
