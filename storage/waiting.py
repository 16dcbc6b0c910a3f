"""Stays in the queue, and who is there to end them, as rows."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import delete, exists, func, insert, select, update

from dialogue.conversation import Floor
from fulfillment.waiting import InLine, Wait, WaitKind, WaitState
from kernel.errors import NotFound
from storage import schema
from storage.rows import Rows

_MOST_TOLD_FROM = 50  # hand-overs that an expected time is told from


class WaitingRows(Rows):
    """The queue's part of `dialogue.ports.DialogueTx`."""

    def waiting_line(self) -> Sequence[InLine]:
        ticket, conversation, household = schema.ticket.c, schema.conversation.c, schema.household.c
        danger = exists().where(
            ticket.conversation_id == schema.wait.c.conversation_id, ticket.emergency.is_(True), schema.IS_OPEN
        )
        rows = self._all(
            select(schema.wait, danger.label("danger"), household.vulnerable.label("first"))
            .join(schema.conversation, conversation.id == schema.wait.c.conversation_id)
            .outerjoin(schema.household, household.id == conversation.household_id)
            .where(schema.IS_WAITING)
        )
        line = []
        for row in rows:
            values = dict(row)
            line.append(
                InLine(emergency=values.pop("danger"), vulnerable=bool(values.pop("first")), wait=Wait(**values))
            )
        return sorted(line, key=lambda one: one.order)

    def wait(self, wait_id: int, *, for_update: bool = False) -> Wait:
        statement = select(schema.wait).where(schema.wait.c.id == wait_id)
        row = self._first(self._locked(statement) if for_update else statement)
        if row is None:
            raise NotFound(f"no stay {wait_id} in the queue")
        return Wait(**row)

    def recent_waits(self, since: datetime) -> Sequence[Wait]:
        columns = schema.wait.c
        taken = select(schema.wait).where(
            columns.ended_at >= since, columns.state == WaitState.TAKEN, columns.kind == WaitKind.LIVE
        )
        return [Wait(**row) for row in self._all(taken.order_by(columns.ended_at.desc()).limit(_MOST_TOLD_FROM))]

    def keep_place(self, conversation_id: str, *, ticket_id: int, phone: str, at: datetime) -> Wait:
        columns = schema.wait.c
        promised = self._first(select(schema.wait).where(columns.ticket_id == ticket_id, schema.IS_WAITING))
        latest = select(schema.wait).where(columns.conversation_id == conversation_id)
        own = self._first(latest.order_by(columns.id.desc()).limit(1))
        if promised is not None and (own is None or promised["id"] != own["id"]):
            # The household's open promise is older than this call: its place is the better one.
            if own is not None:
                self._end(own["id"], WaitState.LEFT, at)
            return Wait(**promised)
        kept = {
            "kind": WaitKind.CALLBACK,
            "state": WaitState.WAITING,
            "ticket_id": ticket_id,
            "phone": phone,
            "ended_at": None,
            "operator_id": None,
        }
        if own is None or own["state"] == WaitState.TAKEN:
            values = kept | {"conversation_id": conversation_id, "since": at, "place": self._places() + 1}
            row = self._write_returning(insert(schema.wait).values(values).returning(schema.wait))
        else:
            row = self._write_returning(
                update(schema.wait).where(columns.id == own["id"]).values(kept).returning(schema.wait)
            )
        if row is None:
            raise AssertionError("an INSERT, or an UPDATE of a row just read, returns its row")
        return Wait(**row)

    def end_wait(self, wait_id: int, *, state: WaitState, at: datetime, operator_id: int | None = None) -> bool:
        return self._end(wait_id, state, at, operator_id)

    def resume_wait(self, wait_id: int) -> None:
        columns = schema.wait.c
        back = {"state": WaitState.WAITING, "ended_at": None, "operator_id": None}
        self._write(update(schema.wait).where(columns.id == wait_id).values(back))

    def callback_reached(self, ticket_id: int, at: datetime) -> None:
        columns = schema.wait.c
        promised = update(schema.wait).where(columns.ticket_id == ticket_id, schema.IS_WAITING)
        self._write(promised.values(state=WaitState.LEFT, ended_at=at))

    # --- who is there

    def operator_present(self, operator_id: int, at: datetime) -> None:
        statement = self._insert(schema.presence).values(operator_id=operator_id, seen_at=at)
        self._write(statement.on_conflict_do_update(index_elements=["operator_id"], set_={"seen_at": at}))

    def operator_left(self, operator_id: int) -> None:
        self._write(delete(schema.presence).where(schema.presence.c.operator_id == operator_id))

    def present_operators(self, since: datetime) -> frozenset[int]:
        columns = schema.presence.c
        return frozenset(
            row["operator_id"] for row in self._all(select(columns.operator_id).where(columns.seen_at >= since))
        )

    def chat_capacities(self) -> Mapping[int, int]:
        return {row["operator_id"]: row["chats"] for row in self._all(select(schema.operator_capacity))}

    def set_chat_capacity(self, operator_id: int, chats: int) -> None:
        statement = self._insert(schema.operator_capacity).values(operator_id=operator_id, chats=chats)
        self._write(statement.on_conflict_do_update(index_elements=["operator_id"], set_={"chats": chats}))

    # --- for move_floor: a stay begins and ends with the floor, whoever moves it

    def _follow_floor(self, conversation_id: str, to: Floor, at: datetime, operator_id: int | None) -> None:
        columns = schema.wait.c
        own = self._first(select(schema.wait).where(columns.conversation_id == conversation_id, schema.IS_WAITING))
        if to is Floor.QUEUE:
            if own is not None:  # asked for a callback, and now for a person after all: the place is the same
                live = {"kind": WaitKind.LIVE, "ticket_id": None, "phone": ""}
                self._write(update(schema.wait).where(columns.id == own["id"]).values(live))
            else:
                new = {"conversation_id": conversation_id, "since": at, "place": self._places() + 1, "phone": ""}
                self._write(insert(schema.wait).values(kind=WaitKind.LIVE, state=WaitState.WAITING, **new))
        elif own is not None and to is Floor.OPERATOR:
            self._end(own["id"], WaitState.TAKEN, at, operator_id)
        elif own is not None and own["kind"] == WaitKind.LIVE:
            self._end(own["id"], WaitState.LEFT, at)

    def _places(self) -> int:
        row = self._first(select(func.count().label("n")).where(schema.IS_WAITING))
        return int(row["n"]) if row else 0

    def _end(self, wait_id: int, state: WaitState, at: datetime, operator_id: int | None = None) -> bool:
        columns = schema.wait.c
        waiting = update(schema.wait).where(columns.id == wait_id, schema.IS_WAITING)
        return self._write(waiting.values(state=state, ended_at=at, operator_id=operator_id)) > 0
