"""Carries out what was promised: claims due tasks under a lease and hands each to its deliverer.

Nothing is lost by killing it: a task that was not finished is taken again, by this process after its restart or by
another one when the lease has run out. Every deliverer may therefore run twice.
"""

import signal
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from types import FrameType

import structlog

from fulfillment.outbox import Lane, Task, TaskKind
from fulfillment.ports import DelivererTable, FulfillmentStore
from kernel.clock import Clock
from kernel.errors import ConfigurationError, StoreBusy

#: Longer than a step takes at worst: 10 s to ask for an earlier call, 10 s to place one (rule 5 of DESIGN §2).
LEASE = timedelta(seconds=30)
#: Behind every wake-up there is a look at the table: a hint that got lost costs half a second.
_LONGEST_SLEEP = 0.5
_TRIES: Mapping[Lane, int | None] = {
    Lane.ORDINARY: 8,
    Lane.TALK: 6,
}  # the others never give up: emergencies, and words to a resident (wechat.sending ends them)
_LONGEST_BACK_OFF = {Lane.ORDINARY: 300.0, Lane.TALK: 5.0, Lane.WORDS: 30.0}
_OF_AN_EMERGENCY = 10.0

log = structlog.get_logger()


class Worker:
    """One thread a lane; a lane that is named twice gets two.

    Args:
        name: stable over restarts of this process and unique among running ones: its own leases are released at the start.
        per_second: how many tasks all workers together may begin in a lane whose turns are counted; the same for all.

    Raises:
        ConfigurationError: a kind of task has no deliverer.
    """

    def __init__(
        self,
        store: FulfillmentStore,
        deliverers: DelivererTable,
        clock: Clock,
        *,
        name: str,
        lanes: Sequence[Lane] = tuple(Lane),
        per_second: Mapping[Lane, float] | None = None,
    ) -> None:
        missing = sorted(set(TaskKind) - set(deliverers))
        if missing:
            raise ConfigurationError(f"worker {name}: nobody delivers {', '.join(missing)}")
        self._store = store
        self._deliverers = deliverers
        self._clock = clock
        self._name = name
        self._lanes = tuple(lanes)
        self._turns_every = {lane: timedelta(seconds=1 / n) for lane, n in (per_second or {}).items()}
        self._stopping = threading.Event()
        self._crash: BaseException | None = None

    def run(self) -> None:
        """Works until `stop()`, SIGTERM or SIGINT (when called in the main thread).

        Raises whatever broke a lane in a way that it cannot repair: the process ends and its supervisor starts it again.
        """
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, self._on_signal)
        released = self._store.release_leases(self._name)
        log.info("worker_started", worker=self._name, released=released, lanes=list(self._lanes))
        threads = [
            threading.Thread(target=self._work, args=(lane,), name=f"{self._name}-{lane}") for lane in self._lanes
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        log.info("worker_stopped", worker=self._name)
        if self._crash is not None:
            raise self._crash

    def stop(self) -> None:
        """Every lane ends after the task it is at; returns at once."""
        self._stopping.set()

    def deliver_one(self, lane: Lane) -> bool:
        """Carries out the earliest due task of a lane; False if nothing is due."""
        task = self._store.claim(lane, self._clock.now(), LEASE, self._name, self._turns_every.get(lane))
        if task is None:
            return False
        self._deliver(task, lane)
        return True

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        # No logging here: the interrupted line of the main thread may hold the logger's lock, and the stop would hang.
        self.stop()

    def _work(self, lane: Lane) -> None:
        seen = 0
        try:
            while not self._stopping.is_set():
                try:
                    if not self.deliver_one(lane):
                        seen = self._sleep(lane, seen)
                except StoreBusy as exc:
                    log.warning("store_busy", worker=self._name, lane=lane, error=str(exc))
                    self._stopping.wait(_LONGEST_SLEEP)
        except BaseException as exc:
            self._crash = exc
            self.stop()  # before anything else can fail
            log.exception("lane_broken", worker=self._name, lane=lane)

    def _sleep(self, lane: Lane, seen: int) -> int:
        """Until a task of this lane is due, or it is time to look at all of them.

        Every commit of anybody wakes every lane. Whether it was for this one is a read: a claim takes the only write lock
        that SQLite has, and twenty lanes that claimed in vain after each commit kept first rings waiting (measured: half a
        second each). What a clock that jumped has made of a due time, the claim behind the look finds (fulfillment.outbox).
        """
        until = time.monotonic() + _LONGEST_SLEEP
        while not self._stopping.is_set():
            due = self._store.next_due(lane)
            wait = _LONGEST_SLEEP if due is None else (due - self._clock.now()).total_seconds()
            left = until - time.monotonic()
            if min(wait, left) <= 0:
                break
            seen = self._store.wait_for_change(seen, min(wait, left))
        return seen

    def _deliver(self, task: Task, lane: Lane) -> None:
        try:
            self._deliverers[task.kind](task)
        except Exception as exc:
            log.exception("delivery_failed", kind=task.kind, key=task.key, tries=task.tries)
            self._failed(task, lane, exc)
            return
        with self._store.write() as tx:
            if tx.holds(task):
                tx.task_done(task)

    def _failed(self, task: Task, lane: Lane, error: Exception) -> None:
        """Later again, or given up visibly. A store that refuses even this is asked until it does not, or the lease is over:
        a disk that was full for a second would hold up an alarm for half a minute.
        """
        until = time.monotonic() + LEASE.total_seconds()
        while True:
            try:
                self._give_back(task, lane, f"{type(error).__name__}: {error}")
            except StoreBusy:
                if time.monotonic() > until or self._stopping.wait(_LONGEST_SLEEP):
                    raise
            else:
                return

    def _give_back(self, task: Task, lane: Lane, reason: str) -> None:
        most = _TRIES.get(lane)
        with self._store.write() as tx:
            if most is not None and task.tries >= most:
                tx.task_dead(task, reason)
                return
            seconds = min(2.0 ** min(task.tries - 1, 16), _LONGEST_BACK_OFF.get(lane, _OF_AN_EMERGENCY))
            tx.task_again(task, self._clock.now() + timedelta(seconds=seconds), reason)
