"""One ticket inside a transaction: whatever happens to it reaches its clocks, its tasks and its timeline together."""

from dataclasses import replace
from datetime import datetime
from functools import cached_property
from typing import Any

from fulfillment.clocks import (
    ClockEvent,
    ClockRule,
    reaches_the_resident,
    replanned,
    started_by,
    stopped,
    stops,
    voided,
)
from fulfillment.edition import content_at
from fulfillment.limits import PART as LIMITS
from fulfillment.limits import with_own_limit
from fulfillment.outbox import NewTask, Rank, TaskKind
from fulfillment.plan_call import plan_call
from fulfillment.ports import FulfillmentTx
from fulfillment.profile import in_force
from fulfillment.resident_calls import Purpose
from fulfillment.standard import Standard
from fulfillment.ticket import ClockState, Ticket, TicketClock, TicketState, TimelineEntry
from kernel.clock import local


def forward_key(ticket_id: int, step: int) -> str:
    """The outbox key of one step of a ticket's ladder; steps run on over all rounds, without gaps."""
    return f"forward-{ticket_id}-{step}"


def community_name(tx: FulfillmentTx, ticket: Ticket) -> str:
    """The name of the ticket's community, "" if it is not known."""
    community_id = ticket.address.community_id
    return "" if community_id is None else tx.community(community_id).name


class Case:
    """Holds the ticket as last written (`.ticket`). Lives no longer than its transaction.

    Read the ticket `for_update` before, so that two changes of one ticket wait for each other.
    """

    def __init__(self, tx: FulfillmentTx, ticket: Ticket, *, standard: Standard, now: datetime) -> None:
        self.tx = tx
        self.ticket = ticket
        self.standard = standard
        self.now = now

    def tell(self, key: str, *, actor: str, **params: Any) -> None:
        """A fact for the timeline; `key` is a sentence of scripts_zh/timeline.yml, parameters are JSON."""
        self.tx.add_to_timeline(TimelineEntry(self.ticket.id, self.now, actor, key, params))

    def save(self, **changes: Any) -> Ticket:
        self.ticket = self.tx.save_ticket(replace(self.ticket, **changes))
        return self.ticket

    def happened(self, event: ClockEvent) -> None:
        """Stops the clocks that an event fulfils and starts those that begin with it."""
        for clock, rule in self._running():
            if stops(rule, event):
                self.tx.save_clock(stopped(clock, self.now))
        if reaches_the_resident(event):
            self.tx.callback_reached(self.ticket.id, self.now)  # his place in line is free
        started = started_by(self._rules(), event, self.ticket.details)
        self._start(started)
        if any(rule.stops is ClockEvent.CALLBACK_DONE for rule in started):
            call = plan_call(self.tx, self.ticket, Purpose.SATISFACTION, standard=self.standard, now=self.now)
            at = f"{local(call.next_at):%m-%d %H:%M}"
            title = self.standard.outgoing.purpose(Purpose.SATISFACTION).title
            self.tell("resident_call_planned", actor="worker", purpose=title, at=at)

    def waive(self, event: ClockEvent) -> None:
        """A person decides that what this event would fulfil is not owed any more."""
        for clock, rule in self._running():
            if stops(rule, event):
                self.tx.save_clock(voided(clock, self.now))

    def owe_no_visit(self) -> None:
        """The cause is known and lies outside the home (docs/adr/0017): nobody is owed on site, everything else is. Not so in
        an emergency, nor where somebody old or ill lives (J1). What was broken by then stays broken.
        """
        if self.ticket.comes_first:
            return
        owed = [clock for clock, rule in self._running() if rule.stops is ClockEvent.ARRIVED]
        for clock in owed:
            self.tx.save_clock(voided(clock, self.now))
        if owed:
            self.tell("visit_not_owed", actor="worker")

    def owe_visit(self) -> None:
        """It is this home after all: somebody is owed on site from now, unless somebody was there or still is."""
        if self.ticket.emergency or not self.ticket.is_open or self.ticket.state is TicketState.ON_SITE:
            return
        running = {rule.key for _, rule in self._running()}
        again = started_by(self._rules(), ClockEvent.OPENED, self.ticket.details)
        owed = [rule for rule in again if rule.stops is ClockEvent.ARRIVED and rule.key not in running]
        if owed and self.ticket.state is not TicketState.RESOLVED:
            self._start(owed)
            self.tell("visit_owed", actor="worker")

    def reopen(self) -> None:
        """The resident is not satisfied: no callback is owed now, and everything but the acceptance is owed anew."""
        for clock, rule in self._running():
            if rule.starts is ClockEvent.RESOLVED:
                self.tx.save_clock(voided(clock, self.now))
        again = started_by(self._rules(), ClockEvent.OPENED, self.ticket.details)
        self._start([rule for rule in again if rule.stops is not ClockEvent.ACKNOWLEDGED])

    def give_back(self) -> None:
        """Whoever accepted cannot come: it is nobody's again, and acceptance and contact are owed anew. An emergency's
        ladder goes on with a step that none of its earlier tasks can have had: the caller has told `visit_not_come`.
        """
        self.save(state=TicketState.NEW, acknowledged_at=None, acknowledged_by="")
        self.tx.free_appointment(self.ticket.id)
        self._start(started_by(self._rules(), ClockEvent.OPENED, self.ticket.details))
        if self.ticket.emergency:
            given_back = sum(e.key == "visit_not_come" for e in self.tx.timeline(self.ticket.id))
            last = max((a.step for a in self.tx.attempts(self.ticket.id)), default=0)
            self.forward(last + 1 + given_back, self.now)

    def cancel(self) -> None:
        """Nothing is owed any more, nobody is called back."""
        self.tx.callback_reached(self.ticket.id, self.now)
        self.tx.free_appointment(self.ticket.id)
        for clock, _rule in self._running():
            self.tx.save_clock(voided(clock, self.now))

    def resume(self, stopped_at: datetime) -> None:
        """The clocks that ended at that instant run on, with the ends they had; what was promised is told anew."""
        for clock in self.tx.clocks([self.ticket.id])[self.ticket.id]:
            rule = self.standard.rules.get(clock.rule)
            if clock.stopped_at == stopped_at and rule is not None:
                running = replace(clock, state=ClockState.RUNNING, stopped_at=None, rev=clock.rev + 1)
                self.tx.save_clock(running)
                self._enqueue(rule, running)

    def replan(self) -> None:
        """Details or the calendar changed: clocks that no longer apply end, new ones run from the opening, others move."""
        for clock, rule in self._running():
            if not rule.applies_to(self.ticket.details):
                self.tx.save_clock(voided(clock, self.now))
                continue
            moved = replanned(clock, rule, self.standard.calendar)
            if moved is not clock:
                self.tx.save_clock(moved)
                self._enqueue(rule, moved)
        known = {clock.rule for clock in self.tx.clocks([self.ticket.id])[self.ticket.id]}
        for rule in started_by(self._rules(), ClockEvent.OPENED, self.ticket.details):
            if rule.key not in known and self.ticket.is_open:
                self._start([rule], since=self.ticket.opened_at)

    def acknowledge(self, *, by: str, staff_id: int | None = None) -> bool:
        """A named human accepts: the ladder ends. False if somebody else was first or the ticket has moved on."""
        if self.ticket.state is not TicketState.NEW:
            return False
        self.save(
            state=TicketState.ACKNOWLEDGED,
            acknowledged_at=self.now,
            acknowledged_by=by,
            assignee_id=staff_id if staff_id is not None else self.ticket.assignee_id,
        )
        self.stop_ladder()
        self.happened(ClockEvent.ACKNOWLEDGED)
        self.tell("accepted", actor=by, name=by, seconds=round((self.now - self.ticket.opened_at).total_seconds()))
        return True

    def forward(self, step: int, due_at: datetime) -> None:
        """Promises a step of the ladder."""
        payload = {"ticket_id": self.ticket.id, "step": step}
        key = forward_key(self.ticket.id, step)
        rank = Rank.FIRST if step == 1 else Rank.FURTHER
        self.tx.enqueue(NewTask(TaskKind.FORWARD_EMERGENCY, key, due_at, payload, self.ticket.id, rank))

    def forward_after(self, step: int) -> bool:
        """The step after this one need not wait any longer. False if it is not pending (being carried out, or done)."""
        return self.tx.bring_forward(forward_key(self.ticket.id, step + 1), self.now)

    def stop_ladder(self) -> None:
        self.tx.cancel_tasks(self.ticket.id, [TaskKind.FORWARD_EMERGENCY])

    def _rules(self) -> tuple[ClockRule, ...]:
        """Under the profiles and limits that held when the ticket was opened, however late it is reopened.

        None for a kind that the tables have dropped since: an old ticket must still be accepted and closed.
        """
        if self.ticket.kind not in self.standard.kinds:
            return ()
        chosen = in_force(self.tx.profile_choices(), self.ticket.opened_at)
        return tuple(self._as_kept(rule) for rule in self.standard.rules_of(self.ticket.kind, chosen))

    def _as_kept(self, rule: ClockRule) -> ClockRule:
        """With the company's own limits of that day."""
        return with_own_limit(rule, self._own_limits)

    @cached_property
    def _own_limits(self) -> Any:
        return content_at(self.tx.editions(LIMITS), LIMITS, self.ticket.opened_at)

    def _running(self) -> list[tuple[TicketClock, ClockRule]]:
        running = []
        for clock in self.tx.clocks([self.ticket.id])[self.ticket.id]:
            if clock.state is not ClockState.RUNNING:
                continue
            rule = self.standard.rules.get(clock.rule)
            if rule is None:  # the tables have dropped the promise since
                self.tx.save_clock(voided(clock, self.now))
            else:
                running.append((clock, self._as_kept(rule)))
        return running

    def _start(self, rules: list[ClockRule], since: datetime | None = None) -> None:
        for rule in rules:
            clock = self.tx.add_clock(rule.begin(self.ticket.id, since or self.now, self.standard.calendar))
            self._enqueue(rule, clock)

    def _enqueue(self, rule: ClockRule, clock: TicketClock) -> None:
        for task in rule.tasks(clock):
            self.tx.enqueue(task)
