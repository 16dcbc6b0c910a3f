"""One turn inside its transaction: what is known, what is decided, what is done and what is said. Hotline opens and ends it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import structlog

from bot.understanding import EMERGENCIES, Intent, Source, Understanding
from dialogue.conversation import Author, Channel, Conversation, Floor, Reply, Then, Turn
from dialogue.decision import (
    AnswerRecheck,
    BookVisit,
    CallOffVisit,
    Claim,
    Command,
    Decision,
    GiveToOperator,
    LearnAddress,
    LeaveQueue,
    NoteIdentified,
    NoteMisunderstood,
    NoteWords,
    NudgeTicket,
    OpenTicket,
    RequestHandoff,
    Say,
    SettleCall,
)
from dialogue.facts import Facts, Home, Notice, OpenCase
from dialogue.identity import identify
from dialogue.kit import Kit
from dialogue.leak_question import ASKED, watch_leak_question
from dialogue.line import company, is_attended, watch_queue
from dialogue.options import number_on_card
from dialogue.outgoing import our_answer
from dialogue.outgoing_facts import our_call_of
from dialogue.phone_number import as_said, to_e164
from dialogue.phrasing import Phrasing
from dialogue.ports import DialogueTx
from dialogue.recordings import LeftMessage
from dialogue.staff_reports import note_reported
from dialogue.state import DialogueState, merge
from dialogue.visit_facts import VisitFacts
from dialogue.wording import Wording
from fulfillment.announcement import Announcement
from fulfillment.announcing import told_to
from fulfillment.appointments import book_visit, call_off_visit
from fulfillment.calling import identified, resident_said, settle
from fulfillment.case import Case
from fulfillment.company import Household, OtherUnit
from fulfillment.open_ticket import Learned, TicketRequest, learn_address, nudge, open_ticket
from fulfillment.outbox import NewTask, TaskKind
from fulfillment.rechecks import answer_recheck
from fulfillment.ticket import Address, Ticket

log = structlog.get_logger()

#: Nothing was heard.
NOTHING = Understanding("", Intent.FALLBACK, 0.0, emergency=False, source=Source.NOBODY)
#: Announces that a message is recorded: what was heard before the first second of it.
VOICEMAIL = "voicemail.prompt"
#: More than this of one utterance is not stored; danger words read all of it first.
LONGEST_UTTERANCE = 10_000
_LOOK_BACK = 30  # messages


def utterance_key(turn: Turn) -> str:
    return turn.key


class Step:
    """One turn inside its transaction."""

    def __init__(self, kit: Kit, tx: DialogueTx, conversation: Conversation, now: datetime) -> None:
        self.kit = kit
        self.tx = tx
        self.conversation = conversation
        self.now = now
        self.ticket: Ticket | None = None  # opened or touched by this turn
        self.wording = Wording(kit.book, kit.standard, lambda community_id: tx.community(community_id).name)

    @property
    def state(self) -> DialogueState:
        return DialogueState.from_json(self.conversation.state)

    def note_understanding(self, turn: Turn, heard: Understanding) -> None:
        """What was understood stays with the utterance, for the operator and for whoever improves the model."""
        words = turn.text[:LONGEST_UTTERANCE] or turn.digits
        if not words:
            return
        message = self.tx.add_message(
            self.conversation.id, author=Author.RESIDENT, text=words, at=self.now, client_id=utterance_key(turn)
        )
        understood = {
            "intent": heard.intent,
            "category": heard.category,
            "confidence": round(heard.confidence, 4),
            "emergency": heard.emergency,
            "source": heard.source,
            "entities": [{"kind": e.kind, "value": e.value, "text": e.text} for e in heard.entities],
        }
        data = {**message.data, "understanding": understood}
        if turn.confidence is not None:
            data["speech_confidence"] = turn.confidence
        self.tx.set_message_data(self.conversation.id, message.seq, data)

    def note_misunderstood(self, intent: str) -> None:
        """The utterance that was taken for this keeps what was understood, marked as wrong."""
        last_seq = self.tx.conversation(self.conversation.id).last_seq
        recent = self.tx.messages(self.conversation.id, after=max(0, last_seq - _LOOK_BACK))
        for message in reversed(recent):
            understood = message.data.get("understanding", {})
            if understood.get("intent") == intent and understood.get("source") == Source.MODEL:
                data = {**message.data, "understanding": {**understood, "denied": True}}
                self.tx.set_message_data(self.conversation.id, message.seq, data)
                return

    def reopen(self) -> None:
        """A resident who writes again after the end is never ignored."""
        moved = self.tx.move_floor(
            self.conversation.id, to=Floor.BOT, operator_id=None, epoch=self.conversation.epoch, at=self.now
        )
        before = self.state
        fresh = DialogueState(earlier_ticket_ids=(*before.earlier_ticket_ids, *before.ticket_ids))
        self.conversation = replace(moved or self.tx.conversation(self.conversation.id), state=fresh.to_json())

    # --- who has the floor ---

    def decide(self, heard: Understanding, choice: str) -> Decision:
        state = self.state
        ours = our_answer(our_call_of(self.tx, state, self.kit.standard), state, heard, choice)
        if ours is not None:
            return ours
        facts = self.facts(state, heard)
        decision = self.kit.policy.decide(state, heard, facts, choice)
        return decision if decision.claim is None else self._identify(decision, decision.claim, facts)

    def _identify(self, decision: Decision, claim: Claim, facts: Facts) -> Decision:
        """F4, F5: the answer to what was asked after, another try, or a person. Nothing of it goes to the log."""
        outcome, home = identify(self.tx, self.conversation, claim, self.kit.standard.identity, self.now)
        proven = self._home(home) if home is not None else None
        return self.kit.policy.identified(decision.state, replace(facts, proven_home=proven), outcome)

    def with_operator(self, heard: Understanding, choice: str) -> Decision:
        """The bot is silent, but not about an emergency: its ticket opens, the operator is told, and the safety words are said.

        Nobody is talked over: these words were heard in the hold loop (or read in the chat), where the operator types. While
        he talks on the telephone the bot hears nothing, and his call bar shows him the words to read out.
        """
        state = self.state
        if not heard.emergency or state.emergency_ticket_id is not None:
            nudges = tuple(NudgeTicket(case.id) for case in self.cases_on_card(choice, heard))
            return Decision(state, (), nudges, state.options, then=Then.WAIT, reason="operator has the floor")
        slots = merge(state.slots, heard).slots
        kind = heard.intent.value if heard.category == "leak" else Intent.LEAK_INSIDE.value
        state = self.act(OpenTicket(kind, heard.text), replace(state, slots=slots))
        self.note_emergency("handoff.emergency_noticed")
        return Decision(
            state, (Say(f"safety.{kind}"),), options=state.options, then=Then.WAIT,
            reason="emergency while an operator has the floor",
        )  # fmt: skip

    def note_emergency(self, script: str) -> None:
        """For the operator: the ticket that was opened just now."""
        notice = self.kit.book.say(script, number=self.ticket.number if self.ticket else "")
        self.tx.add_message(
            self.conversation.id, author=Author.SYSTEM, text=notice.chat, at=self.now, data={"script": notice.script}
        )

    def in_queue(self, heard: Understanding, choice: str) -> Decision:
        """Waiting: an emergency at once; a callback, the bot or a message instead of waiting; everything else is kept for
        the operator. Who waits in silence on the telephone is told how the line moves.
        """
        state = self.state
        if heard.emergency or (state.matter in EMERGENCIES and heard.text and not choice):
            # The alarm has left, or leaves now; what is said next may tell where to go. The offers of the line stay.
            return replace(self.decide(heard, ""), then=Then.WAIT, options=state.options)
        wish = choice or self._wish(heard)
        on_the_phone = self.conversation.channel is Channel.PHONE
        if wish in ("callback", "back"):
            facts = self.facts(state, heard)
            return self.kit.policy.leave_queue(state, facts, callback=wish == "callback")
        say: tuple[Say, ...] = ()
        nudged = self.cases_on_card(choice, heard)
        if nudged:
            say = tuple(Say("ticket.nudged", {"number": case.number, "ticket_id": case.id}) for case in nudged)
            nudges = tuple(NudgeTicket(case.id) for case in nudged)
            return Decision(state, say, nudges, state.options, then=Then.WAIT, reason="nudged by its card")
        if wish == "message" and on_the_phone:
            return Decision(
                state, (Say(VOICEMAIL),), options=state.options, then=Then.RECORD, reason="leaves a message"
            )
        if wish == "stay":
            say = (Say("handoff.staying"),)
        elif heard.source is Source.NOBODY and on_the_phone:
            told = company(self.tx, self.conversation, self.kit.standard.queue, self.now)
            if told.leave:
                return self.kit.policy.leave_queue(state, self.facts(state, heard), callback=True)
            say = (Say(told.script),) if told.script else ()
        return Decision(state, say, options=state.options, then=Then.WAIT, reason="waits for a person")

    def cases_on_card(self, choice: str, heard: Understanding) -> Sequence[OpenCase]:
        """The open case whose card has the button that was pressed; none for any other button."""
        number = number_on_card(choice)
        return [case for case in self.facts(self.state, heard).open_cases if case.number == number] if number else ()

    def after_message(self, left: LeftMessage) -> Decision:
        """The bot goes on where the caller is with it, or waits; whoever talks with a person, or has gone, hears nothing."""
        state, floor = self.state, self.conversation.floor
        if state.matter in EMERGENCIES and state.emergency_ticket_id is not None:
            self.ticket = self.tx.ticket(state.emergency_ticket_id)  # said beside an alarm: it belongs to it
            return Decision(state, (), options=state.options, then=Then.WAIT, reason="message beside an emergency")
        if floor in (Floor.BOT, Floor.QUEUE):
            return self.kit.policy.message_left(state, self.facts(state, NOTHING), spoken=left.is_spoken)
        commands = (OpenTicket("callback", state.symptom),) if left.is_spoken else ()
        then = Then.HANG_UP if floor is Floor.ENDED else Then.WAIT
        return Decision(state, (), commands, state.options, then=then, reason="message, and nobody to tell")

    def _wish(self, heard: Understanding) -> str:
        """What somebody who waits wants, in words that need no model."""
        wishes = ("callback", "message", "back", "stay")
        word = self.kit.book.word
        return next((w for w in wishes if any(p in heard.text for p in word(f"words.said_{w}").split(","))), "")

    # --- facts ---

    def facts(self, state: DialogueState, heard: Understanding) -> Facts:
        tx, peer = self.tx, self.conversation.peer
        merged = merge(state.slots, heard)
        address = merged.slots.address
        caller = tx.households_by_phone(peer) if peer else ()
        at_address = tx.households_at(address) if address.community_id is not None else ()
        homes = {h.id: h for h in (*caller, *at_address)}
        concerned = [household_address(h) for h in caller] if address.community_id is None else [address]
        ids = {i for i in (address.community_id, *merged.doubtful) if i is not None}
        communities = [tx.community(i) for i in sorted(ids)]
        cases = tx.open_tickets(
            conversation_id=self.conversation.id,
            contact_phone=peer or None,
            household_id=state.home_id if state.home_confirmed else None,
        )
        words = {i: self._home(h) for i, h in homes.items()}
        of_visits = VisitFacts(tx, self.kit.standard, self.wording, self.now)
        open_cases = of_visits.cases(cases)
        lives_at = household_address(caller[0]) if len(caller) == 1 and not state.home_denied else Address()
        kinds = self.kit.policy.kinds_in_question(state, heard)
        where = address if address.community_id is not None else lives_at
        slots = of_visits.slots(state, kinds, where, open_cases)
        return Facts(
            channel=self.conversation.channel,
            peer=peer,
            person_on_duty=is_attended(tx, self.kit.standard.queue, self.now),
            caller_homes=tuple(words[h.id] for h in caller),
            proven_home=self._home(tx.household(state.proven_home_id)) if state.proven_home_id else None,
            homes_at_address=tuple(words[h.id] for h in at_address),
            open_cases=open_cases,
            community_names={c.id: c.name for c in communities},
            property_units={
                c.id: OtherUnit("property", c.property_unit, c.property_phone) for c in communities if c.property_phone
            },
            slot_kinds=frozenset(self.kit.standard.visit.appointments.kinds),
            slots=slots,
            wished=of_visits.within(self.kit.policy.time_said(heard, self.now), slots),
            other_hours=of_visits.beside(self.kit.policy.interval(merged.slots.visit_time, self.now)),
            overtime=self.kit.standard.visit.visiting_hours.overtime,
            told_by_key=self.kit.standard.visit.told_by_key,
            not_accepted=of_visits.not_accepted(),
            notices=tuple(self._notice(a) for a in told_to(tx, concerned, self.now)),
        )

    def _notice(self, announcement: Announcement) -> Notice:
        end = announcement.expected_end
        until = self.wording.when(end, self.now) if end is not None and end > self.now else None
        return Notice(announcement.id, announcement.what, until)

    def _home(self, household: Household) -> Home:
        address = household_address(household)
        community = self.tx.community(household.community_id)
        butler = self.tx.staff(community.butler_id)
        return Home(
            id=household.id,
            address=address,
            words=self.wording.address(address),
            card_number=household.card_number,
            name=household.name,
            phone=household.phone,
            paid=household.paid,
            is_residential=household.is_residential,
            arrears=_yuan(household.arrears_fen),
            installation=household.installation,
            butler={
                "butler": butler.name,
                "agent": butler.number,
                "butler_phone": as_said(butler.phone),
                "station": self.tx.station(community.station_id).name,
            },
        )

    # --- act ---

    def act(self, command: Command, state: DialogueState) -> DialogueState:
        """Carries out one command in this transaction; returns the state that knows its outcome."""
        tx, now, standard = self.tx, self.now, self.kit.standard
        match command:
            case OpenTicket(kind="callback"):
                state = self._promise_callback(command, state)
            case OpenTicket():
                request = TicketRequest(
                    kind=command.kind,
                    symptom=command.symptom,
                    conversation_id=self.conversation.id,
                    known=self._known(state, command.kind),
                )
                self.ticket, is_new = open_ticket(tx, request, standard=standard, now=now)
                if state.reported_by:
                    case = Case(tx, self.ticket, standard=standard, now=now)
                    note_reported(case, by=state.reported_by, told_ago=command.told_ago, is_new=is_new)
                tickets = tuple(dict.fromkeys((*state.ticket_ids, self.ticket.id)))
                state = replace(state, ticket_ids=tickets)
                return replace(state, emergency_ticket_id=self.ticket.id) if self.ticket.emergency else state
            case LearnAddress():
                known = self._known(state, tx.ticket(command.ticket_id).kind)
                self.ticket = learn_address(tx, command.ticket_id, known, standard=standard, now=now)
            case NoteMisunderstood():
                self.note_misunderstood(command.intent)
            case RequestHandoff():
                watch_queue(tx, self._move(Floor.QUEUE), now, standard.queue)
            case LeaveQueue():
                self._move(Floor.BOT)
            case NudgeTicket() | BookVisit() | CallOffVisit() | AnswerRecheck():
                self._act_on_case(command)
            case _:
                self._act_on_our_call(command, state)
        return state

    def _act_on_case(self, command: NudgeTicket | BookVisit | CallOffVisit | AnswerRecheck) -> None:
        opened = self.ticket.id if self.ticket else 0
        ticket = self.tx.ticket(command.ticket_id or opened, for_update=True)
        case = Case(self.tx, ticket, standard=self.kit.standard, now=self.now)
        match command:
            case NudgeTicket():
                nudge(case, by="resident")
            case BookVisit():
                book_visit(case, command.at, by="resident")
            case CallOffVisit():
                call_off_visit(case, by="resident")
            case AnswerRecheck():
                answer_recheck(case, warm=command.warm, by="resident")
                return  # said in its own words
        self.ticket = case.ticket

    def _promise_callback(self, command: OpenTicket, state: DialogueState) -> DialogueState:
        """The same promise of one conversation is one ticket; the place in line is kept for it."""
        tx, now = self.tx, self.now
        open_ones = tx.open_tickets(conversation_id=self.conversation.id)
        known = next((t for t in open_ones if t.kind == command.kind), None)
        if known is None:
            request = TicketRequest(
                command.kind, command.symptom, self.conversation.id, self._known(state, command.kind)
            )
            known, _ = open_ticket(tx, request, standard=self.kit.standard, now=now)
        self.ticket = known
        if self.conversation.floor is not Floor.OPERATOR:  # a person has him already
            tx.keep_place(self.conversation.id, ticket_id=known.id, phone=known.contact_phone, at=now)
        return replace(state, ticket_ids=tuple(dict.fromkeys((*state.ticket_ids, known.id))))

    def _act_on_our_call(self, command: Command, state: DialogueState) -> None:
        tx, now, standard = self.tx, self.now, self.kit.standard
        if state.our_call_id is None:
            raise AssertionError("only a call of ours is settled")
        match command:
            case NoteIdentified():
                identified(tx, state.our_call_id)
            case SettleCall():
                settle(tx, state.our_call_id, command.result, command.words, standard=standard, now=now)
            case NoteWords():
                resident_said(tx, state.our_call_id, command.words, standard=standard, now=now)
            case GiveToOperator():
                payload = {
                    "conversation_id": self.conversation.id,
                    "operator_id": tx.resident_call(state.our_call_id).operator_id,
                }
                tx.enqueue(NewTask(TaskKind.CONNECT_CALLBACK, f"callback-{self.conversation.id}", now, payload))

    def _move(self, to: Floor) -> Conversation:
        """The row is locked by this transaction: the epoch read is the epoch stored."""
        moved = self.tx.move_floor(
            self.conversation.id, to=to, operator_id=None, epoch=self.conversation.epoch, at=self.now
        )
        if moved is not None:
            self.conversation = replace(moved, state=self.conversation.state)
        return self.conversation

    def _known(self, state: DialogueState, kind: str) -> Learned:
        """What the slots know; without an address the caller's only registered home, marked as not confirmed.

        A time is that of a visit only where a visit is arranged: "the water has been running since this morning" arranges none.
        """
        slots, address, home_id, guessed = state.slots, state.slots.address, state.home_id, state.home_guessed
        told = {
            "part": slots.part,
            "place_at_home": slots.place_at_home,
            "temperature": slots.temperature,
            "visit_time": slots.visit_time if "visit_time" in self.kit.standard.kind(kind).asks else "",
            "story": slots.story,
            "care_for": state.care_for,
            "vulnerable": "yes" if state.care_for else "",  # J1: comes first
        }
        details = {name: value for name, value in told.items() if value}
        if not address.is_findable and not state.home_denied and self.conversation.peer:
            homes = self.tx.households_by_phone(self.conversation.peer)
            if len(homes) == 1:
                address, home_id, guessed = household_address(homes[0]), homes[0].id, True
        details["address_unconfirmed"] = "yes" if home_id is not None and guessed and not state.home_confirmed else ""
        return Learned(
            address=address,
            household_id=home_id,
            contact_name=slots.name,
            contact_phone=to_e164(slots.phone) or self.conversation.peer,
            details=details | ({"reported_by": state.reported_by} if state.reported_by else {}),
            actor=state.reported_by or "resident",
        )

    # --- say ---

    def carry_out(self, decision: Decision, key: str) -> Reply:
        """Acts, words the reply, and stores conversation, messages and reply."""
        state = decision.state
        for command in decision.commands:
            state = self.act(command, state)
        phrasing = Phrasing(self.kit, self.tx, self.conversation, self.wording, self.now)
        said = [s for say in decision.say for s in phrasing.phrase(say, state, self.ticket)]
        options = tuple(replace(o, label=phrasing.label(o.label)) for o in decision.options)
        state = replace(state, options=options)
        tx, conversation = self.tx, self.conversation
        for number, one in enumerate(said, 1):
            last = number == len(said)
            data: dict[str, Any] = {"voice": one.voice, "script": one.script, "interruptible": one.interruptible}
            if one.card:
                data["card"] = one.card
            if last and options:
                data["quick_replies"] = [{"choice": o.choice, "label": o.label} for o in options]
            tx.add_message(conversation.id, author=Author.BOT, text=one.chat, at=self.now, data=data)
        last_seq = tx.conversation(conversation.id).last_seq
        if state.asked == ASKED and said:
            watch_leak_question(tx, conversation, seq=last_seq, plan=self.kit.standard.ladder, now=self.now)
        tx.save_conversation(replace(conversation, state=state.to_json(), last_at=self.now, household_id=state.home_id))
        reply = Reply(
            said=tuple(said), quick_replies=options, expect=decision.expect, then=decision.then,
            turn_number=tx.turn_count(conversation.id) + 1, ticket_ids=state.ticket_ids, last_seq=last_seq,
        )  # fmt: skip
        tx.store_reply(conversation.id, key, reply.to_json())
        return reply


def _yuan(fen: int) -> str:
    """As it is said: "300", "86.5"; "" for nothing."""
    return f"{fen / 100:.2f}".rstrip("0").rstrip(".") if fen else ""


def household_address(household: Household) -> Address:
    return Address(household.community_id, household.building, household.unit, household.room)
