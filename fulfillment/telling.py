"""People are told of emergencies, as promised by the ladder: deliverers of RING_PERSON, TEXT_PERSON, ROBOT_PERSON, WATCH_ATTEMPT.

One task is one call or one message to one person, for all alarms that have joined it so far. tx1 looks again who is still
needed (nobody: nothing happens) and writes that the carrier is being asked; the carrier is asked outside any transaction;
tx2 stores what it said. Each part may run twice. Facts about a real call are always stored.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from fulfillment.case import community_name
from fulfillment.notice import LISTED_WITHIN, TEXT, VOICE, Notice
from fulfillment.outbox import LONGEST_RETRY, NewTask, Rank, Task, TaskKind, lane_of
from fulfillment.ports import Alarm, AlarmSender, AlarmText, Carrier, FulfillmentStore, FulfillmentTx
from fulfillment.standard import Standard
from fulfillment.ticket import Attempt, AttemptOutcome
from kernel.clock import Clock
from kernel.errors import CarrierBusy, CarrierError, CarrierRefused

#: Beyond the ringing: dialling, machine detection, the callback's way. Then the carrier is asked.
_WATCH_MARGIN = timedelta(seconds=10)
_WATCH_AGAIN = timedelta(seconds=10)
#: A call that the carrier lists as live for longer is given up as unknown, so that nobody stays "on the phone" for ever;
#: one in which somebody is being told of many alarms may take its time.
_WATCH_AT_MOST = timedelta(minutes=5)
_LISTENING_AT_MOST = timedelta(minutes=30)
#: A call whose placing is in doubt is looked up soon: the carrier lists it after a moment.
_LOOK_UP_AFTER = timedelta(seconds=2)
#: Somebody waited so long for a turn on the line that the timeline should say why.
_A_LONG_WAIT = timedelta(seconds=5)
_NOT_DIALLED = frozenset({AttemptOutcome.INTENDED, AttemptOutcome.DIALLING})

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Telling:
    """What tx1 promised to do. `in_doubt`: a predecessor died (or lost its answer) in the middle of it."""

    lead: Attempt
    alarms: tuple[Alarm, ...]
    in_doubt: bool


@dataclass(frozen=True, slots=True)
class _Result:
    """What the carrier said. `found`: the call had been placed before. `withdrawn`: it was not asked any more."""

    sid: str = ""
    found: bool = False
    error: Exception | None = None
    withdrawn: bool = False  # not placed after all


class TextSender:
    """Tells by text, in one segment however many alarms there are."""

    channel = TEXT

    def __init__(self, carrier: Carrier, text: AlarmText) -> None:
        self._carrier = carrier
        self._text = text

    def reaches(self, tx: FulfillmentTx, attempt: Attempt) -> bool:  # noqa: ARG002 - the Protocol's signature; whoever is on a ladder has a telephone
        return True

    def send(self, alarms: Sequence[Alarm], lead: Attempt) -> str:
        return self._carrier.text(to=lead.phone, body=self._text(alarms), attempt_id=lead.id)


class Telling:
    """`tell` and `watch` are deliverers; both finish or give back their task themselves."""

    def __init__(
        self,
        store: FulfillmentStore,
        carrier: Carrier,
        standard: Standard,
        clock: Clock,
        senders: Iterable[AlarmSender],
    ) -> None:
        self._store = store
        self._carrier = carrier
        self._standard = standard
        self._clock = clock
        self._senders = {sender.channel: sender for sender in senders}

    def tell(self, task: Task) -> None:
        """Rings, texts or messages one person, unless nobody needs him any more."""
        telling = self._begin(task)
        if telling is not None:
            self._record(task, telling, self._carry_out(telling))

    def watch(self, task: Task) -> None:
        """Asks the carrier what became of a call that stayed silent."""
        attempt_id = task.payload["attempt_id"]
        with self._store.read() as tx:
            attempt = tx.attempt(attempt_id)
            up = any(a.finished_at is None for a in tx.carried_by(attempt.call_id))
        status, sid, failure, failed = "", attempt.provider_sid, "", False
        if up:
            try:
                sid = sid or self._find_call(attempt)
                status = self._carrier.call_status(sid) if sid else ""
                failure = "" if sid else "the carrier lists no such call"
            except CarrierError as exc:
                failure, failed = f"{type(exc).__name__}: {exc}", True
        with self._store.write() as tx:
            notice = Notice.opened(tx, attempt_id, standard=self._standard, now=self._clock.now())
            if status:
                notice.call_status(status, sid)
            since = datetime.fromisoformat(task.payload.get("since", attempt.started_at.isoformat()))
            not_listed = up and not sid and not failed and attempt.outcome is AttemptOutcome.UNKNOWN
            patience = LISTED_WITHIN if not_listed else self._patience(notice, status, sid)
            if notice.unfinished and notice.now < since + patience:
                tx.task_again(task, notice.now + (_LOOK_UP_AFTER if not_listed else _WATCH_AGAIN), failure)
                return
            notice.end(AttemptOutcome.UNKNOWN)
            tx.task_done(task)

    def _patience(self, notice: Notice, status: str, sid: str) -> timedelta:
        """How long a call may stay without an end. One that the carrier does not know did not happen, unless it is still to be dialled."""
        if status == "in-progress":
            return _LISTENING_AT_MOST
        still_to_dial = any(a.outcome in _NOT_DIALLED and a.finished_at is None for a in notice.to_tell())
        return _WATCH_AT_MOST if sid or still_to_dial else self._ring_time

    @property
    def _ring_time(self) -> timedelta:
        return timedelta(seconds=self._standard.ladder.ring_seconds) + _WATCH_MARGIN

    # tx1

    def _begin(self, task: Task) -> _Telling | None:
        with self._store.write() as tx:
            notice = Notice.opened(tx, task.payload["attempt_id"], standard=self._standard, now=self._clock.now())
            if not tx.holds(task):
                return None
            in_doubt = any(a.outcome is AttemptOutcome.DIALLING for a in notice.unfinished)
            not_dialled = [a for a in notice.unfinished if a.outcome in _NOT_DIALLED]
            to_tell = notice.to_tell()
            wanted = [a for a in not_dialled if a in to_tell]
            call_may_be_up = in_doubt and notice.lead.channel == VOICE  # then the watch finds out
            for attempt in not_dialled:
                if attempt not in wanted and not call_may_be_up:
                    notice.change(attempt, outcome=AttemptOutcome.WITHDRAWN, finished_at=notice.now)
            if not wanted:
                tx.give_turn_back(lane_of(task.kind), notice.now)
                tx.task_done(task)
                return None
            return self._promise(notice, task, wanted, in_doubt=in_doubt)

    def _promise(self, notice: Notice, task: Task, wanted: Sequence[Attempt], *, in_doubt: bool) -> _Telling:
        lead, waited = notice.lead, notice.now - task.due_at
        for attempt in wanted:
            notice.change(notice.advance(attempt, AttemptOutcome.DIALLING), asked_at=notice.now)
            if waited > _A_LONG_WAIT and not in_doubt:
                notice.tell(attempt, "waited_for_line", actor="worker", seconds=round(waited.total_seconds()))
        if lead.channel == VOICE:
            payload = {"attempt_id": lead.id, "since": notice.now.isoformat()}
            due_at = notice.now + self._ring_time
            notice.tx.enqueue(NewTask(TaskKind.WATCH_ATTEMPT, _watch_key(lead), due_at, payload, rank=Rank.FURTHER))
        alarms = tuple(_alarm(notice.tx, attempt) for attempt in wanted)
        return _Telling(lead, alarms, in_doubt)

    # the carrier

    def _carry_out(self, telling: _Telling) -> _Result:
        lead = telling.lead
        try:
            if lead.channel != VOICE:
                return _Result(self._senders[lead.channel].send(telling.alarms, lead))
            if telling.in_doubt:
                sid = self._find_call(lead)
                if sid:
                    return _Result(sid, found=True)
                if not self._still_wanted(telling):  # the look-up took its time, and somebody accepted meanwhile
                    return _Result(withdrawn=True)
            return _Result(
                self._carrier.call(to=lead.phone, attempt_id=lead.id, ring_seconds=self._standard.ladder.ring_seconds)
            )
        except CarrierError as exc:
            log.warning("carrier_failed", attempt=lead.id, channel=lead.channel, error=repr(exc))
            return _Result(error=exc)
        except Exception as exc:
            log.exception("carrier_failed", attempt=lead.id, channel=lead.channel)
            return _Result(error=exc)

    def _still_wanted(self, telling: _Telling) -> bool:
        with self._store.read() as tx:
            return any(tx.ticket(alarm.ticket.id).needs_acknowledgement for alarm in telling.alarms)

    def _find_call(self, attempt: Attempt) -> str:
        """The SID, or "" if the carrier knows none. The same person may have been called a moment ago for another alarm: not this call."""
        with self._store.read() as tx:
            others = tx.known_sids(attempt.phone)
        return self._carrier.find_call(attempt, others) or ""

    # tx2

    def _record(self, task: Task, telling: _Telling, result: _Result) -> None:
        with self._store.write() as tx:
            notice = Notice.opened(tx, telling.lead.id, standard=self._standard, now=self._clock.now())
            holds = tx.holds(task)
            if result.withdrawn:
                pass  # a call that the carrier lists late is the watch's
            elif result.error is None:
                self._done(notice, result)
            elif holds and self._may_try_again(task, result.error):
                self._again(notice, task, result.error)
                return
            elif holds:
                self._failed(notice, result.error)
            if holds:
                tx.task_done(task)

    def _done(self, notice: Notice, result: _Result) -> None:
        voice = notice.lead.channel == VOICE
        fact = f"{notice.lead.channel}_sent" if not voice else "call_found" if result.found else "call_placed"
        for attempt in notice.unfinished:
            notice.tell(attempt, fact, actor="worker")
            told = notice.advance(attempt, AttemptOutcome.PLACED, result.sid)
            if not voice:
                notice.change(told, finished_at=notice.now)
        for attempt in notice.attempts:  # a callback was faster than the answer
            if not attempt.provider_sid:
                notice.change(attempt, provider_sid=result.sid)

    def _may_try_again(self, task: Task, error: Exception) -> bool:
        return isinstance(error, CarrierBusy) and task.tries < self._standard.ladder.busy_carrier_tries

    def _again(self, notice: Notice, task: Task, error: Exception) -> None:
        """Too many at once: nothing happened, the same person is tried again a few times."""
        wait = error.retry_after_seconds if isinstance(error, CarrierBusy) else 0.0
        for attempt in notice.unfinished:
            if attempt.outcome is AttemptOutcome.DIALLING:
                notice.change(attempt, outcome=AttemptOutcome.INTENDED, asked_at=None)
                notice.tell(attempt, "carrier_busy")
        again_at = notice.now + min(timedelta(seconds=max(wait, 0.5)), LONGEST_RETRY)
        notice.tx.task_again(task, again_at, "carrier busy")

    def _failed(self, notice: Notice, error: Exception) -> None:
        voice, reason = notice.lead.channel == VOICE, type(error).__name__
        not_dialled = [a for a in notice.unfinished if a.outcome in _NOT_DIALLED]  # a callback may know better
        if voice and not isinstance(error, CarrierRefused | CarrierBusy):
            for attempt in not_dialled:
                notice.tell(attempt, "call_unknown")
                notice.failed(notice.advance(attempt, AttemptOutcome.UNKNOWN))
            notice.tx.bring_forward(_watch_key(notice.lead), notice.now + _LOOK_UP_AFTER)
            return
        fact = "carrier_failed" if voice else f"{notice.lead.channel}_failed"
        for attempt in not_dialled:
            notice.tell(attempt, fact, reason=reason)
            notice.failed(notice.change(attempt, outcome=AttemptOutcome.FAILED, finished_at=notice.now))


def _watch_key(lead: Attempt) -> str:
    return f"watch-{lead.id}"


def _alarm(tx: FulfillmentTx, attempt: Attempt) -> Alarm:
    ticket = tx.ticket(attempt.ticket_id)
    return Alarm(attempt, ticket, community_name(tx, ticket))
