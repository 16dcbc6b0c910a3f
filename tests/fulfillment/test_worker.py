"""The worker with real threads: wakes, retries, gives back, stops."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from fulfillment.outbox import Lane, NewTask, Task, TaskKind, lane_of
from fulfillment.worker import LEASE, Worker
from kernel.clock import SystemClock
from kernel.errors import ConfigurationError, StoreBusy
from tests.fakes import FakeStore, FixedClock
from tests.fulfillment.drill import Drill, not_here

HOME = Path(__file__).resolve().parents[2]


class Bench:
    """A worker whose only real deliverers are the two lanes' probes."""

    def __init__(self, clock: FixedClock | SystemClock | None = None) -> None:
        self.clock = clock or FixedClock()
        self.store = FakeStore()
        self.delivered: list[tuple[str, str]] = []
        self.act: Callable[[Task], None] = lambda _task: None
        table = dict.fromkeys(TaskKind, not_here) | {
            TaskKind.FORWARD_EMERGENCY: self.deliver,
            TaskKind.WARN_CLOCK: self.deliver,
            TaskKind.WATCH_ATTEMPT: self.deliver,
        }
        self.worker = Worker(self.store, table, self.clock, name="w1")

    def deliver(self, task: Task) -> None:
        self.delivered.append((task.key, threading.current_thread().name))
        self.act(task)

    def enqueue(self, key: str, kind: TaskKind = TaskKind.WARN_CLOCK, seconds: float = 0) -> None:
        with self.store.write() as tx:
            tx.enqueue(NewTask(kind, key, self.clock.now() + timedelta(seconds=seconds)))

    def state(self, key: str) -> str:
        return self.store.tables.tasks[key].state

    @contextmanager
    def running(self) -> Iterator[None]:
        thread = threading.Thread(target=self.worker.run)
        thread.start()
        try:
            yield
        finally:
            self.worker.stop()
            thread.join(5)
            assert not thread.is_alive()


def until(happened: Callable[[], bool], seconds: float = 5) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.005)


def test_a_kind_without_deliverer_refuses_the_start() -> None:
    table = dict.fromkeys(TaskKind, not_here)
    del table[TaskKind.WATCH_ATTEMPT]
    with pytest.raises(ConfigurationError, match="watch_attempt"):
        Worker(FakeStore(), table, FixedClock(), name="w1")


def test_an_emergency_of_the_real_floor_rings_within_a_breath_of_its_commit() -> None:
    drill = Drill()
    thread = threading.Thread(target=drill.worker.run)
    thread.start()
    try:
        time.sleep(0.1)  # both lanes are asleep
        began = time.monotonic()
        ticket = drill.open()
        until(lambda: drill.rung(ticket) == [1])
        assert time.monotonic() - began < 0.4, "woken by the commit, not by a poll"
    finally:
        drill.worker.stop()
        thread.join(5)
    assert not thread.is_alive()


def test_what_becomes_due_later_is_done_then() -> None:
    bench = Bench(SystemClock())
    with bench.running():
        bench.enqueue("later", seconds=0.3)
        time.sleep(0.15)
        assert bench.delivered == []
        until(lambda: bench.state("later") == "done", 1)


@pytest.mark.parametrize("slow", [TaskKind.WARN_CLOCK, TaskKind.WATCH_ATTEMPT])
def test_neither_ordinary_work_nor_a_hanging_carrier_holds_up_an_emergency(slow: TaskKind) -> None:
    bench = Bench()
    free = threading.Event()
    bench.act = lambda task: free.wait(5) and None if task.key == "slow" else None
    with bench.running():
        bench.enqueue("slow", slow)
        until(lambda: len(bench.delivered) == 1)
        bench.enqueue("urgent", TaskKind.FORWARD_EMERGENCY)
        until(lambda: bench.state("urgent") == "done")
        assert bench.state("slow") == "pending"
        free.set()
        until(lambda: bench.state("slow") == "done")
    assert [name for _, name in bench.delivered] == [f"w1-{lane_of(slow)}", "w1-emergency"]


def test_what_concerns_other_lanes_is_read_not_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A claim takes the one write lock of SQLite."""
    bench = Bench(SystemClock())
    claims: list[Lane] = []
    claim = bench.store.claim

    def counted(lane: Lane, *rest: Any) -> Task | None:
        claims.append(lane)
        return claim(lane, *rest)

    monkeypatch.setattr(bench.store, "claim", counted)
    with bench.running():
        until(lambda: set(Lane) <= set(claims))
        claims.clear()
        began = time.monotonic()
        for n in range(40):
            bench.enqueue(f"later-{n}", seconds=60)
            time.sleep(0.005)
        looks = 2 + (time.monotonic() - began) / 0.5
        assert claims.count(Lane.EMERGENCY) <= looks, "each lane looks by itself twice a second, no more"
        bench.enqueue("leak", TaskKind.FORWARD_EMERGENCY)
        until(lambda: bench.state("leak") == "done", 0.4)


def test_a_failed_task_is_tried_later_and_later_and_given_up_visibly() -> None:
    bench = Bench()
    bench.act = fail
    bench.enqueue("bad")
    waits = []
    for _ in range(8):
        assert bench.worker.deliver_one(Lane.ORDINARY)
        row = bench.store.tables.tasks["bad"]
        waits.append((row.task.due_at - bench.clock.now()).total_seconds())
        assert not bench.worker.deliver_one(Lane.ORDINARY), "not again at once"
        bench.clock.set(max(bench.clock.now(), row.task.due_at))
    assert waits[:7] == [1, 2, 4, 8, 16, 32, 64]
    assert bench.state("bad") == "dead"
    assert row.error == "RuntimeError: broken"
    bench.clock.advance(days=1)
    assert not bench.worker.deliver_one(Lane.ORDINARY)
    with bench.store.read() as tx:
        assert [key for _, key, _, _ in tx.overdue_tasks(bench.clock.now())] == ["bad"]


def test_a_task_is_given_back_as_soon_as_the_store_takes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk: the deliverer fails, and so does the word that it has."""
    bench = Bench(SystemClock())
    bench.enqueue("leak", TaskKind.FORWARD_EMERGENCY)
    write, refused = bench.store.write, iter(range(3))

    def full_for_a_moment() -> AbstractContextManager[Any]:
        if next(refused, None) is not None:
            raise StoreBusy("the disk is full")
        return write()

    def deliver(_task: Task) -> None:
        if len(bench.delivered) == 1:
            monkeypatch.setattr(bench.store, "write", full_for_a_moment)
            raise StoreBusy("the disk is full")

    bench.act = deliver
    with bench.running():
        until(lambda: bench.state("leak") == "done", 5)
    assert len(bench.delivered) == 2, "long before its lease of 30 s is over"


def test_an_emergency_is_never_given_up() -> None:
    bench = Bench()
    bench.act = fail
    bench.enqueue("leak", TaskKind.FORWARD_EMERGENCY)
    for _ in range(12):  # more than an ordinary task is tried
        bench.clock.advance(seconds=10)
        assert bench.worker.deliver_one(Lane.EMERGENCY)
    assert bench.state("leak") == "pending"


def test_a_deliverer_that_gave_its_task_back_keeps_it() -> None:
    bench = Bench()

    def later(task: Task) -> None:
        with bench.store.write() as tx:
            assert tx.task_again(task, bench.clock.now() + timedelta(hours=1), "not yet")

    bench.act = later
    bench.enqueue("again")
    assert bench.worker.deliver_one(Lane.ORDINARY)
    assert bench.state("again") == "pending"
    assert bench.store.tables.tasks["again"].task.due_at == bench.clock.now() + timedelta(hours=1)


def test_a_busy_database_is_waited_for() -> None:
    bench = Bench(SystemClock())
    bench.enqueue("patient")
    bench.store.write_failures = [StoreBusy("locked")]  # the worker's own "done"
    with bench.running():
        until(lambda: not bench.store.write_failures)
        assert bench.state("patient") == "pending"
        bench.store.release_leases("w1")  # as if the lease had run out
        until(lambda: bench.state("patient") == "done")
    assert len(bench.delivered) == 2


def test_its_own_leases_are_released_at_the_start_and_foreign_ones_are_left() -> None:
    bench = Bench()
    bench.enqueue("mine")
    bench.enqueue("theirs")
    assert bench.store.claim(Lane.ORDINARY, bench.clock.now(), LEASE, "w1")
    assert bench.store.claim(Lane.ORDINARY, bench.clock.now(), LEASE, "w2")
    with bench.running():
        until(lambda: bench.state("mine") == "done")
        time.sleep(0.05)
        assert bench.state("theirs") == "pending"
        assert isinstance(bench.clock, FixedClock)
        bench.clock.advance(seconds=31)
        until(lambda: bench.state("theirs") == "done")


def test_a_lane_that_breaks_ends_the_process_loudly() -> None:
    bench = Bench()

    def broken(*_args: object) -> None:
        raise MemoryError

    bench.store.claim = broken  # type: ignore[assignment,method-assign] # nothing a worker could repair
    with pytest.raises(MemoryError):
        bench.worker.run()


PROCESS = """
import sys
from fulfillment.outbox import TaskKind
from fulfillment.worker import Worker
from kernel.clock import SystemClock
from tests.fakes import FakeStore

worker = Worker(FakeStore(), dict.fromkeys(TaskKind, print), SystemClock(), name="w1")
print("ready", flush=True)
worker.run()
print("stopped", flush=True)
"""


def test_sigterm_stops_a_process_in_order() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", PROCESS],
        cwd=HOME,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": "."},
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        assert "worker_started" in process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=10)
    finally:
        process.kill()
    assert process.returncode == 0
    assert out.splitlines()[-1] == "stopped"


def fail(_task: Task) -> None:
    msg = "broken"
    raise RuntimeError(msg)
