"""Promised side effects, as rows under leases."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy import ColumnElement, RowMapping, Update, and_, case, delete, literal, or_, select, update

from fulfillment.outbox import FARTHEST, TURNS_COUNTED, Lane, NewTask, Rank, Task, TaskKind, lane_of, may_wait_for_days
from storage import schema
from storage.rows import Rows
from storage.schema import TaskState

MOST_OVERDUE = 100
_FREE = {"owner": None, "token": None, "lease_until": None}


class OutboxRows(Rows):
    """The outbox part of `dialogue.ports.DialogueTx`, and what `Store` needs for claims."""

    def enqueue(self, task: NewTask) -> None:
        self._write(
            self._insert(schema.outbox)
            .values(
                key=task.key,
                kind=task.kind.value,
                lane=lane_of(task.kind),
                state=TaskState.PENDING,
                due_at=task.due_at,
                payload=task.payload,
                ticket_id=task.ticket_id,
                rank=int(task.rank),
                tries=0,
                error="",
            )
            .on_conflict_do_nothing(index_elements=["key"])
        )

    def raise_rank(self, key: str, rank: Rank) -> None:
        columns = schema.outbox.c
        lower = update(schema.outbox).where(columns.key == key, schema.IS_PENDING, columns.rank > int(rank))
        self._write(lower.values(rank=int(rank)))

    def bring_forward(self, key: str, due_at: datetime) -> bool:
        """True also if the task was due earlier anyway; it is never put off."""
        columns = schema.outbox.c
        at = literal(due_at, columns.due_at.type)  # a bare value in CASE would be written as it is, whatever its zone
        earlier = case((columns.due_at > at, at), else_=columns.due_at)
        unclaimed = update(schema.outbox).where(columns.key == key, schema.IS_PENDING, columns.token.is_(None))
        return self._write(unclaimed.values(due_at=earlier)) > 0

    def cancel_tasks(self, ticket_id: int, kinds: Sequence[str]) -> int:
        """A task somebody is working on is cancelled too: its worker loses the lease and changes nothing more."""
        columns = schema.outbox.c
        pending = update(schema.outbox).where(columns.ticket_id == ticket_id, columns.kind.in_(kinds))
        return self._write(pending.where(schema.IS_PENDING).values(state=TaskState.CANCELLED, **_FREE))

    def drop_tasks(self, keys: Sequence[str]) -> None:
        promised = update(schema.outbox).where(schema.outbox.c.key.in_(keys), schema.IS_PENDING)
        self._write(promised.values(state=TaskState.CANCELLED, **_FREE))

    def task_done(self, task: Task) -> bool:
        return self._write(_held(task).values(state=TaskState.DONE, **_FREE)) > 0

    def task_again(self, task: Task, due_at: datetime, error: str) -> bool:
        return self._write(_held(task).values(due_at=due_at, error=error, **_FREE)) > 0

    def task_dead(self, task: Task, error: str) -> bool:
        return self._write(_held(task).values(state=TaskState.DEAD, error=error, **_FREE)) > 0

    def holds(self, task: Task) -> bool:
        """In a write transaction the answer stays true until its end: the row is locked, claims pass over it."""
        columns = schema.outbox.c
        statement = select(columns.id).where(columns.id == task.id, columns.token == task.token, schema.IS_PENDING)
        return self._first(self._locked(statement) if self._writable else statement) is not None

    def overdue_tasks(self, before: datetime, lane: Lane | None = None) -> Sequence[tuple[str, str, datetime, int]]:
        columns = schema.outbox.c
        wanted = [] if lane is None else [columns.lane == lane]
        rows = [
            (row["kind"], row["key"], row["due_at"], row["tries"])
            for state in (schema.IS_PENDING, schema.IS_DEAD)  # two queries, each with its partial index
            for row in self._all(
                select(columns.kind, columns.key, columns.due_at, columns.tries)
                .where(state, columns.due_at < before, *wanted)
                .order_by(columns.due_at)
                .limit(MOST_OVERDUE)
            )
        ]
        return sorted(rows, key=lambda row: row[2])[:MOST_OVERDUE]

    def delete_finished_tasks(self, before: datetime) -> int:
        columns = schema.outbox.c
        finished = columns.state.in_([TaskState.DONE, TaskState.CANCELLED])
        return self._write(delete(schema.outbox).where(finished, columns.due_at < before))

    # --- for Store, each in a short transaction of its own

    def claim(
        self, lane: Lane, now: datetime, lease_until: datetime, owner: str, turns_every: timedelta | None
    ) -> Task | None:
        """The earliest due task, taken; where emergencies pass, the one of the best rank; with it the turn, if they are counted.

        A try is counted here: a task that kills its worker uses its tries up as well.
        """
        columns = schema.outbox.c
        if turns_every is not None:
            # Nobody else may take a turn until this claim is committed: without the lock two workers could.
            statement = self._insert(schema.lane_turn).values(lane=lane, free_at=now)
            self._run(statement.on_conflict_do_nothing(index_elements=["lane"]))
            turn = select(schema.lane_turn.c.free_at).where(schema.lane_turn.c.lane == lane)
            row = self._first(self._locked(turn))
            if row is None or now < row["free_at"] <= now + turns_every:  # later: a clock that was put back
                return None
        in_order = (columns.rank, columns.due_at, columns.id) if lane in FARTHEST else (columns.due_at, columns.id)
        earliest = (
            select(columns.id)
            .where(
                columns.lane == lane,
                schema.IS_PENDING,
                _is_due(lane, now),
                or_(columns.lease_until.is_(None), columns.lease_until <= now),
                _known(),
            )
            .order_by(*in_order)
            .limit(1)
            .with_for_update(skip_locked=True)
            .scalar_subquery()
        )
        taken = (
            update(schema.outbox)
            .where(columns.id == earliest)
            .values(owner=owner, token=uuid4().hex, lease_until=lease_until, tries=columns.tries + 1)
        )
        row = self._write_returning(taken.returning(schema.outbox))
        if row is not None and turns_every is not None:
            self._set_turn(lane, now + turns_every)
        return _task(row) if row else None

    def give_turn_back(self, lane: Lane, now: datetime) -> None:
        columns = schema.lane_turn.c
        self._write(update(schema.lane_turn).where(columns.lane == lane, columns.free_at > now).values(free_at=now))

    def _set_turn(self, lane: Lane, free_at: datetime) -> None:
        self._write(update(schema.lane_turn).where(schema.lane_turn.c.lane == lane).values(free_at=free_at))

    def next_due(self, lane: Lane) -> datetime | None:
        """Each query the first entry of an index: this is asked twice a second, with all clocks of a winter pending."""
        columns = schema.outbox.c
        in_lane = (columns.lane == lane, schema.IS_PENDING, _known())
        waiting = select(columns.due_at.label("at")).where(*in_lane, columns.token.is_(None))
        leased = select(columns.lease_until.label("at")).where(*in_lane, schema.IS_LEASED)
        earliest = (
            self._first(waiting.order_by(columns.due_at).limit(1)),
            self._first(leased.order_by(columns.lease_until).limit(1)),
        )
        due: datetime | None = min((row["at"] for row in earliest if row), default=None)
        if due is None or lane not in TURNS_COUNTED:
            return due
        turn = self._first(select(schema.lane_turn.c.free_at).where(schema.lane_turn.c.lane == lane))
        return due if turn is None else max(due, turn["free_at"])

    def release_leases(self, owner: str) -> int:
        held = update(schema.outbox).where(schema.outbox.c.owner == owner, schema.IS_LEASED)
        return self._write(held.values(**_FREE))


def _held(task: Task) -> Update:
    columns = schema.outbox.c
    return update(schema.outbox).where(columns.id == task.id, columns.token == task.token, schema.IS_PENDING)


def _is_due(lane: Lane, now: datetime) -> ColumnElement[bool]:
    """As fulfillment.outbox.is_due."""
    columns = schema.outbox.c
    surely = columns.due_at <= now
    impatient = [int(rank) for rank in Rank if not may_wait_for_days(lane, rank)]
    if not impatient:
        return surely
    return or_(surely, and_(columns.due_at > now + FARTHEST[lane], columns.rank.in_(impatient)))


def _known() -> ColumnElement[bool]:
    """Kinds of a newer release are left to its workers."""
    return schema.outbox.c.kind.in_([kind.value for kind in TaskKind])


def _task(row: RowMapping) -> Task:
    return Task(
        id=row["id"],
        kind=TaskKind(row["kind"]),
        key=row["key"],
        due_at=row["due_at"],
        payload=row["payload"],
        ticket_id=row["ticket_id"],
        tries=row["tries"],
        token=row["token"],
    )
