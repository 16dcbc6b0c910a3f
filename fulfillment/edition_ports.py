"""What the company's own editions and absences need of a transaction. A part of fulfillment.ports.FulfillmentTx."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from fulfillment.company import Absence
from fulfillment.edition import Edition


class EditionTx(Protocol):
    """Rows of editions, which are only ever added, and of absences."""

    def count_editions(self) -> int:
        """Cheap; another number says that there is something new to read. The highest id would not: on PostgreSQL a
        lower one may be committed after it.
        """
        ...

    def editions(self, part: str = "") -> Sequence[Edition]:
        """Of a part, or all, in the order in which they were made."""
        ...

    def add_edition(self, edition: Edition) -> Edition:
        """Stores one whose id is 0."""
        ...

    def absences(self, since: datetime) -> Sequence[Absence]:
        """Those that end after an instant and were not cancelled, by their beginning."""
        ...

    def absence(self, absence_id: int, *, for_update: bool = False) -> Absence:
        """Raises NotFound."""
        ...

    def add_absence(self, absence: Absence) -> Absence:
        """Stores one whose id is 0."""
        ...

    def save_absence(self, absence: Absence) -> None:
        """Raises NotFound."""
        ...
