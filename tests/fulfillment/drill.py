"""A whole fulfillment floor on fakes: the same objects as in the product, time moved by hand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, StrictUndefined

from fulfillment.alarms import Alarms
from fulfillment.clock_watch import ClockWatch
from fulfillment.desk import Desk
from fulfillment.forwarding import Forwarding
from fulfillment.incident_watch import IncidentWatch
from fulfillment.notice import ROBOT
from fulfillment.open_ticket import Learned, TicketRequest, learn_address, open_ticket
from fulfillment.outbox import TURNS_COUNTED, Lane, Task, TaskKind
from fulfillment.ports import Alarm, AlarmSender, Deliverer, FulfillmentTx
from fulfillment.standard import Standard
from fulfillment.telling import Telling, TextSender
from fulfillment.ticket import Address, Attempt, Ticket, TicketClock
from fulfillment.worker import Worker
from tests.fakes import BUTLER, DEPUTY, FakeCarrier, FakeStore, FixedClock, small_company

HOME = Path(__file__).resolve().parents[2]
GARDEN = Address(community_id=1, building="3", unit="2", room="501")  # butler 1, deputy 2
LAKE = Address(community_id=2, building="1", unit="1", room="101")  # butler 2, deputy 1


@cache
def standard() -> Standard:
    return Standard(HOME / "data")


@cache
def sentences() -> Mapping[str, str]:
    return yaml.safe_load((HOME / "scripts_zh" / "timeline.yml").read_text(encoding="utf-8"))


def share_a_telephone(drill: "Drill") -> None:
    """The deputy has the butler's number from now on."""
    with drill.store.write() as tx:
        tx.upsert_staff(replace(tx.staff(DEPUTY), phone=tx.staff(BUTLER).phone))


def not_here(task: Task) -> None:
    msg = f"{task.kind} belongs to another room"
    raise AssertionError(msg)


class _Robot:
    """Sends, and nobody hears what became of it."""

    channel = ROBOT

    def reaches(self, tx: FulfillmentTx, attempt: Attempt) -> bool:  # noqa: ARG002 - the Protocol's signature
        return True

    def send(self, alarms: Sequence[Alarm], lead: Attempt) -> str:  # noqa: ARG002 - as above
        return ""


@dataclass
class Drill:
    """`run()` carries out what is due now, `run_for` lets time pass and carries out what becomes due on the way."""

    store: FakeStore = field(default_factory=lambda: small_company(FakeStore()))
    clock: FixedClock = field(default_factory=FixedClock)
    text_failure: Exception | None = None
    most_tasks_at_once: int = 50
    robots: bool = False  # everybody has a chat robot, whose message carries a link to accept by
    per_second: float | None = None  # calls and texts that the carrier takes; None: as many as there are

    def __post_init__(self) -> None:
        self.carrier = FakeCarrier(self.store)
        self.alarms = Alarms(self.store, standard(), self.clock)
        self.desk = Desk(self.store, standard(), self.clock)
        senders: list[AlarmSender] = [TextSender(self.carrier, self._alarm_text)]
        if self.robots:
            senders.append(_Robot())
        self.forwarding = Forwarding(self.store, standard(), self.clock, senders)
        self.telling = Telling(self.store, self.carrier, standard(), self.clock, senders)
        self.watch = ClockWatch(self.store, standard(), self.clock)
        per_second = dict.fromkeys(TURNS_COUNTED, self.per_second) if self.per_second else {}
        self.worker = Worker(self.store, self.deliverers(), self.clock, name="w1", per_second=per_second)

    def deliverers(self) -> dict[str, Deliverer]:
        elsewhere = (
            TaskKind.NOTICE_BY_TEXT,
            TaskKind.NOTICE_BY_ROBOT,
            TaskKind.TELL_INCIDENT,
            TaskKind.WATCH_INCIDENT,
            TaskKind.WARN_BY_TEXT,
            TaskKind.PLACE_BY_TEXT,
            TaskKind.PLACE_BY_ROBOT,
        )
        told_elsewhere = dict.fromkeys(elsewhere, lambda _task: None)
        return (
            dict.fromkeys(TaskKind, not_here)
            | told_elsewhere
            | {
                TaskKind.FORWARD_EMERGENCY: self.forwarding.forward,
                TaskKind.RING_PERSON: self.telling.tell,
                TaskKind.TEXT_PERSON: self.telling.tell,
                TaskKind.ROBOT_PERSON: self.telling.tell,
                TaskKind.WATCH_ATTEMPT: self.telling.watch,
                TaskKind.WARN_CLOCK: self.watch.warn,
                TaskKind.BREACH_CLOCK: self.watch.breach,
                TaskKind.SPOT_INCIDENT: IncidentWatch(self.store, standard(), self.clock).spot,
            }
        )

    def _alarm_text(self, alarms: Sequence[Alarm]) -> str:
        if self.text_failure is not None:
            raise self.text_failure
        return " ".join(f"{a.ticket.number} {a.community_name or a.ticket.address.text}" for a in alarms)

    def open(self, kind: str = "leak_inside", address: Address = GARDEN, **known: Any) -> Ticket:
        conversation = known.pop("conversation_id", None)
        request = TicketRequest(kind, "暖气管漏水了", conversation, Learned(address=address, **known))
        with self.store.write() as tx:
            ticket, _ = open_ticket(tx, request, standard=standard(), now=self.clock.now())
        return ticket

    def learn(self, ticket: Ticket, **learned: Any) -> Ticket:
        with self.store.write() as tx:
            return learn_address(tx, ticket.id, Learned(**learned), standard=standard(), now=self.clock.now())

    def run(self) -> None:
        for _ in range(self.most_tasks_at_once):
            if not any(self.worker.deliver_one(lane) for lane in Lane):
                return
        msg = "too many tasks at one instant: something is rung in a circle"
        raise AssertionError(msg)

    def run_for(self, **units: float) -> None:
        end = self.clock.now() + timedelta(**units)
        self.run()
        while (due := self._next_due()) is not None and due <= end:
            self.clock.set(max(due, self.clock.now()))
            self.run()
        self.clock.set(end)

    def _next_due(self) -> datetime | None:
        return min((d for lane in Lane if (d := self.store.next_due(lane)) is not None), default=None)

    def ticket(self, ticket: Ticket) -> Ticket:
        return self.store.tables.tickets[ticket.id]

    def clocks(self, ticket: Ticket) -> dict[str, TicketClock]:
        """By rule; the last run of each."""
        return {c.rule: c for c in self.store.tables.clocks.values() if c.ticket_id == ticket.id}

    def attempts(self, ticket: Ticket, channel: str = "voice") -> list[Attempt]:
        return [a for a in self.store.tables.attempts.values() if (a.ticket_id, a.channel) == (ticket.id, channel)]

    def rung(self, ticket: Ticket) -> list[int]:
        """Staff in the order in which the carrier was really asked to call them."""
        by_id = self.store.tables.attempts
        return [by_id[c.attempt_id].staff_id for c in self.carrier.calls if by_id[c.attempt_id].ticket_id == ticket.id]

    def story(self, ticket: Ticket) -> list[str]:
        """The keys of the timeline; every entry must have a sentence that its parameters fill."""
        environment = Environment(undefined=StrictUndefined, autoescape=True)
        entries = [e for e in self.store.tables.timeline if e.ticket_id == ticket.id]
        for entry in entries:
            assert environment.from_string(sentences()[entry.key]).render(entry.params).strip()
        return [e.key for e in entries]

    def no_answer(self, attempt: Attempt, status: str = "no-answer") -> None:
        self.alarms.call_event(attempt.id, status=status, sequence=None, sid=attempt.provider_sid)
