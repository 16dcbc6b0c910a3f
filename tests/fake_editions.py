"""fulfillment.edition_ports.EditionTx in memory: the part of tests/fakes.py about editions and absences."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from fulfillment.company import Absence
from fulfillment.edition import Edition
from kernel.errors import NotFound


@dataclass
class EditionTables:
    """Copied as a whole with the other tables."""

    editions: dict[int, Edition] = field(default_factory=dict)
    absences: dict[int, Absence] = field(default_factory=dict)

    def copy(self) -> "EditionTables":
        return EditionTables(dict(self.editions), dict(self.absences))


class FakeEditionTx:
    """Mixed into FakeTx, whose tables these are."""

    _t: Any

    def _writing(self) -> Any:
        raise NotImplementedError  # FakeTx's own

    def count_editions(self) -> int:
        return len(self._t.of_editions.editions)

    def editions(self, part: str = "") -> Sequence[Edition]:
        return [one for one in self._t.of_editions.editions.values() if part in ("", one.part)]

    def add_edition(self, edition: Edition) -> Edition:
        assert edition.id == 0
        stored = replace(edition, id=len(self._t.of_editions.editions) + 1)
        self._writing().of_editions.editions[stored.id] = stored
        return stored

    def absences(self, since: datetime) -> Sequence[Absence]:
        known = self._t.of_editions.absences.values()
        found = [a for a in known if a.until_at > since and a.cancelled_at is None]
        return sorted(found, key=lambda a: (a.from_at, a.id))

    def absence(self, absence_id: int, *, for_update: bool = False) -> Absence:
        if for_update:
            self._writing()
        found: Absence | None = self._t.of_editions.absences.get(absence_id)
        if found is None:
            raise NotFound(f"absence {absence_id}")
        return found

    def add_absence(self, absence: Absence) -> Absence:
        assert absence.id == 0
        stored = replace(absence, id=len(self._t.of_editions.absences) + 1)
        self._writing().of_editions.absences[stored.id] = stored
        return stored

    def save_absence(self, absence: Absence) -> None:
        self.absence(absence.id)
        self._writing().of_editions.absences[absence.id] = absence
