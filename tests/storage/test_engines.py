"""What the ports leave open: locks and budgets, hostile values, errors in our own words, backup, plans."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from dialogue.conversation import Author, Floor
from fulfillment.outbox import Lane, TaskKind
from fulfillment.ticket import TicketState, TimelineEntry
from kernel.errors import BadInput, ConfigurationError, Conflict, NotFound, StaleEpoch, StoreBusy
from storage import Store, schema
from tests.storage.samples import MINUTE, NOW, a_clock, a_conversation, a_task, a_ticket, an_attempt


@contextmanager
def locked_by_somebody_else(url: str) -> Iterator[None]:
    """Another program holds what a writer of conversation c1 needs."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as file:
            file.execute("BEGIN IMMEDIATE")
            yield
        return
    # the server ends the lock itself before long: a store that never gives up fails the test instead of hanging it
    with psycopg.connect(
        url.replace("+psycopg", ""), options="-c idle_in_transaction_session_timeout=3000"
    ) as connection:
        connection.execute("SELECT 1 FROM conversation FOR UPDATE")
        yield
        connection.rollback()


@pytest.fixture
def talking(database: Store) -> Store:
    with database.write() as tx:
        tx.add_conversation(a_conversation())
    return database


def say(store: Store, text: str = "喂") -> int:
    with store.write() as tx:
        return tx.add_message("c1", author=Author.RESIDENT, text=text, at=NOW).seq


class TestBudget:
    def test_locked_past_the_budget(self, talking: Store, url: str) -> None:
        with Store(url, busy_seconds=0.4) as hurried, locked_by_somebody_else(url):
            started = time.monotonic()
            with pytest.raises(StoreBusy):
                say(hurried)
            assert 0.3 < time.monotonic() - started < 2
            with hurried.read() as tx:  # readers go on
                assert tx.conversation("c1").last_seq == 0
        assert say(talking) == 1

    def test_a_limit_is_one_for_all_transactions_of_a_thread(self, talking: Store, url: str) -> None:
        with Store(url, busy_seconds=1) as patient:
            patient.limit_waiting(0.4)
            started = time.monotonic()
            with locked_by_somebody_else(url):
                for _ in range(3):
                    with pytest.raises(StoreBusy):
                        say(patient)
            assert 0.3 < time.monotonic() - started < 0.9
            assert say(patient) == say(talking) - 1, "used up: who need not wait is served"
            patient.limit_waiting(None)
            started = time.monotonic()
            with locked_by_somebody_else(url), pytest.raises(StoreBusy):
                say(patient)
            assert time.monotonic() - started > 0.9

    def test_who_can_do_without_waits_for_a_shorter_time(self, talking: Store, url: str) -> None:
        with Store(url, busy_seconds=8) as patient, locked_by_somebody_else(url):
            for longest in (None, 2.0):
                patient.limit_waiting(longest)
                started = time.monotonic()
                with pytest.raises(StoreBusy), patient.write(within=0.3) as tx:
                    tx.add_message("c1", author=Author.RESIDENT, text="喂", at=NOW)
                assert 0.2 < time.monotonic() - started < 1.5
            patient.limit_waiting(0.2)
            started = time.monotonic()
            with pytest.raises(StoreBusy), patient.write(within=5) as tx:
                tx.add_message("c1", author=Author.RESIDENT, text="喂", at=NOW)
            assert time.monotonic() - started < 1.5, "the request's own limit stays"
        assert say(talking) == 1

    def test_locked_for_less_than_the_budget(self, talking: Store, url: str) -> None:
        with locked_by_somebody_else(url):
            done: list[int] = []
            writer = threading.Thread(target=lambda: done.append(say(talking)))
            writer.start()
            time.sleep(0.3)
            assert done == []
        writer.join(5)
        assert done == [1]

    def test_a_thread_that_never_ends_its_transaction(self, talking: Store, url: str) -> None:
        with Store(url, busy_seconds=0.3) as store:
            with store.write() as tx:
                tx.add_message("c1", author=Author.BOT, text="", at=NOW)
                failed: list[Exception] = []

                def write() -> None:
                    try:
                        say(store)
                    except StoreBusy as exc:
                        failed.append(exc)

                writer = threading.Thread(target=write)
                writer.start()
                writer.join(2)
                assert len(failed) == 1
            assert say(talking) == 2


class TestDoor:
    def test_a_second_row_with_the_same_key(self, database: Store) -> None:
        with database.write() as tx:
            ticket = tx.add_ticket(a_ticket())
            tx.add_attempt(an_attempt(ticket.id))
        with pytest.raises(Conflict), database.write() as tx:
            tx.add_attempt(an_attempt(ticket.id))

    def test_a_row_that_points_nowhere(self, database: Store) -> None:
        with pytest.raises(NotFound), database.write() as tx:
            tx.add_ticket(a_ticket(household_id=4711))
        with pytest.raises(NotFound), database.write() as tx:
            tx.add_to_timeline(TimelineEntry(4711, NOW, "bot", "opened"))

    def test_numbers_no_column_can_hold(self, database: Store) -> None:
        with pytest.raises((BadInput, NotFound)), database.read() as tx:
            tx.ticket(10**30)
        with pytest.raises(BadInput), database.write() as tx:
            tx.add_ticket(a_ticket(nudges=10**30))

    def test_a_naive_instant_is_a_mistake_of_ours(self, database: Store) -> None:
        naive = datetime(2026, 11, 22, 10)  # noqa: DTZ001 - what the test is about
        with pytest.raises(ValueError, match="naive"), database.write() as tx:
            tx.add_ticket(a_ticket(acknowledged_at=naive))

    def test_a_caught_database_error_still_dooms_the_transaction(self, database: Store) -> None:
        """PostgreSQL would turn the commit into a rollback without a word, and a promise would be lost."""

        def swallow() -> None:
            with database.write() as tx:
                ticket = tx.add_ticket(a_ticket())
                tx.add_attempt(an_attempt(ticket.id))
                with pytest.raises(Conflict):
                    tx.add_attempt(an_attempt(ticket.id))

        with pytest.raises(Conflict):
            swallow()
        with database.read() as tx:
            assert list(tx.tickets()) == []

    def test_no_values_in_messages(self, database: Store) -> None:
        with database.write() as tx:
            ticket = tx.add_ticket(a_ticket())
            tx.add_attempt(an_attempt(ticket.id, "secret-attempt"))
        with pytest.raises(Conflict) as caught, database.write() as tx:
            tx.add_attempt(an_attempt(ticket.id, "secret-attempt", phone="+8613812345678"))
        assert "13812345678" not in str(caught.value)
        assert "secret" not in str(caught.value)
        assert "13812345678" not in str(caught.value.__cause__)

    def test_nobody_answers(self) -> None:
        with (
            Store("postgresql+psycopg://nobody@127.0.0.1:1/none", busy_seconds=1) as store,
            pytest.raises(StoreBusy),
        ):
            store.ping()

    @pytest.mark.parametrize("address", ["sqlite://", "sqlite:///:memory:", "mysql://x/y", "postgresql+asyncpg://x/y"])
    def test_addresses_we_do_not_speak(self, address: str) -> None:
        with pytest.raises(ConfigurationError, match="DATABASE_URL"):
            Store(address)

    def test_the_ping_is_in_seconds(self, database: Store) -> None:
        assert 0 < database.ping() < 2


HOSTILE = ["", "\0", "a\0b", "\ud800", "🔥" * 500, "'; DROP TABLE ticket; --", "<script>", "x" * 200_000, "\n\r\t\x1b"]


class TestHostileText:
    @pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
    def test_is_stored_everywhere_and_comes_back(self, talking: Store, text: str) -> None:
        kept = text.replace("\0", "\ufffd").replace("\ud800", "\ufffd")
        with talking.write() as tx:
            tx.add_message("c1", author=Author.RESIDENT, text=text, at=NOW, data={"heard": text}, client_id=text)
            again = tx.add_message("c1", author=Author.RESIDENT, text="again", at=NOW, client_id=text)
            ticket = tx.add_ticket(a_ticket(symptom=text, details={"part": text}, state=TicketState.CLOSED))
        with talking.read() as tx:
            assert again.seq == 1
            assert [(m.text, m.data) for m in tx.messages("c1")] == [(kept, {"heard": text})]
            assert tx.ticket(ticket.id).symptom == kept
            assert tx.ticket(ticket.id).details == {"part": text}
            assert tx.household_by_card(text) is None
            assert [t.id for t in tx.tickets(search=text[:50])] == [ticket.id]


class TestFloor:
    def test_an_old_copy_of_a_conversation_cannot_give_the_floor_back(self, talking: Store) -> None:
        with talking.read() as tx:
            old = tx.conversation("c1")
        with talking.write() as tx:
            assert tx.move_floor("c1", to=Floor.OPERATOR, operator_id=1, epoch=0, at=NOW)
        with pytest.raises(StaleEpoch), talking.write() as tx:
            tx.save_conversation(replace(old, last_at=NOW + MINUTE))
        with talking.read() as tx:
            assert tx.conversation("c1").operator_id == 1

    def test_a_new_holder_counts_as_seen(self, talking: Store) -> None:
        with talking.write() as tx:
            taken = tx.move_floor("c1", to=Floor.OPERATOR, operator_id=1, epoch=0, at=NOW)
            assert taken is not None
            assert taken.seen_by_operator_at == NOW
            back = tx.move_floor("c1", to=Floor.BOT, operator_id=1, epoch=1, at=NOW)
            assert back is not None
            assert (back.operator_id, back.seen_by_operator_at) == (None, None)


class TestOutbox:
    def test_a_task_of_a_newer_release_stops_nobody(self, database: Store) -> None:
        with database.write() as tx:
            tx.enqueue(a_task("unknown", due_at=NOW - MINUTE))
            tx.enqueue(a_task("known"))
        with database._engines.write.begin() as connection:
            connection.execute(
                sa.update(schema.outbox).where(schema.outbox.c.key == "unknown").values(kind="from_the_future")
            )
        assert database.next_due(Lane.EMERGENCY) == NOW
        task = database.claim(Lane.EMERGENCY, NOW, MINUTE, "w")
        assert task is not None
        assert task.key == "known"
        assert database.claim(Lane.EMERGENCY, NOW, MINUTE, "w") is None
        with database.read() as tx:
            assert [key for _, key, _, _ in tx.overdue_tasks(NOW)] == ["unknown"]

    def test_while_a_worker_holds_its_task_nobody_takes_it_over(self, database: Store, engine: str) -> None:
        """The fence of DESIGN §2: what a transaction writes after `holds` commits before a rival can claim."""
        with database.write() as tx:
            tx.enqueue(a_task())
        task = database.claim(Lane.EMERGENCY, NOW, timedelta(0), "slow")
        assert task is not None
        rival: list[object] = []
        thread = threading.Thread(target=lambda: rival.append(database.claim(Lane.EMERGENCY, NOW, MINUTE, "rival")))
        with database.write() as tx:
            assert tx.holds(task)
            thread.start()
            thread.join(0.3)
            if engine == "postgres":
                assert rival == [None]
            assert tx.task_done(task)
        thread.join(5)
        assert rival == [None]

    def test_an_idle_worker_does_not_ask_for_the_write_lock(self, database: Store, url: str) -> None:
        with database.write() as tx:
            tx.enqueue(a_task(due_at=NOW + MINUTE))
            tx.add_conversation(a_conversation())
        with Store(url, busy_seconds=0.2) as worker, locked_by_somebody_else(url):
            assert worker.claim(Lane.EMERGENCY, NOW, MINUTE, "w") is None


class TestBackup:
    def test_a_copy_while_others_write(self, new_url: Callable[..., str], tmp_path: Path) -> None:
        copy = tmp_path / "backups.db"
        with Store(new_url("sqlite", stocked=True)) as store:
            with store.write() as tx:
                ticket = tx.add_ticket(a_ticket())
            store.backup(copy)
            assert copy.stat().st_mode & 0o077 == 0
            with store.write() as tx:
                tx.add_ticket(a_ticket())
            with Store(f"sqlite:///{copy}") as restored, restored.read() as tx:
                assert restored.is_current()
                assert list(tx.tickets()) == [ticket]
            store.backup(copy)
            with Store(f"sqlite:///{copy}") as restored, restored.read() as tx:
                assert len(tx.tickets()) == 2
        assert not list(tmp_path.glob("*.part"))

    def test_where_nothing_can_be_written(self, new_url: Callable[..., str], tmp_path: Path) -> None:
        with Store(new_url("sqlite", stocked=True)) as store, pytest.raises(OSError, match="No such"):
            store.backup(tmp_path / "no" / "such" / "folder.db")

    @pytest.mark.postgres
    def test_postgres_has_its_own_tool(self, new_url: Callable[..., str], tmp_path: Path) -> None:
        with (
            Store(new_url("postgres", stocked=True)) as store,
            pytest.raises(ConfigurationError, match="pg_dump"),
        ):
            store.backup(tmp_path / "x")


class TestSqliteSetUp:
    def test_pragmas(self, new_url: Callable[..., str]) -> None:
        with Store(new_url("sqlite", stocked=True)) as store:
            for engine, query_only in ((store._engines.write, 0), (store._engines.read, 1)):
                with engine.connect() as connection:
                    pragmas = {
                        name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                        for name in ("journal_mode", "synchronous", "foreign_keys", "query_only")
                    }
                full = 2
                assert pragmas == {
                    "journal_mode": "wal",
                    "synchronous": full,
                    "foreign_keys": 1,
                    "query_only": query_only,
                }


class TestWatcher:
    def test_ends_with_the_store(self, database: Store) -> None:
        database.wait_for_change(0, 0.1)
        assert [t for t in threading.enumerate() if t.name == "storage-watcher"]
        with_waiter = threading.Thread(target=database.wait_for_change, args=(10**9, 30))
        with_waiter.start()
        database.close()
        with_waiter.join(2)
        assert not with_waiter.is_alive()
        assert not [t for t in threading.enumerate() if t.name == "storage-watcher"]

    @pytest.mark.postgres
    def test_listens_again_after_the_server_cut_it_off(self, new_url: Callable[..., str]) -> None:
        url = new_url("postgres", stocked=True)
        with Store(url) as store, Store(url) as other:
            with store.write() as tx:
                tx.add_conversation(a_conversation())
            first = new_listener(store, url, set())
            with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as server:
                server.execute("SELECT pg_terminate_backend(%s)", [first.copy().pop()])
            new_listener(store, url, first)
            seen = settled(store)
            started = time.monotonic()
            say(other)
            assert store.wait_for_change(seen, 5) != seen
            assert time.monotonic() - started < 1


def new_listener(store: Store, url: str, known: set[int]) -> set[int]:
    """Waits until a watcher listens that is not one of the known; returns all that do."""
    deadline = time.monotonic() + 10
    while not (now := listeners(url)) - known:
        assert time.monotonic() < deadline, "nobody listens"
        store.wait_for_change(0, 0)
        time.sleep(0.1)
    return now


def settled(store: Store) -> int:
    """The change number once the watcher has announced its own start."""
    seen, last = store.wait_for_change(0, 0.3), -1
    while seen != last:
        last, seen = seen, store.wait_for_change(seen, 0.3)
    return seen


def listeners(url: str) -> set[int]:
    """Server processes of the watchers on this database."""
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as server:
        rows = server.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
            " AND query LIKE 'LISTEN%' AND pid <> pg_backend_pid()"
        ).fetchall()
    return {int(pid) for (pid,) in rows}


class TestPlans:
    """What is asked often is answered from an index, and not only as long as there is little."""

    def test_the_worker_s_poll_uses_the_partial_index(self, new_url: Callable[..., str]) -> None:
        with Store(new_url("sqlite", stocked=True)) as store:
            with store.write() as tx:
                for n in range(20):
                    tx.enqueue(a_task(f"t{n}", kind=TaskKind.WARN_CLOCK, due_at=NOW + n * MINUTE))
            asked = spied(store)
            store.claim(Lane.ORDINARY, NOW, MINUTE, "w")
            plans = [plan for statement in asked for plan in explained(store, *statement)]
        assert any("ix_outbox_pending" in plan for plan in plans), plans
        assert not [plan for plan in plans if plan.startswith("SCAN outbox") and "INDEX" not in plan], plans

    def test_open_tickets_and_lists_do_not_scan(self, new_url: Callable[..., str]) -> None:
        with Store(new_url("sqlite", stocked=True)) as store:
            with store.write() as tx:
                tx.add_conversation(a_conversation())
                tx.add_clock(a_clock(tx.add_ticket(a_ticket()).id))
            asked = spied(store)
            with store.read() as tx:
                tx.open_tickets(household_id=1, conversation_id="c1", contact_phone="+86")
                tx.tickets(only_open=True)
                tx.live_conversations()
                tx.households_by_phone("+86")
                tx.clocks([1, 2])
                tx.unfinished_attempts([1])
            plans = [plan for statement in asked for plan in explained(store, *statement)]
        assert len(plans) >= 6
        assert not [plan for plan in plans if plan.startswith("SCAN") and "INDEX" not in plan], plans

    def test_whether_somebody_looked_just_now_is_read_from_his_own_rows(self, new_url: Callable[..., str]) -> None:
        with Store(new_url("sqlite", stocked=True)) as store:
            asked = spied(store)
            with store.read() as tx:
                tx.looks(who="op1", limit=20)
            plans = [plan for statement in asked for plan in explained(store, *statement)]
        assert plans == ["SEARCH look USING INDEX ix_look_who (who=?)"], "and nothing is sorted"


def spied(store: Store) -> list[tuple[str, tuple[str | int, ...]]]:
    """Every statement from now on."""
    asked: list[tuple[str, tuple[str | int, ...]]] = []
    for engine in (store._engines.read, store._engines.write):

        @sa.event.listens_for(engine, "before_cursor_execute")
        def _note(_c: object, _cursor: object, statement: str, parameters: tuple[str | int, ...], *_: object) -> None:
            if statement.startswith(("SELECT", "UPDATE")):
                asked.append((statement, parameters))

    return asked


def explained(store: Store, statement: str, parameters: tuple[str | int, ...]) -> list[str]:
    file = str(store._url.database)
    with closing(sqlite3.connect(file)) as connection:
        return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)]
