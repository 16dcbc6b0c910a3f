"""What happens when, in the month: people's plans in order of time, and the outbox between them.

The clock stands still while something is done and jumps to the next thing. The product's own worker carries out what is due
before each of them; several lanes, as in life, but one after the other.
"""

import heapq
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from fulfillment.outbox import Lane
from fulfillment.worker import Worker

#: What becomes due within this time is carried out at its end: a look at the outbox for every second would take hours.
GRAIN = timedelta(seconds=4)
#: More tasks at one instant would be something that rings in a circle.
_MOST_AT_ONCE = 20_000
_FIRST_OF_EACH_LANE = " UNION ALL ".join(
    f"SELECT '{lane}', (SELECT due_at FROM outbox WHERE state = 'pending' AND lane = '{lane}' AND token IS NULL"  # noqa: S608 - an enumeration's words
    " ORDER BY lane, due_at, id LIMIT 1)"
    for lane in Lane
)


class MonthClock:
    """kernel.clock.Clock (UTC, whatever zone it is told), moved by the agenda; never backwards."""

    def __init__(self, start: datetime) -> None:
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        return self._now

    def move(self, to: datetime) -> None:
        self._now = max(self._now, to.astimezone(UTC))


class Agenda:
    """`at` plans; `run` lives through it."""

    def __init__(self, clock: MonthClock, database: Path) -> None:
        self.clock = clock
        # Only to see whether a lane has work: the product's own question (storage.Store.next_due) costs 2 ms for six
        # lanes, and a month asks 300,000 times.
        self._outbox = sqlite3.connect(database, isolation_level=None)
        self._plans: list[tuple[datetime, int, Callable[[], None]]] = []
        self._order = count()
        self.delivered = 0

    def at(self, instant: datetime, what: Callable[[], None]) -> None:
        """An instant that has passed is now. Two plans of one instant are carried out in the order of planning."""
        heapq.heappush(self._plans, (max(instant, self.clock.now()), next(self._order), what))

    def after(self, seconds: float, what: Callable[[], None]) -> None:
        self.at(self.clock.now() + timedelta(seconds=seconds), what)

    def run(self, worker: Worker, until: datetime) -> None:
        """To the last plan or task before `until`; the clock then stands there."""
        while True:
            due = self._next_due()
            planned = self._plans[0][0] if self._plans else None
            if planned is not None and planned <= until and (due is None or planned <= due + GRAIN):
                self.clock.move(planned)
                heapq.heappop(self._plans)[2]()
            elif due is not None and due <= until:
                self.clock.move(min(due + GRAIN, until))
                self._deliver(worker)
            else:
                break
        self.clock.move(until)

    def _next_due(self) -> datetime | None:
        return min(self._due_lanes().values(), default=None)

    def _due_lanes(self) -> dict[Lane, datetime]:
        found = self._outbox.execute(_FIRST_OF_EACH_LANE).fetchall()
        return {Lane(lane): datetime.fromisoformat(at).replace(tzinfo=UTC) for lane, at in found if at is not None}

    def _deliver(self, worker: Worker) -> None:
        for _ in range(_MOST_AT_ONCE):
            now = self.clock.now()
            lanes = [lane for lane, due in self._due_lanes().items() if due <= now]
            done = sum(worker.deliver_one(lane) for lane in lanes)
            self.delivered += done
            if not done:
                return
        raise AssertionError("too many tasks at one instant: something is rung in a circle")
