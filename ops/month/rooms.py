"""The product as app.py puts it together, in the month's time, on its network, and with a memory for what it understood."""

from functools import cached_property

from app import Rooms
from bot.danger_words import load_danger_words
from bot.understand import Understander
from bot.understanding import CommunityName, Understanding
from dialogue.handoff import Handoff
from dialogue.ratings import Ratings
from fulfillment.alarms import Alarms
from fulfillment.calling import ResidentCalls
from fulfillment.desk import Desk
from fulfillment.incidents import Incidents
from fulfillment.work_orders import WorkOrders
from ops.month.network import MonthNetwork, QuietRobots


class RememberingUnderstander(Understander):
    """The same words always mean the same: the model is asked once for each. Price: memory for what was said in a month."""

    def understand(self, said: str) -> Understanding:
        known: dict[str, Understanding] = self.__dict__.setdefault("remembered", {})
        if said not in known:
            known[said] = super().understand(said)
        return known[said]


class MonthRooms(Rooms):
    """What people use, beside what app.py builds for the worker."""

    @cached_property
    def carrier(self) -> MonthNetwork:
        return MonthNetwork(self.line, self.clock)

    @cached_property
    def robots(self) -> QuietRobots:
        return QuietRobots()

    @cached_property
    def understander(self) -> RememberingUnderstander:
        return RememberingUnderstander(self.rasa, self.community_names, load_danger_words())

    @cached_property
    def _names(self) -> list[CommunityName]:
        return super().community_names()

    def community_names(self) -> list[CommunityName]:
        return self._names

    @cached_property
    def alarms(self) -> Alarms:
        return Alarms(self.store, self.standard, self.clock)

    @cached_property
    def desk(self) -> Desk:
        return Desk(self.store, self.standard, self.clock)

    @cached_property
    def orders(self) -> WorkOrders:
        return WorkOrders(self.store, self.desk, self.standard, self.clock)

    @cached_property
    def handoff(self) -> Handoff:
        return Handoff(self.store, self.book, self.clock, self.standard.queue.record_calls)

    @cached_property
    def ratings(self) -> Ratings:
        return Ratings(self.store, self.clock)

    @cached_property
    def incidents(self) -> Incidents:
        return Incidents(self.store, self.standard, self.clock)

    @cached_property
    def resident_calls(self) -> ResidentCalls:
        return ResidentCalls(self.store, self.standard, self.clock)
