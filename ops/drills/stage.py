"""The town of a drill: real processes at a faster pace, robots at its telephones, and what is counted at the end."""

import json
import math
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import httpx
import psutil
import yaml

from fulfillment.ticket import AttemptOutcome, Ticket
from kernel.errors import HotlineError
from ops.drills.ledger import Call, Limits, Record, Tables, Tally, calls_of, in_real_time, tally
from ops.drills.people import Residents, Staff
from ops.drills.postgres import Cluster
from ops.nlu_process import free_port
from ops.town import BIN, HOME, Town
from storage import Store

#: Ten minutes of the standard are 40 seconds of a drill: ladder.yml and the network's own waiting are divided by it.
SCALE = 15.0
DUTY_PHONE = "+8619900000051"
_LOOKS_ON_SECONDS = 6.0  # a scaled step of the ladder and the way to the carrier
_SETTLES_WITHIN_SECONDS = 75.0
#: A real carrier's answer takes about as long.
_USUAL_LATENCY = 0.2
_STARTS_WITHIN_SECONDS = 30.0
_MOST_TICKETS = 5000


@dataclass
class Wish:
    """What differs from the usual town. `database_url` "" is SQLite in the folder."""

    database_url: str = ""
    folder: Path | None = None
    own_nlu: bool = False
    calls_per_second: float = 0.0
    scale: float = SCALE
    sabotage: str = ""
    accepting: float = 0.6
    cluster: Cluster | None = None


class Stage:
    """`residents`, `staff`, `town`; processes are killed and started by name. Ends everything it started."""

    def __init__(self, folder: Path, nlu_url: str, wish: Wish, seed: int) -> None:
        self.folder, self.wish = wish.folder or folder, wish
        self.random = random.Random(seed)
        self.notes: list[str] = []
        self.complaints: list[str] = []
        self.deaths: list[tuple[datetime, datetime]] = []
        self._killed_at: datetime | None = None
        self._clock_set: list[tuple[datetime, timedelta]] = []
        self.clock_file = self.folder / "clock"
        self.set_clock(0)
        environment = {
            "DATA_DIR": str(scaled_data(self.folder, wish.scale)),
            "SIMULATOR_PATIENCE": "1",
            # The ladder's seconds are divided, and so is the network's speed: told 2 s, it would let telephones ring for 0.1.
            "SIMULATOR_TIMEOUT_SCALE": str(wish.scale),
            "SIMULATOR_CALLS_PER_SECOND": str(wish.calls_per_second),
            "SIMULATOR_REPEAT_WEBHOOKS": "0",
            "DUTY_PHONE": DUTY_PHONE,
            "DRILL_SABOTAGE": wish.sabotage,
            "DRILL_CLOCK": str(self.clock_file),
        }
        self._nlu_port = free_port()
        nlu = f"http://127.0.0.1:{self._nlu_port}" if wish.own_nlu else nlu_url
        self.town = Town(self.folder, nlu, wish.scale, wish.database_url, environment)
        self._nursery: Nursery | None = None

    def __enter__(self) -> Self:
        if self.wish.own_nlu:
            self.start_nlu()
        self.town.__enter__()
        try:
            self.town.kill("worker")
            if self.wish.sabotage:
                self.town.kill("web")
                self.start_web()
                self.town.wait_until_healthy()
            self._nursery = Nursery(self.town)
            self.start_worker()
            self.store = Store(self.town.database_url)
            with self.store.read() as tx:
                places = [c.name for c in tx.communities()]
                self.staff_phones = [s.phone for s in tx.all_staff()]
            self.residents = Residents(self.town, places, self.random)
            self.staff = Staff(self.town, self.random.randrange(2**31), self.wish.accepting)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.staff.close()
        self.residents.close()
        self.store.close()
        self._end()

    def _end(self) -> None:
        if self._nursery is not None:
            self._nursery.close()
        self.town.__exit__(None, None, None)

    def begin(self) -> None:
        """A new drill in the same town: everything is mended, nobody has reported anything."""
        self.mend_carrier()
        self.set_latency(_USUAL_LATENCY)
        self.set_callbacks()
        self.set_staff_phones("on")
        self.set_clock(0)
        self.staff.accepting = self.wish.accepting
        self.residents.everybody = []
        self.notes, self.complaints, self.deaths = [], [], []

    def complain(self, what: str) -> None:
        """A target of this drill only was missed."""
        self.complaints.append(what)

    def set_clock(self, seconds: int) -> None:
        """The workers' clocks go wrong by so much from now on."""
        self._clock_set.append((datetime.now(UTC), timedelta(seconds=seconds)))
        self.clock_file.write_text(str(seconds), "ascii")

    # -- processes

    def start_web(self) -> None:
        """Returns at once."""
        program = "ops.drills.odd_web:start()" if self.wish.sabotage else "ops.web:start()"
        self.town.start("web", str(BIN / "gunicorn"), "-c", "ops/gunicorn_conf.py", program)

    def start_nlu(self) -> None:
        """Returns at once."""
        self.town.start("nlu", str(HOME / "bot" / ".venv/bin/python"), str(HOME / "bot/serve.py"), str(self._nlu_port))

    def start_worker(self, instance: str = "1", *, cold: bool = False) -> None:
        """Returns when it is at work, so that it is not killed in its imports; `cold`: a new Python, as a supervisor does it."""
        before = self._workers_started()
        if cold and not self.wish.sabotage:
            self.town.start(f"worker-{instance}", str(BIN / "flask"), "--app", "app", "worker", "--instance", instance)
        else:
            self._the_nursery.start(instance)
        if not self.wait(lambda: self._workers_started() > before, _STARTS_WITHIN_SECONDS):
            raise TimeoutError(self.town.logs())
        if self._killed_at is not None:
            self.deaths.append((self._killed_at, datetime.now(UTC)))
            self._killed_at = None

    def _workers_started(self) -> int:
        return sum(f.read_bytes().count(b"worker_started") for f in self.folder.glob("worker*.log"))

    def kill_worker(self, instance: str = "1") -> None:
        self._killed_at = datetime.now(UTC)
        if f"worker-{instance}" in self.town.processes:
            self.town.kill(f"worker-{instance}")
        else:
            self._the_nursery.kill(instance)

    @property
    def _the_nursery(self) -> "Nursery":
        if self._nursery is None:
            raise RuntimeError("the stage is not set")
        return self._nursery

    # -- the network

    def set_staff_phones(self, state: str) -> None:
        for number in {*self.staff_phones, DUTY_PHONE}:
            self._network("PUT", f"/api/phones/{number}", {"state": state})

    def order_fault(self, fault: str, count: int) -> None:
        self._network("POST", "/api/faults", {"fault": fault, "count": count})

    def mend_carrier(self) -> None:
        self._network("DELETE", "/api/faults", {})

    def set_latency(self, seconds: float) -> None:
        self._network("PUT", "/api/latency", {"seconds": seconds})

    def set_callbacks(self, **weather: float) -> None:
        self._network("PUT", "/api/callbacks", weather)

    def _network(self, method: str, path: str, body: dict[str, Any]) -> None:
        httpx.request(method, f"{self.town.network}{path}", json=body, timeout=20, trust_env=False).raise_for_status()

    # -- the end

    def tables(self) -> Tables:
        """As they are now; a database that is just being started is waited for."""
        until = time.monotonic() + 60
        while True:
            try:
                with self.store.read() as tx:
                    tickets = [t for t in tx.tickets(limit=_MOST_TICKETS) if t.emergency]
                    attempts = [a for t in tickets for a in tx.attempts(t.id)]
                    return in_real_time(
                        Tables(tickets, attempts, tuple(self.deaths)), self._clock_set, datetime.now(UTC)
                    )
            except HotlineError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.5)

    def mine(self) -> list[Ticket]:
        """Tickets of this drill's emergencies."""
        return [t for t in self.tables().tickets if any(e.is_told_by(t) for e in self.residents.everybody)]

    def is_asking_the_carrier(self) -> bool:
        """Somebody is being dialled, and what became of it is not written down yet."""
        return any(a.outcome is AttemptOutcome.DIALLING for a in self.tables().attempts)

    def calls_for(self, ticket_id: int) -> list[Call]:
        return calls_of([a for a in self.tables().attempts if a.ticket_id == ticket_id], self.record())

    def record(self) -> Record:
        answer = httpx.get(f"{self.town.network}/api/record", timeout=30, trust_env=False).raise_for_status()
        return Record.of(answer.json())

    def wait(self, done: Callable[[], bool], seconds: float, *, every: float = 0.05) -> bool:
        """Whether it came true in time."""
        until = time.monotonic() + seconds
        while not done():
            if time.monotonic() > until:
                return False
            time.sleep(every)
        return True

    def settle(self) -> None:
        """Everybody answers from now on; until every emergency is accepted, or its time is over, and a rung longer: whoever was
        to be rung next is not.
        """
        self.residents.wait(60)
        self.staff.accepting = 1.0
        # With a sabotage it is enough that ten minutes of the standard are over.
        ten_minutes = 600 / self.wish.scale + 4
        patience = ten_minutes if self.wish.sabotage else max(ten_minutes, _SETTLES_WITHIN_SECONDS)
        self.wait(lambda: not self.unaccepted(), patience, every=0.5)
        time.sleep(_LOOKS_ON_SECONDS)

    def unaccepted(self) -> list[str]:
        return [t.number for t in self.tables().tickets if t.needs_acknowledgement]

    def count(self, limits: Limits) -> Tally:
        return tally(
            self.residents.everybody,
            self.tables(),
            self.record(),
            limits,
            duty_phone=DUTY_PHONE,
            now=datetime.now(UTC),
        )


class Nursery:
    """The parent of the quick workers (see nursery.py)."""

    def __init__(self, town: Town) -> None:
        with (town.folder / "worker.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "ops.drills.nursery"],
                cwd=HOME,
                env=town.environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self._workers: dict[str, int] = {}
        self._said()  # ready

    def start(self, instance: str) -> None:
        self._write(instance)
        self._workers[instance] = int(self._said())

    def kill(self, instance: str) -> None:
        """SIGKILL; returns when it is gone."""
        child = psutil.Process(self._workers.pop(instance))
        if child.ppid() != self._process.pid:
            raise RuntimeError(f"process {child.pid} is not ours")
        os.kill(child.pid, signal.SIGKILL)
        child.wait(10)

    def close(self) -> None:
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait(20)

    def _write(self, line: str) -> None:
        if self._process.stdin is None:
            raise RuntimeError("no pipe")
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def _said(self) -> str:
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise RuntimeError("the nursery died: see worker.log")
        return line.strip()


def scaled_data(folder: Path, scale: float) -> Path:
    """The tables of the product with every duration of the ladder divided (rounded up, so that a ring stays one) and every rate
    multiplied.
    """
    data = folder / "data"
    shutil.copytree(HOME / "data", data, dirs_exist_ok=True)
    plan = yaml.safe_load((HOME / "data" / "ladder.yml").read_text(encoding="utf-8"))
    for name, value in plan.items():
        if name.endswith("_seconds"):
            plan[name] = math.ceil(value / scale)
        if name.endswith("_per_second"):
            plan[name] = value * scale
    (data / "ladder.yml").write_text(json.dumps(plan), encoding="utf-8")
    return data


@dataclass
class Outcome:
    """What one drill found. `misses` empty: every target was met."""

    name: str
    what: str
    tally: Tally
    limits: Limits
    seconds: float
    misses: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    skipped: str = ""
    sabotage: str = ""  # the safeguard that was taken out of the product
    noticed: bool = False  # the sabotage, when there was one
