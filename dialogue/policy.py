"""What to do with a turn. Pure: state, what was heard and the facts go in, a decision comes out.

The rules are tried in the order of `RULES`; the first that has an answer wins. An emergency is always first:
safety words and the alarm before any question (STANDARD §4.1). Every question can be answered, corrected, left for
another matter or for a person. What is asked next is in dialogue.asking, the questions themselves in dialogue.questions,
what a matter leads to in dialogue.matters.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from bot.understanding import EMERGENCIES, EntityKind, Intent, Source, Understanding
from dialogue.conversation import Expect
from dialogue.decision import Decision, LearnAddress, LeaveQueue, OpenTicket, Say
from dialogue.draft import REPEAT_ALL, Tables, announced
from dialogue.facts import Facts, Matter
from dialogue.options import HUMAN, MENU, understand_choice
from dialogue.phrases import Filler, Phrases
from dialogue.questions import QUESTIONS, expect_of, is_about_address, number_in_answer
from dialogue.state import ADDRESS_KINDS, DialogueState, heard_address, is_nothing_but, merge
from dialogue.visits import Visits
from fulfillment.business_calendar import Moment
from fulfillment.company import OtherUnit
from fulfillment.identity import Identified
from fulfillment.standard import TicketKind

#: How sure the model must be that a new matter, and not an answer, was meant while a question is open.
SURE_OF_NEW_MATTER = 0.7
#: How sure the model must be of another matter for a story that was asked for to be left alone, where only the model,
#: and less than `leak_by_model`, suspects a leak. Of 30,386 cross-validated sentences 6 emergencies of 2,482 are such.
STORY_OF_SOMETHING_ELSE = 0.3
#: So often "take your time" is said to sounds that are no answer; then they count as not understood.
MOST_PAUSES = 2
LONGEST_NAME = 20
#: A name of so many signs is one, whatever matter the model takes it for.
MOST_NAMES = 4
#: Questions that prove who asks.
IDENTITY = frozenset({"card", "owner"})
LONGEST_PLACE = 200
_COMMUNITY_UNKNOWN = "ask.community_unknown"
LONGEST_TIME = 60
#: What is said between announcements and the greeting (N6); in the season's daytime nothing is.
OPENINGS: Mapping[Moment, str] = {
    Moment.SEASON_NIGHT: "greeting.season_night",
    Moment.BEFORE_SEASON: "greeting.before_season",
    Moment.AFTER_SEASON: "greeting.after_season",
    Moment.CLOSED: "greeting.closed",
}

#: An answer of nothing but these is about the case, and neither yes nor no to "is it a leak?".
_DETAILS = frozenset({EntityKind.PART, EntityKind.TEMPERATURE, EntityKind.TIME})

_CHINESE = re.compile(r"[\u3400-\u9fff]")
_FOREIGN = re.compile(r"[^\W\d_]{2,}")


class Policy:
    """The company's tables, and one decision per turn. Immutable, safe to share between threads."""

    def __init__(
        self,
        matters: Mapping[str, Matter],
        kinds: Mapping[str, TicketKind],
        directory: Mapping[str, OtherUnit],
        phrases: Phrases,
    ) -> None:
        self._tables = Tables(matters, kinds, directory, phrases)

    def open(self, facts: Facts, moment: Moment) -> Decision:
        """The first words (G4a), after what concerns the caller's community (B4) and what time of the year it is (N6)."""
        say = [announced(n.what, n.until) for n in facts.notices]
        if moment in OPENINGS:
            say.append(Say(OPENINGS[moment]))
        say.append(Say("greeting.incoming"))
        in_chat = facts.channel.is_written
        if in_chat:
            say.append(Say("greeting.incoming_chat_hint"))
        options = MENU if in_chat else ()
        state = DialogueState(options=options, announced=tuple(n.id for n in facts.notices))
        return Decision(state, tuple(say), options=options, reason="opened")

    def in_answer(self, heard: Understanding, state: DialogueState) -> Understanding:
        """What the open question makes of an utterance: a number alone is what was asked for."""
        if not heard.emergency and state.asked in IDENTITY:
            return self._identity_in_answer(heard, state)
        number = "" if heard.emergency else self._tables.phrases.bare_number(heard.text)
        return number_in_answer(heard, number, state)

    def _identity_in_answer(self, heard: Understanding, state: DialogueState) -> Understanding:
        """A card number is no telephone number, and a name no place and no matter."""
        phrases = self._tables.phrases
        if state.asked == "card":
            is_answer = bool(phrases.card_number(heard.text)) or phrases.has_no_card(heard.text)
        else:
            is_answer = 0 < len(phrases.owner(heard.text)) <= MOST_NAMES and heard.intent in self._tables.matters
        if is_answer:
            return replace(heard, intent=Intent.INFORM, confidence=1.0, entities=(), runner_up=None)
        return replace(heard, entities=()) if phrases.owner(heard.text) else heard

    def identified(self, state: DialogueState, facts: Facts, outcome: Identified) -> Decision:
        """The card number and the name of `Decision.claim` were compared."""
        return _Turn(self._tables, state, understand_choice("back", ""), facts).identified(outcome)

    def kinds_in_question(self, state: DialogueState, heard: Understanding) -> frozenset[str]:
        """Kinds of case that this turn may be about: what facts are worth looking up."""
        named = (self._tables.matters.get(intent) for intent in (heard.intent, state.guess))
        talked_about = {m.ticket for m in named if m is not None}
        return frozenset({state.matter, *talked_about, *(matter for matter, _ in state.suspended)})

    def time_said(self, heard: Understanding, now: datetime) -> tuple[datetime, datetime] | None:
        """The first time in an utterance as an interval, aware; None if there is none, or it is past."""
        time = heard.first(EntityKind.TIME)
        return self._tables.phrases.read_time(time.text, now) if time is not None else None

    def interval(self, said: str, now: datetime) -> tuple[datetime, datetime] | None:
        """What a time in the resident's words means; None if it cannot be told, or is past."""
        return self._tables.phrases.read_time(said, now) if said else None

    def decide(self, state: DialogueState, heard: Understanding, facts: Facts, choice: str = "") -> Decision:
        """`facts.homes_at_address` must fit the address as it is after this utterance (`dialogue.state.merge`)."""
        turn = _Turn(self._tables, state, heard, facts, choice)
        for rule in RULES:
            decision = rule(turn)
            if decision is not None:
                return turn.with_news(turn.with_way_back(decision) if rule is _Turn.new_matter else decision)
        raise AssertionError  # not_understood always decides

    def leave_queue(self, state: DialogueState, facts: Facts, *, callback: bool) -> Decision:
        """The resident does not want to wait: a callback is noted (asking for a number if there is none), or the bot goes on."""
        before = replace(state, asked="", tries=0, silences=0)
        turn = _Turn(self._tables, before, understand_choice("back", ""), facts)
        turn.commands.append(LeaveQueue())
        if not callback:
            return turn.resume_or_more("left the queue")
        if not (state.slots.phone or facts.peer):
            return turn.ask_for_callback()
        turn.commands.append(OpenTicket("callback", state.symptom))
        turn.tell("handoff.callback_noted")
        return turn.anything_else("callback noted")

    def message_left(self, state: DialogueState, facts: Facts, *, spoken: bool) -> Decision:
        """A recorded message is over: a callback, with it if anything was spoken."""
        if not spoken:
            return self.leave_queue(state, facts, callback=True)
        turn = _Turn(self._tables, replace(state, asked="", tries=0, silences=0), understand_choice("back", ""), facts)
        turn.commands += [LeaveQueue(), OpenTicket("callback", state.symptom)]
        turn.tell("voicemail.noted")
        return turn.anything_else("message left")


class _Turn(Visits):
    """One turn being decided: the rules in order, then the answers to each question."""

    @property
    def is_new_matter(self) -> bool:
        """A matter of its own, said clearly, while a question is open; parts of an address make it an answer."""
        sure = self.heard.confidence >= SURE_OF_NEW_MATTER
        return (
            self.matter_heard is not None and sure and not (heard_address(self.heard) and is_about_address(self.asked))
        )

    @property
    def is_what_was_asked_for(self) -> bool:
        """The open question has its answer in these words: the kind of entity, or a story that is about something else."""
        question = QUESTIONS.get(self.asked)
        if question is None:
            return False
        if question.free_text:
            return self.heard.confidence >= STORY_OF_SOMETHING_ELSE
        return any(e.kind in question.answered_by for e in self.heard.entities)

    # --- the rules, in order -----------------------------------------------------------------------------------

    def fee_menu(self) -> Decision | None:
        return self.ask("fee_menu", "fee menu") if self.choice == "menu:fee" else None

    def silence(self) -> Decision | None:
        """Nothing was heard; counted apart from what was not understood."""
        if self.heard.text or self.heard.source is Source.CHOICE:
            return None
        if self.asked == "leak" and (self.before.tries or self.before.silences):
            return None  # a second unsure answer counts as yes: rule `emergency`
        if self.asked == "key_unit":
            return self.ask_by_keys("no unit")  # # alone: there is none
        return self.failed("silences", "silence")

    def emergency(self) -> Decision | None:
        """Safety first, then the alarm, then questions (G7e, G10, F14-F16)."""
        answered_yes = self.asked == "leak" and self.is_yes_to_leak
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

    @property
    def is_yes_to_leak(self) -> bool:
        """Anything but a no, another matter, a person; second thoughts ("never mind") and an answer to some other question
        ("the radiator", "tomorrow") are asked about once.
        """
        no_answer = self.tables.phrases.is_never_mind(self.heard.text) or is_nothing_but(self.heard, _DETAILS)
        if no_answer and "leak_again" not in self.state.already_asked:
            return False
        no = self.heard.intent in (Intent.DENY, Intent.ASK_HUMAN, Intent.REPEAT)
        return self.heard.intent is Intent.AFFIRM or not (no or self.is_new_matter)

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
        is_detail = bool(self.asked) and is_nothing_but(self.heard, _DETAILS)
        if self.heard.suspected_by_model_only and (self.is_what_was_asked_for or is_detail):
            return None
        if self.asked == "what_happened":
            self.note_story()
        self.ask_once("leak")
        self.set(suspect=self.heard.text, suspect_intent=self.heard.intent.value)
        return self.ask("leak", "perhaps a leak")

    def never_mind(self) -> Decision | None:
        """The resident takes it back: the open matter is dropped; an alarm is not, but he is asked once."""
        if self.heard.source is Source.CHOICE or not self.tables.phrases.is_never_mind(self.heard.text):
            return None
        if self.asked == "leak":
            self.ask_once("leak_again")
            return self.ask("leak", "second thoughts about a leak")
        if self.asked == "more" or not (self.asked or self.state.matter):
            return self.goodbye("never mind")
        if self.is_urgent:
            if self.ask_once("still"):
                self.set(suspect=self.heard.text)
                return self.ask("still", "second thoughts in an emergency")
            self.set(matter="", symptom="")
            return self.resume_or_more("no more questions in an emergency")
        if self.state.matter:
            self.tell("hearing.dropped", matter=self.tables.kinds[self.state.matter].title)
        self.set(matter="", symptom="", asked="")
        return self.resume_or_more("never mind")

    def wishes(self) -> Decision | None:
        """What is possible at every step: a person, repeat, good-bye, news of a ticket."""
        match self.heard.intent:
            case Intent.ASK_HUMAN:
                if not self.state.matter and self.heard.source is not Source.CHOICE:
                    self.set(symptom=self.heard.text)  # "a person please, my account ...": whoever calls back reads it
                return self.to_a_person("asked for a person")
            case Intent.REPEAT if not self.is_filler:  # "er, that ..." sounds like it to the model
                self.say = [Say(REPEAT_ALL)]
                return self.done(options=self.before.options, expect=expect_of(self.asked), reason="repeat")
            case Intent.GOODBYE if self.asked == "still":  # "no, nothing more" is an answer
                return self.danger_is_over()
            case Intent.GOODBYE | Intent.THANK if self.heard.intent is Intent.GOODBYE or self.asked in ("", "more"):
                return self.goodbye("good-bye or thanks")
            case Intent.TICKET_STATUS | Intent.TICKET_NUDGE if not (self.is_filler or self.is_story):
                return self.tell_cases(nudge=self.heard.intent is Intent.TICKET_NUDGE)
            case _:
                return None

    @property
    def is_story(self) -> bool:
        """Told because we asked for it: "the fitter was to come at ten, nobody came" is the complaint, no question after a ticket."""
        return self.asked == "what_happened" and self.heard.source is not Source.CHOICE

    @property
    def is_filler(self) -> bool:
        return self.heard.source is not Source.CHOICE and self.tables.phrases.filler(self.heard.text) is not None

    def filler(self) -> Decision | None:
        """Sounds are no answer; a nod is one to a yes/no question. Who hesitates is given time."""
        if not self.is_filler:
            return None
        heard = self.tables.phrases.filler(self.heard.text)
        if heard is Filler.NOD and (expect_of(self.asked) is Expect.YES_NO or self.asked == "more"):
            self.heard = replace(self.heard, intent=Intent.AFFIRM, confidence=1.0)
            return None
        if heard is Filler.HELLO and not self.asked:
            return self.small_talk()
        if self.before.pauses >= MOST_PAUSES:
            return self.failed("tries", "nothing but fillers")
        self.set(pauses=self.before.pauses + 1)
        if heard is Filler.HELLO:
            self.tell("hearing.here")
            return self.keep_asking("hello")
        self.tell("hearing.take_your_time")
        return self.done(options=self.before.options, expect=expect_of(self.asked), reason="hesitates")

    def what_if(self) -> Decision | None:
        """Somebody wants to be prepared: safety information, no alarm. What is happening now was rule `emergency`."""
        if self.is_urgent or not self.tables.phrases.asks_what_if(self.heard.text):
            return None
        return self.understood_as(self.tables.matters[Intent.LEAK_ADVICE], self.heard.text)

    def answer(self) -> Decision | None:
        """The answer to the open question."""
        question = QUESTIONS.get(self.asked)
        if question is None or (self.is_new_matter and not question.free_text):
            return None
        says_more = ANSWERS.get(self.asked)
        decision = says_more(self) if says_more else None
        if decision is not None or self.asked not in YES_NO:
            return decision
        yes, no = YES_NO[self.asked]
        said = {Intent.AFFIRM: "yes", Intent.DENY: "no"}.get(self.heard.intent)
        said = said or self.tables.phrases.begins(self.heard.text)
        if not said and self.asked in OFFERS and self.tables.phrases.accepts(self.heard.text):
            said = "yes"
        if said == "yes" and self.tables.phrases.takes_back_yes(self.heard.text):
            said = "no"  # the last word counts; where somebody may be in danger rule `emergency` was before
        return yes(self) if said == "yes" else no(self) if said == "no" else None

    def correction(self) -> Decision | None:
        """An address that is said after the ticket was opened corrects the ticket ("no, it is unit three")."""
        if not (self.address_changed and self.state.ticket_ids) or self.is_new_matter or self.state.matter:
            return None
        self.learn_address(corrected=True)
        return self.anything_else("address corrected")

    def time_afterwards(self) -> Decision | None:
        """When he is at home, said after the ticket was opened ("come tomorrow"): it reaches whoever comes."""
        newest = next((c for c in self.facts.open_cases if c.id in self.state.ticket_ids[-1:]), None)
        told = self.before.slots.visit_time != self.state.slots.visit_time
        if newest is None or not told or self.asked != "more" or self.is_new_matter:
            return None
        if "visit_time" not in self.tables.kinds[newest.kind].asks:
            return None
        if newest.kind in self.facts.slot_kinds:
            return self.agree_time(newest)
        self.commands.append(LearnAddress(newest.id))
        self.tell("outgoing.visit_noted")
        self.tell_visiting_hours()
        return self.anything_else("time for a visit, afterwards")

    def not_understood(self) -> Decision:
        """Never a shrug: the keypad menu without a model, "did you mean" with one, then the question again."""
        if self.names_who_comes_first and (self.state.matter or not self.asked):
            return self.next_step("who comes first") if self.state.matter else self.go_on("who comes first")
        if not self.heard.model_available and not self.state.matter:  # an open matter is not lost by a menu
            return self.menu("model unavailable")
        if _FOREIGN.search(self.heard.text) and not _CHINESE.search(self.heard.text):
            self.tell("hearing.chinese_please")
            return self.done(options=(HUMAN,), reason="not Chinese")
        guess = self.tables.matters.get(self.heard.runner_up) if self.heard.runner_up else None
        # "is it something of another unit?" is a question that nobody can answer
        if guess is not None and not guess.unit and not self.asked and guess.intent != self.before.guess:
            self.set(guess=guess.intent, symptom=self.state.symptom or self.heard.text)
            return self.ask("mean", "low confidence", matter=guess.title)
        return self.failed("tries", "not understood")

    # --- answers that say more than yes or no (table ANSWERS) ----------------------------------------------------

    def answer_leak(self) -> Decision | None:
        if not is_nothing_but(self.heard, _DETAILS):
            return None
        self.ask_once("leak_again")
        return self.ask("leak", "a detail, neither yes nor no")

    def answer_home(self) -> Decision | None:
        """Parts of another address make it another home ("no, unit three" changes the unit alone)."""
        if not self.address_changed:
            return None
        proposed = next(iter(self.facts.caller_homes), None)
        said_no_community = self.before.slots.community_id is None and self.heard.first(EntityKind.COMMUNITY) is None
        if proposed is not None and said_no_community:
            self.take_home(proposed)
            self.set(slots=merge(self.state.slots, self.heard).slots)
        self.set(home_id=None, home_denied=True, home_guessed=False)
        if self.is_urgent:
            self.learn_address()
        return self.next_step("another home")

    def answer_which_home(self) -> Decision | None:
        chosen = next((h for h in self.facts.caller_homes if self.choice == f"home:{h.id}"), None)
        if chosen is None:
            return self.answer_address()
        self.take_home(chosen)
        self.set(home_confirmed=True)
        if self.is_urgent:
            self.learn_address()
        return self.next_step("home chosen")

    def answer_which_kind(self) -> Decision | None:
        """By key, as "the second one", by its name, or in words that fit one of them."""
        choices = self.tables.choices(self.before.guess)
        said = self.heard.text
        named = [k.key for k in choices if self.chosen == f"kind:{k.key}" or (said and k.choice in said)]
        finer = self.tables.finer(self.before.guess, said)
        if not named and (finer != self.before.guess or self.tables.kinds[finer].is_named_in(said)):
            named = [finer]
        return self.start(named[0], is_chosen=True) if named else None

    def answer_address(self) -> Decision | None:
        """Any part of an address helps; after one failed try the words themselves are taken, a person will read them."""
        if heard_address(self.heard):
            return self.take_address()
        no_place = self.heard.source is Source.CHOICE or self.names_who_comes_first
        if no_place or self.heard.intent in (Intent.DENY, Intent.AFFIRM, Intent.GREET):
            return None
        if self.before.tries == 0 and self.asked != "place" and self.before.asked_in != _COMMUNITY_UNKNOWN:
            if self.state.slots.community_id is not None:
                return None  # the rest of a known community: asked again, then by keys
            return self.ask("address", "community unknown", script=_COMMUNITY_UNKNOWN)
        earlier = self.before.slots.place if self.asked == "address" else ""
        self.set_slots(place=f"{earlier} {self.heard.text}".strip()[:LONGEST_PLACE])
        if self.is_urgent:
            self.learn_address()
        return self.next_step("address as words")

    def take_address(self) -> Decision:
        if self.doubtful and not self.is_urgent:
            return self.confirm_community()
        if self.asked == "address" and self.state.slots.community_id is None:
            return self.place_in_words()
        if self.asked == "place":  # "East Wind Road, at the gate of ...": the community alone is not the spot
            self.set_slots(place=self.heard.text[:LONGEST_PLACE])
        self.learn_urgent_address()
        return self.next_step("address heard")

    def place_in_words(self) -> Decision:
        """A building of no community that we know: whoever is rung has the words at once, the resident is asked once more."""
        is_again = self.before.asked_in == _COMMUNITY_UNKNOWN
        if not self.before.slots.place:
            self.set_slots(place=self.heard.text[:LONGEST_PLACE])
        self.learn_urgent_address()
        if is_again:
            return self.next_step("address as words")
        return self.ask("address", "community unknown", script=_COMMUNITY_UNKNOWN)

    def answer_keyed(self) -> Decision | None:
        if not heard_address(self.heard):
            return None
        self.learn_urgent_address()
        return self.next_step("address by keys")

    def learn_urgent_address(self) -> None:
        """Every part reaches whoever is rung; the resident hears of it when somebody can be sent, and at the end."""
        if self.is_urgent:
            found_now = not self.before.slots.address.is_findable
            self.learn_address(silent=not (found_now or self.state.slots.address_is_complete))

    def answer_community(self) -> Decision | None:
        """The choice between two similar names, or another one."""
        if any(e.kind is EntityKind.COMMUNITY for e in self.heard.entities) and not self.doubtful:
            return self.next_step("community chosen")
        return None

    def answer_contact_phone(self) -> Decision | None:
        if self.heard.first(EntityKind.PHONE):
            return self.next_step("phone heard")
        if self.address_changed and not self.state.slots.address_is_complete:
            return self.next_step("another address")
        return (
            self.ask("contact_phone", "no phone heard") if self.before.tries == 0 else self.next_step("no phone given")
        )

    def answer_contact_name(self) -> Decision | None:
        """A name that was introduced as one is in the slots; a time or a number instead of a name is no name, nor is
        what speaks of something else ("this number will do").
        """
        phrases = self.tables.phrases
        if not phrases.name(self.heard.text):
            bare = self.heard.intent not in (Intent.DENY, Intent.AFFIRM) and not self.heard.entities
            named = bare and not phrases.is_no_name(self.heard.text)
            self.set_slots(name=self.heard.text[:LONGEST_NAME] if named else "")
        return self.next_step("name")

    def answer_detail(self) -> Decision | None:
        return self.next_step("detail")  # the entity is already in the slots; no answer is an answer too

    def answer_visit_time(self) -> Decision | None:
        if not self.heard.first(EntityKind.TIME) and self.heard.intent not in (Intent.DENY, Intent.AFFIRM):
            self.set_slots(visit_time=self.heard.text[:LONGEST_TIME])
        return self.next_step("visit time")

    def answer_what_happened(self) -> Decision | None:
        """A bare yes or no is no story, nor is an address; it is asked for once more."""
        no_story = self.heard.intent in (Intent.AFFIRM, Intent.DENY) or is_nothing_but(self.heard, ADDRESS_KINDS)
        if no_story and self.before.tries == 0:
            return self.ask("what_happened", "no story yet")
        self.note_story()
        return self.next_step("story")

    def note_story(self) -> None:
        self.set(symptom=f"{self.state.symptom} {self.heard.text}".strip())
        self.set_slots(story=self.heard.text)

    def answer_read_back(self) -> Decision | None:
        """A correction is read back again, a name is not; who says thank you to a read-back agrees."""
        if replace(self.before.slots, name=self.state.slots.name) != self.state.slots:
            return self.next_step("corrected")
        if self.before.slots.name != self.state.slots.name and self.heard.intent is not Intent.AFFIRM:
            return self.ask("read_back", "name", script="ask.read_back_again")
        return self.open_matter("confirmed") if self.heard.intent is Intent.THANK else None

    def answer_what_is_wrong(self) -> Decision | None:
        if self.before.slots != self.state.slots:
            return self.next_step("corrected")
        self.set(symptom=f"{self.state.symptom} {self.heard.text}".strip())
        return self.next_step("corrected in words")

    def answer_what_now(self) -> Decision | None:
        """Go on, a callback instead, or the answer that could not be understood before."""
        if self.choice == "callback":
            if not (self.state.slots.phone or self.facts.peer):
                return self.ask_for_callback()
            self.note_unfinished()
            return self.anything_else("callback instead")
        if self.choice == "go_on" or self.heard.intent is Intent.AFFIRM or self.before.slots != self.state.slots:
            return self.next_step("goes on")
        return None

    # --- yes and no (table YES_NO) -------------------------------------------------------------------------------

    def no_leak(self) -> Decision | None:
        """Back to the open matter, or to what the suspicious words were otherwise understood as."""
        self.set(asked="", tries=0, silences=0, suspect="")
        if self.matter_heard is not None:
            return None
        if self.state.matter:
            return self.next_step("not a leak")
        otherwise = self.tables.matters.get(self.before.suspect_intent)
        if otherwise is None:
            return self.menu("not a leak")
        return self.understood_as(otherwise, self.before.suspect)

    def danger_goes_on(self) -> Decision:
        self.tell(f"safety.{self.state.alarmed[-1]}_again")
        return self.next_urgent("danger goes on")

    def danger_is_over(self) -> Decision:
        """Nobody but a person calls off an alarm: whoever comes reads what the resident said."""
        self.set_slots(story=f"{self.before.suspect} {self.heard.text}".strip())
        self.learn_address(silent=True)
        self.tell("safety.looked_after_all_the_same")
        self.set(matter="", symptom="")
        return self.resume_or_more("says the danger is over")

    def this_home(self) -> Decision:
        self.set(home_confirmed=True)
        if self.home is not None:
            self.take_home(self.home)
        if self.is_urgent:
            self.learn_address(silent=True)  # whoever is on his way sees that the address is certain
        return self.next_step("home confirmed")

    def another_home(self) -> Decision:
        self.set(home_id=None, home_denied=True)
        self.set_slots(community_id=None, building="", unit="", room="", place="")
        return self.next_step("not this home")

    def this_community(self) -> Decision | None:
        if len(self.before.candidates) != 1:
            return None
        self.set(candidates=())
        return self.next_step("community confirmed")

    def another_community(self) -> Decision:
        self.set(candidates=())
        self.set_slots(community_id=None)
        return self.ask("address", "another community")

    def as_meant(self) -> Decision | None:
        guess = self.tables.matters.get(self.before.guess)
        return self.understood_as(guess, self.heard.text) if guess is not None else None

    def ask_for_callback(self) -> Decision:
        self.put_aside()
        self.set(matter="callback")
        return self.next_step("callback, no number known")


_Rule = Callable[[_Turn], Decision | None]

RULES: tuple[_Rule, ...] = (
    _Turn.fee_menu,
    _Turn.not_this,
    _Turn.silence,
    _Turn.emergency,
    _Turn.perhaps_emergency,
    _Turn.never_mind,
    _Turn.visit_afterwards,
    _Turn.wishes,
    _Turn.filler,
    _Turn.what_if,
    _Turn.answer,
    _Turn.correction,
    _Turn.time_afterwards,
    _Turn.new_matter,
    _Turn.not_understood,
)

#: What an answer may say beside yes and no; None from it: yes and no are tried.
ANSWERS: Mapping[str, _Rule] = {
    "leak": _Turn.answer_leak,
    "home": _Turn.answer_home,
    "which_home": _Turn.answer_which_home,
    "which_kind": _Turn.answer_which_kind,
    "which_case": _Turn.answer_which_case,
    "address": _Turn.answer_address,
    "place": _Turn.answer_address,
    "key_building": _Turn.answer_keyed,
    "key_unit": _Turn.answer_keyed,
    "key_room": _Turn.answer_keyed,
    "community": _Turn.answer_community,
    "contact_phone": _Turn.answer_contact_phone,
    "contact_name": _Turn.answer_contact_name,
    "card": _Turn.answer_card,
    "owner": _Turn.answer_owner,
    "part": _Turn.answer_detail,
    "temperature": _Turn.answer_detail,
    "slot": _Turn.answer_slot,
    "visit_time": _Turn.answer_visit_time,
    "told": _Turn.answer_told,
    "what_happened": _Turn.answer_what_happened,
    "read_back": _Turn.answer_read_back,
    "what_is_wrong": _Turn.answer_what_is_wrong,
    "what_now": _Turn.answer_what_now,
}

#: Questions that offer help: courtesy alone takes it.
OFFERS = frozenset({"offer", "coordinate", "person"})

#: What yes and what no lead to. The yes to "is it a leak?" is rule `emergency`.
YES_NO: Mapping[str, tuple[_Rule, _Rule]] = {
    "leak": (_Turn.emergency, _Turn.no_leak),
    "still": (_Turn.danger_goes_on, _Turn.danger_is_over),
    "home": (_Turn.this_home, _Turn.another_home),
    "community": (_Turn.this_community, _Turn.another_community),
    "read_back": (lambda t: t.open_matter("confirmed"), lambda t: t.ask("what_is_wrong", "read-back denied")),
    "call_off": (_Turn.visit_called_off, _Turn.visit_stays),
    "mean": (_Turn.as_meant, lambda t: t.menu("guess denied")),
    # what was just explained can be noted for the resident at once (J1, done on his behalf)
    "offer": (lambda t: t.start(t.before.guess), lambda t: t.anything_else("nothing to note")),
    "coordinate": (lambda t: t.start("other_unit"), lambda t: t.anything_else("no coordination wished")),
    "person": (lambda t: t.to_a_person("not helped"), lambda t: t.anything_else("helped")),
    "more": (lambda t: t.go_on(), lambda t: t.goodbye("nothing else")),
}
