"""What is broken while emergencies run. Each drill drives a stage; whether the targets were met, the ledger says.

To add one: a function with `@_drill`, the limits it promises, and the sabotage that must turn it red.
"""

import secrets
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

import httpx
from lxml import etree
from twilio.request_validator import RequestValidator

from ops.drills.ledger import Emergency, Limits
from ops.drills.postgres import Cluster, programs
from ops.drills.stage import SCALE, Stage, Wish
from ops.town import Town

CALM = timedelta(seconds=2)
AFTER_A_KILL = timedelta(seconds=10)


@dataclass(frozen=True)
class Size:
    """How much of everything: the full run is the promise, the quick one a look."""

    kills: int
    web_kills: int
    emergencies: int
    some: int
    storm: int


FULL = Size(kills=200, web_kills=5, emergencies=100, some=6, storm=600)
QUICK = Size(kills=15, web_kills=1, emergencies=20, some=3, storm=0)
#: For a drill with a sabotage: enough to meet it.
PROOF = Size(kills=40, web_kills=2, emergencies=8, some=4, storm=60)

Run = Callable[[Stage, Size], None]
OwnTown = Callable[[Path], AbstractContextManager[Wish]]


class Missing(Exception):
    """This machine has not got what the drill needs; the message says what."""


@dataclass(frozen=True)
class Drill:
    """`own_town`: builds the wish for a town of its own and tidies up after it; None: the town shared by most."""

    name: str
    what: str
    run: Run
    limits: Limits
    sabotage: tuple[str, ...]
    bound_seconds: float
    own_town: OwnTown | None = None
    in_quick: bool = True


DRILLS: dict[str, Drill] = {}
_COLD_EVERY = 20
_REQUEST_SECONDS = 1.5  # how long a slow carrier takes over one
_RING = Limits(SCALE, first_ring=AFTER_A_KILL)


def _drill(
    what: str,
    *,
    sabotage: tuple[str, ...],
    limits: Limits = _RING,
    bound_seconds: float = 120,
    own_town: OwnTown | None = None,
    in_quick: bool = True,
) -> Callable[[Run], Run]:
    def add(run: Run) -> Run:
        name = run.__name__.replace("_", "-")
        DRILLS[name] = Drill(name, what, run, limits, sabotage, bound_seconds, own_town, in_quick)
        return run

    return add


# -- nothing is broken ----------------------------------------------------------------------------------------------


@_drill(
    "nothing is broken, an emergency a second; two in five calls ring out",
    sabotage=("slow_hands",),
    limits=Limits(SCALE, first_ring=AFTER_A_KILL, first_ring_p99=CALM),
    bound_seconds=240,
)
def calm(stage: Stage, size: Size) -> None:
    for _ in range(size.emergencies):
        stage.residents.report()
        time.sleep(
            1.0
        )  # faster, and the drill measures the one writer of SQLite: ladders run fifteen times as fast as well
    stage.settle()


# -- our own processes die ------------------------------------------------------------------------------------------


@_drill(
    "kill -9 of the worker at random instants, a quarter of them while the carrier is being asked, restarted at once; the carrier takes 1.5 s over a request and loses nine of ten callbacks",
    sabotage=("no_look_up",),
    bound_seconds=800,
)
def worker_killed(stage: Stage, size: Size) -> None:
    cold, longest_life = 0, 1.4
    # A callback would tell the new worker of the call before he had to look for it.
    stage.set_latency(_REQUEST_SECONDS)
    stage.set_callbacks(lost=0.9, seed=stage.random.randrange(1000))
    for n in range(size.kills):
        if n % 2 == 0:
            stage.residents.report()
        if n % 4 == 0 and stage.wait(stage.is_asking_the_carrier, longest_life):
            time.sleep(stage.random.uniform(0.0, _REQUEST_SECONDS))
        else:
            time.sleep(stage.random.uniform(0.0, longest_life))
        stage.kill_worker()
        is_cold = n % _COLD_EVERY == _COLD_EVERY - 1
        cold += is_cold
        began = time.monotonic()
        stage.start_worker(cold=is_cold)
        # A worker gets as long to live, at random, as this machine took to start it: otherwise none gets anywhere.
        longest_life = max(1.4, 2 * (time.monotonic() - began))
    stage.notes.append(f"{size.kills} kills, {cold} of the restarts from cold")
    stage.settle()


@_drill(
    "two workers at once on one database, one of them killed now and then",
    sabotage=("no_reread",),
)
def two_workers(stage: Stage, size: Size) -> None:
    stage.start_worker("2")
    for n in range(size.some):
        stage.residents.report(4)
        time.sleep(1.5)
        if n % 3 == 2:  # noqa: PLR2004 - every third round
            stage.kill_worker("2")
            stage.start_worker("2")
    stage.settle()
    stage.kill_worker("2")


@_drill(
    "kill -9 of the web process (gunicorn and its children) while residents call and write",
    sabotage=("no_alarm",),
    bound_seconds=180,
)
def web_killed(stage: Stage, size: Size) -> None:
    for _ in range(size.web_kills):
        stage.residents.report(3)
        time.sleep(stage.random.uniform(0.1, 1.6))
        stage.town.kill("web")
        stage.residents.report(2)
        time.sleep(stage.random.uniform(0.2, 1.0))
        stage.start_web()
        stage.town.wait_until_healthy()
        time.sleep(1.0)
    stage.settle()


@contextmanager
def _with_own_nlu(_folder: Path) -> Iterator[Wish]:
    yield Wish(own_nlu=True)


@_drill(
    "kill -9 of Rasa; danger words need no model",
    sabotage=("no_alarm",),
    limits=Limits(SCALE, first_ring=AFTER_A_KILL),
    bound_seconds=180,
    own_town=_with_own_nlu,
    in_quick=False,
)
def rasa_killed(stage: Stage, size: Size) -> None:
    stage.residents.report(size.some)
    time.sleep(1)
    stage.town.kill("nlu")
    for _ in range(size.some):
        stage.residents.report(2)
        time.sleep(0.7)
    stage.start_nlu()
    stage.residents.report(size.some)
    stage.settle()


@contextmanager
def _on_postgres(_folder: Path) -> Iterator[Wish]:
    folder = programs()
    if folder is None:
        raise Missing("PostgreSQL's programs (initdb, postgres) are not installed")
    with Cluster(folder) as cluster:
        yield Wish(database_url=cluster.url, cluster=cluster)


@_drill(
    "kill -9 of PostgreSQL's postmaster, started again after a moment",
    sabotage=("no_alarm",),
    bound_seconds=180,
    own_town=_on_postgres,
    in_quick=False,
)
def postgres_killed(stage: Stage, size: Size) -> None:
    cluster = stage.wish.cluster
    if cluster is None:
        raise Missing("no cluster on this stage")
    for _ in range(size.web_kills):
        stage.residents.report(3)
        time.sleep(stage.random.uniform(0.2, 1.5))
        cluster.kill()
        time.sleep(stage.random.uniform(0.1, 1.0))
        cluster.start()
        cluster.wait()
        stage.residents.report(2)
        time.sleep(2.0)
    stage.settle()


# -- the machine ----------------------------------------------------------------------------------------------------


@contextmanager
def _on_a_small_disk(folder: Path) -> Iterator[Wish]:
    place = folder / "disk"
    place.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=48m", "drill", str(place)], capture_output=True, text=True, check=False
    )
    if made.returncode != 0:
        raise Missing(f"a small tmpfs cannot be mounted here (root is needed): {made.stderr.strip()}")
    try:
        yield Wish(folder=place)
    finally:
        subprocess.run(["umount", str(place)], check=True)


@_drill(
    "the disk is full: database and logs on a tmpfs of 48 MB filled to the last byte, room again in crumbs, then all of it",
    sabotage=("no_alarm",),
    limits=Limits(SCALE, first_ring=timedelta(seconds=30)),
    bound_seconds=120,
    own_town=_on_a_small_disk,
)
def disk_full(stage: Stage, size: Size) -> None:
    stage.residents.report(size.some)
    time.sleep(2)
    with (stage.folder / "filler").open("wb", buffering=0) as filler:
        _fill(filler)
        stage.residents.report(size.some, chat_share=0)
        for _ in range(12):
            time.sleep(0.5)
            # Crumbs of room: enough for a part of what belongs together, so that half of it could be written.
            filler.truncate(filler.tell() - 4096 * stage.random.randrange(1, 8))
            filler.seek(0, 2)
            time.sleep(0.3)
            _fill(filler)
    (stage.folder / "filler").unlink()
    stage.residents.report(size.some)
    stage.settle()
    with closing(sqlite3.connect(stage.folder / "hotline.db")) as database:
        (sound,) = database.execute("PRAGMA integrity_check").fetchone()
        (half,) = database.execute(
            "SELECT count(*) FROM ticket WHERE emergency AND NOT EXISTS "
            "(SELECT 1 FROM outbox WHERE outbox.ticket_id = ticket.id AND outbox.kind = 'forward_emergency')"
        ).fetchone()
    if sound != "ok":
        stage.complain(f"PRAGMA integrity_check: {sound}")
    if half:
        stage.complain(f"{half} emergencies half written: a ticket without its alarm")


def _fill(file: BinaryIO) -> None:
    for block in (1 << 20, 4096, 1):
        try:
            while True:
                file.write(b"\0" * block)
        except OSError:
            continue


@_drill(
    "the worker's clock jumps: an hour ahead, an hour back, three minutes ahead, three back",
    sabotage=("slow_hands",),
    bound_seconds=150,
)
def clock_jumps(stage: Stage, size: Size) -> None:
    for seconds in (3600, 0, -3600, 0, 180, -180, 0):
        stage.residents.report(max(2, size.some // 2))
        time.sleep(stage.random.uniform(0.3, 1.5))
        stage.set_clock(seconds)
        stage.residents.report(1)
        time.sleep(2)
    stage.settle()


# -- the carrier ----------------------------------------------------------------------------------------------------


def _with_faults(stage: Stage, size: Size, fault: str, *, pause: float) -> None:
    for _ in range(size.some):
        stage.order_fault(fault, 1 + stage.random.randrange(3))
        stage.residents.report(1)
        time.sleep(pause)
    stage.mend_carrier()
    stage.settle()


@_drill("the carrier answers 429", sabotage=("no_alarm",))
def carrier_busy(stage: Stage, size: Size) -> None:
    _with_faults(stage, size, "busy", pause=1.5)


@_drill("the carrier answers 500 and has done nothing", sabotage=("no_alarm",))
def carrier_broken(stage: Stage, size: Size) -> None:
    _with_faults(stage, size, "error", pause=1.5)


@_drill("the carrier answers 500 and has placed the call all the same", sabotage=("no_reread",))
def carrier_forgetful(stage: Stage, size: Size) -> None:
    _with_faults(stage, size, "lost", pause=1.5)


@_drill("the carrier places the call and never answers", sabotage=("no_reread",))
def carrier_hangs(stage: Stage, size: Size) -> None:
    _with_faults(stage, size, "hang", pause=4)


@_drill("the carrier places the call and answers after 14 s", sabotage=("no_reread",), in_quick=False)
def carrier_slow(stage: Stage, size: Size) -> None:
    _with_faults(stage, size, "late", pause=4)


@_drill(
    "four of ten status callbacks lost, three doubled, each up to 4 s late and so out of order",
    sabotage=("callbacks_only",),
)
def callbacks_astray(stage: Stage, size: Size) -> None:
    stage.set_callbacks(lost=0.4, doubled=0.3, late_seconds=4, seed=stage.random.randrange(1000))
    stage.staff.accepting = 0.3
    for _ in range(size.some):
        stage.residents.report(2)
        time.sleep(2)
    stage.residents.wait(30)
    time.sleep(10)
    stage.set_callbacks()
    stage.settle()


@_drill("no status callback ever arrives and nobody answers", sabotage=("callbacks_only",), in_quick=False)
def callbacks_lost(stage: Stage, size: Size) -> None:
    stage.set_callbacks(lost=1)
    _nobody(stage, size, "no-answer")


# -- nobody there ---------------------------------------------------------------------------------------------------


def _nobody(stage: Stage, size: Size, state: str) -> None:
    """Until every ladder has run through, or ten minutes of the standard are over; then everybody answers, so that it ends."""
    stage.set_staff_phones(state)
    stage.residents.report(max(2, size.some // 2))
    stage.residents.wait(30)
    stage.wait(lambda: all(t.alarm_exhausted_at for t in stage.mine()), 600 / SCALE, every=0.5)
    accepted = [t.number for t in stage.mine() if t.acknowledged_at]
    if accepted:
        stage.complain(f"accepted by nobody: {accepted}")
    stage.set_callbacks()
    stage.set_staff_phones("on")
    stage.settle()


@_drill("every telephone of the staff is off", sabotage=("first_rung_only",))
def phones_off(stage: Stage, size: Size) -> None:
    _nobody(stage, size, "off")


@_drill("voicemail answers everywhere", sabotage=("first_rung_only",), in_quick=False)
def voicemail(stage: Stage, size: Size) -> None:
    _nobody(stage, size, "voicemail")


# -- twice and at once ----------------------------------------------------------------------------------------------


@_drill(
    "each webhook of a call, and the butler's key 1, by eight threads at once and once more",
    sabotage=("no_replay",),
)
def webhooks_repeated(stage: Stage, size: Size) -> None:
    carrier = _Carrier(stage.town)
    stage.staff.accepting = 0.0
    with ThreadPoolExecutor(8) as eight:

        def everywhere(path: str, form: dict[str, str]) -> bytes:
            answers = list(eight.map(lambda _: carrier.post(path, form), range(8)))
            answers.append(carrier.post(path, form))
            if {a.status_code for a in answers} != {200} or len({a.content for a in answers}) != 1:
                shown = sorted({(a.status_code, len(a.content)) for a in answers})
                stage.complain(f"nine deliveries of {path} were answered differently: {shown}")
            return answers[0].content

        for _ in range(size.some):
            emergency, words = _by_hand(stage)
            form = {"CallSid": "CA" + secrets.token_hex(16), "From": emergency.number, "CallStatus": "in-progress"}
            turn = carrier.action(everywhere("/ivr/calls", form))
            everywhere(turn, form | {"SpeechResult": words, "Confidence": "0.9"})
            for ticket in [t for t in stage.mine() if emergency.is_told_by(t)]:  # none: counted as lost
                rings = stage.wait(lambda t=ticket: bool(stage.calls_for(t.id)), 10)  # type: ignore[misc]
                attempt = stage.calls_for(ticket.id)[0].attempt_id if rings else "nobody-was-rung"
                everywhere(f"/ivr/alarms/{attempt}/key/1", {"CallSid": "CA" + "0" * 32, "Digits": "1"})
    stage.settle()


def _by_hand(stage: Stage) -> tuple[Emergency, str]:
    """A resident without a telephone of the network: who he is, and what he says."""
    number = stage.residents.next_number()
    emergency = Emergency(number=f"+86177{number:08}", tries=1)
    stage.residents.everybody.append(emergency)
    return emergency, stage.residents.words(number)


class _Carrier:
    """Signed webhooks by hand."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self._http = httpx.Client(timeout=30, trust_env=False)

    def post(self, path: str, form: dict[str, str]) -> httpx.Response:
        address = path if path.startswith("http") else self._town.web + path
        data = {"AccountSid": self._town.account, "ApiVersion": "2010-04-01", **form}
        signature = RequestValidator(self._town.token).compute_signature(address, data)
        return self._http.post(address, data=data, headers={"X-Twilio-Signature": signature})

    def action(self, twiml: bytes) -> str:
        """Where what the caller says next goes."""
        (gather,) = etree.fromstring(twiml).findall("Gather")
        return str(gather.get("action"))


# -- very many ------------------------------------------------------------------------------------------------------

#: Opening six hundred cases takes this machine a minute; scaled any more, that minute would be ten.
#: Two cores do not get faster with the clock: at eightfold time this drill measured them.
_STORM_SCALE = 3.0


@contextmanager
def _one_call_a_second(_folder: Path) -> Iterator[Wish]:
    yield Wish(calls_per_second=1.0, scale=_STORM_SCALE, accepting=0.9)


@_drill(
    "600 leaks as fast as this machine takes them; one call and one text a second; each in an ear or a message in ten minutes"
    f" (scale {_STORM_SCALE:g})",
    sabotage=("no_alarm",),
    limits=Limits(_STORM_SCALE, first_ring=timedelta(minutes=10) / _STORM_SCALE, by_message=True),
    bound_seconds=500,
    own_town=_one_call_a_second,
    in_quick=False,
)
def storm(stage: Stage, size: Size) -> None:
    carrier = _Carrier(stage.town)

    def tell(told: tuple[Emergency, str]) -> None:
        emergency, words = told
        form = {"CallSid": "CA" + secrets.token_hex(16), "From": emergency.number, "CallStatus": "in-progress"}
        turn = carrier.action(carrier.post("/ivr/calls", form).raise_for_status().content)
        carrier.post(turn, form | {"SpeechResult": words, "Confidence": "0.9"}).raise_for_status()

    began = time.monotonic()
    with ThreadPoolExecutor(16) as lines:
        list(lines.map(tell, [_by_hand(stage) for _ in range(size.storm)]))
    stage.notes.append(f"{size.storm} cases opened in {time.monotonic() - began:.0f} s")
    stage.settle()
