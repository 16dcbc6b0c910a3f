"""What must still be known of a matter, and what follows when everything is (R4, B5, G7e). Pure."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from bot.understanding import EMERGENCIES, Intent, Source
from dialogue.conversation import Channel, Expect, QuickReply, Then
from dialogue.decision import BookVisit, Command, Decision, LearnAddress, NudgeTicket, OpenTicket
from dialogue.facts import Home, OpenCase
from dialogue.known_cases import KnownCases
from dialogue.options import HUMAN, MENU, NO, YES
from dialogue.questions import KEY_HINTS, QUESTIONS, expect_of
from dialogue.state import DialogueState, heard_address
from fulfillment.standard import TicketKind

#: After this many silent or unclear answers to one question come the keys of a menu, then a person.
MOST_TRIES = 2
#: A story of this many characters says what happened; a shorter one is asked about once.
TOLD_ENOUGH = 25
#: A caller with this many homes chooses by key or word; with more he says the address.
HOMES_TO_CHOOSE_FROM = 2
_KEYED = frozenset({"key_building", "key_unit", "key_room"})


class Asking(KnownCases):
    """KnownCases that knows what to ask next."""

    def start(self, kind: str, *, is_chosen: bool = False) -> Decision:
        """`is_chosen`: the resident has said which of the kinds that are told apart by a question."""
        kind = kind if is_chosen else self.finer(kind)
        choices = () if is_chosen else self.tables.choices(kind)
        if choices and not self.tables.kinds[kind].is_named_in(self.symptom_of_new_matter()):
            return self.ask_which_kind(kind, choices)
        if kind in self.facts.not_accepted:
            return self.not_yet_accepted(kind)
        known = self.known_case(kind)
        if known is not None:
            return self.nudge_known(known)
        if self.is_urgent:  # whoever is rung needs the address first
            self.set(suspended=(*self.state.suspended, (kind, self.symptom_of_new_matter())))
            self.tell("hearing.afterwards")
            return self.next_urgent("another matter in an emergency")
        if self.state.matter != kind:
            self.put_aside()
        self.set(matter=kind, symptom=self.symptom_of_new_matter(), asked="", tries=0, silences=0, told_minutes=None)
        self.tell("hearing.noting_down")
        if self.doubtful:
            return self.confirm_community()
        return self.next_step("new matter")

    def nudge_known(self, known: OpenCase) -> Decision:
        self.commands.append(NudgeTicket(known.id))
        self.tell("ticket.known_already", number=known.number, ticket_id=known.id)
        return self.resume_or_more("open already")

    def finer(self, kind: str) -> str:
        return self.tables.finer(kind, self.symptom_of_new_matter())

    def ask_which_kind(self, kind: str, choices: Sequence[TicketKind]) -> Decision:
        """What happens next differs, with its clocks (F1-F3)."""
        self.set(guess=kind, symptom=self.symptom_of_new_matter())
        options = tuple(QuickReply(f"kind:{k.key}", k.choice, str(n)) for n, k in enumerate(choices, 1))
        return self.ask(
            "which_kind", "kinds to choose from", options=(*options, HUMAN), choices=[k.choice for k in choices]
        )

    def not_yet_accepted(self, kind: str) -> Decision:
        """It is taken in a part of the year only (F3): when, and the offer that somebody calls about it."""
        first, last = self.facts.not_accepted[kind]
        self.tell("ticket.not_accepted_now", title=self.tables.kinds[kind].title, first=first, last=last)
        self.set(guess="question", symptom=self.symptom_of_new_matter())
        self.set_slots(story=self.state.symptom)
        return self.ask("offer", "not accepted at this time of the year", title=self.tables.kinds["question"].title)

    def symptom_of_new_matter(self) -> str:
        """The resident's own words; after a "yes" to a question of ours, the words that led to it."""
        if self.heard.intent is Intent.AFFIRM or self.asked == "mean" or not self.heard.text:
            return self.before.symptom
        return self.heard.text

    def next_step(self, reason: str) -> Decision:
        """The next thing that must be known of the matter, or the read-back, or the ticket."""
        if self.is_urgent:
            return self.next_urgent(reason)
        if not self.state.matter:
            return self.anything_else(reason)
        for item in (*self.tables.kinds[self.state.matter].asks, "told"):
            question = self.ask_address(reason) if item == "address" else self.ask_detail(item, reason)
            if question is not None:
                return question
            known = self.known_case(self.state.matter) if item == "address" else None
            if known is not None:  # now that the home is known
                self.set(matter="", symptom="", asked="", tries=0, silences=0)
                return self.nudge_known(known)
        home = self.home
        confirmed = self.state.home_confirmed and home is not None and home.id == self.state.home_id
        if confirmed and self.asked != "what_is_wrong":
            return self.open_matter(reason)  # the confirmed home was the read-back
        return self.read_back(reason)

    def ask_detail(self, item: str, reason: str) -> Decision | None:
        slots = self.state.slots
        if item == "told":
            return self.ask_told(reason)
        if item == "contact_phone" and (slots.phone or self.facts.peer or self.asked == "contact_phone"):
            return None
        if item == "what_happened" and (slots.story or len(self.state.symptom) >= TOLD_ENOUGH):
            return None
        if item == "visit_time" and self.gets_slot(self.state.matter):
            return self.ask_first_slot(reason)
        if QUESTIONS[item].optional and (self.detail(item) or not self.ask_once(item)):
            return None
        return self.ask(item, reason)

    def ask_told(self, reason: str) -> Decision | None:
        """Of a member of staff who reports an ordinary case: when the resident told him, once a case (G7g)."""
        case = f"told-{self.state.matter}-{len(self.state.ticket_ids)}"
        if not self.state.reported_by or self.state.matter == "callback" or not self.ask_once(case):
            return None
        minutes = self.facts.told_by_key
        options = tuple(QuickReply(f"told:{m}", str(m), str(n)) for n, m in enumerate(minutes, 1))
        return self.ask("told", reason, options=(*options, HUMAN), minutes=minutes)

    def answer_told(self) -> Decision | None:
        """By key, or in words ("half an hour ago"); what says nothing of it is asked once more and then left open."""
        offered = {f"told:{m}": timedelta(minutes=m) for m in self.facts.told_by_key}
        ago = offered.get(self.chosen, self.tables.phrases.told_ago(self.heard.text))
        if ago is None:
            return None
        self.set(told_minutes=round(ago.total_seconds() / 60))
        self.set_slots(visit_time=self.before.slots.visit_time)  # "this morning" was no time for a visit
        return self.next_step("told when")

    def ask_first_slot(self, reason: str) -> Decision | None:
        """G9, then the times; a single free time in what he has said already needs no question."""
        if self.slot_chosen is not None or "slot" in self.state.already_asked:
            return None
        if not self.state.slot and len(self.facts.wished) == 1:
            self.set(slot=self.facts.wished[0].key)
            self.set_slots(visit_time=self.facts.wished[0].words.chat)
            return None
        if self.asked == "slot":  # asked twice in vain: the butler agrees it
            self.ask_once("slot")
            return None
        self.tell("ask.slot_taken" if self.state.slot else "ask.visit_time")
        return self.ask_slot(reason)

    def detail(self, item: str) -> str:
        """What is already known of an optional detail, from the resident or from the company's own record."""
        slots, home = self.state.slots, self.home
        if item == "contact_name":
            return slots.name or (home.name if home else "")
        if item == "part":
            return slots.part or (home.installation if home else "")
        return slots.temperature if item == "temperature" else slots.visit_time

    # --- where -------------------------------------------------------------------------------------------------

    def ask_address(self, reason: str) -> Decision | None:
        slots, home = self.state.slots, self.home
        if home is not None and not self.state.home_confirmed and slots.community_id is None:
            return self.ask("home", reason, address=home.words)
        if slots.address_is_complete:
            if home is not None and self.state.home_id != home.id:
                self.set(home_id=home.id)
                self.set_slots(unit=home.address.unit)
            return None
        return self.ask_which_home(reason) or self.ask_rest_of_address("ask.address", reason)

    def ask_which_home(self, reason: str) -> Decision | None:
        """A caller with two homes chooses; nobody is asked twice."""
        homes = self.facts.caller_homes
        unknown = self.state.slots.community_id is None and not self.state.home_denied
        if len(homes) != HOMES_TO_CHOOSE_FROM or not unknown or not self.ask_once("which_home"):
            return None
        options = tuple(QuickReply(f"home:{h.id}", h.words.chat, str(n)) for n, h in enumerate(homes, 1))
        return self.ask("which_home", reason, options=(*options, HUMAN), first=homes[0].words, second=homes[1].words)

    def ask_rest_of_address(self, whole: str, reason: str) -> Decision | None:
        """`whole`: the script that asks for all of it. None: enough for a person to find the home; never a trap."""
        slots = self.state.slots
        if slots.community_id is None:
            return self.ask("address", reason, script=whole)
        if self.asked == "address" and self.before.tries >= MOST_TRIES:
            return None
        keyed = self.heard.source is Source.CHOICE and heard_address(self.heard) and self.is_phone
        if self.asked in _KEYED or (keyed and self.asked == "address"):
            return self.ask_by_keys(reason)
        return self.ask_missing_parts(slots.community_id, reason)

    def ask_missing_parts(self, community_id: int, reason: str) -> Decision:
        slots = self.state.slots
        again = self.asked == "address" and self.state.slots == self.before.slots
        if again:
            return self.ask("address", reason, script="ask.rest_of_address")
        if not slots.building:
            name = self.facts.community_names.get(community_id, "")
            return self.ask("address", reason, script="ask.building", community=name)
        if slots.unit:
            return self.ask("address", reason, script="ask.room_alone", building=slots.building, unit=slots.unit)
        return self.ask("address", reason, script="ask.room", building=slots.building)

    def ask_by_keys(self, reason: str) -> Decision:
        """The missing parts of the address, one by one; a building without units is possible."""
        slots = self.state.slots
        if not slots.building:
            return self.ask("key_building", reason)
        if not slots.unit and self.asked not in ("key_unit", "key_room"):
            return self.ask("key_unit", reason)
        return self.ask("key_room", reason)

    def confirm_community(self) -> Decision:
        names = [self.facts.community_names.get(c, "") for c in self.doubtful]
        self.set(candidates=self.doubtful)
        if len(self.doubtful) == 1:
            return self.ask(
                "community", "misheard community", script="ask.is_it_community", options=(YES, NO, HUMAN),
                expect=Expect.YES_NO, community=names[0],
            )  # fmt: skip
        options = tuple(
            QuickReply(f"community:{c}", name, str(n))
            for n, (c, name) in enumerate(zip(self.doubtful, names, strict=True), 1)
        )
        return self.ask("community", "two communities", options=(*options, HUMAN), first=names[0], second=names[1])

    # --- an emergency ------------------------------------------------------------------------------------------

    def next_urgent(self, reason: str) -> Decision:
        """After the alarm has left: only what helps to find the home and to call back."""
        where = self.ask_urgent_place(reason)
        if where is not None:
            return where
        slots = self.state.slots
        if not (slots.phone or self.facts.peer) and self.ask_once("contact_phone"):
            return self.ask("contact_phone", reason)
        if slots.phone != self.before.slots.phone and not any(isinstance(c, LearnAddress) for c in self.commands):
            self.learn_address(silent=True)
        self.set(matter="", symptom="")
        return self.resume_or_more(reason)

    def ask_urgent_place(self, reason: str) -> Decision | None:
        slots = self.state.slots
        if self.state.matter in (Intent.LEAK_STREET, Intent.MANHOLE_COVER):
            return self.ask("place", reason) if self.ask_once("place") else None
        if slots.place:
            return None
        home = self.home
        if home is not None and self.is_just_guessed(home):
            return self.ask("home", reason, address=home.words)
        if slots.address_is_complete:
            return None
        return self.ask_which_home(reason) or self.ask_rest_of_address("ask.address_urgent", reason)

    def is_just_guessed(self, home: Home) -> bool:
        """Taken in this turn from the number that calls, and not said by anybody."""
        just_taken = self.state.home_id == home.id and self.before.home_id != home.id
        return just_taken and not self.state.home_confirmed and not heard_address(self.heard)

    # --- the end of a matter -----------------------------------------------------------------------------------

    def read_back(self, reason: str) -> Decision:
        """What will be written down; an address or the time of a visit only of a matter that has one."""
        kind, slots = self.tables.kinds[self.state.matter], self.state.slots
        symptom = self.state.symptom or kind.title
        chosen = self.slot_chosen
        visit_time = (chosen.words if chosen else slots.visit_time) if "visit_time" in kind.asks else ""
        if "address" not in kind.asks and not slots.address.is_findable:
            return self.ask("read_back", reason, symptom=symptom, visit_time=visit_time, address="")
        return self.ask("read_back", reason, symptom=symptom, visit_time=visit_time)

    @property
    def home_itself(self) -> Home | None:
        """The home that surely asks: card and name were right, or its registered number calls."""
        if self.facts.proven_home is not None:
            return self.facts.proven_home
        home = self.home
        return home if home is not None and self.is_phone and home in self.facts.caller_homes else None

    def tell_whose_part(self, kind: TicketKind) -> None:
        """Y1 to whom it concerns; Y3 to the home itself and nobody else (N17). The case is opened all the same."""
        home, itself = self.home, self.home_itself
        if "Y1" in kind.clauses and home is not None and not home.is_residential:
            self.tell("ticket.entry_valve_well")
        if "Y3" in kind.clauses and self.tables.phrases.speaks_of_changes(self.state.symptom):
            self.tell("ticket.changes_first")
        if "Y3" in kind.clauses and home is not None and itself is not None and home.id == itself.id and home.arrears:
            self.tell("ticket.arrears_first", yuan=home.arrears)

    def open_matter(self, reason: str) -> Decision:
        if self.gets_slot(self.state.matter) and self.state.slot and self.slot_chosen is None:
            self.tell("ask.slot_taken")
            return self.ask_slot("taken meanwhile")
        self.commands.append(open_case(self.state))
        if self.slot_chosen is not None and self.gets_slot(self.state.matter):
            self.commands.append(BookVisit(None, self.slot_chosen.at))
        if self.state.matter == "question" and self.state.slots.community_id is not None:
            self.tell("scope.other_butler")
        elif "N12" in self.tables.kinds[self.state.matter].clauses:
            self.tell("ticket.answer_later")
        self.tell("ticket.opened")
        self.tell_whose_part(self.tables.kinds[self.state.matter])
        if self.slot_chosen is None and "visit_time" in self.tables.kinds[self.state.matter].asks:
            self.tell_visiting_hours()
        if self.slot_chosen is not None:
            self.set_slots(visit_time="")  # the ticket knows it better: "tomorrow" is another day tomorrow
        self.set(matter="", symptom="", asked="", tries=0, silences=0, slot="", told_minutes=None)
        return self.resume_or_more(reason)

    def tell_visiting_hours(self) -> None:
        """H3: a time beside them is agreed with whoever comes, and overtime is told first."""
        if self.facts.other_hours is not None:
            self.tell("ticket.other_visiting_hours", hours=self.facts.other_hours, overtime=self.facts.overtime)

    def resume_or_more(self, reason: str) -> Decision:
        """Back to the matter that was put aside, or G11: anything else?"""
        if self.state.matter:
            return self.next_step(reason)
        if self.state.suspended:
            *rest, (matter, symptom) = self.state.suspended
            self.set(suspended=tuple(rest), matter=matter, symptom=symptom, asked="", tries=0, silences=0)
            self.tell("hearing.back_to", matter=self.tables.kinds[matter].title)
            return self.next_step(reason)
        return self.anything_else(reason)

    def anything_else(self, reason: str) -> Decision:
        self.set(matter="")
        return self.ask("more", reason)

    def note_unfinished(self) -> None:
        """What is known of unfinished matters becomes tickets; nothing is lost by a polite end."""
        for command in on_hang_up(self.state, waiting=False, reachable=bool(self.facts.peer)):
            self.commands.append(command)
            self.tell("ticket.opened")
        self.set(matter="", symptom="", suspended=(), asked="", tries=0, silences=0)

    def goodbye(self, reason: str) -> Decision:
        self.note_unfinished()
        by_phone = self.facts.channel is Channel.PHONE
        self.tell("greeting.goodbye" if by_phone else "greeting.goodbye_chat")
        return self.done(then=Then.HANG_UP if by_phone else Then.LISTEN, reason=reason)

    # --- nothing heard, nothing understood -----------------------------------------------------------------------

    def failed(self, counter: str, reason: str) -> Decision:
        """G5 twice with the question again, the second time with its keys; then a menu of keys; then a person.

        `counter` is the field of the state that counts this kind of failure: silences or tries.
        """
        count = getattr(self.before, counter) + 1
        self.set(**{counter: count})
        question = QUESTIONS.get(self.asked)
        if expect_of(self.asked) is Expect.MENU:
            return self.to_a_person(f"{reason}: person")
        if count > MOST_TRIES:
            return self.last_resort(reason)
        if count == MOST_TRIES and question is not None and question.optional:
            return self.next_step(f"{reason}: left open")
        self.tell("hearing.not_heard" if count == 1 else "hearing.not_heard_noise")
        if count == MOST_TRIES and self.is_phone:
            if self.asked == "address" and self.state.slots.community_id is not None:
                return self.ask_by_keys(reason)
            if expect_of(self.asked) in KEY_HINTS:
                self.tell(KEY_HINTS[expect_of(self.asked)])
        decision = self.keep_asking(reason)
        return decision if self.asked else replace(decision, options=self.before.options or MENU)

    def last_resort(self, reason: str) -> Decision:
        """A matter is not lost by a menu of matters: go on, be called back, or speak with a person."""
        if self.is_urgent:
            return self.to_a_person(f"{reason}: person")
        return self.ask("what_now", reason) if self.state.matter else self.menu(reason)

    def menu(self, reason: str) -> Decision:
        return self.ask("menu", reason)


def open_case(state: DialogueState) -> OpenTicket:
    """The ticket of the open matter."""
    told = None if state.told_minutes is None else timedelta(minutes=state.told_minutes)
    return OpenTicket(state.matter, state.symptom, told)


def on_hang_up(state: DialogueState, *, waiting: bool, reachable: bool) -> tuple[Command, ...]:
    """The caller is gone: what is known becomes a ticket. Nothing is made of a call in which nothing was said.

    An unanswered "is it a leak?" counts as yes (a second unsure answer). `reachable`: somebody could call back or go there.
    """
    if state.asked == "leak" and state.emergency_ticket_id is None:
        return (OpenTicket(Intent.LEAK_INSIDE.value, state.suspect),)
    if not (reachable or state.slots.address.is_findable or state.slots.phone):
        return ()
    commands: list[Command] = [
        OpenTicket(matter, symptom) for matter, symptom in state.suspended if matter not in EMERGENCIES
    ]
    if state.matter and state.matter not in EMERGENCIES:
        commands.append(open_case(state))
    if waiting and not commands:
        commands.append(OpenTicket("callback", state.symptom))
    return tuple(commands)
