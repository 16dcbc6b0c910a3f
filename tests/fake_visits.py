"""fulfillment.visit_ports.VisitTx in memory: the part of tests/fakes.py about visits."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from fulfillment.appointment import Appointment, AppointmentState
from fulfillment.ticket import Ticket
from fulfillment.visit import PictureKind, Visit, VisitPicture, VisitState
from kernel.errors import Conflict, NotFound


@dataclass
class VisitTables:
    """Copied as a whole with the other tables."""

    visits: dict[int, Visit] = field(default_factory=dict)
    pictures: dict[str, VisitPicture] = field(default_factory=dict)
    appointments: dict[int, Appointment] = field(default_factory=dict)

    def copy(self) -> "VisitTables":
        return VisitTables(dict(self.visits), dict(self.pictures), dict(self.appointments))


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

    def add_appointment(self, appointment: Appointment) -> Appointment | None:
        assert appointment.id == 0
        for known in self._booked():
            same_slot = (known.staff_id, known.starts_at) == (appointment.staff_id, appointment.starts_at)
            if same_slot or known.ticket_id == appointment.ticket_id:
                return None
        stored = replace(appointment, id=len(self._t.of_visits.appointments) + 1)
        self._writing().of_visits.appointments[stored.id] = stored
        return stored

    def appointments(self, staff_id: int, since: datetime) -> Sequence[Appointment]:
        found = [a for a in self._booked() if a.staff_id == staff_id and a.starts_at >= since]
        return sorted(found, key=lambda a: a.starts_at)

    def appointment_of(self, ticket_id: int) -> Appointment | None:
        return next((a for a in self._booked() if a.ticket_id == ticket_id), None)

    def free_appointment(self, ticket_id: int) -> None:
        for known in self._booked():
            if known.ticket_id == ticket_id:
                freed = replace(known, state=AppointmentState.FREED)
                self._writing().of_visits.appointments[known.id] = freed

    def _booked(self) -> list[Appointment]:
        return [a for a in self._t.of_visits.appointments.values() if a.state is AppointmentState.BOOKED]

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
