"""What the company does with each matter: an answer, a ticket, another unit (data/matters.yml). Pure."""

from collections.abc import Sequence
from dataclasses import replace

from bot.understanding import EntityKind, Intent, Source
from dialogue.conversation import QuickReply, Then
from dialogue.decision import Decision, NoteMisunderstood, NudgeTicket
from dialogue.enquiries import Enquiries
from dialogue.facts import Matter, OpenCase
from dialogue.options import HUMAN, MENU, NOT_THIS, number_on_card
from dialogue.questions import expect_of
from dialogue.state import Taken

#: So many open cases are offered at once.
MOST_CASES = 3


class Matters(Enquiries):
    """Enquiries that knows what follows from what was said."""

    @property
    def matter_heard(self) -> Matter | None:
        return self.tables.matters.get(self.heard.intent)

    def new_matter(self) -> Decision | None:
        """Something the company has an answer, a ticket or another unit for."""
        matter = self.matter_heard
        if matter is None:
            return self.small_talk()
        self.set(asked="", tries=0, silences=0)
        if not self.state.matter:
            self.set_slots(story="")  # that of the matter before
        if matter.answer:
            return self.tell_answer(matter)
        if matter.account:
            return self.account(matter)
        if matter.unit:
            return self.other_unit(matter)
        # an emergency intent that reaches this point is below its operating point: asked about like any case
        return self.start(matter.ticket or matter.emergency)

    def with_way_back(self, decision: Decision) -> Decision:
        """In the chat, "not this" under the first answer to what the model took the words for. Not where somebody may be
        in danger, and not where something was done already.
        """
        matter = self.matter_heard
        if matter is None or matter.emergency or matter.safety or self.heard.source is not Source.MODEL:
            return decision
        if self.is_phone or self.is_urgent or decision.commands or decision.then is not Then.LISTEN:
            return decision
        kind = decision.state.matter if decision.state.matter != self.before.matter else ""
        taken = Taken(matter.intent, kind, self.heard.runner_up or "")
        options = (*decision.options, NOT_THIS)
        return replace(decision, options=options, state=replace(decision.state, options=options, taken=taken))

    def not_this(self) -> Decision | None:
        """What was understood is dropped and noted as wrong; what else it may be is offered, and any words will do."""
        taken = self.before.taken
        if self.choice != NOT_THIS.choice or not taken.intent:
            return None
        self.commands.append(NoteMisunderstood(taken.intent))
        self.set(answered=tuple(i for i in self.state.answered if i != taken.intent), guess="")
        if taken.kind:
            self.set(matter="", symptom="")
        if not self.state.matter:
            self.set(asked="", tries=0, silences=0)
        self.tell("hearing.not_this")
        nearly = self.tables.matters.get(taken.otherwise)
        first = (QuickReply(f"intent:{nearly.intent}", nearly.title),) if nearly else ()
        wrong = f"intent:{taken.intent}"
        menu = (o for o in MENU if o.choice not in (wrong, *(f.choice for f in first)))
        return self.done(options=(*first, *menu), reason=f"was not {taken.intent}")

    def understood_as(self, matter: Matter, text: str) -> Decision | None:
        self.heard = replace(self.heard, intent=Intent(matter.intent), confidence=1.0, text=text, emergency=False)
        return self.new_matter()

    def tell_answer(self, matter: Matter) -> Decision:
        """The answer, then the offer to note it for the resident where something can be noted (J1)."""
        told_before = matter.intent in self.state.answered
        self.set(answered=(*self.state.answered, matter.intent))
        self.tell(f"knowledge.{matter.answer}")
        if told_before and not self.state.matter:  # the same answer a second time has not helped
            return self.ask("person", "answered twice")
        if matter.is_noted:
            self.set_slots(story=self.heard.text)
            return self.start(matter.follow_up)
        if matter.follow_up and not self.state.matter:
            self.set(guess=matter.follow_up, symptom=self.heard.text)
            kind = self.tables.kinds[self.finer(matter.follow_up)]
            return self.ask("offer", "answered", title=kind.together or kind.title)
        return self.resume_or_more("answered")

    def other_unit(self, matter: Matter) -> Decision:
        """G8 with unit and number, and the offer to coordinate (W6f); gas first sends people out of the room."""
        said = self.heard.first(EntityKind.OTHER_UNIT)
        key = matter.unit if matter.safety or said is None else said.value
        unit = self.tables.unit(key, self.facts, self.state.slots.community_id)
        self.tell(matter.safety or "scope.other_unit", unit=unit.name, phone=unit.phone)
        if matter.safety:
            return self.resume_or_more("another unit's emergency")
        self.set(symptom=self.heard.text)
        return self.ask("coordinate", f"unit {key}")

    def small_talk(self) -> Decision | None:
        """A greeting or thanks while nothing else is to be done; an address out of the blue is kept for later."""
        if self.heard.intent is Intent.GREET and not self.asked:
            self.tell("greeting.help")
            return self.done(options=MENU, reason="greeting")
        if self.heard.intent in (Intent.GREET, Intent.THANK) and self.state.matter:
            return self.next_step("small talk")
        return None

    def tell_cases(self, *, nudge: bool) -> Decision:
        number = number_on_card(self.choice)
        cases = [case for case in self.facts.open_cases if number in ("", case.number)]
        if nudge and not number:
            cases = list(self.cases_meant(cases))
            if len(cases) > 1:
                return self.ask_which_case(cases)
        if not cases:
            self.tell("ticket.none_open")
        for case in cases[:3]:
            if nudge:
                self.commands.append(NudgeTicket(case.id))
            self.tell("ticket.nudged" if nudge else "ticket.status", number=case.number, ticket_id=case.id)
        if number:  # pressed on a card, beside whatever is being talked about
            return self.done(options=self.before.options, expect=expect_of(self.asked), reason="nudged by its card")
        return self.resume_or_more("asked about tickets")

    def ask_which_case(self, cases: Sequence[OpenCase]) -> Decision:
        """Two of a kind are told apart by when and where; only the one that is meant is asked after."""
        shown = cases[:MOST_CASES]
        options = tuple(QuickReply(f"case:{c.id}", c.words.chat, str(n)) for n, c in enumerate(shown, 1))
        return self.ask("which_case", "several open cases", options=(*options, HUMAN), choices=[c.words for c in shown])

    def answer_which_case(self) -> Decision | None:
        """By key, as "the second one", by what tells them apart; or all of them."""
        offered = [c for c in self.facts.open_cases if f"case:{c.id}" in {o.choice for o in self.before.options}]
        meant = [c for c in offered if self.chosen == f"case:{c.id}"]
        if not meant and self.tables.phrases.means_all(self.heard.text):
            meant = offered
        if not meant:
            meant = list(self.cases_meant(offered))
            if len(meant) == len(offered):
                return None
        for case in meant:
            self.commands.append(NudgeTicket(case.id))
            self.tell("ticket.nudged", number=case.number, ticket_id=case.id)
        self.set(asked="", tries=0, silences=0)
        return self.resume_or_more("nudged the one that is meant")

    def go_on(self, reason: str = "something else") -> Decision:
        self.set(asked="", tries=0, silences=0)
        self.tell("greeting.go_on")
        return self.done(options=MENU, reason=reason)
