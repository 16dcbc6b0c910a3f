"""What to do with a turn. Pure: state, what was heard and the facts go in, a decision comes out.

The rules are tried in the order of `Policy.decide`; the first that has an answer wins. An emergency is always first:
safety words and the alarm before any question (STANDARD §4.1). Every question can be answered, corrected, left for
another matter or for a person.
"""

import re
from collections.abc import Mapping
from dataclasses import replace

from bot.understanding import EMERGENCIES, EntityKind, Intent, Source, Understanding
from dialogue.conversation import Channel, Expect, QuickReply, Then
from dialogue.decision import Command, Decision, LearnAddress, LeaveQueue, NudgeTicket, OpenTicket, RequestHandoff, Say
from dialogue.facts import Facts, Home, Matter
from dialogue.options import FEE_MENU, HUMAN, MENU, MORE, NO, YES, understand_choice
from dialogue.state import ADDRESS_KINDS, DialogueState, heard_address, merge
from fulfillment.company import OtherUnit
from fulfillment.standard import TicketKind

#: Asked at most once each; whatever is answered is taken, nothing is insisted on.
OPTIONAL_DETAILS = frozenset({"contact_name", "part", "temperature", "visit_time"})
#: How sure the model must be that a new matter, and not an answer, was meant while a question is open.
SURE_OF_NEW_MATTER = 0.7
#: After this many silent or unclear answers to one question the keypad menu comes, then a person.
MENU_AFTER = 2
LONGEST_NAME = 20
#: Coordinates between all others when nobody more precise is known (12345).
FALLBACK_UNIT = "government"


class Policy:
    """The company's tables, and one decision per turn. Immutable, safe to share between threads."""

    def __init__(
        self, matters: Mapping[str, Matter], kinds: Mapping[str, TicketKind], directory: Mapping[str, OtherUnit]
    ) -> None:
        self._matters = matters
        self._kinds = kinds
        self._directory = directory

    def decide(self, state: DialogueState, heard: Understanding, facts: Facts, choice: str = "") -> Decision:
        """`facts.homes_at_address` must fit the address as it is after this utterance (`dialogue.state.merge`)."""
        turn = _Turn(self, state, heard, facts)
        if choice == "menu:fee":
            return turn.ask("menu", "hearing.which_fee", options=FEE_MENU, expect=Expect.MENU, reason="fee menu")
        for rule in (
            turn.silence,
            turn.emergency,
            turn.perhaps_emergency,
            turn.wishes,
            turn.answer,
            turn.correction,
            turn.new_matter,
            turn.not_understood,
        ):
            decision = rule()
            if decision is not None:
                return decision
        raise AssertionError  # not_understood always decides

    def leave_queue(self, state: DialogueState, facts: Facts, *, callback: bool) -> Decision:
        """The resident does not want to wait: a callback is noted (asking for a number if there is none), or the bot goes on."""
        turn = _Turn(self, replace(state, asked="", tries=0), understand_choice("back", ""), facts)
        turn.commands.append(LeaveQueue())
        if not callback:
            return turn.resume_or_more("left the queue")
        if not (state.slots.phone or facts.peer):
            turn.put_aside()
            turn.set(matter="callback")
            return turn.next_step("callback, no number known")
        turn.commands.append(OpenTicket("callback", state.symptom))
        turn.tell("handoff.callback_noted")
        return turn.anything_else("callback noted")

    def matter(self, intent: str) -> Matter | None:
        return self._matters.get(intent)

    def kind(self, key: str) -> TicketKind:
        return self._kinds[key]

    def unit(self, key: str, facts: Facts, community_id: int | None) -> OtherUnit:
        """The unit in charge, by community where it matters (property manager)."""
        unit = self._directory.get(key, self._directory[FALLBACK_UNIT])
        if not unit.phone and community_id is not None:
            unit = facts.property_units.get(community_id, unit)
        return unit if unit.phone else self._directory[FALLBACK_UNIT]


_CHINESE = re.compile(r"[\u3400-\u9fff]")
_FOREIGN = re.compile(r"[^\W\d_]{2,}")


class _Turn:
    """One turn being decided: collects sentences and commands. Lives for one call of `decide`."""

    def __init__(self, policy: Policy, state: DialogueState, heard: Understanding, facts: Facts) -> None:
        self.policy = policy
        self.before = state
        self.heard = heard
        self.facts = facts
        merged = merge(state.slots, heard)
        self.doubtful = merged.doubtful
        self.state = replace(state, slots=merged.slots)
        self.address_changed = merged.slots.address != state.slots.address
        self.say: list[Say] = []
        self.commands: list[Command] = []

    # --- small words -------------------------------------------------------------------------------------------

    @property
    def asked(self) -> str:
        return self.before.asked

    def set(self, **changes: object) -> None:
        self.state = replace(self.state, **changes)  # type: ignore[arg-type]  # mypy cannot type replace(**kwargs)

    def set_slots(self, **changes: object) -> None:
        self.set(slots=replace(self.state.slots, **changes))  # type: ignore[arg-type]  # as above

    def tell(self, key: str, **params: object) -> None:
        self.say.append(Say(key, params))

    def ask(
        self,
        question: str,
        key: str,
        *,
        options: tuple[QuickReply, ...] = (),
        expect: Expect = Expect.ANYTHING,
        reason: str = "",
        **params: object,
    ) -> Decision:
        """Ends the turn with a question in a script of its own."""
        self.tell(key, **params)
        return self.wait_for(question, options=options, expect=expect, reason=reason)

    def wait_for(self, question: str, *, options: tuple[QuickReply, ...], expect: Expect, reason: str) -> Decision:
        """Ends the turn: the question is among the words. The same one again counts a try, unless something was learnt."""
        again = question == self.asked and self.state.slots == self.before.slots
        tries = self.before.tries + 1 if again else 0
        self.set(asked=question, tries=tries)
        return self.done(options=options, expect=expect, reason=reason)

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

    def take_home(self, home: Home) -> None:
        a = home.address
        self.set(home_id=home.id)
        self.set_slots(community_id=a.community_id, building=a.building, unit=a.unit, room=a.room, place="")

    @property
    def is_urgent(self) -> bool:
        """The alarm has left; what is asked now only helps to find the home and to call back."""
        return self.state.matter in EMERGENCIES

    @property
    def is_service_intent(self) -> bool:
        return self.policy.matter(self.heard.intent) is not None

    @property
    def is_new_matter(self) -> bool:
        """A matter of its own, said clearly, while a question is open; parts of an address make it an answer."""
        sure = self.heard.confidence >= SURE_OF_NEW_MATTER
        return self.is_service_intent and sure and not (heard_address(self.heard) and self.asked in ADDRESS_QUESTIONS)

    @property
    def is_what_was_asked_for(self) -> bool:
        """The open question has its answer in these words: the kind of entity, or a clear story about something else."""
        if self.asked in FREE_TEXT:
            return self.heard.confidence >= SURE_OF_NEW_MATTER
        return any(e.kind in ANSWERED_BY.get(self.asked, ()) for e in self.heard.entities)

    # --- the rules, in order -----------------------------------------------------------------------------------

    def silence(self) -> Decision | None:
        """Nothing was heard: G5 twice with the question again, then the keypad, then a person."""
        if self.heard.text or self.heard.source is Source.CHOICE:
            return None
        if self.asked == "leak" and self.before.tries:
            return None  # a second unsure answer counts as yes: rule `emergency`
        return self.unclear("hearing.not_heard" if self.before.tries == 0 else "hearing.not_heard_noise", "silence")

    def emergency(self) -> Decision | None:
        """Safety first, then the alarm, then questions (G7e, G10, F14-F16)."""
        answered_yes = self.asked == "leak" and (
            self.heard.intent is Intent.AFFIRM
            or not (self.heard.intent is Intent.DENY or self.is_new_matter or self.heard.intent is Intent.ASK_HUMAN)
        )
        if not (self.heard.emergency or answered_yes):
            return None
        kind = self.heard.intent.value if self.heard.intent in EMERGENCIES else Intent.LEAK_INSIDE.value
        symptom = self.before.suspect if answered_yes and self.before.suspect else self.heard.text
        if self.state.emergency_ticket_id is not None and self.is_same_danger(kind):
            self.tell(f"safety.{self.state.alarmed[-1]}_again" if self.state.alarmed else "safety.leak_inside_again")
            if self.address_changed:
                self.learn_address()
            return self.next_urgent("already alarmed") if self.is_urgent else self.resume_or_more("already alarmed")
        self.put_aside()
        self.set(matter=kind, symptom=symptom, alarmed=(*self.state.alarmed, kind))
        self.tell(f"safety.{kind}")
        if kind != Intent.LEAK_INSIDE:
            words = self.heard.text if self.state.slots.community_id is None else ""
            self.set_slots(place=self.state.slots.place or words)
        elif self.home is not None:
            self.set(home_guessed=self.state.slots.community_id is None)
            self.take_home(self.home)
        self.commands.append(OpenTicket(kind, symptom))
        self.tell(
            "ticket.emergency_forwarded" if self.state.slots.address.is_findable else "ticket.emergency_waiting_address"
        )
        return self.next_urgent("emergency")

    def is_same_danger(self, kind: str) -> bool:
        """Water inside and water outside may be one leak in other words; an open manhole never is one."""
        manhole = Intent.MANHOLE_COVER.value
        return not self.state.alarmed or kind in self.state.alarmed or manhole not in (kind, self.state.alarmed[-1])

    def perhaps_emergency(self) -> Decision | None:
        """Unsure: one short question; a second unsure answer counts as yes (rule `emergency`)."""
        if not self.heard.perhaps_emergency or self.state.emergency_ticket_id is not None:
            return None
        if self.asked == "leak" or "leak" in self.state.already_asked:
            return None
        if self.heard.suspected_by_model_only and self.is_what_was_asked_for:
            return None
        if self.asked == "what_happened":
            self.note_story()
        self.set(
            suspect=self.heard.text,
            suspect_intent=self.heard.intent.value,
            already_asked=(*self.state.already_asked, "leak"),
        )
        return self.ask(
            "leak", "safety.is_it_a_leak", options=(YES, NO, HUMAN), expect=Expect.YES_NO, reason="perhaps a leak"
        )

    def wishes(self) -> Decision | None:
        """What is possible at every step: a person, repeat, good-bye, news of a ticket."""
        match self.heard.intent:
            case Intent.ASK_HUMAN:
                if not self.state.matter and self.heard.source is not Source.CHOICE:
                    self.set(symptom=self.heard.text)  # "a person please, my account ...": whoever calls back reads it
                self.commands.append(RequestHandoff())
                self.tell("handoff.waiting")
                options = (QuickReply("callback", "words.callback", "1"), QuickReply("back", "words.back_to_bot"))
                return self.done(options=options, then=Then.WAIT, reason="asked for a person")
            case Intent.REPEAT:
                self.say = [Say("repeat")]
                return self.done(options=self.before.options, reason="repeat")
            case Intent.GOODBYE | Intent.THANK if self.heard.intent is Intent.GOODBYE or self.asked in ("", "more"):
                return self.goodbye("good-bye or thanks")
            case Intent.TICKET_STATUS | Intent.TICKET_NUDGE:
                return self.tell_cases(nudge=self.heard.intent is Intent.TICKET_NUDGE)
            case _:
                return None

    def answer(self) -> Decision | None:
        """The answer to the open question."""
        if not self.asked or (self.is_new_matter and self.asked not in FREE_TEXT):
            return None
        handler = getattr(self, f"answer_{self.asked}", None)
        return handler() if handler else None

    def correction(self) -> Decision | None:
        """An address that is said after the ticket was opened corrects the ticket ("no, it is unit three")."""
        if not (self.address_changed and self.state.ticket_ids) or self.is_new_matter or self.state.matter:
            return None
        self.learn_address(corrected=True)
        return self.anything_else("address corrected")

    def new_matter(self) -> Decision | None:
        """Something the company has an answer, a ticket or another unit for."""
        matter = self.policy.matter(self.heard.intent)
        if matter is None:
            return self.small_talk()
        self.set(asked="", tries=0)
        if matter.answer:
            return self.tell_answer(matter)
        if matter.account:
            return self.account(matter)
        if matter.unit:
            return self.other_unit(matter)
        # an emergency intent that reaches this point is below its operating point: asked about like any case
        return self.start(matter.ticket or matter.emergency)

    def not_understood(self) -> Decision:
        """Never a shrug: the keypad menu without a model, "did you mean" with one, then the menu, then a person."""
        if not self.heard.model_available:
            return self.menu("model unavailable")
        if _FOREIGN.search(self.heard.text) and not _CHINESE.search(self.heard.text):
            self.tell("hearing.chinese_please")
            return self.done(options=(HUMAN,), reason="not Chinese")
        guess = self.policy.matter(self.heard.runner_up) if self.heard.runner_up else None
        # "is it something of another unit?" is a question that nobody can answer
        if guess is not None and not guess.unit and not self.asked and guess.intent != self.before.guess:
            self.set(guess=guess.intent, symptom=self.state.symptom or self.heard.text)
            return self.ask(
                "mean",
                "hearing.did_you_mean",
                matter=guess.title,
                options=(YES, NO, HUMAN),
                expect=Expect.YES_NO,
                reason="low confidence",
            )
        return self.unclear("hearing.not_heard", "not understood")

    # --- answers, one method a question (named by `asked`) -----------------------------------------------------

    def answer_leak(self) -> Decision | None:
        """No leak: back to the open matter, or to what the suspicious words were otherwise understood as."""
        if self.heard.intent is not Intent.DENY:
            return None
        self.set(asked="", tries=0, suspect="")
        if self.is_service_intent:
            return None
        if self.state.matter:
            return self.next_step("not a leak")
        otherwise = self.policy.matter(self.before.suspect_intent)
        if otherwise is None:
            return self.menu("not a leak")
        self.heard = replace(
            self.heard, intent=Intent(otherwise.intent), confidence=1.0, text=self.before.suspect, emergency=False
        )
        return self.new_matter()

    def answer_home(self) -> Decision | None:
        """Is it this home? Parts of another address, or a no, make it another home ("no, unit three" changes the unit alone)."""
        if self.address_changed:
            proposed = next((h for h in self.facts.caller_homes), None)
            if (
                proposed is not None
                and self.before.slots.community_id is None
                and self.heard.first(EntityKind.COMMUNITY) is None
            ):
                self.take_home(proposed)
                self.set(slots=merge(self.state.slots, self.heard).slots)
            self.set(home_id=None, home_denied=True, home_guessed=False)
            if self.is_urgent:
                self.learn_address()
            return self.next_step("another home")
        if self.heard.intent is Intent.AFFIRM:
            self.set(home_confirmed=True)
            if self.home is not None:
                self.take_home(self.home)
            if self.is_urgent:
                self.learn_address(silent=True)  # whoever is on his way sees that the address is certain
            return self.next_step("home confirmed")
        if self.heard.intent is Intent.DENY:
            self.set(home_id=None, home_denied=True)
            self.set_slots(community_id=None, building="", unit="", room="", place="")
            return self.next_step("not this home")
        return None

    def answer_address(self) -> Decision | None:
        """Any part of an address helps; after one failed try the words themselves are taken, a person will read them."""
        if heard_address(self.heard):
            if self.doubtful and not self.is_urgent:
                return self.confirm_community()
            if self.asked == "place":  # "East Wind Road, at the gate of ...": the community alone is not the spot
                self.set_slots(place=self.heard.text[:200])
            if self.is_urgent:
                self.learn_address()
            return self.next_step("address heard")
        if self.heard.intent in (Intent.DENY, Intent.AFFIRM, Intent.GREET) or not self.heard.text:
            return None
        if self.before.tries == 0 and self.asked != "place":
            return self.ask(
                "address", "ask.community_unknown", options=(HUMAN,), expect=Expect.ADDRESS, reason="community unknown"
            )
        self.set_slots(place=self.heard.text[:200])
        if self.is_urgent:
            self.learn_address()
        return self.next_step("address as words")

    answer_place = answer_address

    def answer_community(self) -> Decision | None:
        """The choice between two similar names, or the confirmation of a misheard one."""
        if any(e.kind is EntityKind.COMMUNITY for e in self.heard.entities) and not self.doubtful:
            return self.next_step("community chosen")
        if self.heard.intent is Intent.AFFIRM and len(self.before.candidates) == 1:
            self.set(candidates=())
            return self.next_step("community confirmed")
        if self.heard.intent is Intent.DENY:
            self.set(candidates=())
            self.set_slots(community_id=None)
            return self.ask(
                "address", "ask.address", options=(HUMAN,), expect=Expect.ADDRESS, reason="another community"
            )
        return None

    def answer_contact_phone(self) -> Decision | None:
        if self.heard.first(EntityKind.PHONE):
            return self.next_step("phone heard")
        if self.before.tries == 0:
            return self.ask(
                "contact_phone", "ask.contact_phone", options=(HUMAN,), expect=Expect.PHONE, reason="no phone heard"
            )
        return self.next_step("no phone given")

    def answer_contact_name(self) -> Decision | None:
        if self.heard.intent not in (Intent.DENY, Intent.AFFIRM):
            self.set_slots(name=self.heard.text[:LONGEST_NAME])
        return self.next_step("name")

    def answer_part(self) -> Decision | None:
        return self.next_step("installation")  # the entity is already in the slots; no answer is an answer too

    def answer_temperature(self) -> Decision | None:
        return self.next_step("temperature")

    def answer_visit_time(self) -> Decision | None:
        if not self.heard.first(EntityKind.TIME) and self.heard.intent not in (Intent.DENY, Intent.AFFIRM):
            self.set_slots(visit_time=self.heard.text[:60])
        return self.next_step("visit time")

    def answer_what_happened(self) -> Decision | None:
        self.note_story()
        return self.next_step("story")

    def note_story(self) -> None:
        self.set(symptom=f"{self.state.symptom} {self.heard.text}".strip())
        self.set_slots(story=self.heard.text)

    def answer_read_back(self) -> Decision | None:
        """Yes opens the ticket; a correction is read back again; a bare no asks what is wrong."""
        if self.before.slots != self.state.slots:
            return self.next_step("corrected")
        if self.heard.intent in (Intent.AFFIRM, Intent.THANK):  # who says thank you to a read-back agrees
            return self.open_matter("confirmed")
        if self.heard.intent is Intent.DENY:
            return self.ask("what_is_wrong", "ask.what_is_wrong", options=(HUMAN,), reason="read-back denied")
        return None

    def answer_what_is_wrong(self) -> Decision | None:
        if self.before.slots != self.state.slots:
            return self.next_step("corrected")
        self.set(symptom=f"{self.state.symptom} {self.heard.text}".strip())
        return self.next_step("corrected in words")

    def answer_mean(self) -> Decision | None:
        guess = self.policy.matter(self.before.guess)
        if self.heard.intent is Intent.AFFIRM and guess is not None:
            self.heard = replace(self.heard, intent=Intent(guess.intent), confidence=1.0)
            return self.new_matter()
        if self.heard.intent is Intent.DENY:
            return self.menu("guess denied")
        return None

    def answer_offer(self) -> Decision | None:
        """What was just explained can be noted for the resident at once (J1, done on his behalf)."""
        if self.heard.intent is Intent.AFFIRM:
            return self.start(self.before.guess)
        if self.heard.intent is Intent.DENY:
            return self.anything_else("nothing to note")
        return None

    def answer_coordinate(self) -> Decision | None:
        if self.heard.intent is Intent.AFFIRM:
            return self.start("other_unit")
        if self.heard.intent is Intent.DENY:
            return self.anything_else("no coordination wished")
        return None

    def answer_more(self) -> Decision | None:
        if self.heard.intent is Intent.DENY:
            return self.goodbye("nothing else")
        if self.heard.intent is Intent.AFFIRM:
            self.set(asked="", tries=0)
            self.tell("greeting.go_on")
            return self.done(options=MENU, reason="something else")
        return None

    # --- what follows ------------------------------------------------------------------------------------------

    def put_aside(self) -> None:
        """A second matter: the first one is kept for afterwards."""
        if self.state.matter and not self.is_urgent:
            self.set(suspended=(*self.state.suspended, (self.state.matter, self.state.symptom)))

    def start(self, kind: str) -> Decision:
        known = next((c for c in self.facts.open_cases if c.kind == kind), None)
        if known is not None and not self.policy.kind(kind).repeatable:
            self.commands.append(NudgeTicket(known.id))
            self.tell("ticket.known_already", number=known.number, ticket_id=known.id)
            return self.resume_or_more("open already")
        if self.state.matter != kind:
            self.put_aside()
        self.set(matter=kind, symptom=self.symptom_of_new_matter(), asked="", tries=0)
        self.tell("hearing.noting_down")
        if self.doubtful:
            return self.confirm_community()
        return self.next_step("new matter")

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
        home = self.home
        slots = self.state.slots
        for item in self.policy.kind(self.state.matter).asks:
            if item == "address":
                question = self.ask_address(home, reason)
            elif (
                (item in OPTIONAL_DETAILS and (item in self.state.already_asked or self.detail(item, home)))
                or (item == "contact_phone" and (slots.phone or self.facts.peer or self.asked == "contact_phone"))
                or (item == "what_happened" and (slots.story or len(self.state.symptom) >= TOLD_ENOUGH))
            ):
                question = None
            else:
                if item in OPTIONAL_DETAILS:
                    self.set(already_asked=(*self.state.already_asked, item))
                question = self.ask(
                    item,
                    f"ask.{item}",
                    options=DETAIL_OPTIONS.get(item, (HUMAN,)),
                    expect=DETAIL_EXPECT.get(item, Expect.ANYTHING),
                    reason=reason,
                )
            if question is not None:
                return question
        at_home = self.home
        if (
            self.state.home_confirmed
            and at_home is not None
            and at_home.id == self.state.home_id
            and self.asked != "what_is_wrong"
        ):
            return self.open_matter(reason)  # the confirmed home was the read-back
        return self.read_back(reason)

    def detail(self, item: str, home: Home | None) -> str:
        """What is already known of an optional detail, from the resident or from the company's own record."""
        slots = self.state.slots
        if item == "contact_name":
            return slots.name or (home.name if home else "")
        if item == "part":
            return slots.part or (home.installation if home else "")
        return slots.temperature if item == "temperature" else slots.visit_time

    def ask_address(self, home: Home | None, reason: str) -> Decision | None:
        slots = self.state.slots
        if home is not None and not self.state.home_confirmed and slots.community_id is None:
            return self.ask(
                "home",
                "ask.is_this_home",
                address=home.words,
                options=(YES, NO, HUMAN),
                expect=Expect.YES_NO,
                reason=reason,
            )
        if slots.address_is_complete:
            if home is not None and self.state.home_id != home.id:
                self.set(home_id=home.id)
                self.set_slots(unit=home.address.unit)
            return None
        return self.ask_rest_of_address("ask.address", reason)

    def ask_rest_of_address(self, whole: str, reason: str) -> Decision | None:
        slots = self.state.slots
        if slots.community_id is None:
            return self.ask("address", whole, options=(HUMAN,), expect=Expect.ADDRESS, reason=reason)
        if self.asked == "address" and self.before.tries >= MENU_AFTER:
            return None  # enough for a person to find the home; never a trap
        if not slots.building:
            name = self.facts.community_names.get(slots.community_id, "")
            return self.ask(
                "address", "ask.building", community=name, options=(HUMAN,), expect=Expect.ADDRESS, reason=reason
            )
        return self.ask(
            "address", "ask.room", building=slots.building, options=(HUMAN,), expect=Expect.ADDRESS, reason=reason
        )

    def confirm_community(self) -> Decision:
        names = [self.facts.community_names.get(c, "") for c in self.doubtful]
        self.set(candidates=self.doubtful)
        if len(self.doubtful) == 1:
            return self.ask(
                "community",
                "ask.is_it_community",
                community=names[0],
                options=(YES, NO, HUMAN),
                expect=Expect.YES_NO,
                reason="misheard community",
            )
        options = tuple(
            QuickReply(f"community:{c}", name, str(n))
            for n, (c, name) in enumerate(zip(self.doubtful, names, strict=True), 1)
        )
        return self.ask(
            "community",
            "ask.which_community",
            first=names[0],
            second=names[1],
            options=(*options, HUMAN),
            expect=Expect.ADDRESS,
            reason="two communities",
        )

    def read_back(self, reason: str) -> Decision:
        """What will be written down; an address only of a matter that has one."""
        kind, slots = self.policy.kind(self.state.matter), self.state.slots
        about: dict[str, object] = {"symptom": self.state.symptom or kind.title, "visit_time": slots.visit_time}
        if "address" not in kind.asks and not slots.address.is_findable:
            about["address"] = ""
        self.say.append(Say("ask.read_back", about))
        return self.wait_for("read_back", options=(YES, NO, HUMAN), expect=Expect.YES_NO, reason=reason)

    def open_matter(self, reason: str) -> Decision:
        self.commands.append(OpenTicket(self.state.matter, self.state.symptom))
        if self.state.matter == "question":
            self.tell("scope.other_butler" if self.state.slots.community_id is not None else "ticket.answer_later")
        self.tell("ticket.opened")
        self.set(matter="", symptom="", asked="", tries=0)
        return self.resume_or_more(reason)

    def resume_or_more(self, reason: str) -> Decision:
        """Back to the matter that was put aside, or G11: anything else?"""
        if self.state.matter:
            return self.next_step(reason)
        if self.state.suspended:
            *rest, (matter, symptom) = self.state.suspended
            self.set(suspended=tuple(rest), matter=matter, symptom=symptom, asked="", tries=0)
            self.tell("hearing.back_to", matter=self.policy.kind(matter).title)
            return self.next_step(reason)
        return self.anything_else(reason)

    def anything_else(self, reason: str) -> Decision:
        self.set(matter="")
        return self.ask("more", "greeting.anything_else", options=MORE, reason=reason)

    def next_urgent(self, reason: str) -> Decision:
        """After the alarm has left: only what helps to find the home and to call back."""
        slots = self.state.slots
        street = self.state.matter in (Intent.LEAK_STREET, Intent.MANHOLE_COVER)
        if street:
            if "place" not in self.state.already_asked:
                self.set(already_asked=(*self.state.already_asked, "place"))
                return self.ask("place", "ask.place_street", options=(HUMAN,), expect=Expect.ADDRESS, reason=reason)
        elif not slots.place:
            home = self.home
            if (
                home is not None
                and not self.state.home_confirmed
                and self.state.home_id == home.id
                and self.before.home_id != home.id
                and not heard_address(self.heard)
            ):
                return self.ask(
                    "home",
                    "ask.is_this_home",
                    address=home.words,
                    options=(YES, NO, HUMAN),
                    expect=Expect.YES_NO,
                    reason=reason,
                )
            if not slots.address_is_complete:
                question = self.ask_rest_of_address("ask.address_urgent", reason)
                if question is not None:
                    return question
        if not (slots.phone or self.facts.peer) and "contact_phone" not in self.state.already_asked:
            self.set(already_asked=(*self.state.already_asked, "contact_phone"))
            return self.ask("contact_phone", "ask.contact_phone", options=(HUMAN,), expect=Expect.PHONE, reason=reason)
        if slots.phone != self.before.slots.phone and not any(isinstance(c, LearnAddress) for c in self.commands):
            self.learn_address(silent=True)
        self.set(matter="", symptom="")
        return self.resume_or_more(reason)

    def learn_address(self, *, corrected: bool = False, silent: bool = False) -> None:
        """More is known about where to go: the newest ticket learns it at once."""
        ticket_id = self.state.emergency_ticket_id if self.state.emergency_ticket_id is not None else None
        if ticket_id is None and self.state.ticket_ids:
            ticket_id = self.state.ticket_ids[-1]
        if ticket_id is None:
            return
        self.commands.append(LearnAddress(ticket_id))
        if not silent:
            found = self.is_urgent and not self.before.slots.address.is_findable
            first = (
                "ticket.emergency_forwarded" if found else "ticket.address_updated"
            )  # now somebody is sent: number, times
            self.tell("ticket.corrected" if corrected else first, ticket_id=ticket_id)

    def tell_answer(self, matter: Matter) -> Decision:
        """The answer, then the offer to note it for the resident where something can be noted (J1)."""
        self.tell(f"knowledge.{matter.answer}")
        if matter.follow_up and not self.state.matter:
            self.set(guess=matter.follow_up, symptom=self.heard.text)
            title = self.policy.kind(matter.follow_up).title
            return self.ask(
                "offer",
                "ask.offer_ticket",
                title=title,
                options=(YES, NO, HUMAN),
                expect=Expect.YES_NO,
                reason="answered",
            )
        return self.resume_or_more("answered")

    def account(self, matter: Matter) -> Decision:
        """Card number, butler, arrears: only for the home whose registered number calls (F4, F5); else noted (N12)."""
        home = self.home
        if home is None or self.facts.channel is not Channel.PHONE or home not in self.facts.caller_homes:
            self.tell(f"knowledge.{matter.intent}")
            self.set_slots(story=self.heard.text)
            return self.start("question")
        if matter.account == "card_number":
            self.tell("ticket.account_card_number", card=home.card_number)
        elif matter.account == "butler":
            self.tell("ticket.account_butler", **home.butler)
        else:
            self.tell("ticket.account_paid" if home.paid else "ticket.account_unpaid")
        return self.resume_or_more("identity by registered number")

    def other_unit(self, matter: Matter) -> Decision:
        """G8 with unit and number, and the offer to coordinate (W6f); gas first sends people out of the room."""
        said = self.heard.first(EntityKind.OTHER_UNIT)
        key = matter.unit if matter.safety or said is None else said.value
        unit = self.policy.unit(key, self.facts, self.state.slots.community_id)
        self.tell(matter.safety or "scope.other_unit", unit=unit.name, phone=unit.phone)
        if matter.safety:
            return self.resume_or_more("another unit's emergency")
        self.set(symptom=self.heard.text)
        return self.ask(
            "coordinate", "scope.offer_coordination", options=(YES, NO), expect=Expect.YES_NO, reason=f"unit {key}"
        )

    def small_talk(self) -> Decision | None:
        """A greeting or thanks while nothing else is to be done; an address out of the blue is kept for later."""
        if self.heard.intent is Intent.GREET and not self.asked:
            self.tell("greeting.help")
            return self.done(options=MENU, reason="greeting")
        if self.heard.intent in (Intent.GREET, Intent.THANK) and self.state.matter:
            return self.next_step("small talk")
        return None

    def tell_cases(self, *, nudge: bool) -> Decision:
        if not self.facts.open_cases:
            self.tell("ticket.none_open")
        for case in self.facts.open_cases[:3]:
            if nudge:
                self.commands.append(NudgeTicket(case.id))
            self.tell("ticket.nudged" if nudge else "ticket.status", number=case.number, ticket_id=case.id)
        return self.resume_or_more("asked about tickets")

    def unclear(self, key: str, reason: str) -> Decision:
        """The same question once more, then the menu, then a person. On the phone and in the chat alike."""
        if self.asked == "menu" and self.before.tries >= 1:
            self.commands.append(RequestHandoff())
            self.tell("handoff.waiting")
            return self.done(
                options=(QuickReply("callback", "words.callback", "1"),), then=Then.WAIT, reason=f"{reason}: person"
            )
        if self.asked == "menu" or self.before.tries >= MENU_AFTER:
            return self.menu(reason)
        self.tell(key)
        self.set(tries=self.before.tries + 1)
        return self.done(
            options=self.before.options or (MENU if not self.asked else ()),
            expect=EXPECT_OF.get(self.asked, Expect.ANYTHING),
            reason=reason,
        )

    def menu(self, reason: str) -> Decision:
        return self.ask("menu", "hearing.which_matter", options=MENU, expect=Expect.MENU, reason=reason)

    def goodbye(self, reason: str) -> Decision:
        """What is known of an unfinished matter becomes a ticket; nothing is lost by a polite end."""
        unfinished = on_hang_up(self.state, waiting=False, reachable=bool(self.facts.peer))
        for command in unfinished:
            self.commands.append(command)
            self.tell("ticket.opened")
        self.set(matter="", symptom="", suspended=())
        self.tell("greeting.goodbye" if self.facts.channel is Channel.PHONE else "greeting.goodbye_chat")
        self.set(asked="", tries=0)
        return self.done(then=Then.HANG_UP if self.facts.channel is Channel.PHONE else Then.LISTEN, reason=reason)


def on_hang_up(state: DialogueState, *, waiting: bool, reachable: bool) -> tuple[Command, ...]:
    """The caller is gone: what is known becomes a ticket. Nothing is made of a call in which nothing was said.

    An unanswered "is it a leak?" counts as yes (a second unsure answer). `reachable`: somebody could call back or go there.
    """
    if state.asked == "leak" and state.emergency_ticket_id is None:
        return (OpenTicket(Intent.LEAK_INSIDE.value, state.suspect),)
    if not (reachable or state.slots.address.is_findable or state.slots.phone):
        return ()
    unfinished = [*state.suspended, (state.matter, state.symptom)] if state.matter else list(state.suspended)
    commands: list[Command] = [
        OpenTicket(matter, symptom) for matter, symptom in unfinished if matter not in EMERGENCIES
    ]
    if waiting and not commands:
        commands.append(OpenTicket("callback", state.symptom))
    return tuple(commands)


#: A story of this many characters says what happened; a shorter one is asked about once.
TOLD_ENOUGH = 25
FREE_TEXT = frozenset({"what_happened", "what_is_wrong", "contact_name"})
ANSWERED_BY: Mapping[str, frozenset[EntityKind]] = {
    **dict.fromkeys(("address", "place", "home", "community", "read_back", "what_is_wrong"), ADDRESS_KINDS),
    "part": frozenset({EntityKind.PART}),
    "contact_phone": frozenset({EntityKind.PHONE}),
    "temperature": frozenset({EntityKind.TEMPERATURE}),
    "visit_time": frozenset({EntityKind.TIME}),
}
ADDRESS_QUESTIONS = frozenset({"address", "place", "home", "community", "read_back", "what_is_wrong"})
DETAIL_OPTIONS = {
    "part": (QuickReply("text", "words.radiator"), QuickReply("text", "words.floor_heating")),
}
DETAIL_EXPECT = {"contact_phone": Expect.PHONE}
EXPECT_OF = {
    "address": Expect.ADDRESS, "place": Expect.ADDRESS, "community": Expect.ADDRESS, "contact_phone": Expect.PHONE,
    "home": Expect.YES_NO, "leak": Expect.YES_NO, "mean": Expect.YES_NO, "read_back": Expect.YES_NO,
    "coordinate": Expect.YES_NO,
    "offer": Expect.YES_NO, "menu": Expect.MENU,
}  # fmt: skip
