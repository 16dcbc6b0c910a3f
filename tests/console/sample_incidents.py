"""Incidents of the sample company, for the preview."""

from datetime import timedelta

from fulfillment.incident import Extent
from fulfillment.incident_course import IncidentFacts
from fulfillment.incident_watch import IncidentWatch
from fulfillment.incidents import Incidents
from fulfillment.open_ticket import Learned, TicketRequest, open_ticket
from fulfillment.outbox import Lane, TaskKind
from fulfillment.ticket import Address, Ticket
from kernel.clock import Clock
from tests.console.sample import STANDARD
from tests.fakes import FakeStore


def report(store: FakeStore, clock: Clock, room: int, kind: str = "no_heat", community: int = 2) -> Ticket:
    """A home of building 9, unit 1 reports, and the worker looks at it."""
    known = Learned(Address(community, "9", "1", str(room)), contact_phone=f"+86138000001{room:02d}")
    with store.write() as tx:
        ticket, _ = open_ticket(tx, TicketRequest(kind, "不热", known=known), standard=STANDARD, now=clock.now())
    look(store, clock)
    return ticket


def look(store: FakeStore, clock: Clock) -> None:
    """Every promised look is taken; other ordinary tasks are left out."""
    watch = IncidentWatch(store, STANDARD, clock)
    while task := store.claim(Lane.ORDINARY, clock.now(), timedelta(seconds=30), "test"):
        if task.kind is TaskKind.SPOT_INCIDENT:
            watch.spot(task)
        else:
            with store.write() as tx:
                tx.task_done(task)


def sample_incidents(store: FakeStore, clock: Clock) -> None:
    """Three homes of one riser report; a burst pipe of the other community is an incident already."""
    now = clock.now()
    facts = IncidentFacts(
        "阳光花园主管道漏水抢修,暂停供暖",
        Extent(frozenset({1})),
        now - timedelta(hours=1),
        "焊口开裂",
        now + timedelta(hours=3),
    )
    Incidents(store, STANDARD, clock).declare("leak", facts, by="周主管")
    for room in (1, 2, 3):
        report(store, clock, room)
    report(store, clock, 4, "leak_inside", community=1)
