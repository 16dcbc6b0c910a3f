"""A turn that is being decided: what is known, and what will be said and done about it. Pure.

`Draft` has the words in which the rules (dialogue.policy) and the questions (dialogue.asking) are written.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bot.understanding import EMERGENCIES, EntityKind, Understanding
from dialogue.conversation import Channel, Expect, QuickReply, Then
from dialogue.decision import Command, Decision, LearnAddress, OpenTicket, RequestHandoff, Say
from dialogue.facts import Facts, Home, Matter
from dialogue.options import NOT_THIS, waiting_options
from dialogue.phrases import Phrases
from dialogue.questions import QUESTIONS, expect_of
from dialogue.state import DialogueState, Taken, merge
from fulfillment.company import OtherUnit
from fulfillment.standard import TicketKind
from fulfillment.table_faults import COORDINATOR

#: Questions in whose answers every time is the time of a visit.
_ABOUT_A_VISIT = frozenset({"visit_time", "read_back", "what_is_wrong"})
FALLBACK_UNIT = COORDINATOR
#: The bot's last reply once more, and the last sentence of it alone: a question stands last.
REPEAT_ALL, REPEAT_QUESTION = "repeat", "repeat.question"


@dataclass(frozen=True, slots=True)
class Tables:
    """The company's tables as the dialogue needs them."""

    matters: Mapping[str, Matter]
    kinds: Mapping[str, TicketKind]
    directory: Mapping[str, OtherUnit]
    phrases: Phrases

    def finer(self, kind: str, words: str) -> str:
        """The kind that stands instead of this one when these words are said."""
        fitting = (k.key for k in self.kinds.values() if kind in k.instead_of and k.is_named_in(words))
        return next(fitting, kind)

    def choices(self, kind: str) -> Sequence[TicketKind]:
        """What a resident is asked to choose from who has not said which of these kinds he means; none: nothing to choose."""
        if not self.kinds[kind].together:
            return ()
        return [k for k in self.kinds.values() if k.choice and (k.key == kind or kind in k.instead_of)]

    def unit(self, key: str, facts: Facts, community_id: int | None) -> OtherUnit:
        """The unit in charge, by community where it matters (property manager)."""
        unit = self.directory.get(key, self.directory[FALLBACK_UNIT])
        if not unit.phone and community_id is not None:
            unit = facts.property_units.get(community_id, unit)
        return unit if unit.phone else self.directory[FALLBACK_UNIT]


class Draft:
    """Collects sentences and commands. Lives for one turn."""

    def __init__(
        self, tables: Tables, state: DialogueState, heard: Understanding, facts: Facts, choice: str = ""
    ) -> None:
        self.tables = tables
        # The way back is offered once, whatever else of the last reply is offered again.
        self.before = replace(state, options=tuple(o for o in state.options if o.choice != NOT_THIS.choice))
        self.heard = heard
        self.facts = facts
        self.choice = choice
        merged = merge(state.slots, heard)
        self.doubtful = merged.doubtful
        self.state = replace(
            state, taken=Taken(), slots=merged.slots, care_for=state.care_for or tables.phrases.care_for(heard.text)
        )
        self.address_changed = merged.slots.address != state.slots.address
        if self.address_changed and state.home_id is not None and (self.home is None or self.home.id != state.home_id):
            # what was confirmed, or guessed, was another home
            self.set(home_id=None, home_confirmed=False, home_guessed=False)
        self.say: list[Say] = []
        self.commands: list[Command] = []
        time = heard.first(EntityKind.TIME)
        if time is not None and state.asked not in _ABOUT_A_VISIT and tables.phrases.is_no_appointment(time.text):
            self.set_slots(visit_time=state.slots.visit_time)
        if state.asked and (name := tables.phrases.name(heard.text)):
            self.set_slots(name=name)

    # --- what is known -----------------------------------------------------------------------------------------

    @property
    def asked(self) -> str:
        return self.before.asked

    @property
    def is_phone(self) -> bool:
        return self.facts.channel is Channel.PHONE

    @property
    def is_urgent(self) -> bool:
        """The alarm has left; what is asked now only helps to find the home and to call back."""
        return self.state.matter in EMERGENCIES

    @property
    def home(self) -> Home | None:
        """The home this is about: exactly one fits the address, or the caller's only home as long as he did not deny it."""
        slots = self.state.slots
        if slots.community_id is not None:
            if len(self.facts.homes_at_address) == 1 and slots.room:
                return self.facts.homes_at_address[0]
            return next((h for h in self.facts.caller_homes if h.address == slots.address), None)
        if not self.state.home_denied and not slots.place and len(self.facts.caller_homes) == 1:
            return self.facts.caller_homes[0]
        return None

    @property
    def chosen(self) -> str:
        """The option of the last reply that was pressed, tapped, or named as "the second one"; "" if it is none."""
        number = "" if self.choice else self.tables.phrases.ordinal(self.heard.text)
        named = (o.choice for o in self.before.options if number and o.digit == number)
        return self.choice or next(named, "")

    @property
    def names_who_comes_first(self) -> bool:
        """Old, ill or disabled residents were spoken of for the first time (J1)."""
        return bool(self.state.care_for) and not self.before.care_for

    # --- what changes ------------------------------------------------------------------------------------------

    def set(self, **changes: object) -> None:
        self.state = replace(self.state, **changes)  # type: ignore[arg-type]  # mypy cannot type replace(**kwargs)

    def set_slots(self, **changes: object) -> None:
        self.set(slots=replace(self.state.slots, **changes))  # type: ignore[arg-type]  # as above

    def take_home(self, home: Home) -> None:
        a = home.address
        self.set(home_id=home.id)
        self.set_slots(community_id=a.community_id, building=a.building, unit=a.unit, room=a.room, place="")

    def put_aside(self) -> None:
        """A second matter: the first one is kept for afterwards."""
        if self.state.matter and not self.is_urgent:
            self.set(suspended=(*self.state.suspended, (self.state.matter, self.state.symptom)))

    def ask_once(self, item: str) -> bool:
        """True the first time: from now on it counts as asked."""
        if item in self.state.already_asked:
            return False
        self.set(already_asked=(*self.state.already_asked, item))
        return True

    def learn_address(self, *, corrected: bool = False, silent: bool = False) -> None:
        """More is known about where to go: the newest ticket learns it at once."""
        ticket_id = self.state.emergency_ticket_id
        if ticket_id is None and self.state.ticket_ids:
            ticket_id = self.state.ticket_ids[-1]
        if ticket_id is None:
            return
        self.commands.append(LearnAddress(ticket_id))
        if silent:
            return
        if corrected:
            self.tell("ticket.corrected", ticket_id=ticket_id)
        elif self.is_urgent and not self.before.slots.address.is_findable:
            self.tell("ticket.emergency_forwarded", ticket_id=ticket_id)  # now somebody is sent: number, times
        else:
            self.tell("ticket.address_updated", ticket_id=ticket_id)

    # --- what is said ------------------------------------------------------------------------------------------

    def tell(self, key: str, **params: object) -> None:
        self.say.append(Say(key, params))

    def ask(
        self,
        name: str,
        reason: str,
        *,
        script: str = "",
        options: tuple[QuickReply, ...] | None = None,
        expect: Expect | None = None,
        **params: object,
    ) -> Decision:
        """Ends the turn with a question of dialogue.questions, or with its variant `script`.

        The same one again counts a try, unless something was learnt; then it is asked in other words if it has any.
        """
        question = QUESTIONS[name]
        again = name == self.state.asked and self.state.slots == self.before.slots
        words = script or (question.again if again else "") or question.script
        self.tell(words, **params)
        tries = self.before.tries + 1 if again else 0
        silences = self.before.silences if again else 0
        self.set(asked=name, asked_in=words, tries=tries, silences=silences, pauses=0)
        return self.done(
            options=question.options if options is None else options, expect=expect or question.expect, reason=reason
        )

    def keep_asking(self, reason: str) -> Decision:
        """The open question stays open, with its keys and buttons; on the phone it is said once more."""
        if self.asked and self.is_phone:
            self.tell(REPEAT_QUESTION)
        return self.done(options=self.before.options, expect=expect_of(self.asked), reason=reason)

    def to_a_person(self, reason: str) -> Decision:
        self.commands.append(RequestHandoff())
        self.tell("handoff.waiting" if self.facts.person_on_duty else "handoff.nobody_on_duty")
        return self.done(options=waiting_options(self.facts.channel), then=Then.WAIT, reason=reason)

    def done(
        self,
        *,
        options: tuple[QuickReply, ...] = (),
        expect: Expect = Expect.ANYTHING,
        then: Then = Then.LISTEN,
        reason: str = "",
    ) -> Decision:
        self.set(options=options)
        return Decision(self.state, tuple(self.say), tuple(self.commands), options, expect, then, reason)

    def with_news(self, decision: Decision) -> Decision:
        """What the resident must hear beside the answer, once: an announcement for his community, that he comes first.

        An emergency is not held up by either; what was said of old or ill people reaches its ticket all the same.
        """
        cared = self.names_who_comes_first
        commands = decision.commands
        if cared and self.state.ticket_ids and not any(isinstance(c, OpenTicket | LearnAddress) for c in commands):
            commands = (*commands, LearnAddress(self.state.ticket_ids[-1]))
        news: list[Say] = []
        state = decision.state
        if self._may_tell_news(decision):
            for notice in self.facts.notices:
                if notice.id not in state.announced:
                    news.append(announced(notice.what, notice.until))
                    state = replace(state, announced=(*state.announced, notice.id))
            if cared and (state.matter or state.ticket_ids or commands):
                news.append(Say("hearing.care_noted", {"who": state.care_for}))
        return replace(decision, say=(*news, *decision.say), commands=commands, state=state)

    def _may_tell_news(self, decision: Decision) -> bool:
        alarm = self.heard.emergency or decision.state.matter in EMERGENCIES or decision.state.asked == "leak"
        listens = decision.then is Then.LISTEN and bool(decision.say)
        return listens and not alarm and decision.say[0].key != REPEAT_ALL


def announced(what: str, until: object) -> Say:
    return (
        Say("announcement.until", {"what": what, "until": until}) if until else Say("announcement.told", {"what": what})
    )
