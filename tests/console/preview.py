"""Serves the console with sample data for looking at it: `.venv/bin/python -m tests.console.preview [port]`.

Logins xiaoli, zhuguan and admin, password as in sample.py. `exhausted` as second word: nobody answers the alarm and the worker is silent; `incidents`: one is suggested, one runs.
"""

import sys
from dataclasses import replace
from datetime import timedelta

from console import Health
from fulfillment.outbox import NewTask, TaskKind
from kernel.clock import SystemClock
from tests.console.sample import build_app, sample_day
from tests.console.sample_incidents import sample_incidents
from tests.fakes import FakeStore


def main() -> None:
    store, clock = FakeStore(), SystemClock()
    day = sample_day(store, clock.now())
    if "exhausted" in sys.argv:
        with store.write() as tx:
            tx.save_ticket(replace(tx.ticket(day.leak), alarm_exhausted_at=clock.now()))
            due = clock.now() - timedelta(minutes=2)
            tx.enqueue(NewTask(TaskKind.FORWARD_EMERGENCY, "forward:1:4", due, {"ticket_id": day.leak}, day.leak))

    if "incidents" in sys.argv:
        sample_incidents(store, clock)

    def health() -> Health:
        with store.read() as tx:
            return Health(database=True, nlu=False, overdue=tx.overdue_tasks(clock.now()))

    port = int(next((a for a in sys.argv[1:] if a.isdigit()), "8077"))
    build_app(store, clock, carrier_is_real=False, health=health).run(port=port, threaded=True)


if __name__ == "__main__":
    main()
