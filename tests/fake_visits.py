"""fulfillment.visit_ports.VisitTx in memory: the part of tests/fakes.py about visits."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from fulfillment.ticket import Ticket
from fulfillment.visit import PictureKind, Visit, VisitPicture, VisitState
from kernel.errors import Conflict, NotFound


@dataclass
class VisitTables:
    """Copied as a whole with the other tables."""

    visits: dict[int, Visit] = field(default_factory=dict)
    pictures: dict[str, VisitPicture] = field(default_factory=dict)

    def copy(self) -> "VisitTables":
        return VisitTables(dict(self.visits), dict(self.pictures))


class FakeVisitTx:
    """Mixed into FakeTx, whose tables these are."""

    _t: Any

    def _writing(self) -> Any:
        raise NotImplementedError  # FakeTx's own

    def add_visit(self, visit: Visit) -> Visit:
        assert visit.id == 0
        for known in self._t.of_visits.visits.values():
            if known.ticket_id == visit.ticket_id and known.state is visit.state is VisitState.OPEN:
                return known  # type: ignore[no-any-return]  # tables are Any here
        stored = replace(visit, id=len(self._t.of_visits.visits) + 1)
        self._writing().of_visits.visits[stored.id] = stored
        return stored

    def save_visit(self, visit: Visit) -> Visit:
        if self._t.of_visits.visits[visit.id].rev != visit.rev:
            raise Conflict(f"visit {visit.id} has changed")
        saved = replace(visit, rev=visit.rev + 1)
        self._writing().of_visits.visits[visit.id] = saved
        return saved

    def visits(self, ticket_id: int) -> Sequence[Visit]:
        return [v for v in self._t.of_visits.visits.values() if v.ticket_id == ticket_id]

    def tickets_at_home(self, household_id: int, since: datetime) -> Sequence[Ticket]:
        found = [t for t in self._t.tickets.values() if t.household_id == household_id and t.opened_at >= since]
        return sorted(found, key=lambda t: (t.opened_at, t.id), reverse=True)[:50]

    def add_visit_picture(self, picture: VisitPicture) -> bool:
        new = picture.id not in self._t.of_visits.pictures
        if new:
            self._writing().of_visits.pictures[picture.id] = picture
        return new

    def visit_picture(self, picture_id: str) -> VisitPicture:
        found: VisitPicture | None = self._t.of_visits.pictures.get(picture_id)
        if found is None:
            raise NotFound(picture_id)
        return found

    def visit_pictures(self, ticket_id: int) -> Sequence[VisitPicture]:
        return self._oldest_first([p for p in self._t.of_visits.pictures.values() if p.ticket_id == ticket_id])

    def visit_photographs_before(self, before: datetime, limit: int = 100) -> Sequence[VisitPicture]:
        taken = [p for p in self._t.of_visits.pictures.values() if p.kind is PictureKind.PHOTOGRAPH]
        return self._oldest_first([p for p in taken if p.made_at < before])[:limit]

    def forget_visit_picture(self, picture_id: str) -> None:
        self._writing().of_visits.pictures.pop(picture_id, None)

    @staticmethod
    def _oldest_first(pictures: list[VisitPicture]) -> list[VisitPicture]:
        return sorted(pictures, key=lambda p: (p.made_at, p.id))
