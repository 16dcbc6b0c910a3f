"""Calls to residents with their tries, and the PINs of staff, as rows."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import and_, case, exists, insert, or_, select, update

from fulfillment.pin_tries import PinTry
from fulfillment.resident_calls import ResidentCall, ResidentTry
from fulfillment.resident_texts import ResidentText
from fulfillment.ticket import TicketState
from fulfillment.waiting import WaitState
from kernel.errors import Conflict, NotFound
from storage import schema
from storage.company import CompanyRows
from storage.rows import values_of


class ResidentCallRows(CompanyRows):
    """The part of `dialogue.ports.DialogueTx` about calls to residents and staff who call in."""

    def add_resident_call(self, call: ResidentCall) -> ResidentCall:
        columns = schema.resident_call.c
        row = self._write_returning(
            self._insert(schema.resident_call)
            .values(values_of(call, "id"))
            .on_conflict_do_nothing(index_elements=["ticket_id", "purpose"], index_where=schema.IS_PLANNED)
            .returning(columns.id)
        )
        if row is not None:
            return replace(call, id=row["id"])
        planned = select(schema.resident_call).where(
            columns.ticket_id == call.ticket_id, columns.purpose == call.purpose, schema.IS_PLANNED
        )
        first = self._first(planned)
        if first is None:
            raise Conflict(f"the call about ticket {call.ticket_id} ended while another one was being planned")
        return ResidentCall(**first)

    def resident_call(self, call_id: int) -> ResidentCall:
        return ResidentCall(**self._by_id(schema.resident_call, call_id))

    def save_resident_call(self, call: ResidentCall) -> None:
        columns = schema.resident_call.c
        if not self._write(update(schema.resident_call).where(columns.id == call.id).values(values_of(call, "id"))):
            raise NotFound(f"no resident_call {call.id}")

    def resident_calls(self, ticket_id: int) -> Sequence[ResidentCall]:
        columns = schema.resident_call.c
        found = select(schema.resident_call).where(columns.ticket_id == ticket_id).order_by(columns.id)
        return [ResidentCall(**row) for row in self._all(found)]

    def add_resident_try(self, one: ResidentTry) -> None:
        self._write(insert(schema.resident_try).values(values_of(one)))

    def resident_try(self, try_id: str) -> ResidentTry:
        return ResidentTry(**self._by_id(schema.resident_try, try_id))

    def save_resident_try(self, one: ResidentTry) -> None:
        columns = schema.resident_try.c
        if not self._write(update(schema.resident_try).where(columns.id == one.id).values(values_of(one))):
            raise NotFound(f"no resident_try {one.id}")

    def resident_tries(self, call_id: int) -> Sequence[ResidentTry]:
        columns = schema.resident_try.c
        found = select(schema.resident_try).where(columns.call_id == call_id).order_by(columns.n)
        return [ResidentTry(**row) for row in self._all(found)]

    def resident_sids(self, phone: str) -> frozenset[str]:
        columns = schema.resident_try.c
        rows = self._all(select(columns.provider_sid).where(columns.phone == phone))
        return frozenset(row["provider_sid"] for row in rows if row["provider_sid"])

    def resident_is_rung(self, phone: str, since: datetime) -> bool:
        columns = schema.resident_try.c
        under_way = select(columns.id).where(
            columns.phone == phone, columns.finished_at.is_(None), columns.started_at >= since
        )
        return self._first(under_way.limit(1)) is not None

    def taken_callback(self, ticket_id: int) -> int | None:
        columns = schema.wait.c
        taken = select(columns.id).where(columns.ticket_id == ticket_id, columns.state == WaitState.TAKEN)
        row = self._first(taken.order_by(columns.id.desc()).limit(1))
        return row["id"] if row else None

    def tickets_of(self, staff_id: int) -> Sequence[int]:
        columns = schema.ticket.c
        unaccepted = and_(columns.emergency, columns.state == TicketState.NEW)
        told = exists().where(schema.attempt.c.ticket_id == columns.id, schema.attempt.c.staff_id == staff_id)
        his = or_(columns.assignee_id == staff_id, and_(unaccepted, told))
        order = (case((unaccepted, 0), else_=1), columns.opened_at, columns.id)
        return [row["id"] for row in self._all(select(columns.id).where(schema.IS_OPEN, his).order_by(*order))]

    def add_resident_text(self, text: ResidentText) -> ResidentText:
        new = (
            self._insert(schema.resident_text)
            .values(values_of(text, "id"))
            .on_conflict_do_nothing(index_elements=["key"])
        )
        row = self._write_returning(new.returning(schema.resident_text)) or self._first(
            select(schema.resident_text).where(schema.resident_text.c.key == text.key)
        )
        if row is None:
            raise AssertionError("a text that conflicts exists")
        return ResidentText(**row)

    def resident_text(self, text_id: int) -> ResidentText:
        return ResidentText(**self._by_id(schema.resident_text, text_id))

    def save_resident_text(self, text: ResidentText) -> None:
        columns = schema.resident_text.c
        if not self._write(update(schema.resident_text).where(columns.id == text.id).values(values_of(text, "id"))):
            raise NotFound(f"no resident_text {text.id}")

    def staff_pin(self, staff_id: int) -> str:
        row = self._first(select(schema.staff_pin.c.hash).where(schema.staff_pin.c.staff_id == staff_id))
        return row["hash"] if row else ""

    def set_staff_pin(self, staff_id: int, hashed: str) -> None:
        statement = self._insert(schema.staff_pin).values(staff_id=staff_id, hash=hashed)
        self._write(statement.on_conflict_do_update(index_elements=["staff_id"], set_={"hash": hashed}))

    def staff_with_pin(self) -> frozenset[int]:
        return frozenset(row["staff_id"] for row in self._all(select(schema.staff_pin.c.staff_id)))

    def pin_try(self, key: str) -> PinTry | None:
        row = self._first(select(schema.pin_try).where(schema.pin_try.c.key == key))
        return PinTry(**row) if row else None

    def add_pin_try(self, one: PinTry) -> None:
        self._write(self._insert(schema.pin_try).values(values_of(one)).on_conflict_do_nothing(index_elements=["key"]))

    def pin_tries(
        self, since: datetime, *, caller: str | None = None, staff_number: str | None = None
    ) -> Sequence[PinTry]:
        columns = schema.pin_try.c
        wanted = [columns.at >= since]
        wanted += [columns.caller == caller] if caller is not None else []
        wanted += [columns.staff_number == staff_number] if staff_number is not None else []
        found = select(schema.pin_try).where(*wanted).order_by(columns.at, columns.key)
        return [PinTry(**row) for row in self._all(found)]
