"""Danger reaches a human now: deliverer of FORWARD_EMERGENCY, by the rules of DESIGN §2 and docs/adr/0007.

One step of a ladder is one transaction: it re-reads the ticket (stops if somebody accepted), chooses the next person,
writes an attempt for every channel that reaches him, promises to tell him (fulfillment.telling) and plans the next step.
An alarm for somebody who is being called joins that call; one for somebody whose message has not left joins that message.
A call belongs to a telephone: where two people have one, the alarm of the second joins the call to the first.
The ladder starts again as often as it takes; the person told least so far is always next, so that no state but the
attempts themselves says where it stands. It climbs by its own timetable, whether or not the lines are free: whoever
waits for a turn on the line has his message meanwhile.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import uuid4

import structlog

from fulfillment.case import Case
from fulfillment.company import Community, Staff
from fulfillment.dispatch import Rung, ladder, next_round_at, next_rung, next_step_at
from fulfillment.notice import DECIDED, LISTED_WITHIN, ROBOT, TASK_OF, VOICE
from fulfillment.outbox import NewTask, Rank, Task
from fulfillment.ports import AlarmSender, FulfillmentStore, FulfillmentTx
from fulfillment.rota import read_company
from fulfillment.standard import Standard
from fulfillment.ticket import Attempt, AttemptOutcome, Ticket
from kernel.clock import Clock

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Standing:
    """Where a ladder stands: how often each has been told, and who was told in the present round."""

    rungs: tuple[Rung, ...]
    staff: Mapping[int, Staff]  # everybody, also who is on no ladder now but may be on the telephone
    rounds: int
    tried: frozenset[int]
    round_began: datetime | None = None  # when the first of those who were told last was told; None: nobody was yet

    def at_telephones_of(self, *people: Staff) -> Sequence[int]:
        """Ids of these people and of all who share a telephone with one of them, in the order in which everybody locks them."""
        numbers = {person.phone for person in people} - {""}
        sharing = {person.id for person in self.staff.values() if person.phone in numbers}
        return sorted(sharing | {person.id for person in people})


class Forwarding:
    """`forward` is a deliverer; it finishes or gives back its task itself."""

    def __init__(
        self, store: FulfillmentStore, standard: Standard, clock: Clock, senders: Iterable[AlarmSender]
    ) -> None:
        """`senders`: the ways to tell somebody beside the telephone, tried side by side with it."""
        self._store = store
        self._standard = standard
        self._clock = clock
        self._senders = tuple(senders)

    def forward(self, task: Task) -> None:
        """Promises to tell the next person, unless a human has accepted meanwhile."""
        with self._store.write() as tx:
            ticket = tx.ticket(task.payload["ticket_id"], for_update=True)  # before its tasks, as whoever accepts does
            if not tx.holds(task):
                return
            if ticket.needs_acknowledgement:
                self._step(Case(tx, ticket, standard=self._standard, now=self._clock.now()), task)
            else:
                tx.task_done(task)

    def _step(self, case: Case, task: Task) -> None:
        tx, number, plan = case.tx, task.payload["step"], self._standard.ladder
        standing = self._standing(case, number)
        tried = set(standing.tried)
        told = [a for a in tx.attempts(case.ticket.id) if a.step == number]
        if not told:
            again_at = self._waits_until(case, standing)
            if again_at is not None:
                tx.task_again(task, again_at, "nobody accepted: the ladder starts again")
                return
            told = self._tell(case, standing, number)
        tried.add(told[0].staff_id)
        next_at = next_step_at(
            plan,
            now=case.now,
            round_began=_owed_since(case) if standing.rounds == 0 else case.now,
            left=len({r.staff.id for r in standing.rungs} - tried),
        )
        case.forward(number + 1, next_at)
        tx.task_done(task)

    def _standing(self, case: Case, number: int) -> _Standing:
        company = read_company(case.tx, case.now)
        rungs = ladder(self._standard.ladder, company, _community(case.tx, case.ticket), case.now)
        times = Counter({r.staff.id: 0 for r in rungs})
        told = [a for a in case.tx.attempts(case.ticket.id) if a.channel == VOICE and a.step != number]
        earlier = [a for a in told if a.staff_id in times]
        times.update(a.staff_id for a in earlier)
        rounds = min(times.values(), default=0)
        last = {a.staff_id: a.started_at for a in sorted(earlier, key=lambda a: a.step)}
        tried = frozenset(staff_id for staff_id, n in times.items() if n > rounds)
        return _Standing(rungs, company.staff, rounds, tried, min(last.values(), default=None))

    def _waits_until(self, case: Case, standing: _Standing) -> datetime | None:
        """When a ladder that has run through starts again; None: somebody is to be told now.

        Tells, once a round, that all were rung in vain; the console alarms from the first time on. A step that is brought
        forward meanwhile waits all the same.
        """
        if not standing.rungs:
            if not any(e.key == "nobody_on_ladder" for e in case.tx.timeline(case.ticket.id)):
                case.tell("nobody_on_ladder", actor="worker")
            self._alarm(case, standing)
            return case.now + timedelta(seconds=self._standard.ladder.round_pause_seconds)
        began = standing.round_began
        if not standing.rounds or standing.tried or began is None or began > case.now:  # the clock was put back since
            return None
        timeline = case.tx.timeline(case.ticket.id)
        if any(e.key == "visit_not_come" and e.at >= began for e in timeline):  # accepted in this round, and given back
            return None
        ends = [e.at for e in timeline if e.key == "ladder_exhausted" and began <= e.at <= case.now]
        if not ends:
            case.tell("ladder_exhausted", actor="worker", round=standing.rounds)
            self._alarm(case, standing)
        ended_at = min(ends, default=case.now)
        links = {a.staff_id for a in case.tx.attempts(case.ticket.id) if a.channel == ROBOT and a.started_at >= began}
        again_at = next_round_at(self._standard.ladder, ended_at=ended_at, round_began=began, linked=len(links))
        return again_at if again_at > case.now else None

    def _alarm(self, case: Case, standing: _Standing) -> None:
        if case.ticket.alarm_exhausted_at is None:
            case.save(alarm_exhausted_at=case.now)
        somebody = bool(standing.rungs)
        log.error("ladder_exhausted", ticket=case.ticket.number, round=standing.rounds, somebody=somebody)

    def _tell(self, case: Case, standing: _Standing, number: int) -> list[Attempt]:
        """Writes the intent to tell one person, on every channel that reaches him, before any of it happens."""
        rung = self._choose(case, standing)
        if number == 1:
            case.tell("forwarding_started", actor="worker")
        at_his_telephone = standing.at_telephones_of(rung.staff)
        for staff_id in at_his_telephone:  # whoever else wants to ring it waits
            case.tx.staff(staff_id, for_update=True)
        # step 0 is no alarm: what staff are told of clocks and residents goes its own way
        there = [a for a in case.tx.unfinished_attempts(at_his_telephone) if a.step > 0 and _rings_for(a, rung.staff)]
        under_way = [a for a in there if a.staff_id == rung.staff.id]
        rank = _rank(case)
        likely = [a for a in there if not _probably_never_happened(a, case.now)]
        attempts = [self._attempt(case, rung, VOICE, number, _call_to_join(likely))]
        for sender in self._senders:
            waiting = [a for a in under_way if a.channel == sender.channel and a.outcome is AttemptOutcome.INTENDED]
            attempt = self._attempt(case, rung, sender.channel, number, waiting[-1] if waiting else None)
            if sender.reaches(case.tx, attempt):
                attempts.append(attempt)
        for attempt in attempts:
            case.tx.add_attempt(attempt)
            self._promise(case, attempt, rung, rank)
        return attempts

    def _choose(self, case: Case, standing: _Standing) -> Rung:
        """The next one. Left until nobody else is left: people whose call is in doubt, and whose telephone is being rung for this
        very case in another's name. All others hear of it in the call that they have.
        """
        people = [r.staff for r in standing.rungs]
        calls = [a for a in case.tx.unfinished_attempts(standing.at_telephones_of(*people)) if a.channel == VOICE]
        busy = {person.id for person in people if _is_left(person, case.ticket, calls)}
        rung = next_rung(standing.rungs, standing.tried, busy)
        if rung is None:
            msg = f"ticket {case.ticket.id}: a ladder that has not run through has somebody left"
            raise AssertionError(msg)
        for passed in standing.rungs[: standing.rungs.index(rung)]:
            if passed.staff.id not in standing.tried:
                case.tell("person_busy", actor="worker", name=passed.staff.name)
        return rung

    def _attempt(self, case: Case, rung: Rung, channel: str, number: int, joined: Attempt | None) -> Attempt:
        attempt = Attempt(
            id=uuid4().hex,
            ticket_id=case.ticket.id,
            step=number,
            staff_id=rung.staff.id,
            role=rung.role,
            phone=rung.staff.phone,
            channel=channel,
            started_at=case.now,
        )
        if joined is None:
            return attempt
        # whoever has decided about another alarm is on the telephone
        outcome = AttemptOutcome.ANSWERED if joined.outcome in DECIDED else joined.outcome
        return replace(
            attempt, outcome=outcome, provider_sid=joined.provider_sid, lead_id=joined.call_id, asked_at=joined.asked_at
        )

    def _promise(self, case: Case, attempt: Attempt, rung: Rung, rank: Rank) -> None:
        key = f"tell-{attempt.call_id}"
        if attempt.lead_id:
            case.tx.raise_rank(key, rank)
            if attempt.channel == VOICE:
                case.tell("joined_call", actor="worker", name=rung.staff.name)
            return
        payload = {"attempt_id": attempt.id}
        case.tx.enqueue(NewTask(TASK_OF[attempt.channel], key, case.now, payload, rank=rank))


def _rank(case: Case) -> Rank:
    """Second rungs wait until every alarm has been somebody's first."""
    earlier = [a for a in case.tx.attempts(case.ticket.id) if a.channel == VOICE]
    return Rank.FURTHER if any(a.outcome is not AttemptOutcome.FAILED for a in earlier) else Rank.FIRST


def _owed_since(case: Case) -> datetime:
    """Since when somebody is to be found: since it was reported, or since whoever had it could not come. A ladder whose time
    was over before it could start (no worker ran) has its time from now on: all people within seconds help nobody.
    """
    given_back = [e.at for e in case.tx.timeline(case.ticket.id) if e.key == "visit_not_come"]
    since = max([case.ticket.opened_at, *given_back])
    began = min((a.started_at for a in case.tx.attempts(case.ticket.id) if a.started_at >= since), default=case.now)
    late = began - since >= timedelta(seconds=case.standard.ladder.last_rung_within_seconds)
    return began if late else since


def _probably_never_happened(attempt: Attempt, now: datetime) -> bool:
    """Of a call that was refused an answer nothing was heard since: an alarm that joined it would wait with it for nothing.
    Price: if it does ring after all, the same person is rung twice.
    """
    in_doubt = attempt.outcome is AttemptOutcome.UNKNOWN and not attempt.provider_sid
    return in_doubt and attempt.asked_at is not None and now - attempt.asked_at > LISTED_WITHIN


def _rings_for(attempt: Attempt, person: Staff) -> bool:
    """Somebody else's call counts as well, if it is to his telephone."""
    return attempt.staff_id == person.id or (attempt.channel == VOICE and attempt.phone == person.phone != "")


def _is_left(person: Staff, ticket: Ticket, calls: Iterable[Attempt]) -> bool:
    at_his = [a for a in calls if _rings_for(a, person)]
    in_doubt = all(a.outcome is AttemptOutcome.UNKNOWN for a in at_his)
    told_there = any(a.ticket_id == ticket.id and a.staff_id != person.id for a in at_his)
    return bool(at_his) and (in_doubt or told_there)


def _call_to_join(under_way: Sequence[Attempt]) -> Attempt | None:
    """Never two calls to one telephone: the call that is up, or waits to be placed."""
    calls = [a for a in under_way if a.channel == VOICE]
    certain = [a for a in calls if a.outcome is not AttemptOutcome.UNKNOWN]
    return next(iter([*certain, *calls]), None)


def _community(tx: FulfillmentTx, ticket: Ticket) -> Community | None:
    community_id = ticket.address.community_id
    return None if community_id is None else tx.community(community_id)
