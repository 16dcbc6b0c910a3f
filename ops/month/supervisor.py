"""The supervisor: looks at what the product suggests as an incident, and leads the two of the month through their course."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from dialogue.incident_news import WARM
from fulfillment.company import Operator
from fulfillment.incident import Extent, Incident, IncidentState, Recheck
from fulfillment.incident_course import IncidentFacts
from ops.month.life import Life
from ops.month.plan import BURST_AT, BURST_TAIL, PLANNED_OUTAGE_TOLD_AT
from ops.month.residents import Talk

_PATROL_MINUTES, _IN_A_CRISIS = 30, 4
_OTHER_END_AFTER, _OVER_AFTER = timedelta(hours=2, minutes=10), timedelta(hours=5, minutes=25)
_WARM_AGAIN = 0.95


@dataclass
class Supervisor:
    """`communities` are the ids behind the burst main."""

    life: Life
    lead: Operator
    communities: frozenset[int]
    chats: Sequence[Talk]
    main: int | None = None
    said_warm: set[int] = field(default_factory=set)

    def begins(self) -> None:
        self._patrols()
        self.life.agenda.at(PLANNED_OUTAGE_TOLD_AT, self._announces_outage)

    def is_main_under_repair(self, ticket_id: int) -> bool:
        """Whether a case belongs to an incident that runs: nobody goes to a home for it."""
        with self.life.rooms.store.read() as tx:
            attached = tx.attachment_of(ticket_id)
            return attached is not None and tx.incident(attached.incident_id).has_begun(self.life.now)

    def _patrols(self) -> None:
        with self.life.rooms.store.read() as tx:
            suggested = [i for i in tx.live_incidents() if i.state is IncidentState.SUGGESTED]
        for incident in suggested:
            if self._is_of_the_burst(incident):
                self._burst(incident)
            else:
                self.life.rooms.incidents.dismiss(incident.id, self.life.words["burst"]["chance"], by=self.lead.name)
        crisis = BURST_AT <= self.life.now <= BURST_AT + BURST_TAIL
        self.life.agenda.after(60 * (_IN_A_CRISIS if crisis else _PATROL_MINUTES), self._patrols)

    def _is_of_the_burst(self, incident: Incident) -> bool:
        with self.life.rooms.store.read() as tx:
            stations = {tx.community(c).station_id for c in self.communities}
        near = incident.extent.community_ids & self.communities or incident.extent.station_id in stations
        return bool(near) and BURST_AT <= incident.spotted_at <= BURST_AT + BURST_TAIL

    def _burst(self, incident: Incident) -> None:
        """The first suggestion is confirmed for all communities behind the main; later ones are the same."""
        incidents = self.life.rooms.incidents
        if self.main is not None:
            incidents.merge(incident.id, self.main, by=self.lead.name)
            return
        self.main = incident.id
        incidents.confirm(incident.id, self._facts(timedelta(hours=4)), by=self.lead.name)
        self.life.agenda.after(_OTHER_END_AFTER.total_seconds(), self._changes)
        self.life.agenda.after(_OVER_AFTER.total_seconds(), self._ends)

    def _facts(self, lasts: timedelta) -> IncidentFacts:
        words = self.life.words["burst"]
        end = BURST_AT + lasts
        return IncidentFacts(
            title=words["title"], extent=Extent(self.communities), begins_at=BURST_AT, cause=words["cause"],
            expected_end=end.replace(minute=end.minute // 30 * 30),
        )  # fmt: skip

    def _changes(self) -> None:
        incident = self._main()
        self.life.rooms.incidents.change(incident.id, self._facts(_OVER_AFTER + timedelta(minutes=20)),
                                         by=self.lead.name, seen=incident.rev)  # fmt: skip

    def _ends(self) -> None:
        incident = self._main()
        self.life.rooms.incidents.end(incident.id, by=self.lead.name)
        with self.life.rooms.store.read() as tx:
            asked = [a.ticket_id for a in tx.attachments(incident.id) if a.recheck is Recheck.ASKED]
            chat_of = {t.id: t.conversation_id for t in tx.incident_tickets(incident.id)}
        talks = {talk.conversation_id: talk for talk in self.chats}
        chance = self.life.chance("warm again")
        for ticket_id in asked:
            talk = talks.get(chat_of[ticket_id] or "")
            hours = chance.uniform(0.2, 2) if talk is not None else chance.uniform(9, 17)
            warm = chance.random() < _WARM_AGAIN
            self.life.agenda.after(3600 * hours, partial(self._answer, ticket_id, talk, warm=warm))

    def _answer(self, ticket_id: int, talk: Talk | None, *, warm: bool) -> None:
        """Tapped in the chat, or told to the supervisor who rings everybody up."""
        if talk is not None and warm:
            talk.over = False
            talk.says(self.life.words["agreed"][0], f"{WARM}:{ticket_id}")
        elif self.main is not None:
            self.life.rooms.incidents.recheck(self.main, ticket_id, warm=warm, by=self.lead.name)

    def _announces_outage(self) -> None:
        """Three buildings of one community, told two days ahead to every home (K3)."""
        words, now = self.life.words["planned"], self.life.now
        begins = now + timedelta(days=2, hours=12, minutes=30)
        one = Extent(frozenset({max(self.communities) + 8}), None, frozenset({"3", "4", "5"}))
        facts = IncidentFacts(
            words["title"], one, begins, words["cause"], begins + timedelta(hours=25), tell_homes=True
        )
        planned = self.life.rooms.incidents.declare("no_heat", facts, by=self.lead.name)
        self.life.agenda.at(begins + timedelta(hours=24, minutes=10), partial(self._is_over, planned.id))

    def _is_over(self, incident_id: int) -> None:
        self.life.rooms.incidents.end(incident_id, by=self.lead.name)

    def _main(self) -> Incident:
        if self.main is None:
            raise AssertionError("the burst main was never suggested as an incident")
        with self.life.rooms.store.read() as tx:
            return tx.incident(self.main)
