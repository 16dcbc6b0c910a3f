"""The sentinel: a process of its own that shouts when the others no longer keep the promise of an emergency (DESIGN §2 rule 6).

It shares nothing with the worker but the database, and when that is gone it still knows whom to tell. It writes nothing.
Each cause is told at once, then once a minute as long as it lasts (a case that is new sooner), and its end once.
"""

import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import FrameType
from typing import Protocol

import structlog

from fulfillment.company import StaffRole
from fulfillment.dispatch import LadderPlan, told_again_within
from fulfillment.notice import ROBOT
from fulfillment.outbox import Lane, TaskKind
from fulfillment.ports import FulfillmentStore, FulfillmentTx
from fulfillment.robot_messages import Robots, robot_of
from fulfillment.staff_notices import on_duty
from fulfillment.ticket import Attempt, AttemptOutcome, Ticket
from kernel.clock import Clock
from kernel.errors import CarrierError, HotlineError

#: An emergency task that waits for longer than this is carried out by nobody; a ladder that should have told somebody so long
#: ago tells nobody.
OVERDUE = timedelta(seconds=60)
#: An emergency of which nobody at all has been told after this time: the grace for an unknown address is 45 s of it.
UNTOLD = timedelta(seconds=120)
AGAIN = timedelta(seconds=60)
#: A case that was not among those told last time need not wait for the minute; a crowd of them is told together.
NEWS = timedelta(seconds=15)
_LOOK_EVERY_SECONDS = 5.0
#: A database that does not answer for so long is as good as gone.
_LOOK_LIMIT_SECONDS = 15.0
_MOST_EMERGENCIES = 100
#: Ringing, texting and writing to somebody about an emergency; these lanes carry ordinary tasks as well.
_TO_PEOPLE = {Lane.VOICE: TaskKind.RING_PERSON, Lane.TEXT: TaskKind.TEXT_PERSON, Lane.ROBOT: TaskKind.ROBOT_PERSON}
_TOLD_ROLES = (StaffRole.SUPERVISOR, StaffRole.DUTY_CHIEF)
_SHOUTS_AT_ONCE = 8
_NOT_TOLD = frozenset(
    {AttemptOutcome.INTENDED, AttemptOutcome.DIALLING, AttemptOutcome.FAILED, AttemptOutcome.WITHDRAWN}
)

log = structlog.get_logger()


class Cause(StrEnum):
    """What is wrong."""

    DATABASE = "database"  # cannot be reached
    OVERDUE = "overdue"  # emergency tasks that nobody carries out: the worker is dead or hangs
    UNTOLD = "untold"  # an emergency of which nobody has been told, whatever the reason
    QUIET = "quiet"  # somebody was told and did not accept, and now nobody is told any more


#: What is wrong, and the cases of it: keys of tasks, ids of tickets.
Found = Mapping[Cause, AbstractSet[str]]


@dataclass(frozen=True, slots=True)
class _Shout:
    """The last one about a cause."""

    at: datetime
    cases: AbstractSet[str]


@dataclass(frozen=True, slots=True)
class Listener:
    """Somebody who is told. Either may be "": no telephone, no robot."""

    phone: str
    robot: str


class PlainTexts(Protocol):
    """The telephone network without the database: ivr.carrier. Raises CarrierError; 10 s limit."""

    def plain_text(self, *, to: str, body: str) -> str: ...


@dataclass(frozen=True, slots=True)
class Ways:
    """How people are told, beside whatever the worker uses."""

    texts: PlainTexts
    robots: Robots


#: Words a cause (count of cases, minutes it has lasted) or its end; sentences live above this floor. Fits one text message.
SentinelText = Callable[[Cause, int, int], str]
RecoveredText = Callable[[Cause], str]


class Sentinel:
    """`look` is one round; `run` looks until SIGTERM, SIGINT or `stop()`."""

    def __init__(
        self,
        store: FulfillmentStore,
        ways: Ways,
        clock: Clock,
        *,
        always: Listener,
        words: tuple[SentinelText, RecoveredText],
        ladder: Callable[[], LadderPlan],
    ) -> None:
        """`always`: told of everything, from the first moment, without asking the database. `ladder`: as it is now; may read."""
        self._store = store
        self._ways = ways
        self._clock = clock
        self._always = always
        self._say_cause, self._say_end = words
        self._ladder = ladder
        self._listeners: Sequence[Listener] = ()  # as last read: they must be known when the database is gone
        self._since: dict[Cause, datetime] = {}
        self._told: dict[Cause, _Shout] = {}
        self._quiet_since: dict[str, datetime] = {}  # as seen at the first of several looks
        self._stopping = threading.Event()
        self._looking = ThreadPoolExecutor(2, thread_name_prefix="look")
        self._shouting = ThreadPoolExecutor(_SHOUTS_AT_ONCE, thread_name_prefix="shout")

    def run(self) -> None:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, self._on_signal)
        log.info("sentinel_started")
        while not self._stopping.is_set():
            self.look()
            self._stopping.wait(_LOOK_EVERY_SECONDS)
        log.info("sentinel_stopped")

    def stop(self) -> None:
        self._stopping.set()

    def look(self) -> None:
        """Shouts about what is wrong now, and about what no longer is. Raises nothing of the product's."""
        now = self._clock.now()
        found = self._lasting(self._found(), now)
        for cause, cases in found.items():
            since = self._since.setdefault(cause, now)
            if self._is_to_be_told(cause, cases, now):
                self._told[cause] = _Shout(now, cases)
                minutes = max(0, int((now - since).total_seconds() // 60))
                self._shout(self._say_cause(cause, len(cases), minutes), cause=cause)
        # While the database is away nobody knows whether the other causes are over.
        over = [] if Cause.DATABASE in found else [cause for cause in self._since if cause not in found]
        for cause in over:
            del self._since[cause], self._told[cause]
            self._shout(self._say_end(cause), cause=cause, over=True)

    def _is_to_be_told(self, cause: Cause, cases: AbstractSet[str], now: datetime) -> bool:
        told = self._told.get(cause)
        if told is None:
            return True
        ago = abs(now - told.at)  # a clock that was put back must not silence it
        return ago >= AGAIN or (ago >= NEWS and not cases <= told.cases)

    def _lasting(self, found: Found, now: datetime) -> Found:
        """Without ladders that are quiet for a moment only: one that starts again, because somebody could not come, was quiet
        for hours.
        """
        if Cause.DATABASE in found:
            return found
        quiet = found.get(Cause.QUIET, frozenset())
        self._quiet_since = {case: self._quiet_since.get(case, now) for case in quiet}
        lasting = {case for case, since in self._quiet_since.items() if abs(now - since) >= OVERDUE}
        others = {cause: cases for cause, cases in found.items() if cause is not Cause.QUIET}
        return others | ({Cause.QUIET: lasting} if lasting else {})

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.stop()

    def _found(self) -> Found:
        try:
            return self._looking.submit(self._read).result(_LOOK_LIMIT_SECONDS)
        except (HotlineError, TooLate) as exc:
            log.error("sentinel_sees_no_database", error=repr(exc))  # noqa: TRY400 - its trace says no more than its name
            return {Cause.DATABASE: frozenset({"database"})}

    def _read(self) -> Found:
        now = self._clock.now()
        plan = self._ladder()
        overdue = overdue_steps(self._store, now)
        with self._store.read() as tx:
            self._listeners = _listeners(tx, now)
            open_ones = tx.tickets(only_open=True, limit=_MOST_EMERGENCIES)  # those without acknowledgement come first
            old = [t for t in open_ones if t.needs_acknowledgement and now - t.opened_at > UNTOLD]
            told = {str(ticket.id): _told(tx, ticket) for ticket in old}
        untold = {case for case, attempts in told.items() if not attempts}
        quiet = {case for case, attempts in told.items() if attempts and _is_quiet(plan, attempts, now)}
        found = {Cause.OVERDUE: overdue, Cause.UNTOLD: untold, Cause.QUIET: quiet}
        return {cause: cases for cause, cases in found.items() if cases}

    def _shout(self, body: str, *, cause: Cause, over: bool = False) -> None:
        everybody = dict.fromkeys([self._always, *self._listeners])
        phones = dict.fromkeys(listener.phone for listener in everybody if listener.phone)
        addresses = dict.fromkeys(listener.robot for listener in everybody if listener.robot)
        sent = [self._shouting.submit(self._text, phone, body) for phone in phones]
        sent += [self._shouting.submit(self._message, address, body) for address in addresses]
        heard = sum(future.result() for future in sent)
        log.error("sentinel_shouted", cause=cause, over=over, ways=len(sent), heard=heard)

    def _text(self, phone: str, body: str) -> bool:
        return _tried(lambda: self._ways.texts.plain_text(to=phone, body=body), "text")

    def _message(self, address: str, body: str) -> bool:
        return _tried(lambda: self._ways.robots.send(address=address, body=body), "robot")


def overdue_steps(store: FulfillmentStore, now: datetime) -> AbstractSet[str]:
    """Keys of steps towards an accepted emergency that nobody carries out: choosing people, ringing, texting, writing to them.

    Where turns are scarce a step may wait for its turn for minutes (600 at once); it is overdue when the lane stands still.
    Raises StoreBusy.
    """
    before = now - OVERDUE
    still = [lane for lane in _TO_PEOPLE if (at := store.next_due(lane)) is not None and at < before]
    with store.read() as tx:
        steps = {key for _, key, *_ in tx.overdue_tasks(before, Lane.EMERGENCY)}
        for lane in still:
            steps |= {key for kind, key, *_ in tx.overdue_tasks(before, lane) if kind == _TO_PEOPLE[lane]}
    return steps


def _tried(send: Callable[[], object], way: str) -> bool:
    """One way that fails must not silence the others."""
    try:
        send()
    except CarrierError as exc:
        log.warning("sentinel_unheard", way=way, error=repr(exc))
        return False
    return True


def _listeners(tx: FulfillmentTx, now: datetime) -> Sequence[Listener]:
    """Supervisors and duty chiefs of this moment."""
    people = [staff for role in _TOLD_ROLES for staff in on_duty(tx, role, now)]
    return [Listener(staff.phone, robot_of(tx, staff)) for staff in people]


def _told(tx: FulfillmentTx, ticket: Ticket) -> Sequence[Attempt]:
    return [a for a in tx.attempts(ticket.id) if a.outcome not in _NOT_TOLD]


def _is_quiet(plan: LadderPlan, told: Sequence[Attempt], now: datetime) -> bool:
    """By the ladder somebody else, or the first one again, was to be told by now."""
    last = max(max(a.started_at, a.asked_at or a.started_at) for a in told)
    linked = len({a.staff_id for a in told if a.channel == ROBOT})
    return now - last > told_again_within(plan, linked=linked)
