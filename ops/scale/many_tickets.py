"""A database with very many tickets: rows put in as fast as the engine takes them, for measuring reads alone.

They look like what the product writes (numbers by day, clocks, search index), but nobody reported them.
"""

import json
import random
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import psycopg

from fulfillment.importing import import_company, load_words
from kernel.clock import local
from kernel.settings import HOME
from storage import Store
from storage.ticket_search import cuts_of

#: As many as a big company has open in a cold spell; all others are over.
OPEN = 3_000
YEARS = 3
_KINDS = ("no_heat", "cold_room", "valve_not_opened", "leak_inside", "question", "complaint", "temperature_test")
_WEIGHTS = (40, 22, 16, 4, 10, 3, 5)
_FAMILY, _GIVEN = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗", "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超霞平刚"
_SYMPTOMS = (
    "家里暖气一直不热", "屋里只有十五度", "交了费没有开阀", "暖气片漏水滴到楼下", "客厅地暖不热卧室还行", "师傅约了没有来",
    "想测一下室温", "阀门拧不动", "立管整个楼道都是凉的", "发票抬头开错了",
)  # fmt: skip
#: Said by one in so many; 锈 is in no other ticket.
_RARE, _ONE_IN = "阀门锈死了", 50_000
_TICKET = (
    "id",
    "number",
    "kind",
    "state",
    "emergency",
    "opened_at",
    "community_id",
    "building",
    "unit",
    "room",
    "address_text",
    "contact_name",
    "contact_phone",
    "symptom",
    "details",
    "assignee_id",
    "owner_id",
    "acknowledged_at",
    "acknowledged_by",
    "nudges",
    "rev",
)
_CLOCK = ("id", "ticket_id", "rule", "clause", "started_at", "due_by", "state", "stopped_at", "rev")
_BATCH = 20_000


def fill_all(urls: Iterable[tuple[str, int]]) -> None:
    """Addresses and numbers of tickets, two at a time: each takes one core for minutes."""
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        for filling in [pool.submit(_fill_once, *one) for one in sorted(urls, key=lambda one: -one[1])]:
            filling.result()


def _fill_once(url: str, tickets: int) -> None:
    if url.startswith("sqlite") and Path(url.removeprefix("sqlite:///")).exists():
        with Store(url) as store:
            store.migrate()  # one that was filled under an earlier release
    else:
        fill(url, tickets)


def fill(url: str, tickets: int) -> None:
    """An empty database of this address gets its tables, the sample company and so many tickets."""
    with Store(url) as store:
        store.migrate()
        import_company(
            store, HOME / "data" / "company", load_words(HOME / "data" / "import_words.yml"), robot_address=str
        )
    if url.startswith("sqlite"):
        _fill_sqlite(url.removeprefix("sqlite:///"), tickets)
    else:
        _fill_postgres(url.replace("+psycopg", ""), tickets)


def _fill_sqlite(path: str, tickets: int) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous=OFF")

    def insert(table: str, columns: Sequence[str]) -> str:
        return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"  # noqa: S608 - constants of this file

    for batch, clocks in _batches(tickets, _as_text):
        connection.execute("BEGIN")
        connection.executemany(insert("ticket", _TICKET), batch)
        connection.executemany(insert("clock", _CLOCK), clocks)
        connection.executemany(
            "INSERT INTO ticket_search (rowid, pairs) VALUES (?, ?)", ((t[0], " ".join(_cuts(t))) for t in batch)
        )
        connection.execute("COMMIT")
    connection.execute("ANALYZE")
    connection.close()


def _fill_postgres(address: str, tickets: int) -> None:
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("DROP INDEX ix_ticket_search_pairs")  # built at once it costs a fraction
        for batch, clocks in _batches(tickets, lambda instant: instant):
            searched = [(t[0], _cuts(t)) for t in batch]
            for table, columns, rows in (
                ("ticket", _TICKET, batch), ("clock", _CLOCK, clocks), ("ticket_search", ("ticket_id", "pairs"), searched),
            ):  # fmt: skip
                with connection.cursor().copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN".encode()) as copy:
                    for row in rows:
                        copy.write_row(row)
        connection.execute("CREATE INDEX ix_ticket_search_pairs ON ticket_search USING gin (pairs)")
        connection.execute("VACUUM ANALYZE")


def _batches(tickets: int, instant: Any) -> Iterator[tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]]:
    chance = random.Random(tickets)
    now = datetime.now(UTC)
    step = timedelta(days=365 * YEARS) / tickets
    numbers: Counter[str] = Counter()
    for first in range(0, tickets, _BATCH):
        rows, clocks = [], []
        for n in range(first, min(first + _BATCH, tickets)):
            at = now - step * (tickets - n)
            day = f"{local(at):%m%d}"
            numbers[day] += 1
            row = _ticket(chance, n + 1, f"{day}-{numbers[day]:04}", at, is_open=n >= tickets - OPEN)
            rows.append(tuple(instant(cell) if isinstance(cell, datetime) else cell for cell in row))
            clocks += [
                tuple(instant(cell) if isinstance(cell, datetime) else cell for cell in clock)
                for clock in _clocks(chance, n + 1, at, is_open=n >= tickets - OPEN)
            ]
        yield rows, clocks


def _ticket(chance: random.Random, ticket_id: int, number: str, at: datetime, *, is_open: bool) -> tuple[Any, ...]:
    kind = chance.choices(_KINDS, _WEIGHTS)[0]
    state = chance.choice(("new", "acknowledged", "on_site")) if is_open else "closed"
    state = "acknowledged" if is_open and kind == "leak_inside" else state  # an alarm is accepted in minutes
    details = {"vulnerable": "yes"} if chance.random() < 0.06 else {}  # noqa: PLR2004 - a share
    name = chance.choice(_FAMILY) + chance.choice(_GIVEN) + chance.choice(_GIVEN)
    return (
        ticket_id, number, kind, state, kind == "leak_inside", at, chance.randint(1, 40), str(chance.randint(1, 30)),
        str(chance.randint(1, 4)), f"{chance.randint(1, 18)}0{chance.randint(1, 3)}", "", name,
        f"+86138{chance.randrange(10**8):08}",
        _RARE if ticket_id % _ONE_IN == 1 else chance.choice(_SYMPTOMS), json.dumps(details), 1, 1,
        None if state == "new" else at + timedelta(minutes=9), "" if state == "new" else "王建军", 0, 3,
    )  # fmt: skip


def _clocks(chance: random.Random, ticket_id: int, at: datetime, *, is_open: bool) -> Iterator[tuple[Any, ...]]:
    for n, (rule, hours) in enumerate((("repair_contact", 0.5), ("repair_on_site", 2), ("repair_done", 24))):
        due = at + timedelta(hours=hours)
        kept = chance.random() < 0.93  # noqa: PLR2004 - a share
        state = "running" if is_open and n else "kept" if kept else "broken"
        stopped = None if state == "running" else due + timedelta(minutes=-9 if kept else 9)
        yield ticket_id * 3 + n, ticket_id, rule, "B6", at, due, state, stopped, 1


def _cuts(row: Sequence[Any]) -> list[str]:
    return cuts_of(*(row[_TICKET.index(column)] for column in _SEARCHED))


_SEARCHED = ("number", "contact_name", "contact_phone", "symptom", "address_text")


def _as_text(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
