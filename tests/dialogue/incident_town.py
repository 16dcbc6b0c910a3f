"""A town with an incident: residents in chats and on telephones, a supervisor, and a worker, over fake rooms and a fake clock."""

from datetime import timedelta
from typing import Any

from bot.understanding import Intent
from dialogue.conversation import Channel
from dialogue.incident_news import IncidentNews
from dialogue.incident_warnings import IncidentWarnings
from fulfillment.forwarding import Forwarding
from fulfillment.incident import Attachment, Extent, Incident, IncidentState
from fulfillment.incident_course import IncidentFacts
from fulfillment.incident_news import Told
from fulfillment.incident_notices import IncidentNotices
from fulfillment.incident_watch import IncidentWatch
from fulfillment.incidents import Incidents
from fulfillment.open_ticket import Learned, TicketRequest, open_ticket
from fulfillment.outbox import Lane, Task, TaskKind
from fulfillment.telling import Telling
from fulfillment.ticket import Address, Ticket
from fulfillment.worker import Worker
from tests.dialogue.talk import BOOK, STANDARD, Talk
from tests.fake_robots import FakeRobots
from tests.fakes import FakeCarrier, FakeStore, FixedClock, small_company

LEAD = "周主管"
HOTLINE = "+8641188880000"
HOUR = timedelta(hours=1)


class IncidentTown:
    def __init__(self) -> None:
        self.store = small_company(FakeStore())
        self.clock = FixedClock()
        self.carrier = FakeCarrier(self.store)
        self.incidents = Incidents(self.store, STANDARD, self.clock)
        self.news = IncidentNews(self.store, self.carrier, BOOK, STANDARD, self.clock, HOTLINE)
        notices = IncidentNotices(self.store, STANDARD, self.clock)
        self.robots = FakeRobots()
        warnings = IncidentWarnings(self.store, self.carrier, self.robots, BOOK, STANDARD, self.clock)
        forwarding = Forwarding(self.store, STANDARD, self.clock, [])
        telling = Telling(self.store, self.carrier, STANDARD, self.clock, [])  # type: ignore[arg-type]  # the fake rings staff
        table: dict[str, Any] = dict.fromkeys(TaskKind, _not_tested_here) | {
            TaskKind.SPOT_INCIDENT: IncidentWatch(self.store, STANDARD, self.clock).spot,
            TaskKind.TELL_INCIDENT: self.news.tell,
            TaskKind.WATCH_INCIDENT: notices.watch,
            TaskKind.TELL_HOMES: notices.tell_homes,
            TaskKind.WARN_BY_TEXT: warnings.warn,
            TaskKind.WARN_BY_ROBOT: warnings.warn,
            TaskKind.FORWARD_EMERGENCY: forwarding.forward,
            TaskKind.RING_PERSON: telling.tell,
        }
        self.worker = Worker(self.store, table, self.clock, name="w1")
        self.calls = 0

    def talk(self, channel: Channel = Channel.CHAT, peer: str = "") -> Talk:
        self.calls += 1
        talk = Talk(channel, peer, store=self.store, call=f"CA{self.calls}")
        talk.clock.set(self.clock.now())
        return talk

    def chat_report(self, room: int, kind: str = "no_heat") -> tuple[Talk, Ticket]:
        """Somebody of 阳光花园 3-2 has a cold home, in a chat that stays open."""
        talk = self.talk()
        ticket = self.report(room, kind, conversation_id=talk.id)
        return talk, ticket

    def report(
        self,
        room: int,
        kind: str = "no_heat",
        community: int = 1,
        conversation_id: str | None = None,
        phone: str = "-",
        building: str = "3",
    ) -> Ticket:
        number = f"+861380001{room:04d}" if phone == "-" else phone
        known = Learned(Address(community, building, "2", str(room)), contact_phone=number)
        request = TicketRequest(kind, "不热", conversation_id, known)
        with self.store.write() as tx:
            ticket, _ = open_ticket(tx, request, standard=STANDARD, now=self.clock.now())
        return ticket

    def run(self) -> None:
        for _ in range(2000):
            if not any(self.worker.deliver_one(lane) for lane in Lane):
                return
        raise AssertionError("too many tasks at one instant")

    def suggestion(self) -> Incident:
        self.run()
        [found] = [i for i in self.all_incidents() if i.state is IncidentState.SUGGESTED]
        return found

    def all_incidents(self) -> list[Incident]:
        return list(self.store.tables.of_incidents.incidents.values())

    def facts(self, **changes: Any) -> IncidentFacts:
        now = self.clock.now()
        known: dict[str, Any] = {
            "title": "阳光花园主管道抢修", "extent": Extent(frozenset({1})), "begins_at": now, "expected_end": now + 4 * HOUR,
        }  # fmt: skip
        return IncidentFacts(**(known | changes))

    def confirmed(self) -> Incident:
        incident = self.incidents.confirm(self.suggestion().id, self.facts(), by=LEAD)
        self.run()
        return incident

    def ticket(self, ticket: Ticket) -> Ticket:
        return self.store.tables.tickets[ticket.id]

    def attachment(self, ticket: Ticket) -> Attachment | None:
        with self.store.read() as tx:
            return tx.attachment_of(ticket.id)

    def said(self, talk: Talk) -> list[str]:
        """Scripts of what the resident was told in his chat, about incidents."""
        with self.store.read() as tx:
            scripts = [str(m.data.get("script", "")) for m in tx.messages(talk.id)]
        return [s for s in scripts if s.startswith("incident.")]

    def texts(self, ticket: Ticket) -> list[str]:
        return [t.body for t in self.carrier.texts if t.to == ticket.contact_phone]

    def told(self, ticket: Ticket) -> list[Told]:
        return [t for t in self.store.tables.of_incidents.told.values() if t.ticket_id == ticket.id]

    def taps(self, talk: Talk, choice: str) -> None:
        talk.clock.set(self.clock.now())
        talk.turn(choice=choice, text=choice)

    def writes(self, talk: Talk, text: str, intent: Intent = Intent.FALLBACK) -> None:
        talk.clock.set(self.clock.now())
        talk.says(text, intent)


def _not_tested_here(_task: Task) -> None:
    """Clocks and callbacks have tests of their own."""
