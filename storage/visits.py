"""Visits and their pictures, as rows."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, delete, select, update

from fulfillment.appointment import Appointment, AppointmentState
from fulfillment.ticket import Ticket
from fulfillment.visit import (
    Material,
    PictureKind,
    Reading,
    Responsibility,
    TemperatureRecord,
    Visit,
    VisitPicture,
    VisitState,
)
from kernel.errors import Conflict, NotFound
from storage import schema
from storage.rows import Rows, values_of
from storage.tickets import ticket_of


class VisitRows(Rows):
    """fulfillment.visit_ports.VisitTx."""

    def add_visit(self, visit: Visit) -> Visit:
        columns = schema.visit.c
        new = self._insert(schema.visit).values(_columns(visit, "id")).on_conflict_do_nothing()
        row = self._write_returning(new.returning(schema.visit)) or self._first(
            select(schema.visit).where(columns.ticket_id == visit.ticket_id, columns.state == VisitState.OPEN)
        )
        if row is None:
            raise AssertionError("an open visit that conflicts exists in the same transaction")
        return _visit(row)

    def save_visit(self, visit: Visit) -> Visit:
        columns = schema.visit.c
        saved = replace(visit, rev=visit.rev + 1)
        known = (columns.id == visit.id) & (columns.rev == visit.rev)
        if not self._write(update(schema.visit).where(known).values(_columns(saved, "id"))):
            raise Conflict(f"visit {visit.id} has changed since revision {visit.rev}")
        return saved

    def visits(self, ticket_id: int) -> Sequence[Visit]:
        columns = schema.visit.c
        found = select(schema.visit).where(columns.ticket_id == ticket_id).order_by(columns.id)
        return [_visit(row) for row in self._all(found)]

    def add_appointment(self, appointment: Appointment) -> Appointment | None:
        new = self._insert(schema.appointment).values(values_of(appointment, "id")).on_conflict_do_nothing()
        row = self._write_returning(new.returning(schema.appointment))
        return Appointment(**row) if row else None

    def appointments(self, staff_id: int, since: datetime) -> Sequence[Appointment]:
        columns = schema.appointment.c
        booked = select(schema.appointment).where(columns.staff_id == staff_id, schema.IS_BOOKED)
        found = booked.where(columns.starts_at >= since).order_by(columns.starts_at)
        return [Appointment(**row) for row in self._all(found)]

    def appointment_of(self, ticket_id: int) -> Appointment | None:
        columns = schema.appointment.c
        row = self._first(select(schema.appointment).where(columns.ticket_id == ticket_id, schema.IS_BOOKED))
        return Appointment(**row) if row else None

    def free_appointment(self, ticket_id: int) -> None:
        booked = (schema.appointment.c.ticket_id == ticket_id) & schema.IS_BOOKED
        self._write(update(schema.appointment).where(booked).values(state=AppointmentState.FREED))

    def tickets_at_home(self, household_id: int, since: datetime) -> Sequence[Ticket]:
        columns = schema.ticket.c
        found = select(schema.ticket).where(columns.household_id == household_id, columns.opened_at >= since)
        return [
            ticket_of(row) for row in self._all(found.order_by(columns.opened_at.desc(), columns.id.desc()).limit(50))
        ]

    def add_visit_picture(self, picture: VisitPicture) -> bool:
        new = self._insert(schema.visit_picture).values(values_of(picture))
        return self._write(new.on_conflict_do_nothing(index_elements=["id"])) > 0

    def visit_picture(self, picture_id: str) -> VisitPicture:
        row = self._first(select(schema.visit_picture).where(schema.visit_picture.c.id == picture_id))
        if row is None:
            raise NotFound(f"no picture {picture_id}")
        return VisitPicture(**row)

    def visit_pictures(self, ticket_id: int) -> Sequence[VisitPicture]:
        columns = schema.visit_picture.c
        found = select(schema.visit_picture).where(columns.ticket_id == ticket_id).order_by(columns.made_at, columns.id)
        return [VisitPicture(**row) for row in self._all(found)]

    def visit_photographs_before(self, before: datetime, limit: int = 100) -> Sequence[VisitPicture]:
        columns = schema.visit_picture.c
        old = select(schema.visit_picture).where(columns.made_at < before, columns.kind == PictureKind.PHOTOGRAPH)
        old = old.order_by(columns.made_at, columns.id).limit(limit)
        return [VisitPicture(**row) for row in self._all(old)]

    def forget_visit_picture(self, picture_id: str) -> None:
        self._write(delete(schema.visit_picture).where(schema.visit_picture.c.id == picture_id))


def _columns(visit: Visit, *leave_out: str) -> dict[str, Any]:
    """Lists are kept as JSON: they are read with their visit and never alone."""
    lists = {"checks": list(visit.checks), "materials": [asdict(m) for m in visit.materials]}
    whole = {
        "test": asdict(visit.test) if visit.test else None,
        "responsibility": asdict(visit.responsibility) if visit.responsibility else None,
    }
    return values_of(visit, *leave_out) | lists | whole


def _visit(row: RowMapping) -> Visit:
    lists = {"checks": tuple(row["checks"]), "materials": tuple(Material(**m) for m in row["materials"])}
    return Visit(**{**row, **lists, "test": _record(row["test"]), "responsibility": _judged(row["responsibility"])})


def _judged(known: dict[str, Any] | None) -> Responsibility | None:
    return None if known is None else Responsibility(**known)


def _record(known: dict[str, Any] | None) -> TemperatureRecord | None:
    if known is None:
        return None
    readings = tuple(Reading(**reading) for reading in known["readings"])
    return TemperatureRecord(**{**known, "readings": readings})
