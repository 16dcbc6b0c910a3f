"""Receipts, photographs and ratings of chats, and tries to prove who asks, as rows."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from sqlalchemy import ColumnElement, case, delete, or_, select

from dialogue.chat import Picture, Rating, Receipt, Side
from kernel.errors import NotFound
from storage import schema
from storage.rows import Rows, values_of


class ChatRows(Rows):
    """The chat's part of `dialogue.ports.DialogueTx`."""

    def receipts(self, conversation_id: str) -> Mapping[Side, Receipt]:
        columns = schema.receipt.c
        found = self._all(select(schema.receipt).where(columns.conversation_id == conversation_id))
        known = {Side(row["side"]): Receipt(row["delivered_seq"], row["read_seq"]) for row in found}
        return {side: known.get(side, Receipt()) for side in Side}

    def note_receipt(self, conversation_id: str, side: Side, receipt: Receipt) -> bool:
        columns = schema.receipt.c
        new = self._insert(schema.receipt).values(conversation_id=conversation_id, side=side, **values_of(receipt))
        told = new.excluded
        further = or_(told.delivered_seq > columns.delivered_seq, told.read_seq > columns.read_seq)
        grown = {
            "delivered_seq": _greater(told.delivered_seq, columns.delivered_seq),
            "read_seq": _greater(told.read_seq, columns.read_seq),
        }
        statement = new.on_conflict_do_update(index_elements=["conversation_id", "side"], set_=grown, where=further)
        return self._write(statement) > 0

    def add_picture(self, picture: Picture) -> None:
        self._write(self._insert(schema.picture).values(values_of(picture)).on_conflict_do_nothing())

    def picture(self, picture_id: str) -> Picture:
        row = self._first(select(schema.picture).where(schema.picture.c.id == picture_id))
        if row is None:
            raise NotFound(f"no picture {picture_id}")
        return Picture(**row)

    def pictures_of(self, conversation_id: str) -> Sequence[Picture]:
        columns = schema.picture.c
        sent = select(schema.picture).where(columns.conversation_id == conversation_id)
        return [Picture(**row) for row in self._all(sent.order_by(columns.made_at, columns.id))]

    def pictures_before(self, before: datetime, limit: int = 100) -> Sequence[Picture]:
        columns = schema.picture.c
        old = select(schema.picture).where(columns.made_at < before).order_by(columns.made_at).limit(limit)
        return [Picture(**row) for row in self._all(old)]

    def forget_picture(self, picture_id: str) -> None:
        self._write(delete(schema.picture).where(schema.picture.c.id == picture_id))

    def rate(self, rating: Rating) -> bool:
        new = self._insert(schema.rating).values(values_of(rating))
        return self._write(new.on_conflict_do_nothing(index_elements=["conversation_id"])) > 0

    def count_identity_try(self, subject: str, day: date, by: int) -> int:
        columns = schema.identity_count.c
        new = self._insert(schema.identity_count).values(subject=subject, day=day, tries=by)
        more = new.on_conflict_do_update(index_elements=["subject", "day"], set_={"tries": columns.tries + by})
        row = self._write_returning(more.returning(columns.tries))
        if row is None:
            raise AssertionError("INSERT … RETURNING always returns its row")
        return int(row["tries"])

    def forget_identity_tries(self, before: date) -> int:
        return self._write(delete(schema.identity_count).where(schema.identity_count.c.day < before))

    def rating(self, conversation_id: str) -> Rating | None:
        row = self._first(select(schema.rating).where(schema.rating.c.conversation_id == conversation_id))
        return Rating(**row) if row else None


def _greater(one: ColumnElement[int], other: ColumnElement[int]) -> ColumnElement[int]:
    """Neither engine's own name for it is the other's."""
    return case((one > other, one), else_=other)
