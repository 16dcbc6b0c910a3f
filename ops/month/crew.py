"""Butlers and whoever else takes cases: telephones at night, visits by day, and what is done at the office."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta

from fulfillment.appointments import free_slots
from fulfillment.clocks import ClockEvent
from fulfillment.company import Operator, Staff
from fulfillment.resident_calls import CallState
from fulfillment.temperature_test import Measured
from fulfillment.ticket import Ticket, TicketState
from fulfillment.visit import Material, Reading, Responsibility
from kernel.clock import BEIJING, local
from kernel.errors import Conflict
from ops.month.life import Life

_FIRST_VISIT, _LAST_VISIT, _OFFICE_CLOSES = time(7, 30), time(21, 30), time(17, 20)
_VISITED = frozenset({"cold_room", "no_heat", "valve_not_opened", "valve_damaged", "outage"})
_OF_THE_SUPERVISOR = frozenset({"complaint", "suggestion"})
#: A butler answers his telephone, and forgets the acceptance of an ordinary case.
_ANSWERS, _FORGETS = 0.86, 0.05
_NOBODY_HOME, _NOT_OURS, _TICKS = 0.04, 0.12, 0.96


@dataclass
class Crew:
    """`hears_of` begins the course of a case; each later step reads the case anew and does what is still to be done."""

    life: Life
    office: Sequence[Operator]
    lead: Operator
    is_main_under_repair: Callable[[int], bool]
    known: set[int] = field(default_factory=set)
    free_at: dict[int, datetime] = field(default_factory=dict)
    done: set[int] = field(default_factory=set)

    def begins(self) -> None:
        """Every evening what is done, and nobody is rung about (any more), is closed at the office."""
        evening = datetime.combine(local(self.life.now).date(), _OFFICE_CLOSES, BEIJING)
        self.life.agenda.at(evening if evening > self.life.now else evening + timedelta(days=1), self._closes_the_day)

    def _closes_the_day(self) -> None:
        with self.life.rooms.store.read() as tx:
            rung = {t for t in self.done if any(c.state is CallState.PLANNED for c in tx.resident_calls(t))}
            resolved = [t for t in sorted(self.done - rung) if tx.ticket(t).state is TicketState.RESOLVED]
        for ticket_id in resolved:
            self.life.rooms.desk.change_state(ticket_id, TicketState.CLOSED, by=self.office[0].name)
        self.done &= rung
        self.life.agenda.after(86_400, self._closes_the_day)

    def comes_again(self, ticket_id: int) -> None:
        """A resident was not satisfied: whoever had the case goes once more."""
        ticket, staff = self._read(ticket_id)
        if staff is not None and ticket.state is TicketState.ACKNOWLEDGED:
            chance = self.life.chance(f"again {ticket_id}")
            self._later(chance.uniform(4, 20), self._contact, ticket_id, staff)
            self._plan_visit(ticket_id, staff, chance)

    def hears_of(self, ticket_ids: Sequence[int]) -> None:
        for ticket_id in ticket_ids:
            if ticket_id not in self.known:
                self.known.add(ticket_id)
                chance = self.life.chance(f"case {ticket_id}")
                minutes = 45.0 if chance.random() < _FORGETS else min(38.0, chance.lognormvariate(2.1, 0.55))
                self._later(minutes, self._begin, ticket_id, chance)

    # --- the telephone rings

    def rung(self, attempt_id: str, sid: str) -> None:
        alarms, agenda = self.life.rooms.alarms, self.life.agenda
        staff = alarms.brief(attempt_id).staff
        chance = self.life.chance(f"rung {staff.id} {self.life.now.isoformat()}")
        if not staff.active or chance.random() > _ANSWERS:
            agenda.after(22, lambda: alarms.call_event(attempt_id, status="no-answer", sequence=None, sid=sid))
            return
        agenda.after(chance.uniform(5, 16), lambda: self._picks_up(attempt_id, sid, chance))

    def _picks_up(self, attempt_id: str, sid: str, chance: random.Random) -> None:
        self.life.rooms.alarms.call_event(attempt_id, status="in-progress", sequence=None, sid=sid)
        self.life.agenda.after(chance.uniform(12, 25), lambda: self._decides(attempt_id, sid))

    def _decides(self, attempt_id: str, sid: str) -> None:
        alarms, brief = self.life.rooms.alarms, None
        brief = alarms.next_in_call(attempt_id)
        while brief is not None:
            accepted = alarms.accept(brief.attempt.id)
            if accepted.ticket.assignee_id == accepted.staff.id:
                self._goes_out(accepted.ticket, accepted.staff)
            brief = alarms.next_in_call(attempt_id)
        alarms.hang_up(attempt_id)
        alarms.call_event(attempt_id, status="completed", sequence=None, sid=sid)
        self.life.rooms.carrier.over.add(sid)

    def _goes_out(self, ticket: Ticket, staff: Staff) -> None:
        """An emergency: nothing else goes before it."""
        chance = self.life.chance(f"emergency {ticket.id}")
        arrives = min(75.0, chance.lognormvariate(3.2, 0.35))
        repaired = arrives + (chance.uniform(120, 300) if ticket.kind == "leak_street" else chance.uniform(25, 90))
        self._later(chance.uniform(1, 9), self._contact, ticket.id, staff)
        self._later(chance.uniform(2, 6), self._leave, ticket.id, staff)
        self._later(arrives, self._arrive, ticket.id, staff)
        self._later(repaired, self._finish, ticket.id, staff, chance)

    # --- the course of an ordinary case

    def _begin(self, ticket_id: int, chance: random.Random) -> None:
        ticket, staff = self._read(ticket_id)
        if not ticket.is_open or ticket.emergency or ticket.state is not TicketState.NEW:
            return
        if ticket.kind in _OF_THE_SUPERVISOR:
            self._complaint(ticket, chance)
        elif staff is None or ticket.kind not in _VISITED | {"temperature_test"}:
            self._at_the_office(ticket, chance)
        elif self.is_main_under_repair(ticket_id) or not staff.active:
            self._later(20, self._begin, ticket_id, chance)  # it waits for the main, or for a colleague
        else:
            self.life.rooms.orders.accept(ticket_id, staff)
            self._later(chance.uniform(1, 9), self._contact, ticket_id, staff)
            if ticket.kind == "temperature_test":
                self._later(chance.uniform(10, 20), self._book, ticket_id, staff, chance)
            else:
                self._plan_visit(ticket_id, staff, chance)

    def _plan_visit(self, ticket_id: int, staff: Staff, chance: random.Random) -> None:
        """When he is free, and the resident awake."""
        start = max(
            self.free_at.get(staff.id, self.life.now), self.life.now + timedelta(minutes=chance.uniform(15, 70))
        )
        start = _awake(start)
        minutes = chance.uniform(18, 42)
        self.free_at[staff.id] = start + timedelta(minutes=minutes + 10)
        agenda = self.life.agenda
        agenda.at(start - timedelta(minutes=9), lambda: self._leave(ticket_id, staff))
        agenda.at(start, lambda: self._arrive(ticket_id, staff))
        agenda.at(start + timedelta(minutes=minutes), lambda: self._finish(ticket_id, staff, chance))

    def _book(self, ticket_id: int, staff: Staff, chance: random.Random) -> None:
        rooms = self.life.rooms
        with rooms.store.read() as tx:
            ticket = tx.ticket(ticket_id)
            free = list(free_slots(tx, ticket, rooms.standard.visit.appointments, self.life.now))
        if not free:
            return
        slot = chance.choice(free[:8])
        rooms.appointments.book(ticket_id, slot, by=staff.name)
        agenda = self.life.agenda
        agenda.at(slot - timedelta(minutes=15), lambda: self._leave(ticket_id, staff))
        agenda.at(slot, lambda: self._arrive(ticket_id, staff))
        agenda.at(slot + timedelta(minutes=chance.uniform(15, 30)), lambda: self._finish(ticket_id, staff, chance))

    # --- steps of a visit; a case that has gone another way meanwhile is left alone

    def _contact(self, ticket_id: int, staff: Staff) -> None:
        self.life.rooms.orders.contacted(ticket_id, staff)

    def _leave(self, ticket_id: int, staff: Staff) -> None:
        if self._is_his(ticket_id, staff):
            self.life.rooms.visits.leave(ticket_id, staff)

    def _arrive(self, ticket_id: int, staff: Staff) -> None:
        if self._is_his(ticket_id, staff):
            self.life.rooms.visits.arrive(ticket_id, staff, self.life.words["visit"]["place"])

    def _finish(self, ticket_id: int, staff: Staff, chance: random.Random) -> None:
        if not self._is_his(ticket_id, staff):
            return
        visits, words = self.life.rooms.visits, self.life.words["visit"]
        ticket, _ = self._read(ticket_id)
        if not ticket.emergency and chance.random() < _NOBODY_HOME:
            ticks = [check.key for check in self.life.rooms.standard.visit.nobody_home]
            with self.life.rooms.store.read() as tx:
                seen = sum(v.ended_at is not None for v in tx.visits(ticket_id))
            visits.nobody_home(ticket_id, staff, ticks=ticks, agreed=words["agreed"], seen=seen)
            self._plan_visit(ticket_id, staff, chance)
            return
        leak = ticket.kind.startswith("leak")
        if ticket.kind == "temperature_test":
            low = chance.gauss(19.2, 1.6)
            readings = [Reading(room, round(low + chance.uniform(0, 2.5), 1)) for room in words["rooms"]]
            visits.measure(
                ticket_id, staff, Measured(words["instrument"], 140, round(chance.gauss(-6, 4), 1), readings)
            )
        else:
            visits.find(ticket_id, staff, chance.choice(words["leak_found" if leak else "found"]))
            visits.judge(ticket_id, staff, Responsibility("inside_home" if chance.random() < _NOT_OURS else "company"))
            if chance.random() < (0.8 if leak else 0.15):
                visits.use(ticket_id, staff, Material("m1", chance.choice(words["parts"]), 1), agreed=True)
        checks = [c.key for c in self.life.rooms.standard.visit.checklist if chance.random() < _TICKS]
        visits.tick(ticket_id, staff, checks)
        visits.finish(ticket_id, staff, chance.choice(words["leak_done" if leak else "done"]))
        self.done.add(ticket_id)
        with self.life.rooms.store.read() as tx:  # a repair that follows from a test
            same = tx.open_tickets(household_id=ticket.household_id, conversation_id=ticket.conversation_id)
        self.hears_of([found.id for found in same])

    def reports_sick(self, numbers: frozenset[str]) -> None:
        """Whoever has just been marked as ill gives his open cases away."""
        rooms = self.life.rooms
        with rooms.store.read() as tx:
            ill = [s for s in tx.all_staff() if s.number in numbers]
            theirs = [(s, tx.ticket(t)) for s in ill for t in tx.tickets_of(s.id)]
        for staff, ticket in theirs:
            if ticket.state is TicketState.ACKNOWLEDGED:
                with rooms.store.read() as tx:
                    seen = sum(v.ended_at is not None for v in tx.visits(ticket.id))
                rooms.visits.cannot_come(ticket.id, staff, "unwell", words=self.life.words["visit"]["sick"], seen=seen)
            self._later(5, self._begin, ticket.id, self.life.chance(f"handed on {ticket.id}"))

    # --- what needs no visit

    def _at_the_office(self, ticket: Ticket, chance: random.Random) -> None:
        clerk = chance.choice(list(self.office)).name
        self.life.rooms.desk.acknowledge(ticket.id, by=clerk)
        self._later(chance.uniform(3, 25), self._speak_with, ticket.id, clerk)
        hours = (
            chance.uniform(0.5, 6) if ticket.kind in ("question", "callback", "other_unit") else chance.uniform(4, 60)
        )
        self._later(60 * hours, self._settle, ticket.id, clerk)

    def _complaint(self, ticket: Ticket, chance: random.Random) -> None:
        self.life.rooms.desk.acknowledge(ticket.id, by=self.lead.name)
        self._later(chance.uniform(5, 40), self._speak_with, ticket.id, self.lead.name)
        if ticket.kind == "complaint":
            self._later(60 * chance.uniform(3, 26), self._milestone, ticket.id, ClockEvent.INVESTIGATED)
            self._later(60 * chance.uniform(28, 110), self._milestone, ticket.id, ClockEvent.ANSWERED)
        self._later(60 * chance.uniform(112, 130), self._settle, ticket.id, self.lead.name)

    def _speak_with(self, ticket_id: int, by: str) -> None:
        if self._read(ticket_id)[0].is_open:
            self.life.rooms.desk.contacted(ticket_id, by=by)

    def _milestone(self, ticket_id: int, event: ClockEvent) -> None:
        if self._read(ticket_id)[0].is_open:
            self.life.rooms.desk.milestone(ticket_id, event, by=self.lead.name)

    def _settle(self, ticket_id: int, by: str) -> None:
        desk, words = self.life.rooms.desk, self.life.words["desk"]
        if self._read(ticket_id)[0].is_open:
            desk.note(ticket_id, words["question_done"], by=by)
            desk.change_state(ticket_id, TicketState.RESOLVED, by=by, reason=words["state_done"])
            desk.change_state(ticket_id, TicketState.CLOSED, by=by)

    # --- small words

    def _read(self, ticket_id: int) -> tuple[Ticket, Staff | None]:
        with self.life.rooms.store.read() as tx:
            ticket = tx.ticket(ticket_id)
            return ticket, None if ticket.assignee_id is None else tx.staff(ticket.assignee_id)

    def _is_his(self, ticket_id: int, staff: Staff) -> bool:
        try:
            self.life.rooms.visits.demand(ticket_id, staff)
        except Conflict:
            return False
        return True

    def _later(self, minutes: float, step: Callable[..., None], *arguments: object) -> None:
        self.life.agenda.after(60 * minutes, lambda: step(*arguments))


def _awake(at: datetime) -> datetime:
    day = local(at)
    if day.time() > _LAST_VISIT:
        day += timedelta(days=1)
    elif day.time() >= _FIRST_VISIT:
        return at
    return datetime.combine(day.date(), _FIRST_VISIT, BEIJING) + timedelta(minutes=at.second)
