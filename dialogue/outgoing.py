"""What to say in a call of ours: who is it, and only then why we call (G4b, G4c, B7, F11, G9). Pure.

Danger words, a person, "again" and whatever else is possible in every conversation go first and go the usual way; here
are only the answers to our own questions. A voicemail, a child, a wrong number never say "yes": they are told nothing.
"""

from dataclasses import dataclass, replace

from bot.understanding import EntityKind, Intent, Source, Understanding
from dialogue.conversation import Expect, QuickReply, Then
from dialogue.decision import (
    Command,
    Decision,
    GiveToOperator,
    NoteIdentified,
    NoteWords,
    RequestHandoff,
    Say,
    SettleCall,
)
from dialogue.options import MORE, NO, YES
from dialogue.state import DialogueState
from fulfillment.resident_calls import CallResult, OutgoingPlan, Purpose
from fulfillment.short_answers import UNCLEAR
from fulfillment.ticket import Address

WHO, SATISFIED, WHY, VISIT, WHEN = "who", "satisfied", "why_dissatisfied", "visit", "visit_when"
OUR_QUESTIONS = frozenset({WHO, SATISFIED, WHY, VISIT, WHEN})
RATES = (
    QuickReply(CallResult.SATISFIED, "words.rate_satisfied", "1"),
    QuickReply(CallResult.FAIRLY, "words.rate_fairly", "2"),
    QuickReply(CallResult.DISSATISFIED, "words.rate_dissatisfied", "3"),
)
#: After "is it finished?" these say that it is not.
NOT_REPAIRED = frozenset(
    {Intent.COMPLAINT, Intent.COLD_ROOM, Intent.NO_HEAT, Intent.VALVE_NOT_OPENED, Intent.VALVE_DAMAGED}
)
#: Possible at every step, in every conversation.
_USUAL = frozenset({Intent.ASK_HUMAN, Intent.REPEAT})
#: Once more in other words, then the call ends politely: a voicemail is not talked at.
MOST_TRIES = 1
LONGEST_WORDS = 200
#: An announcement of a voicemail sounds a little like "again" or "a person, please"; people who mean it are clear.
SURE = 0.85


@dataclass(frozen=True, slots=True)
class OurCall:
    """Whom we call and why. Nothing but the name (without one: the place) is said before the resident is known."""

    purpose: Purpose
    name: str
    place: str
    title: str  # of the ticket's kind
    visit: str  # the proposed time, "" = asked for
    operator: str  # who rings back
    address: Address  # of the case
    home_id: int | None
    plan: OutgoingPlan


def opening(ours: OurCall, state: DialogueState) -> Decision:
    """G4b."""
    return _ask(state, WHO, _who(ours), options=(YES, NO), expect=Expect.YES_NO, reason=f"our call: {ours.purpose}")


def our_answer(ours: OurCall | None, state: DialogueState, heard: Understanding, choice: str) -> Decision | None:
    """The answer to the question of ours that is open. None: the usual rules decide."""
    if ours is None or not state.our_question or heard.emergency:
        return None
    if state.asked == "leak" and heard.intent is Intent.DENY:
        return _again(ours, state, "not a leak", silence=False)
    perhaps_leak = heard.perhaps_emergency and "leak" not in state.already_asked and state.emergency_ticket_id is None
    if state.asked != state.our_question or perhaps_leak:
        return None
    if heard.intent in _USUAL and not _means(ours, state, heard):
        return None if state.asked != WHO or heard.confidence >= SURE else _unclear(ours, state, heard)
    if not heard.text and heard.source is not Source.CHOICE:
        return _unclear(ours, state, heard)
    answer = {
        WHO: _answer_who,
        SATISFIED: _answer_satisfied,
        WHY: _answer_why,
        VISIT: _answer_visit,
        WHEN: _answer_when,
    }
    return answer[state.asked](ours, state, heard, choice)


# --- who is it -------------------------------------------------------------------------------------------------------


def _answer_who(ours: OurCall, state: DialogueState, heard: Understanding, choice: str) -> Decision:
    del choice  # yes and no have their intents
    meaning = _means(ours, state, heard)
    if meaning == UNCLEAR:
        return _unclear(ours, state, heard)
    if meaning == "not_now":
        return _end(state, "outgoing.not_now", CallResult.NOT_NOW, "not now")
    if meaning == "wrong" or (heard.intent is Intent.DENY and meaning != "me"):
        return _end(state, "outgoing.wrong_person", CallResult.WRONG_PERSON, "somebody else")
    if meaning == "me" or heard.intent is Intent.AFFIRM:
        return _to_the_point(ours, _at_home(ours, state))
    return _unclear(ours, state, heard)


def _at_home(ours: OurCall, state: DialogueState) -> DialogueState:
    """From now on the case's home is this conversation's: a leak that is told of needs no address."""
    a = ours.address
    slots = replace(
        state.slots, community_id=a.community_id, building=a.building, unit=a.unit, room=a.room, place=a.text,
        name=ours.name,
    )  # fmt: skip
    return replace(state, slots=slots, home_id=ours.home_id, home_confirmed=ours.home_id is not None)


def _to_the_point(ours: OurCall, state: DialogueState) -> Decision:
    known: tuple[Command, ...] = (NoteIdentified(),)
    match ours.purpose:
        case Purpose.SATISFACTION:
            return _ask(state, SATISFIED, _survey(ours), options=RATES, expect=Expect.MENU, commands=known)
        case Purpose.CALLBACK:
            commands = (*known, SettleCall(CallResult.CONNECTED, ours.operator), RequestHandoff(), GiveToOperator())
            connecting = Say("outgoing.connecting", {"operator": ours.operator})
            state = replace(state, our_question="", asked="", tries=0, options=())
            return Decision(state, (connecting,), commands, then=Then.WAIT, reason="rung back")
        case Purpose.APPOINTMENT if ours.visit:
            visit = Say("outgoing.visit", {"visit": ours.visit})
            return _ask(
                state, VISIT, Say("outgoing.visitor"), visit, options=(YES, NO), expect=Expect.YES_NO, commands=known
            )
        case Purpose.APPOINTMENT:
            return _ask(state, WHEN, Say("outgoing.visitor"), Say("ask.visit_time"), commands=known)


# --- how was it ------------------------------------------------------------------------------------------------------


def _answer_satisfied(ours: OurCall, state: DialogueState, heard: Understanding, choice: str) -> Decision:
    meaning = choice if choice and choice in set(CallResult) else _means(ours, state, heard)
    if not meaning and (heard.intent in NOT_REPAIRED or heard.intent is Intent.DENY):
        meaning = CallResult.DISSATISFIED
    if not meaning and heard.intent in (Intent.AFFIRM, Intent.THANK):
        meaning = CallResult.SATISFIED
    if not meaning or meaning == UNCLEAR:
        return _unclear(ours, state, heard)
    words = heard.text[:LONGEST_WORDS]
    settled = SettleCall(CallResult(meaning), words)
    if meaning == CallResult.DISSATISFIED:
        # Reopened at once: who hangs up now is not forgotten. The reason comes after it.
        return _ask(state, WHY, Say("outgoing.why"), commands=(settled,), reason="dissatisfied")
    return _more(state, Say("outgoing.thanks"), commands=(settled,), reason=meaning)


def _answer_why(_ours: OurCall, state: DialogueState, heard: Understanding, _choice: str) -> Decision:
    said = heard.text[:LONGEST_WORDS]
    commands = (NoteWords(said),) if said and heard.source is not Source.CHOICE else ()
    return _more(state, Say("ticket.answer_later"), commands=commands, reason="why dissatisfied")


# --- when may somebody come ------------------------------------------------------------------------------------------


def _answer_visit(ours: OurCall, state: DialogueState, heard: Understanding, choice: str) -> Decision:
    if heard.first(EntityKind.TIME) and heard.intent is not Intent.AFFIRM:
        return _answer_when(ours, state, heard, choice)
    if heard.intent in (Intent.AFFIRM, Intent.THANK):
        settled = SettleCall(CallResult.CONFIRMED, ours.visit)
        return _more(state, Say("outgoing.visit_agreed"), commands=(settled,), reason="visit confirmed")
    if heard.intent is Intent.DENY:
        return _ask(state, WHEN, Say("ask.visit_time"), reason="another time")
    return _unclear(ours, state, heard)


def _answer_when(ours: OurCall, state: DialogueState, heard: Understanding, _choice: str) -> Decision:
    """Whatever is said is taken down: a person reads it."""
    if heard.source is Source.CHOICE or heard.intent is Intent.GREET:
        return _unclear(ours, state, heard)
    settled = SettleCall(CallResult.ANOTHER_TIME, heard.text[:LONGEST_WORDS])
    return _more(state, Say("outgoing.visit_noted"), commands=(settled,), reason="time for a visit")


# --- small words -----------------------------------------------------------------------------------------------------


def _means(ours: OurCall, state: DialogueState, heard: Understanding) -> str:
    return ours.plan.answers.meaning(state.asked, heard.text)


def _who(ours: OurCall) -> Say:
    return Say("outgoing.who", {"name": ours.name, "place": ours.place})


def _survey(ours: OurCall) -> Say:
    return Say("outgoing.survey", {"title": ours.title})


def _again(ours: OurCall, state: DialogueState, reason: str, *, silence: bool = True) -> Decision:
    """The open question of ours once more; G5 before it if it was not heard."""
    question = state.our_question
    words = {
        WHO: _who(ours),
        SATISFIED: _survey(ours),
        WHY: Say("outgoing.why"),
        VISIT: Say("outgoing.visit", {"visit": ours.visit}),
        WHEN: Say("ask.visit_time"),
    }[question]
    options = {WHO: (YES, NO), SATISFIED: RATES, VISIT: (YES, NO)}.get(question, ())
    expect = {SATISFIED: Expect.MENU}.get(question, Expect.YES_NO if options else Expect.ANYTHING)
    say = (Say("hearing.not_heard"), words) if silence else (words,)
    tries = state.tries + 1 if silence else state.tries
    return _ask(state, question, *say, options=options, expect=expect, reason=reason, tries=tries)


def _unclear(ours: OurCall, state: DialogueState, heard: Understanding) -> Decision:
    reason = "not understood" if heard.text else "silence"
    if state.tries < MOST_TRIES:
        return _again(ours, state, reason)
    if state.our_question == WHY:
        return _more(state, Say("ticket.answer_later"), reason=reason)
    return _end(state, "outgoing.not_now", None, f"{reason}: the call ends")


def _ask(  # noqa: PLR0913 - a question is all of this
    state: DialogueState,
    question: str,
    *say: Say,
    options: tuple[QuickReply, ...] = (),
    expect: Expect = Expect.ANYTHING,
    commands: tuple[Command, ...] = (),
    reason: str = "",
    tries: int = 0,
) -> Decision:
    state = replace(state, our_question=question, asked=question, tries=tries, options=options)
    return Decision(state, say, commands, options, expect, reason=reason or question)


def _more(state: DialogueState, *say: Say, commands: tuple[Command, ...] = (), reason: str) -> Decision:
    """Our matter is settled; G11, and from here on it is a conversation like any other."""
    state = replace(state, our_question="", asked="more", tries=0, options=MORE)
    return Decision(state, (*say, Say("greeting.anything_else")), commands, MORE, reason=reason)


def _end(state: DialogueState, script: str, result: CallResult | None, reason: str) -> Decision:
    commands = () if result is None else (SettleCall(result, ""),)
    state = replace(state, our_question="", asked="", tries=0, options=())
    return Decision(state, (Say(script),), commands, then=Then.HANG_UP, reason=reason)
