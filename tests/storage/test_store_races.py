"""Many at once: threads of one process, several processes, processes that are killed."""

import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import TypeVar

import pytest

from dialogue.conversation import Author, Floor
from dialogue.ports import DialogueStore
from fulfillment.outbox import Lane
from fulfillment.ticket import ClockState
from kernel.errors import Conflict
from storage import Store
from tests.storage import writer
from tests.storage.samples import MINUTE, NOW, a_clock, a_conversation, a_task, a_ticket

Result = TypeVar("Result")
#: Processes with nothing of ours in them, forked from a clean one that has only imported the product (1 s each otherwise).
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["__main__", "tests.storage.writer"])


def all_at_once(count: int, act: Callable[[int], Result]) -> list[Result]:
    """`act(0) … act(count - 1)`, each in a thread, let go together."""
    barrier = threading.Barrier(count)

    def run(n: int) -> Result:
        barrier.wait(10)
        return act(n)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


@contextmanager
def another_process(url: str, what: str) -> Iterator[tuple[BaseProcess, Connection]]:
    """One of tests/storage/writer.py and the pipe to it; killed at the end, -9, wherever it is."""
    ours, its = PROCESSES.Pipe()
    process = PROCESSES.Process(target=writer.run, args=(url, what, its))
    process.start()
    its.close()
    try:
        yield process, ours
    finally:
        process.kill()
        process.join()
        process.close()
        ours.close()


@pytest.fixture
def talking(store: DialogueStore) -> DialogueStore:
    """With conversation c1."""
    with store.write() as tx:
        tx.add_conversation(a_conversation(state={"n": 0}))
    return store


class TestThreads:
    def test_of_fifty_who_take_the_floor_one_wins(self, talking: DialogueStore) -> None:
        def take(n: int) -> bool:
            with talking.write() as tx:
                moved = tx.move_floor("c1", to=Floor.OPERATOR, operator_id=n % 3 + 1, epoch=0, at=NOW)
                return moved is not None

        assert sum(all_at_once(50, take)) == 1
        with talking.read() as tx:
            assert tx.conversation("c1").epoch == 1

    def test_fifty_messages_are_numbered_without_gap(self, talking: DialogueStore) -> None:
        def add(n: int) -> int:
            with talking.write() as tx:
                return tx.add_message("c1", author=Author.BOT, text=str(n), at=NOW).seq

        assert sorted(all_at_once(50, add)) == list(range(1, 51))
        with talking.read() as tx:
            assert [m.seq for m in tx.messages("c1")] == list(range(1, 51))

    def test_one_client_id_is_one_message_and_no_lost_number(self, talking: DialogueStore) -> None:
        def add(n: int) -> tuple[int, str]:
            with talking.write() as tx:
                line = tx.add_message("c1", author=Author.RESIDENT, text=str(n), at=NOW, client_id="same")
                return line.seq, line.text

        assert len(set(all_at_once(20, add))) == 1
        with talking.write() as tx:
            assert tx.add_message("c1", author=Author.BOT, text="", at=NOW).seq == 2

    def test_one_turn_has_one_reply(self, talking: DialogueStore) -> None:
        def store_reply(n: int) -> bool:
            with talking.write() as tx:
                return tx.store_reply("c1", "turn-1", {"n": n})

        stored = all_at_once(20, store_reply)
        assert sum(stored) == 1
        with talking.read() as tx:
            assert tx.stored_reply("c1", "turn-1") == {"n": stored.index(True)}

    def test_one_call_is_one_conversation(self, store: DialogueStore) -> None:
        def open_call(n: int) -> str:
            with store.write() as tx:
                return tx.add_conversation(a_conversation(f"c{n}", external_id="CA1")).id

        assert len(set(all_at_once(20, open_call))) == 1

    def test_ticket_numbers_are_never_given_twice(self, store: DialogueStore) -> None:
        def open_ticket(_: int) -> str:
            with store.write() as tx:
                return tx.add_ticket(a_ticket()).number

        assert sorted(all_at_once(30, open_ticket)) == [f"1122-{n:04d}" for n in range(1, 31)]

    def test_one_rule_has_one_running_clock(self, store: DialogueStore) -> None:
        with store.write() as tx:
            ticket = tx.add_ticket(a_ticket())

        def start(n: int) -> int:
            with store.write() as tx:
                return tx.add_clock(a_clock(ticket.id, due_by=NOW + n * MINUTE)).id

        assert len(set(all_at_once(20, start))) == 1
        with store.read() as tx:
            assert [c.state for c in tx.clocks([ticket.id])[ticket.id]] == [ClockState.RUNNING]

    def test_read_modify_write_loses_nothing(self, talking: DialogueStore) -> None:
        with talking.write() as tx:
            ticket = tx.add_ticket(a_ticket())

        def nudge(_: int) -> None:
            for _ in range(5):
                with talking.write() as tx:
                    stored = tx.ticket(ticket.id, for_update=True)
                    tx.save_ticket(replace(stored, nudges=stored.nudges + 1))
                    talk = tx.conversation("c1", for_update=True)
                    tx.save_conversation(replace(talk, state={"n": talk.state["n"] + 1}))

        all_at_once(10, nudge)
        with talking.read() as tx:
            assert (tx.ticket(ticket.id).nudges, tx.conversation("c1").state) == (50, {"n": 50})

    def test_who_did_not_lock_is_told_that_somebody_was_faster(self, store: DialogueStore) -> None:
        with store.write() as tx:
            ticket = tx.add_ticket(a_ticket())

        def nudge(_: int) -> bool:
            try:
                with store.write() as tx:
                    tx.save_ticket(replace(ticket, nudges=1))
            except Conflict:
                return False
            return True

        assert sum(all_at_once(10, nudge)) == 1

    def test_each_task_is_claimed_once(self, store: DialogueStore) -> None:
        with store.write() as tx:
            for n in range(60):
                tx.enqueue(a_task(f"t{n}"))

        def claim_all(n: int) -> list[str]:
            keys = []
            while (task := store.claim(Lane.EMERGENCY, NOW, MINUTE, f"w{n}")) is not None:
                keys.append(task.key)
            return keys

        keys = [key for each in all_at_once(8, claim_all) for key in each]
        assert sorted(keys) == sorted(f"t{n}" for n in range(60))

    def test_an_expired_lease_is_taken_over_once(self, store: DialogueStore) -> None:
        with store.write() as tx:
            tx.enqueue(a_task())
        assert store.claim(Lane.EMERGENCY, NOW, MINUTE, "dead") is not None
        again = all_at_once(8, lambda n: store.claim(Lane.EMERGENCY, NOW + MINUTE, MINUTE, f"w{n}"))
        assert [task.tries for task in again if task] == [2]


class TestNews:
    def test_a_commit_wakes_who_waits(self, talking: DialogueStore) -> None:
        seen = settled(talking)
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(talking.wait_for_change, seen, 10)
            time.sleep(0.1)
            assert not waiting.done()
            started = time.monotonic()
            with talking.write() as tx:
                tx.add_message("c1", author=Author.BOT, text="", at=NOW)
            assert waiting.result(5) != seen
            assert time.monotonic() - started < 0.5

    def test_a_change_that_was_not_seen_is_told_at_once(self, talking: DialogueStore) -> None:
        seen = settled(talking)
        with talking.write() as tx:
            tx.add_message("c1", author=Author.BOT, text="", at=NOW)
        started = time.monotonic()
        assert talking.wait_for_change(seen, 10) != seen
        assert time.monotonic() - started < 0.1

    def test_a_rollback_wakes_nobody(self, talking: DialogueStore) -> None:
        seen = settled(talking)
        with pytest.raises(ZeroDivisionError), talking.write() as tx:
            tx.add_message("c1", author=Author.BOT, text=str(1 // 0), at=NOW)
        assert talking.wait_for_change(seen, 0.3) == seen

    def test_a_signal_wakes_its_listener_and_writes_nothing(self, talking: DialogueStore) -> None:
        seen, started = settled(talking), time.monotonic()
        with ThreadPoolExecutor(2) as pool:
            listens = pool.submit(talking.wait_for_change, seen, 10, "typing:a:house", started)
            listens_elsewhere = pool.submit(talking.wait_for_change, seen, 0.5, "typing:b:house", started)
            talking.signal("typing:a:house")
            assert listens.result(5) == seen
            assert listens_elsewhere.result(5) == seen
        assert talking.signalled("typing:a:house") > started
        assert talking.signalled("typing:b:house") == 0.0


def settled(store: DialogueStore) -> int:
    """The change number once nothing has changed for a while (the watcher announces its own start)."""
    seen, last = store.wait_for_change(0, 0.2), -1
    while seen != last:
        last, seen = seen, store.wait_for_change(seen, 0.2)
    return seen


@pytest.fixture
def shared(database: Store) -> Store:
    """A real store with conversation c1, for several processes."""
    with database.write() as tx:
        tx.add_conversation(a_conversation(state={"n": 0}))
    return database


class TestProcesses:
    def test_another_process_s_commit_wakes_within_a_second(self, shared: Store, url: str) -> None:
        with another_process(url, "message") as (_, pipe):
            assert pipe.recv() == "ready"
            seen = settled(shared)
            started = time.monotonic()
            pipe.send("go")
            assert shared.wait_for_change(seen, 5) != seen
            assert time.monotonic() - started < 1
            with shared.read() as tx:
                assert [m.text for m in tx.messages("c1")] == ["您好"]

    def test_a_writer_killed_in_its_transaction_leaves_nothing(self, shared: Store, url: str) -> None:
        with another_process(url, "hold") as (_, pipe):
            assert pipe.recv() == "holding"
        started = time.monotonic()
        with shared.write() as tx:
            assert list(tx.messages("c1")) == []
            assert list(tx.tickets()) == []
            assert tx.add_message("c1", author=Author.BOT, text="", at=NOW).seq == 1
            assert tx.add_ticket(a_ticket()).number == "1122-0001"
        assert time.monotonic() - started < 2

    def test_a_writer_killed_at_any_moment_leaves_whole_turns(self, shared: Store, url: str) -> None:
        with another_process(url, "flood") as (_, pipe):
            while pipe.recv() < 30:
                pass
        with shared.read() as tx:
            lines = tx.messages("c1", limit=10_000)
            tickets = {t.id: t for t in tx.tickets(limit=10_000)}
            clocks = tx.clocks(list(tickets))
            assert len(lines) >= 30
            assert [m.seq for m in lines] == list(range(1, len(lines) + 1))
            assert tx.conversation("c1").last_seq == len(lines)
            assert sorted(int(t.details["seq"]) for t in tickets.values()) == [m.seq for m in lines]
            assert all(len(clocks[i]) == 1 and len(tx.timeline(i)) == 1 for i in tickets)
        keys = set()
        while (task := shared.claim(Lane.EMERGENCY, NOW, MINUTE, "w")) is not None:
            keys.add(task.key)
        assert keys == {f"forward-{i}" for i in tickets}

    def test_processes_lose_no_update_of_one_another(self, shared: Store, url: str) -> None:
        with two_let_go_together(url, "add") as both:
            for process, _ in both:
                process.join(20)
            assert [process.exitcode for process, _ in both] == [0, 0]
        with shared.read() as tx:
            assert tx.conversation("c1").state == {"n": 200}

    def test_processes_claim_each_task_once(self, shared: Store, url: str) -> None:
        with shared.write() as tx:
            for n in range(100):
                tx.enqueue(a_task(f"t{n}", due_at=NOW - timedelta(seconds=n)))
        with two_let_go_together(url, "claim") as both:
            keys = [key for _, pipe in both for key in pipe.recv()]
        assert sorted(keys) == sorted(f"t{n}" for n in range(100))


@contextmanager
def two_let_go_together(url: str, what: str) -> Iterator[list[tuple[BaseProcess, Connection]]]:
    with another_process(url, what) as one, another_process(url, what) as other:
        for _, pipe in (one, other):
            assert pipe.recv() == "ready"
        for _, pipe in (one, other):
            pipe.send("go")
        yield [one, other]


@pytest.mark.postgres
def test_a_signal_reaches_the_other_processes_of_a_postgres_database(new_url: Callable[..., str]) -> None:
    url = new_url("postgres", stocked=True)
    with Store(url) as here, Store(url) as there:
        settled(there)
        started = time.monotonic()
        with ThreadPoolExecutor(1) as pool:
            listens = pool.submit(there.wait_for_change, there.wait_for_change(0, 0), 10, "typing:a:house", started)
            here.signal("typing:a:house")
            listens.result(8)
        assert there.signalled("typing:a:house") > started
