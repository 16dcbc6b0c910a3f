"""Danger reaches a human now: deliverers of FORWARD_EMERGENCY and WATCH_ATTEMPT, by the rules of DESIGN §2.

One step of a ladder: tx1 re-reads the ticket (stops if somebody accepted), chooses the next person and writes the
attempts; the carrier is asked outside any transaction, call and text side by side; tx2 stores what it said and plans the
next step. Each part may run twice. Facts about a real call are always stored, plans only by whoever holds the task.
The ladder starts again as often as it takes; the person rung least so far is always next, so that no state but the
attempts themselves says where it stands.
"""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import uuid4

import structlog

from fulfillment.alarms import apply_call_status
from fulfillment.case import Case
from fulfillment.company import Community
from fulfillment.dispatch import Company, Rung, ladder, next_rung, next_step_at
from fulfillment.outbox import NewTask, Task, TaskKind
from fulfillment.ports import AlarmText, Carrier, FulfillmentStore, FulfillmentTx
from fulfillment.standard import Standard
from fulfillment.ticket import Address, Attempt, AttemptOutcome, Ticket
from kernel.clock import Clock
from kernel.errors import CarrierBusy, CarrierError, CarrierRefused

VOICE, TEXT = "voice", "text"
#: Beyond the ringing: dialling, machine detection, the callback's way. Then the carrier is asked.
_WATCH_MARGIN = timedelta(seconds=10)
_WATCH_AGAIN = timedelta(seconds=10)
#: A call that the carrier lists as live for longer is given up as unknown, so that nobody stays "on the phone" for ever.
_WATCH_AT_MOST = timedelta(minutes=5)
#: A call whose placing is in doubt is looked up soon: the carrier lists it after a moment.
_LOOK_UP_AFTER = timedelta(seconds=2)
_TEXTS_AT_ONCE = 8

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Step:
    """What tx1 promised to do. `resumed`: a predecessor died (or was told "busy") in the middle of it."""

    ticket: Ticket
    attempts: tuple[Attempt, ...]  # only those not carried out yet
    resumed: bool
    next_at: datetime
    community_name: str = ""


@dataclass(frozen=True, slots=True)
class _Result:
    """What the carrier said. `found`: the call had been placed before."""

    attempt: Attempt
    sid: str = ""
    found: bool = False
    error: Exception | None = None


class Forwarding:
    """`forward` and `watch` are deliverers; both finish or give back their task themselves."""

    def __init__(
        self, store: FulfillmentStore, carrier: Carrier, standard: Standard, clock: Clock, alarm_text: AlarmText
    ) -> None:
        self._store = store
        self._carrier = carrier
        self._standard = standard
        self._clock = clock
        self._alarm_text = alarm_text
        # A hanging call must not hold up the text, nor the other way. Kept, so that its threads keep their connections.
        self._beside = ThreadPoolExecutor(_TEXTS_AT_ONCE, thread_name_prefix="alarm-text")

    def forward(self, task: Task) -> None:
        """Rings and texts the next person, unless a human has accepted meanwhile."""
        step = self._promise(task)
        if step is not None:
            self._record(task, step, self._carry_out(step))

    def watch(self, task: Task) -> None:
        """Asks the carrier what became of a call that stayed silent; never longer than a few minutes."""
        attempt_id = task.payload["attempt_id"]
        with self._store.read() as tx:
            attempt = tx.attempt(attempt_id)
        status, sid, failure = "", attempt.provider_sid, ""
        if attempt.finished_at is None:
            try:
                sid = sid or self._find_call(attempt)
                status = self._carrier.call_status(sid) if sid else ""
                failure = "" if sid else "the carrier lists no such call"
            except CarrierError as exc:
                failure = f"{type(exc).__name__}: {exc}"
        with self._store.write() as tx:
            ticket = tx.ticket(attempt.ticket_id, for_update=True)
            case = Case(tx, ticket, standard=self._standard, now=self._clock.now())
            attempt = tx.attempt(attempt_id)
            if status:
                attempt = apply_call_status(case, attempt, status=status, sid=sid)
            if attempt.finished_at is None and case.now < attempt.started_at + self._patience(attempt, ticket, sid):
                tx.task_again(task, case.now + _WATCH_AGAIN, failure)
                return
            if attempt.finished_at is None:
                tx.save_attempt(replace(attempt, outcome=AttemptOutcome.UNKNOWN, finished_at=case.now))
                case.forward_after(attempt.step)
            tx.task_done(task)

    def _patience(self, attempt: Attempt, ticket: Ticket, sid: str) -> timedelta:
        """How long a call may stay without an end. One that the carrier does not know did not happen, unless its step is still to dial."""
        still_to_dial = attempt.outcome is AttemptOutcome.INTENDED and ticket.needs_acknowledgement
        return _WATCH_AT_MOST if sid or still_to_dial else self._ring_time

    @property
    def _ring_time(self) -> timedelta:
        return timedelta(seconds=self._standard.ladder.ring_seconds) + _WATCH_MARGIN

    # tx1

    def _promise(self, task: Task) -> _Step | None:
        with self._store.write() as tx:
            ticket = tx.ticket(task.payload["ticket_id"], for_update=True)  # before its tasks, as whoever accepts does
            if not tx.holds(task):
                return None
            if not ticket.needs_acknowledgement:
                tx.task_done(task)
                return None
            case = Case(tx, ticket, standard=self._standard, now=self._clock.now())
            return self._next_person(case, task)

    def _next_person(self, case: Case, task: Task) -> _Step | None:
        tx, number = case.tx, task.payload["step"]
        community = _community(tx, case.ticket)
        rungs = self._ladder(tx, community, case.now)
        attempts = tx.attempts(case.ticket.id)
        mine = [a for a in attempts if a.step == number]
        rung_times = Counter({r.staff.id: 0 for r in rungs})
        earlier = [a for a in attempts if a.channel == VOICE and a.step != number]
        rung_times.update(a.staff_id for a in earlier if a.staff_id in rung_times)
        rounds = min(rung_times.values(), default=0)
        tried = {staff_id for staff_id, times in rung_times.items() if times > rounds}

        resumed = bool(mine)
        if not mine:
            if self._has_run_through(case, rounds, somebody=bool(rungs)):
                pause = timedelta(seconds=self._standard.ladder.round_pause_seconds)
                tx.task_again(task, case.now + pause, "nobody accepted: the ladder starts again")
                return None
            mine = self._choose(case, rungs, tried, number)
        tried.add(mine[0].staff_id)
        next_at = next_step_at(
            self._standard.ladder,
            now=case.now,
            round_began=case.ticket.opened_at if rounds == 0 else case.now,
            left=len(rungs) - len(tried),
        )
        open_ones = tuple(a for a in mine if a.outcome is AttemptOutcome.INTENDED and a.finished_at is None)
        return _Step(case.ticket, open_ones, resumed, next_at, community.name if community else "")

    def _ladder(self, tx: FulfillmentTx, community: Community | None, at: datetime) -> tuple[Rung, ...]:
        company = Company({s.id: s for s in tx.all_staff()}, tx.duties())
        return ladder(self._standard.ladder, company, community, at)

    def _has_run_through(self, case: Case, rounds: int, *, somebody: bool) -> bool:
        """Tells, once a round, that all were rung in vain; the console alarms from the first time on."""
        told = [e for e in case.tx.timeline(case.ticket.id) if e.key in ("ladder_exhausted", "nobody_on_ladder")]
        if somebody and sum(e.key == "ladder_exhausted" for e in told) >= rounds:
            return False
        if case.ticket.alarm_exhausted_at is None:
            case.save(alarm_exhausted_at=case.now)
        if somebody:
            case.tell("ladder_exhausted", actor="worker", round=rounds)
        elif not told:
            case.tell("nobody_on_ladder", actor="worker")
        log.error("ladder_exhausted", ticket=case.ticket.number, round=rounds, somebody=somebody)
        return True

    def _choose(self, case: Case, rungs: Sequence[Rung], tried: set[int], number: int) -> list[Attempt]:
        """Writes the intent to ring and text one person, before either happens."""
        tx = case.tx
        busy = tx.busy_staff()
        rung = next_rung(rungs, tried, busy)
        if rung is None:
            msg = f"ticket {case.ticket.id}: a ladder that has not run through has somebody left"
            raise AssertionError(msg)
        if number == 1:
            case.tell("forwarding_started", actor="worker")
        for passed in rungs[: rungs.index(rung)]:
            if passed.staff.id not in tried:
                case.tell("person_busy", actor="worker", name=passed.staff.name)
        attempts = [
            Attempt(
                id=uuid4().hex,
                ticket_id=case.ticket.id,
                step=number,
                staff_id=rung.staff.id,
                role=rung.role,
                phone=rung.staff.phone,
                channel=channel,
                started_at=case.now,
            )
            for channel in (VOICE, TEXT)
        ]
        for attempt in attempts:
            tx.add_attempt(attempt)
        voice = attempts[0]
        tx.enqueue(_watch(voice, case.now + self._ring_time))
        return attempts

    # the carrier

    def _carry_out(self, step: _Step) -> list[_Result]:
        voice = [a for a in step.attempts if a.channel == VOICE]
        texts = [a for a in step.attempts if a.channel == TEXT]
        sent = [self._beside.submit(self._text, step, a) for a in texts]
        called = [self._call(step, a) for a in voice]
        return called + [future.result() for future in sent]

    def _call(self, step: _Step, attempt: Attempt) -> _Result:
        try:
            if step.resumed:
                sid = self._find_call(attempt)
                if sid:
                    return _Result(attempt, sid, found=True)
            return _Result(attempt, self._carrier.call(to=attempt.phone, attempt_id=attempt.id))
        except Exception as exc:  # noqa: BLE001 - whatever fails here is recorded and the next person is rung; price: a bug looks like a bad line, so it is logged with its trace
            return _failed(attempt, exc)

    def _find_call(self, attempt: Attempt) -> str:
        """The SID, or "" if the carrier knows none. The same person may have been called a moment ago for another alarm: not this call."""
        with self._store.read() as tx:
            others = tx.known_sids(attempt.phone)
        return self._carrier.find_call(attempt, others) or ""

    def _text(self, step: _Step, attempt: Attempt) -> _Result:
        try:
            body = self._alarm_text(step.ticket, step.community_name)
            return _Result(attempt, self._carrier.text(to=attempt.phone, body=body, attempt_id=attempt.id))
        except Exception as exc:  # noqa: BLE001 - as above: a text that cannot be worded must not keep the telephone from ringing
            return _failed(attempt, exc)

    # tx2

    def _record(self, task: Task, step: _Step, results: Sequence[_Result]) -> None:
        with self._store.write() as tx:
            ticket = tx.ticket(step.ticket.id, for_update=True)
            case = Case(tx, ticket, standard=self._standard, now=self._clock.now())
            wait = self._wait_for_line(task, results)
            for result in results:
                if not (wait and isinstance(result.error, CarrierBusy) and result.attempt.channel == VOICE):
                    self._note(case, result)
            if not tx.holds(task):
                return
            if not ticket.needs_acknowledgement:
                tx.task_done(task)
            elif wait:
                case.tell("carrier_busy", actor="carrier", name=tx.staff(results[0].attempt.staff_id).name)
                tx.task_again(task, case.now + wait, "carrier busy")
            else:
                case.forward(task.payload["step"] + 1, self._next_at(case, step, task.payload["step"]))
                tx.task_done(task)

    def _wait_for_line(self, task: Task, results: Sequence[_Result]) -> timedelta | None:
        """Too many calls at once: nothing happened, the same person is tried again a few times."""
        for result in results:
            busy = result.error
            if result.attempt.channel == VOICE and isinstance(busy, CarrierBusy):
                if task.tries < self._standard.ladder.busy_carrier_tries:
                    return timedelta(seconds=max(busy.retry_after_seconds, 0.5))
                return None
        return None

    def _next_at(self, case: Case, step: _Step, number: int) -> datetime:
        """Now, if this call is already lost or a better person is known; otherwise when it has had its time."""
        voice = [a for a in case.tx.attempts(case.ticket.id) if a.step == number and a.channel == VOICE]
        lost = any(a.finished_at is not None or a.outcome is AttemptOutcome.UNKNOWN for a in voice)
        return case.now if lost or _moved(step.ticket.address, case.ticket.address) else step.next_at

    def _note(self, case: Case, result: _Result) -> None:
        """A fact about one attempt; a callback that was faster is not overwritten."""
        attempt = case.tx.attempt(result.attempt.id)
        name = case.tx.staff(attempt.staff_id).name
        voice = attempt.channel == VOICE
        if result.error is None:
            fact = "call_found" if result.found else "call_placed" if voice else "text_sent"
            case.tell(fact, actor="worker", name=name)
            changes: dict[str, object] = {"provider_sid": result.sid, "outcome": AttemptOutcome.PLACED}
        elif voice and not isinstance(result.error, CarrierRefused | CarrierBusy):
            case.tell("call_unknown", actor="carrier", name=name)
            changes = {"outcome": AttemptOutcome.UNKNOWN}
            case.tx.bring_forward(_watch(attempt, case.now).key, case.now + _LOOK_UP_AFTER)
        else:
            reason = type(result.error).__name__
            case.tell("carrier_failed" if voice else "text_failed", actor="carrier", name=name, reason=reason)
            changes = {"outcome": AttemptOutcome.FAILED, "finished_at": case.now}
        if attempt.outcome is not AttemptOutcome.INTENDED:
            changes.pop("outcome", None)
        if attempt.finished_at is not None:
            changes.pop("finished_at", None)
        elif not voice:
            changes["finished_at"] = case.now
        case.tx.save_attempt(replace(attempt, **changes))  # type: ignore[arg-type] # fields of Attempt, by name


def _failed(attempt: Attempt, error: Exception) -> _Result:
    if isinstance(error, CarrierError):
        log.warning("carrier_failed", attempt=attempt.id, channel=attempt.channel, error=repr(error))
    else:
        log.error("carrier_failed", attempt=attempt.id, channel=attempt.channel, exc_info=error)
    return _Result(attempt, error=error)


def _watch(attempt: Attempt, due_at: datetime) -> NewTask:
    payload = {"attempt_id": attempt.id}
    return NewTask(TaskKind.WATCH_ATTEMPT, f"watch-{attempt.id}", due_at, payload, attempt.ticket_id)


def _community(tx: FulfillmentTx, ticket: Ticket) -> Community | None:
    community_id = ticket.address.community_id
    return None if community_id is None else tx.community(community_id)


def _moved(before: Address, after: Address) -> bool:
    return after.is_findable and (after.community_id != before.community_id or not before.is_findable)
