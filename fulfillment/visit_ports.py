"""What visits need of a transaction. A part of fulfillment.ports.FulfillmentTx."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from fulfillment.appointment import Appointment
from fulfillment.ticket import Ticket
from fulfillment.visit import Visit, VisitPicture


class VisitTx(Protocol):
    """Rows of visits and of the pictures that were taken on them."""

    def add_visit(self, visit: Visit) -> Visit:
        """Stores a visit whose id is 0. One open visit per ticket: a second add returns the first."""
        ...

    def save_visit(self, visit: Visit) -> Visit:
        """Writes all fields if the stored rev equals visit.rev; returns it with rev + 1. Raises Conflict otherwise."""
        ...

    def visits(self, ticket_id: int) -> Sequence[Visit]:
        """Oldest first."""
        ...

    def add_appointment(self, appointment: Appointment) -> Appointment | None:
        """Stores one whose id is 0. None if this time of this person, or of this ticket, is booked already."""
        ...

    def appointments(self, staff_id: int, since: datetime) -> Sequence[Appointment]:
        """Booked, of one person, from then on, oldest first."""
        ...

    def appointment_of(self, ticket_id: int) -> Appointment | None:
        """The booked one."""
        ...

    def free_appointment(self, ticket_id: int) -> None:
        """Its booked time is somebody else's to take."""
        ...

    def tickets_at_home(self, household_id: int, since: datetime) -> Sequence[Ticket]:
        """Of one home, in any state, opened since then; newest first, at most 50."""
        ...

    def add_visit_picture(self, picture: VisitPicture) -> bool:
        """False if one with this id is stored: twice is the same as once."""
        ...

    def visit_picture(self, picture_id: str) -> VisitPicture:
        """Raises NotFound."""
        ...

    def visit_pictures(self, ticket_id: int) -> Sequence[VisitPicture]:
        """Of all its visits, oldest first."""
        ...

    def visit_photographs_before(self, before: datetime, limit: int = 100) -> Sequence[VisitPicture]:
        """Signatures are not among them: the signed record is kept (K6, N14)."""
        ...

    def forget_visit_picture(self, picture_id: str) -> None: ...
