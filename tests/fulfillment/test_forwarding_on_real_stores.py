"""Two worker processes' worth of threads on a real database: nobody forgotten, nobody on two calls at once, quiet after acceptance."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fulfillment.alarms import Alarms
from fulfillment.desk import Desk
from fulfillment.forwarding import Forwarding
from fulfillment.notice import VOICE
from fulfillment.open_ticket import Learned, TicketRequest, open_ticket
from fulfillment.outbox import Lane, TaskKind
from fulfillment.standard import Standard
from fulfillment.telling import Telling, TextSender
from fulfillment.ticket import Address, Ticket
from fulfillment.worker import Worker
from kernel.clock import SystemClock
from storage import Store
from tests.fakes import BUTLER, DEPUTY, FakeCarrier, small_company
from tests.fulfillment.drill import HOME, not_here
from tests.postgres import Cluster, postgres_cluster

__all__ = ["postgres_cluster"]  # a fixture

LEAKS = 8


class TimedCarrier(FakeCarrier):
    """Notes when it was asked and for whom; a call takes a moment, as over a wire."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, float]] = []
        self.rung: list[str] = []

    def call(self, *, to: str, attempt_id: str, ring_seconds: int) -> str:
        self.asked.append((attempt_id, time.monotonic()))
        self.rung.append(to)
        time.sleep(0.02)
        return super().call(to=to, attempt_id=attempt_id, ring_seconds=ring_seconds)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'hotline.db'}"
    else:
        cluster: Cluster = request.getfixturevalue("postgres_cluster")
        url = cluster.url(cluster.new_database())
    with Store(url) as store:
        store.migrate()
        small_company(store)  # type: ignore[arg-type] # it needs no more than the port
        yield store


@pytest.mark.parametrize("telephones", [2, 1])
def test_many_emergencies_two_workers_and_people_who_accept_in_the_middle(store: Store, telephones: int) -> None:
    if telephones == 1:  # of the two butlers
        with store.write() as tx:
            tx.upsert_staff(replace(tx.staff(DEPUTY), phone=tx.staff(BUTLER).phone))
    standard, clock, carrier = Standard(HOME / "data"), SystemClock(), TimedCarrier()
    standard.ladder = replace(standard.ladder, ring_seconds=1, step_seconds=1, round_pause_seconds=1)
    desk, alarms = Desk(store, standard, clock), Alarms(store, standard, clock)
    senders = [TextSender(carrier, lambda alarms: " ".join(a.ticket.number for a in alarms))]
    forwarding = Forwarding(store, standard, clock, senders)
    telling = Telling(store, carrier, standard, clock, senders)
    table = dict.fromkeys(map(str, TaskKind), not_here) | {
        str(TaskKind.FORWARD_EMERGENCY): forwarding.forward,
        str(TaskKind.RING_PERSON): telling.tell,
        str(TaskKind.TEXT_PERSON): telling.tell,
        str(TaskKind.WATCH_ATTEMPT): telling.watch,
    }
    lanes = (Lane.EMERGENCY, Lane.EMERGENCY, Lane.WATCH, Lane.VOICE, Lane.VOICE, Lane.TEXT)
    workers = [Worker(store, table, clock, name=name, lanes=lanes) for name in ("w1", "w2")]
    threads = [threading.Thread(target=worker.run) for worker in workers]
    for thread in threads:
        thread.start()
    try:
        tickets = [open_leak(store, standard, clock, n) for n in range(LEAKS)]
        wait_until(lambda: all(is_placed(store, ticket) for ticket in tickets), seconds=20)
        assert Counter(carrier.rung).most_common(1)[0][1] == 1, "two calls at once to one telephone"
        for attempt, _ in list(carrier.asked):  # the carrier tells that nobody answers, while the workers go on
            alarms.call_event(attempt, status="no-answer", sequence=1, sid="")
        accepted = {}
        for ticket in tickets:
            assert desk.acknowledge(ticket.id, by="小李").acknowledged_by == "小李"
            accepted[ticket.id] = time.monotonic()
        time.sleep(2.5)  # longer than a step and a pause
    finally:
        for worker in workers:
            worker.stop()
        for thread in threads:
            thread.join(10)
    assert Counter(attempt for attempt, _ in carrier.asked).most_common(1)[0][1] == 1, "rung twice for one step"
    # a call whose step began before the acceptance may still be under way for a moment
    assert [a for a, at in carrier.asked if at > max(accepted.values()) + 0.5] == []
    with store.read() as tx:
        for ticket in tickets:
            steps = [a.step for a in tx.attempts(ticket.id) if a.channel == "voice"]
            assert steps == list(range(1, len(steps) + 1)), "steps run on without gaps or doubles"


def open_leak(store: Store, standard: Standard, clock: SystemClock, n: int) -> Ticket:
    known = Learned(address=Address(1 + n % 2, str(n), "1", "101"))
    with store.write() as tx:
        return open_ticket(tx, TicketRequest("leak_inside", "漏水", None, known), standard=standard, now=clock.now())[0]


def is_placed(store: Store, ticket: Ticket) -> bool:
    with store.read() as tx:
        return any(a.channel == VOICE and a.provider_sid for a in tx.attempts(ticket.id))


def wait_until(happened: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.02)
