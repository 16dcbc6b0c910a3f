"""December, put together: the town, its people, and the worker, on one agenda."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from dialogue.leg import Leg
from fulfillment.company import OperatorRole
from fulfillment.worker import Worker
from kernel.clock import local
from ops.month.agenda import Agenda
from ops.month.crew import Crew
from ops.month.life import Life
from ops.month.operators import OperatorsRoom
from ops.month.plan import BURST_COMMUNITIES, FIRST, LAST, SICK_BUTLERS, SICK_DAYS, Plan
from ops.month.residents import Residents
from ops.month.rooms import MonthRooms
from ops.month.supervisor import Supervisor
from ops.month.town import HOMES_IN_A_COMMUNITY, TownFiles, butler_number

_EARLY = timedelta(hours=6, minutes=50)


class Month:
    """Everybody who lives in it; also whoever the network reaches (network.Answers)."""

    def __init__(self, rooms: MonthRooms, agenda: Agenda, files: TownFiles, *, contacts: int) -> None:
        self._files = files
        self._agenda = agenda
        self.rooms = rooms
        self.life = Life(rooms, agenda, files.seed)
        with rooms.store.read() as tx:
            communities, operators = tx.communities(), tx.operators()
        taking = [o for o in operators if o.role is OperatorRole.OPERATOR]
        lead = next(o for o in operators if o.role is OperatorRole.SUPERVISOR)
        behind = frozenset(communities[at].id for at in BURST_COMMUNITIES)
        cards = [f"7{at + 1:03}{n + 1:05}" for at in range(len(communities)) for n in range(HOMES_IN_A_COMMUNITY)]
        self.room = OperatorsRoom(self.life, taking)
        self.crew = Crew(self.life, taking, lead, self._is_main_under_repair)
        self.residents = Residents(self.life, cards, self.crew.hears_of, self.room.waits_for_one, self.crew.comes_again)
        self.supervisor = Supervisor(self.life, lead, behind, self.residents.chats)
        self.plan = Plan(contacts, files.seed, self.life.words["matters"], len(cards), HOMES_IN_A_COMMUNITY)
        rooms.carrier.people = self

    def live(self, told: Callable[[datetime, int], None], until: datetime = LAST) -> None:
        """To `until`; `told` hears of each midnight how many conversations there were so far."""
        self._expect_everybody()
        worker = Worker(self.rooms.store, self.rooms.deliverers(), self.rooms.clock, name="month")
        self.rooms.sweep.promise()
        day = FIRST
        while day < until:
            day = min(day + timedelta(days=1), until)
            self._agenda.run(worker, day)
            told(day, self.residents.begun)
        self.room.shown_at.clear()
        self.room.show()

    def _is_main_under_repair(self, ticket_id: int) -> bool:
        return self.supervisor.is_main_under_repair(ticket_id)

    def _expect_everybody(self) -> None:
        burst = self.life.words["burst"]
        contacts = [*self.plan.everyday(), *self.plan.burst(burst["first"], burst["reports"])]
        for contact in contacts:
            self.residents.expect(contact)
        self.supervisor.begins()
        self.crew.begins()
        self._expect_illness()

    def _expect_illness(self) -> None:
        numbers = frozenset(butler_number(at) for at in SICK_BUTLERS)
        first = datetime.combine(min(SICK_DAYS), datetime.min.time(), FIRST.tzinfo) + _EARLY
        last = datetime.combine(max(SICK_DAYS), datetime.min.time(), FIRST.tzinfo) + timedelta(days=1) + _EARLY

        def fall_ill() -> None:
            self._files.report_sick(self.rooms.store, numbers, sick=True)
            self.crew.reports_sick(numbers)

        self._agenda.at(first, fall_ill)
        self._agenda.at(last, lambda: self._files.report_sick(self.rooms.store, numbers, sick=False))

    # --- the network reaches somebody

    def staff_rung(self, attempt_id: str, sid: str) -> None:
        self.crew.rung(attempt_id, sid)

    def text_taken(self, attempt_id: str, sid: str) -> None:
        self._agenda.after(2, lambda: self.rooms.alarms.text_event(attempt_id, status="delivered", sid=sid))

    def resident_rung(self, try_id: str, sid: str) -> None:
        self.residents.rung(try_id, sid)

    def operator_rung(self, leg: Leg, call_sid: str, conference_sid: str) -> None:
        self.room.rung(leg, call_sid, conference_sid)

    def caller_fetched(self, call_sid: str, path: str) -> None:
        del call_sid
        self.room.caller_fetched(path)


def show_progress(contacts: int) -> Callable[[datetime, int], None]:
    """A line a day, with what is left of the time."""
    started = time.monotonic()

    def told(day: datetime, begun: int) -> None:
        spent = time.monotonic() - started
        share = (day - FIRST) / (LAST - FIRST)
        left = spent / share - spent
        print(
            f"  {local(day):%m-%d}  {begun:6,} of about {contacts:,} conversations, {spent:4.0f} s, {left:4.0f} s left",
            flush=True,
        )

    return told
