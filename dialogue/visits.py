"""The resident agrees the time of a visit himself, moves it, or does not want it any more (F11). Pure."""

from bot.understanding import EntityKind, Intent
from dialogue.decision import BookVisit, CallOffVisit, Decision
from dialogue.facts import OpenCase, Slot
from dialogue.matters import Matters


class Visits(Matters):
    """Matters that knows of times."""

    # --- an answer to the times that were offered ------------------------------------------------------------------

    def answer_slot(self) -> Decision | None:
        """A time that has gone meanwhile is said to be gone, and the next ones are offered."""
        head, _, key = self.chosen.partition(":")
        if head == "slot":
            slot = self.free_slot(key)
            return self.take(slot) if slot is not None else self.slot_is_gone()
        if self.tables.phrases.takes_any_time(self.heard.text):
            return self.take(self.to_offer()[0]) if self.facts.slots else self.slot_is_gone()
        if self.heard.first(EntityKind.TIME):
            return self.answer_time()
        if self.heard.intent is Intent.DENY:
            return self.none_suits()
        return None

    def answer_time(self) -> Decision:
        """One free time in what he said is taken; of those that were offered the one he means."""
        wished = self.facts.wished
        offered = {o.choice for o in self.before.options}
        meant = [s for s in wished if f"slot:{s.key}" in offered]
        if len(wished) == 1 or len(meant) == 1:
            return self.take((meant or list(wished))[0])
        if not wished:
            self.tell("ask.slot_not_then")
        return self.ask_slot("times near what was said")

    def take(self, slot: Slot) -> Decision:
        self.set(slot=slot.key)
        self.set_slots(visit_time=slot.words.chat)
        ticket_id = self.state.visit_ticket_id
        if ticket_id is None:
            return self.next_step("time chosen")
        self.commands.append(BookVisit(ticket_id, slot.at))
        self.tell("ticket.visit_agreed", when=slot.words)
        self.set(visit_ticket_id=None, slot="")
        self.set_slots(visit_time="")
        return self.anything_else("time agreed")

    def slot_is_gone(self) -> Decision:
        self.tell("ask.slot_taken")
        if self.facts.slots:
            return self.ask_slot("taken meanwhile")
        return self.none_suits()

    def none_suits(self) -> Decision:
        """In his own words, for the butler, who calls within the hour (F11, F19)."""
        if self.state.visit_ticket_id is not None:
            self.set(visit_ticket_id=None)
            self.tell("ticket.visit_unchanged")
            return self.anything_else("no other time")
        self.set(already_asked=(*self.state.already_asked, "slot"))
        return self.ask("visit_time", "none of the times offered", script="ask.slot_other")

    def start(self, kind: str, *, is_chosen: bool = False) -> Decision:
        """A case whose visit is to be agreed, or is agreed, is not asked after: its time is told, or offered."""
        known = self.known_case(kind) if kind in self.facts.slot_kinds else None
        if known is None or self.is_urgent:
            return super().start(kind, is_chosen=is_chosen)
        if known.visit is None:
            return self.agree_time(known)
        self.tell("ticket.visit_known", number=known.number, when=known.visit)
        return self.resume_or_more("visit agreed already")

    # --- afterwards ------------------------------------------------------------------------------------------------

    def visit_afterwards(self) -> Decision | None:
        """Another time, or "you need not come": about the visit that is agreed, or to be agreed."""
        if self.state.matter or self.asked not in ("", "more"):
            return None
        wish = self.tables.phrases.visit_wish(self.heard.text)
        case = self.visit_case
        if not wish or case is None:
            return None
        if wish == "call_off":
            self.set(visit_ticket_id=case.id)
            return self.ask("call_off", "calls off a visit", number=case.number, ticket_id=case.id)
        return self.agree_time(case)

    @property
    def visit_case(self) -> OpenCase | None:
        """Of this conversation before others; with a time before those without."""
        cases = [c for c in self.facts.open_cases if c.kind in self.facts.slot_kinds]
        here = [c for c in cases if c.id in self.state.ticket_ids] or cases
        return next((c for c in here if c.visit), next(iter(here), None))

    def agree_time(self, case: OpenCase) -> Decision:
        if case.visit is not None:
            self.tell("ticket.visit_so_far", when=case.visit)
        if not self.facts.slots:
            self.tell("ask.slots_none")
            return self.anything_else("no free times")
        self.set(visit_ticket_id=case.id, slot="")
        if len(self.facts.wished) == 1:
            return self.take(self.facts.wished[0])
        return self.ask_slot("another time")

    def visit_called_off(self) -> Decision | None:
        ticket_id = self.state.visit_ticket_id
        if ticket_id is None:
            return None
        self.commands.append(CallOffVisit(ticket_id))
        self.tell("ticket.called_off", ticket_id=ticket_id)
        self.set(visit_ticket_id=None)
        return self.anything_else("called off")

    def visit_stays(self) -> Decision:
        self.set(visit_ticket_id=None)
        self.tell("ticket.visit_unchanged")
        return self.anything_else("visit stays")
